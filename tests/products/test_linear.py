"""Losses of matrix products: those of the products themselves, whatever the tiles."""

from __future__ import annotations

import importlib
import pickle
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from cases import PLAIN, Case, every
from libraries import BY_NAME, LIBRARIES, Library

import lossary
from lossary.formula import softmax, sum_over_classes, tanh

RNG = np.random.default_rng(20)
ROWS, LENGTH, CLASSES = 11, 5, 7
FEATURES = RNG.normal(size=(ROWS, LENGTH))
CLASSIFIER = RNG.normal(size=(CLASSES, LENGTH))
BIAS = RNG.normal(size=CLASSES)
LABELS = RNG.integers(0, CLASSES, ROWS)
SHARES = RNG.dirichlet(np.ones(CLASSES), ROWS)
WEIGHTS = RNG.uniform(0.5, 2, ROWS)
MASK = RNG.random(ROWS) < 0.6
ELEMENTS = RNG.random((ROWS, CLASSES)) < 0.7
CLASS_WEIGHTS = RNG.uniform(0.5, 2, CLASSES)
#: All that goes with a call, as labels and as shares take it.
OPTIONS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "plain": (LABELS, {}),
    "shares": (SHARES, {}),
    "smoothing": (LABELS, {"label_smoothing": 0.1}),
    "weights": (LABELS, {"weights": WEIGHTS, "denominator": "weights"}),
    "where": (LABELS, {"where": MASK}),
    "elements": (SHARES, {"where": ELEMENTS}),
    "ignore_index": (np.where(MASK, LABELS, -100), {"ignore_index": -100}),
    "class_weights": (LABELS, {"class_weights": CLASS_WEIGHTS, "denominator": "weights"}),
    "shares of weighted classes": (
        SHARES,
        {"class_weights": CLASS_WEIGHTS, "denominator": "weights"},
    ),
    "denominator": (LABELS, {"denominator": 100.0}),
    "nothing": (np.full(ROWS, -100), {"ignore_index": -100}),
}
#: Blocks that do not divide the rows; one row at a time; everything at once.
SOME_ROWS, *TILES = 4 * 8 * 2 * CLASSES, 1, 1 << 20
EVERY = pytest.mark.parametrize(
    "library", [x for x in LIBRARIES if x.name != "dask"], ids=lambda x: x.name
)
CALLS = pytest.mark.parametrize(
    ("library", "tile", "reduction"),
    [
        # Dask in larger blocks: it takes a third of a second to plan one.
        *((x, SOME_ROWS * (4 if x.name == "dask" else 1), "mean") for x in LIBRARIES),
        # Without reduction too, but for JAX, which compiles each for a second.
        *((x, SOME_ROWS, "none") for x in LIBRARIES if x.name not in {"dask", "jax"}),
        *((BY_NAME[name], tile, "mean") for name in ("numpy", "torch") for tile in TILES),
    ],
    ids=lambda x: getattr(x, "name", x),
)
NAMES = pytest.mark.parametrize("name", ["torch", "jax", "mlx"])
linear_cross_entropy: Any = lossary.linear_cross_entropy


def _unfused(targets: np.ndarray, **options: Any) -> tuple[np.ndarray, ...]:
    """Return the loss of the products, and what follows for the matrices, in float64."""
    logits = FEATURES @ CLASSIFIER.T + BIAS
    value, slopes = lossary.value_and_grad(lossary.cross_entropy)(logits, targets, **options)
    return value, slopes @ CLASSIFIER, slopes.T @ FEATURES, slopes.sum(0)


def _given(library: Library, *arrays: np.ndarray, dtype: str | None = None) -> list[Any]:
    return [library.array(x.astype(dtype) if dtype and x.dtype.kind == "f" else x) for x in arrays]


