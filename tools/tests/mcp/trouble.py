"""A server of a few lines, without a library, that can misbehave as the
environment says."""

import json
import os
import sys

MODE = os.environ.get("MODE", "")
DESCRIPTION = os.environ.get("DESCRIPTION", "Adds")


def answer(message, result):
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)


if MODE == "exits":
    sys.exit("no licence found")
if MODE == "garbage":
    print("Welcome to my server!\n{]", flush=True)
tools = ["add"]
for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if MODE == "silent":
        continue
    if method == "initialize":
        answer(
            message,
            {
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "trouble", "version": "1"},
            },
        )
    elif method == "tools/list":
        listed = [
            {"name": name, "description": DESCRIPTION, "inputSchema": {"type": "object"}}
            for name in tools
        ]
        answer(message, {"tools": listed})
    elif method == "tools/call":
        if MODE == "grows":
            tools.append("more")
            print(json.dumps({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}), flush=True)
        answer(message, {"content": [{"type": "text", "text": "done"}]})
