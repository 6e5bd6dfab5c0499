"""Groups of rows by the values of columns."""

import datetime
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lossary
from lossary.scoring import DataError
from lossary.scoring.columns import Batch
from lossary.scoring.grouped_totals import GroupedTotals, RowLosses
from lossary.scoring.groups import Groups
from lossary.scoring.totals import Totals


def batch(textual=False, **columns):
    """Return a batch of columns."""
    data = pa.record_batch(columns)
    return Batch(data, "data.parquet", np.arange(1, data.num_rows + 1), textual)


def keys_of_rows(groups, codes):
    """Return every row's group by its values."""
    keys, order = groups.ordered()
    return [keys[place] for place in np.argsort(order)[codes].tolist()]


def grouped(groups, *columns):
    """Return every row's group by its values; each column is a list of arrays."""
    codes = groups.encode(columns, sum(map(len, columns[0])))
    return keys_of_rows(groups, codes)


def test_values_of_any_type_and_their_lack():
    groups = Groups(3)
    rows = grouped(
        groups,
        [pa.array(["x", None, "x", "y"])],
        [pa.array([1, 2, 1, None])],
        [pa.array([True, False, True, None])],
    )
    expected = [("x", 1, True), (None, 2, False), ("x", 1, True), ("y", None, None)]
    assert rows == expected
    assert len(groups) == 3


def test_numbers_of_groups_go_on_over_batches():
    groups = Groups(2)
    first = groups.encode([[pa.array(["p", "q"])], [pa.array([1, 1])]], 2)
    second = groups.encode([[pa.array(["r"]), pa.array(["p", "p"])], [pa.array([1, 1, 2])]], 3)
    assert keys_of_rows(groups, first) == [("p", 1), ("q", 1)]
    assert keys_of_rows(groups, second) == [("r", 1), ("p", 1), ("p", 2)]
    assert first[0] == second[1]


def test_values_that_no_row_has_are_no_groups():
    column = pa.DictionaryArray.from_arrays(pa.array([1, 1]), pa.array(["unused", "used"]))
    groups = Groups(1)
    assert grouped(groups, [batch(a=column).group_column("a")]) == [("used",)] * 2
    assert len(groups) == 1


def test_nan_and_zero_are_one_group_each():
    groups = Groups(1)
    for kind in (pa.float64(), pa.float32()):
        groups.encode([[pa.array([math.nan, 1.0, 0.0, -0.0, -math.nan], kind)]], 5)
    assert [key[0] for key in groups.ordered()[0][:2]] == [0.0, 1.0]
    assert len(groups) == 3


def test_equal_numbers_of_several_types_are_one_group():
    groups = Groups(1)
    for kind in (pa.int64(), pa.int8(), pa.float64()):
        groups.encode([[pa.array([2, 1], kind)]], 2)
    groups.encode([[pa.array(["1"])]], 1)
    assert groups.ordered()[0] == [(1,), ("1",), (2,)]


@pytest.mark.parametrize(
    "values",
    [
        ["10", "9", "x", "-1.5", "1e3", "a", "", None, "nan"],
        ["b", "a", None],
        ["b", "a"],
        [3, -1, 10, None],
        [2.5, -math.inf, math.nan, 1.0],
        [datetime.date(2025, 2, 3), datetime.date(1999, 1, 1)],
        [True, False],
    ],
)
def test_groups_are_in_order(values):
    def order(value):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        return (value is None, math.isnan(number), 0 if math.isnan(number) else number, str(value))

    for several in (False, True):
        groups = Groups(2 if several else 1)
        second = [pa.array(range(len(values)))[::-1]]
        groups.encode([[pa.array(values)], second][: 1 + several], len(values))
        found = [key[0] for key in groups.ordered()[0]]
        assert list(map(repr, found)) == list(map(repr, sorted(values, key=order)))


def test_times_in_nanoseconds():
    groups = Groups(1)
    groups.encode([[pa.array([1, 1_000], pa.timestamp("ns"))]], 2)
    assert len(groups) == 2
    assert all(str(key[0]).startswith("1970-01-01 00:00:00") for key in groups.ordered()[0])


def test_text_stays_as_it_is_written():
    groups = Groups(1)
    groups.encode([[pa.array(["1", "01", "1.0", "x", "NA", "1e0"])]], 6)
    assert groups.ordered()[0] == [("01",), ("1",), ("1.0",), ("1e0",), ("NA",), ("x",)]


def test_without_columns_there_is_one_group():
    groups = Groups(0)
    assert groups.encode([], 2).tolist() == [0, 0]
    assert groups.ordered()[0] == [()]


def test_columns_of_lists_do_not_group():
    with pytest.raises(DataError, match="column 'a' must hold numbers or text"):
        batch(a=[[1], [2]]).group_column("a")


