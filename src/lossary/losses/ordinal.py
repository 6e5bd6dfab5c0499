"""Ordinal losses: categories in an order, told apart by thresholds between them."""

from __future__ import annotations

import math

from lossary.decorator import loss
from lossary.domains import RANK_LABELS
from lossary.formula import (
    Expression,
    at_label,
    class_count,
    class_index,
    log1mexp,
    softplus,
    sum_over_classes,
    where,
)


@loss(
    targets=RANK_LABELS,
    arguments=("logits", "targets"),
    family="ordinal",
    source="Cao, Mirjalili & Raschka (2020), Rank consistent ordinal regression for neural "
    "networks with application to age estimation, doi:10.1016/j.patrec.2020.11.008, "
    "arXiv:1901.07884",
    convex=True,
    smooth=True,
    differences={
        "PyTorch": "none; coral_loss of coral-pytorch takes one 0/1 target per threshold and "
        "averages",
    },
)
def ordinal_cross_entropy(logits: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Ordinal cross entropy: one binary cross entropy for each threshold between categories.

    For ratings, ages, grades of a disease: categories in an order. Logit k says whether the
    category is above k, so C logits tell C+1 categories apart, counted from 0. A prediction is
    the number of logits above 0. Nothing here forces the logits to fall; a model with one weight
    vector and C biases has logits that do (CORAL).

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        One score for each threshold, positive where the category lies above it; any real number.
    targets : array, shape of logits without ``axis``
        Integer categories from 0 to C.
    axis : int
        The axis of the thresholds.

    Notes
    -----
    The sum of softplus(-z) over the thresholds below the category and of softplus(z) over the
    others. No term is negative, so small losses keep their digits.

    See Also
    --------
    cumulative_logit_loss : The likelihood of the proportional odds model.
    cross_entropy : For classes without an order.

    Examples
    --------
    >>> from lossary import ordinal_cross_entropy
    >>> ordinal_cross_entropy([[2.0, 0.5, -1.0], [2.0, 0.5, -1.0]], [2, 0])
    array([0.91426668, 3.41426668])
    """
    is_below = class_index() < targets
    return sum_over_classes(softplus(where(is_below, -logits, logits)))


@loss(
    targets=RANK_LABELS,
    arguments=("logits", "targets"),
    family="ordinal",
    source="McCullagh (1980), Regression models for ordinal data, "
    "doi:10.1111/j.2517-6161.1980.tb01109.x",
    convex=True,
    smooth=True,
    differences={
        "PyTorch": "none",
        "scikit-learn": "none; statsmodels' OrderedModel and mord fit it",
    },
)
def cumulative_logit_loss(logits: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Cumulative logit loss: the surprise at a category between two thresholds of a logistic.

    For ratings, ages, grades of a disease, modelled by proportional odds: logit k is the threshold
    k less the score, and its sigmoid the probability of a category up to k. C increasing logits
    tell C+1 categories apart, counted from 0.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Thresholds less the score, increasing along ``axis``; any real number.
    targets : array, shape of logits without ``axis``
        Integer categories from 0 to C.
    axis : int
        The axis of the thresholds.

    Notes
    -----
    The difference of the two probabilities is written as a product, so that it keeps its digits
    where both are next to 0 or to 1. The loss depends on the two logits beside the category alone;
    where the upper one is not above the lower one it is infinite. Keep them apart by construction,
    for example with a first threshold and positive steps.

    See Also
    --------
    ordinal_cross_entropy : Asks no order of the logits.
    cross_entropy : For classes without an order.

    Examples
    --------
    >>> from lossary import cumulative_logit_loss
    >>> cumulative_logit_loss([[-1.0, 0.5, 2.0], [-1.0, 0.5, 2.0]], [2, 0])
    array([1.35348745, 1.31326169])
    """
    # The first category has no lower threshold, the last one no upper one.
    lower = where(targets < 1, -math.inf, at_label(logits, targets - 1))
    upper = where(targets == class_count(), math.inf, at_label(logits, targets))
    # sigmoid(upper) - sigmoid(lower) = sigmoid(upper) sigmoid(-lower) (1 - exp(lower - upper))
    gap = where(upper <= lower, 0, lower - upper)
    return softplus(-upper) + softplus(lower) - log1mexp(gap)
