"""The losses of pairs of a batch: embeddings whose labels say what belongs together."""

from __future__ import annotations

from typing import Any

from lossary.definition.definition import Reduction
from lossary.products.facts import Facts
from lossary.products.groups import Groups
from lossary.products.pair_call import Arrays, PairCall
from lossary.products.pair_rows import AT_SAME_LABEL, CIRCLE, MULTI_SIMILARITY, over_temperature
from lossary.products.pairs import Term, pair_loss

_LABELLED_WITH_TEMPERATURE = Arrays(
    ("embeddings",), numbers=("temperature",), logits=over_temperature, labels=True
)


def _at_same_labels(call: PairCall) -> list[Term]:
    groups, embeddings = Groups(call), call.rows_of("embeddings")
    return [
        Term(
            call.operations.over(embeddings, call.number_of("temperature")),
            call.columns_of(embeddings, "others"),
            (call.items, groups.items),
            numbers=groups.columns,
            mask=groups.mask_of(groups.positives > 0),
        )
    ]


_SUPERVISED = Facts(
    family="contrastive",
    source="Khosla et al. (2020), arXiv:2004.11362",
    convex=True,
    smooth=True,
    differences={
        "the authors' code": "It multiplies the loss by the temperature over 0.07.",
        "pytorch-metric-learning": "``SupConLoss`` is the mean of it.",
    },
)


@pair_loss(AT_SAME_LABEL, _LABELLED_WITH_TEMPERATURE, _at_same_labels, _SUPERVISED)
def supervised_contrastive_loss(
    embeddings: Any,
    targets: Any,
    temperature: Any = 0.1,
    normalize: bool = True,
    *,
    reduction: Reduction = "none",
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    others: Any = None,
    other_targets: Any = None,
    offset: Any = 0,
    other_where: Any = None,
) -> Any:
    """Supervised contrastive loss: each item is to find those of its label among all others.

    For learning representations from labels. It is the mean, over the other items of an item's
    label, of the cross entropy of its similarities, divided by the temperature, to all others.

    Parameters
    ----------
    embeddings : array, shape (N, D)
        A vector for each item.
    targets : array of int, shape (N,)
        Labels, any integers: items with the same one belong together.
    temperature : float or 0-d array
        What similarities are divided by; positive. As an array it has a derivative.
    others : array, shape (M, D), optional
        The embeddings of all devices, which items are compared with. Those from ``offset`` on are
        one's own, and are replaced by ``embeddings``, which so get their gradient.
    other_targets : array of int, shape (M,), optional
        Labels of the others, of the dtype of ``targets``.

    See Also
    --------
    nt_xent_loss : Every item has two views, and no label.
    multi_similarity_loss, circle_loss : Weigh pairs by how far they are from where they should be.

    Notes
    -----
    An item that is the only one of its label takes no part: its loss is 0, and a mean does not
    count it.
    A row of zeros has the similarity 0 to everything, and the derivative 0.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import supervised_contrastive_loss
    >>> embeddings = np.array([[1.0, 0.5], [0.2, 1.0], [-1.0, 0.3], [0.9, 0.1], [0.0, 1.0]])
    >>> targets = np.array([0, 1, 2, 0, 1])
    >>> supervised_contrastive_loss(embeddings, targets)
    array([0.04532663, 0.02649853, 0.        , 0.00199609, 0.00595065])
    """


_LABELLED = Arrays(("embeddings",), labels=True)


def _by_similarity(call: PairCall) -> list[Term]:
    groups, embeddings = Groups(call), call.rows_of("embeddings")
    return [
        Term(
            embeddings,
            call.columns_of(embeddings, "others"),
            (call.items, groups.items),
            numbers=groups.columns,
            mask=call.mask,
            parameters={name: call.given[name] for name in ("alpha", "beta", "base")},
        )
    ]


_MULTI_SIMILARITY = Facts(
    family="contrastive",
    source="Wang et al. (2019), arXiv:1904.06627",
    convex=True,
    smooth=True,
    differences={"pytorch-metric-learning": "``MultiSimilarityLoss`` is the mean of it."},
)


