"""What a loss declares about itself is true: vectors, convexity, smoothness, Lipschitz constants.

The facts are about the first argument, with the parameters' defaults. A fact that is declared
wrongly in either direction fails: a loss that is said not to be convex has a chord below it.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pytest
from cases import PLAIN, Case, every
from oracles import ARGUMENTS, ORACLES, VECTORS

import lossary
from lossary.domains import REAL

EVERY = every(PLAIN)
#: A slope that still jumps across so short an interval is a kink.
_WIDTH = 1e-9


def test_no_table_of_a_family_is_overwritten() -> None:
    for path in Path(oracles.__file__).parent.glob("*.py"):
        body = ast.parse(path.read_text("utf-8")).body
        written = [ast.unparse(x.target) for x in body if isinstance(x, ast.AnnAssign)]
        assert len(written) == len(set(written)), path.name


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_vectors(name: str) -> None:
    for arguments, parameters, expected in VECTORS[name]:
        with lossary.options(domain="ignore"):
            found = getattr(lossary, name)(*arguments, reduction="sum", **parameters)
        assert float(found) == pytest.approx(expected, rel=2e-11, abs=0), (arguments, parameters)


def test_every_loss_has_an_oracle() -> None:
    assert {loss.name for loss in lossary.list_losses()} == set(ORACLES)


@EVERY
def test_convexity(case: Case) -> None:
    if case.loss.convex is None:
        pytest.skip("nothing is declared")
    rng = np.random.default_rng(1)
    above = 0.0
    for chosen, scale in itertools.product(_with_other_targets(case), (0.1, 1.0, 5.0)):
        for _ in range(60):
            a, b = _points(case, rng, scale), _points(case, rng, scale)
            share = rng.uniform(0.05, 0.95)
            low, high, middle = (_values(chosen, x) for x in (a, b, share * a + (1 - share) * b))
            chord = share * low + (1 - share) * high
            above = max(above, float((middle - chord - 1e-12 * (1 + abs(chord))).max()))
    assert (above <= 0.0) == case.loss.convex, above


@EVERY
def test_lipschitz_constants_hold_and_are_attained(case: Case) -> None:
    constant = case.loss.lipschitz_constant()
    if constant is None:
        pytest.skip("nothing is declared")
    rng = np.random.default_rng(2)
    largest = 0.0
    for scale in (1e-3, 0.1, 1.0, 10.0, 1e3):
        for _ in range(20):
            slopes = _slopes(_with_extreme_targets(case), _points(case, rng, scale))
            if case.loss.axis is not None:
                slopes = np.sqrt((slopes**2).sum(axis=-1))
            largest = max(largest, float(abs(slopes).max()))
    assert largest <= constant * (1 + 1e-9)
    assert largest >= 0.95 * constant


@EVERY
def test_smoothness(case: Case) -> None:
    if case.loss.smooth is None:
        pytest.skip("nothing is declared")
    if case.loss.evaluation:
        assert not case.loss.smooth  # the value itself jumps, which slopes do not show
        return
    rng = np.random.default_rng(3)
    jump = 0.0
    for _ in range(4):
        start, end = _points(case, rng, 4.0), _points(case, rng, 4.0)
        through_zero = end if _has_bounds(case) else -start
        jump = max(jump, _jump(case, start, end), _jump(case, start, through_zero))
    assert (jump < 1e-3) == case.loss.smooth, jump


def _points(case: Case, rng: np.random.Generator, scale: float) -> np.ndarray:
    """Return first arguments of a case: inside the domain, of a scale where that is the line."""
    first = case.arrays[0]
    if case.loss.name in ARGUMENTS:
        return scale * ARGUMENTS[case.loss.name](rng, *first.shape)[0]
    if not _has_bounds(case):
        # With a number in common, on which some losses of logits depend.
        return scale * (rng.normal(size=first.shape) + rng.normal())
    least, largest = case.loss.domains[case.loss.arguments[0]].typical
    return rng.uniform(least + 1e-3, largest - 1e-3, first.shape)


def _has_bounds(case: Case) -> bool:
    domain = case.loss.domains.get(case.loss.arguments[0], REAL)
    lifted = domain.unless and case.loss.parameters.get(domain.unless)
    return case.loss.name in ARGUMENTS or not (domain.is_real or lifted)


def _with_other_targets(case: Case) -> list[Case]:
    """Return the case, and where there are such targets the one with extreme targets."""
    extreme = _with_extreme_targets(case)
    return [case] if extreme is case else [case, extreme]


def _with_extreme_targets(case: Case) -> Case:
    """Return the case with targets at the ends of their interval, where slopes are largest."""
    shares = case.loss.targets.probabilities and "probabilities" in case.title
    if not shares and case.loss.targets.name != "unit_interval":
        return case
    position = case.loss.arguments.index("targets")
    targets = case.arrays[position]
    largest = targets == targets.max(axis=-1, keepdims=True)
    extreme = np.where(largest, 1.0, 0.0) if shares else np.round(targets)
    arrays = [extreme if i == position else x for i, x in enumerate(case.arrays)]
    return dataclasses.replace(case, arrays=tuple(arrays))


def _values(case: Case, first: np.ndarray) -> np.ndarray:
    with lossary.options(domain="ignore"):
        return np.asarray(case(first, *case.arrays[1:]))


def _slopes(case: Case, first: np.ndarray) -> np.ndarray:
    options: dict[str, Any] = {**case.shape, "reduction": "none"}
    with lossary.options(domain="ignore"):
        return np.asarray(lossary.grad(case.loss.function)(first, *case.arrays[1:], **options))


def _jump(case: Case, start: np.ndarray, end: np.ndarray) -> float:
    """Return the largest jump of the slope along a segment, beside 1 and the slope itself.

    Each element (or row) has its own segment, cut in 200 parts; the part with the largest change is
    halved again and again, keeping the half with the larger change, until it is very short.
    """
    along = case.loss.axis is not None
    rows = start.shape[:1] if along else start.shape

    def slope(position: np.ndarray) -> np.ndarray:
        place = position[:, None] if along else position
        found = _slopes(case, start + place * (end - start)) * (end - start)
        return found.sum(axis=-1) if along else found

    grid = np.linspace(0.0, 1.0, 201)
    at = np.stack([slope(np.full(rows, x)) for x in grid])
    first = abs(np.diff(at, axis=0)).argmax(axis=0)
    low, high = grid[first], grid[first + 1]
    while float((high - low).max()) > _WIDTH:
        middle = (low + high) / 2
        a, m, b = slope(low), slope(middle), slope(high)
        left = abs(m - a) > abs(b - m)
        low, high = np.where(left, low, middle), np.where(left, middle, high)
    above, below = slope(high), slope(low)
    return float((abs(above - below) / (1 + abs(above))).max())
