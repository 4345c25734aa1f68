"""What torch.compile needs of a machine: said before a run starts, not by its first step."""

import os
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import torch

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.recipe import Recipe


def check_compiler(recipe: Recipe, device: torch.device) -> None:
    """Refuse `efficiency.compile` where the layers can't be compiled.

    Raises:
        InvalidInput: what is missing on this machine.
    """
    if not recipe.efficiency.compile:
        return
    if missing := _missing(device):
        raise InvalidInput(
            f"efficiency.compile needs {missing}, and this machine has none.",
            hint="Install it, or set efficiency.compile = false.",
        )


def _missing(device: torch.device) -> str:
    """The first thing that is not here; empty where all is."""
    if device.type == "cuda":  # Triton compiles kernels itself, and what starts them in C
        if find_spec("triton") is None:
            return "Triton"
        language, compilers = "C", [os.environ.get("CC", ""), "gcc", "clang"]
    else:
        usual = "clang++" if sys.platform == "darwin" else "g++"
        language, compilers = "C++", [os.environ.get("CXX") or usual]
    if not any(shutil.which(each) for each in compilers):
        return f"a {language} compiler ({' or '.join(filter(None, compilers))})"
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").is_file():
        return "Python's header files (Python.h)"
    return ""
