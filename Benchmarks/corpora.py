"""Corpora of the search benchmarks: a generator with a modality gap, and the real paired sets where they are present.

A corpus is (name, base, {"image": queries of the base's own modality, "text": queries of the other}), all raw float32.
Queries are held out: no query is a base row, no query's item is one, and neither is in the sample to build from.
"""
import os

import numpy as np

import common

TOPIC_ROWS = 100  # items that share a topic, on average


class TwoModalities:
    """Items are points of a latent space with topics and a falling spectrum; two encoders see them.

    Each encoder has its own noise, its own private directions (what only a photo or only a caption says), and its own
    constant offset: the gap. `text_noise` decides how much harder the other modality's queries are.
    """

    def __init__(self, rows, dimension, seed=1, latent=160, decay=0.25, spread=1.25, image_noise=0.35, text_noise=1.0, gap=1.0):
        rng = np.random.default_rng(seed)
        self.rng, self.rows, self.dimension, self.spread = rng, rows, dimension, spread
        self.latent = latent
        self.scale = (np.arange(1, latent + 1) ** -decay).astype(np.float32)
        self.scale /= np.linalg.norm(self.scale)
        self.topics = rng.standard_normal((max(rows // TOPIC_ROWS, 10), latent)).astype(np.float32)
        self.shared = self.directions()
        self.private = {"image": self.directions(), "text": self.directions()}
        self.noise = {"image": image_noise, "text": text_noise}
        self.offset = {m: self.unit(rng.standard_normal(dimension)) * gap for m in ("image", "text")}

    @staticmethod
    def unit(x):
        return (x / np.linalg.norm(x)).astype(np.float32)

    def directions(self):
        """latent × dimension, rows of unit length on average, so that |z scale W| is about |z scale|."""
        return (self.rng.standard_normal((self.latent, self.dimension)) / np.sqrt(self.dimension)).astype(np.float32)

    def items(self, count):
        topic = self.topics[self.rng.integers(len(self.topics), size=count)]
        own = self.rng.standard_normal((count, self.latent)).astype(np.float32)
        return (topic + self.spread * own) * self.scale

    def seen(self, items, modality):
        private = self.rng.standard_normal(items.shape).astype(np.float32) * self.scale
        vectors = items @ self.shared + self.noise[modality] * (private @ self.private[modality]) + self.offset[modality]
        return vectors.astype(np.float32)

    def base(self, path=None):
        """The image vectors, in blocks; a memory map of `path` when it is given."""
        shape = (self.rows, self.dimension)
        out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape) if path else np.empty(shape, np.float32)
        for start in range(0, self.rows, 20_000):
            count = min(20_000, self.rows - start)
            out[start : start + count] = self.seen(self.items(count), "image")
        return out

    def captions(self, count):
        """Text vectors of other items than the base's: a sample to build from, never to judge by."""
        return self.seen(self.items(count), "text")


def generated(rows, dimension, queries=1000, path=None, seed=1):
    corpus = TwoModalities(rows, dimension, seed)
    base = corpus.base(path)
    sample = corpus.captions(max(rows // 10, 100))
    items = {m: corpus.items(queries) for m in ("image", "text")}
    return f"generated-{rows}x{dimension}", base, sample, {m: corpus.seen(items[m], m) for m in items}


def flickr():
    """Photos and captions in one trained space; None where the shared data is absent. Every fifth photo is held out."""
    shared = os.environ.get("CAUSEWAY_DATA", os.path.join(os.path.dirname(common.ROOT), "shared", "data"))
    directory = os.path.join(shared, "flickr8k-val")
    if not os.path.isdir(directory):
        return None
    text, image, photo = (np.load(os.path.join(directory, f + ".npy")) for f in ("text_joint", "image_joint", "caption_image"))
    held = photo % 5 == 0
    # The larger side, the captions, is the base: own-modality queries are captions of other photos, the others photos.
    others = np.arange(len(image)) % 5 != 0
    return "flickr8k-captions", text[~held], image[others][: len(image) // 2], {
        "image": text[held][:1000], "text": image[::5],
    }


def truth(base, queries, k=10):
    """Ids of the k best by cosine, float64 scores of them, in blocks; ids are row numbers."""
    unit = lambda x: x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)  # noqa: E731
    q, kept, block = unit(queries.astype(np.float32)), min(2 * k, len(base)), max(20_000, 2 * k)
    best_scores, best = np.empty((len(q), 0), np.float32), np.empty((len(q), 0), np.int64)
    for start in range(0, len(base), block):
        scores = q @ unit(np.asarray(base[start : start + block])).T
        if start == 0:
            best = np.argpartition(-scores, kept - 1, axis=1)[:, :kept]
            best_scores = np.take_along_axis(scores, best, 1)
            continue
        # Few of a later block are better than the worst that is kept.
        row, place = np.nonzero(scores > best_scores.min(axis=1, keepdims=True))
        row = np.concatenate([np.repeat(np.arange(len(q)), kept), row])
        score = np.concatenate([best_scores.ravel(), scores[row[len(q) * kept :], place]])
        found = np.concatenate([best.ravel(), place + start])
        order = np.lexsort((-score, row))
        starts = np.searchsorted(row[order], np.arange(len(q)))
        order = order[starts[:, None] + np.arange(kept)]
        best, best_scores = found[order], score[order]
    exact = cosines(base, queries, best)
    order = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(best, order, 1), np.take_along_axis(exact, order, 1)


def cosines(base, queries, ids):
    """float64 cosines of each query with its ids; -2 where an id is negative."""
    q = queries.astype(np.float64)
    q /= np.maximum(np.linalg.norm(q, axis=1, keepdims=True), 1e-30)
    out = np.empty(ids.shape)
    for row in range(len(q)):
        x = np.asarray(base[np.maximum(ids[row], 0)], np.float64)
        out[row] = x @ q[row] / np.maximum(np.linalg.norm(x, axis=1), 1e-30)
    out[ids < 0] = -2
    return out


def recall(base, queries, ids, exact_scores):
    """Share of answers whose exact cosine reaches the k-th best one: equal scores are equally right. Duplicates count once."""
    scores = cosines(base, queries, ids)
    bar = exact_scores[:, -1:] - 1e-9
    right = scores >= bar
    order = np.argsort(ids, axis=1)
    ordered = np.take_along_axis(ids, order, 1)
    repeated = np.zeros_like(right)
    np.put_along_axis(repeated, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return float((right & ~repeated).mean())
