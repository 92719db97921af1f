"""Runs the causeway executable and reads what it prints."""
import json
import subprocess
import sys


class Failure(Exception):
    """A command that ended otherwise than it should."""


def finish(faults, seed=0, shown=20):
    """Tells what differed, and ends this process with 1 where anything did."""
    for fault in faults[:shown]:
        print("WRONG", fault)
    print(f"{len(faults)} faults (seed {seed})")
    sys.exit(1 if faults else 0)


class Causeway:
    """One database of the executable at `program`; every method is one process."""

    def __init__(self, program, database, time_limit=300):
        self.program, self.database, self.time_limit = program, database, time_limit

    def run(self, *arguments, status=0):
        words = [self.program, *map(str, arguments)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=self.time_limit, stdin=subprocess.DEVNULL)
        if done.returncode != status:
            raise Failure(f"{' '.join(words)}: status {done.returncode}, not {status}: {done.stderr.strip()[:500]}")
        return done

    def ingest(self, modality, file, items=None, collection="c"):
        options = ["--items", items] if items else []
        done = self.run("ingest", self.database, "--collection", collection, "--modality", modality, file, *options)
        return json.loads(done.stdout)

    def build(self):
        return [json.loads(line) for line in self.run("index", "build", self.database, "--format", "jsonl").stdout.splitlines()]

    def search(self, source, target, metric, *options, collection="c"):
        """(answers, timing): an answer a query; the timing object, None where there is none."""
        done = self.run(
            "search", self.database, "--collection", collection, "--from", source, "--to", target, "--metric", metric,
            "--format", "jsonl", *options)
        timing = [line for line in done.stderr.splitlines() if line.startswith("{")]
        return [json.loads(line) for line in done.stdout.splitlines()], json.loads(timing[0]) if timing else None

    def evaluate(self, source, target, collection="c", metrics=("cosine",)):
        done = self.run(
            "evaluate", self.database, "--collection", collection, "--from", source, "--to", target, "--at", "1,5,10",
            "--metrics", ",".join(metrics), "--format", "json")
        return json.loads(done.stdout)

    def gap(self, first, second, collection="c"):
        done = self.run("gap", self.database, "--collection", collection, "--between", first, second, "--format", "json")
        return json.loads(done.stdout)
