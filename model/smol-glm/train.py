"""Train the adapter, on two CPU cores or more: one single-threaded process a core, gradients averaged.

    python train.py BASE_DIR STATE_DIR --steps 800 --adapter adapter.safetensors

Run again with the same folders, it continues from the last checkpoint: a batch is a function of its step, so the
position in the data is the step. The learning rate is constant after a warm-up and falls linearly over the last steps;
`--steps` may be changed at a restart. The log is STATE_DIR/train.log; the parameters of every checkpoint stay in
STATE_DIR/snapshots, for average.py.

A later stage starts from an adapter (`--from`), in a state folder of its own, and may mix in the conversations of apis.py and
the long ones of research.py: `--research 0.6` makes that share of the conversations, for rows of `--length 1024`. First requests of one
set of tools share its tokens in a row and do not see each other (`Sequence.branch`).
"""

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

# The allocator's defaults return every large tensor to the kernel, which makes training six times as slow.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
    "MALLOC_TOP_PAD_": "268435456",
}

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

import apis
import research
from adapter import add_adapter, export_adapter, load_adapter, load_base
from generate import Conversation, conversation
from prompt import encode

TOKENS = 1024
"""The tokens of one process's batch: rows of `--length`, into which conversations are packed."""

CANDIDATES = 24
"""How many conversations a batch is packed from at most; one too long for its row loses its last exchanges."""

SHORTEST = 120
"""A row with less room than this is full."""

RATE, WARM_UP, FINAL = 8e-4, 20, 0.05
CHECKPOINT_SECONDS = 120


@dataclass(frozen=True)
class Mixture:
    """What shares of the conversations come from research.py and from apis.py."""

    research: float
    apis: float

    def conversation(self, number: int) -> Conversation:
        """The conversation of this number."""
        drawn = Random(f"stage-{number}").random()
        if drawn < self.research:
            return research.conversation(number, held=False)
        if drawn < self.research + self.apis:
            return apis.conversation(number, held=False)
        return conversation(number, held=False)


@dataclass(frozen=True)
class Batch:
    """Conversations packed into rows; all tensors are [rows, length]."""

    ids: Tensor
    positions: Tensor
    segments: Tensor
    """The conversation of each token; -1 where there is none."""
    branches: Tensor
    learn: Tensor
    """Whether the token is learned."""


