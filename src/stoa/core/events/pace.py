"""How often, how long, how many: the figures by which events are brought to consumers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Times are in seconds."""

    look: float = 0.5
    """For what other processes committed, and for what is due again."""
    attempt: float = 15.0
    """One attempt may take; Standard Webhooks says 15 to 30."""
    lease: float = 60.0
    """After it a delivery that is under way is due again: well above `attempt`."""
    pauses: tuple[float, ...] = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    """Between attempts, ± 20 %: the schedule that Standard Webhooks gives, over three days."""
    longest_wait: float = 86400.0
    """A consumer may ask to be left alone for (Retry-After)."""
    places: int = 64
    """Attempts under way in one process."""
    of_one: int = 8
    """Attempts under way for one consumer in one process."""
