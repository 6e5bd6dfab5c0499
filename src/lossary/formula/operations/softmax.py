"""Softmax, its logarithm, and the sums of exponentials in them, for losses along an axis."""

from __future__ import annotations

from lossary.formula.expression import Expression, Operand, node


def finite_maximum(x: Expression) -> Expression:
    """Maximum along the class axis as a constant to subtract before exponentials are taken.

    Parameters
    ----------
    x : symbol
        A value for each class.

    Returns
    -------
    symbol
        A row value, whose derivative is 0. It is 0 in a row whose maximum is infinite or NaN, so
        that no infinity is subtracted from another.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import exp_difference, finite_maximum, sum_over_classes
    >>> @loss
    ... def effective_classes_loss(logits, targets, axis=-1):
    ...     share = exp_difference(logits, finite_maximum(logits))
    ...     return sum_over_classes(share * targets)
    >>> effective_classes_loss([[1000.0, 1000.0, 0.0]], [[1.0, 1.0, 1.0]])
    array([2.])
    """
    return node("finite_maximum", x)


def logsumexp(x: Expression, relative_to: Operand = 0) -> Expression:
    """Logarithm of the sum of exponentials along the class axis, minus a row value.

    The row value is subtracted before the logarithm is added, so that two large numbers that
    nearly cancel do so while they are exact.

    Parameters
    ----------
    x : symbol
        A value for each class.
    relative_to : symbol or number, optional
        What is subtracted.

    Returns
    -------
    symbol
        log(Σ exp(x)) - relative_to, a row value.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.domains import CLASS_LABELS
    >>> from lossary.formula import at_label, logsumexp
    >>> @loss(targets=CLASS_LABELS)
    ... def plain_cross_entropy_loss(logits, targets, axis=-1):
    ...     return logsumexp(logits, at_label(logits, targets))
    >>> plain_cross_entropy_loss([[1000.0, 1000.0]], [0])
    array([0.69314718])
    """
    return node("logsumexp", x, relative_to)


def softmax(x: Expression) -> Expression:
    """Exponentials divided by their sum along the class axis.

    Parameters
    ----------
    x : symbol
        Logits.

    Returns
    -------
    symbol
        A probability for each class.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import softmax, sum_over_classes
    >>> @loss
    ... def probability_error_loss(logits, targets, axis=-1):
    ...     return sum_over_classes(abs(softmax(logits) - targets))
    >>> probability_error_loss([[1000.0, 1000.0]], [[1.0, 0.0]])
    array([1.])
    """
    return node("softmax", x)


def negative_log_softmax(x: Expression) -> Expression:
    """Negative logarithm of the softmax.

    It is a sum of two terms, neither of which is negative, so nothing cancels.

    Parameters
    ----------
    x : symbol
        Logits.

    Returns
    -------
    symbol
        -log(softmax(x)) for each class.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import negative_log_softmax, scale, sum_over_classes
    >>> @loss
    ... def soft_label_loss(logits, targets, axis=-1):
    ...     return sum_over_classes(scale(targets, negative_log_softmax(logits)))
    >>> soft_label_loss([[40.0, 0.0]], [[1.0, 0.0]])
    array([4.24835426e-18])
    """
    return node("negative_log_softmax", x)


def negative_log_softmax_at(x: Expression, labels: Expression) -> Expression:
    """Negative logarithm of the softmax at the class of the label.

    Accurate also where that class dominates.

    Parameters
    ----------
    x : symbol
        Logits.
    labels : symbol
        Class labels.

    Returns
    -------
    symbol
        A row value.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.domains import CLASS_LABELS
    >>> from lossary.formula import negative_log_softmax_at, sigmoid
    >>> @loss(targets=CLASS_LABELS)
    ... def bounded_cross_entropy_loss(logits, targets, axis=-1):
    ...     return 2 * sigmoid(negative_log_softmax_at(logits, targets)) - 1
    >>> bounded_cross_entropy_loss([[0.0, 0.0]], [1])
    array([0.33333333])
    """
    return node("negative_log_softmax_at", x, labels)


