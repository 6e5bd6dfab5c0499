"""``lossary score``: what is printed, and the exit status."""

import json
import math
import warnings

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from command_line import HINGE, table


def test_a_table_for_pipes_has_full_precision(run, predictions):
    path = predictions("margin,label\n0.1,1\n0.2,1\n")
    outcome = run("score", path, *HINGE)
    (record,) = table(outcome.out)
    assert outcome.status == 0
    assert outcome.err == ""
    assert record == {
        "loss": "hinge_loss",
        "mean": "0.8500000000000001",
        "sum": "1.7000000000000002",
        "weight": "2.0",
        "count": "2",
        "minimum": "0.8",
        "maximum": "0.9",
        "nonfinite": "0",
    }


def test_groups_as_rows_and_all_together(run, predictions):
    outcome = run("score", predictions(), *HINGE, "--by", "kind")
    found = [(r["kind"], float(r["mean"]), r["count"]) for r in table(outcome.out)]
    assert found == [("a", 1.75, "2"), ("b", 2.0, "1"), ("(all)", 5.5 / 3, "3")]


def test_groups_are_in_order(run, predictions):
    rows = "".join(f"1,1,{group}\n" for group in ("10", "x", "9", "", "2.5"))
    outcome = run("score", predictions("margin,label,g\n" + rows), *HINGE, "--by", "g")
    assert [r["g"] for r in table(outcome.out)] == ["2.5", "9", "10", "x", "", "(all)"]


def test_several_losses_in_one_pass(run, predictions):
    more = ("--loss", "huber_loss:delta=2", "--loss", "huber_loss", "--loss", "l1_loss")
    outcome = run("score", predictions(), *HINGE, *more)
    assert [(r["loss"], float(r["sum"])) for r in table(outcome.out)] == [
        ("hinge_loss", 5.5),
        ("huber_loss:delta=2", 6.125),
        ("huber_loss", 4.125),
        ("l1_loss", 5.5),
    ]


def test_worst_rows_with_what_identifies_them(run, predictions):
    path = predictions()
    outcome = run("score", path, *HINGE, "--worst", 2, "--show", "id", "--by", "kind")
    title, _, rest = outcome.out.partition("\n\n")[2].partition("\n")
    assert title == "The largest hinge_loss"
    assert table(rest) == [
        {"loss": "3.0", "file": str(path), "row": "3", "id": "9", "margin": "2"}
        | {"label": "-1", "kind": "a"},
        {"loss": "2.0", "file": str(path), "row": "2", "id": "8", "margin": "-1"}
        | {"label": "1", "kind": "b"},
    ]


def test_json(run, predictions):
    path = predictions()
    options = ("--by", "kind", "--worst", "1", "--json")
    outcome = run("score", path, *HINGE, "--loss", "huber_loss:delta=2", *options)
    data = json.loads(outcome.out)
    assert outcome.status == 0
    assert list(data) == [
        "files",
        "rows",
        "scored",
        "skipped",
        "excluded",
        "denominator",
        "losses",
        "left_out",
        "warnings",
    ]
    assert (data["files"], data["rows"], data["scored"]) == ([str(path)], 3, 3)
    hinge, huber = data["losses"]
    assert huber["title"] == "huber_loss:delta=2"
    assert (huber["loss"], huber["parameters"]) == ("huber_loss", {"delta": 2.0})
    figures = {"mean", "sum", "weight", "count", "minimum", "maximum", "nonfinite"}
    assert figures | {"title", "loss", "parameters", "groups", "worst"} == set(hinge)
    assert hinge["sum"] == 5.5
    assert [group["by"] for group in hinge["groups"]] == [{"kind": "a"}, {"kind": "b"}]
    assert all(figures | {"by"} == set(group) for group in hinge["groups"])
    assert hinge["worst"] == [
        {
            "loss": 3.0,
            "file": str(path),
            "row": 3,
            "values": {"margin": "2", "label": "-1", "kind": "a"},
        }
    ]


def test_json_has_null_where_it_has_no_number(run, predictions):
    outcome = run("score", predictions("margin,label\nnan,1\n-inf,1\n"), *HINGE, "--json")
    (loss,) = json.loads(outcome.out, parse_constant=pytest.fail)["losses"]
    assert (loss["mean"], loss["nonfinite"], loss["count"]) == (None, 2, 2)


