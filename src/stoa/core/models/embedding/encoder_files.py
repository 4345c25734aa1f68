"""Where a sentence encoder, or a cross-encoder, lies on disk, and how it is used. Loads nothing.

A folder holds `model.onnx` (or `onnx/model.onnx`) and `tokenizer.json`; optionally the files that
sentence-transformers writes (`1_Pooling/config.json`, `sentence_bert_config.json`,
`config_sentence_transformers.json`), which say how tokens become a vector and how long a text may be.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stoa.base.errors import SetupError

Pooling = Literal["done", "mean", "cls"]
_DEFAULT_LENGTH = 256


@dataclass(frozen=True)
class EncoderFiles:
    """Where an encoder lies, and how its output becomes a sentence vector."""

    graph: Path
    tokenizer: Path
    pooling: Pooling = "mean"
    length: int = _DEFAULT_LENGTH
    query_prefix: str = ""
    passage_prefix: str = ""

    @classmethod
    def of_folder(cls, folder: Path) -> "EncoderFiles":
        """Read a folder. Raises SetupError naming what is missing."""
        graph = next(
            (
                path
                for path in (folder / "model.onnx", folder / "onnx/model.onnx")
                if path.is_file()
            ),
            None,
        )
        tokenizer = folder / "tokenizer.json"
        if graph is None or not tokenizer.is_file():
            missing = "model.onnx" if graph is None else "tokenizer.json"
            raise SetupError(
                f"{folder} holds no {missing}.",
                hint="onnx:/folder wants model.onnx and tokenizer.json there.",
            )
        pooling = _read_json(folder / "1_Pooling/config.json")
        limits = _read_json(folder / "sentence_bert_config.json")
        prompts = _read_json(folder / "config_sentence_transformers.json").get("prompts") or {}
        return cls(
            graph,
            tokenizer,
            "cls" if pooling.get("pooling_mode_cls_token") else "mean",
            int(limits.get("max_seq_length") or _DEFAULT_LENGTH),
            prompts.get("query", ""),
            prompts.get("passage", prompts.get("document", "")),
        )


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SetupError(
            f"{path} is not JSON: {error}.", hint="Mend or remove the file."
        ) from error
    return content if isinstance(content, dict) else {}
