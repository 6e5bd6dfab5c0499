"""Exact losses and slopes of single rows, and the errors of what was computed for them."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import mpmath as mp
import numpy as np
from cases import Case
from oracles import DIFFERENCES, EDGES, ORACLES, SHARES, SLOPE_DIFFERENCES, SLOPES
from oracles.mathematics import Around

# Constants are computed once: powers of ten take longer than losses where digits are many.
_STEP = mp.mpf(10) ** -40
_LEAST = mp.mpf(10) ** -330
_KINK = mp.mpf(10) ** -15
_LARGEST_FLOAT = mp.mpf(10) ** 308
# An infinity stands for the limit of a formula: a number beyond every other one, that times the
# cube of the smallest too.
_BEYOND = mp.mpf(10) ** 1300
_PLACES = 8


class Row:
    """One point (or row) of a case: its exact loss as a function of the exact arguments."""

    def __init__(self, case: Case, arrays: tuple[np.ndarray, ...], place: int) -> None:
        values = {**case.loss.parameters, **case.parameters}
        self.name = case.loss.name
        self.along = case.loss.axis is not None
        self.parameters = [values[name] for name in case.loss.parameters]
        self.arguments = [_exact(x[place]) for x in arrays]
        self._places: dict[int, list[int]] = {}
        self._slopes: dict[tuple[int, int], Any] = {}
        self._slope_scales: dict[tuple[int, int], float] = {}
        self._last_around: Around | None = None

    @cached_property
    def value(self) -> Any:
        """The exact loss."""
        with mp.workdps(400 if not self.along or len(self.arguments[0]) <= 100 else 60):
            return ORACLES[self.name](*self.arguments, *self.parameters)

    @cached_property
    def scale(self) -> float:
        """Size of what the loss is a difference of; 0 if it is none."""
        size = DIFFERENCES.get(self.name)
        return 0.0 if size is None else _float(size(*self.arguments, *self.parameters))

    def places(self, place: int) -> list[int]:
        """Return where an argument's derivative is looked at: everywhere in short rows."""
        if place not in self._places:
            self._places[place] = self._found_places(place)
        return self._places[place]

    def _found_places(self, place: int) -> list[int]:
        if not isinstance(self.arguments[place], list):
            return [0]
        size = len(self.arguments[place])
        if size <= _PLACES:
            return list(range(size))
        values = self.arguments[place]
        last = self.arguments[-1]
        label = min(last, size - 1) if isinstance(last, int) else size - 1
        return sorted({0, label, values.index(max(values)), values.index(min(values))})

    def slope(self, place: int, index: int) -> Any:
        """Return the derivative; None at a kink."""
        if (place, index) not in self._slopes:
            is_short = self.along and len(self.arguments[0]) <= _PLACES
            closed = self.name in SLOPES and not is_short
            find = self.closed_slope if closed else self.difference
            self._slopes[place, index] = None if self._on_edge else find(place, index)
        return self._slopes[place, index]

    @cached_property
    def _on_edge(self) -> bool:
        edge = EDGES.get(self.name)
        if edge is None:
            return False
        return bool(abs(edge(*self.arguments, *self.parameters)) < 1e-6 * (self.scale or 1.0))

    def closed_slope(self, place: int, index: int) -> Any:
        """Derivative by its formula."""
        with mp.workdps(60):
            return SLOPES[self.name](place, index, *self.arguments, *self.parameters)

    def difference(self, place: int, index: int) -> Any:
        """Derivative by differences from both sides; None at a kink."""
        given = self.arguments[place]
        x = given[index] if isinstance(given, list) else given
        step = _STEP * max(abs(x), _LEAST)
        with mp.workdps(400 + int(mp.log10(self._largest / self._smallest / step))):
            around = self._around()
            low, high = (
                around(*self._moved(place, index, x + d), *self.parameters) for d in (-step, step)
            )
            left, right = (around.value - low) / step, (high - around.value) / step
            kink = abs(left - right) > _KINK * max(abs(left), abs(right))
            return None if kink else (left + right) / 2

    def _around(self) -> Around:
        """Return the loss around this point, with the digits of now or more."""
        if self._last_around is None or self._last_around.digits < mp.mp.dps:
            self._last_around = Around(ORACLES[self.name], *self.arguments, *self.parameters)
        return self._last_around

    @cached_property
    def _largest(self) -> Any:
        return max([mp.mpf(1), *self._sizes])

    @cached_property
    def _largest_finite(self) -> Any:
        return max([mp.mpf(1), *(size for size in self._sizes if size < _BEYOND)])

    @cached_property
    def _smallest(self) -> Any:
        return min([mp.mpf(1), *filter(None, self._sizes)])

    @cached_property
    def _sizes(self) -> list[Any]:
        rows = (x if isinstance(x, list) else [x] for x in self.arguments)
        return [abs(x) for row in rows for x in row]

    def _moved(self, place: int, index: int, x: Any) -> list[Any]:
        moved = list(self.arguments)
        if isinstance(moved[place], list):
            moved[place] = [x if i == index else v for i, v in enumerate(moved[place])]
        else:
            moved[place] = x
        return moved

    def is_flushed(self, dtype: str, truth: Any) -> bool:
        """Tell whether subnormal numbers take part, which JAX and MLX take for 0."""
        tiny = float(np.finfo(dtype).tiny)
        terms = len(self.arguments[0]) if self.along else 1
        if 0 < abs(truth) < 1e9 * terms * tiny:  # what is divided by eps last may have been some
            return True
        difference = 0
        if not self.along and len(self.arguments) > 1:
            difference = abs(self.arguments[0] - self.arguments[1])
        return self._smallest < tiny or 0 < difference < tiny

    def product_scale(self, dtype: str, *, slope: bool = False) -> float:
        """Size of a product below which a factor may be subnormal; 0 if there is none.

        A step of the factor is multiplied by the largest argument: that is its last place there.
        Each term of a row may lose half a step; 4 steps are allowed anyhow.
        """
        if self.name not in SHARES if self.along else not slope:
            return 0.0
        terms = max(1.0, len(self.arguments[0]) / 8) if self.along else 1.0
        return _float(float(np.finfo(dtype).tiny) * terms * self._largest_finite)

    def slope_scale(self, place: int, index: int) -> float:
        """Size of what a derivative is a difference of; 0 if it is none."""
        size = SLOPE_DIFFERENCES.get(self.name)
        if size is None:
            return 0.0
        if (place, index) not in self._slope_scales:
            found = size(place, index, *self.arguments, *self.parameters)
            self._slope_scales[place, index] = _float(found)
        return self._slope_scales[place, index]


def _exact(x: Any) -> Any:
    if np.ndim(x):
        return [_exact(v) for v in x]
    if isinstance(x, np.integer):
        return int(x)
    return mp.sign(x) * _BEYOND if np.isinf(x) else mp.mpf(float(x))


def _float(x: Any) -> float:
    return float(x) if x < _LARGEST_FLOAT else math.inf


def units(found: Any, truth: Any, scale: float) -> float | None:
    """Error in units in the last place of the truth, or of a larger scale.

    None where the truth is beyond the dtype.
    """
    with np.errstate(over="ignore"):
        size, scale = abs(found.dtype.type(float(truth))), found.dtype.type(scale)
    if np.isinf(size):
        return None
    if np.isinf(scale):  # what it is a difference of is beyond the dtype
        return 0.0
    size = max(size, scale)
    return float(abs(mp.mpf(float(found)) - truth) / float(np.spacing(size)))
