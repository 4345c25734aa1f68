"""Training as processes: figures told, judged on the test split, killed and gone on with the same end."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stoa.base.errors import InvalidInput
from stoa.compute.networks.recommenders.artefact import WEIGHTS, load_ids, load_model
from stoa.compute.serving import top_n
from stoa.compute.serving.inverted_lists import FILE, read_lists
from stoa.compute.training.recommenders.adam import TableAdam
from stoa.compute.training.recommenders.evaluate import EvaluateRecipe, evaluate
from stoa.compute.training.recommenders.neural_network import Gradients, Network, first_tensors
from stoa.compute.training.recommenders.neural_training import NeuralTraining, _State
from stoa.compute.training.recommenders.prepare import prepare
from stoa.compute.training.recommenders.preparing.recipe import PrepareRecipe
from stoa.compute.training.recommenders.recipes import NeuralRecipe
from stoa.compute.training.recommenders.sampling import NegativeSampler
from stoa.compute.training.recommenders.train import TrainRecipe, train
from stoa.core.jobs.folder import FAILURE, RunFolder
from stoa.core.jobs.recipe import make_recipe
from tests.compute.recommenders.shop import ITEMS, TASTES, events, split

_ROOM = "stoa.compute.training.recommenders"
_NEUMF = {
    "kind": "neumf", "epochs": 3, "pretrain": 2, "factor_num": 8, "batch_size": 64,
    "batches_per_step": 1, "learning_rate": 0.01,
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    source = folder / "events.csv"
    rows = [f"{user},{item},{time}" for user, item, time in events()]
    source.write_text("\n".join(["user,item,time", *rows]))
    run = RunFolder(folder / "run")
    prepare(run, PrepareRecipe(sources=(str(source),), negatives=20))
    return run.artefacts


def started(folder: Path, module: str, recipe: dict[str, Any]) -> "subprocess.Popen[bytes]":
    folder.mkdir(exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(recipe))
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", f"{_ROOM}.{module}", "--folder", str(folder)],
            stdout=log,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def trained(folder: Path, **recipe: Any) -> RunFolder:
    folder.mkdir()
    run = RunFolder(folder)
    train(run, make_recipe(TrainRecipe, recipe))
    return run


def test_what_training_tells(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(tmp_path / "run", data=str(data), model=_NEUMF)
    result = run.result()
    assert result is not None
    metrics = result["metrics"]
    assert metrics["judged"] == 120
    assert 0 < metrics["ndcg"] < metrics["hr"] <= 1
    assert 0 < metrics["coverage"] <= 1
    assert metrics["megabytes"] > 0
    assert {"validation_hr", "validation_ndcg", "loss"} <= metrics.keys()
    lines = list(run.metrics())
    assert [line["step"] for line in lines] == list(range(1, 8))  # 2 GMF, 2 MLP, 3 NeuMF
    told = capsys.readouterr().out
    assert len(re.findall(r"HR=(.*?);", told)) == 8
    best = max(line["values"]["ndcg"] for line in lines[4:])
    assert metrics["validation_ndcg"] == pytest.approx(best)
    assert load_ids(run.artefacts / "model").items[0] == "i0"


def test_evaluating_the_same_model_and_data_gives_the_same_figures(
    data: Path, tmp_path: Path
) -> None:
    run = trained(tmp_path / "run", data=str(data), model={"kind": "ease", "regularisation": 10})
    judged = RunFolder(tmp_path / "judged")
    judged.path.mkdir()
    evaluate(judged, EvaluateRecipe(data=str(data), model=str(run.artefacts)))
    first, second = run.result(), judged.result()
    assert first is not None
    assert second is not None
    for name in ("hr", "ndcg", "validation_hr", "validation_ndcg", "judged"):
        assert second["metrics"][name] == pytest.approx(first["metrics"][name])


def test_an_old_model_is_judged_on_new_people_and_things(data: Path, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", data=str(data), model={"kind": "ease", "regularisation": 10})
    rows = [("new", f"i{item}", time) for time, item in enumerate(range(1, ITEMS, TASTES))]
    rows += [("other", f"i{item}", time) for time, item in enumerate(range(2, ITEMS, TASTES))]
    rows += [("other", "unheard", 1000)]
    source = tmp_path / "new.csv"
    source.write_text("\n".join(["user,item,time", *(f"{u},{i},{t}" for u, i, t in rows)]))
    later = RunFolder(tmp_path / "later")
    later.path.mkdir()
    prepare(later, PrepareRecipe(sources=(str(source),)))
    judged = RunFolder(tmp_path / "judged")
    judged.path.mkdir()
    evaluate(judged, EvaluateRecipe(data=str(later.artefacts), model=str(run.artefacts / "model")))
    result = judged.result()
    assert result is not None
    assert result["metrics"]["hr"] == 0.5  # the new user's taste is found, the unheard item is not
    assert result["metrics"]["ties"] == 0


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_model_without_an_order_is_told_by_its_ties_and_is_no_bar(
    data: Path, tmp_path: Path
) -> None:
    flat = {"kind": "item_knn", "shrink": 1e300}
    run = trained(tmp_path / "run", data=str(data), model=flat)
    judged = RunFolder(tmp_path / "judged")
    judged.path.mkdir()
    evaluate(judged, EvaluateRecipe(data=str(data), model=str(run.artefacts)))
    for result, hits in ((run.result(), 1), (judged.result(), 0)):
        assert result is not None
        assert result["metrics"]["ties"] == 1
        assert result["metrics"]["hr"] == result["metrics"]["ndcg"] == hits


def test_the_lists_of_a_large_model_of_factors_are_kept_with_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ials = {"kind": "ials", "epochs": 1}
    small = trained(tmp_path / "small", data=str(data), model=ials)
    assert not (small.artefacts / "model" / FILE).exists()
    monkeypatch.setattr(top_n, "INDEXED", ITEMS)
    large = trained(tmp_path / "large", data=str(data), model=ials).artefacts / "model"
    factors = load_model(large).factors()
    assert factors is not None
    assert read_lists(large, factors.items) is not None
    ease = trained(tmp_path / "ease", data=str(data), model={"kind": "ease"})
    assert not (ease.artefacts / "model" / FILE).exists()


def test_refitting_learns_from_what_was_held_out_for_choosing(data: Path, tmp_path: Path) -> None:
    blend = {"kind": "blend", "parts": [{"kind": "ease"}, {"kind": "ials", "epochs": 3}]}
    run = trained(tmp_path / "run", data=str(data), model=blend, refit=True)
    result = run.result()
    assert result is not None
    assert sum(result["details"]["chosen"]["weights"]) == pytest.approx(1)
    model = load_model(run.artefacts / "model")
    assert len(model.seen) == 120 * 7  # all but the test items


@pytest.mark.slow
def test_killed_at_any_time_it_ends_with_the_same_model(data: Path, tmp_path: Path) -> None:
    recipe = {"data": str(data), "model": _NEUMF, "refit": True}
    whole = started(tmp_path / "whole", "train", recipe)
    assert whole.wait(100) == 0, (tmp_path / "whole" / "log.txt").read_text()
    folder, kills = tmp_path / "killed", 0
    for steps in (1, 4, 9):  # in GMF, in MLP, in the second fit
        process = started(folder, "train", recipe)
        while process.poll() is None and _steps(folder) < steps:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += not (folder / "result.json").exists()
        assert not list(folder.glob("artefacts/*/model.json")) or kills == 0
    assert kills, "every kill came too late to tell anything"
    process = started(folder, "train", recipe)
    assert process.wait(100) == 0, (folder / "log.txt").read_text()
    ends = [tmp_path / name / "artefacts" / "model" / WEIGHTS for name in ("whole", "killed")]
    assert ends[0].read_bytes() == ends[1].read_bytes()
    results = [RunFolder(tmp_path / name).result() for name in ("whole", "killed")]
    assert results[0] == results[1]


def _steps(folder: Path) -> int:
    return sum(1 for _ in RunFolder(folder).metrics())


@pytest.mark.parametrize("module", ["prepare", "train", "evaluate"])
def test_a_process_that_has_no_data_says_so_in_a_sentence(module: str, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    recipes: dict[str, dict[str, Any]] = {
        "prepare": {"sources": [gone]},
        "train": {"data": gone},
        "evaluate": {"data": gone, "model": gone},
    }
    assert started(tmp_path, module, recipes[module]).wait() == InvalidInput.exit_code
    said = json.loads((tmp_path / FAILURE).read_text())
    assert "gone" in said["message"], said
    assert said["hint"]
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_a_rate_that_is_too_high_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="diverged"):
        trained(
            tmp_path / "run", data=str(data), model={**_NEUMF, "learning_rate": 1e30, "dropout": 0}
        )
    assert not (tmp_path / "run" / "artefacts").exists()
    with pytest.raises(InvalidInput, match=r"model\.neumf\.epochs"):
        trained(tmp_path / "bad", data=str(data), model={"kind": "neumf", "epochs": 0})


def test_training_stops_when_nothing_gets_better(data: Path, tmp_path: Path) -> None:
    model = {**_NEUMF, "pretrain": 0, "epochs": 60, "patience": 2, "learning_rate": 0.1}
    run = trained(tmp_path / "run", data=str(data), model=model)
    assert len(list(run.metrics())) < 60


def test_pretraining_ends_in_a_network_that_moves_less_than_one_from_scratch(
    tmp_path: Path,
) -> None:
    """Each weight moves by at most the rate in Adam's first step, and the joined one's is lower."""
    settings = {**_NEUMF, "epochs": 1, "pretrain": 1, "pretrain_gmf": 3, "averaging": 0}
    settings |= {"least_steps": 1, "batch_size": 100_000, "joined_rate": 0.1, "dropout": 0}
    recipe = make_recipe(NeuralRecipe, settings)
    told: list[tuple[str, int]] = []
    kept = tmp_path / "kept"
    training = NeuralTraining(
        recipe,
        *split(),
        seed=1,
        checkpoint=kept,
        told=lambda kind, epoch, _: told.append((kind, epoch)),
    )
    training.run()
    assert [training.epochs(kind) for kind in ("gmf", "mlp", "neumf")] == [3, 1, 1]
    assert told == [("gmf", 1), ("gmf", 2), ("gmf", 3), ("mlp", 1), ("neumf", 1)]
    end = _State.load(kept).tensors
    moved = (end["now"]["mf.items"] - end["gmf"]["mf.items"]).abs().max()
    assert float(moved) == pytest.approx(0.1 * recipe.learning_rate, rel=1e-3)


def test_negatives_are_never_positives_and_every_positive_comes_once() -> None:
    train, _ = split()
    sampler = NegativeSampler(train, 4)
    users, items = sampler.epoch(np.random.default_rng(1))
    assert not sampler.had(users[:, None], items[:, 1:]).any()
    assert sampler.had(users, items[:, 0]).all()
    keys = users.astype(np.int64) * ITEMS + items[:, 0]
    assert sorted(keys) == train.keys().tolist()
    sampler._bits = None  # as for a catalogue too large for a bitmap
    again, drawn = sampler.epoch(np.random.default_rng(1))
    np.testing.assert_array_equal(again, users)
    np.testing.assert_array_equal(drawn, items)
    assert len(np.unique(items[:, 1:])) == ITEMS  # all can be drawn


@pytest.mark.parametrize("kind", ["neumf", "gmf", "mlp"])
def test_the_written_out_gradients_are_those_of_autograd(kind: str) -> None:
    recipe = make_recipe(NeuralRecipe, {"kind": kind, "factor_num": 4, "dropout": 0})
    random = torch.Generator().manual_seed(3)
    tensors = {
        name: each.double() + 0.3 * torch.randn(each.shape, generator=random).double()
        for name, each in first_tensors(recipe, 30, 40, seed=1).items()
    }
    users = torch.randint(0, 30, (600,), generator=random)
    items = torch.randint(0, 40, (600, 5), generator=random)
    found = Network(tensors, dropout=0).gradients(users, items, np.random.default_rng(1))
    leaves = {name: each.clone().requires_grad_() for name, each in tensors.items()}
    loss = _plain_loss(leaves, users, items)
    loss.backward()  # type: ignore[no-untyped-call]
    assert found.loss == pytest.approx(loss.item())
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        if name in found.dense:
            torch.testing.assert_close(found.dense[name], leaf.grad)
        else:
            rows = found.users if name.endswith("users") else found.items
            torch.testing.assert_close(found.rows[name], leaf.grad[rows])


def _plain_loss(
    tensors: dict[str, torch.Tensor], users: torch.Tensor, items: torch.Tensor
) -> torch.Tensor:
    """As the paper writes it."""
    who = users[:, None].expand_as(items)
    parts = []
    if "mf.users" in tensors:
        parts.append(tensors["mf.users"][who] * tensors["mf.items"][items])
    if "mlp.users" in tensors:
        hidden = torch.cat([tensors["mlp.users"][who], tensors["mlp.items"][items]], -1)
        for number in range(3):
            weight, bias = tensors[f"layers.{number}.weight"], tensors[f"layers.{number}.bias"]
            hidden = torch.relu(hidden @ weight.T + bias)
        parts.append(hidden)
    logits = torch.cat(parts, -1) @ tensors["output.weight"] + tensors["output.bias"]
    labels = torch.zeros_like(logits)
    labels[:, 0] = 1
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)


def test_dropout_keeps_the_mean_and_the_backward_pass_uses_the_same_masks() -> None:
    """Along the gradient the loss falls as fast as its norm says, masks and all."""
    recipe = make_recipe(NeuralRecipe, {"factor_num": 4, "dropout": 0.3})
    random = torch.Generator().manual_seed(3)
    tensors = {
        name: each.double() + 0.3 * torch.randn(each.shape, generator=random).double()
        for name, each in first_tensors(recipe, 30, 40, seed=1).items()
    }
    users = torch.randint(0, 30, (50,), generator=random)
    items = torch.randint(0, 40, (50, 5), generator=random)
    network = Network(tensors, recipe.dropout)
    found = network.gradients(users, items, np.random.default_rng(5))
    whole = {name: each.clone() for name, each in found.dense.items()}
    for name, rows in found.rows.items():
        whole[name] = torch.zeros_like(tensors[name])
        whole[name][found.users if name.endswith("users") else found.items] = rows
    norm = sum(float((each**2).sum()) for each in whole.values())
    losses = []
    for sign in (1, -1):
        for name, gradient in whole.items():
            tensors[name] += sign * 1e-5 * gradient
        losses.append(network.gradients(users, items, np.random.default_rng(5)).loss)
        for name, gradient in whole.items():
            tensors[name] -= sign * 1e-5 * gradient
    assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(norm, rel=1e-4)


def test_the_mean_of_weights_follows_quickly_at_first_and_slowly_later() -> None:
    now = {"w": torch.zeros(1)}
    state = _State(tensors={"now": now, "mean": {"w": torch.zeros(1)}})
    told = []
    for step in range(1, 8 * 2001):
        state.steps = step
        now["w"].fill_(step)
        state.average(0.999)
        told.append(float(state.model()["w"]))
    assert told[6] == 0  # only every eighth step counts
    assert told[7] == pytest.approx(8 * 2 / 3)  # the start is soon forgotten
    behind = 1000  # 1 / (1 - 0.999) steps, later
    assert told[-1] == pytest.approx(16000 - behind, abs=10)


def test_a_table_learns_as_under_adam_also_where_a_row_was_not_used() -> None:
    random = torch.Generator().manual_seed(2)
    table, layer = (torch.randn(20, 3, generator=random) for _ in range(2))
    plain = [each.clone().requires_grad_() for each in (table, layer)]
    theirs = torch.optim.Adam(plain, lr=0.01)
    ours = TableAdam({"mf.users": table, "layers.0.weight": layer}, 0.01)
    for step in range(30):
        used = torch.arange(20) if step % 7 == 6 else torch.arange(step % 3, 20, 3)
        rows = torch.randn(len(used), 3, generator=random)
        whole = torch.zeros(20, 3).index_copy(0, used, rows)
        dense = torch.randn(20, 3, generator=random)
        plain[0].grad, plain[1].grad = whole, dense
        theirs.step()
        found = Gradients(0.0, used, used, {"mf.users": rows}, {"layers.0.weight": dense})
        ours.step(found)
    torch.testing.assert_close(table, plain[0].detach())
    torch.testing.assert_close(layer, plain[1].detach())


def test_of_a_table_of_which_a_step_uses_next_to_nothing_only_these_rows_move() -> None:
    table = torch.zeros(1000, 3)
    adam = TableAdam({"mlp.items": table}, 0.01)
    used = torch.tensor([3, 700])
    rows = torch.tensor([[1.0, -2.0, 3.0], [1.0, 1.0, 1.0]])
    alone = rows.clone().mul_(0).requires_grad_()
    theirs = torch.optim.Adam([alone], lr=0.01)
    for _ in range(5):
        adam.step(Gradients(0.0, torch.tensor([]), used, {"mlp.items": rows}))
        alone.grad = rows.clone()
        theirs.step()
    torch.testing.assert_close(table[used], alone.detach())
    assert int((table != 0).any(1).sum()) == 2
