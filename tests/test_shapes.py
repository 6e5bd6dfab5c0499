"""Shapes, axes, strides and memory layouts."""

from __future__ import annotations

import numpy as np
import pytest
from assertions import assert_close
from cases import PLAIN, Case, every_kind
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from libraries import ANYWHERE, HALVES, Library

import lossary

AXIS = [case for case in PLAIN if case.loss.axis is not None]


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_column_against_row_is_an_error(library: object) -> None:
    column, row = library.array(np.ones((3, 1))), library.array(np.ones(3))  # type: ignore[attr-defined]
    for loss in lossary.list_losses():
        if loss.axis is None:
            rest = [row] * (len(loss.arguments) - 1)
            with pytest.raises(ValueError, match=r"equal shapes, got \(3, 1\) and \(3,\)"):
                loss.function(column, *rest)


@given(
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    st.randoms(use_true_random=False),
    st.sampled_from(["float16", "float32", "float64"]),
)
def test_elementwise_layouts(shape: tuple[int, ...], random: object, dtype: str) -> None:
    rng = np.random.default_rng(random.randrange(2**32))  # type: ignore[attr-defined]
    wide = rng.normal(size=tuple(2 * n for n in shape)).astype(dtype)
    steps = tuple(slice(None, None, int(rng.choice([-2, 2]))) for _ in shape)
    x = np.transpose(wide[steps], rng.permutation(len(shape)))
    t = np.array(rng.choice([-1, 1], x.shape), dtype=dtype)
    expected = np.maximum(0, 1 - t.astype(float) * x.astype(float))
    found = lossary.hinge_loss(x, t)
    assert found.shape == x.shape
    assert found.dtype == dtype
    assert_close(np.asarray(found, float), expected, rtol=1e-2 if dtype == "float16" else 1e-6,
                 atol=1e-3 if dtype == "float16" else 1e-6)  # fmt: skip
    if x.size:
        mean = lossary.hinge_loss(x, t, "mean", dtype="float64")
        assert float(mean) == pytest.approx(expected.mean(), rel=1e-5, abs=1e-6)


@every_kind(AXIS)
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_any_axis_and_layout(case: Case, axis: int, order: str) -> None:
    rng = np.random.default_rng(0)
    expected = case()
    arrays = []
    for x in case.arrays:
        stacked = np.stack([x, x[::-1]])
        if x.ndim == 2:
            stacked = np.moveaxis(stacked, -1, axis)
        if order == "F":
            stacked = np.asfortranarray(stacked)
        elif order == "strided":
            wide = np.repeat(stacked, 2, axis=-1)
            stacked = wide[..., ::2]
        arrays.append(stacked)
    found = case.loss.function(*arrays, axis=axis, reduction="none")
    assert_close(found, np.stack([expected, expected[::-1]]), rtol=1e-12, atol=1e-14)
    value, gradient = lossary.value_and_grad(case.loss.function)(
        *arrays, axis=axis, reduction="mean", weights=rng.random(found.shape)
    )
    assert gradient.shape == arrays[0].shape
    assert np.isfinite(value)


@every_kind(PLAIN)
def test_large_arrays_take_the_same_values(case: Case) -> None:
    """Many chunks and threads, direct and converted, give what small arrays give."""
    copies = 20_000
    arrays = [np.concatenate([x] * copies) for x in case.cast("float32")]
    small = case(*case.cast("float32"))
    assert_close(case(*arrays)[: len(small)], small)
    mean = float(case(*arrays, reduction="mean", dtype="float64"))
    assert mean == pytest.approx(float(np.mean(small, dtype=np.float64)), rel=1e-6)
    strided = [np.repeat(x, 2, axis=0)[::2] for x in arrays]
    assert float(case(*strided, reduction="mean", dtype="float64")) == pytest.approx(mean, rel=1e-7)


@every_kind(PLAIN)
def test_read_only_inputs_are_left_alone(case: Case) -> None:
    arrays = [x.copy() for x in case.arrays]
    for x in arrays:
        x.flags.writeable = False
    lossary.value_and_grad(case.loss.function)(*arrays, reduction="mean", **case.shape)
    for x, before in zip(arrays, case.arrays, strict=True):
        assert_close(x, before)


