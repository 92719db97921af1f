"""Searches that re-rank 1,000 stored candidates by each metric on vectors, beside reading and decompressing the same rows.

    python3 Benchmarks/rerank.py [--rows 20000] [--dimension 768] [--rounds 15]
    python3 Benchmarks/rerank.py --tiny      # seconds, no result file

Measured by Benchmarks/Rerank, which says how; one process, one thread. `exactStageMs` is the stage of a search that reads and
compares its candidates, as `search --explain` tells it; `searchMs` the whole search; `readingMs` the rows alone.
"""
import argparse
import json

import common


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.rows, arguments.dimension, arguments.rounds = 3_000, 64, 2
    common.begin()
    command = [common.program("rerank-benchmark"), *map(str, (arguments.rows, arguments.dimension, arguments.rounds))]
    results = json.loads(common.measured(command)[2])
    print("| metric | search ms | exact stage ms | reading alone ms | over reading | vectors read |")
    print("|---|" + "---:|" * 5)
    for name, metric in results.items():
        if isinstance(metric, dict):
            print("| {} | {searchMs:.2f} | {exactStageMs:.2f} | {readingMs:.2f} | {overReading:.2f} | {vectorsRead} |".format(
                name, **metric))
    if not arguments.tiny:
        common.save(f"rerank-1000x{arguments.dimension}", results)


if __name__ == "__main__":
    main()
