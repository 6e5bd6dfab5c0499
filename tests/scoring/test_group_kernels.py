"""Machine code gives what NumPy gives, and sums with more digits."""

import itertools
import math

import numpy as np
import pyarrow as pa
import pytest

from lossary.scoring import Totals, group_kernel, lookup_kernel
from lossary.scoring.groups import Groups
from lossary.scoring.lookup import Lookup
from lossary.scoring.running_totals import RunningTotals

ROWS = 3000
RANDOM = np.random.default_rng(4)
CODES = RANDOM.integers(0, 50, ROWS)
LOSSES = RANDOM.normal(size=ROWS) * 10.0 ** RANDOM.integers(-20, 20, ROWS)
ODD = np.where(
    RANDOM.random(ROWS) < 0.01, RANDOM.choice([math.nan, math.inf, -math.inf], ROWS), LOSSES
)


def running(cuts, losses, weights=None):
    """Return the totals of rows that are added in parts."""
    totals = RunningTotals(Totals())
    for start, stop in itertools.pairwise([0, *cuts, ROWS]):
        part = slice(start, stop)
        groups = int(CODES[:stop].max(initial=0)) + 1
        given = None if weights is None else weights[part]
        totals.add(CODES[part], groups, losses[part], given, given)
    return totals.settled()


@pytest.mark.parametrize("losses", [LOSSES, ODD, ODD[::-1], LOSSES.astype(np.float32)])
@pytest.mark.parametrize("weights", [None, RANDOM.integers(0, 3, ROWS) * 0.3])
def test_figures_of_groups(losses, weights):
    found = running([], losses, weights).figures("weights")
    with np.errstate(invalid="ignore"):
        expected = Totals.of(CODES, 50, losses, weights).figures("weights")
    for name, values in expected.items():
        exact = name in {"count", "minimum", "maximum", "nonfinite"}
        np.testing.assert_allclose(found[name], values, 0 if exact else 1e-12, err_msg=name)


@pytest.mark.parametrize("weights", [None, RANDOM.random(ROWS)])
def test_sums_are_as_of_twice_the_digits_and_cuts_do_not_matter(weights):
    whole = running([], LOSSES, weights)
    weighted = LOSSES if weights is None else LOSSES * weights
    exact = [math.fsum(weighted[CODES == code]) for code in range(50)]
    assert whole.figures("weights")["sum"].tolist() == pytest.approx(exact, rel=1e-16)
    for cuts in ([1], [700, 701, 2999], range(10, ROWS, 10)):
        parts = running(cuts, LOSSES, weights)
        for name, values in whole.columns().items():
            assert parts.columns()[name].tolist() == values.tolist(), name


@pytest.mark.parametrize("weights", [None, RANDOM.random(ROWS)])
def test_cuts_do_not_matter_where_losses_are_not_finite(weights):
    whole, parts = (running(cuts, ODD, weights).columns() for cuts in ([], range(10, ROWS, 10)))
    for name, values in whole.items():
        np.testing.assert_array_equal(parts[name], values, err_msg=name)


def test_sums_that_overflow_are_infinite():
    totals = RunningTotals(Totals())
    for _ in range(3):
        totals.add(np.array([0, 1]), 2, np.array([1.5e308, 1.0]), None, None)
    assert totals.settled().figures("count")["sum"].tolist() == [math.inf, 3.0]


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


def test_a_table_may_be_larger_where_many_integers_fill_it():
    few, many = np.array([0, 1 << 21]), np.arange(0, 1 << 21, 8)
    lookup = Lookup()
    assert lookup.add(few) is None
    added = lookup.add(many)
    assert np.array_equal(added, many)
    lookup.learn(added, np.arange(len(many)))
    assert lookup.add(few).tolist() == [1 << 21]  # few more, beside many that are known
    assert lookup.codes(many[::-1])[0] == len(many) - 1


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
        assert not group_kernel.GroupTable().add(CODES, 50, LOSSES, LOSSES, None)
        sums = running([100], LOSSES).figures("count")["sum"]
        assert sums == pytest.approx(np.bincount(CODES, LOSSES), rel=1e-12)
        assert lookup_kernel.looked_up(np.array([1]), np.array([7, 8, -1]), 0).tolist() == [8]
    finally:
        for module in (group_kernel, lookup_kernel):
            module._function.cache_clear()
