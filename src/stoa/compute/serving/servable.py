"""What a model must be to be served: methods over batches of plain values. Which kinds there are.

A kind is a name in an artefact's `model.json`; its module is imported only when an artefact of that
kind is loaded, so that a replica of a small model never imports what a large one needs.
"""

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from stoa.base.errors import InvalidInput, StoaError

Method = Callable[[list[Any]], list[Any]]
"""Takes the payloads of a batch; gives one result each. A `StoaError` in the place of a result is told
to the one who asked it."""

_RECOMMENDERS = "stoa.compute.serving.recommenders"
KINDS: Final[Mapping[str, str]] = dict.fromkeys(
    ("neural", "ials", "ease", "item_knn", "popularity", "blend"), _RECOMMENDERS
)
"""Kind, as in an artefact's `model.json` → module with a function `load(folder) -> Servable`."""


class Servable(Protocol):
    """A loaded model."""

    @property
    def methods(self) -> Mapping[str, Method]:
        """What it can be asked."""
        ...

    @property
    def is_quick(self) -> bool:
        """Whether a batch takes milliseconds: it then runs where it arrives, without a thread."""
        ...


def kind_of(folder: Path) -> str:
    """The kind of the artefact in `folder`. Raises InvalidInput where there is none."""
    try:
        return str(json.loads((folder / "model.json").read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"There is no model in {folder.name}.", hint="Train it again, or take another version."
        ) from error


def load(kind: str, folder: Path) -> Servable:
    """Load an artefact's model.

    Raises:
        InvalidInput: no such kind, or the artefact is not whole or not sound.
    """
    module = KINDS.get(kind)
    if module is None:
        raise InvalidInput(
            f"There is no kind of model '{kind}'.", hint=f"There are: {', '.join(KINDS)}."
        )
    loaded: Servable = importlib.import_module(module).load(folder)
    return loaded


def one_by_one(method: Callable[[Any], Any]) -> Method:
    """A batch method from one over single payloads; a refusal concerns only its own payload."""

    def batched(payloads: list[Any]) -> list[Any]:
        results: list[Any] = []
        for payload in payloads:
            try:
                results.append(method(payload))
            except StoaError as error:
                results.append(error)
        return results

    return batched
