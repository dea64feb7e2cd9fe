"""Functions in the manner of public APIs: several typed parameters with descriptions, defaults, lists, nested objects.

They are composed from the lines of functions.txt, `area | names | description | parameters | requests | result`, with
alternatives separated by ` / `:

- a parameter is `name:kind:description`; `name/other` has two names, `name?=value` is optional with that default (`name?` has
  none). Kinds are those of catalog.py, the lists of lists.txt by their names, and `int(low,high)`, `num(low,high)`,
  `enum(a,b)`, `bool(said when true,said when false)` and `list(kind)`;
- `{name}` in a request is the argument's value, and `[…]` is kept only if the optional parameters inside it are given;
- a result is a kind of catalog.py.

Names, wordings, order, optional parameters and the style of the schema are drawn anew each time. Every fifth line is held
out, and so is every fifth item of a list.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from random import Random

from catalog import KINDS, RESULTS
from tools import Task, fail, observe, sentence, value_of, vary
from words import Words

HERE = Path(__file__).parent
LINES = [line.split(" | ") for line in (HERE / "functions.txt").read_text().splitlines()]
LISTS = {
    name: items.split(";")
    for name, _, items in (line.partition(": ") for line in (HERE / "lists.txt").read_text().splitlines())
}

OTHERS = {
    "year": ("integer", lambda w: w.random.randint(1900, 2026)),
    "fullname": ("string", Words.fullname),
    "invented": ("string", Words.invented),
}
"""Kinds that catalog.py lacks: JSON type, generator."""

NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()


@dataclass
class Parameter:
    """One parameter of a function as it is offered this time."""

    slot: str
    """The name by which requests refer to it."""
    name: str
    schema: dict
    required: bool
    value: object
    words: str
    """The value as a request says it."""


def draw(w: Words, kind: str) -> tuple[dict, object, str]:
    """A schema, a value that fits it, and how a request says it."""
    head, _, rest = kind.partition("(")
    rest = rest.removesuffix(")")
    if head == "int":
        low, high = map(int, rest.split(","))
        number = w.random.randint(low, high)
        spelled = 0 < number < len(NUMBERS) and w.chance(0.12)
        return {"type": "integer"}, number, NUMBERS[number] if spelled else str(number)
    if head == "num":
        low, high = map(int, rest.split(","))
        decimal = round(w.random.uniform(low, high), w.random.choice([1, 1, 2]))
        number = w.random.randint(low, high) if w.chance(0.6) else decimal
        return {"type": "number"}, number, str(number)
    if head == "enum":
        options = rest.split(",")
        if all(option.isdecimal() for option in options):
            number = int(w.random.choice(options))
            return {"type": "integer", "enum": [int(option) for option in options]}, number, str(number)
        word = w.random.choice(options)
        return {"type": "string", "enum": options}, word, word
    if head == "bool":
        answer = w.chance(0.5)
        return {"type": "boolean"}, answer, rest.split(",")[0 if answer else 1]
    if head == "list":
        if rest.startswith("list"):
            return matrix(w, rest)
        drawn = [draw(w, rest) for _ in range(length(w, rest))]
        schema, values = drawn[0][0], [value for _, value, _ in drawn]
        return {"type": "array", "items": schema}, values, enumerated(w, [words for *_, words in drawn], values)
    if head in LISTS:
        word = w.pick(LISTS[head]) if w.chance(0.85) or head in ("compound", "function_text", "sentence") else w.invented()
        return {"type": "string"}, word, word
    json_type, make = OTHERS[head] if head in OTHERS else (KINDS[head][0], KINDS[head][2])
    value = make(w)
    return {"type": json_type}, value, str(value)


def matrix(w: Words, kind: str) -> tuple[dict, object, str]:
    """Two rows of two or three."""
    inner = kind.removeprefix("list(").removesuffix(")")
    schema, width = draw(w, inner)[0], w.random.randint(2, 3)
    rows = [[draw(w, inner)[1] for _ in range(width)] for _ in range(2)]
    return {"type": "array", "items": {"type": "array", "items": schema}}, rows, str(rows)


def length(w: Words, kind: str) -> int:
    """How many items a list has: coordinates have two."""
    return 2 if kind.startswith("int(-") else w.random.randint(2, 6 if kind[:3] in ("int", "num") else 3)


def enumerated(w: Words, words: list[str], values: list) -> str:
    """A list as people write it."""
    if isinstance(values[0], str) or w.chance(0.4):
        return ", ".join(words[:-1]) + w.random.choice([" and ", " and ", ", "]) + words[-1]
    return w.random.choice(["{}", "[{}]", "({})"]).format(", ".join(words))


def declared(w: Words, text: str) -> Parameter:
    """A parameter from its declaration in functions.txt."""
    names, kind, description = text.split(":", 2)
    names, optional, default = names.partition("?")
    slot, *others = names.split("/")
    schema, value, words = draw(w, kind)
    default = default.removeprefix("=")
    description = described(w, description, default)
    if w.chance(0.12):
        description = description.rstrip(".")
    full = {"type": schema.pop("type")}
    if w.chance(0.93):
        full["description"] = description
    full |= schema
    if default and w.chance(0.25):
        full["default"] = {"true": True, "false": False}.get(default, int(default) if default.isdecimal() else default)
    return Parameter(slot, w.random.choice([slot, slot, *others]), full, not optional, value, words)


def described(w: Words, description: str, default: str) -> str:
    if default and w.chance(0.6):
        return f"{description} {w.random.choice(['Default is {}.', 'Defaults to {}.', 'Optional, {} if left out.']).format(default)}"
    if default and w.chance(0.3):
        return f"(Optional) {description}"
    return description


def task(w: Words) -> Task:
    """One call of one function, as tools.py makes them."""
    return tasks(w, 1)[0]


def tasks(w: Words, count: int) -> list[Task]:
    """Tasks for one function, offered the same way: each with its own values and request."""
    line, seed = w.pick(LINES), w.random.random()
    return [one(w, Words(Random(seed), w.held), line) for _ in range(count)]


def one(w: Words, style: Words, line: list[str]) -> Task:
    """A task for the function of this line; the style decides how it is offered."""
    area, names, description, declarations, requests, result = line
    parameters = []
    for text in declarations.split("; "):
        shaped = declared(style, text.strip())
        fresh = declared(w, text.strip())
        parameters.append(Parameter(shaped.slot, shaped.name, shaped.schema, shaped.required, fresh.value, fresh.words))
    request, given = worded(w, requests, parameters)
    properties = {p.name: p.schema for p in parameters}
    required = [p.name for p in parameters if p.required]
    arguments = {p.name: p.value for p in parameters if p.slot in given}
    if len(parameters) > 2 and style.chance(0.06):
        properties, required, arguments = nested(style, parameters, given)
    schema: dict = {"type": "object", "properties": properties, "required": required}
    if style.chance(0.1):
        schema = {"type": "object", "required": required, "properties": properties}
    tool = {"name": named(style, area, names), "description": elaborated(style, area, description), "parameters": schema}
    subject = description[0].lower() + description[1:].rstrip(".")
    if w.chance(0.05):
        observation, answer, value = fail(w, "an answer")
    else:
        value = str(value_of(w, result)) if result in KINDS or result in RESULTS else draw(w, result)[2]
        key = names.split(" / ")[0].split("_")[-1]
        observation = observe(w, key, value, {})
        answer = answered(w, key, value)
    return Task(tool, vary(w, sentence(request)), arguments, subject, observation, answer, value)


def answered(w: Words, key: str, value: str) -> str:
    forms = ["The answer is {v}.", "It is {v}.", "{v}", "The result is {v}.", "The {k} is {v}.", "I got this: {v}."]
    return w.random.choice(forms).format(v=value, k=key)


def worded(w: Words, requests: str, parameters: list[Parameter]) -> tuple[str, set[str]]:
    """A request, and the slots of the parameters that it names."""
    by_slot = {p.slot: p for p in parameters}
    given = {p.slot for p in parameters if p.required or w.chance(0.4)}
    kept, said = [], set()
    for part in re.split(r"(\[[^]]*\])", w.random.choice(requests.split(" / "))):
        slots = set(re.findall(r"{(\w+)}", part))
        if part.startswith("[") and not slots <= given:
            continue
        kept.append(part.removeprefix("[").removesuffix("]"))
        said |= slots
    text = re.sub(r"{(\w+)}", lambda m: by_slot[m[1]].words, "".join(kept))
    return re.sub(r"\s+([?.,])", r"\1", text).replace("  ", " ").replace("??", "?"), said


def nested(w: Words, parameters: list[Parameter], given: set[str]) -> tuple[dict, list[str], dict]:
    """The same parameters, the last two inside an object."""
    outer, inner = parameters[:-2], parameters[-2:]
    key = w.random.choice(["options", "details", "params", "settings", "info"])
    needed = [p.name for p in inner if p.required]
    group: dict = {"type": "object", "properties": {p.name: p.schema for p in inner}}
    if needed:
        group["required"] = needed
    if w.chance(0.6):
        group["description"] = "Further details."
    properties = {p.name: p.schema for p in outer} | {key: group}
    required = [p.name for p in outer if p.required] + ([key] if needed else [])
    arguments = {p.name: p.value for p in outer if p.slot in given}
    inside = {p.name: p.value for p in inner if p.slot in given}
    return properties, required, arguments | ({key: inside} if inside else {})


def named(w: Words, area: str, names: str) -> str:
    name = w.random.choice(names.split(" / "))
    if w.chance(0.2):
        name = f"{area}_{name}"
    return re.sub(r"_(.)", lambda m: m[1].upper(), name) if w.chance(0.12) else name


def elaborated(w: Words, area: str, description: str) -> str:
    """A description in one of the lengths in which they are written."""
    plain = description.rstrip(".")
    forms = [
        description,
        description,
        plain,
        f"{description} Use it for questions on {area}.",
        f"This function {plain[0].lower()}{plain[1:]}.",
        f"{description} Returns an error if the arguments make no sense.",
    ]
    return w.random.choice(forms)
