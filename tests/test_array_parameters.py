"""Parameters given as arrays, and weights, masks and parameters that are repeated along axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from cases import CASES, Case, every_kind
from libraries import BY_NAME, LIBRARIES, Library

import lossary

# Compilers and the first tangent of a process make PyTorch use what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
NUMBERS = [case for case in CASES if set(case.parameters) & set(case.loss.numbers)]
EVERY_NUMBER = every_kind(NUMBERS)
EVERY_LIBRARY = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
INPUTS = np.array([[0.5, 3.0, -2.0], [1.1, -4.0, 0.1]])
TARGETS = np.zeros((2, 3))
DELTAS = np.array([[0.7], [1.5]])


def _numbered(case: Case) -> tuple[str, float]:
    ((name, value),) = case.parameters.items()
    return name, float(value)


def _rows(case: Case, function: Any, values: np.ndarray) -> np.ndarray:
    """Return what a function of one row and a number gives for every row and its number."""
    rows = [function([x[i : i + 1] for x in case.arrays], float(v)) for i, v in enumerate(values)]
    return np.concatenate(rows)


@EVERY_LIBRARY
@EVERY_NUMBER
def test_a_value_for_every_row(case: Case, library: Library) -> None:
    name, value = _numbered(case)
    values = value * np.linspace(0.5, 1.5, len(case.arrays[0])).astype(np.float32)
    expected = _rows(case, lambda row, v: case(*row, **{name: v}), values)
    shape = (-1,) if case.shape else (-1, 1)
    arrays = [library.array(x) for x in case.cast("float32")]
    given = library.array(values.reshape(shape))
    assert_close(library.numpy(case(*arrays, **{name: given})), expected, rtol=1e-5, atol=1e-6)
    one = library.array(np.float32(value))
    found = library.numpy(case(*arrays, **{name: one}))
    assert_close(found, case(*case.arrays), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["torch", "jax", "mlx"])
@EVERY_NUMBER
def test_derivative_with_respect_to_a_parameter(case: Case, name: str) -> None:
    parameter, value = _numbered(case)
    step = 1e-6
    high, low = (case(*case.arrays, **{parameter: value + sign * step}) for sign in (1, -1))
    expected = (high - low).sum() / (2 * step)
    library = BY_NAME[name]
    arrays = [library.array(x) for x in case.cast("float32")]

    def total(number: Any) -> Any:
        return case(*arrays, reduction="sum", **{parameter: number})

    given = library.array(np.float32(value))
    if name == "torch":
        import torch

        leaf = given.requires_grad_()
        found = torch.autograd.grad(total(leaf), leaf)[0]
    elif name == "jax":
        import jax

        found = jax.jit(jax.grad(total))(given)
    else:
        import mlx.core as mx

        found = mx.grad(total)(given)
    assert_close(library.numpy(found), expected, rtol=1e-4, atol=1e-6)


def test_a_scheduled_and_a_batched_parameter() -> None:
    jax = pytest.importorskip("jax")
    inputs, targets = jax.numpy.asarray(INPUTS), jax.numpy.asarray(TARGETS)

    def mean(delta: Any) -> Any:
        return lossary.huber_loss(inputs, targets, delta, "mean")

    numbers = [0.5, 1.0, 2.5]
    expected = [mean(number) for number in numbers]
    assert_close([jax.jit(mean)(number) for number in numbers], expected, rtol=1e-6)
    assert_close(jax.vmap(mean)(jax.numpy.asarray(numbers)), expected, rtol=1e-6)


def test_torch_learns_a_parameter() -> None:
    torch = pytest.importorskip("torch")
    inputs, targets = torch.tensor(INPUTS, requires_grad=True), torch.tensor(TARGETS)
    for shape in ((), (2, 1), (1, 3), (2, 3)):
        delta = torch.full(shape, 0.7, dtype=torch.float64, requires_grad=True)
        for reduction in ("none", "mean"):
            arguments = (
                lambda x, d, r=reduction: lossary.huber_loss(x, targets, d, r),
                (inputs, delta),
            )
            assert torch.autograd.gradcheck(*arguments, check_forward_ad=True)
            assert torch.autograd.gradgradcheck(*arguments)
    deltas = torch.tensor([0.5, 1.0, 2.5], dtype=torch.float64)
    found = torch.func.vmap(lambda d: lossary.huber_loss(inputs, targets, d, "mean"))(deltas)
    expected = [float(lossary.huber_loss(INPUTS, TARGETS, float(d), "mean")) for d in deltas]
    assert_close(found.detach(), expected, rtol=1e-12)


def test_torch_looks_at_a_parameter_anew() -> None:
    torch = pytest.importorskip("torch")
    delta = torch.tensor(0.5)
    inputs, targets = torch.tensor(INPUTS), torch.tensor(TARGETS)
    for number in (0.5, 2.0):
        delta.fill_(number)
        expected = lossary.huber_loss(INPUTS, TARGETS, number, "sum")
        assert_close(lossary.huber_loss(inputs, targets, delta, "sum"), expected, rtol=1e-12)


def test_torch_compiles_with_a_tensor_for_a_parameter() -> None:
    torch = pytest.importorskip("torch")
    torch.compiler.reset()
    inputs, targets = torch.tensor(INPUTS), torch.tensor(TARGETS)

    def mean(delta: Any) -> Any:
        return lossary.huber_loss(inputs, targets, delta, "mean")

    compiled = torch.compile(mean, backend="aot_eager", fullgraph=True)
    for number in (0.5, 2.0):
        delta = torch.tensor(number, dtype=torch.float64, requires_grad=True)
        found, expected = compiled(delta), mean(delta)
        assert_close(found.detach(), expected.detach())
        assert_close(*(torch.autograd.grad(x, delta)[0] for x in (found, expected)), rtol=1e-12)


def test_parameters_are_checked() -> None:
    message = r"delta must be a positive number, got -1\.5 at \(1, 0\)"
    with pytest.raises(ValueError, match=message):
        lossary.huber_loss(INPUTS, TARGETS, DELTAS * [[1], [-1]])
    with pytest.raises(ValueError, match="delta must be a finite number, got inf"):
        lossary.huber_loss(INPUTS, TARGETS, np.float64(np.inf) * DELTAS)
    with pytest.raises(
        ValueError, match=r"delta must have the shape .*\(2, 3\), .*got shape \(3,\)"
    ):
        lossary.huber_loss(INPUTS, TARGETS, DELTAS[0].repeat(3))
    with pytest.raises(TypeError, match="delta must be a positive number, got dtype bool"):
        lossary.huber_loss(INPUTS, TARGETS, DELTAS > 0)
    with pytest.raises(ValueError, match=r"delta must be a positive number, got -1\.0"):
        lossary.huber_loss(INPUTS, TARGETS, np.array(-1.0))
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match=r"delta must be a positive number, got -1\.0"):
        lossary.huber_loss(torch.tensor(INPUTS), torch.tensor(TARGETS), torch.tensor(-1.0))


@EVERY_LIBRARY
@pytest.mark.parametrize("shape", [(2, 1), (1, 3), (1, 1)])
def test_weights_and_masks_are_repeated_along_axes_of_length_1(
    shape: tuple[int, int], library: Library
) -> None:
    weights = np.linspace(0.5, 2.0, 6, dtype=np.float32).reshape(2, 3)[: shape[0], : shape[1]]
    where = weights < 1.9 if shape != (2, 1) else np.array([[True], [False]])
    full = [np.array(np.broadcast_to(x, (2, 3))) for x in (weights, where)]
    arrays = [x.astype(np.float32) for x in (INPUTS, TARGETS)]
    given = [library.array(x) for x in (*arrays, weights, where)]
    for reduction in ("none", "sum", "mean"):
        for denominator in ("count", "weights"):
            options = {"reduction": reduction, "denominator": denominator}
            found = lossary.mse_loss(*given[:2], weights=given[2], where=given[3], **options)
            expected = lossary.mse_loss(*arrays, weights=full[0], where=full[1], **options)
            assert_close(library.numpy(found), expected, rtol=1e-6)
    logits = [x.reshape(2, 3, 1) * np.float32([1, 2, 3, 4]) for x in arrays[:1]]
    labels = np.array([[0, 1, 2], [3, 2, 1]])
    found = lossary.cross_entropy(
        library.array(logits[0]), library.array(labels), weights=given[2], where=given[3]
    )
    expected = lossary.cross_entropy(logits[0], labels, weights=full[0], where=full[1])
    assert_close(library.numpy(found), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["torch", "jax", "mlx"])
@pytest.mark.parametrize("denominator", ["count", "weights"])
def test_gradients_of_repeated_weights_are_summed(name: str, denominator: str) -> None:
    library = BY_NAME[name]
    arrays = [library.array(x.astype(np.float32)) for x in (INPUTS, TARGETS)]

    def mean(weights: Any) -> Any:
        return lossary.mse_loss(*arrays, weights=weights, denominator=denominator)

    weights = np.float32([[0.5], [2.0]])
    slopes = []
    for given in (weights, weights.repeat(3, axis=1)):
        given = library.array(given)
        if name == "torch":
            import torch

            leaf = given.requires_grad_()
            found = torch.autograd.grad(mean(leaf), leaf)[0]
        elif name == "jax":
            import jax

            found = jax.grad(mean)(given)
        else:
            import mlx.core as mx

            found = mx.grad(mean)(given)
        slopes.append(library.numpy(found))
    assert slopes[0].shape == (2, 1)
    assert_close(slopes[0], slopes[1].sum(1, keepdims=True), rtol=1e-5)


def test_torch_sums_gradients_of_repeated_class_losses() -> None:
    torch = pytest.importorskip("torch")
    logits = torch.tensor(np.random.default_rng(0).normal(size=(2, 3, 4)), requires_grad=True)
    labels = torch.tensor([[0, 1, 2], [3, 2, 1]])
    weights = torch.tensor([[0.5, 2.0, 1.0]], dtype=torch.float64, requires_grad=True)
    smoothing = torch.tensor([[0.1], [0.3]], dtype=torch.float64, requires_grad=True)

    def mean(x: Any, w: Any, s: Any) -> Any:
        return lossary.cross_entropy(x, labels, w, label_smoothing=s, reduction="mean")

    arguments = (mean, (logits, weights, smoothing))
    assert torch.autograd.gradcheck(*arguments, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(*arguments)
