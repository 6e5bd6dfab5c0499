"""Ranking losses of lists: all items of a list at once, in the order of their relevance."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import ZERO_OR_ONE
from lossary.formula import (
    Expression,
    class_count,
    cumulative_negative_log_softmax,
    maximum,
    pair_disorder,
    sorted_by,
    sum_over_classes,
    where,
)


@loss(
    family="ranking",
    source="Xia, Liu, Wang, Zhang & Li (2008), Listwise approach to learning to rank: theory and "
    "algorithm, doi:10.1145/1390156.1390306",
    convex=True,
    smooth=True,
    differences={
        "rax": "listmle_loss: the same number; ties of targets are shuffled where a key is given",
        "allRank": "listMLE: adds 1e-10 to the sums; shuffles the items first; mean over the batch",
    },
)
def listmle_loss(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """ListMLE: the surprise at the right order of a list, drawn item by item by a softmax.

    For learning to rank lists whose whole order matters. The first item of the right order is
    to be drawn by a softmax of all scores, the second by a softmax of those that are left, and so
    on (the model of Plackett and Luce). Where only the best items matter, leave the others out with
    ``where``.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Scores of the items of a list.
    targets : array, shape of inputs
        Relevances: any real numbers, of which only the order counts.
    axis : int
        The axis along which the items of a list lie.

    Notes
    -----
    Items of equal relevance stay in the order in which they are given, and the loss depends on
    it. The term of each item is the logarithm of a softmax in which the items left are added up,
    not subtracted from, so it stays accurate where the right item dominates and is tiny. The last
    item costs nothing. With a mask of the shape of ``inputs``, lists may have different lengths:
    items left out take no place in the order. The derivative with respect to ``targets`` is 0: the
    loss jumps where two of them change places, and is constant elsewhere.

    See Also
    --------
    label_ranking_loss : The share of pairs in the wrong order, for evaluation.
    margin_ranking_loss : For one pair.

    Examples
    --------
    >>> from lossary import listmle_loss
    >>> listmle_loss([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]], [[3.0, 1.0, 0.0], [3.0, 1.0, 0.0]])
    array([0.72086765, 3.72086765])
    """
    ordered = sorted_by(inputs, targets, falling=True)
    return sum_over_classes(cumulative_negative_log_softmax(ordered, reverse=True))


@loss(
    targets=ZERO_OR_ONE,
    family="ranking",
    source="Tsoumakas, Katakis & Vlahavas (2010), Mining multi-label data, "
    "doi:10.1007/978-0-387-09823-4_34",
    convex=False,
    smooth=False,
    evaluation=True,
    differences={
        "scikit-learn": "label_ranking_loss takes targets first; always a mean over the rows",
        "torchmetrics": "MultilabelRankingLoss: a mean over the batch",
    },
)
def label_ranking_loss(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Label ranking loss: the share of pairs of labels in the wrong order.

    For evaluating scores of several labels, of which some apply: how often a label that does not
    apply is scored as high as one that does. Its gradient is 0, so nothing can be trained with it;
    ``multilabel_margin_loss`` is a bound that can.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Scores of the labels.
    targets : array, shape of inputs
        1 where a label applies, 0 where it does not.
    axis : int
        The axis along which the labels lie.

    Notes
    -----
    A tie is an error. A row without labels that apply, or without others, costs 0. Labels with a
    target above 0.5 apply. The pairs are counted in sorted rows, in time proportional to C log C.

    See Also
    --------
    multilabel_margin_loss : A hinge for each pair.
    listmle_loss : For relevances of more than two degrees.

    Examples
    --------
    >>> from lossary import label_ranking_loss
    >>> label_ranking_loss([[0.75, 0.5, 1.0]], [[1.0, 0.0, 0.0]])
    array([0.5])
    """
    applies = targets > 0.5
    count = sum_over_classes(where(applies, 1, 0))
    pairs = count * (class_count() - count)
    return pair_disorder(inputs, applies) / maximum(pairs, 1)
