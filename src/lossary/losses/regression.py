"""Regression losses: predictions against real targets."""

from __future__ import annotations

import math
from typing import Any

from lossary.domains import AT_LEAST_ZERO, NONNEGATIVE, POSITIVE
from lossary.formula import Expression, log, log_cosh, maximum, where
from lossary.registry import loss

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


@loss(
    family="regression",
    source="Huber (1964), Robust estimation of a location parameter, doi:10.1214/aoms/1177703732",
    limits={"delta": POSITIVE},
    convex=True,
    smooth=True,
    differences={
        "MLX": "the same; (N, 1) against (N,) broadcasts to (N, N)",
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
    At a residual of exactly ``delta`` the second derivative is that of the quadratic branch.

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
        "MLX": "the gradient at beta=0 is NaN",
        "PyTorch": "beta is the last argument",
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
    inside = 0.5 * size * (size / where(beta > 0, beta, 1))
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

    Like the Huber loss, with derivatives of every order.

    Parameters
    ----------
    inputs : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.

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
        "Keras": "mean_absolute_error, targets first",
        "scikit-learn": "mean_absolute_error, targets first",
    },
)
def l1_loss(predictions: Expression, targets: Expression) -> Expression:
    """L1 loss: the absolute error.

    For regression on the median. The subgradient at a residual of 0 is 0.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.

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
        "Keras": "mean_squared_error, targets first",
        "scikit-learn": "mean_squared_error, targets first",
    },
)
def mse_loss(predictions: Expression, targets: Expression) -> Expression:
    """Mean squared error: the squared residual, averaged by default.

    For regression on the mean. Nothing is halved.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.

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
        "MLX": "the same",
        "PyTorch": "passes a gradient through the clamp of the variance; var may broadcast",
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

    For models that predict a mean and its variance.

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
    Where the variance is clamped, the derivative with respect to it is 0.

    Examples
    --------
    >>> from lossary import gaussian_nll_loss
    >>> gaussian_nll_loss([1.0, 2.0], [0.0, 2.0], [1.0, 4.0], reduction="none")
    array([0.5       , 0.69314718])
    """
    variance = maximum(eps, vars)
    error = inputs - targets
    value = 0.5 * (log(variance) + error * (error / variance))
    return value + _HALF_LOG_TAU if full else value