def test_weights_and_denominator(run, predictions):
    path = predictions("margin,label,w\n0,1,3\n-1,1,1\n")
    (by_weight,) = table(run("score", path, *HINGE, "--weights", "w").out)
    assert by_weight["weighted mean"] == "1.25"
    (by_count,) = table(run("score", path, *HINGE, "--weights", "w", "--denominator", "count").out)
    assert by_count["sum/count"] == "2.5"
    outcome = run("score", path, *HINGE, "--weights", "w", "--fail-above", "1.2", "--json")
    assert outcome.err == "lossary: the weighted mean hinge_loss is 1.25, above 1.2\n"
    data = json.loads(outcome.out)
    assert (data["denominator"], data["losses"][0]["mean"]) == ("weights", 1.25)


@pytest.mark.parametrize("lists", [[[1.0], [2.0]], [[1.0, 2.0], [3.0, 4.0]]])
def test_a_column_of_lists_is_no_weight(run, tmp_path, lists):
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"margin": [0.5, 2.0], "label": [1, -1], "w": lists}), path)
    outcome = run("score", path, *HINGE, "--weights", "w")
    assert (outcome.status, outcome.out) == (3, "")
    assert f"column 'w' must hold one number per row, got {lists[0]} in row 1" in outcome.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--by", "kind,label"], "--by must name one column, got kind, label. Repeat --by"),
        (["--by", "*i*"], "--by must name one column, got id, kind, margin. Repeat"),
        (["--weights", "id,label"], "--weights must name one column, got id, label."),
        (["--where", "[il]*"], "--where must name one column, got id, label."),
        (["--targets", "id,label", "--positive", "1"], "--targets must name one column, got id"),
    ],
)
def test_several_columns_where_one_is_meant(run, predictions, options, message):
    path = predictions("id,margin,label,kind\n7,0.5,1,a\n")
    outcome = run("score", path, *HINGE, *options)
    assert (outcome.status, outcome.out) == (3, "")
    assert message in outcome.err


def test_a_column_without_a_value_chooses_no_row(run, tmp_path):
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"margin": [0.5], "label": [1], "no": pa.nulls(1)}), path)
    outcome = run("score", path, *HINGE, "--where", "no")
    assert outcome.status == 3
    assert "column 'no' has no value in row 1" in outcome.err
    outcome = run("score", path, *HINGE, "--where", "no", "--nulls", "skip")
    assert outcome.status == 3
    assert "none of the 1 rows takes part: 1 lack a value" in outcome.err


def test_a_name_with_a_comma_is_one_column(run, predictions):
    path = predictions('margin,label,"a,b"\n0.5,1,x\n')
    outcome = run("score", path, *HINGE, "--by", "a,b")
    assert [r["a,b"] for r in table(outcome.out)] == ["x", "(all)"]


def test_columns_of_a_wrong_type_without_a_row_that_takes_part(run, tmp_path):
    path = tmp_path / "data.parquet"
    data = {"margin": ["x"], "label": [1], "w": [[1.0, 2.0]], "no": [False]}
    pq.write_table(pa.table(data), path)
    outcome = run("score", path, *HINGE, "--weights", "w", "--by", "w", "--where", "no")
    assert outcome.status == 3
    assert "none of the 1 rows takes part" in outcome.err


def test_where_leaves_rows_out_whatever_they_hold(run, predictions):
    path = predictions("margin,label,ok\n0,1,true\n,nonsense,false\n5,,FALSE\n-1,1,1\n")
    status = run("score", path, *HINGE, "--where", "ok").status
    assert status == 3  # 'nonsense' is no number, wherever it stands in a column of numbers
    path = predictions("margin,label,ok\n0,1,true\n,7,false\n5,,FALSE\n-1,1,1\n")
    outcome = run("score", path, *HINGE, "--where", "ok", "--domain", "raise", "--json")
    data = json.loads(outcome.out)
    assert (data["rows"], data["scored"], data["excluded"]) == (4, 2, 2)
    assert data["losses"][0]["sum"] == 3.0


def test_standard_input(run):
    outcome = run("score", "-", *HINGE, "--worst", 1, stdin=b"margin,label\n0.5,1\n-3,1\n")
    first, rest = outcome.out.split("\n\n")
    assert table(first)[0]["sum"] == "4.5"
    assert table(rest.partition("\n")[2])[0]["file"] == "-"


