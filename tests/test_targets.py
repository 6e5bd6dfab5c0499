"""Helpers for targets and class weights: on every library, in traces, exact, and clear errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import BY_NAME, LIBRARIES, Library

import lossary
from lossary import LossaryError, binary_cross_entropy, cross_entropy, targets
from lossary.targets import (
    binary_smooth_labels,
    class_balanced_weights,
    inverse_frequency_weights,
    one_hot,
    plus_minus_one,
    smooth_labels,
)

ROOT = Path(__file__).resolve().parent.parent
NAN = float("nan")
PARTS = np.array([[0.5, 0.25, 0.25, 0.0], [0.0, 0.0, 1.0, 0.0]])
#: A call, the values of its array, and what comes out.
CALLS: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
    "smooth": (
        lambda x: smooth_labels(x, 0.2),
        PARTS,
        [[0.45, 0.25, 0.25, 0.05], [0.05, 0.05, 0.85, 0.05]],
    ),
    "smooth-axis": (
        lambda x: smooth_labels(x, 0.5, axis=0),
        [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]],
        [[0.75, 0.25, 0.75], [0.25, 0.75, 0.25]],
    ),
    "smooth-integers": (lambda x: smooth_labels(x, 1.0), np.int32([[1, 0]]), [[0.5, 0.5]]),
    "binary": (lambda x: binary_smooth_labels(x, 0.5), [0.0, 1.0, 0.5], [0.25, 0.75, 0.5]),
    "one-hot": (
        lambda x: one_hot(x, 3),
        [2, 0, 3, -1],
        [[0, 0, 1], [1, 0, 0], [NAN] * 3, [NAN] * 3],
    ),
    "one-hot-axis": (lambda x: one_hot(x, 2, axis=0), [[0, 1]], [[[1, 0]], [[0, 1]]]),
    "one-hot-scalar": (lambda x: one_hot(x, 2), 1, [0, 1]),
    "one-hot-bytes": (lambda x: one_hot(x, 300)[..., 254:], np.uint8([255]), [[0, 1] + [0] * 44]),
    "signs": (plus_minus_one, [0.0, 1.0, 0.5, NAN], [-1, 1, 0, NAN]),
    "signs-booleans": (plus_minus_one, [False, True], [-1, 1]),
    "signs-bytes": (plus_minus_one, np.uint8([0, 1]), [-1, 1]),
    "signs-integers": (plus_minus_one, np.int16([0, 1]), [-1, 1]),
    "balanced": (
        class_balanced_weights,
        [10, 100, 1000],
        [2.67783945734, 0.280000144617, 0.0421603980440],
    ),
    "balanced-equal": (lambda n: class_balanced_weights(n, 0.0), [10, 100], [1, 1]),
    "balanced-inverse": (lambda n: class_balanced_weights(n, 1.0), [10.0, 30.0], [1.5, 0.5]),
    "balanced-none": (class_balanced_weights, [0, 0], [0, 0]),
    "balanced-some": (lambda n: class_balanced_weights(n, 1.0), [0, 5], [0, 2]),
    "inverse": (inverse_frequency_weights, [10, 40, 50], [100 / 30, 100 / 120, 100 / 150]),
    "inverse-some": (inverse_frequency_weights, [0, 8], [0, 0.5]),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("library", [
    pytest.param(library, id=library.name, marks=pytest.mark.gpu if library.needs_gpu else ())
    for library in LIBRARIES
])  # fmt: skip
def test_values_of_every_library(library: Library, name: str) -> None:
    call, given, expected = CALLS[name]
    x = library.array(given)
    found = call(x)
    assert type(found) is type(x) or library.name == "numpy"
    if library.name == "dask":
        found = found.compute()
    assert_close(library.numpy(found), expected, rtol=1e-6 if library.name in FLOAT32 else 1e-11)


#: Those whose default dtype has seven digits.
FLOAT32 = {"torch", "jax", "mlx"}


@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "mlx"])
def test_dtypes(name: str) -> None:
    library = BY_NAME[name]
    for dtype in ("float16", *library.floats):
        row = library.array(np.eye(3, dtype=dtype))
        assert str(smooth_labels(row, 0.1).dtype).endswith(dtype)
        assert str(plus_minus_one(row).dtype).endswith(dtype)
        assert str(class_balanced_weights(row[0]).dtype).endswith(dtype)
        assert str(one_hot(library.array([1]), 3, dtype=dtype).dtype).endswith(dtype)
    # Rounded once: in half precision the steps of the sum would be.
    rounded = class_balanced_weights(library.array(np.float16([10, 100, 1000])))
    exact = np.float16([2.67783945734, 0.280000144617, 0.0421603980440])
    np.testing.assert_array_equal(library.numpy(rounded), exact)
    counts = library.array(np.array([3, 5]))
    assert str(inverse_frequency_weights(counts, dtype="float32").dtype).endswith("float32")
    assert "int" in str(plus_minus_one(counts).dtype)
    assert str(plus_minus_one(counts, dtype="float32").dtype).endswith("float32")


def test_weights_near_the_limits_keep_their_digits() -> None:
    counts = np.array([7.0, 11.0])
    for beta in (1 - 1e-9, 1.0):
        assert_close(class_balanced_weights(counts, beta), [11 / 9, 7 / 9], rtol=1e-8)
    assert_close(class_balanced_weights(counts, 1e-300), [1, 1], rtol=1e-15)
    assert_close(class_balanced_weights([1e6, 1e9], 0.999), [1, 1], rtol=1e-15)


def test_losses_take_what_is_made() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    rows = smooth_labels(one_hot(labels, 4), 0.1)
    inside = cross_entropy(logits, labels, label_smoothing=0.1)
    assert_close(cross_entropy(logits, rows), inside, rtol=1e-14)
    columns = smooth_labels(one_hot(labels, 4, axis=0), 0.1, axis=0)
    assert_close(cross_entropy(logits.T, columns, axis=0), inside, rtol=1e-14)
    yes = (labels == 1) * 1.0
    pairs = np.stack([0 * logits[:, 0], logits[:, 0]], axis=1)
    smoothed = binary_cross_entropy(logits[:, 0], binary_smooth_labels(yes, 0.1), reduction="none")
    several = cross_entropy(pairs, yes.astype(int), label_smoothing=0.1)
    assert_close(smoothed, several, rtol=1e-13)
    with lossary.options(domain="raise"):
        lossary.hinge_loss(logits[:, 0], plus_minus_one(labels == 1))
    with pytest.warns(lossary.DomainWarning, match="targets must be .*, got nan at"):
        assert np.isnan(cross_entropy(logits[:1], one_hot([-1], 4))).all()


def test_inverse_frequencies_are_scikit_learns() -> None:
    utils = pytest.importorskip("sklearn.utils.class_weight")
    labels = np.repeat([0, 1, 2], [3, 50, 7])
    theirs = utils.compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert_close(inverse_frequency_weights(np.bincount(labels)), theirs, rtol=1e-14)


def test_smoothing_is_that_of_optax() -> None:
    optax = pytest.importorskip("optax")
    rows = np.float32(PARTS)
    assert_close(smooth_labels(rows, 0.3), optax.smooth_labels(rows, 0.3), rtol=1e-6)


def _all(labels: Any, rows: Any, counts: Any, share: Any) -> tuple[Any, ...]:
    """Return one result of each function; parameters may be arrays."""
    return (
        one_hot(labels, 3),
        smooth_labels(rows, share),
        binary_smooth_labels(rows, share),
        plus_minus_one(rows),
        class_balanced_weights(counts, share),
        class_balanced_weights(counts, 1.0),
        inverse_frequency_weights(counts),
    )


LABELS, COUNTS = np.int32([2, 0, 3]), np.int32([4, 0, 12, 5])


def _expected() -> tuple[Any, ...]:
    return _all(LABELS, np.float32(PARTS), COUNTS, 0.25)


def _assert_all(found: Any) -> None:
    for one, expected in zip(found, _expected(), strict=True):
        assert_close(np.asarray(one), expected, rtol=3e-6)


def test_jax_traces_them() -> None:
    jax = pytest.importorskip("jax")
    given = LABELS, np.float32(PARTS), COUNTS, 0.25
    _assert_all(jax.jit(_all)(*map(jax.numpy.asarray, given)))
    mapped = jax.vmap(lambda labels: one_hot(labels, 3))(jax.numpy.asarray(LABELS))
    np.testing.assert_array_equal(mapped, one_hot(LABELS, 3))
    slope = jax.grad(lambda s: smooth_labels(jax.numpy.eye(4), s)[0, 1])(0.5)
    assert float(slope) == 0.25


def test_jax_exports_them_for_any_size() -> None:
    jax = pytest.importorskip("jax")
    export = pytest.importorskip("jax.export")
    shape = export.symbolic_shape("n, c")
    kind = jax.ShapeDtypeStruct(shape, np.float32)
    exported = export.export(jax.jit(lambda rows: smooth_labels(rows, 0.25)))(kind)
    for rows in (np.float32(PARTS), np.eye(3, dtype=np.float32)):
        assert_close(exported.call(rows), smooth_labels(rows, 0.25), rtol=1e-6)


@pytest.mark.parametrize("shapeless", [False, True])
def test_mlx_compiles_them(shapeless: bool) -> None:
    mx = pytest.importorskip("mlx.core")
    given = LABELS, np.float32(PARTS), COUNTS, np.float32(0.25)
    compiled = mx.compile(_all, shapeless=shapeless)
    if shapeless:  # the first trace serves all sizes
        compiled(mx.array([1]), mx.eye(2), mx.array([1, 2]), mx.array(0.5))
    _assert_all(compiled(*map(mx.array, given)))


def test_torch_compiles_them_without_graph_breaks() -> None:
    torch = pytest.importorskip("torch")
    compiled = torch.compile(_all, fullgraph=True, backend="aot_eager")
    given = [torch.as_tensor(x) for x in (LABELS, np.float32(PARTS), COUNTS)]
    _assert_all(compiled(*given, 0.25))
    _assert_all(compiled(*given, torch.tensor(0.25)))
    mapped = torch.func.vmap(lambda labels: one_hot(labels, 3))(given[0])
    np.testing.assert_array_equal(mapped, one_hot(LABELS, 3))


def test_torch_differentiates_them() -> None:
    torch = pytest.importorskip("torch")
    rows = torch.eye(3, requires_grad=True)
    share = torch.tensor(0.3, requires_grad=True)
    smooth_labels(rows, share)[0, 1].backward()
    assert float(rows.grad[0, 1]) == pytest.approx(0.7)
    assert float(share.grad) == pytest.approx(1 / 3)


def test_dask_stays_lazy() -> None:
    da = pytest.importorskip("dask.array")

    def refuse(block: Any) -> Any:
        raise AssertionError(block)

    rows = da.ones((4, 3), chunks=2).map_blocks(refuse, dtype=float)
    assert smooth_labels(rows, 0.1).shape == (4, 3)
    labels = da.ones(4, chunks=2, dtype=int).map_blocks(refuse, dtype=int)
    assert one_hot(labels, 3).shape == (4, 3)
    assert class_balanced_weights(labels).shape == (4,)


FAULTS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: smooth_labels(PARTS, 1.5), ValueError,
     "targets.smooth_labels: smoothing must be a number from 0 to 1, got 1.5."),
    (lambda: smooth_labels(PARTS, None), TypeError,
     "targets.smooth_labels: smoothing must be a number from 0 to 1, got NoneType. Pass a number."),
    (lambda: smooth_labels(PARTS, 0.1, axis=2), ValueError,
     "targets.smooth_labels: axis must be from -2 to 1, got 2."),
    (lambda: smooth_labels(PARTS, 0.1, axis=1.0), TypeError,
     "targets.smooth_labels: axis must be an integer, got 1.0."),
    (lambda: smooth_labels(0.5, 0.1), ValueError,
     "targets.smooth_labels: targets must have a class axis, got shape ()."),
    (lambda: binary_smooth_labels(["yes"], 0.1), TypeError,
     "targets.binary_smooth_labels: targets must hold real numbers, got dtype str96."),
    (lambda: binary_smooth_labels([1j], 0.1), TypeError,
     "targets.binary_smooth_labels: targets must hold real numbers, got dtype complex128."),
    (lambda: binary_smooth_labels([1.0], 0.1, dtype="int32"), ValueError,
     "targets.binary_smooth_labels: dtype must be a floating-point dtype of the arrays' library, "
     "got 'int32'."),
    (lambda: one_hot([0.0, 1.0], 2), TypeError,
     "targets.one_hot: labels must be integers, got dtype float64. Convert them to an integer"),
    (lambda: one_hot([True], 2), TypeError,
     "targets.one_hot: labels must be integers, got dtype bool."),
    (lambda: one_hot([0], 0), ValueError,
     "targets.one_hot: classes must be a positive integer, got 0."),
    (lambda: one_hot([0], 2.0), TypeError,
     "targets.one_hot: classes must be a positive integer, got 2.0."),
    (lambda: plus_minus_one(object()), TypeError,
     "targets.plus_minus_one: targets must be an array, a number or a sequence of numbers, got "),
    (lambda: class_balanced_weights([3, -1]), ValueError,
     "targets.class_balanced_weights: counts must be a number that is at least 0, got -1 at (1,)."),
    (lambda: class_balanced_weights([[3]]), ValueError,
     "targets.class_balanced_weights: counts must have one number per class, got shape (1, 1)."),
    (lambda: class_balanced_weights([3], beta=[0.1]), TypeError,
     "targets.class_balanced_weights: beta must be a number from 0 to 1, got list."),
    (lambda: inverse_frequency_weights([NAN]), ValueError,
     "targets.inverse_frequency_weights: counts must be a number that is at least 0, got nan at"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "told"), FAULTS, ids=[told for *_, told in FAULTS])
def test_messages(call: Callable[[], Any], kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=re.escape(told)) as caught:
        call()
    assert isinstance(caught.value, LossaryError)


def test_tensors_in_messages() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match=r"smoothing must be a number from 0 to 1, got 2\.0"):
        smooth_labels(torch.eye(2), torch.tensor(2.0))
    with pytest.raises(ValueError, match=r"got Tensor of shape \(2,\)\. Pass one number"):
        smooth_labels(torch.eye(2), torch.ones(2))
    with pytest.raises(TypeError, match=r"a list of Tensor\. Pass torch\.stack\(targets\)"):
        plus_minus_one([torch.tensor(0.0)])
    with pytest.raises(TypeError, match="smoothing must be a number from 0 to 1, got Tensor"):
        smooth_labels(np.eye(2), torch.tensor(0.5))


def test_negative_counts_that_cannot_be_looked_at_are_nan() -> None:
    x = BY_NAME["jax"].array(np.float32([3, -1]))
    assert np.isnan(class_balanced_weights(x)).all()
    np.testing.assert_array_equal(np.isnan(inverse_frequency_weights(x)), [False, True])


def test_they_are_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "functions.md").read_text("utf-8")
    listed = re.findall(r"autofunction:: lossary\.targets\.(\w+)", page)
    assert sorted(listed) == sorted(targets.__all__)
    assert "targets" in dir(lossary)
