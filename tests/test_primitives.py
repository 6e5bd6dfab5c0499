"""Every primitive: derivatives against differences, one meaning for kernels and arrays."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from exact import evaluate, exact

from lossary.backends.numpy import BACKEND
from lossary.formula.expression import Expression, Kind, argument, label, literal, node, number
from lossary.formula.gradient import diagonal, gradient, own_derivative
from lossary.formula.plan import Output
from lossary.formula.primitives import ALL
from lossary.formula.special import derived
from lossary.formula.table import PRIMITIVES, OperandSpec, Primitive

ROWS, CLASSES = 5, 4
NAMES = ("a", "b", "c")
# Those for kernels alone are what lowering makes: tests of vector mathematics look at them.
OPERATIONS = [item for item in PRIMITIVES.values() if not item.kernel_only]
# The derivatives of one that takes them from another form are not those of its value.
DIFFERENTIABLE = [
    item for item in OPERATIONS if item.partials and item.name != "with_derivatives_of"
]
FUNCTIONS = [
    item
    for item in DIFFERENTIABLE
    if len(item.operands) == 1 and not (item.reduces or item.mixes) and item.name != "stop"
]


def by_name(primitives: list[Primitive]) -> Any:
    return pytest.mark.parametrize("primitive", primitives, ids=lambda item: item.name)


# What functions of one number mean, where mpmath has no function of the same name.
MEANINGS = {
    "negative": lambda x: -x,
    "absolute": abs,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "log_cosh": lambda x: mp.log(mp.cosh(x)),
    "log1p_unit": lambda x: mp.log(1 + x),
    "log1p_excess": lambda x: x - mp.log(1 + x),
    "expm1_excess": lambda x: mp.exp(x) - 1 - x,
    "log1mexp": lambda x: mp.log(1 - mp.exp(x)),
    "log_gamma_half_step": lambda x: mp.loggamma(x + 0.5) - mp.loggamma(x) - mp.log(x) / 2,
    "sin_pi": mp.sinpi,
    "cos_pi": mp.cospi,
    "arctan": mp.atan,
    "log1p_square": lambda x: mp.log(1 + x * x),
    "log_gamma": mp.loggamma,
    "trigamma": lambda x: mp.psi(1, x),
}


def _expression(primitive: Primitive) -> Expression:
    """Return a primitive of symbols, whose values are those of :func:`_values`.

    Where it mixes the elements of rows: a sum of all of them, weighted differently.
    """
    found = node(primitive.name, *map(_operand, primitive.operands, NAMES))
    weighted = primitive.mixes and found.kind is Kind.ELEMENT
    return node("sum", argument("c") * found) if weighted else found


def _operand(spec: OperandSpec, name: str) -> Expression:
    if spec.kind == "condition":
        return argument(name) < argument("c")
    if spec.kind == "label":
        return label("labels")
    if spec.kind == "number":
        return literal(0.25)
    return node("sum", argument(name)) if spec.kind == "row" else argument(name)


def _values(primitive: Primitive) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    values = {name: rng.uniform(-2.0, 2.0, (ROWS, CLASSES)) for name in NAMES}
    for name, spec in zip(NAMES, primitive.operands, strict=False):
        low = max(-2.0, spec.low + 0.1)
        high = min(max(low, 0.0) + 2.0, spec.high - 0.1)
        values[name] = rng.uniform(low, high, (ROWS, CLASSES))
    return values | {"labels": rng.integers(0, CLASSES, (ROWS, 1)).astype(float)}


@by_name(DIFFERENTIABLE)
def test_derivatives_match_differences(primitive: Primitive) -> None:
    expression = _expression(primitive)
    values = {name: exact(x) for name, x in _values(primitive).items()}
    step = mp.mpf(10) ** -18
    # Series and polynomials are as exact as float64 is, and so are their derivatives.
    within = 1e-13 if primitive.approximate else 1e-30
    for name in NAMES[: len(primitive.operands)]:
        target = argument(name)
        first = _full(evaluate(gradient(expression, target), values, CLASSES))
        second = _full(evaluate(diagonal(expression, target), values, CLASSES))
        low, middle, high = (_own_values(expression, values, name, x) for x in (-step, 0, step))
        for place in np.ndindex(ROWS, CLASSES):
            constant = primitive.name == "stop"
            slope = 0 if constant else (high[place] - low[place]) / (2 * step)
            bend = high[place] - 2 * middle[place] + low[place]
            curvature = 0 if constant else bend / step**2
            assert abs(first[place] - slope) < within * max(1, abs(slope)), (name, place)
            limit = max(1e-15, 1e2 * within) * max(1, abs(curvature))
            assert abs(second[place] - curvature) < limit, (name, place)


def _own_values(
    expression: Expression, values: dict[str, Any], name: str, shift: Any
) -> np.ndarray:
    """Return for each element its value, or its row's, where that element alone has moved.

    Rows do not know of each other, so that one element of each moves at once.
    """
    found = np.empty((ROWS, CLASSES), dtype=object)
    for index in range(CLASSES):
        if shift or not index:
            moved = values[name].copy()
            moved[:, index] += shift
            value = _full(evaluate(expression, values | {name: moved}, CLASSES))
        found[:, index] = value[:, index]
    return found


def _full(x: np.ndarray) -> np.ndarray:
    return np.broadcast_to(x, (ROWS, CLASSES))


@by_name(FUNCTIONS)
def test_functions_mean_what_they_are_called(primitive: Primitive) -> None:
    meaning = MEANINGS.get(primitive.name) or getattr(mp, primitive.name)
    (spec,) = primitive.operands
    for x in (-30.0, -1.0, -0.99, -1e-9, 0.0, 1e-9, 0.5, 1.0, 1.0001, 3.0, 40.0):
        if not spec.low < x < spec.high:
            continue
        (found,) = evaluate(node(primitive.name, argument("a")), {"a": exact([[x]])}).ravel()
        assert abs(found - meaning(mp.mpf(x))) < 1e-16 * max(1, abs(found)), x


HARD = [-math.inf, -100.0, -3.0, -1.0, -(2.0**-10), -1e-30, -0.0, 0.0, 1e-30, 0.5, 1.0, 2.5, 1e4,
        math.inf, math.nan]  # fmt: skip


def _elementwise() -> list[tuple[str, Expression]]:
    """Return an expression of every elementwise primitive; conditions choose between numbers."""
    found = [
        (item.name, _expression(item))
        for item in OPERATIONS
        if item.operands and not (item.reduces or item.mixes or item.expand)
    ]
    booleans = {item.name for item in OPERATIONS if item.boolean}
    return [(name, node("where", x, 1, 0) if name in booleans else x) for name, x in found]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_and_arrays_compute_the_same(dtype: str) -> None:
    pytest.importorskip("llvmlite")
    from lossary.kernels import host
    from lossary.kernels.work import Work

    mesh = np.meshgrid(*[np.array(HARD, dtype)] * 2, indexing="ij")
    arrays = {"a": mesh[0].ravel(), "b": mesh[1].ravel(), "c": mesh[0].ravel()}
    expressions = _elementwise()
    outputs = tuple(Output(name, expression, "store") for name, expression in expressions)
    dtypes = {name: dtype for name, _ in expressions}
    work = Work(outputs, arrays, {}, (), (225,), (225,), dtype, dtypes)
    found = host.run(work)
    a, b = arrays["a"], arrays["b"]
    promised = {
        "log1p_unit": (a >= 0) & (a <= 1),
        "log1p_ratio": ((b == 0) & (a >= 0)) | ((b <= 0) & (a >= 1)),
    }
    for name, expression in expressions:
        with np.errstate(all="ignore"):
            expected = _with_numpy(expression, arrays)
        keep = promised.get(name, np.full(225, True))
        unit = 8 * np.finfo(dtype).eps
        np.testing.assert_allclose(
            found[name][keep], np.broadcast_to(expected, 225)[keep], rtol=unit, err_msg=name
        )


def _with_numpy(expression: Expression, arrays: dict[str, np.ndarray]) -> Any:
    from lossary.formula.evaluate import tape

    class Plain:
        native: dict[str, Any] = {}  # noqa: RUF012
        where = staticmethod(np.where)
        stop = staticmethod(lambda x: x)
        number = staticmethod(np.float64)

        def __getattr__(self, name: str) -> Any:
            return getattr(BACKEND.xp, name)

    (found,) = tape(expression).run(arrays, Plain())
    return found


@by_name(OPERATIONS)
def test_primitives_are_complete(primitive: Primitive) -> None:
    assert primitive.text
    assert primitive.latex
    # Whatever varies smoothly has a derivative. Conditions and indices have none, nor has what is
    # expanded before it is differentiated.
    leaf = not primitive.operands
    underived = primitive.boolean or primitive.expands_first or leaf
    assert (primitive.partials is None) == underived


def test_names_of_primitives_are_distinct() -> None:
    assert len({item.name for item in ALL}) == len(ALL) == len(PRIMITIVES)


def test_conventions_at_kinks() -> None:
    a, b = argument("a"), argument("b")
    values = {"a": exact([[0, 1, 2]]), "b": exact([[0, 1, 2]])}

    def slope(expression: Expression, target: Expression) -> list[float]:
        found = evaluate(gradient(expression, target), values, 3)
        return np.broadcast_to(found, (1, 3))[0].astype(float).tolist()

    assert slope(node("maximum", 0, a), a) == [0, 1, 1]
    assert slope(node("maximum", a, 1), a) == [0, 0, 1]
    assert slope(node("minimum", a, 1), a) == [1, 0, 0]
    assert slope(node("maximum", a, b), a) == [1, 1, 1]
    assert slope(node("maximum", a, b), b) == [0, 0, 0]
    assert slope(node("absolute", a), a) == [0, 1, 1]
    assert slope(node("max", a * 0 + b * 0), a) == [0, 0, 0]


def test_a_tie_over_classes_goes_to_the_first() -> None:
    top = node("max", argument("a"))
    found = evaluate(gradient(top, argument("a")), {"a": exact([[1, 3, 3], [2, 2, 0]])}, 3)
    assert found.astype(float).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_nan_stays_nan_in_derivatives_at_kinks() -> None:
    for expression in (node("maximum", 0, argument("a")), abs(argument("a"))):
        found = evaluate(gradient(expression, argument("a")), {"a": exact([[math.nan]])})
        assert mp.isnan(found[0, 0])


def test_a_zero_factor_wins() -> None:
    c, x = argument("a"), argument("b")
    values = {"a": exact([[0, 0, 2]]), "b": exact([[math.inf, math.nan, math.inf]])}
    found = evaluate(node("scale", c, x), values, 3)
    assert found.astype(float).tolist() == [[0.0, 0.0, math.inf]]


def test_derivatives_may_be_those_of_another_form() -> None:
    a, b = argument("a"), argument("b")
    values = {"a": exact([[3.0]]), "b": exact([[5.0]])}
    formula = node("with_derivatives_of", a * b, a**3 + 7) * 2
    found = [formula, gradient(formula, a), gradient(formula, b), diagonal(formula, a)]
    assert [float(evaluate(item, values).item()) for item in found] == [30.0, 54.0, 0.0, 36.0]


def test_long_derivatives_are_written_only_where_they_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError

    mu, t, p = argument("mu"), argument("t"), argument("p")
    deviance = node("tweedie_deviance", mu, t, p)
    monkeypatch.setattr(derived, "_of_symbols", refused)
    assert number(gradient(deviance, mu)) is None
    assert number(own_derivative(deviance, t)) is None
    with pytest.raises(AssertionError):
        gradient(deviance, p)
