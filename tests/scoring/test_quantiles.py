"""Quantiles by group: within the stated error of the exact ones, and the same for any cut."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lossary
from lossary.scoring.histograms import RELATIVE_ERROR, Histograms, buckets, representatives

ROWS = 5000
RANDOM = np.random.default_rng(2)
SHARES = (0.0, 0.1, 0.5, 0.99, 1.0)
MARGIN = RANDOM.normal(size=ROWS) * 10.0 ** RANDOM.integers(-9, 9, ROWS)
FOLD = RANDOM.integers(0, 7, ROWS)
WEIGHT = RANDOM.integers(0, 4, ROWS).astype(float)
TABLE = pa.table({"x": MARGIN, "y": np.zeros(ROWS), "fold": FOLD, "weight": WEIGHT})
OPTIONS = {"losses": "l1_loss", "inputs": "x", "targets": "y", "by": "fold", "quantiles": SHARES}


def exact(values, share):
    """Return the least value that the share does not exceed."""
    return np.quantile(values, share, method="inverted_cdf")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_stands_for_a_number_is_near_it(value):
    stand_in = float(representatives(buckets(np.array([value])))[0])
    if math.isinf(stand_in):  # beyond the largest number, which is clipped later
        stand_in = math.copysign(np.finfo(float).max, stand_in)
    # Subnormal numbers have few digits.
    assert abs(stand_in - value) <= RELATIVE_ERROR * (1 + 1e-9) * abs(value) + 5e-324


def test_buckets_are_in_the_order_of_their_values():
    ends = [1e308, 3.0, 1e-300, 5e-324]
    values = np.array([-math.inf, *(-x for x in ends), -0.0, *ends[::-1], math.inf, math.nan])
    assert (np.diff(buckets(values)) > 0).all()
    assert buckets(np.array([0.0, -0.0])).tolist() == [100_000, 100_000]


def test_quantiles_of_groups():
    result = lossary.score(TABLE, **OPTIONS)
    table = result.to_arrow().to_pydict()
    for share in SHARES:
        expected = [exact(np.abs(MARGIN[FOLD == fold]), share) for fold in range(7)]
        assert table[f"q{share:g}"] == pytest.approx(expected, rel=RELATIVE_ERROR, abs=0)
    whole = result.to_arrow(groups=False).to_pydict()
    assert whole["q0.5"] == pytest.approx([exact(np.abs(MARGIN), 0.5)], rel=RELATIVE_ERROR)
    assert whole["q0"] == pytest.approx(whole["minimum"], rel=RELATIVE_ERROR)
    assert whole["q1"] == pytest.approx(whole["maximum"], rel=RELATIVE_ERROR)


def test_rows_count_as_much_as_their_weights_say():
    found = lossary.score(TABLE, **OPTIONS, weights="weight").to_arrow().to_pydict()
    repeated = np.repeat(np.arange(ROWS), WEIGHT.astype(int))
    expected = [exact(np.abs(MARGIN[repeated][FOLD[repeated] == fold]), 0.5) for fold in range(7)]
    assert found["q0.5"] == pytest.approx(expected, rel=RELATIVE_ERROR)


@given(st.lists(st.integers(0, ROWS), max_size=6).map(sorted))
def test_the_cuts_do_not_matter(cuts):
    whole = Histograms.of(FOLD, MARGIN, None)
    merged = Histograms()
    for start, stop in zip([0, *cuts], [*cuts, ROWS], strict=True):
        codes = np.array([3, 1, 0, 2, 6, 5, 4])  # the groups have other codes in the parts
        part = Histograms.of(codes[FOLD[start:stop]], MARGIN[start:stop], None)
        merged.merge(Histograms.of_columns(*part.columns(7).values()), np.argsort(codes))
    assert merged.keys.tolist() == whole.keys.tolist()
    assert merged.weights.tolist() == whole.weights.tolist()


def test_groups_are_taken_in_any_order():
    whole = Histograms.of(FOLD, MARGIN, None)
    order = np.array([6, 2, 2, 0])
    taken = whole.take(order).quantiles(4, SHARES)
    for found, every in zip(taken, whole.quantiles(7, SHARES), strict=True):
        assert found.tolist() == every[order].tolist()
    assert whole.take(np.array([], dtype=int)).quantiles(0, [0.5])[0].size == 0


def test_losses_that_are_no_ordinary_numbers():
    table = pa.table(
        {
            "x": [1.0, math.nan, 1.0, math.inf, math.inf, 0.0, -0.0, None],
            "y": [0.0] * 8,
            "fold": [0, 0, 1, 1, 1, 2, 2, 3],
        }
    )
    found = lossary.score(table, **OPTIONS, nulls="skip").to_arrow().to_pydict()["q0.5"]
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, 0.0]
    nothing = Histograms().quantiles(2, [0.5])
    assert np.isnan(nothing).all()


def test_shares_are_checked():
    with pytest.raises(ValueError, match=r"must be between 0 and 1, got 1\.5"):
        lossary.score(TABLE, **OPTIONS | {"quantiles": 1.5})
