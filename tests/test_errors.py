"""Every error for bad input: its type and its words."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from libraries import ANYWHERE, BY_NAME, Library

import lossary
from lossary import cross_entropy, hinge_loss, huber_loss, l1_loss

ONE = np.ones(3)
ROWS = np.zeros((3, 4))
LABELS = np.zeros(3, int)

CASES: list[tuple[Any, type[Exception], str]] = [
    (lambda: hinge_loss(ONE, np.ones(2)), ValueError,
     r"hinge_loss: inputs and targets must have equal shapes, got \(3,\) and \(2,\)\."),
    (lambda: hinge_loss(ONE, ONE, "max"), ValueError,
     r"hinge_loss: reduction must be 'none' or 'mean' or 'sum', got 'max'\."),
    (lambda: hinge_loss(ONE, ONE, weights=np.ones(2)), ValueError,
     r"weights must have the shape of the unreduced loss, \(3,\), or its rank with axes of "
     r"length 1, or be a scalar, got shape"),
    (lambda: hinge_loss(ONE, ONE, where=np.ones(3)), TypeError,
     r"where must be boolean, got dtype float64\. Pass where != 0\."),
    (lambda: hinge_loss(ONE, ONE, denominator="rows"), ValueError,
     r"denominator must be 'count' or 'weights' or a positive number or 0-d array, got 'rows'\."),
    *((lambda given=given: hinge_loss(ONE, ONE, denominator=given), kind,
       rf"denominator must be 'count' or .* or a positive number or 0-d array, got {text}\.")
      for given, kind, text in (
        (0, ValueError, "0"), (-1.0, ValueError, r"-1\.0"), (float("nan"), ValueError, "nan"),
        (None, ValueError, "None"), (np.array(0.0), ValueError, r"0\.0"),
        (ONE, ValueError, r"ndarray of shape \(3,\)"), ([1.0], TypeError, r"\[1\.0\]"),
        (1j, TypeError, "1j"), (np.array(1j), TypeError, r"array\(0\.\+1\.j\)"),
        (True, TypeError, "True"), (Ellipsis, TypeError, "Ellipsis"))),
    *((lambda given=given: hinge_loss(ONE, ONE, denominator=given), ValueError,
       rf"denominator must be a finite number, got {text}\.")
      for given, text in ((float("inf"), "inf"), (10**400, "an integer of 1329 bits"))),
    *((lambda given=given: hinge_loss(ONE, ONE, given), TypeError,
       rf"reduction must be 'none' or 'mean' or 'sum', got {text}\.{remedy}$")
      for given, text, remedy in (
        (ONE, r"ndarray of shape \(3,\)", " Weights and masks are passed by keyword: .*"),
        ([1.0], r"\[1\.0\]", " Weights and masks .*"), (None, "None", ""))),
    *((lambda given=given: hinge_loss(ONE, ONE, dtype=given), kind,
       rf"dtype must be a floating-point dtype of the arrays' library, got {text}\. For example")
      for given, kind, text in (
        ("int32", ValueError, "'int32'"), ("foo", ValueError, "'foo'"),
        (np.longdouble, ValueError, ".*longdouble.*"), (int, ValueError, "<class 'int'>"),
        (3, TypeError, "3"), ([1], TypeError, r"\[1\]"))),
    (lambda: hinge_loss(10**400, ONE), ValueError,
     r"inputs must be a floating-point number or an integer of 64 bits, got an integer of 1329"),
    (lambda: hinge_loss(ONE, 2**64), ValueError, r"targets must be .*, got an integer of 65 bits"),
    (lambda: hinge_loss(np.ones(3, np.longdouble), ONE), TypeError,
     r"inputs must have one of the floating-point dtypes float16, bfloat16, float32, float64, got"),
    (lambda: hinge_loss([np.ma.masked_array(ONE)], [ONE]), TypeError,
     r"inputs must be a plain array, got masked arrays in a sequence\. Pass its \.data"),
    (lambda: hinge_loss([[0.0, np.ma.masked]], [[1.0, 1.0]]), TypeError, r"got masked arrays in"),
    (lambda: hinge_loss(np.ones((3, 1)), ONE), ValueError, r"Pass targets\.reshape\(3, 1\)\."),
    (lambda: hinge_loss(np.ones((2, 3)), np.ones((3, 2))), ValueError, r"Pass targets\.T\."),
    (lambda: hinge_loss(np.ones((2, 3, 4)), np.ones((4, 3, 2))), ValueError,
     r"Bring their axes into the same order\."),
    (lambda: hinge_loss(np.ones((2, 3)), np.ones(6)), ValueError, r"Make the shapes equal;"),
    (lambda: hinge_loss(ONE * 1j, ONE), TypeError,
     r"inputs must hold real numbers, got dtype complex128\. Pass its real part"),
    (lambda: hinge_loss(np.array([None]), np.ones(1)), TypeError, r"got dtype object"),
    (lambda: hinge_loss(["a"], ["b"]), TypeError, r"inputs must hold real numbers"),
    (lambda: hinge_loss([[1.0], [1.0, 2.0]], [1.0]), TypeError, r"must be a rectangular array"),
    (lambda: hinge_loss(np.ma.masked_array(ONE), ONE), TypeError,
     r"inputs must be a plain array, got a masked array\. Pass its \.data, and where=~mask\."),
    (lambda: hinge_loss(object(), ONE), TypeError, r"inputs must be an array, a number or a seq"),
    (lambda: hinge_loss({1.0}, ONE), TypeError, r"got set"),
    (lambda: huber_loss(ONE, ONE, delta=0), ValueError,
     r"huber_loss: delta must be a positive number, got 0\."),
    (lambda: huber_loss(ONE, ONE, delta=float("nan")), ValueError, r"delta must be a positive"),
    *((lambda given=given: huber_loss(ONE, ONE, delta=given), ValueError,
       rf"huber_loss: delta must be a finite number, got {text}\.")
      for given, text in ((float("inf"), "inf"), (10**400, "an integer of 1329 bits"),
                          (-(10**5000), "an integer of 16610 bits"))),
    (lambda: huber_loss(ONE, ONE, delta="1"), TypeError, r"delta must be .*, got str"),
    (lambda: huber_loss(ONE, ONE, delta=True), TypeError, r"got bool"),
    (lambda: lossary.binary_cross_entropy(ONE, ONE, with_logits=1), TypeError,
     r"with_logits must be True or False, got 1"),
    (lambda: cross_entropy(ROWS, LABELS, label_smoothing=1.5), ValueError,
     r"label_smoothing must be a number from 0 to 1, got 1\.5"),
    (lambda: cross_entropy(ROWS, np.zeros(4, int)), ValueError,
     r"targets must have shape \(3,\) for class labels or \(3, 4\) for probabilities, got shape "
     r"\(4,\)\. The class axis is 1, with 4 classes"),
    (lambda: cross_entropy(ROWS, np.zeros(3)), TypeError,
     r"targets must be integers when they have one label per row"),
    (lambda: cross_entropy(ROWS, LABELS, axis=2), ValueError, r"axis must be from -2 to 1, got 2"),
    (lambda: cross_entropy(ROWS, LABELS, axis=1.0), TypeError, r"must be an integer, got 1\.0"),
    (lambda: cross_entropy(1.0, 0), ValueError, r"logits must have a class axis, got a 0-d array"),
    (lambda: cross_entropy(ROWS, ROWS, ignore_index=1), ValueError,
     r"ignore_index must be None with probability targets"),
    (lambda: cross_entropy(ROWS, LABELS, ignore_index=1.0), TypeError,
     r"ignore_index must be an integer or None, got 1\.0"),
    (lambda: cross_entropy(ROWS, LABELS, ignore_index=10**400), ValueError,
     r"ignore_index must be an integer of 64 bits, got an integer of 1329 bits\."),
    (lambda: cross_entropy(ROWS, LABELS, class_weights=np.ones(3)), ValueError,
     r"class_weights must have one weight per class, shape \(4,\), got shape \(3,\)"),
    (lambda: lossary.triplet_loss(ROWS, ROWS, ROWS[:2]), ValueError,
     r"triplet_loss: negatives must have the shape of anchors, \(3, 4\), got shape \(2, 4\)"),
    (lambda: lossary.get_loss("hinge_los"), ValueError, r"Did you mean hinge_loss"),
    *((lambda given=given: lossary.get_loss(given), TypeError,
       rf"get_loss: name must be the name of a loss or its function, got {text}\.")
      for given, text in (([1], r"\[1\]"), (3, "3"), (None, "None"))),
    *((lambda given=given: lossary.grad(hinge_loss, given), TypeError,
       rf"hinge_loss: argnums must be an integer or several, got {text}\.")
      for given, text in ((1.0, r"1\.0"), (None, "None"), (True, "True"), ("0", "'0'"))),
    (lambda: lossary.grad(hinge_loss, 2), ValueError,
     r"argnums must be from 0 to 1, got 2\. The array arguments are inputs, targets\."),
    (lambda: lossary.grad(hinge_loss, (0, 0)), ValueError,
     r"argnums must name each argument once, got \(0, 0\)\."),
    *((lambda loss=loss: lossary.grad(loss, (0, 1))(ROWS, LABELS), TypeError,
       r"argnums must choose arguments that have a derivative, got 1, integer class labels\.")
      for loss in (cross_entropy, lossary.nll_loss)),
    (lambda: lossary.grad(print), ValueError, r"must be a registered loss, got 'print'"),
    (lambda: lossary.set_num_threads(0), ValueError, r"set_num_threads: .*, got 0"),
    (lambda: lossary.set_num_threads(1.5), TypeError, r"set_num_threads: .*, got 1\.5"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "pattern"), CASES, ids=[c[2][:70] for c in CASES])
def test_message(call: Any, kind: type[Exception], pattern: str) -> None:
    with pytest.raises(kind, match=pattern) as caught:
        call()
    assert isinstance(caught.value, lossary.LossaryError)


def test_sparse_arrays_are_refused() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"must be a dense array, got csr_array. Pass .toarray\(\)"):
        hinge_loss(sparse.csr_array(np.eye(3)), np.eye(3))
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"must be a dense tensor, got torch.sparse_coo"):
        hinge_loss(torch.eye(3).to_sparse(), torch.eye(3))


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_matrices_are_refused() -> None:
    with pytest.raises(TypeError, match=r"must be a plain array, got numpy\.matrix"):
        hinge_loss(np.matrix([[1.0]]), np.ones((1, 1)))


def test_wrong_calls_are_pythons_own_errors() -> None:
    with pytest.raises(TypeError, match=r"hinge_loss\(\) missing 1 required positional argument"):
        hinge_loss(ONE)
    with pytest.raises(TypeError, match="unexpected keyword argument 'delta'"):
        hinge_loss(ONE, ONE, delta=1)


def test_an_error_leaves_nothing_behind() -> None:
    with pytest.raises(ValueError, match="equal shapes"):
        hinge_loss(ONE, np.ones(2))
    assert hinge_loss(ONE, ONE).tolist() == [0.0, 0.0, 0.0]


def test_series_and_buffers_are_taken_as_numpy() -> None:
    class Series:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return ONE

    assert type(hinge_loss(Series(), [1, 1, 1])) is np.ndarray


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_dtypes_of_numpy_and_python_are_clear_everywhere(library: Library) -> None:
    given = library.array(np.ones(3, np.float32)), library.array(np.zeros(3, np.float32))
    for dtype in (np.float32, np.dtype("float32"), "f4", "float32"):
        found = lossary.mse_loss(*given, dtype=dtype)
        assert str(found.dtype).endswith("float32")
    wide = library.numpy(lossary.mse_loss(*given, dtype=float))
    assert wide.dtype == (np.float32 if library.name == "jax" else np.float64)
    for dtype in ("foo", 3, int):
        with pytest.raises(lossary.LossaryError, match="dtype must be a floating-point dtype of"):
            lossary.mse_loss(*given, dtype=dtype)


@pytest.mark.parametrize("name", ["numpy", "jax", "dask"])
def test_a_dtype_of_another_library_is_refused(name: str) -> None:
    torch = pytest.importorskip("torch")
    one = BY_NAME[name].array(ONE)
    with pytest.raises(TypeError, match=r"dtype must be .*, got torch\.float32"):
        hinge_loss(one, one, dtype=torch.float32)


def test_numbers_of_numpy_are_numbers() -> None:
    gradient = lossary.grad(hinge_loss, np.int64(1))(ONE / 2, ONE)
    assert gradient.tolist() == [-0.5, -0.5, -0.5]
    for denominator in (2, np.float32(2), np.array(2), np.array(2.0), Fraction(2)):
        mean = hinge_loss(ONE / 2, ONE, "mean", denominator=denominator)
        assert mean == 0.75


EQUAL: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (cross_entropy, {"axis": 1}, {"axis": 1.0}),
    (cross_entropy, {"axis": 1}, {"axis": True}),
    (cross_entropy, {"ignore_index": 1}, {"ignore_index": True}),
    (cross_entropy, {"ignore_index": 1}, {"ignore_index": 1.0}),
    (cross_entropy, {"label_smoothing": 1}, {"label_smoothing": True}),
    (l1_loss, {"where": True}, {"where": 1}),
    (l1_loss, {"where": True}, {"where": 1.0}),
    (l1_loss, {"denominator": 1}, {"denominator": True}),
    (huber_loss, {"delta": 1}, {"delta": True}),
]


@pytest.mark.parametrize("library", [BY_NAME["numpy"], BY_NAME["torch"]], ids=lambda x: x.name)
@pytest.mark.parametrize(
    ("loss", "right", "wrong"), EQUAL, ids=lambda x: getattr(x, "__name__", str(x))
)
def test_an_equal_number_lets_no_other_kind_through(
    library: Library, loss: Any, right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    rows, ones = (library.array(np.eye(3, dtype="f4")[i]) for i in (slice(None), 0))
    given = (rows, library.array(np.arange(3))) if loss is cross_entropy else (ones, ones)
    for function in (loss, lossary.value_and_grad(loss)):
        for _ in range(2):  # the second call takes the recipe
            function(*given, **right)
        with pytest.raises(TypeError, match=r"must be"):
            function(*given, **wrong)


@pytest.mark.parametrize("library", [BY_NAME["numpy"], BY_NAME["torch"]], ids=lambda x: x.name)
def test_a_label_that_was_right_lets_no_float_through(library: Library) -> None:
    row = library.array(np.float32([1, 2, 3]))
    for _ in range(2):
        cross_entropy(row, 1)
    with pytest.raises(TypeError, match="targets must be integers"):
        cross_entropy(row, 1.0)


def test_signs_of_zero_are_told_apart() -> None:
    @lossary.loss
    def reciprocal_loss(inputs: Any, targets: Any) -> Any:
        return inputs / targets

    inputs = BY_NAME["torch"].array(np.ones(2)).requires_grad_()
    for target, expected in ((0.0, np.inf), (-0.0, -np.inf)):
        assert reciprocal_loss(inputs, target, "sum").item() == expected
