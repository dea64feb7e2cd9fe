"""Functions in the manner of public APIs: several typed parameters with descriptions, defaults, lists, nested objects.

They are expanded from the blocks of functions/*.txt, which are separated by empty lines:

    home: set_room_temperature, thermostat.set | Sets the target temperature of a room.
    - room: string = kitchen; nursery; attic studio (studio under the roof) | Which room
    - celsius/degrees: number 14..27 | Target temperature in degrees Celsius.
    - mode?=comfort: enum = comfort; eco (energy saving, economy) | The heating programme
    > Set the {room} to {celsius} degrees[ in {mode} mode].
    ! How much did we spend on gas last winter?
    = {"room": "{room}", "sensor": {:s:integer 5..30}} => The {room} has {s} degrees now.

The first line holds the area, the function's names and its description. A parameter has a name, perhaps others, `?` if it is
optional, its default, its kind (`kinds.py`) and its description. `>` is a request: `{name}` is the argument as people say it, and
what is in brackets is kept only if the optional parameters inside it are given. `!` is a request of the same area that the function
cannot serve. `=` is what the function returns and the answer to that; `{:s:KIND}` draws a value for both. A kind alone after `=`
stands for a returned value of that kind in any shape.

Names, wordings, order, optional parameters and the style of the schema are drawn anew each time. The blocks of heldout.txt are held
out.
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import kinds
from catalog import KINDS, RESULTS
from kinds import Kind
from tools import Task, fail, observe, sentence, value_of, vary
from words import Words, dumps

FOLDER = Path(__file__).parent / "functions"
HELD_OUT = "heldout.txt"


@dataclass(frozen=True)
class Parameter:
    """A parameter as its block declares it."""

    slot: str
    """The name by which requests and results refer to it."""
    names: list[str]
    optional: bool
    default: str
    kind: Kind
    description: str


@dataclass(frozen=True)
class Function:
    """A block."""

    area: str
    names: list[str]
    description: str
    parameters: list[Parameter] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)


def parse(block: str) -> Function:
    """A block as text; ValueError says what is wrong with it."""
    head, *lines = block.strip().splitlines()
    match = re.fullmatch(r"([\w -]+): ([\w., -]+) \| (.+)", head)
    if not match:
        raise ValueError(f"the first line is no `area: names | description`: {head}")
    function = Function(match[1], match[2].split(", "), match[3].strip())
    for line in lines:
        mark, text = line[:1], line[1:].strip()
        if mark == "-":
            function.parameters.append(parameter(text))
        elif mark in ">!=" and text:
            {">": function.requests, "!": function.misses, "=": function.results}[mark].append(text)
        else:
            raise ValueError(f"begins with none of - > ! =: {line}")
    check(function)
    return function


def parameter(text: str) -> Parameter:
    match = re.fullmatch(r"([\w/]+)(\?(?:=([^:]*))?)?: (.+?) \|(.*)", text)
    if not match:
        raise ValueError(f"no `name: kind | description`: {text}")
    names = match[1].split("/")
    return Parameter(names[0], names, bool(match[2]), match[3] or "", kinds.parse(match[4]), match[5].strip())


SLOT = re.compile(r"{(\w+)}")
DRAWN = re.compile(r"{:(\w+):([^}]*)}")


def check(function: Function) -> None:
    """Whether requests and results name what there is, and all that they must."""
    slots = {p.slot for p in function.parameters}
    required = {p.slot for p in function.parameters if not p.optional}
    if len(slots) < len(function.parameters):
        raise ValueError(f"{function.names[0]}: two parameters of one name")
    if not function.requests or not function.results:
        raise ValueError(f"{function.names[0]}: no requests or no results")
    for request in function.requests:
        outside = set(SLOT.findall(re.sub(r"\[[^]]*\]", "", request)))
        inside = set(SLOT.findall("".join(re.findall(r"\[[^]]*\]", request))))
        if outside != required:
            raise ValueError(f"{function.names[0]}: outside of brackets {outside}, required {required}: {request}")
        if not inside <= slots - required:
            raise ValueError(f"{function.names[0]}: unknown in brackets {inside - slots | inside & required}: {request}")
        if request.count("[") != request.count("]") or any(not SLOT.search(b) for b in re.findall(r"\[[^]]*\]", request)):
            raise ValueError(f"{function.names[0]}: brackets without a parameter: {request}")
    for miss in function.misses:
        if SLOT.search(miss):
            raise ValueError(f"{function.names[0]}: a near miss holds a placeholder: {miss}")
    for result in function.results:
        if " => " not in result:
            if result not in KINDS and result not in RESULTS:
                kinds.parse(result)
            continue
        left, _, right = result.partition(" => ")
        drawn = {name for name, kind in DRAWN.findall(left) if kinds.parse(kind)}
        if not set(SLOT.findall(left)) <= required | drawn or not set(SLOT.findall(right)) <= required | drawn:
            raise ValueError(f"{function.names[0]}: a result names what is neither required nor drawn: {result}")


def load(file: Path) -> list[Function]:
    """The blocks of a file."""
    return [parse(block) for block in file.read_text().split("\n\n") if block.strip()]


TRAINED = [block for file in sorted(FOLDER.glob("*.txt")) if file.name != HELD_OUT for block in load(file)]
HELD = load(FOLDER / HELD_OUT)


GROUPS = ["options", "details", "params", "settings", "info"]
"""Names of an object that holds some of the parameters."""


@dataclass(frozen=True)
class Offer:
    """A function as it is offered this time, with the style that decided how."""

    function: Function
    tool: dict
    names: dict[str, str]
    """The name of each parameter, by slot."""
    group: tuple[str, frozenset[str]] | None
    """The object that holds some of the parameters, if they are nested."""


def choose(w: Words, area: str | None = None) -> Function:
    """One function of this split, perhaps of an area."""
    ours = HELD if w.held else TRAINED
    near = [f for f in ours if f.area == area]
    return w.random.choice(near or ours)


def offer(w: Words, function: Function) -> Offer:
    """The function, with names, order and style drawn."""
    names = {p.slot: w.random.choice([p.slot, p.slot, *p.names]) for p in function.parameters}
    if len(set(names.values())) < len(names):
        names = {slot: slot for slot in names}
    schemas = {p.slot: schema(w, p) for p in function.parameters}
    required = [p.slot for p in function.parameters if not p.optional]
    group = None
    properties = {names[slot]: schemas[slot] for slot in names}
    needed = [names[slot] for slot in required]
    if len(names) > 2 and w.chance(0.06):
        inner = [p.slot for p in function.parameters[-2:]]
        key = w.random.choice([key for key in GROUPS if key not in names.values()])
        group = (key, frozenset(inner))
        nested: dict = {"type": "object", "properties": {names[slot]: schemas[slot] for slot in inner}}
        inner_needed = [names[slot] for slot in required if slot in inner]
        if inner_needed:
            nested["required"] = inner_needed
        if w.chance(0.6):
            nested["description"] = "Further details."
        properties = {names[slot]: schemas[slot] for slot in names if slot not in inner} | {key: nested}
        needed = [names[slot] for slot in required if slot not in inner] + ([key] if inner_needed else [])
    parameters: dict = {"type": "object", "properties": properties}
    if needed or w.chance(0.6):
        parameters["required"] = needed
    if w.chance(0.1):
        parameters = {key: parameters[key] for key in sorted(parameters, key=["type", "required", "properties"].index)}
    if w.chance(0.06):
        parameters["additionalProperties"] = False
    tool = {"name": named(w, function), "description": elaborated(w, function), "parameters": parameters}
    return Offer(function, tool, names, group)


def schema(w: Words, p: Parameter) -> dict:
    """A parameter's schema: with or without its description, its default, its bounds."""
    shape = p.kind.schema(w)
    full = {"type": shape.pop("type")}
    if p.description and w.chance(0.94):
        text = p.description.rstrip(".") if w.chance(0.12) else p.description
        if p.optional and p.default and p.default not in text and w.chance(0.6):
            form = w.random.choice(["Default is {}.", "Defaults to {}.", "Optional, {} if left out."])
            text = f"{text.rstrip('.')}. {form.format(p.default)}"
        elif p.optional and w.chance(0.15):
            text = f"(Optional) {text}"
        full["description"] = text
    full |= shape
    if p.default and w.chance(0.25):
        full["default"] = p.kind.typed(p.default)
    return full


