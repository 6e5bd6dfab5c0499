"""Backward passes through losses of tensors: a kernel gives what operations give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lossary
from lossary.registry import get_loss

torch = pytest.importorskip("torch")

SHAPE = (4, 6)
RNG = np.random.default_rng(0)
X, Y, C = RNG.normal(size=(3, *SHAPE)).astype(np.float32)
LABELS = RNG.integers(0, 6, 4)

# Cotangents of every layout that a backward pass may be given.
COTANGENTS: dict[str, Callable[[], Any]] = {
    "one number": lambda: torch.tensor(0.7).expand(SHAPE),
    "dense": lambda: torch.from_numpy(C),
    "transposed": lambda: torch.from_numpy(C.T.copy()).T,
    "one row": lambda: torch.from_numpy(C[0]).expand(SHAPE),
    "every second": lambda: torch.from_numpy(np.repeat(C, 2, axis=1))[:, ::2],
    "negated": lambda: torch._neg_view(torch.from_numpy(C)),
}


def _gradients(value: Any, inputs: list[Any], cotangent: Any, *, differentiable: bool) -> list[Any]:
    """Return the gradients; a differentiable backward pass runs no kernel."""
    found = torch.autograd.grad(value, inputs, cotangent, create_graph=differentiable)
    return [x.detach().double().numpy() for x in found]


def _assert_alike(compute: Callable[[], Any], inputs: list[Any], cotangent: Any) -> None:
    """Assert that backward passes agree with one that is differentiable: three in a row."""
    expected = _gradients(compute(), inputs, cotangent, differentiable=True)
    for _ in range(3):
        found = _gradients(compute(), inputs, cotangent, differentiable=False)
        for one, other, x in zip(found, expected, inputs, strict=True):
            np.testing.assert_allclose(one, other, rtol=8 * torch.finfo(x.dtype).eps, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
@pytest.mark.parametrize("kind", COTANGENTS)
def test_cotangents_of_any_layout(kind: str, dtype: str) -> None:
    x, t = (torch.from_numpy(a).to(getattr(torch, dtype)).requires_grad_() for a in (X, Y))
    cotangent = COTANGENTS[kind]().to(x.dtype) if dtype != "float32" else COTANGENTS[kind]()
    _assert_alike(lambda: lossary.huber_loss(x, t), [x, t], cotangent)
    _assert_alike(lambda: lossary.huber_loss(x, t), [t], cotangent)


@pytest.mark.parametrize("layout", ["dense", "transposed", "every second", "one row"])
def test_inputs_of_any_layout(layout: str) -> None:
    x, t = COTANGENTS[layout]().requires_grad_(), torch.from_numpy(Y)
    for cotangent in COTANGENTS.values():
        _assert_alike(lambda: lossary.log_cosh_loss(x, t), [x], cotangent())


def test_rows_with_labels() -> None:
    x, labels = torch.from_numpy(X).requires_grad_(), torch.from_numpy(LABELS)
    for cotangent in (torch.tensor(0.7).expand(4), torch.from_numpy(C[:, 0].copy())):
        _assert_alike(lambda: lossary.cross_entropy(x, labels), [x], cotangent)
        _assert_alike(lambda: lossary.cross_entropy(x, labels, ignore_index=2), [x], cotangent)


def test_arguments_that_gradients_are_summed_for() -> None:
    x, t = torch.from_numpy(X).requires_grad_(), torch.from_numpy(Y)
    weights = torch.rand(4, 1, generator=torch.Generator().manual_seed(0)).requires_grad_()
    number = torch.tensor(0.3, requires_grad=True)
    cotangent = torch.from_numpy(C)
    _assert_alike(lambda: lossary.mse_loss(x, t, weights=weights, reduction="none"),
                  [x, weights], cotangent)  # fmt: skip
    _assert_alike(lambda: lossary.mse_loss(x, number, reduction="none"), [x, number], cotangent)


def test_a_kernel_is_bound_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from lossary.backends import torch_cotangent

    get_loss("huber_loss").__dict__.pop("calls", None)
    get_loss("huber_loss").__dict__.pop("latest", None)
    bound, bind = [], torch_cotangent.bound_kernel
    monkeypatch.setattr(
        torch_cotangent, "bound_kernel", lambda *given: bound.append(given) or bind(*given)
    )
    for _ in range(4):
        x, t = torch.randn(SHAPE, requires_grad=True), torch.randn(SHAPE)
        lossary.huber_loss(x, t).mean().backward()
        expected = torch.autograd.functional.vjp(
            lambda x, t=t: torch.nn.functional.huber_loss(x, t), x.detach()
        )[1]
        torch.testing.assert_close(x.grad, expected)
    assert len(bound) == 1


MEANS: dict[str, dict[str, Any]] = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "masked": {"where": torch.from_numpy(C > 0)},
    "weighted": {"weights": torch.from_numpy(abs(C)), "denominator": "weights"},
    "of none": {"where": torch.zeros(SHAPE, dtype=torch.bool)},
    "by a number": {"denominator": 7},
}


@pytest.mark.parametrize("dtypes", ["float32 float32", "float16 float16", "bfloat16 float32",
                                    "float16 float64", "float32 float64"])  # fmt: skip
@pytest.mark.parametrize("kind", MEANS)
def test_means_of_any_dtypes(kind: str, dtypes: str) -> None:
    first, second = (getattr(torch, name) for name in dtypes.split())
    x, t = torch.from_numpy(X).to(first).requires_grad_(), torch.from_numpy(Y).to(second)
    t.requires_grad_()

    def loss() -> Any:
        return lossary.huber_loss(x, t, **{"reduction": "mean", **MEANS[kind]})

    for scale in (1.0, 3.0):
        cotangent = torch.tensor(scale, dtype=loss().dtype)
        _assert_alike(loss, [x], cotangent)
        _assert_alike(loss, [x, t], cotangent)


def test_a_second_backward_pass_binds_a_kernel_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from lossary.backends import torch_cotangent

    bound, bind = [], torch_cotangent.bound_kernel
    monkeypatch.setattr(
        torch_cotangent, "bound_kernel", lambda *given: bound.append(given) or bind(*given)
    )
    get_loss("log_cosh_loss").__dict__.pop("calls", None)
    get_loss("log_cosh_loss").__dict__.pop("latest", None)
    x, t = torch.from_numpy(X).requires_grad_(), torch.from_numpy(Y)
    for _ in range(4):
        loss = lossary.log_cosh_loss(x, t, "mean")
        first, *others = (torch.autograd.grad(loss, x, retain_graph=True)[0] for _ in range(3))
        for other in others:
            np.testing.assert_array_equal(other, first)
    assert len(bound) == 1


def test_scaled_gradients_of_halves_are_rounded_once() -> None:
    """The unscaled ones are subnormal: of 1.2e-7 two bits are left."""
    x = torch.full((4096,), 1.0, dtype=torch.float16, requires_grad=True)
    t = torch.full((4096,), 1.0 + 2**-10, dtype=torch.float16)
    scale = torch.tensor(3000.0, dtype=torch.float16)
    for _ in range(3):
        (found,) = torch.autograd.grad(lossary.mse_loss(x, t), x, scale)
        expected = np.full(4096, -2 * 2**-10 / 4096 * 3000.0).astype(np.float16)
        np.testing.assert_array_equal(found.numpy(), expected)


def test_tensors_that_changed_are_refused() -> None:
    x, t = torch.randn(SHAPE, requires_grad=True), torch.randn(SHAPE)
    for _ in range(2):
        value = lossary.huber_loss(x, t)
        t.add_(1.0)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            value.sum().backward()


@pytest.mark.parametrize("size", [4, 1 << 14])
def test_hooks_may_change_the_layout_of_what_is_saved(size: int) -> None:
    x, t = torch.randn(6, size, requires_grad=True), torch.randn(6, size)
    lossary.huber_loss(x, t).sum().backward()
    expected, x.grad = x.grad, None

    def moved(saved: Any) -> Any:
        return saved.detach().t().contiguous().t()

    with torch.autograd.graph.saved_tensors_hooks(lambda saved: saved, moved):
        value = lossary.huber_loss(x, t)
    value.sum().backward()
    np.testing.assert_array_equal(x.grad, expected)


def test_transformed_and_differentiated_backward_passes() -> None:
    x, t = torch.from_numpy(X).requires_grad_(), torch.from_numpy(Y)
    lossary.mse_loss(x, t, reduction="none").sum().backward()
    value = lossary.mse_loss(x, t, reduction="none")
    each = torch.eye(24).reshape(24, *SHAPE)
    (found,) = torch.autograd.grad(value, x, each, is_grads_batched=True, retain_graph=True)
    np.testing.assert_allclose(found.sum(0), 2 * (X - Y), rtol=1e-6)
    (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    np.testing.assert_allclose(second, np.full(SHAPE, 2.0), rtol=1e-6)
