"""Files that cannot be used: exit status 3, and a line that names file, column and row."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import HINGE

GOOD = {"margin": [0.5, -1.0, 2.0], "label": [1, 1, -1]}


def parquet(path, **columns):
    """Write a Parquet file."""
    pq.write_table(pa.table({**GOOD, **columns}), path)
    return path


def assert_refused(outcome, *texts):
    """Check the status, that nothing was printed, and the one line on standard error."""
    assert outcome.status == 3, outcome.err
    assert outcome.out == ""
    assert outcome.err.startswith("lossary: ")
    assert outcome.err.count("\n") == 1
    for text in texts:
        assert text in outcome.err


def test_no_such_file(run, tmp_path):
    assert_refused(run("score", tmp_path / "a.csv", *HINGE), f"{tmp_path / 'a.csv'}: no such file")
    assert_refused(run("score", tmp_path / "*.csv", *HINGE), "no such file")


def test_a_folder_without_data(run, tmp_path):
    assert_refused(run("score", tmp_path, *HINGE), f"{tmp_path}: the folder holds no file")


def test_an_unknown_suffix(run, predictions):
    path = predictions(name="data.xlsx")
    assert_refused(run("score", path, *HINGE), "the suffix must be one of .parquet, .csv")


@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow", "jsonl"])
def test_an_empty_file(run, tmp_path, suffix):
    path = tmp_path / f"data.{suffix}"
    path.touch()
    problem = "there are no rows" if suffix in {"csv", "jsonl"} else "the file is empty"
    assert_refused(run("score", path, *HINGE), f"{path}: {problem}")


def test_empty_standard_input(run):
    assert_refused(run("score", "-", *HINGE), "-: there are no rows")


@pytest.mark.parametrize("text", ["margin,label\n", "margin,label", "margin,label\n\n\n"])
def test_a_header_only(run, predictions, text):
    assert_refused(run("score", predictions(text), *HINGE), "there are no rows")


def test_no_rows_in_typed_files(run, tmp_path):
    data = pa.table({"margin": pa.array([], pa.float64()), "label": pa.array([], pa.float64())})
    pq.write_table(data, tmp_path / "a.parquet")
    with pa.ipc.new_file(tmp_path / "a.arrow", data.schema):
        pass
    for name in ("a.parquet", "a.arrow"):
        assert_refused(run("score", tmp_path / name, *HINGE), f"{name}: there are no rows")


@pytest.mark.parametrize("size", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_a_truncated_file(run, tmp_path, suffix, size):
    path = tmp_path / f"data.{suffix}"
    data = pa.table({"margin": pa.array([float(i) for i in range(1000)]), "label": [1] * 1000})
    if suffix == "parquet":
        pq.write_table(data, path)
    else:
        with pa.ipc.new_file(path, data.schema) as file:
            file.write_table(data)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * size)])
    assert_refused(run("score", path, *HINGE), f"{path}: the file cannot be read: ")


def test_truncated_compressed_text(run, tmp_path):
    rows = "".join(f"{i * 0.37},1\n" for i in range(20000))
    whole = gzip.compress(b"margin,label\n" + rows.encode())
    path = tmp_path / "data.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    assert_refused(run("score", path, *HINGE), f"{path}: ")


def test_damage_in_the_middle_of_a_parquet_file(run, tmp_path):
    path = tmp_path / "data.parquet"
    data = pa.table({"margin": [float(i) for i in range(50000)], "label": [1] * 50000})
    pq.write_table(data, path, compression="zstd", write_page_checksum=True)
    damaged = bytearray(path.read_bytes())
    damaged[2000:6000] = b"\xff" * 4000
    path.write_bytes(bytes(damaged))
    assert_refused(run("score", path, *HINGE), f"{path}: the file cannot be read: ")


@pytest.mark.parametrize("name", ["data.parquet", "data.csv"])
def test_text_that_is_no_such_file(run, predictions, name):
    path = predictions("%PDF-1.7 \x00\x01\x02 nothing of the kind", name=name)
    assert_refused(run("score", path, *HINGE), str(path))


def test_a_missing_column(run, predictions):
    outcome = run("score", predictions(), "--inputs", "margn", *HINGE[2:])
    assert_refused(
        outcome,
        "--inputs must name a column, got 'margn'. Did you mean margin?",
        "The columns are id, margin, label, kind.",
    )
    for option in ("--weights", "--where", "--by"):
        outcome = run("score", predictions(), *HINGE, option, "zzz")
        assert_refused(outcome, f"{option} must name a column, got 'zzz'")
    outcome = run("score", predictions(), "--inputs", "z_*", *HINGE[2:])
    assert_refused(outcome, "got 'z_*'")


def test_columns_of_the_same_name(run, predictions):
    path = predictions("margin,label,margin\n1,1,1\n")
    assert_refused(run("score", path, *HINGE), "there are 2 columns 'margin'")


def test_the_second_file_lacks_a_column(run, predictions):
    first, second = predictions(name="a.csv"), predictions("x,label\n1,1\n", name="b.csv")
    outcome = run("score", first, second, *HINGE)
    assert_refused(outcome, f"{second}: --inputs must name a column, got 'margin'")


@pytest.mark.parametrize("row", [1, 4000, 9999])
def test_text_among_numbers(run, predictions, monkeypatch, row):
    monkeypatch.setattr("lossary.scoring.blocks.BLOCK", 4096)
    rows = ["0.5,1"] * 10000
    rows[row - 1] = "high,1"
    path = predictions("margin,label\n" + "\n".join(rows) + "\n")
    message = f"{path}: column 'margin' must hold numbers, got 'high' in row {row}."
    assert_refused(run("score", path, *HINGE), message)


def test_text_among_numbers_of_json_lines(run, predictions, monkeypatch):
    monkeypatch.setattr("lossary.scoring.blocks.BLOCK", 1024)
    rows = [{"margin": 0.5, "label": 1}] * 1000
    rows[899] = {"margin": "high", "label": 1}
    path = predictions("".join(json.dumps(row) + "\n" for row in rows), name="data.jsonl")
    message = f"{path}: column 'margin' changes from number to string in row 900."
    assert_refused(run("score", path, *HINGE), message)


def test_integers_first_and_fractions_later(run, predictions, monkeypatch):
    monkeypatch.setattr("lossary.scoring.blocks.BLOCK", 256)
    values = [1] * 500 + [0.5] * 500
    text = "margin,label\n" + "".join(f"{value},1\n" for value in values)
    assert run("score", predictions(text), *HINGE).status == 0
    lines = "".join(json.dumps({"margin": v, "label": 1}) + "\n" for v in values)
    outcome = run("score", predictions(lines, name="data.jsonl"), *HINGE)
    assert (outcome.status, outcome.err) == (0, "")


def test_text_where_numbers_are_needed(run, tmp_path):
    path = parquet(tmp_path / "a.parquet", label=["yes", "no", "yes"])
    message = "column 'label' must hold numbers and not string, got 'yes' in row 1"
    assert_refused(run("score", path, *HINGE), message)


def test_a_broken_row(run, predictions):
    path = predictions("margin,label\n1,1\n2,1\n3\n4,1\n")
    assert_refused(run("score", path, *HINGE), "row 3 is broken: expected 2 columns, got 1")
    path = predictions('{"margin": 1, "label": 1}\n{"margin": 1\n', name="data.jsonl")
    outcome = run("score", path, *HINGE)
    assert_refused(outcome, "row 2 is broken: ")
    assert ".." not in outcome.err


@pytest.mark.parametrize(
    ("line", "given"), [("[1, 2]", "an array"), ("3", "a number"), ('"x"', "a string")]
)
def test_a_line_that_is_no_object(run, predictions, line, given):
    for before in ("", '{"margin": 1, "label": 1}\n'):
        path = predictions(f"{before}{line}\n", name="data.jsonl")
        row = 1 + before.count("\n")
        message = f'{path}: row {row} must be an object such as {{"column": 1}}, got {given}.\n'
        assert_refused(run("score", path, *HINGE), message)


def test_labels_that_are_no_integers(run, predictions):
    path = predictions("z_0,z_1,label\n1,2,0\n1,2,0.5\n")
    outcome = run("score", path, "--inputs", "z_*", "--targets", "label", "--loss", "cross_entropy")
    assert_refused(outcome, "column 'label' must hold class labels", "got 0.5 in row 2")


def test_one_column_where_classes_are_needed_and_the_other_way_round(run, predictions):
    path = predictions("z_0,z_1,label\n1,2,0\n")
    for inputs, loss in (("z_0", "cross_entropy"), ("z_*", "hinge_loss")):
        options = ("--inputs", inputs, "--targets", "label", "--loss", loss)
        assert_refused(run("score", path, *options), f"{loss} takes ", "for ", "got z_0")


def test_lists_of_unequal_length(run, tmp_path):
    path = tmp_path / "a.parquet"
    data = {"logits": [[1.0, 2.0], [1.0, 2.0, 3.0]], "label": [0, 1]}
    pq.write_table(pa.table(data), path)
    options = ("--inputs", "logits", "--targets", "label", "--loss", "cross_entropy")
    message = "lists of equal length (the first has 2 values), got [1.0, 2.0, 3.0] in row 2"
    assert_refused(run("score", path, *options), message)


def test_nulls_inside_lists(run, tmp_path):
    path = tmp_path / "a.parquet"
    data = {"logits": [[1.0, 2.0], [1.0, None], None, [3.0, 4.0]], "label": [0, 1, 1, 0]}
    pq.write_table(pa.table(data), path)
    options = ("--inputs", "logits", "--targets", "label", "--loss", "cross_entropy")
    assert_refused(run("score", path, *options), "column 'logits' has no value in row 2")
    outcome = run("score", path, *options, "--nulls", "skip", "--json")
    assert json.loads(outcome.out)["skipped"] == 2


def test_flags_and_weights(run, predictions):
    path = predictions("margin,label,w\n1,1,1\n1,1,maybe\n")
    message = "column 'w' must hold true or false, got 'maybe' in row 2"
    assert_refused(run("score", path, *HINGE, "--where", "w"), message)
    path = predictions("margin,label,w\n1,1,1\n1,1,inf\n")
    message = "column 'w' must hold finite weights, got inf in row 2"
    assert_refused(run("score", path, *HINGE, "--weights", "w"), message)


def test_nothing_to_score(run, predictions):
    path = predictions("margin,label,ok\n1,1,false\n,1,true\n")
    options = ("--where", "ok", "--nulls", "skip", "--fail-above", "1")
    message = "none of the 2 rows takes part: 1 lack a value and 1 are excluded by --where"
    outcome = run("score", path, *HINGE, *options)
    assert outcome.status == 3
    assert message in outcome.err
