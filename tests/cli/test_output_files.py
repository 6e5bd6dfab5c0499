"""``--output``: per-row losses beside the input columns; all of the file or nothing."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from command_line import HINGE

import lossary


def read(path):
    """Read an output file."""
    if path.suffix == ".parquet":
        return pq.read_table(path)
    if path.suffix == ".csv":
        return pa.csv.read_csv(path)
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow"])
@pytest.mark.parametrize("source", ["parquet", "csv"])
def test_input_columns_and_one_for_each_loss(run, tmp_path, suffix, source):
    generator = np.random.default_rng(0)
    margin, label = generator.normal(size=1000), generator.choice([-1, 1], 1000)
    kind = pa.array(generator.choice(["a", "b"], 1000)).dictionary_encode()
    data = pa.table({"id": range(1000), "margin": margin, "label": label, "kind": kind})
    path = tmp_path / f"in.{source}"
    if source == "parquet":
        pq.write_table(data, path, row_group_size=300)
    else:
        plain = data.set_column(3, "kind", data["kind"].cast(pa.string()))
        pa.csv.write_csv(plain, path)
    out = tmp_path / f"losses.{suffix}"
    options = ("--loss", "huber_loss:delta=2", "--by", "kind", "--output", out)
    outcome = run("score", path, *HINGE, *options)
    assert outcome.status == 0, outcome.err
    found = read(out)
    names = ["id", "margin", "label", "kind", "hinge_loss", "huber_loss:delta=2"]
    assert found.column_names == names
    # CSV has no types: what is copied from it is text, and a type is guessed again by a reader.
    typed = source == "parquet" or suffix == "csv"
    assert found["id"].to_pylist() == [i if typed else str(i) for i in range(1000)]
    assert found["kind"].to_pylist() == data["kind"].to_pylist()
    expected = lossary.hinge_loss(margin, label)
    np.testing.assert_allclose(found["hinge_loss"].to_numpy(), expected, rtol=1e-12)
    expected = lossary.huber_loss(margin, label, delta=2)
    np.testing.assert_allclose(found["huber_loss:delta=2"].to_numpy(), expected, rtol=1e-12)
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, out.name])


def test_rows_that_take_no_part_have_no_loss(run, predictions, tmp_path):
    path = predictions("margin,label,ok\n0,1,true\n1,1,false\n,1,true\n-1,1,true\n")
    out = tmp_path / "out.parquet"
    outcome = run("score", path, *HINGE, "--where", "ok", "--nulls", "skip", "--output", out)
    assert outcome.status == 0
    assert read(out)["hinge_loss"].to_pylist() == [1.0, None, None, 2.0]
    assert read(out)["margin"].to_pylist() == ["0", "1", None, "-1"]


def test_an_output_in_the_folder_that_is_read(run, predictions, tmp_path):
    predictions()
    out = tmp_path / "losses.csv"
    for _ in range(2):
        outcome = run("score", tmp_path, *HINGE, "--output", out)
        assert outcome.status == 0, outcome.err
        assert read(out).num_rows == 3


def test_an_output_over_its_own_input(run, predictions):
    path = predictions()
    outcome = run("score", path, *HINGE, "--output", path)
    assert outcome.status == 2
    assert "--output must not be one of the files that are read" in outcome.err
    assert path.read_text().startswith("id,margin,label,kind\n7,0.5")


def assert_untouched(folder, before):
    """Check that a folder holds what it held: no output, no temporary file."""
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def contents(folder):
    """Return the files of a folder with what they hold."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("there", [True, False])
def test_bad_data_leaves_no_output(run, predictions, tmp_path, there):
    path = predictions("margin,label\n1,1\nx,1\n")
    out = tmp_path / "losses.csv"
    if there:
        out.write_text("older")
    before = contents(tmp_path)
    assert run("score", path, *HINGE, "--output", out).status == 3
    assert_untouched(tmp_path, before)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow"])
def test_an_interrupt_leaves_no_output(run, predictions, tmp_path, monkeypatch, suffix):
    def interrupt(*_):
        raise KeyboardInterrupt

    path, out = predictions(), tmp_path / f"losses.{suffix}"
    before = contents(tmp_path)
    monkeypatch.setattr("lossary.scoring.merging.Merger.finish", interrupt)
    outcome = run("score", path, *HINGE, "--output", out)
    assert outcome.status == 130
    assert "interrupted" in outcome.err
    assert_untouched(tmp_path, before)


def test_a_column_of_the_name_of_a_loss(run, predictions, tmp_path):
    path = predictions("margin,label,hinge_loss\n1,1,1\n")
    outcome = run("score", path, *HINGE, "--output", tmp_path / "out.csv")
    assert outcome.status == 3
    assert "there is a column 'hinge_loss' already" in outcome.err


