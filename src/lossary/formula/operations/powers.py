"""Roots of sums of squares, and powers of 1 + d less their tangents."""

from __future__ import annotations

from lossary.formula.expression import Expression, Operand, node


def hypot(a: Operand, b: Operand) -> Expression:
    """Square root of the sum of two squares.

    No square overflows or vanishes.

    Parameters
    ----------
    a, b : symbol or number
        What is squared.

    Returns
    -------
    symbol
        √(a² + b²), within 2 units in the last place. Its derivative is 0 where both are 0.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import hypot
    >>> @loss
    ... def smooth_error_loss(inputs, targets):
    ...     return hypot(inputs - targets, 1)
    >>> smooth_error_loss([0.0, 3e200], 0.0)
    array([1.e+000, 3.e+200])
    """
    return node("hypot", a, b)


def hypot_excess(a: Operand, b: Operand) -> Expression:
    """Return what the square root of the sum of two squares exceeds the second one's root by.

    Accurate where that is little, and no square overflows or vanishes.

    Parameters
    ----------
    a, b : symbol or number
        What is squared.

    Returns
    -------
    symbol
        √(a² + b²) - abs(b), not negative, a²/(2b) near a = 0, within 4 units in the last place. Its
        derivative along a is ``a / hypot(a, b)``.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import hypot_excess
    >>> @loss
    ... def rounded_error_loss(inputs, targets, width=1.0):
    ...     return hypot_excess(inputs - targets, width)
    >>> rounded_error_loss([1e-10, 3e200], 0.0)
    array([5.e-021, 3.e+200])
    """
    return node("hypot_excess", a, b)


def hypot_share(a: Operand, b: Operand) -> Expression:
    """Return a value divided by the square root of the sum of its square and another one.

    No square overflows or vanishes, and no derivative cancels.

    Parameters
    ----------
    a, b : symbol or number
        What is squared.

    Returns
    -------
    symbol
        a / √(a² + b²), from -1 to 1, within 2 units in the last place; 0 where both are 0. Its
        derivative along a is b² / √(a² + b²)³.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import hypot_share
    >>> @loss
    ... def bounded_error_loss(inputs, targets, width=1.0):
    ...     return hypot_share(inputs - targets, width) ** 2
    >>> bounded_error_loss([1.0, 3e200], 0.0)
    array([0.5, 1. ])
    """
    return node("hypot_share", a, b)


def box_cox(d: Operand, exponent: Operand) -> Expression:
    """Return the Box-Cox transform of 1 + d: ((1 + d)^exponent - 1) / exponent.

    Accurate near d = 0, and at and near exponent 0, where it is the logarithm of 1 + d.

    Parameters
    ----------
    d : symbol or number
        A value above -1.
    exponent : symbol or number
        Any number.

    Returns
    -------
    symbol
        The transform, within 4 units in the last place. Its derivative is (1 + d)^(exponent - 1),
        where a rounding error of the exponent counts log(1 + d) times.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import box_cox
    >>> @loss
    ... def transformed_error_loss(inputs, targets, exponent=0.5):
    ...     return abs(box_cox(inputs - 1, exponent) - box_cox(targets - 1, exponent))
    >>> transformed_error_loss([4.0, 9.0], 1.0)
    array([2., 4.])
    >>> transformed_error_loss([4.0, 9.0], 1.0, exponent=0)
    array([1.38629436, 2.19722458])
    """
    return node("box_cox", d, exponent)


def power_gap(d: Operand, exponent: Operand) -> Expression:
    """Return what a power of 1 + d exceeds its tangent by, relative to its curvature at d = 0.

    That is ((1 + d)^q - 1 - q d) / (q (q - 1)) for exponent q; d - log(1 + d) for 0, and
    (1 + d) log(1 + d) - d for 1. Accurate near d = 0, and at and near these exponents.

    Parameters
    ----------
    d : symbol or number
        A value above -1.
    exponent : symbol or number
        Any number.

    Returns
    -------
    symbol
        The gap, not negative, d²/2 near 0, within 8 units in the last place. Its derivative is
        ``box_cox(d, exponent - 1)``.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import power_gap
    >>> @loss
    ... def alpha_loss(inputs, targets, alpha=0.5):
    ...     return targets * power_gap((inputs - targets) / targets, alpha)
    >>> alpha_loss([4.0, 1 + 2**-50], 1.0)
    array([2.00000000e+00, 3.94430453e-31])
    >>> alpha_loss([4.0], 1.0, alpha=0)
    array([1.61370564])
    """
    return node("power_gap", d, exponent)
