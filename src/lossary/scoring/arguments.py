"""The arrays that losses take, made from the columns of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossary.scoring.binding import Binding
from lossary.scoring.columns import Array, Batch
from lossary.scoring.faults import data_error
from lossary.scoring.job import Job, LossSpec
from lossary.scoring.labels import Classes, TwoLabels


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
        if use.kind == "labels" and spec.loss.takes_labels:
            key = ("named classes", names, spec.ignore_index)
            return self._cached(key, lambda: self._named_classes(spec, names))
        if use.kind == "labels":
            negative = -1.0 if spec.loss.targets.name == "plus_minus_one" else 0.0
            return self._cached(("label", names, negative), lambda: self._two(names, negative))
        several = len(names) > 1 or self._batch.is_list(names[0])
        self._check_columns(spec, name, names, several)
        if several or not self._are_labels(spec, name):
            return self._cached(("numbers", names), lambda: self._batch.numbers(names))
        return self._cached(("classes", names), lambda: self._batch.labels(names[0]))

    def are_flags(self, spec: LossSpec, name: str) -> bool:
        """Return whether an argument of a loss comes from a column of true and false."""
        (first, *_) = self._binding.names[self._job.argument(spec, name)]
        return self._batch.is_boolean(first)

    def _cached(self, key: tuple[Any, ...], make: Any) -> Array:
        if key not in self._arrays:
            self._arrays[key] = make()
        return self._arrays[key]

    def _two(self, names: tuple[str, ...], negative: float) -> Array:
        (name,) = names
        positive = self._job.positive
        labels = self._labels.setdefault(name, TwoLabels(name, str(positive)))
        return np.where(labels.positive(self._batch), 1.0, negative)

    def _named_classes(self, spec: LossSpec, names: tuple[str, ...]) -> Array:
        (name,) = names
        classes = self._job.classes
        first = spec.loss.arguments[0]
        width = self.array(spec, first).shape[1]
        if width != len(classes):
            problem = f"{spec.title} takes a column per class for {first}, got {width}"
            raise data_error(self._batch.path, problem, f"--classes names {len(classes)}.")
        return Classes(name, classes, spec.ignore_index).numbers(self._batch)

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
