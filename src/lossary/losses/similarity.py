"""Similarities between vectors."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import (
    AT_LEAST_ZERO,
    DISTANCES,
    FINITE,
    PLUS_MINUS_ONE,
    POSITIVE,
    ZERO_OR_ONE,
)
from lossary.formula import Expression, maximum, norm, sum_over_classes, where

_SALTON = (
    "Salton, Wong & Yang (1975), A vector space model for automatic indexing, "
    "doi:10.1145/361219.361220"
)
_HADSELL = (
    "Hadsell, Chopra & LeCun (2006), Dimensionality reduction by learning an invariant mapping, "
    "doi:10.1109/CVPR.2006.100"
)


def _cosine(x1: Expression, x2: Expression, eps: float) -> Expression:
    first, second = norm(x1), norm(x2)
    # Directions are multiplied and not the vectors, whose product may be beyond the dtype.
    cosine = sum_over_classes((x1 / first) * (x2 / second))
    return where(eps < first * second, cosine, sum_over_classes(x1 * x2) / eps)


def _cosine_distance(x1: Expression, x2: Expression, eps: float) -> Expression:
    first, second = norm(x1), norm(x2)
    # 1 - cos(angle) is half the squared distance of the directions, which does not cancel.
    step = x1 / first - x2 / second
    distance = 0.5 * sum_over_classes(step * step)
    return where(eps < first * second, distance, 1 - sum_over_classes(x1 * x2) / eps)


@loss(
    limits={"eps": POSITIVE},
    arguments=("x1", "x2"),
    family="similarity",
    source=_SALTON,
    convex=False,
    smooth=False,
    differences={
        "MLX": "the same value; the gradient at a zero vector is NaN; shapes broadcast",
        "PyTorch": "cosine_similarity clamps each norm, not their product",
        "optax": "cosine_similarity, axis -1, NaN at a zero vector; cosine_distance is 1 minus it",
        "Keras": "the negative similarity, targets first, axis -1",
    },
)
def cosine_similarity_loss(
    x1: Expression, x2: Expression, axis: int = 1, eps: float = 1e-8
) -> Expression:
    """Cosine similarity: LARGER IS CLOSER, so minimising it drives vectors apart.

    For comparing directions of embeddings, whatever their lengths. A similarity and not a
    distance, as in MLX: an optimiser that is to bring vectors together takes ``cosine_distance``.

    Parameters
    ----------
    x1 : array, shape (..., C, ...)
        Vectors along ``axis``.
    x2 : array, shape of x1
        Vectors to compare with.
    axis : int
        The axis along which the vectors lie; 1 by default, as in MLX.
    eps : float
        Smallest product of the norms to divide by; positive.

    Notes
    -----
    At a zero vector the value and the derivative with respect to the other vector are 0; that with
    respect to the zero vector itself is the other one divided by ``eps``, large and finite. The
    class axis is 1 by default, so vectors that are one-dimensional need ``axis=0``.

    See Also
    --------
    cosine_distance : 1 minus it, to be minimised.
    triplet_loss : Compares two distances.

    Examples
    --------
    >>> from lossary import cosine_similarity_loss
    >>> cosine_similarity_loss([[3.0, 4.0], [1.0, 0.0]], [[3.0, 4.0], [0.0, 2.0]])
    array([1., 0.])
    """
    return _cosine(x1, x2, eps)


@loss(
    limits={"eps": POSITIVE},
    arguments=("x1", "x2"),
    family="similarity",
    source=_SALTON,
    convex=False,
    smooth=False,
    differences={
        "PyTorch": "none; 1 - cosine_similarity, whose default axis is 1",
        "optax": "cosine_distance: NaN at a zero vector; 0 for vectors that nearly agree",
        "Keras": "CosineSimilarity is this minus 1, targets first",
    },
)
def cosine_distance(
    x1: Expression, x2: Expression, axis: int = -1, eps: float = 1e-8
) -> Expression:
    """Cosine distance: 1 minus the cosine of the angle between two vectors.

    For bringing embeddings into the same direction, whatever their lengths. The axis is the last
    one by default; that of ``cosine_similarity_loss`` is 1, as in MLX.

    Parameters
    ----------
    x1 : array, shape (..., C, ...)
        Vectors along ``axis``.
    x2 : array, shape of x1
        Vectors to compare with.
    axis : int
        The axis along which the vectors lie.
    eps : float
        Smallest product of the norms to divide by; positive.

    Notes
    -----
    Half the squared distance of the vectors that are divided by their lengths: an angle of 1e-6
    has a distance of 5e-13 and not 0. At a zero vector the value is 1, the derivative with respect
    to the other vector 0, and that with respect to the zero vector itself minus the other one
    divided by ``eps``, large and finite.

    See Also
    --------
    cosine_similarity_loss : The cosine itself.
    cosine_embedding_loss : For pairs that are to be similar, or not.

    Examples
    --------
    >>> from lossary import cosine_distance
    >>> cosine_distance([[3.0, 4.0, 0.0], [1.0, 0.0, 0.0]], [[0.0, 4.0, 3.0], [1.0, 1e-6, 0.0]])
    array([3.6e-01, 5.0e-13])
    """
    return _cosine_distance(x1, x2, eps)


@loss(
    targets=PLUS_MINUS_ONE,
    limits={"margin": FINITE, "eps": POSITIVE},
    arguments=("x1", "x2", "targets"),
    rows=("targets",),
    family="similarity",
    source=_HADSELL,
    convex=False,
    smooth=False,
    differences={
        "PyTorch": "mean by default; adds 1e-12 to the squared norms, so that the value at a zero "
        "vector is nearly the same and the gradient there is not",
    },
)
def cosine_embedding_loss(
    x1: Expression,
    x2: Expression,
    targets: Expression,
    axis: int = -1,
    margin: float = 0.0,
    eps: float = 1e-8,
) -> Expression:
    """Cosine embedding loss: similar pairs into one direction, dissimilar ones out of it.

    For learning embeddings from pairs of which some belong together, faces or sentences. A similar
    pair costs 1 minus its cosine; a dissimilar one what its cosine exceeds the margin by.

    Parameters
    ----------
    x1 : array, shape (..., C, ...)
        Vectors along ``axis``.
    x2 : array, shape of x1
        Vectors to compare with.
    targets : array, shape of x1 without ``axis``
        +1 for pairs that are similar, -1 for pairs that are not.
    axis : int
        The axis along which the vectors lie.
    margin : float
        Cosine up to which a dissimilar pair costs nothing; from -1 to 1.
    eps : float
        Smallest product of the norms to divide by; positive.

    Notes
    -----
    For similar pairs it is the cosine distance, which does not cancel where they nearly agree.
    Where the cosine of a dissimilar pair equals the margin, the subgradient is 0. Targets other
    than -1 and +1 cost nothing, with a warning.

    See Also
    --------
    cosine_distance : For similar pairs alone.
    contrastive_loss : From distances.
    triplet_loss : Compares two distances.

    Examples
    --------
    >>> from lossary import cosine_embedding_loss
    >>> one, other = [[3.0, 4.0, 0.0], [3.0, 4.0, 0.0]], [[0.0, 4.0, 3.0], [0.0, 4.0, 3.0]]
    >>> cosine_embedding_loss(one, other, [1, -1], margin=0.2)
    array([0.36, 0.44])
    """
    similar = _cosine_distance(x1, x2, eps)
    dissimilar = maximum(0, _cosine(x1, x2, eps) - margin)
    return where(targets == 1, similar, 0) + where(targets == -1, dissimilar, 0)


@loss(
    targets=PLUS_MINUS_ONE,
    domains={"inputs": DISTANCES},
    limits={"margin": FINITE},
    family="similarity",
    source=_HADSELL,
    convex=True,
    smooth=False,
    lipschitz=1.0,
    differences={
        "PyTorch": "mean by default; the gradient at the kink is that of the sloped side",
    },
)
def hinge_embedding_loss(
    inputs: Expression, targets: Expression, margin: float = 1.0
) -> Expression:
    """Hinge embedding loss: distances of similar pairs, and what dissimilar ones lack to a margin.

    For learning embeddings from pairs of which some belong together, given their distances. It is
    not the hinge loss, which takes scores.

    Parameters
    ----------
    inputs : array, shape (...)
        Distances of the pairs, at least 0.
    targets : array, shape (...)
        +1 for pairs that are similar, -1 for pairs that are not.
    margin : float
        Distance from which on a dissimilar pair costs nothing.

    Notes
    -----
    Where the distance of a dissimilar pair equals the margin, the subgradient is 0. Targets other
    than -1 and +1 add both terms, as in PyTorch, with a warning.

    See Also
    --------
    contrastive_loss : Squares both terms.
    hinge_loss : For scores.

    Examples
    --------
    >>> from lossary import hinge_embedding_loss
    >>> hinge_embedding_loss([0.5, 0.25, 2.0], [1, -1, -1])
    array([0.5 , 0.75, 0.  ])
    """
    similar = where(targets == -1, 0, inputs)
    return similar + where(targets == 1, 0, maximum(0, margin - inputs))


@loss(
    targets=ZERO_OR_ONE,
    domains={"inputs": DISTANCES},
    limits={"margin": AT_LEAST_ZERO},
    family="similarity",
    source=_HADSELL,
    convex=True,
    smooth=True,
    differences={
        "PyTorch": "none; ContrastiveLoss of sentence-transformers takes vectors, with a margin of "
        "0.5, and that of pytorch-metric-learning neither squares nor halves",
        "Keras": "none; that of TensorFlow Addons is not halved",
    },
)
def contrastive_loss(inputs: Expression, targets: Expression, margin: float = 1.0) -> Expression:
    """Contrastive loss: squared distances of similar pairs, squared shortfall of dissimilar ones.

    For learning embeddings from pairs of which some belong together, given their distances. In the
    publication a target of 1 means that a pair is *not* similar.

    Parameters
    ----------
    inputs : array, shape (...)
        Distances of the pairs, at least 0.
    targets : array, shape (...)
        1 for pairs that are similar, 0 for pairs that are not.
    margin : float
        Distance from which on a dissimilar pair costs nothing; at least 0.

    Notes
    -----
    Both squares are halved. The derivative vanishes at a distance of 0 for similar pairs, and from
    the margin on for dissimilar ones, without a kink.

    See Also
    --------
    hinge_embedding_loss : Does not square, and takes -1 and +1.
    cosine_embedding_loss : From vectors.

    Examples
    --------
    >>> from lossary import contrastive_loss
    >>> contrastive_loss([0.5, 0.25, 2.0], [1, 0, 0])
    array([0.125  , 0.28125, 0.     ])
    """
    lacking = maximum(0, margin - inputs)
    # Half of a square is in range where the square may not be.
    return targets * (0.5 * inputs) * inputs + (1 - targets) * (0.5 * lacking) * lacking
