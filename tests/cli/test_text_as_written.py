"""What is copied, grouped, compared or shown is text as written, with and without --output."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import HINGE, table

ZIPS = ["01067", "1067", "1e3", "1000", "True", "true", "12345678901234567890", "-0", "1.50", "NA"]


def as_csv(values):
    """Return CSV with a column of text."""
    return "margin,label,zip\n" + "".join(f"0.5,1,{value}\n" for value in values)


def as_json_lines(values):
    """Return JSON lines with a column of strings and numbers."""
    numbers = {"1067", "1e3", "1000", "12345678901234567890", "-0", "1.50", "true"}
    written = [value if value in numbers else json.dumps(value) for value in values]
    return "".join(f'{{"margin": 0.5, "label": 1, "zip": {value}}}\n' for value in written)


@pytest.mark.parametrize("with_output", [False, True])
@pytest.mark.parametrize(("write", "name"), [(as_csv, "a.csv"), (as_json_lines, "a.jsonl")])
def test_groups_and_shown_values(run, predictions, tmp_path, write, name, with_output):
    path = predictions(write(ZIPS), name=name)
    output = ("--output", tmp_path / "out.parquet") if with_output else ()
    options = ("--by", "zip", "--worst", 20, "--show", "zip", "--json")
    outcome = run("score", path, *HINGE, *options, *output)
    assert outcome.status == 0, outcome.err
    (loss,) = json.loads(outcome.out)["losses"]
    assert sorted(group["by"]["zip"] for group in loss["groups"]) == sorted(ZIPS)
    assert [record["values"]["zip"] for record in loss["worst"]] == ZIPS
    assert [record["values"]["margin"] for record in loss["worst"]] == ["0.5"] * len(ZIPS)


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "csv"])
@pytest.mark.parametrize(("write", "name"), [(as_csv, "a.csv"), (as_json_lines, "a.jsonl")])
def test_copies(run, predictions, tmp_path, write, name, suffix):
    path, out = predictions(write(ZIPS), name=name), tmp_path / f"out.{suffix}"
    assert run("score", path, *HINGE, "--output", out).status == 0
    if suffix == "csv":
        assert out.read_text() == "margin,label,zip,hinge_loss\n" + "".join(
            f"0.5,1,{value},0.5\n" for value in ZIPS
        )
        return
    found = pq.read_table(out) if suffix == "parquet" else pa.ipc.open_file(out).read_all()
    assert found["zip"].to_pylist() == ZIPS
    assert found["margin"].to_pylist() == ["0.5"] * len(ZIPS)
    assert found["hinge_loss"].to_pylist() == [0.5] * len(ZIPS)


def test_nested_json_is_copied_as_it_is_written(run, predictions, tmp_path):
    values = ["[1,2.50]", '{"a":  null}', '"é \\" x"', "1e0", "null"]
    lines = "".join(f'{{ "margin": 1 , "v" :{v} , "label": 1}}\n' for v in values)
    out = tmp_path / "out.parquet"
    assert run("score", predictions(lines, name="a.jsonl"), *HINGE, "--output", out).status == 0
    assert pq.read_table(out)["v"].to_pylist() == ["[1,2.50]", '{"a":  null}', 'é " x', "1e0", None]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@pytest.mark.parametrize("with_output", [False, True])
def test_a_column_that_changes_type_late_stops_nothing(
    run, predictions, tmp_path, monkeypatch, name, with_output
):
    monkeypatch.setattr("lossary.scoring.blocks.BLOCK", 512)
    values = [str(i) for i in range(500)] + ["late", "0.5", "true"]
    text = as_csv(values)
    if name == "a.jsonl":
        written = [*values[:500], '"late"', "0.5", '{"x": [1]}']
        text = "".join(f'{{"margin": 1, "label": 1, "zip": {v}}}\n' for v in written)
    out = tmp_path / "out.csv"
    options = ("--output", out) if with_output else ()
    outcome = run("score", predictions(text, name=name), *HINGE, *options)
    assert (outcome.status, outcome.err) == (0, "")
    if with_output:
        found = [row["zip"] for row in csv.DictReader(io.StringIO(out.read_text()))]
        assert found[:502] == values[:502]


def test_positive_is_compared_as_it_is_written(run, predictions):
    path = predictions("margin,label\n1,01\n-1,1\n")
    outcome = run("score", path, *HINGE, "--positive", "01")
    assert (outcome.status, table(outcome.out)[0]["sum"]) == (0, "0.0")
    outcome = run("score", path, *HINGE, "--positive", "1.0")
    assert outcome.status == 3
    assert "Choose --positive among '01', '1'" in outcome.err


def test_words_for_the_lack_of_a_number_are_values_elsewhere(run, predictions):
    rows = [("NA", 1), ("None", 2), ("null", 3), ("", 4), ('""', 5)]
    path = predictions("margin,label,g\n" + "".join(f"{-m},1,{g}\n" for g, m in rows))
    outcome = run("score", path, *HINGE, "--by", "g")
    assert [(r["g"], r["count"]) for r in table(outcome.out)] == [
        ("NA", "1"),
        ("None", "1"),
        ("null", "1"),
        ("", "2"),
        ("(all)", "5"),
    ]
    path = predictions("margin,label\n1,NA\n-1,None\n")
    assert table(run("score", path, *HINGE, "--positive", "NA").out)[0]["sum"] == "0.0"


@pytest.mark.parametrize("empty", ["", '""', "NA", '"NA"', " null", " "])
def test_what_lacks_a_number_is_an_error_or_skipped(run, predictions, empty):
    path = predictions(f"margin,label,g\n{empty},1,NA\n0.5,1,x\n")
    outcome = run("score", path, *HINGE, "--by", "g")
    assert (outcome.status, outcome.out) == (3, "")
    assert "column 'margin' has no value in row 1" in outcome.err
    outcome = run("score", path, *HINGE, "--nulls", "skip")
    assert (outcome.status, table(outcome.out)[0]["count"]) == (0, "1")


def test_quoted_numbers_with_space_around_them(run, predictions):
    path = predictions('margin,label\n" 0.5 "," 1"\n-.5e0,+1\n')
    assert table(run("score", path, *HINGE).out)[0]["sum"] == "2.0"
