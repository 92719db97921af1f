"""Ladders of widths: what a search did at each width, and between two of them what it does at a recall."""
import math

WIDTHS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)


class Ladder:
    """What one engine did with one set of queries at each width: the best of its rounds."""

    def __init__(self):
        self.steps = {}

    def add(self, width, wall, processor, recall, distances):
        step = self.steps.setdefault(width, {"width": width, "wall": wall, "processor": processor, "threads": 0})
        step.update(recall=recall, distances=distances, wall=min(step["wall"], wall), processor=min(step["processor"], processor),
                    threads=max(step["threads"], processor / wall))

    def finished(self, queries):
        """The steps with rates in place of seconds; `threads` is how many processors it kept busy at most."""
        return [
            {"width": s["width"], "recall": s["recall"], "wall": queries / s["wall"],
             "processor": queries / max(s["processor"], 1e-9), "distances": s["distances"], "threads": round(s["threads"], 2)}
            for s in sorted(self.steps.values(), key=lambda s: s["width"])
        ]


def at(steps, target, key):
    """The value at a recall, between the two steps around it: log of the value over log of 1 - recall. None if not reached."""
    loss = lambda recall: math.log(max(1 - recall, 1e-6))  # noqa: E731
    for below, above in zip([None] + steps, steps):
        if above["recall"] < target or not above[key]:
            continue
        if below is None:
            return above[key]  # the narrowest search is already better: no more can be said
        share = (loss(target) - loss(below["recall"])) / min(loss(above["recall"]) - loss(below["recall"]), -1e-9)
        return math.exp(math.log(below[key]) + share * (math.log(above[key]) - math.log(below[key])))
    return None
