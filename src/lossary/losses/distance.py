"""Losses of the distance from the target: with a dead zone, of any power, around a circle."""

from __future__ import annotations

import math

from lossary.decorator import loss
from lossary.domains import AT_LEAST_ZERO, POSITIVE
from lossary.formula import Expression, log_cosh, maximum, sin_pi, where


@loss(
    family="regression",
    source="Smola & Schölkopf (2004), A tutorial on support vector regression, "
    "doi:10.1023/B:STCO.0000035301.49549.88",
    limits={"epsilon": AT_LEAST_ZERO},
    convex=True,
    smooth=False,
    lipschitz=1.0,
    differences={
        "scikit-learn": "epsilon_insensitive of SGDRegressor and the loss of SVR: the same formula",
        "LossFunctions.jl": "L1EpsilonInsLoss, with epsilon above 0 only",
    },
)
def epsilon_insensitive_loss(
    predictions: Expression, targets: Expression, epsilon: float = 0.1
) -> Expression:
    """Epsilon-insensitive loss: the absolute error beyond a tolerance, zero within it.

    The loss of support vector regression: points within ``epsilon`` of the prediction do not pull
    at it, so the fit depends on the others alone.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    epsilon : float
        Tolerance, in the units of the targets; at least 0.

    Notes
    -----
    The subgradient at a residual of exactly ``epsilon`` is 0. The second derivative is 0
    everywhere, so methods that divide by it need a floor under it.

    See Also
    --------
    squared_epsilon_insensitive_loss : Its square, continuously differentiable.
    l1_loss : The limit at ``epsilon=0``.
    huber_loss : Quadratic near the target instead of zero.

    Examples
    --------
    >>> from lossary import epsilon_insensitive_loss
    >>> epsilon_insensitive_loss([1.05, 3.0], [1.0, 1.0])
    array([0. , 1.9])
    """
    return maximum(0, abs(predictions - targets) - epsilon)


@loss(
    family="regression",
    source="Smola & Schölkopf (2004), A tutorial on support vector regression, "
    "doi:10.1023/B:STCO.0000035301.49549.88",
    limits={"epsilon": AT_LEAST_ZERO},
    convex=True,
    smooth=True,
    differences={
        "scikit-learn": "squared_epsilon_insensitive of SGDRegressor and LinearSVR: the same "
        "formula",
        "LossFunctions.jl": "L2EpsilonInsLoss, with epsilon above 0 only",
    },
)
def squared_epsilon_insensitive_loss(
    predictions: Expression, targets: Expression, epsilon: float = 0.1
) -> Expression:
    """Squared epsilon-insensitive loss: squared error beyond a tolerance, zero within it.

    For support vector regression by methods that need a derivative everywhere. Large residuals
    count as much as in the squared error.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    epsilon : float
        Tolerance, in the units of the targets; at least 0.

    Notes
    -----
    What is squared is the part of the residual beyond ``epsilon``. The second derivative is 2
    beyond it, and 0 within it and at a residual of exactly ``epsilon``.

    See Also
    --------
    epsilon_insensitive_loss : Its root, which outliers sway less.
    mse_loss : The limit at ``epsilon=0``.

    Examples
    --------
    >>> from lossary import squared_epsilon_insensitive_loss
    >>> squared_epsilon_insensitive_loss([1.05, 3.0], [1.0, 1.0])
    array([0.  , 3.61])
    """
    excess = maximum(0, abs(predictions - targets) - epsilon)
    return excess * excess


