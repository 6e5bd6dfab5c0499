"""All losses that have pages: those of the registry and those of matrix products."""

from __future__ import annotations

import inspect
from typing import Any

import lossary
from lossary import Loss
from lossary.products.catalogue import MatrixRecord, matrix_loss_named, matrix_losses


def every_loss() -> tuple[Loss, ...]:
    """Return the records of all losses, by family and name.

    Examples
    --------
    >>> {"huber_loss", "info_nce_loss"} <= {loss.name for loss in every_loss()}
    True
    """
    every: list[Loss] = [*lossary.list_losses(), *matrix_losses()]
    return tuple(sorted(every, key=lambda loss: (loss.family, loss.name)))


def loss_named(name: str) -> Loss:
    """Return the record of a loss by its name."""
    return matrix_loss_named(name) or lossary.get_loss(name)


def is_of_pairs(loss: Loss) -> bool:
    """Return whether a loss compares embeddings, each row with all others.

    Examples
    --------
    >>> is_of_pairs(loss_named("info_nce_loss")), is_of_pairs(loss_named("linear_cross_entropy"))
    (True, False)
    """
    return isinstance(loss, MatrixRecord) and loss.is_of_pairs


def public(loss: Loss) -> Any:
    """Return the function that users call: that of a record of rows is one of matrices."""
    return getattr(lossary, loss.name) if isinstance(loss, MatrixRecord) else loss.function


def public_signature(loss: Loss) -> inspect.Signature:
    """Return the signature of the function that users call."""
    return loss.matrix.signature if isinstance(loss, MatrixRecord) else loss.signature
