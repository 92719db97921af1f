"""`gap` against NumPy and SciPy on every paired set: all measures raw and centred, on the sample that causeway's seeded shuffle
draws, written out here. Usage: gap_measures.py DATA_DIR CAUSEWAY [--sets a,b].
Transport by SciPy's assignment, and by POT where it is installed; separability by scikit-learn where it is installed.
Prints a line a set and ends with 1 when anything differs. Needs NumPy and SciPy."""
import argparse
import os
import sys
import tempfile

sys.dont_write_bytecode = True

import numpy as np  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402
from scipy.spatial.distance import cdist  # noqa: E402

from paired_sets import chosen, is_present  # noqa: E402
from program import Causeway, Failure, finish  # noqa: E402

SAMPLE_MAX, TRANSPORT_MAX, NEIGHBOURS = 2000, 500, 10  # causeway's own limits
TOLERANCE = 1e-6
LOOSER = {"wasserstein": 2e-6, "debiased-wasserstein": 2e-6, "gaussian-wasserstein": 1e-4}  # float32 rows; square roots of 1e-10
MASK = 2**64 - 1


class Shuffle:
    """SplitMix64 and Fisher–Yates, as every seeded sample of causeway is drawn."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        return z ^ z >> 31

    def of(self, values):
        values = list(values)
        for i in range(len(values) - 1, 0, -1):
            j = self.next() * (i + 1) >> 64
            values[i], values[j] = values[j], values[i]
        return values


def unit(x):
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return np.divide(x, norms, out=np.zeros_like(x), where=norms > 0)


def sample(arrays, items, seed=0):
    """The pairs of `gap`: an item once, its first rows; shuffled, cut, and shuffled again into two halves."""
    (x, y), (a, b) = arrays, items
    first = {}
    for row, item in enumerate(b):
        first.setdefault(item, row)
    pairs, used = [], set()
    for row, item in enumerate(a):
        if item in first and item not in used:
            used.add(item)
            pairs.append((row, first[item]))
    pairs = Shuffle(seed).of(pairs)[:2 * SAMPLE_MAX]
    order = Shuffle(seed).of(range(len(pairs)))
    half = min(len(pairs) // 2, SAMPLE_MAX)
    rows = [[pairs[i] for i in order[part]] for part in (slice(0, half), slice(half, 2 * half))]
    cloud = lambda m, part, side: unit(m[[pair[side] for pair in part]].astype(np.float32).astype(np.float64))
    return [(cloud(x, part, 0), cloud(y, part, 1)) for part in rows]


def transport(x, y):
    """W1 of uniform clouds of equal size: the mean cost of the best assignment."""
    cost = cdist(x.astype(np.float32).astype(np.float64), y.astype(np.float32).astype(np.float64))
    value = cost[linear_sum_assignment(cost)].mean()
    try:
        import ot
    except ImportError:
        return value
    share = np.full(len(x), 1 / len(x))
    other = ot.emd2(share, np.full(len(y), 1 / len(y)), cost, numItermax=10**7)
    assert abs(value - other) < 1e-9, f"SciPy says {value}, POT {other}"
    return value


def off_diagonal(m):
    return (m.sum() - np.trace(m)) / (len(m) * (len(m) - 1))


def gaussian(x, y):
    """The Bures distance of the two Gaussians, by the nuclear norm of the product of the centred clouds."""
    a, b = x - x.mean(0), y - y.mean(0)
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum() / np.sqrt(len(x) * len(y))
    square = ((x.mean(0) - y.mean(0)) ** 2).sum() + (a**2).sum() / len(x) + (b**2).sum() / len(y) - 2 * cross
    return np.sqrt(max(square, 0))


def separability(train, test):
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        return None
    rows = lambda clouds: (np.vstack(clouds), np.repeat([0, 1], [len(c) for c in clouds]))
    fit = LogisticRegression(C=1, tol=1e-10, max_iter=20_000).fit(*rows(train))
    return fit.score(*rows(test))


def neighbours(x, k):
    similarity = unit(x) @ unit(x).T
    np.fill_diagonal(similarity, -np.inf)
    return np.argsort(-similarity, axis=1, kind="stable")[:, :k]


def measures(reference, measured, sigma, transport_rows):
    """{name: value or (value, null)} of two halves, as FORMAT and the command's cautions define them."""
    (rx, ry), (x, y) = reference, measured
    n, found = len(x), {}
    halves = [(x, y), (rx, x), (ry, y)]
    if x.shape[1] == y.shape[1]:
        def against(name, distance):
            values = [distance(*clouds) for clouds in halves]
            found[name] = (values[0], (values[1] + values[2]) / 2)
        t = min(n, transport_rows)
        across = (transport(rx[:t], y[:t]) + transport(x[:t], ry[:t])) / 2
        same = (transport(rx[:t], x[:t]) + transport(ry[:t], y[:t])) / 2
        found["wasserstein"], found["debiased-wasserstein"] = (across, same), (across - same, 0.0)
        against("centroid-gap", lambda a, b: np.linalg.norm(a.mean(0) - b.mean(0)))
        against("energy-distance", lambda a, b: 2 * cdist(a, b).mean() - off_diagonal(cdist(a, a)) - off_diagonal(cdist(b, b)))
        kernel = lambda a, b: np.exp(-cdist(a, b, "sqeuclidean") / (2 * sigma**2))
        against("mmd-rbf", lambda a, b: off_diagonal(kernel(a, a)) + off_diagonal(kernel(b, b)) - 2 * kernel(a, b).mean())
        against("gaussian-wasserstein", gaussian)
        found["separability"] = separability((rx, ry), (x, y))
        found["alignment"] = ((x - y) ** 2).sum(1).mean()
        within = (1 - off_diagonal(x @ x.T) + 1 - off_diagonal(y @ y.T)) / 2
        pair = (1 - (x * y).sum(1)).mean()
        found["relative-gap"] = pair / (pair + within)
    for side, cloud in (("a", x), ("b", y)):
        found[f"uniformity-{side}"] = np.log(off_diagonal(np.exp(-2 * cdist(cloud, cloud, "sqeuclidean"))))
    a, b = x - x.mean(0), y - y.mean(0)
    norm = np.linalg.norm
    found["linear-cka"] = norm(a.T @ b) ** 2 / (norm(a.T @ a) * norm(b.T @ b))
    k = min(NEIGHBOURS, n - 1)
    shared = [len(set(p) & set(q)) for p, q in zip(neighbours(x, k), neighbours(y, k))]
    found["mutual-nearest-neighbours"] = (np.mean(shared) / k, k / (n - 1))
    return found


