"""Two exponentials compared with their mean: terms of the Jensen-Shannon divergence."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, node


def jensen_shannon(x: Expression, t: Expression) -> Expression:
    """Return (p log(p / m) + q log(q / m)) / 2 for p = exp(x), q = exp(t), and m their mean.

    With y = (x - t) / 2 that is m (y tanh(y) - log cosh(y)).
    """
    y = 0.5 * abs(node("difference_or_zero", x, t))
    is_near = y < 1
    near_y = node("where", is_near, y, 0)
    near = near_y * node("tanh", near_y) - node("log_cosh", near_y)
    decay = -2 * node("where", is_near, 1, y)
    lack = node("scale", node("sigmoid", decay), -decay) + node("softplus", decay)
    mean = 0.5 * (node("exp", x) + node("exp", t))
    return node("scale", mean, node("where", is_near, near, math.log(2) - lack))


def jensen_shannon_slopes(x: Expression, t: Expression) -> tuple[Expression, Expression]:
    """Return p log(p / m) / 2 and q log(q / m) / 2."""
    return 0.5 * _of_mean(x, t), 0.5 * _of_mean(t, x)


def _of_mean(x: Expression, t: Expression) -> Expression:
    """Return p log(p / m), also where p is subnormal and the product is not."""
    root = node("exp", 0.5 * x)
    return root * node("scale", root, node("log_of_share", x, t))


def log_of_share(x: Expression, t: Expression) -> Expression:
    """Return log(p / m): minus infinity for p = 0, log(2) for q = 0."""
    y = 0.5 * node("difference_or_zero", x, t)
    is_below = y < 0
    below = node("where", is_below, y, 0)
    is_near = y < 0.4  # XLA's log1p is inaccurate from -0.42 to -0.3
    above = node("where", is_below | ~is_near, 0, y)
    near = -node("log1p", 0.5 * node("expm1", -2 * above))
    far = math.log(2) - node("softplus", -2 * node("where", is_near, 1, y))
    return node("where", is_below, below - node("log_cosh", below),
                node("where", is_near, near, far))  # fmt: skip
