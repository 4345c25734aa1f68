"""A cross-encoder small enough to make in a test: it likes some words more than others."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from tokenizers import Tokenizer, models, pre_tokenizers, processors

_SPECIAL = ["[UNK]", "[CLS]", "[SEP]"]


def write_cross_encoder(
    folder: Path, liked: Mapping[str, float], *, length: int = 32, classes: int = 1
) -> Path:
    """A pair's score is that of the best-liked word of its text; others count nothing.

    With two classes, half of the score stands against the first and half for the second.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": length}))
    vocabulary = {word: number for number, word in enumerate([*_SPECIAL, *liked])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    weights = np.array([[0.0] * len(_SPECIAL) + list(liked.values())], np.float32).T
    if classes == 2:
        weights = np.concatenate([np.zeros_like(weights), weights], axis=1)
    onnx.save(_best_of(weights), folder / "model.onnx")
    return folder


def _best_of(weights: np.ndarray) -> onnx.ModelProto:
    """token ids, segments (b, s) → the largest weight of a token of the second segment, (b, classes)"""
    helper, tensor = onnx.helper, onnx.TensorProto
    ids, segments = (
        helper.make_tensor_value_info(name, tensor.INT64, ["b", "s"])
        for name in ("input_ids", "token_type_ids")
    )
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["weighed"]),
        helper.make_node("Cast", ["token_type_ids"], ["second"], to=tensor.FLOAT),
        helper.make_node("Unsqueeze", ["second", "last"], ["mask"]),
        helper.make_node("Mul", ["weighed", "mask"], ["counted"]),
        helper.make_node("ReduceMax", ["counted", "tokens"], ["logits"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "best_of",
        [ids, segments],
        [helper.make_tensor_value_info("logits", tensor.FLOAT, ["b", weights.shape[1]])],
        [
            onnx.numpy_helper.from_array(weights, "weights"),
            onnx.numpy_helper.from_array(np.array([2], np.int64), "last"),
            onnx.numpy_helper.from_array(np.array([1], np.int64), "tokens"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
