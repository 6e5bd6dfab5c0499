"""Likelihoods and scores: predicted distributions against what was observed."""

from __future__ import annotations

import math

from lossary.decorator import loss
from lossary.domains import (
    AT_LEAST_ZERO,
    CONCENTRATIONS,
    COUNTS,
    DEGREES_OF_FREEDOM,
    MEANS,
    POSITIVE,
    SCALES,
)
from lossary.formula import (
    Expression,
    exp,
    gaussian_crps,
    log,
    log1p,
    log_gamma_half_step,
    log_rising_excess,
    maximum,
    scale,
    softplus,
    stop_gradient,
    student_t_tail,
    where,
)

_LOG_2 = math.log(2)
#: Ratios of mean and concentration beyond which the one or the other decides.
_TINY, _HUGE = 1e-20, 1e9
_HALF_LOG_2_PI = math.log(2 * math.pi) / 2


def _counted(targets: Expression, mean: Expression) -> Expression:
    """Return the targets, -1 with their derivative where the mean is infinite.

    There a difference such as mean - t log(mean) is infinite, and not the NaN that its terms give.
    """
    return where(mean < math.inf, targets, targets - stop_gradient(targets) - 1)


def _log_of_sum(mean: Expression, eps: float) -> Expression:
    """Return log(mean + eps), accurate where the sum is near 1."""
    is_near = abs(mean - 1) < 0.5
    near = log1p(where(is_near, (mean - 1) + eps, 0))
    return where(is_near, near, log(where(is_near, 1, mean + eps)))


@loss(
    targets=COUNTS,
    domains={"inputs": MEANS},
    limits={"eps": AT_LEAST_ZERO},
    family="likelihood",
    source="Cameron & Trivedi (2013), Regression analysis of count data, "
    "doi:10.1017/CBO9781139013567",
    convex=True,
    smooth=True,
    differences={
        "PyTorch": "the same arguments; full adds Stirling's formula, for targets above 1 alone: "
        "1.30053 for 1.34187 at (0.5, 2); mean by default; shapes broadcast",
        "Keras": "poisson: targets first; predictions are means, eps is 1e-7; averages the last "
        "axis",
        "scikit-learn": "HalfPoissonLoss: log_input=True",
        "LossFunctions.jl": "PoissonLoss: log_input=True",
    },
)
def poisson_nll_loss(
    inputs: Expression,
    targets: Expression,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
) -> Expression:
    """Poisson negative log-likelihood of a count, given the logarithm of its mean.

    For counts: events, visits, items sold. Inputs are logarithms of means; with
    ``log_input=False`` they are the means. Where a loss of 0 is to mean a perfect prediction, use
    ``poisson_deviance``, which has the same gradient twice.

    Parameters
    ----------
    inputs : array, shape (...)
        Logarithms of predicted means, any real number; predicted means, above 0, with
        ``log_input=False``.
    targets : array, shape (...)
        Counts, at least 0.
    log_input : bool
        Whether inputs are logarithms of means.
    full : bool
        Whether to add log(targets!), which no prediction changes.
    eps : float
        What is added to a mean before its logarithm is taken; without effect on ``log_input``.

    Notes
    -----
    With ``log_input`` the derivative is the mean minus the target, and the second derivative the
    mean: it is always positive, as boosters want it. The factorial is that of the gamma function,
    so targets need not be whole. A count of 0 at a mean of 0 costs 0.

    See Also
    --------
    poisson_deviance : Twice this, minus what a perfect prediction costs.

    Examples
    --------
    >>> from lossary import poisson_nll_loss
    >>> poisson_nll_loss([0.0, 1.0], [0, 3])
    array([ 1.        , -0.28171817])
    >>> poisson_nll_loss([0.0, 1.0], [0, 3], full=True)
    array([1.       , 1.5100413])
    """
    mean = exp(inputs) if log_input else inputs
    logarithm = inputs if log_input else _log_of_sum(inputs, eps)
    value = mean - scale(_counted(targets, mean), logarithm)
    return value + log_rising_excess(1, targets) if full else value


