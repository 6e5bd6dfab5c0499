"""Cross entropies for classification where some labels are wrong."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import (
    AT_LEAST_ZERO,
    CLASS_LABELS,
    CLASSES_OR_PROBABILITIES,
    FROM_ZERO_TO_ONE,
)
from lossary.formula import (
    Expression,
    expm1,
    negative_log_softmax_at,
    scale,
    softmax,
    where,
)
from lossary.losses.classification import over_targets


@loss(
    targets=CLASSES_OR_PROBABILITIES,
    limits={"q": FROM_ZERO_TO_ONE},
    arguments=("logits", "targets"),
    probability=lambda logits: softmax(logits),
    family="classification",
    source="Zhang & Sabuncu (2018), Generalized cross entropy loss for training deep neural "
    "networks with noisy labels, arXiv:1805.07836",
    convex=False,
    smooth=True,
    differences={
        "PyTorch": "none",
        "Keras": "categorical_generalized_cross_entropy: targets first, class labels and "
        "probabilities; q=0.5; 1 - p**q cancels",
    },
)
def generalized_cross_entropy(
    logits: Expression,
    targets: Expression,
    axis: int = -1,
    q: float = 0.7,
    *,
    class_weights: Expression | None = None,
) -> Expression:
    """Generalized cross entropy: bounded, so that wrong labels pull less.

    For classification with labels of which some are wrong. Between the cross entropy (``q=0``) and
    the missing probability 1 - p (``q=1``); a single example costs at most 1/q.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Scores before the softmax; any real number.
    targets : array, shape of logits without ``axis``, or shape of logits
        Integer class labels from 0 to C-1, or probabilities from 0 to 1.
    axis : int
        The class axis.
    q : float
        Exponent of the probability, from 0 to 1: the larger, the less wrong labels pull.

    Notes
    -----
    Computed as ``-expm1(-q L) / q`` from the cross entropy L, which does not cancel for a small
    ``q`` or a small loss. The pull of an example is that of the cross entropy times p**q: examples
    whose label is very unlikely are nearly ignored, and with ``q=1`` training may start slowly.

    See Also
    --------
    cross_entropy : The limit ``q=0``.
    symmetric_cross_entropy : Adds a bounded term instead.

    Examples
    --------
    >>> from lossary import generalized_cross_entropy
    >>> generalized_cross_entropy([[2.0, 1.0, 0.0], [30.0, 1.0, 0.0]], [0, 0])
    array([3.54613558e-01, 3.47942794e-13])
    >>> generalized_cross_entropy([[2.0, 1.0, 0.0]], [2], q=0.0)
    array([2.40760596])
    """

    def bounded(surprise: Expression) -> Expression:
        power = -expm1(-(q * surprise)) / where(q == 0, 1, q)
        return where(q == 0, surprise, power)

    return over_targets(bounded, logits, targets, class_weights)


@loss(
    targets=CLASS_LABELS,
    limits={"alpha": AT_LEAST_ZERO, "beta": AT_LEAST_ZERO},
    arguments=("logits", "targets"),
    probability=lambda logits: softmax(logits),
    family="classification",
    source="Wang, Ma, Chen, Luo, Yi & Bailey (2019), Symmetric cross entropy for robust learning "
    "with noisy labels, doi:10.1109/ICCV.2019.00041, arXiv:1908.06112",
    convex=False,
    smooth=True,
    differences={
        "PyTorch": "none; the authors' code clamps one-hot targets at 1e-4, which is "
        "log_zero=-9.21",
    },
)
def symmetric_cross_entropy(
    logits: Expression,
    targets: Expression,
    axis: int = -1,
    alpha: float = 0.1,
    beta: float = 1.0,
    log_zero: float = -4.0,
) -> Expression:
    """Symmetric cross entropy: cross entropy plus the one with prediction and label exchanged.

    For classification with labels of which some are wrong: the second term is bounded, so that
    they pull less, and the first one keeps training going.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Scores before the softmax; any real number.
    targets : array, shape of logits without ``axis``
        Integer class labels from 0 to C-1.
    axis : int
        The class axis.
    alpha, beta : float
        Weights of the cross entropy and of the reversed one; at least 0.
    log_zero : float
        What stands for the logarithm of the probability 0 that a label gives to other classes;
        negative.

    Notes
    -----
    The reversed cross entropy is ``-log_zero`` times the probability of the other classes, 1 - p,
    which is computed from the logarithm of p, so that nothing is subtracted from 1. The loss is
    ``alpha`` times the poly-1 cross entropy with ``epsilon = -log_zero * beta / alpha``.

    See Also
    --------
    generalized_cross_entropy : Bounded as a whole.
    poly1_cross_entropy : The same in other parameters.

    Examples
    --------
    >>> from lossary import symmetric_cross_entropy
    >>> symmetric_cross_entropy([[2.0, 1.0, 0.0], [30.0, 1.0, 0.0]], [0, 0])
    array([1.37979677e+00, 1.42656546e-12])
    """
    surprise = negative_log_softmax_at(logits, targets)
    return scale(alpha, surprise) + beta * log_zero * expm1(-surprise)
