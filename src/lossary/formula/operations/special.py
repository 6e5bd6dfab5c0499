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


def digamma(x: Operand) -> Expression:
    """Return the derivative of the logarithm of the gamma function, for positive values.

    Parameters
    ----------
    x : symbol or number
        A positive value.

    Returns
    -------
    symbol
        The derivative, within 4 units in the last place; minus infinity at 0, NaN below. Its own
        derivative is ``trigamma(x)``.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import digamma
    >>> @loss
    ... def digamma_error_loss(inputs, targets):
    ...     return abs(digamma(inputs) - targets)
    >>> digamma_error_loss([1.0, 2.0], 0.0)
    array([0.57721566, 0.42278434])
    """
    return node("digamma", x)


def trigamma(x: Operand) -> Expression:
    """Return the second derivative of the logarithm of the gamma function, for positive values.

    Parameters
    ----------
    x : symbol or number
        A positive value.

    Returns
    -------
    symbol
        The second derivative, within 4 units in the last place; infinite at 0, NaN below.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import trigamma
    >>> @loss
    ... def trigamma_error_loss(inputs, targets):
    ...     return abs(trigamma(inputs) - targets)
    >>> trigamma_error_loss([1.0, 2.0], 0.0)
    array([1.64493407, 0.64493407])
    """
    return node("trigamma", x)


def log_gamma_half_step(x: Operand) -> Expression:
    """Return what a half step adds to the logarithm of the gamma function, less log(x) / 2.

    Parameters
    ----------
    x : symbol or number
        A positive value.

    Returns
    -------
    symbol
        ``log_gamma(x + 1/2) - log_gamma(x) - log(x) / 2``, within 4 units in the last place: it
        tends to 0 where these terms are large.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import log_gamma_half_step
    >>> @loss
    ... def normaliser_loss(degrees, targets):
    ...     return targets - log_gamma_half_step(degrees / 2)
    >>> normaliser_loss([1.0, 1e20], 0.0)
    array([2.25791353e-01, 2.50000000e-21])
    """
    return node("log_gamma_half_step", x)


def log_rising_excess(r: Operand, t: Operand) -> Expression:
    """Logarithm of r (r + 1) ... (r + t - 1) less t log(r), for whole and other t.

    Parameters
    ----------
    r : symbol or number
        A positive value.
    t : symbol or number
        A value of at least 0.

    Returns
    -------
    symbol
        ``log_gamma(r + t) - log_gamma(r) - t * log(r)``: 0 for t = 0 and t = 1, and in the limit of
        an infinite r. Its error is within 4 units in the last place of t log(1 + 1 / r), or of
        itself where it is larger.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import log_rising_excess
    >>> @loss
    ... def rising_loss(inputs, targets):
    ...     return log_rising_excess(inputs, targets)
    >>> rising_loss([1.0, 1e20], [3.0, 3.0])
    array([1.79175947e+00, 3.00000000e-20])
    """
    return node("log_rising_excess", r, t)


def sin_pi(x: Operand) -> Expression:
    """Sine of pi times a value.

    Parameters
    ----------
    x : symbol or number
        The angle in half turns.

    Returns
    -------
    symbol
        sin(πx), within 4 units in the last place however large x is; 0 for whole numbers, NaN for
        infinities. Its derivative is ``pi * cos_pi(x)``.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import sin_pi
    >>> @loss
    ... def turn_error_loss(inputs, targets):
    ...     return 2 * sin_pi(inputs - targets) ** 2
    >>> turn_error_loss([0.5, 1e15], 0.0)
    array([2., 0.])
    """
    return node("sin_pi", x)


def cos_pi(x: Operand) -> Expression:
    """Cosine of pi times a value.

    Parameters
    ----------
    x : symbol or number
        The angle in half turns.

    Returns
    -------
    symbol
        cos(πx), within 4 units in the last place however large x is; 0 halfway between whole
        numbers, NaN for infinities. Its derivative is ``-pi * sin_pi(x)``.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import cos_pi
    >>> @loss
    ... def cosine_loss(inputs, targets):
    ...     return cos_pi(inputs - targets)
    >>> cosine_loss([1.0, 0.5, 0.25], 0.0)
    array([-1.        ,  0.        ,  0.70710678])
    """
    return node("cos_pi", x)


def arctan(x: Operand) -> Expression:
    """Inverse of the tangent.

    Parameters
    ----------
    x : symbol or number
        The value.

    Returns
    -------
    symbol
        The angle, from -π/2 to π/2, within 2 units in the last place. Its derivative is
        1 / (1 + x²).

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import arctan
    >>> @loss
    ... def angle_error_loss(inputs, targets):
    ...     return abs(arctan(inputs) - arctan(targets))
    >>> angle_error_loss([1.0, float("inf")], 0.0)
    array([0.78539816, 1.57079633])
    """
    return node("arctan", x)