def task(w: Words, chosen: Offer | None = None) -> Task:
    """One call of one function, as tools.py makes them."""
    chosen = chosen or offer(w, choose(w))
    function = chosen.function
    drawn = {p.slot: p.kind.draw(w) for p in function.parameters}
    request, given = worded(w, rounded(w, function, drawn), function, drawn)
    arguments: dict = {}
    for p in function.parameters:
        if p.slot not in given:
            continue
        inside = arguments
        if chosen.group and p.slot in chosen.group[1]:
            inside = arguments.setdefault(chosen.group[0], {})
        inside[chosen.names[p.slot]] = drawn[p.slot][0]
    subject = function.description[0].lower() + function.description[1:].rstrip(".")
    if w.chance(0.05):
        observation, answer, value = fail(w, "an answer")
    else:
        observation, answer, value = returned(w, function, {slot: value for slot, (value, _) in drawn.items()})
    return Task(chosen.tool, vary(w, sentence(request)), arguments, subject, observation, answer, value)


SPANS = {
    "minutes": {
        15: ["a quarter of an hour"],
        30: ["half an hour"],
        45: ["three quarters of an hour"],
        60: ["an hour", "one hour"],
        90: ["an hour and a half", "one and a half hours", "1.5 hours"],
        120: ["two hours", "2 hours"],
        180: ["three hours", "3 hours"],
    },
    "days": {7: ["a week", "one week"], 14: ["two weeks", "2 weeks"], 21: ["three weeks"], 28: ["four weeks"]},
    "months": {12: ["a year", "one year"], 24: ["two years"], 36: ["three years"], 6: ["half a year"]},
    "seconds": {60: ["a minute", "one minute"], 120: ["two minutes"], 30: ["half a minute"], 300: ["five minutes"]},
}
"""Spans of time that people give in another unit."""