@loss(
    family="regression",
    source="Money, Affleck-Graves, Hart & Barr (1982), The linear regression model: Lp norm "
    "estimation and the choice of p, Communications in Statistics: Simulation and Computation "
    "11:89-109",
    limits={"p": POSITIVE},
    convex=True,
    smooth=True,
    differences={
        "LossFunctions.jl": "LPDistLoss, the same with its second derivative of 0 at the target",
        "CatBoost": "Lq, for q of at least 1",
    },
)
def lp_loss(predictions: Expression, targets: Expression, p: float = 2.0) -> Expression:
    """Lp loss: the absolute error to a power of your choice.

    For regression between the median (``p=1``) and the mean (``p=2``), or on the largest errors
    (large ``p``). Nothing is divided by ``p``, and no root is taken.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    p : float
        The exponent; positive.

    Notes
    -----
    The loss is convex for ``p`` of at least 1, and continuously differentiable for larger ones. At
    a residual of 0 both derivatives count as 0 for every ``p``: the second one is 2 there for
    ``p=2``, and infinite below that.

    See Also
    --------
    l1_loss, mse_loss : With exponents 1 and 2, faster.
    huber_loss : Between the two in another way: by the size of the residual.

    Examples
    --------
    >>> from lossary import lp_loss
    >>> lp_loss([3.0, 0.25], [1.0, 1.0], p=3)
    array([8.      , 0.421875])
    >>> lp_loss([3.0, 0.25], [1.0, 1.0], p=0.5)
    array([1.41421356, 0.8660254 ])
    """
    size = abs(predictions - targets)
    is_zero = size == 0  # where the power has no derivative for p below 1
    return where(is_zero, 0, where(is_zero, 1, size) ** p)


@loss(
    family="regression",
    source="Steinwart & Christmann (2008), Support vector machines, doi:10.1007/978-0-387-77242-4",
    convex=True,
    smooth=True,
    lipschitz=1.0,
    differences={
        "LossFunctions.jl": "LogitDistLoss, which overflows at residuals beyond 709 and cancels at "
        "small ones",
    },
)
def logistic_distance_loss(predictions: Expression, targets: Expression) -> Expression:
    """Logistic distance loss: the negative log-likelihood of logistic noise, zero at the target.

    For regression with noise of tails heavier than normal ones. It is not the logistic loss of
    classifiers, which takes scores and labels.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.

    Notes
    -----
    The loss is -log(4 e^r / (1 + e^r)^2) for the residual r, computed as 2 log cosh(r / 2), which
    neither overflows nor cancels. The derivative is tanh(r / 2).

    See Also
    --------
    log_cosh_loss : The same without the two factors: its derivative is tanh(r).

    Examples
    --------
    >>> from lossary import logistic_distance_loss
    >>> logistic_distance_loss([1.001, 1.0, 500.0], [1.0, 3.0, 0.0])
    array([2.49999990e-07, 8.67561661e-01, 4.98613706e+02])
    """
    return 2 * log_cosh(0.5 * (predictions - targets))


@loss(
    family="regression",
    source="Mardia & Jupp (2000), Directional statistics, doi:10.1002/9780470316979",
    limits={"period": POSITIVE},
    convex=False,
    smooth=True,
    lipschitz=lambda period: 2 * math.pi / period,
    differences={
        "LossFunctions.jl": "PeriodicLoss, as 1 - cos(2 pi r / c), which cancels near the target",
    },
)
def periodic_loss(predictions: Expression, targets: Expression, period: float = 1.0) -> Expression:
    """Periodic loss: from 0 at the target to 2 half a period away, and back.

    For angles, times of day and other quantities that begin again after a period: a prediction of
    359 degrees for a target of 1 degree is 2 degrees off.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number, in the same units.
    period : float
        The period: 360 for degrees, 24 for hours; positive.

    Notes
    -----
    The loss is 1 - cos(2 pi r / c) for the residual r and the period c, computed as
    2 sin(pi r / c)^2, which does not cancel. Residuals of many periods are reduced exactly; only
    their own rounding counts. For an infinite residual there is no limit: the loss is NaN.

    See Also
    --------
    cosine_similarity_loss : Of directions that are given as vectors.

    Examples
    --------
    >>> from lossary import periodic_loss
    >>> periodic_loss([359.0, 181.0, 1.0], [1.0, 1.0, 1.0], period=360.0)
    array([6.09172981e-04, 2.00000000e+00, 0.00000000e+00])
    """
    sine = sin_pi((predictions - targets) / period)
    return 2 * sine * sine
