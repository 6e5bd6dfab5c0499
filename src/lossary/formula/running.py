"""Running sums of exponentials, as shares of the largest element so far.

The largest changes along the row. Where it grows the sum of before is scaled down, so that every
exponent is at most 0: the sum is a recurrence.
"""

from __future__ import annotations

from typing import NamedTuple

from lossary.formula.expression import Expression, node


class RunningShares(NamedTuple):
    """What a running sum of exponentials is made of.

    Attributes
    ----------
    top : symbol
        The largest element up to each, a constant for derivatives.
    share : symbol
        exp(x - top).
    decay : symbol
        What the sum up to the element before is multiplied by, exp(its top - top).
    total : symbol
        The sum of exp(x - top) up to each element, with its own top.
    """

    top: Expression
    share: Expression
    decay: Expression
    total: Expression


def running_shares(x: Expression, reverse: bool) -> RunningShares:
    """Return the parts of a running sum of exponentials, from the last element on if reversed."""
    prefix, before = ("reverse_", "following") if reverse else ("", "preceding")
    index = node("index")
    has_earlier = index < node("class_count") - 1 if reverse else 0 < index
    top = node("stop", node(f"{prefix}cumulative_max", x))
    earlier = node("where", has_earlier, node(before, top, 0), top)
    share = node("exp_difference_or_one", x, top)
    decay = node("exp_difference_or_one", earlier, top)
    return RunningShares(top, share, decay, node(f"{prefix}recurrence", share, decay))


def cumulative_logsumexp(x: Expression, relative_to: Expression, reverse: bool) -> Expression:
    """Return log(Σ exp(x)) over the elements up to each, minus what it is relative to."""
    top, _, _, total = running_shares(x, reverse)
    return node("difference_or_zero", top, relative_to) + node("log", total)


def cumulative_negative_log_softmax(x: Expression, reverse: bool) -> Expression:
    """Return -log of the share of each element in the sum up to it.

    Its own term is left out of the sum, not subtracted, as in ``negative_log_softmax_at``.
    """
    top, _, decay, total = running_shares(x, reverse)
    others = decay * node("following" if reverse else "preceding", total, 0)
    return node("log1p_ratio", others, node("difference_or_zero", x, top))


def cumulative_average(values: Expression, x: Expression, reverse: bool) -> Expression:
    """Return the average of the values up to each, weighted with exp(x)."""
    _, share, decay, total = running_shares(x, reverse)
    return node(f"{'reverse_' if reverse else ''}recurrence", share * values, decay) / total


def cumulative_share(values: Expression, x: Expression, reverse: bool) -> Expression:
    """Return each element's part in all averages, each times a value: the transposed average."""
    _, share, decay, total = running_shares(x, reverse)
    if reverse:
        return share * node("recurrence", values / total, node("preceding", decay, 1))
    return share * node("reverse_recurrence", values / total, node("following", decay, 1))
