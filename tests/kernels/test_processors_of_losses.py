"""Losses give the same bits on every processor with fused multiply-add, signs of zero included."""

from __future__ import annotations

from pathlib import Path

import arm
import numpy as np
import pytest
from processors import NARROW, WIDE, can_run, digits
from recorded import DTYPES, LAYOUTS, Kernel, calls, cases, recorded

NEEDS_BOTH = pytest.mark.skipif(
    not (can_run(NARROW) and can_run(WIDE)), reason="this machine runs code of one kind only"
)


def kernels(
    layout: str, dtype: str, *, all_losses: bool = True, all_calls: bool = True
) -> dict[str, Kernel]:
    """Return the kernels of losses by name: of all of them, or of one of each kind.

    If not ``all_calls``, the losses take turns: one's derivatives, the next one's weighted mean.
    """
    found = {}
    for place, case in enumerate(cases(layout, dtype, all_losses=all_losses)):
        chosen = list(calls(case, layout, dtype).items())
        for name, call in chosen if all_calls else [chosen[place % len(chosen)]]:
            kernel = recorded(call)
            assert kernel.geometry.layout == layout.replace("inner", "rows")
            found[f"{case.title}: {name}"] = kernel
    assert len(found) >= (12 if all_calls else 6)
    return found


def assert_same(found: list[np.ndarray], expected: list[np.ndarray], name: str) -> None:
    """Compare bytes; those of NaN are all the same."""
    for ours, theirs in zip(found, expected, strict=True):
        if ours.dtype.kind not in "biu" or ours.dtype == np.uint16:
            ours, theirs = digits(ours), digits(theirs)
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


@NEEDS_BOTH
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors_of_any_width_give_the_same_bits(layout: str, dtype: str) -> None:
    all_losses = dtype == "float32" and layout in {"flat", "rows"}
    found = kernels(layout, dtype, all_losses=all_losses, all_calls=False)
    for name, kernel in found.items():
        assert_same(kernel.run(NARROW, ""), kernel.run(WIDE, ""), name)


@pytest.mark.exhaustive
@NEEDS_BOTH
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_loss_in_every_layout_and_dtype(layout: str, dtype: str) -> None:
    for name, kernel in kernels(layout, dtype).items():
        assert_same(kernel.run(NARROW, ""), kernel.run(WIDE, ""), name)


@pytest.mark.exhaustive
@pytest.mark.skipif(arm.missing() != "", reason=f"needs {arm.missing()}")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_arm_gives_the_same_bits(layout: str, dtype: str, tmp_path: Path) -> None:
    found = kernels(layout, dtype)
    wanted = [
        arm.Call(f"kernel_{number}", kernel.text(f"kernel_{number}"), (kernel.words(),))
        for number, kernel in enumerate(found.values())
    ]
    for (name, kernel), arrays in zip(found.items(), arm.run(wanted, tmp_path), strict=True):
        assert_same(arrays, kernel.run(), name)
