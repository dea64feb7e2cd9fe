"""Writes the right calls of a conversation as GLM-4 would reply with them.

Reads {"functions": [...], "ground_truth": [[CALL, ...], ...]} on stdin, calls as the leaderboard
has them: in Python. Prints a JSON list of replies: for each turn one with its calls, if there are
some, and one in words.
"""

import ast
import json
import sys

entry = json.load(sys.stdin)
names = {
    function["name"]: list(function["parameters"]["properties"]) for function in entry["functions"]
}


def written(text):
    call = ast.parse(text, mode="eval").body
    name = call.func.id
    arguments = dict(zip(names[name], map(ast.literal_eval, call.args)))
    arguments |= {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    return f"{name}\n{json.dumps(arguments)}"


replies = []
for calls in entry["ground_truth"]:
    if calls:
        replies.append("<|assistant|>".join(map(written, calls)) + "<|observation|>")
    replies.append("\nDone.<|user|>")
print(json.dumps(replies))
