"""Distances and divergences between distributions, both given by log-probabilities."""

from __future__ import annotations

import math

from lossary.decorator import loss
from lossary.domains import LOG_PROBABILITIES, PREDICTED_LOG_PROBABILITIES
from lossary.formula import (
    Expression,
    exp,
    expm1,
    norm,
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
