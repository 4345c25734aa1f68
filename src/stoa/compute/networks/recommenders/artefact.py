"""A trained model as a folder of plain files: no pickle, nothing that runs when it is read.

    model.json            format, kind, settings, sizes, free details, and the sha256 of the others
    weights.safetensors   the model's tensors, and `seen.starts`, `seen.items`: what it was trained on
    held_out.safetensors  `starts`, `items`: what users had besides, held out to judge it by; may lack
    ids.json              {"users": […], "items": […]}: outside names in the order of the indices

The folder appears in one stroke. What is read is checked: sums, sizes, and that every weight is a
finite number, so a spoilt file is refused before it answers anybody. Needs numpy and safetensors only.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save_file

from stoa.base.errors import InvalidInput
from stoa.compute.networks.recommenders.blend import PARTS, Blend
from stoa.compute.networks.recommenders.interactions import Ids, Interactions
from stoa.compute.networks.recommenders.recommender import Recommender, Tensors

FORMAT: Final = 1
MODEL: Final = "model.json"
WEIGHTS: Final = "weights.safetensors"
HELD_OUT: Final = "held_out.safetensors"
IDS: Final = "ids.json"
KINDS: Final[dict[str, type[Recommender]]] = {**PARTS, Blend.kind: Blend}


def save_model(
    model: Recommender,
    folder: Path,
    *,
    ids: Ids,
    held_out: Interactions | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Write the model as `folder`, replacing one that is there. Raises InvalidInput for NaN.

    Args:
        model: to be saved.
        folder: of the artefact.
        ids: outside names of its users and items.
        held_out: what its users had that it was not trained on.
        details: kept in model.json as they are.
    """
    tensors = {name: np.ascontiguousarray(each) for name, each in model.tensors().items()}
    _refuse_spoilt(tensors, model.kind)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        seen: Tensors = {"seen.starts": model.seen.starts, "seen.items": model.seen.items}
        save_file({**tensors, **seen}, partial / WEIGHTS)
        if held_out is not None:
            save_file({"starts": held_out.starts, "items": held_out.items}, partial / HELD_OUT)
        (partial / IDS).write_text(json.dumps({"users": ids.users, "items": ids.items}))
        description = {
            "format": FORMAT,
            "kind": model.kind,
            "settings": model.settings(),
            "users": model.seen.user_count,
            "items": model.seen.item_count,
            "sha256": {each.name: _sum_of(each) for each in sorted(partial.iterdir())},
            "details": details or {},
        }
        (partial / MODEL).write_text(json.dumps(description, indent=1))
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load_model(folder: Path) -> Recommender:
    """Read and check a model. Raises InvalidInput where it is missing, spoilt or of another time."""
    described = describe(folder)
    content = _checked(folder, WEIGHTS, described)
    try:
        tensors: Tensors = load(content)
        seen = Interactions(
            tensors.pop("seen.starts"), tensors.pop("seen.items"), int(described["items"])
        )
        _refuse_spoilt(tensors, described["kind"])
        if seen.user_count != described["users"]:
            raise ValueError("sizes differ")
        return KINDS[described["kind"]].from_tensors(tensors, described["settings"], seen)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _unreadable(folder, str(error)) from error


def load_held_out(folder: Path) -> Interactions | None:
    """What users had that the model was not trained on; None where nothing was kept of it.

    Raises InvalidInput like `load_model`.
    """
    described = describe(folder)
    if HELD_OUT not in described["sha256"]:
        return None
    found = load(_checked(folder, HELD_OUT, described))
    return Interactions(found["starts"], found["items"], int(described["items"]))


def load_ids(folder: Path) -> Ids:
    """The outside names. Raises InvalidInput like `load_model`."""
    found = json.loads(_checked(folder, IDS, describe(folder)))
    return Ids(tuple(found["users"]), tuple(found["items"]))


def describe(folder: Path) -> dict[str, Any]:
    """What model.json says. Raises InvalidInput where there is none that this version reads."""
    try:
        found: dict[str, Any] = json.loads((folder / MODEL).read_text())
    except (OSError, ValueError) as error:
        raise _unreadable(folder, str(error)) from error
    if found.get("format") != FORMAT or found.get("kind") not in KINDS:
        raise _unreadable(folder, f"format {found.get('format')}, kind {found.get('kind')}")
    return found


def _checked(folder: Path, name: str, described: dict[str, Any]) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise _unreadable(folder, str(error)) from error
    if hashlib.sha256(content).hexdigest() != described["sha256"].get(name):
        raise _unreadable(folder, f"{name} is not the file that was saved")
    return content


def _refuse_spoilt(tensors: Tensors, kind: str) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise InvalidInput(
                f"The weights {name} of this {kind} model are not all finite numbers.",
                hint="Training diverged or the file is spoilt: train again, with a lower rate.",
            )


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unreadable(folder: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"{folder.name} is no model that can be read: {why}.",
        hint="Train the model again, or take another version of it.",
    )
