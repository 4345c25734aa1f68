"""Where the numbers of a run go: metrics of the run folder, TensorBoard, and a line of text.

Only the first rank has a board that writes.
"""

from contextlib import suppress
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from stoa.compute.training.pretraining.engine import Step
from stoa.compute.training.pretraining.flops import Cost
from stoa.compute.training.pretraining.stability import Watch
from stoa.core.jobs.folder import RunFolder


class Board:
    """Writes what happens; a silent one on all ranks but the first."""

    def __init__(
        self, folder: RunFolder, cost: Cost, peak_tflops: float, devices: int, *, writes: bool
    ) -> None:
        """Nothing is written before something happens.

        Args:
            cost: floating-point operations a token, for MFU.
            peak_tflops: of one device.
            devices: number of devices.
        """
        self._folder, self._cost = folder, cost
        self._peak, self._devices = peak_tflops * 1e12, devices
        self._writes = writes
        self._writer: SummaryWriter | None = None
        self._tokens, self._seconds = 0, 0.0

    def open(self, step: int, *, tensorboard: bool) -> None:
        """Begin behind `step`; what was written of later steps is forgotten."""
        if not self._writes:
            return
        self._folder.go_back(step)
        if self._writer is not None:
            self.close()
        if tensorboard:
            place = Path(self._folder.path) / "tensorboard"
            self._writer = SummaryWriter(str(place), purge_step=step + 1)

    def made(self, step: Step) -> None:
        """Count a step for the rates."""
        self._tokens += step.tokens
        self._seconds += step.seconds

    def log(self, step: Step, watch: Watch, parameter_norm: float, total: int) -> None:
        """Write a step's figures, and rates since the last time."""
        rate = self._tokens / self._seconds if self._seconds else 0.0
        self._tokens, self._seconds = 0, 0.0
        at_best = self._peak * self._devices
        values = {
            "loss": step.loss,
            "gradient_norm": step.norm,
            "mean_gradient_norm": watch.mean_norm or step.norm,
            "parameter_norm": parameter_norm,
            "rate": step.rate,
            "tokens_per_second": rate,
            "mfu_model": rate * self._cost.model / at_best,
            "mfu_with_attention": rate * self._cost.with_attention / at_best,
            "step_seconds": step.seconds,
            "spike": float(step.verdict.spike),
            **watch.summary(),
        }
        self.write(step.number, values)
        if self._writes:
            self._folder.progress(f"loss {step.loss:.4f}", step.number, total)
            self.say(
                f"step {step.number}/{total}  loss {step.loss:.4f}  norm {step.norm:.3f}  "
                f"rate {step.rate:.2e}  {rate:,.0f} tokens/s  "
                f"MFU {values['mfu_model']:.1%} (6N), {values['mfu_with_attention']:.1%} (with attention)"
            )

    def write(self, step: int, values: dict[str, float]) -> None:
        """Write values of one step."""
        if not self._writes:
            return
        self._folder.metric(step, **values)
        if self._writer is None:
            return
        try:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)
        except OSError as error:  # its own thread could not write; the metrics are kept beside it
            self._writer = None
            self.say(f"TensorBoard gets no more: {error.strerror}.")

    def say(self, words: str) -> None:
        """A line in the log."""
        if self._writes:
            with suppress(OSError):  # a log on a full disk ends no training
                print(words, flush=True)

    def close(self) -> None:
        """Finish the files."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()
