"""A few rows of fewer than sixteen classes have a kernel without a loop over full vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import PLAIN, Case
from recorded import recorded

import lossary

CASES = [
    case
    for case in PLAIN
    if case.is_representative and case.loss.axis is not None and not case.mixes
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_narrow_rows_give_the_bits_of_rows(case: Case) -> None:
    derived = lossary.value_and_grad(case.loss.function, case.floats)
    kernel = recorded(lambda: derived(*case.cast("float32"), **case.shape))
    assert kernel.geometry.layout == "narrow rows"
    rows = replace(kernel, geometry=kernel.geometry._replace(layout="rows"))
    for found, expected in zip(kernel.run(), rows.run(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert kernel.text().count("\n") < rows.text().count("\n")


@pytest.mark.parametrize(("shape", "layout"), [((3, 15), "narrow rows"), ((3, 16), "rows")])
def test_which_rows_are_narrow(shape: tuple[int, int], layout: str) -> None:
    x = np.zeros(shape)
    assert recorded(lambda: lossary.kl_div_loss(x, x)).geometry.layout == layout
