"""Arrays may lie in memory in any way; what is computed from them is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from assertions import assert_close, assert_same_bits

import lossary

SHAPE = (4, 6, 5)


def _fortran(x: np.ndarray) -> np.ndarray:
    return np.asfortranarray(x)


def _first_axis_innermost(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)


def _second_axis_innermost(x: np.ndarray) -> np.ndarray:
    if x.ndim < 2:
        return x.copy()
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def _backwards(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x[::-1])[::-1]


def _strided(x: np.ndarray) -> np.ndarray:
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def _unaligned(x: np.ndarray) -> np.ndarray:
    return np.frombuffer(b"\0" + x.tobytes(), x.dtype, offset=1).reshape(x.shape)


def _swapped(x: np.ndarray) -> np.ndarray:
    return x.astype(x.dtype.newbyteorder())


def _read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


DENSE = (np.copy, _fortran, _first_axis_innermost, _second_axis_innermost)
LAYOUTS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    *DENSE,
    _backwards,
    _strided,
    _unaligned,
    _swapped,
    _read_only,
)
BOTH = lossary.value_and_grad(lossary.binary_cross_entropy, (0, 1))


def _order(x: np.ndarray) -> list[int]:
    return sorted(range(x.ndim), key=lambda axis: -x.strides[axis])


@pytest.mark.parametrize("second", LAYOUTS)
@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("shape", [SHAPE, (1, 70, 1), (3, 0, 2)])
def test_elements_have_the_same_bits_in_any_memory(
    first: Any, second: Any, shape: tuple[int, ...]
) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=shape).astype(np.float32)
    t = random.random(shape).astype(np.float32)
    value, gradients = BOTH(x, t, reduction="none")
    laid_value, laid_gradients = BOTH(first(x), second(t), reduction="none")
    for found, expected in zip((laid_value, *laid_gradients), (value, *gradients), strict=True):
        assert_same_bits(found, expected)
        if first is second and first in DENSE and shape == SHAPE:
            assert _order(found) == _order(first(x))
    mean = lossary.binary_cross_entropy(first(x), second(t))
    if t.size:
        assert_close(mean, value.mean(dtype=float), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_a_class_axis_may_be_anywhere_in_memory(
    first: Any, second: Any, axis: int, dtype: str
) -> None:
    random = np.random.default_rng(2)
    logits = random.normal(size=SHAPE).astype(dtype)
    labels = random.integers(0, SHAPE[axis], np.delete(SHAPE, axis))
    both = lossary.value_and_grad(lossary.cross_entropy)
    value, gradient = both(np.moveaxis(logits, axis, -1).copy(), labels)
    laid_value, laid_gradient = both(first(logits), second(labels), axis=axis)
    rtol = 4 * float(np.finfo(dtype).eps)
    assert_close(laid_value, value, rtol=rtol)
    assert_close(laid_gradient, np.moveaxis(gradient, -1, axis), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("rows", [(1, 2), (2, 8), (3, 11), (40, 2), (5, 15), (4, 16), (3, 17)])
@pytest.mark.parametrize("classes", [1, 2, 7, 8, 10, 64, 100, 101])
def test_axes_of_any_length_follow_the_class_axis(rows: tuple[int, int], classes: int) -> None:
    random = np.random.default_rng(3)
    outer, inner = rows
    x, t = np.log(random.dirichlet(np.ones(classes), (2, outer, inner))).astype(np.float32)
    both = lossary.value_and_grad(lossary.kl_div_loss, (0, 1))
    value, gradients = both(x, t)
    moved_value, moved = both(*(np.moveaxis(a, -1, 1).copy() for a in (x, t)), axis=1)
    assert_close(moved_value, value, rtol=1e-6, atol=1e-7)
    for found, expected in zip(moved, gradients, strict=True):
        assert_close(np.moveaxis(found, 1, -1), expected, rtol=1e-6, atol=1e-7)


def _forbid_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CopyingKernel", "BlockKernel"):
        monkeypatch.setattr(f"lossary.kernels.host.{name}", lambda *_: pytest.fail("a copy"))


@pytest.mark.parametrize(
    "dtype", ["bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
)
def test_integers_are_read_as_they_are(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _forbid_copies(monkeypatch)
    largest = 1 if dtype == "bool" else np.iinfo(dtype).max
    x = np.array([0, 1, largest, 1, 0] * 7, dtype)
    t = np.linspace(-1, 1, x.size, dtype=np.float32)
    np.testing.assert_array_equal(
        lossary.l1_loss(x, t.astype(float), "none"), abs(x.astype(float) - t)
    )
    assert_close(lossary.l1_loss(x, t, "none"), abs(x.astype(float) - t), rtol=2e-7)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_channels_last_logits_and_labels_are_read_as_they_are(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    logits = torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    logits = logits.to(getattr(torch, dtype))
    labels = torch.arange(84).reshape(2, 6, 7) % 5
    both = lossary.value_and_grad(lossary.cross_entropy)
    value, gradient = both(logits, labels, axis=1)
    _forbid_copies(monkeypatch)
    laid = logits.to(memory_format=torch.channels_last)
    laid_value, laid_gradient = both(laid, labels, axis=1)
    assert laid_gradient.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(laid_value, value)
    torch.testing.assert_close(laid_gradient, gradient)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("shape", [(3, 40), (3, 12000)])
def test_calls_on_strided_arrays_are_remembered(
    library: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small arrays are copied as a whole, large ones in blocks; both without checks again."""
    convert = pytest.importorskip("torch").from_numpy if library == "torch" else np.asarray
    random = np.random.default_rng(4)
    x, t, weights = random.random((3, 2, *shape))
    weights = weights[..., :1]
    both = lossary.value_and_grad(lossary.binary_cross_entropy, (0, 1))

    def run(number: int, lay: Callable[[np.ndarray], np.ndarray]) -> Any:
        given = [convert(lay(a[number])) for a in (x, t, weights)]
        return both(*given[:2], weights=given[2], reduction="mean")

    run(0, _strided)
    with monkeypatch.context() as patch:
        patch.setattr("lossary.call.flow.prepare", lambda *_: pytest.fail("checked again"))
        value, gradients = run(1, _strided)
    again, expected = run(1, np.copy)
    assert_close(value, again, rtol=1e-14)
    for one, other in zip(gradients, expected, strict=True):
        assert_same_bits(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("classes", [5, 110])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_blocks_of_classes_are_put_in_their_places(axis: int, classes: int) -> None:
    random = np.random.default_rng(5)
    shape = [130, 90, 6]
    shape[axis] = classes
    logits = random.normal(size=shape)
    labels = random.integers(0, classes, np.delete(shape, axis))
    both = lossary.value_and_grad(lossary.cross_entropy)
    value, gradient = both(np.moveaxis(logits, axis, -1).copy(), labels)
    laid_value, laid_gradient = both(_strided(logits), labels, axis=axis)
    assert_close(laid_value, value, rtol=1e-14)
    assert_close(laid_gradient, np.moveaxis(gradient, -1, axis), rtol=1e-14, atol=1e-14)
    with pytest.raises(ValueError, match=rf"got {classes} at \(1, 4\)"):
        lossary.cross_entropy(_strided(logits), _with(labels, (1, 4), classes), axis=axis)
    where = random.random(labels.shape) < 0.5
    mean = lossary.cross_entropy(_strided(logits), labels, axis=axis, where=where, reduction="mean")
    assert_close(mean, value[where].mean(), rtol=1e-13)


def _with(x: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    x = x.copy()
    x[place] = value
    return x
