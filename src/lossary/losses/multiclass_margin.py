"""Margin losses of several classes: the score of the label against those of its rivals."""

from __future__ import annotations

import math

from lossary.decorator import loss
from lossary.domains import CLASS_LABELS, FINITE, MULTI_HOT, Range
from lossary.formula import (
    Expression,
    at_label,
    is_label,
    max_over_classes,
    maximum,
    mean_over_classes,
    multiclass_sparsemax,
    scale,
    softplus,
    where,
)

ONE_OR_TWO = Range("must be 1 or 2", lambda p: (p == 1) | (p == 2))


def _best_rival(logits: Expression, targets: Expression) -> Expression:
    """Return the largest score of the other classes; minus infinity where there is none."""
    return max_over_classes(where(is_label(targets), -math.inf, logits))


@loss(
    targets=CLASS_LABELS,
    family="margin",
    source="Crammer & Singer (2001), On the algorithmic implementation of multiclass kernel-based "
    "vector machines, JMLR 2:265-292",
    convex=True,
    smooth=False,
    lipschitz=math.sqrt(2),
    differences={
        "optax": "the same formula",
        "scikit-learn": "hinge_loss: targets first; always a mean",
        "Keras": "categorical_hinge takes one-hot targets, and counts the label's own slot as a "
        "rival with score 0: (-1, -2, -3) with label 0 costs 2, not 0",
    },
)
def multiclass_hinge_loss(logits: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Multiclass hinge loss: zero if the label is ahead of the best other class by 1.

    For support vector machines of several classes. Only the best rival counts;
    ``multi_margin_loss`` adds up all of them.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Raw scores of C classes along ``axis``.
    targets : array of integers, shape of ``logits`` without ``axis``
        Class labels from 0 to C-1.
    axis : int
        The class axis.

    Notes
    -----
    Of rivals with equal scores the first has the slope. At the kink the subgradient is 0, and with
    one class the loss is 0.

    See Also
    --------
    hinge_loss : The same for two classes, of the difference of their scores.
    multi_margin_loss : The mean over all other classes.

    Examples
    --------
    >>> from lossary import multiclass_hinge_loss
    >>> multiclass_hinge_loss([[2.0, 1.5, -1.0], [0.0, 0.0, 3.0]], [0, 1])
    array([0.5, 4. ])
    """
    return maximum(0, 1 + (_best_rival(logits, targets) - at_label(logits, targets)))


@loss(
    targets=CLASS_LABELS,
    limits={"p": ONE_OR_TWO, "margin": FINITE},
    structure=("p",),
    family="margin",
    source="Weston & Watkins (1999), Support vector machines for multi-class pattern recognition, "
    "ESANN, pages 219-224",
    convex=True,
    smooth=False,
    differences={
        "PyTorch": "the same formula; mean by default; weight is class_weights here",
    },
)
def multi_margin_loss(
    logits: Expression, targets: Expression, axis: int = -1, p: int = 1, margin: float = 1.0
) -> Expression:
    """Multi-margin loss: what each other class lacks to a margin below the label, on average.

    For support vector machines of several classes in which every rival within the margin counts,
    not the best alone.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Raw scores of C classes along ``axis``.
    targets : array of integers, shape of ``logits`` without ``axis``
        Class labels from 0 to C-1.
    axis : int
        The class axis.
    p : int
        Power of what is lacking: 1 or 2. With 2 the loss is continuously differentiable.
    margin : float
        How far the label is to be ahead.

    Notes
    -----
    The sum over the other classes is divided by C, not by C-1, as PyTorch's is. At the kink the
    subgradient is 0.

    See Also
    --------
    multiclass_hinge_loss : The best rival alone.

    Examples
    --------
    >>> from lossary import multi_margin_loss
    >>> multi_margin_loss([[2.0, 1.5, -1.0], [0.0, 0.0, 3.0]], [0, 1], p=2, margin=0.5)
    array([0.        , 4.16666667])
    """
    behind = where(is_label(targets), -math.inf, logits - at_label(logits, targets))
    lacking = maximum(0, margin + behind)
    return mean_over_classes(lacking if p == 1 else lacking * lacking)


@loss(
    targets=CLASS_LABELS,
    family="margin",
    source="Collins (2002), Discriminative training methods for hidden Markov models, "
    "doi:10.3115/1118693.1118694",
    convex=True,
    smooth=False,
    lipschitz=math.sqrt(2),
    differences={"optax": "the same formula; the slope is shared out among tied classes"},
)
def multiclass_perceptron_loss(
    logits: Expression, targets: Expression, axis: int = -1
) -> Expression:
    """Multiclass perceptron loss: how far the label's score is below the largest.

    The loss of the structured perceptron. It asks that the label comes first and for no margin, so
    equal scores cost nothing.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Raw scores of C classes along ``axis``.
    targets : array of integers, shape of ``logits`` without ``axis``
        Class labels from 0 to C-1.
    axis : int
        The class axis.

    Notes
    -----
    Of classes that share the largest score the first has the slope, which is 0 where that is the
    label itself.

    See Also
    --------
    multiclass_hinge_loss : The same with a margin of 1.

    Examples
    --------
    >>> from lossary import multiclass_perceptron_loss
    >>> multiclass_perceptron_loss([[2.0, 1.5, -1.0], [0.0, 0.0, 3.0]], [0, 1])
    array([0., 3.])
    """
    return max_over_classes(logits) - at_label(logits, targets)


@loss(
    targets=CLASS_LABELS,
    family="margin",
    source="Martins & Astudillo (2016), From softmax to sparsemax, arXiv:1602.02068",
    convex=True,
    smooth=True,
    lipschitz=math.sqrt(2),
    differences={
        "optax": "multiclass_sparsemax_loss is the same; sparsemax_loss there is the binary one, "
        "which is smoothed_hinge_loss with gamma=2 here",
    },
)
def multiclass_sparsemax_loss(
    logits: Expression, targets: Expression, axis: int = -1
) -> Expression:
    """Multiclass sparsemax loss: cross entropy's counterpart for sparse probabilities.

    For classifiers whose probabilities are the sparsemax of the scores, so that most classes have
    probability 0. It is 0 where the label is ahead of all others by 1.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Raw scores of C classes along ``axis``.
    targets : array of integers, shape of ``logits`` without ``axis``
        Class labels from 0 to C-1.
    axis : int
        The class axis.

    Notes
    -----
    With p the sparsemax of the logits z, tau their threshold and q the shares of the other classes,
    the loss is ``(sum(q**2) + sum(q)**2) / 2 + max(0, tau - z[label])``: no term is negative, so
    that small losses keep their digits. The gradient is p minus the one-hot label.

    See Also
    --------
    cross_entropy : For probabilities that are never 0.
    smoothed_hinge_loss : The same for two classes, with ``gamma=2``.

    Examples
    --------
    >>> from lossary import multiclass_sparsemax_loss
    >>> multiclass_sparsemax_loss([[2.0, 1.5, -1.0], [0.5, 0.2, 0.0]], [0, 1])
    array([0.0625, 0.43  ])
    """
    return multiclass_sparsemax(logits, targets)


@loss(
    targets=CLASS_LABELS,
    family="margin",
    source="Bartlett, Jordan & McAuliffe (2006), Convexity, classification, and risk bounds, "
    "doi:10.1198/016214505000000907",
    convex=False,
    smooth=False,
    evaluation=True,
    differences={"scikit-learn": "zero_one_loss compares labels with labels; always a mean"},
)
def multiclass_zero_one_loss(logits: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Multiclass zero-one loss: 0 if the label's score is the largest, else 1.

    For evaluation: its mean is the error rate, 1 minus the accuracy. Its gradient is 0 everywhere,
    so nothing can be trained with it.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Scores or probabilities of C classes along ``axis``.
    targets : array of integers, shape of ``logits`` without ``axis``
        Class labels from 0 to C-1.
    axis : int
        The class axis.

    Notes
    -----
    A tie between the label and another class counts as an error, so that equal scores for all
    classes are not taken for knowledge.

    See Also
    --------
    zero_one_loss : For two classes and one score.

    Examples
    --------
    >>> from lossary import multiclass_zero_one_loss
    >>> multiclass_zero_one_loss([[2.0, 1.5, -1.0], [0.0, 0.0, 3.0]], [0, 1])
    array([0., 1.])
    """
    lead = at_label(logits, targets) - _best_rival(logits, targets)
    return where(lead > 0, 0, where(lead <= 0, 1, math.nan))


@loss(
    targets=MULTI_HOT,
    family="margin",
    source="Good (1952), Rational decisions, doi:10.1111/j.2517-6161.1952.tb00104.x",
    convex=True,
    smooth=True,
    differences={"PyTorch": "the same formula; mean by default; weight is class_weights here"},
)
def multilabel_soft_margin_loss(
    logits: Expression,
    targets: Expression,
    axis: int = -1,
    *,
    class_weights: Expression | None = None,
) -> Expression:
    """Multilabel soft-margin loss: the mean over classes of the binary cross entropy.

    For examples with any number of labels, each class a yes or no of its own. It is
    ``binary_cross_entropy`` averaged per row, with class weights.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Logits of C classes along ``axis``.
    targets : array, shape (..., C, ...)
        1 where a class applies, 0 where it does not; values between are taken as probabilities.
    axis : int
        The class axis.

    Notes
    -----
    Class weights multiply each class's term; the sum is divided by C all the same. The terms are
    those of ``binary_cross_entropy``, which keep their digits.

    See Also
    --------
    binary_cross_entropy : The terms, unreduced.

    Examples
    --------
    >>> from lossary import multilabel_soft_margin_loss
    >>> multilabel_soft_margin_loss([[2.0, -1.0, 0.5]], [[1, 0, 1]])
    array([0.30475556])
    """
    terms = scale(targets, softplus(-logits)) + scale(1 - targets, softplus(logits))
    return mean_over_classes(terms if class_weights is None else scale(class_weights, terms))
