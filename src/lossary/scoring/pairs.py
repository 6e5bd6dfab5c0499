"""Sums of the paired losses of two models by group: means, and the error of their difference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, Self

import numpy as np

from lossary.arrays import Array
from lossary.scoring.totals import Figures, Totals, sums_by_group

#: What each column of totals is of.
_PARTS = ("first", "second", "difference")


class PairTotals(Figures):
    """Per group: totals of the losses of two models, A and B, and of the differences B - A.

    With y the weighted differences of the rows, v their terms of the denominator and
    D = sum(y) / sum(v) the mean difference, the standard error of D is that of a ratio of sums,
    sqrt(n / (n - 1) * sum((y - v * D)**2)) / abs(sum(v)), over the n rows whose v is not 0. Without
    weights it is the sample standard deviation of the differences, divided by sqrt(n).

    The sums of squares are kept about the mean difference so far and moved when it moves, so
    nothing cancels where the differences are large beside their spread.
    """

    def __init__(self, groups: int = 0) -> None:
        self.first, self.second, self.difference = (Totals(groups) for _ in range(3))
        self.worse = np.zeros(groups, dtype=np.int64)
        self.confidence = 0.95
        self._effective = np.zeros(groups, dtype=np.int64)  # rows that have a weight
        self._centre = np.zeros(groups)
        # Sums of squares and products of y - v * centre and v.
        self._residual = np.zeros(groups)
        self._mixed = np.zeros(groups)
        self._weight = np.zeros(groups)

    @classmethod
    def of(
        cls,
        codes: Array,
        groups: int,
        losses: Array,
        weights: Array | None = None,
        denominator_weights: Array | None = None,
    ) -> PairTotals:
        """Return the totals of losses, a column for A and one for B; see :meth:`Totals.of`."""
        if denominator_weights is None:
            denominator_weights = weights
        first, second = np.ascontiguousarray(losses.T)
        with np.errstate(all="ignore"):
            differences = second - first
        pairs = cls(groups)
        pairs.first, pairs.second, pairs.difference = (
            Totals.of(codes, groups, values, weights, denominator_weights)
            for values in (first, second, differences)
        )
        pairs.worse += np.bincount(codes[differences > 0], minlength=groups)
        pairs._add_squares(codes, differences, weights, denominator_weights)
        return pairs

    def _add_squares(
        self, codes: Array, differences: Array, weights: Array | None, terms: Array | None
    ) -> None:
        groups = len(self)
        terms = np.ones(len(codes)) if terms is None else terms
        self._centre = self._mean()
        with np.errstate(all="ignore"):
            if weights is not None:
                differences = np.where(weights == 0, 0.0, differences) * weights
            residuals = differences - terms * self._centre[codes]
            self._residual = sums_by_group(codes, residuals * residuals, groups)
            self._mixed = sums_by_group(codes, residuals * terms, groups)
            self._weight = sums_by_group(codes, terms * terms, groups)
        self._effective = np.bincount(codes[terms != 0], minlength=groups)

    def __len__(self) -> int:
        return len(self.worse)

    @property
    def nonfinite(self) -> Array:
        """The number of differences that are not finite, by group."""
        return self.difference.nonfinite

    def merge(self, other: PairTotals, codes: Array | None = None) -> None:
        """Add the totals of other rows, to all groups or those with ``codes``: as in Totals."""
        if codes is None:
            groups = max(len(self), len(other))
            self.grow(groups)
            other.grow(groups)
        at = slice(None) if codes is None else codes
        for mine, others in zip(self._totals(), other._totals(), strict=True):
            mine.merge(others, codes)
        self.worse[at] += other.worse
        self._effective[at] += other._effective
        centre = self._mean()
        residual, mixed, weight = self._squares_about(centre)
        added = other._squares_about(centre[at])
        for squares, further in zip((residual, mixed, weight), added, strict=True):
            squares[at] += further
        self._residual, self._mixed, self._weight, self._centre = residual, mixed, weight, centre

    def columns(self) -> dict[str, Any]:
        """Return all there is to know of the groups, as columns."""
        found = {
            f"{part}_{name}": values
            for part, totals in zip(_PARTS, self._totals(), strict=True)
            for name, values in totals.columns().items()
        }
        return found | {
            "worse": self.worse,
            "effective": self._effective,
            "centre": self._centre,
            "residual": self._residual,
            "mixed": self._mixed,
            "weight": self._weight,
        }

    @classmethod
    def of_columns(cls, columns: Mapping[str, Any]) -> Self:
        """Return the totals that these columns describe."""
        pairs = cls()
        names = Totals().columns()
        pairs.first, pairs.second, pairs.difference = (
            Totals.of_columns({name: columns[f"{part}_{name}"] for name in names})
            for part in _PARTS
        )
        pairs.worse, pairs._effective = columns["worse"], columns["effective"]
        pairs._centre, pairs._residual = columns["centre"], columns["residual"]
        pairs._mixed, pairs._weight = columns["mixed"], columns["weight"]
        return pairs

    def take(self, codes: Array) -> Self:
        """Return the totals of the groups with these codes, in this order."""
        pairs = type(self)()
        pairs.confidence = self.confidence
        pairs.first, pairs.second, pairs.difference = (item.take(codes) for item in self._totals())
        pairs.worse = self.worse[codes]
        pairs._effective = self._effective[codes]
        pairs._centre = self._centre[codes]
        pairs._residual = self._residual[codes]
        pairs._mixed = self._mixed[codes]
        pairs._weight = self._weight[codes]
        return pairs

    def combined(self) -> Self:
        """Return the totals of all groups together, as one group."""
        pairs = type(self)(1)
        pairs.confidence = self.confidence
        pairs.first, pairs.second, pairs.difference = (item.combined() for item in self._totals())
        pairs.worse[0] = self.worse.sum()
        pairs._effective[0] = self._effective.sum()
        pairs._centre = pairs._mean()
        squares = self._squares_about(pairs._centre)
        pairs._residual, pairs._mixed, pairs._weight = (np.array([s.sum()]) for s in squares)
        return pairs

    def figures(self, denominator: str) -> dict[str, Array]:
        """Return the figures of all groups; the interval of a single row is unbounded."""
        first, second, difference = (item.figures(denominator) for item in self._totals())
        rows = self._effective
        with np.errstate(all="ignore"):
            error = np.sqrt(rows / (rows - 1) * self._residual) / np.abs(difference["weight"])
            error = np.where(rows < 2, math.inf, error)
            reach = NormalDist().inv_cdf(0.5 + self.confidence / 2) * error
            low, high = difference["mean"] - reach, difference["mean"] + reach
        return {
            "mean_a": first["mean"],
            "mean_b": second["mean"],
            "difference": difference["mean"],
            "standard_error": error,
            "low": low,
            "high": high,
            "worse": self.worse,
            "count": difference["count"],
            "weight": difference["weight"],
            "nonfinite": difference["nonfinite"],
        }

    def _totals(self) -> tuple[Totals, Totals, Totals]:
        return self.first, self.second, self.difference

    def _mean(self) -> Array:
        """Return the mean differences; 0 where the terms of the denominator cancel."""
        figures = self.difference.figures("weights")
        return np.where(figures["weight"] == 0, 0.0, figures["mean"])

    def _squares_about(self, centre: Array) -> tuple[Array, Array, Array]:
        """Return the sums of squares and products about another centre."""
        with np.errstate(all="ignore"):
            shift = self._centre - centre
            mixed = self._mixed + shift * self._weight
            # = residual + 2 * shift * self._mixed + shift**2 * weight
            residual = self._residual + shift * (self._mixed + mixed)
        return residual, mixed, self._weight.copy()

    def grow(self, groups: int) -> None:
        """Add groups without rows, up to this number of groups."""
        added = groups - len(self)
        if added > 0:
            for totals in self._totals():
                totals.grow(groups)
            self.worse = np.pad(self.worse, (0, added))
            self._effective = np.pad(self._effective, (0, added))
            self._centre = np.pad(self._centre, (0, added))
            self._residual = np.pad(self._residual, (0, added))
            self._mixed = np.pad(self._mixed, (0, added))
            self._weight = np.pad(self._weight, (0, added))
