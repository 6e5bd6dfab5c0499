"""Arrays reach a kernel in the one form in which it was compiled, and are not kept."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

import lossary
from lossary.kernels import host

LOGITS = np.linspace(-2, 2, 12, dtype=np.float32).reshape(4, 3)
LABELS = np.array([0, 2, 1, 1])


def compiled() -> int:
    """Return how many signatures all kernels together are compiled for."""
    return sum(len(kernel.function.signatures) for kernel in host._kernels.values())


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "uint32"])
def test_labels_of_any_integer_dtype_share_a_kernel(dtype: str) -> None:
    expected = lossary.cross_entropy(LOGITS, LABELS)
    before = compiled()
    for _ in range(2):  # the second call takes the recipe of the first
        result = lossary.cross_entropy(LOGITS, LABELS.astype(dtype))
        np.testing.assert_array_equal(result, expected)
    assert compiled() == before


def test_a_remembered_call_keeps_none_of_its_arrays() -> None:
    logits, class_weights = LOGITS.copy(), np.array([1.0, 2.0, 3.0], np.float32)
    mask = np.array([True, False, True, True])
    lossary.cross_entropy(logits, LABELS, where=mask, class_weights=class_weights, reduction="sum")
    held = [weakref.ref(x) for x in (logits, class_weights, mask)]
    del logits, class_weights, mask
    assert all(reference() is None for reference in held)
