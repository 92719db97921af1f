"""Search beside hnswlib, USearch and FAISS: same data, one run, one search thread, interleaved rounds.

    python3 Benchmarks/search_peers.py [--rows 100000] [--dimension 512] [--queries 10000] [--rounds 3]
    python3 Benchmarks/search_peers.py --data flickr      # the real paired set, where ../shared/data is
    python3 Benchmarks/search_peers.py --tiny             # seconds, no result file: does everything still run?
    python3 Benchmarks/search_peers.py --keep DIR         # indexes and databases are built once, and used again

What is known so far is saved after every index, every round and every opening, under a name that ends with `-unfinished`.

The peers build with M 16 (32 links on level 0), breadth 200, 2 threads; ours as it does by default, which has as many links.
Ours goes through `causeway search --queries`, so its figures include reading and re-ranking stored float32 vectors from
SQLite and looking ids up; the peers' are their libraries' alone, vectors in memory. The database also holds captions of other
items than the queries', a tenth as many as there are base rows, from which `index build` makes its cross-modal edges; without
them (--without-captions) it has none. Recall counts an answer right when its exact cosine reaches the k-th best.
Every ladder of widths ends where recall 0.99 is reached, or at 8,192. Rates are of the best round. On a shared machine compare
`processor`, queries per processor second, which other people's work hardly moves; `wall` is what a clock on the wall said;
`threads` is the most processors that a step kept busy. Batches: all queries in one call, for every engine. Latencies: one query a
call. Ours singly reads pages that batches share, so the two differ; both are recorded. The process of ours is new in every round:
its first thousand queries pay for first touches of the graph, the peers' do not.
Distances are what the library itself counts; hnswlib's are null, as its Python interface counts none.
Memory, `resident_bytes`: by how much a fresh process grows that opens the index from its file and answers 1,000 queries of each
modality at the width that had recall 0.95. A peer's process is measured from before it loads to its peak, with its library and
the queries already there; ours against its own peak on a database of one row, asked the same. Pages of files that are mapped
count as far as they were touched. Linux only; null elsewhere.
"""
import argparse
import json
import os
import sys
import tempfile

import common

common.begin("numpy", "hnswlib", "usearch", "faiss")
import numpy as np  # noqa: E402

import corpora  # noqa: E402
from engines import K, PEERS, Causeway, Hnswlib, Shelf, grow, unit  # noqa: E402
from ladders import WIDTHS, Ladder, at  # noqa: E402

TARGETS = (0.90, 0.95, 0.99)  # a ladder ends at the last
ORDER = "width i of round j, from 0, begins with engine i + j of those named, modulo their number; then the others in turn"


class Comparison:
    """One corpus and all engines: builds, searches in rounds, and opens them anew; what came out is in `results`."""

    def __init__(self, corpus, engines, directory, saved):
        self.name, base, _, query_sets = corpus
        self.base, self.engines, self.directory, self.saved = np.ascontiguousarray(base, np.float32), engines, directory, saved
        self.queries = {modality: (queries, unit(queries)) for modality, queries in query_sets.items()}
        for modality, queries in query_sets.items():
            np.save(os.path.join(directory, modality + ".npy"), queries.astype(np.float32))
        self.results = {"corpus": self.name, "rows": len(base), "dimension": base.shape[1], "k": K, "engines": {}}

    def come_to(self, stage):
        print(stage, flush=True)
        self.saved(self.results, stage)

    def build(self, kept):
        shelf = kept and Shelf(kept, self.name)
        for engine in self.engines:
            figures = shelf.built(engine, self.base, getattr(engine, "sample", None)) if shelf else engine.build(self.base)
            self.results["engines"][engine.name] = {**figures, "searches": {}}
            self.come_to(f"{'kept' if 'kept_from' in figures else 'built'} {engine.name}: {figures['build_seconds']:.1f} s")

    def search(self, rounds):
        truths = {m: corpora.truth(self.base, queries, K)[1] for m, (queries, _) in self.queries.items()}
        ladders = {(e.name, m): Ladder() for e in self.engines for m in self.queries}
        done, count = set(), len(self.engines)
        self.results["order"] = ORDER
        for turn in range(rounds):
            for place, width in enumerate(WIDTHS):
                first = (turn + place) % count
                for modality, (queries, units) in self.queries.items():
                    for engine in self.engines[first:] + self.engines[:first]:
                        key = (engine.name, modality)
                        if (key, width) in done:
                            continue
                        wall, processor, ids, distances = engine.ask(modality, units, width)
                        recall = corpora.recall(self.base, queries, ids, truths[modality])
                        ladders[key].add(width, wall, processor, recall, distances)
                        if turn == 0 and recall >= TARGETS[-1]:
                            done.update((key, w) for w in WIDTHS if w > width)
            self.note(ladders)
            self.come_to(f"round {turn + 1} of {rounds}")

    def note(self, ladders):
        for engine in self.engines:
            entry = self.results["engines"][engine.name]
            entry["search_threads"] = engine.threads()
            for modality, (queries, _) in self.queries.items():
                steps = ladders[engine.name, modality].finished(len(queries))
                best = {key: {str(t): at(steps, t, key) for t in TARGETS} for key in ("wall", "processor", "distances")}
                entry["searches"][modality] = {"at_recall": best, "ladder": steps}

    def open(self):
        """Latency one query a call at recall 0.95, bytes, and the time from a file to a first answer."""
        units = {modality: units for modality, (_, units) in self.queries.items()}
        for engine in self.engines:
            entry, widths = self.results["engines"][engine.name], {}
            for modality, search in entry["searches"].items():
                steps = search["ladder"]
                width = next((s["width"] for s in steps if s["recall"] >= 0.95), None)
                widths[modality] = width or steps[-1]["width"]
                if width:
                    search["single"] = {"width": width, **engine.singly(modality, units[modality], width)}
            entry.update(engine.opening(self.directory, widths, units))
            self.come_to(f"opened {engine.name}: {entry['open_to_answer_ms']:.1f} ms")


