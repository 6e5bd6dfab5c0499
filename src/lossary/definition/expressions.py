"""The expressions of a loss: formula, weights, mask, class weights and derivatives joined.

A *variant* is everything that changes the structure of an expression. The results are data, so that
a kernel can compute all of them in one pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from inspect import signature
from typing import NamedTuple

from lossary.definition.definition import Definition
from lossary.domains import CLASS_LABELS, Domain
from lossary.errors import type_error
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
    parameter,
    walk,
)
from lossary.formula.expression import mask as mask_symbol
from lossary.formula.gradient import diagonal, gradient
from lossary.formula.lower import is_simple
from lossary.formula.operators import NoDiagonalError
from lossary.formula.propagation import drops_nan
from lossary.formula.rewrite import expand, expand_all, masked_rows
from lossary.formula.table import PRIMITIVES


class Variant(NamedTuple):
    """What the structure of a call's expression depends on."""

    structure: tuple[tuple[str, object], ...] = ()
    zeros: frozenset[str] = frozenset()
    exponents: frozenset[tuple[str, float]] = frozenset()
    defaults: frozenset[str] = frozenset()
    labels: bool = False
    weights: bool = False
    where: bool = False
    element_mask: bool = False
    ignore_index: bool = False
    class_weights: bool = False
    array_parameters: frozenset[str] = frozenset()


