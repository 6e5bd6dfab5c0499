"""Few long rows, cut into pieces: results as of whole rows, the same for any number of threads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from assertions import assert_close, assert_same_bits

import lossary
from lossary.bounded_cache import BoundedCache
from lossary.definition.expressions import Variant, expressions_of
from lossary.formula import cumulative_sum, sum_over_classes
from lossary.formula.cut import cut
from lossary.formula.plan import Output, make_plan
from lossary.kernels import long_rows

pytest.importorskip("llvmlite")
LONG = long_rows.LONG
RNG = np.random.default_rng(0)
#: Shapes and axes: pieces without and with a rest, few and many rows beside each other, axes that
#: lie apart, one row of all.
SHAPES = [
    ((1, 1, 512, 512), (2, 3)),
    ((2, 3, 523, 547), (2, 3)),
    ((2, 3, 523, 547), (0, 2, 3)),
    ((3, 523, 547), (0, 1, 2)),
    ((2, 523, 547, 3), (1, 2)),
    ((1, 512, 512, 20), (1, 2)),
    ((523 * 547, 17), (0,)),
    ((2, 2, 2 * LONG), (2,)),
]
LOSSES: dict[str, dict[str, Any]] = {
    "dice_loss": {"smooth": 0.1},
    "focal_tversky_loss": {"with_logits": True},
    "cosine_similarity_loss": {},
    "kl_div_loss": {},
    "cross_entropy": {"label_smoothing": 0.1},
}


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = lossary.get_num_threads()
    yield
    lossary.set_num_threads(before)


def _anew(loss: str) -> Any:
    """Return a loss that remembers no call."""
    record = lossary.get_loss(loss)
    record.__dict__["calls"], record.__dict__["latest"] = BoundedCache(64), BoundedCache(16)
    return record.function


def _both(
    monkeypatch: pytest.MonkeyPatch, loss: str, arrays: tuple[np.ndarray, ...], **options: Any
) -> None:
    """Compare what is cut with what is not."""
    found = []
    for least in (LONG, 10**12):
        monkeypatch.setattr(long_rows, "LONG", least)
        with lossary.options(domain="ignore"):
            found.append(lossary.value_grad_hess(_anew(loss))(*arrays, **options))
    rtol = 1e-11 if arrays[0].dtype == np.float64 else 2e-5
    for cut_, whole in zip(*found, strict=True):
        assert_close(cut_, whole, rtol=rtol, atol=1e-12)
    _anew(loss)


def _images(shape: tuple[int, ...], dtype: str = "float32") -> tuple[np.ndarray, ...]:
    return RNG.random(shape).astype(dtype), RNG.random(shape).round().astype(dtype)


@pytest.mark.parametrize(("shape", "axis"), SHAPES, ids=str)
def test_cut_rows_are_as_whole_ones(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], axis: tuple[int, ...]
) -> None:
    runs = []
    call = long_rows._CutKernel.__call__
    monkeypatch.setattr(
        long_rows._CutKernel,
        "__call__",
        lambda self, *given: runs.append(self) or call(self, *given),
    )
    _both(monkeypatch, "dice_loss", _images(shape), axis=axis)
    assert len(runs) >= 1
    rows = tuple(n for place, n in enumerate(shape) if place not in axis)
    weights, mask = RNG.random(rows), RNG.random(rows) > 0.3
    options: dict[str, Any] = {"axis": axis, "weights": weights, "where": mask}
    _both(monkeypatch, "dice_loss", _images(shape, "float64"), reduction="mean", **options)
    pixels = RNG.random(shape) > 0.3
    _both(monkeypatch, "dice_loss", _images(shape), axis=axis, where=pixels, reduction="sum")


@pytest.mark.parametrize("order", ["F", "channels last", "strided", "mixed"])
def test_any_memory_layout(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    p, t = _images((1, 3, 523, 547))
    if order == "F":
        p, t = np.asfortranarray(p), np.asfortranarray(t)
    elif order == "channels last":
        p, t = (np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for x in (p, t))
    elif order == "strided":
        p, t = (np.repeat(x, 2, axis=-1)[..., ::2] for x in (p, t))
    else:
        p = np.asfortranarray(p)
    for axis in ((2, 3), (0, 2, 3), (0, 1, 2, 3)):
        _both(monkeypatch, "dice_loss", (p, t), axis=axis, weights=np.float32(0.5))


@pytest.mark.parametrize("axis", [(1,), (0, 1)], ids=str)
def test_arrays_of_two_axes_that_are_not_dense(
    monkeypatch: pytest.MonkeyPatch, axis: tuple[int, ...]
) -> None:
    p, t = (x[:, ::2] for x in _images((2, 2 * LONG + 2)))
    mask = RNG.random(p.shape) > 0.3
    _both(monkeypatch, "dice_loss", (p, t), axis=axis, where=mask, reduction="sum")
    _both(monkeypatch, "dice_loss", (p, t), axis=axis)


@pytest.mark.parametrize("loss", LOSSES)
def test_formulas_of_several_passes(monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
    shape = (2, LONG + 1)
    first, second = RNG.normal(size=shape), RNG.normal(size=shape)
    if loss == "cross_entropy":
        second = abs(second) / abs(second).sum(axis=-1, keepdims=True)
    elif loss == "kl_div_loss":
        first, second = -abs(first), -abs(second) - 12
    elif loss == "dice_loss":
        first, second = abs(np.sin(first)), second > 0
    elif loss == "focal_tversky_loss":
        second = second > 0
    for dtype in ("float32", "float64"):
        arrays = first.astype(dtype), second.astype(dtype)
        _both(monkeypatch, loss, arrays, axis=-1, **LOSSES[loss])


@pytest.mark.parametrize("shape", [(1, 1, 1024, 300), (2, 1, 523, 547)], ids=str)
def test_bits_do_not_depend_on_the_number_of_threads(shape: tuple[int, ...]) -> None:
    p, t = _images(shape)
    for arrays in ((p, t), (np.repeat(p, 2, axis=-1)[..., ::2], t)):
        results = []
        for threads in (1, 2, 3, 8):
            lossary.set_num_threads(threads)
            compute = lossary.value_and_grad(_anew("dice_loss"))
            results.append(compute(*arrays, axis=(2, 3), reduction="mean"))
        for value, gradient in results[1:]:
            assert_same_bits(np.float32(value), np.float32(results[0][0]))
            assert_same_bits(gradient, results[0][1])


def test_values_outside_the_domain_are_counted_and_found() -> None:
    p, t = _images((2, 2, 512, 512))
    p[1, 0, 300, 7] = p[1, 1, 2, 3] = 2.0
    told = r"got 2.0 at \(1, 0, 300, 7\) \(2 of 1048576 values\)"
    with pytest.warns(lossary.DomainWarning, match=told):
        _anew("dice_loss")(p, t, axis=(2, 3))


def test_half_precision_and_other_libraries() -> None:
    torch = pytest.importorskip("torch")
    p, t = _images((1, 1, 512, 512))
    expected, slopes = lossary.value_and_grad(lossary.dice_loss)(p, t, (2, 3))
    for dtype, rtol in ((torch.float32, 1e-6), (torch.bfloat16, 1e-2), (torch.float16, 2e-3)):
        x = torch.from_numpy(p).to(dtype).requires_grad_()
        value = lossary.dice_loss(x, torch.from_numpy(t).to(dtype), (2, 3))
        assert value.dtype == dtype
        assert_close(value.detach().double().numpy(), expected, rtol=rtol)
        value.sum().backward()
        if dtype == torch.float32:
            assert_close(x.grad.numpy(), slopes, rtol=1e-5)
    half = lossary.dice_loss(p.astype(np.float16), t.astype(np.float16), (2, 3))
    assert half.dtype == np.float16
    assert_close(half.astype(float), expected, rtol=2e-3)


def test_infinities_and_nan_in_one_piece() -> None:
    x = RNG.normal(size=(2, 2 * LONG))
    x[0, LONG + 5] = np.nan
    found = lossary.cosine_similarity_loss(x, np.ones_like(x), axis=1)
    assert np.isnan(found[0])
    assert np.isfinite(found[1])
    z, t = np.zeros((1, 2 * LONG)), np.zeros((1, 2 * LONG))
    z[0, 3], t[0, 0] = -math.inf, 1.0
    value, slope = lossary.value_and_grad(lossary.cross_entropy)(z, t)
    assert float(value[0]) == pytest.approx(math.log(2 * LONG - 1), rel=1e-14)
    assert slope[0, 3] == 0.0


def test_what_cannot_be_cut() -> None:
    record = lossary.get_loss("cross_entropy")
    for labels in (True, False):
        expressions = expressions_of(record, Variant(labels=labels))
        plan = make_plan((Output("value", expressions.value, "store"),))
        assert (cut(plan) is None) == labels

    @lossary.loss(axis=True)
    def running_sums(inputs: Any, targets: Any) -> Any:
        return sum_over_classes(cumulative_sum(inputs) * targets)

    expressions = expressions_of(lossary.get_loss(running_sums), Variant())
    assert cut(make_plan((Output("value", expressions.value, "store"),))) is None

    @lossary.loss(axis=True)
    def several_sums(inputs: Any, targets: Any) -> Any:
        mean = sum_over_classes(inputs) / 3
        return sum_over_classes((inputs - mean) ** 2) * sum_over_classes(targets)

    expressions = expressions_of(lossary.get_loss(several_sums), Variant())
    found = cut(make_plan((Output("value", expressions.value, "store"),)))
    assert found is not None
    assert [len(sweep.reductions) for sweep in found.passes] == [2, 1]
