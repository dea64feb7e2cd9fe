"""Questions that take several pages: search, open what was found, answer with citations, for the browser's functions.

A conversation is a function of its number and its split, as those of generate.py, whose pages and facts these share.
Texts and numbers are those of the product: results and pages share one row of numbers, by which they are opened and
cited.
"""

import re
from dataclasses import dataclass
from random import Random

import chat
import pages
import python_tasks
import tools
from words import Words

SEARCH = {
    "name": "web_search",
    "description": "Search the web. Results are numbered; open them with web_open.",
    "parameters": {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "What to look for"},
            "recency_days": {"type": "integer", "minimum": 1, "description": "Only pages of the last days"},
        },
        "required": ["query"],
    },
}
OPEN = {
    "name": "web_open",
    "description": "Read a web page, from a result, a link or an address.",
    "parameters": {
        "type": "object",
        "properties": {
            "page": {
                "type": "string",
                "description": "The number of a result or a link that was shown, or an address; else the last page",
            },
            "part": {"type": "integer", "minimum": 1, "description": "Which part of a long page, from 1"},
        },
    },
}
FIND = {
    "name": "web_find",
    "description": "Find words in the page that was opened last.",
    "parameters": {
        "type": "object",
        "properties": {"text": {"type": "string", "description": "Words that stand there"}},
        "required": ["text"],
    },
}

ASPECTS = """Tickets;Visit;History;News;Contact;Facts;About us;Guide;Getting there;Programme;Overview;Handbook;Opening;
Prices;People;Press;Events;Services;Timetable;Questions""".replace("\n", "").split(";")

ASK_TWO = """Search for {s}, open {t} and tell me {a} and {b}.;Research {s}: search, open {t}, and answer with {a} and {b}.;
Search the web for {s}. Open {t}. What is {a}, and what is {b}?;Find out {a} and {b} of {s}: search and read {t}.;
Look up {s}: search, read {t}, then tell me {a} and {b}, with sources.;I need {a} and {b} of {s}. Search for it and open {t}.;
Please search for {s}, read {t}, and say what {a} and {b} are. Cite your sources.;Search {s} and open {t}: what are {a} and {b}?;
Research task: find {a} and {b} of {s}. Search first, then open {t}, then answer and cite both.""".replace("\n", "").split(
    ";"
)
TWO = """the first two results;two results;the two best results;the two pages;both pages about it;two pages;the top two results""".replace(
    "\n", ""
).split(";")
ASK_ONE = """Search the web for {s} and tell me {a}.;Search for {s}. {q};Find out {a} of {s}.;Look up {s} on the web: {q};
Search {s}, open the best result and tell me {a}.;What is {a} of {s}? Search the web.;Find {s} and read about it. {q};
Use web_search to find {s} and tell me {a}.;Search for {s}, open the page and say what {a} is, with the source.""".replace(
    "\n", ""
).split(";")
ASK_NAMED = [ask for ask in ASK_ONE if "{q}" not in ask]
ASK_TWO_IN_WORDS = """Search for {s}, open {t} and tell me {a} and {b}.;Search for {s}, read {t}, and say {a} and {b}.;
Search the web for {s}, open {t}, and find out {a} and {b}.;Look up {s}: search, read {t}, then tell me {a} and {b}.;
Search for {s}. Open {t}. I want to know {a} and {b}, with sources.;I need to know {a} and {b}: search for {s} and open {t}.""".replace(
    "\n", ""
).split(";")
ASK_IN_WORDS = """Search for {s}, and say {i}.;Search for {s} and tell me {i}.;Search for {s}. I want to know {i}.;Look up {s} and say {i}.;
Find out {i}: search for {s}.;Search the web for {s} and say {i}, with the source.;Can you search for {s} and tell me {i}?;
Search {s}, read the best page and say {i}.;Please find {s} on the web and tell me {i}.""".replace("\n", "").split(";")

