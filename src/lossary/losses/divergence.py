"""Distances and divergences between distributions, both given by log-probabilities."""

from __future__ import annotations

import math

from lossary.decorator import loss
from lossary.domains import FINITE, LOG_PROBABILITIES, PREDICTED_LOG_PROBABILITIES
from lossary.formula import (
    Expression,
    alpha_divergence_term,
    exp,
    expm1,
    jensen_shannon_term,
    log,
    log1p,
    logsumexp,
    norm,
    sqrt,
    sum_over_classes,
    where,
    with_derivatives_of,
)


@loss(
    targets=LOG_PROBABILITIES,
    domains={"inputs": PREDICTED_LOG_PROBABILITIES},
    arguments=("inputs", "targets"),
    family="distribution",
    source="Gibbs & Su (2002), On choosing and bounding probability metrics, arXiv:math/0209021",
    convex=False,
    differences={
        "SciPy": "distance.euclidean of the roots of probabilities: the root of 2 times as large",
    },
)
def hellinger_distance(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Hellinger distance of two distributions: how far the roots of their probabilities are apart.

    For comparing distributions by a bounded metric that classes of small probability count in too:
    it is 0 for equal ones, 1 for those without a common class. Both arguments are
    log-probabilities. Some authors leave out the factor of the root of 1/2.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Predicted log-probabilities, at most 0; minus infinity for probability 0.
    targets : array, shape of inputs
        Target log-probabilities, at most 0; minus infinity for probability 0.
    axis : int
        The class axis.

    Notes
    -----
    Each difference of roots is computed from that of the logarithms, so that distances of nearly
    equal distributions keep their digits. The derivative is 0 where the distributions are equal,
    as the distance has a kink there; the second derivative is large near it.

    See Also
    --------
    total_variation_distance : The same for the probabilities themselves, without squares.
    kl_div_loss : Not symmetric, and infinite where a class has no predicted probability.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import hellinger_distance
    >>> logs = np.log([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    >>> hellinger_distance(logs, [np.log([0.2, 0.3, 0.5]), [0.0, -np.inf, -np.inf]])
    array([0.25989319, 0.5411961 ])
    """
    return math.sqrt(0.5) * norm(_difference_of_roots(inputs, targets))


def _difference_of_roots(x: Expression, t: Expression) -> Expression:
    """Return exp(x / 2) - exp(t / 2), from the larger root and the difference of the logarithms."""
    half = 0.5 * (x - t)
    is_below = half < 0
    root = exp(0.5 * where(is_below, t, x)) * expm1(-abs(half))
    value = where(x == t, 0, where(is_below, root, -root))
    return with_derivatives_of(value, exp(0.5 * x) - exp(0.5 * t))


@loss(
    targets=LOG_PROBABILITIES,
    domains={"inputs": PREDICTED_LOG_PROBABILITIES},
    arguments=("inputs", "targets"),
    family="distribution",
    source="Gibbs & Su (2002), On choosing and bounding probability metrics, arXiv:math/0209021",
    convex=False,
    smooth=False,
)
def total_variation_distance(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Total variation distance of two distributions: half the sum of absolute differences.

    The largest difference of the probabilities that two distributions give to the same set of
    classes: 0 for equal ones, 1 for those without a common class. Both arguments are
    log-probabilities.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Predicted log-probabilities, at most 0; minus infinity for probability 0.
    targets : array, shape of inputs
        Target log-probabilities, at most 0; minus infinity for probability 0.
    axis : int
        The class axis.

    Notes
    -----
    Each difference of probabilities is computed from that of the logarithms, so that it keeps its
    digits where they are nearly equal. The derivative is half the predicted probability, up or
    down; it is 0 at classes of equal probability.

    See Also
    --------
    hellinger_distance : Of the roots of the probabilities.
    kl_div_loss : The root of half of it is never smaller (Pinsker's inequality).

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import total_variation_distance
    >>> logs = np.log([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    >>> total_variation_distance(logs, [np.log([0.2, 0.3, 0.5]), [0.0, -np.inf, -np.inf]])
    array([0.3, 0.5])
    """
    return 0.5 * sum_over_classes(_absolute_difference(inputs, targets))


def _absolute_difference(x: Expression, t: Expression) -> Expression:
    """Return |exp(x) - exp(t)|, from the larger one and the difference of the logarithms."""
    is_below, is_equal = x < t, x == t
    value = where(is_equal, 0, exp(where(is_below, t, x)) * -expm1(-abs(x - t)))
    difference = exp(x) - exp(t)
    slopes = where(is_below, -difference, where(is_equal, 0, difference))
    return with_derivatives_of(value, slopes)


@loss(
    targets=LOG_PROBABILITIES,
    domains={"inputs": PREDICTED_LOG_PROBABILITIES},
    arguments=("inputs", "targets"),
    family="distribution",
    source="Kailath (1967), The divergence and Bhattacharyya distance measures in signal "
    "selection, doi:10.1109/TCOM.1967.1089532",
    convex=False,
    smooth=True,
)
def bhattacharyya_distance(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Bhattacharyya distance of two distributions: minus the logarithm of their overlap.

    For comparing distributions where the distance is to grow without bound as their common part
    vanishes, and as a bound on the error of telling two classes apart. The overlap is the sum of
    the roots of products of probabilities. Both arguments are log-probabilities. It is not a
    metric: the triangle inequality does not hold.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Predicted log-probabilities, at most 0; minus infinity for probability 0.
    targets : array, shape of inputs
        Target log-probabilities, at most 0; minus infinity for probability 0.
    axis : int
        The class axis.

    Notes
    -----
    The overlap is divided by the root of the product of both sums of probabilities, so that
    rounded probabilities, whose sum is not quite 1, have a distance of 0 from themselves. The
    distance of nearly equal distributions is computed from differences of roots, and keeps its
    digits. It is infinite where no class has both probabilities above 0. The derivative is half
    the difference of the predicted probability and of the normalized root of the product.

    See Also
    --------
    hellinger_distance : From the same overlap, but at most 1.
    kl_div_loss : Not symmetric, and infinite where one class has no predicted probability.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import bhattacharyya_distance
    >>> logs = np.log([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    >>> bhattacharyya_distance(logs, [np.log([0.2, 0.3, 0.5]), [0.0, -np.inf, -np.inf]])
    array([0.06993382, 0.34657359])
    """
    sums = 0.5 * (logsumexp(inputs) + logsumexp(targets))
    apart = sums - logsumexp(0.5 * (inputs + targets))
    lack = _lack_of_overlap(inputs, targets)
    is_near = lack < 0.5
    value = where(is_near, -log1p(-where(is_near, lack, 0)), apart)
    return with_derivatives_of(value, _by_exact_exponents(inputs, targets, apart))


def _by_exact_exponents(x: Expression, t: Expression, apart: Expression) -> Expression:
    """Return the distance from exponentials of unrounded numbers, unless all are too small."""
    overlap = sum_over_classes(exp(0.5 * x) * exp(0.5 * t))
    is_large = overlap > 1e-15
    p, q, both = (
        log(where(is_large, item, 1))
        for item in (sum_over_classes(exp(x)), sum_over_classes(exp(t)), overlap)
    )
    return where(is_large, 0.5 * (p + q) - both, apart)


def _lack_of_overlap(x: Expression, t: Expression) -> Expression:
    """Return half the squared distance of the normalized roots; infinity where a sum is 0."""
    p, q = sum_over_classes(exp(x)), sum_over_classes(exp(t))
    is_positive = (p > 0) & (q > 0)
    p, q = where(is_positive, p, 1), where(is_positive, q, 1)
    root = exp(0.5 * t)
    difference = _difference_of_roots(x, t)
    # The norms of the roots differ by rounding, or where the probabilities do not sum to 1.
    excess = sum_over_classes(difference * (exp(0.5 * x) + root)) / (sqrt(p * q) + q)
    squares = sum_over_classes((difference - root * excess) ** 2)
    return where(is_positive, 0.5 * squares / p, math.inf)


@loss(
    targets=LOG_PROBABILITIES,
    domains={"inputs": PREDICTED_LOG_PROBABILITIES},
    arguments=("inputs", "targets"),
    family="distribution",
    source="Lin (1991), Divergence measures based on the Shannon entropy, doi:10.1109/18.61115",
    convex=False,
    smooth=True,
    differences={
        "SciPy": "distance.jensenshannon takes probabilities, divides them by their sum, and "
        "returns the root",
        "torchmetrics": "jensen_shannon_divergence: log_prob=True for log-probabilities; then NaN "
        "where one is minus infinity",
    },
)
def jensen_shannon_divergence(
    inputs: Expression, targets: Expression, axis: int = -1
) -> Expression:
    """Jensen-Shannon divergence of two distributions: how far both are from their mean.

    For comparing distributions where neither is the true one, and where classes without a
    predicted probability must not give infinity: it is 0 for equal ones and at most log(2). It is
    the mean of the Kullback-Leibler divergences of both from their mean. Both arguments are
    log-probabilities. Its root is a metric; it is not.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Predicted log-probabilities, at most 0; minus infinity for probability 0.
    targets : array, shape of inputs
        Target log-probabilities, at most 0; minus infinity for probability 0.
    axis : int
        The class axis.

    Notes
    -----
    No term of the sum is negative, also where the probabilities do not sum to 1, so that the
    divergence of nearly equal distributions keeps its digits. The derivative is half of p log(p/m)
    for the predicted probability p and the mean m. A class that only one of them has, as the other
    one's log-probability is minus infinity, adds log(2) / 2 times its probability; one that neither
    has adds 0. Both derivatives are finite there too: 0 for the probability of 0.

    See Also
    --------
    kl_div_loss : Of one distribution from the other, not from the mean.
    hellinger_distance : A metric that is bounded as well.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import jensen_shannon_divergence
    >>> logs = np.log([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    >>> jensen_shannon_divergence(logs, [np.log([0.2, 0.3, 0.5]), [0.0, -np.inf, -np.inf]])
    array([0.06641431, 0.21576155])
    """
    return sum_over_classes(jensen_shannon_term(inputs, targets))


@loss(
    targets=LOG_PROBABILITIES,
    domains={"inputs": PREDICTED_LOG_PROBABILITIES},
    limits={"alpha": FINITE},
    arguments=("inputs", "targets"),
    family="distribution",
    source="Cichocki & Amari (2010), Families of alpha- beta- and gamma-divergences: flexible and "
    "robust measures of similarities, doi:10.3390/e12061532",
    convex=False,
    smooth=True,
)
def alpha_divergence(
    inputs: Expression, targets: Expression, axis: int = -1, alpha: float = 0.5
) -> Expression:
    """Alpha divergence of two distributions: from one Kullback-Leibler divergence to the other.

    For choosing what a prediction is to do where the target has several modes: with a large
    ``alpha`` it covers them all, as every class that it leaves out is expensive, and with a small
    one it may keep to one of them. 1 is the Kullback-Leibler divergence of predictions from
    targets, 0 that of targets from predictions, 1/2 four times the squared Hellinger distance, 2
    half of Pearson's chi-squared divergence. Both arguments are log-probabilities.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Predicted log-probabilities, at most 0; minus infinity for probability 0.
    targets : array, shape of inputs
        Target log-probabilities, at most 0; minus infinity for probability 0.
    axis : int
        The class axis.
    alpha : float
        The exponent of the target probabilities, any number.

    Notes
    -----
    Each class adds (t^a p^(1 - a) - a t - (1 - a) p) / (a (a - 1)) for the probabilities p and t
    and a for ``alpha``: not negative, and 0 where they are equal, also where the probabilities do
    not sum to 1. It is computed as one term without cancellation, at and near 0 and 1 as accurately
    as elsewhere. A class without a predicted probability adds t / (1 - a) for a below 1 and
    infinity from 1 on, one without a target probability p / a for a above 0 and else infinity. The
    derivative is (p - t^a p^(1 - a)) / a. With exchanged arguments it is the divergence of 1 - a.
    Amari's own parameter is 2 a - 1, or of the other sign.

    See Also
    --------
    generalized_kl_divergence : The same for an alpha of 1, of amounts.
    hellinger_distance : The root of a fourth of it for an alpha of 1/2.
    jensen_shannon_divergence : Symmetric and bounded as well.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import alpha_divergence
    >>> p, t = np.log([[0.5, 0.3, 0.2]]), np.log([[0.2, 0.3, 0.5]])
    >>> alpha_divergence(p, t), alpha_divergence(p, t, alpha=2)
    (array([0.27017787]), array([0.315]))
    """
    return sum_over_classes(alpha_divergence_term(inputs, targets, alpha))