def reference_report(arrays, items):
    raw = sample(arrays, items)
    (_, _), (x, y) = raw
    sigma = np.sqrt(cdist(x, y, "sqeuclidean").mean() / 2) if x.shape[1] == y.shape[1] else 1
    means = [cloud.mean(0) for cloud in raw[0]]
    centred = [tuple(unit(cloud - mean) for cloud, mean in zip(half, means)) for half in raw]
    return [measures(*halves, sigma, TRANSPORT_MAX) for halves in (raw, centred)]


def compare(paired, data, program, folder):
    arrays = [np.load(os.path.join(data, file)).astype(np.float32) for file in paired.files.values()]
    items = [
        np.load(os.path.join(data, paired.items[side])) if side in (paired.items or {}) else np.arange(len(array))
        for side, array in zip(paired.files, arrays)]
    causeway = Causeway(program, os.path.join(folder, "gap.db"))
    for side, array, names in zip("ab", arrays, items):
        matrix, list_ = os.path.join(folder, "m.npy"), os.path.join(folder, "items.txt")
        np.save(matrix, array)
        with open(list_, "w") as file:
            file.writelines(f"{item}\n" for item in names)
        causeway.ingest(side, matrix, list_)
    report = {row["name"]: row for row in causeway.gap("a", "b")["measures"]}
    faults, worst, compared = [], ("nothing", 0.0), 0
    raw, centred = reference_report(arrays, items)
    if set(report) != set(raw):
        faults.append(f"{paired.name}: measures {sorted(report)}, wanted {sorted(raw)}")
    for key, null, wanted in (("value", "null", raw), ("centred", "centredNull", centred)):
        for name, value in wanted.items():
            if value is None or name not in report:
                continue
            values = value if isinstance(value, tuple) else (value,)
            for field, truth in zip((key, null), values):
                off = abs(report[name][field] - truth)
                # One row of a classifier at the very border may fall on either side.
                limit = 1.5 / (2 * report[name]["n"]) if name == "separability" else LOOSER.get(name, TOLERANCE)
                compared += 1
                if off / limit > worst[1]:
                    worst = (f"{name} {field}, off by {off:.1g}", off / limit)
                if not off <= limit:
                    faults.append(f"{paired.name} {name} {field}: {report[name][field]}, truly {truth}")
    print(f"{paired.name}: {compared} gap figures {'equal' if not faults else 'DIFFER'} (nearest to its limit: {worst[0]})",
          flush=True)
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("causeway")
    parser.add_argument("--sets", help="only these, separated by commas")
    arguments = parser.parse_args()
    sets, faults = chosen(arguments.sets)
    for paired in sets:
        if not is_present(paired, arguments.data):
            continue
        with tempfile.TemporaryDirectory(prefix="causeway-oracle-") as folder:
            try:
                faults += compare(paired, arguments.data, os.path.abspath(arguments.causeway), folder)
            except (Failure, KeyError, ValueError) as error:
                faults.append(f"{paired.name} stopped: {type(error).__name__}: {error}")
    finish(faults, shown=40)


if __name__ == "__main__":
    main()
