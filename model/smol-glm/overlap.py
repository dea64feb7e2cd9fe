"""Look for words that the training data shares with the Berkeley Function-Calling Leaderboard.

    python overlap.py DATA_DIR --conversations 4000 --words 10

DATA_DIR is `bfcl_eval/data` of the package `bfcl-eval`. Compares runs of that many words in requests, descriptions of tools and
of parameters; prints those that both have, and fails if there are any.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import apis
import generate
import research


def runs(text: str, words: int) -> Iterator[tuple[str, ...]]:
    """All runs of so many words."""
    found = re.findall(r"[a-z0-9]+", text.lower())
    return (tuple(found[at : at + words]) for at in range(len(found) - words + 1))


def descriptions(value: object) -> Iterator[str]:
    """The descriptions in a tool's declaration, at any depth."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            yield value["description"]
        for inner in value.values():
            yield from descriptions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from descriptions(inner)


def benchmark(folder: Path) -> Iterator[str]:
    """All requests and descriptions of the benchmark."""
    files = [file for file in folder.glob("BFCL_v4_*.json") if "format_sensitivity" not in file.name]
    for file in sorted(files) + sorted(folder.glob("multi_turn_func_doc/*.json")):
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            yield from descriptions(entry.get("function", entry))
            for turn in entry.get("question", []):
                yield from (message["content"] for message in turn if isinstance(message, dict))


def training(count: int) -> Iterator[str]:
    """All requests and descriptions of the first conversations of each kind."""
    for source in (generate, apis, research):
        for number in range(count):
            made = source.conversation(number, held=False)
            yield from (exchange.request for exchange in made.exchanges)
            yield from descriptions([tool for tool in made.tools if isinstance(tool, dict)])


def main() -> int:
    """Print what is shared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--conversations", type=int, default=4000, help="of each kind")
    parser.add_argument("--words", type=int, default=10)
    args = parser.parse_args()
    known = {run for text in benchmark(args.data) for run in runs(text, args.words)}
    ours = {run for text in training(args.conversations) for run in runs(text, args.words)}
    for run in sorted(known & ours):
        print(" ".join(run))
    print(f"{len(known & ours)} of {len(ours)} runs of {args.words} words are in the benchmark, which has {len(known)}")
    return 1 if known & ours else 0


if __name__ == "__main__":
    sys.exit(main())
