"""What the benchmark scripts share: data, processes measured from outside, and the record of a run. Measures nothing itself."""
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def causeway_path():
    """The release build of the executable, made when it is missing."""
    path = os.path.join(ROOT, ".build", "release", "causeway")
    if "CAUSEWAY" in os.environ:
        return os.environ["CAUSEWAY"]
    if not os.path.exists(path):
        subprocess.run(["swift", "build", "-c", "release", "--product", "causeway"], cwd=ROOT, check=True)
    return path


def sibling_path(product):
    """Another release executable of the package, made when it is missing; where CAUSEWAY is set, the one beside it."""
    path = os.path.join(os.path.dirname(causeway_path()), product)
    if not os.path.exists(path):
        subprocess.run(["swift", "build", "-c", "release", "--product", product], cwd=ROOT, check=True)
    return path


def require(*modules):
    """Imports peers, installing what is missing by its package name."""
    names = {"faiss": "faiss-cpu", "ot": "POT", "sklearn": "scikit-learn"}
    for module in modules:
        try:
            __import__(module)
        except ImportError:
            package = names.get(module, module.replace("_", "-"))
            subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", package], check=True)
            __import__(module)


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
    result = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return result.stdout.strip()


def command_line():
    """The call as another machine would make it: without the places of files."""
    words = ["python3", os.path.relpath(os.path.abspath(sys.argv[0]), ROOT)] + sys.argv[1:]
    for option in ("--directory", "--keep"):
        if option in words:
            place = words.index(option)
            del words[place : place + 2]
    return " ".join(words)


def save(name, command, results):
    """Writes Benchmarks/results/NAME.json: machine, commit, command, figures."""
    directory = os.path.join(ROOT, "Benchmarks", "results")
    os.makedirs(directory, exist_ok=True)
    record = {"machine": machine(), "commit": commit(), "command": command, "results": results}
    path = os.path.join(directory, name + ".json")
    with open(path, "w") as file:
        json.dump(record, file, indent=1)
        file.write("\n")
    print(f"wrote {os.path.relpath(path, ROOT)}")


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
