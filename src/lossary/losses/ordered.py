"""Distances of distributions over ordered classes, from their running sums."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import CLASSES_OR_PROBABILITIES, PROBABILITIES
from lossary.formula import (
    Expression,
    at_label,
    class_index,
    cumulative_sum,
    expm1,
    is_label,
    negative_log_softmax,
    preceding,
    scale,
    softmax,
    sum_over_classes,
    where,
)
from lossary.losses.classification import probabilities_of


@loss(
    targets=CLASSES_OR_PROBABILITIES,
    domains={"inputs": PROBABILITIES},
    probability=probabilities_of,
    family="distribution",
    source="Epstein (1969), A scoring system for probability forecasts of ranked categories, "
    "doi:10.1175/1520-0450(1969)008<0985:ASSFPF>2.0.CO;2; Hou, Yu & Samaras (2016), Squared earth "
    "mover's distance-based loss for training deep neural networks, arXiv:1611.05916",
    convex=True,
    smooth=True,
    differences={
        "scoringrules": "rps_score: observations first, counted from 1; others divide by C - 1",
    },
)
def ranked_probability_loss(
    inputs: Expression,
    targets: Expression,
    axis: int = -1,
    with_logits: bool = False,
    *,
    class_weights: Expression | None = None,
) -> Expression:
    """Ranked probability score: the squared distance of two cumulative distributions.

    For classes in an order, such as grades or ranges of a number: probability far from the true
    class costs more than probability next to it. As the Brier score it is least on average at the
    true probabilities. It is also called the squared earth mover's distance. It is not divided by
    the number of thresholds: a wrong prediction costs at most C - 1.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Probabilities from 0 to 1, of classes in their order; scores before a softmax, any real
        number, if ``with_logits`` is True.
    targets : array, shape of inputs without ``axis``, or shape of inputs
        Integer class labels from 0 to C-1, or probabilities from 0 to 1.
    axis : int
        The class axis.
    with_logits : bool
        Whether ``inputs`` are scores before a softmax.

    Notes
    -----
    The sum runs over the C - 1 thresholds between neighbouring classes; above the last class both
    distributions have reached their whole sum, which is not compared. With logits and labels,
    probability above the label is added up from the last class, so that a tiny loss keeps its
    digits. The loss is convex in probabilities, and not in logits.

    See Also
    --------
    wasserstein_distance : The absolute distance, in steps between classes.
    multiclass_brier_loss : For classes without an order.
    ordinal_cross_entropy : From a logit for each threshold.

    Examples
    --------
    >>> from lossary import ranked_probability_loss
    >>> ranked_probability_loss([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]], [0, 0])
    array([0.3125, 0.8125])
    >>> ranked_probability_loss([[2.0, 1.0, 0.0], [30.0, 1.0, 0.0]], [0, 0], with_logits=True)
    array([1.20169122e-01, 1.29820699e-25])
    """
    error = _cumulative_error(inputs, targets, with_logits)
    return _weighted(sum_over_classes(error * error), targets, class_weights)


@loss(
    targets=CLASSES_OR_PROBABILITIES,
    domains={"inputs": PROBABILITIES},
    probability=probabilities_of,
    family="distribution",
    source="Vallender (1974), Calculation of the Wasserstein distance between probability "
    "distributions on the line, doi:10.1137/1118101",
    convex=True,
    smooth=False,
    differences={
        "SciPy": "wasserstein_distance(values, values, inputs, targets): scales both to sum to 1",
    },
)
def wasserstein_distance(
    inputs: Expression,
    targets: Expression,
    axis: int = -1,
    with_logits: bool = False,
    *,
    class_weights: Expression | None = None,
) -> Expression:
    """Wasserstein distance of two distributions over ordered classes (earth mover's distance).

    For classes in an order, one step apart: how many steps probability has to be moved on average
    to turn one distribution into the other. With labels it is the expected distance from the true
    class. Where probabilities are to be honest, train with ``ranked_probability_loss``: this
    distance is least at the median class, not at the true distribution.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Probabilities from 0 to 1, of classes in their order; scores before a softmax, any real
        number, if ``with_logits`` is True.
    targets : array, shape of inputs without ``axis``, or shape of inputs
        Integer class labels from 0 to C-1, or probabilities from 0 to 1.
    axis : int
        The class axis.
    with_logits : bool
        Whether ``inputs`` are scores before a softmax.

    Notes
    -----
    The sum of the absolute differences of the cumulative distributions at the C - 1 thresholds
    between neighbouring classes. Where both are equal at a threshold, its subgradient is 0. With
    logits and labels, probability above the label is added up from the last class, so that a tiny
    loss keeps its digits. The distance is convex in probabilities, and not in logits.

    See Also
    --------
    ranked_probability_loss : The squared distance.
    kl_divergence : For classes without an order.

    Examples
    --------
    >>> from lossary import wasserstein_distance
    >>> wasserstein_distance([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]], [0, 0])
    array([0.75, 1.25])
    >>> wasserstein_distance([[0.5, 0.25, 0.25]], [[0.25, 0.25, 0.5]])
    array([0.5])
    """
    error = _cumulative_error(inputs, targets, with_logits)
    if not (with_logits and targets.operation == "label"):
        error = abs(error)
    return _weighted(sum_over_classes(error), targets, class_weights)


def _cumulative_error(inputs: Expression, targets: Expression, with_logits: bool) -> Expression:
    """Return the difference of the cumulative distributions at each threshold, and one 0.

    With labels and logits it is its absolute value.
    """
    labels = targets.operation == "label"
    if labels and with_logits:
        p = softmax(inputs)
        above = where(targets < class_index(), cumulative_sum(p, reverse=True), 0)
        return where(class_index() < targets, cumulative_sum(p), above)
    if labels:
        error = where(is_label(targets), inputs - 1, inputs)
    elif with_logits:
        surprise = negative_log_softmax(inputs)
        error = (1 - targets) * softmax(inputs) + targets * expm1(-surprise)
    else:
        error = inputs - targets
    return preceding(cumulative_sum(error))


def _weighted(
    value: Expression, targets: Expression, class_weights: Expression | None
) -> Expression:
    """Return a row value times the class weight of its label, or the mean one of its targets."""
    if class_weights is None:
        return value
    if targets.operation == "label":
        return scale(at_label(class_weights, targets), value)
    return scale(sum_over_classes(scale(class_weights, targets)), value)
