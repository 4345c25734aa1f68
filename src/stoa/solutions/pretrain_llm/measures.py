"""Names of what a training process measures, as the page and the operations know them.

The process writes them into `metrics.jsonl`; see `compute/training/pretraining/board.py`.
"""

from typing import Any

LOSS = "loss"
VALIDATION = "validation_loss"
NORM = "gradient_norm"
PARAMETER_NORM = "parameter_norm"
RATE = "rate"
TOKENS = "tokens"
SPEED = "tokens_per_second"
MFU = "mfu_model"
MFU_ATTENTION = "mfu_with_attention"
SPIKE = "spike"
NORM_MEAN = "mean_gradient_norm"

TITLES = {
    LOSS: "Training loss",
    VALIDATION: "Validation loss",
    NORM: "Gradient norm",
    NORM_MEAN: "Its mean over the steps before",
    PARAMETER_NORM: "Parameter norm",
    RATE: "Learning rate",
    SPEED: "Tokens per second",
    MFU: "MFU, 6 FLOP a parameter and token",
    MFU_ATTENTION: "MFU, attention counted",
}

LEDGER_TITLES = {
    "productive": "Productive",
    "checkpoint": "Checkpoints",
    "restart": "Starting",
    "lost": "Lost work",
    "idle": "Idle",
}


def number(value: Any) -> float | None:
    """A measured value, if it is a finite number: what was none is kept as text."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None
