"""CSV files are cut into blocks of whole lines, whatever their values hold."""

import csv
import gzip
import io
import random

import pytest

from lossary.score import csv_reader
from lossary.score.readers import Selection


def value(source):
    """Return a value as CSV: quoted with line ends inside, with a stray quote, or plain."""
    kind = source.random()
    if kind < 0.3:
        inside = "".join(source.choice(["a", '""', "\n", ",", "b"]) for _ in range(6))
        return f'"{inside}"'
    return '6" nail' if kind < 0.4 else str(source.randint(0, 99))


def rows_of(path, columns):
    """Read a file of text columns."""
    source = csv_reader.Csv(str(path), ",")
    try:
        assert source.columns == columns
        batches = source.read(Selection(columns, labels=frozenset(columns)))
        found = [zip(*(c.to_pylist() for c in batch.columns), strict=True) for batch in batches]
    finally:
        source.close()
    return [tuple(item or "" for item in row) for rows in found for row in rows]


@pytest.mark.parametrize("seed", range(40))
def test_any_block_size(seed, tmp_path, monkeypatch):
    source = random.Random(seed)
    text = '"a\n1",b\n' + "".join(f"{i},{value(source)}\n" for i in range(source.randint(1, 50)))
    if seed % 3 == 0:
        text = text[:-1]  # no line end at the end
    monkeypatch.setattr(csv_reader, "_BLOCK", source.randint(5, 80))
    monkeypatch.setattr(csv_reader, "_CHUNK", source.randint(3, 20))
    path = tmp_path / "data.csv"
    path.write_text(text)
    expected = [tuple(row) for row in csv.reader(io.StringIO(text))][1:]
    assert rows_of(path, ["a\n1", "b"]) == expected


def test_byte_order_mark_windows_line_ends_and_compression(tmp_path):
    text = "\ufeffa,b\r\n1,x\r\n2,y\r\n"
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert rows_of(path, ["a", "b"]) == [("1", "x"), ("2", "y")]
