"""What the benchmark scripts share: peers, data, processes measured from outside, and the record of a run."""
import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVIRONMENT = os.path.join(ROOT, ".build", "benchmarks-venv")
PACKAGES = {"faiss": "faiss-cpu", "ot": "POT", "sklearn": "scikit-learn", "sqlite_vec": "sqlite-vec"}  # of other names
QUIET = 0.5  # a load above which other work is seen in the figures
BEFORE = {}  # what `begin` found: of which machine, program and peers the figures are


def begin(*modules):
    """What a script calls before it imports a peer: sees to the peers, and notes what the record of the run begins with."""
    require(modules)
    peers = {PACKAGES.get(module, module): version(module) for module in modules}
    BEFORE.update(machine=machine(), commit=commit(), peers=peers, loadBefore=round(os.getloadavg()[0], 2))
    if BEFORE["loadBefore"] > QUIET:
        tell(f"the load is {BEFORE['loadBefore']} before the run: the figures will be those of a busy machine")


def tell(line):
    print(line, file=sys.stderr, flush=True)


def require(modules):
    """Imports peers; where one is missing, starts the script again in an environment of the benchmarks' own that gets it."""
    missing = []
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:
            missing.append(PACKAGES.get(module, module))
    if not missing:
        return
    place, wanted = os.path.relpath(ENVIRONMENT, ROOT), " ".join(missing)
    if os.path.realpath(sys.prefix) == os.path.realpath(ENVIRONMENT):
        tell(f"installing {wanted} into {place}")
        call([sys.executable, "-m", "pip", "install", "--quiet", *missing],
             f"cannot install {wanted}: see to a network, or remove {place} if it is of another Python")
        importlib.invalidate_caches()
        for module in modules:
            importlib.import_module(module)
        return
    python = os.path.join(ENVIRONMENT, "bin", "python3")
    if not all(os.path.exists(file) for file in (python, os.path.join(ENVIRONMENT, "bin", "pip"))):
        tell(f"{wanted} missing: making the Python environment {place}")
        call([sys.executable, "-m", "venv", "--clear", "--system-site-packages", ENVIRONMENT],
             f"cannot make {place}: install Python's venv (Debian: apt-get install python3-venv), or {wanted} by hand")
    sys.stdout.flush()
    os.execv(python, [python, os.path.abspath(sys.argv[0]), *sys.argv[1:]])


def call(command, remedy):
    if subprocess.run(command, stdout=sys.stderr).returncode != 0:
        sys.exit(remedy)


def version(module):
    try:
        return importlib.metadata.version(PACKAGES.get(module, module))
    except importlib.metadata.PackageNotFoundError:  # a build of its own, or one under another name
        return getattr(sys.modules[module], "__version__", None)


def program(product="causeway"):
    """A release executable of the package, made when it is missing; where CAUSEWAY is set, that one or the one beside it."""
    given = os.environ.get("CAUSEWAY")
    path = os.path.join(os.path.dirname(given) if given else os.path.join(ROOT, ".build", "release"), product)
    if given and product == "causeway":
        path = given
    if not os.path.exists(path):
        if given:
            sys.exit(f"{path} is missing: build it there, or unset CAUSEWAY")
        subprocess.run(["swift", "build", "-c", "release", "--product", product], cwd=ROOT, check=True)
    elif os.path.getmtime(path) < newest_source():
        tell(f"{product} is older than the newest source file, and the figures are of what it was built from: "
             "swift build -c release")
    return path


def newest_source():
    """When a source file, or Package.swift, was last changed."""
    files = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(ROOT, "Sources")) for name in names]
    return max(map(os.path.getmtime, files + [os.path.join(ROOT, "Package.swift")]))


def measured(arguments, **options):
    """Runs a process; returns (seconds, peak resident bytes, standard output, standard error). Fails loudly."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(arguments, stdout=out, stderr=err, **options)
        peak = 0
        while process.poll() is None:
            peak = max(peak, peak_bytes(process.pid))
            time.sleep(0.002)
        seconds = time.perf_counter() - start
        out.seek(0)
        err.seek(0)
        stdout, stderr = out.read().decode(), err.read().decode()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}: {stderr[-2000:]}")
    return seconds, peak, stdout, stderr


def peak_bytes(pid):
    """The high-water mark so far of a process's own memory; what wait4 reports would include ours from before exec."""
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def machine():
    model = platform.processor()
    try:
        with open("/proc/cpuinfo") as info:
            model = next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {"processor": model, "cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}


def commit():
    """HEAD when the run began, with `-dirty` where what the program is built from differs from it."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--", "Sources", "Package.swift")
    return git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")


def command_line():
    """The call as another machine would make it: without the places of files."""
    words = ["python3", os.path.relpath(os.path.abspath(sys.argv[0]), ROOT)] + sys.argv[1:]
    for option in ("--directory", "--keep"):
        if option in words:
            place = words.index(option)
            del words[place : place + 2]
    return " ".join(words)


def save(name, results, unfinished=None):
    """Writes Benchmarks/results/NAME.json: machine, commit, peers, load, command, figures.

    `unfinished` says how far a run has come: its figures go to NAME-unfinished.json, which the whole record then replaces.
    """
    directory = os.path.join(ROOT, "Benchmarks", "results")
    os.makedirs(directory, exist_ok=True)
    path, partial = (os.path.join(directory, name + end) for end in (".json", "-unfinished.json"))
    mark = {"unfinished": unfinished} if unfinished else {}
    write_json(partial, {**mark, **BEFORE, "command": command_line(), "results": results})
    if not unfinished:
        os.replace(partial, path)
        print(f"wrote {os.path.relpath(path, ROOT)}")


def write_json(path, value):
    """Whole or not at all."""
    with open(path + ".new", "w") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)


def clustered(path, count, dimension, clusters=1000, seed=1):
    """Unit vectors on Gaussian clusters as a float32 .npy, written in blocks so that memory stays small."""
    import numpy as np

    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((clusters, dimension)).astype(np.float32)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(count, dimension))
    for start in range(0, count, 50_000):
        rows = min(50_000, count - start)
        block = centres[rng.integers(clusters, size=rows)]
        block = block + 0.8 * rng.standard_normal((rows, dimension)).astype(np.float32)
        out[start : start + rows] = block / np.linalg.norm(block, axis=1, keepdims=True)
    out.flush()
    del out
