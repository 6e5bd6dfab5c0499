"""Rows in another order, and pairs of elements of a row, for losses along an axis."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, node


def sorted_by(x: Expression, key: Expression, falling: bool = False) -> Expression:
    """Elements of a row in the order of their keys.

    The order is stable: elements of equal keys keep theirs. NaN comes last.

    Parameters
    ----------
    x : symbol
        A value for each class.
    key : symbol
        What the row is sorted by, a value for each class.
    falling : bool
        Whether the largest key comes first.

    Returns
    -------
    symbol
        A value for each class. The order is a constant for derivatives: that with respect to x goes
        back to the places that the elements are from, that with respect to the key is 0. With a
        mask of elements, the elements that take no part come last and take no part there.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import class_index, sorted_by, sum_over_classes
    >>> @loss
    ... def discounted_loss(inputs, targets, axis=-1):
    ...     error = sorted_by(abs(inputs - targets), key=targets, falling=True)
    ...     return sum_over_classes(error / (1 + class_index()))
    >>> discounted_loss([[1.0, 2.0, 3.0]], [[0.0, 4.0, 2.0]])
    array([2.83333333])
    """
    return node("sorted_by", x, -key if falling else key)


def first_of_equals(x: Expression, key: Expression) -> Expression:
    """Value at the first of the neighbours with the same key, in a row that is sorted by the key.

    Parameters
    ----------
    x : symbol
        A value for each class.
    key : symbol
        A value for each class; equal ones are neighbours.

    Returns
    -------
    symbol
        A value for each class.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import cumulative_sum, first_of_equals, sum_over_classes
    >>> @loss
    ... def rest_loss(inputs, targets, axis=-1):
    ...     rest = cumulative_sum(inputs, reverse=True)
    ...     return sum_over_classes(first_of_equals(rest, targets))
    >>> rest_loss([[1.0, 1.0, 1.0]], [[0.0, 2.0, 2.0]])
    array([7.])
    """
    return node("held", x, _differs(key, "preceding"))


def last_of_equals(x: Expression, key: Expression) -> Expression:
    """Value at the last of the neighbours with the same key, in a row that is sorted by the key.

    Parameters
    ----------
    x : symbol
        A value for each class.
    key : symbol
        A value for each class; equal ones are neighbours.

    Returns
    -------
    symbol
        A value for each class.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import class_index, last_of_equals, sum_over_classes
    >>> @loss
    ... def rank_loss(inputs, targets, axis=-1):
    ...     rank = last_of_equals(1 + class_index(), targets)
    ...     return sum_over_classes(inputs * rank)
    >>> rank_loss([[1.0, 1.0, 1.0]], [[0.0, 0.0, 2.0]])
    array([7.])
    """
    return node("reverse_held", x, _differs(key, "following"))


def rank_balance(x: Expression) -> Expression:
    """How many elements of a row are below each, less how many are above.

    In a row of C different elements it is 2 k + 1 - C for that with k others below it; equal
    elements have the mean of their ranks. NaN is neither below nor above others; its own is NaN.

    Parameters
    ----------
    x : symbol
        A value for each class.

    Returns
    -------
    symbol
        A whole number for each class, from 1 - C to C - 1. Its derivative is 0.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import rank_balance, sum_over_classes
    >>> @loss
    ... def spread_loss(inputs, axis=-1):
    ...     return sum_over_classes(rank_balance(inputs) * inputs)
    >>> spread_loss([[1.0, 4.0, 2.0]])
    array([6.])
    """
    return node("rank_balance", x)


def pair_hinge(x: Expression, mask: Expression) -> Expression:
    """Sum of the hinges of all pairs: Σ max(0, 1 - x_j + x_i), j where the mask holds, i elsewhere.

    It takes time proportional to C log C for C classes, and no term in it is negative.

    Parameters
    ----------
    x : symbol
        Scores, a value for each class.
    mask : symbol
        A condition for each class.

    Returns
    -------
    symbol
        A row value. Its derivative counts, for each class, the pairs that are nearer than 1; at
        the distance 1 it is 0.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import pair_hinge
    >>> @loss
    ... def all_pairs_loss(inputs, targets, axis=-1):
    ...     return pair_hinge(inputs, targets > 0)
    >>> all_pairs_loss([[2.0, 1.5, -1.0]], [[1.0, 0.0, 0.0]])
    array([0.5])
    """
    return node("pair_hinge", x, mask, ~mask)


def pair_disorder(x: Expression, mask: Expression) -> Expression:
    """Count the pairs in the wrong order: x_i ≥ x_j, j where the mask holds, i elsewhere.

    Parameters
    ----------
    x : symbol
        Scores, a value for each class.
    mask : symbol
        A condition for each class.

    Returns
    -------
    symbol
        A row value; its derivative is 0.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import pair_disorder
    >>> @loss
    ... def disorder_loss(inputs, targets, axis=-1):
    ...     return pair_disorder(inputs, targets > 0)
    >>> disorder_loss([[2.0, 1.5, 3.0]], [[1.0, 0.0, 0.0]])
    array([1.])
    """
    return node("pair_disorder", x, mask, ~mask)


def _differs(key: Expression, neighbour: str) -> Expression:
    """Condition that the neighbour's key is another; NaN, beyond the ends, equals none."""
    return node("logical_not", node("equal", key, node(neighbour, key, math.nan)))
