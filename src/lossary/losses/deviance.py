"""Deviances: twice what a prediction lacks in log-likelihood to a perfect one."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import (
    COUNTS,
    MEANS,
    POSITIVE_TARGETS,
    TWEEDIE_MEANS,
    TWEEDIE_TARGETS,
    Range,
)
from lossary.formula import (
    Expression,
    exp,
    expm1_excess,
    log,
    where,
    with_derivatives_of,
)
from lossary.formula.operations import deviances

_TWEEDIE_POWERS = Range(
    "must be a number that is at most 0 or at least 1",
    lambda value: (value <= 0) | (value >= 1),
)


@loss(
    targets=COUNTS,
    domains={"predictions": MEANS},
    family="likelihood",
    source="McCullagh & Nelder (1989), Generalized linear models, doi:10.1007/978-1-4899-3242-6",
    convex=True,
    smooth=True,
    differences={
        "scikit-learn": "mean_poisson_deviance: targets first; cancels near the target: 9.9977e-7 "
        "for 9.9999967e-7 at (1e6, 1e6 + 1); HalfPoissonLoss is half of it for log_input, without "
        "what no prediction changes",
        "torchmetrics": "tweedie_deviance_score(power=1)",
        "LightGBM": "objective poisson: half of it for log_input",
        "XGBoost": "objective count:poisson: half of it for log_input",
    },
)
def poisson_deviance(
    predictions: Expression, targets: Expression, log_input: bool = False
) -> Expression:
    """Poisson deviance of a count from a predicted mean: 0 for a perfect prediction.

    For counts and rates: events, visits, items sold. It is the Poisson log-likelihood in units of a
    chi-squared statistic; use it to compare models, and ``poisson_nll_loss`` for likelihoods.

    Parameters
    ----------
    predictions : array, shape (...)
        Predicted means, above 0; their logarithms, any real number, with ``log_input=True``.
    targets : array, shape (...)
        Counts, at least 0.
    log_input : bool
        Whether predictions are logarithms of means.

    Notes
    -----
    The factor of 2 is that of generalized linear models. Boosters' own objectives are half of it,
    which matters where leaves are regularized. With ``log_input`` the second derivative is twice
    the mean, so it is positive. A mean of 0 costs infinity, or 0 for a count of 0. Near the target
    nothing cancels.

    See Also
    --------
    poisson_nll_loss : The likelihood itself.
    tweedie_deviance : This with ``power=1``.

    Examples
    --------
    >>> from lossary import poisson_deviance
    >>> poisson_deviance([2.0, 2.0, 1e6], [3, 0, 1_000_001])
    array([4.32790649e-01, 4.00000000e+00, 9.99999667e-07])
    >>> poisson_deviance([0.0, -1000.0], [1, 1], log_input=True)
    array([   0., 1998.])
    """
    if log_input:
        return deviances.poisson_deviance_of_log(predictions, targets)
    return deviances.poisson_deviance(predictions, targets)


@loss(
    targets=POSITIVE_TARGETS,
    domains={"predictions": MEANS},
    family="likelihood",
    source="McCullagh & Nelder (1989), Generalized linear models, doi:10.1007/978-1-4899-3242-6",
    convex=False,
    smooth=True,
    differences={
        "scikit-learn": "mean_gamma_deviance: targets first; cancels near the target: 1.0214e-14 "
        "for 9.99999933e-15 at (3, 3.0000003); HalfGammaLoss is half of it for log_input, without "
        "what no prediction changes",
        "torchmetrics": "tweedie_deviance_score(power=2)",
        "LightGBM": "objective gamma: half of it for log_input",
        "XGBoost": "objective reg:gamma: half of it for log_input",
    },
)
def gamma_deviance(
    predictions: Expression, targets: Expression, log_input: bool = False
) -> Expression:
    """Gamma deviance of a positive target from a predicted mean: an error relative to the mean.

    For positive targets whose spread grows with their mean: durations, sizes of claims. Multiplying
    predictions and targets by a number changes nothing.

    Parameters
    ----------
    predictions : array, shape (...)
        Predicted means, above 0; their logarithms, any real number, with ``log_input=True``.
    targets : array, shape (...)
        Targets, above 0.
    log_input : bool
        Whether predictions are logarithms of means.

    Notes
    -----
    The factor of 2 is that of generalized linear models; boosters' own objectives are half of it.
    It is convex with ``log_input`` alone: as a function of the mean it bends down beyond twice the
    target. For small errors it is the squared relative error. Near the target nothing cancels.

    See Also
    --------
    poisson_deviance : For counts.
    tweedie_deviance : This with ``power=2``.

    Examples
    --------
    >>> from lossary import gamma_deviance
    >>> gamma_deviance([2.0, 3.0], [3.0, 3.0000003])
    array([1.89069784e-01, 9.99999933e-15])
    >>> gamma_deviance([0.0, 1.0], [1.0, 1.0], log_input=True)
    array([0.        , 0.73575888])
    """
    if log_input:
        return _gamma_deviance_of_log(predictions, targets)
    return deviances.gamma_deviance(predictions, targets)


def _gamma_deviance_of_log(x: Expression, t: Expression) -> Expression:
    """Return the deviance from a mean exp(x)."""
    near, far = 2 * expm1_excess(log(t) - x), 2 * (t * exp(-x) - log(t) + x)
    # The derivative along the target, 2 / exp(x) - 2 / t, is in range where t / exp(x) is not.
    is_near = (t <= 1) | (log(t) - x <= 1)
    return with_derivatives_of(near, where(is_near, near, far))


@loss(
    targets=TWEEDIE_TARGETS,
    domains={"predictions": TWEEDIE_MEANS},
    limits={"power": _TWEEDIE_POWERS},
    family="likelihood",
    source="Jorgensen (1987), Exponential dispersion models, "
    "doi:10.1111/j.2517-6161.1987.tb01685.x",
    convex=False,
    smooth=True,
    differences={
        "scikit-learn": "mean_tweedie_deviance: targets first; power is 0 by default; near powers "
        "of 1 and 2 digits cancel; HalfTweedieLoss is half of it for log_input, without what no "
        "prediction changes",
        "torchmetrics": "tweedie_deviance_score: targets second; power is 0 by default",
        "LightGBM": "objective tweedie (tweedie_variance_power): half of it for log_input, without "
        "what no prediction changes",
        "XGBoost": "objective reg:tweedie (tweedie_variance_power): half of it for log_input, "
        "without what no prediction changes",
    },
)
def tweedie_deviance(
    predictions: Expression, targets: Expression, power: float = 1.5, log_input: bool = False
) -> Expression:
    """Tweedie deviance of a target from a predicted mean, for a variance of mean to a power.

    For targets that are often exactly 0 and else positive, such as the cost of claims of a policy:
    powers between 1 and 2. A power of 0 is the squared error, 1 the Poisson deviance, 2 the gamma
    deviance, 3 that of the inverse Gaussian distribution.

    Parameters
    ----------
    predictions : array, shape (...)
        Predicted means, above 0 (any number for a power of 0); their logarithms, any real number,
        with ``log_input=True``.
    targets : array, shape (...)
        Targets: at least 0 for powers from 1 to 2, above 0 from 2 on, any number for powers of at
        most 0.
    power : float
        The power of the mean that the variance is proportional to; at most 0 or at least 1.
    log_input : bool
        Whether predictions are logarithms of means.

    Notes
    -----
    The factor of 2 is that of generalized linear models; boosters' own objectives are half of it.
    The powers 1 and 2 are limits, and values near them are as accurate as others. With
    ``log_input`` and powers from 1 to 2 the loss is convex.

    See Also
    --------
    poisson_deviance, gamma_deviance : Powers of 1 and 2.
    mse_loss : A power of 0.

    Examples
    --------
    >>> from lossary import tweedie_deviance
    >>> tweedie_deviance([2.0, 2.0], [3.0, 0.0])
    array([0.28572916, 5.65685425])
    >>> tweedie_deviance([2.0], [3.0], power=3)
    array([0.08333333])
    """
    if log_input:
        return deviances.tweedie_deviance_of_log(predictions, targets, power)
    return deviances.tweedie_deviance(predictions, targets, power)
