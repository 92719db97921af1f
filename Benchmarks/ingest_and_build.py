"""Ingest, index build and first answer at scale, beside sqlite-vec's insert and hnswlib's build in the same run.

    python3 Benchmarks/ingest_and_build.py [--rows 1000000] [--dimension 384] [--directory DIR]

Both databases write 1000-row transactions, WAL, synchronous FULL. hnswlib builds with M 16, breadth 200, 2 threads.
Needs a Python whose sqlite3 loads extensions, as Debian's does.
"""
import argparse
import json
import os
import sqlite3
import sys
import tempfile
import time

import common

common.begin("numpy", "sqlite_vec", "hnswlib")
import hnswlib  # noqa: E402
import numpy as np  # noqa: E402
import sqlite_vec  # noqa: E402


def sqlite_vec_rate(vectors, path):
    """Rows per second of sqlite-vec's own table, 1000 rows a transaction."""
    db = sqlite3.connect(path, isolation_level=None)
    db.enable_load_extension(True)
    sqlite_vec.load(db)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(f"CREATE VIRTUAL TABLE v USING vec0(embedding float[{vectors.shape[1]}])")
    blobs = [(i, row.tobytes()) for i, row in enumerate(np.ascontiguousarray(vectors))]
    start = time.perf_counter()
    for first in range(0, len(blobs), 1000):
        db.execute("BEGIN")
        db.executemany("INSERT INTO v(rowid, embedding) VALUES (?, ?)", blobs[first : first + 1000])
        db.execute("COMMIT")
    seconds = time.perf_counter() - start
    db.close()
    return len(blobs) / seconds


def first_answer_ms(causeway, database, query, repeats=7):
    """Milliseconds from process start to its end with one answer printed; page cache warm; the median."""
    times = []
    for _ in range(repeats):
        seconds, _, out, _ = common.measured(
            [causeway, "search", database, "--collection", "c", "--to", "v", "--vector", query, "-k", "10",
             "--format", "json"])
        times.append(seconds * 1000)
    return sorted(times)[len(times) // 2]


def hnswlib_build_minutes(vectors):
    rows, dimension = vectors.shape
    index = hnswlib.Index(space="cosine", dim=dimension)
    index.init_index(max_elements=rows, M=16, ef_construction=200, random_seed=1)
    start = time.perf_counter()
    for first in range(0, rows, 50_000):
        last = min(first + 50_000, rows)
        index.add_items(np.array(vectors[first:last]), np.arange(first, last), num_threads=2)
    return (time.perf_counter() - start) / 60


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--peer-rows", type=int, default=100_000, help="rows of the sqlite-vec table")
    parser.add_argument("--without-hnswlib", action="store_true")
    parser.add_argument("--directory")
    arguments = parser.parse_args()
    causeway = common.program()
    results = {"rows": arguments.rows, "dimension": arguments.dimension}
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        data = os.path.join(directory, "vectors.npy")
        database = os.path.join(directory, "c.db")
        common.clustered(data, arguments.rows, arguments.dimension)
        vectors = np.load(data, mmap_mode="r")

        results["sqlite_vec_rows_per_second"] = []
        peer = np.array(vectors[: arguments.peer_rows])
        results["sqlite_vec_rows_per_second"].append(sqlite_vec_rate(peer, os.path.join(directory, "a.db")))
        seconds, peak, _, _ = common.measured(
            [causeway, "ingest", database, "--collection", "c", "--modality", "v", data, "--batch", "1000", "--quiet"])
        results["sqlite_vec_rows_per_second"].append(sqlite_vec_rate(peer, os.path.join(directory, "b.db")))
        results["ingest_rows_per_second"] = arguments.rows / seconds
        results["ingest_peak_bytes"] = peak
        results["database_bytes_per_vector"] = os.path.getsize(database) / arguments.rows

        seconds, peak, out, _ = common.measured([causeway, "index", "build", database, "--format", "json", "--quiet"])
        results["build_minutes"] = json.loads(out)[0]["seconds"] / 60
        results["build_minutes_with_tuning"] = seconds / 60
        results["build_peak_bytes"] = peak
        graphs = [f for f in os.listdir(directory) if "-graph-" in f]
        results["graph_bytes_per_vector"] = sum(os.path.getsize(os.path.join(directory, f)) for f in graphs) / arguments.rows
        _, _, out, _ = common.measured([causeway, "index", "status", database, "--format", "json"])
        results["index_state"] = json.loads(out)[0]["state"]

        query = os.path.join(directory, "q.npy")
        np.save(query, np.array(vectors[:1]))
        results["first_answer_ms"] = first_answer_ms(causeway, database, query)
        results["empty_process_ms"] = min(common.measured([causeway, "--version"])[0] for _ in range(7)) * 1000
        results["ingest_over_sqlite_vec"] = results["ingest_rows_per_second"] / max(results["sqlite_vec_rows_per_second"])
        print(json.dumps(results, indent=1), flush=True)
        if not arguments.without_hnswlib:  # last, because it takes longest
            results["hnswlib_build_minutes"] = hnswlib_build_minutes(vectors)
    common.save(f"ingest-and-build-{arguments.rows}x{arguments.dimension}", results)


if __name__ == "__main__":
    main()