def test_globs_and_folders_read_each_file_once(run, predictions, tmp_path):
    predictions(name="b.csv")
    predictions(name="a.csv")
    predictions(name="_skipped.csv")
    predictions("no data", name="notes.txt")
    expected = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    for files in ([tmp_path], [tmp_path / "[ab].csv"], [tmp_path, expected[1], expected[0]]):
        data = json.loads(run("score", *files, *HINGE, "--json").out)
        assert data["files"] == expected
        assert data["rows"] == 6


def test_nulls_are_an_error_or_skipped_and_counted(run, predictions):
    path = predictions("margin,label,w\n1,1,1\n,1,1\n0,NA,1\n-1,1,null\n-2,1,1\n")
    options = (*HINGE, "--weights", "w")
    outcome = run("score", path, *options)
    assert outcome.status == 3
    assert outcome.out == ""
    assert "column 'margin' has no value in row 2. Pass --nulls skip" in outcome.err
    outcome = run("score", path, *options, "--nulls", "skip", "--json")
    data = json.loads(outcome.out)
    assert (outcome.status, data["skipped"], data["scored"]) == (0, 3, 2)
    assert data["losses"][0]["sum"] == 3.0
    assert "3 of 5 rows skipped: they lack a value" in outcome.err
    assert run("score", path, *options, "--nulls", "skip", "--quiet").err == ""


@pytest.mark.parametrize("policy", ["warn", "raise", "ignore"])
def test_labels_0_and_1_without_positive(run, predictions, policy):
    path = predictions("margin,label\n1,1\n-1,0\n2,0\n")
    outcome = run("score", path, *HINGE, "--domain", policy)
    message = "hinge_loss: targets must be -1 or +1, got 0 in row 2"
    if policy == "raise":
        assert outcome.status == 3
        assert f"{path}: {message}. For two labels of any kind pass --positive" in outcome.err
        return
    assert outcome.status == 0
    assert table(outcome.out)[0]["sum"] == "2.0"
    warned = f"warning: {message} of {path} (2 such values in all)" in outcome.err
    assert warned == (policy == "warn")
    assert run("score", path, *HINGE, "--domain", policy, "--quiet").err.count("warning") == 0


def test_the_row_of_a_fault_counts_from_the_start_of_the_file(run, predictions, monkeypatch):
    monkeypatch.setattr("lossary.scoring.blocks.BLOCK", 64)
    rows = ["1,1"] * 50 + ["1,5"] + ["1,1"] * 20
    outcome = run("score", predictions("margin,label\n" + "\n".join(rows)), *HINGE)
    assert "got 5 in row 51 of" in outcome.err


def test_class_labels_outside_the_classes_are_an_error(run, predictions):
    path = predictions("z_0,z_1,label\n1,2,0\n1,2,2\n")
    outcome = run("score", path, "--inputs", "z_*", "--targets", "label", "--loss", "cross_entropy")
    assert outcome.status == 3
    assert "cross_entropy: targets must be an integer from 0 to 1, got 2 in row 2" in outcome.err
    assert "pass --classes with all of them; cross_entropy:ignore_index=LABEL leaves" in outcome.err
    options = ("--targets", "z_*", "--loss", "cross_entropy:ignore_index=1")
    outcome = run("score", path, "--inputs", "z_*", *options)
    assert "Use --where COLUMN to leave elements out." in outcome.err


def test_positive(run, predictions):
    path = predictions("margin,label\n1,ham\n-1,spam\n2,ham\n")
    outcome = run("score", path, *HINGE, "--positive", "spam", "--domain", "raise")
    assert (outcome.status, table(outcome.out)[0]["sum"]) == (0, "7.0")


@pytest.mark.parametrize(
    ("labels", "positive", "message"),
    [
        (
            "abab",
            "c",
            "no row of column 'label' has the label 'c'. Choose --positive among 'a', 'b'",
        ),
        ("aabc", "a", "a third, 'c', in row 4. The labels are 'a', 'b', 'c'"),
    ],
)
def test_positive_that_does_not_fit(run, predictions, labels, positive, message):
    path = predictions("margin,label\n" + "".join(f"1,{label}\n" for label in labels))
    outcome = run("score", path, *HINGE, "--positive", positive)
    assert outcome.status == 3
    assert message in outcome.err


