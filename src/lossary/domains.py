"""Domains: which values of an argument a loss is meant for, as expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from lossary.formula import at_label, is_label
from lossary.formula.expression import Expression


@dataclass(frozen=True, slots=True)
class Domain:
    """A set of values, with the words to talk about it.

    Attributes
    ----------
    name : str
        Identifier, as shown in tables.
    text : str
        The values in words: the argument "must be" this.
    contains : callable or None
        From a symbol, and the values of ``parameters``, to the condition that its value is inside;
        None if everything is.
    remedy : str
        The likely fix for values outside, a sentence without its full stop.
    unless : str
        Name of a structural parameter that lifts the restriction when it is true.
    at_label : bool
        Whether, beside class labels, only the values at the labels are checked: the others are
        not read.
    labels : bool
        Whether the values may be integer class labels, one per row.
    probabilities : bool
        Whether they may be one probability per class instead of labels.
    two_classes : tuple of float, optional
        The values that stand for the negative and the positive class.
    typical : tuple of float
        Least and largest of the values that plots show.
    parameters : tuple of str
        Names of the loss's parameters that the set depends on.
    extra_labels : int
        How many labels there are beside 0 to C-1: K thresholds have K+1 categories.
    class_weights : bool
        Whether losses with such targets take class weights though targets are no labels.
    """

    name: str
    text: str
    contains: Callable[..., Expression] | None = None
    remedy: str = ""
    unless: str = ""
    at_label: bool = False
    labels: bool = False
    probabilities: bool = False
    two_classes: tuple[float, float] | None = None
    typical: tuple[float, float] = (-3.0, 3.0)
    parameters: tuple[str, ...] = ()
    extra_labels: int = 0
    class_weights: bool = False

    @property
    def is_real(self) -> bool:
        """Whether every real number is inside."""
        return self.contains is None and not self.labels

    @property
    def is_labels_only(self) -> bool:
        """Whether the values are class labels and nothing else."""
        return self.labels and not self.probabilities

    @property
    def takes_class_weights(self) -> bool:
        """Whether losses with such targets take class weights."""
        return (self.labels and not self.extra_labels) or self.class_weights

    def text_for(self, classes: int) -> str:
        """Return the values in words, for a number of classes."""
        return self.text.replace("C-1", str(classes - 1)).replace(" C", f" {classes}")

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle the domains of this module by their names: their conditions have none."""
        return _constant_name(self) or _by_fields(self)


