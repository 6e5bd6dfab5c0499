"""Exponentials, logarithms and stable forms of what is made of them."""

from __future__ import annotations

from lossary.formula.expression import Expression, Operand, node


def exp(x: Operand) -> Expression:
    """Exponential function.

    Parameters
    ----------
    x : symbol or number
        The exponent.

    Returns
    -------
    symbol
        e to the power of x.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import exp
    >>> @loss
    ... def exponential_margin_loss(inputs, targets):
    ...     return exp(-targets * inputs)
    >>> exponential_margin_loss([0.0, 1.0], [1, -1])
    array([1.        , 2.71828183])
    """
    return node("exp", x)


def expm1(x: Operand) -> Expression:
    """Exponential minus 1, accurate near 0.

    Parameters
    ----------
    x : symbol or number
        The exponent.

    Returns
    -------
    symbol
        exp(x) - 1.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import expm1
    >>> @loss
    ... def linex_excess_loss(inputs, targets):
    ...     return expm1(inputs - targets)
    >>> linex_excess_loss([1e-20, 1.0], 0.0)
    array([1.00000000e-20, 1.71828183e+00])
    """
    return node("expm1", x)


def exp_difference(a: Operand, b: Operand) -> Expression:
    """Exponential of a difference, with the rounding of the difference compensated.

    A rounding error of the difference alone would be multiplied by its size.

    Parameters
    ----------
    a, b : symbol or number
        The values that are subtracted.

    Returns
    -------
    symbol
        exp(a - b).

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import exp_difference
    >>> @loss
    ... def ratio_loss(inputs, targets):
    ...     return exp_difference(inputs, targets)
    >>> ratio_loss([1.0, 2.0], [1.0, 3.0])
    array([1.        , 0.36787944])
    """
    return node("exp_difference", a, b)


def log(x: Operand) -> Expression:
    """Natural logarithm.

    Parameters
    ----------
    x : symbol or number
        A positive value.

    Returns
    -------
    symbol
        The logarithm; minus infinity at 0, NaN below.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import log
    >>> @loss
    ... def log_ratio_loss(inputs, targets):
    ...     return abs(log(inputs / targets))
    >>> log_ratio_loss([1.0, 2.0], 1.0)
    array([0.        , 0.69314718])
    """
    return node("log", x)


def log1p(x: Operand) -> Expression:
    """Logarithm of 1 + x, accurate near 0.

    Parameters
    ----------
    x : symbol or number
        A value above -1.

    Returns
    -------
    symbol
        log(1 + x); minus infinity at -1, NaN below.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import log1p
    >>> @loss
    ... def log_error_loss(inputs, targets):
    ...     return log1p(abs(inputs - targets))
    >>> log_error_loss([1e-20, 1.0], 0.0)
    array([1.00000000e-20, 6.93147181e-01])
    """
    return node("log1p", x)


def tanh(x: Operand) -> Expression:
    """Hyperbolic tangent.

    Parameters
    ----------
    x : symbol or number
        The value.

    Returns
    -------
    symbol
        A value between -1 and 1. Its derivative does not cancel for large x.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import tanh
    >>> @loss
    ... def sigmoidal_loss(inputs, targets):
    ...     return 1 - tanh(targets * inputs)
    >>> sigmoidal_loss([0.0, 1.0], 1)
    array([1.        , 0.23840584])
    """
    return node("tanh", x)


def sigmoid(x: Operand) -> Expression:
    """Logistic function, accurate in both tails.

    Parameters
    ----------
    x : symbol or number
        A logit.

    Returns
    -------
    symbol
        1 / (1 + exp(-x)), between 0 and 1.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import sigmoid
    >>> @loss
    ... def savage_loss(inputs, targets):
    ...     return sigmoid(-targets * inputs) ** 2
    >>> savage_loss([0.0, 40.0], 1)
    array([2.50000000e-01, 1.80485139e-35])
    """
    return node("sigmoid", x)


def softplus(x: Operand) -> Expression:
    """Logarithm of 1 + exp(x), accurate in both tails.

    Parameters
    ----------
    x : symbol or number
        The exponent.

    Returns
    -------
    symbol
        log(1 + exp(x)), positive. Its derivative is ``sigmoid(x)``.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import softplus
    >>> @loss
    ... def logistic_margin_loss(inputs, targets):
    ...     return softplus(-targets * inputs)
    >>> logistic_margin_loss([0.0, 40.0], 1)
    array([6.93147181e-01, 4.24835426e-18])
    """
    return node("softplus", x)


def log_cosh(x: Operand) -> Expression:
    """Logarithm of the hyperbolic cosine, accurate near 0 and for large x.

    Parameters
    ----------
    x : symbol or number
        The value.

    Returns
    -------
    symbol
        log(cosh(x)), not negative. Its derivative is ``tanh(x)``.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import log_cosh
    >>> @loss
    ... def robust_loss(inputs, targets):
    ...     return log_cosh(inputs - targets)
    >>> robust_loss([1e-8, 1000.0], 0.0)
    array([5.00000000e-17, 9.99306853e+02])
    """
    return node("log_cosh", x)
