"""Files as other programs write them: views, parts without rows, old line ends, long lines."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import HINGE, table

MARGIN, LABEL = [0.5, -1.0, 2.0], [1, 1, -1]


def sum_of(outcome):
    """Return the sum of the first loss of a run that went well."""
    assert (outcome.status, outcome.err) == (0, "")
    return float(table(outcome.out)[0]["sum"])


def write_typed(path, **columns):
    """Write a Parquet or Arrow file."""
    data = pa.table({"margin": MARGIN, "label": LABEL, **columns})
    if path.suffix == ".parquet":
        pq.write_table(data, path)
    else:
        with pa.ipc.new_file(path, data.schema) as file:
            file.write_table(data)
    return path


FLAGS = {
    "text": pa.array(["true", "False", "TRUE"]),
    "large text": pa.array(["1", "0", "1"], pa.large_string()),
    "view": pa.array(["true", "false", "true"], pa.string_view()),
    "dictionary": pa.array(["true", "false", "true"]).dictionary_encode(),
    "integers": pa.array([1, 0, 1]),
    "booleans": pa.array([True, False, True]),
}


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize("flags", FLAGS)
def test_where(run, tmp_path, suffix, flags):
    path = write_typed(tmp_path / f"a.{suffix}", ok=FLAGS[flags])
    assert sum_of(run("score", path, *HINGE, "--where", "ok")) == 3.5


@pytest.mark.parametrize(
    ("column", "given"),
    [
        (pa.array([[True], [False], [True]]), "[True] in row 1"),
        (pa.array([{"x": 1}] * 3), "{'x': 1} in row 1"),
        (pa.array(["true", "perhaps", "true"]), "'perhaps' in row 2"),
        (pa.array(["true", "false", "NA"]).dictionary_encode(), "'NA' in row 3"),
        (pa.array([0, 1, 2]), "2 in row 3"),
    ],
)
def test_where_of_what_is_no_flag(run, tmp_path, column, given):
    path = write_typed(tmp_path / "a.parquet", ok=column)
    outcome = run("score", path, *HINGE, "--where", "ok")
    assert outcome.status == 3
    assert f"column 'ok' must hold true or false, got {given}" in outcome.err


def test_where_without_a_value(run, tmp_path):
    for ok in (pa.nulls(3), pa.array(["true", None, "true"])):
        path = write_typed(tmp_path / "a.parquet", ok=ok)
        outcome = run("score", path, *HINGE, "--where", "ok")
        assert outcome.status == 3
        assert "column 'ok' has no value in row" in outcome.err


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize("to", ["parquet", "arrow", "csv"])
def test_columns_of_views(run, tmp_path, suffix, to):
    view = pa.array(["a", None, "b"], pa.string_view())
    columns = {"kind": view}
    if suffix == "arrow":  # Parquet takes neither
        columns["inside"] = pa.array([["x"], [], None], pa.list_(pa.string_view()))
        codes = pa.array([1, 0, 1], pa.uint32())
        names = pa.array(["no", "yes"], pa.string_view())
        columns["category"] = pa.DictionaryArray.from_arrays(codes, names)
    path, out = write_typed(tmp_path / f"in.{suffix}", **columns), tmp_path / f"out.{to}"
    copied = ("--columns", "kind") if to == "csv" else ()
    options = ("--by", "kind", "--worst", 3, "--show", "*", "--output", out, *copied)
    outcome = run("score", path, *HINGE, *options)
    assert outcome.status == 0, outcome.err
    assert [r["kind"] for r in table(outcome.out.partition("\n\n")[0])] == ["a", "b", "", "(all)"]
    if to == "csv":
        assert out.read_text() == "kind,hinge_loss\na,0.5\n,2\nb,3\n"
        return
    found = pq.read_table(out) if to == "parquet" else pa.ipc.open_file(out).read_all()
    for name, column in columns.items():
        assert found[name].to_pylist() == column.to_pylist()


@pytest.mark.parametrize("line_end", ["\r", "\r\n", "\n"])
def test_line_ends_of_csv(run, predictions, tmp_path, line_end):
    path = tmp_path / "a.csv"
    path.write_bytes(line_end.join(["margin,label,k", '0.5,1,"a', 'b"', "-1,1,c", ""]).encode())
    outcome = run("score", path, *HINGE, "--by", "k", "--json")
    assert outcome.status == 0, outcome.err
    groups = json.loads(outcome.out)["losses"][0]["groups"]
    assert [group["by"]["k"] for group in groups] == [f"a{line_end}b", "c"]


def test_rows_of_faults_with_old_line_ends(run, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"margin,label\r0.5,1\rhigh,1\r")
    assert "got 'high' in row 2" in run("score", path, *HINGE).err


def test_a_name_longer_than_128_kib(run, predictions, tmp_path):
    name, out = "x" * 300_000, tmp_path / "out.parquet"
    path = predictions(f"margin,label,{name}\n0.5,1,2\n")
    assert sum_of(run("score", path, *HINGE, "--output", out)) == 0.5
    assert pq.read_table(out)[name].to_pylist() == ["2"]


def test_blank_lines_before_the_names(run, predictions):
    assert sum_of(run("score", predictions("\n\nmargin,label\n0.5,1\n"), *HINGE)) == 0.5


def test_text_that_is_not_utf_8(run, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"margin,label,name\n0.5,1,x\n0.5,1,caf\xe9\n")
    assert sum_of(run("score", path, *HINGE)) == 1.0
    outcome = run("score", path, *HINGE, "--by", "name")
    assert outcome.status == 3
    assert "column 'name' must hold UTF-8 text, got other bytes in row 2" in outcome.err


@pytest.mark.parametrize("start", ['"x', '"', '"x""', '"x,""y'])
@pytest.mark.parametrize("rest", ["", "\n0.5,1,y", "\n0.5,1,y\n0.5,1,y\n"])
def test_a_quotation_mark_that_is_not_closed_takes_no_rows_away(run, predictions, start, rest):
    path = predictions(f'margin,label,k\n0.5,1,"x ""y"""\n0.5,1,{start}{rest}')
    outcome = run("score", path, *HINGE)
    assert outcome.status == 3
    assert "row 2 is broken: a value begins with a quotation mark" in outcome.err


