"""Focal losses: examples that are predicted well count less."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import (
    AT_LEAST_ZERO,
    CLASSES_OR_PROBABILITIES,
    FROM_ZERO_TO_BELOW_ONE,
    FROM_ZERO_TO_ONE,
    UNIT_INTERVAL,
)
from lossary.formula import (
    Expression,
    expm1,
    is_finite,
    log1p,
    maximum,
    minimum,
    scale,
    sigmoid,
    softmax,
    softplus,
    where,
)
from lossary.losses.classification import over_targets

_FOCAL = "Lin, Goyal, Girshick, He & Dollar (2017), Focal loss for dense object detection"


@loss(
    targets=UNIT_INTERVAL,
    limits={"gamma": AT_LEAST_ZERO, "alpha": FROM_ZERO_TO_ONE},
    probability=lambda inputs: sigmoid(inputs),
    family="focal",
    source=f"{_FOCAL}, doi:10.1109/ICCV.2017.324, arXiv:1708.02002",
    convex=False,
    smooth=True,
    differences={
        "PyTorch": "none; torchvision's sigmoid_focal_loss has alpha=0.25 by default, and -1 turns "
        "it off",
        "optax": "sigmoid_focal_loss: alpha and gamma are keywords; never reduced",
        "Keras": "binary_focal_crossentropy: targets first, probabilities by default, clipped to "
        "1e-7; alpha only with apply_class_balancing; averages the last axis",
        "MONAI": "FocalLoss is the same; its sum is one of means over the elements of an image",
    },
)
def binary_focal_loss(
    inputs: Expression,
    targets: Expression,
    gamma: float = 2.0,
    alpha: float | None = None,
) -> Expression:
    """Binary focal loss: binary cross entropy in which easy examples count less.

    For detection and multi-label classification with many easy negatives: an example whose target
    is predicted with probability 0.9 counts a hundredth with ``gamma=2``. The inputs are logits.
    For classes that exclude each other take ``focal_loss``.

    Parameters
    ----------
    inputs : array, shape (...)
        Logits, any real number.
    targets : array, shape (...)
        Probability of the positive class, from 0 to 1; 0 and 1 for labels.
    gamma : float
        Exponent of the probability that the prediction misses; at least 0, and 0 gives the binary
        cross entropy.
    alpha : float, optional
        Weight of positive examples, from 0 to 1; negative ones have 1 - ``alpha``. None weighs both
        with 1.

    Notes
    -----
    The probability of a miss is computed from the tail in which it lies and not as a difference
    from 1, so a loss of 1e-26 keeps its digits. With a target strictly between 0 and 1 the loss is
    not 0 at the target. The loss is not convex: where a prediction is badly wrong, its slope
    falls slightly as the logit improves.

    See Also
    --------
    binary_cross_entropy : The same with ``gamma=0``.
    focal_loss : For classes that exclude each other.
    asymmetric_loss : With exponents of their own for positive and negative examples.

    Examples
    --------
    >>> from lossary import binary_focal_loss
    >>> binary_focal_loss([2.0, -2.0], [1.0, 1.0])
    array([0.00180356, 1.65007818])
    >>> binary_focal_loss([2.0, -2.0], [1.0, 1.0], alpha=0.25)
    array([0.00045089, 0.41251954])
    """
    miss = targets * sigmoid(-inputs) + (1 - targets) * sigmoid(inputs)
    surprise = scale(targets, softplus(-inputs)) + scale(1 - targets, softplus(inputs))
    power = miss**gamma
    # A power of a tiny chance may be 0; times an infinite surprise it is not.
    power = where((power == 0) & ~is_finite(surprise), miss, power)
    value = scale(power, surprise)
    if alpha is None:
        return value
    return scale(alpha * targets + (1 - alpha) * (1 - targets), value)


@loss(
    targets=CLASSES_OR_PROBABILITIES,
    limits={"gamma": AT_LEAST_ZERO},
    arguments=("logits", "targets"),
    probability=lambda logits: softmax(logits),
    family="focal",
    source=f"{_FOCAL}, doi:10.1109/ICCV.2017.324, arXiv:1708.02002",
    convex=False,
    smooth=True,
    differences={
        "PyTorch": "none",
        "Keras": "categorical_focal_crossentropy: targets first, one-hot; alpha=0.25 multiplies "
        "every class, so it is a quarter of this; probabilities by default, clipped to 1e-7",
        "MONAI": "FocalLoss(use_softmax=True): one-hot targets; not added up over the classes",
    },
)
def focal_loss(
    logits: Expression,
    targets: Expression,
    axis: int = -1,
    gamma: float = 2.0,
    *,
    class_weights: Expression | None = None,
) -> Expression:
    """Focal loss: cross entropy of a softmax in which easy examples count less.

    For classification into one of C classes, some of them rare or hard. What the publication calls
    alpha is ``class_weights``.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Scores before the softmax; any real number.
    targets : array, shape of logits without ``axis``, or shape of logits
        Integer class labels from 0 to C-1, or probabilities from 0 to 1.
    axis : int
        The class axis.
    gamma : float
        Exponent of the probability that the prediction misses; at least 0, and 0 gives the cross
        entropy.

    Notes
    -----
    The probability of a miss, 1 - p, is computed from the logarithm of p without a difference from
    1: a loss of 4e-38 keeps its digits. With probabilities as targets every class adds its own
    term, weighted by its target, so the loss is not 0 where prediction and target agree.

    See Also
    --------
    cross_entropy : The same with ``gamma=0``.
    binary_focal_loss : For two classes, or several that do not exclude each other.
    poly1_cross_entropy : Lets easy examples count more instead.

    Examples
    --------
    >>> from lossary import focal_loss
    >>> focal_loss([[2.0, 1.0, 0.0], [30.0, 1.0, 0.0]], [0, 0])
    array([4.56777990e-02, 4.21234119e-38])
    >>> focal_loss([[2.0, 1.0, 0.0]], [2], gamma=0.5)
    array([2.29667113])
    """

    def focused(surprise: Expression) -> Expression:
        return scale((-expm1(-surprise)) ** gamma, surprise)

    return over_targets(focused, logits, targets, class_weights)


@loss(
    targets=UNIT_INTERVAL,
    limits={
        "gamma_positive": AT_LEAST_ZERO,
        "gamma_negative": AT_LEAST_ZERO,
        "margin": FROM_ZERO_TO_BELOW_ONE,
    },
    probability=lambda inputs: sigmoid(inputs),
    family="focal",
    source="Ridnik, Ben-Baruch, Zamir, Noy, Friedman, Protter & Zelnik-Manor (2021), Asymmetric "
    "loss for multi-label classification, arXiv:2009.14119",
    convex=False,
    smooth=True,
    differences={
        "PyTorch": "none; timm's AsymmetricLossMultiLabel clamps the logarithm's argument at 1e-8 "
        "and divides the sum by the batch size",
    },
)
def asymmetric_loss(
    inputs: Expression,
    targets: Expression,
    gamma_positive: float = 1.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
) -> Expression:
    """Asymmetric loss: a focal loss that ignores easy negatives altogether.

    For multi-label classification with few positive labels per example. Negative examples have an
    exponent of their own, and those predicted with a probability up to ``margin`` cost nothing.

    Parameters
    ----------
    inputs : array, shape (...)
        Logits, any real number.
    targets : array, shape (...)
        Probability of the positive class, from 0 to 1; 0 and 1 for labels.
    gamma_positive, gamma_negative : float
        Exponents for positive and negative examples; at least 0.
    margin : float
        What is taken off the probability of a negative example; from 0 to below 1.

    Notes
    -----
    Where a probability equals ``margin`` the subgradient is 0; with ``gamma_negative`` above 0 that
    is the derivative. Above it the shifted probability is a difference, whose rounding error
    counts ``gamma_negative + 1`` times. For targets of 0 and 1, ``margin=0`` and equal exponents
    the loss is the binary focal loss.

    See Also
    --------
    binary_focal_loss : With one exponent and no margin.
    binary_cross_entropy : With exponents and margin 0.

    Examples
    --------
    >>> from lossary import asymmetric_loss
    >>> asymmetric_loss([2.0, 2.0, -4.0], [1.0, 0.0, 0.0])
    array([0.01513019, 0.84641495, 0.        ])
    """
    probability, miss = sigmoid(inputs), sigmoid(-inputs)
    positive = scale(miss**gamma_positive, softplus(-inputs))
    shifted = maximum(0, probability - margin)
    # -log(1 - shifted), as 1 - shifted is miss + margin where shifted is not 0. It is at most the
    # softplus, and equal to it without a margin, where the quotient may overflow.
    surprise = minimum(log1p(shifted / (miss + margin)), softplus(inputs))
    negative = scale(shifted**gamma_negative, surprise)
    return scale(targets, positive) + scale(1 - targets, negative)
