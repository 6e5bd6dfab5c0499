"""Calls that are repeated: the built-in function gives what the general way gives, or refuses."""

from __future__ import annotations

import gc
import itertools
import math
import sys
import threading
import tracemalloc
import warnings
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from cases import CASES as ALL
from libraries import BY_NAME

import lossary
from lossary.call.evaluation import VALUE
from lossary.kernels import direct, host
from lossary.registry import get_loss

pytestmark = pytest.mark.skipif(not direct.is_available(), reason="needs places that are known")

# The first tangent of a process makes PyTorch script its decompositions.
QUIET = pytest.mark.filterwarnings("ignore:.torch.jit.*deprecated:DeprecationWarning")
CASES = [case for case in ALL if case.is_representative]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 4, 6)).astype(np.float32)
SIGNS = np.where(Y > 0, 1, -1).astype(np.float32)


def _forget() -> None:
    for loss in lossary.list_losses():
        for name in ("calls", "latest"):
            loss.__dict__.pop(name, None)


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What the built-in functions return: None where they refuse."""
    found: list[Any] = []
    make = direct.direct

    def noting(*given: Any) -> Any:
        function = make(*given)

        def noted(*call: Any) -> Any:
            found.append(function(*call))
            return found[-1]

        return None if function is None else noted

    monkeypatch.setattr(host.direct, "direct", noting)
    _forget()
    yield found
    _forget()


def _repeated(call: Callable[[], Any]) -> Any:
    """Call until the built-in function is the one that answers."""
    return [call() for _ in range(4)][-1]


# --- numbers --------------------------------------------------------------------------------------
def test_floats_are_compared_by_value(results: list[Any]) -> None:
    """A number that is computed for each call is another object each time."""
    half = [0.5] * 2

    def huber(delta: Any) -> Any:
        return lossary.huber_loss(X, Y, delta=delta, reduction="sum")

    _repeated(lambda: huber(half[0] + half[1]))
    assert results[-1] == huber(1.0) == huber(sum(half))
    asked = len(results)
    others = [huber(delta) for delta in (2.0, 1, np.float64(1), np.nextafter(1.0, 2))]
    assert results[asked:] == [None] * len(results[asked:])
    assert others[0] != others[1] == others[2] == huber(1.0)


# --- the same numbers -----------------------------------------------------------------------------
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_every_loss_gives_the_same_bits(library: str, reduction: str, results: list[Any]) -> None:
    for case in CASES:
        arrays = [BY_NAME[library].array(x) for x in case.arrays]
        first, *others = (case(*arrays, reduction=reduction) for _ in range(3))
        for other in others:
            assert (type(other), other.dtype) == (type(first), first.dtype)
            np.testing.assert_array_equal(other, first, strict=True)
    assert sum(result is not None for result in results) > len(CASES)


@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_every_derivative_has_the_same_bits(reduction: str, results: list[Any]) -> None:
    for case in CASES:
        function = lossary.value_and_grad(case.loss)
        options = {**case.shape, **case.parameters, "reduction": reduction}
        first, *others = (function(*case.arrays, **options) for _ in range(3))
        for other, one in itertools.product(others, range(2)):
            np.testing.assert_array_equal(other[one], first[one], strict=True)
    assert sum(result is not None for result in results) > len(CASES) / 2


@pytest.mark.parametrize("masked", [False, True])
def test_a_backward_pass_has_the_same_bits(masked: bool, results: list[Any]) -> None:
    torch = pytest.importorskip("torch")
    for case in CASES:
        arrays = [torch.from_numpy(np.array(x)) for x in case.arrays]
        arrays[0].requires_grad_()
        options, found = {"reduction": "mean"}, []
        if masked:
            options["where"] = torch.arange(math.prod(case(*arrays).shape)) % 3 > 0
            options["where"] = options["where"].reshape(case(*arrays).shape)
        for _ in range(3):
            case(*arrays, **options).backward(torch.tensor(0.5, dtype=torch.float64))
            found.append(arrays[0].grad)
            arrays[0].grad = None
        for other in found[1:]:
            np.testing.assert_array_equal(other, found[0], strict=True)
    assert sum(result is not None for result in results) > len(CASES) / 2


def test_other_numbers_in_the_same_memory_and_elsewhere() -> None:
    x = X.copy()
    _repeated(lambda: lossary.mse_loss(x, Y))
    x[:] = 2 * X
    assert lossary.mse_loss(x, Y) == lossary.mse_loss(2 * X, Y) == lossary.mse_loss(Y, 2 * X)
    np.testing.assert_allclose(lossary.mse_loss(x, Y), np.mean((2 * X - Y) ** 2), rtol=1e-6)


def test_one_array_for_two_arguments() -> None:
    assert _repeated(lambda: lossary.mse_loss(X, X)) == 0
    assert lossary.mse_loss(X, Y) > 0


@pytest.mark.parametrize("size", [direct.SHARED_FROM - 1, direct.SHARED_FROM, 1 << 15, 1 << 16])
def test_sizes_with_other_threads_and_chunks(size: int) -> None:
    x = np.ones(size, np.float32)
    assert _repeated(lambda: lossary.mse_loss(x, 3 * x)) == 4


# --- what changes between two calls ---------------------------------------------------------------
def _changes() -> dict[str, Callable[[], Any]]:
    """Calls that differ from ``huber_loss(X, Y, reduction="mean")``."""
    call = lossary.huber_loss
    wide = np.zeros((4, 12), np.float32)
    wide[:, ::2] = X
    swapped = X.astype(X.dtype.newbyteorder())
    bytes_ = np.zeros(X.nbytes + 1, np.uint8)[1:]
    unaligned = bytes_.view(np.float32).reshape(X.shape)
    unaligned[:] = X
    kept = X.copy()
    kept.flags.writeable = False
    return {
        "reduction": lambda: call(X, Y, reduction="sum"),
        "delta": lambda: call(X, Y, 0.5, "mean"),
        "delta is an integer": lambda: call(X, Y, 1, "mean"),
        "dtype": lambda: call(X, Y, reduction="mean", dtype="float64"),
        "weights": lambda: call(X, Y, reduction="mean", weights=np.abs(Y)),
        "where": lambda: call(X, Y, reduction="mean", where=Y > 0),
        "denominator": lambda: call(X, Y, reduction="mean", denominator=3.0),
        "shape": lambda: call(X.ravel(), Y.ravel(), reduction="mean"),
        "shape, transposed": lambda: call(X.T, Y.T, reduction="mean"),
        "shorter": lambda: call(X[:2], Y[:2], reduction="mean"),
        "empty": lambda: call(X[:0], Y[:0], reduction="sum"),
        "strides": lambda: call(wide[:, ::2], Y, reduction="mean"),
        "order": lambda: call(np.asfortranarray(X), np.asfortranarray(Y), reduction="mean"),
        "negative strides": lambda: call(X[::-1], Y[::-1], reduction="mean"),
        "dtype of an array": lambda: call(X.astype("f8"), Y, reduction="mean"),
        "half": lambda: call(X.astype("f2"), Y.astype("f2"), reduction="mean"),
        "integers": lambda: call(X.astype("i4"), Y.astype("i4"), reduction="mean"),
        "bytes": lambda: call(swapped, Y, reduction="mean"),
        "unaligned": lambda: call(unaligned, Y, reduction="mean"),
        "read only": lambda: call(kept, Y, reduction="mean"),
        "number": lambda: call(X, 0.5, reduction="mean"),
        "0-d": lambda: call(X, np.float32(0.5), reduction="mean"),
        "list": lambda: call(X.tolist(), Y, reduction="mean"),
        "record array": lambda: call(X.view(np.recarray), Y, reduction="mean"),
    }


@pytest.mark.parametrize("title", list(_changes()))
def test_what_changes_is_noticed(title: str) -> None:
    changed = _changes()[title]
    _forget()
    expected = changed()
    _repeated(lambda: lossary.huber_loss(X, Y, reduction="mean"))
    for _ in range(3):  # there, back, and there by its own built-in function
        found = changed()
        assert (type(found), found.dtype) == (type(expected), expected.dtype)
        np.testing.assert_array_equal(found, expected)
        assert lossary.huber_loss(X, Y, reduction="mean") == lossary.huber_loss(Y, X, 1.0, "mean")


def test_wrong_arguments_are_refused_after_right_ones() -> None:
    _repeated(lambda: lossary.mse_loss(X, Y))
    for wrong in (Y[:3], "text", object(), None, Y.astype(complex), np.ma.array(Y)):
        with pytest.raises(lossary.LossaryError):
            lossary.mse_loss(X, wrong)
    with pytest.raises(lossary.LossaryError):
        lossary.mse_loss(X, Y, "average")
    with pytest.raises(TypeError):
        lossary.mse_loss(X)


def test_the_built_in_function_refuses_another_count(results: list[Any]) -> None:
    _repeated(lambda: lossary.huber_loss(X, Y))
    request = get_loss("huber_loss").bind(X, Y)
    function = get_loss("huber_loss").latest.find(VALUE)
    assert function(request) is not None
    assert function(request._replace(arrays=(X, 3))) is None
    assert results[-1] is None


# --- values outside their domain ------------------------------------------------------------------
def test_faults_are_reported_by_every_call() -> None:
    x, signs = X.copy(), SIGNS.copy()
    _repeated(lambda: lossary.hinge_loss(x, signs, "mean"))
    signs[1, 2] = 0
    for _ in range(3):
        with pytest.warns(lossary.DomainWarning, match=r"got 0.0 at \(1, 2\)"):
            lossary.hinge_loss(x, signs, "mean")
        with (
            lossary.options(domain="raise"),
            pytest.raises(ValueError, match=r"got 0.0 at \(1, 2\)"),
        ):
            lossary.hinge_loss(x, signs, "mean")
        with lossary.options(domain="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")
            lossary.hinge_loss(x, signs, "mean")


def test_a_policy_that_ignores_does_not_outlive_its_block() -> None:
    _forget()
    signs = np.zeros_like(SIGNS)
    with lossary.options(domain="ignore"):
        _repeated(lambda: lossary.hinge_loss(X, signs, "mean"))
    with pytest.warns(lossary.DomainWarning):
        lossary.hinge_loss(X, signs, "mean")


def test_labels_outside_are_refused_by_every_call() -> None:
    labels = np.array([0, 5, 2, 1])
    _repeated(lambda: lossary.cross_entropy(X, labels, reduction="mean"))
    labels[3] = 6
    for _ in range(3):
        with pytest.raises(ValueError, match=r"got 6 at \(3,\)"):
            lossary.cross_entropy(X, labels, reduction="mean")


# --- memory and threads ---------------------------------------------------------------------------
def test_nothing_is_kept_and_nothing_is_lost() -> None:
    x, y, delta, dtype = X.copy(), Y.copy(), float("1.5"), X.dtype

    def many() -> None:
        for _ in range(50_000):
            lossary.huber_loss(x, y, delta, "mean")
            lossary.huber_loss(x, y, delta)

    objects = (x, y, delta, dtype, None, "mean", X.shape)
    _repeated(lambda: lossary.huber_loss(x, y, delta, "mean"))
    _repeated(lambda: lossary.huber_loss(x, y, delta))
    before = [sys.getrefcount(item) for item in objects]
    many()
    assert max(abs(sys.getrefcount(a) - b) for a, b in zip(objects, before, strict=True)) < 1000


def test_arrays_are_freed() -> None:
    x = X.copy()
    _repeated(partial(lossary.huber_loss, x, Y, 1.0, "mean"))
    reference = weakref.ref(x)
    del x
    assert reference() is None


def test_memory_does_not_grow() -> None:
    def many(count: int) -> None:
        for _ in range(count):
            lossary.huber_loss(X, Y, 1.0, "mean")

    many(1000)
    tracemalloc.start()
    try:
        many(1000)
        before, _ = tracemalloc.get_traced_memory()
        many(10_000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 10_000


def test_a_built_in_function_lives_as_long_as_it_is_held() -> None:
    _repeated(lambda: lossary.huber_loss(X, Y, reduction="mean"))
    loss = get_loss("huber_loss")
    function, request = loss.latest.find(VALUE), loss.bind(X, Y, reduction="mean")
    expected = function(request)
    _forget()
    gc.collect()
    assert function(request) == expected


@pytest.mark.parametrize("size", [50, 5000])
def test_threads_that_call_at_once(size: int) -> None:
    """Each with numbers of its own and of two shapes, so that they replace one another's."""
    wrong: list[Any] = []

    def work(number: int) -> None:
        x = np.full(size + number % 2, number, np.float64)
        y = np.zeros_like(x)
        for _ in range(1000):
            found = lossary.mse_loss(x, y)
            if found != number**2:
                wrong.append((number, found))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


