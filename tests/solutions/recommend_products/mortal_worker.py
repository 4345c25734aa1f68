"""A worker that kills itself where it is told to: `python -m tests.solutions.recommend_products.mortal_worker`.

Told by empty files in the folder `die` of its home. One named for a step of the pipeline: kill -9 when the
step's work is done and not yet written down, the moment from which most could be done twice. `before_aliases`
and `rolled_back`: when the endpoint has changed, or gone back, and the registry does not say so yet. As long
as there is one named `wrong`, the smoke test finds fault, which no data are known to provoke.
"""

import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from stoa import wiring
from stoa.app.serving import work
from stoa.base.settings import Settings
from stoa.core.flows.engine import Pace
from stoa.core.flows.flows import Flows
from stoa.core.inference.inference import Inference
from stoa.core.pipelines.running import Running
from stoa.core.pipelines.views import StepState
from stoa.core.registry.aliases import Aliases
from stoa.solutions.recommend_products import endpoints

BEFORE_ALIASES = "before_aliases"
ROLLED_BACK = "rolled_back"
WRONG = "wrong"
_PACE = replace(Pace(), beat=0.1, sweep=0.5, rest=0.0001)  # or a run killed so often would rest


def _die_if(told: Path) -> None:
    if told.exists():
        told.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def _arm(orders: Path) -> None:
    change, move = Running._change, Aliases.move
    roll_back, smoke_test = Inference.roll_back, endpoints.smoke_test

    async def changing(self: Running, step: Any, *item: int, **columns: Any) -> None:
        if columns.get("state") is StepState.DONE:
            _die_if(orders / step.name)
        await change(self, step, *item, **columns)

    async def moving(self: Aliases, *given: Any, **more: Any) -> Any:
        _die_if(orders / BEFORE_ALIASES)
        return await move(self, *given, **more)

    async def going_back(self: Inference, *given: Any) -> Any:
        view = await roll_back(self, *given)
        _die_if(orders / ROLLED_BACK)
        return view

    async def testing(*given: Any) -> str:
        if (orders / WRONG).exists():
            return "rank answers nonsense."
        return await smoke_test(*given)

    for place, name, done in (
        (Running, "_change", changing),
        (Aliases, "move", moving),
        (Inference, "roll_back", going_back),
        (endpoints, "smoke_test", testing),
    ):
        setattr(place, name, done)


if __name__ == "__main__":
    vars(wiring)["Flows"] = partial(Flows, pace=_PACE)
    _arm(Path(os.environ["STOA_HOME"]) / "die")
    work(Settings.load())
