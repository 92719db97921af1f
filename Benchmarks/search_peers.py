"""Search beside hnswlib, USearch and FAISS: same data, one run, one search thread, interleaved rounds.

    python3 Benchmarks/search_peers.py [--rows 100000] [--dimension 512] [--queries 10000] [--rounds 3]
    python3 Benchmarks/search_peers.py --data flickr      # the real paired set, where ../shared/data is
    python3 Benchmarks/search_peers.py --tiny             # seconds, no result file: does everything still run?

The peers build with M 16 (32 links on level 0), breadth 200, 2 threads; ours as it does by default, which has as many links.
Ours goes through `causeway search --queries`, so its figures include reading and re-ranking stored float32 vectors from
SQLite and looking ids up; the peers' are their libraries' alone, vectors in memory. The database also holds captions of other
items than the queries', a tenth as many as there are base rows, from which `index build` makes its cross-modal edges; without
them (--without-captions) it has none. Recall counts an answer right when its exact cosine reaches the k-th best.
Rates are of the best round. On a shared machine compare `processor`, queries per processor second, which other
people's work hardly moves; `wall` is what a clock on the wall said. Batches: all queries in one call, for every engine.
Latencies: one query a call. Ours singly reads pages that batches share, so the two differ; both are recorded. The process of
ours is new in every round: its first thousand queries pay for first touches of the graph, the peers' do not.
Distances are what the library itself counts; hnswlib's are null, as its Python interface counts none.
Memory, `resident_bytes`: by how much a fresh process grows that opens the index from its file and answers 1,000 queries of each
modality at the width that had recall 0.95. A peer's process is measured from before it loads to its peak, with its library and
the queries already there; ours against its own peak on a database of one row, asked the same. Pages of files that are mapped
count as far as they were touched. Linux only; null elsewhere.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time

import common

common.begin("numpy", "hnswlib", "usearch", "faiss")
import faiss  # noqa: E402
import hnswlib  # noqa: E402
import numpy as np  # noqa: E402
from usearch.index import Index  # noqa: E402

import corpora  # noqa: E402

K = 10
DEGREE, BREADTH, BUILD_THREADS = 16, 200, 2
MEMORY_QUERIES = 1_000
WIDTHS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
TARGETS = (0.90, 0.95, 0.99)
ENOUGH = 0.992  # a ladder ends here


def unit(x):
    return np.ascontiguousarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30), dtype=np.float32)


def timed(body):
    """(seconds on the wall, processor seconds of this process, result)."""
    wall, processor = time.perf_counter(), time.process_time()
    result = body()
    return time.perf_counter() - wall, time.process_time() - processor, result


class Hnswlib:
    name = "hnswlib f32"

    def build(self, base):
        self.index = hnswlib.Index(space="cosine", dim=base.shape[1])
        self.index.init_index(max_elements=len(base), M=DEGREE, ef_construction=BREADTH, random_seed=1)
        self.index.set_num_threads(BUILD_THREADS)
        self.index.add_items(base)
        self.index.set_num_threads(1)

    def save(self, path):
        self.index.save_index(path)

    def load(self, path, dimension):
        self.index = hnswlib.Index(space="cosine", dim=dimension)
        self.index.load_index(path)
        self.index.set_num_threads(1)

    def search(self, queries, width):
        self.index.set_ef(width)
        return self.index.knn_query(queries, k=K)[0].astype(np.int64), None


class USearch:
    def __init__(self, dtype):
        self.name, self.dtype = f"USearch {dtype}", dtype

    def build(self, base):
        self.index = Index(ndim=base.shape[1], metric="cos", dtype=self.dtype, connectivity=DEGREE, expansion_add=BREADTH)
        self.index.add(np.arange(len(base)), base, threads=BUILD_THREADS)

    def save(self, path):
        self.index.save(path)

    def load(self, path, dimension):
        self.index = Index(ndim=dimension, metric="cos", dtype=self.dtype, connectivity=DEGREE, expansion_add=BREADTH)
        self.index.load(path)

    def search(self, queries, width):
        self.index.expansion_search = width
        found = self.index.search(queries, K, threads=1)
        keys = np.atleast_2d(found.keys)
        ids = np.full((len(queries), K), -1, np.int64)
        ids[:, : keys.shape[1]] = keys.astype(np.int64)
        return ids, found.computed_distances / len(queries)


class Faiss:
    def __init__(self, coded):
        self.name, self.coded = ("FAISS HNSW-SQ8" if coded else "FAISS HNSW flat"), coded

    def build(self, base):
        faiss.omp_set_num_threads(BUILD_THREADS)
        metric = faiss.METRIC_INNER_PRODUCT
        if self.coded:
            self.index = faiss.IndexHNSWSQ(base.shape[1], faiss.ScalarQuantizer.QT_8bit, DEGREE, metric)
        else:
            self.index = faiss.IndexHNSWFlat(base.shape[1], DEGREE, metric)
        self.index.hnsw.efConstruction = BREADTH
        if self.coded:
            self.index.train(base)
        self.index.add(base)
        faiss.omp_set_num_threads(1)

    def save(self, path):
        faiss.write_index(self.index, path)

    def load(self, path, dimension):
        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(path)

    def search(self, queries, width):
        self.index.hnsw.efSearch = width
        faiss.cvar.hnsw_stats.reset()
        ids = self.index.search(queries, K)[1]
        return ids, faiss.cvar.hnsw_stats.ndis / len(queries)


class Causeway:
    """The executable on a database made by it."""
    name = "Causeway"

    def __init__(self, directory, sample):
        self.path, self.directory, self.sample = common.program(), directory, sample
        self.database = os.path.join(directory, "c.db")

    def run(self, *arguments):
        return common.measured([self.path, *arguments])

    def build(self, base):
        for modality, vectors in (("image", base), ("text", self.sample)):
            if vectors is None:
                continue
            file = os.path.join(self.directory, modality + ".npy")
            np.save(file, vectors)
            self.run("ingest", self.database, "--collection", "c", "--modality", modality, file, "--quiet")
            os.remove(file)
        _, _, out, _ = self.run("index", "build", self.database, "--collection", "c", "--modality", "image", "--threads",
                                str(BUILD_THREADS), "--format", "json", "--quiet")
        self.report = json.loads(out)[0]

    def search_file(self, name, width, *extra):
        """((wall, processor, ids), the timing line)."""
        queries, output = (os.path.join(self.directory, name + s) for s in (".npy", "-ids.npy"))
        _, _, _, err = self.run(
            "search", self.database, "--collection", "c", "--to", "image", *self.source(name), "--queries", queries,
            "-k", str(K), "--ef", str(width), "--timing", "--output", output, "--quiet", *extra)
        timing = json.loads([line for line in err.splitlines() if line.startswith("{")][-1])
        return (timing["seconds"], timing["processorSeconds"], np.load(output)), timing

    def source(self, name):
        """Where the queries come from, where the database knows that modality."""
        return ["--from", name] if name == "image" or self.sample is not None else []

    def first_answer_ms(self, name):
        """From the start of a process to its end, one query answered from a warm page cache."""
        file = os.path.join(self.directory, "one.npy")
        np.save(file, np.load(os.path.join(self.directory, name + ".npy"))[:1])
        call = ["search", self.database, "--collection", "c", "--to", "image", *self.source(name), "--vector", file]
        times = sorted(self.run(*call)[0] for _ in range(7))
        return times[len(times) // 2] * 1000

    def resident_bytes(self, results, query_sets):
        """What the index adds to the peak of a process that answers 1,000 queries of each modality, one after the other."""
        def peak(database):
            return max(
                self.run("search", database, "--collection", "c", "--to", "image", "--queries", queries[name], "-k", str(K),
                         "--ef", str(width), "--output", os.path.join(self.directory, "memory-ids.npy"), "--quiet")[1]
                for name, width in widths.items())

        widths = judged_widths(results, self.name)
        queries = {name: os.path.join(self.directory, name + "-memory.npy") for name in widths}
        for name in widths:
            np.save(queries[name], query_sets[name][:MEMORY_QUERIES])
        empty = os.path.join(self.directory, "one-row.db")
        one = os.path.join(self.directory, "one-row.npy")
        np.save(one, next(iter(query_sets.values()))[:1])
        self.run("ingest", empty, "--collection", "c", "--modality", "image", one, "--quiet")
        with_index, without = peak(self.database), peak(empty)
        return with_index - without if without else None

    def bytes_on_disk(self):
        sizes = {f: os.path.getsize(os.path.join(self.directory, f)) for f in os.listdir(self.directory)}
        graph = sum(size for f, size in sizes.items() if "-graph-" in f)
        return {"graph": graph, "database": sizes["c.db"]}


class Ladder:
    """What one engine did with one set of queries at each width."""

    def __init__(self):
        self.steps = {}

    def add(self, width, wall, processor, recall, distances):
        step = self.steps.setdefault(width, {"width": width, "wall": wall, "processor": processor})
        step.update(recall=recall, distances=distances, wall=min(step["wall"], wall),
                    processor=min(step["processor"], processor))

    def finished(self, queries):
        return [
            {"width": s["width"], "recall": s["recall"], "wall": queries / s["wall"],
             "processor": queries / max(s["processor"], 1e-9), "distances": s["distances"]}
            for s in sorted(self.steps.values(), key=lambda s: s["width"])
        ]


def at(steps, target, key):
    """The value at a recall, between the two steps around it: log of the value over log of 1 - recall. None if not reached."""
    loss = lambda s: math.log(max(1 - s["recall"], 1e-6))  # noqa: E731
    for below, above in zip([None] + steps, steps):
        if above["recall"] < target or not above[key]:
            continue
        if below is None:
            return above[key]  # the narrowest search is already better: no more can be said
        share = (math.log(1 - target) - loss(below)) / min(loss(above) - loss(below), -1e-9)
        return math.exp(math.log(below[key]) + share * (math.log(above[key]) - math.log(below[key])))
    return None


def latencies(search, queries, width):
    """p50 and p99 in milliseconds of one query a call."""
    times = []
    for row in range(min(len(queries), 500)):
        query = queries[row : row + 1]
        start = time.perf_counter()
        search(query, width)
        times.append((time.perf_counter() - start) * 1000)
    times.sort()
    return {"p50_ms": times[len(times) // 2], "p99_ms": times[int(0.99 * len(times))]}


PEERS = {
    "hnswlib": Hnswlib, "usearch-f32": lambda: USearch("f32"), "usearch-f16": lambda: USearch("f16"),
    "usearch-i8": lambda: USearch("i8"), "faiss-flat": lambda: Faiss(False), "faiss-sq8": lambda: Faiss(True),
}


def build(engine, vectors, kept):
    """(wall, processor) seconds of building an index; those of then, where it is kept from an earlier run."""
    if kept:
        os.makedirs(kept, exist_ok=True)
    path = kept and os.path.join(kept, engine.name.replace(" ", "-"))
    if path and os.path.exists(path + ".json"):
        engine.load(path, vectors.shape[1])
        with open(path + ".json") as file:
            return json.load(file)
    seconds = timed(lambda: engine.build(vectors))[:2]
    if path:
        engine.save(path)
        with open(path + ".json", "w") as file:
            json.dump(seconds, file)
    return seconds


def run(name, base, sample, query_sets, rounds, directory, peers, kept):
    base, unit_base = np.ascontiguousarray(base, dtype=np.float32), unit(base)
    results = {"corpus": name, "rows": len(base), "dimension": base.shape[1], "k": K, "engines": {}}
    peers = [PEERS[peer]() for peer in peers]
    ours = Causeway(directory, sample)
    for engine in [ours] + peers:
        wall, processor = timed(lambda: ours.build(base))[:2] if engine is ours else build(engine, unit_base, kept)
        results["engines"][engine.name] = {"build_seconds": wall, "build_processor_seconds": processor, "searches": {}}
        print(f"built {engine.name}: {wall:.1f} s", flush=True)
    entry = results["engines"][ours.name]
    entry.update(build_seconds=ours.report["seconds"], tuning_seconds=ours.report.get("tuningSeconds"),
                 cross_modal_edges=ours.report["crossModal"])
    entry.pop("build_processor_seconds")
    entry["disk_bytes"] = ours.bytes_on_disk()

    truths = {}
    for modality, queries in query_sets.items():
        np.save(os.path.join(directory, modality + ".npy"), queries.astype(np.float32))
        truths[modality] = corpora.truth(base, queries, K)[1]
    ladders = {(e.name, m): Ladder() for e in [ours] + peers for m in query_sets}
    done = set()
    for turn in range(rounds):
        for width in WIDTHS:
            for modality, queries in query_sets.items():
                for engine in [ours] + peers:
                    key = (engine.name, modality)
                    if (key, width) in done:
                        continue
                    if engine is ours:
                        (wall, processor, ids), timing = ours.search_file(modality, width)
                        distances = timing["codesCompared"]
                    else:
                        q = unit(queries)
                        wall, processor, (ids, distances) = timed(lambda: engine.search(q, width))
                    recall = corpora.recall(base, queries, ids, truths[modality])
                    ladders[key].add(width, wall, processor, recall, distances)
                    if turn == 0 and recall >= ENOUGH:
                        done.update((key, w) for w in WIDTHS if w > width)
        print(f"round {turn + 1} of {rounds}", flush=True)
    for (engine, modality), ladder in ladders.items():
        steps = ladder.finished(len(query_sets[modality]))
        best = {key: {str(t): at(steps, t, key) for t in TARGETS} for key in ("wall", "processor", "distances")}
        results["engines"][engine]["searches"][modality] = {"at_recall": best, "ladder": steps}
    measure_opening(results, ours, peers, base, query_sets, directory)
    return results


def measure_opening(results, ours, peers, base, query_sets, directory):
    """Latency one query a call at recall 0.95, bytes, and the time from a file to a first answer."""
    for modality, queries in query_sets.items():
        for engine in [ours] + peers:
            search = results["engines"][engine.name]["searches"][modality]
            width = next((s["width"] for s in search["ladder"] if s["recall"] >= 0.95), None)
            if width is None:
                continue
            search["single"] = {"width": width}
            if engine is ours:
                _, timing = ours.search_file(modality, width, "--batch", "1")
                search["single"].update(
                    p50_ms=timing["p50Ms"], p99_ms=timing["p99Ms"], reranked=timing["reranked"],
                    processor=timing["queries"] / max(timing["processorSeconds"], 1e-9))
            else:
                search["single"].update(latencies(engine.search, unit(queries), width))
    first = next(iter(query_sets))
    results["engines"][ours.name]["open_to_answer_ms"] = ours.first_answer_ms(first)
    results["engines"][ours.name]["resident_bytes"] = ours.resident_bytes(results, query_sets)
    for peer in peers:
        path = os.path.join(directory, "peer.index")
        peer.save(path)
        entry = results["engines"][peer.name]
        entry["disk_bytes"] = os.path.getsize(path)
        entry["resident_bytes"] = resident_bytes(peer, path, results, query_sets, directory)
        query = unit(query_sets[first][:1])

        def opened():
            peer.load(path, base.shape[1])
            return peer.search(query, 64)

        entry["open_to_answer_ms"] = min(timed(opened)[0] for _ in range(3)) * 1000
        os.remove(path)


def judged_widths(results, engine):
    """By modality, the least width that had recall 0.95, or the widest."""
    ladders = {name: search["ladder"] for name, search in results["engines"][engine]["searches"].items()}
    return {name: next((s["width"] for s in steps if s["recall"] >= 0.95), steps[-1]["width"]) for name, steps in ladders.items()}


def resident_bytes(peer, path, results, query_sets, directory):
    """What a fresh process grows by that loads a peer's index and answers 1,000 queries of each modality; None where unknown."""
    sets = []
    for name, width in judged_widths(results, peer.name).items():
        file = os.path.join(directory, name + "-memory.npy")
        np.save(file, unit(query_sets[name][:MEMORY_QUERIES]))
        sets.append((file, width))
    key = next(key for key, make in PEERS.items() if make().name == peer.name)
    command = [sys.executable, os.path.abspath(__file__), "--grow", json.dumps({"peer": key, "path": path, "sets": sets})]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def grow(wanted):
    """The process of `resident_bytes`: prints the bytes it grew by, from before the index to its peak."""
    sets = [(np.load(file), width) for file, width in wanted["sets"]]
    peer = PEERS[wanted["peer"]]()
    faiss.omp_set_num_threads(1)
    try:
        with open("/proc/self/clear_refs", "w") as peak:
            peak.write("5")  # the peak so far was that of importing libraries
    except OSError:
        return print("null")
    before = common.peak_bytes(os.getpid())
    peer.load(wanted["path"], sets[0][0].shape[1])
    for queries, width in sets:
        peer.search(queries, width)
    print(common.peak_bytes(os.getpid()) - before)


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
    parser.add_argument("--keep", help="a directory for the peers' indexes and build seconds, used again by the next run on the "
                        "same corpus: a million rows take the six of them more than an hour")
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
    name, base, sample, query_sets = corpus
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        results = run(name, base, None if arguments.without_captions else sample, query_sets, arguments.rounds, directory,
                      arguments.peers.split(","), arguments.keep)
    show(results)
    if not arguments.tiny:
        label = f"-{arguments.label}" if arguments.label else ""
        common.save(f"search-peers-{name}{label}", results)


if __name__ == "__main__":
    main()
