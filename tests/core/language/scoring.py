"""Figures about classifiers, for tests."""

import numpy as np


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The chance that a positive scores above a negative; ties count half."""
    yes, no = scores[positive], scores[~positive]
    return float(((yes[:, None] > no[None]) + 0.5 * (yes[:, None] == no[None])).mean())


def calibration_error(scores: np.ndarray, positive: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width (Naeini et al. 2015)."""
    which = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = [
        (which == each).mean() * abs(scores[which == each].mean() - positive[which == each].mean())
        for each in np.unique(which)
    ]
    return float(sum(gaps))
