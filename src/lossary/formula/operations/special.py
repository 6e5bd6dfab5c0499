"""Special functions."""

from __future__ import annotations

from lossary.formula.expression import Expression, Operand, node


def erf(x: Operand) -> Expression:
    """Error function: 2 / √π times the integral of exp(-t²) from 0 to x.

    Parameters
    ----------
    x : symbol or number
        The upper limit of the integral.

    Returns
    -------
    symbol
        A value between -1 and 1, within 4 units in the last place.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import erf
    >>> @loss
    ... def error_function_loss(inputs, targets):
    ...     return 1 - erf(targets * inputs)
    >>> error_function_loss([0.0, 1.0], 1)
    array([1.        , 0.15729921])
    """
    return node("erf", x)


def log_gamma(x: Operand) -> Expression:
    """Logarithm of the gamma function, for positive values.

    Parameters
    ----------
    x : symbol or number
        A positive value.

    Returns
    -------
    symbol
        The logarithm, within 4 units in the last place; infinite at 0, NaN below.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import exp, log_gamma
    >>> @loss
    ... def poisson_likelihood_loss(inputs, targets):
    ...     return exp(inputs) - targets * inputs + log_gamma(targets + 1)
    >>> poisson_likelihood_loss([0.0, 1.0], [0, 3])
    array([1.       , 1.5100413])
    """
    return node("log_gamma", x)
