"""A batch of calls as a model answers it: one result per payload, refusals and failures among them."""

import sys
from typing import Any

from stoa.base.errors import StoaError
from stoa.compute.serving.servable import Servable


def results_of(model: Servable, name: str, payloads: list[Any]) -> list[tuple[str, Any]]:
    """The results in the form of `core/inference/wire.py`. Raises nothing: the process lives on."""
    method = model.methods.get(name)
    if method is None:
        told = [f"This model has no method '{name}'.", f"It has: {', '.join(model.methods)}."]
        return [("invalid_input", told)] * len(payloads)
    try:
        results = method(payloads)
    except StoaError as error:
        results = [error] * len(payloads)
    except Exception as error:  # noqa: BLE001 - the edge: told as a bug
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        told = ["The model failed.", "Report it; the log of the server has the reason."]
        return [("bug", told)] * len(payloads)
    return [
        (each.code, [each.message, each.hint]) if isinstance(each, StoaError) else ("", each)
        for each in results
    ]
