"""Arguments that are computed from others before a formula: the weights of generalized Dice."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from assertions import assert_close
from libraries import ANYWHERE, BY_NAME, LIBRARIES, Library
from oracles import ORACLES
from rows import units

import lossary
from lossary.formula import share, sum_over_classes

EVERY_LIBRARY = pytest.mark.parametrize("library", LIBRARIES, ids=lambda x: x.name)
ALONG = {"axis": (2, 3), "class_axis": 1}
SHAPE = (2, 3, 4, 9)
RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(3), (2, 4, 9)).transpose(0, 3, 1, 2)
#: Regions of 22, 12 and 2 elements, and of 30, 6 and none.
T = np.stack([
    np.eye(3)[np.repeat([0, 1, 2], counts)].T.reshape(3, 4, 9)
    for counts in ([22, 12, 2], [30, 6, 0])
])  # fmt: skip
LOSS = lossary.generalized_dice_loss


def _exact(p: np.ndarray, t: np.ndarray, **options: Any) -> list[Any]:
    """Return the exact loss of each image of shape (C, ...), all classes first."""
    oracle = ORACLES["generalized_dice_loss"]
    values = {"smooth": 0.0, "with_logits": False, **options}
    with mp.workdps(200):
        return [
            oracle(*([list(map(mp.mpf, row.ravel().tolist())) for row in x] for x in (one, other)),
                   *values.values())
            for one, other in zip(p, t, strict=True)
        ]  # fmt: skip


def _numbers(found: list[Any]) -> np.ndarray:
    return np.array([float(x) for x in found])


def _weights(t: np.ndarray) -> np.ndarray:
    """Return relative weights of classes, straight from their definition."""
    sizes = t.sum((2, 3), keepdims=True)
    absolute = np.divide(1.0, sizes**2, out=np.zeros_like(sizes), where=sizes > 0)
    most = absolute.max(1, keepdims=True)
    return np.where(sizes > 0, absolute, most) / np.where(most > 0, most, 1.0)


def _slopes(p: np.ndarray, t: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the derivative with respect to predictions, for constant weights."""
    total = (w * (p + t)).sum((1, 2, 3), keepdims=True)
    both = (w * p * t).sum((1, 2, 3), keepdims=True)
    return 2 * w * (both / total - t) / total


@EVERY_LIBRARY
def test_values_and_derivatives(library: Library) -> None:
    for dtype in library.floats:
        p, t = (library.array(x.astype(dtype)) for x in (P, T))
        rtol = 2e-6 if dtype == "float32" else 1e-13
        expected = _numbers(_exact(P.astype(dtype), T))
        for reduction in ("none", "mean", "sum"):
            value, slope, _ = lossary.value_grad_hess(LOSS)(p, t, **ALONG, reduction=reduction)
            reduced = {"none": expected, "mean": expected.mean(), "sum": expected.sum()}[reduction]
            assert_close(library.numpy(value), reduced, rtol=rtol)
            assert_close(
                library.numpy(slope),
                _slopes(P, T, _weights(T)) / (2 if reduction == "mean" else 1),
                rtol=10 * rtol, atol=rtol,
            )  # fmt: skip
            assert_close(
                library.numpy(LOSS(p, t, **ALONG, reduction=reduction)), reduced, rtol=rtol
            )


@EVERY_LIBRARY
def test_elements_that_a_mask_leaves_out_belong_to_no_region(library: Library) -> None:
    dtype = library.floats[-1]
    mask = RNG.random(SHAPE) > 0.3
    p, t, where = (
        library.array(x if x.dtype == bool else x.astype(dtype))
        for x in (np.where(mask, P, np.nan), np.where(mask, T, np.nan), mask)
    )
    expected = _numbers(_exact(np.where(mask, P, 0).astype(dtype), np.where(mask, T, 0)))
    value, slope = lossary.value_and_grad(LOSS)(p, t, **ALONG, where=where)
    rtol = 2e-6 if dtype == "float32" else 1e-13
    assert_close(library.numpy(value), expected, rtol=rtol)
    assert (library.numpy(slope)[~mask] == 0.0).all()
    assert np.isfinite(library.numpy(slope)).all()


