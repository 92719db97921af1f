#!/usr/bin/env python3
"""The paper's questions, asked of real paired embeddings with causeway's own commands; the answers as a table.

    python3 Benchmarks/findings.py PROGRAM DATA [PAGE]

PROGRAM is the release build of causeway, DATA the folder of paired sets (README.md there), PAGE the Markdown file to write.
Needs NumPy; with SciPy and scikit-learn it also checks Wasserstein, CCA and ridge. Missing sets are left out and named.
"""
import json, os, platform, resource, sqlite3, subprocess, sys, tempfile, time
import numpy as np

PROGRAM, DATA = sys.argv[1], sys.argv[2]
PAGE = sys.argv[3] if len(sys.argv) > 3 else None
METRICS = ["cosine", "euclidean", "dot", "chi-square", "manhattan"]
lines = []


def say(text=""):
    lines.append(text)
    print(text, flush=True)


def run(*words):
    """The JSON a command prints, with its seconds and the peak memory of all children so far."""
    start = time.time()
    done = subprocess.run([PROGRAM, *map(str, words), "--quiet", "--format", "json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"causeway {' '.join(map(str, words))}: {done.stderr}")
    value = json.loads(done.stdout) if done.stdout.strip() else None
    return value, time.time() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def load(*names):
    return [np.load(os.path.join(DATA, name)) for name in names]


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def ingest(db, collection, modality, matrix, items):
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/m.npy", np.asarray(matrix, dtype=np.float32))
        open(f"{folder}/items", "w").write("".join(f"{i}\n" for i in items))
        subprocess.run(
            [PROGRAM, "ingest", db, "--collection", collection, "--modality", modality, f"{folder}/m.npy",
             "--items", f"{folder}/items", "--quiet"], check=True, capture_output=True)


def percent(row, k=1):
    low, high = row["interval95"][f"recall@{k}"]
    return f"{100 * row[f'recall@{k}']:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def pair_sets():
    """name, first modality, second modality, items of each, whether they share a space."""
    def mind_the_gap(name):
        x, y = load(f"modality-gap/{name}_image.npy", f"modality-gap/{name}_text.npy")
        return x, y, range(len(x)), range(len(y)), True
    yield "clip", lambda: mind_the_gap("clip")
    yield "clip-random", lambda: mind_the_gap("clip_random")
    yield "convirt", lambda: mind_the_gap("convirt")

    def flickr(folder, x, y, shared):
        image, text, index = load(f"{folder}/{x}.npy", f"{folder}/{y}.npy", f"{folder}/caption_image.npy")
        return image, text, range(len(image)), index, shared
    yield "flickr8k-joint", lambda: flickr("flickr8k-val", "image_joint", "text_joint", True)
    yield "flickr8k-unaligned", lambda: flickr("flickr8k-train", "image_raw", "text_raw", False)

    def wikipedia():
        image, text = load("wikipedia/image.npy", "wikipedia/text.npy")
        return image, text, range(len(image)), range(len(text)), False
    yield "wikipedia", wikipedia

    def debian():
        short, long = load("debian/short.npy", "debian/long.npy")
        return long, short, range(len(long)), range(len(short)), True
    yield "debian", debian


def metrics_table(db, names):
    say("## Which metric finds the pairs\n")
    say("Recall@1 in per cent with its 95 % interval, text → image, raw and after each modality's mean was subtracted and rows "
        "rescaled.\n")
    say("| set | form | " + " | ".join(METRICS) + " | seconds |")
    say("|---|---|" + "---|" * (len(METRICS) + 1))
    for name in names:
        for form, suffix in [("raw", ""), ("centred", "-centred")]:
            found, seconds, _ = run(
                "evaluate", db, "--collection", name, "--from", "text" + suffix, "--to", "image" + suffix,
                "--metrics", ",".join(METRICS), "--queries", 2000)
            rows = {row["metric"]: row for row in found["metrics"]}
            say(f"| {name} | {form} | " + " | ".join(percent(rows[m]) for m in METRICS) + f" | {seconds:.1f} |")
    say()


def gap_table(db, names):
    say("## How far apart the modalities are\n")
    say("Raw → centred, the null (what there is where there is nothing to find) in brackets.\n")
    wanted = ["centroid-gap", "debiased-wasserstein", "energy-distance", "gaussian-wasserstein", "separability",
              "linear-cka", "mutual-nearest-neighbours", "relative-gap"]
    say("| set | " + " | ".join(wanted) + " | seconds |")
    say("|---|" + "---|" * (len(wanted) + 1))
    for name in names:
        found, seconds, _ = run("gap", db, "--collection", name, "--between", "image", "text")
        rows = {row["name"]: row for row in found["measures"]}
        cells = [f"{rows[m]['value']:.3f} → {rows[m]['centred']:.3f} ({rows[m]['null']:.3f})" if m in rows else "–"
                 for m in wanted]
        say(f"| {name} | " + " | ".join(cells) + f" | {seconds:.1f} |")
    say()


def learned_table(db, plans):
    say("## Does a learned metric help\n")
    say("Recall@10 in per cent on held-out items (20 % of the items, the same for every method of a set): the model, the moved "
        "query in the ordinary graph, cosine, guessing. scikit-learn: the same split, the better of a few regularisers.\n")
    say("| set | method | text → image | as a graph query | image → text | cosine → / ← | guessing → / ← | scikit-learn → / ← "
        "| seconds | warning |")
    say("|---|---|---|---|---|---|---|---|---|---|")
    for name, methods in plans:
        for method in methods:
            extra = ["--epochs", 20] if method == "contrastive" else []
            model, seconds, memory = run(
                "align", "train", db, "--collection", name, "--from", "text", "--to", "image", "--method", method,
                "--name", method, "--replace", *extra)
            forth, back = model["heldOut"]
            value = lambda side, key: "–" if side[key] is None else f"{100 * side[key]['recall@10']:.1f}"
            reference = scikit(db, name, method)
            say(f"| {name} | {method} | {value(forth, 'learned')} | {value(forth, 'moved')} | {value(back, 'learned')} | "
                f"{value(forth, 'cosine')} / {value(back, 'cosine')} | {value(forth, 'chance')} / {value(back, 'chance')} | "
                f"{reference} | {seconds:.0f} | {'yes' if model['warning'] else ''} |")
    say()


def scikit(db, name, method):
    """Recall@10 both ways of scikit-learn's model on the split that causeway stored."""
    if method not in ("cca", "ridge"):
        return ""
    try:
        from sklearn.linear_model import Ridge
    except ImportError:
        return "not installed"
    held = set(json.loads(sqlite3.connect(db).execute(
        "SELECT held_out_items FROM model m JOIN collection c ON c.id = m.collection WHERE c.name = ? AND m.name = ?",
        (name, method)).fetchone()[0]))
    image, text, image_items, text_items, _ = dict(pair_sets())[name]()
    image, text = unit(image.astype(np.float64)), unit(text.astype(np.float64))
    image_items, text_items = np.array([str(i) for i in image_items]), np.array([str(i) for i in text_items])
    place = {item: row for row, item in enumerate(image_items)}
    x, y = text, image[[place[item] for item in text_items]]
    train = np.array([item not in held for item in text_items])
    test_text, test_image = ~train, np.array([item in held for item in image_items])
    mx, my = x[train].mean(0), y[train].mean(0)
    best = (0, 0)
    for strength in (0.01, 0.1, 1, 10):
        if method == "ridge":
            forth = Ridge(alpha=strength).fit(x[train] - mx, y[train] - my)
            a, b = forth.predict(text[test_text] - mx), image[test_image] - my
        else:
            a, b = regularised_cca(x[train] - mx, y[train] - my, text[test_text] - mx, image[test_image] - my, strength)
        s = unit(a) @ unit(b).T
        same = text_items[test_text][:, None] == image_items[test_image][None, :]
        both = tuple(np.mean([row[np.argsort(-score, kind="stable")[:10]].any() for score, row in zip(m, t)])
                     for m, t in ((s, same), (s.T, same.T)))
        best = max(best, both, key=sum)
    return f"{100 * best[0]:.1f} / {100 * best[1]:.1f}"


def regularised_cca(x, y, a, b, strength, components=64):
    """scikit-learn's CCA is unregularised and iterative; where it cannot serve, its whitened form by NumPy."""
    def whiten(m):
        c = m.T @ m / len(m)
        w, v = np.linalg.eigh(c + strength * 0.1 * np.trace(c) / len(c) * np.eye(len(c)))
        return v / np.sqrt(w) @ v.T
    wx, wy = whiten(x), whiten(y)
    u, s, vt = np.linalg.svd(wx @ (x.T @ y / len(x)) @ wy, full_matrices=False)
    k = min(components, len(s))
    return a @ wx @ u[:, :k] * s[:k], b @ wy @ vt[:k].T


def bank_table(db, names):
    say("## Query-bank normalisation\n")
    say("Recall@1 in per cent on queries outside the bank (at most half of the stored queries, at most 1,000).\n")
    say("| set | direction | queries | cosine | with bank |\n|---|---|---|---|---|")
    for name in names:
        for a, b in (("text", "image"), ("image", "text")):
            found, _, _ = run(
                "evaluate", db, "--collection", name, "--from", a, "--to", b, "--normalize", "bank", "--queries", 2000)
            plain, bank = found["metrics"]
            say(f"| {name} | {a} → {b} | {found['queries']} | {percent(plain)} | {percent(bank)} |")
    say()


def check_against_numpy(db, names):
    """Recall of all five metrics by NumPy: the largest difference over the sets, for the page."""
    worst = 0.0
    for name in names:
        image, text, image_items, text_items, _ = dict(pair_sets())[name]()
        image, text = image.astype(np.float64), text.astype(np.float64)[:300]
        text_items = np.array(list(text_items))[:300]
        image_items = np.array(list(image_items))
        with tempfile.TemporaryDirectory() as folder:
            small = f"{folder}/small.db"
            ingest(small, "c", "image", image, image_items)
            ingest(small, "c", "text", text, text_items)
            found, _, _ = run("evaluate", small, "--collection", "c", "--from", "text", "--to", "image",
                              "--metrics", ",".join(METRICS))
        for row in found["metrics"]:
            scores = []
            for q in text:
                q32, c32 = np.float32(q).astype(np.float64), np.float32(image).astype(np.float64)
                scores.append({
                    "cosine": lambda: -(c32 @ q32) / (np.linalg.norm(c32, axis=1) * np.linalg.norm(q32)),
                    "dot": lambda: -(c32 @ q32), "euclidean": lambda: np.linalg.norm(c32 - q32, axis=1),
                    "manhattan": lambda: np.abs(c32 - q32).sum(1),
                    "chi-square": lambda: np.divide(
                        (c32 - q32) ** 2, np.abs(c32) + np.abs(q32), out=np.zeros_like(c32),
                        where=np.abs(c32) + np.abs(q32) > 0).sum(1)}[row["metric"]]())
            order = np.argsort(np.array(scores), axis=1, kind="stable")
            right = image_items[order] == text_items[:, None]
            first = right.argmax(1) + 1
            figures = {f"recall@{k}": (first <= k).mean() for k in (1, 5, 10)}
            figures |= {"medianRank": np.median(first), "mrr": (1 / first).mean()}
            worst = max([worst] + [abs(row[key] - value) for key, value in figures.items()])
    return worst


def speed(db):
    say("## Ten thousand pairs of 512 dimensions\n")
    random = np.random.default_rng(1)
    meaning = random.normal(size=(10_000, 64))
    x, y = (meaning @ random.normal(size=(64, 512)) + 6 * random.normal(size=(10_000, 512)) + shift for shift in (0, 2))
    ingest(db, "ten", "image", x, range(10_000))
    ingest(db, "ten", "text", y, range(10_000))
    say("| what | seconds | peak memory of any command so far, MB |\n|---|---|---|")
    for title, words in [
        ("evaluate, five metrics", ["evaluate", db, "--collection", "ten", "--from", "text", "--to", "image",
                                    "--metrics", ",".join(METRICS)]),
        ("gap", ["gap", db, "--collection", "ten", "--between", "image", "text"]),
        ("align train contrastive, linear head", ["align", "train", db, "--collection", "ten", "--from", "text", "--to",
                                                  "image", "--method", "contrastive", "--name", "c"]),
    ]:
        _, seconds, memory = run(*words)
        say(f"| {title} | {seconds:.1f} | {memory:.0f} |")
    say()


def main():
    present, missing = [], []
    with tempfile.TemporaryDirectory() as folder:
        db = f"{folder}/findings.db"
        for name, make in pair_sets():
            try:
                image, text, image_items, text_items, shared = make()
            except OSError:
                missing.append(name)
                continue
            present.append((name, shared))
            ingest(db, name, "image", image, image_items)
            ingest(db, name, "text", text, text_items)
            if shared:
                for modality, matrix, items in (("image", image, image_items), ("text", text, text_items)):
                    centred = unit(matrix.astype(np.float64))
                    ingest(db, name, modality + "-centred", unit(centred - centred.mean(0)), items)
        joint = [name for name, shared in present if shared]
        say("# The paper's findings on real pairs\n")
        say("Made by `python3 Benchmarks/findings.py` from the commands of this repository; nothing here is typed in. "
            "Sets: see the shared data's README. `debian` calls long descriptions image and short ones text.\n")
        say(f"Machine: {platform.machine()}, {os.cpu_count()} processors (shared with other work while this ran).")
        if missing:
            say(f"Left out, because their files are absent: {', '.join(missing)}.")
        say()
        metrics_table(db, joint)
        small = [name for name in joint if name != "debian"]
        say(f"Against a NumPy reference (300 text queries, five metrics, {len(small)} sets) the largest difference of any "
            f"recall, median rank or MRR is {check_against_numpy(db, small):.2g}.\n")
        gap_table(db, [name for name, _ in present])
        learned_table(db, [(name, methods) for name, methods in [
            ("clip", ["center", "procrustes", "ridge", "cca", "contrastive", "ranking"]),
            ("flickr8k-joint", ["center", "procrustes", "cca"]),
            ("wikipedia", ["ridge", "cca", "contrastive"]), ("flickr8k-unaligned", ["ridge", "cca"]),
        ] if name in dict(present)])
        bank_table(db, joint)
        speed(db)
    if PAGE:
        open(PAGE, "w").write("\n".join(lines).rstrip() + "\n")


main()
