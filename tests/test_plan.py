"""Plans: how many passes there are, and what later passes find instead of computing it again."""

from __future__ import annotations

import pytest

import lossary
from lossary.composite import Variant, composite
from lossary.formula import class_index, exp, max_over_classes, sum_over_classes, where
from lossary.formula.elements import walk_elements
from lossary.formula.expression import Kind, argument, literal
from lossary.formula.plan import Output, Plan, make_plan
from lossary.formula.primitives import PRIMITIVES


def derivatives(name: str, labels: bool, hessian: bool = False) -> Plan:
    """Return the plan of value and derivatives with respect to the first argument."""
    loss = lossary.get_loss(name)
    expressions = composite(loss, Variant(labels=labels, zeros=frozenset(["label_smoothing"])))
    first = loss.arguments[0]
    outputs = [
        Output("value", expressions.value, "sum"),
        Output("gradient", expressions.gradient(first, literal(1)), "store"),
    ]
    if hessian:
        outputs.append(Output("hessian", expressions.hessian(first, literal(1)), "store"))
    return make_plan(tuple(outputs))


def costly(plan: Plan) -> list[str]:
    """Return the costly operations that all passes together compute."""
    return [
        item.operation
        for sweep in plan.passes
        for item in walk_elements(sweep.wanted, {id(x) for x, _ in sweep.finds})
        if item.operation in PRIMITIVES
        and PRIMITIVES[item.operation].costly
        and id(item) not in {id(x) for x, _ in sweep.finds}
    ]


@pytest.mark.parametrize("hessian", [False, True])
def test_cross_entropy_computes_each_exponential_once(hessian: bool) -> None:
    plan = derivatives("cross_entropy", labels=True, hessian=hessian)
    assert len(plan.passes) == 3  # the maximum, the sum, the derivatives
    assert costly(plan) == ["exp_below"]
    (kept,) = plan.passes[1].keeps
    assert plan.passes[2].finds == (kept,)
    assert kept[1].name == "gradient"


def test_a_reduced_result_keeps_nothing() -> None:
    expressions = composite(lossary.get_loss("cross_entropy"), Variant(labels=True))
    plan = make_plan((Output("value", expressions.value, "sum"),))
    assert not any(sweep.keeps or sweep.finds for sweep in plan.passes)


def test_what_depends_on_the_named_class_is_not_kept() -> None:
    x, y = argument("x"), argument("y", Kind.ROW)
    apart = where(class_index() == y, 0, exp(x))
    plan = make_plan((Output("o", exp(apart) / sum_over_classes(exp(apart)), "store"),))
    (kept,) = plan.passes[0].keeps
    assert kept[0].operation == "exp"
    assert kept[0].arguments[0] is x


def test_what_an_output_overwrites_is_kept_for_the_next_one_too() -> None:
    x = argument("x")
    wave = exp(exp(x))
    share = wave / sum_over_classes(wave)
    first = Output("first", share, "store")
    second = Output("second", wave * max_over_classes(share), "store")
    plan = make_plan((first, second))
    assert [(item is wave, output.name) for item, output in plan.passes[0].keeps] == [
        (True, "first"),
        (True, "second"),
    ]
    assert [[output.name for _, output in sweep.finds] for sweep in plan.passes] == [
        [],
        ["first", "second"],
        ["second"],
    ]