@EVERY_LIBRARY
def test_masks_and_weights_of_images(library: Library) -> None:
    dtype = library.floats[-1]
    hidden = P.copy()
    hidden[1] = np.nan
    p, t, w = (library.array(x.astype(dtype)) for x in (hidden, T, np.array([2.0, 3.0])))
    where = library.array(np.array([True, False]))
    found = LOSS(p, t, **ALONG, where=where, weights=w, reduction="mean")
    expected = 2 * _numbers(_exact(P.astype(dtype), T))[0]
    assert_close(library.numpy(found), expected, rtol=2e-6 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("places", list(itertools.permutations(range(4))), ids=str)
def test_axes_in_any_order(places: tuple[int, ...]) -> None:
    p, t = P.transpose(places), T.transpose(places)
    axis = (places.index(2) - 4, places.index(3))
    found = LOSS(p, t, axis=axis, class_axis=places.index(1))
    assert_close(found, _numbers(_exact(P, T)), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("logits", [False, True])
def test_errors_are_a_few_units(dtype: str, logits: bool) -> None:
    """Regions whose sizes are many orders of magnitude apart, soft targets, near perfection."""
    rng = np.random.default_rng(1)
    worst = 0.0
    for scale in (1.0, 1e-3, 1e-12, 1e-30):
        t = rng.random((40, 3, 17)) * scale ** np.arange(3)[:, None]
        p = np.abs(t - rng.choice([0.0, 1e-6, 1e-2, 0.5], (40, 1, 1)) * rng.random(t.shape))
        p, t = p.clip(0, 1).astype(dtype), t.astype(dtype)
        if logits:
            p = rng.normal(scale=8, size=p.shape).astype(dtype)
        found = LOSS(p, t, class_axis=1, with_logits=logits, smooth=0.25)
        for ours, exact in zip(found, _exact(p, t, smooth=0.25, with_logits=logits), strict=True):
            worst = max(worst, units(ours, exact, 0.0) or 0.0)
    assert worst <= 4


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_sizes_have_no_largest(dtype: str) -> None:
    """1 / size^2 would be 0 in float16 from 4,096 elements on; a relative one is not."""
    t = np.zeros((2, 200_000), dtype)
    t[0], t[1, :3] = 1, 1
    p = np.full_like(t, 0.5)
    expected = _numbers(_exact(p[None], t[None]))[0]
    assert_close(LOSS(p, t, class_axis=0), expected, rtol=1e-3 if dtype == "float16" else 1e-6)


def test_classes_without_a_region() -> None:
    p = np.array([[0.5, 0.5], [0.25, 0.0]])
    empty = np.zeros((2, 2))
    assert LOSS(p, empty, class_axis=0) == 1.0
    assert LOSS(p, empty, class_axis=0, smooth=1.0) == 1 - 1.0 / 2.25
    assert LOSS(empty, empty, class_axis=0) == 0.0
    assert (lossary.grad(LOSS)(empty, empty, class_axis=0) == 0.0).all()
    # The class that is there has two elements; the other gets its weight.
    found = LOSS(p, [[1.0, 1.0], [0.0, 0.0]], class_axis=0)
    assert_close(found, 1 - 2 * 1.0 / (1.25 + 2), rtol=1e-15)
    assert LOSS(np.zeros((0, 4)), np.zeros((0, 4)), class_axis=0) == 0.0
    assert LOSS(np.zeros((3, 2, 0)), np.zeros((3, 2, 0)), class_axis=1).tolist() == [0.0] * 3
    assert LOSS(np.zeros((0, 2, 3)), np.zeros((0, 2, 3)), class_axis=1, reduction="sum") == 0.0


def test_weights_are_constants_for_derivatives() -> None:
    w = _weights(T)
    soft = 0.8 * T + 0.1

    @lossary.loss(axis=True, several_axes=True)
    def weighted_dice_loss(inputs: Any, targets: Any, scales: Any) -> Any:
        """Return the same with weights that are given."""
        both = sum_over_classes(scales * inputs * targets)
        only = sum_over_classes(scales * (inputs * (1 - targets) + (1 - inputs) * targets))
        return share(only, 2 * both)

    scales = np.broadcast_to(_weights(soft), SHAPE)
    expected = lossary.grad(weighted_dice_loss, (0, 1))(
        *(x.reshape(2, -1) for x in (P, soft, scales))
    )
    found = lossary.grad(LOSS, (0, 1))(P, soft, **ALONG)
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs.reshape(SHAPE), rtol=1e-12, atol=1e-15)
    assert w.max() == 1.0


def _slope_in(name: str) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Return the library's own derivatives of the sum with respect to both arguments."""

    def total(p: Any, t: Any) -> Any:
        return LOSS(p, t, **ALONG, reduction="sum")

    if name == "torch":
        import torch

        return torch.func.grad(total, argnums=(0, 1))
    if name == "jax":
        import jax

        return jax.jit(jax.grad(total, argnums=(0, 1)))
    import mlx.core as mx

    return mx.grad(total, argnums=(0, 1))


@pytest.mark.parametrize("name", ["torch", "jax", "mlx"])
def test_the_libraries_own_derivatives(name: str) -> None:
    library = BY_NAME[name]
    p, t = (library.array(x.astype("float32")) for x in (P, 0.8 * T + 0.1))
    expected = lossary.grad(LOSS, (0, 1))(P, 0.8 * T + 0.1, **ALONG)
    for ours, theirs in zip(_slope_in(name)(p, t), expected, strict=True):
        assert_close(library.numpy(ours), theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["torch", "jax", "mlx"])
def test_transformations(name: str) -> None:
    library = BY_NAME[name]
    p, t = (library.array(x.astype("float32")) for x in (P, T))
    inner = {"axis": (1, 2), "class_axis": 0}
    expected = _numbers(_exact(P.astype("float32"), T))
    if name == "torch":
        import torch

        batched = torch.func.vmap(lambda p, t: LOSS(p, t, **inner))(p, t)
    elif name == "jax":
        import jax

        batched = jax.jit(jax.vmap(lambda p, t: LOSS(p, t, **inner)))(p, t)
    else:
        import mlx.core as mx

        batched = mx.vmap(lambda p, t: LOSS(p, t, **inner))(p, t)
        anysize = mx.compile(lambda p, t: LOSS(p, t, **ALONG), shapeless=True)
        for count in (2, 1):
            assert_close(np.asarray(anysize(p[:count], t[:count])), expected[:count], rtol=2e-6)
    assert_close(library.numpy(batched), expected, rtol=2e-6)


def test_torch_autograd_and_compile() -> None:
    torch = pytest.importorskip("torch")
    p = torch.tensor(P[:, :, :2, :2], requires_grad=True)
    t = torch.tensor(0.8 * T[:, :, :2, :2] + 0.1)

    def loss(p: Any) -> Any:
        return LOSS(p, t, **ALONG)

    assert torch.autograd.gradcheck(loss, (p,))
    assert torch.autograd.gradgradcheck(loss, (p,))
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    assert_close(compiled(p).detach().numpy(), loss(p).detach().numpy(), rtol=1e-14)
    module = lossary.adapters.torch.module(LOSS, **ALONG)
    assert_close(float(module(p, t).detach()), loss(p).detach().numpy().mean(), rtol=1e-14)


def test_summaries_and_links() -> None:
    part = lossary.summarize(LOSS, P, T, **ALONG)
    assert_close(part.mean, _numbers(_exact(P, T)).mean(), rtol=1e-13)
    scores = RNG.normal(size=SHAPE)
    linked = lossary.with_link(LOSS, "logit")
    assert_close(linked(scores, T, **ALONG), LOSS(scores, T, **ALONG, with_logits=True), rtol=1e-13)
    again = pickle.loads(pickle.dumps(lossary.value_and_grad(LOSS)))
    assert_close(again(P, T, **ALONG)[0], LOSS(P, T, **ALONG), rtol=0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"axis": (2, 3), "class_axis": 3}, "class_axis must be another axis than those of axis"),
        ({"axis": 1, "class_axis": -3}, "class_axis must be another axis than those of axis"),
        ({"class_axis": 4}, "class_axis must be from -4 to 3, got 4"),
        ({"class_axis": 0.5}, "class_axis must be an integer, got 0.5"),
        ({"class_axis": True}, "class_axis must be an integer, got True"),
        ({"class_axis": (0, 1)}, r"class_axis must be an integer, got \(0, 1\)"),
    ],
    ids=str,
)
def test_axes_that_cannot_be(options: dict[str, Any], told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told) as caught:
        LOSS(P, T, **options)
    assert isinstance(caught.value, lossary.LossaryError)


