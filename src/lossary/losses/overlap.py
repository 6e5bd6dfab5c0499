"""Overlap losses: how little a predicted region and a target region have in common."""

from __future__ import annotations

import math
from typing import Any

from lossary.decorator import loss
from lossary.domains import AT_LEAST_ZERO, POSITIVE, PROBABILITIES, UNIT_INTERVAL
from lossary.formula import Expression, share, sigmoid, sum_over_classes, where


def _overlap(
    inputs: Expression,
    targets: Expression,
    with_logits: bool,
    alpha: float = 1,
    beta: float = 1,
    weights: Expression | float = 1,
) -> tuple[Expression, Expression]:
    """Return the sum of what both regions have, and the weighted sum of what only one has.

    ``alpha`` weighs what only the prediction has, ``beta`` what only the target has, ``weights``
    each element.
    """
    # The complement of a probability near 1 is exact as a sigmoid of the opposite logit.
    inside = sigmoid(inputs) if with_logits else inputs
    outside = sigmoid(-inputs) if with_logits else 1 - inputs
    only_one = alpha * (inside * (1 - targets)) + beta * (outside * targets)
    both = inside * targets
    return sum_over_classes(weights * both), sum_over_classes(weights * only_one)


@loss(
    targets=UNIT_INTERVAL,
    domains={"inputs": PROBABILITIES},
    limits={"smooth": AT_LEAST_ZERO},
    family="overlap",
    several_axes=True,
    source="Milletari, Navab & Ahmadi (2016), V-Net: fully convolutional neural networks for "
    "volumetric medical image segmentation, arXiv:1606.04797",
    convex=False,
    smooth=True,
    differences={
        "optax": "dice_loss(smooth=1) is smooth=2 here; softmax of logits by default; sums over "
        "all axes but the first",
        "Keras": "dice takes targets first, sums over all axes at once; adds 1e-7 to the "
        "denominator alone, so that nothing against nothing costs 1",
        "MONAI": "DiceLoss with equal smooth_nr and smooth_dr is the same, 1e-5 by default",
        "segmentation_models_pytorch": "DiceLoss: smooth=0, sums over the batch too; classes "
        "without targets cost 0",
    },
)
def dice_loss(
    inputs: Expression,
    targets: Expression,
    axis: int | tuple[int, ...] = -1,
    smooth: float = 1.0,
    with_logits: bool = False,
) -> Expression:
    """Dice loss: 1 minus twice the overlap of two regions, divided by the sum of their sizes.

    For segmentation where the region is a small part of the image: elements outside both regions do
    not count. Add a cross entropy where its gradient vanishes, far from the target. V-Net squares
    the terms in the denominator; this does not.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Probabilities that an element is in the region, from 0 to 1; logits if ``with_logits``. For
        classes that exclude each other, pass their softmax.
    targets : array, shape of inputs
        1 inside the region and 0 outside, or probabilities.
    axis : int or tuple of int
        The axis that holds the elements of a region, or several: (2, 3) for images of the shape
        (N, C, H, W), which gives (N, C).
    smooth : float
        Added to numerator and denominator of the overlap; at least 0. With 0, two empty regions
        cost 0.
    with_logits : bool
        Whether ``inputs`` are logits.

    Notes
    -----
    Computed as the sum of what only one region has, divided by the sum of the sizes: a small loss
    keeps its digits. Two empty regions with ``smooth=0`` have loss and derivative 0. The loss is 0
    for equal regions only where targets are 0 or 1.

    See Also
    --------
    tversky_loss : With a weight each for what is predicted too much and too little.
    jaccard_loss : Relative to the union of the regions.

    Examples
    --------
    >>> from lossary import dice_loss
    >>> dice_loss([[0.9, 0.2, 0.4, 0.7]], [[1.0, 0.0, 0.0, 1.0]])
    array([0.19230769])
    """
    both, only_one = _overlap(inputs, targets, with_logits)
    return share(only_one, 2 * both + smooth)


_TVERSKY_SOURCE = (
    "Salehi, Erdogmus & Gholipour (2017), Tversky loss function for image segmentation using 3D "
    "fully convolutional deep networks, arXiv:1706.05721"
)


