"""Roots, guarded products and quotients, and constants for the derivative."""

from __future__ import annotations

from lossary.formula.expression import Expression, Operand, node


def sqrt(x: Operand) -> Expression:
    """Square root.

    Parameters
    ----------
    x : symbol or number
        The value; NaN below 0.

    Returns
    -------
    symbol
        The root. Its derivative is infinite at 0.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import sqrt
    >>> @loss
    ... def charbonnier_loss(inputs, targets):
    ...     return sqrt((inputs - targets) ** 2 + 9) - 3
    >>> charbonnier_loss([0.0, 4.0], 0.0)
    array([0., 2.])
    """
    return node("sqrt", x)


def square_over(a: Operand, b: Operand) -> Expression:
    """Square divided by a value: a² / b.

    Right also where a² is beyond the range of the dtype, or b² in the derivative is.

    Parameters
    ----------
    a, b : symbol or number
        What is squared, and what its square is divided by.

    Returns
    -------
    symbol
        ``a * (a / b)``.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import square_over
    >>> @loss
    ... def chi_square_loss(inputs, targets):
    ...     return square_over(inputs - targets, targets)
    >>> chi_square_loss([3.0, 1e200], [1.0, 1e150])
    array([4.e+000, 1.e+250])
    """
    return node("square_over", a, b)


def share(part: Operand, rest: Operand) -> Expression:
    """Share of a part in a whole: part / (part + rest), 0 where both are 0.

    Neither it nor its derivative cancels, where ``1 - rest / (part + rest)`` does for a small part.

    Parameters
    ----------
    part, rest : symbol or number
        The two parts of the whole, at least 0 and finite.

    Returns
    -------
    symbol
        The share, from 0 to 1. Its derivative is 0 where both are 0.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import share, sum_over_classes
    >>> @loss
    ... def disagreement_loss(inputs, targets, axis=-1):
    ...     wrong = sum_over_classes(abs(inputs - targets))
    ...     return share(wrong, sum_over_classes(inputs * targets))
    >>> disagreement_loss([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    array([0.66666667, 0.        ])
    """
    return node("share", part, rest)


def scale(coefficient: Operand, x: Operand) -> Expression:
    """Product that is 0 where the coefficient is 0, even if the other factor is infinite or NaN.

    Use it for terms that a zero weight or probability switches off.

    Parameters
    ----------
    coefficient : symbol or number
        The factor that may be 0.
    x : symbol or number
        The factor that may be infinite.

    Returns
    -------
    symbol
        The product.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import log, scale
    >>> @loss
    ... def surprisal_loss(inputs, targets):
    ...     return scale(targets, -log(inputs))
    >>> surprisal_loss([0.0, 0.5], [0.0, 1.0])
    array([0.        , 0.69314718])
    """
    return node("scale", coefficient, x)


def stop_gradient(x: Operand) -> Expression:
    """Return the same value, a constant for derivatives.

    Parameters
    ----------
    x : symbol or number
        The value.

    Returns
    -------
    symbol
        The same value, whose derivative is 0.

    Examples
    --------
    >>> from lossary import grad, loss
    >>> from lossary.formula import stop_gradient
    >>> @loss
    ... def weighted_loss(inputs, targets):
    ...     return stop_gradient(inputs) * (inputs - targets)
    >>> weighted_loss([3.0], 1.0), grad(weighted_loss)([3.0], 1.0)
    (array([6.]), array([3.]))
    """
    return node("stop", x)


def with_derivatives_of(value: Operand, form: Operand) -> Expression:
    """Return a value, and take its derivatives from another form of the same function.

    For functions of which one form keeps the digits of the value, and another those of the slope.

    Parameters
    ----------
    value : symbol or number
        The form that the value is computed in.
    form : symbol or number
        The form that is differentiated.

    Returns
    -------
    symbol
        The value, whose derivatives are those of ``form``.

    Examples
    --------
    >>> from lossary import grad, loss
    >>> from lossary.formula import log, log1p, with_derivatives_of
    >>> @loss
    ... def log_ratio_square_loss(inputs, targets):
    ...     near = log1p((inputs - targets) / targets)
    ...     return with_derivatives_of(near, log(inputs) - log(targets)) ** 2
    >>> log_ratio_square_loss([1.0 + 2**-50, 2.0], 1.0)
    array([7.88860905e-31, 4.80453014e-01])
    >>> grad(log_ratio_square_loss)([1e-300], 1e-300)
    array([0.])
    """
    return node("with_derivatives_of", value, form)
