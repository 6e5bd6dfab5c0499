"""The losses of matrix products that have names of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec

from lossary.definition.definition import Reduction
from lossary.products.documentation import of_products
from lossary.products.facts import Facts
from lossary.products.linear import function_of, linear

P = ParamSpec("P")


def _of_rows(name: str, facts: Facts) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Return a decorator that makes the function of a product loss, given the loss of rows."""
    return lambda function: function_of(function, lambda _: linear(name), of_products, facts)


_CROSS_ENTROPY = Facts(
    family="classification",
    source="Wijmans et al. (2024), arXiv:2411.09009; Hsu et al. (2024), arXiv:2410.10989",
    convex=True,
    smooth=True,
    differences={
        "PyTorch": "The function of this name takes features, classifier and targets in this order "
        'too; its mean divides by the class weights of the labels: ``denominator="weights"`` here.'
    },
)


@_of_rows("cross_entropy", _CROSS_ENTROPY)
def linear_cross_entropy(
    features: Any,
    classifier: Any,
    targets: Any,
    bias: Any = None,
    *,
    label_smoothing: float = 0.0,
    reduction: Reduction = "none",
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    ignore_index: int | None = None,
    class_weights: Any = None,
) -> Any:
    """Cross entropy of the products of features and a classifier, which are never stored.

    It trains language models and other classifiers of many classes: with 128,000 of them the
    logits of 8,192 tokens take 4 GB in float32, and their gradient as much again. Here they take a
    tile of 64 MiB. With few classes, or few rows, ``cross_entropy`` of the products is as fast.

    Parameters
    ----------
    features : array, shape (..., D)
        A vector for each row: what the last layer but one gives.
    classifier : array, shape (C, D)
        A vector for each class, as ``torch.nn.Linear`` keeps its weights. ``weights`` is another
        argument.
    targets : array of int, shape (...), or of float, shape (..., C), or Product
        Class labels from 0 to C-1, or probabilities.
    bias : array, shape (C,), optional
        A number for each class, added to its products.
    label_smoothing : float
        Share of the targets that is spread over all classes, from 0 to 1 (exclusive).

    See Also
    --------
    cross_entropy : The same of logits that are there.
    linear : The same for any loss along an axis, with a formula of the logits on their way.

    Notes
    -----
    In a block of rows their products are computed, then the losses, then the gradients, which need
    these products too: nothing is computed twice. PyTorch refuses second derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import linear_cross_entropy
    >>> features = np.array([[1.0, 2.0]])
    >>> classifier = np.array([[0.5, 0.25], [0.0, 0.0], [-1.0, 1.0]])
    >>> linear_cross_entropy(features, classifier, [1])
    array([1.8619948])
    """
