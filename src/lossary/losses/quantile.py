"""Losses of quantiles and expectiles: errors on one side of the target cost more."""

from __future__ import annotations

from typing import Any

from lossary.decorator import loss
from lossary.domains import AT_LEAST_ZERO, FROM_ZERO_TO_ONE
from lossary.formula import Expression, maximum, scale, stop_gradient, where


def _larger_share(quantile: Any) -> Any:
    """Return the larger of a share and its complement, of a number or a symbol."""
    if isinstance(quantile, Expression):
        return maximum(quantile, 1 - quantile)
    return max(quantile, 1 - quantile)


def _price(error: Expression, too_low: float) -> Expression:
    """Return the price of an error on its side; NaN, which is on neither side, stays NaN."""
    return where(0 <= error, too_low, where(error < 0, 1 - too_low, stop_gradient(error)))


@loss(
    family="regression",
    source="Koenker & Bassett (1978), Regression quantiles, doi:10.2307/1913643",
    limits={"quantile": FROM_ZERO_TO_ONE},
    convex=True,
    smooth=False,
    lipschitz=_larger_share,
    differences={
        "scikit-learn": "mean_pinball_loss(alpha) and PinballLoss(quantile), targets first; the "
        "slope at the kink is minus the quantile",
        "LossFunctions.jl": "QuantileLoss, the same number; the formula in its documentation "
        "exchanges the sides",
        "LightGBM": "objective quantile (alpha), without this Hessian of 0",
        "XGBoost": "objective reg:quantileerror (quantile_alpha)",
    },
)
def pinball_loss(predictions: Expression, targets: Expression, quantile: float = 0.5) -> Expression:
    """Pinball loss: the absolute error, with a price of its own on either side of the target.

    For predicting a quantile instead of the middle: predictions that are too low cost ``quantile``
    per unit, those that are too high ``1 - quantile``. With the default of 0.5 it is half the L1
    loss. Also called quantile loss.

    Parameters
    ----------
    predictions : array, shape (...)
        Predicted quantiles.
    targets : array, shape (...)
        Targets, any real number.
    quantile : float
        The share of targets that is to lie below the prediction, from 0 to 1.

    Notes
    -----
    The subgradient at a residual of 0 is 0, whatever the quantile. The second derivative is 0
    everywhere, so methods that divide by it need a floor under it.

    See Also
    --------
    quantile_huber_loss : Rounded off near the target.
    expectile_loss : The same prices for squared errors.
    l1_loss : Twice this with a quantile of 0.5.

    Examples
    --------
    >>> from lossary import pinball_loss
    >>> pinball_loss([1.0, 3.0], [3.0, 1.0], quantile=0.9)
    array([1.8, 0.2])
    """
    error = targets - predictions
    return scale(quantile, maximum(0, error)) + scale(1 - quantile, maximum(0, -error))


@loss(
    family="regression",
    source="Newey & Powell (1987), Asymmetric least squares estimation and testing, "
    "doi:10.2307/1911031",
    limits={"expectile": FROM_ZERO_TO_ONE},
    convex=True,
    smooth=True,
    differences={
        "XGBoost": "objective reg:expectileerror (expectile_alpha, from 3.3 on), the same formula "
        "for one expectile",
        "CatBoost": "Expectile (alpha), the same formula",
    },
)
def expectile_loss(
    predictions: Expression, targets: Expression, expectile: float = 0.5
) -> Expression:
    """Expectile loss: the squared error, with a price of its own on either side of the target.

    For predicting an expectile, which is to the mean what a quantile is to the median; value
    functions of offline reinforcement learning are trained with it. With the default of 0.5 it is
    half the squared error. There is no further factor of one half.

    Parameters
    ----------
    predictions : array, shape (...)
        Predicted expectiles.
    targets : array, shape (...)
        Targets, any real number.
    expectile : float
        The price of squared errors where the prediction is too low, from 0 to 1; where it is too
        high the price is ``1 - expectile``.

    Notes
    -----
    The second derivative jumps at a residual of 0, where it is that of predictions which are too
    low, twice ``expectile``.

    See Also
    --------
    pinball_loss : The same prices for absolute errors.
    mse_loss : Twice this with an expectile of 0.5.

    Examples
    --------
    >>> from lossary import expectile_loss
    >>> expectile_loss([1.0, 3.0], [3.0, 1.0], expectile=0.9)
    array([3.6, 0.4])
    """
    error = targets - predictions
    return scale(
        scale(_price(error, expectile), error), error
    )  # in range where the square of the error is not


@loss(
    family="regression",
    source="Dabney et al. (2018), Distributional reinforcement learning with quantile regression, "
    "arXiv:1710.10044",
    limits={"quantile": FROM_ZERO_TO_ONE, "delta": AT_LEAST_ZERO},
    convex=True,
    smooth=True,
    lipschitz=_larger_share,
    differences={
        "reinforcement learning": "divided by delta as in the article; some implementations are "
        "delta times this",
    },
)
def quantile_huber_loss(
    predictions: Expression, targets: Expression, quantile: float = 0.5, delta: float = 1.0
) -> Expression:
    """Quantile Huber loss: the pinball loss, rounded off within ``delta`` of the target.

    For distributional reinforcement learning and for quantiles by methods that need a smooth loss.
    It is the smooth L1 loss times the price of the side that the prediction is on.

    Parameters
    ----------
    predictions : array, shape (...)
        Predicted quantiles.
    targets : array, shape (...)
        Targets, any real number.
    quantile : float
        The price of predictions that are too low, from 0 to 1; too high ones cost
        ``1 - quantile``.
    delta : float
        Residual at which the quadratic branch ends, at least 0; 0 gives the pinball loss.

    Notes
    -----
    At a residual of exactly ``delta`` the second derivative is that of the quadratic branch; at a
    residual of 0 it is that of predictions which are too low. What minimises this loss is a
    quantile only as ``delta`` tends to 0.

    See Also
    --------
    pinball_loss : The limit at ``delta=0``.
    smooth_l1_loss : Twice this with a quantile of 0.5 and ``beta=delta``.

    Examples
    --------
    >>> from lossary import quantile_huber_loss
    >>> quantile_huber_loss([1.0, 1.5, 3.0], [3.0, 1.0, 1.0], quantile=0.9)
    array([1.35  , 0.0125, 0.15  ])
    >>> quantile_huber_loss([1.0, 1.5], [3.0, 1.0], quantile=0.9, delta=0.0)
    array([1.8 , 0.05])
    """
    error = targets - predictions
    size = abs(error)
    # Below delta the quotient is at most 1, so the product neither overflows nor underflows early.
    inside = 0.5 * error * (error / where(delta > 0, delta, 1))
    value = where(size <= delta, inside, size - 0.5 * delta)
    return scale(_price(error, quantile), value)
