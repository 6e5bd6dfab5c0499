"""The arrays that losses take, made from the columns of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.scoring.binding import Binding
from lossary.scoring.columns import Batch
from lossary.scoring.errors import data_error
from lossary.scoring.job import Job, LossSpec
from lossary.scoring.labels import Classes, TwoLabels


class Arguments:
    """The arguments of losses over one batch; a column that several losses use is converted once.

    Parameters
    ----------
    labels : dict
        The labels found so far, by column; labels of the batch are added.
    """

    def __init__(
        self, batch: Batch, binding: Binding, job: Job, labels: dict[str, TwoLabels]
    ) -> None:
        self.batch = batch
        self._binding = binding
        self._job = job
        self._labels = labels
        self._arrays: dict[tuple[Any, ...], Array] = {}
        #: The arguments of the same rows in another file, whose columns stand in for lacking ones.
        self.elsewhere: Arguments | None = None

    def array(self, spec: LossSpec, name: str) -> Array:
        """Return an argument of a loss, with one row per row of the batch."""
        use = self._job.argument_use(spec, name)
        owner = self._owner(spec, name)
        if owner is not self:
            return owner.array(spec, name)
        names = self._binding.names[use]
        if use.kind == "labels" and spec.loss.takes_labels:
            key: tuple[Any, ...] = ("named classes", names, spec.ignore_index)
            return self._cached(key, lambda: self._class_indices(spec, names))
        if use.kind == "labels":
            key = ("two labels", names, spec.loss.targets.two_classes)
            return self._cached(key, lambda: self._two_labels(spec, names))
        is_matrix = len(names) > 1 or self.batch.is_list(names[0])
        self._check_columns(spec, name, names, is_matrix)
        if is_matrix or not _may_be_labels(spec, name):
            return self._cached(("numbers", names), lambda: self.batch.numbers(names))
        return self._cached(("labels", names), lambda: self.batch.labels(names[0]))

    def is_labels(self, spec: LossSpec, name: str) -> bool:
        """Return whether an argument of a loss has class labels, not a number per class."""
        return _may_be_labels(spec, name) and self.array(spec, name).ndim == 1

    def is_boolean(self, spec: LossSpec, name: str) -> bool:
        """Return whether an argument of a loss comes from a column of true and false."""
        (first, *_) = self.columns(spec, name)
        return self._owner(spec, name).batch.is_boolean(first)

    def has(self, spec: LossSpec, name: str) -> bool:
        """Return whether the file itself has the columns of an argument of a loss."""
        takes = name in spec.loss.arguments
        return takes and self._job.argument_use(spec, name) in self._binding.names

    def columns(self, spec: LossSpec, name: str) -> tuple[str, ...]:
        """Return the names of the columns that an argument of a loss is made from."""
        return self._owner(spec, name)._binding.names[self._job.argument_use(spec, name)]

    def path(self, spec: LossSpec, name: str) -> str:
        """Return the file that has the columns of an argument of a loss."""
        return self._owner(spec, name).batch.path

    def _owner(self, spec: LossSpec, name: str) -> Arguments:
        """Return the arguments of the file that has the columns."""
        return self if self.elsewhere is None or self.has(spec, name) else self.elsewhere

    def _cached(self, key: tuple[Any, ...], make: Callable[[], Array]) -> Array:
        if key not in self._arrays:
            self._arrays[key] = make()
        return self._arrays[key]

    def _two_labels(self, spec: LossSpec, names: tuple[str, ...]) -> Array:
        (name,) = names
        found = self._labels.setdefault(name, TwoLabels(name, str(self._job.positive)))
        negative, positive = map(int, spec.loss.targets.two_classes or (0, 1))
        chosen = self._cached(("positive", name), lambda: found.positive(self.batch))
        labels: Array = chosen.view(np.int8)  # losses read bytes faster than numbers of 64 bits
        if (negative, positive) == (0, 1):
            return labels
        labels = labels * np.int8(positive - negative)
        labels += np.int8(negative)
        return labels

    def _class_indices(self, spec: LossSpec, names: tuple[str, ...]) -> Array:
        (name,) = names
        classes = self._job.classes
        first = spec.loss.arguments[0]
        width = self.array(spec, first).shape[1]
        extra = spec.loss.targets.extra_labels
        if width + extra != len(classes):
            needed = "threshold between classes" if extra else "class"
            problem = f"{spec.title} takes a column per {needed} for {first}, got {width}"
            raise data_error(self.batch.path, problem, f"--classes names {len(classes)}.")
        return Classes(name, classes, spec.ignore_index).indices(self.batch)

    def _check_columns(
        self, spec: LossSpec, name: str, names: tuple[str, ...], is_matrix: bool
    ) -> None:
        """Raise for one column where the loss needs several per row, and the reverse."""
        given = ", ".join(names)
        per_row = spec.loss.axis is None or name in spec.loss.rows
        if per_row and is_matrix:
            problem = f"{spec.title} takes one column of numbers for {name}, got {given}"
            raise data_error(self.batch.path, problem)
        if not per_row and not is_matrix and not _may_be_labels(spec, name):
            problem = f"{spec.title} takes a column per class for {name}, got {given}"
            remedy = "Name several columns, with commas or a pattern such as 'z_*', or a list."
            raise data_error(self.batch.path, problem, remedy)


def _may_be_labels(spec: LossSpec, name: str) -> bool:
    return name == "targets" and spec.loss.takes_labels