@pytest.mark.parametrize("mark", [";", "|", "tab", "^"])
def test_delimiters(run, predictions, mark):
    between = "\t" if mark == "tab" else mark
    path = predictions("margin~label~k\n0.5~1~a,b\n-1~1~c\n".replace("~", between))
    outcome = run("score", path, *HINGE)
    assert outcome.status == 3
    if mark != "^":
        assert f"pass --delimiter {between!r}" in outcome.err
    assert sum_of(run("score", path, *HINGE, "--delimiter", mark)) == 2.5


@pytest.mark.parametrize("mark", ["", ";;", '"', "\n", "x", "é"])
def test_what_is_no_delimiter(run, predictions, mark):
    outcome = run("score", predictions(), *HINGE, "--delimiter", mark)
    assert outcome.status == 2
    assert "--delimiter" in outcome.err


# --- JSON lines -------------------------------------------------------------------------------
def test_only_columns_that_are_used_matter(run, predictions):
    lines = [
        '{"margin": 0.5, "label": 1, "x": 1}',
        '{"margin": 0.5, "label": 1, "x": "text", "y": "\\ud83d"}',
        '{"margin": 0.5, "x": {"a": [null]}, "x": 2, "label": 1}',
        '{"margin": NaN, "label": 1, "x": [true], "z": 1e999}',
    ]
    outcome = run("score", predictions("\n".join(lines[:3]), name="a.jsonl"), *HINGE)
    assert sum_of(outcome) == 1.5
    outcome = run("score", predictions("\n".join(lines), name="a.jsonl"), *HINGE, "--json")
    assert json.loads(outcome.out)["losses"][0]["nonfinite"] == 1


def test_lines_of_any_length(run, predictions, monkeypatch):
    monkeypatch.setattr("lossary.scoring.blocks.BLOCK", 64)
    monkeypatch.setattr("lossary.scoring.blocks.FIRST", 16)
    rows = [{"margin": 0.5, "label": 1, "text": "x" * size} for size in (1, 100_000, 3, 70_000, 0)]
    for end in ("\n", "\r\n", "\r"):
        text = end.join(json.dumps(row) for row in rows)
        path = predictions(text, name="a.jsonl")
        assert sum_of(run("score", path, *HINGE)) == 2.5
        outcome = run("score", path, *HINGE, "--by", "text")
        assert [len(r["text"]) for r in table(outcome.out)[:-1]] == [0, 1, 3, 70_000, 100_000]


def test_booleans_and_their_lack_at_first(run, predictions, monkeypatch):
    monkeypatch.setattr("lossary.scoring.blocks.BLOCK", 64)
    rows = [{"margin": 0.5, "label": None}] * 20 + [{"margin": 0.5, "label": True}] * 20
    path = predictions("".join(json.dumps(row) + "\n" for row in rows), name="a.jsonl")
    outcome = run("score", path, *HINGE, "--nulls", "skip", "--json")
    assert json.loads(outcome.out)["losses"][0]["sum"] == 10.0


def test_columns_that_the_beginning_lacks(run, predictions, tmp_path, monkeypatch):
    monkeypatch.setattr("lossary.scoring.blocks.BLOCK", 64)
    rows = [{"margin": 0.5, "label": 1}] * 20 + [{"margin": 0.5, "label": 1, "w": 2, "k": "x"}]
    path = predictions("".join(json.dumps(row) + "\n" for row in rows), name="a.jsonl")
    outcome = run("score", path, *HINGE, "--weights", "w", "--nulls", "skip", "--json")
    assert json.loads(outcome.out)["losses"][0]["sum"] == 1.0
    out = tmp_path / "out.parquet"
    assert run("score", path, *HINGE, "--output", out).status == 0
    found = pq.read_table(out)
    assert found.column_names == ["margin", "label", "w", "k", "hinge_loss"]
    assert found["k"].to_pylist() == [None] * 20 + ["x"]


