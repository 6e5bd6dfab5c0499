"""Operations of columns that are made of others, evaluated by NumPy, beside 60 digits."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, ClassVar

import mpmath as mp
import numpy as np
import pytest

from lossary.backends import column_composites as composites
from lossary.backends.column_nodes import Column, leaf, strict
from lossary.backends.column_spelling import OPERATORS, Level, Spelling

NAN, INF = float("nan"), float("inf")


class _Numpy(Spelling):
    """NumPy's words, without those that are tested."""

    words: ClassVar[Mapping[str, Any]] = {
        **OPERATORS,
        "where": np.where,
        "and": operator.and_,
        "absolute": np.abs,
        "exp": np.exp,
        "log": np.log,
    }

    def number(self, value: float) -> Any:
        return np.float64(value)


def _computed(function: Any, *operands: np.ndarray) -> np.ndarray:
    spelling = _Numpy()
    root = spelling.lowered(function(*(leaf(x, "float64") for x in operands)))
    with np.errstate(all="ignore"):
        return Level(root, spelling).spelt(root, {})


SMALL = np.geomspace(1e-300, 1.0, 400)
EDGES = np.array([0.0, -0.0, 1e-17, 2.0**-53, 1.5 * 2.0**-53, 2.0**-52, 1.0, 1.0 + 2.0**-52])


def _worst(found: np.ndarray, x: np.ndarray, exact: Any) -> float:
    """Return the largest error in units in the last place of the exact result."""
    with mp.workdps(60):
        wanted = [exact(mp.mpf(float(v))) for v in x]
        units = [mp.mpf(float(np.spacing(abs(float(w))))) for w in wanted]
        return max(
            float(abs(mp.mpf(float(f)) - w) / unit)
            for f, w, unit in zip(found, wanted, units, strict=True)
        )


@pytest.mark.parametrize(
    ("function", "exact", "x", "most"),
    [
        (composites.log1p, mp.log1p, [*SMALL, *-0.999 * SMALL, *EDGES, *1e16 * SMALL], 2),
        (composites.expm1, mp.expm1, [*SMALL, *-SMALL, *EDGES, *700 * SMALL, *-700 * SMALL], 4),
        (composites.tanh, mp.tanh, [*SMALL, *-SMALL, *EDGES, *30 * SMALL], 5),
        (lambda x: composites.log1p(Column("exp", -Column("absolute", x))),
         lambda x: mp.log1p(mp.exp(-abs(x))), [*700 * SMALL, *EDGES], 3),
    ],
    ids=["log1p", "expm1", "tanh", "softplus"],
)  # fmt: skip
def test_units_in_the_last_place(function: Any, exact: Any, x: list[float], most: int) -> None:
    given = np.array(x)
    assert _worst(_computed(function, given), given, exact) <= most


@pytest.mark.parametrize("name", composites.COMPOSITES)
def test_infinities_nan_and_zeros(name: str) -> None:
    values = np.array([0.0, -0.0, 1.0, -1.0, 0.5, INF, -INF, NAN, -2.0])
    reference = {"at_least": np.maximum, "at_most": np.minimum}.get(name) or getattr(np, name)
    function = composites.COMPOSITES[name]
    if name in {"expm1", "log1p", "sign", "tanh"}:
        given: tuple[np.ndarray, ...] = (values,)
        found = _computed(function, values)
    elif name.startswith("at_"):
        given = (values, np.array(0.5))
        found = _computed(lambda x: function(x, composites.lifted(0.5)), values)
    else:
        given = tuple(np.ravel(x) for x in np.meshgrid(values, values))
        found = _computed(function, *given)
    with np.errstate(all="ignore"):
        wanted = reference(*given)
    np.testing.assert_allclose(found, wanted, rtol=1e-15)


@pytest.mark.parametrize("name", composites.COMPOSITES)
def test_null_where_an_operand_is(name: str) -> None:
    operands = [leaf(object(), "float64")]
    if name in {"maximum", "minimum"}:
        operands.append(leaf(object(), "float64"))
    others = [composites.lifted(0.5)] if name.startswith("at_") else []
    root = _Numpy().lowered(composites.COMPOSITES[name](*operands, *others))
    assert strict(root, ()) == {id(x) for x in operands}


def test_bounds_decide_whether_a_logarithm_needs_a_choice() -> None:
    x = leaf(object(), "float64")
    size = Column("absolute", x)
    assert composites.bounds(-size) == (-INF, 0.0)
    assert composites.bounds(Column("exp", -size)) == (0.0, 1.0)
    assert composites.bounds(Column("exp", x)) == (0.0, INF)
    assert composites.bounds(composites.lifted(-0.5)) == (-0.5, -0.5)
    assert composites.log1p(Column("exp", -size)).name == "subtract"
    assert composites.log1p(x).name == "where"


def test_equal_nodes_become_one_and_aggregates_are_kept() -> None:
    x = leaf(object(), "float64")
    root = _Numpy().lowered((x + 1.0) * (x + 1.0) + Column("sum", x + 1.0))
    product, total = root.parts
    assert product.parts[0] is product.parts[1] is total.parts[0]
    assert (x + 0.0).parts[1] is not (x + -0.0).parts[1]
    zeros = _Numpy().lowered((x + 0.0) * (x + -0.0))
    assert zeros.parts[0] is not zeros.parts[1]