REAL = Domain("real", "a real number")
PLUS_MINUS_ONE = Domain(
    "plus_minus_one",
    "-1 or +1",
    lambda t: abs(t) == 1,
    "For 0/1 labels pass 2 * targets - 1",
    two_classes=(-1.0, 1.0),
    typical=(-1.0, 1.0),
)
UNIT_INTERVAL = Domain(
    "unit_interval",
    "between 0 and 1",
    lambda t: (t >= 0) & (t <= 1),
    "For -1/+1 labels pass (targets + 1) / 2",
    two_classes=(0.0, 1.0),
    typical=(0.0, 1.0),
)
PROBABILITIES = Domain(
    "probabilities",
    "between 0 and 1",
    lambda p: (p >= 0) & (p <= 1),
    "For raw scores pass with_logits=True",
    unless="with_logits",
    typical=(0.0, 1.0),
)
NONNEGATIVE = Domain(
    "nonnegative",
    "at least 0",
    lambda v: v >= 0,
    "Pass variances, not their logarithms",
    typical=(0.0, 3.0),
)
DISTANCES = Domain(
    "distances",
    "at least 0",
    lambda d: d >= 0,
    "Pass distances, not similarities",
    typical=(0.0, 3.0),
)
LOG_PROBABILITIES = Domain(
    "log_probabilities",
    "at most 0",
    lambda t: t <= 0,
    "Targets are log-probabilities here: pass log(targets)",
    typical=(-6.0, 0.0),
)
PREDICTED_LOG_PROBABILITIES = Domain(
    "log_probabilities",
    "at most 0",
    lambda z: ~(z > 0),  # NaN passes: the remedy is about another mistake
    "Pass log_softmax of logits, or the logarithm of probabilities",
    at_label=True,
    typical=(-6.0, 0.0),
)
MEAN_LOG_PROBABILITIES = Domain(
    "mean_log_probabilities",
    "at most 0",
    lambda x: ~(x > 0),
    "Pass the mean over the response's tokens of their log-probabilities",
    typical=(-6.0, 0.0),
)
TARGET_PROBABILITIES = Domain(
    "target_probabilities",
    "between 0 and 1",
    lambda t: (t >= 0) & (t <= 1),
    "Targets are probabilities here: pass exp(targets) of log-probabilities",
    probabilities=True,
    typical=(0.0, 1.0),
)
CLASS_LABELS = Domain(
    "class_labels",
    "an integer from 0 to C-1",
    remedy="Labels count from 0; mark labels to leave out with ignore_index",
    labels=True,
)
CLASSES_OR_PROBABILITIES = Domain(
    "classes_or_probabilities",
    "integers from 0 to C-1, or probabilities",
    lambda t: (t >= 0) & (t <= 1),
    "Probability targets lie between 0 and 1",
    labels=True,
    probabilities=True,
    typical=(0.0, 1.0),
)
RANK_LABELS = Domain(
    "rank_labels",
    "an integer from 0 to C",
    remedy="C thresholds have C+1 categories, counted from 0",
    labels=True,
    extra_labels=1,
)
MULTI_HOT = Domain(
    "multi_hot",
    "between 0 and 1",
    lambda t: (t >= 0) & (t <= 1),
    "Targets have one number per class: 1 where it applies, 0 where it does not",
    typical=(0.0, 1.0),
    class_weights=True,
)
ZERO_OR_ONE = Domain(
    "zero_or_one",
    "0 or 1",
    lambda t: (t == 0) | (t == 1),
    "For -1/+1 labels pass (targets + 1) / 2",
    two_classes=(0.0, 1.0),
    typical=(0.0, 1.0),
)
COUNTS = Domain("counts", "at least 0", lambda t: t >= 0, typical=(0.0, 6.0))
POSITIVE_TARGETS = Domain("positive", "above 0", lambda t: t > 0, typical=(0.1, 6.0))
ABOVE_MINUS_ONE = Domain(
    "above_minus_one",
    "above -1",
    lambda x: x > -1,
    "The logarithm of 1 plus the value is taken: clip it, or choose another loss",
    typical=(-0.9, 6.0),
)
MEANS = Domain(
    "means",
    "above 0",
    lambda m: m > 0,
    "For logarithms of means pass log_input=True",
    unless="log_input",
    typical=(0.1, 6.0),
)
MEANS_FROM_ZERO = Domain(
    "means_from_zero",
    "at least 0",
    lambda m: m >= 0,
    "Targets are no logarithms here: pass exp(targets)",
    typical=(0.0, 6.0),
)
TWEEDIE_TARGETS = Domain(
    "tweedie_targets",
    "at least 0, above 0 for a power of at least 2, and any number for a power of at most 0",
    lambda t, power: (power <= 0) | ((power < 2) & (t >= 0)) | (t > 0),
    parameters=("power",),
    typical=(0.0, 6.0),
)
TWEEDIE_MEANS = Domain(
    "tweedie_means",
    "above 0, and any number for a power of 0",
    lambda m, power: (power == 0) | (m > 0),
    "For logarithms of means pass log_input=True",
    unless="log_input",
    parameters=("power",),
    typical=(0.1, 6.0),
)
SCALES = Domain(
    "scales",
    "at least 0",
    lambda s: s >= 0,
    "Pass scales, not their logarithms",
    typical=(0.0, 3.0),
)
CONCENTRATIONS = Domain(
    "concentrations",
    "above 0",
    lambda r: r > 0,
    "Pass concentrations, not their logarithms",
    typical=(0.1, 6.0),
)
DEGREES_OF_FREEDOM = Domain("degrees_of_freedom", "above 0", lambda n: n > 0, typical=(0.5, 10.0))


def _is_ordered_corner(boxes: Expression) -> Expression:
    """Return, at each coordinate of a box's first corner, whether it is at most the second's."""
    is_beyond = is_label(0) & (boxes > at_label(boxes, 2))
    return ~(is_beyond | (is_label(1) & (boxes > at_label(boxes, 3))))


BOXES = Domain(
    "boxes",
    "corners with x1 <= x2 and y1 <= y2",
    _is_ordered_corner,
    "For a centre and a size pass [x - w/2, y - h/2, x + w/2, y + h/2]",
)


@dataclass(frozen=True, slots=True)
class Range:
    """The values that a parameter may take.

    Attributes
    ----------
    text : str
        What the parameter "must be".
    contains : callable
        From a number, or an array of them, to whether it is inside.
    infinite : bool
        Whether infinities may be inside.
    """

    text: str
    contains: Callable[[Any], Any]
    infinite: bool = False

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle the ranges of this module by their names."""
        return _constant_name(self) or _by_fields(self)


def _constant_name(item: Domain | Range) -> str | None:
    """Return the name of a constant of this module."""
    return next((name for name, value in globals().items() if value is item), None)


def _by_fields(item: Domain | Range) -> tuple[Any, ...]:
    return type(item), tuple(getattr(item, field.name) for field in fields(item))


POSITIVE = Range("must be a positive number", lambda value: value > 0)
AT_LEAST_ZERO = Range("must be a number that is at least 0", lambda value: value >= 0)
FROM_ZERO_TO_ONE = Range("must be a number from 0 to 1", lambda value: (value >= 0) & (value <= 1))
FROM_ZERO_TO_BELOW_ONE = Range(
    "must be a number from 0 to below 1", lambda value: (value >= 0) & (value < 1)
)
FINITE = Range("must be a finite number", lambda value: abs(value) < float("inf"))