def test_files_of_different_columns(run, predictions, tmp_path):
    first = predictions(name="a.csv")
    second = predictions("margin,label,id,sort\n1,1,1,a\n", name="b.csv")
    before = contents(tmp_path)
    outcome = run("score", first, second, *HINGE, "--output", tmp_path / "out.csv")
    assert outcome.status == 3
    assert f"{second}: its columns differ from those of the files before it" in outcome.err
    assert_untouched(tmp_path, before)


def test_what_csv_cannot_hold(run, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"margin": [1.0], "label": [1], "embedding": [[1.0, 2.0]]}), path)
    before = contents(tmp_path)
    outcome = run("score", path, *HINGE, "--output", tmp_path / "out.csv")
    assert outcome.status == 3
    assert "out.csv: --output cannot be written: " in outcome.err
    assert_untouched(tmp_path, before)
    assert run("score", path, *HINGE, "--output", tmp_path / "out.arrow").status == 0


def test_chosen_columns(run, predictions, tmp_path):
    out = tmp_path / "out.csv"
    options = (*HINGE, "--output", out, "--columns")
    row = '{"id": 7, "margin": 0.5, "label": 1, "kind": "a", "x": [1]}\n'
    for path in (predictions(name="a.csv"), predictions(row, name="a.jsonl")):
        outcome = run("score", path, *options, "k*,id")
        assert (outcome.status, outcome.err) == (0, "")
        assert out.read_text().startswith("kind,id,hinge_loss\na,7,0.5\n")
    outcome = run("score", path, *options, "nothing")
    assert outcome.status == 3
    assert "--columns must name a column, got 'nothing'" in outcome.err
    outcome = run("score", path, *HINGE, "--columns", "id")
    assert outcome.status == 2
    assert "--columns needs --output, got id" in outcome.err


def test_files_may_differ_in_what_is_not_copied(run, predictions, tmp_path):
    first = predictions(name="a.csv")
    second = predictions("x,label,margin,id\n1,1,0.25,9\n", name="b.csv")
    out = tmp_path / "out.csv"
    outcome = run("score", first, second, *HINGE, "--output", out, "--columns", "id")
    assert (outcome.status, outcome.err) == (0, "")
    assert out.read_text() == "id,hinge_loss\n7,0.5\n8,2\n9,3\n9,0.75\n"


def test_columns_in_another_order(run, predictions, tmp_path):
    first = predictions("margin,label\n0.5,1\n", name="a.csv")
    second = predictions("label,margin\n1,0.25\n", name="b.csv")
    out = tmp_path / "out.csv"
    assert run("score", first, second, *HINGE, "--output", out).status == 0
    assert out.read_text() == "margin,label,hinge_loss\n0.5,1,0.5\n0.25,1,0.75\n"


def test_columns_of_the_same_name_are_not_copied(run, predictions, tmp_path):
    path, out = predictions("margin,label,x,x\n0.5,1,3,4\n"), tmp_path / "out.csv"
    assert run("score", path, *HINGE).status == 0
    outcome = run("score", path, *HINGE, "--output", out)
    assert outcome.status == 3
    assert "there are 2 columns 'x'" in outcome.err
    assert run("score", path, *HINGE, "--output", out, "--columns", "label").status == 0


def test_csv_is_quoted_where_it_must_be(run, tmp_path):
    texts = ["plain", 'say "hi"', "a,b", "two\nlines", "old\rend", "", None, " space "]
    path, out = tmp_path / "a.parquet", tmp_path / "out.csv"
    data = {"margin": [0.5] * 8, "label": [1] * 8, "text": texts}
    pq.write_table(pa.table(data), path)
    assert run("score", path, *HINGE, "--output", out, "--columns", "text").status == 0
    assert out.read_bytes().decode() == (
        'text,hinge_loss\nplain,0.5\n"say ""hi""",0.5\n"a,b",0.5\n"two\nlines",0.5\n'
        '"old\rend",0.5\n"",0.5\n,0.5\n space ,0.5\n'
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow"])
def test_a_disk_that_is_full(run, tmp_path, suffix):
    resource = pytest.importorskip("resource")
    data = pa.table({"margin": np.random.default_rng(0).normal(size=200_000)})
    path = tmp_path / "a.parquet"
    pq.write_table(data.append_column("label", pa.array([1] * 200_000)), path)
    out = tmp_path / f"out.{suffix}"
    out.write_text("older")
    before = contents(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        outcome = run("score", path, *HINGE, "--output", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert outcome.status == 3
    assert f"{out}: --output cannot be written: " in outcome.err
    assert_untouched(tmp_path, before)
