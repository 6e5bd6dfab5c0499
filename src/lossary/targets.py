"""Targets and class weights as losses take them: smoothed, one-hot, as -1/+1, from class counts.

Plain arithmetic on arrays of any library, under ``jit``, ``vmap`` and ``torch.compile`` too; the
result is of the same library, on the same device.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from lossary.call.flow import torch_compiles
from lossary.call.given_array import GivenArray
from lossary.domains import AT_LEAST_ZERO, FROM_ZERO_TO_ONE
from lossary.errors import shown, type_error, value_error

__all__ = [
    "binary_smooth_labels",
    "class_balanced_weights",
    "inverse_frequency_weights",
    "one_hot",
    "plus_minus_one",
    "smooth_labels",
]


def smooth_labels(targets: Any, smoothing: Any, axis: int = -1, *, dtype: Any = None) -> Any:
    """Return class probabilities with a share of each row spread evenly over its classes.

    ``targets * (1 - smoothing) + smoothing / C``: for losses of probability targets that have no
    ``label_smoothing`` of their own.

    Parameters
    ----------
    targets : array, shape (..., C, ...)
        One-hot or probability targets.
    smoothing : float
        The share, from 0 to 1; 1 leaves nothing of the targets.
    axis : int
        The class axis.
    dtype : dtype, optional
        Floating-point dtype of the result; by default that of the targets, for integers the
        library's default.

    Returns
    -------
    array, shape (..., C, ...)
        Smoothed probabilities; rows keep a sum of 1.

    Raises
    ------
    ValueError, TypeError
        If ``smoothing`` is not from 0 to 1, or there is no such axis or dtype.

    References
    ----------
    Szegedy et al. (2016), Rethinking the Inception architecture for computer vision,
    doi:10.1109/CVPR.2016.308

    Examples
    --------
    >>> from lossary.targets import one_hot, smooth_labels
    >>> smooth_labels(one_hot([1], 4), 0.2)
    array([[0.05, 0.85, 0.05, 0.05]])
    """
    return _computed("_smooth_labels", targets, smoothing, axis, dtype)


def binary_smooth_labels(targets: Any, smoothing: Any, *, dtype: Any = None) -> Any:
    """Return probabilities of a yes, drawn towards one half.

    ``targets * (1 - smoothing) + smoothing / 2``: smoothing over the two classes yes and no.

    Parameters
    ----------
    targets : array, shape (...)
        Probabilities of the positive class; 0 and 1 for labels.
    smoothing : float
        The share, from 0 to 1; 1 leaves nothing of the targets.
    dtype : dtype, optional
        Floating-point dtype of the result; by default that of the targets, for integers the
        library's default.

    Returns
    -------
    array, shape (...)
        Smoothed probabilities.

    Raises
    ------
    ValueError, TypeError
        If ``smoothing`` is not from 0 to 1, or there is no such dtype.

    References
    ----------
    Szegedy et al. (2016), Rethinking the Inception architecture for computer vision,
    doi:10.1109/CVPR.2016.308

    Examples
    --------
    >>> from lossary.targets import binary_smooth_labels
    >>> binary_smooth_labels([0, 1], 0.1)
    array([0.05, 0.95])
    """
    return _computed("_binary_smooth_labels", targets, smoothing, dtype)


def one_hot(labels: Any, classes: int, axis: int = -1, *, dtype: Any = None) -> Any:
    """Return class labels as probabilities: 1 at the label, 0 elsewhere.

    Parameters
    ----------
    labels : array of integers, shape (...)
        Class labels, from 0 to ``classes - 1``.
    classes : int
        The number of classes, C.
    axis : int
        Where the class axis stands in the result.
    dtype : dtype, optional
        Floating-point dtype of the result; by default the library's default.

    Returns
    -------
    array, shape (..., C, ...)
        One-hot probabilities. The row of a label outside the classes is NaN, so that a loss of it
        is NaN too; negative labels never wrap round.

    Raises
    ------
    ValueError, TypeError
        If labels are not integers, ``classes`` is not a positive integer, or there is no such axis
        or dtype.

    Examples
    --------
    >>> from lossary.targets import one_hot
    >>> one_hot([2, 0, -1], 3)
    array([[ 0.,  0.,  1.],
           [ 1.,  0.,  0.],
           [nan, nan, nan]])
    """
    return _computed("_one_hot", labels, classes, axis, dtype)


def plus_minus_one(targets: Any, *, dtype: Any = None) -> Any:
    """Return 0/1 labels as the -1/+1 labels of margin losses: ``2 * targets - 1``.

    Parameters
    ----------
    targets : array, shape (...)
        Labels, 0 or 1, or booleans. Probabilities between them become numbers between -1 and +1.
    dtype : dtype, optional
        Floating-point dtype of the result. By default that of the targets; signed integers stay
        integers, unsigned ones and booleans become ``int32``.

    Returns
    -------
    array, shape (...)
        Labels, -1 or +1.

    Raises
    ------
    ValueError, TypeError
        If targets are not real numbers, or there is no such dtype.

    Examples
    --------
    >>> from lossary.targets import plus_minus_one
    >>> plus_minus_one([0.0, 1.0])
    array([-1.,  1.])
    >>> plus_minus_one([False, True])
    array([-1,  1], dtype=int32)
    """
    return _computed("_plus_minus_one", targets, dtype)


def class_balanced_weights(counts: Any, beta: Any = 0.999, *, dtype: Any = None) -> Any:
    """Return class weights by the effective number of examples.

    ``(1 - beta) / (1 - beta**n)`` for a class of n examples, scaled to sum to the number of
    classes: between equal weights (``beta=0``) and weights of 1/n (``beta=1``).

    Parameters
    ----------
    counts : array, shape (C,)
        Numbers of examples of the classes; at least 0.
    beta : float
        From 0 to 1; about 1 - 1/N where N examples of a class stand for all of it.
    dtype : dtype, optional
        Floating-point dtype of the result; by default that of the counts, for integers the
        library's default.

    Returns
    -------
    array, shape (C,)
        For ``class_weights=``; 0 for a class without examples. NaN where there are negative counts
        that cannot be looked at.

    Raises
    ------
    ValueError, TypeError
        If counts are negative or have several axes, or ``beta`` is not from 0 to 1.

    References
    ----------
    Cui et al. (2019), Class-balanced loss based on effective number of samples, arXiv:1901.05555

    Examples
    --------
    >>> from lossary.targets import class_balanced_weights
    >>> class_balanced_weights([10, 100, 1000]).round(4)
    array([2.6778, 0.28  , 0.0422])
    """
    return _computed("_class_balanced_weights", counts, beta, dtype)


def inverse_frequency_weights(counts: Any, *, dtype: Any = None) -> Any:
    """Return class weights that give every class the same total: ``N / (C * n)``.

    What scikit-learn calls ``class_weight="balanced"``.

    Parameters
    ----------
    counts : array, shape (C,)
        Numbers n of examples of the C classes, N in all; at least 0.
    dtype : dtype, optional
        Floating-point dtype of the result; by default that of the counts, for integers the
        library's default.

    Returns
    -------
    array, shape (C,)
        For ``class_weights=``; 0 for a class without examples. NaN where there are negative counts
        that cannot be looked at.

    Raises
    ------
    ValueError, TypeError
        If counts are negative or have several axes.

    References
    ----------
    King and Zeng (2001), Logistic regression in rare events data,
    doi:10.1093/oxfordjournals.pan.a004868

    Examples
    --------
    >>> from lossary.targets import inverse_frequency_weights
    >>> inverse_frequency_weights([10, 40, 50])
    array([3.33333333, 0.83333333, 0.66666667])
    """
    return _computed("_inverse_frequency_weights", counts, dtype)


def _computed(compute: str, *given: Any) -> Any:
    """Call a function of this module: in a graph of ``torch.compile`` as one node."""
    if not torch_compiles():
        function: Callable[..., Any] = globals()[compute]
        return function(*given)
    from lossary.call import torch_compile

    return torch_compile.node(__name__, compute, *given)


# --- what is computed ---------------------------------------------------------------------------
def _smooth_labels(targets: Any, smoothing: Any, axis: int, dtype: Any) -> Any:
    given = GivenArray("targets.smooth_labels", "targets", targets, dtype)
    position = given.axis(axis, given.rank)
    share = given.parameter("smoothing", smoothing, FROM_ZERO_TO_ONE)
    return given.result(given.x * (1 - share) + share / given.backend.length(given.x, position))


def _binary_smooth_labels(targets: Any, smoothing: Any, dtype: Any) -> Any:
    given = GivenArray("targets.binary_smooth_labels", "targets", targets, dtype)
    share = given.parameter("smoothing", smoothing, FROM_ZERO_TO_ONE)
    return given.result(given.x * (1 - share) + share / 2)


def _one_hot(labels: Any, classes: int, axis: int, dtype: Any) -> Any:
    given = GivenArray("targets.one_hot", "labels", labels, dtype)
    if given.kind != "int":
        remedy = "Convert them to an integer dtype."
        raise type_error(
            given.function, "labels", "must be integers", f"dtype {given.given_dtype}", remedy
        )
    if isinstance(classes, bool) or not isinstance(classes, numbers.Integral):
        raise type_error(given.function, "classes", "must be a positive integer", shown(classes))
    if classes < 1:
        raise value_error(given.function, "classes", "must be a positive integer", shown(classes))
    backend, xp = given.backend, given.backend.xp
    position = given.axis(axis, given.rank + 1)
    # Unsigned labels that are too large become negative, and are outside as they were.
    name = "int64" if given.given_dtype in {"int64", "uint64"} else "int32"
    column = xp.expand_dims(backend.cast(given.given, name), axis=position)
    index = backend.arange(int(classes), backend.dtype(name), given.given)
    index = xp.reshape(index, tuple(-1 if i == position else 1 for i in range(given.rank + 1)))
    is_label = backend.cast(column == index, given.compute)
    inside = xp.logical_and(column >= 0, column < int(classes))
    return given.result(xp.where(inside, is_label, given.scalar(math.nan)))


def _plus_minus_one(targets: Any, dtype: Any) -> Any:
    given = GivenArray("targets.plus_minus_one", "targets", targets, dtype)
    if given.kind == "float" or dtype is not None:
        return given.result(2 * given.x - 1)
    name = given.given_dtype if given.given_dtype.startswith("int") else "int32"
    return 2 * given.backend.cast(given.given, name) - 1


def _class_balanced_weights(counts: Any, beta: Any, dtype: Any) -> Any:
    given = _counts("targets.class_balanced_weights", counts, dtype)
    xp = given.backend.xp
    share = given.parameter("beta", beta, FROM_ZERO_TO_ONE)
    n = xp.where(given.x > 0, given.x, given.scalar(1.0))
    if isinstance(share, float):
        # 1 - beta**n as -expm1(n log beta): beta is near 1, and the logarithm is small.
        log_beta = math.log(share) if share else -math.inf
        weights = 1 / n if share == 1 else math.expm1(log_beta) / xp.expm1(n * log_beta)
    else:
        log_beta = xp.log(xp.where(share == 1, given.scalar(0.5), share))
        quotient = xp.expm1(log_beta) / xp.expm1(n * log_beta)
        weights = xp.where(share == 1, 1 / n, quotient)
    weights = given.of_classes(weights)
    total = xp.sum(weights)
    total = xp.where(total == 0, given.scalar(1.0), total)
    return given.result(weights / total * given.backend.length(given.x, 0))


def _inverse_frequency_weights(counts: Any, dtype: Any) -> Any:
    given = _counts("targets.inverse_frequency_weights", counts, dtype)
    xp = given.backend.xp
    n = xp.where(given.x > 0, given.x, given.scalar(1.0))
    weights = xp.sum(given.x) / given.backend.length(given.x, 0) / n
    return given.result(given.of_classes(weights))


def _counts(function: str, counts: Any, dtype: Any) -> GivenArray:
    """Return numbers of examples, checked where they can be looked at."""
    given = GivenArray(function, "counts", counts, dtype)
    if given.rank != 1:
        found = f"shape {given.backend.shape(given.given)}"
        raise value_error(given.function, "counts", "must have one number per class", found)
    values = given.backend.values(given.given)
    if values is not None:
        wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if wrong.size:
            found = f"{values[wrong[0]]} at ({wrong[0]},)"
            raise value_error(given.function, "counts", AT_LEAST_ZERO.text, found)
    return given
