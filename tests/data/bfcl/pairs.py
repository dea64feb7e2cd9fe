"""Has the official package judge outputs: right ones, and wrong ones of many kinds.

    python pairs.py SEED COUNT > pairs.jsonl

Writes a JSON object a line, of three sorts:

    {"sort": "tools", "id", "tools"}                    what a model is told, of every entry
    {"sort": "calls", "id", "calls", "valid", "error"}  calls, and the verdict
    {"sort": "raw", "id", "raw", "valid", "error"}      a text, and the verdict of GLM-4's handler

COUNT is how many outputs each category gets of the last two together. `error` is the
kind of the fault, "exception" where the official code breaks off, or null.

The package's modules import what they need for models of all makers; what is not
installed is replaced by nothing.
"""

import copy
import importlib.abc
import importlib.machinery
import json
import os
import random
import sys
import tempfile
from unittest.mock import MagicMock

# The package makes folders for results where it is installed, unless it is told otherwise.
os.environ["BFCL_PROJECT_ROOT"] = tempfile.mkdtemp(prefix="bfcl-")


class Nothing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds every module that nobody else does."""

    def find_spec(self, name, path, target=None):
        if name.startswith("bfcl_eval"):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__path__ = []
        module.__spec__ = spec
        return module

    def exec_module(self, module):
        pass


sys.meta_path.append(Nothing())

from bfcl_eval.constants.enums import Language, ModelStyle, ReturnFormat  # noqa: E402
from bfcl_eval.constants.model_config import MODEL_CONFIG_MAPPING  # noqa: E402
from bfcl_eval.constants.type_mappings import GORILLA_TO_OPENAPI  # noqa: E402
from bfcl_eval.eval_checker import eval_runner  # noqa: E402
from bfcl_eval.model_handler.local_inference.glm import GLMHandler  # noqa: E402
from bfcl_eval.model_handler.utils import convert_to_tool  # noqa: E402
from bfcl_eval.utils import load_dataset_entry, load_ground_truth_entry  # noqa: E402

MODEL = "glm"
# The one thing that the checker asks of a model: that its functions' names have no dots.
MODEL_CONFIG_MAPPING[MODEL] = MagicMock(underscore_to_dot=True)

CALLS = [
    "simple_python",
    "simple_java",
    "simple_javascript",
    "multiple",
    "parallel",
    "parallel_multiple",
    "live_simple",
    "live_multiple",
    "live_parallel",
    "live_parallel_multiple",
]
RELEVANCE = ["irrelevance", "live_irrelevance", "live_relevance"]
MULTI_TURN = [
    "multi_turn_base",
    "multi_turn_miss_func",
    "multi_turn_miss_param",
    "multi_turn_long_context",
]

LITERALS = [
    "", " ", "true", "True", "1", "-1", "1.0", "1.5f", "2L", "3n", "1e3", "1e3F", "1_000", "inf",
    "nan", "'a'", '"a"', "a b", "null", "None", "new int[]{1, 2, 3}", "new int[] { 1, x }",
    "new String[]{\"a\", \"b\"}", "new ArrayList<>()", "new ArrayList<>(Arrays.asList(1, 2))",
    'new ArrayList<String>(Arrays.asList("a", "b"))', "new ArrayList<>() {{ add(1); add(2) }}",
    "new HashMap<>()", 'new HashMap<String, Object>() {{ put("a", 1); put("b", "x"); }}',
    'new HashMap<>() {{ put("a", new int[]{1}); }}', "[]", "[1, 2, 3]", "[1, 'a', true]", "[[1, 2], [3]]",
    "[1, 2", "new Array(1, 2)", "{}", "{a: 1}", "{'a': 'b', c: [1, 2], d: true}", "{a: {b: 1}}", "{a:1,b}",
    "{", "12\n", "12n\n", "1.5\n", "{a:\n1}",
]


class Read:
    """Stands for a handler that has read the calls already."""

    def decode_ast(self, result, language, has_tool_call_tag):
        return result


def verdict(handler, result, entry, answer, category):
    """What the official code says, as the pair (valid, kind of fault)."""
    if category in RELEVANCE:
        found = eval_runner._evaluate_single_relevance_entry(
            handler, entry["id"], result, entry, MODEL, category
        )
        return found["valid"], found.get("error_type")
    language, form = Language.PYTHON, ReturnFormat.PYTHON
    if category == "simple_java":
        language, form = Language.JAVA, ReturnFormat.JAVA
    if category == "simple_javascript":
        language, form = Language.JAVASCRIPT, ReturnFormat.JAVASCRIPT
    try:
        found = eval_runner._evaluate_single_ast_entry(
            handler, entry["id"], result, answer, copy.deepcopy(entry), MODEL, category, language, form
        )
    except Exception:
        return False, "exception"
    return found["valid"], found.get("error_type")


# Right outputs.


def literal(value, kind, language):
    """A value as Java or JavaScript writes it; mostly so that it can be read back."""
    plain = value if isinstance(value, str) else json.dumps(value)
    if not isinstance(kind, str) or kind in ("any", "String", "char") or isinstance(value, str):
        return plain
    if language == "java":
        if kind == "long":
            return f"{plain}L"
        if kind == "float":
            return f"{plain}f"
        if kind == "Array" and isinstance(value, list):
            return "new Object[]{" + ", ".join(json.dumps(item) for item in value) + "}"
        if kind == "ArrayList" and isinstance(value, list):
            return "new ArrayList<>(Arrays.asList(" + ", ".join(map(json.dumps, value)) + "))"
        if kind == "HashMap" and isinstance(value, dict):
            puts = "".join(f'put("{key}", {json.dumps(item)}); ' for key, item in value.items())
            return "new HashMap<String, Object>() {{ " + puts + "}}"
    elif kind == "Bigint":
        return f"{plain}n"
    return plain


def chosen(values, chance):
    """One of the right values, those of an object's keys chosen, too; None for none."""
    values = [value for value in values if value != ""]
    if not values:
        return None
    return filled(chance.choice(values), chance)


