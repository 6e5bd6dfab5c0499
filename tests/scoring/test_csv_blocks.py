"""CSV files are cut into blocks of whole lines, whatever their values and line ends are."""

import gzip
import random

import pytest

from lossary.scoring import blocks, csv_reader
from lossary.scoring.source import Selection


def value(source, line_end, delimiter):
    """Return a value, and how CSV has it: quoted, with a stray quote, or plain."""
    kind = source.random()
    if kind < 0.3:
        inside = "".join(source.choice(["a", '"', line_end, delimiter, "b"]) for _ in range(6))
        return inside, '"' + inside.replace('"', '""') + '"'
    text = '6" nail' if kind < 0.4 else str(source.randint(0, 99))
    return text, text


def rows_of(path, columns, delimiter=","):
    """Read a file of text columns."""
    source = csv_reader.Csv(str(path), delimiter)
    try:
        assert source.columns == columns
        batches = [rows.values for rows in source.read(Selection(columns, []))]
        found = [zip(*(c.to_pylist() for c in batch.columns), strict=True) for batch in batches]
    finally:
        source.close()
    return [row for rows in found for row in rows]


@pytest.mark.parametrize("delimiter", [",", "|", "^"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("seed", range(15))
def test_any_block_size(seed, line_end, delimiter, tmp_path, monkeypatch):
    source = random.Random(seed)
    pairs = [value(source, line_end, delimiter) for _ in range(source.randint(1, 50))]
    lines = [f"{i}{delimiter}{written}" for i, (_, written) in enumerate(pairs)]
    text = line_end.join([f'"a{line_end}1"{delimiter}b', *lines])
    if seed % 3:
        text += line_end
    monkeypatch.setattr(blocks, "BLOCK", source.randint(5, 80))
    monkeypatch.setattr(blocks, "FIRST", source.randint(3, 20))
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode())
    expected = [(str(i), meant) for i, (meant, _) in enumerate(pairs)]
    assert rows_of(path, [f"a{line_end}1", "b"], delimiter) == expected


def test_byte_order_mark_windows_line_ends_and_compression(tmp_path):
    text = "\ufeffa,b\r\n1,x\r\n2,y\r\n"
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert rows_of(path, ["a", "b"]) == [("1", "x"), ("2", "y")]
