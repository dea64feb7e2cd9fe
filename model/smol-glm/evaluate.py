"""Measure the adapter on held-out conversations: greedy decoding, no constraint.

    python evaluate.py BASE_DIR adapter.safetensors --conversations 200 --misses misses.txt
    python evaluate.py BASE_DIR adapter.safetensors --source research --conversations 60

One exchange of each conversation is asked, after the right history. First the model replies to the request; then, if that
takes a call, it answers from what the right call returned. Prints a Markdown table with 95 % Wilson intervals.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import GlmForCausalLM

import apis
import generate
import research
from adapter import load_merged
from generate import Call, Exchange
from measure import table
from prompt import STOP, Sequence

LIMIT = 1024
"""Longest prompt, in tokens: as in training."""

SOURCES = {"generate": generate.conversation, "research": research.conversation, "apis": apis.conversation}

BATCH, MOST_NEW = 16, 120
CODE_SECONDS = 20


@dataclass
class Reply:
    """What the model wrote: an answer, or a call."""

    text: str

    @property
    def is_call(self) -> bool:
        return not self.text.startswith("\n")

    @property
    def name(self) -> str:
        return self.text.partition("\n")[0]

    @property
    def raw_arguments(self) -> str:
        return self.text.partition("\n")[2]

    @property
    def arguments(self) -> dict | None:
        """The arguments, or None if they are not a JSON object."""
        try:
            value = json.loads(self.raw_arguments)
        except json.JSONDecodeError:
            return None
        return value if isinstance(value, dict) else None


@dataclass
class Question:
    """A prompt and the exchange that it belongs to; `call` counts the calls already in the prompt."""

    prompt: list[int]
    exchange: Exchange
    call: int


def questions(tokenizer: Tokenizer, source: str, count: int) -> list[Question]:
    """Every reply of one exchange of each held-out conversation: the first of one, the second of the next, and so on."""
    out = []
    for number in range(count):
        held = SOURCES[source](number, held=True)
        sequence = Sequence(tokenizer)
        sequence.system(held)
        for index, exchange in enumerate(held.exchanges):
            sequence.ask(exchange.request, index == 0)
            prompts = [list(sequence.ids)]
            for call in exchange.calls:
                sequence.call(call)
                prompts.append(list(sequence.ids))
            sequence.answer(exchange.answer)
            if index == number % len(held.exchanges):
                out += [
                    Question(prompt, exchange, calls) for calls, prompt in enumerate(prompts) if len(prompt) <= LIMIT
                ]
    return out


@torch.no_grad()
def reply_all(model: GlmForCausalLM, tokenizer: Tokenizer, prompts: list[list[int]]) -> list[Reply]:
    """Greedy replies, in batches of prompts of similar length, padded on the left."""
    replies: dict[int, Reply] = {}
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        width = max(len(prompts[i]) for i in chosen)
        ids = torch.tensor([[0] * (width - len(prompts[i])) + prompts[i] for i in chosen])
        mask = torch.tensor([[0] * (width - len(prompts[i])) + [1] * len(prompts[i]) for i in chosen])
        new = model.generate(
            ids, attention_mask=mask, max_new_tokens=MOST_NEW, do_sample=False, eos_token_id=list(STOP), pad_token_id=0
        )[:, width:]
        for i, row in zip(chosen, new.tolist(), strict=True):
            end = next((at for at, token in enumerate(row) if token in STOP), len(row))
            replies[i] = Reply(tokenizer.decode(row[:end], skip_special_tokens=False))
        sys.stderr.write(f"\r{start + len(chosen)} of {len(order)} replies")
    sys.stderr.write("\n")
    return [replies[i] for i in range(len(prompts))]


def printed(code: str) -> str | None:
    """What a Python program prints, without the last newline; None if it fails."""
    try:
        done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=CODE_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.removesuffix("\n") if done.returncode == 0 else None


def score(question: Question, reply: Reply) -> list[tuple[str, bool]]:
    """The measurements that this reply adds to."""
    exchange = question.exchange
    if question.call == len(exchange.calls):
        if not exchange.calls:
            return [("no call: chat" if exchange.kind == "chat" else "no call: no tool fits", not reply.is_call)]
        kind = {"web": "page", "python": "printed result", "custom": "custom tool's result"}.get(
            exchange.kind, exchange.kind
        )
        return [
            (
                f"answer holds the value: {kind}",
                not reply.is_call and all(value in reply.text for value in exchange.values),
            )
        ]
    wanted = exchange.calls[question.call]
    if exchange.kind == "python":
        right = reply.name == "python" and (
            reply.raw_arguments == wanted.arguments or printed(reply.raw_arguments) == wanted.observation
        )
        return [("python: called", reply.name == "python"), ("python: prints the right result", right)]
    if exchange.kind == "web":
        return [
            ("web_fetch: called", reply.name == "web_fetch"),
            ("web_fetch: exact address", reply.name == "web_fetch" and reply.arguments == wanted.arguments),
        ]
    if wanted.name == "web_search":
        # Many queries find the same pages.
        return [("web_search: called", reply.name == "web_search")]
    if wanted.name == "web_open":
        return [("web_open: right page", reply.name == "web_open" and reply.arguments == wanted.arguments)]
    return score_custom(exchange.kind, wanted, reply)


def score_custom(kind: str, wanted: Call, reply: Reply) -> list[tuple[str, bool]]:
    """The tool, all its arguments, and each of them by type."""
    given = (reply.arguments or {}) if reply.name == wanted.name else {}
    out = [
        (f"{kind}: right tool", reply.name == wanted.name),
        (f"{kind}: all arguments right", reply.name == wanted.name and reply.arguments == wanted.arguments),
    ]
    for name, value in wanted.arguments.items():
        type_name = "true or false" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
        out.append(
            (
                f"{kind}: each {type_name} argument",
                name in given and type(given[name]) is type(value) and given[name] == value,
            )
        )
    return out


def main() -> None:
    """Print the table; write what went wrong to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("--source", choices=sorted(SOURCES), default="generate", help="which conversations")
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="of the merged weights")
    parser.add_argument("--misses", type=Path, help="file for the replies that were wrong")
    args = parser.parse_args()
    start = time.monotonic()
    tokenizer = Tokenizer.from_file(str(args.base / "tokenizer.json"))
    asked = questions(tokenizer, args.source, args.conversations)
    model = load_merged(args.base, args.adapter).to(getattr(torch, args.dtype))
    replies = reply_all(model, tokenizer, [question.prompt for question in asked])
    results: dict[str, list[bool]] = defaultdict(list)
    misses = []
    for question, reply in zip(asked, replies, strict=True):
        scores = score(question, reply)
        for name, right in scores:
            results[name].append(right)
        if not all(right for _, right in scores):
            wanted = (
                question.exchange.calls[question.call]
                if question.call < len(question.exchange.calls)
                else question.exchange.answer
            )
            misses.append(
                f"{[name for name, right in scores if not right]}\n  asked:  {question.exchange.request}\n  wanted: {wanted}\n  got:    {reply.text!r}\n"
            )
    if args.misses:
        args.misses.write_text("\n".join(misses))
    print(
        f"{args.conversations} held-out conversations, {len(asked)} replies, {args.dtype}, {time.monotonic() - start:.0f} s\n"
    )
    print(table({name: results[name] for name in sorted(results)}))


if __name__ == "__main__":
    main()
