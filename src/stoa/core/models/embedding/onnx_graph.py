"""Opens an ONNX graph and its tokenizer, and groups texts into batches for it. Knows no model by name."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import onnxruntime as ort
import onnxruntime.capi.onnxruntime_pybind11_state as refusals
from tokenizers import Tokenizer

from stoa.base.errors import SetupError

_BATCH_TOKENS = 512
"""Measured: 14,500 tokens a CPU second at 512, 11,200 at 2,048."""
_SLOW_FUSIONS = ["SkipLayerNormFusion"]
"""Fused, the norms are run by a kernel that takes eight times as long as the plain one."""

_UNLOADABLE = (  # the library's errors have no common base
    refusals.Fail,
    refusals.InvalidArgument,
    refusals.InvalidGraph,
    refusals.InvalidProtobuf,
    refusals.NoSuchFile,
    refusals.NotImplemented,
    refusals.RuntimeException,
)


def open_session(graph: Path) -> ort.InferenceSession:
    """A session of one thread: its callers bring their own. Raises SetupError for no graph."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(
            graph,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=_SLOW_FUSIONS,
        )
    except _UNLOADABLE as error:
        raise SetupError(
            f"{graph} can't be loaded as an ONNX graph: {error}.", hint="Fetch the file again."
        ) from error


def open_tokenizer(path: Path) -> Tokenizer:
    """Raises SetupError where it can't be read."""
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no narrower one
        raise SetupError(f"{path} can't be read: {error}.", hint="Fetch the file again.") from error


def batches(tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Places of texts of like length, at most `_BATCH_TOKENS` with the padding."""
    places: list[int] = []
    for place in sorted(range(len(tokens)), key=lambda each: len(tokens[each])):
        if places and len(tokens[place]) * (len(places) + 1) > _BATCH_TOKENS:
            yield places
            places = []
        places.append(place)
    if places:
        yield places
