"""Comparisons that raise."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np


def assert_ulps(found: Any, exact: Any, limit: float, scale: float = 0.0) -> None:
    """Check that values lie within so many units in the last place of the exact ones.

    ``scale`` adds an absolute error in units of the last place of that magnitude.
    """
    found = np.asarray(found)
    dtype = found.dtype
    for value, truth in zip(found.ravel().tolist(), np.asarray(exact).ravel(), strict=True):
        rounded = dtype.type(float(truth)) if dtype != np.float64 else np.float64(truth)
        if np.isinf(rounded) or np.isnan(rounded):
            assert value == rounded or (np.isnan(value) and np.isnan(rounded)), (value, truth)
            continue
        unit = float(np.spacing(np.maximum(np.abs(rounded), dtype.type(scale))))
        error = abs(mp.mpf(value) - truth) / unit
        assert error <= limit, f"{value!r} is {float(error):.2f} ulp from {mp.nstr(truth, 20)}"


def assert_close(found: Any, expected: Any, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Check shapes and values; NaN equals NaN."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def assert_same_bits(found: Any, expected: Any) -> None:
    """Check that two arrays hold the same bits."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()