CLASSES = ("--inputs", "z_*", "--targets", "label", "--loss", "cross_entropy")


def test_named_classes(run, predictions):
    path = predictions('z_0,z_1,z_2,label\n0,0,0,cat\n3,0,0,"dog, big"\n0,0,0,cow\n')
    options = ("--classes", '"dog, big",cat,cow', "--class-weights", "2,1,1")
    outcome = run("score", path, *CLASSES, *options, "--json")
    assert (outcome.status, outcome.err) == (0, "")
    (loss,) = json.loads(outcome.out)["losses"]
    losses = [math.log(3), 2 * math.log1p(2 * math.exp(-3)), math.log(3)]
    assert loss["sum"] == pytest.approx(sum(losses))
    assert loss["mean"] == pytest.approx(sum(losses) / 4)
    assert loss["weight"] == 4.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--classes cat,cow,ox", "must hold one of the classes 'cat', 'cow', 'ox', got 'dog' in"),
        ("--classes cat,dog", "takes a column per class for logits, got 3. --classes names 2"),
        ("--classes a,b,c --targets label,z_0", "--targets must name one column, got label, z_0"),
        ("", "must hold numbers, got 'cat' in row 1. Name all labels in the order"),
    ],
)
def test_classes_that_do_not_fit(run, predictions, options, message):
    path = predictions("z_0,z_1,z_2,label\n0,0,0,cat\n3,0,0,dog\n0,0,0,cow\n")
    outcome = run("score", path, *CLASSES, *options.split())
    assert (outcome.status, outcome.out) == (3, "")
    assert message in outcome.err
    if not options:
        assert "--classes cat,..." in outcome.err


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        (["yes", "no"], "got 'yes' in row 1. For two labels of any kind pass the positive one"),
        (["it's", "no"], """e.g. --positive 'it'"'"'s'."""),
        ([True, False], "pass --positive true."),
    ],
)
def test_positive_is_suggested_where_targets_are_text_or_flags(
    run, tmp_path, suffix, labels, advice
):
    data = pa.table({"margin": [0.5, -1.0], "label": labels})
    path = tmp_path / f"data.{suffix}"
    if suffix == "parquet":
        pq.write_table(data, path)
    elif suffix == "csv":
        pa.csv.write_csv(data, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in data.to_pylist()))
    outcome = run("score", path, *HINGE)
    if suffix == "csv" and labels[0] is True:
        advice = "got 'true' in row 1. For two labels of any kind pass the positive one"
    assert advice in outcome.err
    label = "true" if labels[0] is True else labels[0]
    outcome = run("score", path, *HINGE, "--positive", label)
    assert (outcome.status, table(outcome.out)[0]["sum"]) == (0, "0.5")


@pytest.mark.parametrize(
    ("limits", "status", "message"),
    [
        (["2"], 0, ""),
        (["1.8"], 1, "the mean hinge_loss is 1.8333333333333333, above 1.8"),
        (["2", "l1_loss=1"], 1, "the mean l1_loss is 1.8333333333333333, above 1.0"),
        (["l1_loss=9"], 0, ""),
    ],
)
def test_fail_above(run, predictions, limits, status, message):
    options = [item for limit in limits for item in ("--fail-above", limit)]
    outcome = run("score", predictions(), *HINGE, "--loss", "l1_loss", *options)
    assert outcome.status == status
    assert len(table(outcome.out)) == 2
    assert message in outcome.err
    assert bool(message) == bool(outcome.err)


def test_fail_above_looks_at_groups_and_at_nan(run, predictions):
    outcome = run("score", predictions(), *HINGE, "--by", "kind", "--fail-above", "1.9")
    assert outcome.status == 1
    assert outcome.err == "lossary: the mean hinge_loss where kind is b is 2.0, above 1.9\n"
    path = predictions("margin,label\nnan,1\n")
    assert run("score", path, *HINGE, "--fail-above", "1e9").status == 1


