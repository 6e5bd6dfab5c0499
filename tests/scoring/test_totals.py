"""Sums by group: the same however the rows are cut, and as exact as float64 allows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossary.scoring import Totals

LOSSES = np.random.default_rng(3).lognormal(0.0, 3.0, 5000)
WEIGHTS = np.random.default_rng(4).random(5000)
GROUPS = np.random.default_rng(5).integers(0, 7, 5000)


def merged(cuts, weights=None):
    """Return the totals of the rows between the cuts, merged."""
    totals = Totals()
    for start, stop in zip([0, *cuts], [*cuts, len(LOSSES)], strict=True):
        part = slice(start, stop)
        totals.merge(
            Totals.of(GROUPS[part], 7, LOSSES[part], None if weights is None else weights[part])
        )
    return totals


@pytest.mark.parametrize("group", range(7))
def test_figures_of_a_group(group):
    mine = GROUPS == group
    record = merged([100, 2500], WEIGHTS).record(group, "weights")
    weighted, weight = math.fsum(LOSSES[mine] * WEIGHTS[mine]), math.fsum(WEIGHTS[mine])
    assert record["count"] == mine.sum()
    assert record["minimum"] == LOSSES[mine].min()
    assert record["maximum"] == LOSSES[mine].max()
    assert record["sum"] == pytest.approx(weighted, rel=1e-14)
    assert record["weight"] == pytest.approx(weight, rel=1e-14)
    assert record["mean"] == pytest.approx(weighted / weight, rel=1e-14)


@given(st.lists(st.integers(0, len(LOSSES)), max_size=20).map(sorted))
def test_the_cuts_do_not_matter(cuts):
    totals = merged(cuts)
    whole = totals.combined().record(0, "count")
    assert whole["sum"] == pytest.approx(math.fsum(LOSSES), rel=1e-14)
    assert whole["count"] == len(LOSSES)
    assert whole["maximum"] == LOSSES.max()
    exact = [math.fsum(LOSSES[GROUPS == group]) for group in range(7)]
    assert totals.sum.values().tolist() == pytest.approx(exact, rel=1e-14)


def test_rounding_errors_are_carried_from_part_to_part():
    totals = Totals.of(np.zeros(1, int), 1, np.array([1.0]))
    for _ in range(1000):
        totals.merge(Totals.of(np.zeros(1, int), 1, np.array([1e-16])))
    assert totals.sum.values()[0] == pytest.approx(1.0 + 1e-13, rel=1e-16)
    assert sum([1.0] + [1e-16] * 1000) == 1.0  # what plain addition makes of it


def test_groups_may_appear_later():
    totals = Totals.of(np.array([0]), 1, np.array([1.0]))
    totals.merge(Totals.of(np.array([2]), 3, np.array([5.0])))
    assert [totals.record(group, "count")["count"] for group in range(3)] == [1, 0, 1]
    assert totals.record(1, "count")["mean"] == 0.0
    assert math.isnan(totals.record(1, "count")["minimum"])
    assert totals.record(2, "count")["minimum"] == 5.0


def test_weight_zero_adds_nothing_even_to_an_infinite_loss():
    totals = Totals.of(np.zeros(2, int), 1, np.array([math.inf, 2.0]), np.array([0.0, 3.0]))
    assert totals.record(0, "weights")["mean"] == 2.0
    assert totals.record(0, "count")["mean"] == 3.0
    assert totals.record(0, "count")["nonfinite"] == 1


def test_nan_and_infinity_reach_the_sum_and_are_counted():
    groups = np.array([0, 0, 1, 1, 2])
    totals = Totals.of(groups, 3, np.array([math.nan, 1.0, math.inf, 1.0, 1.0]))
    totals.merge(Totals.of(groups, 3, np.ones(5)))
    means = [totals.record(group, "count")["mean"] for group in range(3)]
    assert math.isnan(means[0])
    assert means[1:] == [math.inf, 1.0]
    assert [totals.record(group, "count")["nonfinite"] for group in range(3)] == [1, 1, 0]
    assert math.isnan(totals.combined().record(0, "count")["mean"])


def test_all_weights_zero():
    totals = Totals.of(np.zeros(2, int), 1, np.ones(2), np.zeros(2))
    assert totals.record(0, "weights")["mean"] == 0.0


def test_a_mean_by_weights_that_cancel():
    groups, weights = np.array([0, 0, 1, 1]), np.array([1.0, -1.0, 1.0, -1.0])
    totals = Totals.of(groups, 2, np.array([math.nan, 1.0, 3.0, 1.0]), weights)
    means = [totals.record(group, "weights")["mean"] for group in range(2)]
    assert math.isnan(means[0])
    assert means[1] == math.inf
