"""Where edges of boxes agree or touch, the derivative is that of one side or between both."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest
from oracles import ORACLES
from oracles.mathematics import Around

import lossary

LOSSES = [loss for loss in lossary.list_losses() if loss.family == "boxes"]
STEP = mp.mpf(10) ** -40


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_derivatives_lie_between_those_of_both_sides(loss: lossary.Loss) -> None:
    boxes = _boxes_on_a_grid(50)
    slopes = np.stack([lossary.grad(loss.function, argnums=k)(*boxes) for k in (0, 1)], axis=1)
    kinks = 0
    for pair, found in zip(np.stack(boxes, axis=1), slopes, strict=True):
        for place in np.ndindex(2, 4):
            low, high = sorted(_sides(loss, pair, place))
            kinks += high - low > 1e-9
            assert low - 1e-9 <= found[place] <= high + 1e-9, (pair, place)
    assert kinks > 20


def _boxes_on_a_grid(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes of which many touch, have edges in common, or have no width; none is a point."""
    corners = np.sort(np.random.default_rng(0).integers(0, 4, (2, 2 * count, 2, 2)), axis=2)
    wide = (corners[:, :, 1] > corners[:, :, 0]).any(axis=-1).all(axis=0)
    first, second = corners[:, wide][:, :count].reshape(2, count, 4).astype(float)
    return first, second


def _sides(loss: lossary.Loss, pair: np.ndarray, place: tuple[int, ...]) -> tuple[float, float]:
    """Return the exact derivatives from the left and from the right."""
    with mp.workdps(100):
        given: list[Any] = [[mp.mpf(x) for x in box] for box in pair.tolist()]
        parameters = loss.parameters.values()
        around = Around(ORACLES[loss.name], *given, *parameters)
        found = []
        for step in (-STEP, STEP):
            moved = [list(box) for box in given]
            moved[place[0]][place[1]] += step
            found.append(float((around(*moved, *parameters) - around.value) / step))
    return found[0], found[1]


def test_boxes_that_touch_are_drawn_together() -> None:
    first, second = [[0.0, 0.0, 1.0, 1.0]], [[1.0, 0.0, 2.0, 1.0]]
    slope = lossary.grad(lossary.generalized_box_iou_loss)(first, second)
    # 1 - d / (2 - d) where they overlap by d, and 1 + d / (2 + d) where they are apart by d.
    np.testing.assert_allclose(slope[0, 2], -0.5, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_equal_boxes_stay_equal(loss: lossary.Loss) -> None:
    boxes = np.array([[0.0, 0.0, 2.0, 1.0]])
    assert abs(lossary.grad(loss.function)(boxes, boxes)).max() < 1e-6
