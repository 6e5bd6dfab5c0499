"""Margin losses of several labels at once: every label that applies against every other one."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import ZERO_OR_ONE
from lossary.formula import Expression, class_count, pair_hinge


@loss(
    targets=ZERO_OR_ONE,
    family="margin",
    source="Elisseeff & Weston (2001), A kernel method for multi-labelled classification, "
    "Advances in Neural Information Processing Systems 14",
    convex=True,
    smooth=False,
    differences={
        "PyTorch": "targets are lists of labels that end with -1; mean by default; the same number",
    },
)
def multilabel_margin_loss(logits: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Multilabel margin loss: a hinge for each pair of a label that applies and one that does not.

    For examples with several labels, of which each is to score higher than every label that does
    not apply, by 1. ``multilabel_soft_margin_loss`` takes each label for itself.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Scores of the labels.
    targets : array, shape of logits
        1 where a label applies, 0 where it does not.
    axis : int
        The axis along which the labels lie.

    Notes
    -----
    The sum over the pairs is divided by C. A row without labels that apply, or without others,
    costs 0. Labels with a target above 0.5 apply. The derivative counts for each label the pairs
    nearer than 1; at the distance 1 it is 0. Rows are sorted, so time grows with C log C, and no
    term in the sum is negative.

    See Also
    --------
    label_ranking_loss : Counts the pairs in the wrong order, for evaluation.

    Examples
    --------
    >>> from lossary import multilabel_margin_loss
    >>> multilabel_margin_loss([[2.0, -1.0, 0.5], [0.5, 0.0, 0.5]], [[1.0, 0.0, 1.0]] * 2)
    array([0.        , 0.33333333])
    """
    return pair_hinge(logits, targets > 0.5) / class_count()
