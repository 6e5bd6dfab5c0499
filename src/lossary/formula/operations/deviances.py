"""Deviances and losses whose plain formulas cancel."""

from __future__ import annotations

from lossary.formula.expression import Expression, Operand, node


def poisson_deviance(mean: Operand, target: Operand) -> Expression:
    """Return the unit deviance of Poisson's distribution, accurate where mean and target are near.

    Parameters
    ----------
    mean, target : symbol or number
        Values of at least 0.

    Returns
    -------
    symbol
        2 (target log(target / mean) - target + mean), within 6 units in the last place. Its
        derivative along the mean is 2 (mean - target) / mean.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import poisson_deviance
    >>> @loss
    ... def visits_loss(predictions, targets):
    ...     return poisson_deviance(predictions, targets)
    >>> visits_loss([2.0, 2.0, 1e6], [3.0, 0.0, 1e6 + 1])
    array([4.32790649e-01, 4.00000000e+00, 9.99999667e-07])
    """
    return node("poisson_deviance", mean, target)


def poisson_deviance_of_log(log_mean: Operand, target: Operand) -> Expression:
    """Return the unit deviance of Poisson's distribution whose mean is an exponential.

    Parameters
    ----------
    log_mean : symbol or number
        The logarithm of the mean.
    target : symbol or number
        A value of at least 0.

    Returns
    -------
    symbol
        ``poisson_deviance(exp(log_mean), target)``. Its derivative along the logarithm of the mean
        is 2 (mean - target), the second one 2 mean.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import poisson_deviance_of_log
    >>> @loss
    ... def log_visits_loss(inputs, targets):
    ...     return poisson_deviance_of_log(inputs, targets)
    >>> log_visits_loss([0.0, -1000.0], [1.0, 1.0])
    array([   0., 1998.])
    """
    return node("poisson_deviance_of_log", log_mean, target)


def gamma_deviance(mean: Operand, target: Operand) -> Expression:
    """Return the unit deviance of the gamma distribution, accurate where mean and target are near.

    Parameters
    ----------
    mean, target : symbol or number
        Positive values.

    Returns
    -------
    symbol
        2 (log(mean / target) + target / mean - 1), within 6 units in the last place. Its derivative
        along the mean is 2 (mean - target) / mean².

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import gamma_deviance
    >>> @loss
    ... def duration_loss(predictions, targets):
    ...     return gamma_deviance(predictions, targets)
    >>> duration_loss([2.0, 3.0], [3.0, 3.0000003])
    array([1.89069784e-01, 9.99999933e-15])
    """
    return node("gamma_deviance", mean, target)


def tweedie_deviance(mean: Operand, target: Operand, power: Operand) -> Expression:
    """Return the unit deviance of a Tweedie distribution, accurate where mean and target are near.

    With power 0 that is the squared error, with 1 the deviance of Poisson's distribution, with 2
    that of the gamma distribution, with 3 that of the inverse Gaussian one; other powers, and those
    near these, have no limits to take.

    Parameters
    ----------
    mean : symbol or number
        A positive value.
    target : symbol or number
        A value of at least 0; for powers of 2 and more a positive one; for negative powers any.
    power : symbol or number
        The exponent of the mean in the variance.

    Returns
    -------
    symbol
        The deviance, within 12 units in the last place. A rounding error of 2 - power counts as
        often as the logarithm of the mean says.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import tweedie_deviance
    >>> @loss
    ... def claim_loss(predictions, targets, power=1.5):
    ...     return tweedie_deviance(predictions, targets, power)
    >>> claim_loss([2.0, 2.0], [3.0, 0.0])
    array([0.28572916, 5.65685425])
    >>> claim_loss([2.0, 2.0], [3.0, 0.0], power=1)
    array([0.43279065, 4.        ])
    """
    return node("tweedie_deviance", mean, target, power)


def tweedie_deviance_of_log(log_mean: Operand, target: Operand, power: Operand) -> Expression:
    """Return the unit deviance of a Tweedie distribution whose mean is an exponential.

    Its second derivative along the logarithm of the mean does not cancel: for powers from 1 to 2 it
    is a sum of terms that are not negative.

    Parameters
    ----------
    log_mean : symbol or number
        The logarithm of the mean.
    target, power : symbol or number
        As for :func:`tweedie_deviance`.

    Returns
    -------
    symbol
        ``tweedie_deviance(exp(log_mean), target, power)``.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import tweedie_deviance_of_log
    >>> @loss
    ... def log_claim_loss(inputs, targets, power=1.5):
    ...     return tweedie_deviance_of_log(inputs, targets, power)
    >>> log_claim_loss([0.0, 0.0], [1.0, 0.0])
    array([0., 4.])
    """
    return node("tweedie_deviance_of_log", log_mean, target, power)


