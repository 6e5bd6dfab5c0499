"""Sums of losses by group, over batches of any size."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from lossary.arrays import Array


class Figures(ABC):
    """Figures of groups, as arrays over the groups or as a record of each."""

    @abstractmethod
    def figures(self, denominator: str) -> dict[str, Array]:
        """Return the figures of all groups, by name."""

    @abstractmethod
    def take(self, codes: Array) -> Self:
        """Return the figures of the groups with these codes, in this order."""

    @abstractmethod
    def combined(self) -> Self:
        """Return the figures of all groups together, as one group."""

    def records(self, denominator: str) -> Iterator[dict[str, Any]]:
        """Yield the figures of each group as Python numbers."""
        figures = self.figures(denominator)
        for row in zip(*(values.tolist() for values in figures.values()), strict=True):
            yield dict(zip(figures, row, strict=True))

    def record(self, code: int, denominator: str) -> dict[str, Any]:
        """Return the figures of one group as Python numbers."""
        return next(self.take(np.array([code])).records(denominator))


class Totals(Figures):
    """Per group: count, weight, weighted sum, smallest and largest loss.

    Totals of several batches can be merged. Sums carry their rounding error (Neumaier 1974,
    doi:10.1002/zamm.19740540106), so the result hardly depends on the size of the batches.
    """

    def __init__(self, groups: int = 0) -> None:
        self.count = np.zeros(groups, dtype=np.int64)
        self.nonfinite = np.zeros(groups, dtype=np.int64)
        self.weight = _Sums(np.zeros(groups))
        self.sum = _Sums(np.zeros(groups))
        self.minimum = np.full(groups, math.inf)
        self.maximum = np.full(groups, -math.inf)

    @classmethod
    def of(
        cls,
        codes: Array,
        groups: int,
        losses: Array,
        weights: Array | None = None,
        denominator_weights: Array | None = None,
    ) -> Self:
        """Return the totals of losses; ``codes`` has the group of each, a number below ``groups``.

        Losses are multiplied by ``weights``. ``denominator_weights`` are summed for the
        denominator of a mean; by default these are the weights.
        """
        terms = weights if denominator_weights is None else denominator_weights
        totals = cls(groups)
        totals._add(codes, losses, weighted_losses(losses, weights), terms)
        totals.add_further(codes, losses, weights)
        return totals

    def add_further(self, codes: Array, losses: Array, weights: Array | None) -> None:
        """Add what totals of a further kind know of rows besides these figures."""

    def _add(self, codes: Array, losses: Array, weighted: Array, terms: Array | None) -> None:
        """Add losses, figure by figure."""
        groups = len(self)
        self.count += np.bincount(codes, minlength=groups)
        self.sum = _Sums(sums_by_group(codes, weighted, groups))
        self.weight = _Sums(
            self.count.astype(float) if terms is None else sums_by_group(codes, terms, groups)
        )
        nonfinite = ~np.isfinite(losses)
        if nonfinite.any():
            self.nonfinite += np.bincount(codes[nonfinite], minlength=groups)
        with np.errstate(invalid="ignore"):  # NaN propagates without a warning
            if groups == 1:
                self.minimum[0] = losses.min(initial=math.inf)
                self.maximum[0] = losses.max(initial=-math.inf)
            else:
                np.minimum.at(self.minimum, codes, losses)
                np.maximum.at(self.maximum, codes, losses)

    def __len__(self) -> int:
        return len(self.count)

    def merge(self, other: Totals, codes: Array | None = None) -> None:
        """Add the totals of other rows.

        Group by group, of which they may have more; or, with ``codes``, to the groups with these
        codes, each of which occurs once.
        """
        if codes is None:
            groups = max(len(self), len(other))
            self.grow(groups)
            other.grow(groups)
        at = slice(None) if codes is None else codes
        self.count[at] += other.count
        self.nonfinite[at] += other.nonfinite
        self.weight.merge(other.weight, at)
        self.sum.merge(other.sum, at)
        self.minimum[at] = np.minimum(self.minimum[at], other.minimum)
        self.maximum[at] = np.maximum(self.maximum[at], other.maximum)

    def columns(self) -> dict[str, Any]:
        """Return all there is to know of the groups, as columns."""
        return {
            "count": self.count,
            "nonfinite": self.nonfinite,
            **dict(zip(("weight", "weight_error"), self.weight.parts(), strict=True)),
            **dict(zip(("sum", "sum_error"), self.sum.parts(), strict=True)),
            "minimum": self.minimum,
            "maximum": self.maximum,
        }

    @classmethod
    def of_columns(cls, columns: Mapping[str, Any]) -> Self:
        """Return the totals that these columns describe."""
        totals = cls()
        totals.count, totals.nonfinite = columns["count"], columns["nonfinite"]
        totals.weight = _Sums(columns["weight"], columns["weight_error"])
        totals.sum = _Sums(columns["sum"], columns["sum_error"])
        totals.minimum, totals.maximum = columns["minimum"], columns["maximum"]
        return totals

    def take(self, codes: Array) -> Self:
        """Return the totals of the groups with these codes, in this order."""
        totals = type(self)()
        totals.count = self.count[codes]
        totals.nonfinite = self.nonfinite[codes]
        totals.weight = self.weight.take(codes)
        totals.sum = self.sum.take(codes)
        totals.minimum = self.minimum[codes]
        totals.maximum = self.maximum[codes]
        return totals

    def combined(self) -> Self:
        """Return the totals of all groups together, as one group."""
        total = type(self)(1)
        total.count[0] = self.count.sum()
        total.nonfinite[0] = self.nonfinite.sum()
        total.weight = self.weight.combined()
        total.sum = self.sum.combined()
        total.minimum[0] = self.minimum.min(initial=math.inf)
        total.maximum[0] = self.maximum.max(initial=-math.inf)
        return total

    def figures(self, denominator: str) -> dict[str, Array]:
        """Return the figures of all groups. A mean over nothing is 0, as that of the losses is."""
        weight, total = self.weight.values(), self.sum.values()
        divisor = self.count if denominator == "count" else weight
        with np.errstate(divide="ignore", invalid="ignore"):
            # Where the weights cancel, the sign is that of the sum, not that of the zero.
            mean = np.where(divisor == 0, total * math.inf, total / divisor)
        mean = np.where((divisor == 0) & (total == 0), 0.0, mean)
        return {
            "mean": mean,
            "sum": total,
            "weight": weight,
            "count": self.count,
            "minimum": np.where(self.count, self.minimum, math.nan),
            "maximum": np.where(self.count, self.maximum, math.nan),
            "nonfinite": self.nonfinite,
        }

    def grow(self, groups: int) -> None:
        """Add groups without rows, up to this number of groups."""
        added = groups - len(self)
        if added > 0:
            self.count = np.pad(self.count, (0, added))
            self.nonfinite = np.pad(self.nonfinite, (0, added))
            self.weight.grow(added)
            self.sum.grow(added)
            self.minimum = np.pad(self.minimum, (0, added), constant_values=math.inf)
            self.maximum = np.pad(self.maximum, (0, added), constant_values=-math.inf)


class _Sums:
    """One sum per group, each with the accumulated rounding error of its additions."""

    def __init__(self, values: Array, errors: Array | None = None) -> None:
        self._high = values
        self._low = np.zeros(len(values)) if errors is None else errors

    def values(self) -> Array:
        return self._high + self._low

    def parts(self) -> tuple[Array, Array]:
        return self._high, self._low

    def take(self, codes: Array) -> _Sums:
        return _Sums(self._high[codes], self._low[codes])

    def grow(self, added: int) -> None:
        self._high = np.pad(self._high, (0, added))
        self._low = np.pad(self._low, (0, added))

    def merge(self, other: _Sums, at: Array | slice) -> None:
        total, error = two_sum(self._high[at], other._high)
        if not _all_finite(total):
            error = np.where(np.isfinite(total), error, 0.0)
        error += other._low
        self._low[at] += error
        self._high[at] = total

    def combined(self) -> _Sums:
        values = np.concatenate([self._high, self._low])
        return _Sums(np.array([math.fsum(values) if np.isfinite(values).all() else values.sum()]))


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return sums and their exact rounding errors, which are NaN or infinite where sums are."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = a + b
        added = total - a
        return total, (a - (total - added)) + (b - added)


def sums_by_group(codes: Array, values: Array, groups: int) -> Array:
    """Sum values by group: pairwise where there is one group, else in order."""
    if groups == 1:
        return np.array([values.sum()])
    return np.bincount(codes, values, groups)


def weighted_losses(losses: Array, weights: Array | None) -> Array:
    """Return the products of losses and weights.

    As in the losses themselves, weight 0 adds exactly 0, even to an infinite loss.
    """
    return losses if weights is None else np.where(weights == 0, 0.0, losses) * weights


def _all_finite(values: Array) -> bool:
    return bool(np.isfinite(values).all())
