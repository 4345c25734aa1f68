"""A model artefact: a folder with `model.json` and `weights.safetensors`, and nothing that can run.

`model.json` says format, kind and parameters, and the SHA-256 of every other file; lists of words (ids,
names) are text files, one a line. A folder is written beside its place and renamed, so that a half-written
one is never seen. Whoever trains writes with `save`, whoever serves reads with `load`; no torch on
either side.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from stoa.base.errors import InvalidInput

FORMAT: Final = 1
MODEL: Final = "model.json"
WEIGHTS: Final = "weights.safetensors"
_HINT: Final = "Train the model again, or take an earlier version."


@dataclass
class Artefact:
    """What a model is made of."""

    kind: str
    parameters: dict[str, Any] = field(default_factory=dict)
    """Plain JSON: what the kind needs to know beside its numbers."""
    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    """Lists of ids and names, such as `users` and `items`."""

    def tensor(self, name: str, *shape: int | None) -> NDArray[Any]:
        """A tensor of that shape (None: any length). Raises InvalidInput."""
        found = self.tensors.get(name)
        if found is None:
            raise InvalidInput(f"The artefact has no tensor '{name}'.", hint=_HINT)
        fits = len(shape) == found.ndim and all(
            want is None or want == have for want, have in zip(shape, found.shape, strict=True)
        )
        if not fits:
            raise InvalidInput(
                f"The tensor '{name}' has the shape {found.shape}, not {shape}.", hint=_HINT
            )
        return found


def save(artefact: Artefact, folder: Path) -> None:
    """Write an artefact as `folder`, which must not be there yet: whole or not at all.

    Raises:
        InvalidInput: a tensor holds NaN or infinity, or a word a line break.
        FileExistsError: `folder` is there.
    """
    _check_finite(artefact.tensors)
    if folder.exists():
        raise FileExistsError(folder)
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        save_file(
            {name: np.ascontiguousarray(each) for name, each in artefact.tensors.items()},
            partial / WEIGHTS,
        )
        for name, words in artefact.words.items():
            _write_words(partial / f"{name}.txt", words)
        described = {
            "format": FORMAT,
            "kind": artefact.kind,
            "parameters": artefact.parameters,
            "words": sorted(artefact.words),
            "sha256": {each.name: _digest(each) for each in sorted(partial.iterdir())},
        }
        (partial / MODEL).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def kind_of(folder: Path) -> str:
    """The kind of the artefact in `folder`. Raises InvalidInput where there is none."""
    return str(_described(folder)["kind"])


def load(folder: Path) -> Artefact:
    """Read an artefact and check it.

    Raises:
        InvalidInput: a part is missing or altered, or a tensor holds NaN or infinity.
    """
    described = _described(folder)
    for name, digest in described["sha256"].items():
        path = folder / Path(name).name
        if not path.is_file() or _digest(path) != digest:
            raise InvalidInput(f"'{name}' is missing or altered.", hint=_HINT)
    tensors = load_file(folder / WEIGHTS)
    _check_finite(tensors)
    words = {
        name: (folder / f"{Path(name).name}.txt").read_text(encoding="utf-8").split("\n")[:-1]
        for name in described["words"]
    }
    return Artefact(str(described["kind"]), dict(described["parameters"]), tensors, words)


def _described(folder: Path) -> dict[str, Any]:
    try:
        described: dict[str, Any] = json.loads((folder / MODEL).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"There is no whole artefact in {folder.name}.", hint=_HINT) from error
    if described.get("format") != FORMAT or not isinstance(described.get("sha256"), dict):
        raise InvalidInput("The artefact is of another format.", hint=_HINT)
    return described


def _check_finite(tensors: Mapping[str, NDArray[Any]]) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise InvalidInput(f"The tensor '{name}' holds NaN or infinity.", hint=_HINT)


def _write_words(path: Path, words: list[str]) -> None:
    for word in words:
        if "\n" in word or "\r" in word:
            raise InvalidInput(f"{word[:40]!r} holds a line break.", hint="Clean the ids.")
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{word}\n" for word in words)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