@CALLS
@pytest.mark.parametrize("options", OPTIONS)
def test_values_and_gradients_are_those_of_the_products(
    library: Library, tile: int, reduction: str, options: str
) -> None:
    targets, given = OPTIONS[options]
    expected = _unfused(targets, reduction=reduction, **given)
    dtype = library.floats[-1]
    arrays = _given(library, FEATURES, CLASSIFIER, targets, BIAS, dtype=dtype)
    given = {
        name: _given(library, x, dtype=dtype)[0] if isinstance(x, np.ndarray) else x
        for name, x in given.items()
    }
    with lossary.options(tile_bytes=tile):
        function = lossary.value_and_grad(linear_cross_entropy, argnums=(0, 1, 3))
        value, gradients = function(*arrays, reduction=reduction, **given)
        alone = linear_cross_entropy(*arrays, reduction=reduction, **given)
    rtol = 1e-12 if dtype == "float64" else 2e-5
    for found, wanted in zip((value, *gradients), expected, strict=True):
        assert_close(library.numpy(found), wanted, rtol=rtol, atol=rtol / 10)
    assert_close(library.numpy(alone), expected[0], rtol=rtol, atol=rtol / 10)


@every(
    [
        case
        for case in PLAIN
        if case.loss.axis is not None and case.loss.length is None and not case.loss.prepare
    ]
)
def test_every_loss_along_an_axis(case: Case) -> None:
    """Times the identity, features are the first argument."""
    first, *others = case.arrays
    classes = np.eye(first.shape[1])
    loss = lossary.linear(case.loss.function)
    with lossary.options(tile_bytes=2 * first.shape[1] * 16):
        value, (slopes, sums) = lossary.value_and_grad(loss, argnums=(0, 1))(
            first, classes, *others, **case.parameters
        )
    expected, gradient = lossary.value_and_grad(case.loss.function)(
        *case.arrays, **case.shape, **case.parameters, reduction="none"
    )
    assert_close(value, expected, rtol=1e-13, atol=1e-15)
    assert_close(slopes, gradient, rtol=1e-12, atol=1e-15)
    assert_close(sums, gradient.T @ first, rtol=1e-11, atol=1e-13)


@NAMES
@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_native_gradients(name: str, reduction: str) -> None:
    """Each row's own cotangent, and a factor after the reduction."""
    library = BY_NAME[name]
    targets = np.where(MASK, LABELS, -100)
    options: dict[str, Any] = {"ignore_index": -100, "reduction": reduction}
    factors = WEIGHTS if reduction == "none" else np.float64(3.0)
    weights = {"weights": WEIGHTS} if reduction == "none" else {}
    _, *expected = _unfused(targets, **options, **weights)
    scale = 1.0 if reduction == "none" else 3.0
    matrices = _given(library, FEATURES, CLASSIFIER, BIAS, dtype="float32")
    rest = _given(library, targets, factors, dtype="float32")

    def total(features: Any, classifier: Any, bias: Any) -> Any:
        loss = linear_cross_entropy(features, classifier, rest[0], bias, **options)
        return (loss * rest[1]).sum()

    with lossary.options(tile_bytes=3 * 8 * CLASSES):
        found = _native(name)(total, matrices)
    for gradient, wanted in zip(found, expected, strict=True):
        assert_close(library.numpy(gradient), scale * wanted, rtol=1e-5, atol=1e-6)


