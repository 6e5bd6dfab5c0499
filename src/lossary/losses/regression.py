"""Regression losses: predictions against real targets."""

from __future__ import annotations

import math
from typing import Any

from lossary.decorator import loss
from lossary.domains import AT_LEAST_ZERO, NONNEGATIVE, POSITIVE
from lossary.formula import Expression, log, log_cosh, maximum, square_over, where

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


@loss(
    family="regression",
    source="Huber (1964), Robust estimation of a location parameter, doi:10.1214/aoms/1177703732",
    limits={"delta": POSITIVE},
    convex=True,
    smooth=True,
    lipschitz=lambda delta: delta,
    differences={
        "MLX": "the same formula; (N, 1) against (N,) broadcasts to (N, N)",
        "PyTorch": "the third positional argument is the reduction; mean by default",
        "optax": "delta is a keyword; never reduced; shapes broadcast",
        "Keras": "targets first; averages the last axis",
    },
)
def huber_loss(inputs: Expression, targets: Expression, delta: float = 1.0) -> Expression:
    """Huber loss: quadratic near the target, linear beyond ``delta``.

    For regression with outliers: their pull on the fit is bounded by ``delta``. It is ``delta``
    times the smooth L1 loss with ``beta=delta``.

    Parameters
    ----------
    inputs : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    delta : float
        Residual at which the quadratic branch ends; positive.

    Notes
    -----
    At a residual of exactly ``delta`` the second derivative is that of the quadratic branch, 1;
    beyond it is 0, so a booster needs a floor under it. The third positional argument is ``delta``;
    in PyTorch it is the reduction.

    See Also
    --------
    smooth_l1_loss : The same divided by ``delta``.
    log_cosh_loss : Nearly the same with ``delta=1``, smooth everywhere.

    Examples
    --------
    >>> from lossary import huber_loss
    >>> huber_loss([0.5, 3.0], [0.0, 0.0])
    array([0.125, 2.5  ])
    >>> huber_loss([0.5, 3.0], [0.0, 0.0], delta=2.0)
    array([0.125, 4.   ])
    """
    error = inputs - targets
    size = abs(error)
    return where(size <= delta, 0.5 * error * error, delta * (size - 0.5 * delta))


@loss(
    family="regression",
    source="Girshick (2015), Fast R-CNN, doi:10.1109/ICCV.2015.169",
    limits={"beta": AT_LEAST_ZERO},
    arguments=("predictions", "targets"),
    reduction="mean",
    convex=True,
    smooth=True,
    lipschitz=1.0,
    differences={
        "MLX": "the same value; the gradient at beta=0 is NaN",
        "PyTorch": "beta is the last argument; shapes broadcast",
    },
)
def smooth_l1_loss(predictions: Expression, targets: Expression, beta: Any = 1.0) -> Expression:
    """Smooth L1 loss: absolute error, rounded off below ``beta``.

    The regression loss of object detectors. It is the Huber loss divided by its ``delta``.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    beta : float
        Residual at which the quadratic branch ends; 0 gives the L1 loss.

    Notes
    -----
    At a residual of exactly ``beta`` the linear branch holds; value and first derivative agree
    there. With ``beta=0`` the derivative at a residual of 0 is 0, and nothing is divided by 0.

    See Also
    --------
    huber_loss : The same times ``beta``.
    l1_loss : The limit at ``beta=0``.

    Examples
    --------
    >>> from lossary import smooth_l1_loss
    >>> smooth_l1_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
    array([0.125, 2.5  ])
    >>> smooth_l1_loss([0.5, 3.0], [0.0, 0.0], beta=0.0, reduction="none")
    array([0.5, 3. ])
    """
    error = predictions - targets
    size = abs(error)
    # Below beta the quotient is at most 1, so the product neither overflows nor underflows early.
    # Of the residual, not of its size: the second derivative of the latter is 0 at 0.
    inside = 0.5 * error * (error / where(beta > 0, beta, 1))
    return where(size < beta, inside, size - 0.5 * beta)


@loss(
    family="regression",
    source="Green (1990), Bayesian reconstructions from emission tomography data, "
    "doi:10.1109/42.52985",
    convex=True,
    smooth=True,
    lipschitz=1.0,
    differences={
        "MLX": "logaddexp(e, -e) - log 2, which is 0 at e = 1e-4 in float32",
        "optax": "log_cosh; cancels as MLX's does",
        "Keras": "targets first; averages the last axis; cancels",
    },
)
def log_cosh_loss(inputs: Expression, targets: Expression) -> Expression:
    """Log-cosh loss: half the squared error near the target, the absolute error far from it.

    For regression with outliers: like the Huber loss with ``delta=1``, and with derivatives of
    every order. The derivative is the hyperbolic tangent of the residual, at most 1 in size.

    Parameters
    ----------
    inputs : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.

    Notes
    -----
    ``cosh`` overflows at a residual of 90 in float32, and ``logaddexp(e, -e) - log(2)`` subtracts
    two numbers that are equal for small e. Here neither happens: an error of 1e-4 costs 5e-9.

    See Also
    --------
    huber_loss : With a residual of your choice at which it becomes linear.

    Examples
    --------
    >>> from lossary import log_cosh_loss
    >>> log_cosh_loss([1e-3, 1.0, 1000.0], [0.0, 0.0, 0.0])
    array([4.99999917e-07, 4.33780830e-01, 9.99306853e+02])
    """
    return log_cosh(inputs - targets)


