"""Ordinary calls on JAX and MLX arrays: compiled once per signature, lazy, the same every time."""

from __future__ import annotations

import gc
import io
from typing import Any

import numpy as np
import pytest
from assertions import assert_close

import lossary
from lossary.backends import compiled

jax = pytest.importorskip("jax")
mx = pytest.importorskip("mlx.core")

ARRAYS = {"jax": jax.numpy.asarray, "mlx": mx.array}
CALLS: list[dict[str, Any]] = [
    {},
    {"reduction": "sum"},
    {"reduction": "mean"},
    {"reduction": "mean", "denominator": 7},
    {"reduction": "mean", "weights": True},
    {"reduction": "mean", "where": True},
    {"reduction": "mean", "weights": True, "denominator": "weights"},
]


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000])
@pytest.mark.parametrize("call", CALLS, ids=str)
@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS)
def test_repeated_calls_are_right_and_have_the_same_bits(make: Any, call: Any, size: int) -> None:
    rng = np.random.default_rng(size)
    x, t = rng.normal(size=(2, size)).astype(np.float32)
    options = dict(call)
    extra = {"weights": rng.random(size).astype(np.float32), "where": rng.random(size) < 0.5}
    options |= {name: extra[name] for name in extra if name in call}
    given = {n: make(v) if n in extra else v for n, v in options.items()}
    # Another delta must not take the first one's value.
    for delta in (0.5, 2.0, 0.5):
        expected = lossary.huber_loss(x, t, delta, **options)
        found = [np.asarray(lossary.huber_loss(make(x), make(t), delta, **given)) for _ in "twice"]
        assert_close(found[0], expected, rtol=1e-5)
        assert found[0].tobytes() == found[1].tobytes()


@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS)
def test_a_function_that_was_forgotten_is_compiled_again(make: Any) -> None:
    x, t = make(np.float32([0.5, 3.0])), make(np.float32([0.0, 1.0]))
    expected = np.asarray(lossary.huber_loss(x, t, reduction="mean"))
    compiled._functions._entries.clear()
    gc.collect()
    assert np.asarray(lossary.huber_loss(x, t, reduction="mean")) == expected


@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS)
def test_gradients_of_repeated_calls(make: Any) -> None:
    x, t = np.random.default_rng(0).normal(size=(2, 130)).astype(np.float32)
    both = lossary.value_and_grad(lossary.huber_loss)
    for _ in range(2):
        value, gradient = both(make(x), make(t), reduction="mean")
        expected = both(x, t, reduction="mean")
        assert_close(np.asarray(value), expected[0], rtol=1e-5)
        assert_close(np.asarray(gradient), expected[1], rtol=1e-5)


def test_float32_sums_of_mlx_keep_their_digits() -> None:
    x = np.random.default_rng(0).random(10**6 + 37).astype(np.float32)
    found = float(lossary.l1_loss(mx.array(x), mx.zeros(x.shape)))
    assert_close(found, x.astype(np.float64).mean(), rtol=2e-7)


def test_an_array_of_mlx_is_not_evaluated() -> None:
    calls = []

    @mx.custom_function
    def traced(x: Any) -> Any:
        calls.append(x)
        return mx.exp(x)

    x = traced(mx.zeros(8))
    for _ in range(2):
        lossary.mse_loss(x, mx.ones(8))
    graph = io.StringIO()
    mx.export_to_dot(graph, x)
    assert "Exp" in graph.getvalue()  # an array with values has no operation before it
    assert_close(float(lossary.mse_loss(x, mx.ones(8))), 0.0)


def test_constants_of_a_trace_do_not_leak() -> None:
    constant = jax.numpy.asarray(np.arange(5, dtype=np.float32))

    def inside(x: Any) -> Any:
        return x + lossary.huber_loss(constant, constant * 0, 0.75, "mean")

    first = jax.jit(inside)(1.0)
    direct = lossary.huber_loss(constant, constant * 0, 0.75, "mean")
    assert_close(float(first), 1 + float(direct), rtol=1e-6)


def _operations(*results: Any) -> str:
    """Return the graph of what MLX has not computed."""
    graph = io.StringIO()
    mx.export_to_dot(graph, *results)
    return graph.getvalue()


def test_ordinary_calls_of_mlx_are_fused_and_differentiated_ones_are_exact() -> None:
    x, t = mx.array([0.5, -3.0, 1.0]), mx.array([1.0, 1.0, 1.0])
    for _ in range(2):
        graph = _operations(lossary.hinge_loss(x, t, "mean"))
        assert "Compiled" in graph
        assert "CustomTransforms" not in graph
        # The derivative at the kink, at 1, is 0, where MLX's own is not.
        found = mx.grad(lambda x: lossary.hinge_loss(x, t, "mean"))(x)
        assert_close(np.asarray(found), np.float32([-1, -1, 0]) / 3, rtol=1e-6)
        inside = mx.compile(mx.grad(lambda x: lossary.hinge_loss(x, t, "mean")))(x)
        assert_close(np.asarray(inside), np.asarray(found))


def test_a_compiled_function_of_mlx_is_left_for_a_trace_for_any_size() -> None:
    mean = mx.compile(lambda x: lossary.mse_loss(x, x * 0, "mean"), shapeless=True)
    for size in (3, 5):
        x = mx.arange(size).astype(mx.float32)
        expected = float(lossary.mse_loss(x, x * 0, "mean"))
        assert_close(float(mean(x)), expected, rtol=1e-6)
    assert_close(float(mean(mx.arange(3).astype(mx.float32))), 5 / 3, rtol=1e-6)


@pytest.mark.parametrize("classes", [3, 32, 37, 80, 1000])
def test_classes_of_mlx_are_added_up_in_windows(classes: int) -> None:
    rng = np.random.default_rng(classes)
    logits = rng.normal(size=(5, classes)).astype(np.float32)
    labels = np.array([0, classes - 1, classes, -1, 2])
    for axis in (1, 0):
        x = mx.array(logits if axis else logits.T)
        found = np.asarray(lossary.cross_entropy(x, mx.array(labels), axis=axis))
        fit = labels[[0, 1, 4]]
        expected = lossary.cross_entropy(logits[[0, 1, 4]], fit)
        assert_close(found[[0, 1, 4]], expected, rtol=4e-6)
        assert np.isnan(found[[2, 3]]).all()
