"""The five vector metrics by brute force in float64, and the judgement of ranked answers against them."""
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

METRICS = ["cosine", "dot", "euclidean", "manhattan", "chi-square"]
SIMILARITIES = {"cosine", "dot"}
NEAR_TIE = 1e-12     # relative: float64 sums of some hundred terms in different orders agree to about 1e-14
TOLERANCE = 1e-5     # relative: what the command line promises of scores
BLOCK = 1 << 15      # numbers a block: its temporaries stay in the second-level cache


def all_scores(queries, base):
    """{metric: (queries, rows) float64}; similarities as they are, distances as they are."""
    x, y = queries.astype(np.float64), base.astype(np.float64)
    dot = x @ y.T
    norms = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)[None, :]
    cosine = np.divide(dot, norms, out=np.zeros_like(dot), where=norms > 0)
    distances = {name: np.empty_like(dot) for name in METRICS if name not in SIMILARITIES}
    absolute = np.abs(y)
    rows = max(1, BLOCK // y.shape[1])

    def one(number):
        query, size = x[number], np.abs(x[number])
        for start in range(0, len(y), rows):
            part = slice(start, start + rows)
            difference = y[part] - query
            square = difference * difference
            sizes = absolute[part] + size
            shares = np.divide(square, sizes, out=np.zeros_like(square), where=sizes > 0)
            distances["euclidean"][number, part] = np.sqrt(square.sum(axis=1))
            distances["manhattan"][number, part] = np.abs(difference).sum(axis=1)
            distances["chi-square"][number, part] = shares.sum(axis=1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, range(len(x))))
    return {"cosine": cosine, "dot": dot, **distances}


def best_first(scores, metric, k):
    """The best k rows of one query, ties by row number."""
    keys = -scores if metric in SIMILARITIES else scores
    bar = np.partition(keys, k - 1)[k - 1]
    near = np.flatnonzero(keys <= bar)
    return near[np.lexsort((near, keys[near]))][:k]


def copies(base):
    """For every row the sorted rows that hold the same numbers: None where it is alone."""
    groups = {}
    for row, vector in enumerate(base + np.float32(0)):  # −0 and 0 score alike
        groups.setdefault(vector.tobytes(), []).append(row)
    return [group if len(group) > 1 else None for group in (groups[v.tobytes()] for v in base + np.float32(0))]


class Judge:
    """Holds the true scores of a set of queries and says what is wrong with an answer."""

    def __init__(self, queries, base, k):
        self.k = min(k, len(base))
        self.scores = all_scores(queries, base)
        self.copies = copies(base)

    def exact(self, metric, number, rows, got):
        """(faults, near-ties where the order differs) of an answer that has to be the truth."""
        truth = self.scores[metric][number]
        best = best_first(truth, metric, self.k)
        if len(rows) != self.k:
            return [f"query {number}: {len(rows)} results, not {self.k}"], 0
        faults = self._scores(metric, number, rows, got)
        near_ties = 0
        for rank, (mine, theirs) in enumerate(zip(best, rows)):
            if mine == theirs:
                continue
            a, b = truth[mine], truth[theirs]
            if abs(a - b) <= NEAR_TIE * max(abs(a), abs(b)):
                near_ties += 1
            else:
                faults.append(f"query {number} rank {rank + 1}: row {theirs} ({float(b)!r}), not row {mine} ({float(a)!r})")
        return faults + self._copies(number, rows), near_ties

    def approximate(self, metric, number, rows, got):
        """(faults, recall by score): not the best perhaps, but as many as asked for, with exact scores in order."""
        truth = self.scores[metric][number]
        best = best_first(truth, metric, self.k)
        faults = self._scores(metric, number, rows, got)
        if len(rows) != self.k or len(set(rows)) != len(rows):
            faults.append(f"query {number}: not {self.k} results, or one twice: {rows}")
        sign = 1 if metric in SIMILARITIES else -1
        bar = truth[best[-1]]
        slack = NEAR_TIE * abs(bar)
        for rank in range(1, len(rows)):
            before, after = truth[rows[rank - 1]], truth[rows[rank]]
            if sign * (after - before) > NEAR_TIE * max(abs(before), abs(after)):
                faults.append(f"query {number} rank {rank + 1}: {float(after)!r} after {float(before)!r}")
        return faults, sum(sign * (truth[row] - bar) >= -slack for row in rows) / self.k

    def _scores(self, metric, number, rows, got):
        truth = self.scores[metric][number]
        return [
            f"query {number} row {row}: {metric} {value!r}, truly {float(truth[row])!r}"
            for row, value in zip(rows, got)
            if not abs(value - truth[row]) <= TOLERANCE * abs(truth[row]) + 1e-12
        ]

    def _copies(self, number, rows):
        """Equal vectors tie to the last bit whatever the arithmetic: smaller ids first, none passed over."""
        place = {row: rank for rank, row in enumerate(rows)}
        faults = []
        for row in rows:
            for other in self.copies[row] or []:
                if other < row and place.get(other, len(rows)) > place[row]:
                    faults.append(f"query {number}: row {row} before its copy {other}, a smaller id")
        return faults
