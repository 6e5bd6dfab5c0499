"""Hard arguments for every registered loss: what a formula meets at the ends of its domain.

Elementwise losses get pairs of all magnitudes and both signs, zeros, subnormal numbers,
infinities, the neighbours of kinks, and pairs that are nearly equal. Losses along an axis get rows
that one class dominates, ties, nearly equal rows, rows of all magnitudes, impossible classes.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from cases import Case
from oracles import HARD_ARGUMENTS

import lossary
from lossary.domains import REAL, Domain

POINTS, ROWS = 300, 48
CLASS_COUNTS = (2, 5)
DTYPES = ("float32", "float64")

_SIZES = (1e-30, 1e-8, 1e-4, 0.3, 1.0, 1.7, 5.0, 20.0, 87.0, 104.0, 1e4, 1e8, 1e30)
_EXTREMES = {"float32": (1e-40,), "float64": (1e-310, 1e-300, 1e-150, 745.0, 1e150, 1e300)}
_DECADES = {"float32": 30, "float64": 300}


@dataclass(frozen=True, eq=False)
class HardCase:
    """A loss with hard arguments, which are made when they are asked for."""

    loss: lossary.Loss
    title: str
    parameters: dict[str, object]
    labels: bool | None
    dtype: str
    points: int
    rows: int
    classes: int

    @functools.cached_property
    def case(self) -> Case:
        """The loss with the arguments as exact float64 numbers."""
        return Case(self.loss, self.title, tuple(self._arrays()), self.parameters)

    def _arrays(self) -> Iterable[np.ndarray]:
        elementwise, classes = self.loss.axis is None, self.loss.length or self.classes
        if self.loss.name in HARD_ARGUMENTS:
            size = self.points if elementwise else self.rows
            make = HARD_ARGUMENTS[self.loss.name]
            return make(np.random.default_rng(0), self.dtype, size, classes)
        sets = _sets(self.loss, self.parameters, self.labels)
        if elementwise:
            return _elements(sets, self.dtype, self.points)
        return _rows(self.loss, sets, self.dtype, self.rows, classes)


def stress_cases(
    dtype: str, points: int = POINTS, rows: int = ROWS, classes: int = 5
) -> Iterator[HardCase]:
    """Yield every loss and variant with hard arguments of a dtype."""
    for loss in lossary.list_losses():
        flags = [n for n in sorted(loss.structure) if isinstance(loss.parameters[n], bool)]
        for changed in ({}, *({name: not loss.parameters[name]} for name in flags)):
            for labels in _kinds_of_targets(loss):
                title = "-".join([loss.name, *changed, *["probabilities"] * (labels is False)])
                yield HardCase(loss, title, changed, labels, dtype, points, rows, classes)


def _kinds_of_targets(loss: lossary.Loss) -> list[bool | None]:
    """Labels (True), probabilities (False), or neither (None)."""
    if not loss.takes_labels:
        return [None]
    return [True, False] if loss.takes_probabilities else [True]


@dataclass(frozen=True)
class ValueSet:
    """What an argument's values are: a kind, and a test of numbers."""

    kind: str
    contains: Callable[[np.ndarray], np.ndarray]
    choices: tuple[float, ...] = ()
    extra_labels: int = 0

    def inside(self, values: Iterable[float]) -> list[float]:
        """Return those of the numbers that are in the set."""
        array = np.array(list(values), dtype=np.float64)
        return array[self.contains(array)].tolist()


def _sets(loss: lossary.Loss, changed: dict[str, object], labels: bool | None) -> list[ValueSet]:
    """Return the values that each argument may have."""
    values = {**loss.parameters, **changed}
    return [
        _set(loss.domains.get(name, REAL), values, bool(labels) and name == "targets")
        for name in loss.arguments
    ]


def _set(domain: Domain, values: dict[str, Any], labels: bool) -> ValueSet:
    if labels:
        return ValueSet("labels", np.isfinite, extra_labels=domain.extra_labels)
    if domain.is_real or (domain.unless and values.get(domain.unless)) or not domain.contains:
        return ValueSet("real", lambda x: np.full(x.shape, True))
    known = {"unit_interval": "share", "probabilities": "share", "multi_hot": "share"}
    kind = "probabilities" if domain.probabilities else known.get(domain.name, domain.name)
    parameters = [values[name] for name in domain.parameters]
    choices = domain.two_classes if domain.two_classes and kind != "share" else ()
    return ValueSet(kind, lambda x: np.asarray(domain.contains(x, *parameters)), choices or ())


