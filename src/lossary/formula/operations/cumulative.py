"""Along the class axis, element after element: neighbours, running sums and maxima."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, Kind, Operand, node
from lossary.formula.refusal import TracingError


def preceding(x: Expression, fill: float = 0.0) -> Expression:
    """Element before each along the class axis.

    Parameters
    ----------
    x : symbol
        A value for each class.
    fill : float
        What stands before the first element, a number.

    Returns
    -------
    symbol
        fill, x_0, x_1, ..., a value for each class.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import class_index, preceding, sum_over_classes, where
    >>> @loss
    ... def roughness_loss(inputs, targets, axis=-1):
    ...     error = inputs - targets
    ...     step = where(class_index() > 0, error - preceding(error), 0)
    ...     return sum_over_classes(step**2)
    >>> roughness_loss([[1.0, 3.0, 2.0]], [[0.0, 0.0, 0.0]])
    array([5.])
    """
    return node("preceding", _element(x, "preceding"), _fill(fill, "preceding"))


def following(x: Expression, fill: float = 0.0) -> Expression:
    """Element after each along the class axis.

    Parameters
    ----------
    x : symbol
        A value for each class.
    fill : float
        What stands after the last element, a number.

    Returns
    -------
    symbol
        x_1, x_2, ..., fill, a value for each class.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import following, maximum, sum_over_classes
    >>> @loss
    ... def falling_loss(inputs, targets, axis=-1):
    ...     fall = maximum(0, inputs - following(inputs, fill=float("inf")))
    ...     return sum_over_classes(targets * fall)
    >>> falling_loss([[1.0, 3.0, 2.5]], [[1.0, 1.0, 1.0]])
    array([0.5])
    """
    return node("following", _element(x, "following"), _fill(fill, "following"))


def cumulative_sum(x: Expression, reverse: bool = False) -> Expression:
    """Sum of the elements up to each along the class axis, itself included.

    float32 is added up in float64 where a library has it.

    Parameters
    ----------
    x : symbol
        A value for each class.
    reverse : bool
        Whether to start from the last element.

    Returns
    -------
    symbol
        A value for each class. Its derivative is the cumulative sum in the other direction.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import cumulative_sum, sum_over_classes
    >>> @loss
    ... def earth_mover_loss(inputs, targets, axis=-1):
    ...     return sum_over_classes(abs(cumulative_sum(inputs - targets)))
    >>> earth_mover_loss([[0.5, 0.3, 0.2]], [[0.0, 0.0, 1.0]])
    array([1.3])
    """
    return node(_named("cumulative_sum", reverse), _element(x, "cumulative_sum"))


def cumulative_max(x: Expression, reverse: bool = False) -> Expression:
    """Largest of the elements up to each along the class axis, itself included.

    Parameters
    ----------
    x : symbol
        A value for each class.
    reverse : bool
        Whether to start from the last element.

    Returns
    -------
    symbol
        A value for each class. At a tie its derivative goes to the element that comes first.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import cumulative_max, sum_over_classes
    >>> @loss
    ... def drawdown_loss(inputs, targets, axis=-1):
    ...     return sum_over_classes(targets * (cumulative_max(inputs) - inputs))
    >>> drawdown_loss([[1.0, 3.0, 2.5]], [[1.0, 1.0, 1.0]])
    array([0.5])
    """
    return node(_named("cumulative_max", reverse), _element(x, "cumulative_max"))


def cumulative_logsumexp(
    x: Expression,
    reverse: bool = False,
    *,
    relative_to: Operand = 0,
    exclusive: bool = False,
) -> Expression:
    """Logarithm of the sum of the exponentials of the elements up to each, minus a value.

    As :func:`logsumexp` does, it subtracts the value before it adds the logarithm, so that two
    large numbers that nearly cancel do so while they are exact.

    Parameters
    ----------
    x : symbol
        A value for each class.
    reverse : bool
        Whether to start from the last element.
    relative_to : symbol or number, optional
        What is subtracted, one value or one for each class.
    exclusive : bool
        Whether to leave out the element itself; over no elements the result is minus infinity.

    Returns
    -------
    symbol
        A value for each class.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import cumulative_logsumexp, softplus, sum_over_classes
    >>> @loss
    ... def order_loss(scores, targets, axis=-1):
    ...     rest = cumulative_logsumexp(scores, reverse=True, relative_to=scores, exclusive=True)
    ...     return sum_over_classes(targets * softplus(rest))
    >>> order_loss([[1002.0, 1001.0, 1000.0]], [[1.0, 1.0, 1.0]])
    array([0.72086765])
    """
    x = _element(x, "cumulative_logsumexp")
    name = _named("cumulative_logsumexp", reverse)
    if not exclusive:
        return node(name, x, relative_to)
    if isinstance(relative_to, Expression) and relative_to.kind is Kind.ELEMENT:
        # At the element before, what is subtracted is that of the next one.
        relative_to = node("preceding" if reverse else "following", relative_to, 0)
    included = node(name, x, relative_to)
    return node("following" if reverse else "preceding", included, -math.inf)


def cumulative_negative_log_softmax(x: Expression, reverse: bool = False) -> Expression:
    """Negative logarithm of each element's softmax among the elements up to it.

    It is accurate where the element dominates those before it. The sum over a row is the negative
    log-likelihood of an order, each place drawn by a softmax of what is left (Plackett & Luce).

    Parameters
    ----------
    x : symbol
        A value for each class.
    reverse : bool
        Whether to start from the last element.

    Returns
    -------
    symbol
        A value for each class, that of the first element 0.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import cumulative_negative_log_softmax, sum_over_classes
    >>> @loss
    ... def order_loss(scores, targets, axis=-1):
    ...     surprise = cumulative_negative_log_softmax(scores, reverse=True)
    ...     return sum_over_classes(targets * surprise)
    >>> order_loss([[1002.0, 1001.0, 1000.0]], [[1.0, 1.0, 1.0]])
    array([0.72086765])
    """
    name = _named("cumulative_negative_log_softmax", reverse)
    return node(name, _element(x, "cumulative_negative_log_softmax"))


def _named(name: str, reverse: bool) -> str:
    return f"reverse_{name}" if reverse else name


def _element(x: Expression, word: str) -> Expression:
    """Return x, or raise if it does not vary along the class axis."""
    if not isinstance(x, Expression) or x.kind is not Kind.ELEMENT:
        message = (
            f"formula: {word}() must get a value for each class, got {x!r}. Declare the loss "
            "with axis= to give it a class axis."
        )
        raise TracingError(message)
    return x


def _fill(fill: float, word: str) -> float:
    if isinstance(fill, (int, float)):
        return fill
    message = f"formula: fill of {word}() must be a number, got {fill!r}. Use where() afterwards."
    raise TracingError(message)
