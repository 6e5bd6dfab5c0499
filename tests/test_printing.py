"""Printed formulas are read back and evaluated: what is shown is what is computed."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from exact import evaluate, exact
from hypothesis import given
from hypothesis import strategies as st
from oracles import ARGUMENTS, LENGTHS
from printed import (
    CLASSES,
    FOLDED,
    ROWS,
    VALUES,
    assert_named_reads_back,
    assert_reads_back,
)

import lossary
from lossary.definition.expressions import Variant, expressions_of
from lossary.formula import logsumexp, softmax, where
from lossary.formula.expression import (
    Expression,
    Kind,
    argument,
    label,
    literal,
    node,
    parameter,
    walk,
)
from lossary.formula.gradient import gradient
from lossary.formula.printing import name_parts, named_text, tidy, to_latex, to_text
from lossary.formula.rewrite import expand
from lossary.formula.table import PRIMITIVES, OperandSpec, Primitive


# --- every formula that is shown --------------------------------------------------------------
def _variants() -> list[Any]:
    found = []
    for loss in lossary.list_losses():
        for labels in {loss.takes_labels, loss.takes_labels and not loss.takes_probabilities}:
            for flags in ({}, *({name: _other(loss, name)} for name in sorted(loss.structure))):
                title = "-".join([loss.name, "labels" * labels, *flags])
                found.append(pytest.param(loss, labels, flags, id=title))
    return found


def _other(loss: lossary.Loss, name: str) -> Any:
    default = loss.parameters[name]
    return not default if isinstance(default, bool) else default + 1


@pytest.mark.parametrize(("loss", "labels", "flags"), _variants())
def test_formulas_and_gradients_read_back(
    loss: lossary.Loss, labels: bool, flags: dict[str, Any]
) -> None:
    structure = {name: loss.parameters[name] for name in loss.structure} | flags
    chosen = expressions_of(loss, Variant(structure=tuple(structure.items()), labels=labels))
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {name: exact(rng.uniform(0.1, 0.9)) for name in loss.numbers}
    values |= {
        n: exact(rng.uniform(0.1, 0.9, (ROWS, CLASSES))) for n in (*loss.arguments, *loss.prepare)
    }
    if loss.name in ARGUMENTS:
        drawn = (x.reshape(ROWS, -1) for x in ARGUMENTS[loss.name](rng, ROWS, CLASSES))
        values |= dict(zip(loss.arguments, map(exact, drawn), strict=True))
    elif labels:
        values["targets"] = VALUES["labels"]
    assert_reads_back(
        chosen.unexpanded, values, FOLDED
    )  # 1 / 3 and log(2 pi) are rounded when used
    assert_named_reads_back(tidy(chosen.unexpanded), chosen.unexpanded, values, FOLDED)
    for name in loss.arguments:
        if not (labels and name == "targets"):
            derivative = gradient(chosen.formula, chosen.symbols[name])
            if _printed_nodes(derivative) <= 10_000:
                assert_reads_back(derivative, values, FOLDED)
            assert_named_reads_back(tidy(derivative), derivative, values, FOLDED)


def _printed_nodes(expression: Expression) -> int:
    """Count the nodes that are printed where shared parts have no names."""
    counts: dict[int, int] = {}
    for item in walk(expression):
        counts[id(item)] = 1 + sum(counts[id(child)] for child in item.arguments)
    return counts[id(expression)]


@pytest.mark.parametrize("loss", lossary.list_losses(), ids=lambda loss: loss.name)
def test_shown_gradients_are_short(loss: lossary.Loss) -> None:
    for labels in {loss.takes_labels, loss.takes_labels and not loss.takes_probabilities}:
        assert len(loss.gradient_text(labels=labels)) <= LENGTHS.get(loss.name, 250)


def test_repeated_parts_get_letters_that_are_free() -> None:
    r, y = argument("r"), argument("a_long_name")
    expression = (r - y) * (r - y) + where(r - y < 0, 1, r - y)
    assert named_text(expression) == "s * s + where(s < 0, 1, s), with s = r - a_long_name"
    assert name_parts(r * r).parts == ()


def test_tidy_collects_what_a_reader_would() -> None:
    x, y = argument("x"), argument("y")
    difference, chosen = x - y, where(x < y, 1, 0)
    for long, short in (
        (difference + difference, "2 * (x - y)"),
        (chosen * x + chosen * y + where(x < y, 0, 1) * x, "where(x < y, x + y, x)"),
        (where(x < y, 2 + where(x < y, x, 1), y), "where(x < y, 2 + x, y)"),
        (where(x < y, x, 3 + where(x < y, 1, y)), "where(x < y, x, 3 + y)"),
        (0.5 * x * x / (x * y * 2), "0.25 * x / y"),
        (-x + y, "y - x"),
        (x - x, "0"),
        (expand(softmax(x)), "softmax(x)"),
        (expand(logsumexp(x)), "logsumexp(x)"),
    ):
        assert to_text(tidy(long)) == short


def test_negative_terms_are_subtracted() -> None:
    x, y = argument("x"), argument("y")
    for expression, text, latex in (
        (x + -1, "x - 1", "x - 1"),
        (x - literal(-1), "x + 1", "x + 1"),
        (y * (x + -0.5), "y * (x - 0.5)", r"y \, \left(x - \frac{1}{2}\right)"),
        (node("log1p", -x), "log1p(-x)", r"\log\left(1 - x\right)"),
        (node("log1p", x - y), "log1p(x - y)", r"\log\left(1 + x - y\right)"),
    ):
        assert (to_text(expression), to_latex(expression)) == (text, latex)
    for loss in lossary.list_losses():
        for labels in {loss.takes_labels, loss.takes_labels and not loss.takes_probabilities}:
            for flags in ({}, *({name: _other(loss, name)} for name in sorted(loss.structure))):
                for show in (loss.formula_text, loss.gradient_text, loss.formula_latex,
                             loss.gradient_latex):  # fmt: skip
                    assert "+ -" not in show(labels=labels, **flags)


def test_numbers_are_printed_as_a_reader_knows_them() -> None:
    x, half_log_tau = argument("x"), 0.5 * math.log(2 * math.pi)
    for expression, text, latex in (
        (0.5 * x, "0.5 * x", r"\frac{1}{2} \, x"),
        (literal(0.5) ** 2 + x, "0.25 + x", r"\frac{1}{4} + x"),
        (node("power", 0.5, x), "0.5 ** x", r"\left(\frac{1}{2}\right)^{x}"),
        (0.5 * x / argument("y"), "0.5 * x / y", r"\frac{x}{2 \, y}"),
        (0.3 * x, "0.3 * x", r"0.3 \, x"),
        (1 / 6 * x, "0.16666666666666666 * x", r"\frac{1}{6} \, x"),
        (0.001 * x, "0.001 * x", r"0.001 \, x"),
        (2.5 * x, "2.5 * x", r"2.5 \, x"),
        (x + half_log_tau, "x + 0.5 * log(2 * pi)",
         r"x + \frac{1}{2} \, \log\left(2 \, \pi\right)"),
        (x - half_log_tau, "x - 0.5 * log(2 * pi)",
         r"x - \frac{1}{2} \, \log\left(2 \, \pi\right)"),
    ):  # fmt: skip
        assert (to_text(expression), to_latex(expression)) == (text, latex)
        assert_reads_back(expression, VALUES | {"y": VALUES["delta"]}, FOLDED)
    full = lossary.get_loss("gaussian_nll_loss").formula_latex(full=True)
    assert r"\frac{1}{2} \, \log\left(2 \, \pi\right)" in full
    assert "0.9" not in full


def test_a_power_of_cases_is_one_of_all_of_them() -> None:
    latex = lossary.get_loss("multiclass_brier_loss").formula_latex()
    assert r"\left(\begin{cases}" in latex
    assert r"\end{cases}\right)^{2}" in latex


def test_names_of_symbols_may_be_replaced() -> None:
    x, y = argument("x"), argument("targets")
    assert to_latex(x * y, {"targets": "y", "x": "z_k"}) == r"z_k \, y"
    assert name_parts((x - y) * (x - y), taken={"r"}).parts[0][0] == "s"


# --- any expression ---------------------------------------------------------------------------
_ELEMENTS = ("x", "y_2")


def _expressions() -> st.SearchStrategy[Expression]:
    leaves = st.one_of(
        st.sampled_from([argument(name) for name in _ELEMENTS]),
        st.sampled_from([parameter("delta"), node("index"), node("class_count")]),
        st.sampled_from([-2.0, -0.5, 0.25, 1.0, 3.0]).map(literal),
    )
    return st.recursive(leaves, _larger, max_leaves=8)


def _larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    shown = [
        item
        for item in PRIMITIVES.values()
        if item.operands and not (item.boolean or item.kernel_only or item.name == "stop")
    ]
    condition = st.builds(
        _condition,
        st.sampled_from(["less", "less_equal", "equal"]),
        st.sampled_from(["logical_and", "logical_or", "logical_not", ""]),
        inner,
        inner,
        inner,
    )
    return st.builds(_applied, st.sampled_from(shown), condition, inner, inner, inner)


def _element(x: Expression) -> Expression:
    return x if x.kind is Kind.ELEMENT else x + argument("x")


def _row(x: Expression) -> Expression:
    return x if x.kind < Kind.ELEMENT else node("sum", x)


def _applied(primitive: Primitive, condition: Expression, *given: Expression) -> Expression:
    if primitive.reduces or primitive.mixes:  # these take a condition for each element
        condition = condition if condition.kind is Kind.ELEMENT else argument("x") < 0
    operands = [
        condition if spec.kind == "condition" else _operand(primitive, spec, x)
        for spec, x in zip(primitive.operands, given, strict=False)
    ]
    return node(primitive.name, *operands)


def _operand(primitive: Primitive, spec: OperandSpec, x: Expression) -> Expression:
    """Return an operand that a primitive takes: a real number to any power is real, and so on."""
    if spec.kind == "label":
        return label("labels")
    if spec.kind == "number":
        return literal(0.25)
    if spec.kind == "row":
        x = _row(x)
    elif primitive.reduces or primitive.mixes or primitive.expands_first:
        x = _element(x)
    elif primitive.approximate and x.operation == "literal":
        x = _element(x)  # polynomials of a number fold in float64
    return abs(x) if spec.low == 0.0 else x


def _condition(sign: str, word: str, a: Expression, b: Expression, c: Expression) -> Expression:
    first, second = node(sign, a, b), node("less", c, a)
    if not word:
        return first
    return node(word, first) if word == "logical_not" else node(word, first, second)


@given(_expressions())
def test_every_expression_reads_back(expression: Expression) -> None:
    try:
        values = [evaluate(item, VALUES, CLASSES) for item in walk(expression)]
        largest = max(1.0, *(float(abs(x)) for value in values for x in np.ravel(value)))
        if np.isfinite(largest):  # numbers alone are folded in float64
            assert_reads_back(expression, within=FOLDED * largest**2)
            assert_named_reads_back(expression, expression, within=FOLDED * largest**2)
    except (OverflowError, ZeroDivisionError, mp.libmp.ComplexResult):
        pass  # the value is no real number, so there is nothing to compare


@given(_expressions())
def test_tidy_keeps_the_value_of_real_numbers(expression: Expression) -> None:
    try:
        values = [evaluate(item, VALUES, CLASSES) for item in walk(expression)]
        largest = max(1.0, *(float(abs(x)) for value in values for x in np.ravel(value)))
        if np.isfinite(largest):
            assert_named_reads_back(tidy(expression), expression, within=FOLDED * largest**2)
    except (OverflowError, ZeroDivisionError, mp.libmp.ComplexResult):
        pass