@pytest.mark.parametrize("denominator", ["count", "weights"])
def test_the_mean_over_ignored_rows_is_zero(run, predictions, denominator):
    path = predictions("z_0,z_1,label,kind\n1,2,5,a\n3,4,5,a\n1,1,0,b\n")
    loss = "cross_entropy:ignore_index=5"
    options = ("--inputs", "z_*", "--targets", "label", "--denominator", denominator)
    outcome = run("score", path, *options, "--by", "kind", "--loss", loss, "--json")
    (found,) = json.loads(outcome.out)["losses"]
    ignored, other = found["groups"]
    assert (ignored["mean"], ignored["count"], ignored["minimum"]) == (0.0, 0, None)
    assert found["mean"] == other["mean"] == pytest.approx(math.log(2))
    path = predictions("z_0,z_1,label\n1,2,5\n")
    outcome = run("score", path, *options, "--loss", loss, "--fail-above", "0")
    assert outcome.status == 3
    assert outcome.err == f"lossary: the mean {loss} is over nothing: no row takes part\n"
    assert table(outcome.out)[0]["mean"] == "0.0"


def test_a_mean_over_nothing_passes_no_limit(run, predictions):
    path = predictions("margin,label,w,kind\n0,1,0,a\n-1,1,0,a\n2,1,1,b\n")
    options = (*HINGE, "--weights", "w", "--by", "kind")
    for denominator in ("weights", "count"):
        outcome = run("score", path, *options, "--denominator", denominator, "--fail-above", "9")
        assert outcome.status == 3
        message = "hinge_loss where kind is a is over nothing: every weight is 0\n"
        assert outcome.err.endswith(message)
        assert outcome.err.count("\n") == 1
    # A mean above its limit is what was asked about.
    assert run("score", path, *options, "--fail-above", "-1").status == 1
    assert run("score", path, *options).status == 0


def test_two_arguments_outside_their_domains(run, predictions):
    path = predictions("margin,label\n2,1\n0.5,-1\n")
    loss = "binary_cross_entropy:with_logits=false"
    outcome = run("score", path, *HINGE[:4], "--loss", loss)
    assert "inputs must be between 0 and 1, got 2 in row 1" in outcome.err
    assert "targets must be between 0 and 1, got -1 in row 2" in outcome.err
    assert "For raw scores pass binary_cross_entropy:with_logits=true." in outcome.err


def test_a_loss_of_your_own(run, predictions, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from lossary import loss\n"
        "from lossary.formula import maximum\n"
        "@loss\n"
        "def scaled_hinge_of_a_test(inputs, targets, scale=3.0):\n"
        "    return scale * maximum(0, 1 - targets * inputs) ** 2\n"
    )
    text = f"{tmp_path / 'mine.py'}:scaled_hinge_of_a_test"
    options = ("--inputs", "margin", "--targets", "label")
    try:
        outcome = run("score", predictions(), *options, "--loss", text, "--loss", f"{text}:scale=2")
    finally:
        from lossary import registry

        registry.REGISTRY.pop("scaled_hinge_of_a_test", None)
    sums = [float(record["sum"]) for record in table(outcome.out)]
    assert sums == pytest.approx([3 * 13.25, 2 * 13.25])


def test_rows_without_anything_to_lose_do_not_count(run, predictions, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from lossary import loss\n"
        "from lossary.formula import where\n"
        "@loss(left_out=lambda targets: targets < 0)\n"
        "def positives_of_a_test(inputs, targets):\n"
        "    return where(targets < 0, 0, (inputs - targets) ** 2)\n"
    )
    options = ("--inputs", "margin", "--targets", "label", "--by", "kind")
    try:
        text = f"{tmp_path / 'mine.py'}:positives_of_a_test"
        outcome = run("score", predictions(), *options, "--loss", text)
    finally:
        from lossary import registry

        registry.REGISTRY.pop("positives_of_a_test", None)
    found = {record["kind"]: record for record in table(outcome.out)}
    assert {kind: int(record["count"]) for kind, record in found.items()} == {
        "a": 1, "b": 1, "(all)": 2,
    }  # fmt: skip
    assert float(found["a"]["mean"]) == 0.25


def test_a_file_of_losses_is_read_again_by_the_next_command(run, predictions, tmp_path):
    file = tmp_path / "mine.py"
    options = ("--inputs", "margin", "--targets", "label", "--loss", f"{file}:factor_of_a_test")
    sums = []
    try:
        for factor in (1, 20):
            file.write_text(
                "from lossary import loss\n"
                "@loss\n"
                "def factor_of_a_test(inputs, targets):\n"
                f"    return {factor} * abs(inputs - targets)\n"
            )
            sums.append(float(table(run("score", predictions(), *options).out)[0]["sum"]))
    finally:
        from lossary import registry

        registry.REGISTRY.pop("factor_of_a_test", None)
    assert sums == [5.5, 110.0]


