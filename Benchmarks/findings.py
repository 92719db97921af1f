#!/usr/bin/env python3
"""The paper's questions, asked of real paired embeddings with causeway's own commands; the answers as a page.

    python3 Benchmarks/findings.py DATA [PAGE [SECTIONS]]

DATA is the folder of paired sets (README.md there), PAGE the Markdown file to write, SECTIONS a comma-separated part of
metrics,gap,learned,bank; all of them when left out. Every figure, and every sentence about figures, is computed here.
Needs NumPy and scikit-learn. Missing sets are left out and named."""
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings

sys.dont_write_bytecode = True

from common import BEFORE, begin, program  # noqa: E402

begin("numpy", "sklearn")
import numpy as np  # noqa: E402

METRICS = ["cosine", "dot", "euclidean", "manhattan", "chi-square"]
WAYS = [("text", "image"), ("image", "text")]
lines = []
warnings.filterwarnings("ignore", module="sklearn")  # of components that stopped short of convergence


def say(text=""):
    lines.append(text)
    print(text, flush=True)


def table(*columns):
    say("| " + " | ".join(columns) + " |")
    say("|" + "---|" * len(columns))


class Bench:
    """One database with every set as a collection, through the executable."""

    def __init__(self, data, folder):
        self.program, self.data, self.database = program(), data, os.path.join(folder, "findings.db")
        self.sets = {}

    def run(self, *words):
        """The JSON a command prints, and its seconds."""
        split = 2 if words[0] == "align" else 1
        words = [self.program, *words[:split], self.database, *map(str, words[split:]), "--quiet"]
        start = time.time()
        done = subprocess.run([*words, "--format", "json"], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(words)}: {done.stderr}")
        return json.loads(done.stdout), time.time() - start

    def ingest(self, collection, modality, matrix, items):
        with tempfile.TemporaryDirectory() as folder:
            np.save(f"{folder}/m.npy", np.asarray(matrix, dtype=np.float32))
            with open(f"{folder}/items", "w") as file:
                file.writelines(f"{item}\n" for item in items)
            self.run("ingest", "--collection", collection, "--modality", modality, f"{folder}/m.npy",
                     "--items", f"{folder}/items")

    def load(self):
        """Ingests what is there; the names of what is not."""
        missing = []
        for name, files, index, _ in SETS:
            try:
                image, text = (np.load(os.path.join(self.data, file)) for file in files)
                text_items = np.load(os.path.join(self.data, index)) if index else np.arange(len(text))
            except OSError:
                missing.append(name)
                continue
            sides = {"image": (image, np.arange(len(image))), "text": (text, text_items)}
            self.sets[name] = sides
            for modality, (matrix, items) in sides.items():
                self.ingest(name, modality, matrix, items)
                if image.shape[1] == text.shape[1]:
                    rows = unit(matrix.astype(np.float64))
                    self.ingest(name, modality + "-centred", unit(rows - rows.mean(0)), items)
        return missing

    def joint(self):
        return [name for name, s in self.sets.items() if s["image"][0].shape[1] == s["text"][0].shape[1]]

    def apart(self):
        return [name for name in self.sets if name not in self.joint()]


