"""``lossary compare``: figures, checks of the rows, and the exit status."""

import json
import math
import re
import shlex
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import HINGE, table

import lossary
from lossary.scoring import Job, LossSpec, PairTotals, compare

ROOT = Path(__file__).parents[2]
DATA = ROOT / "examples" / "data"
RANDOM = np.random.default_rng(5)
ROWS = 700
LABEL = RANDOM.choice([-1, 1], ROWS)
MARGIN = RANDOM.normal(size=ROWS)
OTHER = MARGIN + 0.3 * RANDOM.normal(size=ROWS)
WEIGHT = RANDOM.random(ROWS) * (RANDOM.random(ROWS) < 0.9)
KIND = RANDOM.choice(["x", "y", "z"], ROWS)


@pytest.fixture
def files(tmp_path):
    """Return two files: A has the targets, weights and groups, in row groups of other sizes."""
    data = {"id": np.arange(ROWS), "margin": MARGIN, "label": LABEL, "w": WEIGHT, "kind": KIND}
    pq.write_table(pa.table(data), tmp_path / "a.parquet", row_group_size=77)
    other = pa.table({"id": np.arange(ROWS), "margin": OTHER})
    pq.write_table(other, tmp_path / "b.parquet", row_group_size=100)
    return tmp_path / "a.parquet", tmp_path / "b.parquet"


def expected(differences, weights=None):
    """Return the mean difference and its standard error, by the formula of the documentation."""
    if weights is None:
        return differences.mean(), differences.std(ddof=1) / math.sqrt(len(differences))
    mean = np.average(differences, weights=weights)
    n = np.count_nonzero(weights)
    squares = (weights**2 * (differences - mean) ** 2).sum()
    return mean, math.sqrt(n / (n - 1) * squares) / weights.sum()


def assert_figures(record, mean, error, reach=1.959963984540054):
    found = [record[name] for name in ("difference", "standard_error", "low", "high")]
    wanted = [mean, error, mean - reach * error, mean + reach * error]
    assert found == pytest.approx(wanted, rel=1e-12)


def losses(name="hinge_loss"):
    function = getattr(lossary, name)
    return function(MARGIN, LABEL), function(OTHER, LABEL)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch", [50, 131_072])
def test_figures_by_group(run, files, monkeypatch, weighted, batch):
    monkeypatch.setattr("lossary.scoring.source.BATCH_ROWS", batch)
    monkeypatch.setattr("lossary.scoring.source.MIN_BATCH_ROWS", min(batch, 256))
    monkeypatch.setattr("lossary.scoring.grouped_totals._MIN_ROWS", batch)
    options = ["--loss", "logistic_loss", "--by", "kind", "--json"]
    options += ["--weights", "w"] if weighted else []
    outcome = run("compare", *files, *HINGE, *options, "--key", "id")
    data = json.loads(outcome.out)
    assert (outcome.status, outcome.err, data["scored"]) == (0, "", ROWS)
    for found in data["losses"]:
        a, b = losses(found["title"])
        weights = WEIGHT if weighted else None
        for record, rows in [
            (found, np.ones(ROWS, bool)),
            *((group, group["by"]["kind"] == KIND) for group in found["groups"]),
        ]:
            w = None if weights is None else weights[rows]
            assert_figures(record, *expected((b - a)[rows], w))
            assert record["mean_a"] == pytest.approx(np.average(a[rows], weights=w), rel=1e-12)
            assert record["mean_b"] == pytest.approx(np.average(b[rows], weights=w), rel=1e-12)
            assert record["worse"] == (b > a)[rows].sum()
            assert record["count"] == rows.sum()