def filled(value, chance):
    if isinstance(value, dict):
        pairs = {}
        for key, inner in value.items():
            if not isinstance(inner, list):
                pairs[key] = filled(inner, chance)
                continue
            picked = chosen(inner, chance)
            if picked is not None and not ("" in inner and chance.random() < 0.5):
                pairs[key] = picked
        return pairs
    if isinstance(value, list):
        return [filled(item, chance) for item in value]
    return value


def right(entry, answer, chance, category):
    kinds = {
        function["name"]: function["parameters"]["properties"] for function in entry["function"]
    }
    calls = []
    for expected in answer:
        [(name, parameters)] = expected.items()
        arguments = {}
        for key, values in parameters.items():
            if "" in values and chance.random() < 0.5:
                continue
            value = chosen(values, chance)
            if value is None:
                continue
            if "java" in category:
                kind = kinds[name].get(key, {}).get("type")
                value = literal(value, kind, category.removeprefix("simple_"))
            arguments[key] = value
        calls.append({"name": name.replace(".", "_"), "arguments": arguments})
    return calls


# What is done to them.


def other_text(text, chance):
    return chance.choice([
        text.upper(), text.lower(), text.title(), f" {text} ", f"{text}.", text.replace(" ", ""),
        text.replace(" ", "-"), text.replace(",", ""), text.replace("'", '"'), f"{text}x", text[:-1],
        text[1:], "", f"'{text}'", text.replace("a", "ä"), f"{text}\n", f"{text}!", text.swapcase(),
    ])  # fmt: skip


def other_type(value, chance):
    return chance.choice([
        None, True, False, 0, 1, 1.0, -2.5, "1", "", [], [1], ["a"], [[1]], [{}], {}, {"a": 1}, [value],
        {"value": value}, str(value), json.dumps(value), 10**15,
    ])  # fmt: skip


def other(value, chance):
    """Another value: near, or of another type."""
    if chance.random() < 0.3:
        return other_type(value, chance)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return chance.choice([value + 1, -value, float(value), str(value), value + 0.5, bool(value)])
    if isinstance(value, float):
        return chance.choice([value + 1, int(value), str(value), -value, round(value)])
    if isinstance(value, str):
        return other_text(value, chance)
    if isinstance(value, list):
        value = list(value)
        how = chance.randrange(6)
        if how == 0:
            chance.shuffle(value)
        elif how == 1 and value:
            value.pop(chance.randrange(len(value)))
        elif how == 2:
            value.append(chance.choice(value) if value else 1)
        elif how == 3 and value:
            at = chance.randrange(len(value))
            value[at] = other(value[at], chance)
        elif how == 4:
            value = value + value
        else:
            value = []
        return value
    if isinstance(value, dict):
        value = dict(value)
        how = chance.randrange(4)
        if how == 0 and value:
            value.pop(chance.choice(list(value)))
        elif how == 1:
            value["more"] = 1
        elif how == 2 and value:
            key = chance.choice(list(value))
            value[key] = other(value[key], chance)
        else:
            value = {key.upper(): item for key, item in value.items()}
        return value
    return other_type(value, chance)


