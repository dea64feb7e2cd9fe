"""Kinds of values in the blocks of functions.py: what a schema says of them, and how people say them.

| kind | value |
|---|---|
| `string = a; b (c, d)` | one of the texts; `c` and `d` are other words for `b` |
| `enum = a; b (c)` | the same, and the schema lists the choices |
| `boolean = on, switched on; off` | true in the words before the semicolon, false in those after it |
| `integer 1..40`, `number 0.5..9` | a number in these bounds, ` ~ kg` with words that always follow it |
| `share 0.01..0.2` | a fraction that people give in percent |
| `list of KIND`, `object = {"x": KIND}` | some of a kind; members with kinds |
| `date`, `time`, `person`, … | the named kinds below, those of catalog.py, and the lists of lists.txt |
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random

from catalog import KINDS
from words import COUNTRIES, FIRST_NAMES, LAST_NAMES, Words

LISTS = {
    name: items.split(";")
    for name, _, items in (
        line.partition(": ") for line in (Path(__file__).parent / "lists.txt").read_text().splitlines()
    )
}

MONTHS = LISTS["month"]
UNSEEN = 0.15
"""How often a text has a word that is in no list."""

NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()


@dataclass(frozen=True)
class Kind:
    """How values of this kind are declared and drawn."""

    shape: Callable[[Words], dict]
    """A new schema; some kinds vary theirs."""
    draw: Callable[[Words], tuple[object, str]]
    """A value, and how a request says it."""

    def schema(self, w: Words) -> dict:
        return self.shape(w)

    def typed(self, text: str) -> object:
        """A default, given as text, in the kind's type."""
        json_type = self.shape(Words(Random(0), False))["type"]
        if json_type == "boolean":
            return text == "true"
        if json_type in ("integer", "number"):
            return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
        return [] if json_type == "array" else text


def parse(text: str) -> Kind:
    """The kind of this notation; ValueError says what is wrong with it."""
    text = text.strip()
    if text.startswith("list of "):
        return list_of(text.removeprefix("list of "))
    head, equals, rest = (part.strip() for part in text.partition("="))
    if equals:
        if head == "object":
            return object_of(rest)
        if head == "boolean":
            return boolean(rest)
        if head in ("string", "enum"):
            return choice(rest, closed=head == "enum")
    match = re.fullmatch(r"(integer|number|share) (-?[\d.]+)\.\.(-?[\d.]+)(?: ~ (.+))?", text)
    if match:
        return number(match[1], float(match[2]), float(match[3]), match[4])
    if text in NAMED:
        return NAMED[text]
    if text in LISTS:
        return copied(lambda w: w.pick(LISTS[text]) if w.chance(0.9) or text not in INVENTABLE else w.invented())
    if text in KINDS:
        json_type, _, make = KINDS[text]
        return Kind(lambda w: {"type": json_type}, lambda w: (value := make(w), str(value)))
    raise ValueError(f"no kind is written so: {text}")


def copied(make: Callable[[Words], str]) -> Kind:
    """A text that the argument repeats from the request."""
    return Kind(lambda w: {"type": "string"}, lambda w: (value := str(make(w)), value))


def choice(text: str, closed: bool) -> Kind:
    """One of some texts, each with other words for it."""
    options: list[tuple[str, list[str]]] = []
    for item in re.split(r";(?![^(]*\))", text):
        match = re.fullmatch(r"\s*(.*?)\s*(?:\(([^()]*)\))?\s*", item)
        value, others = (match[1], match[2]) if match and match[1] else (item.strip(), None)
        if not value:
            raise ValueError(f"an empty choice: {text}")
        options.append((value, [word.strip() for word in others.split(",")] if others else []))
    if len(options) < 2:
        raise ValueError(f"a single choice: {text}")
    numeric = closed and all(re.fullmatch(r"\d+", value) for value, _ in options)

    def draw(w: Words) -> tuple[object, str]:
        value, others = w.random.choice(options)
        if not closed and w.chance(UNSEEN):
            value = unseen(w, value)
            return value, value
        words = w.random.choice(others) if others and w.chance(0.7) else value.replace("_", " ") if closed else value
        return int(value) if numeric else value, words

    def shape(w: Words) -> dict:
        if not closed:
            return {"type": "string"}
        values = [int(value) if numeric else value for value, _ in options]
        return {"type": "integer" if numeric else "string", "enum": values}

    return Kind(shape, draw)


def unseen(w: Words, text: str) -> str:
    """The text with one of its words replaced by one of no language: it must be copied, it cannot be remembered."""
    words = text.split(" ")
    places = [at for at, word in enumerate(words) if word.isalpha() and len(word) > 3]
    if places:
        at = w.random.choice(places)
        words[at] = w.invented() if words[at][0].isupper() else w.invented().lower()
    return " ".join(words)


