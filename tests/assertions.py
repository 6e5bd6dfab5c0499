"""Comparisons that raise."""

from __future__ import annotations

from typing import Any

import numpy as np


def assert_close(
    found: Any, expected: Any, rtol: float = 0.0, atol: float = 0.0, of: str = ""
) -> None:
    """Check shapes and values; NaN equals NaN. ``of`` says what they are."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol, err_msg=of)


def assert_same_bits(found: Any, expected: Any) -> None:
    """Check that two arrays hold the same bits."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()
