"""Compares the causeway executable with float64 brute force where equality is hardest: ties, copies, zero vectors, the
ends of float32, rows changed since the index was built, filters. Makes its data. Usage: hard_cases.py CAUSEWAY [--seed S].
Prints a line a case and metric; ends with 1 when anything is wrong. Needs NumPy alone."""
import argparse
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True

import numpy as np  # noqa: E402

from brute_force import METRICS, SIMILARITIES, Judge  # noqa: E402
from program import Causeway, Failure  # noqa: E402

K = 10
RECALL_MIN = 0.9  # these data are small and hard; paired_sets.py holds real ones to more


class Case:
    """Rows whose ids are integers, ingested in an order of their own, and queries."""

    def __init__(self, name, rows, queries, whole=False, judged=True):
        self.name, self.queries = name, queries.astype(np.float32)
        self.rows = {number: row for number, row in enumerate(rows.astype(np.float32))}
        self.whole = whole    # sums of integers have no rounding, so even ties must come in the order of ids
        # Whether recall is judged: not where nearly all cosines are 1 or 0, nor where the queries are of another kind than
        # the rows, which tuned the widths.
        self.judged = judged


def cases(random):
    grid = random.integers(-2, 3, (3000, 6))
    yield Case("grid", grid, random.integers(-2, 3, (60, 6)), whole=True)
    distinct = random.normal(size=(60, 24))
    queries = np.vstack([distinct[:20], random.normal(size=(20, 24))])
    yield Case("copies", distinct[random.integers(0, 60, 3000)], queries, judged=False)
    sparse = random.normal(size=(3000, 32)) * (random.random((3000, 32)) < 0.1)
    sparse[random.random(3000) < 0.1] = 0
    queries = np.vstack([np.zeros((2, 32)), -np.zeros((1, 32)), random.normal(size=(40, 32))])
    yield Case("zeros", sparse, queries, judged=False)
    bits = random.integers(0, 2**32, (2500, 16), dtype=np.uint32).view(np.float32)
    bits[~np.isfinite(bits)] = -0.0
    yield Case("extremes", bits, bits[:40], judged=False)
    tiny = (bits[:2000].view(np.uint32) & np.uint32(0x807FFFFF)).view(np.float32)
    yield Case("subnormal", tiny, tiny[:40])
    yield Case("one dimension", random.normal(size=(1500, 1)), random.normal(size=(20, 1)), judged=False)
    yield Case("fewer than k", random.normal(size=(3, 5)), random.normal(size=(5, 5)))
    yield Case("shifted", random.normal(size=(3000, 48)) + 20, random.normal(size=(60, 48)) + 20)


