"""Whole runs in a run folder: they learn, end as told, meet bad input, and hand a model out."""

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModelForCausalLM, AutoTokenizer

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining import engine, loop, stability, train
from stoa.compute.training.pretraining.recipe import from_dict, load
from stoa.core.jobs.folder import RunFolder

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")

WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "and",
    "runs",
    "away",
    "from",
    "one",
    "cat",
)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Sentences that can be learnt a little."""
    path = tmp_path / "text.txt"
    lines = (" ".join(WORDS[(n * step) % 15] for n in range(12)) for step in range(1, 400))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def small(text: Path, **changes: Any) -> dict[str, Any]:
    recipe = load("tinyshakespeare").with_changes(
        {
            "data.sources": [{"path": str(text)}],
            "data.sequence": 32,
            "data.workers": 0,
            "model.layers": 2,
            "model.hidden": 32,
            "model.intermediate": 48,
            "model.heads": 4,
            "schedule.steps": 30,
            "schedule.warmup": 5,
            "evaluation.every": 10,
            "evaluation.batches": 2,
            "evaluation.final_batches": 4,
            "checkpoints.every": 10,
            "efficiency.threads": 1,
            "efficiency.peak_tflops": 0.1,
            **{name.replace("__", "."): value for name, value in changes.items()},
        }
    )
    return recipe.model_dump(mode="json")


def trained(folder: Path, recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the process's main here. Returns its exit code."""
    folder.mkdir(exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(recipe))
    monkeypatch.setattr("sys.argv", ["train", "--folder", str(folder)])
    return train.main()