class LossExpressions:
    """The expressions of one variant of a loss."""

    def __init__(self, loss: Definition, variant: Variant) -> None:
        self.loss = loss
        self.variant = variant
        self.kind = Kind.ELEMENT if loss.axis is None else Kind.ROW

    @cached_property
    def symbols(self) -> dict[str, Expression]:
        """The loss's array arguments as symbols, and what is prepared from them."""
        prepared = {name: argument(name, Kind.ELEMENT) for name in self.loss.prepare}
        return prepared | {
            name: label(name)
            if self.variant.labels and name == "targets"
            else argument(name, Kind.ROW if name in self.loss.rows else Kind.ELEMENT)
            for name in self.loss.arguments
        }

    @cached_property
    def formula(self) -> Expression:
        """The formula without weights and mask, composites expanded.

        Only a mask of elements changes it: what it leaves out takes part in no sum of its row.
        """
        formula = expand(self.unexpanded)
        if self._element_mask is None:
            return formula
        return masked_rows(formula, self._element_mask)

    @cached_property
    def unexpanded(self) -> Expression:
        """The formula as it is written, with composites."""
        weights = self._class_weights if self.variant.class_weights else None
        return self.loss.trace(self.symbols, self._parameters, weights)

    @cached_property
    def mask(self) -> Expression | None:
        """Condition under which an element takes part; None if all do."""
        conditions = []
        if self._element_mask is not None:
            conditions.append(max_over_classes(where(self._element_mask, 1, 0)) > 0)
        elif self.variant.where:
            conditions.append(mask_symbol("where", self.kind))
        if self.variant.ignore_index:
            conditions.append(self.symbols["targets"] != parameter("ignore_index"))
        if not conditions:
            return None
        return conditions[0] if len(conditions) == 1 else conditions[0] & conditions[1]

    @cached_property
    def counted(self) -> Expression | None:
        """Condition under which an element counts in a mean; None if all do.

        An element that the loss leaves out is 0, but NaN where an input is NaN; its values are
        checked.
        """
        left_out = self._left_out
        if left_out is None:
            return self.mask
        return ~left_out if self.mask is None else self.mask & ~left_out

    @cached_property
    def factor(self) -> Expression:
        """The product of weights that multiplies the formula, before any mask."""
        return self._weighted(self._class_factor)

    @cached_property
    def weight(self) -> Expression:
        """Weight of an element in the mean: what ``denominator="weights"`` sums."""
        return self.where_counted(self._weighted(self._class_weight))

    @cached_property
    def value(self) -> Expression:
        """The unreduced loss: weighted, 0 where an element takes no part."""
        return self.masked(self.guarded(scale(self.factor, self.formula)))

    def gradient(self, name: str, cotangent: Expression) -> Expression:
        """Return the derivative with respect to an argument, times a cotangent.

        That with respect to ``class_weights`` is one per class in each row.
        """
        if name == "weights":
            return self.weights_gradient(cotangent)
        if name == "class_weights":
            return self.class_weights_gradient(cotangent)
        if name in self.variant.array_parameters:
            derivative = gradient(self.formula, self._parameter(name))
            return self.masked(self.guarded(scale(self.factor * cotangent, derivative)))
        return self._derivative(name, gradient(self.formula, self.symbols[name]), cotangent)

    def hessian(self, name: str, cotangent: Expression) -> Expression:
        """Diagonal second derivative with respect to an argument, times a cotangent."""
        symbol = self.symbols[name]
        if name in self.loss.rows:
            slope = expand(gradient(self.formula, symbol))
            return self._derivative(name, gradient(slope, symbol), cotangent)
        try:
            curvature = diagonal(self.formula, symbol)
        except NoDiagonalError as error:
            requirement = "must have a diagonal Hessian"
            remedy = "Use value_and_grad."
            raise type_error(
                self.loss.name, "the formula", requirement, str(error), remedy
            ) from None
        return self._derivative(name, curvature, cotangent)

    def weights_gradient(self, cotangent: Expression) -> Expression:
        """Return the derivative with respect to ``weights``, times a cotangent."""
        return self.masked(self.guarded(scale(self._class_factor * cotangent, self.formula)))

    def class_weights_gradient(self, cotangent: Expression) -> Expression:
        """Return the derivative with respect to each class's weight, times a cotangent, per row."""
        if self.loss.weighs_classes:
            derivative = gradient(self.formula, self._class_weights)
        else:
            derivative = where(is_label(self.symbols["targets"]), self.formula, 0)
        return self.masked(self.guarded(scale(self._weighted(cotangent), derivative)))

    @cached_property
    def derivation_parts(self) -> tuple[Expression, ...]:
        """The expressions that derivatives are written from, the cotangent aside."""
        conditions = [] if self.mask is None else [self.mask]
        conditions += [self._valid_label] if self.variant.labels else []
        symbols = (
            *self.symbols.values(),
            *map(self._parameter, sorted(self.variant.array_parameters)),
        )
        factors = self.factor, self._class_factor, self._class_weights
        return (self.formula, *factors, *symbols, *conditions, *self._known)

    @cached_property
    def derivation_facts(self) -> tuple[object, ...]:
        """What decides besides how these expressions are joined."""
        chosen = self.variant
        flags = chosen.labels, chosen.weights, chosen.class_weights, chosen.element_mask
        counts = self.mask is not None, len(self._known)
        names = sorted(self.loss.rows), sorted(chosen.array_parameters), list(self.symbols)
        return (int(self.kind), self.loss.weighs_classes, *flags, *counts, *names)

    @cached_property
    def violations(self) -> tuple[tuple[str, Domain, Expression], ...]:
        """Per argument with a domain: its name, the domain, and when a value is outside."""
        found = []
        structure = dict(self.variant.structure)
        for name, domain in self.loss.domains.items():
            symbol = self.symbols[name]
            if symbol.operation == "label":
                labels = CLASS_LABELS if domain.probabilities else domain
                found.append((name, labels, self.masked(~self._valid_label, False)))
            elif domain.contains is not None and not structure.get(domain.unless, False):
                if domain.at_label and self.variant.labels:
                    symbol = at_label(symbol, self.symbols["targets"])
                values = (structure.get(x, self._parameter(x)) for x in domain.parameters)
                outside = ~domain.contains(symbol, *values)
                if self._element_mask is not None and outside.kind is Kind.ELEMENT:
                    outside = outside & self._element_mask
                found.append((name, domain, self.masked(outside, False)))
        return tuple(found)

    @cached_property
    def violating_elements(self) -> dict[str, Expression]:
        """Per argument with a domain: which of its elements are outside."""
        labels = self.variant.labels
        return {
            name: condition & is_label(self.symbols["targets"])
            if labels and domain.at_label
            else condition
            for name, domain, condition in self.violations
        }

    @cached_property
    def first_violations(self) -> dict[str, Expression]:
        """Per argument with a domain: the input of an output with the role "first"."""
        return {
            name: -max_over_classes(where(outside, -class_index(), -math.inf))
            if self.kind is Kind.ROW and outside.kind is Kind.ELEMENT
            else where(outside, 0, math.inf)
            for name, outside in self.violating_elements.items()
        }

    def masked(self, value: Expression, otherwise: float = 0.0) -> Expression:
        """Replace the value where an element takes no part."""
        if self.mask is None:
            return value
        if otherwise is False:
            return value & self.mask
        return where(self.mask, value, otherwise)

    def where_counted(self, value: Expression, otherwise: float = 0.0) -> Expression:
        """Replace the value where an element does not count."""
        return value if self.counted is None else where(self.counted, value, otherwise)

    def guarded(self, value: Expression) -> Expression:
        """Return NaN where a label is outside the classes: it is never used as an index.

        Also where an argument is NaN that the formula only compares, or orders rows by.
        """
        if self.variant.labels:
            value = where(self._valid_label, value, math.nan)
        for is_known in self._known:
            value = where(is_known, value, math.nan)
        return value

    def _derivative(self, name: str, derivative: Expression, cotangent: Expression) -> Expression:
        full = self.kind is Kind.ROW and name not in self.loss.rows
        if full and derivative.kind is not Kind.ELEMENT:
            # The result has the argument's shape even where the derivative does not vary.
            derivative = where(class_index() < 0, math.nan, derivative)
        derivative = self.masked(self.guarded(scale(self.factor * cotangent, derivative)))
        if full and self._element_mask is not None:
            return where(self._element_mask, derivative, 0)
        return derivative

    @cached_property
    def probability(self) -> Expression | None:
        """The probability that is predicted, of each class where there are some; None if none."""
        written = self.unexpanded_probability
        if written is None:
            return None
        found = expand(written)
        if found.kind is Kind.ROW:
            requirement = "must be one for each class"
            raise type_error(self.loss.name, "probability", requirement, repr(found))
        return found

    @property
    def unexpanded_probability(self) -> Expression | None:
        """The probability that is predicted as it is written, with composites."""
        function = self.loss.probability
        return None if function is None else self._called(function)

    def _called(self, function: Callable[..., Expression]) -> Expression:
        """Return what a declared function makes of the arguments and parameters it names."""
        given = {**self.symbols, **self._parameters}
        return function(**{name: given[name] for name in signature(function).parameters})

    @property
    def _left_out(self) -> Expression | None:
        """Condition under which the loss leaves an element out of means."""
        function = self.loss.left_out
        if function is None:
            return None
        found = expand(self._called(function))
        row = PRIMITIVES.get(found.operation)
        per_element = self.kind is Kind.ROW and found.kind is Kind.ELEMENT
        if row is None or not row.boolean or per_element:
            requirement = f"must be a condition, one for each {self.kind.name.lower()}"
            raise type_error(self.loss.name, "left_out", requirement, repr(found))
        return found if self._element_mask is None else masked_rows(found, self._element_mask)

    @cached_property
    def _parameters(self) -> dict[str, object]:
        """What the formula's parameters stand for: values that choose it, and symbols."""
        found: dict[str, object] = dict(self.variant.structure)
        for name in self.loss.numbers:
            found.setdefault(name, self._parameter(name))
        return found

    def _parameter(self, name: str) -> Expression:
        """Return the symbol of a parameter passed at run time; a number that is known itself."""
        if name in self.variant.array_parameters:
            return argument(name, self.kind)
        if name in self.variant.defaults:
            return literal(self.loss.parameters[name])
        known = dict(self.variant.exponents).get(name)
        if known is not None:
            return literal(known)
        return literal(0) if name in self.variant.zeros else parameter(name)

    @cached_property
    def _element_mask(self) -> Expression | None:
        """Condition under which an element of a row takes part, where the mask has elements."""
        return mask_symbol("where", Kind.ELEMENT) if self.variant.element_mask else None

    @cached_property
    def _valid_label(self) -> Expression:
        symbol = self.symbols["targets"]
        return (symbol >= 0) & (symbol < class_count() + self.loss.targets.extra_labels)

    @cached_property
    def _known(self) -> tuple[Expression, ...]:
        """For each argument whose NaN would not reach the value: when it is not NaN."""
        found = []
        for symbol in self.symbols.values():
            if symbol.operation == "argument" and drops_nan(self.formula, symbol):
                is_nan = symbol != symbol
                if self.kind is Kind.ROW and symbol.kind is Kind.ELEMENT:
                    taken = is_nan if self._element_mask is None else is_nan & self._element_mask
                    found.append(sum_over_classes(where(taken, 1, 0)) <= 0)
                else:
                    found.append(~is_nan)
        return tuple(found)

    @cached_property
    def exponents(self) -> frozenset[str]:
        """Names of the parameters passed at run time that exponents of powers are made of."""
        powers = (item for item in walk(*self._expanded) if item.operation == "power")
        parts = walk(*(item.arguments[1] for item in powers))
        return frozenset(str(item.value) for item in parts if item.operation == "parameter")

    @cached_property
    def _expanded(self) -> tuple[Expression, ...]:
        """The formula with all composites expanded; kept, as a kernel's plan needs these nodes."""
        return expand_all(self.formula)

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
        return argument("weights", self.kind) * factor if self.variant.weights else factor

    @property
    def _class_weights(self) -> Expression:
        return argument("class_weights", Kind.ELEMENT)


def expressions_for(
    loss: Definition, variant: Variant, numbers: Mapping[str, float]
) -> LossExpressions:
    """Return the expressions of a variant for given numbers.

    Exponents whose powers are products and roots become constants.
    """
    simple = {name: value for name, value in numbers.items() if value and is_simple(value)}
    found = expressions_of(loss, variant)
    if not simple:
        return found
    known = frozenset((name, simple[name]) for name in found.exponents & simple.keys())
    return expressions_of(loss, variant._replace(exponents=known)) if known else found


def expressions_of(loss: Definition, variant: Variant) -> LossExpressions:
    """Return the expressions of a variant, traced once and kept with the loss."""
    found: LossExpressions | None = loss.variants.find(variant)
    return found or loss.variants.keep(variant, LossExpressions(loss, variant))
