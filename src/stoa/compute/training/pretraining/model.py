"""The model: a decoder of the Llama type with fused projections, lean enough to read in one go.

It computes what `transformers.LlamaForCausalLM` computes, and `weights.py` converts between the two exactly.
It differs in how rows of matrices are ordered:

- queries, keys and values are one product. Rows come in groups of one key-value head: its queries, its key,
  its value; so any number of devices that divides the key-value heads shares it evenly.
- gate and up are one product. Rows come in blocks: a part of gate, the same part of up; for the same reason.
- each head's rows are ordered by rotary pair, so that a rotation is one product of complex numbers.

Knows nothing about processes: `sharding.py` lays it over them. A mixture of experts would take the place of
`MLP` in `Layer`.

Shape suffixes: B sequences, S tokens, H hidden, G key-value heads, Q queries a key-value head, D width of a
head, F width of the MLP, V vocabulary.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  as everybody writes it
from torch import Tensor, nn
from torch.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    create_selective_checkpoint_contexts,
)
from transformers import LlamaConfig
from transformers.modeling_utils import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from stoa.compute.training.pretraining import norm
from stoa.compute.training.pretraining.interfaces import IGNORED

Rotary = Tensor  # [S, D / 2] complex64, or [2, S, D / 2] cosines and sines


class Norm(nn.Module):
    """RMSNorm, in float32 inside as the reference."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x_BSH: Tensor) -> Tensor:  # noqa: N803  shape suffixes
        if norm.worth_it(x_BSH):
            return norm.rms_norm(x_BSH, self.weight, self.eps)
        return F.rms_norm(x_BSH, self.weight.shape, self.weight, self.eps)


class Attention(nn.Module):
    """Causal attention with grouped queries and rotary positions."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.queries = config.num_attention_heads // config.num_key_value_heads
        self.width = config.head_dim
        rows = (config.num_attention_heads + 2 * config.num_key_value_heads) * self.width
        self.qkv_proj = nn.Linear(config.hidden_size, rows, bias=False)
        self.o_proj = nn.Linear(
            config.num_attention_heads * self.width, config.hidden_size, bias=False
        )
        self.eager = config._attn_implementation == "eager"

    def forward(self, x_BSH: Tensor, rotary: Rotary, mask: Tensor | None) -> Tensor:  # noqa: N803
        groups = self.qkv_proj(x_BSH).unflatten(-1, (-1, self.queries + 2, self.width))
        qk, v = groups.split([self.queries + 1, 1], dim=-2)
        q, k = rotate(qk, rotary).split([self.queries, 1], dim=-2)
        q, k, v = (part.flatten(2, 3).transpose(1, 2) for part in (q, k, v))
        attended = self._attend(q, k, v, mask)
        return self.o_proj(attended.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """[B, heads, S, D] each; queries of one key-value head are neighbours."""
        grouped = self.queries > 1
        if not self.eager:
            return F.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped
            )
        if grouped:
            k, v = (part.repeat_interleave(self.queries, dim=1) for part in (k, v))
        scores = (q @ k.transpose(-1, -2)) * self.width**-0.5
        length = q.shape[-2]
        seen = torch.ones(length, length, dtype=torch.bool, device=q.device).tril()
        scores = scores.masked_fill(~(seen if mask is None else mask), float("-inf"))
        return scores.softmax(-1, dtype=torch.float32).to(q.dtype) @ v  # type: ignore[no-any-return]


class MLP(nn.Module):
    """The gated MLP: down(silu(gate(x)) * up(x)), gate and up in one product."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.block = config.intermediate_size // config.mlp_blocks
        self.gate_up_proj = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x_BSH: Tensor) -> Tensor:  # noqa: N803
        gate, up = self.gate_up_proj(x_BSH).unflatten(-1, (-1, 2, self.block)).unbind(-2)
        return self.down_proj((F.silu(gate) * up).flatten(-2))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention and MLP, each added to the residual."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.input_layernorm = Norm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = Norm(config.hidden_size, config.rms_norm_eps)
        self.mlp = MLP(config)
        self.recompute = "none"

    def forward(self, x_BSH: Tensor, rotary: Rotary, mask: Tensor | None) -> Tensor:  # noqa: N803
        if self.recompute == "none" or not torch.is_grad_enabled():
            return self.compute(x_BSH, rotary, mask)
        extra: dict[str, Any] = {}
        if self.recompute == "selective":
            extra["context_fn"] = partial(create_selective_checkpoint_contexts, _keep_products)
        return checkpoint(  # type: ignore[no-any-return]
            self.compute,
            x_BSH,
            rotary,
            mask,
            use_reentrant=False,
            preserve_rng_state=False,
            **extra,
        )

    def compute(self, x_BSH: Tensor, rotary: Rotary, mask: Tensor | None) -> Tensor:  # noqa: N803
        """The layer itself, whatever is kept of it for the way back."""
        x_BSH = x_BSH + self.self_attn(self.input_layernorm(x_BSH), rotary, mask)  # noqa: N806
        return x_BSH + self.mlp(self.post_attention_layernorm(x_BSH))  # type: ignore[no-any-return]