def test_the_example_of_the_documentation(run, monkeypatch):
    text = (ROOT / "docs" / "command_line.md").read_text()
    (command,) = re.findall(r"^lossary (compare .*?)\n```", text, re.M | re.S)
    monkeypatch.chdir(ROOT)
    arguments = shlex.split(command.replace("\\\n", " "))
    outcome = run(*arguments, "--json")
    (loss,) = json.loads(outcome.out)["losses"]
    assert outcome.status == 0
    data, means = (
        np.genfromtxt(DATA / f"breast_cancer_{name}.csv", delimiter=",", names=True)
        for name in ("margins", "means")
    )
    a, b = (np.logaddexp(0, -item["margin"] * data["label"]) for item in (data, means))
    assert_figures(loss, *expected(b - a))
    assert [group["by"]["size"] for group in loss["groups"]] == ["large", "medium", "small"]
    assert run(*arguments, "--fail-above", "0.02").status == 1


def test_the_interval_is_scipys(run, files):
    stats = pytest.importorskip("scipy.stats")
    a, b = losses()
    (record,) = table(run("compare", *files, *HINGE, "--confidence", "0.8").out)
    error = stats.sem(b - a)
    low, high = stats.norm.interval(0.8, (b - a).mean(), error)
    found = [float(record[name]) for name in ("B - A", "standard error", "low", "high")]
    assert found == pytest.approx([(b - a).mean(), error, low, high], rel=1e-12)


def test_differences_that_are_large_beside_their_spread(run, tmp_path):
    a = RANDOM.integers(0, 2**20, ROWS) / 2**20
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"a": a, "b": np.full(ROWS, 2.0**30), "t": np.zeros(ROWS)}), path)
    options = ["--inputs-a", "a", "--inputs-b", "b", "--targets", "t", "--loss", "l1_loss"]
    (record,) = table(run("compare", path, *options).out)
    assert float(record["standard error"]) == pytest.approx(expected(a)[1], rel=1e-9)


def test_class_weights_are_those_of_a_ratio(run, predictions):
    z = RANDOM.normal(size=(60, 4))
    label = RANDOM.integers(0, 2, 60)
    rows = zip(z.tolist(), label.tolist(), strict=True)
    path = predictions("a_0,a_1,b_0,b_1,t\n" + "".join(f"{str(r)[1:-1]},{t}\n" for r, t in rows))
    options = ["--inputs-a", "a_*", "--inputs-b", "b_*", "--targets", "t"]
    options += ["--loss", "cross_entropy", "--class-weights", "1,3", "--json"]
    (loss,) = json.loads(run("compare", path, *options).out)["losses"]
    v = np.array([1.0, 3.0])[label]
    a, b = (v * lossary.cross_entropy(part, label) for part in (z[:, :2], z[:, 2:]))
    mean = (b - a).sum() / v.sum()
    error = math.sqrt(60 / 59 * ((b - a - v * mean) ** 2).sum()) / v.sum()
    assert_figures(loss, mean, error)


def test_margins_that_fail(run, files):
    a, b = losses()
    mean, error = expected(b - a)
    low = mean - 1.959963984540054 * error
    assert run("compare", *files, *HINGE, "--fail-above", low + 1e-9).status == 0
    outcome = run("compare", *files, *HINGE, "--fail-above", f"hinge_loss={low - 1e-9}")
    assert outcome.status == 1
    assert "the lower end of the 95% interval of B - A of hinge_loss is" in outcome.err
    outcome = run("compare", *files, *HINGE, "--fail-above", "-9", "--by", "kind")
    assert outcome.status == 1
    assert "hinge_loss where kind is x is" in outcome.err


ONE = ("--inputs-a", "a", "--inputs-b", "b", "--targets", "t", "--loss", "l1_loss")


def test_a_single_row_fails_no_margin(run, predictions):
    outcome = run("compare", predictions("a,b,t\n0,1,0\n"), *ONE, "--fail-above", "0", "--json")
    (loss,) = json.loads(outcome.out)["losses"]
    assert (outcome.status, loss["difference"], loss["low"]) == (0, 1.0, None)


