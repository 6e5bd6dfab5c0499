"""Ordinary calls on JAX arrays in host memory: kernels where values are there, else XLA."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from assertions import assert_close

import lossary
from lossary.backends import compiled
from lossary.backends.host_call import HostCall

jax = pytest.importorskip("jax")
jnp = jax.numpy

ALONE = pytest.mark.skipif(
    jax.device_count() != 1 or jax.devices()[0].platform != "cpu", reason="JAX has other devices"
)


@pytest.fixture
def compiled_calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that grows with every call that takes the compiled way."""
    calls: list[Any] = []
    original = compiled.CompiledCall.cached

    def cached(self: Any, computation: Any) -> Any:
        run = original(self, computation)

        def noted(request: Any) -> Any:
            calls.append(request)
            return run(request)

        return noted

    monkeypatch.setattr(compiled.CompiledCall, "cached", cached)
    return calls


def _pair(*shape: int, dtype: Any = np.float32) -> list[Any]:
    x = np.random.default_rng(shape).normal(size=(2, *shape))
    return [jax.block_until_ready(jnp.asarray(part.astype(dtype))) for part in x]


@ALONE
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int32"])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("size", [1, 31, 40_001])
def test_results_are_those_of_the_compiled_way(
    dtype: str, reduction: str, size: int, compiled_calls: list[Any]
) -> None:
    x, t = (part.astype(dtype) for part in _pair(size))
    jax.block_until_ready((x, t))
    found = lossary.value_and_grad(lossary.huber_loss)(x, t, reduction=reduction)
    assert dtype == "int32" or not compiled_calls
    expected = jax.jit(
        lambda x, t: lossary.value_and_grad(lossary.huber_loss)(x, t, reduction=reduction)
    )(x, t)
    for one, other in zip(found, expected, strict=True):
        assert isinstance(one, jax.Array)
        assert (one.aval, one.sharding, one.committed) == (
            other.aval,
            other.sharding,
            other.committed,
        )
        assert_close(one, other, rtol=1e-2 if "16" in dtype else 1e-5, atol=1e-6)


@ALONE
def test_arrays_that_are_committed_give_committed_ones() -> None:
    x, t = _pair(7)
    fixed = jax.device_put(x, jax.devices()[0])
    for given in (x, fixed, x):
        assert lossary.mse_loss(given, t).committed is given.committed
        assert lossary.l1_loss(t, given, "none").committed is given.committed