@loss(
    targets=COUNTS,
    arguments=("inputs", "targets", "concentrations"),
    domains={"inputs": MEANS, "concentrations": CONCENTRATIONS},
    limits={"eps": POSITIVE},
    family="likelihood",
    source="Lawless (1987), Negative binomial and mixed Poisson regression, doi:10.2307/3314912",
    smooth=True,
    differences={
        "PyTorch": "none; torch.distributions.NegativeBinomial has total_count=concentrations and "
        "logits=log(mean / concentrations): the log-likelihood, full",
        "scvi-tools": "log_nb_positive(x, mu, theta): the log-likelihood, full",
        "GluonTS": "NegativeBinomialOutput: alpha is 1 / concentrations; full",
    },
)
def negative_binomial_nll_loss(
    inputs: Expression,
    targets: Expression,
    concentrations: Expression,
    log_input: bool = False,
    full: bool = False,
    eps: float = 1e-8,
) -> Expression:
    """Negative binomial negative log-likelihood of a count, given its mean and concentration.

    For counts that vary more than Poisson counts of the same mean: their variance is the mean plus
    its square over the concentration. The concentration may be predicted with the mean, or be a
    number. The larger it is the nearer is ``poisson_nll_loss``, which is the limit.

    Parameters
    ----------
    inputs : array, shape (...)
        Predicted means, above 0; their logarithms, any real number, with ``log_input``.
    targets : array, shape (...)
        Counts, at least 0.
    concentrations : array or number, shape (...)
        How concentrated the counts are, above 0; clamped at ``eps``.
    log_input : bool
        Whether inputs are logarithms of means.
    full : bool
        Whether to add log(targets!), which no prediction changes.
    eps : float
        Least concentration, and least mean whose logarithm is taken.

    Notes
    -----
    With x the logarithm of the mean, the derivative with respect to x is the difference of mean and
    target, times r / (r + mean) for a concentration r. Differences of logarithms of the gamma
    function are taken without their leading terms, so that concentrations of 1e12 keep the digits.
    Where the concentration is clamped, the derivative with respect to it is 0. An infinite
    concentration is a Poisson distribution. An infinite mean costs infinity, with derivatives of 0.
    A mean of 0 costs 0 for a count of 0; for others its logarithm is that of ``eps``, and with
    ``log_input`` it costs infinity.

    See Also
    --------
    poisson_nll_loss : The limit of large concentrations.

    Examples
    --------
    >>> from lossary import negative_binomial_nll_loss
    >>> negative_binomial_nll_loss([3.0, 3.0], [2, 0], 1.5)
    array([1.13709281, 1.64791843])
    >>> negative_binomial_nll_loss([1.0], [2], [1.5], log_input=True)
    array([1.10804413])
    """
    r = maximum(eps, concentrations)
    mean = exp(inputs) if log_input else inputs
    logarithm = inputs if log_input else log(maximum(eps, inputs))
    ratio = mean / r
    is_tiny, is_huge = ratio < _TINY, _HUGE <= ratio
    # log(1 + mean / r), and r times it, in range where the ratio is not.
    growth = where(
        is_huge,
        softplus(where(is_huge, logarithm, 0) - log(r)),
        log1p(where(is_huge, 0, ratio)),
    )
    own = where(is_tiny, mean, r * growth)
    value = own + (targets * growth - scale(targets, logarithm)) - log_rising_excess(r, targets)
    value = where(inputs == math.inf, math.inf, value)
    return value + log_rising_excess(1, targets) if full else value


@loss(
    domains={"scales": SCALES},
    limits={"eps": POSITIVE},
    family="likelihood",
    source="Kotz, Kozubowski & Podgorski (2001), The Laplace distribution and generalizations, "
    "doi:10.1007/978-1-4612-0173-1",
    convex=True,
    smooth=False,
    differences={
        "PyTorch": "torch.distributions.Laplace: the log-likelihood, full; no function of losses",
    },
)
def laplace_nll_loss(
    inputs: Expression,
    targets: Expression,
    scales: Expression,
    full: bool = False,
    eps: float = 1e-6,
) -> Expression:
    """Laplace negative log-likelihood: absolute error in units of a predicted scale.

    For models that predict a median and its uncertainty, such as trajectories: an outlier pulls no
    harder than any other point. Scales are mean absolute errors, not variances.

    Parameters
    ----------
    inputs : array, shape (...)
        Predicted medians.
    targets : array, shape (...)
        Targets, any real number.
    scales : array, shape (...)
        Predicted scales, at least 0; those below ``eps`` count as ``eps``.
    full : bool
        Whether to add the constant log(2).
    eps : float
        Smallest scale; positive.

    Notes
    -----
    The subgradient at a residual of 0 is 0. Where the scale is clamped, the derivative with respect
    to it is 0. The loss is convex in the inputs, and not in the scales. It may be negative.

    See Also
    --------
    l1_loss : This with a scale of 1.
    gaussian_nll_loss : The same for squared errors and variances.

    Examples
    --------
    >>> from lossary import laplace_nll_loss
    >>> laplace_nll_loss([1.0, 1.0], [3.0, 1.0], [0.5, 0.5])
    array([ 3.30685282, -0.69314718])
    """
    spread = maximum(eps, scales)
    value = log(spread) + abs(inputs - targets) / spread
    return value + _LOG_2 if full else value


