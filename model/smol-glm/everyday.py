"""Measure a model on everyday tasks through the product: `glm run` with the task's tools, temperature 0.

    python everyday.py [--tasks everyday.jsonl] [--misses misses.jsonl] GLM [FLAG...]

GLM is the program; what follows goes to `glm run`. A task of everyday.jsonl has a `task`, the `tools` that are offered, the `calls`
that it takes (each argument with all values that are right, and which of them may be left out), for an observation the `output` of the
tool, and what the `answer` must hold. The first call of a run is judged. The tasks were written by somebody who had not seen the
training data, and the training data by others who had not seen the tasks.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from measure import table

HERE = Path(__file__).parent
SECONDS = 180


def same(got: object, want: object) -> bool:
    """Equal: numbers by value, texts without the spaces around them, lists item by item."""
    if isinstance(got, bool) or isinstance(want, bool):
        return got is want
    if isinstance(got, int | float) and isinstance(want, int | float):
        return math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(got, str) and isinstance(want, str):
        return got.strip() == want.strip()
    return isinstance(got, list) and isinstance(want, list) and len(got) == len(want) and all(map(same, got, want))


def manifest(task: dict) -> dict:
    """The tools of a task: the one that is needed prints the task's output."""
    wanted = {call["name"] for call in task["calls"]}
    # `%s` takes what follows as it is; no shell is in between.
    return {
        "tools": [
            {**tool, "command": ["printf", "%s\\n", task["output"] if tool["name"] in wanted else "ok"]}
            for tool in task["tools"]
        ]
    }


def judge(task: dict, call: dict | None) -> list[str]:
    """What is wrong with the first call, or with there being one or none."""
    if not task["calls"]:
        return [f"called {call['name']}"] if call else []
    want = task["calls"][0]
    if call is None:
        return ["no call"]
    if call["name"] != want["name"] or call["type"] == "rejected" or not isinstance(call["arguments"], dict):
        return [f"{call['type']}: {call['name']}"]
    got, wrong = call["arguments"], []
    for name, accepted in want["arguments"].items():
        if name not in got:
            if name not in want["optional"]:
                wrong.append(f"{name} is missing")
        elif not any(same(got[name], value) for value in accepted):
            wrong.append(f"{name} is {got[name]!r}")
    return wrong + [f"{name} was not asked for" for name in got if name not in want["arguments"]]


def run(task: dict, glm: str, flags: list[str]) -> dict:
    """A task's outcome: what is wrong with the call and with the answer, and how many calls were malformed."""
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder) / "tools.json"
        tools.write_text(json.dumps(manifest(task)))
        command = [glm, "run", "--tools", str(tools), "--json", "--temperature", "0", "--ephemeral", "--approve", "auto"]
        command += [*flags, "--", task["task"]]
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    calls = [event for event in events if event["type"] in ("tool_call_requested", "rejected")]
    malformed = sum(
        len(event.get("errors", [])) if event["type"] == "model_turn" else event["type"] == "rejected" for event in events
    )
    answer = (events[-1].get("answer") or "") if events else ""
    held = all(part in answer or part in answer.replace(",", "") for part in task.get("answer") or [])
    return {
        "id": task["id"],
        "task": task["task"],
        "wrong": judge(task, calls[0] if calls else None),
        "answered": held and done.returncode == 0,
        "malformed": malformed,
        "answer": answer,
        "error": done.stderr[-300:] if done.returncode else "",
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("glm")
    parser.add_argument("--tasks", type=Path, default=HERE / "everyday.jsonl")
    parser.add_argument("--misses", type=Path, help="file for what was wrong")
    parser.add_argument("flags", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    glm = str(Path(args.glm).resolve()) if "/" in args.glm else args.glm
    right: dict[str, list[bool]] = defaultdict(list)
    malformed = 0
    misses = []
    tasks = [json.loads(line) for line in args.tasks.read_text().splitlines()]
    for count, task in enumerate(tasks, 1):
        outcome = run(task, glm, args.flags)
        malformed += outcome["malformed"]
        for kind in ("right call", f"right call: {task['kind']}"):
            right[kind].append(not outcome["wrong"])
        if task["kind"] == "observation":
            right["answer from the observation"].append(not outcome["wrong"] and outcome["answered"])
        if outcome["wrong"] or (task["kind"] == "observation" and not outcome["answered"]):
            misses.append(outcome)
        sys.stderr.write(f"\r{count} of {len(tasks)} tasks")
    sys.stderr.write("\n")
    if args.misses:
        args.misses.write_text("".join(json.dumps(miss) + "\n" for miss in misses))
    print(table(right))
    print(f"\n{malformed} malformed calls")


if __name__ == "__main__":
    main()
