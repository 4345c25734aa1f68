"""Keeps a run going: checks nodes, starts torchrun on them, watches, ends what hangs, starts again.

One supervisor looks after all nodes of a run. Every try is a fresh set of processes that takes up the newest
whole checkpoint; torchrun itself never restarts anything. A node that can't be reached, measures badly, or
is where tries ended twice in a row gives its place to a spare one. It gives up, with the reason, on a
failure that no retry helps (a recipe that does not fit), after several failures without a new checkpoint,
and when too few nodes are left.

    check → launch → watch ──done──────────────→ end, code 0
      ↑                ├──asked to stop────────→ saved by the ranks; end, code 75
      └──wait, blame ←─┴──failed, hung, stalled
"""

import logging
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final, Literal

from stoa.base.errors import StoaError
from stoa.compute.training.pretraining import health, nodes, presence
from stoa.compute.training.pretraining.hearing import LISTENER, Ear
from stoa.compute.training.pretraining.ledger import Ledger, goodput, marks
from stoa.compute.training.pretraining.recipe import NodeRecipe, RecoveryRecipe
from stoa.compute.training.pretraining.shelf import Shelf
from stoa.core.jobs.folder import RunFolder

log = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.2
_ENDING_SECONDS: Final = 10.0
_PACKAGE: Final = "stoa.compute.training.pretraining"


@dataclass(frozen=True)
class Outcome:
    """How a try ended. `nodes`: those it is blamed on; `final`: no retry helps."""

    kind: Literal["done", "stopped", "failed"]
    reason: str = ""
    code: int = 1
    final: bool = False
    nodes: tuple[str, ...] = ()
    hint: str = ""

    @property
    def told(self) -> str:
        """The reason and what helps, or how it ended."""
        return f"{self.reason} {self.hint}".strip() or self.kind


