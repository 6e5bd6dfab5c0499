"""Totals of losses by group, with how far predicted probabilities are from what came true."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from lossary.arrays import Array
from lossary.scoring.totals import Figures, Totals


@dataclass(frozen=True)
class Bins:
    """The bins of predicted probability that have rows, by group.

    Attributes
    ----------
    count, groups : int
        The number of bins between 0 and 1, and of groups.
    group, place : array of int
        The group of each bin, in ascending order, and its place among those of the group, from 0
        on; the place after the last is that of rows whose probability is NaN.
    predicted, observed : Totals
        The probabilities that were predicted, and what came true, for each bin. Of these totals
        only counts, weights and sums are kept.
    """

    count: int
    groups: int
    group: Array
    place: Array
    predicted: Totals
    observed: Totals

    def figures(self) -> dict[str, Array]:
        """Return the expected and the maximum calibration error of every group.

        They are the mean over the rows, and the maximum over the bins, of the distance of the mean
        probability of a bin from what came true in it. They are NaN where no row has a weight.
        """
        weight = self.predicted.weight.values()
        with np.errstate(all="ignore"):
            gap = np.abs(self.predicted.sum.values() - self.observed.sum.values())
            whole = np.bincount(self.group, weight, self.groups)
            expected = np.bincount(self.group, gap, self.groups) / np.abs(whole)
            largest = np.full(self.groups, -math.inf)
            weighed = weight != 0
            distances = gap[weighed] / np.abs(weight[weighed])
            np.maximum.at(largest, self.group[weighed], distances)
        return {"ece": expected, "mce": np.where(largest < 0, math.nan, largest)}

    def records_by_group(self) -> list[list[dict[str, Any]]]:
        """Return the bins of every group, as :meth:`records` has them."""
        records = self.records()
        sizes = np.bincount(self.group, minlength=self.groups)
        return [[*itertools.islice(records, size)] for size in sizes.tolist()]

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the bins as Python numbers: place, ends, numbers of rows, and means."""
        weight = self.predicted.weight.values()
        sums = (totals.sum.values() for totals in (self.predicted, self.observed))
        with np.errstate(all="ignore"):
            means = [np.where(weight == 0, math.nan, total / weight) for total in sums]
        columns = (self.place, self.predicted.count, weight, *means)
        for place, count, *numbers in zip(*(column.tolist() for column in columns), strict=True):
            is_bin = place < self.count
            yield {
                "bin": place + 1 if is_bin else None,
                "from": place / self.count if is_bin else None,
                "to": (place + 1) / self.count if is_bin else None,
                "count": count,
                **dict(zip(("weight", "predicted", "observed"), numbers, strict=True)),
            }

    def take(self, codes: Array) -> Self:
        """Return the bins of the groups with these codes, in this order."""
        sizes = np.bincount(self.group, minlength=self.groups)
        starts, taken = np.cumsum(sizes) - sizes, sizes[codes]
        before = np.cumsum(taken) - taken
        rows = np.arange(taken.sum()) + np.repeat(starts[codes] - before, taken)
        return replace(
            self,
            groups=len(codes),
            group=np.repeat(np.arange(len(codes)), taken),
            place=self.place[rows],
            predicted=self.predicted.take(rows),
            observed=self.observed.take(rows),
        )

    def combined(self) -> Self:
        """Return the bins of all groups together, as one group."""
        places = np.unique(self.place)
        rows = [np.flatnonzero(self.place == place) for place in places]
        return replace(
            self,
            groups=1,
            group=np.zeros(len(places), dtype=np.int64),
            place=places,
            predicted=_combined(self.predicted, rows),
            observed=_combined(self.observed, rows),
        )


def _combined(totals: Totals, parts: Sequence[Array]) -> Totals:
    """Return totals in which the groups of each part are one."""
    columns = [totals.take(part).combined().columns() for part in parts]
    empty = Totals().columns()
    return Totals.of_columns(
        {name: np.concatenate([empty[name], *(part[name] for part in columns)]) for name in empty}
    )


class CalibratedTotals(Figures):
    """Totals by group, and the bins of their probabilities.

    Attributes
    ----------
    totals : Totals
        The totals of the losses.
    bins : Bins
        The bins of the same groups.
    """

    def __init__(self, totals: Totals, bins: Bins) -> None:
        self.totals, self.bins = totals, bins

    @property
    def nonfinite(self) -> Array:
        """The number of losses that are not finite, by group."""
        return self.totals.nonfinite

    def figures(self, denominator: str) -> dict[str, Array]:
        """Return the figures of all groups, those of calibration last."""
        return {**self.totals.figures(denominator), **self.bins.figures()}

    def take(self, codes: Array) -> Self:
        """Return the figures of the groups with these codes, in this order."""
        return type(self)(self.totals.take(codes), self.bins.take(codes))

    def combined(self) -> Self:
        """Return the figures of all groups together, as one group."""
        return type(self)(self.totals.combined(), self.bins.combined())
