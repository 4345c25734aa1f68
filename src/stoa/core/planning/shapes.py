"""Shapes of transformers, as far as memory and time depend on them, and a few published ones.

Two families: `gpt` (Megatron's: layer norm, GELU, dropout, attention kept as a matrix) and `llama`
(RMS norm, gated feed-forward, rotary positions, fused attention, grouped keys and values).
"""

from dataclasses import dataclass
from typing import Literal

Family = Literal["gpt", "llama"]


@dataclass(frozen=True)
class ModelShape:
    """Numbers of one decoder-only transformer."""

    name: str
    layers: int
    hidden: int
    heads: int
    feed_forward: int
    vocabulary: int
    sequence: int
    kv_heads: int
    family: Family = "llama"
    tied: bool = False
    """Whether the input embedding is the output matrix too."""

    @property
    def kv_width(self) -> int:
        """Width of all keys (and of all values) together."""
        return self.hidden // self.heads * self.kv_heads

    @property
    def layer_parameters(self) -> int:
        """Of the matrices and norms of one layer."""
        attention = self.hidden * (2 * self.hidden + 2 * self.kv_width)
        projections = 3 if self.family == "llama" else 2
        norms = 2 * self.hidden if self.family == "llama" else 4 * self.hidden
        biases = 0 if self.family == "llama" else 9 * self.hidden
        return attention + projections * self.hidden * self.feed_forward + norms + biases

    @property
    def embedding_parameters(self) -> int:
        """Of one vocabulary matrix."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All of them."""
        ends = 1 if self.tied else 2
        return self.layers * self.layer_parameters + ends * self.embedding_parameters + self.hidden

    def flops_per_token(self, *, attention: bool = True) -> float:
        """FLOP that one token costs, forward and backward, without recomputation.

        Two conventions are in use, and both are shown: six times the parameters that multiply
        (Kaplan et al. 2020, without the input embedding), and with `attention` what attention adds,
        12 · layers · hidden · sequence, counted as if it looked both ways (PaLM, 2022).
        """
        multiplied = self.layers * self.layer_parameters + self.embedding_parameters
        extra = 12 * self.layers * self.hidden * self.sequence if attention else 0
        return 6 * multiplied + extra


def _gpt(name: str, layers: int, hidden: int, heads: int) -> ModelShape:
    return ModelShape(name, layers, hidden, heads, 4 * hidden, 51_200, 2048, heads, "gpt", True)


def _llama(
    name: str,
    layers: int,
    hidden: int,
    heads: int,
    kv: int,
    ff: int,
    vocabulary: int,
    sequence: int,
) -> ModelShape:
    return ModelShape(name, layers, hidden, heads, ff, vocabulary, sequence, kv)


SHAPES: dict[str, ModelShape] = {
    each.name: each
    for each in (
        _gpt("megatron-22b", 48, 6144, 64),
        _gpt("gpt3-175b", 96, 12288, 96),
        _gpt("mt-nlg-530b", 105, 20480, 128),
        _gpt("megatron-1t", 128, 25600, 160),
        _llama("llama-1b", 16, 2048, 32, 8, 8192, 128_256, 4096),
        _llama("llama2-7b", 32, 4096, 32, 32, 11008, 32_000, 4096),
        _llama("llama2-13b", 40, 5120, 40, 40, 13824, 32_000, 4096),
        _llama("llama2-70b", 80, 8192, 64, 8, 28672, 32_000, 4096),
        _llama("llama3-8b", 32, 4096, 32, 8, 14336, 128_256, 8192),
        _llama("llama3-405b", 126, 16384, 128, 8, 53248, 128_256, 8192),
    )
}
"""Korthikanti et al. 2022 (table 3), Llama 2 (2023), Llama 3 (2024)."""