def _native(name: str) -> Any:
    """Return a function that differentiates with a library's own means."""
    if name == "torch":
        import torch

        def gradients(function: Any, given: list[Any]) -> Any:
            given = [x.requires_grad_() for x in given]
            return torch.autograd.grad(function(*given), given)

        return gradients
    if name == "jax":
        import jax

        return lambda function, given: jax.jit(jax.grad(function, argnums=(0, 1, 2)))(*given)
    import mlx.core as mx

    return lambda function, given: mx.grad(function, argnums=(0, 1, 2))(*given)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_classifiers_are_read_and_summed_in_parts(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of three classes, of which the last has one; on hosts they are converted too."""
    library = BY_NAME[name]
    module = "lossary.products.libraries.jax" if name == "jax" else "lossary.products.host"
    monkeypatch.setattr(importlib.import_module(module), "_PART", 3 * LENGTH)
    features = FEATURES.astype("float32" if name == "jax" else "float64")
    given = _given(library, features, CLASSIFIER.astype("float32"), LABELS)
    with lossary.options(tile_bytes=SOME_ROWS + 1):  # compiled for no other test
        value, gradients = lossary.value_and_grad(linear_cross_entropy, argnums=(0, 1))(
            *given, reduction="mean"
        )
    logits = FEATURES @ CLASSIFIER.T
    expected, slopes = lossary.value_and_grad(lossary.cross_entropy)(
        logits, LABELS, reduction="mean"
    )
    wanted = (expected, slopes @ CLASSIFIER, slopes.T @ FEATURES)
    for found, exact in zip((value, *gradients), wanted, strict=True):
        assert_close(library.numpy(found), exact, rtol=1e-5, atol=1e-7)


def test_a_second_backward_pass_of_tensors_runs_again() -> None:
    torch = pytest.importorskip("torch")
    given = [torch.tensor(x, requires_grad=True) for x in (FEATURES, CLASSIFIER)]
    loss = linear_cross_entropy(*given, torch.tensor(LABELS), reduction="mean")
    first = torch.autograd.grad(2 * loss, given, retain_graph=True)
    second = torch.autograd.grad(loss, given)
    for x, y in zip(first, second, strict=True):
        assert_close(x.numpy(), 2 * y.numpy(), rtol=1e-12, atol=1e-15)


def test_second_derivatives_of_tensors_are_refused() -> None:
    torch = pytest.importorskip("torch")
    given = [torch.tensor(x, requires_grad=True) for x in (FEATURES, CLASSIFIER)]
    loss = linear_cross_entropy(*given, torch.tensor(LABELS), reduction="mean")
    (slope,) = torch.autograd.grad(loss, given[:1], create_graph=True)
    with pytest.raises(TypeError, match="linear_cross_entropy: the loss must be differentiated"):
        slope.sum().backward()


def test_second_derivatives_by_mlx() -> None:
    """No block gets what belongs to the block that it waits for."""
    mx = pytest.importorskip("mlx.core")
    given = FEATURES[:3], CLASSIFIER
    features, classifier = (mx.array(x.astype("float32")) for x in given)
    labels = mx.array(LABELS[:3])

    def fused(x: Any) -> Any:
        return linear_cross_entropy(x, classifier, labels, reduction="sum")

    def stored(x: Any) -> Any:
        return lossary.cross_entropy(x @ classifier.T, labels, reduction="sum")

    with lossary.options(tile_bytes=1):
        found, expected = (
            mx.grad(lambda x, loss=loss: (mx.grad(loss)(x) ** 2).sum())(features)
            for loss in (fused, stored)
        )
    assert_close(np.asarray(found), np.asarray(expected), rtol=1e-5, atol=1e-6)


def test_transformations_of_tensors() -> None:
    torch = pytest.importorskip("torch")
    features, classifier, labels = map(torch.tensor, (FEATURES, CLASSIFIER, LABELS))

    def loss(x: Any) -> Any:
        return linear_cross_entropy(x, classifier, labels, reduction="mean")

    expected = torch.func.grad(
        lambda x: torch.nn.functional.cross_entropy(x @ classifier.T, labels)
    )(features)
    assert_close(torch.func.grad(loss)(features).numpy(), expected.numpy(), rtol=1e-12, atol=1e-15)


def test_one_trace_of_jax_serves_every_number_of_rows() -> None:
    export = pytest.importorskip("jax.export")
    import jax

    def loss(features: Any, classifier: Any, labels: Any) -> Any:
        return linear_cross_entropy(features, classifier, labels, reduction="mean")

    (rows,) = export.symbolic_shape("rows")
    given = _given(BY_NAME["jax"], FEATURES, CLASSIFIER, LABELS, dtype="float32")
    shapes = [(rows, LENGTH), CLASSIFIER.shape, (rows,)]
    symbols = [jax.ShapeDtypeStruct(shape, x.dtype) for shape, x in zip(shapes, given, strict=True)]
    exported = export.export(jax.jit(jax.value_and_grad(loss)))(*symbols)
    for count in (3, ROWS):
        part = [given[0][:count], given[1], given[2][:count]]
        value, gradient = exported.call(*part)
        expected, wanted = lossary.value_and_grad(linear_cross_entropy)(*part, reduction="mean")
        assert_close(np.asarray(value), np.asarray(expected), rtol=1e-6)
        assert_close(np.asarray(gradient), np.asarray(wanted), rtol=1e-5, atol=1e-7)


def test_compiled_by_mlx() -> None:
    mx = pytest.importorskip("mlx.core")
    features, classifier, labels = _given(
        BY_NAME["mlx"], FEATURES, CLASSIFIER, LABELS, dtype="float32"
    )

    def loss(x: Any, w: Any) -> Any:
        return linear_cross_entropy(x, w, labels, reduction="mean")

    with lossary.options(tile_bytes=SOME_ROWS):
        value, gradients = mx.compile(mx.value_and_grad(loss, argnums=(0, 1)))(features, classifier)
    logits = FEATURES @ CLASSIFIER.T
    expected, slopes = lossary.value_and_grad(lossary.cross_entropy)(
        logits, LABELS, reduction="mean"
    )
    assert_close(np.asarray(value), expected, rtol=1e-5)
    assert_close(np.asarray(gradients[0]), slopes @ CLASSIFIER, rtol=1e-4, atol=1e-6)


@NAMES
def test_targets_have_no_derivative(name: str) -> None:
    library = BY_NAME[name]
    matrices = _given(library, FEATURES, CLASSIFIER, SHARES, dtype="float32")

    def total(features: Any, classifier: Any, targets: Any) -> Any:
        return linear_cross_entropy(features, classifier, targets, reduction="mean")

    if name == "mlx":
        pytest.skip("MLX does not tell what is differentiated")
    with pytest.raises(TypeError, match=r"targets must not .*(detach|stop_gr)"):
        _native(name)(total, matrices)


def test_a_product_as_targets() -> None:
    """A teacher's logits are computed tile by tile too."""

    @lossary.loss(axis=True)
    def distilled(inputs: Any, targets: Any) -> Any:
        return sum_over_classes(softmax(targets) * (targets - inputs) ** 2)

    teacher = RNG.normal(size=(ROWS, 3)), RNG.normal(size=(CLASSES, 3)), RNG.normal(size=CLASSES)
    loss = lossary.linear(distilled)
    with lossary.options(tile_bytes=400):
        value, (slopes, sums) = lossary.value_and_grad(loss, argnums=(0, 1))(
            FEATURES, CLASSIFIER, lossary.Product(*teacher), reduction="mean"
        )
    logits = teacher[0] @ teacher[1].T + teacher[2]
    expected, gradient = lossary.value_and_grad(distilled)(
        FEATURES @ CLASSIFIER.T, logits, reduction="mean"
    )
    assert_close(value, expected, rtol=1e-13)
    assert_close(slopes, gradient @ CLASSIFIER, rtol=1e-11, atol=1e-13)
    assert_close(sums, gradient.T @ FEATURES, rtol=1e-11, atol=1e-13)


def test_a_formula_on_the_way() -> None:
    loss = lossary.linear("cross_entropy", logits=lambda z: 3 * tanh(z / 3))
    value, slopes = lossary.value_and_grad(loss)(FEATURES, CLASSIFIER, LABELS)
    capped = np.tanh(FEATURES @ CLASSIFIER.T / 3)
    expected, gradient = lossary.value_and_grad(lossary.cross_entropy)(3 * capped, LABELS)
    assert_close(value, expected, rtol=1e-12)
    assert_close(slopes, (gradient * (1 - capped**2)) @ CLASSIFIER, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_rows_that_take_no_part_may_hold_anything(name: str) -> None:
    library = BY_NAME[name]
    targets = np.where(MASK, LABELS, -100)
    hidden = np.where(MASK[:, None], FEATURES, np.nan)
    given = _given(library, hidden, CLASSIFIER, targets, BIAS)
    value, gradients = lossary.value_and_grad(linear_cross_entropy, argnums=(0, 1, 3))(
        *given, reduction="mean", ignore_index=-100
    )
    expected = _unfused(targets, reduction="mean", ignore_index=-100)
    for found, wanted in zip((value, *gradients), expected, strict=True):
        assert_close(library.numpy(found), wanted, rtol=1e-12, atol=1e-14)


@EVERY
@pytest.mark.parametrize("lead", [(), (0,), (1,), (2, 0), (2, 3)])
@pytest.mark.parametrize("classes", [1, CLASSES])
def test_shapes(library: Library, lead: tuple[int, ...], classes: int) -> None:
    features = RNG.normal(size=(*lead, LENGTH))
    classifier = CLASSIFIER[:classes]
    labels = RNG.integers(0, classes, lead)
    dtype = library.floats[-1]
    given = _given(library, features, classifier, np.asarray(labels), dtype=dtype)
    value, gradients = lossary.value_and_grad(linear_cross_entropy, argnums=(0, 1))(*given)
    expected = lossary.cross_entropy(features @ classifier.T, labels)
    assert_close(library.numpy(value), expected, rtol=1e-5, atol=1e-6)
    assert [tuple(x.shape) for x in gradients] == [features.shape, classifier.shape]


@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "mlx"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves(name: str, dtype: str) -> None:
    """Gradients are summed in float32: many blocks lose nothing."""
    import ml_dtypes

    library, rows = BY_NAME[name], 512
    features = RNG.normal(size=(rows, LENGTH))
    labels = RNG.integers(0, CLASSES, rows)
    half = np.dtype(getattr(ml_dtypes, dtype)) if dtype == "bfloat16" else np.dtype(dtype)
    rounded = [x.astype(half).astype(np.float64) for x in (features, CLASSIFIER)]
    expected, wanted = lossary.value_and_grad(linear_cross_entropy, argnums=(0, 1))(
        *rounded, labels, reduction="sum"
    )
    given = [_half(library, x, dtype, half) for x in (features, CLASSIFIER)]
    with lossary.options(tile_bytes=2 * CLASSES * 2 * 4):
        value, gradients = lossary.value_and_grad(linear_cross_entropy, argnums=(0, 1))(
            *given, library.array(labels), reduction="sum"
        )
    ulp = 2.0**-8 if dtype == "bfloat16" else 2.0**-11
    assert_close(_wide(name, value), expected, rtol=2 * ulp)
    for found, exact in zip(gradients, wanted, strict=True):
        assert np.abs(_wide(name, found) - exact).max() <= 4 * ulp * np.abs(exact).max()


def _half(library: Library, x: np.ndarray, dtype: str, half: np.dtype[Any]) -> Any:
    if library.name == "numpy":
        return x.astype(half)
    if library.name == "torch":
        import torch

        return torch.tensor(x).to(getattr(torch, dtype))
    made = library.array(x.astype("float32"))
    module = __import__("mlx.core").core if library.name == "mlx" else __import__("jax.numpy").numpy
    return made.astype(getattr(module, dtype))


def _wide(name: str, x: Any) -> np.ndarray:
    if name == "torch":
        return x.double().numpy()
    if name == "mlx":
        return np.asarray(x.astype(__import__("mlx.core").core.float32), np.float64)
    return np.asarray(x).astype(np.float64)


def test_pickled() -> None:
    loss = pickle.loads(pickle.dumps(lossary.linear("focal_loss")))
    expected = lossary.focal_loss(FEATURES @ CLASSIFIER.T, LABELS)
    assert_close(loss(FEATURES, CLASSIFIER, LABELS), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ((FEATURES, CLASSIFIER.T, LABELS), {}, r"classifier must .*\(C, D\) with D = 5"),
        ((FEATURES, CLASSIFIER[:, 0], LABELS), {}, r"classifier must .* got shape \(7,\)"),
        ((None, CLASSIFIER, LABELS), {}, "features must be an array, got None"),
        ((FEATURES, None, LABELS), {}, "classifier must be an array, got None"),
        ((1.0, CLASSIFIER, LABELS), {}, r"features must have the shape \(\.\.\., D\)"),
        ((FEATURES, CLASSIFIER, LABELS, BIAS[:3]), {}, r"bias must .* C = 7.*got shape \(3,\)"),
        ((FEATURES, CLASSIFIER, LABELS[:3]), {}, r"targets must have shape \(11,\)"),
        ((FEATURES, CLASSIFIER, LABELS + 7), {}, r"targets must be an integer from 0 to 6, got"),
        ((FEATURES, CLASSIFIER, LABELS), {"reduction": "max"}, "reduction must be"),
        ((FEATURES, CLASSIFIER, LABELS), {"label_smoothing": 2.0}, "label_smoothing must be"),
        ((FEATURES, CLASSIFIER, LABELS), {"class_weights": BIAS[:2]}, "class_weights must have"),
        ((FEATURES, CLASSIFIER, LABELS), {"weights": WEIGHTS[:2]}, "weights must have the shape"),
        ((FEATURES.astype(complex), CLASSIFIER, LABELS), {}, "features must hold real numbers"),
    ],
)  # fmt: skip
def test_wrong_arguments(arrays: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(lossary.LossaryError, match=f"linear_cross_entropy: {message}"):
        linear_cross_entropy(*arrays, **options)


def test_wrong_calls() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="features and classifier must be arrays of one library"):
        linear_cross_entropy(torch.tensor(FEATURES), CLASSIFIER, LABELS)
    with pytest.raises(TypeError, match=r"linear_cross_entropy\(\) .*axis"):
        linear_cross_entropy(FEATURES, CLASSIFIER, LABELS, axis=0)
    with pytest.raises(TypeError, match="linear: loss must be a loss along an axis, got hinge"):
        lossary.linear("hinge_loss")
    with pytest.raises(TypeError, match="value_grad_hess: loss must be a loss with a diagonal"):
        lossary.value_grad_hess(linear_cross_entropy)
    with pytest.raises(TypeError, match="linear_cross_entropy: argnums must choose 'features' or"):
        lossary.grad(linear_cross_entropy, argnums=2)
    with pytest.raises(TypeError, match="linear_cross_entropy: bias must be given to be diff"):
        lossary.grad(linear_cross_entropy, argnums=3)(FEATURES, CLASSIFIER, LABELS)
    with pytest.raises(ValueError, match="options: tile_bytes must be a positive number of bytes"):
        lossary.options(tile_bytes=0)


def test_the_number_of_threads_changes_no_bit() -> None:
    features, classifier = RNG.normal(size=(64, 16)), RNG.normal(size=(200, 16))
    labels, threads = RNG.integers(0, 200, 64), lossary.get_num_threads()
    function = lossary.value_and_grad(linear_cross_entropy, argnums=(0, 1))
    found = []
    try:
        for count in (1, 2, 3):
            lossary.set_num_threads(count)
            value, gradients = function(features, classifier, labels, reduction="mean")
            found.append([np.asarray(x).tobytes() for x in (value, *gradients)])
    finally:
        lossary.set_num_threads(threads)
    assert found[0] == found[1] == found[2]
