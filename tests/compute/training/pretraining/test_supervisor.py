"""When the supervisor gives up, what it blames, and what it hears: no model is trained here."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stoa.base.errors import Conflict
from stoa.compute.training.pretraining import supervisor
from stoa.compute.training.pretraining.agent import interface_of
from stoa.compute.training.pretraining.health import Report, cut_off, faults
from stoa.compute.training.pretraining.hearing import Ear, Voice
from stoa.compute.training.pretraining.ledger import goodput, marks
from stoa.compute.training.pretraining.nodes import free_port
from stoa.compute.training.pretraining.presence import Presence, failures, signs
from stoa.compute.training.pretraining.recipe import (
    HealthRecipe,
    NodeRecipe,
    RecoveryRecipe,
    from_dict,
)
from stoa.compute.training.pretraining.shelf import FolderShelf
from stoa.compute.training.pretraining.supervise import alone, processes_on_each
from stoa.compute.training.pretraining.supervisor import Watch
from stoa.core.jobs.folder import RunFolder
from tests.compute.training.pretraining.supervised import recipe, supervised

CRASHING = "tests.compute.training.pretraining.crashing"


def crash(folder: Path, **recovery: Any) -> int:
    wanted = recipe(Path("x"), 10, recovery={"processes": 1, "backoff": 0.5, **recovery})
    with supervised(folder, wanted, module=CRASHING) as running:
        return running.wait()


@pytest.mark.slow
def test_it_gives_up_where_nothing_gets_further(tmp_path: Path) -> None:
    """Three failures without a new checkpoint; it waits in between, and says why."""
    assert crash(tmp_path / "run", fruitless=3) == 1
    told = [mark for mark in marks(tmp_path / "run") if mark.name == "end"]
    assert "3 failures in a row without a new checkpoint" in told[0].facts["reason"]
    assert "the network card is gone" in told[0].facts["reason"]
    booked = goodput(tmp_path / "run")
    assert (booked.failures, booked.attempts) == (3, 3)
    assert booked.seconds["idle"] == pytest.approx(0.5 + 1.0, abs=0.6)


@pytest.mark.slow
def test_what_no_retry_helps_is_not_retried(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "wrong.txt").touch()
    assert crash(tmp_path / "run") == 2
    booked = goodput(tmp_path / "run")
    assert (booked.failures, booked.attempts) == (1, 1)
    end = next(mark for mark in marks(tmp_path / "run") if mark.name == "end")
    assert end.facts["reason"] == "Shard 'a.jsonl' can't be read at line 7. Fetch it again."


@pytest.mark.slow
def test_a_node_that_is_too_slow_is_not_used(tmp_path: Path) -> None:
    health = {"matrix_tflops": 1e6, "timeout": 100}
    assert crash(tmp_path / "run", health_check=True, health=health) == 4
    end = next(mark for mark in marks(tmp_path / "run") if mark.name == "end")
    assert end.facts["reason"] == "0 of 1 nodes are fit for use"
    assert goodput(tmp_path / "run").attempts == 0


def test_one_supervisor_for_one_folder(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(Conflict, match="Another supervisor"), alone(tmp_path):
        pass


def sign(
    rank: int, beats: int, step: int = 0, *, leaving: bool = False, busy: bool = False
) -> dict[str, Any]:
    return {"rank": rank, "beats": beats, "step": step, "leaving": leaving, "busy": busy}


def test_silence_is_found_by_file_and_by_network(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watch = Watch(RecoveryRecipe(hang=5, stall=50), world=2)
    both = {0: sign(0, 1), 1: sign(1, 1)}
    assert watch.see(both, {0: 1, 1: 1}) is None
    now = 104.0
    assert watch.see({0: sign(0, 2), 1: sign(1, 2)}, {0: 2, 1: 1}) is None
    now = 106.0  # rank 1 writes files, and is not heard any more
    found = watch.see({0: sign(0, 3), 1: sign(1, 3)}, {0: 3, 1: 1})
    assert found == ("no sign of life for 5 s", [1])
    now = 112.0  # who said that it leaves may be silent
    left = {0: sign(0, 4), 1: sign(1, 3, leaving=True)}
    assert watch.see(left, {0: 4, 1: 1}) is None


def test_a_standstill_is_found_though_all_live(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watch = Watch(RecoveryRecipe(hang=5, stall=50), world=2)
    for moment in range(0, 80, 2):
        now = float(moment)
        step = min(moment, 10)
        told = watch.see({0: sign(0, moment, step), 1: sign(1, moment, step)}, {})
        assert (told is None) == (moment <= 60)


def test_whoever_works_on_data_or_on_the_finished_model_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watch = Watch(RecoveryRecipe(hang=5, stall=50), world=2)
    for moment in range(0, 200, 2):  # rank 0 prepares, the other one waits for it
        now = float(moment)
        told = watch.see({0: sign(0, moment, busy=moment < 100), 1: sign(1, moment)}, {})
        assert (told is None) == (moment <= 148)


def test_only_our_own_ranks_are_heard() -> None:
    ear = Ear()
    listener = ear.begin(["127.0.0.1"])
    voice, stranger = Voice(listener), Voice(listener + "x")
    voice.tell({"rank": 3, "beats": 7})
    stranger.tell({"rank": 4, "beats": 9})
    until = time.monotonic() + 5
    while not ear.listen() and time.monotonic() < until:
        time.sleep(0.01)
    assert ear.heard == {3: 7}
    ear.begin(["127.0.0.1"])
    voice.tell({"rank": 3, "beats": 8})  # of the try before
    time.sleep(0.05)
    assert ear.listen() == {}
    for one in (voice, stranger, ear):
        one.close()


def test_a_rank_tells_of_its_life_and_of_its_end(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        live_and_fail(tmp_path)
    assert signs(tmp_path, 0)[2]["step"] == 6
    assert signs(tmp_path, 0)[2]["leaving"] is True
    assert signs(tmp_path, 1) == {}
    told = failures(tmp_path, 0)
    assert [(one["rank"], one["message"], one["retryable"]) for one in told] == [
        (2, "the disk is gone", True)
    ]


def live_and_fail(folder: Path) -> None:
    with Presence(folder, rank=2, every=60) as presence:
        presence.ready(5)
        presence.stepped(6)
        assert signs(folder, 0)[2]["leaving"] is False
        raise OSError("the disk is gone")


def report(name: str, *unreachable: str, **values: Any) -> Report:
    return Report(name=name, correct=True, unreachable=list(unreachable), **values)


def test_the_node_that_is_cut_off_is_found() -> None:
    whole = [report("a"), report("b"), report("c")]
    assert cut_off(whole) == set()
    cut = [report("a", "b"), report("b", "a", "c"), report("c", "b")]
    assert cut_off(cut) == {"b"}
    pair = [report("a", "b"), report("b", "a")]
    assert cut_off(pair) == {"b"}  # either could be; the first one stays
    two = [report("a", "c", "d"), report("b", "c", "d"), report("c", "a", "b", "d"), report("d")]
    assert cut_off(two) == {"c", "d"}


def test_a_node_below_a_threshold_is_named_with_what_it_lacks() -> None:
    least = HealthRecipe(memory_gib=8, link_gib=1, matrix_tflops=0.5)
    good = report("a", memory_gib=9.0, matrix_tflops=1.0, link_gib=2.0)
    assert faults(good, least) == []
    weak = good.model_copy(update={"link_gib": 0.25, "correct": False})
    assert faults(weak, least) == [
        "a matrix product came out wrong",
        "0.25 GiB/s between nodes, 1 asked",
    ]
    alone = good.model_copy(update={"link_gib": None})
    assert faults(alone, least) == []


def test_a_weak_link_is_found_though_a_node_beside_it_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links are measured among all nodes, so a second check is made without the dead one."""
    pool = [NodeRecipe(name=name) for name in "abc"]
    checked = []

    def check(nodes: list[NodeRecipe], timeout: float) -> list[Report]:
        checked.append("".join(node.name for node in nodes))
        if len(nodes) == 3:
            return [report("a", "c"), report("b", "c"), Report(name="c", error="it is dead")]
        return [report("a", link_gib=2.0), report("b", link_gib=0.5)]

    monkeypatch.setattr(supervisor, "check", check)
    recovery = RecoveryRecipe(nodes=tuple(pool), health=HealthRecipe(link_gib=1))
    watched = supervisor.Supervisor(
        RunFolder(tmp_path), recovery, FolderShelf(tmp_path), module="none", processes=1
    )
    watched._ear.close()
    assert [node.name for node in watched._well(pool)] == ["a"]
    assert checked == ["abc", "ab"]