def test_half_a_character(run, predictions):
    lines = '{"margin": 1, "label": 1, "k": "a"}\n{"margin": 1, "label": 1, "k": "\\ud83d"}\n'
    outcome = run("score", predictions(lines, name="a.jsonl"), *HINGE, "--by", "k")
    assert outcome.status == 3
    assert "column 'k' must hold text, got half a surrogate pair in row 2" in outcome.err


# --- several files ----------------------------------------------------------------------------
def test_parts_without_rows(run, tmp_path):
    (tmp_path / "part-0.csv").write_text("margin,label\n")
    (tmp_path / "part-1.csv").touch()
    (tmp_path / "part-2.csv").write_text("margin,label\n0.5,1\n")
    (tmp_path / "part-3.jsonl").touch()
    gzip.open(tmp_path / "part-4.csv.gz", "w").close()
    empty = pa.table({"margin": pa.array([], pa.float64()), "label": pa.array([], pa.int64())})
    pq.write_table(empty, tmp_path / "part-5.parquet")
    assert sum_of(run("score", tmp_path, *HINGE)) == 0.5
    assert sum_of(run("score", tmp_path, *HINGE, "--by", "label", "--worst", 2)) == 0.5
    out = tmp_path.parent / "out.csv"
    assert sum_of(run("score", tmp_path, *HINGE, "--output", out)) == 0.5
    assert out.read_text() == "margin,label,hinge_loss\n0.5,1,0.5\n"


def test_a_part_that_was_cut_to_nothing(run, tmp_path):
    write_typed(tmp_path / "part-0.parquet")
    (tmp_path / "part-1.parquet").touch()
    outcome = run("score", tmp_path, *HINGE)
    assert outcome.status == 3
    assert "part-1.parquet: the file is empty" in outcome.err


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (pa.array([1, 2, 3]), pa.array([0.5, None, 1.5]), [1.0, 2.0, 3.0, 0.5, None, 1.5]),
        (pa.nulls(3), pa.array(["a", "b", None]), [None, None, None, "a", "b", None]),
        (pa.array([1, 2, 3], pa.int8()), pa.array([2**40] * 3), [1, 2, 3] + [2**40] * 3),
        (pa.array([1, 2, 3]), pa.array(["x", "y", "z"]), ["1", "2", "3", "x", "y", "z"]),
        (pa.array(["x", "y", "x"]).dictionary_encode(), pa.array(["z"] * 3), [*"xyxzzz"]),
    ],
)
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_types_that_change_between_files(run, tmp_path, suffix, first, second, expected):
    write_typed(tmp_path / "0.parquet", c=first)
    write_typed(tmp_path / "1.arrow", c=second)
    out = tmp_path.parent / f"out.{suffix}"
    outcome = run("score", tmp_path, *HINGE, "--output", out)
    assert (outcome.status, outcome.err) == (0, "")
    found = pq.read_table(out) if suffix == "parquet" else pa.ipc.open_file(out).read_all()
    assert found["c"].to_pylist() == expected


def test_dictionaries_that_change_between_batches(run, tmp_path):
    for place, kinds in enumerate(["aba", "cbd"]):
        kind = pa.array(list(kinds)).dictionary_encode()
        write_typed(tmp_path / f"{place}.parquet", kind=kind)
    for suffix in ("arrow", "parquet", "csv"):
        out = tmp_path.parent / f"out.{suffix}"
        outcome = run("score", tmp_path, *HINGE, "--output", out, "--columns", "kind")
        assert (outcome.status, outcome.err) == (0, "")
    assert pa.ipc.open_file(tmp_path.parent / "out.arrow").read_all()["kind"].to_pylist() == [
        *"abacbd"
    ]


# --- very many columns ------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "arrow"])
def test_two_thousand_columns(run, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr("lossary.scoring.blocks.BLOCK", 1 << 12)
    names = [f"z_{i}" for i in range(2000)]
    rows = [{**dict.fromkeys(names, 0.0), "label": 1} for _ in range(5)]
    path, out = tmp_path / f"a.{suffix}", tmp_path / "out.csv"
    if suffix == "csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines))
    elif suffix == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows))
    else:
        data = pa.Table.from_pylist(rows)
        if suffix == "parquet":
            pq.write_table(data, path)
        else:
            with pa.ipc.new_file(path, data.schema) as file:
                file.write_table(data)
    options = ("--targets", "label", "--loss", "cross_entropy", "--output", out)
    for inputs in ("z_*", ",".join(names)):
        outcome = run("score", path, "--inputs", inputs, *options, "--columns", "label,z_1?")
        assert sum_of(outcome) == pytest.approx(5 * 7.600902459542082, rel=1e-6)
    header = ["label", *(f"z_{i}" for i in range(10, 20)), "cross_entropy"]
    assert out.read_text().splitlines()[0] == ",".join(header)


def test_a_file_of_many_columns_lists_a_few_of_them(run, tmp_path):
    names = [f"z_{i}" for i in range(500)]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + ",".join(["1"] * 500) + "\n")
    outcome = run("score", tmp_path / "a.csv", *HINGE)
    assert outcome.err.rstrip().endswith("z_29, ... (500 in all).")