@pytest.mark.parametrize("rows", ["nan,1,0\n0,1,0\n", "0,inf,0\n0,1,0\n", "inf,inf,0\n0,1,0\n"])
def test_losses_that_are_no_numbers_pass_no_margin(run, predictions, rows):
    outcome = run("compare", predictions("a,b,t\n" + rows), *ONE, "--fail-above", "9", "--json")
    (loss,) = json.loads(outcome.out, parse_constant=pytest.fail)["losses"]
    assert (outcome.status, loss["low"], loss["nonfinite"]) == (1, None, 1)
    assert "is nan, above 9.0" in outcome.err


def test_a_mean_over_nothing(run, predictions):
    path = predictions("a,b,t,w\n0,1,0,0\n0,inf,0,0\n")
    outcome = run("compare", path, *ONE, "--weights", "w", "--fail-above", "9")
    assert outcome.status == 3
    assert "is over nothing: every weight is 0" in outcome.err


def test_targets_that_differ(run, predictions):
    a = predictions("margin,label\n0,1\n1,-1\n2,1\n", "a.csv")
    b = predictions("margin,label\n0,1\n1,-1\n2,-1\n", "b.csv")
    outcome = run("compare", a, b, *HINGE)
    assert (outcome.status, outcome.out) == (3, "")
    text = f"{b}: --targets: column 'label' has -1 in row 3, but 1 in row 3 of {a}"
    assert text in outcome.err


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_keys_that_differ(run, predictions, tmp_path, kind):
    a = predictions("id,margin,label\n7,0,1\n,1,1\n9,2,1\n", "a.csv")
    b = predictions("id,margin\n7,0\n,1\n8,2\n", "b.csv")
    if kind == "parquet":  # numbers here, text there
        b = tmp_path / "b.parquet"
        pq.write_table(pa.table({"id": [7, None, 8], "margin": [0.0, 1.0, 2.0]}), b)
    outcome = run("compare", a, b, *HINGE, "--key", "id")
    assert outcome.status == 3
    value = "'8'" if kind == "csv" else "8"
    assert f"{b}: --key: column 'id' has {value} in row 3, but '9' in row 3 of {a}." in outcome.err
    assert run("compare", a, b, *HINGE).status == 0


def test_different_numbers_of_rows(run, predictions, files):
    a = predictions("margin,label\n0,1\n1,1\n", "a.csv")
    b = predictions("margin\n0\n1\n2\n", "b.csv")
    for first, second, text in [
        (a, b, f"{b}: there are 3 rows, but 2 in {a}."),
        (files[0], b, f"there are 3 rows, but {ROWS} in"),
    ]:
        outcome = run("compare", first, second, *HINGE)
        assert (outcome.status, outcome.out) == (3, "")
        assert text in outcome.err


def test_empty_files(run, predictions):
    empty, header = predictions("\n", "a.csv"), predictions("margin,label\n", "b.csv")
    rows = predictions(name="c.csv")
    assert "there are no rows" in run("compare", empty, header, *HINGE).err
    for pair, counts in (((empty, rows), (3, 0)), ((rows, header), (0, 3))):
        outcome = run("compare", *pair, *HINGE)
        assert outcome.status == 3
        assert f"there are {counts[0]} rows, but {counts[1]} in" in outcome.err


def test_missing_columns_and_values(run, predictions):
    a = predictions("margin,label,w\n0,1,1\n1,1,\n2,1,3\n", "a.csv")
    b = predictions('margin\n0\n1\n""\n', "b.csv")
    outcome = run("compare", a, b, *HINGE, "--by", "kin")
    assert outcome.status == 3
    assert f"{b}: --by must name a column, got 'kin'" in outcome.err
    assert "column 'margin' has no value in row 3" in run("compare", a, b, *HINGE).err
    outcome = run("compare", a, b, *HINGE, "--weights", "w", "--nulls", "skip", "--json")
    data = json.loads(outcome.out)
    assert (data["scored"], data["skipped"], data["losses"][0]["weight"]) == (1, 2, 1.0)


