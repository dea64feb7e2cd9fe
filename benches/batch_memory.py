#!/usr/bin/env python3
"""Memory of one process over a batch with the default model.

    benches/batch_memory.py [--glm target/release/glm] [--tasks 200] [-- FLAGS OF glm batch]

Prints the resident memory of `glm batch` and of the processes that it started, as the
tasks are done, and fails if the last quarter of the tasks takes more than the quarter
after the first by a tenth and 64 MB: what is kept of past turns has filled by then.
Linux only, because it reads /proc.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("--glm", default="target/release/glm")
parser.add_argument("--tasks", type=int, default=200)
parser.add_argument("flags", nargs="*")
options = parser.parse_args()


def resident(pid):
    """In MB; none of a process that has ended."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0) / 1024


def below(pid):
    """The processes that a process has started, and those that they have."""
    parents = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold anything.
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            pass
    found, new = set(), {pid}
    while new := {child for child, parent in parents.items() if parent in new} - found:
        found |= new
    return found


def task(number):
    """Three kinds, and no two tasks with the same words."""
    a, b = 11 + 7 * number, 1000 - 3 * number
    words = [f"What is {a} * {b}? Use python.", f"Hello, I am guest {number}!", f"What is {a} + {b}? Use python."]
    return {"id": str(number), "task": words[number % 3]}


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    tasks, out = folder / "tasks.jsonl", folder / "results.jsonl"
    tasks.write_text("".join(json.dumps(task(n)) + "\n" for n in range(options.tasks)))
    command = [options.glm, "batch", tasks, "--out", out, "--quiet", *options.flags]
    environment = {**os.environ, "GLM_DATA_DIR": str(folder / "data")}
    process = subprocess.Popen(command, env=environment)
    begun, samples = time.monotonic(), []
    while process.poll() is None:
        done = len(out.read_text().splitlines()) if out.exists() else 0
        own, others = resident(process.pid), sum(map(resident, below(process.pid)))
        if not samples or done // 10 > samples[-1][0] // 10:
            print(f"{done:4} done, {time.monotonic() - begun:5.0f} s: {own:6.0f} MB, and {others:.0f} MB of Python's")
        samples.append((done, own))
        time.sleep(0.2)

    def most(start, end):
        within = [own for done, own in samples if start * options.tasks <= done <= end * options.tasks]
        return max(within, default=0)

    early, late = most(0.25, 0.5), most(0.75, 1)
    print(f"exit code {process.returncode}; at most {most(0, 1):.0f} MB; "
          f"second quarter {early:.0f} MB, last quarter {late:.0f} MB")
    # A task that came to a limit is a result, too.
    sys.exit(process.returncode not in (0, 3) or late > 1.1 * early + 64)