class Run:
    def __init__(self, case, program, folder, random):
        self.case, self.folder, self.random = case, folder, random
        self.program = Causeway(program, os.path.join(folder, "hard.db"))
        self.faults = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def ingest(self, numbers, *options):
        """Stores the rows of the ids, shuffled; the metadata are the id's remainders."""
        order = self.random.permutation(numbers)
        np.save(self.path("rows.npy"), np.array([self.case.rows[number] for number in order]))
        for name, line in (("ids.txt", str), ("meta.jsonl", lambda number: json.dumps({"seventh": int(number) % 7}))):
            with open(self.path(name), "w") as file:
                file.writelines(line(number) + "\n" for number in order)
        self.program.run(
            "ingest", self.program.database, "--collection", "c", "--modality", "m", self.path("rows.npy"),
            "--ids", self.path("ids.txt"), "--metadata", self.path("meta.jsonl"), *options)

    def compare(self, where, numbers, *options):
        """Exact and default answers against brute force over the rows of the ids."""
        numbers = sorted(numbers)
        place = {str(number): row for row, number in enumerate(numbers)}
        judge = Judge(self.case.queries, np.array([self.case.rows[number] for number in numbers]), K)
        np.save(self.path("queries.npy"), self.case.queries)
        for metric in METRICS:
            key = "similarity" if metric in SIMILARITIES else "distance"
            found, near, recall, plans = [], 0, 0.0, set()
            for exact in (True, False):
                answers, _ = self.program.search(
                    "m", "m", metric, "--queries", self.path("queries.npy"), "--explain",
                    *(["--exact"] if exact else []), *options)
                if len(answers) != len(self.case.queries):
                    found.append(f"{len(answers)} answers")
                for answer in answers:
                    strangers = [result["id"] for result in answer["results"] if result["id"] not in place]
                    if strangers:
                        found.append(f"query {answer['query']}: ids {strangers} do not belong")
                        continue
                    rows = [place[result["id"]] for result in answer["results"]]
                    scores = [result[key] for result in answer["results"]]
                    faults, counted = (judge.exact if exact else judge.approximate)(metric, answer["query"], rows, scores)
                    found += [f"{'exact' if exact else 'default'} {fault}" for fault in faults]
                    near, recall = (near + counted, recall) if exact else (near, recall + counted / len(answers))
                    plans.update([] if exact else [answer["explain"]["plan"]])
            if near and self.case.whole and metric in ("dot", "euclidean", "manhattan"):
                found.append(f"{near} ties are not in the order of ids")
            if self.case.judged and recall < RECALL_MIN:
                found.append(f"recall@{K} {recall:.4f}, {RECALL_MIN} at least")
            print(f"{self.case.name}{where} {metric}: {'WRONG' if found else 'equal'}, {near} near-ties otherwise,"
                  f" recall@{K} {recall:.4f}, {' | '.join(sorted(plans))}", flush=True)
            self.faults += [f"{self.case.name}{where} {metric}: {fault}" for fault in found]

    def all(self):
        numbers = list(self.case.rows)
        self.ingest(numbers)
        self.program.run("index", "build", self.program.database)
        self.compare("", numbers)
        self.other_ways()
        if len(numbers) < 1000:
            return
        self.compare(" where seventh = 3", [number for number in numbers if number % 7 == 3], "--where", "seventh = 3")
        self.change(numbers)
        self.program.run("index", "build", self.program.database)
        self.compare(" rebuilt", self.case.rows)
        self.program.run("check", self.program.database, "--deep")

    def other_ways(self):
        """Several threads and a matrix of ids say what one thread prints; absent ids are −1."""
        for options in ([], ["--exact"]):
            queries = ["--queries", self.path("queries.npy"), *options]
            printed, _ = self.program.search("m", "m", "cosine", *queries)
            if printed != self.program.search("m", "m", "cosine", *queries, "--threads", "3")[0]:
                self.faults.append(f"{self.case.name} {options}: three threads answer otherwise than one")
            self.program.search("m", "m", "cosine", *queries, "--output", self.path("ids.npy"))
            expected = np.full((len(printed), K), -1)
            for number, answer in enumerate(printed):
                expected[number, :len(answer["results"])] = [int(result["id"]) for result in answer["results"]]
            matrix = np.load(self.path("ids.npy"))
            if matrix.dtype != np.int64 or not np.array_equal(matrix, expected):
                self.faults.append(f"{self.case.name} {options}: --output differs from what is printed")

    def change(self, numbers):
        """Deletes, replaces and adds a tenth each, with the index as it is."""
        tenth = len(numbers) // 10
        chosen = [int(number) for number in self.random.permutation(numbers)]
        gone, changed = chosen[:tenth], chosen[tenth:2 * tenth]
        with open(self.path("gone.txt"), "w") as file:
            file.writelines(f"{number}\n" for number in gone)
        self.program.run(
            "delete", self.program.database, "--collection", "c", "--modality", "m", "--ids", self.path("gone.txt"))
        donors = {number: self.case.rows[chosen[-1 - place]] for place, number in enumerate(changed)}
        self.case.rows.update(donors)
        self.ingest(changed, "--on-conflict", "replace")
        added = list(range(len(numbers), len(numbers) + tenth))
        for number in added:
            self.case.rows[number] = self.case.rows[chosen[2 * tenth + number - len(numbers)]] * np.float32(0.5)
        self.ingest(added)
        for number in gone:
            del self.case.rows[number]
        self.compare(" changed", self.case.rows)
        self.compare(
            " changed, where seventh < 5", [number for number in self.case.rows if number % 7 < 5], "--where", "seventh < 5")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("causeway")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", help="only this one")
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    faults = []
    for case in cases(random):
        if arguments.case not in (None, case.name):
            continue
        with tempfile.TemporaryDirectory(prefix="causeway-oracle-") as folder:
            run = Run(case, os.path.abspath(arguments.causeway), folder, random)
            try:
                run.all()
            except (Failure, KeyError, ValueError) as error:
                run.faults.append(f"{case.name} stopped: {type(error).__name__}: {error}")
            faults += run.faults
    for fault in faults[:20]:
        print("WRONG", fault)
    print(f"{len(faults)} faults (seed {arguments.seed})")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
