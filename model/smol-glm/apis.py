"""Conversations over the functions of functions.py: which of several to call, with what, or none of them.

A conversation is a function of its number and its split, as those of generate.py.
"""

from random import Random

import chat
import functions
import pages
import python_tasks
import tools
from words import Words

MOST_TOOLS = 6


def offer(w: Words) -> tuple[list[tools.Task], dict[int, tools.Task]]:
    """Tasks whose tools are offered together, and for some of them (by place) a second task for the same tool."""
    count = w.random.choices(range(1, MOST_TOOLS + 1), [34, 18, 18, 14, 9, 7])[0]
    tasks: list[tools.Task] = []
    twins: dict[int, tools.Task] = {}
    while len(tasks) < count:
        task, twin = functions.tasks(w, 2) if w.chance(0.85) else (tools.task(w), None)
        if task.tool["name"] in {t.tool["name"] for t in tasks} or task.subject in {t.subject for t in tasks}:
            continue
        if twin and w.chance(0.3):
            twins[len(tasks)] = twin
        tasks.append(task)
    return tasks, twins


def unrelated(w: Words, tasks: list[tools.Task]) -> tools.Task:
    """A task that none of these tools is for."""
    while True:
        task = functions.task(w) if w.chance(0.7) else tools.task(w)
        if not any(alike(task.tool, other.tool) for other in tasks):
            return task


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


def conversation(number: int, held: bool):
    """The conversation of this number and split."""
    from generate import Conversation, Exchange, both, from_snippet, from_task

    w = Words(Random(f"apis-{'held' if held else 'train'}-{number}"), held)
    tasks, twins = offer(w)
    offered: list[dict | str] = [task.tool for task in tasks]
    if len(tasks) < MOST_TOOLS and w.chance(0.12):
        offered.append(python_tasks.TOOL)
    if len(tasks) < MOST_TOOLS and w.chance(0.08):
        offered.append(pages.TOOL)
    w.random.shuffle(offered)
    wanted = list(range(len(tasks)))
    exchanges = []
    for _ in range(w.random.choice([2, 2, 3, 3, 4])):
        kind = w.random.random()
        if kind < 0.17:
            task = unrelated(w, tasks)
            answer = w.random.choice(chat.REFUSALS).format(s="that")
            exchanges.append(Exchange("none fits", task.request, [], answer))
        elif kind < 0.24 or not wanted:
            exchanges.append(Exchange("chat", *(lambda pair: (pair[0], [], pair[1]))(chat.exchange(w))))
        elif kind < 0.3 and python_tasks.TOOL in offered:
            exchanges.append(from_snippet(python_tasks.snippet(w)))
        else:
            first = wanted.pop(w.random.randrange(len(wanted)))
            exchange = from_task(tasks[first])
            if first in twins:
                exchange = both(exchange, from_task(twins[first]))
            elif wanted and w.chance(0.06):
                exchange = both(exchange, from_task(tasks[wanted.pop()]))
            exchanges.append(exchange)
    system = w.pick(chat.SYSTEM_TEXTS) if w.chance(0.04) else None
    return Conversation(offered, system, exchanges)
