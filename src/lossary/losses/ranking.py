"""Ranking losses: which of two comes first, which of two is nearer."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import AT_LEAST_ZERO, FINITE, PLUS_MINUS_ONE, POSITIVE
from lossary.formula import (
    Expression,
    is_finite,
    max_over_classes,
    maximum,
    minimum,
    negative_log_softmax,
    scale,
    softened_norm,
    softmax,
    softplus,
    stop_gradient,
    sum_over_classes,
    where,
)


@loss(
    targets=PLUS_MINUS_ONE,
    limits={"margin": FINITE},
    arguments=("inputs1", "inputs2", "targets"),
    family="ranking",
    source="Herbrich, Graepel & Obermayer (1999), Support vector learning for ordinal regression, "
    "doi:10.1049/cp:19991091",
    convex=True,
    smooth=False,
    lipschitz=1.0,
    differences={
        "MLX": "the same value; the gradient at the kink is that of the sloped side",
        "PyTorch": "mean by default; the gradient at the kink is that of the sloped side; shapes "
        "of equal rank broadcast",
    },
)
def margin_ranking_loss(
    inputs1: Expression, inputs2: Expression, targets: Expression, margin: float = 0.0
) -> Expression:
    """Margin ranking loss: zero if the first ranks above the second by the margin.

    For learning to rank from pairs of items of which one is preferred. A target of -1 asks for
    the opposite order. With the default margin of 0 a model that scores all items alike pays
    nothing.

    Parameters
    ----------
    inputs1, inputs2 : array, shape (...)
        Scores of the two items.
    targets : array, shape (...)
        +1 if the first is to rank higher, -1 if the second.
    margin : float
        Difference of the scores beyond which the loss is 0.

    Notes
    -----
    At the kink (a tie, if the margin is 0) the subgradient is 0, so that pairs which start as
    ties do not move; a positive margin separates them.

    See Also
    --------
    hinge_loss : The same of one score, with a margin of 1.
    triplet_loss : Ranks distances instead of scores.

    Examples
    --------
    >>> from lossary import margin_ranking_loss
    >>> margin_ranking_loss([2.0, 0.0], [1.0, 1.0], [1.0, 1.0], margin=0.5)
    array([0. , 1.5])
    """
    return maximum(0, margin - targets * (inputs1 - inputs2))


@loss(
    targets=PLUS_MINUS_ONE,
    limits={"margin": FINITE},
    arguments=("inputs1", "inputs2", "targets"),
    family="ranking",
    source="Burges et al. (2005), Learning to rank using gradient descent, "
    "doi:10.1145/1102351.1102363; Bradley & Terry (1952), doi:10.2307/2334029",
    convex=True,
    smooth=True,
    lipschitz=1.0,
    differences={
        "rax": "pairwise_logistic_loss takes all pairs of a list",
        "TRL": "the loss of its reward models: targets=1 here, with the chosen response first",
    },
)
def pairwise_logistic_loss(
    inputs1: Expression, inputs2: Expression, targets: Expression, margin: float = 0.0
) -> Expression:
    """Pairwise logistic loss: the negative log-probability of the order of two scores.

    For learning to rank from pairs, and for reward models: the Bradley-Terry model, in which the
    difference of two scores is the log-odds of the first being preferred. Unlike the margin
    ranking loss it never stops asking for a larger difference.

    Parameters
    ----------
    inputs1, inputs2 : array, shape (...)
        Scores of the two items.
    targets : array, shape (...)
        +1 if the first is to rank higher, -1 if the second.
    margin : float
        What the difference of the scores is to exceed.

    Notes
    -----
    Computed as a softplus, so that the loss of a clear order keeps its digits as far as the
    difference of the scores has them: an error of one unit in a difference of d changes a small
    loss by d units.

    See Also
    --------
    margin_ranking_loss : Zero beyond the margin.
    logistic_loss : The same of one score.

    Examples
    --------
    >>> from lossary import pairwise_logistic_loss
    >>> pairwise_logistic_loss([2.0, 0.0], [1.0, 1.0], [1.0, 1.0])
    array([0.31326169, 1.31326169])
    """
    return softplus(margin - targets * (inputs1 - inputs2))


@loss(
    family="ranking",
    source="Cao, Qin, Liu, Tsai & Li (2007), Learning to rank: from pairwise approach to listwise "
    "approach, doi:10.1145/1273496.1273513",
    convex=True,
    smooth=True,
    differences={
        "optax": "ranking_softmax_loss uses the relevances as they are: cross_entropy with "
        "probability targets here",
        "rax": "softmax_loss as optax's",
    },
)
def listnet_loss(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """ListNet loss: the cross entropy between the top-one probabilities of relevances and scores.

    For ranking lists of items with graded relevances: both are turned into probabilities of being
    first by a softmax. It is not ``cross_entropy`` with the relevances as targets, which does not
    normalise them.

    Parameters
    ----------
    inputs : array, shape (..., N, ...)
        Scores of the N items of a list along ``axis``.
    targets : array, shape (..., N, ...)
        Relevances of the items, any real numbers: larger is better.
    axis : int
        The axis of the items.

    Notes
    -----
    Lists of different lengths are padded, and ``where`` of the scores' shape masks the padding.

    See Also
    --------
    cross_entropy : For targets that are probabilities.

    Examples
    --------
    >>> from lossary import listnet_loss
    >>> listnet_loss([[2.0, 1.0, 0.0]], [[3.0, 1.0, 0.0]])
    array([0.6058213])
    """
    return sum_over_classes(scale(softmax(targets), negative_log_softmax(inputs)))


def _distance(difference: Expression, p: float, eps: float) -> Expression:
    if p == 2:
        return softened_norm(difference, eps)
    size = abs(difference)
    if p == 1:
        return sum_over_classes(size) + eps
    # As in softened_norm, powers are taken of shares of the largest part.
    root: Expression | float = eps ** (1 / p)
    largest = maximum(max_over_classes(size), root)
    unit = stop_gradient(where((largest > 0) & is_finite(largest), largest, 1))
    return unit * (sum_over_classes((size / unit) ** p) + (root / unit) ** p) ** (1 / p)


@loss(
    limits={"p": POSITIVE, "margin": FINITE, "eps": AT_LEAST_ZERO},
    structure=("p",),
    arguments=("anchors", "positives", "negatives"),
    family="ranking",
    source="Schroff, Kalenichenko & Philbin (2015), FaceNet, doi:10.1109/CVPR.2015.7298682; swap: "
    "Balntas, Riba, Ponsa & Mikolajczyk (2016), Learning local feature descriptors with triplets "
    "and shallow convolutional neural networks, doi:10.5244/C.30.119",
    convex=False,
    smooth=False,
    differences={
        "MLX": "the same formula; shapes broadcast; the gradient at identical points is NaN if eps "
        "is 0",
        "PyTorch": "triplet_margin_loss: argument order (margin, p, eps, swap); adds eps to the "
        "differences; mean by default",
        "optax": "triplet_margin_loss: no absolute value, so odd p is wrong",
    },
)
def triplet_loss(
    anchors: Expression,
    positives: Expression,
    negatives: Expression,
    axis: int = -1,
    p: float = 2,
    margin: float = 1.0,
    eps: float = 1e-6,
    *,
    swap: bool = False,
) -> Expression:
    """Triplet loss: the anchor is to lie nearer to the positive than to the negative.

    For learning embeddings in which what belongs together is near: faces, sentences, products.
    Distances are not squared.

    Parameters
    ----------
    anchors, positives, negatives : array, shape (..., C, ...)
        Embeddings along ``axis``.
    axis : int
        The axis along which the embeddings lie.
    p : float
        Degree of the norm; positive.
    margin : float
        How much nearer the positive has to be.
    eps : float
        Added to the sum of powers, so that the distance is differentiable at 0.
    swap : bool
        Whether the distance of the positive from the negative counts instead of the anchor's where
        it is smaller, so that a negative next to the positive is pushed away too.

    Notes
    -----
    The distance of identical vectors is ``eps ** (1 / p)`` (1e-3 with the defaults, about 1e-6 in
    PyTorch), and its derivative there is 0, with ``eps=0`` too. At the kink, where the negative
    is farther by exactly the margin, the subgradient is 0; at a tie of the two distances with
    ``swap`` it is that of the anchor's. In code from PyTorch name the arguments:
    its third number is ``p``, here it is ``margin`` that comes after ``axis`` and ``p``.

    See Also
    --------
    margin_ranking_loss : For scores instead of vectors.
    cosine_similarity_loss : Compares directions.

    Examples
    --------
    >>> from lossary import triplet_loss
    >>> triplet_loss([[0.0, 0.0]], [[3.0, 4.0]], [[6.0, 8.0]], margin=6.0, eps=0.0)
    array([1.])
    """
    near = _distance(anchors - positives, p, eps)
    far = _distance(anchors - negatives, p, eps)
    if swap:
        far = minimum(far, _distance(positives - negatives, p, eps))
    return maximum(0, near - far + margin)
