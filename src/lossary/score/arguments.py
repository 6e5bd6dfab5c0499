"""The arrays that losses take, made from the columns of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossary.score.binding import Binding
from lossary.score.columns import Array, Batch, means, spelled
from lossary.score.faults import data_error
from lossary.score.job import Job, LossSpec

_LISTED = 10


class TwoLabels:
    """A column of two labels, of which one is the positive one."""

    def __init__(self, name: str, positive: str) -> None:
        self._name = name
        self._positive = positive
        self._seen: set[str] = set()
        self._found = False
        self._path = ""

    def positive(self, batch: Batch) -> Array:
        """Return which rows have the positive label."""
        codes, values = batch.coded(self._name)
        labels = [spelled(value) for value in values]
        occurs = np.bincount(codes, minlength=len(labels)) > 0
        self._path = batch.path
        known = set(self._seen)
        self._seen |= {label for label, seen in zip(labels, occurs, strict=True) if seen}
        self._found |= any(means(values[code], self._positive) for code in np.flatnonzero(occurs))
        if len(self._seen) > 2:
            # The first row with a label beyond the first two, in the order of the rows.
            first = list(dict.fromkeys([*sorted(known), *(labels[c] for c in codes.tolist())]))
            place = [labels[code] for code in codes.tolist()].index(first[2])
            problem = (
                f"column {self._name!r} must hold two labels for --positive, got a third, "
                f"{first[2]!r}, in row {batch.rows[place]}"
            )
            raise data_error(batch.path, problem, f"The labels are {_listed(self._seen)}.")
        return np.array([means(value, self._positive) for value in values], dtype=bool)[codes]

    def check_seen(self) -> None:
        """Raise if no row had the positive label."""
        if self._seen and not self._found:
            problem = f"no row of column {self._name!r} has the label {self._positive!r}"
            remedy = f"Choose --positive among {_listed(self._seen)}."
            raise data_error(self._path, problem, remedy)


def _listed(labels: set[str]) -> str:
    shown = [repr(label) for label in sorted(labels)[:_LISTED]]
    return ", ".join(shown) + (", ..." if len(labels) > _LISTED else "")


class Arguments:
    """The arguments of losses over one batch; what several losses share is converted once."""

    def __init__(
        self, batch: Batch, binding: Binding, job: Job, labels: dict[str, TwoLabels]
    ) -> None:
        self._batch = batch
        self._binding = binding
        self._job = job
        self._labels = labels
        self._arrays: dict[tuple[Any, ...], Array] = {}

    def array(self, spec: LossSpec, name: str) -> Array:
        """Return an argument of a loss, with one row per row of the batch."""
        use = self._job.argument(spec, name)
        names = self._binding.names[use]
        if use.kind == "labels":
            negative = -1.0 if spec.loss.targets.name == "plus_minus_one" else 0.0
            return self._cached(("label", names, negative), lambda: self._two(names, negative))
        several = len(names) > 1 or self._batch.is_list(names[0])
        self._check_columns(spec, name, names, several)
        if several or not self._are_labels(spec, name):
            return self._cached(("numbers", names), lambda: self._batch.numbers(names))
        return self._cached(("classes", names), lambda: self._batch.labels(names[0]))

    def _cached(self, key: tuple[Any, ...], make: Any) -> Array:
        if key not in self._arrays:
            self._arrays[key] = make()
        return self._arrays[key]

    def _two(self, names: tuple[str, ...], negative: float) -> Array:
        (name,) = names
        positive = self._job.positive
        labels = self._labels.setdefault(name, TwoLabels(name, str(positive)))
        return np.where(labels.positive(self._batch), 1.0, negative)

    @staticmethod
    def _are_labels(spec: LossSpec, name: str) -> bool:
        return name == "targets" and spec.loss.takes_labels

    def _check_columns(
        self, spec: LossSpec, name: str, names: tuple[str, ...], several: bool
    ) -> None:
        """Refuse one column where a row has several values, and the other way round."""
        got = ", ".join(names)
        if spec.loss.axis is None and several:
            problem = f"{spec.title} takes one column of numbers for {name}, got {got}"
            raise data_error(self._batch.path, problem)
        if spec.loss.axis is not None and not several and not self._are_labels(spec, name):
            problem = f"{spec.title} takes a column per class for {name}, got {got}"
            remedy = "Name several columns, with commas or a pattern such as 'z_*', or a list."
            raise data_error(self._batch.path, problem, remedy)
