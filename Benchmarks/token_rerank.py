"""Exact transport over stored token sets: top 10 of 1000 candidates, 16 query tokens against 50, d = 512, one thread.

A search reads the 8-bit codes of all candidates and in full only the token sets that they do not rule out. Beside it, in one run:
the time that reading and decoding all those token sets takes (the `read` stage of a search by a metric that has no bound by
codes), and a loop of NumPy and POT over the same candidates with all arrays in memory already. The answers are compared too.

Queries are asked one at a time, and then as a batch that shares one pass over the token sets its queries have in common (here six
queries a set). Of each the stage that reads and compares the candidates is set beside that loop; and a whole search, one query at
a time, beside the choice of the candidates by NumPy and then the loop. The least of the interleaved rounds for every query on all
sides, as a busy neighbour only ever adds time; then the median over the queries.

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
ROUNDS = 3
STAGES = ("candidatesMs", "readMs", "rerankMs", "lookupMs")


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
    a, b = np.full(len(query), 1 / len(query)), np.full(TOKENS, 1 / TOKENS)
    values = []
    for number in ids:
        document = documents[number]
        square = (query * query).sum(1)[:, None] + (document * document).sum(1)[None] - 2 * query @ document.T
        values.append(ot.emd2(a, b, np.sqrt(np.maximum(square, 0)).astype(np.float64)))
    return sorted(zip(values, ids))[:K]


def pot_search(query, documents, pooled):
    """(milliseconds of the loop, its processor milliseconds, milliseconds with the choice of candidates, the answer)."""
    start = time.perf_counter()
    ids = np.argsort(-(pooled @ query.mean(axis=0)), kind="stable")[:CANDIDATES].tolist()
    chosen, busy = time.perf_counter(), time.process_time()
    order = pot_loop(query, documents, ids)
    end = time.perf_counter()
    return (end - chosen) * 1000, (time.process_time() - busy) * 1000, (end - start) * 1000, order


def timing_of(errors):
    return json.loads([line for line in errors.splitlines() if line.startswith("{")][-1])


def answers_of(output):
    return [json.loads(line) for line in output.splitlines()]


def stages_of(answers):
    """By stage, the milliseconds of each query."""
    return {key: np.array([a["explain"]["time"].get(key, 0) for a in answers]) for key in STAGES}


def agree(answer, order):
    found = [(hit["distance"], int(hit["id"])) for hit in answer["results"]]
    return len(found) == len(order) and all(abs(f[0] - o[0]) < 1e-5 for f, o in zip(found, order))


def main():
    queries_count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    stored = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    rng = np.random.default_rng(4)
    topics = rng.standard_normal((60, DIMENSION), np.float32)
    documents, queries = sets(rng, topics, stored, TOKENS), sets(rng, topics, queries_count, QUERY_TOKENS)
    pooled = documents.mean(axis=1)
    pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
    causeway, best = program(), {}

    def note(**spent):
        for name, value in spent.items():
            best[name] = np.minimum(best.get(name, np.inf), value)

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
        everything = ["sliced-wasserstein:directions=1" if part == "wasserstein" else part for part in search]
        one = ["--batch", "1"]
        for command in (search + one, everything + one, search):
            measured(command)  # the pages are in memory afterwards, as the arrays of the loop are
        for _ in range(ROUNDS):
            note(all=stages_of(answers_of(measured(everything + one)[2]))["readMs"])
            _, _, out, errors = measured(search + one)
            alone = stages_of(answers_of(out))
            note(**{"one" + name: value for name, value in alone.items()}, compare=alone["readMs"] + alone["rerankMs"],
                 single=timing_of(errors)["p50Ms"])
            _, peak, out, errors = measured(search)
            answers, timing = answers_of(out), timing_of(errors)
            together = stages_of(answers)
            note(**{"batch" + name: value for name, value in together.items()},
                 together=together["readMs"] + together["rerankMs"], batch=timing["seconds"] / queries_count,
                 processor=timing["processorSeconds"] * 1000 / queries_count)
            loops = [pot_search(query, documents, pooled) for query in queries]
            note(loop=[one[0] for one in loops], loopProcessor=[one[1] for one in loops], whole=[one[2] for one in loops])
        size = os.path.getsize(database)
    same = sum(agree(answer, one[3]) for answer, one in zip(answers, loops))
    work = {key: sum(a["explain"][key] for a in answers) for key in ("solved", "abandoned", "pruned")}
    median = {name: float(np.median(value)) for name, value in best.items()}
    figures = {
        "storedTokenSets": stored, "queries": queries_count, "candidates": CANDIDATES, "k": K,
        "tokens": [QUERY_TOKENS, TOKENS], "dimension": DIMENSION, "databaseBytes": size,
        "statistic": f"median over the queries of the least of {ROUNDS} interleaved rounds",
        "ingestSeconds": round(ingest, 2), "peakResidentBytes": peak,
        "databaseBytesPerToken": round(size / (stored * TOKENS), 1),
        "medianTokenSetsReadInFull": float(np.median([a["explain"]["reranked"] for a in answers])),
        "numpyAndPotLoopMs": round(median["loop"], 1),
        "numpyAndPotLoopProcessorMs": round(median["loopProcessor"], 1),
        "numpyAndPotEndToEndMs": round(median["whole"], 1),
        "oneQueryAtATime": {
            "medianMs": {key: round(median["one" + key], 2) for key in STAGES},
            "medianReadAndCompareMs": round(median["compare"], 2),
            "medianReadAndDecodeAllMs": round(median["all"], 2),
            "readAndCompareOverReadAlone": round(median["compare"] / median["all"], 2),
            "timesFasterThanNumpyAndPot": round(median["loop"] / median["compare"], 1),
            "medianMsPerSearch": round(median["single"], 2),
            "timesFasterEndToEnd": round(median["whole"] / median["single"], 1),
        },
        "batchOfAllQueries": {
            "medianMs": {key: round(median["batch" + key], 2) for key in STAGES},
            "medianReadAndCompareMs": round(median["together"], 2),
            "timesFasterThanNumpyAndPot": round(median["loop"] / median["together"], 1),
            "queriesPerSecond": round(1 / median["batch"], 1),
            "processorMsPerQuery": round(median["processor"], 2),
            "timesFasterByProcessorTime": round(median["loopProcessor"] / median["processor"], 1),
        },
        "neverSolvedShare": round(1 - (work["solved"] + work["abandoned"]) / sum(work.values()), 4),
        "work": work, "answersThatAgreeWithPot": f"{same} of {queries_count}",
    }
    print(json.dumps(figures, indent=1))
    save("token_rerank", figures)
    if same < queries_count:
        sys.exit("answers differ from POT's")


if __name__ == "__main__":
    main()
