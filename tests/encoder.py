"""The local encoder, built once for all tests of a process and the processes that it starts.

Stoa builds it once for each data folder, which takes seconds of processor time; tests/core/models shows that
it does. Tests that need a data folder for something else are lent what is built already.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from stoa.base.secrets import private_folder
from stoa.core.models.embedding import minilm

_PLACE: Final = "ENCODER_OF_THE_TESTS"


def encoder_home() -> Path:
    """A data folder with the encoder in it, where its weights are installed."""
    if _PLACE not in os.environ:
        home = tempfile.mkdtemp(prefix="stoa-encoder-")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        if (source := minilm.find_weights()) is not None:
            minilm.prepare_files(source, Path(home))
        os.environ[_PLACE] = home
    return Path(os.environ[_PLACE])


def lend_encoder(home: Path) -> Path:
    """Put the encoder into a fresh data folder; return the folder."""
    private_folder(home)
    for built in (encoder_home() / "models").glob("*/"):
        shutil.copytree(built, home / "models" / built.name, copy_function=_same_file)
    return home


def _same_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # it lies on another disk
        shutil.copy(source, target)