# Facts beside those of pages.py, and how one asks for them within a sentence.
FACTS = [
    line.split("|")
    for line in """the departure|time|{S} leaves at {v}.;{S} sails at {v} from the old pier.;Departure: {v}|when it leaves;when it sails
the height|number|{S} is {v} metres high.;{S} is {v} metres tall, with many steps.;Height: {v} m|how high it is;how tall it is
the founder|name|{S} was founded by {v}.;{S} was founded in 1902 by {v}.;Founder: {v}|who founded it;who its founder is
the year of foundation|year|{S} was built in {v}.;It was founded in {v}.;Founded: {v}|when it was built;when it was founded
the ticket price|money|A ticket costs {v}.;Tickets: {v}|what a ticket costs;how much a ticket is
the opening time|time|{S} opens at {v}.;Open from {v}.|when it opens;from when it is open
the closing time|time|{S} closes at {v}.;Closed from {v}.|when it closes;until when it is open
the phone number|code|Call {v}.;Phone: {v}|what number to call;how to phone them
the owner|name|{S} belongs to {v}.;Owner: {v}|who owns it;whom it belongs to
the length|number|{S} is {v} metres long.;Length: {v} m|how long it is;what length it has
the depth|number|{S} is {v} metres deep.;Depth: {v} m|how deep it is;what depth it has
the address|place|You find it at {v}.;Address: {v}|where it is;at which address it is
the designer|name|{S} was designed by {v}.;Designer: {v}|who designed it;who the designer was
the capacity|number|{S} holds {v} people.;Capacity: {v}|how many people it holds;how many people fit
the next date|date|The next one is on {v}.;Next date: {v}|when the next one is;on which day it is next
the weight|number|{S} weighs {v} kg.;Weight: {v} kg|how heavy it is;what it weighs
the material|product|{S} is made from an old {v}.;Made from: {v}|what it is made from;which thing it was made from
the speed|number|{S} reaches {v} km/h.;Top speed: {v} km/h|how fast it is;what speed it reaches
the dish of the day|food|Today there is {v}.;Dish of the day: {v}|what they serve today;what there is to eat
the teacher|name|{S} is taught by {v}.;Teacher: {v}|who teaches it;who the teacher is""".splitlines()
]
PLAIN = """the ferry;the swimming pool;the town hall;the lighthouse of {};the school of {};the {} bridge;the market;the chess club;
the library;the night bus;the old mill;the {} tower;the yoga course;the cable car;the {} tunnel;the fountain;the {} castle;
the city garden;the harbour of {};the museum of {};the ice rink;the {} church;the flea market;the choir;the {} dam""".replace(
    "\n", ""
).split(";")

ASK_SNIPPET = """Search for {s} and list the pages that you find.;Search the web for {s}. What do you find?;
Which pages are there about {s}?;Search for pages about {s}.;Which results does a search for {s} give?""".replace("\n", "").split(";")
FIRST_ANSWERS = [
    "{A} is {v} 【{n}†source】.",
    "{A} is {v} 【{n}†source】.",
    "According to the page, {a} is {v} 【{n}†source】.",
    "{A}: {v} 【{n}†source】.",
]


@dataclass
class Found:
    """A page among the results of a search."""

    title: str
    host: str
    snippet: str
    facts: list[tuple[str, str, str, str]]
    filler: list[str]

    @property
    def url(self) -> str:
        if "." not in self.host:
            return f"local://{self.host}/{self.title.split(' ')[-1].lower()}.md"
        return f"https://{self.host}/{self.title.split(' ')[-1].lower()}.html"

    def text(self, w: Words) -> str:
        lines = [line for *_, line in self.facts] + self.filler
        w.random.shuffle(lines)
        return pages.markdown(w, self.title, lines)


def listing(found: list[Found]) -> str:
    """The results as the product shows them."""
    return "\n".join(f" # 【{n}†{page.title}†{page.host}】\n{page.snippet}" for n, page in enumerate(found))


def opened(w: Words, number: int, page: Found) -> str:
    """A page as the product shows it."""
    return (
        f"TITLE: {page.title}\nURL: {page.url}\nCite as 【{number}†source】\n\n{page.text(w)}\n\nVisible: 0% - 100%"
    )


def host(w: Words, subject: str) -> str:
    plain = "".join(c for c in subject.lower() if c.isascii() and c.isalnum())
    return w.random.choice([w.pick(pages_domains()), f"{plain}.example", f"www.{plain}.org", "docs", "notes", "127.0.0.1"])


def pages_domains() -> list[str]:
    return ["example.com", "openmaps.org", "cityguide.net", "greenfield.io", "wiki.oldtown.info", "news-today.com"]


def fact(w: Words, subject: str) -> tuple[str, str, str, str]:
    """As pages.fact, for one of the facts above: the question is indirect."""
    asked, kind, texts, indirect = w.pick(FACTS)
    value = pages.VALUES[kind](w)
    said = subject[0].upper() + subject[1:]
    line = w.random.choice(texts.split(";")).format(S=w.random.choice([said, "It"]), v=value)
    return asked, w.random.choice(indirect.split(";")), value, line