def test_shapes_are_checked_first() -> None:
    with pytest.raises(ValueError, match=r"targets must have the shape of inputs"):
        LOSS(P, T[:, :2], **ALONG)


# --- losses of one's own ------------------------------------------------------------------------
def _mean_of(xp: Any, targets: Any, axis: tuple[int, ...]) -> Any:
    return xp.sum_along(targets, axis) / targets.shape[axis[0]]


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_a_loss_of_ones_own(library: Library) -> None:
    @lossary.loss(prepare={"middle": _mean_of})
    def explained_loss(inputs: Any, targets: Any, axis: int = -1, *, middle: Any = None) -> Any:
        """Sum of squared errors, relative to that of the mean."""
        return share(
            sum_over_classes((inputs - targets) ** 2), sum_over_classes((targets - middle) ** 2)
        )

    x, y = RNG.normal(size=(2, 5, 7)).astype(library.floats[-1])
    wrong, spread = ((x - y) ** 2).sum(-1), ((y - y.mean(-1, keepdims=True)) ** 2).sum(-1)
    found = explained_loss(library.array(x), library.array(y))
    assert_close(library.numpy(found), wrong / (wrong + spread), rtol=1e-5)
    found = explained_loss(library.array(x.T), library.array(y.T), axis=0)
    assert_close(library.numpy(found), wrong / (wrong + spread), rtol=1e-5)


