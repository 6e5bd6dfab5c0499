"""At a kink the derivative is that of one side or between both; where there is none, it is exact.

The arguments lie on a grid, so that many agree, tie, or are just as far apart as a margin says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from cases import PLAIN, Case, every
from oracles import ORACLES
from oracles.mathematics import Around

import lossary
from lossary.domains import BOXES, REAL

STEP = mp.mpf(10) ** -40
Sides = tuple[float, float]
#: Their kinks are where no row of the grid is: at probabilities that agree or are 0, at zero
#: vectors, at distances that differ by the margin, at an epsilon that is no whole number.
WITHOUT = {
    "cosine_distance",
    "cosine_similarity_loss",
    "epsilon_insensitive_loss",
    "focal_tversky_loss",
    "gaussian_nll_loss",
    "hellinger_distance",
    "total_variation_distance",
    "triplet_loss",
    "wasserstein_distance-probabilities",
}


@every(case for case in PLAIN if not (case.loss.smooth or case.loss.evaluation))
def test_derivatives_lie_between_those_of_both_sides(case: Case) -> None:
    arrays = _on_a_grid(case)
    with lossary.options(domain="ignore"):
        slopes = lossary.grad(case.loss.function, tuple(case.floats))(
            *arrays, reduction="sum", **case.shape
        )
    kinks = 0
    for row in range(len(arrays[0])) if case.shape else np.ndindex(arrays[0].shape):
        for place, found in zip(case.floats, slopes, strict=True):
            sides = _sides(case, [x[row] for x in arrays], place)
            for slope, (low, high) in zip(np.ravel(found[row]), sides, strict=True):
                kinks += high - low > 1e-9
                assert low - 1e-9 <= slope <= high + 1e-9, (row, place)
    assert (kinks > 0) != (case.title in WITHOUT)


def _on_a_grid(case: Case) -> list[np.ndarray]:
    """Return the arguments, rounded to whole numbers where these are in the domain."""
    if case.loss.targets is BOXES:
        return [*_boxes_on_a_grid(50)]
    found = []
    for name, x in zip(case.loss.arguments, case.arrays, strict=True):
        domain = case.loss.domains.get(name, REAL)
        whole = np.round(x)
        if x.dtype.kind != "f" or domain.probabilities or "log" in domain.name:
            found.append(x)
        else:
            found.append(np.where(domain.contains(whole), whole, x) if domain.contains else whole)
    return found


def _boxes_on_a_grid(count: int) -> np.ndarray:
    """Return boxes of which many touch, have edges in common, or have no width; none is a point."""
    corners = np.sort(np.random.default_rng(0).integers(0, 4, (2, 2 * count, 2, 2)), axis=2)
    wide = (corners[:, :, 1] > corners[:, :, 0]).any(axis=-1).all(axis=0)
    return corners[:, wide][:, :count].reshape(2, count, 4).astype(float)


def _sides(case: Case, arguments: list[Any], place: int) -> Iterator[Sides]:
    """Yield the smaller and the larger exact one-sided derivative along each element."""
    parameters = case.loss.parameters.values()
    given = [_exact(x) for x in arguments]
    with mp.workdps(100):
        around = Around(ORACLES[case.loss.name], *given, *parameters)
        for index in range(np.size(arguments[place])):
            slopes = [
                (around(*_moved(given, place, index, step), *parameters) - around.value) / step
                for step in (-STEP, STEP)
            ]
            yield min(map(float, slopes)), max(map(float, slopes))


def _exact(x: Any) -> Any:
    if np.ndim(x):
        return [mp.mpf(float(v)) for v in x]
    return int(x) if isinstance(x, np.integer) else mp.mpf(float(x))


def _moved(given: list[Any], place: int, index: int, step: Any) -> list[Any]:
    x = given[place]
    x = [v + step * (i == index) for i, v in enumerate(x)] if isinstance(x, list) else x + step
    return [*given[:place], x, *given[place + 1 :]]


def test_boxes_that_touch_are_drawn_together() -> None:
    first, second = [[0.0, 0.0, 1.0, 1.0]], [[1.0, 0.0, 2.0, 1.0]]
    slope = lossary.grad(lossary.generalized_box_iou_loss)(first, second)
    # 1 - d / (2 - d) where they overlap by d, and 1 + d / (2 + d) where they are apart by d.
    np.testing.assert_allclose(slope[0, 2], -0.5, rtol=1e-6)


@pytest.mark.parametrize("loss", lossary.list_losses(family="boxes"), ids=lambda loss: loss.name)
def test_equal_boxes_stay_equal(loss: lossary.Loss) -> None:
    boxes = np.array([[0.0, 0.0, 2.0, 1.0]])
    assert abs(lossary.grad(loss.function)(boxes, boxes)).max() < 1e-6
