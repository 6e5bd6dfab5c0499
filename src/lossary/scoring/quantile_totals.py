"""Totals of losses by group that know quantiles too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from lossary.arrays import Array
from lossary.scoring.histograms import Histograms
from lossary.scoring.totals import Totals


class QuantileTotals(Totals):
    """Per group: what :class:`Totals` has, and a histogram of the losses."""

    def __init__(self, groups: int = 0) -> None:
        super().__init__(groups)
        self.histograms = Histograms()
        #: The quantiles that the figures have, as shares of the weight.
        self.shares: Sequence[float] = ()

    def add_further(self, codes: Array, losses: Array, weights: Array | None) -> None:
        """Add losses to the histograms, in which rows count as much as their weights say."""
        self.histograms.merge(Histograms.of(codes, losses, weights), None)

    def merge(self, other: Totals, codes: Array | None = None) -> None:
        """Add the totals of other rows; see :meth:`Totals.merge`."""
        super().merge(other, codes)
        if isinstance(other, QuantileTotals):
            self.histograms.merge(other.histograms, codes)

    def take(self, codes: Array) -> Self:
        """Return the totals of the groups with these codes, in this order."""
        totals = super().take(codes)
        totals.histograms = self.histograms.take(codes)
        totals.shares = self.shares
        return totals

    def combined(self) -> Self:
        """Return the totals of all groups together, as one group."""
        total = super().combined()
        total.histograms = self.histograms.combined()
        total.shares = self.shares
        return total

    def figures(self, denominator: str) -> dict[str, Array]:
        """Return the figures of all groups; a quantile is between the minimum and the maximum."""
        figures = super().figures(denominator)
        quantiles = self.histograms.quantiles(len(self), self.shares)
        least, most = figures["minimum"], figures["maximum"]
        with np.errstate(invalid="ignore"):
            figures |= {
                quantile_name(share): np.clip(values, least, most)
                for share, values in zip(self.shares, quantiles, strict=True)
            }
        return figures

    def columns(self) -> dict[str, Any]:
        """Return all there is to know of the groups, as columns."""
        return {**super().columns(), **self.histograms.columns(len(self))}

    @classmethod
    def of_columns(cls, columns: Mapping[str, Any]) -> Self:
        """Return the totals that these columns describe."""
        totals = super().of_columns(columns)
        totals.histograms = Histograms.of_columns(columns["buckets"], columns["bucket_weights"])
        return totals


def quantile_name(share: float) -> str:
    """Return the name of a quantile among the figures: "q0.5" for the median."""
    return f"q{share:g}"