@loss(
    family="regression",
    source="Bloomfield & Steiger (1983), Least absolute deviations, doi:10.1007/978-1-4684-8574-5",
    reduction="mean",
    convex=True,
    smooth=False,
    lipschitz=1.0,
    differences={
        "MLX": "the same",
        "PyTorch": "the weighted mean divides by the sum of the weights; shapes broadcast",
        "Keras": "mean_absolute_error, targets first; averages the last axis",
        "scikit-learn": "mean_absolute_error, targets first",
    },
)
def l1_loss(predictions: Expression, targets: Expression) -> Expression:
    """L1 loss: the absolute error.

    For regression on the median: an outlier pulls no harder than any other point.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.

    Notes
    -----
    The subgradient at a residual of 0 is 0, on every library. The second derivative is 0
    everywhere, so methods that divide by it need a floor under it.

    See Also
    --------
    smooth_l1_loss : Rounded off near 0.
    mse_loss : For the mean instead of the median.

    Examples
    --------
    >>> from lossary import l1_loss
    >>> l1_loss([1.0, 2.0], [0.0, 4.0], reduction="none")
    array([1., 2.])
    >>> float(l1_loss([1.0, 2.0], [0.0, 4.0]))
    1.5
    """
    return abs(predictions - targets)


@loss(
    family="regression",
    source="Legendre (1805), Nouvelles methodes pour la determination des orbites des cometes",
    reduction="mean",
    convex=True,
    smooth=True,
    differences={
        "MLX": "the same",
        "PyTorch": "the weighted mean divides by the sum of the weights; shapes broadcast",
        "optax": "squared_error; l2_loss is half of it",
        "Keras": "mean_squared_error, targets first; averages the last axis",
        "scikit-learn": "mean_squared_error, targets first",
    },
)
def mse_loss(predictions: Expression, targets: Expression) -> Expression:
    """Mean squared error: the squared residual, averaged by default.

    For regression on the mean. Nothing is halved, unlike optax's ``l2_loss`` and scikit-learn's
    half squared error.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.

    Notes
    -----
    In float16 the square of 300 is infinite: the loss is computed in float32, so its mean may still
    be finite where the single squares are not. ``dtype="float32"`` keeps it that way.

    See Also
    --------
    l1_loss, huber_loss : Less swayed by outliers.
    gaussian_nll_loss : In units of a predicted variance.

    Examples
    --------
    >>> from lossary import mse_loss
    >>> float(mse_loss([1.0, 2.0], [0.0, 4.0]))
    2.5
    """
    error = predictions - targets
    return error * error


@loss(
    domains={"vars": NONNEGATIVE},
    limits={"eps": POSITIVE},
    arguments=("inputs", "targets", "vars"),
    family="regression",
    reduction="mean",
    source="Nix & Weigend (1994), Estimating the mean and variance of the target probability "
    "distribution, doi:10.1109/ICNN.1994.374138",
    differences={
        "MLX": "the same; variances below 0 pass unnoticed",
        "PyTorch": "passes a gradient through the clamp of the variance; var may broadcast; a "
        "variance below 0 is an error",
    },
)
def gaussian_nll_loss(
    inputs: Expression,
    targets: Expression,
    vars: Expression,
    full: bool = False,
    eps: float = 1e-6,
) -> Expression:
    """Gaussian negative log-likelihood: squared error in units of a predicted variance.

    For models that predict a mean and its variance, not the variance's logarithm or its root.

    Parameters
    ----------
    inputs : array, shape (...)
        Predicted means.
    targets : array, shape (...)
        Targets, any real number.
    vars : array, shape (...)
        Predicted variances, at least 0; those below ``eps`` count as ``eps``.
    full : bool
        Whether to add the constant log(2 pi) / 2.
    eps : float
        Smallest variance; positive.

    Notes
    -----
    Where the variance is clamped, the derivative with respect to it is 0. The loss is convex in
    the inputs, and not in the variances. It may be negative.

    See Also
    --------
    mse_loss : Twice this with a variance of 1.
    nll_loss : For classes.

    Examples
    --------
    >>> from lossary import gaussian_nll_loss
    >>> gaussian_nll_loss([1.0, 2.0], [0.0, 2.0], [1.0, 4.0], reduction="none")
    array([0.5       , 0.69314718])
    """
    variance = maximum(eps, vars)
    error = inputs - targets
    value = 0.5 * log(variance) + square_over(error, 2 * variance)
    return value + _HALF_LOG_TAU if full else value
