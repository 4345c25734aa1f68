"""Weights from and to Hugging Face's layout of Llama, exactly: rows are only put in another order.

Works on plain tensors of the whole model; who has shards gathers them first (`sharding.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import LlamaConfig

from stoa.base.errors import InvalidInput, NotFound

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Fusion:
    """How the rows of fused matrices are ordered; all it takes to convert both ways."""

    groups: int  # key-value heads
    queries: int  # queries of each
    width: int  # of a head
    blocks: int  # parts of gate and up

    @classmethod
    def of(cls, config: LlamaConfig) -> "Fusion":
        """That of a model."""
        return cls(
            groups=config.num_key_value_heads,
            queries=config.num_attention_heads // config.num_key_value_heads,
            width=config.head_dim,
            blocks=config.mlp_blocks,
        )

    def fuse_qkv(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """One matrix of q, k and v: by group, and within a head by rotary pair."""
        q, k = self._pairs(q), self._pairs(k)
        parts = [part.unflatten(0, (self.groups, -1)) for part in (q, k, v)]
        return torch.cat(parts, dim=1).flatten(0, 1)

    def split_qkv(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q, k and v of one matrix."""
        sizes = [self.queries * self.width, self.width, self.width]
        q, k, v = (
            part.flatten(0, 1) for part in qkv.unflatten(0, (self.groups, -1)).split(sizes, dim=1)
        )
        return self._halves(q), self._halves(k), v.contiguous()

    def fuse_gate_up(self, gate: Tensor, up: Tensor) -> Tensor:
        """One matrix of gate and up, block by block."""
        parts = [part.unflatten(0, (self.blocks, 1, -1)) for part in (gate, up)]
        return torch.cat(parts, dim=1).flatten(0, 2)

    def split_gate_up(self, gate_up: Tensor) -> tuple[Tensor, Tensor]:
        """Gate and up of one matrix."""
        gate, up = gate_up.unflatten(0, (self.blocks, 2, -1)).unbind(1)
        return gate.flatten(0, 1).contiguous(), up.flatten(0, 1).contiguous()

    def _pairs(self, rows: Tensor) -> Tensor:
        """Hugging Face turns row i of a head with row i + width / 2; here they are neighbours."""
        return rows.unflatten(0, (-1, 2, self.width // 2)).transpose(1, 2).flatten(0, 2)  # type: ignore[no-any-return]

    def _halves(self, rows: Tensor) -> Tensor:
        return (  # type: ignore[no-any-return]
            rows.unflatten(0, (-1, self.width // 2, 2)).transpose(1, 2).flatten(0, 2).contiguous()
        )


def to_hugging_face(weights: Weights, config: LlamaConfig) -> Weights:
    """Names and rows of `LlamaForCausalLM`."""
    fusion = Fusion.of(config)
    out: Weights = {}
    for name, weight in weights.items():
        prefix = name.rsplit(".", 2)[0]
        if name.endswith("qkv_proj.weight"):
            for letter, part in zip("qkv", fusion.split_qkv(weight), strict=True):
                out[f"{prefix}.{letter}_proj.weight"] = part
        elif name.endswith("gate_up_proj.weight"):
            gate, up = fusion.split_gate_up(weight)
            out[f"{prefix}.gate_proj.weight"], out[f"{prefix}.up_proj.weight"] = gate, up
        else:
            out[name] = weight
    return out


def from_hugging_face(weights: Weights, config: LlamaConfig) -> Weights:
    """Names and rows of our model."""
    fusion = Fusion.of(config)
    out: Weights = {}
    for name, weight in weights.items():
        prefix = name.rsplit(".", 2)[0]
        if name.endswith("q_proj.weight"):
            parts = (weights[f"{prefix}.{letter}_proj.weight"] for letter in "qkv")
            out[f"{prefix}.qkv_proj.weight"] = fusion.fuse_qkv(*parts)
        elif name.endswith("gate_proj.weight"):
            up = weights[f"{prefix}.up_proj.weight"]
            out[f"{prefix}.gate_up_proj.weight"] = fusion.fuse_gate_up(weight, up)
        elif not name.endswith(("k_proj.weight", "v_proj.weight", "up_proj.weight")):
            out[name] = weight
    if config.tie_word_embeddings:
        out.pop("lm_head.weight", None)
    return out


def save(folder: Path, weights: Weights, config: LlamaConfig, dtype: torch.dtype) -> None:
    """Write a folder that `LlamaForCausalLM.from_pretrained` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {
        name: weight.to(dtype).contiguous()
        for name, weight in to_hugging_face(weights, config).items()
    }
    save_file(plain, folder / "model.safetensors", metadata={"format": "pt"})
    written = LlamaConfig(**{key: value for key, value in config.to_dict().items() if key in _KEPT})
    written.architectures = ["LlamaForCausalLM"]
    written.dtype = str(dtype).removeprefix("torch.")
    written.save_pretrained(folder)


def load(folder: Path, config: LlamaConfig) -> Weights:
    """Our weights of a Hugging Face folder.

    Raises:
        NotFound: no such folder, or no safetensors in it.
        InvalidInput: the model there has other sizes than the recipe's.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise NotFound(
            f"There are no safetensors in {folder}.",
            hint="model.start_from is a folder as save_pretrained writes it.",
        )
    there = LlamaConfig.from_pretrained(folder)
    for key in _SIZES:
        ours, theirs = getattr(config, key), getattr(there, key)
        if ours != theirs:
            raise InvalidInput(
                f"The recipe's {key} is {ours}, and the model in {folder} has {theirs}.",
                hint="Set the sizes in [model] to those of the model to start from.",
            )
    return from_hugging_face(dict(_read(files)), config)


def _read(files: list[Path]) -> Iterator[tuple[str, Tensor]]:
    for file in files:
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118  no mapping
                yield name, opened.get_tensor(name)


_SIZES = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "vocab_size",
    "tie_word_embeddings",
)
_KEPT = (
    *_SIZES,
    "head_dim",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_parameters",
    "initializer_range",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)