@ALONE
def test_nothing_waits_for_arrays_that_are_being_computed(
    compiled_calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, t = _pair(8)
    ready = lossary.log_cosh_loss(x, t, reduction="mean")
    assert compiled_calls == []
    monkeypatch.setattr(type(x), "is_ready", lambda self: False)
    found = lossary.log_cosh_loss(x, t, reduction="mean")
    assert len(compiled_calls) == 1
    assert_close(found, ready, rtol=1e-6)
    large = _pair(50_000)
    lossary.log_cosh_loss(*large, reduction="none")
    assert len(compiled_calls) == 2


@ALONE
def test_sharded_arrays_take_the_compiled_way(compiled_calls: list[Any]) -> None:
    mesh = jax.make_mesh((1,), ("rows",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("rows"))
    x, t = (jax.device_put(part, sharding) for part in _pair(9))
    jax.block_until_ready((x, t))
    lossary.mse_loss(x, t, "none")
    assert len(compiled_calls) == 1


@ALONE
@pytest.mark.parametrize("size", [6, 50_000])
def test_deleted_arrays_raise_the_error_of_jax(size: int) -> None:
    x, t = _pair(size)
    lossary.mse_loss(x, t)
    x.delete()
    with pytest.raises(RuntimeError, match="deleted"):
        lossary.mse_loss(x, t)


@ALONE
def test_arrays_that_lie_in_another_order() -> None:
    from jax.experimental.layout import Format, Layout

    x, t = _pair(3, 5)
    expected = lossary.cross_entropy(x, t)
    turned = jax.device_put(x, Format(Layout((1, 0)), x.sharding))
    assert_close(lossary.cross_entropy(jax.block_until_ready(turned), t), expected, rtol=1e-6)


@ALONE
def test_results_can_be_donated_and_inputs_stay_as_they_are() -> None:
    x, t = _pair(60_000)
    before = np.array(x)
    gradient = lossary.grad(lossary.mse_loss)(x, t, reduction="sum")
    expected = np.array(gradient) + 1
    assert_close(jax.jit(lambda g: g + 1, donate_argnums=0)(gradient), expected, rtol=1e-6)
    assert_close(lossary.grad(lossary.mse_loss)(x, t, reduction="sum"), expected - 1, atol=1e-6)
    np.testing.assert_array_equal(x, before)


@ALONE
def test_jax_looks_for_nan_where_it_is_told_to() -> None:
    x, t = _pair(4)
    nan = jax.block_until_ready(x * math.nan)
    assert math.isnan(lossary.mse_loss(nan, t))
    with jax.debug_nans(True), pytest.raises(FloatingPointError):
        lossary.mse_loss(nan, t)
    with jax.debug_nans(True), pytest.raises(FloatingPointError):
        lossary.mse_loss(nan, t, "none")


@ALONE
def test_transfers_may_be_forbidden() -> None:
    x, t = _pair(5)
    expected = lossary.mse_loss(x, t)
    with jax.transfer_guard("disallow"):
        found = lossary.mse_loss(x, t)
    assert_close(found, expected, rtol=1e-6)


@ALONE
def test_labels_that_are_no_class_give_nan_in_silence() -> None:
    logits = _pair(3, 4)[0]
    labels = jnp.asarray([0, 4, -(2**31)])
    for _ in range(2):
        found = lossary.cross_entropy(logits, labels)
        assert np.isnan(found).tolist() == [False, True, True]
    with lossary.options(domain="raise"), pytest.raises(ValueError, match="4 at"):
        lossary.cross_entropy(logits, labels)


@ALONE
def test_overflow_gives_infinity_in_silence() -> None:
    x = jax.block_until_ready(jnp.full(3, 3e38, jnp.float32))
    assert lossary.mse_loss(x, -x, "sum") == math.inf


@ALONE
def test_a_call_inside_a_trace_on_constants() -> None:
    x, t = _pair(11)
    inside = jax.jit(lambda s: s + lossary.mse_loss(x, t))(1.0)
    assert_close(inside, 1 + lossary.mse_loss(x, t), rtol=1e-6)


def test_without_what_makes_arrays_of_jax_calls_are_compiled(
    compiled_calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lossary.backends import jax_host

    monkeypatch.setattr(jax_host, "_put", None)
    x, t = _pair(13)
    assert_close(lossary.mse_loss(x, t), np.mean((np.array(x) - t) ** 2), rtol=1e-6)
    assert len(compiled_calls) == 1


@ALONE
def test_repeated_calls_are_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, labels = _pair(6, 5)[0], jnp.asarray([0, 1, 2, 3, 4, 0])
    both = lossary.value_and_grad(lossary.cross_entropy)
    both(logits, labels, reduction="mean")
    expected = both(logits, labels, reduction="mean")

    def refused(self: Any, arrays: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(HostCall, "run", refused)
    found = both(logits, labels, reduction="mean")
    assert [np.asarray(x).tolist() for x in found] == [np.asarray(x).tolist() for x in expected]
    bad = jnp.asarray([0, 1, 2, 3, 4, 9])
    assert np.isnan(both(logits, bad, reduction="mean")[0])
    with lossary.options(domain="raise"), pytest.raises(ValueError, match="9 at"):
        both(logits, bad, reduction="mean")


@ALONE
def test_repeated_calls_see_what_has_changed(compiled_calls: list[Any]) -> None:
    x, t = (part.astype("int32") for part in _pair(17))
    jax.block_until_ready((x, t))
    for _ in range(3):
        assert lossary.l1_loss(x, t, "sum").dtype == "float32"
        assert not lossary.l1_loss(x, t, "sum").committed
        with jax.enable_x64(True):
            assert lossary.l1_loss(x, t, "sum").dtype == "float64"
        fixed = jax.device_put(x, jax.devices()[0])
        assert lossary.l1_loss(fixed, t, "sum").committed
        assert lossary.l1_loss(x, 1, "sum") == abs(np.asarray(x) - 1).sum()
        weights = jnp.full(17, 2.0)
        weighed = lossary.l1_loss(x, t, "sum", weights=jax.block_until_ready(weights))
        assert weighed == 2 * lossary.l1_loss(x, t, "sum")
    assert compiled_calls == []