class Head(nn.Module):
    """From hidden states to logits, or straight to the summed loss, in parts where memory is short.

    It has no weight of its own where the embedding's is shared with it.
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.in_features, self.out_features = config.hidden_size, config.vocab_size
        shape = (self.out_features, self.in_features)
        tied = config.tie_word_embeddings
        self.weight: nn.Parameter | None
        self.register_parameter("weight", None if tied else nn.Parameter(torch.empty(shape)))
        self.chunks = 1

    def forward(
        self,
        x_BSH: Tensor,  # noqa: N803
        labels_BS: Tensor | None = None,  # noqa: N803
        shared: Tensor | None = None,
    ) -> Tensor:
        weight = shared if self.weight is None else self.weight
        assert weight is not None
        if labels_BS is None:
            return F.linear(x_BSH, weight)
        return in_parts(_loss, x_BSH, weight, labels_BS, self.chunks)


class Decoder(nn.Module):
    """Embedding, layers, last norm."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = Norm(config.hidden_size, config.rms_norm_eps)

    def forward(self, tokens_BS: Tensor, rotary: Rotary, mask: Tensor | None) -> Tensor:  # noqa: N803
        x_BSH = self.embed_tokens(tokens_BS)  # noqa: N806
        for layer in self.layers:
            x_BSH = layer(x_BSH, rotary, mask)  # noqa: N806
        return self.norm(x_BSH)  # type: ignore[no-any-return]


class Llama(PreTrainedModel):  # type: ignore[misc]
    """The whole model. `labels` asks for the loss summed over tokens, none for logits.

    It is a `PreTrainedModel` for the sake of its plans, from which transformers shards it.
    """

    config_class = LlamaConfig
    base_model_prefix = "model"
    _supports_sdpa = True
    _no_split_modules = ("Layer",)

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config)
        self.model = Decoder(config)
        self.lm_head = Head(config)
        self.all_tied_weights_keys: dict[str, str] = {}
        self.compiled = False  # compilers know no complex numbers
        self._rotaries: dict[tuple[Any, ...], Rotary] = {}
        self.init_parallel_plans()

    def forward(
        self,
        tokens_BS: Tensor,  # noqa: N803
        labels_BS: Tensor | None = None,  # noqa: N803
        documents_BS: Tensor | None = None,  # noqa: N803
    ) -> Tensor:
        rotary = self._rotary(tokens_BS)
        mask = None if documents_BS is None else document_mask(documents_BS)
        x_BSH = self.model(tokens_BS, rotary, mask)  # noqa: N806
        tied = self.model.embed_tokens.weight if self.lm_head.weight is None else None
        return self.lm_head(x_BSH, labels_BS, tied)  # type: ignore[no-any-return]

    def _rotary(self, tokens_BS: Tensor) -> Rotary:  # noqa: N803
        """Rotations of all positions, worked out once for a length."""
        length, device, dtype = tokens_BS.shape[1], tokens_BS.device, self.dtype
        key = (length, device, dtype)
        if key not in self._rotaries:
            with torch.device(device):
                embedding = LlamaRotaryEmbedding(self.config)
                positions = torch.arange(length)[None]
                cos, sin = embedding(torch.empty(0, dtype=torch.float32), positions)
            half = self.config.head_dim // 2
            cos, sin = cos[0, :, :half], sin[0, :, :half]
            complex_ = dtype == torch.float32 and device.type == "cpu" and not self.compiled
            self._rotaries[key] = (
                torch.complex(cos, sin) if complex_ else torch.stack((cos, sin)).to(dtype)
            )
        return self._rotaries[key]


def rotate(x_BSGnD: Tensor, rotary: Rotary) -> Tensor:  # noqa: N803
    """Turn every pair of neighbours by its position's angle."""
    pairs = x_BSGnD.unflatten(-1, (-1, 2))
    if rotary.is_complex():
        turned = torch.view_as_complex(pairs) * rotary[:, None, None]
        return torch.view_as_real(turned).flatten(-2)
    cos, sin = rotary[:, :, None, None]
    a, b = pairs.unbind(-1)
    return torch.stack((a * cos - b * sin, b * cos + a * sin), dim=-1).flatten(-2)


def in_parts(
    loss: Callable[[Tensor, Tensor, Tensor], Tensor],
    x_BSH: Tensor,  # noqa: N803
    weight: Tensor,
    labels_BS: Tensor,  # noqa: N803
    chunks: int,
) -> Tensor:
    """A loss of all rows, a chunk of them at a time; logits of a chunk are worked out again going back."""
    rows, labels = x_BSH.flatten(0, 1), labels_BS.flatten()
    if chunks == 1:
        return loss(rows, weight, labels)
    total = rows.new_zeros((), dtype=torch.float32)
    for part, wanted in zip(rows.chunk(chunks), labels.chunk(chunks), strict=True):
        total = total + checkpoint(
            loss, part, weight, wanted, use_reentrant=False, preserve_rng_state=False
        )
    return total


def _loss(rows: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    logits = F.linear(rows, weight).float()
    return F.cross_entropy(logits, labels, reduction="sum", ignore_index=IGNORED)


def document_mask(documents_BS: Tensor) -> Tensor:  # noqa: N803
    """[B, 1, S, S], true where a token sees another: earlier, and of the same document."""
    length = documents_BS.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=documents_BS.device).tril()
    return (documents_BS[:, None, :, None] == documents_BS[:, None, None, :]) & causal


_PRODUCTS = {
    torch.ops.aten.mm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
    torch.ops.aten._scaled_dot_product_flash_attention.default,
    torch.ops.aten._scaled_dot_product_efficient_attention.default,
    torch.ops.aten._scaled_dot_product_cudnn_attention.default,
    torch.ops.aten._scaled_dot_product_attention_math.default,
}


def _keep_products(_context: Any, operator: Any, *_args: Any, **_kwargs: Any) -> CheckpointPolicy:
    """Products and attention are dear and kept; all between them is cheap and computed again."""
    kept = operator in _PRODUCTS
    return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE
