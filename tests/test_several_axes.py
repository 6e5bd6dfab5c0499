"""Losses along several axes at once: as along one axis that holds all of their elements."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import ANYWHERE, BY_NAME, LIBRARIES, Library

import lossary
from lossary.domains import CLASS_LABELS
from lossary.formula import class_index, max_over_classes, sum_over_classes

EVERY_LIBRARY = pytest.mark.parametrize("library", LIBRARIES, ids=lambda x: x.name)
SHAPE = (2, 3, 5, 17)
#: Neighbours, neighbours that are last, axes apart, axes around another, all.
AXES = [(2, 3), (1, 2), (1, 3), (0, 2, 3), (3, 0), (-1, -2), (0, 1, 2, 3), (2,)]
EVERY_AXES = pytest.mark.parametrize("axis", AXES, ids=str)
RNG = np.random.default_rng(0)
P, T = RNG.random(SHAPE), RNG.random(SHAPE).round()


def _along_one(x: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
    """Move the axes to the end, and make one of them."""
    axes = sorted(place % x.ndim for place in axis)
    rest = [place for place in range(x.ndim) if place not in axes]
    return x.transpose(*rest, *axes).reshape([x.shape[place] for place in rest] + [-1])


def _back(x: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
    """Undo :func:`_along_one` for an array of the shape of the arguments."""
    axes = sorted(place % len(SHAPE) for place in axis)
    order = [place for place in range(len(SHAPE)) if place not in axes] + axes
    return x.reshape([SHAPE[place] for place in order]).transpose(np.argsort(order))


def _expected(axis: tuple[int, ...], **options: Any) -> tuple[np.ndarray, ...]:
    merged = [_along_one(x, axis) for x in (P, T)]
    compute = lossary.value_grad_hess(lossary.tversky_loss)
    value, *derivatives = compute(*merged, alpha=0.3, beta=0.7, **options)
    return np.asarray(value), *(_back(x, axis) for x in derivatives)


@EVERY_LIBRARY
@EVERY_AXES
def test_values_and_derivatives(library: Library, axis: tuple[int, ...]) -> None:
    dtype = library.floats[-1]
    p, t = (library.array(x.astype(dtype)) for x in (P, T))
    compute = lossary.value_grad_hess(lossary.tversky_loss)
    tolerance = {"rtol": 2e-4, "atol": 1e-7} if dtype == "float32" else {"rtol": 1e-12}
    for reduction in ("none", "mean"):
        found = compute(p, t, axis=axis, alpha=0.3, beta=0.7, reduction=reduction)
        expected = _expected(axis, reduction=reduction)
        for ours, theirs in zip(found, expected, strict=True):
            assert tuple(ours.shape) == theirs.shape
            assert_close(library.numpy(ours), theirs, **tolerance)


@EVERY_AXES
@pytest.mark.parametrize("order", ["F", "last", "strided", "mixed", "reversed"])
def test_any_memory_layout(axis: tuple[int, ...], order: str) -> None:
    def laid_out(x: np.ndarray) -> np.ndarray:
        if order == "F":
            return np.asfortranarray(x)
        if order == "last":
            return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        if order == "strided":
            return np.repeat(x, 2, axis=-1)[..., ::2]
        return x[:, ::-1, :, ::-1].copy()[:, ::-1, :, ::-1]

    arrays = [laid_out(P), T if order == "mixed" else laid_out(T)]
    compute = lossary.value_grad_hess(lossary.tversky_loss)
    found = compute(*arrays, axis=axis, alpha=0.3, beta=0.7)
    for ours, theirs in zip(found, _expected(axis), strict=True):
        assert_close(ours, theirs, rtol=1e-12, atol=1e-16)


@EVERY_LIBRARY
@pytest.mark.parametrize("axis", [(2, 3), (1, 3)], ids=str)
def test_masks_and_weights(library: Library, axis: tuple[int, ...]) -> None:
    dtype = library.floats[-1]
    rows = P.shape[0], P.shape[1] if axis == (2, 3) else P.shape[2]
    mask, chosen = RNG.random(SHAPE) > 0.3, RNG.random(rows) > 0.3
    weights = RNG.random(rows)
    p, t, m, c, w = (
        library.array(x if x.dtype == bool else x.astype(dtype))
        for x in (np.where(mask, P, np.nan), T, mask, chosen, weights)
    )
    tolerance = {"rtol": 1e-5, "atol": 1e-7} if dtype == "float32" else {"rtol": 1e-12}
    options = {"axis": axis, "weights": w, "reduction": "none"}
    expected = weights * lossary.dice_loss(
        *(_along_one(x, axis) for x in (P, T)), where=_along_one(mask, axis)
    )
    assert_close(library.numpy(lossary.dice_loss(p, t, where=m, **options)), expected, **tolerance)
    gradient = lossary.grad(lossary.dice_loss)(p, t, where=m, **options)
    assert (library.numpy(gradient)[~mask] == 0.0).all()
    p = library.array(P.astype(dtype))
    expected = weights * chosen * lossary.dice_loss(*(_along_one(x, axis) for x in (P, T)))
    assert_close(library.numpy(lossary.dice_loss(p, t, where=c, **options)), expected, **tolerance)


@pytest.mark.parametrize("axis", [(1, 2), (0, 2)], ids=str)
@pytest.mark.parametrize("name", ["torch", "jax", "mlx"])
def test_transformations(name: str, axis: tuple[int, ...]) -> None:
    library = BY_NAME[name]
    p, t = (library.array(x.astype("float32")) for x in (P, T))
    expected = _expected(tuple(place + 1 for place in axis))[0]

    def one(p: Any, t: Any) -> Any:
        return lossary.tversky_loss(p, t, axis, 0.3, 0.7)

    def total(p: Any) -> Any:
        later = tuple(place + 1 for place in axis)
        return lossary.tversky_loss(p, t, later, 0.3, 0.7, reduction="sum")

    gradient = _expected(tuple(place + 1 for place in axis), reduction="sum")[1]
    if name == "torch":
        import torch

        batched, slope = torch.func.vmap(one)(p, t), torch.func.grad(total)(p)
    elif name == "jax":
        import jax

        batched, slope = jax.jit(jax.vmap(one))(p, t), jax.jit(jax.grad(total))(p)
    else:
        import mlx.core as mx

        batched, slope = mx.vmap(one)(p, t), mx.compile(mx.grad(total))(p)
        anysize = mx.compile(lambda p, t: lossary.dice_loss(p, t, axis=(2, 3)), shapeless=True)
        for count in (2, 1):
            found = anysize(p[:count], t[:count])
            assert_close(np.asarray(found), lossary.dice_loss(P, T, (2, 3))[:count], rtol=1e-5)
    assert_close(library.numpy(batched), expected, rtol=1e-5)
    assert_close(library.numpy(slope), gradient, rtol=1e-4, atol=1e-7)


def test_torch_autograd_and_compile() -> None:
    torch = pytest.importorskip("torch")
    p, t = torch.tensor(P[:, :2, :2, :2], requires_grad=True), torch.tensor(T[:, :2, :2, :2])

    def loss(p: Any) -> Any:
        return lossary.tversky_loss(p, t, axis=(1, 3))

    assert torch.autograd.gradcheck(loss, (p,))
    assert torch.autograd.gradgradcheck(loss, (p,))
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    assert_close(compiled(p).detach().numpy(), loss(p).detach().numpy(), rtol=1e-14)


def test_repeated_calls_tell_axes_apart() -> None:
    p, t = P[..., :5].copy(), T[..., :5].copy()  # the results of two axes have equal shapes
    for axis in [(1, 2), (1, 3), (1, 2), 1, (1,)] * 3:
        axes = axis if isinstance(axis, tuple) else (axis,)
        merged = [_along_one(x, axes) for x in (p, t)]
        for reduction in ("none", "mean"):
            found = lossary.dice_loss(p, t, axis=axis, reduction=reduction)
            assert_close(found, lossary.dice_loss(*merged, reduction=reduction), rtol=1e-14)


def test_axes_of_length_1_do_not_matter() -> None:
    p, t = P[:1], T[:1]
    expected = lossary.dice_loss(p[0], t[0], axis=(1, 2))
    for axis in [(2, 3), (0, 2, 3), (3, 0, 2)]:
        found = lossary.dice_loss(p, t, axis=axis)
        assert_close(found.reshape(3), expected, rtol=1e-15)
    assert lossary.dice_loss(p[..., :0], t[..., :0], axis=(2, 3)).tolist() == [[0.0] * 3]
    assert lossary.dice_loss(p[:0], t[:0], axis=(2, 3)).shape == (0, 3)


def test_a_maximum_over_several_axes() -> None:
    @lossary.loss(several_axes=True)
    def largest_loss(inputs: Any, targets: Any, axis: tuple[int, int] = (-2, -1)) -> Any:
        return max_over_classes(abs(inputs - targets)) + sum_over_classes(inputs * 0)

    assert_close(largest_loss(P, T), abs(P - T).max(axis=(2, 3)), rtol=1e-15)
    assert_close(largest_loss(P, T, axis=(0, 2)), abs(P - T).max(axis=(0, 2)), rtol=1e-15)
    for name in ("jax", "mlx", "strict"):
        library = BY_NAME[name]
        p, t = (library.array(x.astype("float32")) for x in (P, T))
        assert_close(library.numpy(largest_loss(p, t)), abs(P - T).max(axis=(2, 3)), rtol=1e-6)


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
@EVERY_AXES
def test_the_first_value_outside_the_domain_is_found(
    library: Library, axis: tuple[int, ...]
) -> None:
    for place in itertools.product((0, 1), (2,), (1, 4), (0, 16)):
        bad = P.copy()
        bad[place] = 2.0
        p, t = (library.array(x.astype("float32")) for x in (bad, T))
        told = pytest.raises(ValueError, match=r"inputs must be between 0 and 1, got 2\.0")
        with lossary.options(domain="raise"), told as caught:
            lossary.dice_loss(p, t, axis=axis)
        assert f"at {place} (1 of {P.size} values)" in str(caught.value)


def test_what_is_no_set_of_axes_is_refused() -> None:
    for axis, told in (
        ((), r"axis must name at least one axis, got \(\)"),
        ((1, 1), r"axis must name each axis once, got \(1, 1\)"),
        ((1, -3), r"axis must name each axis once, got \(1, -3\)"),
        ((0, 4), "axis must be from -4 to 3, got 4"),
    ):
        with pytest.raises(ValueError, match=f"dice_loss: {told}"):
            lossary.dice_loss(P, T, axis=axis)
    for axis in ((1.0,), [1, 2], (True, 2), "12", None):
        with pytest.raises(TypeError, match="axis must be an integer or a tuple of integers"):
            lossary.dice_loss(P, T, axis=axis)
    told = r"axis must be an integer, got \(1, 2\). This loss takes one axis."
    with pytest.raises(TypeError, match=told):
        lossary.cosine_similarity_loss(P, T, axis=(1, 2))
    told = r"where must have the shape of the unreduced loss, \(2, 3\)"
    with pytest.raises(ValueError, match=told):
        lossary.dice_loss(P, T, axis=(2, 3), where=T[0] > 0)
    told = r"targets must have the shape of inputs, .* summed along the axes \(2, 3\)"
    with pytest.raises(ValueError, match=told):
        lossary.dice_loss(P, T[0], axis=(3, 2))


def test_declarations_that_cannot_be_are_refused() -> None:
    with pytest.raises(TypeError, match="axis must be an integer by default, got"):

        @lossary.loss
        def one(inputs: Any, targets: Any, axis: Any = (1, 2)) -> Any:
            return sum_over_classes(inputs * targets)

    told = "several_axes must be left out where there is no class axis, got True"
    with pytest.raises(ValueError, match=told):

        @lossary.loss(several_axes=True)
        def two(inputs: Any, targets: Any) -> Any:
            return inputs * targets

    with pytest.raises(ValueError, match="left out where targets are class labels"):

        @lossary.loss(several_axes=True, targets=CLASS_LABELS)
        def three(inputs: Any, targets: Any, axis: int = -1) -> Any:
            return sum_over_classes(inputs)

    with pytest.raises(TypeError, match="must treat all elements of a row alike"):

        @lossary.loss(several_axes=True)
        def four(inputs: Any, targets: Any, axis: int = -1) -> Any:
            return sum_over_classes(inputs * targets * class_index())
