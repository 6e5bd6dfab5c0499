"""The cut into pieces depends on the data alone, and so does every bit of the result."""

import itertools
import pickle

import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hinge_jobs import OPTIONS, cut_small, wide_range_table

import lossary
from lossary.scoring.pieces import Piece, Span, cut, piece_rows
from lossary.scoring.spans import file_spans, table_spans

ROWS = 10_000
TABLE = wide_range_table(ROWS, 5)


@pytest.fixture
def small_pieces(monkeypatch):
    """Cut at a few hundred rows."""
    cut_small(monkeypatch, 700)


@pytest.fixture
def files(tmp_path):
    """Write a shuffled data set of several files and formats."""
    starts = [0, 1000, 1100, 4600, 8000, 9999, ROWS]
    for place, (start, stop) in enumerate(itertools.pairwise(starts)):
        part = TABLE.slice(start, stop - start)
        if place == 2:
            with pa.ipc.new_file(tmp_path / f"{place}.arrow", part.schema) as file:
                file.write_table(part, max_chunksize=150)
        else:
            pq.write_table(part, tmp_path / f"{place}.parquet", row_group_size=110 + 40 * place)
    return tmp_path


def frame(table):
    """Return a table as a pandas frame."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    return table.to_pandas()


def bits(result):
    """Return everything that a result says, exactly."""
    totals = [item.columns() for item in result.totals]
    sums = [[(name, values.tobytes()) for name, values in item.items()] for item in totals]
    return result.groups, sums, [worst.records() for worst in result.worst], result.rows


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("workers", [2, 4])
def test_any_number_of_workers_gives_the_same_bits(files, workers):
    one = lossary.score(files, **OPTIONS, workers=1)
    assert one.rows == ROWS
    assert bits(lossary.score(files, **OPTIONS, workers=workers)) == bits(one)


@pytest.mark.usefixtures("small_pieces")
def test_pieces_are_what_files_hold(files):
    paths = sorted(str(path) for path in files.iterdir())
    spans, errors = file_spans(paths, None)
    assert not errors
    assert sum(span.rows for span in spans) == ROWS
    pieces = [*cut(spans, piece_rows(spans))]
    assert [piece.index for piece in pieces] == [*range(len(pieces))]
    assert all(700 <= piece.rows < 1100 for piece in pieces[:-1])
    assert pickle.loads(pickle.dumps(pieces)) == pieces
    # Parts of a file that stand side by side are read as one.
    assert max(len(piece.spans) for piece in pieces) <= 4


def test_a_piece_says_what_it_is():
    first, last = Span("a.parquet", range(2, 5), 30, 30, 30), Span("b.csv", size=9)
    assert str(Piece(0, (first,))) == "a.parquet, parts 2 to 4"
    assert str(Piece(0, (first, last))) == "a.parquet, parts 2 to 4 to b.csv"
    assert Piece(0, (first, last)).rows is None
    assert Piece(0, (first, last)).without(first).spans == (last,)


def test_many_rows_make_large_pieces():
    assert piece_rows([Span("a.parquet", range(1), 0, 10**12, 10**12)]) == 10**12 // 4096


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("chunk", [1, 13, 699, 700, 701, 5000])
def test_chunks_of_a_table_do_not_matter(chunk):
    rows = TABLE.slice(0, 3000)
    spans = [*table_spans(rows.to_batches(max_chunksize=chunk))]
    assert [span.rows for span in spans] == [700, 700, 700, 700, 200]
    assert [span.rows_before for span in spans] == [0, 700, 1400, 2100, 2800]
    assert pa.concat_tables([span.table for span in spans]).equals(rows)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    "convert",
    [lambda x: x, lambda x: x.to_reader(), polars.from_arrow, frame],
    ids=["table", "reader", "polars", "pandas"],
)
def test_a_table_in_memory_is_as_good_as_a_file(tmp_path, convert):
    path = tmp_path / "data.parquet"
    pq.write_table(TABLE, path, row_group_size=700)
    expected = bits(lossary.score(path, **OPTIONS))
    result = lossary.score(convert(TABLE), **OPTIONS)
    groups, sums, worst, rows = bits(result)
    assert (groups, sums, rows) == (expected[0], expected[1], expected[3])
    assert [[item["row"] for item in items] for items in worst] == [
        [item["row"] for item in items] for items in expected[2]
    ]
    assert worst[0][0]["file"] == "<table>"


@pytest.mark.usefixtures("small_pieces")
def test_groups_whose_types_differ_from_file_to_file(tmp_path):
    """A value counts as one group whatever the types are, also within a piece."""
    whole = TABLE["fold"].to_numpy()
    for place, kind in enumerate([pa.int32(), pa.float64(), pa.int64(), pa.string()]):
        part = TABLE.slice(place * 300, 300)
        fold = part["fold"].cast(kind)
        table = part.set_column(part.schema.get_field_index("fold"), "fold", fold)
        pq.write_table(table, tmp_path / f"{place}.parquet")
    result = lossary.score(tmp_path, **OPTIONS | {"by": "fold"})
    counts = dict(zip(result.groups, result.totals[0].count.tolist(), strict=True))
    for value in np.unique(whole[:1200]).tolist():
        assert counts[(value,)] == np.sum(whole[:900] == value)
        assert counts.get((str(value),), 0) == np.sum(whole[900:1200] == value)


@pytest.mark.usefixtures("small_pieces")
def test_the_first_error_in_the_order_of_the_rows_is_raised(tmp_path):
    labels = np.ones(3000, dtype=int)
    labels[[750, 2900]] = 7, 9
    table = TABLE.slice(0, 3000).set_column(1, "label", pa.array(labels))
    pq.write_table(table, tmp_path / "data.parquet", row_group_size=100)
    for workers in (1, 4):
        with pytest.raises(lossary.LossaryError, match="got 7 in row 751"):
            lossary.score(tmp_path, **OPTIONS | {"domain": "raise", "losses": "hinge_loss"})
        options = {"workers": workers, "positive": "1", "losses": "hinge_loss"}
        with pytest.raises(lossary.LossaryError, match="got a third, '9', in row 2901"):
            lossary.score(tmp_path, **OPTIONS | options)
        warned = lossary.score(tmp_path, **OPTIONS | {"domain": "warn", "losses": "hinge_loss"})
        (note,) = warned.notes
        assert "got 7 in row 751" in note
        assert "(2 such values in all)" in note


def test_small_files_of_text_are_scored_together(tmp_path, monkeypatch):
    paths = []
    for place in range(9):
        paths.append(str(tmp_path / f"{place}.csv"))
        rows = "".join(f"{row / 8},1\n" for row in range(place * 20, place * 20 + 20))
        (tmp_path / f"{place}.csv").write_text("margin,label\n" + rows)
    spans, _ = file_spans(paths, None)
    assert len([*cut(spans, piece_rows(spans))]) == 1
    monkeypatch.setattr("lossary.scoring.pieces.PIECE_ROWS", 1)
    pieces = [*cut(spans, piece_rows(spans))]
    assert [piece.spans[0].path for piece in pieces] == paths
    results = [
        lossary.score(paths, losses="hinge_loss", inputs="margin", targets="label", workers=n)
        for n in (1, 3)
    ]
    assert bits(results[0]) == bits(results[1])
    assert results[0].totals[0].figures("count")["maximum"].tolist() == [1.0]
    assert results[0].rows == 180


def test_a_table_that_breaks_off():
    def batches():
        yield TABLE.to_batches()[0].slice(0, 10)
        message = "the query was cancelled"
        raise OSError(message)

    reader = pa.RecordBatchReader.from_batches(TABLE.schema, batches())
    with pytest.raises(lossary.LossaryError, match=r"<table>.*the query was cancelled"):
        lossary.score(reader, **OPTIONS)


@pytest.mark.usefixtures("small_pieces")
def test_the_metadata_of_a_file_are_read_once(tmp_path, monkeypatch):
    given = []

    class Opened(pq.ParquetFile):
        def __init__(self, *args, **options):
            given.append(options.get("metadata"))
            super().__init__(*args, **options)

    monkeypatch.setattr(pq, "ParquetFile", Opened)
    path = tmp_path / "a.parquet"
    for start in (0, 4000):  # what replaces the file has metadata of its own
        table = TABLE.slice(start, 4000)
        pq.write_table(table, path, row_group_size=500)
        result = lossary.score(path, **OPTIONS, workers=1)
        assert result.rows == 4000
        expected = lossary.score(table, **OPTIONS, workers=1)
        assert result.to_arrow()["count"].equals(expected.to_arrow()["count"])
    assert len(given) > 10
    assert given.count(None) == 2