def test_warnings_of_the_run_are_notes(run, predictions, monkeypatch):
    from lossary.scoring.merging import Merger

    original = Merger.finish

    def finish(self):
        warnings.warn("the cache of kernels cannot be used", RuntimeWarning, stacklevel=1)
        return original(self)

    monkeypatch.setattr(Merger, "finish", finish)
    outcome = run("score", predictions(), *HINGE)
    assert (outcome.status, outcome.err) == (0, "warning: the cache of kernels cannot be used\n")
    assert run("score", predictions(), *HINGE, "--quiet").err == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--loss", "hinge_los"],
            "Did you mean hinge_loss or",
        ),
        (["--loss", "huber_loss:dleta=1"], "no parameter 'dleta'; its parameters are delta. Did"),
        (["--loss", "huber_loss:delta=x"], "delta must be a number, got 'x'"),
        (["--loss", "huber_loss:delta=-1"], "delta must be a positive number, got -1"),
        (["--loss", "huber_loss:2"], "write key=value after huber_loss:"),
        (["--loss", "binary_cross_entropy:with_logits=2"], "with_logits must be true or false"),
        (["--loss", "cross_entropy:ignore_index=a"], "ignore_index must be an integer"),
        (["--loss", "hinge_loss"], "got 'hinge_loss' twice"),
        (["--loss", "gaussian_nll_loss"], "needs a column for vars, got none. Pass --column vars="),
        (["--loss", "nowhere.py:mine"], "nowhere.py: no such file"),
        (["--loss", f"{__file__}:mine"], "defines no 'mine'"),
        (["--loss", "nonsense"], "there is no loss 'nonsense'. Run 'lossary list' to see all"),
        (["--loss", f"{__file__}:table"], "is no loss. Write @loss above it"),
        (["--column", "vars"], "write NAME=VALUE"),
        (["--column", "vars=x"], "--column vars: the losses take inputs, targets"),
        (["--classes", "a,b"], "--classes needs a loss of class labels, got hinge_loss"),
        (["--classes", "a,b,a"], "the labels must differ, got 'a' twice"),
        (["--classes", "a"], "must be two labels at least, with commas between them, got 'a'"),
        (["--class-weights", "1,2"], "--class-weights needs a loss of class labels"),
        (["--class-weights", "1,x"], "must be finite numbers with commas between them, got 'x'"),
        (["--class-weights", "1,inf"], "must be finite numbers with commas between"),
        (
            ["--loss", "nll_loss", "--classes", "a,b", "--class-weights", "1,2,3"],
            "--class-weights must be 2 numbers, one for each class, got 3",
        ),
        (["--fail-above", "x"], "'x' is not a number"),
        (["--fail-above", "nan"], "--fail-above nan: 'nan' is not a number"),
        (["--fail-above", "hinge_loss=NaN"], "'NaN' is not a number"),
        (["--loss", "huber_loss:delta=inf"], "huber_loss: delta must be a finite number, got inf"),
        (
            ["--loss", "huber_loss:delta=nan"],
            "huber_loss: delta must be a positive number, got nan",
        ),
        (["--fail-above", "l1_loss=1"], "'l1_loss' is none of the losses hinge_loss"),
        (["--output", "losses.xls"], "the suffix must be .parquet, .csv, .arrow"),
        (["--output", "nowhere/losses.csv"], "the folder 'nowhere' does not exist"),
        (["--nulls", "maybe"], "'maybe'"),
        (["--worst", "-1"], "-1"),
        (["--no-such-option"], "no-such-option"),
    ],
)
def test_wrong_command_lines(run, predictions, options, message):
    outcome = run("score", predictions(), *HINGE, *options)
    assert outcome.status == 2
    assert outcome.out == ""
    assert message in " ".join(outcome.err.split())


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "1 / 0", "import nowhere", "("])
def test_a_file_of_losses_that_cannot_be_run(run, predictions, tmp_path, code):
    (tmp_path / "mine.py").write_text(code)
    outcome = run("score", predictions(), *HINGE[:4], "--loss", f"{tmp_path / 'mine.py'}:mine")
    assert outcome.status == 2
    assert "mine.py cannot be run: " in outcome.err


