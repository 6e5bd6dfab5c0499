"""Maxima, minima, conditions and choices."""

from __future__ import annotations

from lossary.formula.expression import Expression, Operand, node


def maximum(a: Operand, b: Operand) -> Expression:
    """Larger of two values.

    At a tie the derivative goes to a constant, else to the first value: that of ``max(0, z)`` at
    z = 0 is 0.

    Parameters
    ----------
    a, b : symbol or number
        The values.

    Returns
    -------
    symbol
        The maximum; NaN if either value is NaN.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import maximum
    >>> @loss
    ... def excess_loss(inputs, targets):
    ...     return maximum(0, inputs - targets)
    >>> excess_loss([1.0, 3.0], 2.0)
    array([0., 1.])
    """
    return node("maximum", a, b)


def minimum(a: Operand, b: Operand) -> Expression:
    """Smaller of two values.

    At a tie the derivative goes to a constant, else to the first value.

    Parameters
    ----------
    a, b : symbol or number
        The values.

    Returns
    -------
    symbol
        The minimum; NaN if either value is NaN.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import minimum
    >>> @loss
    ... def capped_l1_loss(inputs, targets):
    ...     return minimum(abs(inputs - targets), 1)
    >>> capped_l1_loss([0.5, 8.0], 0.0)
    array([0.5, 1. ])
    """
    return node("minimum", a, b)


def clip(x: Operand, low: Operand, high: Operand) -> Expression:
    """Value limited to a range.

    The derivative is 0 at the limits and outside them.

    Parameters
    ----------
    x : symbol or number
        The value.
    low, high : symbol or number
        The limits.

    Returns
    -------
    symbol
        ``minimum(maximum(x, low), high)``; NaN if x is NaN.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import clip
    >>> @loss
    ... def clipped_loss(inputs, targets):
    ...     return clip(inputs - targets, -1, 1) ** 2
    >>> clipped_loss([-4.0, 0.5], 0.0)
    array([1.  , 0.25])
    """
    return minimum(maximum(x, low), high)


def where(condition: Operand, a: Operand, b: Operand) -> Expression:
    """Choice between two values.

    Both are computed everywhere, so both must be finite, or guarded, where they are not chosen if
    the derivative is to be finite in every array library.

    Parameters
    ----------
    condition : symbol or bool
        A comparison, or several joined by ``&``, ``|`` and ``~``.
    a, b : symbol or number
        The values where the condition holds, and where it does not.

    Returns
    -------
    symbol
        The chosen value.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import where
    >>> @loss
    ... def one_sided_loss(inputs, targets):
    ...     return where(inputs < targets, 2 * (targets - inputs), inputs - targets)
    >>> one_sided_loss([1.0, 3.0], 2.0)
    array([2., 1.])
    """
    return node("where", condition, a, b)


def sign(x: Operand) -> Expression:
    """Sign of a value.

    Its derivative is 0 everywhere.

    Parameters
    ----------
    x : symbol or number
        The value.

    Returns
    -------
    symbol
        -1, 0 or 1; NaN if x is NaN.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import sign
    >>> @loss
    ... def signed_square_loss(inputs, targets):
    ...     return sign(inputs) * (inputs - targets) ** 2
    >>> signed_square_loss([-3.0, 3.0], 0.0)
    array([-9.,  9.])
    """
    return node("sign", x)


def is_finite(x: Operand) -> Expression:
    """Condition that a value is neither infinite nor NaN.

    Parameters
    ----------
    x : symbol or number
        The value.

    Returns
    -------
    symbol
        A condition, for :func:`where`.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import is_finite, where
    >>> @loss
    ... def finite_loss(inputs, targets):
    ...     return where(is_finite(inputs), abs(inputs - targets), 0)
    >>> finite_loss([1.0, float("inf")], 0.0)
    array([1., 0.])
    """
    return node("is_finite", x)