def test_what_is_prepared_is_taken_by_keyword() -> None:
    told = "must take by keyword what is prepared, got bad_loss.*Write \\*, middle=None"
    with pytest.raises(TypeError, match=told):

        @lossary.loss(axis=True, prepare={"middle": _mean_of})
        def bad_loss(inputs: Any, targets: Any, middle: Any) -> Any:
            return sum_over_classes(inputs - middle)


def test_what_can_be_asked_for() -> None:
    with pytest.raises(ValueError, match="prepare must name inputs, axis, class_axis, got 'times'"):

        @lossary.loss(axis=True, prepare={"middle": lambda xp, times: times})
        def bad_loss(inputs: Any, *, middle: Any = None) -> Any:
            return sum_over_classes(inputs - middle)


def test_products_are_not_taken() -> None:
    with pytest.raises(TypeError, match="must be a loss that prepares no argument from others"):
        lossary.linear(LOSS)


def test_inside_a_formula_nothing_can_be_prepared() -> None:
    with pytest.raises(TypeError, match="the loss must not be called inside a formula"):

        @lossary.loss
        def doubled_loss(inputs: Any, targets: Any, axis: int = -1) -> Any:
            return 2 * LOSS(inputs, targets)


@EVERY_LIBRARY
def test_repeated_calls_prepare_from_their_own_arrays(library: Library) -> None:
    both = lossary.value_and_grad(LOSS)
    for t in (T, T[::-1], 1 - T, T[:, ::-1]):
        p, other = library.array(P), library.array(np.ascontiguousarray(t))
        expected = _numbers(_exact(P, t))
        for call in (LOSS, both, LOSS, both):
            found = call(p, other, **ALONG, reduction="mean")
            value = found[0] if call is both else found
            assert_close(library.numpy(value), expected.mean(), rtol=2e-6)
            if call is both:
                assert_close(library.numpy(found[1]), _slopes(P, t, _weights(t)) / 2, rtol=2e-5)


def test_a_call_with_other_classes_is_another_call() -> None:
    p, t = RNG.random((3, 3, 8)), (RNG.random((3, 3, 8)) < 0.3).astype(float)
    for class_axis in (0, 1, 0, 1):
        moved = np.moveaxis(p, class_axis, 1), np.moveaxis(t, class_axis, 1)
        expected = _numbers(_exact(*moved))
        assert_close(LOSS(p, t, class_axis=class_axis), expected, rtol=1e-13)


def test_repeated_calls_on_host_memory_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    p, t = RNG.random((2, 3, 5)), (RNG.random((2, 3, 5)) < 0.3).astype(float)
    expected = LOSS(p, t, class_axis=1, reduction="sum")
    monkeypatch.setattr("lossary.call.flow.prepare", None)  # what checks a call, once
    assert LOSS(p.copy(), t.copy(), class_axis=1, reduction="sum") == expected


def test_images_without_regions_cost_no_warning_on_dask() -> None:
    da = pytest.importorskip("dask.array")
    p, nothing = (da.from_array(x, chunks=-1) for x in (P[0], np.zeros_like(T[0])))
    # NumPy reports what Dask computes with it where nothing of this library is on the stack.
    assert float(LOSS(p, nothing, axis=(0, 1, 2), reduction="mean").compute()) == 1.0