@pytest.mark.slow
def test_a_run_leaves_curves_a_model_and_its_whole_recipe(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "run"
    recipe = small(text)
    assert trained(place, recipe, monkeypatch) == 0
    folder = RunFolder(place)
    result = folder.result()
    assert result is not None
    assert result["metrics"]["steps"] == 30
    assert result["metrics"]["tokens"] == 30 * 12 * 32
    losses = [line["values"]["loss"] for line in folder.metrics() if "loss" in line["values"]]
    assert losses[-1] < losses[0]
    validation = [line["step"] for line in folder.metrics() if "validation_loss" in line["values"]]
    assert validation == [10, 20, 30]
    printed = capsys.readouterr().out
    assert "beta1 = 0.9" in printed
    assert "(6N)" in printed
    assert "with attention" in printed
    board = EventAccumulator(str(place / "tensorboard"))
    board.Reload()
    assert {"loss", "gradient_norm", "parameter_norm", "validation_loss"} <= set(
        board.Tags()["scalars"]
    )
    model = AutoModelForCausalLM.from_pretrained(place / "artefacts/model")
    tokenizer = AutoTokenizer.from_pretrained(place / "artefacts/model")
    tokens = tokenizer("the quick", return_tensors="pt", add_special_tokens=False).input_ids
    assert tokenizer.decode(tokens[0]) == "the quick"
    assert model(tokens).logits.shape == (1, 9, result_vocabulary(place))


def result_vocabulary(place: Path) -> int:
    size: int = json.loads((place / "artefacts/model/config.json").read_text())["vocab_size"]
    return size


@pytest.mark.slow
def test_stopped_and_started_again_it_is_the_run_that_was_never_stopped(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small(text, log__every=1)
    assert trained(tmp_path / "whole", recipe, monkeypatch) == 0
    cut_at(17, tmp_path / "cut", recipe, monkeypatch)
    assert trained(tmp_path / "cut", recipe, monkeypatch) == 0
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")
    assert len(curve(tmp_path / "cut")) == 30


def cut_at(
    step: int, folder: Path, recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run up to a step that never comes."""
    kept = engine.Engine.step

    def dies(self: engine.Engine, *args: Any, **kwargs: Any) -> engine.Step:
        if self.steps == step:
            raise KeyboardInterrupt
        return kept(self, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(engine.Engine, "step", dies)
        with pytest.raises(KeyboardInterrupt):
            trained(folder, recipe, monkeypatch)


def curve(folder: Path) -> list[tuple[int, float | str, float | str]]:
    """Step, loss and norm of the gradient."""
    return [
        (line["step"], line["values"]["loss"], line["values"]["gradient_norm"])
        for line in RunFolder(folder).metrics()
        if "loss" in line["values"]
    ]


def poisoned(monkeypatch: pytest.MonkeyPatch, *, first: int, last: int) -> list[int]:
    """Make the losses of some batches NaN, whichever step they come in. Returns batches counted."""
    seen: list[int] = []
    kept = engine.Engine._gradients

    def gradients(self: engine.Engine, batch: Any, stop: bool) -> torch.Tensor:
        told = kept(self, batch, stop)
        seen.append(len(seen))
        if first <= seen[-1] < last:
            told[0] = math.nan
        return told

    monkeypatch.setattr(engine.Engine, "_gradients", gradients)
    return seen


def test_work_on_data_and_on_the_finished_model_is_told_as_such(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy() -> bool:
        sign = json.loads((tmp_path / "run" / "presence" / "rank-0.json").read_text())
        return bool(sign["busy"])

    seen: dict[str, bool] = {}
    prepare, export = vars(loop)["prepare"], loop.Run.export

    def preparing(*given: Any) -> Any:
        seen["prepare"] = busy()
        return prepare(*given)

    def exporting(self: loop.Run, folder: Path) -> None:
        seen["export"] = busy()
        export(self, folder)

    monkeypatch.setattr(loop, "prepare", preparing)
    monkeypatch.setattr(loop.Run, "export", exporting)
    recipe = small(text, schedule__steps=3, evaluation__every=0)
    assert trained(tmp_path / "run", recipe, monkeypatch) == 0
    assert seen == {"prepare": True, "export": True}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["float32", "bf16_stochastic"])
def test_a_step_that_was_left_out_is_left_out_of_what_goes_on_too(
    kind: str, tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The optimiser counts its updates, not the steps: corrections of bias and rounding hang on them."""
    kept = engine.Engine._gradients

    def gradients(self: engine.Engine, batch: Any, stop: bool) -> torch.Tensor:
        told = kept(self, batch, stop)
        if self.steps in (3, 5):
            told[0] = math.nan
        return told

    monkeypatch.setattr(engine.Engine, "_gradients", gradients)
    recipe = small(text, log__every=1, schedule__steps=20, precision__kind=kind)
    assert trained(tmp_path / "whole", recipe, monkeypatch) == 0
    cut_at(17, tmp_path / "cut", recipe, monkeypatch)
    assert trained(tmp_path / "cut", recipe, monkeypatch) == 0
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["skip", "roll_back", "lower_rate"])
def test_a_run_survives_losses_that_are_no_numbers(
    policy: str, tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = poisoned(monkeypatch, first=14, last=16)
    recipe = small(text, stability__not_finite=policy, log__every=1)
    assert trained(tmp_path / "run", recipe, monkeypatch) == 0
    result = RunFolder(tmp_path / "run").result()
    assert result is not None
    metrics = result["metrics"]
    assert metrics["not_finite"] == 2
    assert math.isfinite(metrics["validation_loss"])
    assert metrics["rate_factor"] == (0.25 if policy == "lower_rate" else 1.0)
    # A roll-back makes steps 11 to 14 again and, after the second NaN, step 11 too, on text that follows.
    assert len(seen) == (30 + 5 + 1 if policy == "roll_back" else 30)
    board = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    board.Reload()
    told = [event.step for event in board.Scalars("loss")]
    assert told == sorted(set(told)), "steps that were made again replace those before"


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """Sentences; three steps of a small run, 22 to 24, meet characters that were not there before."""
    path = tmp_path / "strange.txt"
    common = [" ".join(WORDS)] * 120
    odd = ["".join(chr(0x3B1 + (n * n + m) % 24) for n in range(80)) for m in range(10)]
    path.write_text("\n".join([*common, *odd, *common, *common, *common]), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["warn", "skip", "roll_back", "lower_rate", "stop"])
def test_a_run_that_meets_strange_text_does_as_it_is_told(
    policy: str,
    tmp_path: Path,
    strange: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The loss leaps by the data alone; the log says what was done, and how often stands in the result."""
    folder = RunFolder(tmp_path / "run")
    recipe = small(
        strange,
        data__sources=[{"path": str(strange), "split": "line"}],
        data__sampling="packed",
        data__shuffle=False,
        stability__diverged=policy,
        stability__window=5,
        optimiser__rate=1e-2,
        log__every=1,
    )
    code = trained(folder.path, recipe, monkeypatch)
    told = capsys.readouterr()
    if policy == "stop":
        assert code == InvalidInput.exit_code
        assert "Training stopped at step 22: loss" in told.err
        assert folder.result() is None
        return
    assert code == 0
    result = folder.result()
    assert result is not None
    metrics = result["metrics"]
    assert metrics["steps"] == 30
    assert metrics["diverged"] == 3
    assert metrics["not_finite"] == 0
    assert metrics["rate_factor"] == (0.125 if policy == "lower_rate" else 1.0)
    action = "go_on" if policy == "warn" else policy
    assert told.out.count(f"by too much; {action}\n") == 3
    assert told.out.count("rolled back from step ") == (3 if policy == "roll_back" else 0)
    norms = {
        line["step"]: line["values"]["parameter_norm"]
        for line in folder.metrics()
        if "parameter_norm" in line["values"]
    }
    assert sorted(norms) == list(range(1, 31))
    kept = policy in {"skip", "lower_rate"}
    assert (len({norms[step] for step in (21, 22, 23, 24)}) == 1) is kept, (
        "weights stay as they were, or not"
    )
    assert norms[25] != norms[24]


def test_an_alarm_is_told_when_it_begins(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = stability.Watch.see

    def rising(self: stability.Watch, loss: float, norm: float) -> stability.Verdict:
        rising.steps += 1  # type: ignore[attr-defined]
        return kept(self, loss, 1.0 if rising.steps < 3 else 50.0)  # type: ignore[attr-defined]

    rising.steps = 0  # type: ignore[attr-defined]
    monkeypatch.setattr(stability.Watch, "see", rising)
    recipe = small(text, schedule__steps=8, evaluation__every=0, stability__window=2)
    assert trained(tmp_path / "run", recipe, monkeypatch) == 0
    assert capsys.readouterr().out.count("alarm: the mean norm is 3 times its lowest") == 1


def test_a_run_that_may_not_go_on_says_why(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    poisoned(monkeypatch, first=2, last=3)
    recipe = small(text, stability__not_finite="stop")
    assert trained(tmp_path / "run", recipe, monkeypatch) == InvalidInput.exit_code
    assert "stopped at step 3: loss nan" in capsys.readouterr().err
    assert RunFolder(tmp_path / "run").result() is None


def test_a_roll_back_without_a_checkpoint_says_so(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    poisoned(monkeypatch, first=2, last=3)
    recipe = small(text, stability__not_finite="roll_back")
    assert trained(tmp_path / "run", recipe, monkeypatch) == InvalidInput.exit_code
    assert "there is no checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model__vocabulary": 5}, "and model.vocabulary only 5 rows"),
        ({"layout__tensor": 2}, "2 processes"),
        ({"batch__accumulation": 5}, "do not divide"),
        ({"data__sources": [{"path": "nowhere.txt"}]}, "No text is at"),
    ],
)
def test_refused_before_the_start(
    changes: dict[str, Any],
    words: str,
    tmp_path: Path,
    text: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = small(text, **changes)
    assert trained(tmp_path / "run", recipe, monkeypatch) == InvalidInput.exit_code
    assert words in capsys.readouterr().err
    assert not list((tmp_path / "run").glob("checkpoints/step-*"))


def test_a_model_to_start_from_wants_its_own_tokenizer(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(tmp_path / "run", small(text, schedule__steps=1), monkeypatch) == 0
    model = str(tmp_path / "run/artefacts/model")
    assert (
        trained(
            tmp_path / "same", small(text, schedule__steps=1, model__start_from=model), monkeypatch
        )
        == 0
    )
    other = tmp_path / "other.txt"
    other.write_text(text.read_text().replace("fox", "FOX"))
    recipe = small(other, schedule__steps=1, model__start_from=model)
    assert trained(tmp_path / "third", recipe, monkeypatch) == InvalidInput.exit_code
    assert "another tokenizer" in capsys.readouterr().err


def test_the_recipe_of_a_folder_is_the_whole_run(text: Path) -> None:
    recipe = small(text)
    assert from_dict(json.loads(json.dumps(recipe))).model_dump(mode="json") == recipe
    assert os.path.isabs(recipe["data"]["sources"][0]["path"])
