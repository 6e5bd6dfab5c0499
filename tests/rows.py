"""Exact losses and slopes of single rows, and the errors of what was computed for them."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
from cases import Case
from oracles import DIFFERENCES, ORACLES

_STEP = mp.mpf(10) ** -40
_SOFT = {"unit_interval", "classes_or_probabilities"}


class Row:
    """One point (or row) of a case: its exact loss as a function of the exact arguments."""

    def __init__(self, case: Case, arrays: tuple[np.ndarray, ...], place: int) -> None:
        values = {**case.loss.parameters, **case.parameters}
        self.oracle = ORACLES[case.loss.name]
        self.subtracts_targets = case.loss.targets.name in _SOFT
        self.parameters = [values[name] for name in case.loss.parameters]
        self.arguments = [_exact(x[place]) for x in arrays]

    def value(self) -> Any:
        return self.oracle(*self.arguments, *self.parameters)

    def slope(self, place: int, index: int | None) -> Any:
        """Derivative by differences from both sides; None at a kink."""
        with mp.workdps(200):
            x = self.arguments[place] if index is None else self.arguments[place][index]
            step = _STEP * max(abs(x), mp.mpf(10) ** -20)
            middle = self.value()
            low, high = (self._moved(place, index, x + d) for d in (-step, step))
            left, right = (middle - low) / step, (high - middle) / step
            kink = abs(left - right) > mp.mpf(10) ** -15 * max(abs(left), abs(right))
            return None if kink else (left + right) / 2

    def _moved(self, place: int, index: int | None, x: Any) -> Any:
        moved = list(self.arguments)
        if index is None:
            moved[place] = x
        else:
            moved[place] = [x if i == index else v for i, v in enumerate(moved[place])]
        return self.oracle(*moved, *self.parameters)

    def scale(self, name: str) -> float:
        """Size of what the loss is a difference of; 0 if it is none."""
        size = DIFFERENCES.get(name)
        return 0.0 if size is None else float(size(*self.arguments, *self.parameters))

    def target_scale(self) -> float:
        """Size of what is subtracted where a gradient is a probability minus a soft target."""
        if not self.subtracts_targets:
            return 0.0
        target = self.arguments[1]
        if isinstance(target, list):
            return 1.0
        return 0.0 if isinstance(target, int) or target in {0, 1} else 1.0


def _exact(x: Any) -> Any:
    if np.ndim(x):
        return [mp.mpf(float(v)) for v in x]
    return int(x) if isinstance(x, np.integer) else mp.mpf(float(x))


def units(found: Any, truth: Any, scale: float) -> float | None:
    """Error in units in the last place of the truth, or of a larger scale.

    None where that is beyond the dtype.
    """
    with np.errstate(over="ignore"):
        size = max(abs(found.dtype.type(float(truth))), found.dtype.type(scale))
    if np.isinf(size):
        return None
    return float(abs(mp.mpf(float(found)) - truth) / float(np.spacing(size)))
