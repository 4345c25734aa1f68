"""A BERT sentence encoder as an ONNX graph, built from its weights without torch.

    token ids, mask → embeddings → layers of attention and feed-forward → mean over tokens → unit vector

Pooling and normalising are part of the graph, so whoever runs it gets sentence vectors. The graph
follows Devlin et al. 2019 (post-norm, exact GELU) and Reimers & Gurevych 2019 (masked mean).

Shapes: B texts, S tokens, D width, H heads, F feed-forward width. This file knows how to draw the
graph; where weights come from and how a graph is run are other files' business.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file

OPSET = 20
_IR_VERSION = 10
_MASKED = -1e9


@dataclass(frozen=True)
class BertShape:
    """The sizes of a BERT, as its `config.json` says."""

    layers: int
    heads: int
    width: int
    epsilon: float

    @classmethod
    def read(cls, path: Path) -> "BertShape":
        """From a `config.json`. Raises ValueError for another architecture or activation."""
        config = json.loads(path.read_text(encoding="utf-8"))
        if config["model_type"] != "bert" or config["hidden_act"] != "gelu":
            raise ValueError(f"{path} does not describe a BERT with GELU")
        return cls(
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            width=config["hidden_size"],
            epsilon=config["layer_norm_eps"],
        )


class _Graph:
    """Collects nodes and constants under readable names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, *inputs: str, name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name


class _Bert:
    """Draws the parts of the encoder; each method returns the name of the tensor it ends in."""

    def __init__(self, shape: BertShape, weights: Mapping[str, np.ndarray]) -> None:
        self.shape = shape
        self.weights = weights
        self.graph = _Graph()
        size = shape.width // shape.heads
        self.split = self.graph.constant("split", np.array([0, 0, shape.heads, size], np.int64))
        self.join = self.graph.constant("join", np.array([0, 0, shape.width], np.int64))
        self.scale = self.graph.constant("scale", np.array(size**-0.5, np.float32))

    def norm(self, x: str, weight: str, name: str) -> str:
        """LayerNorm over D."""
        return self.graph.node(
            "LayerNormalization",
            x,
            self.graph.constant(f"{name}.gain", self.weights[f"{weight}.weight"]),
            self.graph.constant(f"{name}.bias", self.weights[f"{weight}.bias"]),
            name=name,
            axis=-1,
            epsilon=self.shape.epsilon,
        )

    def linear(self, x: str, weight: str, name: str) -> str:
        """x @ Wᵀ + b: the one kind of node that is quantised."""
        matrix = self.graph.constant(f"{name}.matrix", self.weights[f"{weight}.weight"].T)
        bias = self.graph.constant(f"{name}.bias", self.weights[f"{weight}.bias"])
        product = self.graph.node("MatMul", x, matrix, name=f"{name}.product")
        return self.graph.node("Add", product, bias, name=name)

    def embeddings(self) -> str:
        """Words + positions + token type 0, normalised: (B, S) → (B, S, D)."""
        g, prefix = self.graph, "embeddings"
        words = g.constant("words", self.weights[f"{prefix}.word_embeddings.weight"])
        # One text at a time has token type 0 throughout, so its row joins the positions for good.
        positions = g.constant(
            "positions",
            self.weights[f"{prefix}.position_embeddings.weight"]
            + self.weights[f"{prefix}.token_type_embeddings.weight"][0],
        )
        length = g.node("Shape", "input_ids", name="length", start=1, end=2)
        zero = g.constant("zero", np.array([0], np.int64))
        used = g.node("Slice", positions, zero, length, zero, name="used_positions")
        found = g.node("Gather", words, "input_ids", name="found_words", axis=0)
        summed = g.node("Add", found, used, name="summed")
        return self.norm(summed, f"{prefix}.LayerNorm", "embedded")

    def heads(self, x: str, weight: str, name: str, order: list[int]) -> str:
        """Project and lay out by head: (B, S, D) → (B, H, S, D/H) or, for keys, (B, H, D/H, S)."""
        split = self.graph.node(
            "Reshape", self.linear(x, weight, f"{name}.all"), self.split, name=f"{name}.split"
        )
        return self.graph.node("Transpose", split, name=name, perm=order)

    def attention(self, x: str, mask: str, layer: int) -> str:
        """Self-attention with the padding masked out, (B, S, D) → (B, S, D)."""
        g, name = self.graph, f"attention{layer}"
        prefix = f"encoder.layer.{layer}.attention"
        query = self.heads(x, f"{prefix}.self.query", f"{name}.query", [0, 2, 1, 3])
        key = self.heads(x, f"{prefix}.self.key", f"{name}.key", [0, 2, 3, 1])
        value = self.heads(x, f"{prefix}.self.value", f"{name}.value", [0, 2, 1, 3])
        scaled = g.node("Mul", query, self.scale, name=f"{name}.scaled")
        scores = g.node("MatMul", scaled, key, name=f"{name}.scores")
        masked = g.node("Add", scores, mask, name=f"{name}.masked")
        shares = g.node("Softmax", masked, name=f"{name}.shares", axis=-1)
        mixed = g.node("MatMul", shares, value, name=f"{name}.mixed")
        back = g.node("Transpose", mixed, name=f"{name}.back", perm=[0, 2, 1, 3])
        joined = g.node("Reshape", back, self.join, name=f"{name}.joined")
        out = self.linear(joined, f"{prefix}.output.dense", f"{name}.out")
        summed = g.node("Add", out, x, name=f"{name}.summed")
        return self.norm(summed, f"{prefix}.output.LayerNorm", name)

    def feed_forward(self, x: str, layer: int) -> str:
        """(B, S, D) → (B, S, F) → (B, S, D)."""
        g, name, prefix = self.graph, f"forward{layer}", f"encoder.layer.{layer}"
        wide = self.linear(x, f"{prefix}.intermediate.dense", f"{name}.wide")
        bent = g.node("Gelu", wide, name=f"{name}.bent")
        narrow = self.linear(bent, f"{prefix}.output.dense", f"{name}.narrow")
        summed = g.node("Add", narrow, x, name=f"{name}.summed")
        return self.norm(summed, f"{prefix}.output.LayerNorm", name)

    def mask(self) -> tuple[str, str]:
        """The mask as (B, 1, 1, S) with a large negative at padding, and as (B, S, 1) of 0 and 1."""
        g = self.graph
        real = g.node("Cast", "attention_mask", name="real", to=TensorProto.FLOAT)
        one = g.constant("one", np.array(1, np.float32))
        absent = g.node("Sub", one, real, name="absent")
        large = g.node(
            "Mul", absent, g.constant("masked", np.array(_MASKED, np.float32)), name="large"
        )
        axes = g.constant("axes_1_2", np.array([1, 2], np.int64))
        last = g.constant("axis_2", np.array([2], np.int64))
        return (
            g.node("Unsqueeze", large, axes, name="padding"),
            g.node("Unsqueeze", real, last, name="weights"),
        )

    def pool(self, x: str, weights: str) -> str:
        """Masked mean over S, then length 1: (B, S, D) → (B, D)."""
        g = self.graph
        tokens = g.constant("axis_1", np.array([1], np.int64))
        kept = g.node("Mul", x, weights, name="kept")
        total = g.node("ReduceSum", kept, tokens, name="total", keepdims=0)
        count = g.node("ReduceSum", weights, tokens, name="count", keepdims=0)
        mean = g.node("Div", total, count, name="mean")
        return g.node("LpNormalization", mean, name="embedding", axis=-1, p=2)


