"""The threshold of sparsemax and its loss (Martins & Astudillo 2016, arXiv:1602.02068).

The threshold is the root of f(tau) = sum(max(0, x - tau)) - 1, convex and piecewise linear.
Newton's method from below finds it: a step solves for the classes above the last threshold
(Michelot 1986, doi:10.1007/BF00938486), and never passes the root.
"""

from __future__ import annotations

from lossary.formula.expression import Expression, literal, node

#: A step divides the product of f and of the number of classes above by 4 at least, and once it
#: drops no class the threshold is exact. Rows of 20,000 classes on a logarithmic scale, the worst
#: of those tried, need 11 steps. Every step is a pass over the row.
_STEPS = 16


def sparsemax_threshold(x: Expression) -> Expression:
    """Return the row value tau with sum(max(0, x - tau)) = 1."""
    top = node("max", x)
    y = node("difference_or_zero", x, top)
    threshold = literal(-1)
    for _ in range(_STEPS):
        is_above = threshold < y
        total = node("sum", node("where", is_above, y, 0)) - 1
        # Only in a row with NaN there is no class above.
        threshold = total / node("maximum", 1, node("sum", node("where", is_above, 1, 0)))
    return top + threshold


def share_above_threshold(x: Expression) -> Expression:
    """Return the derivative of the threshold: equal shares of the classes above it."""
    is_above = node("where", node("sparsemax_threshold", x) < x, 1, 0)
    return is_above / node("maximum", 1, node("sum", is_above))


def multiclass_sparsemax(x: Expression, labels: Expression) -> Expression:
    """Return the loss: with q the other classes' shares, (sum(q^2) + sum(q)^2) / 2 + max(0, ...).

    The last term is what the label's class lies below the threshold; none is negative.
    """
    y = _from_top(x)
    tau = sparsemax_threshold(y)
    others = node("where", node("equal", node("index"), labels), 0, _shares(y, tau))
    total = node("sum", others)
    below = node("maximum", 0, tau - node("at_label", y, labels))
    return 0.5 * (node("sum", others * others) + total * total) + below


def multiclass_sparsemax_slope(x: Expression, labels: Expression) -> Expression:
    """Return its derivative: the shares, at the label's class less 1."""
    y = _from_top(x)
    shares = _shares(y, node("sparsemax_threshold", y))
    is_label = node("equal", node("index"), labels)
    others = node("where", is_label, 0, shares)
    return node("where", is_label, -node("sum", others), others)


def _from_top(x: Expression) -> Expression:
    """Return x minus its maximum, a constant for derivatives: the threshold moves along with x."""
    return node("difference_or_zero", x, node("stop", node("max", x)))


def _shares(y: Expression, tau: Expression) -> Expression:
    return node("maximum", 0, y - tau)