def found(w: Words, subject: str, facts: list[tuple[str, str, str, str]]) -> Found:
    """A page about a subject."""
    subject = subject[0].upper() + subject[1:]
    aspect = w.pick(ASPECTS)
    title = w.random.choice([f"{subject}: {aspect}", f"{subject} - {aspect}", f"{aspect} | {subject}", subject])
    filler = w.random.sample(pages.FILLERS, w.random.choice([0, 1, 1, 2, 3]))
    about = w.random.choice([*filler, f"All about {subject}.", f"{subject}: {aspect.lower()}."])
    # A snippet may hold a fact; the answer still comes from the page.
    lines = [line for *_, line in facts]
    snippet = w.random.choice([about, about, *lines]) if lines else about
    return Found(title, host(w, subject), snippet, facts, filler)


def sentence(w: Words, subject: str, found: tuple[str, str, str, str], number: int) -> str:
    """The answer to one question, cited: as the page says it, where that is about the subject."""
    asked, _, value, line = found
    named = subject[0].upper() + subject[1:]
    if line.startswith((named, "It ")):
        return f"{re.sub('^It ', f'{named} ', line).removesuffix('.')} 【{number}†source】."
    capital = asked[0].upper() + asked[1:]
    return w.random.choice(FIRST_ANSWERS).format(A=capital, a=asked, v=value, n=number)


def conversation(number: int, held: bool):
    """The conversation of this number and split."""
    from generate import Call, Conversation, Exchange

    w = Words(Random(f"research-{'held' if held else 'train'}-{number}"), held)
    offered: list[dict | str] = [SEARCH, OPEN] + ([FIND] if w.chance(0.7) else [])
    if w.chance(0.5):
        offered.insert(0, python_tasks.TOOL)
    if w.chance(0.2):
        offered.insert(0, pages.TOOL)
    if w.chance(0.15):
        offered.append(tools.task(w).tool)
    plain = w.chance(0.5)
    subject = w.random.choice(PLAIN if plain else pages.SUBJECTS).format(w.invented())
    kind = w.random.choices(["two", "one", "snippet"], [5, 4, 1])[0]
    make = fact if plain else pages.fact
    facts = list({made[0]: made for made in (make(w, subject) for _ in range(40))}.values())[:4]
    wanted = facts[: 2 if kind == "two" else 1]
    about = [found(w, subject, [fact, *(extra,)][: w.random.choice([1, 2])]) for fact, extra in zip(wanted, facts[2:])]
    others = [
        found(w, other, [pages.fact(w, other)])
        for other in (
            w.random.choice(pages.SUBJECTS).format(w.invented()) for _ in range(w.random.choice([0, 0, 1, 1, 2, 3]))
        )
    ]
    # The search puts what fits best first, mostly.
    results = about + others
    if w.chance(0.3):
        w.random.shuffle(results)
    query = w.random.choice([subject, subject, subject.lower(), f"{subject} {wanted[0][0].removeprefix('the ')}"])
    calls = [Call("web_search", {"query": query}, listing(results))]
    if kind == "snippet":
        names = [f"{page.title} 【{results.index(page)}†source】" for page in results]
        request = w.pick(ASK_SNIPPET).format(s=subject)
        answer = "I found " + (", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]) + "."
        return Conversation(offered, None, [Exchange("results", request, calls, answer, [about[0].title])])
    order = sorted(range(len(about)), key=lambda at: results.index(about[at]))
    sentences = []
    for at in order:
        page = about[at]
        position = results.index(page)
        calls.append(Call("web_open", {"page": str(position)}, opened(w, position, page)))
        sentences.append((at, sentence(w, subject, wanted[at], position)))
    values = [fact[2] for fact in wanted] + [f"【{results.index(page)}†source】" for page in about]
    answer = " ".join(text for _, text in sorted(sentences))
    if kind == "two":
        in_words = plain and w.chance(0.5)
        first, second = (one[1 if in_words else 0] for one in wanted)
        request = w.pick(ASK_TWO_IN_WORDS if in_words else ASK_TWO).format(
            s=subject, t=w.random.choice(TWO), a=first, b=second
        )
    elif plain:
        request = (
            w.pick(ASK_IN_WORDS).format(s=subject, i=wanted[0][1])
            if w.chance(0.7)
            else w.pick(ASK_NAMED).format(s=subject, a=wanted[0][0])
        )
    else:
        request = w.pick(ASK_ONE).format(s=subject, a=wanted[0][0], q=wanted[0][1])
    exchanges = [Exchange(f"research: {kind}", request, calls, answer, values)]
    if w.chance(0.2):
        request, reply = chat.exchange(w)
        exchanges.insert(0, Exchange("chat", request, [], reply))
    return Conversation(offered, None, exchanges)