@loss(
    targets=UNIT_INTERVAL,
    domains={"inputs": PROBABILITIES},
    limits={"alpha": AT_LEAST_ZERO, "beta": AT_LEAST_ZERO, "smooth": AT_LEAST_ZERO},
    family="overlap",
    several_axes=True,
    source=_TVERSKY_SOURCE,
    convex=False,
    smooth=True,
    differences={
        "Keras": "tversky takes targets first and has alpha and beta exchanged: its alpha weighs "
        "what is missing; sums over all axes at once",
        "MONAI": "TverskyLoss with equal smooth_nr and smooth_dr is the same, 1e-5 by default",
        "segmentation_models_pytorch": "TverskyLoss: smooth=0, sums over the batch too; classes "
        "without targets cost 0",
    },
)
def tversky_loss(
    inputs: Expression,
    targets: Expression,
    axis: int | tuple[int, ...] = -1,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    with_logits: bool = False,
) -> Expression:
    """Tversky loss: a Dice loss with a weight each for false positives and false negatives.

    For segmentation where a missed element costs more than a false alarm, or less: ``beta`` above
    ``alpha`` finds more of small regions.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Probabilities that an element is in the region, from 0 to 1; logits if ``with_logits``.
    targets : array, shape of inputs
        1 inside the region and 0 outside, or probabilities.
    axis : int or tuple of int
        The axis that holds the elements of a region, or several: (2, 3) for images of the shape
        (N, C, H, W), which gives (N, C).
    alpha : float
        Weight of what only the prediction has; at least 0.
    beta : float
        Weight of what only the target has; at least 0.
    smooth : float
        Added to numerator and denominator of the overlap; at least 0.
    with_logits : bool
        Whether ``inputs`` are logits.

    Notes
    -----
    With ``alpha`` and ``beta`` 1/2 it is the Dice loss with twice the ``smooth``, with both 1 the
    Jaccard loss. The small sums stand above the line, so a small loss keeps its digits. Where
    nothing is left of numerator and denominator, loss and derivative are 0.

    See Also
    --------
    focal_tversky_loss : A power of it.
    dice_loss : With equal weights.

    Examples
    --------
    >>> from lossary import tversky_loss
    >>> tversky_loss([[0.9, 0.2, 0.4, 0.7]], [[1.0, 0.0, 0.0, 1.0]], alpha=0.3, beta=0.7)
    array([0.1503268])
    """
    both, only_one = _overlap(inputs, targets, with_logits, alpha, beta)
    return share(only_one, both + smooth)


@loss(
    targets=UNIT_INTERVAL,
    domains={"inputs": PROBABILITIES},
    limits={
        "alpha": AT_LEAST_ZERO,
        "beta": AT_LEAST_ZERO,
        "gamma": POSITIVE,
        "smooth": AT_LEAST_ZERO,
    },
    family="overlap",
    several_axes=True,
    source="Abraham & Khan (2019), A novel focal Tversky loss function with improved attention "
    "U-Net for lesion segmentation, arXiv:1810.07842",
    convex=False,
    differences={
        "segmentation_models_pytorch": "TverskyLoss(gamma): the power is taken of the mean over "
        "classes",
    },
)
def focal_tversky_loss(
    inputs: Expression,
    targets: Expression,
    axis: int | tuple[int, ...] = -1,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 0.75,
    smooth: float = 1.0,
    with_logits: bool = False,
) -> Expression:
    """Focal Tversky loss: a power of the Tversky loss, for regions that are hard to find.

    With ``gamma`` below 1, regions that are nearly right keep a gradient; above 1, training turns
    to those that are still wrong. The exponent is ``gamma`` itself: in the publication it is
    1/gamma.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Probabilities that an element is in the region, from 0 to 1; logits if ``with_logits``.
    targets : array, shape of inputs
        1 inside the region and 0 outside, or probabilities.
    axis : int or tuple of int
        The axis that holds the elements of a region, or several: (2, 3) for images of the shape
        (N, C, H, W), which gives (N, C).
    alpha : float
        Weight of what only the prediction has; at least 0.
    beta : float
        Weight of what only the target has; at least 0.
    gamma : float
        The exponent; positive.
    smooth : float
        Added to numerator and denominator of the overlap; at least 0.
    with_logits : bool
        Whether ``inputs`` are logits.

    Notes
    -----
    With ``gamma`` below 1 the derivative grows without bound as the overlap becomes perfect; at a
    perfect overlap it is taken as 0.

    See Also
    --------
    tversky_loss : With ``gamma=1``.

    Examples
    --------
    >>> from lossary import focal_tversky_loss
    >>> focal_tversky_loss([[0.9, 0.2, 0.4, 0.7]], [[1.0, 0.0, 0.0, 1.0]])
    array([0.24142226])
    """
    both, only_one = _overlap(inputs, targets, with_logits, alpha, beta)
    value = share(only_one, both + smooth)
    is_perfect = value == 0
    return where(is_perfect, 0, where(is_perfect, 1, value) ** gamma)


