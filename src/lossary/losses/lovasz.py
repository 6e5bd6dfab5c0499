"""Lovász losses: the Jaccard loss of a region, extended from right and wrong to errors."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import PLUS_MINUS_ONE, PROBABILITIES, ZERO_OR_ONE
from lossary.formula import (
    Expression,
    cumulative_sum,
    maximum,
    scale,
    sorted_by,
    sum_over_classes,
    where,
)

_SOURCE = (
    "Berman, Triki & Blaschko (2018), The Lovász-softmax loss: a tractable surrogate for the "
    "optimization of the intersection-over-union measure in neural networks, arXiv:1705.08790"
)


def _extended_jaccard(errors: Expression, key: Expression, inside: Expression) -> Expression:
    """Return the sum of the errors times what each adds to the Jaccard loss.

    Elements become wrong one by one in the rising order of the key, that of falling errors.
    ``inside`` holds for elements of the target region.
    """
    hit = sorted_by(where(inside, 1, 0), key)
    size, hits, misses = sum_over_classes(hit), cumulative_sum(hit), cumulative_sum(1 - hit)
    # After h missed elements and m false alarms the loss is 1 - (size - h) / (size + m). An element
    # adds the difference from before it, written without subtraction.
    union = size + misses
    alarm = (1 - hit) * (size - hits) / maximum(union - 1, 1)
    share = where(union > 1, (hit + alarm) / union, 1)
    return sum_over_classes(scale(share, sorted_by(errors, key)))


@loss(
    targets=PLUS_MINUS_ONE,
    family="overlap",
    source=_SOURCE,
    convex=True,
    smooth=False,
    lipschitz=1.0,
    differences={
        "kornia": "lovasz_hinge_loss: 0/1 targets; always a mean over the batch",
        "segmentation_models_pytorch": 'LovaszLoss(mode="binary"): 0/1 targets; the whole batch is '
        "one region unless per_image",
    },
)
def lovasz_hinge_loss(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Lovász hinge: a convex bound of the Jaccard loss of a region, from scores.

    For binary segmentation that is judged by its intersection over union. Hinges of the elements
    are sorted, and each is multiplied by what its element adds to the Jaccard loss when it becomes
    wrong. It is often used to refine a model that was trained with a cross entropy.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Raw scores of the elements; positive for inside.
    targets : array, shape of inputs
        +1 inside the region and -1 outside.
    axis : int
        The axis that holds the elements of a region: reshape images of the shape (N, C, H, W) to
        (N, C, H * W).

    Notes
    -----
    The multipliers are constants for derivatives, at least 0, with sum 1. At a margin of 1 the
    subgradient is 0; at equal errors it is that of the order in which they are given. With an empty
    target region the loss is the largest hinge.

    See Also
    --------
    lovasz_softmax_loss : For probabilities.
    jaccard_loss : With products in place of an order.

    Examples
    --------
    >>> from lossary import lovasz_hinge_loss
    >>> lovasz_hinge_loss([[1.0, -2.0, 0.5, 2.0]], [[1.0, -1.0, -1.0, 1.0]])
    array([0.5])
    """
    margin = targets * inputs
    return _extended_jaccard(maximum(0, 1 - margin), margin, targets > 0)


@loss(
    targets=ZERO_OR_ONE,
    domains={"inputs": PROBABILITIES},
    family="overlap",
    source=_SOURCE,
    convex=True,
    smooth=False,
    lipschitz=1.0,
    differences={
        "kornia": "lovasz_softmax_loss: takes logits and labels; a mean over classes and batch",
        "segmentation_models_pytorch": 'LovaszLoss(mode="multiclass"): a mean over the classes '
        "that the targets have; the whole batch is one region unless per_image",
    },
)
def lovasz_softmax_loss(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Lovász-softmax: the Jaccard loss of a class, extended to probabilities.

    For segmentation into classes that is judged by its mean intersection over union. Pass the
    softmax of logits and one-hot targets: each class is a region of its own, and ``where`` leaves
    out classes that an image does not have. Where probabilities are 0 or 1 it is the Jaccard loss.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Probabilities that an element is in the region, from 0 to 1.
    targets : array, shape of inputs
        1 inside the region and 0 outside.
    axis : int
        The axis that holds the elements of a region: reshape images of the shape (N, C, H, W) to
        (N, C, H * W).

    Notes
    -----
    Absolute errors are sorted, and each is multiplied by what its element adds to the Jaccard loss
    when it becomes wrong: constants for derivatives, at least 0, with sum 1. At an error of 0 the
    derivative is 0; at equal errors it is that of the order in which they are given. With an empty
    target region the loss is the largest probability.

    See Also
    --------
    lovasz_hinge_loss : For scores of one region.
    jaccard_loss : With products in place of an order.

    Examples
    --------
    >>> from lossary import lovasz_softmax_loss
    >>> lovasz_softmax_loss([[0.9, 0.2, 0.4, 0.7]], [[1.0, 0.0, 0.0, 1.0]])
    array([0.275])
    """
    error = abs(targets - inputs)
    return _extended_jaccard(error, -error, targets > 0.5)
