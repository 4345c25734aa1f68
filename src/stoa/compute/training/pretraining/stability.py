"""Watches loss and gradient norm step by step, and says what to do when they go wrong.

The rules are those of the HLAT paper (arXiv 2404.10630): r is the mean of the gradient norm over the last
20 steps; a norm beyond r + 0.1 is a spike, of which over 86 % should last one step; an r beyond three times
its lowest is an alarm. Beside them: loss or norm that is no finite number, and a loss far above its own
lowest mean. Knows nothing of torch or of processes; every rank sees the same numbers and so decides alike.
"""

import math
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Literal

from stoa.compute.training.pretraining.recipe import StabilityRecipe

Action = Literal["go_on", "skip", "roll_back", "lower_rate", "stop"]


@dataclass(frozen=True)
class Verdict:
    """What one step looked like."""

    action: Action
    spike: bool = False
    alarm: bool = False
    reason: str = ""


@dataclass
class _Counts:
    """What happened so far; kept in checkpoints."""

    spikes: int = 0  # runs of spiking steps
    one_step_spikes: int = 0
    spike_steps: int = 0
    alarms: int = 0
    not_finite: int = 0
    diverged: int = 0
    bad_in_a_row: int = 0
    rate_factor: float = 1.0
    lowest_norm: float = math.inf
    lowest_loss: float = math.inf
    running_spike: int = 0  # length of the spike that goes on
    alarmed: bool = False


class Watch:
    """The watch over one run."""

    def __init__(self, recipe: StabilityRecipe) -> None:
        self.recipe = recipe
        self._counts = _Counts()
        self._norms: deque[float] = deque(maxlen=recipe.window)
        self._losses: deque[float] = deque(maxlen=recipe.window)

    @property
    def rate_factor(self) -> float:
        """What the learning rate is multiplied with after `lower_rate`."""
        return self._counts.rate_factor

    @property
    def mean_norm(self) -> float | None:
        """r: the running mean of the gradient norm; None before the first step."""
        return sum(self._norms) / len(self._norms) if self._norms else None

    def see(self, loss: float, norm: float) -> Verdict:
        """Judge a step before its update is made; what is skipped leaves no trace in the means."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self._counts.not_finite += 1
            return self._bad(self.recipe.not_finite, f"loss {loss}, gradient norm {norm}")
        if loss > self._counts.lowest_loss + self.recipe.divergence:
            self._counts.diverged += 1
            words = f"loss {loss:.4f} is beyond {self._counts.lowest_loss:.4f} by too much"
            if self.recipe.diverged != "warn":
                return self._bad(self.recipe.diverged, words)
            return Verdict("go_on", *self._note(loss, norm), reason=words)
        self._counts.bad_in_a_row = 0
        return Verdict("go_on", *self._note(loss, norm))

    def summary(self) -> dict[str, float]:
        """Counts for the metrics and the page."""
        counts = self._counts
        share = counts.one_step_spikes / counts.spikes if counts.spikes else 1.0
        return {
            "spikes": float(counts.spikes),
            "one_step_spike_share": share,
            "alarms": float(counts.alarms),
            "not_finite": float(counts.not_finite),
            "diverged": float(counts.diverged),
            "rate_factor": counts.rate_factor,
        }

    def state(self) -> dict[str, Any]:
        """Plain values (JSON)."""
        counts = {
            name: None if value == math.inf else value
            for name, value in asdict(self._counts).items()
        }
        return {"counts": counts, "norms": list(self._norms), "losses": list(self._losses)}

    def restore(self, state: dict[str, Any], *, keep_policy: bool = False) -> None:
        """Go on from `state`.

        Args:
            keep_policy: for a roll-back: the rate stays lowered and bad steps stay counted, or the run would
                walk into the same wall for ever.
        """
        counts: dict[str, Any] = {
            name: math.inf if value is None else value for name, value in state["counts"].items()
        }
        if keep_policy:
            for name in ("rate_factor", "bad_in_a_row", "not_finite", "diverged"):
                counts[name] = getattr(self._counts, name)
        self._counts = _Counts(**counts)
        self._norms = deque(state["norms"], maxlen=self.recipe.window)
        self._losses = deque(state["losses"], maxlen=self.recipe.window)

    def _note(self, loss: float, norm: float) -> tuple[bool, bool]:
        """Take a step into the means. Returns whether it is a spike, and whether an alarm begins."""
        counts = self._counts
        mean = self.mean_norm
        spike = len(self._norms) == self.recipe.window and norm > (mean or 0) + self.recipe.margin
        if spike:
            counts.spike_steps += 1
            counts.running_spike += 1
            if counts.running_spike == 1:
                counts.spikes += 1
                counts.one_step_spikes += 1
            elif counts.running_spike == 2:
                counts.one_step_spikes -= 1  # it lasts longer
        else:
            counts.running_spike = 0
        self._norms.append(norm)
        self._losses.append(loss)
        return spike, self._lowest()

    def _lowest(self) -> bool:
        """Keep the lowest means, and say whether an alarm begins."""
        if len(self._norms) < self.recipe.window:
            return False
        counts = self._counts
        mean = self.mean_norm or 0.0
        counts.lowest_norm = min(counts.lowest_norm, mean)
        counts.lowest_loss = min(counts.lowest_loss, sum(self._losses) / len(self._losses))
        beyond = mean > self.recipe.alarm * counts.lowest_norm
        begins = beyond and not counts.alarmed
        counts.alarmed = beyond
        counts.alarms += begins
        return begins

    def _bad(self, policy: Action | Literal["warn"], words: str) -> Verdict:
        counts = self._counts
        counts.bad_in_a_row += 1
        if policy == "stop" or counts.bad_in_a_row > self.recipe.patience:
            return Verdict("stop", reason=words)
        if policy == "lower_rate":
            counts.rate_factor *= self.recipe.lower_by
        assert policy != "warn"
        return Verdict(policy, reason=words)