@pair_loss(MULTI_SIMILARITY, _LABELLED, _by_similarity, _MULTI_SIMILARITY)
def multi_similarity_loss(
    embeddings: Any,
    targets: Any,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    normalize: bool = True,
    *,
    reduction: Reduction = "none",
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    others: Any = None,
    other_targets: Any = None,
    offset: Any = 0,
    other_where: Any = None,
) -> Any:
    """Multi-similarity loss: the hardest pairs of each item pull and push it most.

    For learning embeddings from labels. It is ``log(1 + sum(exp(-alpha * (s - base)))) / alpha``
    over the similarities s to the other items of an item's label, plus
    ``log(1 + sum(exp(beta * (s - base)))) / beta`` over those of other labels. All pairs of
    the batch take part.

    Parameters
    ----------
    embeddings : array, shape (N, D)
        A vector for each item.
    targets : array of int, shape (N,)
        Labels, any integers: items with the same one belong together.
    alpha : float
        How sharply the least similar items of the same label stand out; positive.
    beta : float
        How sharply the most similar items of other labels stand out; positive.
    base : float
        The similarity between what is too far and what is too close.
    others : array, shape (M, D), optional
        The embeddings of all devices, which items are compared with. Those from ``offset`` on are
        one's own, and are replaced by ``embeddings``, which so get their gradient.
    other_targets : array of int, shape (M,), optional
        Labels of the others, of the dtype of ``targets``.

    See Also
    --------
    circle_loss : Weighs pairs by how far they are from where they should be.
    supervised_contrastive_loss : One softmax over all others.

    Notes
    -----
    It is 0 for one item alone; an item that is the only one of its label takes part.
    A row of zeros has the similarity 0 to everything, and the derivative 0.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import multi_similarity_loss
    >>> embeddings = np.array([[1.0, 0.5], [0.2, 1.0], [-1.0, 0.3], [0.9, 0.1], [0.0, 1.0]])
    >>> targets = np.array([0, 1, 2, 0, 1])
    >>> multi_similarity_loss(embeddings, targets)
    array([2.87986776e-01, 2.75935714e-01, 4.82358744e-07, 1.73975446e-01,
           1.63308048e-01])
    """


def _by_circle(call: PairCall) -> list[Term]:
    groups, embeddings = Groups(call), call.rows_of("embeddings")
    return [
        Term(
            embeddings,
            call.columns_of(embeddings, "others"),
            (call.items, groups.items),
            numbers=groups.columns,
            mask=groups.mask_of((groups.positives > 0) & (groups.negatives > 0)),
            parameters={name: call.given[name] for name in ("margin", "gamma")},
        )
    ]


_CIRCLE = Facts(
    family="contrastive",
    source="Sun et al. (2020), arXiv:2002.10857",
    convex=False,
    smooth=False,
    differences={
        "pytorch-metric-learning": "``CircleLoss`` is a mean over losses above 0.",
        "Keras": "``Circle`` differentiates the weights too, and takes embeddings that are "
        "normalised.",
    },
)


@pair_loss(CIRCLE, _LABELLED, _by_circle, _CIRCLE)
def circle_loss(
    embeddings: Any,
    targets: Any,
    margin: float = 0.4,
    gamma: float = 80.0,
    normalize: bool = True,
    *,
    reduction: Reduction = "none",
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    others: Any = None,
    other_targets: Any = None,
    offset: Any = 0,
    other_where: Any = None,
) -> Any:
    """Circle loss: each pair is weighed by how far its similarity is from where it should be.

    For learning embeddings from labels, faces above all. With the similarities p to the other items
    of an item's label and n to those of other labels it is the softplus of
    ``logsumexp(gamma * max(0, n + margin) * (n - margin))`` plus
    ``logsumexp(-gamma * max(0, 1 + margin - p) * (p - 1 + margin))``.

    Parameters
    ----------
    embeddings : array, shape (N, D)
        A vector for each item.
    targets : array of int, shape (N,)
        Labels, any integers: items with the same one belong together.
    margin : float
        What similarities of other labels are to stay below, and 1 less those of the same label.
    gamma : float
        How sharply the worst pairs stand out; positive.
    others : array, shape (M, D), optional
        The embeddings of all devices, which items are compared with. Those from ``offset`` on are
        one's own, and are replaced by ``embeddings``, which so get their gradient.
    other_targets : array of int, shape (M,), optional
        Labels of the others, of the dtype of ``targets``.

    See Also
    --------
    multi_similarity_loss : Weighs pairs by their similarities relative to each other.
    supervised_contrastive_loss : One softmax over all others.

    Notes
    -----
    The weights ``max(0, ...)`` are constants for the derivative, as in the paper. An item that has
    none of its label, or none of another, takes no part: its loss is 0, and a mean does not count
    it. For faces the paper has a margin of 0.25 and a gamma of 256.
    A row of zeros has the similarity 0 to everything, and the derivative 0.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import circle_loss
    >>> embeddings = np.array([[1.0, 0.5], [0.2, 1.0], [-1.0, 0.3], [0.9, 0.1], [0.0, 1.0]])
    >>> targets = np.array([0, 1, 2, 0, 1])
    >>> circle_loss(embeddings, targets, margin=0.25, gamma=4.0)
    array([1.78213341, 1.65824664, 0.        , 1.20203237, 1.34413812])
    """
