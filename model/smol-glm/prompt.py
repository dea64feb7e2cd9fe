"""Conversations as token ids, in the format of the product's profile `smol-glm`.

The prompt is `[gMASK]<sop>` and turns. A turn is a role token and two pieces, tokenised apart: metadata with a new
line, and content. The assistant's reply ends with the token of who comes next: `<|observation|>` after a call,
`<|user|>` after an answer.
"""

from dataclasses import dataclass, field

from tokenizers import Tokenizer

from generate import Call, Conversation, Exchange
from words import dumps

GMASK, SOP, SYSTEM, USER, ASSISTANT, OBSERVATION = range(3, 9)
STOP = (0, USER, OBSERVATION)

HEADER = "You are smol-glm, a small assistant that can call tools."
PYTHON = "Runs Python code in a notebook that keeps its variables, and returns what the code prints."
CLOSING = "To call a tool, write its name, a new line and its arguments as JSON."


def tools_text(tools: list[dict | str]) -> str:
    """The content of the system turn that offers the tools."""
    parts = [HEADER, "# Tools"]
    for tool in tools:
        parts.append(f"## python\n\n{PYTHON}" if isinstance(tool, str) else f"## {tool['name']}\n\n{dumps(tool)}")
    if any(isinstance(tool, dict) for tool in tools):
        parts.append(CLOSING)
    return "\n\n".join(parts)


def arguments_text(arguments: dict | str) -> str:
    """A call's arguments as the model writes them."""
    return arguments if isinstance(arguments, str) else dumps(arguments)


@dataclass
class Sequence:
    """Token ids, and whether the model is trained to produce each."""

    tokenizer: Tokenizer
    ids: list[int] = field(default_factory=lambda: [GMASK, SOP])
    supervised: list[bool] = field(default_factory=lambda: [False, False])
    positions: list[int] = field(default_factory=lambda: [0, 1])
    branches: list[int] = field(default_factory=lambda: [0, 0])
    """A token sees those of branch 0, which all share, and those of its own branch."""

    def push(self, ids: list[int], supervised: bool = False) -> None:
        first = self.positions[-1] + 1
        self.ids += ids
        self.supervised += [supervised] * len(ids)
        self.positions += range(first, first + len(ids))
        self.branches += [self.branches[-1]] * len(ids)

    def cut(self, length: int) -> None:
        """Forget what comes after the first so many tokens."""
        for items in (self.ids, self.supervised, self.positions, self.branches):
            del items[length:]

    def piece(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def turn(self, role: int, content: str) -> None:
        """A turn that is given to the model."""
        self.push([role, *self.piece("\n"), *self.piece(content)])

    def system(self, conversation: Conversation) -> None:
        """The turns before the first request."""
        if conversation.tools:
            self.turn(SYSTEM, tools_text(conversation.tools))
        if conversation.system:
            self.turn(SYSTEM, conversation.system)

    def ask(self, request: str, first: bool) -> None:
        """A request; the user's token of every later one ended the answer before it."""
        self.push([USER] if first else [])
        self.push([*self.piece("\n"), *self.piece(request), ASSISTANT])

    def call(self, call: Call) -> None:
        """The model's call, and what it returned."""
        self.push([*self.piece(call.name + "\n"), *self.piece(arguments_text(call.arguments)), OBSERVATION], True)
        if call.observation is not None:
            self.push([*self.piece("\n"), *self.piece(call.observation), ASSISTANT])

    def answer(self, text: str) -> None:
        self.push([*self.piece("\n"), *self.piece(text), USER], True)

    def exchange(self, exchange: Exchange, first: bool) -> None:
        self.ask(exchange.request, first)
        for call in exchange.calls:
            self.call(call)
        if not exchange.calls or exchange.calls[-1].observation is not None:
            self.answer(exchange.answer)

    def branch(self, exchange: Exchange, number: int, shared: int) -> None:
        """An exchange right after the first tokens, which are shared, as if there were no others."""
        start = len(self.ids)
        self.exchange(exchange, first=True)
        self.positions[start:] = range(shared, shared + len(self.ids) - start)
        self.branches[start:] = [number] * (len(self.ids) - start)


def encode(tokenizer: Tokenizer, conversation: Conversation, limit: int) -> Sequence | None:
    """The conversation without the exchanges that do not end within the limit; None if not even one does.

    Of independent exchanges the longest may be left out, of others all after the first that is too long.
    """
    sequence = Sequence(tokenizer)
    sequence.system(conversation)
    shared, kept = len(sequence.ids), 0
    for index, exchange in enumerate(conversation.exchanges):
        before = len(sequence.ids)
        if conversation.independent:
            sequence.branch(exchange, index + 1, shared)
        else:
            sequence.exchange(exchange, index == 0)
        if len(sequence.ids) > limit:
            sequence.cut(before)
            if not conversation.independent:
                break
        else:
            kept += 1
    return sequence if kept else None