SETS = [  # name, files of both modalities, the item of each text, what they are
    ("clip", ("modality-gap/clip_image.npy", "modality-gap/clip_text.npy"), None, "COCO photos and captions, CLIP ViT-B/16"),
    ("clip-random", ("modality-gap/clip_random_image.npy", "modality-gap/clip_random_text.npy"), None,
     "the same through random weights: nothing to find"),
    ("convirt", ("modality-gap/convirt_image.npy", "modality-gap/convirt_text.npy"), None, "chest X-rays and reports, ConVIRT"),
    ("flickr8k-joint", ("flickr8k-val/image_joint.npy", "flickr8k-val/text_joint.npy"), "flickr8k-val/caption_image.npy",
     "photos and five captions each, small heads trained contrastively on other photos"),
    ("debian", ("debian/long.npy", "debian/short.npy"), None,
     "long (called image here) and short descriptions of packages, one text encoder"),
    ("flickr8k-unaligned", ("flickr8k-train/image_raw.npy", "flickr8k-train/text_raw.npy"), "flickr8k-train/caption_image.npy",
     "photos by MobileNetV2 (1280 dimensions), captions by MiniLM (384): encoders that never met"),
    ("wikipedia", ("wikipedia/image.npy", "wikipedia/text.npy"), None,
     "pictures as SIFT histograms (128), sections as topic shares (10)"),
]


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def percent(row, k):
    low, high = row["interval95"][f"recall@{k}"]
    return f"{100 * row[f'recall@{k}']:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def metrics_section(bench):
    say("## Which metric finds the pairs\n")
    say("Recall@1 in per cent with its 95 % interval, raw and after each modality's mean was subtracted and rows rescaled; "
        "2,000 queries at most.\n")
    table("set", "direction", "form", *METRICS)
    behind, total, drops = [], 0, {metric: [] for metric in METRICS}
    for name in bench.joint():
        for a, b in WAYS:
            values = {}
            for form, suffix in (("raw", ""), ("centred", "-centred")):
                found, _ = bench.run(
                    "evaluate", "--collection", name, "--from", a + suffix, "--to", b + suffix,
                    "--metrics", ",".join(METRICS), "--queries", 2000)
                rows = {row["metric"]: row for row in found["metrics"]}
                say(f"| {name} | {a} → {b} | {form} | " + " | ".join(percent(rows[m], 1) for m in METRICS) + " |")
                best = max(METRICS, key=lambda m: rows[m]["recall@1"])
                total += 1
                if rows["cosine"]["recall@1"] < rows[best]["interval95"]["recall@1"][0]:
                    behind.append(f"{name} {a} → {b} {form} ({best})")
                values[form] = rows
            if name != "clip-random":
                for metric in METRICS:
                    drops[metric].append(100 * (values["centred"][metric]["recall@1"] - values["raw"][metric]["recall@1"]))
    say()
    say(f"Cosine is the best metric, or not below the interval of the best, in {total - len(behind)} of {total} rows"
        + (f"; the others: {', '.join(behind)}." if behind else ".")
        + " What centring changes, in points of Recall@1, mean (least to most) over sets and directions without the random one: "
        + ", ".join(f"{m} {np.mean(d):+.1f} ({min(d):+.1f} to {max(d):+.1f})" for m, d in drops.items()) + ".\n")


def gap_section(bench):
    say("## How far apart the modalities are\n")
    say("Raw → centred; in brackets the null, what there is where there is nothing to find (raw). The debiased Wasserstein "
        "distance is W1 across two disjoint halves less W1 within each modality; n rows a half.\n")
    wanted = ["centroid-gap", "debiased-wasserstein", "energy-distance", "gaussian-wasserstein", "separability",
              "linear-cka", "mutual-nearest-neighbours", "relative-gap"]
    table("set", *wanted)
    rows, recalls = {}, {}
    for name in bench.sets:
        found, _ = bench.run("gap", "--collection", name, "--between", "image", "text")
        rows[name] = {row["name"]: row for row in found["measures"]}
        cells = []
        for measure in wanted:
            row = rows[name].get(measure)
            null = "" if not row or row["null"] is None or measure == "debiased-wasserstein" else f" ({row['null']:.3f})"
            cells.append(f"{row['value']:.3f} → {row['centred']:.3f}{null}" if row else "–")
        say(f"| {name} | " + " | ".join(cells) + " |")
    say()
    joint = [name for name in bench.joint() if name != "clip-random"]
    for name in joint:
        found, _ = bench.run("evaluate", "--collection", name, "--from", "text", "--to", "image", "--queries", 2000)
        recalls[name] = found["metrics"][0]["mrr"]
    order = sorted(joint, key=lambda name: rows[name]["debiased-wasserstein"]["value"])
    say("By debiased Wasserstein distance, nearest first, with the mean reciprocal rank of text → image under cosine: "
        + ", ".join(f"{name} {rows[name]['debiased-wasserstein']['value']:.2f} and {recalls[name]:.2f}" for name in order) + ". "
        + "A plane tells the modalities apart (separability) at "
        + ", ".join(f"{name} {rows[name]['separability']['value']:.2f} → {rows[name]['separability']['centred']:.2f}"
                    for name in order) + ".\n")


