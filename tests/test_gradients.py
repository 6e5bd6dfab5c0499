"""Derivatives: against high-precision differences, each library's own, and the conventions."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import mlx_compiler
import mpmath as mp
import numpy as np
import pytest
from assertions import assert_close
from cases import CASES, PLAIN, Case, every, every_kind, has_turn
from libraries import ANYWHERE, BY_NAME, LIBRARIES, Library
from oracles import CONSTANTS, ORACLES
from oracles.mathematics import Around

import lossary

AUTODIFF = pytest.mark.parametrize("name", ["torch", "jax", "mlx"])


def _differences(case: Case, place: int) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivatives of the summed loss by central differences in 60 digits."""
    x = case.arrays[place]
    first, second = np.zeros(x.shape), np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        # An element of an elementwise loss, a row of one along an axis: what a loss is computed of.
        point, around = _around(case, index[:1] if case.shape else index)
        low, high = (around(*_moved(point, place, index, by)) for by in (-_STEP, _STEP))
        first[index] = float((high - low) / (2 * _STEP))
        second[index] = float((high - 2 * around.value + low) / _STEP**2)
    return first, second


_STEP = mp.mpf(10) ** -15


@functools.lru_cache(maxsize=1)
def _around(case: Case, index: tuple[int, ...]) -> tuple[list[Any], Around]:
    """Return the exact arguments and parameters of one loss, and its oracle around them."""
    values = {**case.loss.parameters, **case.parameters}
    point = [_exact(x[index]) for x in case.arrays]
    point += [values[name] for name in case.loss.parameters]
    return point, Around(ORACLES[case.loss.name], *point)


def _moved(point: list[Any], place: int, index: tuple[int, ...], by: Any) -> list[Any]:
    """Return a point of which one number has moved."""
    x = point[place]
    x = [v + by * (i == index[1]) for i, v in enumerate(x)] if isinstance(x, list) else x + by
    return [*point[:place], x, *point[place + 1 :]]


def _exact(values: Any) -> Any:
    if isinstance(values, np.integer):
        return int(values)
    return [mp.mpf(float(v)) for v in values] if np.ndim(values) else mp.mpf(float(values))


@every()
def test_gradient_and_hessian_match_differences(case: Case) -> None:
    for place in case.floats:
        compute = lossary.value_grad_hess(case.loss.function, place)
        value, gradient, hessian = compute(
            *case.arrays, reduction="sum", **case.shape, **case.parameters
        )
        first, second = _differences(case, place)
        assert float(value) == pytest.approx(float(sum(case.exact().ravel())), rel=1e-13)
        assert_close(gradient, first, rtol=1e-11, atol=1e-12)
        assert_close(hessian, second, rtol=1e-9, atol=1e-9)


#: MLX compiles a kernel of all three in seconds, so it does for these alone.
COMPILED = {"huber_loss", "cross_entropy", "dice_loss", "hinge_loss", "kl_div_loss", "triplet_loss"}


def _on_libraries() -> Iterator[Any]:
    """Yield every loss on every library; on Dask, which plans each for long, one in three."""
    for library in LIBRARIES:
        for case in PLAIN:
            is_run = library.name != "dask" or has_turn(case, 0, 3)
            marks = () if is_run else pytest.mark.exhaustive
            yield pytest.param(case, library, id=f"{library.name}-{case.title}", marks=marks)


@pytest.mark.parametrize(("case", "library"), list(_on_libraries()))
def test_functions_agree_on_every_library(case: Case, library: Library) -> None:
    dtype = library.floats[-1]
    given = case.cast(dtype)
    arrays = [library.array(x) for x in given]
    compute = lossary.value_grad_hess(case.loss.function)
    expected = compute(*given, reduction="mean", **case.shape, **case.parameters)
    is_compiled = library.name != "mlx" or case.loss.name in COMPILED
    with nullcontext() if is_compiled else mlx_compiler.disabled():
        found = compute(*arrays, reduction="mean", **case.shape, **case.parameters)
        found = [library.numpy(x) for x in found]
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def _of_autodiff() -> Iterator[Any]:
    """Yield cases of each kind for each library; for JAX, which compiles each, every second one."""
    for name in ("torch", "jax", "mlx"):
        for case in CASES:
            is_run = case.is_representative and (name != "jax" or has_turn(case, 0, 2))
            marks = () if is_run else pytest.mark.exhaustive
            yield pytest.param(case, name, id=f"{name}-{case.title}", marks=marks)


