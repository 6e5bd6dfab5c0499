"""Groups of rows by the values of columns."""

import math

import numpy as np
import pyarrow as pa
import pytest

from lossary.score import DataError
from lossary.score.columns import Batch
from lossary.score.groups import Groups


def batch(textual=False, **columns):
    """Return a batch of columns."""
    data = pa.record_batch(columns)
    return Batch(data, "data.parquet", np.arange(1, data.num_rows + 1), textual)


def keys_of_rows(groups, codes):
    """Return every row's group by its values."""
    keys = groups.keys()
    return [keys[code] for code in codes.tolist()]


def test_values_of_any_type_and_their_lack():
    groups = Groups()
    rows = batch(
        a=pa.array(["x", None, "x", "y"]).dictionary_encode(),
        b=pa.array([1, 2, 1, None]),
        c=pa.array([True, False, True, None]),
    )
    codes = groups.codes(rows, ["a", "b", "c"])
    expected = [("x", 1, True), (None, 2, False), ("x", 1, True), ("y", None, None)]
    assert keys_of_rows(groups, codes) == expected
    assert len(groups) == 3


def test_numbers_of_groups_go_on_over_batches():
    groups = Groups()
    first = groups.codes(batch(a=["p", "q"]), ["a"])
    second = groups.codes(batch(a=["r", "p"]), ["a"])
    assert keys_of_rows(groups, first) == [("p",), ("q",)]
    assert keys_of_rows(groups, second) == [("r",), ("p",)]
    assert first[0] == second[1]


def test_values_that_no_row_has_are_no_groups():
    groups = Groups()
    column = pa.DictionaryArray.from_arrays(pa.array([1, 1]), pa.array(["unused", "used"]))
    groups.codes(batch(a=column), ["a"])
    assert groups.keys() == [("used",)]


def test_nan_is_one_group():
    groups = Groups()
    for _ in range(2):
        groups.codes(batch(a=[math.nan, 1.0]), ["a"])
    assert len(groups) == 2


def test_text_stays_as_it_is_written():
    groups = Groups()
    groups.codes(batch(textual=True, a=["1", "01", "1.0", "x", "NA"]), ["a"])
    assert groups.keys() == [("1",), ("01",), ("1.0",), ("x",), ("NA",)]


def test_without_columns_there_is_one_group():
    groups = Groups()
    assert groups.codes(batch(a=[1, 2]), []).tolist() == [0, 0]
    assert groups.keys() == [()]


def test_columns_of_lists_do_not_group():
    with pytest.raises(DataError, match="column 'a' must hold numbers or text"):
        Groups().codes(batch(a=[[1], [2]]), ["a"])
