"""Plans: how many passes there are, and what later passes find instead of computing it again."""

from __future__ import annotations

from fractions import Fraction

import fuzz
import numpy as np
import pytest
from assertions import assert_close

import lossary
from lossary.definition.expressions import Variant, expressions_for, expressions_of
from lossary.formula import (
    class_index,
    exp,
    max_over_classes,
    softplus,
    sum_over_classes,
    where,
)
from lossary.formula.elements import label_compared, walk_elements
from lossary.formula.expression import Expression, Kind, argument, literal
from lossary.formula.plan import Output, Plan, make_plan
from lossary.formula.table import PRIMITIVES


def derivatives(name: str, labels: bool, hessian: bool = False) -> Plan:
    """Return the plan of value and derivatives with respect to the first argument."""
    loss = lossary.get_loss(name)
    expressions = expressions_of(loss, Variant(labels=labels, zeros=frozenset(["label_smoothing"])))
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
    found = []
    for number, sweep in enumerate(plan.passes):
        reloaded = {id(x.element) for x in plan.spills if x.first < number <= x.last}
        found += [
            item.operation
            for item in walk_elements(sweep.wanted, reloaded)
            if item.operation in PRIMITIVES
            and PRIMITIVES[item.operation].costly
            and id(item) not in reloaded
        ]
    return found


def assert_spills_are_safe(plan: Plan) -> None:
    """Raise if an element's memory could be written before it is read for the last time."""
    written = {o.name: n for n, sweep in enumerate(plan.passes) for o in sweep.outputs}
    places = [spill.output.name for spill in plan.spills]
    assert len(set(places)) == len(places)  # one element at most in an output's memory
    for spill in plan.spills:
        assert spill.output.role == "store"
        assert spill.first < spill.last == written[spill.output.name]
        assert plan.stages[id(spill.element)] <= spill.first
        sweep = plan.passes[spill.first]
        assert any(item is spill.element for item in walk_elements(sweep.wanted))


@pytest.mark.parametrize("hessian", [False, True])
def test_cross_entropy_computes_each_exponential_once(hessian: bool) -> None:
    plan = derivatives("cross_entropy", labels=True, hessian=hessian)
    assert len(plan.passes) == 3  # the maximum, the sum, the derivatives
    assert costly(plan) == ["exp_below"]
    (spill,) = plan.spills
    assert (spill.first, spill.last, spill.output.name) == (1, 2, "gradient")


def test_smoothed_labels_take_no_pass_of_their_own() -> None:
    expressions = expressions_of(lossary.get_loss("cross_entropy"), Variant(labels=True))
    plan = make_plan((Output("value", expressions.value, "sum"),))
    assert len(plan.passes) == 2  # the maximum, all sums
    # Exponentials below the top, classes at the top, and distances from it: none for the label.
    assert [item.operation for item in plan.passes[1].reductions] == ["sum"] * 3
    assert all(label_compared(item) is None for item in plan.nodes)


@pytest.mark.parametrize("exponent", [-2.5, -0.5, 0.5, 2.0, 3.0])
def test_small_exponents_are_products_and_roots(exponent: float) -> None:
    given = {"p": exponent}
    loss = lossary.get_loss("lp_loss")
    expressions = expressions_for(loss, Variant(), given)
    plan = make_plan((Output("value", expressions.value, "sum"),))
    assert not {"power", "parameter"} & {item.operation for item in plan.nodes}


def test_other_exponents_are_passed_at_run_time() -> None:
    for given in ({"p": 1.7}, {"p": 4.5}):
        expressions = expressions_for(lossary.get_loss("lp_loss"), Variant(), given)
        assert expressions is expressions_of(lossary.get_loss("lp_loss"), Variant())


def test_a_reduced_result_spills_nothing() -> None:
    expressions = expressions_of(lossary.get_loss("cross_entropy"), Variant(labels=True))
    plan = make_plan((Output("value", expressions.value, "sum"),))
    assert plan.spills == ()


