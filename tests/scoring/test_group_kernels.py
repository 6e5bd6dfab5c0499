"""Machine code gives the bits that NumPy gives, whatever the numbers are."""

import math

import numpy as np
import pyarrow as pa
import pytest

from lossary.scoring import Totals, group_kernel, lookup_kernel
from lossary.scoring.groups import Groups
from lossary.scoring.lookup import Lookup

ROWS = 3000
RANDOM = np.random.default_rng(4)
CODES = RANDOM.integers(0, 50, ROWS)
LOSSES = RANDOM.normal(size=ROWS) * 10.0 ** RANDOM.integers(-20, 20, ROWS)
ODD = np.where(
    RANDOM.random(ROWS) < 0.01, RANDOM.choice([math.nan, math.inf, -math.inf], ROWS), LOSSES
)


@pytest.mark.parametrize("losses", [LOSSES, ODD, ODD[::-1], LOSSES.astype(np.float32)])
@pytest.mark.parametrize("weights", [None, RANDOM.integers(0, 3, ROWS) * 0.3])
@pytest.mark.parametrize("rows", [0, 1, ROWS])
def test_figures_of_groups(losses, weights, rows, monkeypatch):
    given = CODES[:rows], 51, losses[:rows], None if weights is None else weights[:rows]
    found = Totals.of(*given).columns()
    monkeypatch.setattr("lossary.scoring.totals.group_sums", lambda *_: None)
    with np.errstate(invalid="ignore"):
        expected = Totals.of(*given).columns()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    assert found["count"].sum() == rows


@pytest.mark.parametrize("kind", [np.int64, np.int8, np.uint64])
@pytest.mark.parametrize("has_compiler", [True, False])
def test_integers_are_looked_up(kind, has_compiler, monkeypatch):
    if not has_compiler:
        monkeypatch.setattr(lookup_kernel, "_function", lambda: None)
    lookup = Lookup()
    assert lookup.codes(np.array([3], kind)) is None
    added = lookup.add(np.array([5, 3, 5], kind))
    assert added.tolist() == [3, 5]
    lookup.learn(added, np.array([10, 20]))
    assert lookup.codes(np.array([3, 5, 3], kind)).tolist() == [10, 20, 10]
    for unknown in (2, 4, 6, 100):
        assert lookup.codes(np.array([3, unknown], kind)) is None
    assert lookup.add(np.array([1, 5], kind)).tolist() == [1]
    assert lookup.codes(np.array([3], kind)).tolist() == [10]


@pytest.mark.parametrize("values", [[0, 1 << 21], [2**63 - 1, 2**63 - 2], [-(2**63), -(2**63) + 1]])
def test_integers_far_apart_are_hashed(values):
    groups = Groups(1)
    column = pa.array(values, pa.int64())
    assert groups.encode([[column]], 2).tolist() == [0, 1]
    assert groups.encode([[column[::-1]]], 2).tolist() == [1, 0]
    assert groups.ordered()[0] == [(value,) for value in sorted(values)]


def test_without_a_compiler(monkeypatch):
    def missing(*_):
        raise ImportError

    for module in (group_kernel, lookup_kernel):
        monkeypatch.setattr(module.compiler, "load", missing)
        module._function.cache_clear()
    try:
        assert group_kernel.group_sums(CODES, 50, LOSSES, LOSSES, None) is None
        assert lookup_kernel.looked_up(np.array([1]), np.array([7, 8]), 0).tolist() == [8]
    finally:
        for module in (group_kernel, lookup_kernel):
            module._function.cache_clear()
