"""Conversations over the functions of functions.py: which of several to call, with what, or none of them.

A conversation is a function of its number and its split, as those of generate.py. Most are a set of tools and many first
requests, each on its own; the others are a few exchanges after each other.
"""

from dataclasses import replace
from random import Random

import chat
import functions
import pages
import python_tasks
import tools
from functions import Offer
from generate import Call, Conversation, Exchange, both, from_snippet, from_task
from words import Words

MOST_TOOLS = 6
BRANCHES = 14
"""The first requests of a set of tools, at most: a row holds fewer."""


def offered(w: Words) -> tuple[list[Offer], list[tools.Task]]:
    """Functions that are offered together, a third of them near each other, and now and then a task with a tool of tools.py."""
    count = w.random.choices(range(1, MOST_TOOLS + 1), [34, 18, 18, 14, 9, 7])[0]
    offers: list[Offer] = []
    others: list[tools.Task] = []
    area = None
    while len(offers) + len(others) < count:
        names = {o.tool["name"] for o in offers} | {t.tool["name"] for t in others}
        if w.chance(0.1):
            task = tools.task(w)
            if task.tool["name"] not in names:
                others.append(task)
            continue
        function = functions.choose(w, area if w.chance(0.35) else None)
        made = functions.offer(w, function)
        if made.tool["name"] in names or any(function is o.function for o in offers):
            # An area may have no other function.
            area = None
            continue
        offers.append(made)
        area = function.area
    return offers, others


def unrelated(w: Words, offers: list[Offer], others: list[tools.Task]) -> tuple[str, str]:
    """A request that none of these tools is for, and what it is about."""
    ours = [o.tool for o in offers] + [t.tool for t in others]
    while True:
        if w.chance(0.15):
            task = tools.task(w)
        else:
            task = functions.task(w)
        if not any(alike(task.tool, other) for other in ours):
            return task.request, task.subject


def near(w: Words, offers: list[Offer]) -> str | None:
    """A request of the same area as one of the functions, which is not for it; the others must be of other areas."""
    chosen = w.random.choice(offers) if offers else None
    if not chosen or not chosen.function.misses:
        return None
    if sum(o.function.area == chosen.function.area for o in offers) > 1:
        return None
    return tools.vary(w, w.random.choice(chosen.function.misses))


def alike(one: dict, other: dict) -> bool:
    """Whether two tools share a word that says what they are for."""
    return bool(telling(one) & telling(other))


def telling(tool: dict) -> set[str]:
    words = "".join(c if c.isalnum() else " " for c in f"{tool['name'].replace('_', ' ')} {tool['description']}".lower())
    return {word.rstrip("s") for word in words.split() if len(word) > 4} - COMMON


COMMON = set(
    """returns find finds function calculate calculates compute computes error arguments sense question lookup search
    searche estimate estimates number numbers whether another between check checks fetch query tell tells place places
    person people name names given which where makes takes""".split()
)


def declined(w: Words, offers: list[Offer], others: list[tools.Task]) -> Exchange:
    """A request that no offered tool serves."""
    request = near(w, offers) if w.chance(0.5) else None
    if request is None:
        request, _ = unrelated(w, offers, others)
    return Exchange("none fits", request, [], w.random.choice(chat.REFUSALS).format(s="that"))


def exchange(w: Words, offers: list[Offer], others: list[tools.Task], builtin: list[dict | str]) -> Exchange:
    """One request; those that take a call are four in five."""
    kind = w.random.random()
    if kind < 0.14:
        return declined(w, offers, others)
    if kind < 0.19:
        request, answer = chat.exchange(w)
        return Exchange("chat", request, [], answer)
    if kind < 0.3 and python_tasks.TOOL in builtin:
        return from_snippet(python_tasks.snippet(w))
    if kind < 0.25 and pages.TOOL in builtin:
        return from_visit_of(w)
    asked = w.random.choice([*offers, *others])
    if isinstance(asked, tools.Task):
        return from_task(asked)
    made = from_task(functions.task(w, asked))
    if w.chance(0.05):
        second = from_task(functions.task(w, asked if w.chance(0.6) else w.random.choice(offers)))
        if second.calls[0].arguments != made.calls[0].arguments:
            return both(made, second)
    return made


def from_visit_of(w: Words) -> Exchange:
    """A page that is fetched; it is long, so only the call is kept."""
    visit = pages.visit(w)
    return Exchange("web", visit.request, [Call(pages.TOOL["name"], {"url": visit.url}, None)], "")


def conversation(number: int, held: bool) -> Conversation:
    """The conversation of this number and split."""
    w = Words(Random(f"apis-{'held' if held else 'train'}-{number}"), held)
    offers, others = offered(w)
    while not offers:
        offers, others = offered(w)
    room = MOST_TOOLS - len(offers) - len(others)
    builtin: list[dict | str] = []
    if room > 0 and w.chance(0.12):
        builtin.append(python_tasks.TOOL)
    if room > 1 and w.chance(0.08):
        builtin.append(pages.TOOL)
    shown = [*(o.tool for o in offers), *(t.tool for t in others), *builtin]
    w.random.shuffle(shown)
    system = w.pick(chat.SYSTEM_TEXTS) if w.chance(0.04) else None
    independent = not held and w.chance(0.75)
    count = BRANCHES if independent else w.random.choice([2, 2, 3, 3, 4])
    exchanges: list[Exchange] = []
    while len(exchanges) < count:
        made = exchange(w, offers, others, builtin)
        if made.request in {e.request for e in exchanges}:
            count -= 1
            continue
        if independent and made.calls and w.chance(0.65):
            made = without_result(made)
        exchanges.append(made)
    return Conversation(shown, system, exchanges, independent)


def without_result(made: Exchange) -> Exchange:
    """The exchange up to its last call."""
    return replace(made, calls=[*made.calls[:-1], replace(made.calls[-1], observation=None)])
