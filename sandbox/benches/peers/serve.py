"""The loop that the peers in Python share: one JSON command a line on stdin, one JSON
reply a line on stdout. `start` begins a session, `run` runs code in the newest one and
gives what it printed, `memory` gives the kilobytes that all sessions take up."""

import json
import sys


def serve(start, run, memory):
    sessions = []
    replies = sys.stdout
    for line in sys.stdin:
        command = json.loads(line)
        match command["do"]:
            case "start":
                sessions.append(start())
                reply = ""
            case "run":
                reply = run(sessions[-1], command["code"])
            case "memory":
                reply = memory(sessions)
        print(json.dumps(reply), file=replies, flush=True)


def proportional(pid="self"):
    """What a process takes up of the memory it shares with others, and all of its own."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
