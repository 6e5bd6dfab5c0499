"""Formulas over classes with several passes: in every layout as plain array operations say."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import BY_NAME

import lossary
from lossary.formula import (
    at_label,
    class_count,
    class_index,
    exp,
    max_over_classes,
    norm,
    softplus,
    sum_over_classes,
    where,
)
from lossary.formula.expression import argument

Formula = Callable[[Any, Any], Any]

FORMULAS: dict[str, Formula] = {
    "a power of shares of the largest": lambda x, t: sum_over_classes(
        (exp(x) / max_over_classes(exp(x))) ** 2
    ),
    "a norm of exponentials": lambda x, t: norm(exp(x)),
    "a maximum times a sum": lambda x, t: max_over_classes(softplus(x)) * sum_over_classes(x * t),
    "one class by its number": lambda x, t: at_label(exp(x), 2) + sum_over_classes(t),
    "the last class": lambda x, t: at_label(x * t, class_count() - 1),
    "a class that there is not": lambda x, t: at_label(x, 1000) + sum_over_classes(t),
    "classes compared with numbers": lambda x, t: sum_over_classes(
        where(class_index() == 1, exp(x), where(class_index() == 2, x, 0))
        + where(class_index() < 1.5, t, 0)
    ),
    "a class compared with no whole number": lambda x, t: sum_over_classes(
        where(class_index() == 1.5, x, t)
    ),
    "a sum": lambda x, t: sum_over_classes(x),
    "a position": lambda x, t: sum_over_classes(where(class_index() == x, t, x)),
}
LAYOUTS = {"few": ((64, 4), -1), "many": ((3, 150), -1), "middle": ((3, 40, 6), 1)}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_kernels_compute_what_plain_operations_do(name: str, layout: str) -> None:
    @lossary.loss(axis=LAYOUTS[layout][1])
    def class_loss(inputs: Any, targets: Any) -> Any:
        return FORMULAS[name](inputs, targets)

    rng = np.random.default_rng(0)
    shape, _ = LAYOUTS[layout]
    given = [rng.normal(size=shape), rng.uniform(0.5, 2, shape)]
    plain = [BY_NAME["strict"].array(x) for x in given]
    derived = lossary.value_grad_hess(class_loss)
    found, expected = derived(*given), [np.asarray(x) for x in derived(*plain)]
    assert_close(class_loss(*given), expected[0], rtol=1e-12)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("number", [-1, 0.5, math.nan])
def test_a_class_number_is_a_whole_number_from_0(number: float) -> None:
    with pytest.raises(TypeError, match=f"a whole number from 0, got {number}. Write class_count"):
        at_label(argument("inputs"), number)
