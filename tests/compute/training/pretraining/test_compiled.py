"""torch.compile changes how fast a model is, and nothing else: same losses, with whatever it is combined."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.compiling import check_compiler
from tests.compute.training.pretraining.test_parity import ALONE, SAME, SEQUENCE, plain, told_by
from tests.compute.training.pretraining.twenty_steps import recipe_with, run
from tests.conftest import lacking

COMPILED = recipe_with({"efficiency.compile": True})
CPU = torch.device("cpu")


@pytest.fixture
def _compiler() -> None:
    try:
        check_compiler(COMPILED, CPU)
    except InvalidInput as missing:
        lacking(missing.message)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_compiler")
@pytest.mark.parametrize("ranks", [1, 2])
def test_it_trains_as_it_does_uncompiled(tmp_path: Path, ranks: int) -> None:
    """Straight through; and stopped, with recomputation, going on behind its checkpoint, to the same bits.
    Two processes share matrices and the sequence first, then weights."""
    parallel = SEQUENCE if ranks > 1 else {}
    straight = plain(efficiency__compile=True, efficiency__recompute="selective", **parallel)
    kept = {**straight, "kept": str(tmp_path / "kept")}
    cases = {
        "straight": straight,
        "first": {**kept, "last": 8},
        "then": {**kept, "last": 20},
    }
    if ranks > 1:
        cases["fsdp"] = plain(efficiency__compile=True)
    told = told_by(tmp_path, ranks, cases)
    assert [*told["first"], *told["then"]] == told["straight"]
    undivided = run(recipe_with({}), ALONE)[1]
    for name in {"straight", "fsdp"} & told.keys():
        np.testing.assert_allclose(told[name], undivided, atol=SAME, rtol=0, err_msg=name)


def test_without_a_compiler_it_is_refused_with_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        InvalidInput, match=r"needs a C\+\+ compiler \(no-such-compiler\)"
    ) as refused:
        check_compiler(COMPILED, CPU)
    assert "efficiency.compile = false" in refused.value.hint
    check_compiler(recipe_with({}), CPU)
