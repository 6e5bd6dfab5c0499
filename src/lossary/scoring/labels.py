"""Labels of any kind as the numbers that losses take."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from lossary.domains import CLASS_LABELS, PROBABILITIES
from lossary.errors import Fault
from lossary.scoring.binding import Binding
from lossary.scoring.columns import Array, Batch, means, spelled
from lossary.scoring.faults import DataError, data_error
from lossary.scoring.job import Job, LossSpec

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
            raise data_error(batch.path, problem, f"The labels are {listed(sorted(self._seen))}.")
        return np.array([means(value, self._positive) for value in values], dtype=bool)[codes]

    def check_seen(self) -> None:
        """Raise if no row had the positive label."""
        if self._seen and not self._found:
            problem = f"no row of column {self._name!r} has the label {self._positive!r}"
            remedy = f"Choose --positive among {listed(sorted(self._seen))}."
            raise data_error(self._path, problem, remedy)


class Classes:
    """A column of class labels, whose classes are named in the order of their numbers."""

    def __init__(self, name: str, classes: Sequence[str], ignored: int | None) -> None:
        self._name = name
        self._classes = classes
        self._ignored = ignored
        self._numbers: dict[tuple[type, Any], int | None] = {}

    def numbers(self, batch: Batch) -> Array:
        """Return every row's class as a number; a label to ignore stays what it is."""
        codes, values = batch.coded(self._name)
        numbers = [self._number(value) for value in values]
        if None in numbers:
            unknown = np.array([number is None for number in numbers])[codes]
            place = int(np.argmax(unknown))
            problem = (
                f"column {self._name!r} must hold one of the classes {listed(self._classes)}, "
                f"got {spelled(values[codes[place]])!r} in row {batch.rows[place]}"
            )
            raise data_error(batch.path, problem, "Name all of them with --classes.")
        return np.array(numbers, dtype=np.int64)[codes]

    def _number(self, value: Any) -> int | None:
        key = type(value), value
        if key not in self._numbers:
            ignored = self._ignored is not None and means(value, str(self._ignored))
            found = (i for i, name in enumerate(self._classes) if means(value, name))
            self._numbers[key] = next(found, self._ignored if ignored else None)
        return self._numbers[key]


def label_advice(job: Job, binding: Binding, error: DataError) -> str:
    """Return what to do about text among the targets, where numbers are expected."""
    if not isinstance(error.value, str):
        return ""
    label = shlex.quote(error.value)
    for spec in job.losses:
        if "targets" not in spec.loss.arguments:
            continue
        use = job.argument(spec, "targets")
        if error.column not in binding.names[use] or use.kind != "numbers":
            continue
        if spec.two_labels:
            return f"For two labels of any kind pass the positive one, e.g. --positive {label}."
        if spec.loss.takes_labels:
            return f"Name all labels in the order of the classes: --classes {label},..."
    return ""


def domain_advice(spec: LossSpec, fault: Fault, flags: bool) -> str:
    """Return what to do on a command line about values outside a domain."""
    loss = spec.loss.name
    if fault.argument == "targets" and spec.two_labels:
        label = "true" if flags else "LABEL"
        return f"For two labels of any kind pass --positive {label}."
    if fault.remedy == CLASS_LABELS.remedy:
        return (
            "For labels that do not count from 0 pass --classes with all of them; "
            f"{loss}:ignore_index=LABEL leaves one out."
        )
    if fault.remedy == PROBABILITIES.remedy:
        return f"For raw scores pass {loss}:with_logits=true."
    return f"{fault.remedy}." if fault.remedy else ""


def listed(labels: Collection[str]) -> str:
    """Spell labels, the first of them if there are many."""
    shown = [repr(label) for label in [*labels][:_LISTED]]
    return ", ".join(shown) + (", ..." if len(labels) > _LISTED else "")