@loss(
    targets=UNIT_INTERVAL,
    domains={"inputs": PROBABILITIES},
    limits={"smooth": AT_LEAST_ZERO},
    family="overlap",
    several_axes=True,
    source="Rahman & Wang (2016), Optimizing intersection-over-union in deep neural networks for "
    "image segmentation, doi:10.1007/978-3-319-50835-1_22",
    convex=False,
    smooth=True,
    differences={
        "MONAI": "DiceLoss(jaccard=True) with smooth_nr and smooth_dr of 1 is smooth=0.5 here",
        "segmentation_models_pytorch": "JaccardLoss: smooth=0, sums over the batch too; classes "
        "without targets cost 0",
    },
)
def jaccard_loss(
    inputs: Expression,
    targets: Expression,
    axis: int | tuple[int, ...] = -1,
    smooth: float = 1.0,
    with_logits: bool = False,
) -> Expression:
    """Jaccard loss: 1 minus the intersection of two regions over their union.

    For segmentation that is judged by its intersection over union. It is stricter than the Dice
    loss: D for Dice is 2D / (1 + D) here, without ``smooth``.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Probabilities that an element is in the region, from 0 to 1; logits if ``with_logits``.
    targets : array, shape of inputs
        1 inside the region and 0 outside, or probabilities.
    axis : int or tuple of int
        The axis that holds the elements of a region, or several: (2, 3) for images of the shape
        (N, C, H, W), which gives (N, C).
    smooth : float
        Added to numerator and denominator of the overlap; at least 0. With 0, two empty regions
        cost 0.
    with_logits : bool
        Whether ``inputs`` are logits.

    Notes
    -----
    The intersection is the sum of products, the union that of the sizes minus the intersection.
    Two empty regions with ``smooth=0`` have loss and derivative 0.

    See Also
    --------
    dice_loss : Relative to the sum of the sizes.
    box_iou_loss : For boxes.

    Examples
    --------
    >>> from lossary import jaccard_loss
    >>> jaccard_loss([[0.9, 0.2, 0.4, 0.7]], [[1.0, 0.0, 0.0, 1.0]])
    array([0.27777778])
    """
    both, only_one = _overlap(inputs, targets, with_logits)
    return share(only_one, both + smooth)


def _relative_weights(xp: Any, targets: Any, axis: tuple[int, ...], class_axis: int | None) -> Any:
    """Return each class's weight, relative to that of the smallest region in the targets.

    Relative weights are from 0 to 1 whatever the sizes of regions are.
    """
    sizes = xp.sum_along(targets, axis)
    is_there = sizes > 0
    least = xp.where(is_there, sizes, math.inf)
    if class_axis is not None:
        least = xp.min(least, axis=class_axis, keepdims=True)
    return xp.where(is_there, least / xp.where(is_there, sizes, 1.0), 1.0) ** 2


@loss(
    targets=UNIT_INTERVAL,
    domains={"inputs": PROBABILITIES},
    limits={"smooth": AT_LEAST_ZERO},
    family="overlap",
    several_axes=True,
    prepare={"class_scales": _relative_weights},
    source="Sudre, Li, Vercauteren, Ourselin & Cardoso (2017), Generalised Dice overlap as a deep "
    "learning loss function for highly unbalanced segmentations, arXiv:1707.03237",
    convex=False,
    smooth=True,
    differences={
        "MONAI": "GeneralizedDiceLoss with equal smooth_nr and smooth_dr (1e-5 by default) is "
        "smooth here divided by the squared size of the smallest region in the targets; without "
        "any region in the targets it is 0 for every prediction",
        "optax": "multiclass_generalized_dice_loss is another loss: the mean of the classes' Dice "
        "losses, weighted by 1 / size^2 over the whole batch",
    },
)
def generalized_dice_loss(
    inputs: Expression,
    targets: Expression,
    axis: int | tuple[int, ...] = -1,
    class_axis: int | None = None,
    smooth: float = 0.0,
    with_logits: bool = False,
    *,
    class_scales: Expression | None = None,
) -> Expression:
    """Generalized Dice loss: one Dice loss of all classes, in which small regions count as much.

    For segmentation into classes of very different sizes. Overlaps and sizes of the classes are
    added up before they are divided, with weights of 1 / (size of the region in the targets)^2;
    :func:`dice_loss` divides class by class, where a region of a few elements has noisy losses. A
    class without a region in the targets gets the largest weight of the others, and weights are 1
    where no class has a region.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Probabilities that an element is in the region of a class, from 0 to 1; logits if
        ``with_logits``. For classes that exclude each other, pass their softmax.
    targets : array, shape of inputs
        1 inside the region and 0 outside, or probabilities.
    axis : int or tuple of int
        The axis that holds the elements of a region, or several: (2, 3) for images of the shape
        (N, C, H, W).
    class_axis : int, optional
        The axis that holds the classes: 1 for images of the shape (N, C, H, W), which gives (N,).
        By default there is one region, and this is the Dice loss.
    smooth : float
        Added to numerator and denominator of the overlap, in elements of the class with the
        largest weight; at least 0. With 0, empty regions of all classes cost 0.
    with_logits : bool
        Whether ``inputs`` are logits.

    Notes
    -----
    Weights are taken relative to the largest, so that none is too large for its dtype: it is the
    class_scales of the formula, (smallest size / size)^2 for the elements of a class. Derivatives
    take them for constants: that with respect to ``targets`` too. Elements that a mask leaves out
    belong to no region. The loss is computed as the weighted sum of what only one region has,
    divided by that of the sizes: a small loss keeps its digits.

    See Also
    --------
    dice_loss : The loss of each class.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import generalized_dice_loss
    >>> probabilities = np.array([[0.9, 0.2, 0.4, 0.7], [0.1, 0.8, 0.6, 0.3]])
    >>> targets = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]])
    >>> generalized_dice_loss(probabilities, targets, axis=1, class_axis=0)
    np.float64(0.4166666666666667)
    """
    weights = 1 if class_scales is None else class_scales
    both, only_one = _overlap(inputs, targets, with_logits, weights=weights)
    return share(only_one, 2 * both + smooth)
