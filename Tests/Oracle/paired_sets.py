"""Compares the causeway executable with float64 brute force on real paired sets: exact answers, recall at default
settings, refusals and `evaluate`. Usage: paired_sets.py DATA_DIR CAUSEWAY [--queries N|all] [--sets a,b] [--seed S].
Prints a line a (set, direction, metric) and ends with 1 when anything is wrong. Needs NumPy alone."""
import argparse
import os
import sys
import tempfile

sys.dont_write_bytecode = True

import numpy as np  # noqa: E402

from brute_force import METRICS, SIMILARITIES, Judge  # noqa: E402
from program import Causeway, Failure, finish  # noqa: E402

K = 10
RECALL_MIN = 0.95
WORK_MAX = 10**9  # numbers that the queries of a direction may be compared with by default: brute force takes its time
POINTS = 0.1  # how far a published percentage, printed with one decimal, may be off


class PairedSet:
    """Two modalities of one corpus. `aligned` says that each may search the other."""

    def __init__(self, name, files, items=None, aligned=True, recalls=None, head=None):
        self.name, self.files, self.items, self.aligned = name, files, items, aligned
        self.recalls = recalls or {}  # {(from, to): recall@1, @5, @10 in per cent}
        self.head = head              # judge `evaluate` on the first rows only

    def directions(self):
        a, b = self.files
        return [(a, b), (b, a)] if self.aligned else [(a, a), (b, b)]


def gap(name, recalls=None):
    files = {side: f"modality-gap/{name}_{side}.npy" for side in ("image", "text")}
    return PairedSet(name, files, recalls=recalls)


def flickr(folder, kind, aligned, recalls=None):
    files = {side: f"{folder}/{side}_{kind}.npy" for side in ("image", "text")}
    return PairedSet(f"{folder}-{kind}", files, {"text": f"{folder}/caption_image.npy"}, aligned, recalls)


SETS = [
    flickr("flickr8k-val", "joint", True, {("text", "image"): (20.5, 49.3, 62.9)}),
    gap("clip", {("text", "image"): (50.6, 76.6, 86.2), ("image", "text"): (55.2, 80.8, 89.2)}),
    gap("clip_random"),
    gap("convirt"),
    PairedSet(
        "debian", {"short": "debian/short.npy", "long": "debian/long.npy"},
        recalls={("short", "long"): (85.1, 94.7, 96.4)}, head=1000),
    flickr("flickr8k-val", "raw", False),
    flickr("flickr8k-train", "raw", False),
    PairedSet("wikipedia", {"image": "wikipedia/image.npy", "text": "wikipedia/text.npy"}, aligned=False),
]


