"""Blocks of rows are transposed into scratch memory and back, whatever their size."""

from __future__ import annotations

import numpy as np
import pytest

from lossary.kernels import transpose

LANES = 64


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 100])
@pytest.mark.parametrize("width", [1, 3, 4, 7, 8, 9, 33, 64])
def test_there_and_back(dtype: str, classes: int, width: int) -> None:
    begin, after = 5, 2
    rows = np.arange((begin + width + after) * classes, dtype=dtype).reshape(-1, classes)
    columns = np.full((classes, LANES), -1, dtype)
    transpose.into_columns(rows, begin, width, columns)
    block = slice(begin, begin + width)
    np.testing.assert_array_equal(columns[:, :width], rows[block].T)
    assert (columns[:, width:] == -1).all()
    back = np.full_like(rows, -1)
    transpose.into_rows(columns, back, begin, width)
    np.testing.assert_array_equal(back[block], rows[block])
    assert (np.delete(back, np.r_[block], axis=0) == -1).all()