def learned_section(bench):
    say("## Does a learned metric help\n")
    say("Recall@10 in per cent on held-out items (a fifth, the same for every method of a set), with the 95 % interval; `moved` "
        "is the query moved into the image space and searched by plain cosine there, as a graph can; cosine and guessing on the "
        "same pairs. scikit-learn (Ridge, and CCA after PCA) and a whitened regularised CCA in NumPy are fitted to the same "
        "training items, each with the setting that does best on the held-out pairs themselves, which favours them.\n")
    table("set", "method", "text → image", "moved", "image → text", "cosine →, ←", "guessing →, ←",
          "scikit-learn →, ←", "NumPy →, ←", "seconds")
    plans = {name: ["procrustes", "ridge", "cca", "contrastive", "ranking"] for name in bench.apart()}
    for name in bench.joint():
        if name != "clip-random":
            plans[name] = ["center", "procrustes", "ridge", "cca", "contrastive", "ranking"]
    better, worse, lifted = [], [], []
    for name in [n for n in bench.sets if n in plans]:
        for method in plans[name]:
            model, seconds = bench.run(
                "align", "train", "--collection", name, "--from", "text", "--to", "image", "--method", method, "--name", method)
            forth, back = model["heldOut"]
            value = lambda side, key: "–" if side[key] is None else f"{100 * side[key]['recall@10']:.1f}"
            with_interval = lambda side: percent({**side["learned"], "interval95": side["interval95"]}, 10)
            library, whitened = references(bench, name, method)
            say(f"| {name} | {method} | {with_interval(forth)} | {value(forth, 'moved')} | {with_interval(back)} | "
                f"{value(forth, 'cosine')}, {value(back, 'cosine')} | {value(forth, 'chance')}, {value(back, 'chance')} | "
                f"{library} | {whitened} | {seconds:.0f} |")
            for side in (forth, back):
                low, high = side["interval95"]["recall@10"]
                place = f"{name} {side['from']} → {side['to']} {method}"
                if side["cosine"] is None:
                    lifted.append((side["learned"]["recall@10"] / side["chance"]["recall@10"], place))
                elif low > side["cosine"]["recall@10"]:
                    better.append(place)
                elif high < side["cosine"]["recall@10"]:
                    worse.append(place)
    say()
    say("Where both encoders share a space, a learned metric is above cosine beyond its interval in: "
        + (", ".join(better) or "none") + "; below it in: " + (", ".join(worse) or "none") + ".")
    if lifted:
        say(f"Between encoders that share none, held-out Recall@10 is {min(lifted)[0]:.1f} ({min(lifted)[1]}) to "
            f"{max(lifted)[0]:.1f} ({max(lifted)[1]}) times that of guessing.")
    say()