class Supervisor:
    """Looks after one run folder."""

    def __init__(
        self,
        folder: RunFolder,
        recipe: RecoveryRecipe,
        shelf: Shelf,
        *,
        module: str,
        processes: int,
    ) -> None:
        """Nothing starts before `run`.

        Args:
            folder: of the run; all nodes see it.
            recipe: how patient to be, and which nodes there are.
            shelf: where checkpoints lie: a new one is what counts as progress.
            module: what torchrun runs with `--folder`.
            processes: on each node.
        """
        self._folder, self._recipe, self._shelf = folder, recipe, shelf
        self._module, self._processes = module, processes
        self._ledger = Ledger(folder.path)
        self._pool: list[NodeRecipe] = list(recipe.nodes) or [nodes.HERE]
        self._needed = len(self._pool) - recipe.spares
        self._blamed: dict[str, int] = {}
        self._attempt = 0
        self._ear = Ear()
        self._stopping = False

    def run(self) -> int:
        """Until the run is done, asked to stop, or given up. Returns the exit code."""
        signal.signal(signal.SIGTERM, self._asked)
        self._ledger.mark("start")
        self._attempt = goodput(self._folder.path).attempts
        try:
            outcome = self._tries()
        finally:
            self._ear.close()
        if outcome.kind == "failed":
            log.error("given up: %s", outcome.told)
            self._folder.progress(f"Given up: {outcome.reason}")
            self._folder.fail(outcome.reason, outcome.hint)
        self._ledger.mark("end", reason=outcome.told)
        return {"done": 0, "stopped": presence.EXIT_STOPPED, "failed": outcome.code}[outcome.kind]

    def _tries(self) -> Outcome:
        restarts = fruitless = 0
        newest = self._newest()
        while True:
            chosen = self._choose()
            if isinstance(chosen, Outcome):
                return chosen
            if self._stopping:
                return Outcome("stopped", "asked to stop before the start")
            outcome = self._try(chosen)
            if outcome.kind == "done":
                self._ledger.mark("done")
                return outcome
            if outcome.kind == "stopped" and self._stopping:
                return outcome
            self._ledger.mark("failed", reason=outcome.told, nodes=outcome.nodes)
            log.warning("try %d ended: %s", self._attempt, outcome.told)
            self._blame(outcome)
            reached = self._newest()
            fruitless = 0 if reached > newest else fruitless + 1
            newest = max(newest, reached)
            restarts += 1
            if outcome.final:
                return outcome
            if self._stopping:
                told = f"asked to stop, and not saved anew: {outcome.reason}"
                return Outcome("stopped", told)
            if fruitless >= self._recipe.fruitless:
                told = f"{fruitless} failures in a row without a new checkpoint"
                return Outcome("failed", f"{told}; the last: {outcome.reason}", outcome.code)
            if restarts > self._recipe.restarts:
                told = f"{restarts} failures, {self._recipe.restarts} restarts allowed"
                return Outcome("failed", f"{told}; the last: {outcome.reason}", outcome.code)
            self._folder.progress(f"Starting again: {outcome.reason}")
            if fruitless:
                self._wait(self._recipe.backoff * 2 ** (fruitless - 1))

    # Nodes ----------------------------------------------------------------------------------------------

    def _choose(self) -> list[NodeRecipe] | Outcome:
        """Nodes for the next try: well, and not to blame."""
        if not self._recipe.health_check:
            found = self._pool
        else:
            self._ledger.mark("check")
            found = self._well(self._pool)
        if len(found) < self._needed:
            lacking = f"{len(found)} of {self._needed} nodes are fit for use"
            return Outcome("failed", lacking, code=4)
        # Those to blame stand behind; the order is otherwise kept, so that ranks stay where they are.
        return sorted(found, key=lambda node: self._blamed.get(node.name, 0) >= 2)[: self._needed]

    def _well(self, pool: list[NodeRecipe]) -> list[NodeRecipe]:
        reports = check(pool, self._recipe.health.timeout)
        self._note(reports)
        faulty = health.cut_off([report for report in reports if not report.error])
        well = []
        for node, report in zip(pool, reports, strict=True):
            found = health.faults(report, self._recipe.health)
            if node.name in faulty:
                found.append("the other nodes do not reach it")
            if found:
                log.warning("node %s is left out: %s", node.name, "; ".join(found))
                self._ledger.mark("check", node=node.name, faults=found)
            else:
                well.append(node)
        if self._recipe.health.link_gib and 1 < len(well) < len(pool):
            return self._well(well)  # links are measured among all or not at all
        return well

    def _note(self, reports: list[health.Report]) -> None:
        path = self._folder.path / "health.json"
        text = "[" + ",\n ".join(report.model_dump_json() for report in reports) + "]\n"
        path.write_text(text, encoding="utf-8")

    def _blame(self, outcome: Outcome) -> None:
        """Count tries in a row that ended at a node."""
        self._blamed = {name: self._blamed.get(name, 0) + 1 for name in outcome.nodes}

    # One try --------------------------------------------------------------------------------------------

    def _try(self, chosen: list[NodeRecipe]) -> Outcome:
        self._attempt += 1
        self._ledger.mark("launch", attempt=self._attempt, nodes=[node.name for node in chosen])
        agents = self._launch(chosen)
        try:
            return self._watch(chosen, agents)
        finally:
            signs = presence.signs(self._folder.path, self._attempt)
            running = [sign for sign in signs.values() if _runs(agents, sign)]
            for agent in agents:
                nodes.end(agent)
            nodes.send(chosen, running, signal.SIGKILL)

    def _launch(self, chosen: list[NodeRecipe]) -> list[subprocess.Popen[str]]:
        port = nodes.free_port()
        environment = {
            presence.ATTEMPT: str(self._attempt),
            LISTENER: self._ear.begin([node.address for node in chosen]),
        }
        agents = []
        for number, node in enumerate(chosen):
            arguments = [
                *("--address", node.address, "--"),
                *("--nnodes", str(len(chosen)), "--node-rank", str(number)),
                *("--nproc-per-node", str(self._processes), "--max-restarts", "0"),
                *("--master-addr", chosen[0].address, "--master-port", str(port)),
                *("--module", self._module, "--folder", str(self._folder.path)),
            ]
            agents.append(
                nodes.start(node, f"{_PACKAGE}.agent", arguments, environment=environment)
            )
        return agents

    def _watch(self, chosen: list[NodeRecipe], agents: list[subprocess.Popen[str]]) -> Outcome:
        watch = Watch(self._recipe, len(chosen) * self._processes)
        asked_at: float | None = None
        told: set[int] = set()
        while True:
            time.sleep(_POLL_SECONDS)
            signs = presence.signs(self._folder.path, self._attempt)
            codes = [agent.poll() for agent in agents]
            if all(code == 0 for code in codes):
                if self._folder.result() is not None:
                    return Outcome("done")
                return Outcome("failed", "all processes ended, and there is no result")
            if any(codes):
                return self._ended(chosen, agents, codes)
            if self._stopping:
                asked_at = asked_at or time.monotonic()
                news = [sign for sign in signs.values() if sign["pid"] not in told]
                told |= {sign["pid"] for sign in news}  # ranks that are still starting come later
                nodes.send(chosen, news, signal.SIGTERM)
            if asked_at is not None and time.monotonic() - asked_at > self._recipe.grace:
                return Outcome("failed", "not saved in time after it was asked to stop")
            if (silent := watch.see(signs, self._ear.listen())) is not None:
                return self._silent(chosen, *silent)

    def _ended(
        self,
        chosen: list[NodeRecipe],
        agents: list[subprocess.Popen[str]],
        codes: list[int | None],
    ) -> Outcome:
        """Why torchrun ended somewhere. The others are given a moment to tell."""
        until = time.monotonic() + _ENDING_SECONDS
        while any(agent.poll() is None for agent in agents) and time.monotonic() < until:
            if self._stopped():
                break
            time.sleep(_POLL_SECONDS)
        if self._stopped():
            return Outcome("stopped", "asked to stop")
        first = next(number for number, code in enumerate(codes) if code)
        name = chosen[first].name
        told = presence.failures(self._folder.path, self._attempt)
        if told and not told[0]["retryable"]:
            why = told[0]
            return Outcome("failed", why["message"], why["code"], final=True, hint=why["hint"])
        seen = f"processes on node {name} ended"
        reason = f"{seen}: rank {told[0]['rank']}: {told[0]['message']}" if told else seen
        return Outcome("failed", reason, told[0]["code"] if told else 1, nodes=(name,))

    def _stopped(self) -> bool:
        """Whether this try saved and left because that was asked: of us or of the ranks."""
        found = _last_mark(self._folder.path, self._attempt)
        return found == "stopped"

    def _silent(self, chosen: list[NodeRecipe], what: str, ranks: list[int]) -> Outcome:
        places = sorted({chosen[rank // self._processes].name for rank in ranks})
        told = f"{what}: rank {', '.join(map(str, ranks[:8]))} on node {', '.join(places)}"
        return Outcome("failed", told, nodes=tuple(places) if len(places) < len(chosen) else ())

    # Small things ---------------------------------------------------------------------------------------

    def _newest(self) -> int:
        try:
            return max(self._shelf.steps(), default=-1)
        except StoaError as error:
            log.warning("%s", error)
            return -1

    def _wait(self, seconds: float) -> None:
        self._ledger.mark("waiting")
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            time.sleep(min(_POLL_SECONDS, max(0.0, until - time.monotonic())))

    def _asked(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True


class Watch:
    """Tells hanging from working: by signs of life, and by steps. By our own clock alone."""

    def __init__(self, recipe: RecoveryRecipe, world: int) -> None:
        self._recipe, self._world = recipe, world
        self._begun = time.monotonic()
        self._beats: dict[tuple[str, int], tuple[int, float]] = {}
        self._step, self._step_at = -2, self._begun

    def see(
        self, signs: dict[int, dict[str, Any]], heard: dict[int, int]
    ) -> tuple[str, list[int]] | None:
        """What is wrong, and with which ranks; None: nothing.

        Args:
            signs: the files of ranks.
            heard: of ranks that were ever heard over the network, the number of the last sign.
        """
        now = time.monotonic()
        beats = {("file", rank): int(sign["beats"]) for rank, sign in signs.items()}
        beats |= {("network", rank): number for rank, number in heard.items()}
        for key, number in beats.items():
            if self._beats.get(key, (-1, 0.0))[0] != number:
                self._beats[key] = (number, now)
        step = max((int(sign["step"]) for sign in signs.values()), default=-2)
        if step > self._step or any(sign["busy"] for sign in signs.values()):
            self._step, self._step_at = step, now
        leaving = {rank for rank, sign in signs.items() if sign["leaving"]}
        silent = sorted(
            {
                rank
                for (_, rank), (_, at) in self._beats.items()
                if now - at > self._recipe.hang and rank not in leaving
            }
        )
        if silent:
            return f"no sign of life for {self._recipe.hang:g} s", silent
        if now - self._step_at > self._recipe.stall:
            behind = [rank for rank in range(self._world) if rank not in signs] or list(signs)
            return f"no step for {self._recipe.stall:g} s", behind
        return None


def check(pool: list[NodeRecipe], timeout: float) -> list[health.Report]:
    """Measure all nodes at the same time; one that does not answer is reported so."""
    port = nodes.free_port()
    peers = "[" + ",".join(f'["{node.name}","{node.address}"]' for node in pool) + "]"
    running = [
        nodes.start(
            node,
            f"{_PACKAGE}.health",
            [
                *("--name", node.name, "--address", node.address, "--port", str(port)),
                *("--peers", peers, "--timeout", str(timeout)),
            ],
            environment={},
            stdout=subprocess.PIPE,
        )
        for node in pool
    ]
    until = time.monotonic() + timeout
    return [_report(node, process, until) for node, process in zip(pool, running, strict=True)]


def _report(node: NodeRecipe, process: subprocess.Popen[str], until: float) -> health.Report:
    try:
        output, _ = process.communicate(timeout=max(0.1, until - time.monotonic()))
        return health.Report.model_validate_json(output.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        return health.Report(name=node.name, error="the health check did not end in time")
    except (IndexError, ValueError):
        return health.Report(name=node.name, error="the health check could not run")
    finally:
        nodes.end(process)


def _runs(agents: list[subprocess.Popen[str]], sign: dict[str, Any]) -> bool:
    """Whether a rank may still run: its torchrun has not ended by itself, or was killed."""
    node = int(sign["node"])
    return node >= len(agents) or agents[node].poll() in (None, -signal.SIGKILL)


def _last_mark(folder: Path, attempt: int) -> str | None:
    found = None
    for mark in marks(folder):
        if mark.attempt == attempt:
            found = mark.name
    return found
