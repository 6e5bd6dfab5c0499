"""``lossary.score``: arguments of any kind, results as tables, text, HTML and bars."""

import subprocess
import sys
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lossary
from lossary.scoring import Score
from lossary.scoring.python_words import in_python

TABLE = pa.table(
    {
        "margin": [2.0, 0.5, -1.0, 0.0],
        "label": [1, 1, 1, -1],
        "fold": ["<b>", "x", "x", None],
        "mixed": pa.array([1.5, 2.0, 2.0, 4.0]),
    }
)
OPTIONS = {"inputs": "margin", "targets": "label"}


def test_losses_of_any_kind():
    losses = [
        "hinge_loss",
        "huber_loss:delta=2",
        lossary.l1_loss,
        lossary.get_loss("mse_loss"),
    ]
    result = lossary.score(TABLE, losses=losses, **OPTIONS)
    found = result.to_arrow().to_pydict()
    assert found["loss"] == ["hinge_loss", "huber_loss:delta=2", "l1_loss", "mse_loss"]
    margin, label = TABLE["margin"].to_numpy(), TABLE["label"].to_numpy()
    expected = [
        lossary.hinge_loss(margin, label, reduction="mean"),
        lossary.huber_loss(margin, label, delta=2, reduction="mean"),
        lossary.l1_loss(margin, label, reduction="mean"),
        lossary.mse_loss(margin, label, reduction="mean"),
    ]
    assert found["mean"] == pytest.approx(expected, rel=1e-15)
    one = lossary.score(TABLE, losses=lossary.hinge_loss, **OPTIONS)
    assert one.to_arrow()["loss"].to_pylist() == ["hinge_loss"]


def test_a_result_is_a_table():
    result = lossary.score(TABLE, losses="hinge_loss", by="fold", quantiles=0.5, **OPTIONS)
    assert isinstance(result, Score)
    table = result.to_arrow()
    assert table.column_names == [
        "loss",
        "fold",
        "mean",
        "sum",
        "weight",
        "count",
        "minimum",
        "maximum",
        "nonfinite",
        "q0.5",
    ]
    assert table["fold"].to_pylist() == ["<b>", "x", None]
    assert table["count"].to_pylist() == [1, 2, 1]
    whole = result.to_arrow(groups=False)
    assert "fold" not in whole.column_names
    assert whole["count"].to_pylist() == [4]
    assert "fold" in repr(result).splitlines()[0]
    assert len(repr(result).splitlines()) == 4
    assert "<td>&lt;b&gt;</td>" in result._repr_html_()
    pytest.importorskip("pandas", reason="pandas is not installed")
    assert result.to_pandas()["mean"].tolist() == table["mean"].to_pylist()


def test_only_the_beginning_of_a_long_table_is_shown():
    table = pa.table({"margin": np.zeros(500), "label": np.ones(500), "fold": np.arange(500)})
    result = lossary.score(table, losses="hinge_loss", by="fold", **OPTIONS)
    assert repr(result).splitlines()[-1] == "... and 480 further rows"
    assert result._repr_html_().endswith("<p>... and 480 further rows</p>")
    assert result.to_arrow().num_rows == 500


