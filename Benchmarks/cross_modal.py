#!/usr/bin/env python3
"""Cross-modal work on 10,000 pairs of 512 dimensions: evaluate under five metrics, gap, and contrastive training of a linear
head; seconds and peak memory of each command, and the same evaluation by NumPy and SciPy beside it.

    python3 Benchmarks/cross_modal.py [--tiny]

--tiny takes 400 pairs of 32 dimensions and keeps no record."""
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True

from common import BEFORE, begin, measured, program, save  # noqa: E402

METRICS = ["cosine", "dot", "euclidean", "manhattan", "chi-square"]
COLLECTION = "pairs"

PEER = '''
import json, sys, time
import numpy as np
from scipy.spatial.distance import cdist
x, y = (np.load(path) for path in sys.argv[1:3])
start, found = time.perf_counter(), {}
d = lambda m: m.astype(np.float64)
for metric in sys.argv[3:]:
    ranks = []
    for first in range(0, len(x), 500):
        q = x[first:first + 500]
        if metric in ("cosine", "dot"):
            s = d(q) @ d(y).T
            if metric == "cosine":
                s /= np.linalg.norm(d(q), axis=1)[:, None] * np.linalg.norm(d(y), axis=1)[None, :]
        elif metric == "chi-square":  # SciPy has none with |x| + |y| below; row by row keeps its temporaries in the cache
            s = np.empty((len(q), len(y)))
            size = np.abs(y)
            for i, row in enumerate(q):
                for j in range(0, len(y), 256):
                    gap = y[j:j + 256] - row
                    s[i, j:j + 256] = -(gap * gap / (size[j:j + 256] + np.abs(row))).sum(1, dtype=np.float64)
        else:
            s = -cdist(q, y, {"euclidean": "euclidean", "manhattan": "cityblock"}[metric])
        own = s[np.arange(len(q)), first + np.arange(len(q))]
        ranks.append(1 + (s > own[:, None]).sum(1))
    ranks = np.concatenate(ranks)
    found[metric] = {"recall@10": float((ranks <= 10).mean()), "mrr": float((1 / ranks).mean())}
print(json.dumps({"seconds": time.perf_counter() - start, "metrics": found}))
'''


def pairs(folder, count, dimension):
    """Two noisy linear views of one meaning, the second shifted: a gap, and something to learn."""
    import numpy as np

    random = np.random.default_rng(1)
    meaning = random.normal(size=(count, dimension // 8))
    paths = []
    for name, shift in (("image", 0), ("text", 2)):
        rows = meaning @ random.normal(size=(dimension // 8, dimension)) + 6 * random.normal(size=(count, dimension)) + shift
        paths.append(os.path.join(folder, name + ".npy"))
        np.save(paths[-1], rows.astype(np.float32))
    return paths


def main():
    is_tiny = "--tiny" in sys.argv[1:]
    begin("numpy", "scipy")
    causeway = program()
    count, dimension = (400, 32) if is_tiny else (10_000, 512)
    results = []

    def note(what, who, seconds, peak, **more):
        results.append({"what": what, "who": who, "seconds": round(seconds, 2), "peakMB": round(peak / 2**20), **more})
        print(f"| {what} | {who} | {seconds:.1f} | {peak / 2**20:.0f} |", flush=True)

    print(f"{count} pairs of {dimension} dimensions, load before: {BEFORE['loadBefore']:.2f}\n")
    print("| what | who | seconds | peak MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        image, text = pairs(folder, count, dimension)
        database = os.path.join(folder, "pairs.db")
        for modality, path in (("image", image), ("text", text)):
            measured([causeway, "ingest", database, "--collection", COLLECTION, "--modality", modality, path, "--quiet"])

        def run(what, *words):
            seconds, peak, output, _ = measured(
                [causeway, *words[:1 if words[0] != "align" else 2], database, "--collection", COLLECTION,
                 *words[1 if words[0] != "align" else 2:], "--quiet", "--format", "json"])
            return json.loads(output), lambda **more: note(what, "Causeway", seconds, peak, **more)

        between = ["--from", "text", "--to", "image"]
        found, tell = run("evaluate, five metrics", "evaluate", *between, "--metrics", ",".join(METRICS))
        ours = {row["metric"]: row for row in found["metrics"]}
        tell(recallAt10={metric: ours[metric]["recall@10"] for metric in METRICS})
        seconds, peak, output, _ = measured([sys.executable, "-c", PEER, text, image, *METRICS])
        peer = json.loads(output)
        note("evaluate, five metrics", "NumPy and SciPy", peer["seconds"], peak)
        worst = max(abs(ours[m][k] - peer["metrics"][m][k]) for m in METRICS for k in ("recall@10", "mrr"))
        print(f"\nlargest difference of recall@10 and MRR: {worst:.1g}\n", flush=True)
        # float32 sums of the peer's chi-square may tip a near-tie.
        assert worst < 2e-3, "the figures differ"
        _, tell = run("gap", "gap", "--between", "image", "text")
        tell()
        model, tell = run(
            "align train, contrastive, linear head", "align", "train", *between, "--method", "contrastive", "--name", "c")
        held = model["heldOut"][0]
        tell(heldOutRecallAt10=held["learned"]["recall@10"], cosineRecallAt10=held["cosine"]["recall@10"],
             epochs=model["settings"]["epochs"])
    if not is_tiny:
        save("cross-modal-10000x512",
             {"pairs": count, "dimension": dimension, "differenceFromPeer": worst, "measured": results})


main()
