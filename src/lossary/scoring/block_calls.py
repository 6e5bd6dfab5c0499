"""The words by which machine code calls the kernels of losses, over the columns of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lossary.arrays import Array
from lossary.kernels.host import BoundKernel, address
from lossary.scoring.block_kernel import BLOCK, LABEL_WORDS, LOSS_WORDS

# A kernel's words: its chunks, the elements, those of a chunk, and then the addresses.
_ROWS, _CHUNK, _FIRST_ADDRESS = 2, 3, 4


class LossKernel(NamedTuple):
    """The kernel of a loss: its arguments, and how many totals a chunk has."""

    bound: BoundKernel
    arguments: tuple[str, ...]
    totals: int


class Labels(NamedTuple):
    """What machine code takes a column of labels for.

    Attributes
    ----------
    dtype : numpy.dtype
        The type of the column.
    pair : tuple of number
        The other label and the positive one.
    signed : tuple of (bool or None)
        For each loss, whether it takes them as -1 and 1, not as 0 and 1; None where it takes none.
    """

    dtype: np.dtype[Any]
    pair: tuple[Any, Any]
    signed: tuple[bool | None, ...]


class BlockCalls:
    """Calls of kernels, over columns whose addresses may change from batch to batch.

    Parameters
    ----------
    kernels : sequence of LossKernel
        The kernels of the losses.
    labels : Labels, optional
        How targets are read from a column of labels.

    Attributes
    ----------
    losses, labels : array of int64
        The words of the losses and of the labels, for :mod:`lossary.scoring.block_kernel`.
    label_type : str
        The type of the labels; empty without.
    weights : int
        The address of the weights of the rows, of float64; 0 where they have none.
    """

    def __init__(self, kernels: Sequence[LossKernel], labels: Labels | None = None) -> None:
        self.losses = np.zeros((len(kernels), LOSS_WORDS), np.int64)
        self.labels = np.zeros(LABEL_WORDS, np.int64)
        self.label_type = ""
        self.weights = 0
        self._flags = np.zeros((2, BLOCK), np.int8)  # labels of a block as 0 and 1, as -1 and 1
        self._totals = [np.zeros(max(1, kernel.totals)) for kernel in kernels]
        self._words = [_kernel_words(kernel) for kernel in kernels]
        self._kept: Sequence[Any] = ()
        flags, signs = map(address, self._flags)
        if labels is not None:
            self.label_type = (
                f"{'f' if labels.dtype.kind == 'f' else 'i'}{labels.dtype.itemsize * 8}"
            )
            words = np.zeros((2, 8 // labels.dtype.itemsize), labels.dtype)
            words[:, 0] = labels.pair
            self.labels[1:] = [flags, signs, *words.view(np.int64)[:, 0].tolist()]
        for index, kernel in enumerate(kernels):
            last = len(self._words[index]) - 1
            signed = labels.signed[index] if labels else None
            labelled = last  # a word that the kernel does not read
            if signed is not None:
                labelled = _FIRST_ADDRESS + kernel.arguments.index("targets")
            self.losses[index] = [
                kernel.bound.compiled.address,
                address(self._words[index]),
                _FIRST_ADDRESS + len(kernel.arguments),
                labelled,
                last - 1,
                signs if signed else flags,
                address(self._totals[index]),
                kernel.totals,
            ]

    def point(
        self,
        rows: int,
        columns: Sequence[Sequence[int]],
        kept: Sequence[Any],
        labels: int = 0,
        weights: int = 0,
    ) -> None:
        """Set the number of rows, and the addresses of each loss's arguments, labels and weights.

        ``kept`` is what they are the addresses of.
        """
        self.weights = weights
        for words, addresses in zip(self._words, columns, strict=True):
            words[_ROWS] = rows
            words[_FIRST_ADDRESS : _FIRST_ADDRESS + len(addresses)] = addresses
        self.labels[0] = labels
        self._kept = kept


def _kernel_words(kernel: LossKernel) -> Array:
    """Return the words of a kernel, without rows and addresses, and one more."""
    numbers = np.array(kernel.bound.numbers, float).view(np.int64)
    arguments = [0] * len(kernel.arguments)
    return np.array([0, 0, 0, BLOCK, *arguments, 0, *numbers.tolist(), 0, 0], np.int64)
