"""Every error for bad input: its type and its words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossary
from lossary import cross_entropy, hinge_loss, huber_loss

ONE = np.ones(3)
ROWS = np.zeros((3, 4))
LABELS = np.zeros(3, int)

CASES: list[tuple[Any, type[Exception], str]] = [
    (lambda: hinge_loss(ONE, np.ones(2)), ValueError,
     r"hinge_loss: inputs and targets must have equal shapes, got \(3,\) and \(2,\)\."),
    (lambda: hinge_loss(ONE, ONE, "max"), ValueError,
     r"hinge_loss: reduction must be 'none' or 'mean' or 'sum', got 'max'\."),
    (lambda: hinge_loss(ONE, ONE, weights=np.ones(2)), ValueError,
     r"weights must have the shape of the unreduced loss, \(3,\), or be a scalar, got shape"),
    (lambda: hinge_loss(ONE, ONE, where=np.ones(3)), TypeError,
     r"where must be boolean, got dtype float64\. Pass where != 0\."),
    (lambda: hinge_loss(ONE, ONE, denominator="rows"), ValueError,
     r"denominator must be 'count' or 'weights' or a positive number, got 'rows'"),
    (lambda: hinge_loss(ONE, ONE, denominator=0), ValueError,
     r"denominator must be a positive number, got 0\."),
    (lambda: hinge_loss(ONE, ONE, denominator=None), ValueError, r"got None"),
    (lambda: hinge_loss(ONE, ONE, dtype="int32"), ValueError,
     r"dtype must be a floating-point dtype of the arrays' library, got 'int32'"),
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
    (lambda: cross_entropy(ROWS, LABELS, class_weights=np.ones(3)), ValueError,
     r"class_weights must have one weight per class, shape \(4,\), got shape \(3,\)"),
    (lambda: lossary.triplet_loss(ROWS, ROWS, ROWS[:2]), ValueError,
     r"triplet_loss: negatives must have the shape of anchors, \(3, 4\), got shape \(2, 4\)"),
    (lambda: lossary.get_loss("hinge_los"), ValueError, r"Did you mean hinge_loss"),
    (lambda: lossary.grad(print), ValueError, r"must be a registered loss, got 'print'"),
    (lambda: lossary.set_num_threads(0), ValueError, r"set_num_threads: .*, got 0"),
    (lambda: lossary.set_num_threads(1.5), TypeError, r"set_num_threads: .*, got 1\.5"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "pattern"), CASES, ids=[c[2][:40] for c in CASES])
def test_message(call: Any, kind: type[Exception], pattern: str) -> None:
    with pytest.raises(kind, match=pattern) as caught:
        call()
    assert isinstance(caught.value, lossary.LossaryError)


def test_two_libraries_are_named() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="inputs and targets must be arrays of one library, got "):
        hinge_loss(torch.ones(3), ONE)
    assert hinge_loss(torch.ones(3), 1.0).shape == (3,)


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