def test_targets_weights_and_groups_in_the_second_file(run, files):
    a, b = files
    forth = json.loads(run("compare", a, b, *HINGE, "--by", "kind", "--weights", "w", "--json").out)
    back = json.loads(run("compare", b, a, *HINGE, "--by", "kind", "--weights", "w", "--json").out)
    (forth,), (back,) = forth["losses"], back["losses"]
    assert forth["difference"] == -back["difference"]
    assert forth["standard_error"] == pytest.approx(back["standard_error"], rel=1e-14)
    assert forth["mean_a"] == back["mean_b"]


def test_warnings_name_the_file_that_has_the_targets_once(run, predictions):
    a, b = predictions("margin\n1\n2\n", "a.csv"), predictions("margin,label\n1,1\n2,0\n", "b.csv")
    err = run("compare", a, b, *HINGE).err
    assert f"must be -1 or +1, got 0 in row 2 of {b} (1 such value in all)" in err
    assert err.count("warning: ") == 1


def test_labels_are_checked_and_text_may_be_targets(run, predictions):
    a, b = predictions("margin\n1\n-2\n", "a.csv"), predictions("margin,label\n1,u\n2,v\n", "b.csv")
    (record,) = table(run("compare", a, b, *HINGE, "--positive", "u").out)
    assert (record["mean A"], record["mean B"]) == ("0.0", "1.5")
    assert "has the label 'x'" in run("compare", a, b, *HINGE, "--positive", "x").err
    assert "e.g. --positive u" in run("compare", a, b, *HINGE).err


def test_output_has_the_losses_of_both(run, files, tmp_path):
    out = tmp_path / "losses.parquet"
    options = ["--output", out, "--columns", "id", "--columns", "kind"]
    assert run("compare", *files, *HINGE, *options).status == 0
    found = pq.read_table(out)
    titles = [f"hinge_loss {end}" for end in ("A", "B", "B - A")]
    assert found.column_names == ["id", "kind", *titles]
    a, b = losses()
    for name, values in zip(titles, (a, b, b - a), strict=True):
        np.testing.assert_array_equal(found[name].to_numpy(), values)
    outcome = run("compare", *files, *HINGE, "--output", files[1])
    assert outcome.status == 2
    assert "must not be one of the files" in outcome.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([*HINGE], "name a second file, or two predictions"),
        ([*ONE, "--confidence", "1"], "--confidence"),
        ([*ONE, "--key", "t"], "key needs two files to compare, got t"),
        ([*ONE, "--fail-above", "mse_loss=1"], "is none of the losses"),
    ],
)
def test_command_lines_that_are_wrong(run, predictions, options, message):
    outcome = run("compare", predictions("a,b,t\n0,1,0\n"), *options)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err


def test_one_file_on_standard_input(run):
    (record,) = table(run("compare", "-", *ONE, stdin=b"a,b,t\n0,1,0\n0,3,0\n").out)
    assert (record["B - A"], record["worse"]) == ("2.0", "2")


