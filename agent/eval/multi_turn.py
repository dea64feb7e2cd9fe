"""The leaderboard's tools with a state, for one entry: makes calls on them, and judges.

Each line of stdin is a question as JSON, and each of stdout what is said to it:
{"ok": ...}, {"missing": REASON} where the package's code is not there, or
{"failed": REASON}.
"""

import json
import os
import sys

# The tools print, too: only answers go to stdout.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
sys.stdin.reconfigure(encoding="utf-8")

MODEL = "glm"


def written(call):
    """A call in Python, as the official code has it: it is evaluated, so that nothing but
    names and literals may be in it."""
    name, arguments = call["name"], call["arguments"]
    if not all(text.isidentifier() for text in [name, *arguments]):
        return f"{name.split('(')[0]}("  # It has no end, and so it fails.
    return f"{name}({','.join(f'{key}={value!r}' for key, value in arguments.items())})"


def begin(entry):
    global test, execute, check
    from bfcl_eval.constants.default_prompts import (
        DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC,
        MAXIMUM_STEP_LIMIT,
    )
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_utils import (
        execute_multi_turn_func_call,
    )

    test, execute, check = entry, execute_multi_turn_func_call, multi_turn_checker
    run([])
    return {
        "most_steps": MAXIMUM_STEP_LIMIT,
        "more_functions": DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC,
    }


def run(calls):
    results, _ = execute(
        calls,
        test["initial_config"],
        test["involved_classes"],
        MODEL,
        test["id"],
        long_context="long_context" in test["id"] or "composite" in test["id"],
        is_evaL_run=False,
    )
    return results


def call(calls):
    return run([written(call) for call in calls])


def verdict(turns):
    decoded = [[[written(call) for call in calls] for calls in steps] for steps in turns]
    category = test["id"].rsplit("_", 1)[0]
    found = check(decoded, test["ground_truth"], test, category, MODEL)
    if found["valid"]:
        return None
    return {"kind": found["error_type"], "message": found["error_message"]}


ASKED = {"begin": begin, "call": call, "verdict": verdict}

for line in sys.stdin:
    question = json.loads(line)
    try:
        said = {"ok": ASKED[question.pop("ask")](**question)}
    except ImportError as error:
        said = {"missing": str(error)}
    except Exception as error:
        said = {"failed": f"{type(error).__name__}: {error}"}
    print(json.dumps(said), file=answers, flush=True)
