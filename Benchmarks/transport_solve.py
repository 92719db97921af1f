"""Exact transport between two token sets, a problem at a time: microseconds beside POT, SciPy and NumPy. One thread, d = 512.

In interleaved rounds over the same generated pairs, eight candidates a query: this package's solver with the cost matrix (from a
candidate's float32 tokens to the optimum) and alone; POT's core alone (`ot.lp.emd_c` on a ready float64 matrix), `ot.emd2` on a
ready matrix and with a NumPy cost matrix before it; SciPy's `linear_sum_assignment` where both sets have equally many tokens (a
specialised problem: equal masses only); NumPy's cost matrix alone. The least of the rounds on every side, as a busy neighbour
only ever adds time; the optima are compared too.

Needs numpy, scipy and POT. Run from the package root:  python3 Benchmarks/transport_solve.py [rounds | --tiny]
"""
import json
import os
import subprocess
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
from common import BEFORE, begin, program, save

begin("numpy", "ot", "scipy")
import numpy as np  # noqa: E402
import ot  # noqa: E402
from ot.lp.emd_wrap import emd_c  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402

SIZES = [(16, 16), (32, 32), (64, 64), (77, 50), (128, 128), (256, 256)]
DIMENSION, ITERATIONS_MAX = 512, 10_000_000
CANDIDATES = 8  # of each query


def sets(rng, topics, count, tokens):
    """Sets of unit tokens round two topics each, with noise of their own: what encoders of tokens give, roughly."""
    out = np.empty((count, tokens, topics.shape[1]), np.float32)
    for index in range(count):
        chosen = topics[rng.integers(len(topics), size=2)]
        block = chosen[rng.integers(2, size=tokens)] + 1.0 * rng.standard_normal((tokens, topics.shape[1]), np.float32)
        out[index] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return out


def numpy_costs(x, y):
    square = (x * x).sum(1)[:, None] + (y * y).sum(1)[None] - 2 * x @ y.T
    return np.sqrt(np.maximum(square, 0)).astype(np.float64)