# --- where places are not known -------------------------------------------------------------------
def test_the_general_way_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _repeated(lambda: lossary.huber_loss(X, Y, reduction="mean"))
    monkeypatch.setattr(direct, "is_available", lambda: False)
    _forget()
    assert _repeated(lambda: lossary.huber_loss(X, Y, reduction="mean")) == expected
    assert len(get_loss("huber_loss").latest) == 0


# --- tensors --------------------------------------------------------------------------------------
@QUIET
def test_what_follows_tensors_is_noticed(results: list[Any]) -> None:
    torch = pytest.importorskip("torch")
    x, y = torch.from_numpy(X.copy()), torch.from_numpy(Y.copy())
    expected = _repeated(lambda: lossary.mse_loss(x, y))
    assert results[-1] is not None
    count = len(results)

    followed = x.clone().requires_grad_()
    lossary.mse_loss(followed, y).backward()
    np.testing.assert_allclose(followed.grad, 2 * (X - Y) / X.size, rtol=1e-6)
    with torch.no_grad():
        assert not lossary.mse_loss(followed, y).requires_grad
    batch = torch.func.vmap(lossary.mse_loss)(x, y)
    np.testing.assert_allclose(batch, np.mean((X - Y) ** 2, axis=1), rtol=1e-6)
    moved = torch.func.jvp(lambda x: lossary.mse_loss(x, y), (x,), (torch.ones_like(x),))[1]
    np.testing.assert_allclose(moved, np.mean(2 * (X - Y)), rtol=1e-5)
    with torch._subclasses.FakeTensorMode() as mode:
        assert lossary.mse_loss(mode.from_tensor(x), mode.from_tensor(y)).shape == ()
    negative = torch._neg_view(x)
    assert lossary.mse_loss(negative, y) == lossary.mse_loss(-x, y)
    assert lossary.mse_loss(x.to("meta"), y.to("meta")).device.type == "meta"
    assert lossary.mse_loss(torch.nn.Parameter(x, False), y) == expected
    assert lossary.mse_loss(x.half(), y.half()).dtype == torch.float16
    assert lossary.mse_loss(x, y) == expected
    assert len(results) > count


def test_the_default_dtype_and_autocast_are_noticed() -> None:
    torch = pytest.importorskip("torch")
    whole, half = torch.arange(6), torch.ones(6, dtype=torch.bfloat16)
    assert _repeated(lambda: lossary.mse_loss(whole, whole)).dtype == torch.float32
    assert _repeated(lambda: lossary.mse_loss(half, half)).dtype == torch.bfloat16
    with torch.autocast("cpu"):
        assert lossary.mse_loss(half, half).dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert lossary.mse_loss(whole, whole).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@QUIET
def test_a_script_that_is_traced_is_noticed() -> None:
    torch = pytest.importorskip("torch")
    x, y = torch.from_numpy(X.copy()), torch.from_numpy(Y.copy())
    _repeated(lambda: lossary.mse_loss(x, y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        traced = torch.jit.trace(lambda x, y: lossary.mse_loss(x, y), (x, y))
    np.testing.assert_allclose(traced(2 * x, y), np.mean((2 * X - Y) ** 2), rtol=1e-6)
