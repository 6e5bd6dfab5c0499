"""A scoring job: which losses to compute over which columns of which files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lossary import Loss, LossaryValueError
from lossary.scoring.binding import Use


@dataclass(frozen=True)
class LossSpec:
    """A loss with its parameters, and the text that asked for it.

    Attributes
    ----------
    title : str
        What the loss is called in results, e.g. ``"huber_loss:delta=2"``.
    loss : Loss
        The loss.
    parameters : mapping
        Its parameters where they differ from the defaults.
    ignore_index : int, optional
        Class label of rows that take no part.
    """

    title: str
    loss: Loss
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ignore_index: int | None = None

    @property
    def two_labels(self) -> bool:
        """Whether the targets are one of two labels, or lie between them."""
        return self.loss.targets.name in {"plus_minus_one", "unit_interval"}


@dataclass(frozen=True)
class Job:
    """What to score.

    Columns are named by a name, several names with commas between them, or a pattern as for
    files; class columns found by a pattern are in natural order (z_2 before z_10).

    Attributes
    ----------
    files : sequence of str
        Files, globs, folders, or "-" for CSV on standard input.
    losses : sequence of LossSpec
        What to compute, in one pass.
    inputs, targets : str
        Columns of the losses' first argument and of their targets.
    columns : mapping
        Columns of other arguments, by name.
    weights, where : str, optional
        Column of weights; boolean column of the rows that take part.
    by : sequence of str
        Columns whose combined values group the rows.
    worst : int
        How many of the rows with the largest loss to keep, for each loss.
    show : sequence of str
        Further columns to keep of these rows.
    positive : str, optional
        Label that counts as +1 (1 where targets lie between 0 and 1); the other is -1 (0).
    classes : sequence of str
        Class labels in the order of the classes, where labels are not integers from 0.
    class_weights : sequence of float
        Weights of the classes, in their order; they multiply the losses of class labels.
    skip_nulls : bool
        Leave rows without a value in a used column out, instead of raising.
    domain : {"warn", "raise", "ignore"}
        What to do about values outside a loss's domain.
    denominator : {"weights", "count"}
        What means divide by; without weights it is the same.
    output : Path, optional
        Parquet, CSV or Arrow file for the losses of the rows, beside columns of the files.
    output_columns : sequence of str
        The columns to copy to the output; all of them if none is named.
    delimiter : str, optional
        What separates the values of CSV; a comma, or a tab in .tsv files, if not given.
    """

    files: Sequence[str]
    losses: Sequence[LossSpec]
    inputs: str | None = None
    targets: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    weights: str | None = None
    where: str | None = None
    by: Sequence[str] = ()
    worst: int = 0
    show: Sequence[str] = ()
    positive: str | None = None
    classes: Sequence[str] = ()
    class_weights: Sequence[float] = ()
    skip_nulls: bool = False
    domain: Literal["warn", "raise", "ignore"] = "warn"
    denominator: Literal["weights", "count"] = "weights"
    output: Path | None = None
    output_columns: Sequence[str] = ()
    delimiter: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no file could satisfy."""
        titles = [spec.title for spec in self.losses]
        if len(set(titles)) < len(titles):
            twice = next(title for title in titles if titles.count(title) > 1)
            raise LossaryValueError(_message("losses must differ", f"{twice!r} twice"))
        if self.positive is not None and not any(spec.two_labels for spec in self.losses):
            problem = "--positive needs a loss of two labels"
            raise LossaryValueError(_message(problem, ", ".join(titles)))
        for option, given in (
            ("--classes", self.classes),
            ("--class-weights", self.class_weights),
        ):
            if given and not any(spec.loss.takes_labels for spec in self.losses):
                problem = f"{option} needs a loss of class labels"
                raise LossaryValueError(_message(problem, ", ".join(titles)))
        if self.classes and self.class_weights and len(self.classes) != len(self.class_weights):
            problem = f"--class-weights must be {len(self.classes)} numbers, one for each class"
            raise LossaryValueError(_message(problem, str(len(self.class_weights))))
        if self.output_columns and self.output is None:
            given = ", ".join(self.output_columns)
            raise LossaryValueError(_message("--columns needs --output", given))
        for spec in self.losses:
            for name in spec.loss.arguments:
                self.argument(spec, name)

    def argument(self, spec: LossSpec, name: str) -> Use:
        """Return the use of columns that an argument of a loss stands for."""
        single = self._label_option(spec) if name == "targets" else None
        kind = "labels" if single else "numbers"
        if name in self.columns:
            return Use(f"--column {name}=", self.columns[name], kind, single=single)
        if name == "targets" and self.targets is not None:
            return Use("--targets", self.targets, kind, single=single)
        if name == spec.loss.arguments[0] and self.inputs is not None:
            return Use("--inputs", self.inputs, kind)
        option = {"targets": "--targets COLUMN", spec.loss.arguments[0]: "--inputs COLUMN"}
        wanted = option.get(name, f"--column {name}=COLUMN")
        problem = f"{spec.loss.name} needs a column for {name}"
        raise LossaryValueError(_message(problem, "none", f"Pass {wanted}."))

    def _label_option(self, spec: LossSpec) -> str | None:
        """Return what to do about several columns where an option says what labels mean."""
        if self.positive is not None and spec.two_labels:
            return "--positive chooses among the labels of one column."
        if self.classes and spec.loss.takes_labels:
            return "--classes names the labels of one column."
        return None

    @property
    def is_weighted(self) -> bool:
        """Whether rows may count differently."""
        return self.weights is not None or bool(self.class_weights)

    @property
    def weights_use(self) -> Use | None:
        """The use of the weights' column."""
        return (
            None if self.weights is None else Use("--weights", self.weights, "numbers", single="")
        )

    @property
    def where_use(self) -> Use | None:
        """The use of the column that chooses rows."""
        return None if self.where is None else Use("--where", self.where, "flags", single="")

    @property
    def by_uses(self) -> list[Use]:
        """The uses of the grouping columns; a group may be of rows without a value."""
        remedy = "Repeat --by for several."
        return [Use("--by", name, "labels", required=False, single=remedy) for name in self.by]

    @property
    def shown_uses(self) -> list[Use]:
        """The uses whose columns are kept of the rows with the largest loss."""
        if not self.worst:
            return []
        arguments = [self.argument(s, name) for s in self.losses for name in s.loss.arguments]
        further = [Use("--show", name, "labels", required=False) for name in self.show]
        weights = [self.weights_use] if self.weights_use else []
        computed = [replace(u, kind="labels", required=False) for u in (*arguments, *weights)]
        return [*further, *computed, *self.by_uses]

    @property
    def copied_uses(self) -> list[Use]:
        """The uses of the columns to copy to the output."""
        if self.output is None:
            return []
        if not self.output_columns:
            return [Use("--output", "*", "copies", required=False)]
        return [Use("--columns", name, "copies", required=False) for name in self.output_columns]

    def uses(self) -> list[Use]:
        """Return every use of columns."""
        found = [self.argument(s, name) for s in self.losses for name in s.loss.arguments]
        found += [use for use in (self.weights_use, self.where_use) if use is not None]
        found += [*self.by_uses, *self.shown_uses, *self.copied_uses]
        return list(dict.fromkeys(found))


def _message(requirement: str, given: str, remedy: str = "") -> str:
    text = f"score: {requirement}, got {given}."
    return f"{text} {remedy}" if remedy else text
