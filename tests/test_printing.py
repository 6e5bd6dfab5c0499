"""Printed formulas are read back and evaluated: what is shown is what is computed."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest
from exact import ExactOperations, evaluate, exact
from hypothesis import given
from hypothesis import strategies as st
from latex import to_python

import lossary
from lossary.composite import Variant, composite
from lossary.formula import primitives
from lossary.formula.expression import Expression, Kind, argument, label, literal, node, parameter
from lossary.formula.gradient import gradient
from lossary.formula.printing import to_latex, to_text

ROWS, CLASSES = 3, 4
_RNG = np.random.default_rng(0)
_LABELS = _RNG.integers(0, CLASSES, (ROWS, 1))
VALUES: dict[str, Any] = {
    "x": exact(_RNG.normal(size=(ROWS, CLASSES))),
    "y_2": exact(_RNG.uniform(0.1, 0.9, size=(ROWS, CLASSES))),
    "labels": exact(_LABELS),
    "delta": exact(0.75),
}


class _Words(dict[str, Any]):
    """The words that may stand in a printed formula."""

    def __init__(self, values: dict[str, Any]) -> None:
        xp = ExactOperations(CLASSES)
        super().__init__(values)
        self |= {"inf": exact(np.inf), "nan": exact(np.nan), "__builtins__": {}}
        self |= {name: getattr(xp, name) for name in _SAME}
        self |= {name: _primitive(name, xp) for name in _FROM_TABLE}
        self |= {"k": xp.index(), "C": xp.class_count(), "where": xp.where}
        self["sum"], self["at_label"] = xp.sum_classes, _primitive("at_label", xp)
        self["max"] = lambda *a: xp.maximum(*a) if len(a) == 2 else xp.max_classes(*a)
        self["min"] = xp.minimum
        self["is_finite"] = xp.isfinite
        self["softmax"] = lambda z: xp.exp(z) / xp.sum_classes(xp.exp(z))
        self["negative_log_softmax"] = lambda z: -xp.log(self["softmax"](z))
        self["logsumexp"] = lambda z: xp.log(xp.sum_classes(xp.exp(z)))


_SAME = ("abs", "exp", "expm1", "log", "log1p", "sqrt", "tanh", "sign")
_FROM_TABLE = ("sigmoid", "softplus", "log_cosh")


def _primitive(name: str, xp: Any) -> Any:
    return lambda *a: primitives.PRIMITIVES[name].array(xp, *a)


class _Arrays(ast.NodeTransformer):
    """Give Python's words the meaning that they have for arrays."""

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        sign = ast.BitAnd() if isinstance(node.op, ast.And) else ast.BitOr()
        found = node.values[0]
        for other in node.values[1:]:
            found = ast.BinOp(found, sign, other)
        return found

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return ast.UnaryOp(ast.Invert(), node.operand) if isinstance(node.op, ast.Not) else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        return ast.Call(ast.Name("at_label", ast.Load()), [node.value, node.slice], [])

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Call(ast.Name("number", ast.Load()), [node], [])


def _read(source: str, values: dict[str, Any]) -> Any:
    tree = ast.fix_missing_locations(_Arrays().visit(ast.parse(source, mode="eval")))
    with np.errstate(all="ignore"):
        return eval(compile(tree, source, "eval"), _Words(values) | {"number": exact})


def assert_reads_back(expression: Expression, values: dict[str, Any] = VALUES) -> None:
    expected = evaluate(expression, values, CLASSES)
    text, latex = to_text(expression), to_latex(expression)
    for printed, source in ((text, text), (latex, to_python(latex))):
        found = np.asarray(_read(source, values))
        for ours, theirs in zip(*map(np.ravel, np.broadcast_arrays(found, expected)), strict=True):
            same = ours == theirs or (ours != ours and theirs != theirs)
            # Numbers alone are folded in float64, as the simplifier does; all else has 60 digits.
            bound = abs(theirs) * 1e-15 if isinstance(theirs, np.float64) else 1e-40
            assert same or abs(ours - theirs) <= bound, (printed, source, ours, theirs)


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
    chosen = composite(loss, Variant(structure=tuple(structure.items()), labels=labels))
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {name: exact(rng.uniform(0.1, 0.9)) for name in loss.numbers}
    values |= {n: exact(rng.uniform(0.1, 0.9, (ROWS, CLASSES))) for n in loss.arguments}
    if labels:
        values["targets"] = VALUES["labels"]
    assert_reads_back(chosen.written, values)
    for name in loss.arguments:
        if not (labels and name == "targets"):
            assert_reads_back(gradient(chosen.raw, chosen.symbols[name]), values)


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
    names = [n for n, row in primitives.PRIMITIVES.items() if not row.boolean and row.arity]
    plain = st.sampled_from([n for n in names if n not in {"where", "at_label", "stop"}])
    condition = st.builds(
        lambda sign, word, a, b, c: _condition(sign, word, a, b, c),
        st.sampled_from(["less", "less_equal", "equal"]),
        st.sampled_from(["logical_and", "logical_or", "logical_not", ""]),
        inner,
        inner,
        inner,
    )
    return st.one_of(
        st.builds(_applied, plain, inner, inner),
        st.builds(lambda c, a, b: node("where", c, a, b), condition, inner, inner),
        inner.map(lambda x: node("at_label", _element(x), label("labels"))),
    )


def _element(x: Expression) -> Expression:
    return x if x.kind is Kind.ELEMENT else x + argument("x")


def _row(x: Expression) -> Expression:
    return x if x.kind < Kind.ELEMENT else node("sum", x)


def _applied(name: str, a: Expression, b: Expression) -> Expression:
    row = primitives.PRIMITIVES[name]
    if row.reduces or name in {"softmax", "negative_log_softmax"}:
        a = _element(a)
    if name == "logsumexp":
        b = _row(b)
    if name == "power":
        a = abs(a)  # a real number to any power is real
    return node(name, *((a, b)[: row.arity]))


def _condition(sign: str, word: str, a: Expression, b: Expression, c: Expression) -> Expression:
    first, second = node(sign, a, b), node("less", c, a)
    if not word:
        return first
    return node(word, first) if word == "logical_not" else node(word, first, second)


@given(_expressions())
def test_every_expression_reads_back(expression: Expression) -> None:
    import mpmath as mp

    try:
        assert_reads_back(expression)
    except (OverflowError, ZeroDivisionError, mp.libmp.ComplexResult):
        pass  # the value is no real number, so there is nothing to compare
