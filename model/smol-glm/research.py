"""Questions that take several pages: search, open what was found, answer with citations, for the browser's functions.

A conversation is a function of its number and its split, as those of generate.py, whose pages and facts these share.
Texts and numbers are those of the product: results and pages share one row of numbers, by which they are opened and
cited.
"""

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
ASK_SNIPPET = """Search for {s} and list the pages that you find.;Search the web for {s}. What do you find?;
Which pages are there about {s}?;Search for pages about {s}.""".replace("\n", "").split(";")
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
    return w.random.choice([w.pick(pages_domains()), f"{plain}.example", f"www.{plain}.org", "local", "127.0.0.1"])


def pages_domains() -> list[str]:
    return ["example.com", "openmaps.org", "cityguide.net", "greenfield.io", "wiki.oldtown.info", "news-today.com"]


def found(w: Words, subject: str, facts: list[tuple[str, str, str, str]]) -> Found:
    """A page about a subject."""
    aspect = w.pick(ASPECTS)
    title = w.random.choice([f"{subject}: {aspect}", f"{subject} - {aspect}", f"{aspect} | {subject}", subject])
    filler = w.random.sample(pages.FILLERS, w.random.choice([0, 1, 1, 2, 3]))
    about = w.random.choice([*filler, f"All about {subject}.", f"{subject}: {aspect.lower()}."])
    # A snippet may hold a fact; the answer still comes from the page.
    lines = [line for *_, line in facts]
    snippet = w.random.choice([about, about, *lines]) if lines else about
    return Found(title, host(w, subject), snippet, facts, filler)


def sentence(w: Words, asked: str, value: str, number: int) -> str:
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
    subject = w.random.choice(pages.SUBJECTS).format(w.invented())
    kind = w.random.choices(["two", "one", "snippet"], [6, 3, 1])[0]
    facts = list({fact[0]: fact for fact in (pages.fact(w, subject) for _ in range(8))}.values())[:4]
    wanted = facts[: 2 if kind == "two" else 1]
    about = [found(w, subject, [fact, *(extra,)][: w.random.choice([1, 2])]) for fact, extra in zip(wanted, facts[2:])]
    others = [
        found(w, other, [pages.fact(w, other)])
        for other in (w.random.choice(pages.SUBJECTS).format(w.invented()) for _ in range(w.random.randint(0, 3)))
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
        page, (asked, _, value, _) = about[at], wanted[at]
        position = results.index(page)
        calls.append(Call("web_open", {"page": str(position)}, opened(w, position, page)))
        sentences.append((at, sentence(w, asked, value, position)))
    values = [fact[2] for fact in wanted] + [f"【{results.index(page)}†source】" for page in about]
    answer = " ".join(text for _, text in sorted(sentences))
    if kind == "two":
        request = w.pick(ASK_TWO).format(s=subject, t=w.random.choice(TWO), a=wanted[0][0], b=wanted[1][0])
    else:
        request = w.pick(ASK_ONE).format(s=subject, a=wanted[0][0], q=wanted[0][1])
    exchanges = [Exchange(f"research: {kind}", request, calls, answer, values)]
    if w.chance(0.2):
        request, reply = chat.exchange(w)
        exchanges.insert(0, Exchange("chat", request, [], reply))
    return Conversation(offered, None, exchanges)
