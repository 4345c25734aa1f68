"""Which reranker the settings ask for.

STOA_MODEL_RERANKER   empty          none: rank fusion decides
                      onnx:/folder   a cross-encoder kept there
                      openai:model   `/rerank` of the server at STOA_OPENAI_BASE_URL
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from stoa.base.errors import SetupError
from stoa.core.models.embedding.encoder_files import EncoderFiles
from stoa.core.models.reranking.reranker import Reranker, Scored

ONNX = "onnx:"


class _Local:
    """A cross-encoder that is loaded at first use."""

    def __init__(self, name: str, load: Callable[[], Reranker]) -> None:
        self.name = name
        self._load = load
        self._loaded: Reranker | None = None

    async def score(self, query: str, texts: Sequence[str]) -> Scored:
        """See `Reranker`."""
        if self._loaded is None:
            self._loaded = await asyncio.to_thread(self._load)
        return await self._loaded.score(query, texts)


def is_provided(model: str) -> bool:
    """Whether a provider is to be asked."""
    return bool(model) and not model.startswith(ONNX)


def local_reranker(model: str) -> Reranker:
    """The cross-encoder of an `onnx:/folder`. Loads nothing yet. Raises SetupError: no such files."""
    folder = Path(model.removeprefix(ONNX)).expanduser()
    files = EncoderFiles.of_folder(folder)  # fails at the start, not at the first search
    name = f"{ONNX}{folder.name}"
    return _Local(name, lambda: _load(name, files))


def _load(name: str, files: EncoderFiles) -> Reranker:
    try:
        from stoa.core.models.reranking.cross_encoder import (  # noqa: PLC0415 - optional part
            CrossEncoder,
        )
    except ModuleNotFoundError as error:
        raise SetupError(
            f"A local reranker needs {error.name}.", hint="pip install stoa[documents]"
        ) from error
    return CrossEncoder(name, files)