def entropy_of_softmax(x: Expression) -> Expression:
    """Return the entropy of the softmax: -Σ p log(p).

    Parameters
    ----------
    x : symbol
        Logits.

    Returns
    -------
    symbol
        A row value, not negative. Its derivative is p (-log(p) - entropy), which does not cancel
        where one class dominates.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.domains import CLASS_LABELS
    >>> from lossary.formula import entropy_of_softmax, negative_log_softmax_at
    >>> @loss(targets=CLASS_LABELS)
    ... def confidence_penalty_loss(logits, targets, axis=-1, strength=0.1):
    ...     surprise = negative_log_softmax_at(logits, targets)
    ...     return surprise - strength * entropy_of_softmax(logits)
    >>> confidence_penalty_loss([[0.0, 0.0]], [1])
    array([0.62383246])
    """
    return node("entropy_of_softmax", x)


def divergence_of_softmaxes(x: Expression, y: Expression, temperature: Operand = 1) -> Expression:
    """Return the Kullback-Leibler divergence of one softmax from another: Σ q log(q / p).

    p is the softmax of x, q that of y, both divided by the temperature. No term of the sum is
    negative, so that it keeps its digits where p and q are nearly equal.

    Parameters
    ----------
    x, y : symbol
        Logits of p and of q.
    temperature : symbol or number
        A positive number.

    Returns
    -------
    symbol
        A row value, not negative. Its derivative with respect to x is p - q over the temperature.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import divergence_of_softmaxes
    >>> @loss
    ... def two_way_divergence_loss(inputs, targets, axis=-1):
    ...     there = divergence_of_softmaxes(inputs, targets)
    ...     return there + divergence_of_softmaxes(targets, inputs)
    >>> two_way_divergence_loss([[1.0, 0.0], [1e-9, 0.0]], [[0.0, 0.0], [0.0, 0.0]])
    array([2.31058579e-01, 2.50000000e-19])
    """
    return node("divergence_of_softmaxes", x, y, temperature)


def sparsemax_threshold(x: Expression) -> Expression:
    """Return what sparsemax subtracts: the row value τ for which Σ max(0, x - τ) is 1.

    Parameters
    ----------
    x : symbol
        A value for each class.

    Returns
    -------
    symbol
        The threshold. Its derivative is the same for all classes above it, 0 for the others.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import maximum, sparsemax_threshold, sum_over_classes
    >>> @loss
    ... def sparse_error_loss(logits, targets, axis=-1):
    ...     share = maximum(0, logits - sparsemax_threshold(logits))
    ...     return sum_over_classes(abs(share - targets))
    >>> sparse_error_loss([[1.0, 0.5, -3.0]], [[1.0, 0.0, 0.0]])
    array([0.5])
    """
    return node("sparsemax_threshold", x)


def multiclass_sparsemax(x: Expression, labels: Expression) -> Expression:
    """Return the sparsemax loss at the class of the label.

    It is 0 where that class is ahead of all others by 1. No term in it is negative.

    Parameters
    ----------
    x : symbol
        Logits.
    labels : symbol
        Class labels.

    Returns
    -------
    symbol
        A row value. Its derivative is the sparsemax of the logits, at the label less 1.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.domains import CLASS_LABELS
    >>> from lossary.formula import multiclass_sparsemax
    >>> @loss(targets=CLASS_LABELS)
    ... def sparse_loss(logits, targets, axis=-1):
    ...     return multiclass_sparsemax(logits, targets)
    >>> sparse_loss([[2.0, 1.5, -1.0], [0.5, 0.2, 0.0]], [0, 1])
    array([0.0625, 0.43  ])
    """
    return node("multiclass_sparsemax", x, labels)
