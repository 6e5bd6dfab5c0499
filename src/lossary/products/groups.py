"""Groups of items with the same label: their numbers, and who has others in them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from lossary.errors import type_error, value_error
from lossary.products.pair_call import PairCall
from lossary.products.variable import Variable


class Groups:
    """The groups of a call's items and columns.

    Labels may be any integers; a group's number is how many of the columns' labels are smaller.

    Attributes
    ----------
    items, columns : array
        The number of each item's group, and of each column's; -1 for columns that take no part.
    """

    def __init__(self, call: PairCall) -> None:
        self.call, self.xp, self.backend = call, call.backend.xp, call.backend
        own, others = self._labels("targets"), self._labels("other_targets")
        if others is not None:
            self._check_dtypes(own, others)
        among = None if others is None else Variable(others)
        columns = call.operations.placed(Variable(own), among, call.offset).value
        ordered = self.xp.sort(columns)
        self.items = self._found(ordered, own, "left")
        self.columns = self._found(ordered, columns, "left")
        if call.column_mask is not None:
            self.columns = self.xp.where(call.column_mask, self.columns, self.columns * 0 - 1)

    @cached_property
    def positives(self) -> Any:
        """How many others of its group each item has, of those that take part."""
        ordered = self.xp.sort(self.columns)
        end = self._found(ordered, self.items, "right")
        return end - self._found(ordered, self.items, "left") - 1

    @cached_property
    def negatives(self) -> Any:
        """How many items of other groups each item has."""
        mask = self.call.column_mask
        total = self.call.total if mask is None else self.xp.sum(self.backend.cast(mask, "int32"))
        return total - 1 - self.positives

    def mask_of(self, has: Any) -> Any:
        """Return which items take part that have what a loss needs."""
        mask = self.call.mask
        return has if mask is None else mask & has

    def _found(self, ordered: Any, values: Any, side: str) -> Any:
        if hasattr(self.xp, "searchsorted"):
            return self.backend.cast(self.xp.searchsorted(ordered, values, side=side), "int32")
        start = self.call.operations.places(self.backend.shape(values)[0]) * 0
        return smaller(self.xp, ordered, values, side == "right", start)

    def _labels(self, name: str) -> Any:
        """Return labels, or raise unless they are integers, one for each item."""
        call = self.call
        given = call.known.get(name)
        if given is None:
            return None
        shape = (call.count if name == "targets" else call.total,)
        if self.backend.shape(given) != shape:
            found = f"shape {self.backend.shape(given)}"
            raise value_error(call.function, name, f"must have the shape {shape}", found)
        dtype = self.backend.dtype_name(given)
        if "float" in dtype:
            remedy = "Convert them to an integer dtype."
            raise type_error(call.function, name, "must be integers", f"dtype {dtype}", remedy)
        return self.backend.cast(given, "int32") if dtype == "bool" else given

    def _check_dtypes(self, own: Any, others: Any) -> None:
        """Raise unless labels are of one dtype: not every two have a common one."""
        found, wanted = (self.backend.dtype_name(x) for x in (others, own))
        if found != wanted:
            requirement = f"must have the dtype of targets, {wanted}"
            raise type_error(self.call.function, "other_targets", requirement, f"dtype {found}")


def smaller(xp: Any, ordered: Any, values: Any, or_equal: bool, start: Any) -> Any:
    """Return how many of ordered numbers are smaller than each value, or also equal to it.

    For libraries without a function for it. ``start`` is zeros.
    """
    length = ordered.shape[0]
    found = start
    for power in reversed(range(length.bit_length())):
        further = found + 2**power
        item = xp.take(ordered, xp.clip(further, 1, length) - 1, axis=0)
        passed = item <= values if or_equal else item < values
        found = xp.where((further <= length) & passed, further, found)
    return found