class Run:
    """One paired set through the executable, with what was found wrong."""

    def __init__(self, paired, data, program, folder, queries, seed):
        self.set, self.folder, self.seed = paired, folder, seed
        self.queries_max = queries
        self.program = Causeway(program, os.path.join(folder, paired.name + ".db"))
        self.paths = {side: os.path.join(data, file) for side, file in paired.files.items()}
        self.arrays = {side: np.load(path).astype(np.float32) for side, path in self.paths.items()}
        self.items = {
            side: np.load(os.path.join(data, paired.items[side])) if side in (paired.items or {}) else np.arange(len(array))
            for side, array in self.arrays.items()}
        self.faults = []

    def fault(self, where, found):
        self.faults += [f"{self.set.name} {where}: {text}" for text in found]

    def prepare(self):
        for side, array in self.arrays.items():
            items = os.path.join(self.folder, f"{self.set.name}-{side}.txt")
            with open(items, "w") as file:
                file.writelines(f"{item}\n" for item in self.items[side])
            report = self.program.ingest(side, self.paths[side], items)
            if report["inserted"] != len(array):
                self.fault("ingest", [f"{report['inserted']} of {len(array)} inserted"])
        for report in self.program.build():
            print(f"{self.set.name}: index of {report['modality']} {report['outcome']}, {report['seconds']:.1f} s "
                  f"and {report['tuningSeconds']:.1f} s of tuning", flush=True)

    def direction(self, source, target):
        array = self.arrays[source]
        rows = np.arange(len(array))
        count = len(array) if self.queries_max is None else min(
            len(array), self.queries_max, max(100, WORK_MAX // self.arrays[target].size))
        if count < len(array):
            rows = np.sort(np.random.default_rng(self.seed).choice(len(array), count, replace=False))
        file = os.path.join(self.folder, "queries.npy")
        np.save(file, array[rows])
        judge = Judge(array[rows], self.arrays[target], K)
        for metric in METRICS:
            where = f"{source}→{target} {metric}"
            exact, timing = self.program.search(
                source, target, metric, "--exact", "--queries", file, "-k", K, "--timing")
            plain, plain_timing = self.program.search(source, target, metric, "--queries", file, "--explain", "--timing")
            faults, near_ties = self.judge(judge.exact, metric, exact, target, len(rows))
            self.fault(where + " exact", faults)
            wrong, recalls = self.judge(judge.approximate, metric, plain, target, len(rows))
            recall = recalls / len(rows)
            if recall < RECALL_MIN:
                wrong.append(f"recall@{K} {recall:.4f}, {RECALL_MIN} at least")
            self.fault(where, wrong)
            plans = sorted({answer.get("explain", {}).get("plan", "no plan told") for answer in plain})
            print(f"{self.set.name} {where}: {len(rows)} queries, exact {'equal' if not faults else 'DIFFERS'}"
                  f" ({near_ties} near-ties otherwise), recall@{K} {recall:.4f}, median ms exact {timing['p50Ms']:.3f},"
                  f" default {plain_timing['p50Ms']:.3f}, {' | '.join(plans)}", flush=True)

    def judge(self, rule, metric, answers, target, count):
        """(faults, sum of what the rule counts) over all queries."""
        faults, total = [], 0
        if [answer["query"] for answer in answers] != list(range(count)):
            return [f"{len(answers)} answers to {count} queries, or out of order"], 0
        key = "similarity" if metric in SIMILARITIES else "distance"
        for answer in answers:
            results = answer["results"]
            if answer["metric"] != metric or any(key not in result for result in results):
                faults.append(f"query {answer['query']}: not '{metric}' by '{key}': {str(answer)[:200]}")
                continue
            ids = [int(result["id"]) for result in results]
            if [result["rank"] for result in results] != list(range(1, len(results) + 1)):
                faults.append(f"query {answer['query']}: ranks are not 1, 2, …")
            if any(result["item"] != str(self.items[target][row]) for row, result in zip(ids, results)):
                faults.append(f"query {answer['query']}: a result with another embedding's item")
            found, counted = rule(metric, answer["query"], ids, [result[key] for result in results])
            faults += found
            total += counted
        return faults, total

    def by_id(self, source, target):
        """A stored embedding as the query gives what its vector gives."""
        for row in (0, len(self.arrays[source]) - 1):
            one, _ = self.program.search(source, target, "euclidean", "--exact", "--id", row)
            file = os.path.join(self.folder, "one.npy")
            np.save(file, self.arrays[source][row:row + 1])
            two, _ = self.program.search(source, target, "euclidean", "--exact", "--vector", file)
            if one != two or len(one) != K:
                self.fault(f"{source}→{target} --id {row}", [f"{str(one)[:200]}, by vector {str(two)[:200]}"])

    def refusals(self):
        """Modalities of different dimension cannot search each other; the message names both dimensions."""
        a, b = self.set.files
        for source, target in ((a, b), (b, a)):
            dimensions = [str(self.arrays[side].shape[1]) for side in (source, target)]
            database = self.program.database
            for status, *words in (
                (1, "evaluate", database),
                (4, "search", database, "--id", "0"),
                (4, "search", database, "--queries", self.paths[source], "--exact"),
            ):
                done = self.program.run(*words, "--collection", "c", "--from", source, "--to", target, status=status)
                if done.stdout or not all(number in done.stderr for number in dimensions):
                    self.fault(f"{source}→{target} refusal", [f"message '{done.stderr.strip()}', output '{done.stdout[:100]}'"])
            print(f"{self.set.name} {source}→{target}: refused: {done.stderr.strip()}", flush=True)

    def evaluate(self):
        collection = "c"
        if self.set.head:
            collection = "head"
            for side, array in self.arrays.items():
                file = os.path.join(self.folder, f"head-{side}.npy")
                np.save(file, array[:self.set.head])
                self.program.ingest(side, file, collection=collection)
        for (source, target), published in self.set.recalls.items():
            report = self.program.evaluate(source, target, collection)
            metric = report["metrics"][0]
            recalls = [100 * metric[f"recall@{k}"] for k in (1, 5, 10)]
            text = "/".join(f"{value:.2f}" for value in recalls)
            print(f"{self.set.name} evaluate {source}→{target}: {report['queries']} queries among {report['items']}: {text}"
                  f" (published {'/'.join(map(str, published))})", flush=True)
            if any(abs(a - b) > POINTS for a, b in zip(recalls, published)):
                self.fault(f"evaluate {source}→{target}", [f"{text}, published {published}"])

    def all(self):
        self.prepare()
        for source, target in self.set.directions():
            self.direction(source, target)
        if self.set.aligned:
            self.by_id(*self.set.directions()[0])
        else:
            self.refusals()
        self.evaluate()


def chosen(names):
    """(the sets named, faults): all of them without names, which commas separate; a name that is none is a fault."""
    names = names.split(",") if names else [paired.name for paired in SETS]
    known = {paired.name for paired in SETS}
    return [paired for paired in SETS if paired.name in names], [f"no set '{name}'" for name in names if name not in known]


def is_present(paired, data):
    """Whether all files of a set are there; says so where they are not."""
    found = all(os.path.exists(os.path.join(data, file)) for file in paired.files.values())
    if not found:
        print(f"{paired.name}: left out, its files are absent")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("causeway")
    parser.add_argument("--queries", default="500", help="queries a direction, or 'all'")
    parser.add_argument("--sets", help="only these, separated by commas")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    queries = None if arguments.queries == "all" else int(arguments.queries)
    sets, faults = chosen(arguments.sets)
    for paired in sets:
        with tempfile.TemporaryDirectory(prefix="causeway-oracle-") as folder:
            run = Run(paired, arguments.data, os.path.abspath(arguments.causeway), folder, queries, arguments.seed)
            try:
                run.all()
            except (Failure, KeyError, ValueError) as error:
                run.fault("stopped", [f"{type(error).__name__}: {error}"])
            faults += run.faults
    finish(faults, arguments.seed)


if __name__ == "__main__":
    main()
