"""Compares the exact transport solver with POT on random problems: sizes 1-128, three ground costs, four weightings, tokens
round the origin and far from it.

    python3 Benchmarks/transport_check.py [problems per ground cost]      # from the package root

2,000 when left out; fewer leave no result file. The problems are solved by TransportComparisonTests, in a release build of the
tests (SWIFT_TEST_ARGUMENTS adds arguments to `swift test`, such as --skip-build). Fails when a float64 value is further than 1e-9
from POT's, or a float32 one further than 2e-6, relative to max(1, value).
"""
import os
import subprocess
import sys
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"
import common

common.begin("numpy", "ot")
import numpy as np  # noqa: E402
import ot  # noqa: E402

ENOUGH = 2_000  # problems per ground cost that make a result
LIMITS = {"float64": 1e-9, "float32": 2e-6}
GROUNDS = ["cosine", "euclidean", "sqeuclidean"]
OFFSETS = [0, 0, 0, 3, 5, 7]  # of all coordinates: mean cosines of 0, 0.9, 0.96 and 0.98
WEIGHTINGS = ["equal", "whole numbers", "fractions", "1e-12 to 1"]


def weights(rng, count, kind):
    if kind == 0:
        return np.ones(count)
    if kind == 1:
        return rng.integers(1, 30, count).astype(float)
    if kind == 2:
        return rng.random(count) + 1e-3
    return 10.0 ** rng.uniform(-12, 0, count)


def problems(count, seed):
    rng = np.random.default_rng(seed)
    for ground in range(len(GROUNDS)):
        for index in range(count):
            m, n = (int(np.exp(rng.uniform(0, np.log(128.99)))) for _ in range(2))
            d = int(rng.choice([1, 2, 3, 8, 17, 64, 128]))
            x = rng.normal(size=(m, d)).astype("<f4")
            y = (rng.normal(size=(n, d)) + rng.normal() * 0.5).astype("<f4")
            offset = np.float32(OFFSETS[index // 4 % len(OFFSETS)])
            x, y = x + offset, y + offset
            if index % 10 == 9:
                y[0] = x[0]
            kind = index % 4
            yield ground, x, y, weights(rng, m, kind), weights(rng, n, kind), kind


def cost(ground, x, y):
    x, y = x.astype(float), y.astype(float)
    if ground == 0:
        return 1 - (x / np.linalg.norm(x, axis=1)[:, None]) @ (y / np.linalg.norm(y, axis=1)[:, None]).T
    square = ((x[:, None] - y[None]) ** 2).sum(-1)
    return np.sqrt(square) if ground == 1 else square


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ENOUGH
    made = list(problems(count, seed=42))
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "problems")
        with open(path, "wb") as file:
            for ground, x, y, a, b, kind in made:
                header = np.array([len(x), len(y), x.shape[1], ground, kind != 0], "<i4")
                for part in (header, x, y, a.astype("<f8"), b.astype("<f8")):
                    file.write(part.tobytes())
        command = ["swift", "test", "-c", "release", "--filter", "TransportComparisonTests"]
        command += os.environ.get("SWIFT_TEST_ARGUMENTS", "").split()
        subprocess.run(command, check=True, stdout=sys.stderr, env=dict(os.environ, CAUSEWAY_TRANSPORT_PROBLEMS=path))
        found = np.loadtxt(path + ".values", ndmin=2)
    assert len(found) == len(made)
    errors = {}
    for (ground, x, y, a, b, kind), values in zip(made, found):
        expected = ot.emd2(a / a.sum(), b / b.sum(), cost(ground, x, y), numItermax=10**7)
        errors.setdefault((ground, kind), []).append(np.abs(values - expected) / max(1, abs(expected)))
    worst = [
        {"ground": GROUNDS[ground], "weights": WEIGHTINGS[kind], "problems": len(of),
         **{name: float(largest) for name, largest in zip(LIMITS, np.max(of, axis=0))}}
        for (ground, kind), of in errors.items()
    ]
    for one in worst:
        print("{ground:12} {weights:14} {problems:6} problems  float64 {float64:.1e}  float32 {float32:.1e}".format(**one))
    bad = [one for one in worst if any(not one[name] <= limit for name, limit in LIMITS.items())]
    if bad:
        sys.exit(f"beyond tolerance: {bad}")
    if count >= ENOUGH:
        common.save("transport_check", {
            "problemsPerGroundCost": count, "limits": LIMITS, "largestRelativeError": worst})


if __name__ == "__main__":
    main()
