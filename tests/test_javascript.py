"""Losses as JavaScript: the values, gradients and Hessians of the package, run by Node.js."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import node
import numpy as np
import pytest
from cases import CASES, Case, every

import lossary
from lossary import options, value_grad_hess
from lossary.domains import REAL
from lossary.formula import maximum
from lossary.formula.expression import Expression

#: Sizes of first arguments, near 0, far from it, and no numbers; real ones have both signs.
_EXTREMES = np.array(
    [0.0, 1e-300, 1e-9, 1e-4, 0.5, 1.0, 2.0, 30.0, 700.0, 1e5, 1e150, np.inf, np.nan]
)
_RELATIVE, _ABSOLUTE = 1e-12, 1e-15
_RESULTS = ("value", "gradient", "hessian")

_MAIN = """
function main(cases) {
  return cases.map(({source, name, calls}) => {
    const f = Function(`${source}; return ${name};`)();
    return calls.map((call) => { const {value, gradient, hessian} = f(call);
                                 return [value, gradient, hessian]; });
  });
}
"""


@pytest.fixture(scope="module")
def computed() -> dict[str, list[Any]]:
    """What Node.js computes for all cases."""
    given = [
        {"source": _source(case), "name": case.loss.name, "calls": list(_calls(case))}
        for case in CASES
    ]
    titles = [case.title for case in CASES]
    return dict(zip(titles, node.run(_MAIN, given), strict=True))


@every()
def test_javascript_computes_what_the_package_computes(
    case: Case, computed: dict[str, list[Any]]
) -> None:
    with options(domain="ignore"), np.errstate(all="ignore"):
        expected = value_grad_hess(case.loss.function)(
            *_arrays(case), reduction="none", **case.shape, **case.parameters
        )
    for place, (name, of_package) in enumerate(zip(_RESULTS, expected, strict=True)):
        found = np.array([results[place] for results in computed[case.title]], float)
        np.testing.assert_allclose(
            found.reshape(of_package.shape), of_package, _RELATIVE, _ABSOLUTE, err_msg=name
        )


def _source(case: Case) -> str:
    chosen = case.loss.structure & case.parameters.keys()
    structure: dict[str, Any] = {name: case.parameters[name] for name in chosen}
    structure |= {name: True for name in case.parameters if case.loss.parameters[name] is None}
    labels = case.loss.takes_labels and case.arrays[-1].dtype.kind == "i"
    return case.loss.javascript(labels=labels, **structure)


def _arrays(case: Case) -> tuple[np.ndarray, ...]:
    """Return the arguments of a case, and again with extreme first ones where it takes any."""
    first, *others = case.arrays
    domain = case.loss.domains.get(case.loss.arguments[0], REAL)
    are_shares = domain.typical == (0.0, 1.0)
    if case.loss.length or not (domain.is_real or are_shares):
        return case.arrays
    sizes = _EXTREMES[_EXTREMES <= 1.0] if are_shares else _EXTREMES
    rows = np.arange(len(sizes)) % len(first)
    extreme = sizes[:, None] * (1.0 if are_shares else np.sign(first[rows]))
    extreme = np.broadcast_to(extreme, first[rows].shape)
    return (
        np.concatenate([first, extreme]),
        *(np.concatenate([x, x[rows]]) if np.ndim(x) else x for x in others),
    )


def _calls(case: Case) -> Iterator[dict[str, Any]]:
    arrays = _arrays(case)
    numbers = {n: float(v) for n, v in case.parameters.items() if n not in case.loss.structure}
    if case.loss.axis is None:
        arrays = tuple(x.ravel() for x in np.broadcast_arrays(*arrays))
    for row in zip(*(x.tolist() for x in arrays), strict=True):
        call = dict(zip(case.loss.arguments, row, strict=True)) | numbers
        if case.loss.prepare:  # of one class: no region is smaller
            call["class_scales"] = [1.0] * len(row[0])
        yield call


def test_names_that_javascript_or_the_program_has_are_spelled_differently() -> None:
    @lossary.loss
    def new(
        inputs: Expression, k: Expression, power: float = 3.0, default: float = 2.0, t0: float = 1.0
    ) -> Expression:
        return abs(inputs - k) ** power + default * maximum(t0, inputs) ** (power + 1)

    loss = lossary.get_loss(new)
    given = [{"source": loss.javascript(), "name": "new_", "calls": [{"inputs": 1.5, "k": 4.0}]}]
    ((found,),) = node.run(_MAIN, given)
    expected = [np.asarray(x).tolist() for x in value_grad_hess(new)([1.5], [4.0])]
    np.testing.assert_allclose(found, np.ravel(expected), _RELATIVE)


def test_a_loss_without_a_hessian_has_none() -> None:
    @lossary.loss(has_hessian=False)
    def plain_loss(inputs: Expression, targets: Expression) -> Expression:
        return (inputs - targets) ** 2

    source = lossary.get_loss(plain_loss).javascript()
    assert [name in source for name in _RESULTS] == [True, True, False]
