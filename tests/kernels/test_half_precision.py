"""float16 and bfloat16 are computed in float32 and rounded once, exactly."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from cases import Case, every_kind

import lossary

HALVES = {"float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}


def halved(x: Any, dtype: Any) -> Any:
    return x.astype(dtype) if x.dtype.kind == "f" else x


def widened(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype in HALVES.values() else x


@pytest.mark.parametrize("name", HALVES)
@every_kind()
def test_halves_are_float32_rounded_once(case: Case, name: str) -> None:
    dtype = HALVES[name]
    halves = [halved(x, dtype) for x in case.arrays]
    derived = lossary.value_and_grad(case.loss.function)
    for reduction in ("none", "mean"):
        options = {**case.parameters, "reduction": reduction}
        with lossary.options(domain="ignore"), np.errstate(over="ignore"):
            found = derived(*halves, **options)
            wide = derived(*map(widened, halves), **options)
            for ours, exact in zip(found, wide, strict=True):
                assert ours.dtype == dtype
                np.testing.assert_array_equal(
                    np.asarray(ours, np.float32), np.asarray(exact).astype(dtype).astype(np.float32)
                )
