"""Generate the conversations that smol-glm is trained and measured on.

    python generate.py train 1000 > train.jsonl
    python generate.py heldout 200 > heldout.jsonl

A conversation is a function of its number and its split. Names, places, facts and actions come from disjoint parts of
every list (see words.py); a held-out look-up has a new thing, a new attribute or both. The recipes for Python, the words
for optional arguments and the shapes of answers are the same in both splits.
"""

import argparse
import sys
from dataclasses import asdict, dataclass, field
from random import Random

import chat
import pages
import python_tasks
import tools
from words import Words, dumps


@dataclass
class Call:
    """A call and what it returned; the arguments of `python` are code."""

    name: str
    arguments: dict | str
    observation: str | None
    """None ends the exchange with the call."""


@dataclass
class Exchange:
    """A request, the calls that it takes, and the answer."""

    kind: str
    request: str
    calls: list[Call]
    answer: str
    values: list[str] = field(default_factory=list)
    """What the answer must hold."""


@dataclass
class Conversation:
    """The tools offered (`"python"` is the code tool), a further system text, and the exchanges."""

    tools: list[dict | str]
    system: str | None
    exchanges: list[Exchange]
    independent: bool = False
    """Whether every exchange is a first one: none follows another, and none sees another in training."""


def from_task(task: tools.Task) -> Exchange:
    return Exchange(
        "custom", task.request, [Call(task.tool["name"], task.arguments, task.observation)], task.answer, [task.value]
    )


def from_snippet(snippet: python_tasks.Snippet) -> Exchange:
    values = [part for part in snippet.output.splitlines()[-1:] if part]
    return Exchange(
        "python", snippet.request, [Call(python_tasks.TOOL, snippet.code, snippet.output)], snippet.answer, values
    )


def from_visit(visit: pages.Visit) -> Exchange:
    return Exchange(
        "web", visit.request, [Call(pages.TOOL["name"], {"url": visit.url}, visit.page)], visit.answer, [visit.value]
    )


def without_tool(w: Words) -> Exchange:
    request, answer = chat.exchange(w)
    return Exchange("chat", request, [], answer)


def refused(w: Words, offered: list[dict | str]) -> Exchange:
    """A request for a tool that is not among the offered ones."""
    names = {tool["name"] for tool in offered if isinstance(tool, dict)}
    while True:
        task = tools.task(w)
        if not same_purpose(task.tool, offered) and task.tool["name"] not in names:
            break
    answer = w.random.choice(chat.REFUSALS).format(s=task.subject if task.subject.startswith("the ") else "that")
    return Exchange("none fits", task.request, [], answer)


def same_purpose(tool: dict, offered: list[dict | str]) -> bool:
    """Whether one of the offered tools might serve the same request."""
    words = set(tool["name"].lower().replace("_", " ").split()) | set(tool["description"].lower().strip(".").split())
    common = {
        "the",
        "a",
        "an",
        "of",
        "get",
        "find",
        "returns",
        "finds",
        "use",
        "it",
        "to",
        "looks",
        "up",
        "by",
        "lookup",
        "fetch",
        "check",
        "query",
        "read",
        "show",
    }
    for other in offered:
        if isinstance(other, dict):
            theirs = set(other["name"].lower().replace("_", " ").split()) | set(
                other["description"].lower().strip(".").split()
            )
            if len((words & theirs) - common) >= 2:
                return True
    return False


def distinct_tasks(w: Words, count: int) -> list[tools.Task]:
    """Tasks whose tools differ in name and purpose; now and then two are of the same family."""
    tasks: list[tools.Task] = []
    while len(tasks) < count:
        task = tools.task(w)
        others = [t.tool for t in tasks]
        if (
            task.tool["name"] not in {t["name"] for t in others}
            and task.subject not in {t.subject for t in tasks}
            and (w.chance(0.3) or not same_purpose(task.tool, others))
        ):
            tasks.append(task)
    return tasks


def both(first: Exchange, second: Exchange) -> Exchange:
    """One request for two things: two calls, one answer."""
    ask = first.request.rstrip(".?") + " and also: " + second.request
    return Exchange(
        "two calls", ask, first.calls + second.calls, f"{first.answer} {second.answer}", first.values + second.values
    )


def conversation(number: int, held: bool) -> Conversation:
    """The conversation of this number and split."""
    w = Words(Random(f"{'held' if held else 'train'}-{number}"), held)
    builtin = w.random.choices([["python", pages.TOOL], ["python"], [pages.TOOL], []], [36, 7, 7, 50])[0]
    count = (
        w.random.choice([0, 0, 0, 0, 0, 1, 2])
        if builtin
        else w.random.choice([0, 1, 1, 2, 2, 3, 3, 4, 4])
        if w.chance(0.95)
        else 0
    )
    tasks = distinct_tasks(w, count)
    offered: list[dict | str] = [*builtin, *(task.tool for task in tasks)]
    w.random.shuffle(offered)
    if count == 0 and w.chance(0.85):
        offered = builtin
    wanted = w.random.sample(tasks, len(tasks))
    exchanges: list[Exchange] = []
    for _ in range(w.random.choice([2, 3, 3, 4]) if offered else w.random.choice([1, 2, 3])):
        exchanges.append(exchange(w, offered, wanted, exchanges))
    system = w.pick(chat.SYSTEM_TEXTS) if w.chance(0.06) else None
    return Conversation(offered, system, exchanges)


def exchange(w: Words, offered: list[dict | str], wanted: list[tools.Task], before: list[Exchange]) -> Exchange:
    """The next exchange; each custom tool is asked for once, built-in ones again and again."""
    if not offered or w.chance(0.11):
        return without_tool(w)
    if w.chance(0.09):
        return refused(w, offered)
    choices = ["custom"] * 2 * bool(wanted) + ["python"] * 2 * ("python" in offered) + ["web"] * (pages.TOOL in offered)
    if not choices:
        return without_tool(w) if w.chance(0.5) else refused(w, offered)
    kind = w.random.choice(choices)
    if kind == "custom":
        first = from_task(wanted.pop())
        return both(first, from_task(wanted.pop())) if wanted and w.chance(0.12) else first
    if kind == "web":
        return from_visit(pages.visit(w))
    if (
        before
        and before[-1].kind == "python"
        and before[-1].values
        and w.chance(0.3)
        and (snippet := python_tasks.follow_up(w, before[-1].values[0]))
    ):
        return from_snippet(snippet)
    return from_snippet(python_tasks.broken(w) if w.chance(0.03) else python_tasks.snippet(w))


def main() -> None:
    """Print conversations, one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("split", choices=["train", "heldout"])
    parser.add_argument("count", type=int)
    args = parser.parse_args()
    for number in range(args.count):
        sys.stdout.write(dumps(asdict(conversation(number, args.split == "heldout"))) + "\n")


if __name__ == "__main__":
    main()