def changed(calls, entry, chance, category):
    """The calls with one thing changed."""
    calls = copy.deepcopy(calls)
    how = chance.randrange(12)
    if how == 0:
        return chance.choice([[], calls[:-1], calls + calls[:1], calls[::-1], calls * 2])
    if not calls:
        return calls
    call = chance.choice(calls)
    arguments = call["arguments"]
    if how == 1:
        names = [function["name"] for function in entry["function"]]
        name = call["name"]
        call["name"] = chance.choice([name + "s", name.upper(), "", chance.choice(names)])
    elif how == 2 and arguments:
        arguments.pop(chance.choice(list(arguments)))
    elif how == 3:
        known = [key for f in entry["function"] for key in f["parameters"]["properties"]]
        key = chance.choice([*known, "more"])
        arguments.setdefault(key, chance.choice([1, "", "a", None, True, [], {}]))
    elif how == 4 and arguments:
        key = chance.choice(list(arguments))
        arguments[key.upper()] = arguments.pop(key)
    elif how == 5:
        call["arguments"] = dict(reversed(arguments.items()))
    elif arguments:
        key = chance.choice(list(arguments))
        if "java" in category and chance.random() < 0.6:
            arguments[key] = chance.choice([*LITERALS, f"{arguments[key]}L", f"{arguments[key]}f"])
        else:
            arguments[key] = other(arguments[key], chance)
    return calls


def text(calls, chance):
    """A reply with these calls, as GLM-4 writes them, more or less."""
    parts = []
    for call in calls:
        arguments = json.dumps(call["arguments"], ensure_ascii=chance.random() < 0.5)
        indented = json.dumps(call["arguments"], indent=2)
        parts.append(call["name"] + "\n" + chance.choice([arguments] * 6 + [indented, f"[{arguments}]"]))
    reply = "".join(parts)
    return chance.choice([reply] * 4 + [f"{reply}\nDone.", f"\n{reply}", f" {reply} ", "\nWords.", "Words.", ""])


def pairs(category, count, chance):
    entries = load_dataset_entry(
        category, include_prereq=False, include_language_specific_hint=False
    )
    answers = [None] * len(entries)
    if category in CALLS:
        answers = [line["ground_truth"] for line in load_ground_truth_entry(category)]
    for number in range(count):
        at = chance.randrange(len(entries))
        entry, answer = entries[at], answers[at]
        if category in RELEVANCE:
            names = [function["name"].replace(".", "_") for function in entry["function"]]
            calls = [{"name": name, "arguments": {}} for name in names[: chance.randrange(3)]]
        else:
            calls = right(entry, answer, chance, category)
            for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
                calls = changed(calls, entry, chance, category)
        # As the values are once they have been written and read.
        calls = json.loads(json.dumps(calls))
        line = {"id": entry["id"]}
        if number % 5 == 4:
            raw = text(calls, chance)
            line |= {"sort": "raw", "raw": raw}
            found = verdict(GLM, raw, entry, answer, category)
        else:
            line |= {"sort": "calls", "calls": calls}
            decoded = [{call["name"]: call["arguments"]} for call in calls]
            found = verdict(Read(), decoded, entry, answer, category)
        line["valid"], line["error"] = found
        yield line


def tools(category):
    for entry in load_dataset_entry(category, include_prereq=False):
        converted = convert_to_tool(
            entry["function"], GORILLA_TO_OPENAPI, ModelStyle.OPENAI_COMPLETIONS
        )
        yield {"sort": "tools", "id": entry["id"], "tools": converted}


GLM = GLMHandler.__new__(GLMHandler)


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(seed)
    for category in CALLS + RELEVANCE + MULTI_TURN:
        for line in tools(category):
            print(json.dumps(line))
    for category in CALLS + RELEVANCE:
        for line in pairs(category, count, chance):
            print(json.dumps(line))


main()