@pytest.mark.parametrize("rows", [1, 7, 1000, 1 << 17])
@pytest.mark.parametrize("kinds", [["int64"], ["string"], ["int64", "string"]])
def test_totals_by_group_are_those_of_the_rows(monkeypatch, rows, kinds):
    """However many rows wait before they are added, and where the type of the column changes."""
    monkeypatch.setattr("lossary.scoring.grouped_totals._MIN_ROWS", rows)
    random = np.random.default_rng(1)
    a, b = random.integers(0, 40, 3000), random.integers(0, 3, 3000)
    losses, weights, part = random.random(3000), random.random(3000), random.random(3000) < 0.8
    totals = GroupedTotals(2, 2, Totals)
    for start in range(0, 3000, 250):
        some = slice(start, start + 250)
        kind = kinds[start // 500 % len(kinds)]
        columns = [pa.array(a[some]).cast(kind), pa.array(b[some])]
        first = RowLosses(losses[some], part[some], weights[some])
        totals.add(columns, [first, RowLosses(-losses[some], np.ones(250, bool))])
    keys, (first, second) = totals.finish()
    assert [int(key[0]) for key in keys] == sorted(int(key[0]) for key in keys)
    for place, (x, y) in enumerate(keys):
        kind = "string" if isinstance(x, str) else "int64"
        of_kind = np.array([kinds[row // 500 % len(kinds)] == kind for row in range(3000)])
        mine = (a == int(x)) & (b == y) & of_kind
        record = first.record(place, "weights")
        taking = mine & part
        assert record["count"] == taking.sum()
        assert record["sum"] == pytest.approx((losses * weights)[taking].sum(), rel=1e-13)
        assert record["weight"] == pytest.approx(weights[taking].sum(), rel=1e-13)
        assert record["maximum"] == losses[taking].max()
        assert second.record(place, "count")["sum"] == pytest.approx(-losses[mine].sum())


def test_what_waits_grows_with_the_groups_alone(monkeypatch):
    monkeypatch.setattr("lossary.scoring.grouped_totals._MIN_ROWS", 100)
    totals = GroupedTotals(1, 1, Totals)
    waiting = []
    for _ in range(1000):
        column = pa.array(np.arange(50))
        totals.add([column], [RowLosses(np.ones(50), np.ones(50, bool))])
        waiting.append(totals._rows)
    assert max(waiting) < 4 * 50
    keys, (found,) = totals.finish()
    assert len(keys) == 50
    assert set(found.count) == {1000}


@pytest.mark.parametrize("index", [pa.int8(), pa.int32(), pa.uint16()])
def test_dictionaries_are_grouped_by_the_values_that_occur(index):
    groups = Groups(1)
    values = pa.array(["unused", "b", "a", None, "b"])
    given = pa.DictionaryArray.from_arrays(pa.array([1, 2, None, 4, 3, 1], index), values)
    codes = groups.encode([[given, given.slice(1, 2)]], 8)
    assert codes.tolist() == [0, 1, 2, 0, 2, 0, 1, 2]
    assert groups.encode([[pa.array(["a", None, "b"])]], 3).tolist() == [1, 2, 0]
    assert groups.ordered()[0] == [("a",), ("b",), (None,)]


@pytest.mark.parametrize("has_dictionary", [True, False])
def test_text_of_parquet_is_grouped_as_its_dictionary(tmp_path, has_dictionary):
    names = [None if i % 11 == 0 else f"name {i % 7}" for i in range(4000)]
    data = {"margin": np.arange(4000.0), "label": -np.ones(4000), "kind": names}
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table(data), path, row_group_size=1500, use_dictionary=has_dictionary)
    options = {"losses": "hinge_loss", "inputs": "margin", "targets": "label", "by": "kind"}
    found = lossary.score(path, **options, worst=1, show="kind")
    assert found.groups == [*((f"name {i}",) for i in range(7)), (None,)]
    counts = [names.count(key) for (key,) in found.groups]
    assert found.totals[0].count.tolist() == counts
    assert found.worst[0].records()[0]["values"]["kind"] == names[-1]
    whole = lossary.score(pa.table(data), **options)
    assert whole.to_arrow().equals(found.to_arrow())


def test_pairs_of_columns_are_coded_alike_by_lookup_and_by_hashing():
    """As more and more values appear, until there are too many pairs to look up."""
    random = np.random.default_rng(4)
    groups, hashed = Groups(2), Groups(2)
    hashed._pairs[0]._lookup = None
    seen = []
    for left, right in ((3, 1), (3, 2), (50, 9), (50, 70), (3000, 70), (9000, 9000), (10, 10)):
        columns = [random.integers(0, most, 2000) for most in (left, right)]
        seen.append(np.stack(columns, axis=1))
        arrays = [[pa.array(column)] for column in columns]
        expected = list(map(tuple, seen[-1].tolist()))
        assert grouped(groups, *arrays) == grouped(hashed, *arrays) == expected
    assert groups._pairs[0]._lookup is None
    assert len(groups) == len(hashed) == len(np.unique(np.concatenate(seen), axis=0))