def write_encoder(config: Path, weights: Path, target: Path, workshop: Path) -> None:
    """Build the graph from a safetensors file, make it int8, and write it to `target`.

    `workshop` is a folder for what is needed in between.
    """
    full = workshop / "full.onnx"
    onnx.save(build_encoder(BertShape.read(config), load_file(weights)), full)
    quantise(full, target)


def build_encoder(shape: BertShape, weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The float32 graph: `input_ids`, `attention_mask` (B, S) int64 → `embedding` (B, D) float32.

    `weights` carries the names that transformers' BertModel saves under.
    """
    bert = _Bert(shape, weights)
    padding, real = bert.mask()
    x = bert.embeddings()
    for layer in range(shape.layers):
        x = bert.feed_forward(bert.attention(x, padding, layer), layer)
    bert.pool(x, real)
    graph = helper.make_graph(
        bert.graph.nodes,
        "sentence_encoder",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", shape.width])],
        bert.graph.constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION
    )
    # Shapes are all known from the sizes above; without this mark the quantiser warns about them.
    helper.set_model_props(model, {"onnx.infer": "onnxruntime.quant"})
    onnx.checker.check_model(model)
    return model


def quantise(source: Path, target: Path) -> None:
    """Turn the matrices that texts are multiplied with into int8, a scale per column.

    Embedding tables and attention scores stay float32: they cost little time and carry much.
    """
    root = (
        logging.getLogger()
    )  # the library tells its progress there, with warnings for its authors
    root.addFilter(_is_not_the_quantiser)
    try:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            # Seven bits: eight overflow in the 16-bit sums of processors without VNNI instructions.
            reduce_range=True,
        )
    finally:
        root.removeFilter(_is_not_the_quantiser)


def _is_not_the_quantiser(record: logging.LogRecord) -> bool:
    return "onnxruntime" not in record.pathname
