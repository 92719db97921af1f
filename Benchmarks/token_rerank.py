"""Exact transport over stored token sets: top 10 of 1000 candidates, 16 query tokens against 50, d = 512, one thread.

A search reads the 8-bit codes of all candidates and in full only the token sets that they do not rule out. Beside it, in one run:
the time that reading and decoding all those token sets takes (the `read` stage of a search by a metric that has no bound by
codes), and a loop of NumPy and POT over the same candidates with all arrays in memory already. The answers are compared too.

Needs numpy and POT. Run from the package root:  python3 Benchmarks/token_rerank.py [queries] [stored token sets]
"""
import json
import os
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
from common import begin, measured, program, save

begin("numpy", "ot")
import numpy as np  # noqa: E402
import ot  # noqa: E402

DIMENSION, QUERY_TOKENS, TOKENS, CANDIDATES, K = 512, 16, 50, 1000, 10


def sets(rng, topics, count, tokens):
    """Sets of unit tokens round two topics each, with noise of their own."""
    out = np.empty((count, tokens, DIMENSION), np.float32)
    for index in range(count):
        chosen = topics[rng.integers(len(topics), size=2)]
        block = chosen[rng.integers(2, size=tokens)] + 1.0 * rng.standard_normal((tokens, DIMENSION), np.float32)
        out[index] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return out


def write(directory, name, tokens):
    paths = [os.path.join(directory, f"{name}-{part}.npy") for part in ("vectors", "tokens", "offsets")]
    np.save(paths[0], tokens.mean(axis=1))
    np.save(paths[1], tokens.reshape(-1, DIMENSION))
    np.save(paths[2], np.arange(len(tokens) + 1, dtype=np.int64) * tokens.shape[1])
    return paths


def pot_loop(query, documents, ids):
    """What a program without a database does: cost matrices by a matrix product, then emd2, for each candidate."""
    start, busy = time.perf_counter(), time.process_time()
    a, b = np.full(len(query), 1 / len(query)), np.full(TOKENS, 1 / TOKENS)
    values = []
    for number in ids:
        document = documents[number]
        square = (query * query).sum(1)[:, None] + (document * document).sum(1)[None] - 2 * query @ document.T
        values.append(ot.emd2(a, b, np.sqrt(np.maximum(square, 0)).astype(np.float64)))
    order = sorted(zip(values, ids))[:K]
    return time.perf_counter() - start, time.process_time() - busy, order


def timing_of(errors):
    return json.loads([line for line in errors.splitlines() if line.startswith("{")][-1])


def stages_of(output):
    answers = [json.loads(line) for line in output.splitlines()]
    return {key: np.array([a["explain"]["time"].get(key, 0) for a in answers])
            for key in ("candidatesMs", "readMs", "rerankMs", "lookupMs")}


def main():
    queries_count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    stored = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    rng = np.random.default_rng(4)
    topics = rng.standard_normal((60, DIMENSION), np.float32)
    documents, queries = sets(rng, topics, stored, TOKENS), sets(rng, topics, queries_count, QUERY_TOKENS)
    causeway = program()
    with tempfile.TemporaryDirectory() as directory:
        database = os.path.join(directory, "tokens.db")
        vectors, tokens, offsets = write(directory, "documents", documents)
        ingest, _, _, _ = measured([
            causeway, "ingest", database, "-c", "c", "-m", "document", vectors, "--tokens", tokens,
            "--token-offsets", offsets])
        vectors, tokens, offsets = write(directory, "queries", queries)
        search = [
            causeway, "search", database, "-c", "c", "--to", "document", "--queries", vectors, "--query-tokens", tokens,
            "--query-token-offsets", offsets, "--metric", "wasserstein", "-k", str(K), "--candidates", str(CANDIDATES),
            "--explain", "--timing", "--format", "jsonl"]
        measured(search)  # the pages are in memory afterwards, as the arrays of the loop are
        everything = ["sliced-wasserstein:directions=1" if part == "wasserstein" else part for part in search]
        measured(everything)
        read_all = stages_of(measured(everything)[2])["readMs"]
        _, peak, out, errors = measured(search)
        single = timing_of(measured(search + ["--batch", "1"])[3])
        size = os.path.getsize(database)
    answers = [json.loads(line) for line in out.splitlines()]
    timing = timing_of(errors)
    stages = stages_of(out)
    compare = stages["readMs"] + stages["rerankMs"]
    work = {key: sum(a["explain"][key] for a in answers) for key in ("solved", "abandoned", "pruned")}

    loops, loops_busy, same = [], [], 0
    pooled = documents.mean(axis=1)
    unit = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    for query, answer in zip(queries, answers):
        ids = np.argsort(-(unit @ query.mean(axis=0)), kind="stable")[:CANDIDATES].tolist()
        seconds, busy, order = pot_loop(query, documents, ids)
        loops.append(seconds * 1000)
        loops_busy.append(busy * 1000)
        found = [(hit["distance"], int(hit["id"])) for hit in answer["results"]]
        close = all(abs(f[0] - o[0]) < 1e-5 for f, o in zip(found, order))
        same += close and len(found) == len(order)
    figures = {
        "storedTokenSets": stored, "queries": queries_count, "candidates": CANDIDATES, "k": K,
        "tokens": [QUERY_TOKENS, TOKENS], "dimension": DIMENSION, "databaseBytes": size,
        "ingestSeconds": round(ingest, 2), "peakResidentBytes": peak, "queriesPerSecond": timing["queriesPerSecond"],
        "medianMs": {key: round(float(np.median(value)), 2) for key, value in stages.items()},
        "medianReadAndCompareMs": round(float(np.median(compare)), 2),
        "processorMsPerQuery": round(timing["processorSeconds"] * 1000 / queries_count, 2),
        "medianMsPerSearch": round(single["p50Ms"], 2),
        "medianReadAndDecodeAllMs": round(float(np.median(read_all)), 2),
        "readAndCompareOverReadAlone": round(float(np.median(compare) / np.median(read_all)), 2),
        "medianTokenSetsReadInFull": float(np.median([a["explain"]["reranked"] for a in answers])),
        "databaseBytesPerToken": round(size / (stored * TOKENS), 1),
        "numpyAndPotLoopMs": round(float(np.median(loops)), 1),
        "numpyAndPotLoopProcessorMs": round(float(np.median(loops_busy)), 1),
        "timesFasterThanNumpyAndPotByProcessorTime": round(
            float(np.median(loops_busy)) / (timing["processorSeconds"] * 1000 / queries_count), 1),
        "timesFasterThanNumpyAndPot": round(float(np.median(loops) / np.median(compare)), 1),
        "neverSolvedShare": round(1 - (work["solved"] + work["abandoned"]) / sum(work.values()), 4),
        "work": work, "answersThatAgreeWithPot": f"{same} of {queries_count}",
    }
    print(json.dumps(figures, indent=1))
    save("token_rerank", figures)
    if same < queries_count:
        sys.exit("answers differ from POT's")


if __name__ == "__main__":
    main()
