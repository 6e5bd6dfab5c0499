"""The loss with its tail: weights, masks, class weights and derivatives joined to the formula.

A *variant* is everything that changes the structure of the expression; what comes out is data
(expressions), so that a kernel can do all of it in one pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lossary.domains import CLASS_LABELS, Domain
from lossary.formula import (
    at_label,
    class_count,
    class_index,
    is_label,
    max_over_classes,
    scale,
    sum_over_classes,
    where,
)
from lossary.formula.expression import (
    Expression,
    Kind,
    argument,
    label,
    literal,
    mask,
    parameter,
)
from lossary.formula.gradient import diagonal, gradient
from lossary.formula.rewrite import expand

if TYPE_CHECKING:
    from lossary.record import Loss


@dataclass(frozen=True, slots=True)
class Variant:
    """What the structure of a call's expression depends on."""

    structure: tuple[tuple[str, object], ...] = ()
    zeros: frozenset[str] = frozenset()
    labels: bool = False
    weights: bool = False
    where: bool = False
    ignore_index: bool = False
    class_weights: bool = False
    array_parameters: frozenset[str] = frozenset()


class Composite:
    """The expressions of one variant of a loss."""

    def __init__(self, loss: Loss, variant: Variant) -> None:
        self.loss = loss
        self.variant = variant
        self.unit = Kind.ELEMENT if loss.axis is None else Kind.ROW

    @cached_property
    def symbols(self) -> dict[str, Expression]:
        """The loss's array arguments as symbols."""
        return {
            name: label(name)
            if self.variant.labels and name == "targets"
            else argument(name, Kind.ELEMENT)
            for name in self.loss.arguments
        }

    @cached_property
    def raw(self) -> Expression:
        """The formula itself: no weights, no mask."""
        return expand(self.written)

    @cached_property
    def written(self) -> Expression:
        """The formula as it is written, composites included."""
        parameters: dict[str, object] = dict(self.variant.structure)
        for name in self.loss.numbers:
            parameters[name] = self._parameter(name)
        weights = self._class_weights if self.variant.class_weights else None
        return self.loss.trace(self.symbols, parameters, weights)

    @cached_property
    def taking_part(self) -> Expression | None:
        """Condition that an element counts; None where every element does."""
        conditions = []
        if self.variant.where:
            conditions.append(mask("where", self.unit))
        if self.variant.ignore_index:
            conditions.append(self.symbols["targets"] != parameter("ignore_index"))
        if not conditions:
            return None
        return conditions[0] if len(conditions) == 1 else conditions[0] & conditions[1]

    @cached_property
    def multiplier(self) -> Expression:
        """What multiplies the formula, before any mask."""
        return self._weighted(self._class_factor)

    @cached_property
    def weight(self) -> Expression:
        """Weight of an element in the mean: what ``denominator="weights"`` sums."""
        return self.masked(self._weighted(self._class_weight))

    @cached_property
    def value(self) -> Expression:
        """The unreduced loss: weighted, 0 where an element takes no part."""
        return self.masked(self.guarded(scale(self.multiplier, self.raw)))

    def gradient(self, name: str, cotangent: Expression) -> Expression:
        """Return the derivative with respect to an argument, times a cotangent.

        That with respect to ``class_weights`` is one per class in each row.
        """
        if name == "weights":
            return self.weights_gradient(cotangent)
        if name == "class_weights":
            return self.class_weights_gradient(cotangent)
        if name in self.variant.array_parameters:
            derivative = gradient(self.raw, self._parameter(name))
            return self.masked(self.guarded(scale(self.multiplier * cotangent, derivative)))
        return self._derivative(gradient(self.raw, self.symbols[name]), cotangent)

    def hessian(self, name: str, cotangent: Expression) -> Expression:
        """Diagonal second derivative with respect to an argument, times a cotangent."""
        return self._derivative(diagonal(self.raw, self.symbols[name]), cotangent)

    def weights_gradient(self, cotangent: Expression) -> Expression:
        """Return the derivative with respect to ``weights``, times a cotangent."""
        return self.masked(self.guarded(scale(self._class_factor * cotangent, self.raw)))

    def class_weights_gradient(self, cotangent: Expression) -> Expression:
        """Return the derivative with respect to each class's weight, times a cotangent, per row."""
        if self.loss.weighs_classes:
            derivative = gradient(self.raw, self._class_weights)
        else:
            derivative = where(is_label(self.symbols["targets"]), self.raw, 0)
        return self.masked(self.guarded(scale(self._weighted(cotangent), derivative)))

    @cached_property
    def faults(self) -> tuple[tuple[str, Domain, Expression], ...]:
        """Per argument with a domain: its name, the domain and the condition of a fault."""
        found = []
        structure = dict(self.variant.structure)
        for name, domain in self.loss.domains.items():
            symbol = self.symbols[name]
            if symbol.operation == "label":
                found.append((name, CLASS_LABELS, self.masked(~self._valid_label, False)))
            elif domain.contains is not None and not structure.get(domain.unless, False):
                if domain.at_label and self.variant.labels:
                    symbol = at_label(symbol, self.symbols["targets"])
                found.append((name, domain, self.masked(~domain.contains(symbol), False)))
        return tuple(found)

    @cached_property
    def fault_elements(self) -> dict[str, Expression]:
        """Per argument with a domain: which of its elements are outside."""
        labels = self.variant.labels
        return {
            name: condition & is_label(self.symbols["targets"])
            if labels and domain.at_label
            else condition
            for name, domain, condition in self.faults
        }

    @cached_property
    def fault_places(self) -> dict[str, Expression]:
        """Per argument with a domain: what the role "first" of outputs finds a fault by."""
        return {
            name: -max_over_classes(where(outside, -class_index(), -math.inf))
            if self.unit is Kind.ROW and outside.kind is Kind.ELEMENT
            else where(outside, 0, math.inf)
            for name, outside in self.fault_elements.items()
        }

    def masked(self, value: Expression, otherwise: float = 0.0) -> Expression:
        """Replace the value where an element takes no part."""
        if self.taking_part is None:
            return value
        if otherwise is False:
            return value & self.taking_part
        return where(self.taking_part, value, otherwise)

    def guarded(self, value: Expression) -> Expression:
        """NaN where a label is no class: it is never used as an index."""
        return where(self._valid_label, value, math.nan) if self.variant.labels else value

    def _derivative(self, derivative: Expression, cotangent: Expression) -> Expression:
        if derivative.kind is not Kind.ELEMENT and self.unit is Kind.ROW:
            # The result has the argument's shape even where the derivative does not vary.
            derivative = where(class_index() < 0, math.nan, derivative)
        return self.masked(self.guarded(scale(self.multiplier * cotangent, derivative)))

    def _parameter(self, name: str) -> Expression:
        """Return the symbol of a parameter passed at run time; 0 itself where that is known."""
        if name in self.variant.array_parameters:
            return argument(name, self.unit)
        return literal(0) if name in self.variant.zeros else parameter(name)

    @cached_property
    def _valid_label(self) -> Expression:
        symbol = self.symbols["targets"]
        return (symbol >= 0) & (symbol < class_count())

    @property
    def _class_factor(self) -> Expression:
        """Class weight that the formula leaves to be multiplied with."""
        return literal(1) if self.loss.weighs_classes else self._class_weight

    @property
    def _class_weight(self) -> Expression:
        """Class weight of an element: the label's, or the sum over classes by the targets."""
        targets = self.symbols.get("targets")
        if not self.variant.class_weights or targets is None:
            return literal(1)
        if self.variant.labels:
            return at_label(self._class_weights, targets)
        return sum_over_classes(self._class_weights * targets)

    def _weighted(self, factor: Expression) -> Expression:
        """Return a factor times the element's weight, where there are weights."""
        return argument("weights", self.unit) * factor if self.variant.weights else factor

    @property
    def _class_weights(self) -> Expression:
        return argument("class_weights", Kind.ELEMENT)


def composite(loss: Loss, variant: Variant) -> Composite:
    """Return the expressions of a variant, traced once; they are kept with the loss."""
    found: Composite | None = loss.composites.find(variant)
    return found or loss.composites.keep(variant, Composite(loss, variant))