def general_robust(error: Operand, alpha: Operand) -> Expression:
    """Return Barron's general robust loss of an error.

    Parameters
    ----------
    error : symbol or number
        The error in units of the scale.
    alpha : symbol or number
        The shape: 2 for half the squared error, 1 for √(1 + x²) - 1, 0 for log(1 + x²/2), -2 for
        2 x² / (x² + 4), minus infinity for 1 - exp(-x²/2). Any number.

    Returns
    -------
    symbol
        b / alpha ((1 + x²/b)^(alpha/2) - 1) with b = abs(alpha - 2), within 8 units in the last
        place. An error of its derivative counts as often as the exponent that it has says. The
        derivative along alpha counts as 0 at alpha = 2, where it is infinite.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import general_robust
    >>> @loss
    ... def shaped_loss(inputs, targets, alpha=1.0):
    ...     return general_robust(inputs - targets, alpha)
    >>> shaped_loss([2.0, 1e200], 0.0)
    array([1.23606798e+000, 1.00000000e+200])
    >>> shaped_loss([2.0, 1e200], 0.0, alpha=0)
    array([  1.09861229, 920.34089002])
    """
    return node("general_robust", error, alpha)


def gaussian_crps(error: Operand, scale: Operand) -> Expression:
    """Return the continuous ranked probability score of a Gaussian distribution.

    Parameters
    ----------
    error : symbol or number
        The distance of what was observed from the mean, of either sign.
    scale : symbol or number
        The standard deviation; positive.

    Returns
    -------
    symbol
        With u = error / scale: scale (u (2 Φ(u) - 1) + 2 φ(u) - 1 / √π), within 4 units in the last
        place. Its derivative along the error is ``erf(u / sqrt(2))``.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import gaussian_crps
    >>> @loss
    ... def forecast_loss(inputs, targets, scale=1.0):
    ...     return gaussian_crps(targets - inputs, scale)
    >>> forecast_loss([1.0, 1.0], [3.0, 1.0], scale=0.5)
    array([1.71791235, 0.11684749])
    """
    return node("gaussian_crps", error, scale)


def jensen_shannon_term(x: Operand, t: Operand) -> Expression:
    """Return what one class adds to the Jensen-Shannon divergence, from logarithms.

    Parameters
    ----------
    x, t : symbol or number
        Logarithms of the probabilities p and q; minus infinity for 0.

    Returns
    -------
    symbol
        (p log(p / m) + q log(q / m)) / 2 for the mean m of p and q: not negative, within 7 units in
        the last place. Its derivative along x is p log(p / m) / 2.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import jensen_shannon_term
    >>> @loss
    ... def binned_rate_loss(inputs, targets):
    ...     return jensen_shannon_term(inputs, targets)
    >>> binned_rate_loss([0.0, 1e-9], 0.0)
    array([0.00e+00, 1.25e-19])
    """
    return node("jensen_shannon_term", x, t)


def alpha_divergence_term(x: Operand, t: Operand, alpha: Operand) -> Expression:
    """Return what one class adds to Amari's alpha divergence, from logarithms.

    Parameters
    ----------
    x, t : symbol or number
        Logarithms of the amounts p and q; minus infinity for 0.
    alpha : symbol or number
        Any number.

    Returns
    -------
    symbol
        (q^a p^(1 - a) - a q - (1 - a) p) / (a (a - 1)) with a for ``alpha``, and its limits for 0
        and 1: never below 0, within 6 units in the last place if ``2 * alpha`` is an integer. For
        other values an exponent is rounded, and the error grows with the exponent. Its derivative
        along x is (p - q^a p^(1 - a)) / a.

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import alpha_divergence_term
    >>> @loss
    ... def chi_squared_loss(inputs, targets):
    ...     return 2 * alpha_divergence_term(inputs, targets, 2)
    >>> chi_squared_loss([0.0, 1e-9], 0.0)
    array([0.e+00, 1.e-18])
    """
    return node("alpha_divergence_term", x, t, alpha)


def student_t_tail(error: Operand, scale: Operand, df: Operand) -> Expression:
    """Return what an error adds to minus the logarithm of Student's density.

    Parameters
    ----------
    error : symbol or number
        The distance of what was observed from the location, of either sign.
    scale : symbol or number
        The scale; positive.
    df : symbol or number
        Degrees of freedom; positive, infinity for a Gaussian distribution.

    Returns
    -------
    symbol
        (df + 1) / 2 log(1 + (error / scale)^2 / df) within 4 units in the last place, also where
        the square or a quotient is beyond the range of the dtype. Its derivative along the error
        is (df + 1) error / (df scale^2 + error^2).

    Examples
    --------
    >>> from lossary import loss
    >>> from lossary.formula import student_t_tail
    >>> @loss
    ... def heavy_tails_loss(inputs, targets, scale=1.0, df=3.0):
    ...     return student_t_tail(inputs - targets, scale, df)
    >>> heavy_tails_loss([1.0, 1e200], 0.0)
    array([5.75364145e-01, 1.83987085e+03])
    """
    return node("student_t_tail", error, scale, df)