class Pairs:
    """The pairs of one size, and what each peer does with all of them."""

    def __init__(self, rng, topics, rows, columns, count, directory):
        self.rows, self.columns = rows, columns
        queries, self.y = sets(rng, topics, max(1, count // CANDIDATES), rows), sets(rng, topics, count, columns)
        self.x = np.repeat(queries, count // len(queries), axis=0)
        self.a, self.b = np.full(rows, 1 / rows), np.full(columns, 1 / columns)
        self.costs = [numpy_costs(x, y) for x, y in zip(self.x, self.y)]
        paths = [os.path.join(directory, f"{side}-{rows}x{columns}.npy") for side in ("x", "y")]
        for path, tokens in zip(paths, (queries, self.y)):
            np.save(path, tokens.reshape(-1, tokens.shape[2]))
        self.line = f"{paths[0]} {paths[1]} {rows} {columns}\n"
        self.spent = {}

    def peers(self):
        def each(function):
            return lambda: [function(x, y, costs) for x, y, costs in zip(self.x, self.y, self.costs)]

        a, b = self.a, self.b
        named = {
            "potCore": each(lambda x, y, costs: emd_c(a, b, costs, ITERATIONS_MAX, 1)),
            "potEmd2": each(lambda x, y, costs: ot.emd2(a, b, costs, numItermax=ITERATIONS_MAX)),
            "numpyCostsAndPotEmd2": each(lambda x, y, costs: ot.emd2(a, b, numpy_costs(x, y), numItermax=ITERATIONS_MAX)),
            "numpyCosts": each(lambda x, y, costs: numpy_costs(x, y)),
        }
        if self.rows == self.columns:
            named["scipyAssignment"] = each(lambda x, y, costs: linear_sum_assignment(costs))
        return named

    def note(self, name, microseconds):
        self.spent.setdefault(name, []).append(microseconds)

    def measure(self):
        for name, run in self.peers().items():
            run()  # as ours does: what is measured has its data and its code in the caches
            start = time.perf_counter()
            run()
            self.note(name, (time.perf_counter() - start) * 1e6 / len(self.x))

    def optima(self):
        exact = [numpy_costs(x.astype(float), y.astype(float)) for x, y in zip(self.x, self.y)]
        return [ot.emd2(self.a, self.b, costs, numItermax=ITERATIONS_MAX) for costs in exact]

    def figures(self):
        micros = {name: min(values) for name, values in self.spent.items()}
        times = lambda peer, ours: round(micros[peer] / micros[ours], 2)
        return {
            "microseconds": {name: round(value, 2) for name, value in micros.items()},
            "potCoreAloneOverOursWithCosts": times("potCore", "oursWithCosts"),
            "potCoreAloneOverOurSolverAlone": times("potCore", "oursSolver"),
            "numpyAndPotOverOursWithCosts": times("numpyCostsAndPotEmd2", "oursWithCosts"),
            "numpyCostsOverOurs": times("numpyCosts", "oursCosts"),
            **({"scipyAssignmentOverOurSolverAlone": times("scipyAssignment", "oursSolver")}
               if "scipyAssignment" in micros else {}),
        }


def main():
    tiny = "--tiny" in sys.argv
    rounds = 2 if tiny else int(sys.argv[1]) if len(sys.argv) > 1 else 25
    dimension = 32 if tiny else DIMENSION
    rng = np.random.default_rng(5)
    topics = rng.standard_normal((60, dimension), np.float32)
    ours = subprocess.Popen([program("transport-benchmark")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    worst = 0.0
    with tempfile.TemporaryDirectory() as directory:
        sizes = [(5, 5), (9, 4)] if tiny else SIZES
        groups = [Pairs(rng, topics, m, n, 4 if tiny else max(8, 512 // max(m, n) // 8 * 8), directory) for m, n in sizes]
        for number in range(rounds + 1):
            for pairs in groups:
                ours.stdin.write(pairs.line)
                ours.stdin.flush()
                answer = json.loads(ours.stdout.readline())
                if number == 0:  # the first round warms up and compares the optima
                    expected = np.array(pairs.optima())
                    worst = max(worst, float((np.abs(np.array(answer["values"]) - expected) / np.maximum(1, expected)).max()))
                    continue
                for name, part in (("oursWithCosts", "total"), ("oursCosts", "costs"), ("oursSolver", "solver")):
                    pairs.note(name, answer[part])
                pairs.measure()
        ours.stdin.close()
        ours.wait()
    figures = {f"{pairs.rows}x{pairs.columns}": pairs.figures() for pairs in groups}
    for size, figure in figures.items():
        micros = figure["microseconds"]
        print(f"{size:8} ours {micros['oursWithCosts']:8.1f} (costs {micros['oursCosts']:.1f}, solver {micros['oursSolver']:.1f})"
              f"  POT core {micros['potCore']:8.1f}  SciPy {micros.get('scipyAssignment', float('nan')):8.1f}"
              f"  NumPy costs {micros['numpyCosts']:7.1f}  with NumPy costs emd2 {micros['numpyCostsAndPotEmd2']:8.1f}"
              f"  core/ours {figure['potCoreAloneOverOursWithCosts']:.1f}, solver alone"
              f" {figure['potCoreAloneOverOurSolverAlone']:.1f}")
    print(f"load before: {BEFORE['loadBefore']:.2f}; least of {rounds} interleaved rounds")
    print(f"largest difference from POT's float64 optimum: {worst:.1e}")
    if worst > 2e-6:
        sys.exit("optima differ from POT's")
    if tiny:
        return
    save("transport_solve", {
        "dimension": DIMENSION, "groundCost": "euclidean", "statistic": f"least of {rounds} interleaved rounds",
        "largestDifferenceFromPot": worst, "sizes": figures})


if __name__ == "__main__":
    main()
