"""A scoring job: which losses to compute over which columns of which files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lossary.errors import choices, value_error
from lossary.options import Policy
from lossary.registry import Loss
from lossary.scoring.binding import Use

#: Name of the public function, which messages begin with.
FUNCTION = "score"

#: Suffixes of files that losses of rows are written to.
OUTPUT_SUFFIXES = (".parquet", ".csv", ".arrow")


#: More bins of probability than anybody looks at.
MOST_BINS = 1000


@dataclass(frozen=True)
class LossSpec:
    """A loss with its parameters, and the text that chose it.

    Attributes
    ----------
    title : str
        Name of the loss in results, e.g. ``"huber_loss:delta=2"``.
    loss : Loss
        The loss.
    parameters : mapping
        The parameters that differ from their defaults.
    ignore_index : int, optional
        Class label of rows that take no part.
    """

    title: str
    loss: Loss
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ignore_index: int | None = None

    @property
    def has_two_labels(self) -> bool:
        """Whether the targets are one of two labels, or lie between them."""
        return self.loss.targets.two_classes is not None


@dataclass(frozen=True)
class Job:
    """What to score.

    Columns are named by a name, several names with commas between them, or a pattern as for
    files; columns found by a pattern are in natural order (z_2 before z_10).

    Attributes
    ----------
    files : sequence of str
        Paths or addresses of files, globs, folders, tables or queries, or "-" for CSV on standard
        input.
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
    quantiles : sequence of float
        Quantiles of the losses, such as 0.5 for the median; within 1 % of a loss of that rank.
    calibration : int
        Number of equally wide bins of predicted probability in which to count what came true; 0 for
        none.
    worst : int
        Number of rows with the largest loss to keep, for each loss.
    show : sequence of str
        Further columns to keep of these rows.
    positive : str, optional
        Label that counts as +1 (1 where targets lie between 0 and 1); the other is -1 (0).
    classes : sequence of str
        Class labels in the order of the classes, where labels are not integers from 0.
    class_weights : sequence of float
        Weights of the classes, in their order; they multiply the losses of class labels.
    skip_nulls : bool
        Skip rows without a value in a used column, instead of raising.
    domain : {"warn", "raise", "ignore"}
        What to do about values outside a loss's domain.
    denominator : {"weights", "count"}
        What means divide by; without weights it is the same.
    skip_unreadable : bool
        Leave out files, or parts of them, that cannot be read, instead of raising.
    output : Path, optional
        Parquet, CSV or Arrow file for the losses of the rows, beside columns of the files.
    output_columns : sequence of str
        The columns to copy to the output; all of them if none is named.
    delimiter : str, optional
        What separates the values of CSV; by default a comma, or a tab in .tsv files.
    """

    files: Sequence[str]
    losses: Sequence[LossSpec]
    inputs: str | None = None
    targets: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    weights: str | None = None
    where: str | None = None
    by: Sequence[str] = ()
    quantiles: Sequence[float] = ()
    calibration: int = 0
    worst: int = 0
    show: Sequence[str] = ()
    positive: str | None = None
    classes: Sequence[str] = ()
    class_weights: Sequence[float] = ()
    skip_nulls: bool = False
    domain: Policy = "warn"
    denominator: Literal["weights", "count"] = "weights"
    skip_unreadable: bool = False
    output: Path | None = None
    output_columns: Sequence[str] = ()
    delimiter: str | None = None

    def __post_init__(self) -> None:
        """Raise for what no file could satisfy."""
        titles = ", ".join(self.titles)
        if not self.losses:
            raise value_error(FUNCTION, "losses", "must name a loss at least", "none")
        repeated = [title for title in self.titles if self.titles.count(title) > 1]
        if repeated:
            raise value_error(FUNCTION, "losses", "must differ", f"{repeated[0]!r} twice")
        if self.positive is not None and not any(spec.has_two_labels for spec in self.losses):
            raise value_error(FUNCTION, "--positive", "needs a loss of two labels", titles)
        labels = any(spec.loss.takes_labels for spec in self.losses)
        weighted = any(spec.loss.targets.takes_class_weights for spec in self.losses)
        for option, values, is_usable in (
            ("--classes", self.classes, labels),
            ("--class-weights", self.class_weights, weighted),
        ):
            if values and not is_usable:
                raise value_error(FUNCTION, option, "needs a loss of class labels", titles)
        if self.classes and self.class_weights and len(self.classes) != len(self.class_weights):
            requirement = f"must be {len(self.classes)} numbers, one for each class"
            raise value_error(FUNCTION, "--class-weights", requirement, len(self.class_weights))
        for share in self.quantiles:
            if not 0 <= share <= 1:
                remedy = "The median is 0.5."
                raise value_error(FUNCTION, "--quantiles", "must be between 0 and 1", share, remedy)
        self._check_calibration(titles)
        if self.skip_unreadable and self.output is not None:
            # A part that turns out to be broken after some rows has these in the output already.
            remedy = "Name the files that can be read."
            requirement = "must not be passed with --output"
            raise value_error(FUNCTION, "--skip-bad", requirement, self.output, remedy)
        if self.output is not None and self.output.suffix.lower() not in OUTPUT_SUFFIXES:
            requirement = f"must be a file with the suffix {choices(OUTPUT_SUFFIXES)}"
            raise value_error(FUNCTION, "--output", requirement, repr(self.output.name))
        if self.output_columns and self.output is None:
            columns = ", ".join(self.output_columns)
            raise value_error(FUNCTION, "--columns", "needs --output", columns)
        self._argument_uses()

    def _check_calibration(self, titles: str) -> None:
        if not 0 <= self.calibration <= MOST_BINS:
            requirement = f"must be a number of bins, 1 to {MOST_BINS}, or 0 for none"
            raise value_error(FUNCTION, "--calibration", requirement, self.calibration)
        others = [spec.title for spec in self.losses if spec.loss.probability is None]
        if self.calibration and others:
            requirement = "needs losses of predicted probabilities, or of their scores"
            remedy = "Name losses with the tag probabilistic, such as binary_cross_entropy."
            raise value_error(FUNCTION, "--calibration", requirement, others[0], remedy)

    @property
    def titles(self) -> list[str]:
        """The titles of the losses."""
        return [spec.title for spec in self.losses]

    @property
    def is_weighted(self) -> bool:
        """Whether rows may have different weights in a mean."""
        return self.weights is not None or bool(self.class_weights)

    def argument_use(self, spec: LossSpec, name: str) -> Use:
        """Return the use of the columns that an argument of a loss is made from."""
        first = spec.loss.arguments[0]
        remedy = self._single_remedy(spec) if name == "targets" else None
        kind = "labels" if remedy else "numbers"
        if name in self.columns:
            return Use(f"--column {name}=", self.columns[name], kind, single_remedy=remedy)
        if name == "targets" and self.targets is not None:
            return Use("--targets", self.targets, kind, single_remedy=remedy)
        if name == first and self.inputs is not None:
            return Use("--inputs", self.inputs, kind)
        options = {"targets": "--targets COLUMN", first: "--inputs COLUMN"}
        option = options.get(name, f"--column {name}=COLUMN")
        raise value_error(
            FUNCTION, spec.loss.name, f"needs a column for {name}", "none", f"Pass {option}."
        )

    def _single_remedy(self, spec: LossSpec) -> str | None:
        """Return what to do about several columns of targets where an option needs a single one."""
        if self.positive is not None and spec.has_two_labels:
            return "--positive chooses among the labels of one column."
        if self.classes and spec.loss.takes_labels:
            return "--classes names the labels of one column."
        return None

    def _argument_uses(self) -> list[Use]:
        return [
            self.argument_use(spec, name) for spec in self.losses for name in spec.loss.arguments
        ]

    @property
    def weights_use(self) -> Use | None:
        """The use of the column of weights."""
        if self.weights is None:
            return None
        return Use("--weights", self.weights, "numbers", single_remedy="")

    @property
    def where_use(self) -> Use | None:
        """The use of the column that chooses rows."""
        return None if self.where is None else Use("--where", self.where, "flags", single_remedy="")

    @property
    def by_uses(self) -> list[Use]:
        """The uses of the grouping columns; a missing value makes a group too."""
        remedy = "Repeat --by for several."
        return [
            Use("--by", name, "labels", required=False, single_remedy=remedy) for name in self.by
        ]

    @property
    def shown_uses(self) -> list[Use]:
        """The uses of the columns to keep of the rows with the largest loss."""
        if not self.worst:
            return []
        further = [Use("--show", name, "labels", required=False) for name in self.show]
        weights = [self.weights_use] if self.weights_use else []
        computed = [
            replace(use, kind="labels", required=False)
            for use in (*self._argument_uses(), *weights)
        ]
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
        found = self._argument_uses()
        found += [use for use in (self.weights_use, self.where_use) if use is not None]
        found += [*self.by_uses, *self.shown_uses, *self.copied_uses]
        return list(dict.fromkeys(found))