def boolean(text: str) -> Kind:
    """True or false, each with its words."""
    yes, _, no = text.partition(";")
    words = {True: [word.strip() for word in yes.split(",")], False: [word.strip() for word in no.split(",")]}
    if not all(all(said) for said in words.values()):
        raise ValueError(f"no words for true or for false: {text}")
    return Kind(
        lambda w: {"type": "boolean"}, lambda w: (value := w.chance(0.5), w.random.choice(words[value]))
    )


def number(name: str, low: float, high: float, unit: str | None) -> Kind:
    """A number in bounds; a share is a fraction and is said in percent."""
    whole = name == "integer"

    def shape(w: Words) -> dict:
        json_type = {"type": "integer" if whole else "number"}
        if name != "share" and w.chance(0.06):
            json_type |= {"minimum": int(low) if whole or low == int(low) else low}
        return json_type

    def draw(w: Words) -> tuple[object, str]:
        if name == "share":
            percent = round(w.random.uniform(low * 100, high * 100), w.random.choice([0, 0, 1]))
            percent = max(percent, 1)
            return round(percent / 100, 4), f"{percent:g}{w.random.choice(['%', ' %', ' percent'])}"
        value: int | float
        if whole or (high - low > 4 and w.chance(0.55)):
            value = w.random.randint(-int(-low // 1), int(high))
            if high > 200 and w.chance(0.4):
                rounding = 10 if high < 2000 else 100 if high < 20000 else 1000
                value = max(-int(-low // 1), value // rounding * rounding)
        else:
            value = round(w.random.uniform(low, high), w.random.choice([1, 1, 2]) if high > 1 else 2)
            value = int(value) if value == int(value) else value
        words = str(value)
        if isinstance(value, int) and 0 < value < len(NUMBERS) and w.chance(0.12):
            words = NUMBERS[value]
        elif isinstance(value, int) and value >= 1000 and w.chance(0.25):
            words = f"{value:,}"
        return value, f"{words} {unit}" if unit else words

    return Kind(shape, draw)


def list_of(text: str) -> Kind:
    """Several of a kind; coordinates, which have signs, are two."""
    inner = parse(text)
    signed = re.match(r"(integer|number) -", text)
    numeric = re.match(r"(integer|number)", text)

    def shape(w: Words) -> dict:
        return {"type": "array", "items": inner.schema(w)}

    def draw(w: Words) -> tuple[object, str]:
        count = 2 if signed and w.chance(0.6) else w.random.randint(2, 7 if numeric else 3)
        if text.startswith("list"):
            rows = [inner.draw(w)[0][:2] for _ in range(2)]
            return rows, str(rows)
        pairs: list[tuple[object, str]] = []
        for _ in range(count * 4):
            pair = inner.draw(w)
            if numeric or pair[0] not in [value for value, _ in pairs]:
                pairs.append(pair)
            if len(pairs) == count:
                break
        return [value for value, _ in pairs], enumerated(w, pairs, bool(numeric))

    return Kind(shape, draw)


def enumerated(w: Words, pairs: list[tuple[object, str]], numeric: bool) -> str:
    """A list as people write it."""
    words = [said for _, said in pairs]
    if len(words) == 1:
        return words[0]
    if not numeric or w.chance(0.45):
        return ", ".join(words[:-1]) + w.random.choice([" and ", " and ", ", "]) + words[-1]
    plain = ", ".join(str(value) for value, _ in pairs)
    return w.random.choice(["{}", "[{}]", "[{}]", "({})"]).format(plain)


def object_of(text: str) -> Kind:
    """An object whose members are of other kinds."""
    if not text.startswith("{") or not text.endswith("}"):
        raise ValueError(f"no object: {text}")
    members = {name: parse(kind) for name, kind in re.findall(r'"(\w+)": ([^",}]+)', text)}
    if not members:
        raise ValueError(f"no members: {text}")

    def shape(w: Words) -> dict:
        properties = {name: kind.schema(w) for name, kind in members.items()}
        return {"type": "object", "properties": properties, "required": list(members)}

    def draw(w: Words) -> tuple[object, str]:
        drawn = {name: kind.draw(w) for name, kind in members.items()}
        words = ", ".join(f"{name.replace('_', ' ')} {said}" for name, (_, said) in drawn.items())
        return {name: value for name, (value, _) in drawn.items()}, words

    return Kind(shape, draw)


def a_date(w: Words) -> tuple[str, str]:
    """YYYY-MM-DD, said in one of the ways of writing it."""
    r = w.random
    day = date(r.choice([2023, 2024, 2025, 2026, 2027, 2028, r.randint(1950, 2035)]), r.randint(1, 12), r.randint(1, 28))
    month = MONTHS[day.month - 1]
    ordinal = f"{day.day}{'th' if 10 < day.day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day.day % 10, 'th')}"
    forms = [
        f"{day.day} {month} {day.year}",
        f"{month} {day.day}, {day.year}",
        f"{month} {ordinal}, {day.year}",
        f"{month} {day.day} {day.year}",
        f"{day.day} {month[:3]} {day.year}",
        f"the {ordinal} of {month} {day.year}",
    ]
    return day.isoformat(), day.isoformat() if w.chance(0.4) else r.choice(forms)


def a_time(w: Words) -> tuple[str, str]:
    """HH:MM, said in figures or in words."""
    r = w.random
    hour, minute = r.randint(0, 23), r.choice([0, 0, 0, 5, 10, 15, 15, 20, 30, 30, 40, 45, 45, 50])
    if w.chance(0.2):
        minute = r.randint(0, 59)
    value = f"{hour:02d}:{minute:02d}"
    forms = [value, value]
    twelve, half = (hour - 1) % 12 + 1, "am" if hour < 12 else "pm"
    if minute == 0:
        forms += [f"{twelve} {half}", f"{twelve}{half}", f"{twelve} {half}"]
        if hour in (12, 0):
            forms += [{12: "noon", 0: "midnight"}[hour]] * 3
        if 6 <= hour < 12:
            forms += [f"{NUMBERS[twelve]} in the morning", f"{twelve} o'clock", f"{NUMBERS[twelve]} o'clock"]
        if 13 <= hour < 18:
            forms.append(f"{NUMBERS[twelve]} in the afternoon")
        if 18 <= hour < 24:
            forms.append(f"{NUMBERS[twelve]} in the evening")
    else:
        forms += [f"{twelve}:{minute:02d} {half}"] * 2
        if 6 <= hour < 12 and minute in (15, 30, 45):
            said = {15: f"quarter past {NUMBERS[twelve]}", 30: f"half past {NUMBERS[twelve]}"}
            said[45] = f"quarter to {NUMBERS[twelve % 12 + 1]}"
            forms += [said[minute]] * 2
        if 18 <= hour < 23 and minute in (15, 30, 45):
            said = {15: f"quarter past {NUMBERS[twelve]}", 30: f"half past {NUMBERS[twelve]}"}
            said[45] = f"quarter to {NUMBERS[twelve % 12 + 1]}"
            forms.append(f"{said[minute]} in the evening")
    return value, r.choice(forms)


def an_hour(w: Words) -> tuple[int, str]:
    """An hour of the day, said as one."""
    hour = w.random.randint(0, 23)
    twelve, half = (hour - 1) % 12 + 1, "am" if hour < 12 else "pm"
    forms = [str(hour), f"{twelve} {half}", f"{twelve}{half}", f"{hour}:00"]
    if 6 <= hour < 12:
        forms.append(f"{NUMBERS[twelve]} in the morning")
    if hour > 12:
        forms.append(f"{NUMBERS[twelve]} in the {'afternoon' if hour < 18 else 'evening'}")
    return hour, w.random.choice(forms)


def a_postcode(w: Words) -> str:
    table = {"9": "0123456789", "A": "ABCDEFGHJKLMNPRSTUWXYZ"}
    shape = w.random.choice(["AA9 9AA", "A99 9AA", "AA99 9AA", "99999", "9999 AA", "9999", "AA-99999", "99-999"])
    return "".join(w.random.choice(table.get(c, c)) for c in shape)


def a_phone(w: Words) -> str:
    r = w.random
    tail = "".join(str(r.randint(0, 9)) for _ in range(4))
    return r.choice([f"555-{tail}", f"+44 20 7946 {tail}", f"0171 555 {tail}", f"+1 202 555 {tail}", f"+49 30 55{tail}7"])


INVENTABLE = {"star", "videogame", "brand", "repo", "artist", "club", "monument", "school", "street"}
"""Lists whose items may also be a word of no language."""

NAMED = {
    "date": Kind(lambda w: {"type": "string"} | ({"format": "date"} if w.chance(0.15) else {}), a_date),
    "time": Kind(lambda w: {"type": "string"}, a_time),
    "weekday": copied(lambda w: w.random.choice(LISTS["dayword"])),
    "year": Kind(lambda w: {"type": "integer"}, lambda w: (year := w.random.randint(1850, 2030), str(year))),
    "person": copied(Words.name),
    "name": copied(Words.name),
    "fullname": copied(Words.fullname),
    "firstname": copied(lambda w: w.pick(FIRST_NAMES)),
    "lastname": copied(lambda w: w.pick(LAST_NAMES)),
    "hour": Kind(lambda w: {"type": "integer"}, an_hour),
    "postcode": copied(a_postcode),
    "citystate": copied(lambda w: w.pick(LISTS["usplace"])),
    "place": copied(lambda w: w.pick(LISTS["worldplace"]) if w.chance(0.7) else f"{w.city()}, {w.pick(COUNTRIES)}"),
    "phone": copied(a_phone),
    "word": copied(Words.invented),
    "invented": copied(Words.invented),
}
"""Kinds by name. Those of catalog.py and lists.txt come after them."""