def batch(tokenizer: Tokenizer, index: int, length: int, mixture: Mixture) -> Batch:
    """The batch of this number."""
    shape = (TOKENS // length, length)
    ids, positions, branches = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    segments, learn = torch.full(shape, -1), torch.zeros(shape, dtype=torch.bool)
    row, used = 0, 0
    for number in range(index * CANDIDATES, (index + 1) * CANDIDATES):
        sequence = encode(tokenizer, mixture.conversation(number), length - used)
        if sequence is None:
            continue
        span = slice(used, used + len(sequence.ids))
        ids[row, span] = torch.tensor(sequence.ids)
        positions[row, span] = torch.tensor(sequence.positions)
        branches[row, span] = torch.tensor(sequence.branches)
        segments[row, span] = number
        learn[row, span] = torch.tensor(sequence.supervised)
        used = span.stop
        if used > length - SHORTEST:
            row, used = row + 1, 0
            if row == shape[0]:
                break
    return Batch(ids, positions, segments, branches, learn)


def attention_mask(segments: Tensor, branches: Tensor) -> Tensor:
    """Additive mask [rows, 1, length, length]: a token sees itself and what is before it in its conversation and branch."""
    length = segments.shape[1]
    same = segments.unsqueeze(2) == segments.unsqueeze(1)
    same &= (branches.unsqueeze(1) == 0) | (branches.unsqueeze(2) == branches.unsqueeze(1))
    allowed = (same & torch.ones(length, length, dtype=torch.bool).tril()).unsqueeze(1)
    return torch.zeros(allowed.shape, dtype=torch.bfloat16).masked_fill(~allowed, torch.finfo(torch.bfloat16).min)


def rate(step: int, args: argparse.Namespace) -> float:
    """The learning rate of a step."""
    steps, decay = args.steps, args.decay
    return args.rate * min(1, (step + 1) / WARM_UP) * max(FINAL, min(1, (steps - step) / decay))


def average_gradients(parameters: list[Tensor], world: int) -> None:
    flat = torch.cat([p.grad.flatten() for p in parameters]) / world
    dist.all_reduce(flat)
    for parameter, grad in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad.copy_(grad.view_as(parameter))


def train(rank: int, args: argparse.Namespace) -> None:
    """One process's part."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dist.init_process_group("gloo", f"file://{args.state}/rendezvous", world_size=args.processes, rank=rank)
    tokenizer = Tokenizer.from_file(str(args.base / "tokenizer.json"))
    model = load_base(args.base, torch.bfloat16)
    add_adapter(model)
    if args.start:
        load_adapter(model, args.start)
    model.set_attn_implementation("eager")
    for layer in model.model.layers:
        layer.compile()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=args.rate, betas=(0.9, 0.98), weight_decay=0.0)
    checkpoint = args.state / "checkpoint.pt"
    snapshots = args.state / "snapshots"
    snapshots.mkdir(exist_ok=True)
    step, tokens, seconds = 0, 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        step, tokens, seconds = state["step"], state["tokens"], state["seconds"]
        optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            for parameter, saved in zip(parameters, state["parameters"], strict=True):
                parameter.copy_(saved)

    def save() -> None:
        partial = checkpoint.with_suffix(".partial")
        torch.save(
            {
                "step": step,
                "tokens": tokens,
                "seconds": seconds,
                "optimizer": optimizer.state_dict(),
                "parameters": parameters,
            },
            partial,
        )
        partial.replace(checkpoint)
        torch.save(parameters, snapshots / f"{step}.pt")
        export_adapter(model, args.adapter)

    mixture = Mixture(args.research, args.apis)
    saved_at = time.monotonic()
    while step < args.steps:
        start = time.monotonic()
        data = batch(tokenizer, step * args.processes + rank, args.length, mixture)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, args)
        total = 0.0
        for row in range(len(data.ids)):
            here = slice(row, row + 1)
            mask = attention_mask(data.segments[here], data.branches[here])
            hidden = model.model(
                input_ids=data.ids[here], position_ids=data.positions[here], attention_mask=mask, use_cache=False
            ).last_hidden_state
            # The head is the largest matrix and few tokens are learned: it is applied only where the next one is.
            targets = data.learn[here, 1:]
            logits = model.model.embed_tokens.logits(hidden[:, :-1][targets])
            loss = F.cross_entropy(logits, data.ids[here, 1:][targets], reduction="sum") / data.learn[:, 1:].sum()
            loss.backward()
            total += loss.item()
        average_gradients(parameters, args.processes)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        totals = torch.tensor([total, float((data.segments >= 0).sum()), float(data.learn.sum())], dtype=torch.float64)
        dist.all_reduce(totals)
        step, tokens, seconds = step + 1, tokens + int(totals[1]), seconds + time.monotonic() - start
        if rank == 0:
            with open(args.state / "train.log", "a") as log:
                log.write(
                    f"step {step} loss {totals[0] / args.processes:.4f} rate {rate(step - 1, args):.2e} tokens {tokens} "
                    f"learned {int(totals[2])} seconds {seconds:.0f} tokens/s {totals[1] / (time.monotonic() - start):.0f}\n"
                )
            if time.monotonic() - saved_at > CHECKPOINT_SECONDS or step == args.steps:
                save()
                saved_at = time.monotonic()
    dist.destroy_process_group()


def main() -> None:
    """Start the processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path, help="what convert.py wrote")
    parser.add_argument("state", type=Path, help="folder of the checkpoint and the log")
    parser.add_argument("--adapter", type=Path, required=True, help="where the adapter is written at every checkpoint")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--decay", type=int, default=300, help="how many of the steps the learning rate falls over")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rate", type=float, default=RATE, help="the highest learning rate")
    parser.add_argument("--length", type=int, choices=[512, 1024], default=512, help="tokens of a row")
    parser.add_argument("--research", type=float, default=0.0, help="the share of conversations from research.py")
    parser.add_argument("--apis", type=float, default=0.0, help="the share of conversations from apis.py")
    parser.add_argument("--from", dest="start", type=Path, help="the adapter to start from")
    args = parser.parse_args()
    args.state = args.state.absolute()
    args.state.mkdir(parents=True, exist_ok=True)
    (args.state / "rendezvous").unlink(missing_ok=True)
    os.environ.update(ALLOCATOR)
    mp.spawn(train, args=(args,), nprocs=args.processes)


if __name__ == "__main__":
    main()
