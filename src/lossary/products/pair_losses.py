"""The losses of pairs of a batch: each embedding has one that it belongs to."""

from __future__ import annotations

from typing import Any

from lossary.definition.definition import Reduction
from lossary.products.facts import Facts
from lossary.products.pair_call import Arrays, PairCall
from lossary.products.pair_rows import (
    AT_PARTNER,
    AT_PARTNER_OF_OTHERS,
    SIGMOID_OF_PAIRS,
    over_temperature,
    scaled,
)
from lossary.products.pairs import Term, pair_loss

_TWO_SIDES = Arrays(
    ("anchors", "positives"),
    ("others", "other_anchors"),
    numbers=("temperature",),
    logits=over_temperature,
)


def _at_partners(call: PairCall) -> list[Term]:
    anchors, positives = call.rows_of("anchors"), call.rows_of("positives")
    sides = [(anchors, call.columns_of(positives, "others"))]
    if call.given["symmetric"]:
        sides.append((positives, call.columns_of(anchors, "other_anchors")))
    temperature = call.number_of("temperature")
    return [
        Term(
            call.operations.over(rows, temperature),
            columns,
            (call.items,),
            numbers=call.columns,
            mask=call.mask,
            share=1 / len(sides),
        )
        for rows, columns in sides
    ]


_INFO_NCE = Facts(
    family="contrastive",
    source="van den Oord, Li & Vinyals (2018), arXiv:1807.03748; symmetric: Radford et al. (2021), "
    "arXiv:2103.00020; N-pair loss: Sohn (2016), Advances in Neural Information Processing "
    "Systems 29",
    convex=True,
    smooth=True,
    differences={
        "open_clip": "``ClipLoss`` is the symmetric one; it takes the inverse of the temperature "
        "and embeddings that are normalised, and is a mean.",
        "sentence-transformers": "``MultipleNegativesRankingLoss`` is this with a temperature of "
        "1/20, and a mean.",
        "pytorch-metric-learning": "``NPairsLoss`` takes labels.",
    },
)


@pair_loss(AT_PARTNER, _TWO_SIDES, _at_partners, _INFO_NCE)
def info_nce_loss(
    anchors: Any,
    positives: Any,
    temperature: Any = 0.1,
    normalize: bool = True,
    symmetric: bool = False,
    *,
    reduction: Reduction = "none",
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    others: Any = None,
    other_anchors: Any = None,
    offset: Any = 0,
    other_where: Any = None,
) -> Any:
    """InfoNCE: each anchor is to find its positive among those of the whole batch.

    For embeddings of pairs: two views of an image, a question and its answer; with
    ``symmetric=True`` the loss of CLIP, for images and their captions. It is the cross entropy of
    an anchor's similarities, divided by the temperature, to all positives. Its N x N
    similarities are computed in tiles and never stored.

    Parameters
    ----------
    anchors : array, shape (N, D)
        Embeddings.
    positives : array, shape (N, D)
        An embedding for each anchor that it belongs to; those of other rows are its negatives.
    temperature : float or 0-d array
        What similarities are divided by; positive. As an array it has a derivative.
    symmetric : bool
        Whether it is the mean of this loss and that with anchors and positives exchanged.
    others : array, shape (M, D), optional
        The positives of all devices, which anchors are compared with. Those from ``offset`` on are
        one's own, and are replaced by ``positives``, which so get their gradient.
    other_anchors : array, shape (M, D), optional
        The anchors of all devices, where the loss is symmetric.

    See Also
    --------
    nt_xent_loss : Both sides are views of the same kind, and each is compared with both.
    pairwise_sigmoid_loss : Decides about each pair by itself.
    supervised_contrastive_loss : Labels say what belongs together.

    Notes
    -----
    It is 0 for one pair alone. The multi-class N-pair loss is that with ``normalize=False`` and a
    temperature of 1, without its penalty on lengths.
    A row of zeros has the similarity 0 to everything, and the derivative 0.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import info_nce_loss
    >>> anchors = np.array([[1.0, 0.5], [0.2, 1.0], [-1.0, 0.3]])
    >>> positives = np.array([[0.9, 0.6], [0.1, 1.2], [-1.0, -0.2]])
    >>> info_nce_loss(anchors, positives, temperature=0.5)
    array([0.34271688, 0.48704978, 0.26733952])
    """


_VIEWS = Arrays(
    ("x1", "x2"), ("others1", "others2"), numbers=("temperature",), logits=over_temperature
)


def _at_other_views(call: PairCall) -> list[Term]:
    x1, x2, operations = call.rows_of("x1"), call.rows_of("x2"), call.operations
    columns = operations.joined(call.columns_of(x1, "others1"), call.columns_of(x2, "others2"))
    rows = operations.over(operations.joined(x1, x2), call.number_of("temperature"))
    first, second = call.items, call.items + call.total
    return [
        Term(
            rows,
            columns,
            (call.twice(second, first), call.twice(first, second)),
            numbers=None if call.columns is None else call.twice(call.columns, call.columns),
            mask=call.mask,
            views=2,
        )
    ]


