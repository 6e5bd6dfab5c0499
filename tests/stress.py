"""Hard arguments for every registered loss: what a formula meets at the ends of its domain.

Elementwise losses get pairs of all magnitudes and both signs, zeros, subnormal numbers,
infinities, the neighbours of kinks, and pairs that are nearly equal. Losses along an axis get rows
that one class dominates, ties, nearly equal rows, rows of all magnitudes, impossible classes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from cases import Case

import lossary

POINTS, ROWS = 300, 48
CLASS_COUNTS = (2, 5)
DTYPES = ("float32", "float64")

_SIZES = (1e-30, 1e-8, 1e-4, 0.3, 1.0, 1.7, 5.0, 20.0, 87.0, 104.0, 1e4, 1e8, 1e30)
_EXTREMES = {"float32": (1e-40,), "float64": (1e-310, 1e-300, 1e-150, 745.0, 1e150, 1e300)}
_DECADES = {"float32": 30, "float64": 300}


def stress_cases(
    dtype: str, points: int = POINTS, rows: int = ROWS, classes: int = 5
) -> Iterator[Case]:
    """Yield every loss and variant with hard arguments of a dtype, as exact float64 numbers."""
    for loss in lossary.list_losses():
        flags = [n for n in sorted(loss.structure) if isinstance(loss.parameters[n], bool)]
        for changed in ({}, *({name: not loss.parameters[name]} for name in flags)):
            for labels in _kinds_of_targets(loss):
                title = "-".join([loss.name, *changed, *["probabilities"] * (labels is False)])
                kinds = _domains(loss, changed, labels)
                if loss.axis is None:
                    arrays = _elements(kinds, dtype, points)
                else:
                    arrays = _rows(kinds, dtype, rows, classes)
                yield Case(loss, title, arrays, changed)


def _kinds_of_targets(loss: lossary.Loss) -> list[bool | None]:
    """Labels (True), probabilities (False), or neither (None)."""
    if not loss.takes_labels:
        return [None]
    return [True, False] if loss.takes_probabilities else [True]


def _domains(loss: lossary.Loss, changed: dict[str, object], labels: bool | None) -> list[str]:
    """Name the domain of each argument."""
    values = {**loss.parameters, **changed}
    kinds = []
    for name in loss.arguments:
        domain = loss.domains.get(name)
        lifted = domain is None or bool(domain.unless and values.get(domain.unless))
        kind = "real" if domain is None or lifted else domain.name
        if kind == "classes_or_probabilities":
            kind = "class_labels" if labels else "probabilities"
        kinds.append(kind)
    return kinds


# --- elementwise losses -------------------------------------------------------------------------
def grid(kind: str, dtype: str) -> list[float]:
    """Return the hard numbers of a domain."""
    info = np.finfo(dtype)
    least, below_one = float(info.smallest_subnormal), float(1 - info.epsneg)
    above_one = float(1 + info.eps)
    if kind == "plus_minus_one":
        return [-1.0, 1.0]
    if kind in {"unit_interval", "probabilities"}:
        near = [least, float(info.tiny), 1e-30, 1e-7]
        return [0.0, *near, 0.25, 0.5, 0.75, 1 - 1e-6, below_one, 1.0]
    sizes = [0.0, least, float(info.tiny), *_EXTREMES[dtype], *_SIZES, below_one, above_one]
    if kind == "nonnegative":
        return sizes
    sizes.append(math.inf)
    return sorted({sign * size for size in sizes for sign in (1, -1)})


def _elements(kinds: list[str], dtype: str, points: int) -> tuple[np.ndarray, ...]:
    """Return points from the product of the grids, random ones, and pairs that nearly agree."""
    rng = np.random.default_rng(0)
    grids = [grid(kind, dtype) for kind in kinds]
    product = [p for p in itertools.product(*grids) if sum(map(math.isinf, p)) < 2]
    places = rng.choice(len(product), min(len(product), points), replace=False)
    chosen = [product[place] for place in places]
    chosen += zip(*(_random(rng, kind, dtype, points // 3) for kind in kinds), strict=True)
    if kinds[:2] == ["real", "real"]:
        pairs = [(near, a) for a in grids[0] if math.isfinite(a) for near in _near(a, dtype)]
        chosen += [(*pair, *(float(rng.choice(g)) for g in grids[2:])) for pair in pairs]
    return tuple(np.array(column) for column in zip(*chosen, strict=True))


def _near(a: float, dtype: str) -> list[float]:
    """Return numbers near this one, and at distance 1, where several losses have their kink."""
    real = np.dtype(dtype).type
    near = [np.nextafter(real(a), real(side)) for side in (-math.inf, math.inf)]
    for kink in (real(a) - real(1), real(a) + real(1)):
        near += [kink, *(np.nextafter(kink, real(side)) for side in (-math.inf, math.inf))]
    return [float(x) for x in [*near, real(a * (1 + 1e-6)), real(a * (1 - 1e-3))]]


def _random(rng: np.random.Generator, kind: str, dtype: str, size: int) -> list[float]:
    """Return random numbers of a domain, of every magnitude."""
    most = _DECADES[dtype]
    if kind == "plus_minus_one":
        return list(rng.choice([-1.0, 1.0], size))
    if kind in {"unit_interval", "probabilities"}:
        small = 10.0 ** rng.uniform(-most, 0, size)
        return list(np.where(rng.random(size) < 0.5, small, 1 - small**0.2))
    sizes = 10.0 ** np.where(
        rng.random(size) < 0.5, rng.uniform(-4, 4, size), rng.uniform(-most, most, size)
    )
    return list(sizes if kind == "nonnegative" else sizes * rng.choice([-1.0, 1.0], size))


# --- losses along an axis -----------------------------------------------------------------------
def _rows(kinds: list[str], dtype: str, rows: int, classes: int) -> tuple[np.ndarray, ...]:
    """Return rows of all kinds; what follows a row of numbers is now and then near to it."""
    rng = np.random.default_rng(0)
    if kinds.count("real") > 1:
        return _vectors(rng, kinds, dtype, rows, classes)
    arrays = []
    for kind in kinds:
        if kind == "class_labels":
            arrays.append(rng.integers(0, classes, rows))
        elif kind == "real":
            arrays.append(np.array([_logits(rng, dtype, classes, i) for i in range(rows)]))
        elif kind == "log_probabilities" and not arrays:  # predictions need not be normalised
            arrays.append(-abs(np.array([_logits(rng, dtype, classes, i) for i in range(rows)])))
        else:
            shares = np.array([_shares(rng, dtype, classes, i) for i in range(rows)])
            with np.errstate(divide="ignore"):
                arrays.append(np.log(shares) if kind == "log_probabilities" else shares)
    return tuple(arrays)


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
    rng: np.random.Generator, kinds: list[str], dtype: str, rows: int, size: int
) -> tuple[np.ndarray, ...]:
    """Return vectors of all lengths: unrelated, nearly equal, opposite, identical, zero."""
    most = _DECADES[dtype]
    arrays = [np.empty((rows, size)) for _ in kinds]
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
