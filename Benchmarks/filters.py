"""Filtered search: selectivities of 50, 10, 1 and 0.1 %, independent of the query and correlated with it, either way.

    python3 Benchmarks/filters.py [--rows 100000] [--dimension 256] [--queries 100]
    python3 Benchmarks/filters.py --tiny      # seconds, no result file

A generated corpus (corpora.py). All queries are neighbours in one region of the space. Every row has three integers in its
metadata: `any`, its place in a random order; `near`, its place by likeness to that region, the most like first; `far`, the same
from the other end. `near < 1000` is thus the best case a filter can be, and `far < 1000` the worst.

Each cell asks every query alone (`--batch 1`) at --recall 0.95, and beside it, for the same queries:
- the plain search without a filter at the recall@10 of the filtered one, between the two steps of its ladder around it
  (ladders.py); where the ladder ends below that recall, its last step, which is cheaper than reaching it would be;
- the exact scan of the matches (`--exact --where`), for a fifth of the queries, as it is the slow one.
Recall counts an answer right when its exact cosine reaches the 10th best of the matches. Comparisons are codes compared, and the
rows read where the plan is an exact scan. Milliseconds are medians of a search's own stages on the wall; the stage that finds the
matches in SQLite, which both filtered searches share, is told apart: `filterMs` is its median, of matches that a process
remembers from the query before, and `firstFilterMs` what the first query of a process took to find them. Ends with 1 where an
answer has fewer hits than there are matches, or ten.
"""
import argparse
import json
import os
import sys
import tempfile

import common

common.begin("numpy")
import numpy as np  # noqa: E402

import corpora  # noqa: E402
import ladders  # noqa: E402

K = 10
RECALL = 0.95
SELECTIVITIES = (0.5, 0.1, 0.01, 0.001)
KINDS = {"independent": "any", "positive": "near", "negative": "far"}


class Corpus:
    """Rows with their three places, and queries of one region."""

    def __init__(self, rows, dimension, queries, seed=1):
        made = corpora.TwoModalities(rows, dimension, seed)
        self.base = made.base()
        pool = made.seen(made.items(20 * queries), "image")
        mean = self.base.mean(axis=0)
        centre = corpora.TwoModalities.unit(pool[0] - mean)
        self.queries = pool[np.argsort(-self.likeness(pool - mean, centre))[:queries]]
        order = np.argsort(-self.likeness(self.base - mean, centre), kind="stable")
        self.places = {"any": np.argsort(np.random.default_rng(seed).permutation(rows)), "near": np.argsort(order)}
        self.places["far"] = rows - 1 - self.places["near"]

    @staticmethod
    def likeness(vectors, centre):
        return vectors @ centre / np.maximum(np.linalg.norm(vectors, axis=1), 1e-30)