def test_a_missing_argument_is_asked_for(run, predictions):
    outcome = run("score", predictions(), "--loss", "hinge_loss", "--inputs", "margin")
    assert outcome.status == 2
    assert "hinge_loss needs a column for targets" in outcome.err
    assert "Pass --targets COLUMN" in outcome.err
    outcome = run("score", predictions(), *HINGE[:4], "--loss", "l1_loss", "--positive", "1")
    assert outcome.status == 2
    assert "--positive needs a loss of two labels, got l1_loss" in outcome.err


def test_what_a_terminal_shows(run, predictions, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    path = predictions("margin,label\n0.1,1\n0.2,1\n")
    outcome = run("score", path, *HINGE)
    assert "0.85" in outcome.out
    assert "0.8500000000000001" not in outcome.out
    assert "\t" not in outcome.out
    assert "weight" not in outcome.out  # all of them 1
    assert "nonfinite" not in outcome.out  # none


@pytest.mark.parametrize("value", ["[/a]", "[bold]", "[link=x]y[/link]", ":smile:", "\\[x]"])
def test_a_terminal_shows_values_as_they_are(run, predictions, monkeypatch, value):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    path = predictions(f"margin,label,{value}\n0.1,1,{value}\n")
    outcome = run("score", path, *HINGE, "--by", value, "--worst", "1")
    assert outcome.status == 0
    assert outcome.out.count(value) == 4


def test_mean_of_infinite_losses(run, predictions):
    outcome = run("score", predictions("margin,label\n-inf,1\n1,1\n"), *HINGE)
    assert math.isinf(float(table(outcome.out)[0]["mean"]))


def test_calibration_is_printed(run, predictions):
    data = predictions("z,y,g\n2,1,a\n-1,0,a\n3,1,b\n-2,1,a\n")
    options = ("score", data, "--inputs", "z", "--targets", "y", "--loss", "binary_cross_entropy")
    outcome = run(*options, "--calibration", 2, "--by", "g")
    assert (outcome.status, outcome.err) == (0, "")
    figures, bins = outcome.out.split("\n\nCalibration\n")
    assert [row["ece"] != "" for row in table(figures)] == [True] * 3
    found = table(bins)
    assert [*found[0]] == [
        "loss", "g", "bin", "from", "to", "count", "weight", "predicted", "observed",
    ]  # fmt: skip
    assert [(row["g"], row["bin"], row["count"]) for row in found] == [
        ("a", "1", "2"), ("a", "2", "1"), ("b", "2", "1"), ("(all)", "1", "2"), ("(all)", "2", "2"),
    ]  # fmt: skip
    assert found[-2]["observed"] == "0.5"
    (loss,) = json.loads(run(*options, "--calibration", 2, "--by", "g", "--json").out)["losses"]
    assert float(found[-1]["predicted"]) == loss["calibration"][1]["predicted"]
    assert [len(group["calibration"]) for group in loss["groups"]] == [2, 1]
    assert loss["calibration"][0] == {
        "bin": 1,
        "from": 0.0,
        "to": 0.5,
        "count": 2,
        "weight": 2.0,
        "predicted": pytest.approx((1 / (1 + math.e) + 1 / (1 + math.e**2)) / 2),
        "observed": 0.5,
    }
    (plain,) = json.loads(run(*options, "--json").out)["losses"]
    assert "calibration" not in plain


def test_calibration_on_a_terminal_has_bars(run, predictions, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    data = predictions("p,y\n0.25,1\n0.25,0\nnan,1\n")
    loss = "binary_cross_entropy:with_logits=false"
    options = ("--inputs", "p", "--targets", "y", "--loss", loss, "--domain", "ignore")
    lines = run("score", data, *options, "--calibration", 1).out.splitlines()
    (line,) = [line for line in lines if "━━━━━|━━━━" in line]
    assert "0.25" in line
    assert lines[-2].split()[1:3] == ["1", "nan"]


def test_calibration_that_cannot_be(run, predictions):
    data = predictions()
    outcome = run("score", data, *HINGE, "--calibration", 5)
    assert outcome.status == 2
    assert "--calibration needs losses of predicted probabilities" in outcome.err
    assert run("score", data, *HINGE, "--calibration", 0).status == 2