@loss(
    domains={"scales": SCALES},
    limits={"eps": POSITIVE},
    family="likelihood",
    source="Gneiting et al. (2005), Calibrated probabilistic forecasting using ensemble model "
    "output statistics and minimum CRPS estimation, doi:10.1175/MWR2904.1",
    convex=True,
    smooth=True,
    lipschitz=1.0,
    differences={
        "properscoring": "crps_gaussian: observations first; scales are not clamped",
        "scoringrules": "crps_normal: observations first; scales are not clamped",
    },
)
def gaussian_crps_loss(
    inputs: Expression, targets: Expression, scales: Expression, eps: float = 1e-6
) -> Expression:
    """Continuous ranked probability score of a Gaussian forecast, in the units of the targets.

    For models that predict a mean and its standard deviation, where an outlier is to pull no harder
    than in the absolute error. A scale is a standard deviation, not a variance. The smallest score
    on average is that of the true distribution.

    Parameters
    ----------
    inputs : array, shape (...)
        Predicted means.
    targets : array, shape (...)
        Targets, any real number.
    scales : array, shape (...)
        Predicted standard deviations, at least 0; those below ``eps`` count as ``eps``.
    eps : float
        Smallest standard deviation; positive.

    Notes
    -----
    Far from the target it is the absolute error minus scale / √π. The derivative with respect to
    the inputs is an error function, from -1 to 1, and the second derivative twice the density, so
    it is positive. Where the scale is clamped, the derivative with respect to it is 0.

    See Also
    --------
    gaussian_nll_loss : Grows with the square of the distance; takes variances.
    l1_loss : The limit of scales of 0.

    Examples
    --------
    >>> from lossary import gaussian_crps_loss
    >>> gaussian_crps_loss([1.0, 1.0, 0.0], [3.0, 1.0, 100.0], [0.5, 2.0, 1.0])
    array([ 1.71791235,  0.46738995, 99.43581042])
    """
    return gaussian_crps(inputs - targets, maximum(eps, scales))


@loss(
    domains={"scales": SCALES, "df": DEGREES_OF_FREEDOM},
    limits={"eps": POSITIVE},
    family="likelihood",
    source="Lange, Little & Taylor (1989), Robust statistical modeling using the t distribution, "
    "doi:10.1080/01621459.1989.10478852",
    convex=False,
    smooth=True,
    differences={
        "PyTorch": "torch.distributions.StudentT: the log-likelihood, full; no function of losses",
        "SciPy": "stats.t: the log-likelihood, full",
    },
)
def student_t_nll_loss(
    inputs: Expression,
    targets: Expression,
    scales: Expression,
    df: Expression,
    full: bool = False,
    eps: float = 1e-6,
) -> Expression:
    """Student t negative log-likelihood: a Gaussian one with heavy tails, robust to outliers.

    For models that predict a location and its uncertainty where some targets are far off. A scale
    is not a standard deviation: the variance is larger, and infinite for up to 2 degrees of
    freedom.

    Parameters
    ----------
    inputs : array, shape (...)
        Predicted locations.
    targets : array, shape (...)
        Targets, any real number.
    scales : array, shape (...)
        Predicted scales, at least 0; those below ``eps`` count as ``eps``.
    df : array, shape (...)
        Degrees of freedom, above 0: an array, because a model may predict them, or a number;
        infinity for a Gaussian.
    full : bool
        Whether to add the constant log(2π) / 2.
    eps : float
        Smallest scale; positive.

    Notes
    -----
    The normaliser that depends on ``df`` is always part of the loss. As ``df`` grows it becomes the
    ``gaussian_nll_loss`` of the squared scale. Where the scale is clamped, the derivative with
    respect to it is 0. The pull of an outlier vanishes with its distance, so the loss is not
    convex. It may be negative.

    See Also
    --------
    gaussian_nll_loss : The limit of many degrees of freedom.
    cauchy_loss : One degree of freedom and a fixed scale.

    Examples
    --------
    >>> from lossary import student_t_nll_loss
    >>> student_t_nll_loss([1.0, 0.0], [3.0, 1e200], [0.5, 1.0], [4.0, 3.0])
    array([   3.39233832, 1839.95280013])
    """
    spread = maximum(eps, scales)
    value = log(spread) + student_t_tail(inputs - targets, spread, df) - log_gamma_half_step(df / 2)
    return value + _HALF_LOG_2_PI if full else value
