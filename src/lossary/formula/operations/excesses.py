"""What exponentials and logarithms exceed their tangents by, and logarithms of quotients."""

from __future__ import annotations

from lossary.formula.expression import Expression, Operand, node


def log1p_excess(x: Operand) -> Expression:
    """Return x minus the logarithm of 1 + x, accurate near 0.

    Parameters
    ----------
    x : symbol or number
        A value above -1.

    Returns
    -------
    symbol
        x - log(1 + x), not negative, within 4 units in the last place; infinite at -1, NaN below.
        Its derivative is x / (1 + x).

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import log1p_excess
    >>> @loss
    ... def fair_error_loss(inputs, targets):
    ...     return log1p_excess(abs(inputs - targets))
    >>> fair_error_loss([1e-10, 1.0], 0.0)
    array([5.00000000e-21, 3.06852819e-01])
    """
    return node("log1p_excess", x)


def expm1_excess(x: Operand) -> Expression:
    """Return the exponential minus 1 + x, accurate near 0.

    Parameters
    ----------
    x : symbol or number
        The exponent.

    Returns
    -------
    symbol
        exp(x) - 1 - x, not negative, within 4 units in the last place. Its derivative is
        ``expm1(x)``.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import expm1_excess
    >>> @loss
    ... def linex_error_loss(inputs, targets):
    ...     return expm1_excess(inputs - targets)
    >>> linex_error_loss([1e-10, 1.0], 0.0)
    array([5.00000000e-21, 7.18281828e-01])
    """
    return node("expm1_excess", x)


def log1mexp(x: Operand) -> Expression:
    """Logarithm of 1 - exp(x): from the logarithm of a probability that of its complement.

    Parameters
    ----------
    x : symbol or number
        A negative value.

    Returns
    -------
    symbol
        log(1 - exp(x)), within 4 units in the last place; minus infinity at 0, NaN above.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import log1mexp
    >>> @loss
    ... def complement_loss(log_probabilities, targets):
    ...     return -targets * log1mexp(log_probabilities)
    >>> complement_loss([-1e-20, -50.0], 1.0)
    array([4.60517019e+01, 1.92874985e-22])
    """
    return node("log1mexp", x)


def log1p_square(x: Operand) -> Expression:
    """Logarithm of 1 + x², also where x² is beyond the range of the dtype.

    Parameters
    ----------
    x : symbol or number
        The value.

    Returns
    -------
    symbol
        log(1 + x²), within 4 units in the last place.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import log1p_square
    >>> @loss
    ... def lorentzian_error_loss(inputs, targets):
    ...     return log1p_square(inputs - targets)
    >>> lorentzian_error_loss([1.0, 1e200], 0.0)
    array([6.93147181e-01, 9.21034037e+02])
    """
    return node("log1p_square", x)


def log_quotient(a: Operand, b: Operand) -> Expression:
    """Logarithm of a quotient, accurate near 1 and where the quotient is beyond the dtype's range.

    Parameters
    ----------
    a, b : symbol or number
        Values of at least 0.

    Returns
    -------
    symbol
        log(a / b), within 4 units in the last place; 0 where both are 0, or both infinite.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import log_quotient
    >>> @loss
    ... def log_accuracy_loss(inputs, targets):
    ...     return abs(log_quotient(inputs, targets))
    >>> log_accuracy_loss([1 + 2**-50, 1e200], [1.0, 1e-200])
    array([8.88178420e-16, 9.21034037e+02])
    """
    return node("log_quotient", a, b)