def test_bars():
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed").use("agg")
    from matplotlib import pyplot

    losses = ["hinge_loss", "l1_loss"]
    result = lossary.score(TABLE, losses=losses, by="fold", **OPTIONS)
    (axes,) = result.plot().axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["<b>", "x", "None"]
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == result.to_arrow()["mean"].to_pylist()
    table = pa.table({"margin": np.arange(500.0), "label": -np.ones(500), "fold": np.arange(500)})
    many = lossary.score(table, losses="hinge_loss", by="fold", **OPTIONS)
    _, axes = pyplot.subplots()
    many.plot(figure="maximum", ax=axes)
    assert axes.get_title(loc="left") == "the 30 largest of 500 groups"
    assert min(bar.get_width() for bar in axes.patches) == 471.0
    with pytest.raises(ValueError, match=r"figure must be one of mean, sum.*got 'median'"):
        many.plot(figure="median")
    pyplot.close("all")


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        (3, {}, TypeError, "score: source must be a path, a sequence of paths or a table, got 3"),
        ([], {}, TypeError, "source must be a path, a sequence of paths or a table"),
        ("nowhere.csv", {}, ValueError, "nowhere.csv: no such file"),
        (TABLE, {"losses": "hinge_los"}, ValueError, "Did you mean hinge_loss"),
        (TABLE, {"losses": "huber_loss:dleta=2"}, ValueError, "no parameter 'dleta'"),
        (TABLE, {"inputs": "margn"}, ValueError, "<table>: inputs must name a column, got 'margn'"),
        (TABLE, {"losses": "gaussian_nll_loss"}, ValueError, r'Pass columns\["vars"\]\.'),
        (TABLE, {"by": "m*"}, ValueError, "Pass a sequence as by for several"),
        (TABLE, {"where": "fold", "by": ()}, ValueError, "'fold' must hold true or false"),
        (TABLE, {"losses": []}, ValueError, "losses must name a loss at least, got none"),
        (TABLE, {"inputs": 3}, TypeError, "inputs must be the name of a column, got 3"),
        (TABLE, {"by": 3}, TypeError, "by must be a text or a sequence of texts, got 3"),
        (TABLE, {"worst": -1}, ValueError, "worst must be an integer of at least 0, got -1"),
        (TABLE, {"worst": "a"}, TypeError, "worst must be an integer of at least 0, got 'a'"),
        (TABLE, {"workers": "2"}, ValueError, "workers must be a positive integer, got '2'"),
        (TABLE, {"quantiles": "0.5"}, TypeError, "quantiles must be a number or a sequence"),
        (TABLE, {"quantiles": True}, TypeError, "quantiles must be a number or a sequence"),
        (TABLE, {"quantiles": 2}, ValueError, "quantiles must be between 0 and 1, got 2"),
        (TABLE, {"nulls": "drop"}, ValueError, "nulls must be 'error' or 'skip', got 'drop'"),
        (TABLE, {"domain": "x"}, ValueError, "score: domain must be 'warn' or 'raise' or 'ignore'"),
        (TABLE, {"denominator": "x"}, ValueError, "denominator must be 'weights' or 'count'"),
        (TABLE, {"delimiter": "ab"}, ValueError, "delimiter must be one character, got 'ab'"),
        (TABLE, {"output": "x.csv", "skip_bad": True}, ValueError, "skip_bad must not be passed"),
        (TABLE, {"output": "x.parquet", "engine": "dask"}, ValueError, "output needs the engine"),
    ],
)
def test_errors_name_arguments(source, options, error, message):
    if options.get("engine") == "dask":
        pytest.importorskip("distributed", reason="Dask's scheduler is not installed")
    with pytest.raises(error, match=message) as raised:
        lossary.score(source, **{"losses": "hinge_loss", **OPTIONS, **options})
    assert "--" not in str(raised.value)


def test_options_are_named_as_arguments():
    text = "Pass --nulls skip, --column vars=COLUMN, --columns id and --class-weights 1,2."
    said = 'Pass nulls="skip", columns["vars"], output_columns id and class_weights 1,2.'
    assert in_python(text) == said


def test_two_jobs_may_write_one_output(tmp_path):
    """The file is that of one of them, whole."""
    rows = 200_000
    table = pa.table({"margin": np.zeros(rows), "label": np.ones(rows)})
    pq.write_table(table, tmp_path / "data.parquet")
    output, errors = tmp_path / "out" / "losses.parquet", []
    output.parent.mkdir()

    def write(loss):
        try:
            lossary.score(tmp_path / "data.parquet", losses=loss, output=output, **OPTIONS)
        except Exception as error:
            errors.append(error)

    losses = ["hinge_loss", "l1_loss", "mse_loss"]
    threads = [threading.Thread(target=write, args=[loss]) for loss in losses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    found = pq.read_table(output)
    assert found.num_rows == rows
    assert found.column_names[-1] in losses
    assert [path.name for path in output.parent.iterdir()] == ["losses.parquet"]


def test_what_importing_it_loads():
    code = "import sys, lossary; lossary.score; print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("library", ["pyarrow", "polars", "pandas"])
def test_losses_of_the_rows_of_a_table_are_written(library, tmp_path):
    table = TABLE
    if library != "pyarrow":
        module = pytest.importorskip(library)
        table = module.from_arrow(TABLE) if library == "polars" else TABLE.to_pandas()
    path = tmp_path / "losses.parquet"
    copied = ["fold", "label"]
    lossary.score(table, losses="hinge_loss", output=path, output_columns=copied, **OPTIONS)
    found = pq.read_table(path)
    assert found.column_names == ["fold", "label", "hinge_loss"]
    assert found.schema.field("label").type == pa.int64()
    assert found["fold"].to_pylist() == TABLE["fold"].to_pylist()
    assert found["hinge_loss"].to_pylist() == [0.0, 0.5, 2.0, 1.0]


def test_an_output_of_unknown_format_is_refused(tmp_path):
    path = tmp_path / "losses.txt"
    with pytest.raises(ValueError, match=r"output must be a file with the suffix .*'losses.txt'"):
        lossary.score(TABLE, losses="hinge_loss", output=path, **OPTIONS)
    assert not path.exists()
