"""The class axis: indices, labels, reductions and norms, for losses along an axis.

A *row value* is one value per row: the class axis is reduced.
"""

from __future__ import annotations

from lossary.formula.expression import Expression, Operand, node
from lossary.formula.refusal import TracingError


def class_index() -> Expression:
    """Index of each class along the class axis.

    Returns
    -------
    symbol
        0, 1, ..., C - 1.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import class_index, softmax, sum_over_classes
    >>> @loss
    ... def expected_class_loss(logits, targets, axis=-1):
    ...     expected = sum_over_classes(class_index() * softmax(logits))
    ...     return sum_over_classes(targets * abs(class_index() - expected))
    >>> expected_class_loss([[0.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]])
    array([1.])
    """
    return node("index")


def class_count() -> Expression:
    """Return the number of classes C.

    Returns
    -------
    symbol
        The length of the class axis.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import class_count, sum_over_classes
    >>> @loss
    ... def mean_error_loss(inputs, targets, axis=-1):
    ...     return sum_over_classes(abs(inputs - targets)) / class_count()
    >>> mean_error_loss([[1.0, 2.0, 6.0]], [[0.0, 0.0, 0.0]])
    array([3.])
    """
    return node("class_count")


def is_label(labels: Operand) -> Expression:
    """Condition that a class is that of the label.

    Parameters
    ----------
    labels : symbol or number
        Class labels, or the number of one class.

    Returns
    -------
    symbol
        A condition for :func:`where`, true at one class.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.domains import CLASS_LABELS
    >>> from lossary.formula import is_label, sum_over_classes, where
    >>> @loss(targets=CLASS_LABELS)
    ... def brier_score_loss(probabilities, targets, axis=-1):
    ...     hot = where(is_label(targets), 1, 0)
    ...     return sum_over_classes((probabilities - hot) ** 2)
    >>> brier_score_loss([[0.5, 0.5, 0.0]], [0])
    array([0.5])
    """
    return node("equal", class_index(), labels)


def at_label(values: Expression, labels: Operand) -> Expression:
    """Value at the class of the label.

    Labels are compared with the class index, never used as an index. So the value is 0 where there
    is no such class; a loss with labels is NaN there.

    Parameters
    ----------
    values : symbol
        A value for each class.
    labels : symbol or number
        Class labels, or the number of one class.

    Returns
    -------
    symbol
        A row value.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.domains import CLASS_LABELS
    >>> from lossary.formula import at_label
    >>> @loss(targets=CLASS_LABELS)
    ... def miss_loss(probabilities, targets, axis=-1):
    ...     return 1 - at_label(probabilities, targets)
    >>> miss_loss([[0.25, 0.75]], [1])
    array([0.25])
    """
    if isinstance(labels, (int, float)) and not (labels >= 0 and float(labels).is_integer()):
        message = (
            "formula: labels of at_label() must be class labels or the number of a class, a whole "
            f"number from 0, got {labels}. Write class_count() - 1 for the last class."
        )
        raise TracingError(message)
    return node("at_label", values, labels)


def sum_over_classes(x: Expression) -> Expression:
    """Sum along the class axis.

    Parameters
    ----------
    x : symbol
        A value for each class.

    Returns
    -------
    symbol
        A row value.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import sum_over_classes
    >>> @loss
    ... def squared_distance_loss(inputs, targets, axis=-1):
    ...     return sum_over_classes((inputs - targets) ** 2)
    >>> squared_distance_loss([[3.0, 4.0]], [[0.0, 0.0]])
    array([25.])
    """
    return node("sum", x)


def mean_over_classes(x: Expression) -> Expression:
    """Mean along the class axis.

    Parameters
    ----------
    x : symbol
        A value for each class.

    Returns
    -------
    symbol
        A row value.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import mean_over_classes
    >>> @loss
    ... def row_error_loss(inputs, targets, axis=-1):
    ...     return mean_over_classes(abs(inputs - targets))
    >>> row_error_loss([[3.0, 4.0]], [[0.0, 0.0]])
    array([3.5])
    """
    return node("sum", x) / class_count()


def max_over_classes(x: Expression) -> Expression:
    """Maximum along the class axis.

    At a tie the derivative goes to the first class.

    Parameters
    ----------
    x : symbol
        A value for each class.

    Returns
    -------
    symbol
        A row value.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import max_over_classes
    >>> @loss
    ... def largest_error_loss(inputs, targets, axis=-1):
    ...     return max_over_classes(abs(inputs - targets))
    >>> largest_error_loss([[3.0, -4.0]], [[0.0, 0.0]])
    array([4.])
    """
    return node("max", x)


def norm(x: Expression) -> Expression:
    """Euclidean norm along the class axis.

    No square overflows or vanishes. The derivative at a zero vector is 0.

    Parameters
    ----------
    x : symbol
        The components of a vector.

    Returns
    -------
    symbol
        A row value.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import norm
    >>> @loss
    ... def distance_loss(inputs, targets, axis=-1):
    ...     return norm(inputs - targets)
    >>> distance_loss([[3e200, 4e200]], [[0.0, 0.0]])
    array([5.e+200])
    """
    return node("norm", x)


def softened_norm(x: Expression, eps: Operand) -> Expression:
    """Square root of a sum of squares and a number: √(Σ x² + eps).

    No square overflows or vanishes.

    Parameters
    ----------
    x : symbol
        The components of a vector.
    eps : symbol or number
        What is added to the sum, at least 0.

    Returns
    -------
    symbol
        A row value.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import softened_norm
    >>> @loss
    ... def softened_distance_loss(inputs, targets, axis=-1):
    ...     return softened_norm(inputs - targets, 11)
    >>> softened_distance_loss([[3.0, 4.0]], [[0.0, 0.0]])
    array([6.])
    """
    return node("softened_norm", x, eps)