_NT_XENT = Facts(
    family="contrastive",
    source="Chen et al. (2020), arXiv:2002.05709",
    convex=True,
    smooth=True,
    differences={
        library: f"``{name}`` takes one array with labels, has a temperature of 0.07 by default, "
        "and is a mean. Where a label has more than two items, it is neither this loss nor the "
        "supervised one."
        for library, name in (("optax", "ntxent"), ("pytorch-metric-learning", "NTXentLoss"))
    },
)


@pair_loss(AT_PARTNER_OF_OTHERS, _VIEWS, _at_other_views, _NT_XENT)
def nt_xent_loss(
    x1: Any,
    x2: Any,
    temperature: Any = 0.5,
    normalize: bool = True,
    *,
    reduction: Reduction = "none",
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    others1: Any = None,
    others2: Any = None,
    offset: Any = 0,
    other_where: Any = None,
) -> Any:
    """NT-Xent, the loss of SimCLR: each view is to find the other one of its item.

    For learning representations without labels, from two random views of each item. A view's
    cross entropy is that of its similarities, divided by the temperature, to all 2N - 1 other
    views; an item's loss is the mean of its two.

    Parameters
    ----------
    x1 : array, shape (N, D)
        Embeddings of the items' first views.
    x2 : array, shape (N, D)
        Embeddings of their second views.
    temperature : float or 0-d array
        What similarities are divided by; positive. As an array it has a derivative.
    others1, others2 : array, shape (M, D), optional
        The views of all devices, which views are compared with. Those from ``offset`` on are one's
        own, and are replaced by ``x1`` and ``x2``, which so get their gradient.

    See Also
    --------
    info_nce_loss : Anchors are compared with positives only.
    supervised_contrastive_loss : The same of the joined views where labels are the items.

    Notes
    -----
    It is 0 for one item alone.
    A row of zeros has the similarity 0 to everything, and the derivative 0.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import nt_xent_loss
    >>> x1 = np.array([[1.0, 0.5], [0.2, 1.0], [-1.0, 0.3]])
    >>> x2 = np.array([[0.9, 0.6], [0.1, 1.2], [-1.0, -0.2]])
    >>> nt_xent_loss(x1, x2)
    array([0.69502587, 0.79056308, 0.32325724])
    """


_SCALED = Arrays(("anchors", "positives"), numbers=("scales", "biases"), logits=scaled)


def _by_sigmoid(call: PairCall) -> list[Term]:
    anchors, positives = call.rows_of("anchors"), call.rows_of("positives")
    return [
        Term(
            call.operations.times(anchors, call.number_of("scales")),
            call.columns_of(positives, "others"),
            (call.items,),
            bias=call.operations.repeated(call.number_of("biases"), call.total),
            numbers=call.columns,
            mask=call.mask,
        )
    ]


_SIGMOID = Facts(
    family="contrastive",
    source="Zhai et al. (2023), arXiv:2303.15343",
    convex=True,
    smooth=True,
    differences={
        "open_clip": "``SigLipLoss`` takes embeddings that are normalised, and is the mean."
    },
    initial={"scales": 10.0, "biases": -10.0},
)


@pair_loss(SIGMOID_OF_PAIRS, _SCALED, _by_sigmoid, _SIGMOID)
def pairwise_sigmoid_loss(
    anchors: Any,
    positives: Any,
    scales: Any,
    biases: Any,
    normalize: bool = True,
    *,
    reduction: Reduction = "none",
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    others: Any = None,
    offset: Any = 0,
    other_where: Any = None,
) -> Any:
    """Pairwise sigmoid loss, that of SigLIP: for each pair, whether it belongs together.

    For embeddings of images and their captions, in large batches: no softmax needs all
    similarities at once. It is the sum over all positives of the binary cross entropy of the score
    ``scales * similarity + biases``, whose target is 1 for the anchor's own positive and 0 for the
    others; its mean over the anchors is SigLIP's.

    Parameters
    ----------
    anchors : array, shape (N, D)
        Embeddings.
    positives : array, shape (N, D)
        An embedding for each anchor that it belongs to; those of other rows are its negatives.
    scales : float or 0-d array
        What similarities are multiplied by; SigLIP starts at 10. It has a derivative.
    biases : float or 0-d array
        The bias, added to similarities; SigLIP starts at -10. It has a derivative too, as both
        are learned.
    others : array, shape (M, D), optional
        The positives of all devices, which anchors are compared with. Those from ``offset`` on are
        one's own, and are replaced by ``positives``, which so get their gradient.

    See Also
    --------
    info_nce_loss : One softmax over all positives.

    Notes
    -----
    A row of zeros has the similarity 0 to everything, and the derivative 0.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import pairwise_sigmoid_loss
    >>> anchors = np.array([[1.0, 0.5], [0.2, 1.0], [-1.0, 0.3]])
    >>> positives = np.array([[0.9, 0.6], [0.1, 1.2], [-1.0, -0.2]])
    >>> pairwise_sigmoid_loss(anchors, positives, 10.0, -10.0)
    array([0.74069474, 0.77835344, 1.44164033])
    """
