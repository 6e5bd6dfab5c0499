"""A gradient that is written over its argument has the bits of one with memory of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import CASES, Case

from lossary.backends.numpy import BACKEND
from lossary.call.checks import prepare
from lossary.definition.outputs import derivative_outputs
from lossary.definition.request import Request
from lossary.formula import at_label, sum_over_classes
from lossary.formula.expression import argument, label
from lossary.formula.plan import Output, make_plan
from lossary.kernels import host
from lossary.kernels.work import Work

CASES_OF_ROWS = [x for x in CASES if x.loss.axis is not None and x.loss.length is None]
#: Few classes share the lanes with other rows, many have them for themselves.
CLASS_COUNTS = 5, 130


def _work(case: Case, classes: int, dtype: str) -> tuple[Work, str]:
    """Return the work of an unreduced loss and its gradient, and the name of the argument."""
    shape = (17, classes)
    arrays = [np.resize(x, shape[: x.ndim]) for x in case.cast(dtype)]
    loss = case.loss
    parameters = {**loss.parameters, **case.parameters}
    request = Request(loss, tuple(arrays), tuple(parameters.values()), -1, "none",
                      None, None, "count", None)  # fmt: skip
    name = loss.arguments[case.floats[0]]
    computation = prepare(request, BACKEND).with_numbers(cotangent=1.0)
    return BACKEND.work(computation, derivative_outputs(computation, (name,), second=False)), name


@pytest.mark.parametrize("classes", CLASS_COUNTS)
@pytest.mark.parametrize("case", [pytest.param(x, id=x.title) for x in CASES_OF_ROWS])
def test_gradients_over_their_argument(case: Case, classes: int) -> None:
    work, name = _work(case, classes, "float32")
    expected, output = host.run(work), f"gradient_{name}"
    over = work.arrays[name].copy()
    found = host.run_over(work._replace(arrays={**work.arrays, name: over}), name, output)
    assert np.array_equal(over, expected[output], equal_nan=True)
    assert np.array_equal(found["value"], expected["value"], equal_nan=True)


@pytest.mark.parametrize("name", ["cross_entropy", "kl_div_loss", "multiclass_hinge_loss"])
def test_common_losses_need_no_other_memory(name: str) -> None:
    case = next(x for x in CASES_OF_ROWS if x.loss.name == name and not x.parameters)
    work, argument = _work(case, 130, "float32")
    assert host.may_overwrite(work, argument, f"gradient_{argument}")


@pytest.mark.parametrize("later", [sum_over_classes, lambda x: at_label(x, label("targets"))])
def test_an_array_that_is_read_later_is_not_overwritten(later: Any) -> None:
    x = argument("x")
    first = Output("gradient_x", 2 * x, "store")
    value = Output("value", later(x * sum_over_classes(x)), "store")
    plan = make_plan((first, value))
    assert not plan.may_overwrite("x", plan.outputs[0], spilled=True)
    before = make_plan((first, Output("value", later(x), "store")))
    assert before.may_overwrite("x", before.outputs[0], spilled=True)
