"""Node failure for real: hosts as network namespaces on this machine, one cut off, one killed.

Each host has its own loopback and one link to a bridge; the supervisor stands at the bridge, as it would on
a head node. All see the same run folder.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stoa.compute.training.pretraining.ledger import goodput, marks
from tests.compute.training.pretraining.supervised import losses, recipe, supervised, write_text
from tests.conftest import lacking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STEPS = 60


def ip(*arguments: str, check: bool = True) -> bool:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.returncode == 0


class Hosts:
    """Network namespaces at one bridge."""

    def __init__(self, count: int) -> None:
        self.mark = os.urandom(2).hex()
        self.bridge = f"b{self.mark}"
        self.net = f"10.{os.urandom(1)[0]}.{os.urandom(1)[0]}"
        self.names = [f"h{number}{self.mark}" for number in range(count)]

    def make(self) -> None:
        ip("link", "add", self.bridge, "type", "bridge")
        ip("addr", "add", f"{self.net}.1/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")
        for number, name in enumerate(self.names):
            ip("netns", "add", name)
            ip("link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"v{name}", "master", self.bridge, "up")
            ip("-n", name, "addr", "add", f"{self.net}.{number + 11}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "name": f"host-{number}",
                "address": f"{self.net}.{number + 11}",
                "command": ["ip", "netns", "exec", name],
            }
            for number, name in enumerate(self.names)
        ]

    def cut(self, number: int) -> None:
        """Pull the cable."""
        ip("link", "set", f"v{self.names[number]}", "down")

    def kill(self, number: int) -> None:
        """Switch the machine off."""
        name = self.names[number]
        found = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
        for pid in found.stdout.split():
            os.kill(int(pid), 9)
        ip("netns", "del", name)

    def remove(self) -> None:
        for name in self.names:
            ip("link", "del", f"v{name}", check=False)
            ip("netns", "del", name, check=False)
        ip("link", "del", self.bridge, check=False)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts(4)
    try:
        possible = os.geteuid() == 0 and ip("netns", "add", f"try{made.mark}", check=False)
    except FileNotFoundError:
        possible = False
    if not possible:
        lacking("root and iproute2, to make network namespaces")
    ip("netns", "del", f"try{made.mark}")
    try:
        made.make()
        yield made
    finally:
        made.remove()


def test_spare_nodes_take_over_where_one_is_cut_off_and_one_is_killed(
    tmp_path: Path, hosts: Hosts
) -> None:
    text = write_text(tmp_path, lines=300)
    recovery = {
        "processes": 1,
        "nodes": hosts.nodes(),
        "spares": 2,
        "hang": 15,
        "health_check": True,
        "health": {"timeout": 90},
    }
    folder = tmp_path / "run"
    wanted = recipe(text, STEPS, recovery=recovery, checkpoints={"every": 5, "export": False})
    undisturbed = tmp_path / "undisturbed"
    with supervised(undisturbed, recipe(text, STEPS)) as running:
        assert running.wait() == 0, running.log()
    with supervised(folder, wanted, seconds=600, forked=False) as running:
        running.at(12)
        hosts.cut(1)
        running.next_try()
        running.at(30)
        hosts.kill(0)
        assert running.wait() == 0, running.log()
    assert sorted(losses(folder)) == list(range(1, STEPS + 1))
    assert losses(folder) == losses(undisturbed)
    found = list(marks(folder))
    tried = [mark.facts["nodes"] for mark in found if mark.name == "launch"]
    assert tried == [["host-0", "host-1"], ["host-0", "host-2"], ["host-2", "host-3"]]
    faults = {mark.facts["node"]: mark.facts["faults"] for mark in found if "faults" in mark.facts}
    assert faults["host-1"] == ["the other nodes do not reach it"]
    assert faults["host-0"] == ["the health check could not run"]
    reports = json.loads((folder / "health.json").read_text())  # of the last check
    assert [each["name"] for each in reports] == [f"host-{number}" for number in range(4)]
    dead, cut, *well = reports
    assert dead["error"] == "the health check could not run"
    assert cut["unreachable"] == ["host-0", "host-2", "host-3"]
    for each, other in zip(well, ["host-3", "host-2"], strict=True):
        assert (each["error"], each["correct"], each["devices"]) == ("", True, 1)
        assert each["unreachable"] == ["host-0", "host-1"], f"{other} is reached"
        assert each["link_gib"] is None  # measured among all nodes or not at all
        assert min(each[name] for name in ("memory_gib", "bandwidth_gib", "matrix_tflops")) > 0
    booked = goodput(folder)
    assert booked.failures == 2
    assert sum(booked.seconds.values()) == pytest.approx(booked.wall, abs=1e-6)