def test_the_same_bits_for_any_number_of_threads(files):
    spec = LossSpec("logistic_loss", lossary.get_loss("logistic_loss"))
    jobs = [Job([str(path)], [spec], "margin", "label", by=["kind"]) for path in files]

    def figures():
        (totals,) = compare(*jobs).totals
        return [str(record) for record in totals.records("weights")]

    before = lossary.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            lossary.set_num_threads(threads)
            found.append(figures())
    finally:
        lossary.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_jobs_that_cannot_be_compared(files):
    spec = LossSpec("l1_loss", lossary.get_loss("l1_loss"))
    first, second = (Job([str(path)], [spec], "margin", "label") for path in files)
    weighted = Job([str(files[1])], [spec], "margin", "label", weights="w")
    for jobs, options, message in [
        ((first, weighted), {}, "second must differ from the first job in files, inputs"),
        ((first, second), {"confidence": 1.0}, "confidence must be between 0 and 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            compare(*jobs, **options)


LOGITS, LOGITS_B = RANDOM.normal(size=(2, ROWS, 3))
CLASS = RANDOM.integers(0, 3, ROWS)


def columns(logits, kind):
    """Return logits as a column of lists, of a fixed length or not, or as three columns."""
    if kind == "columns":
        return {f"z_{k}": logits[:, k] for k in range(3)}
    arrow_type = pa.list_(pa.float64(), 3 if kind == "fixed" else -1)
    return {"z_0": pa.array(logits.tolist(), arrow_type)}


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "jsonl"])
@pytest.mark.parametrize("kind", ["lists", "fixed", "columns"])
def test_several_files_and_formats_whose_batches_differ(run, tmp_path, monkeypatch, suffix, kind):
    monkeypatch.setattr("lossary.scoring.source.BATCH_ROWS", 90)
    monkeypatch.setattr("lossary.scoring.source.MIN_BATCH_ROWS", 90)
    data = pa.table({**columns(LOGITS, kind), "t": CLASS})
    for part, (start, stop) in enumerate([(0, 101), (101, 101), (101, 550), (550, ROWS)]):
        pq.write_table(data[start:stop], tmp_path / f"a{part}.parquet", row_group_size=64)
    other = pa.table({**columns(LOGITS_B, kind), "t": CLASS})
    path = tmp_path / f"b.{suffix}"
    if suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in other.to_pylist()))
    elif suffix == "arrow":
        with pa.ipc.new_file(path, other.schema) as file:
            file.write_table(other, max_chunksize=77)
    else:
        pq.write_table(other, path)
    options = ["--inputs", "z_*", "--targets", "t", "--loss", "cross_entropy", "--key", "t"]
    outcome = run("compare", tmp_path / "a*.parquet", path, *options, "--json")
    assert (outcome.status, outcome.err) == (0, "")
    (loss,) = json.loads(outcome.out)["losses"]
    a, b = (lossary.cross_entropy(item, CLASS) for item in (LOGITS, LOGITS_B))
    assert_figures(loss, *expected(b - a))


def test_columns_that_appear_late_in_json_lines(run, tmp_path, predictions):
    a = predictions("margin\n" + "1\n" * 9000, "a.csv")
    lines = ['{"margin": 0.5, "label": 1}\n'] * 9000
    lines[-1] = '{"margin": 0.5, "label": 1, "kind": "x"}\n'
    b = predictions("".join(lines), "b.jsonl")
    outcome = run("compare", a, b, *HINGE, "--by", "kind")
    assert [(r["kind"], r["count"]) for r in table(outcome.out)] == [
        ("x", "1"), ("", "8999"), ("(all)", "9000"),
    ]  # fmt: skip


def test_rows_that_one_loss_leaves_out_take_no_part(run, predictions):
    text = "a_0,a_1,b_0,b_1,t,ok\n0,1,2,3,-1,1\n0,1,1,0,1,1\n0,1,5,0,0,0\n"
    options = ["--inputs-a", "a_*", "--inputs-b", "b_*", "--targets", "t", "--where", "ok"]
    options += ["--loss", "cross_entropy:ignore_index=-1", "--json"]
    data = json.loads(run("compare", predictions(text), *options).out)
    assert (data["excluded"], data["losses"][0]["count"], data["losses"][0]["worse"]) == (1, 1, 1)


def test_sums_can_be_merged_in_any_partition():
    losses = np.exp(3 * RANDOM.normal(size=(ROWS, 2)))
    codes = RANDOM.integers(0, 3, ROWS)
    whole = PairTotals.of(codes, 3, losses, WEIGHT).figures("weights")
    merged = PairTotals()
    for rows in np.array_split(np.arange(ROWS), [1, 2, 60, 61, 400]):
        merged.merge(PairTotals.of(codes[rows], 3, losses[rows], WEIGHT[rows]))
    for name, values in merged.figures("weights").items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-12)


def test_weights_that_cancel_in_a_part_do_not_spoil_the_whole():
    parts = [PairTotals.of(np.zeros(2, int), 1, np.eye(2), np.array([1.0, -1.0]))]
    parts.append(PairTotals.of(np.zeros(3, int), 1, np.arange(6.0).reshape(3, 2), np.ones(3)))
    parts[0].merge(parts[1])
    assert np.isfinite(parts[0].figures("weights")["standard_error"]).all()