def references(bench, name, method):
    """Recall@10 both ways on the split that causeway stored, of scikit-learn's model and of a whitened CCA."""
    if method not in ("cca", "ridge"):
        return "", ""
    from sklearn.cross_decomposition import CCA
    from sklearn.decomposition import PCA
    from sklearn.linear_model import Ridge

    connection = sqlite3.connect(bench.database)
    held = set(json.loads(connection.execute(
        "SELECT held_out_items FROM model m JOIN collection c ON c.id = m.collection WHERE c.name = ? AND m.name = ?",
        (name, method)).fetchone()[0]))
    connection.close()
    (image, image_items), (text, text_items) = bench.sets[name]["image"], bench.sets[name]["text"]
    image, text = unit(image.astype(np.float64)), unit(text.astype(np.float64))
    train = np.array([str(item) not in held for item in text_items])
    kept = np.array([str(item) in held for item in image_items])
    x, y = text[train], image[text_items[train]]
    mx, my = x.mean(0), y.mean(0)
    x, y, a, b = x - mx, y - my, text[~train] - mx, image[kept] - my
    same = text_items[~train][:, None] == image_items[kept][None, :]

    def recalls(a, b):
        s = unit(a) @ unit(b).T
        return tuple(np.mean([row[np.argsort(-score, kind="stable")[:10]].any() for score, row in zip(m, t)])
                     for m, t in ((s, same), (s.T, same.T)))

    def best(trials):
        found = max((recalls(*trial) for trial in trials), key=sum)
        return f"{100 * found[0]:.1f}, {100 * found[1]:.1f}"
    if method == "ridge":
        return best((Ridge(alpha=alpha).fit(x, y).predict(a), b) for alpha in (0.01, 0.1, 1, 10, 100)), ""

    def library():
        for width in (16, 32, 64):
            p, q = (PCA(min(width, *m.shape), svd_solver="full" if min(m.shape) < 500 else "randomized", random_state=0).fit(m)
                    for m in (x, y))
            count = min(width // 2, p.n_components_, q.n_components_)
            try:
                fit = CCA(n_components=count, max_iter=100).fit(p.transform(x), q.transform(y))
            except np.linalg.LinAlgError:  # too many components for the rows there are
                continue
            yield fit.transform(p.transform(a), q.transform(b))
    strengths = (0.01, 0.03, 0.1, 0.3, 1, 3)
    return best(library()), best(trial for strength in strengths for trial in whitened_cca(x, y, a, b, strength))


def whitened_cca(x, y, a, b, strength):
    def whiten(m):
        c = m.T @ m / len(m)
        w, v = np.linalg.eigh(c + strength * np.trace(c) / len(c) * np.eye(len(c)))
        return v / np.sqrt(w) @ v.T
    wx, wy = whiten(x), whiten(y)
    u, s, vt = np.linalg.svd(wx @ (x.T @ y / len(x)) @ wy, full_matrices=False)
    for count in (8, 16, 32, 64, 128):
        yield a @ wx @ u[:, :count] * s[:count], b @ wy @ vt[:count].T


def bank_section(bench):
    say("## Query-bank normalisation\n")
    say("Recall@1 in per cent with its 95 % interval, on stored queries outside the bank; the bank is at most 1,000 stored "
        "queries and at most half of them. Its temperature (in brackets) was chosen on the bank's own pairs.\n")
    table("set", "direction", "metric", "queries", "plain", "bank (softmax)", "bank:sinkhorn")
    gains = {"bank": [], "bank:sinkhorn": []}
    plans = [(name, "cosine") for name in bench.joint()]
    if "learned" in bench.sections:
        plans += [(name, "learned:cca") for name in bench.apart()]
    for name, metric in plans:
        for a, b in WAYS:
            cells = {}
            for form in gains:
                found, _ = bench.run("evaluate", "--collection", name, "--from", a, "--to", b, "--metrics", metric,
                                     "--normalize", form, "--queries", 2000)
                plain, banked = found["metrics"]
                cells[form] = f"{percent(banked, 1)} [{banked['bankTemperature']:g}]"
                if name != "clip-random":
                    gains[form].append((100 * (banked["recall@1"] - plain["recall@1"]), f"{name} {a} → {b}"))
            say(f"| {name} | {a} → {b} | {metric} | {found['queries']} | {percent(plain, 1)} | {cells['bank']} | "
                f"{cells['bank:sinkhorn']} |")
    say()
    for form, values in gains.items():
        if values:
            say(f"`{form}`: {np.mean([v for v, _ in values]):+.1f} points in the mean, from {min(values)[0]:+.1f} "
                f"({min(values)[1]}) to {max(values)[0]:+.1f} ({max(values)[1]}); a gain in {sum(v > 0 for v, _ in values)} of "
                f"{len(values)}.")
    say()


def main():
    data = sys.argv[1]
    page = sys.argv[2] if len(sys.argv) > 2 else None
    sections = {"metrics": metrics_section, "gap": gap_section, "learned": learned_section, "bank": bank_section}
    chosen = sys.argv[3].split(",") if len(sys.argv) > 3 else list(sections)
    start = time.time()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(data, folder)
        bench.sections = chosen
        missing = bench.load()
        say("# The paper's findings on real pairs\n")
        say("Xu and Leiva, *Multimodal Representation Alignment for Cross-modal Information Retrieval* (arXiv:2506.08774), say: "
            "the Wasserstein distance informs about the modality gap; cosine consistently outperforms other metrics; multilayer "
            "perceptrons do not capture how image and text features belong together. What comes out here, on other sets:\n")
        say("Written by `python3 Benchmarks/findings.py` alone: every figure comes from this program's own commands or, where it "
            "says so, from scikit-learn and NumPy, and every sentence about figures is computed from them.\n")
        table("set", "pairs", "dimensions", "what")
        for name, _, _, what in SETS:
            if name in bench.sets:
                (image, _), (text, _) = bench.sets[name]["image"], bench.sets[name]["text"]
                say(f"| {name} | {len(text)} | {text.shape[1]} text, {image.shape[1]} image | {what} |")
        say()
        if missing:
            say(f"Left out, because their files are absent: {', '.join(missing)}.\n")
        for name in chosen:
            sections[name](bench)
    facts = BEFORE["machine"]
    say(f"Made in {(time.time() - start) / 60:.0f} minutes at commit {BEFORE['commit']} on {facts['processor']}, "
        f"{facts['cores']} processors, load {BEFORE['loadBefore']:.1f} before.")
    if page:
        with open(page, "w") as file:
            file.write("\n".join(lines).rstrip() + "\n")


main()
