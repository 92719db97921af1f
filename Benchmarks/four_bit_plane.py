"""Would four bits do for the walk? 8-bit codes against their upper halves, on a graph that `index build` made.

    python3 Benchmarks/four_bit_plane.py [--rows 100000] [--dimension 512] [--queries 2000]

The upper halves of all codes lie in a plane of their own, half the bytes; the walk scores them, and the pool is scored again
by whole codes before the exact stage. Times are the walk's alone, one thread, best of three rounds. Needs clang and AVX-512 VNNI.

What came out, and why it stays a measurement: recall is the same at every width and the walk takes 10 to 24 % less time. The
walk is about half of a search that ends with stored vectors, so end to end it is 5 to 12 %. For that every kernel would be
there twice, a code would lie in two places to verify and to put together again for certified bounds, scans and tuning, and
the graph in the making would have codes of another form than the file. Look again where codes no longer fit into memory.
"""
import argparse
import glob
import json
import os
import subprocess
import tempfile

import common

common.require("numpy")
import numpy as np  # noqa: E402

import corpora  # noqa: E402


def compiled(directory):
    program, kernels = os.path.join(directory, "four-bit-plane"), os.path.join(common.ROOT, "Sources", "CKernels")
    sources = sorted(glob.glob(os.path.join(kernels, "ck_codes*.c"))) + [os.path.join(kernels, "ck_cpu.c")]
    subprocess.run(
        ["clang", "-O3", "-march=native", "-I", os.path.join(kernels, "include"),
         os.path.join(common.ROOT, "Benchmarks", "four_bit_plane.c"), *sources, "-lm", "-o", program], check=True)
    return program


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--queries", type=int, default=2000)
    arguments = parser.parse_args()
    name, base, _, query_sets = corpora.generated(arguments.rows, arguments.dimension, arguments.queries)
    results = {"corpus": name, "queries": arguments.queries}
    with tempfile.TemporaryDirectory() as directory:
        program = compiled(directory)
        place = lambda file: os.path.join(directory, file)  # noqa: E731
        np.save(place("base.npy"), base)
        for call in (["ingest", place("c.db"), "--collection", "c", "--modality", "image", place("base.npy"), "--quiet"],
                     ["index", "build", place("c.db"), "--collection", "c", "--modality", "image", "--quiet"]):
            common.measured([common.causeway_path(), *call])
        graph = glob.glob(place("c.db-graph-*"))[0]
        for modality, queries in query_sets.items():
            np.save(place("queries.npy"), queries.astype(np.float32))
            np.save(place("truth.npy"), corpora.truth(base, queries)[1])
            call = [program, graph, place("base.npy"), place("queries.npy"), place("truth.npy")]
            out = subprocess.run(call, check=True, capture_output=True, text=True).stdout
            results[modality] = [json.loads(line) for line in out.splitlines()]
    for modality in query_sets:
        print(f"\n{name}, {modality} → image\n\n| width | recall, 8 · 4 bits | codes | µs, 8 · 4 bits | 4 over 8 |")
        print("|---:|---|---:|---|---:|")
        for eight, four in zip(results[modality][::2], results[modality][1::2]):
            times = eight["microseconds"], four["microseconds"]
            print(f"| {eight['width']} | {eight['recall']:.4f} · {four['recall']:.4f} | {eight['codes']:.0f} | "
                  f"{times[0]:.1f} · {times[1]:.1f} | {times[1] / times[0]:.2f} |")
    common.save(f"four-bit-plane-{arguments.rows}x{arguments.dimension}",
                f"python3 Benchmarks/four_bit_plane.py --rows {arguments.rows} --dimension {arguments.dimension}", results)


if __name__ == "__main__":
    main()
