"""Totals by group to which rows are added: by machine code, where it can be used."""

from __future__ import annotations

from typing import Generic, TypeVar

from lossary.arrays import Array
from lossary.scoring.group_kernel import GroupTable
from lossary.scoring.pairs import PairTotals
from lossary.scoring.totals import Totals, weighted_losses

T = TypeVar("T", Totals, PairTotals)


class RunningTotals(Generic[T]):
    """The totals of rows so far.

    Parameters
    ----------
    totals : Totals or PairTotals
        Totals of no rows.
    """

    def __init__(self, totals: T) -> None:
        self._totals: T = totals
        self._table = GroupTable()
        self._groups = 0

    def add(
        self,
        codes: Array,
        groups: int,
        losses: Array,
        weights: Array | None,
        denominator_weights: Array | None,
    ) -> None:
        """Add rows; see :meth:`Totals.of`."""
        totals = self._totals
        terms = weights if denominator_weights is None else denominator_weights
        if isinstance(totals, Totals) and groups > 1:
            weighted = weighted_losses(losses, weights)
            if self._table.add(codes, groups, losses, weighted, terms):
                self._groups = groups
                totals.add_further(codes, losses, weights)
                return
        totals.merge(type(totals).of(codes, groups, losses, weights, denominator_weights))

    def settled(self) -> T:
        """Return the totals of all rows."""
        if self._groups and isinstance(self._totals, Totals):
            self._totals.merge(Totals.of_columns(self._table.columns(self._groups)))
            self._table, self._groups = GroupTable(), 0
        return self._totals
