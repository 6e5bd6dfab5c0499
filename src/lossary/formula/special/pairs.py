"""Sums over the pairs of a first and a second element of a row, from the row in order.

Below, ``first`` and ``second`` are conditions: which elements are the first, and which the second,
of a pair. An element may be neither.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from lossary.formula.expression import Expression, literal, node

_ZERO, _ONE, _NAN = literal(0), literal(1), literal(math.nan)


def pair_disorder(x: Expression, first: Expression, second: Expression) -> Expression:
    """Return how many pairs there are whose second element is at least the first."""
    key = -_only_in_pairs(x, first, second)
    values = node("sorted_by", key, key)
    seconds = node("cumulative_sum", node("sorted_by", _indicator(second), key))
    # Equal elements count, wherever they stand among themselves.
    is_last = node("logical_not", node("equal", values, node("following", values, _NAN)))
    reached = node("reverse_held", seconds, is_last)
    ahead = node("where", 0 < node("sorted_by", _indicator(first), key), reached, 0)
    return node("sum", ahead) + _nan_of_pairs(x, first, second)


def rank_balance(x: Expression) -> Expression:
    """Return how many elements of a row are below each, less how many are above; NaN of NaN."""
    ordered = node("sorted_by", x, x)
    index = node("index")
    first = node("held", index, _differs(ordered, "preceding"))
    last = node("reverse_held", index, _differs(ordered, "following"))
    is_number = node("equal", x, x)
    found = node("unsorted_by", first + last - (node("sum", _indicator(is_number)) - 1), x)
    return node("where", is_number, found, _NAN)


def _differs(x: Expression, neighbour: str) -> Expression:
    """Condition that the neighbour is another number; NaN, beyond the ends, equals none."""
    return node("logical_not", node("equal", x, node(neighbour, x, _NAN)))


class _Merged(NamedTuple):
    """The row of x less 1 at first elements, in falling order.

    Attributes
    ----------
    keys : tuple of two symbols
        What the row is sorted by, then what the sorted row is sorted by.
    is_first, is_second : symbol
        Conditions, in that order.
    gap : symbol
        How much each element is above the next.
    seconds, firsts : symbol
        How many second elements there are up to each, and how many first ones after it.
    """

    keys: tuple[Expression, Expression]
    is_first: Expression
    is_second: Expression
    gap: Expression
    seconds: Expression
    firsts: Expression


def pair_hinge(x: Expression, first: Expression, second: Expression) -> Expression:
    """Return the sum of max(0, 1 - x_first + x_second) over all pairs.

    In falling order, with 1 subtracted at first elements, each gap between neighbours counts once
    for every second element above it and every first one below it. No term is negative.
    """
    row = _merged(x, first, second)
    total = node("sum", node("scale", row.seconds * row.firsts, row.gap))
    return total + _nan_of_pairs(x, first, second)


def pair_hinge_slope(x: Expression, first: Expression, second: Expression) -> Expression:
    """Return its derivative: for each element the number of pairs that are too near.

    A pair at the distance 1 is not counted.
    """
    row = _merged(x, first, second)
    is_start = node("logical_not", node("equal", node("preceding", row.gap, _ONE), 0))
    is_end = node("logical_not", node("equal", row.gap, 0))
    above = node("held", node("preceding", row.seconds, _ZERO), is_start)
    below = node("reverse_held", row.firsts, is_end)
    slope = node("where", row.is_first, -above, node("where", row.is_second, below, 0))
    return node("unsorted_by", node("unsorted_by", slope, row.keys[1]), row.keys[0])


def _merged(x: Expression, first: Expression, second: Expression) -> _Merged:
    x = _only_in_pairs(x, first, second)
    offset = _indicator(first)
    high, low = _difference(x, offset)
    # Two sorts, as the difference may have more digits than a number: by the lower ones first.
    lower = -low
    higher = node("sorted_by", -high, lower)

    def moved(item: Expression) -> Expression:
        return node("sorted_by", node("sorted_by", item, lower), higher)

    value, offset = moved(x), moved(offset)
    is_first, is_second = 0 < offset, 0 < moved(_indicator(second))
    gap = node("difference_or_zero", value, node("following", value, _ZERO))
    return _Merged(
        keys=(lower, higher),
        is_first=is_first,
        is_second=is_second,
        gap=gap + (node("following", offset, _ZERO) - offset),
        seconds=node("cumulative_sum", _indicator(is_second)),
        firsts=node("following", node("reverse_cumulative_sum", offset), _ZERO),
    )


def _difference(x: Expression, b: Expression) -> tuple[Expression, Expression]:
    """Return x - b, and what is lost in rounding it (Knuth's TwoSum, TAOCP 2, 4.2.2)."""
    found = x - b
    back = found - x
    lost = (x - (found - back)) - (b + back)
    return found, node("where", node("is_finite", found), lost, -b)


def _indicator(condition: Expression) -> Expression:
    return node("where", condition, 1, 0)


def _only_in_pairs(x: Expression, first: Expression, second: Expression) -> Expression:
    """Return NaN, which is sorted last, in place of the elements that are in no pair."""
    return node("where", node("logical_or", first, second), x, _NAN)


def _nan_of_pairs(x: Expression, first: Expression, second: Expression) -> Expression:
    """Return NaN if an element of a pair is NaN, else 0."""
    is_nan = node("logical_not", node("equal", x, x))
    in_pair = node("logical_or", first, second)
    return node("sum", node("where", node("logical_and", in_pair, is_nan), _NAN, 0))
