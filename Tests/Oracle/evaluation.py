"""`evaluate` under the five vector metrics, both ways, against NumPy in float64, on every paired set; where two modalities share
no space, each against itself in two parts. Usage: evaluation.py DATA_DIR CAUSEWAY [--queries N] [--sets a,b].
Prints a line a (set, direction, metric) and ends with 1 when anything differs by more than 1e-4. Needs NumPy alone."""
import argparse
import os
import sys
import tempfile

sys.dont_write_bytecode = True

import numpy as np  # noqa: E402

from brute_force import METRICS, NEAR_TIE, SIMILARITIES, all_scores  # noqa: E402
from paired_sets import chosen, is_present  # noqa: E402
from program import Causeway, Failure, finish  # noqa: E402

TOLERANCE = 1e-4
WORK_MAX = 10**9  # numbers that the queries of a direction are compared with
FIGURES = ["recall@1", "recall@5", "recall@10", "medianRank", "mrr", "map"]


def parts(paired, data):
    """(name, {side: array}, {side: items}) of what can be compared: two sides each."""
    arrays = {side: np.load(os.path.join(data, file)).astype(np.float32) for side, file in paired.files.items()}
    items = {
        side: np.load(os.path.join(data, paired.items[side])) if side in (paired.items or {}) else np.arange(len(array))
        for side, array in arrays.items()}
    if paired.aligned:
        return [(paired.name, arrays, items)]
    if paired.name == "wikipedia":  # sections and pictures of one category are right answers to one another
        labels = np.load(os.path.join(data, "wikipedia/label.npy"))
        items = {side: labels for side in arrays}
    halves = []
    for side, array in arrays.items():
        if len(np.unique(items[side])) == len(array):
            continue  # an item a row: nothing pairs within this modality
        first = np.arange(len(array)) % 2 == 0
        halves.append((
            f"{paired.name} {side}", {"even": array[first], "odd": array[~first]},
            {"even": items[side][first], "odd": items[side][~first]}))
    return halves


def ranks(scores, right, larger):
    """1-based ranks of the right answers of one query; what ties within rounding comes in row order."""
    keys = scores if larger else -scores
    found = []
    for row in np.flatnonzero(right):
        slack = NEAR_TIE * abs(keys[row])
        ties = np.abs(keys - keys[row]) <= slack
        found.append(1 + int(((keys > keys[row]) & ~ties).sum()) + int(ties[:row].sum()))
    return sorted(found)


def figures(table):
    """The figures of `evaluate` from the ranks of each query that has a right answer."""
    first = np.array([row[0] for row in table])
    values = {f"recall@{k}": (first <= k).mean() for k in (1, 5, 10)}
    values |= {"medianRank": np.median(first), "mrr": (1 / first).mean()}
    values["map"] = np.mean([np.mean([(n + 1) / rank for n, rank in enumerate(row)]) for row in table])
    return values


def compare(name, arrays, items, program, folder, queries_max):
    faults = []
    sides = list(arrays)
    for source, target in (sides, sides[::-1]):
        count = min(len(arrays[source]), queries_max, max(50, WORK_MAX // arrays[target].size))
        chosen = np.linspace(0, len(arrays[source]) - 1, count).astype(int)
        database = os.path.join(folder, f"{name.replace(' ', '-')}-{source}.db")
        causeway = Causeway(program, database)
        for side, rows in ((source, chosen), (target, np.arange(len(arrays[target])))):
            matrix, names = os.path.join(folder, "m.npy"), os.path.join(folder, "items.txt")
            np.save(matrix, arrays[side][rows])
            with open(names, "w") as file:
                file.writelines(f"{items[side][row]}\n" for row in rows)
            causeway.ingest(side, matrix, names)
        report = causeway.evaluate(source, target, metrics=METRICS)
        truth = all_scores(arrays[source][chosen], arrays[target])
        right = items[source][chosen][:, None] == items[target][None, :]
        asked = right.any(axis=1)
        counts = [asked.sum(), len(np.unique(items[target])), len(arrays[target])]
        if [report["queries"], report["items"], report["embeddings"]] != counts:
            faults.append(f"{name} {source}→{target}: {report['queries']} queries among {report['items']}")
        for row in report["metrics"]:
            metric = row["metric"]
            wanted = figures([
                ranks(truth[metric][n], right[n], metric in SIMILARITIES) for n in np.flatnonzero(asked)])
            worst = max(FIGURES, key=lambda figure: abs(row[figure] - wanted[figure]))
            off = abs(row[worst] - wanted[worst])
            print(f"{name} {source}→{target} {metric}: {asked.sum()} queries among {len(arrays[target])}, "
                  f"{'equal' if off <= TOLERANCE else 'DIFFERS'} (most in {worst}, by {off:.1g}; "
                  f"recall@1 {wanted['recall@1']:.4f})", flush=True)
            if not off <= TOLERANCE:
                faults.append(f"{name} {source}→{target} {metric}: {worst} {row[worst]}, truly {wanted[worst]}")
        os.remove(database)
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("causeway")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--sets", help="only these, separated by commas")
    arguments = parser.parse_args()
    sets, faults = chosen(arguments.sets)
    for paired in sets:
        if not is_present(paired, arguments.data):
            continue
        with tempfile.TemporaryDirectory(prefix="causeway-oracle-") as folder:
            for name, arrays, items in parts(paired, arguments.data):
                try:
                    faults += compare(
                        name, arrays, items, os.path.abspath(arguments.causeway), folder, arguments.queries)
                except (Failure, KeyError, ValueError) as error:
                    faults.append(f"{name} stopped: {type(error).__name__}: {error}")
    finish(faults)


if __name__ == "__main__":
    main()
