"""``lossary.compare``: files and tables of any library, results as tables, text and intervals."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lossary
from lossary.scoring import Comparison

ROWS = 300
RANDOM = np.random.default_rng(7)
MARGIN = RANDOM.normal(size=ROWS)
OTHER = MARGIN + 0.3 * RANDOM.normal(size=ROWS)
LABEL = RANDOM.choice([-1, 1], ROWS)
FOLD = RANDOM.integers(0, 3, ROWS)
A = pa.table({"id": np.arange(ROWS), "margin": MARGIN, "label": LABEL, "fold": FOLD})
B = pa.table({"id": np.arange(ROWS), "margin": OTHER})
OPTIONS = {"losses": "logistic_loss", "inputs": "margin", "targets": "label", "key": "id"}


@pytest.mark.parametrize("library", ["files", "pyarrow", "pandas", "polars"])
def test_sources_of_any_kind(tmp_path, library):
    sources = A, B
    if library == "files":
        sources = tmp_path / "a.parquet", [str(tmp_path / "b.parquet")]
        for path, table in zip((sources[0], *sources[1]), (A, B), strict=True):
            pq.write_table(table, path, row_group_size=70)
    elif library != "pyarrow":
        module = pytest.importorskip(library)
        convert = module.from_arrow if library == "polars" else pa.Table.to_pandas
        sources = convert(A), B  # the kinds may differ
    result = lossary.compare(*sources, by="fold", **OPTIONS)
    assert isinstance(result, Comparison)
    differences = lossary.logistic_loss(OTHER, LABEL) - lossary.logistic_loss(MARGIN, LABEL)
    found = result.to_arrow().to_pydict()
    for fold in range(3):
        mine = differences[fold == FOLD]
        error = mine.std(ddof=1) / np.sqrt(len(mine))
        assert found["difference"][fold] == pytest.approx(mine.mean(), rel=1e-12)
        assert found["high"][fold] == pytest.approx(mine.mean() + 1.959963984540054 * error)
    whole = result.to_arrow(groups=False)
    assert whole["difference"].to_pylist() == pytest.approx([differences.mean()])
    assert "fold" not in whole.column_names


def test_two_predictions_of_one_table():
    table = A.append_column("other", B["margin"])
    options = {key: value for key, value in OPTIONS.items() if key != "key"}
    found = lossary.compare(table, **options, inputs_b="other", inputs_a="margin")
    assert found.to_arrow().equals(lossary.compare(A, B, **OPTIONS).to_arrow())
    with pytest.raises(ValueError, match="compare: key needs two files to compare, got id"):
        lossary.compare(table, **options, inputs_a="margin", inputs_b="other", key="id")


def test_losses_of_the_rows_of_tables_are_written(tmp_path):
    path = tmp_path / "losses.parquet"
    lossary.compare(A, B, **OPTIONS, output=path, output_columns="id")
    found = pq.read_table(path)
    assert found.column_names == ["id", *(f"logistic_loss {x}" for x in ("A", "B", "B - A"))]
    assert found["id"].to_pylist() == [*range(ROWS)]
    expected = lossary.logistic_loss(OTHER, LABEL)
    assert found["logistic_loss B"].to_pylist() == expected.tolist()


def test_texts_and_intervals():
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed").use("agg")
    losses = ["logistic_loss", "hinge_loss"]
    result = lossary.compare(A, B, **OPTIONS | {"losses": losses}, by="fold")
    assert "difference" in repr(result).splitlines()[0]
    assert len(repr(result).splitlines()) == 7
    assert result._repr_html_().count("<tr>") == 7
    (axes,) = result.plot().axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0", "1", "2", "(all)"]
    drawn = [line.get_xdata().tolist() for line in axes.lines if len(line.get_xdata()) == 4]
    rows = result.to_arrow()["difference"].to_pylist()
    whole = result.to_arrow(groups=False)["difference"].to_pylist()
    assert [*rows[:3], whole[0]] in drawn
    assert [*rows[3:], whole[1]] in drawn
    single = lossary.compare(A.slice(0, 1), B.slice(0, 1), **OPTIONS)
    assert single.plot().axes[0].get_xlabel() == "B - A of logistic_loss"


@pytest.mark.parametrize(
    ("given", "options", "error", "message"),
    [
        (None, {}, ValueError, "compare: b must be given, or inputs_a and inputs_b as two"),
        (3, {}, TypeError, "compare: b must be a path, a sequence of paths or a table, got 3"),
        (B.slice(1), {}, ValueError, "<table B>: there are 299 rows, but 300 in <table A>"),
        (B, {"key": "ident"}, ValueError, "<table A>: key must name a column, got 'ident'"),
        (B, {"key": 3}, TypeError, "compare: key must be a text or a sequence of texts, got 3"),
        (B, {"inputs": "x"}, ValueError, "<table A>: inputs must name a column, got 'x'"),
        (B, {"inputs_b": "x"}, ValueError, "<table B>: inputs must name a column, got 'x'"),
        (B, {"inputs_a": "margin", "inputs": 3}, TypeError, "compare: inputs must be the name"),
        (B, {"inputs_b": 3}, TypeError, "compare: inputs_b must be the name of a column, got 3"),
        (B, {"confidence": 1}, ValueError, "compare: confidence must be between 0 and 1, got 1"),
        (B, {"confidence": "x"}, TypeError, "compare: confidence must be a number between 0"),
        (B, {"losses": []}, ValueError, "compare: losses must name a loss at least, got none"),
        (B, {"nulls": "drop"}, ValueError, "compare: nulls must be 'error' or 'skip', got 'drop'"),
        (B, {"by": "*a*"}, ValueError, "Pass a sequence as by for several"),
        (A.slice(0), {"key": "*a*"}, ValueError, "Pass a sequence as key for several"),
    ],
)
def test_errors_name_arguments(given, options, error, message):
    with pytest.raises(error, match=message) as raised:
        lossary.compare(A, given, **OPTIONS | options)
    assert "--" not in str(raised.value)