@pytest.mark.parametrize("library", HALVES, ids=lambda x: x.name)
def test_scalars_and_empty_arrays(library: object) -> None:
    array = library.array  # type: ignore[attr-defined]
    assert float(lossary.hinge_loss(array(np.float32(0.25)), 1)) == 0.75
    assert lossary.hinge_loss(array(np.ones(3, np.float32)), -1.0).shape == (3,)
    empty = array(np.ones((0, 4), np.float32))
    assert lossary.hinge_loss(empty, empty).shape == (0, 4)
    assert np.isnan(float(lossary.hinge_loss(empty, empty, "mean")))
    assert float(lossary.hinge_loss(empty, empty, "sum")) == 0.0
    labels = array(np.ones(0, np.int32))
    assert lossary.cross_entropy(empty, labels).shape == (0,)
    assert np.isnan(float(lossary.cross_entropy(empty, labels, reduction="mean")))


def test_gradient_of_a_broadcast_scalar_is_summed() -> None:
    found = lossary.grad(lossary.hinge_loss, 1)(np.full(4, 0.5), 1.0)
    assert found.shape == ()
    assert float(found) == -2.0


NO_LABELS = [
    case
    for case in AXIS
    if case.floats == list(range(len(case.arrays))) and case.loss.length is None
]


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
@pytest.mark.parametrize("shape", [(2, 0), (0, 3), (0, 0)])
@every_kind(NO_LABELS)
def test_no_rows_or_no_classes(library: Library, shape: tuple[int, int], case: Case) -> None:
    shapes = [shape[: x.ndim] for x in case.arrays]
    arrays = [library.array(np.ones(each, np.float32)) for each in shapes]
    with np.errstate(all="ignore"):  # Dask computes with NumPy, and later
        found = library.numpy(case(*arrays))
    # Sums over no classes are 0: what is left is the loss of one class in which nothing differs.
    one = [np.zeros((shape[0], 1)) if x.ndim == 2 else np.ones(shape[0]) for x in case.arrays]
    nothing = case(*one) if shape[0] else np.ones(0)
    np.testing.assert_allclose(found, nothing, rtol=1e-6)
    gradient = lossary.grad(case.loss.function)(*arrays, reduction="sum", axis=-1)
    assert tuple(gradient.shape) == shape


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_no_label_names_one_of_no_classes(library: Library) -> None:
    logits, labels = library.array(np.ones((2, 0), np.float32)), library.array(np.zeros(2, int))
    if library.readable:
        with pytest.raises(ValueError, match="targets must be an integer from 0 to -1"):
            lossary.cross_entropy(logits, labels)
    else:
        with np.errstate(all="ignore"):
            assert np.isnan(library.numpy(lossary.cross_entropy(logits, labels))).all()


class _Number(float):
    """A number of a class of its own."""


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_scalars_of_numpy_are_numbers(library: Library) -> None:
    x, y = (library.array(np.float32(v)) for v in ([0.5, 2, -1], [1, -1, 1]))
    for kind in (np.float64, np.float32, np.int64, _Number):
        # Twice with other numbers: what was resolved for the first must not hold its value.
        for number in (2, 3):
            scalar = kind(number)
            found = lossary.mse_loss(x, scalar, weights=scalar, reduction="sum")
            expected = lossary.mse_loss(x, number, weights=number, reduction="sum")
            assert_close(library.numpy(found), library.numpy(expected), rtol=1e-6)
            if library.name != "numpy":  # whose own arrays promote with its scalars
                assert found.dtype == expected.dtype
            expected = library.numpy(lossary.mse_loss(x, y, denominator=number))
            for divisor in (scalar, np.asarray(scalar)):
                found = library.numpy(lossary.mse_loss(x, y, denominator=divisor))
                assert_close(found, expected, rtol=1e-6)
    assert_close(
        library.numpy(lossary.mse_loss(x, y, where=np.True_)), library.numpy(lossary.mse_loss(x, y))
    )
