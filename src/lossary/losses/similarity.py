"""Similarities between vectors."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import POSITIVE
from lossary.formula import Expression, norm, sum_over_classes, where


@loss(
    limits={"eps": POSITIVE},
    arguments=("x1", "x2"),
    family="similarity",
    source="Salton, Wong & Yang (1975), A vector space model for automatic indexing, "
    "doi:10.1145/361219.361220",
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
    distance, as in MLX: pass ``1 - cosine_similarity_loss(...)`` to an optimiser that is to bring
    vectors together.

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
    triplet_loss : Compares two distances.

    Examples
    --------
    >>> from lossary import cosine_similarity_loss
    >>> cosine_similarity_loss([[3.0, 4.0], [1.0, 0.0]], [[3.0, 4.0], [0.0, 2.0]])
    array([1., 0.])
    """
    first, second = norm(x1), norm(x2)
    # Directions are multiplied and not the vectors, whose product may be beyond the dtype.
    cosine = sum_over_classes((x1 / first) * (x2 / second))
    return where(eps < first * second, cosine, sum_over_classes(x1 * x2) / eps)