class Searches:
    """The executable on a database of the corpus."""

    def __init__(self, corpus, directory):
        self.causeway, self.directory = common.program(), directory
        self.database = os.path.join(directory, "f.db")
        base, metadata = os.path.join(directory, "base.npy"), os.path.join(directory, "metadata.jsonl")
        np.save(base, corpus.base)
        with open(metadata, "w") as file:
            for row in zip(*(corpus.places[name].tolist() for name in KINDS.values())):
                file.write(json.dumps(dict(zip(KINDS.values(), row))) + "\n")
        self.run("ingest", self.database, "-c", "c", "-m", "image", base, "--metadata", metadata, "--quiet")
        self.run("index", "build", self.database, "-c", "c", "--quiet")
        self.sets = {}
        for name, queries in (("all", corpus.queries), ("some", corpus.queries[: max(len(corpus.queries) // 5, 1)])):
            self.sets[name] = os.path.join(directory, name + ".npy")
            np.save(self.sets[name], queries)

    def run(self, *arguments):
        return common.measured([self.causeway, *arguments])

    def ask(self, queries, *options):
        """One query at a time; a dictionary of what the answers tell, and their ids."""
        _, _, out, _ = self.run(
            "search", self.database, "-c", "c", "--to", "image", "--from", "image", "--queries", self.sets[queries], "-k", str(K),
            "--batch", "1", "--explain", "--format", "jsonl", "--quiet", *options)
        answers = [json.loads(line) for line in out.splitlines()]
        ids = np.full((len(answers), K), -1, np.int64)
        for row, answer in enumerate(answers):
            found = [int(hit["id"]) for hit in answer["results"]]
            ids[row, : len(found)] = found
        explained = [answer["explain"] for answer in answers]
        plans = [e["plan"] for e in explained]
        comparisons = [e["reranked"] if e["plan"].startswith("exact") else e["codesCompared"] for e in explained]
        listing = [e["time"].get("filterMs", 0) for e in explained]
        spent = [sum(ms for stage, ms in e["time"].items() if stage != "filterMs") for e in explained]
        return ids, {
            "plan": max(set(plans), key=plans.count), "comparisons": float(np.mean(comparisons)),
            "vectorsRead": float(np.mean([e["reranked"] for e in explained])), "ms": float(np.median(spent)),
            "filterMs": float(np.median(listing)), "firstFilterMs": listing[0],
            "fewest": int((ids >= 0).sum(axis=1).min()),
        }


def recall(corpus, ids, matches):
    """Of the 10 best matches, or of all where there are fewer; ids are row numbers."""
    k = min(K, len(matches))
    scores = corpora.truth(corpus.base[matches], corpus.queries, k)[1]
    return corpora.recall(corpus.base, corpus.queries, ids[:, :k], scores)


def plain_ladder(corpus, searches):
    steps = []
    for width in ladders.WIDTHS:
        ids, told = searches.ask("all", "--ef", str(width))
        steps.append({"width": width, "recall": recall(corpus, ids, np.arange(len(corpus.base))), **told})
        if steps[-1]["recall"] >= 0.999:
            break
    return steps


def cell(corpus, searches, ladder, kind, selectivity):
    limit = max(round(selectivity * len(corpus.base)), 1)
    where = f"{KINDS[kind]} < {limit}"
    matches = np.flatnonzero(corpus.places[KINDS[kind]] < limit)
    ids, told = searches.ask("all", "--recall", str(RECALL), "--where", where)
    found = recall(corpus, ids, matches)
    as_good = min(found, max(step["recall"] for step in ladder))
    plain = {key: ladders.at(ladder, as_good, key) for key in ("width", "comparisons", "ms")}
    scan = searches.ask("some", "--exact", "--where", where)[1]
    result = {"kind": kind, "selectivity": selectivity, "where": where, "matches": len(matches), "recall": found, **told}
    result["plain"] = {"recall": as_good, **plain}
    result["exactScan"] = {"comparisons": len(matches), "ms": scan["ms"]}
    for key in ("comparisons", "ms"):
        result[f"{key}OverBetter"] = told[key] / max(min(plain[key], result["exactScan"][key]), 1e-9)
    return result


def show(results):
    columns = "comparisons | plain | scan | over better | ms | plain | scan | over better | first listing ms"
    print(f"| filter | selectivity | plan | recall@10 | {columns} |")
    print("|---|---:|---|" + "---:|" * 10)
    for c in results["cells"]:
        print(
            f"| {c['kind']} | {100 * c['selectivity']:g} % | {c['plan'].split(':')[0]} | {c['recall']:.3f} "
            f"| {c['comparisons']:,.0f} | {c['plain']['comparisons']:,.0f} | {c['exactScan']['comparisons']:,} "
            f"| {c['comparisonsOverBetter']:.2f} | {c['ms']:.2f} | {c['plain']['ms']:.2f} | {c['exactScan']['ms']:.2f} "
            f"| {c['msOverBetter']:.2f} | {c['firstFilterMs']:.2f} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--directory")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.rows, arguments.dimension, arguments.queries = 3_000, 64, 10
    corpus = Corpus(arguments.rows, arguments.dimension, arguments.queries)
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        searches = Searches(corpus, directory)
        ladder = plain_ladder(corpus, searches)
        cells = [cell(corpus, searches, ladder, kind, s) for kind in KINDS for s in SELECTIVITIES]
    results = {
        "rows": arguments.rows, "dimension": arguments.dimension, "queries": arguments.queries, "k": K, "recallAskedFor": RECALL,
        "plainLadder": ladder, "cells": cells,
    }
    show(results)
    short = [c["where"] for c in cells if c["fewest"] < min(K, c["matches"])]
    if short:
        sys.exit(f"fewer hits than there are matches: {short}")
    if not arguments.tiny:
        common.save(f"filters-{arguments.rows}x{arguments.dimension}", results)


if __name__ == "__main__":
    main()
