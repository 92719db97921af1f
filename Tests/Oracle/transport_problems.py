"""Makes transport_problems.json: small transport problems with their optima, for TransportFixtureTests.

    python3 Tests/Oracle/transport_problems.py        # from the package root; needs numpy, scipy and POT

Ten shapes under three ground costs, five kinds of weights in turn. The optimum is that of the linear program (HiGHS) in
float64; POT's network simplex must agree to 1e-10. Coordinates are multiples of 1/16, which float32 holds exactly.
"""
import json
import os

import numpy as np
import ot
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, eye, kron

GROUNDS = ["cosine", "euclidean", "sqeuclidean"]
SHAPES = [(1, 1, 3), (1, 6, 2), (6, 1, 2), (2, 3, 1), (4, 3, 5), (7, 7, 3), (9, 5, 8), (16, 16, 4), (12, 20, 6), (24, 9, 3)]


def weights(rng, count, kind):
    """None stands for equal weights, of which a whole number of others may be a multiple."""
    if kind == 0:
        return None
    if kind == 1:
        return rng.integers(1, 9, count).astype(float)
    if kind == 2:
        return rng.integers(1, 4096, count) / 4096
    if kind == 3:
        return 10.0 ** rng.integers(-6, 1, count)
    values = rng.integers(0, 3, count).astype(float)  # some tokens have no weight
    values[0] = 1
    return values


def costs(ground, x, y):
    if ground == "cosine":
        return 1 - (x / np.linalg.norm(x, axis=1)[:, None]) @ (y / np.linalg.norm(y, axis=1)[:, None]).T
    square = ((x[:, None] - y[None]) ** 2).sum(-1)
    return np.sqrt(square) if ground == "euclidean" else square


def optimum(cost, a, b):
    m, n = cost.shape
    rows, columns = kron(eye(m), np.ones((1, n))), kron(np.ones((1, m)), eye(n))
    constraints = csr_matrix(np.vstack([rows.toarray(), columns.toarray()]))
    program = linprog(
        cost.ravel(), A_eq=constraints, b_eq=np.concatenate([a, b]), method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10})
    assert program.status == 0, program.message
    # POT insists that both sums are equal to the last bit.
    other = ot.emd2(a, b * (a.sum() / b.sum()), cost, numItermax=10**7)
    assert abs(program.fun - other) <= 1e-10 * max(1, abs(other)), (program.fun, other)
    return max(program.fun, 0.0)


def problems(seed):
    rng = np.random.default_rng(seed)
    for number, ground in enumerate(GROUNDS):
        for index, (m, n, d) in enumerate(SHAPES):
            x = np.rint(rng.normal(size=(m, d)) * 16) / 16
            y = np.rint((rng.normal(size=(n, d)) + 0.5) * 16) / 16
            for points in (x, y):
                points[np.abs(points).sum(1) == 0] = 0.25  # a zero vector has no direction
            if index % 3 == 2:
                y[-1] = x[-1]  # a pair that costs nothing
            a, b = weights(rng, m, (index + number) % 5), weights(rng, n, (index + 2 * number + 1) % 5)
            normalised = [np.full(k, 1 / k) if w is None else w / w.sum() for w, k in ((a, m), (b, n))]
            yield {
                "ground": ground, "x": x.tolist(), "y": y.tolist(), "a": None if a is None else a.tolist(),
                "b": None if b is None else b.tolist(), "optimum": optimum(costs(ground, x, y), *normalised),
            }


if __name__ == "__main__":
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "transport_problems.json")
    with open(path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(problem) for problem in problems(seed=7)) + "\n]\n")