@pytest.mark.parametrize(("case", "name"), list(_of_autodiff()))
def test_autodiff_gives_the_derived_gradient(case: Case, name: str) -> None:
    library = BY_NAME[name]
    given = case.cast(library.floats[-1])
    arrays = [library.array(x) for x in given]
    places = tuple(case.floats)
    expected = lossary.grad(case.loss.function, places)(
        *given, reduction="mean", **case.shape, **case.parameters
    )
    found = _autodiff(name, lambda *a: case(*a, reduction="mean"), arrays, places)
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(library.numpy(ours), theirs, rtol=2e-5, atol=1e-6)


CLASS_WEIGHTS = (
    {"reduction": "sum"},
    {"reduction": "sum", "axis": 0},
    {"reduction": "mean", "denominator": "weights"},
    {"reduction": "sum", "label_smoothing": 0.3, "weights": np.float32([0.5, 1, 2, 0])},
    {"reduction": "mean", "denominator": "weights", "where": np.array([True, True, False, True])},
)


@AUTODIFF
@pytest.mark.parametrize("options", CLASS_WEIGHTS, ids=str)
@pytest.mark.parametrize("labels", [True, False])
def test_derivative_with_respect_to_class_weights(
    name: str, options: dict[str, Any], labels: bool
) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 3)).astype(np.float32)
    targets = np.array([0, 2, 1, 1]) if labels else np.float32(rng.dirichlet(np.ones(3), 4))
    class_weights = np.float32([0.5, 1.0, 2.0])
    if "axis" in options:
        logits, targets = logits.T, targets.T

    def total(weights: np.ndarray) -> float:
        wide = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in (logits, targets)]
        return float(lossary.cross_entropy(*wide, class_weights=weights, **options))

    moves = 1e-6 * np.eye(3)
    expected = [(total(class_weights + m) - total(class_weights - m)) / 2e-6 for m in moves]
    library = BY_NAME[name]
    given = {k: library.array(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    arrays = [library.array(x) for x in (logits, targets, class_weights)]
    (found,) = _autodiff(
        name, lambda z, t, w: lossary.cross_entropy(z, t, class_weights=w, **given), arrays, (2,)
    )
    assert_close(library.numpy(found), expected, rtol=1e-4, atol=1e-6)


def _autodiff(name: str, function: Any, arrays: list[Any], places: tuple[int, ...]) -> Any:
    if name == "torch":
        import torch

        arrays = [x.requires_grad_() if i in places else x for i, x in enumerate(arrays)]
        return torch.autograd.grad(function(*arrays), [arrays[i] for i in places])
    if name == "jax":
        import jax

        return jax.grad(function, argnums=places)(*arrays)
    import mlx.core as mx

    found = mx.grad(function, argnums=list(places))(*arrays)
    return found if isinstance(found, (tuple, list)) else [found]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", CONSTANTS)
def test_derivatives_of_constants_are_zero(name: str, library: Library) -> None:
    case = next(case for case in PLAIN if case.loss.name == name)
    arrays = [library.array(x) for x in case.cast(library.floats[-1])]
    places = CONSTANTS[name]
    found = [*lossary.grad(case.loss.function, places)(*arrays, **case.shape)]
    if library.name in {"torch", "jax", "mlx"}:
        found += _autodiff(library.name, lambda *a: case(*a, reduction="sum"), arrays, places)
    for slope, given in zip(found, 2 * [arrays[place] for place in places], strict=False):
        assert_close(library.numpy(slope), np.zeros(given.shape))


@every_kind()
def test_torch_double_backward(case: Case) -> None:
    torch = pytest.importorskip("torch")
    if case.loss.name == "complete_box_iou_loss":
        pytest.skip("a factor is a constant of the derivative, by its definition")
    arrays = [torch.from_numpy(x.copy()) for x in case.arrays]
    few = case.loss.length or 3
    inputs = [x[:2, :few].clone() if x.ndim == 2 else x[:2] % few for x in arrays]
    places = [i for i in case.floats]
    variables = tuple(inputs[i].requires_grad_() for i in places)

    def function(*given: Any) -> Any:
        filled = list(inputs)
        for place, x in zip(places, given, strict=True):
            filled[place] = x
        with lossary.options(domain="ignore"):
            return case(*filled)

    assert torch.autograd.gradcheck(function, variables)
    assert torch.autograd.gradgradcheck(function, variables)


def test_derivatives_along_one_argument_have_those_along_the_other() -> None:
    torch = pytest.importorskip("torch")
    x, t = (torch.tensor(v, requires_grad=True) for v in ([0.5, -2.0, 3.0], [1.5, 40.0, 0.2]))
    losses = lossary.gamma_deviance(x, t, log_input=True)
    (slope,) = torch.autograd.grad(losses.sum(), x, create_graph=True)
    (mixed,) = torch.autograd.grad(slope.sum(), t)
    assert_close(mixed.numpy(), -2 / np.exp(x.detach().numpy()), rtol=1e-5)


@every_kind(PLAIN, turn=1, turns=2)  # each takes XLA most of a second
def test_jax_hessian_diagonal(case: Case) -> None:
    jax = pytest.importorskip("jax")
    arrays = [jax.numpy.asarray(x) for x in case.cast("float32")]
    full = jax.hessian(lambda x: case(x, *arrays[1:], reduction="sum"))(arrays[0])
    size = arrays[0].size
    diagonal = np.diagonal(np.asarray(full).reshape(size, size)).reshape(arrays[0].shape)
    expected = lossary.value_grad_hess(case.loss.function)(
        *case.arrays, reduction="sum", **case.shape
    )[2]
    assert_close(diagonal, expected, rtol=1e-3, atol=1e-5)


def test_jax_divides_by_squares_that_are_in_range() -> None:
    jax = pytest.importorskip("jax")
    x, t = 0.105, 0.541  # float32 holds the square of their sum in units of 2^-56, not of 2^-64
    found = jax.grad(jax.grad(lambda x: lossary.smape_loss(x, jax.numpy.float32(t))))(x)
    assert_close(found, 8 * t / (x + t) ** 3, rtol=1e-5)


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_kinks_follow_one_convention(library: Library) -> None:
    one, zero = (library.array(np.float32([v])) for v in (1.0, 0.0))

    def gradient(function: Any, *arrays: Any, **more: Any) -> float:
        found = lossary.grad(function)(*arrays, reduction="sum", **more)
        return float(library.numpy(found)[0])

    assert gradient(lossary.hinge_loss, one, one) == 0.0
    assert gradient(lossary.l1_loss, zero, zero) == 0.0
    assert gradient(lossary.huber_loss, one, zero) == 1.0
    assert gradient(lossary.smooth_l1_loss, zero, zero, beta=0.0) == 0.0
    assert gradient(lossary.margin_ranking_loss, one, one, one) == 0.0


@AUTODIFF
def test_autodiff_follows_the_convention_at_kinks(name: str) -> None:
    library = BY_NAME[name]
    for loss, z, t in (("hinge_loss", 1.0, 1.0), ("l1_loss", 0.0, 0.0)):
        arrays = [library.array(np.float32([v])) for v in (z, t)]
        function = getattr(lossary, loss)
        (found,) = _autodiff(name, lambda *a, f=function: f(*a, reduction="sum"), arrays, (0,))
        assert float(library.numpy(found)[0]) == 0.0


@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "mlx"])
def test_gradients_are_finite_at_the_edges(name: str) -> None:
    library = BY_NAME[name]

    def finite(loss: Any, *arrays: Any, **more: Any) -> None:
        given = [library.array(np.asarray(x)) for x in arrays]
        for place, x in enumerate(arrays):
            if np.asarray(x).dtype.kind == "f":
                found = library.numpy(lossary.grad(loss, place)(*given, reduction="sum", **more))
                # The surprise at an impossible class is infinite, and so is the derivative with
                # respect to its probability; nothing is NaN.
                good = np.isfinite(found).all() if place == 0 else not np.isnan(found).any()
                assert good, (loss.__name__, place, found)

    f = np.float32
    finite(lossary.binary_cross_entropy, f([0, 1, 0, 1]), f([0, 1, 1, 0]), with_logits=False)
    finite(lossary.cosine_similarity_loss, f([[0, 0], [1, 0]]), f([[1, 2], [0, 0]]))
    finite(lossary.triplet_loss, f([[1, 2]]), f([[1, 2]]), f([[1, 2]]))
    finite(lossary.smooth_l1_loss, f([0, 2]), f([0, 0]), beta=0.0)
    finite(lossary.gaussian_nll_loss, f([0, 1]), f([0, 1]), f([0, 0]))
    finite(lossary.cross_entropy, f([[-math.inf, 0, 1]]), f([[0, 0.5, 0.5]]))
    finite(lossary.cross_entropy, f([[-math.inf, 0, 1]]), np.array([1]))
    finite(lossary.kl_div_loss, f([[-1, -1]]), f([[0, -math.inf]]))


def test_argnums_are_checked() -> None:
    with pytest.raises(ValueError, match="hinge_loss: argnums must be from 0 to 1, got 2"):
        lossary.grad(lossary.hinge_loss, 2)
    with pytest.raises(TypeError, match="argnums must be an integer"):
        lossary.grad(lossary.hinge_loss, (0, "x"))  # type: ignore[arg-type]
    first, second = lossary.grad(lossary.hinge_loss, (0, 1))([0.5], [1.0])
    assert (float(first[0]), float(second[0])) == (-1.0, -0.5)