@pytest.mark.slow
def test_nodes_that_see_one_another_are_well_though_a_peer_stays_away(tmp_path: Path) -> None:
    """One that sees a gap does not come to the measurement of links; the other is not to blame."""
    port = free_port()
    peers = json.dumps([["a", "127.0.0.1"], ["b", "127.0.0.2"]])
    command = [sys.executable, "-m", "stoa.compute.training.pretraining.health", "--name", "a"]
    command += ["--address", "127.0.0.1", "--port", str(port), "--peers", peers, "--timeout", "12"]
    with socket.create_server(("127.0.0.2", port)):  # reached, and then silent
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = Report.model_validate_json(done.stdout.splitlines()[-1])
    assert (told.error, told.unreachable, told.link_gib) == ("", [], None)
    assert told.correct


def test_the_interface_of_an_address() -> None:
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("203.0.113.7") is None


def test_processes_follow_the_recipe_or_the_layout() -> None:
    assert processes_on_each(from_dict(recipe(Path("x"), 1))) == 2
    nodes = [{"name": name} for name in "abc"]
    wanted = recipe(Path("x"), 1, layout={"replicate": 2, "shard": 2, "tensor": 2})
    wanted["recovery"] |= {"processes": None, "nodes": nodes, "spares": 1}
    assert processes_on_each(from_dict(wanted)) == 4
