"""Searches by metrics on token sets against brute force in float64: POT's transport, NumPy's nearest tokens.

On the real token sets below DATA (`flickr8k-tokens`, `debian-tokens`): ingests them, asks stored sets of one modality for those
of the other, and compares every exact answer with all values computed here. A value may differ by 2e-6 of max(1, value) for
costs are products of float32; hits nearer to each other than that may swap. Ends with 1 where anything else differs.

usage: token_sets.py DATA CAUSEWAY [queries a direction]
"""
import os
import sys
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"
import numpy as np
import ot

from program import Causeway, Failure, finish

K = 10
TOLERANCE = 2e-6
SIMILARITIES = {"max-sim"}
METRICS = ["wasserstein", "wasserstein:cosine", "wasserstein2", "max-sim", "chamfer"]


class TokenSets:
    """The token sets of one modality, as files for the program and as float64 for the oracle."""

    def __init__(self, name, tokens, offsets, folder):
        self.name = name
        self.sets = [tokens[a:b].astype(np.float64) for a, b in zip(offsets, offsets[1:])]
        self.files = {}
        vectors = np.array([part.mean(axis=0) for part in self.sets], np.float32)
        for part, array in (("vectors", vectors), ("tokens", tokens), ("offsets", np.asarray(offsets, np.int64))):
            self.files[part] = os.path.join(folder, f"{name}-{part}.npy")
            np.save(self.files[part], array)

    def options(self, prefix=""):
        return [f"--{prefix}tokens", self.files["tokens"], f"--{prefix}token-offsets", self.files["offsets"]]

    def part(self, rows, folder):
        """Some of the sets under a name of their own."""
        sets = [self.sets[row] for row in rows]
        offsets = np.cumsum([0] + [len(part) for part in sets])
        return TokenSets(self.name + "-part", np.concatenate(sets).astype(np.float32), offsets, folder)


def values(metric, x, y):
    """The metric between two sets in float64."""
    dot = x @ y.T
    a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    if metric in ("wasserstein", "wasserstein2"):
        square = np.maximum((x * x).sum(1)[:, None] + (y * y).sum(1)[None] - 2 * dot, 0)
        if metric == "wasserstein2":
            return np.sqrt(ot.emd2(a, b, square, numItermax=10**7))
        return ot.emd2(a, b, np.sqrt(square), numItermax=10**7)
    cosine = dot / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(y, axis=1)[None]
    if metric == "wasserstein:cosine":
        return ot.emd2(a, b, 1 - cosine, numItermax=10**7)
    if metric == "max-sim":
        return cosine.max(axis=1).sum()
    return (1 - cosine.max(axis=1)).mean() + (1 - cosine.max(axis=0)).mean()


def faults_of(answer, metric, truth):
    """What is wrong with one answer, given the true value of every stored set."""
    sign = -1 if metric in SIMILARITIES else 1
    key = "similarity" if metric in SIMILARITIES else "distance"
    found = [(int(hit["id"]), hit[key]) for hit in answer["results"]]
    close = TOLERANCE * np.maximum(1, np.abs(truth))
    faults = []
    if len(found) != min(K, len(truth)):
        faults.append(f"{len(found)} hits")
    for row, value in found:
        if abs(value - truth[row]) > close[row] + 1e-6 * abs(value):  # results are printed as float32
            faults.append(f"{metric} of {row} is {value}, truly {truth[row]}")
    keys = [sign * truth[row] for row, _ in found]
    if any(later < earlier - 2 * close.max() for earlier, later in zip(keys, keys[1:])):
        faults.append("not best first")
    missed = set(np.flatnonzero(sign * truth < max(keys) - 2 * close.max()).tolist()) - {row for row, _ in found}
    if missed:
        faults.append(f"missed {sorted(missed)[:5]}")
    return faults


def compare(name, program, queries, base, count, folder):
    """Faults of all metrics in one direction."""
    rows = np.linspace(0, len(queries.sets) - 1, count).astype(int).tolist()
    asked = queries.part(rows, folder)
    faults = []
    for metric in METRICS:
        answers, _ = program.search(
            queries.name, base.name, metric, "--queries", asked.files["vectors"], *asked.options("query-"), "-k", K, "--exact")
        wrong = [] if len(answers) == count else [f"{len(answers)} answers to {count} queries"]
        for row, answer in zip(rows, answers):
            truth = np.array([values(metric, queries.sets[row], other) for other in base.sets])
            wrong += [f"query {row}: {fault}" for fault in faults_of(answer, metric, truth)]
        print(f"{name} {queries.name}→{base.name} {metric}: {count} queries against {len(base.sets)},"
              f" exact {'equal' if not wrong else 'DIFFERS'}", flush=True)
        faults += [f"{name} {metric} {fault}" for fault in wrong]
    return faults


def pairs(data, folder):
    """(name, one modality, the other) of every real set."""
    for name, sides in (("flickr8k-tokens", ("caption", "image")), ("debian-tokens", ("short", "long"))):
        load = lambda side, part: np.load(os.path.join(data, name, f"{side}_{part}.npy"))
        yield name, *(TokenSets(side, load(side, "tokens"), load(side, "offsets"), folder) for side in sides)


def main():
    data, program = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 12
    faults = []
    with tempfile.TemporaryDirectory(prefix="causeway-oracle-") as folder:
        for name, one, other in pairs(data, folder):
            database = Causeway(os.path.abspath(program), os.path.join(folder, name + ".db"))
            try:
                for side in (one, other):
                    database.run(
                        "ingest", database.database, "-c", "c", "-m", side.name, side.files["vectors"], *side.options())
                faults += compare(name, database, one, other, count, folder)
                faults += compare(name, database, other, one, max(1, count // 4), folder)
            except (Failure, KeyError, ValueError) as error:
                faults.append(f"{name} stopped: {type(error).__name__}: {error}")
    finish(faults)


if __name__ == "__main__":
    main()