# --- elementwise losses -------------------------------------------------------------------------
def grid(values: ValueSet, dtype: str) -> list[float]:
    """Return the hard numbers of a set."""
    info = np.finfo(dtype)
    least, below_one = float(info.smallest_subnormal), float(1 - info.epsneg)
    above_one = float(1 + info.eps)
    if values.choices:
        return list(values.choices)
    if values.kind in {"share", "probabilities"}:
        near = [least, float(info.tiny), 1e-30, 1e-7]
        return [0.0, *near, 0.25, 0.5, 0.75, 1 - 1e-6, below_one, 1.0]
    sizes = [0.0, least, float(info.tiny), *_EXTREMES[dtype], *_SIZES, below_one, above_one]
    if values.kind == "real":
        sizes.append(math.inf)
    return values.inside(sorted({sign * size for size in sizes for sign in (1, -1)}))


def _elements(sets: list[ValueSet], dtype: str, points: int) -> tuple[np.ndarray, ...]:
    """Return points from the product of the grids, random ones, and pairs that nearly agree."""
    rng = np.random.default_rng(0)
    grids = [grid(values, dtype) for values in sets]
    product = _product(rng, grids)
    product = [p for p in product if sum(map(math.isinf, p)) < 2]
    places = rng.choice(len(product), min(len(product), points), replace=False)
    chosen = [product[place] for place in places]
    chosen += zip(*(_random(rng, values, dtype, points // 3) for values in sets), strict=True)
    if _are_compared(sets):
        pairs = [(near, a) for a in grids[1] if math.isfinite(a) for near in _near(a, dtype)]
        pairs = [pair for pair in pairs if sets[0].inside(pair[:1])]
        kept = rng.choice(len(pairs), min(len(pairs), 2 * points), replace=False)
        chosen += [(*pairs[i], *(float(rng.choice(g)) for g in grids[2:])) for i in sorted(kept)]
    return tuple(np.array(column) for column in zip(*chosen, strict=True))


def _product(rng: np.random.Generator, grids: list[list[float]]) -> list[tuple[float, ...]]:
    """Return the product of the grids, or points drawn from it where it has millions."""
    if math.prod(map(len, grids)) <= 1e6:
        return list(itertools.product(*grids))
    drawn = [rng.choice(g, 20_000) for g in grids]
    return [tuple(map(float, point)) for point in zip(*drawn, strict=True)]


def _are_compared(sets: list[ValueSet]) -> bool:
    """Return whether the loss compares its first two arguments, which are of one kind."""
    return len(sets) > 1 and all(
        x.kind not in {"share", "probabilities"} and not x.choices for x in sets[:2]
    )


def _near(a: float, dtype: str) -> list[float]:
    """Return numbers near this one, and at distance 1, where several losses have their kink."""
    real = np.dtype(dtype).type
    near = [np.nextafter(real(a), real(side)) for side in (-math.inf, math.inf)]
    for kink in (real(a) - real(1), real(a) + real(1)):
        near += [kink, *(np.nextafter(kink, real(side)) for side in (-math.inf, math.inf))]
    return [float(x) for x in [*near, real(a * (1 + 1e-6)), real(a * (1 - 1e-3))]]


def _random(rng: np.random.Generator, values: ValueSet, dtype: str, size: int) -> list[float]:
    """Return random numbers of a set, of every magnitude."""
    most = _DECADES[dtype]
    if values.choices:
        return list(rng.choice(values.choices, size))
    if values.kind in {"share", "probabilities"}:
        small = 10.0 ** rng.uniform(-most, 0, size)
        return list(np.where(rng.random(size) < 0.5, small, 1 - small**0.2))
    sizes = 10.0 ** np.where(
        rng.random(size) < 0.5, rng.uniform(-4, 4, size), rng.uniform(-most, most, size)
    )
    signed = sizes * rng.choice([-1.0, 1.0], size)
    return list(np.where(values.contains(signed), signed, abs(signed)))


# --- losses along an axis -----------------------------------------------------------------------
def _rows(
    loss: lossary.Loss, sets: list[ValueSet], dtype: str, rows: int, classes: int
) -> tuple[np.ndarray, ...]:
    """Return rows of all kinds; what follows a row of numbers is now and then near to it."""
    rng = np.random.default_rng(0)
    kinds = [values.kind for values in sets]
    along = [name not in loss.rows for name in loss.arguments]
    if [k for k, x in zip(kinds, along, strict=True) if x].count("real") > 1:
        vectors = iter(_vectors(rng, sum(along), dtype, rows, classes))
        return tuple(
            next(vectors) if is_along else np.array(_random(rng, values, dtype, rows))
            for values, is_along in zip(sets, along, strict=True)
        )
    arrays: list[np.ndarray] = []
    for values, is_along in zip(sets, along, strict=True):
        if not is_along:
            arrays.append(np.array(_random(rng, values, dtype, rows)))
        else:
            arrays.append(_along(rng, values, dtype, (rows, classes), not arrays))
    return tuple(arrays)


def _along(
    rng: np.random.Generator, values: ValueSet, dtype: str, shape: tuple[int, int], first: bool
) -> np.ndarray:
    """Return one argument with values along the class axis, or labels."""
    rows, classes = shape
    if values.kind == "labels":
        return rng.integers(0, classes + values.extra_labels, rows)
    if values.choices:
        return rng.choice(values.choices, shape)
    if values.kind == "real":
        return np.array([_logits(rng, dtype, classes, i) for i in range(rows)])
    if values.kind == "log_probabilities" and first:  # predictions need not be normalised
        return -abs(np.array([_logits(rng, dtype, classes, i) for i in range(rows)]))
    shares = np.array([_shares(rng, dtype, classes, i) for i in range(rows)])
    with np.errstate(divide="ignore"):
        return np.log(shares) if values.kind == "log_probabilities" else shares


def _logits(rng: np.random.Generator, dtype: str, classes: int, place: int) -> np.ndarray:
    """Return a row: spread out, dominated, tied, nearly tied, of all magnitudes, impossible."""
    info = np.finfo(dtype)
    row = rng.normal(size=classes)
    most = _DECADES[dtype]
    match place % 8:
        case 0:
            row *= 10.0 ** rng.uniform(-3, 2)
        case 1:
            row[rng.integers(classes)] += rng.choice([5.0, 20.0, 60.0, 95.0, 600.0, 1e4])
        case 2:
            row[:] = 10.0 ** rng.uniform(-most, most)
        case 3:
            row = 10.0 ** rng.uniform(-3, most) * (1 + info.eps * np.round(4 * row))
        case 4:
            row = np.sign(row) * 10.0 ** rng.uniform(-most, most, classes)
        case 5:
            row[rng.integers(classes)] = -math.inf
        case 6:
            row *= float(info.tiny)
        case 7:
            row = 1000 + 10 * row
    return row


def _shares(rng: np.random.Generator, dtype: str, classes: int, place: int) -> np.ndarray:
    """Return probabilities: certain, with impossible classes, down to the smallest, even."""
    sure = np.zeros(classes)
    sure[rng.integers(classes)] = 1.0
    # A small concentration gives shares down to 1e-10.
    shares = rng.dirichlet(np.full(classes, 0.3))
    match place % 5:
        case 0:
            return sure
        case 1:
            return np.where(rng.random(classes) < 0.3, 0.0, shares)
        case 2:
            return np.maximum(shares, float(np.finfo(dtype).smallest_subnormal))
        case 3:
            return np.maximum(sure - float(np.finfo(dtype).epsneg), 1e-30)
    return np.full(classes, 1 / classes)


def _vectors(
    rng: np.random.Generator, count: int, dtype: str, rows: int, size: int
) -> tuple[np.ndarray, ...]:
    """Return vectors of all lengths: unrelated, nearly equal, opposite, identical, zero."""
    most = _DECADES[dtype]
    arrays = [np.empty((rows, size)) for _ in range(count)]
    for place in range(rows):
        scale = 10.0 ** (rng.uniform(-most, most) if place % 2 else rng.uniform(-3, 3))
        first = rng.normal(size=size) * scale
        arrays[0][place] = first
        for other in arrays[1:]:
            match rng.integers(7):
                case 0:
                    other[place] = first * (1 + 1e-6 * rng.normal(size=size))
                case 1:
                    other[place] = -first
                case 2:
                    other[place] = first
                case 3:
                    other[place] = 0.0
                case 4:
                    other[place] = rng.normal(size=size) * 10.0 ** rng.uniform(-most, most)
                case _:
                    other[place] = rng.normal(size=size) * scale
    return tuple(arrays)