SPAN = re.compile(r"\b(for|in|of|after|within|lasts|takes|about) {(\w+)} (minutes|days|months|seconds)\b")


def rounded(w: Words, function: Function, drawn: dict[str, tuple[object, str]]) -> str:
    """One of the requests; a span of time in it may become one that has a name, in the values drawn, too."""
    request = w.random.choice(function.requests)
    match = SPAN.search(request)
    if not match or not w.chance(0.35):
        return request
    value, words = w.random.choice(
        [(value, words) for value, many in SPANS[match[3]].items() for words in many]
    )
    if not isinstance(drawn[match[2]][0], int):
        return request
    drawn[match[2]] = (value, words)
    return request.replace(match[0], f"{match[1]} {{{match[2]}}}")


def worded(w: Words, request: str, function: Function, drawn: dict[str, tuple[object, str]]) -> tuple[str, set[str]]:
    """The request with its words, and the slots of the parameters that it names."""
    wish = w.random.choice([0.1, 0.5, 0.9])
    given = {p.slot for p in function.parameters if not p.optional or w.chance(wish)}
    kept, named = [], set()
    for part in re.split(r"(\[[^]]*\])", request):
        slots = set(SLOT.findall(part))
        if part.startswith("["):
            if not slots <= given:
                continue
            part = part[1:-1]
        kept.append(part)
        named |= slots
    text = SLOT.sub(lambda m: drawn[m[1]][1], "".join(kept))
    return re.sub(r"\s+([?.,!])", r"\1", text).replace("  ", " ").strip(), named


def returned(w: Words, function: Function, values: dict[str, object]) -> tuple[str, str, str]:
    """What the function returns, the answer, and what the answer must hold."""
    result = w.random.choice(function.results)
    if " => " not in result:
        value = str(value_of(w, result) if result in KINDS or result in RESULTS else kinds.parse(result).draw(w)[0])
        key = re.split(r"[_.]", function.names[0])[-1]
        forms = ["The answer is {v}.", "It is {v}.", "{v}", "The result is {v}.", "The {k} is {v}.", "I got this: {v}."]
        return observe(w, key, value, {}), w.random.choice(forms).format(v=value, k=key), value
    left, _, right = result.partition(" => ")
    held: dict[str, str] = {slot: plain(value) for slot, value in values.items()}
    drawn = [name for name, _ in DRAWN.findall(left)]

    def fresh(m: re.Match) -> str:
        held[m[1]] = plain(kinds.parse(m[2]).draw(w)[0])
        return held[m[1]]

    left = DRAWN.sub(fresh, left)
    left, right = (SLOT.sub(lambda m: held.get(m[1], m[0]), text) for text in (left, right))
    told = [held[name] for name in drawn if held[name] in right]
    return left, right, told[0] if told else ""


def plain(value: object) -> str:
    """A value as results hold it."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else dumps(value)


def named(w: Words, function: Function) -> str:
    name = w.random.choice(function.names)
    if w.chance(0.12):
        name = f"{function.area.replace(' ', '_')}{w.random.choice('_.')}{name}"
    # OpenAI's interface allows no dot.
    name = name.replace(".", "_") if w.chance(0.7) else name
    return re.sub(r"_(.)", lambda m: m[1].upper(), name) if w.chance(0.08) else name


def elaborated(w: Words, function: Function) -> str:
    """A description in one of the lengths in which they are written."""
    description, plain = function.description, function.description.rstrip(".")
    forms = [
        description,
        description,
        description,
        plain,
        f"{plain}. Use it for questions on {function.area}.",
        f"This function {plain[0].lower()}{plain[1:]}.",
        f"{plain}. Returns an error if the arguments make no sense.",
    ]
    return w.random.choice(forms)


def main() -> int:
    """Say which blocks of the files named do not parse, and print some tasks of those that do."""
    failures = 0
    for file in sys.argv[1:]:
        blocks = [block for block in Path(file).read_text().split("\n\n") if block.strip()]
        good = []
        for block in blocks:
            try:
                good.append(parse(block))
            except ValueError as error:
                failures += 1
                print(f"{file}: {error}")
        print(f"{file}: {len(good)} of {len(blocks)} blocks parse")
        for number, function in enumerate(good):
            w = Words(Random(number), False)
            made = task(w, offer(w, function))
            print(f"  {made.request}\n    {made.tool['name']} {dumps(made.arguments)}\n    {made.observation} => {made.answer}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