def show(results):
    """The Markdown tables of a run."""
    number = lambda x: "–" if x is None else f"{x:,.0f}"  # noqa: E731
    for modality in next(iter(results["engines"].values()))["searches"]:
        print(f"\n{results['corpus']}, {modality} → image: queries/s of processor time (wall) at recall@{K}\n")
        print("| engine | " + " | ".join(str(t) for t in TARGETS) + " | distances at 0.95 | p50 · p99 ms singly |")
        print("|---|" + "---:|" * (len(TARGETS) + 2))
        for name, engine in results["engines"].items():
            search = engine["searches"][modality]
            best, single = search["at_recall"], search.get("single", {})
            cells = [f"{number(best['processor'][str(t)])} ({number(best['wall'][str(t)])})" for t in TARGETS]
            cells.append(number(best["distances"]["0.95"]))
            cells.append(f"{single['p50_ms']:.2f} · {single['p99_ms']:.2f}" if single else "–")
            print(f"| {name} | " + " | ".join(cells) + " |")
        results.setdefault("ours_over_best_peer", {})[modality] = ratios(results["engines"], modality)
        print("ours over the best peer: " + json.dumps(results["ours_over_best_peer"][modality]))
    builds = {name: engine["build_seconds"] for name, engine in results["engines"].items()}
    if Hnswlib.name in builds:
        results["build_over_hnswlib"] = round(builds[Causeway.name] / builds[Hnswlib.name], 2)
        print(f"\nbuild, cross-modal edges included, over hnswlib's: {results['build_over_hnswlib']}")
    print("\n| engine | build s, 2 threads | disk bytes a vector | resident bytes a vector | open to answer ms |")
    print("|---|---:|---:|---:|---:|")
    for name, engine in results["engines"].items():
        disk = engine["disk_bytes"]
        size = disk / results["rows"] if not isinstance(disk, dict) else None
        text = f"{size:,.0f}" if size else "graph {:,.0f}, database {:,.0f}".format(
            disk["graph"] / results["rows"], disk["database"] / results["rows"])
        resident = engine["resident_bytes"] and engine["resident_bytes"] / results["rows"]
        print(f"| {name} | {engine['build_seconds']:.1f} | {text} | {number(resident)} | {engine['open_to_answer_ms']:.1f} |")


def ratios(engines, modality):
    """Per recall, for processor time and for the wall: our rate over the best peer's."""
    found = {}
    for key in ("processor", "wall"):
        for target in TARGETS:
            rates = {n: e["searches"][modality]["at_recall"][key][str(target)] for n, e in engines.items()}
            own, peers = rates.pop(Causeway.name), [r for r in rates.values() if r]
            found[f"{key} {target}"] = round(own / max(peers), 2) if own and peers else None
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", choices=("generated", "flickr"), default="generated")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-captions", action="store_true", help="store none, so that no cross-modal edges are made")
    parser.add_argument("--peers", default=",".join(PEERS), help="which, with commas between them")
    parser.add_argument("--label", help="ends the name of the result file")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--keep", help="a directory for our database, the peers' indexes and what building took, used again by "
                        "the next run on the same corpus: a million rows take the six of them more than an hour")
    parser.add_argument("--directory")
    parser.add_argument("--grow", type=json.loads, help=argparse.SUPPRESS)  # how the script calls itself
    arguments = parser.parse_args()
    if arguments.grow:
        return grow(arguments.grow)
    if arguments.tiny:
        arguments.rows, arguments.dimension, arguments.queries, arguments.rounds = 3000, 64, 50, 1
    if arguments.data == "flickr":
        corpus = corpora.flickr()
        if corpus is None:
            sys.exit("the paired sets are not beside the repository")
    else:
        corpus = corpora.generated(arguments.rows, arguments.dimension, arguments.queries)
    sample = None if arguments.without_captions else corpus[2]
    label = f"search-peers-{corpus[0]}" + (f"-{arguments.label}" if arguments.label else "")

    def saved(results, unfinished=None):
        if not arguments.tiny:
            common.save(label, results, unfinished)

    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        engines = [Causeway(directory, sample)] + [PEERS[peer] for peer in arguments.peers.split(",")]
        comparison = Comparison(corpus, engines, directory, saved)
        comparison.build(arguments.keep)
        comparison.search(arguments.rounds)
        comparison.open()
    show(comparison.results)
    saved(comparison.results)


if __name__ == "__main__":
    main()