def test_what_depends_on_the_named_class_is_not_spilled() -> None:
    x, y = argument("x"), argument("y", Kind.ROW)
    apart = where(class_index() == y, 0, exp(x))
    plan = make_plan((Output("o", exp(apart) / sum_over_classes(exp(apart)), "store"),))
    (spill,) = plan.spills
    assert spill.element.operation == "exp"
    assert spill.element.arguments[0] is x


def test_each_output_has_one_element_until_it_is_written() -> None:
    x = argument("x")
    wave, second_wave = exp(exp(x)), exp(3 * x)
    share = wave / sum_over_classes(wave + second_wave)
    first = Output("first", share, "store")
    second = Output("second", second_wave * max_over_classes(share), "store")
    plan = make_plan((first, second))
    assert_spills_are_safe(plan)
    assert [(x.element, x.output.name) for x in plan.spills] == [
        (plan.spills[0].element, "first"),
        (plan.spills[1].element, "second"),
    ]


def test_spills_of_random_formulas_are_safe() -> None:
    for seed in range(60):
        case = fuzz.Case(seed)
        loss = lossary.get_loss(case.loss)
        expressions = expressions_of(loss, Variant(labels=case.has_labels))
        first = loss.arguments[0]
        outputs = (
            Output("value", expressions.value, "store"),
            Output("gradient", expressions.gradient(first, literal(1)), "store"),
            Output("hessian", expressions.hessian(first, literal(1)), "store"),
        )
        assert_spills_are_safe(make_plan(outputs))


@pytest.mark.parametrize("made_first", ["alpha", "beta"])
def test_plans_do_not_depend_on_which_nodes_were_made_first(made_first: str) -> None:
    # |a - b| and |b - a| are one node. If addresses chose which, processes would not agree about
    # it, and not find each other's kernels.
    first = argument(f"{made_first} {made_first}")
    a, b = argument("alpha alpha"), argument("beta beta")
    assert first is (a if made_first == "alpha" else b)
    kept: list[Expression] = []
    for x, y in [(a, b), (b, a), (exp(a), exp(b)), (exp(b), exp(a)), (a, b * b), (b * b, a)]:
        plan = make_plan((Output("value", softplus(x - y) + softplus(y - x), "sum"),))
        (size,) = (item for item in plan.nodes if item.operation == "absolute")
        kept.append(size.arguments[0])
    for one, other in zip(kept[::2], kept[1::2], strict=True):
        assert one is other
    assert repr(kept[0]) == "subtract(alpha alpha, beta beta)"


def test_what_only_one_region_has_is_one_fused_sum() -> None:
    for name in ("dice_loss", "jaccard_loss"):
        expressions = expressions_of(lossary.get_loss(name), Variant())
        plan = make_plan((Output("value", expressions.value, "sum"),))
        only_one = plan.passes[0].reductions[0].arguments[0]
        assert [item.operation for item in walk_elements([only_one])].count("multiply_add") == 2
        assert all(item.operation != "multiply" for item in walk_elements([only_one]))


def test_regions_that_hardly_differ_keep_their_digits() -> None:
    """Rows of one element: the share that only one region has, of both sizes."""
    near = 1 - 10.0 ** -np.arange(1, 8)
    values = np.concatenate([near, 1 - near, [0, 1, 0.25, 0.5, 1e-30]]).astype(np.float32)
    x, t = (found.reshape(-1, 1) for found in np.meshgrid(values, values))
    exact = [
        float((a * (1 - b) + (1 - a) * b) / (a + b)) if a + b else 0.0
        for a, b in zip(map(Fraction, x.ravel().tolist()), map(Fraction, t.ravel().tolist()),
                        strict=True)
    ]  # fmt: skip
    assert_close(lossary.dice_loss(x, t, smooth=0.0), np.array(exact), rtol=3e-7)
