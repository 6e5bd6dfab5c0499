"""Margin losses with an upper bound: however wrong a score is, it costs no more than that."""

from __future__ import annotations

import math

from lossary.decorator import loss
from lossary.domains import PLUS_MINUS_ONE, POSITIVE
from lossary.formula import Expression, maximum, minimum, sigmoid, where


@loss(
    targets=PLUS_MINUS_ONE,
    family="margin",
    source="Ghosh, Manwani & Sastry (2015), Making risk minimization tolerant to label noise, "
    "doi:10.1016/j.neucom.2014.09.081",
    convex=False,
    smooth=True,
    lipschitz=0.25,
    differences={
        "LossFunctions.jl": "SigmoidLoss is 1 - tanh: twice this loss at twice the score",
    },
)
def sigmoid_loss(inputs: Expression, targets: Expression) -> Expression:
    """Sigmoid loss: a smooth count of errors, from 0 to 1.

    For labels that are wrong for a constant share of the examples: the loss at a margin and at its
    opposite add up to 1, so that symmetric label noise does not move the minimum. It is not the
    loss of pairs of images and texts that is called by this name too.

    Parameters
    ----------
    inputs : array, shape (...)
        Raw scores, not probabilities; any real number.
    targets : array, shape (...)
        Labels, -1 or +1.

    Notes
    -----
    Far from 0 the slope vanishes on both sides, so that training needs a good start. Small losses
    keep their digits: a margin of 40 costs 4.2e-18.

    See Also
    --------
    ramp_loss : Piecewise linear and bounded too.
    zero_one_loss : The count of errors itself.

    Examples
    --------
    >>> from lossary import sigmoid_loss
    >>> sigmoid_loss([0.0, 2.0, -1.0], [1, 1, 1])
    array([0.5       , 0.11920292, 0.73105858])
    """
    return sigmoid(-(targets * inputs))


@loss(
    targets=PLUS_MINUS_ONE,
    limits={"cap": POSITIVE},
    family="margin",
    source="Collobert, Sinz, Weston & Bottou (2006), Trading convexity for scalability, "
    "doi:10.1145/1143844.1143870",
    convex=False,
    smooth=False,
    lipschitz=1.0,
)
def ramp_loss(inputs: Expression, targets: Expression, cap: float = 1.0) -> Expression:
    """Ramp loss: the hinge loss, cut off at ``cap``.

    For classification with outliers: an example that costs more than ``cap`` has no influence. It
    is not convex, so a good start helps, such as the minimum of the hinge loss.

    Parameters
    ----------
    inputs : array, shape (...)
        Raw scores, not probabilities; any real number.
    targets : array, shape (...)
        Labels, -1 or +1.
    cap : float
        Largest loss; positive. The paper's ``s`` is ``1 - cap``.

    Notes
    -----
    At both kinks the subgradient is 0.

    See Also
    --------
    hinge_loss : Without the cap.
    sigmoid_loss : Smooth and bounded.

    Examples
    --------
    >>> from lossary import ramp_loss
    >>> ramp_loss([0.5, 2.0, -3.0], [1, 1, 1])
    array([0.5, 0. , 1. ])
    """
    return minimum(cap, maximum(0, 1 - targets * inputs))


@loss(
    targets=PLUS_MINUS_ONE,
    family="margin",
    source="Bartlett, Jordan & McAuliffe (2006), Convexity, classification, and risk bounds, "
    "doi:10.1198/016214505000000907",
    convex=False,
    smooth=False,
    evaluation=True,
    differences={
        "scikit-learn": "zero_one_loss compares labels; hamming_loss is the mean over all elements "
        "of a multi-label array",
    },
)
def zero_one_loss(inputs: Expression, targets: Expression) -> Expression:
    """Zero-one loss: 1 for a score on the wrong side, 0 for one on the right side.

    For evaluation: its mean is the error rate. Its gradient is 0 everywhere, so nothing can be
    trained with it; the hinge and the logistic loss are bounds of it that can.

    Parameters
    ----------
    inputs : array, shape (...)
        Raw scores, not probabilities; any real number.
    targets : array, shape (...)
        Labels, -1 or +1.

    Notes
    -----
    A score of 0 decides for neither side and counts as an error.

    See Also
    --------
    multiclass_zero_one_loss : For several classes.
    hinge_loss : An upper bound that can be minimised.

    Examples
    --------
    >>> from lossary import zero_one_loss
    >>> zero_one_loss([0.5, 0.0, 2.0], [1, 1, -1])
    array([0., 1., 1.])
    """
    agreement = targets * inputs
    return where(agreement <= 0, 1, where(0 < agreement, 0, math.nan))
