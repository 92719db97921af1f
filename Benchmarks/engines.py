"""The engines of search_peers.py: libraries in its own process, Causeway as a process of its own; built, or kept from before.

Every engine is asked with one thread, and every one tells how many it searches with.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

import faiss
import hnswlib
import numpy as np
from usearch.index import Index

import common

K = 10
DEGREE, BREADTH, BUILD_THREADS = 16, 200, 2
MEMORY_QUERIES = 1_000


def unit(x):
    return np.ascontiguousarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30), dtype=np.float32)


def timed(body):
    """(seconds on the wall, processor seconds of this process, result)."""
    wall, processor = time.perf_counter(), time.process_time()
    result = body()
    return time.perf_counter() - wall, time.process_time() - processor, result


class Peer:
    """A library: a subclass makes, saves, loads and searches its index, of unit vectors; here is what is measured of it."""

    def build(self, vectors):
        units = unit(vectors)
        wall, processor, _ = timed(lambda: self.make(units))
        return {"build_seconds": wall, "build_processor_seconds": processor}

    def ask(self, modality, queries, width):
        """(wall, processor, ids, distances counted a query) of all queries in one call."""
        wall, processor, (ids, distances) = timed(lambda: self.search(queries, width))
        return wall, processor, ids, distances

    def singly(self, modality, queries, width):
        """p50 and p99 in milliseconds of one query a call."""
        times = sorted(timed(lambda: self.search(queries[row : row + 1], width))[0] for row in range(min(len(queries), 500)))
        return {"p50_ms": times[len(times) // 2] * 1000, "p99_ms": times[int(0.99 * len(times))] * 1000}

    def opening(self, directory, widths, query_sets):
        """Bytes on disk and in memory, and the time from the file to a first answer."""
        path = os.path.join(directory, "peer.index")
        self.save(path)
        query = next(iter(query_sets.values()))[:1]

        def opened():
            self.load(path, query.shape[1])
            return self.search(query, 64)

        resident = self.resident_bytes(path, directory, widths, query_sets)
        figures = {"disk_bytes": os.path.getsize(path), "resident_bytes": resident,
                   "open_to_answer_ms": min(timed(opened)[0] for _ in range(3)) * 1000}
        os.remove(path)
        return figures

    def resident_bytes(self, path, directory, widths, query_sets):
        """What a fresh process grows by that loads the index and answers queries of each modality; None where unknown."""
        sets = []
        for name, width in widths.items():
            file = os.path.join(directory, name + "-memory.npy")
            np.save(file, query_sets[name][:MEMORY_QUERIES])
            sets.append((file, width))
        wanted = json.dumps({"peer": self.key, "path": path, "sets": sets})
        command = [sys.executable, os.path.abspath(sys.argv[0]), "--grow", wanted]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class Hnswlib(Peer):
    key, name = "hnswlib", "hnswlib f32"

    def make(self, base):
        self.index = hnswlib.Index(space="cosine", dim=base.shape[1])
        self.index.init_index(max_elements=len(base), M=DEGREE, ef_construction=BREADTH, random_seed=1)
        self.index.set_num_threads(BUILD_THREADS)
        self.index.add_items(base)

    def save(self, path):
        self.index.save_index(path)

    def load(self, path, dimension):
        self.index = hnswlib.Index(space="cosine", dim=dimension)
        self.index.load_index(path)

    def search(self, queries, width):
        self.index.set_num_threads(1)
        self.index.set_ef(width)
        return self.index.knn_query(queries, k=K)[0].astype(np.int64), None

    def threads(self):
        return self.index.num_threads


class USearch(Peer):
    def __init__(self, dtype):
        self.key, self.name, self.dtype = f"usearch-{dtype}", f"USearch {dtype}", dtype

    def empty(self, dimension):
        return Index(ndim=dimension, metric="cos", dtype=self.dtype, connectivity=DEGREE, expansion_add=BREADTH)

    def make(self, base):
        self.index = self.empty(base.shape[1])
        self.index.add(np.arange(len(base)), base, threads=BUILD_THREADS)

    def save(self, path):
        self.index.save(path)

    def load(self, path, dimension):
        self.index = self.empty(dimension)
        self.index.load(path)

    def search(self, queries, width):
        self.index.expansion_search = width
        found = self.index.search(queries, K, threads=self.threads())
        keys = np.atleast_2d(found.keys)
        ids = np.full((len(queries), K), -1, np.int64)
        ids[:, : keys.shape[1]] = keys.astype(np.int64)
        return ids, found.computed_distances / len(queries)

    def threads(self):
        return 1


class Faiss(Peer):
    def __init__(self, coded):
        self.key, self.name = ("faiss-sq8", "FAISS HNSW-SQ8") if coded else ("faiss-flat", "FAISS HNSW flat")
        self.coded = coded

    def make(self, base):
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

    def save(self, path):
        faiss.write_index(self.index, path)

    def load(self, path, dimension):
        self.index = faiss.read_index(path)

    def search(self, queries, width):
        faiss.omp_set_num_threads(1)
        self.index.hnsw.efSearch = width
        faiss.cvar.hnsw_stats.reset()
        ids = self.index.search(queries, K)[1]
        return ids, faiss.cvar.hnsw_stats.ndis / len(queries)

    def threads(self):
        return faiss.omp_get_max_threads()


PEERS = {peer.key: peer for peer in (
    Hnswlib(), USearch("f32"), USearch("f16"), USearch("i8"), Faiss(coded=False), Faiss(coded=True))}


def grow(wanted):
    """The process of `resident_bytes`: prints the bytes it grew by, from before the index to its peak."""
    sets = [(np.load(file), width) for file, width in wanted["sets"]]
    peer = PEERS[wanted["peer"]]
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


class Causeway:
    """The executable on a database made by it; `directory` has the queries of each modality as NAME.npy."""
    name = "Causeway"

    def __init__(self, directory, sample):
        self.path, self.directory, self.sample = common.program(), directory, sample
        self.key = "causeway" if sample is not None else "causeway-without-captions"
        self.home = os.path.join(directory, "database")

    @property
    def database(self):
        return os.path.join(self.home, "c.db")

    def run(self, *arguments):
        return common.measured([self.path, *arguments])

    def build(self, vectors):
        os.makedirs(self.home)
        ingest = 0
        for modality, rows in (("image", vectors), ("text", self.sample)):
            if rows is None:
                continue
            file = os.path.join(self.directory, "rows.npy")
            np.save(file, rows)
            ingest += self.run("ingest", self.database, "--collection", "c", "--modality", modality, file, "--quiet")[0]
            os.remove(file)
        _, _, out, _ = self.run("index", "build", self.database, "--collection", "c", "--modality", "image", "--threads",
                                str(BUILD_THREADS), "--format", "json", "--quiet")
        report = json.loads(out)[0]
        return {"ingest_seconds": ingest, "build_seconds": report["seconds"], "tuning_seconds": report.get("tuningSeconds"),
                "cross_modal_edges": report["crossModal"]}

    def save(self, path):
        shutil.move(self.home, path)
        self.home = path

    def load(self, path, dimension):
        self.home = path

    def threads(self):
        return 1

    def timing(self, name, width, *extra):
        """The timing line of a search for the queries of a modality; their ids are left in `answers`."""
        queries, self.answers = (os.path.join(self.directory, name + s) for s in (".npy", "-ids.npy"))
        _, _, _, err = self.run(
            "search", self.database, "--collection", "c", "--to", "image", *self.source(name), "--queries", queries,
            "-k", str(K), "--ef", str(width), "--threads", str(self.threads()), "--timing", "--output", self.answers, "--quiet",
            *extra)
        return json.loads([line for line in err.splitlines() if line.startswith("{")][-1])

    def source(self, name):
        """Where the queries come from, where the database knows that modality."""
        return ["--from", name] if name == "image" or self.sample is not None else []

    def ask(self, modality, queries, width):
        told = self.timing(modality, width)
        return told["seconds"], told["processorSeconds"], np.load(self.answers), told["codesCompared"]

    def singly(self, modality, queries, width):
        told = self.timing(modality, width, "--batch", "1")
        return {"p50_ms": told["p50Ms"], "p99_ms": told["p99Ms"], "reranked": told["reranked"],
                "processor": told["queries"] / max(told["processorSeconds"], 1e-9)}

    def opening(self, directory, widths, query_sets):
        sizes = {f: os.path.getsize(os.path.join(self.home, f)) for f in os.listdir(self.home)}
        disk = {"graph": sum(size for f, size in sizes.items() if "-graph-" in f), "database": sizes["c.db"]}
        return {"disk_bytes": disk, "resident_bytes": self.resident_bytes(widths),
                "open_to_answer_ms": self.first_answer_ms(next(iter(query_sets)))}

    def first_answer_ms(self, name):
        """From the start of a process to its end, one query answered from a warm page cache."""
        file = self.first_queries(name, 1)
        call = ["search", self.database, "--collection", "c", "--to", "image", *self.source(name), "--vector", file]
        times = sorted(self.run(*call)[0] for _ in range(7))
        return times[len(times) // 2] * 1000

    def first_queries(self, name, count):
        """A file of the first so many."""
        file = os.path.join(self.directory, f"{name}-{count}.npy")
        np.save(file, np.load(os.path.join(self.directory, name + ".npy"))[:count])
        return file

    def resident_bytes(self, widths):
        """What the index adds to the peak of a process that answers 1,000 queries of each modality, one after the other."""
        queries = {name: self.first_queries(name, MEMORY_QUERIES) for name in widths}
        output, empty = (os.path.join(self.directory, file) for file in ("memory-ids.npy", "one-row.db"))

        def peak(database):
            return max(
                self.run("search", database, "--collection", "c", "--to", "image", "--queries", queries[name], "-k", str(K),
                         "--ef", str(width), "--output", output, "--quiet")[1]
                for name, width in widths.items())

        one = self.first_queries(next(iter(widths)), 1)
        self.run("ingest", empty, "--collection", "c", "--modality", "image", one, "--quiet")
        with_index, without = peak(self.database), peak(empty)
        return with_index - without if without else None


class Shelf:
    """The directory of --keep: CORPUS/ENGINE/index, and about.json beside it when it is whole: of what, by what, how fast."""

    def __init__(self, directory, corpus):
        self.directory = os.path.join(directory, corpus)
        os.makedirs(self.directory, exist_ok=True)
        for file in sorted(os.listdir(directory)):
            if file.endswith(".json"):
                common.tell(f"--keep: {file[:-5]} does not say of which corpus it is: left alone, and not used")

    def built(self, engine, vectors, sample):
        """The figures of building an index of the vectors; those of then, where it is here."""
        folder = os.path.join(self.directory, engine.key)
        index, about = os.path.join(folder, "index"), os.path.join(folder, "about.json")
        if os.path.exists(about):
            with open(about) as file:
                told = json.load(file)
            if told["vectors"] != fingerprint(vectors, sample):
                sys.exit(f"--keep: {engine.key} is of other vectors of the same name: remove it, or give another directory")
            engine.load(index, vectors.shape[1])
            return {**told["figures"], "kept_from": {"commit": told["commit"], "peers": told["peers"]}}
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was interrupted
        os.makedirs(folder)
        figures = engine.build(vectors)
        engine.save(index)
        common.write_json(about, {
            "vectors": fingerprint(vectors, sample), "commit": common.BEFORE["commit"], "peers": common.BEFORE["peers"],
            "figures": figures})
        return figures


def fingerprint(vectors, sample):
    """The shape and a digest of a thousand rows; of what a build sees besides, too."""
    rows = [matrix[:: max(len(matrix) // 1000, 1)] for matrix in (vectors, sample) if matrix is not None]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(some).tobytes() for some in rows)).hexdigest()
    return {"rows": len(vectors), "dimension": vectors.shape[1], "sha256": digest}
