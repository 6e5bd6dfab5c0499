"""Losses of relative errors: fractions of the target, of both, and ratios."""

from __future__ import annotations

import math

from lossary.decorator import loss
from lossary.domains import ABOVE_MINUS_ONE, POSITIVE
from lossary.formula import (
    Expression,
    log1p,
    maximum,
    minimum,
    share,
    sign,
    where,
    with_derivatives_of,
)


@loss(
    family="regression",
    source="de Myttenaere, Golden, Le Grand & Rossi (2016), Mean absolute percentage error for "
    "regression models, doi:10.1016/j.neucom.2015.12.114",
    limits={"eps": POSITIVE},
    convex=True,
    smooth=False,
    differences={
        "scikit-learn": "mean_absolute_percentage_error, targets first; an eps of 2.2e-16: 4.5e15 "
        "for a target of 0 and a prediction of 1",
        "Keras": "mean_absolute_percentage_error, targets first: 100 times this, with an eps of "
        "1e-7; averages the last axis",
        "torchmetrics": "MeanAbsolutePercentageError, with an eps of 1.17e-6",
    },
)
def mape_loss(predictions: Expression, targets: Expression, eps: float = 1e-8) -> Expression:
    """Mean absolute percentage error: the absolute error as a fraction of the target.

    For targets of different sizes whose relative errors matter alike, well away from 0. It is a
    fraction, not per cent, and unreduced by default. Predictions that are too low cost at most 1,
    so that models trained with it predict too little rather than too much.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number; those smaller than ``eps`` in size count as ``eps`` in the
        denominator.
    eps : float
        Smallest denominator; positive. Give the size below which a target is as good as 0.

    Notes
    -----
    The subgradient at a residual of 0 is 0. The slope is 1 / abs(target), so one small target may
    outweigh all others.

    See Also
    --------
    smape_loss : Symmetric in both, and bounded.
    msle_loss : Of ratios, for positive quantities.
    l1_loss : With ``weights=1 / abs(targets)`` the same.

    Examples
    --------
    >>> from lossary import mape_loss
    >>> mape_loss([1.0, 3.0, 1.0], [4.0, -2.0, 0.0], eps=1e-3)
    array([7.5e-01, 2.5e+00, 1.0e+03])
    """
    size = abs(targets)
    fraction = abs(predictions - targets) / maximum(eps, size)
    return where(size == math.inf, 1, fraction)


@loss(
    family="regression",
    source="Makridakis (1993), Accuracy measures: theoretical and practical concerns, "
    "doi:10.1016/0169-2070(93)90079-3",
    convex=False,
    smooth=False,
    differences={
        "torchmetrics": "SymmetricMeanAbsolutePercentageError, with a denominator of at least "
        "1.17e-6: 0.0034 instead of 2 at a prediction of 1e-9 for -1e-9",
    },
)
def smape_loss(predictions: Expression, targets: Expression) -> Expression:
    """Symmetric mean absolute percentage error: the error relative to the mean of both sizes.

    For comparing forecasts of series of different sizes. From 0 to 2, and not per cent; 2 wherever
    the signs differ, which gives training no direction there.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.

    Notes
    -----
    It is 0 where both are 0. The subgradient at a residual of 0 is 0. It is symmetric in
    prediction and target, not in errors upwards and downwards.

    See Also
    --------
    mape_loss : Relative to the target alone.
    msle_loss : Of ratios, unbounded.

    Examples
    --------
    >>> from lossary import smape_loss
    >>> smape_loss([1.0, -1.0, 0.0], [3.0, 3.0, 0.0])
    array([1., 2., 0.])
    """
    error = abs(predictions - targets)
    first, second = abs(predictions), abs(targets)
    size = first + second
    value = 2 * (error / where(size == 0, 1, size))
    # The slope of a share of the sizes does not cancel where one is small beside the other.
    apart = sign(first - second) * (4 * share(first, second) - 2)
    is_opposite = sign(predictions) * sign(targets) <= 0
    plain = with_derivatives_of(value, where(is_opposite, 2, apart))
    return where(error == math.inf, 2, plain)


_STEP = 2.0**-60


@loss(
    targets=ABOVE_MINUS_ONE,
    domains={"predictions": ABOVE_MINUS_ONE},
    family="regression",
    source="Törnqvist, Vartia & Vartia (1985), How should relative changes be measured?, "
    "doi:10.1080/00031305.1985.10479385",
    convex=False,
    smooth=True,
    differences={
        "scikit-learn": "mean_squared_log_error, targets first; refuses values below -1",
        "Keras": "mean_squared_logarithmic_error, targets first; values below 1e-7 count as 1e-7, "
        "so that a prediction of -0.5 for 0 costs nothing; averages the last axis",
    },
)
def msle_loss(predictions: Expression, targets: Expression) -> Expression:
    """Mean squared logarithmic error: the squared logarithm of the ratio, each plus 1.

    For counts, prices and other quantities from 0 up whose ratios matter: an error of a factor
    costs the same at any size. Unreduced by default.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions, above -1; usually from 0 up.
    targets : array, shape (...)
        Targets, above -1; usually from 0 up.

    Notes
    -----
    The loss is (log(1 + p) - log(1 + t))², computed as the logarithm of one quotient: the
    difference of two logarithms has no digits left where both are nearly equal.

    See Also
    --------
    mse_loss : With ``log1p`` of predictions and targets it is this one, without the last digits.
    mape_loss, smape_loss : Other losses of relative errors.

    Examples
    --------
    >>> from lossary import msle_loss
    >>> msle_loss([1.0, 2.5, 0.0], [3.0, 2.5000001, 1e10])
    array([4.80453014e-01, 8.16326505e-16, 5.30189811e+02])
    """
    error = predictions - targets
    size, low = abs(error), 1 + minimum(predictions, targets)
    quotient = size / low
    # Beyond the range of the dtype: in smaller steps, beside which 1 does not count.
    is_far = quotient == math.inf
    rest = where(is_far, -math.log(_STEP), 0)
    logarithm = rest + log1p(where(is_far, _STEP * size / low, quotient))
    plain = log1p(predictions) - log1p(targets)
    ratio = with_derivatives_of(sign(error) * logarithm, plain)
    return ratio * ratio
