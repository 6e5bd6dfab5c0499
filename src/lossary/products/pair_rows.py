"""The losses of rows of similarities: what one item's similarities to all others cost.

``partners`` and ``items`` are places among the columns: of an item's other view, and of itself.
``labels`` are numbers of groups. The class weights are one number for each column: its group, or
at least 0 for items that take part; items that take no part have -1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lossary.definition.declaration import Declaration
from lossary.definition.definition import Definition
from lossary.domains import FINITE, POSITIVE, REAL, Domain, Range
from lossary.formula import (
    is_label,
    logsumexp,
    maximum,
    negative_log_softmax,
    negative_log_softmax_at,
    softplus,
    stop_gradient,
    sum_over_classes,
    where,
)
from lossary.formula.expression import Expression


def row_loss(
    name: str,
    formula: Callable[..., Expression],
    limits: Mapping[str, Range] | None = None,
    *,
    arguments: Sequence[str] | None = None,
    others: Sequence[str] | None = None,
    domains: Mapping[str, Domain] | None = None,
    has_hessian: bool = False,
) -> Definition:
    """Return the loss of rows that a formula defines, under the name of the loss of pairs.

    It is in no list of losses. ``others`` are the arguments with one value for each row, by default
    all but the first.
    """
    declared = Declaration(formula, arguments, (), True)
    return Definition(
        name=name,
        formula=formula,
        arguments=declared.arguments,
        parameters=declared.parameters,
        structure=declared.structure,
        axis=-1,
        reduction="none",
        domains=dict(domains or {}),
        limits=dict(limits or {}),
        signature=declared.signature("none", REAL),
        rows=declared.checked_rows(declared.arguments[1:] if others is None else others),
        has_hessian=has_hessian,
    )


def _taking_part(similarities: Expression, columns: Expression | None) -> Expression:
    """Return similarities to items that take part, and minus infinity for the others."""
    if columns is None:
        return similarities
    return where(columns >= 0, similarities, -math.inf)


def at_partner(
    similarities: Expression, partners: Expression, *, class_weights: Any = None
) -> Expression:
    """Return the surprise at the partner among all columns."""
    return negative_log_softmax_at(_taking_part(similarities, class_weights), partners)


def at_partner_of_others(
    similarities: Expression,
    partners: Expression,
    items: Expression,
    *,
    class_weights: Any = None,
) -> Expression:
    """Return the surprise at the partner among all columns but the item itself."""
    others = where(is_label(items), -math.inf, _taking_part(similarities, class_weights))
    return negative_log_softmax_at(others, partners)


def at_same_label(
    similarities: Expression,
    items: Expression,
    labels: Expression,
    *,
    class_weights: Any = None,
) -> Expression:
    """Return the mean surprise at the others of the item's group, among all others."""
    positives = (class_weights == labels) & ~is_label(items)
    others = where(is_label(items), -math.inf, _taking_part(similarities, class_weights))
    total = sum_over_classes(where(positives, negative_log_softmax(others), 0))
    return total / maximum(1, sum_over_classes(where(positives, 1, 0)))


def multi_similarity(
    similarities: Expression,
    items: Expression,
    labels: Expression,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    *,
    class_weights: Any = None,
) -> Expression:
    """Return the soft maxima, from 0 on, of what positives lack and what negatives have."""
    same = class_weights == labels
    other = (class_weights >= 0) & ~same
    excess = similarities - base
    # The item itself stands for the 1 in log(1 + sum): its own exponent is 0.
    pull = where(is_label(items), 0, where(same, -alpha * excess, -math.inf))
    push = where(is_label(items), 0, where(other, beta * excess, -math.inf))
    return (
        negative_log_softmax_at(pull, items) / alpha + negative_log_softmax_at(push, items) / beta
    )


def circle(
    similarities: Expression,
    items: Expression,
    labels: Expression,
    margin: float = 0.4,
    gamma: float = 80.0,
    *,
    class_weights: Any = None,
) -> Expression:
    """Return the softened hinge of weighted negatives over weighted positives."""
    same = class_weights == labels
    positive, negative = same & ~is_label(items), (class_weights >= 0) & ~same
    lacking = stop_gradient(maximum(0, 1 + margin - similarities))
    excess = stop_gradient(maximum(0, similarities + margin))
    pull = -gamma * lacking * (similarities - (1 - margin))
    push = gamma * excess * (similarities - margin)
    return softplus(
        logsumexp(where(negative, push, -math.inf)) + logsumexp(where(positive, pull, -math.inf))
    )


def sigmoid_of_pairs(
    similarities: Expression, partners: Expression, *, class_weights: Any = None
) -> Expression:
    """Return the sum of the binary cross entropies of being the partner."""
    terms = softplus(where(is_label(partners), -similarities, similarities))
    if class_weights is not None:
        terms = where(class_weights >= 0, terms, 0)
    return sum_over_classes(terms)


def over_temperature(similarities: Expression, temperature: Expression) -> Expression:
    """Return similarities as logits."""
    return similarities / temperature


def scaled(similarities: Expression, scales: Expression, biases: Expression) -> Expression:
    """Return similarities as logits whose scale and bias are learned."""
    return scales * similarities + biases


AT_PARTNER = row_loss("info_nce_loss", at_partner)
AT_PARTNER_OF_OTHERS = row_loss("nt_xent_loss", at_partner_of_others)
AT_SAME_LABEL = row_loss("supervised_contrastive_loss", at_same_label)
MULTI_SIMILARITY = row_loss(
    "multi_similarity_loss",
    multi_similarity,
    {"alpha": POSITIVE, "beta": POSITIVE, "base": FINITE},
)
CIRCLE = row_loss("circle_loss", circle, {"margin": FINITE, "gamma": POSITIVE})
SIGMOID_OF_PAIRS = row_loss("pairwise_sigmoid_loss", sigmoid_of_pairs)
