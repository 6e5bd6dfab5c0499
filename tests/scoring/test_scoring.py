"""Scores of files equal what the losses give for the same numbers, in every format."""

import copy
import json
import math
import subprocess
import sys
import threading
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import lossary
from lossary.scoring import Job, LossSpec, run_job

ROWS = 500
RANDOM = np.random.default_rng(11)
MARGIN = RANDOM.normal(size=ROWS)
LABEL = RANDOM.choice([-1, 1], ROWS)
WEIGHT = RANDOM.random(ROWS)
CHOSEN = RANDOM.random(ROWS) < 0.7
KIND = RANDOM.choice(["small", "large"], ROWS)
LOGITS = RANDOM.normal(size=(ROWS, 12))
CLASS = RANDOM.integers(0, 12, ROWS)
SUFFIXES = ["parquet", "csv", "csv.gz", "tsv", "arrow", "feather", "jsonl", "ndjson"]


def table():
    """Return the predictions, class columns in an order that is not natural."""
    logits = {f"z_{i}": LOGITS[:, i] for i in sorted(range(12), key=str)}
    return pa.table(
        {"margin": MARGIN, "label": LABEL, "w": WEIGHT, "chosen": CHOSEN, "kind": KIND}
        | logits
        | {"class": CLASS}
    )


def write(path, data):
    """Write a table in the format of the path's suffix."""
    suffix = path.name.partition(".")[2]
    if suffix == "parquet":
        pq.write_table(data, path, row_group_size=100)
    elif suffix in {"csv", "csv.gz", "tsv"}:
        options = pa.csv.WriteOptions(delimiter="\t" if suffix == "tsv" else ",")
        with pa.output_stream(path, compression="detect") as stream:
            pa.csv.write_csv(data, stream, options)
    elif suffix == "arrow":
        with pa.ipc.new_file(path, data.schema) as file:
            file.write_table(data, max_chunksize=77)
    elif suffix == "feather":  # the streaming format
        with pa.ipc.new_stream(path, data.schema) as stream:
            stream.write_table(data)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in data.to_pylist()))
    return str(path)


def spec(name, ignore_index=None, **parameters):
    """Return a loss to compute."""
    return LossSpec(name, lossary.get_loss(name), parameters, ignore_index)


def figures(result, place=0, group=0, denominator="count"):
    """Return the figures of a loss and group."""
    return result.totals[place].record(group, denominator)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format(tmp_path, suffix):
    file = write(tmp_path / f"data.{suffix}", table())
    losses = [spec("hinge_loss"), spec("l1_loss")]
    result = run_job(Job([file], losses, "margin", "label", weights="w", where="chosen", worst=3))
    assert (result.rows, result.scored, result.excluded) == (
        ROWS,
        CHOSEN.sum(),
        (~CHOSEN).sum(),
    )
    for place, name in enumerate(["hinge_loss", "l1_loss"]):
        function = lossary.get_loss(name).function
        summary = lossary.summarize(function, MARGIN, LABEL, weights=WEIGHT, where=CHOSEN)
        found = figures(result, place, denominator="weights")
        assert found["count"] == summary.count
        assert found["mean"] == pytest.approx(summary.weighted_mean, rel=1e-12)
        assert found["minimum"] == pytest.approx(summary.minimum, rel=1e-12)
        assert found["maximum"] == pytest.approx(summary.maximum, rel=1e-12)
    unreduced = np.where(CHOSEN, lossary.hinge_loss(MARGIN, LABEL), -math.inf)
    order = np.argsort(-unreduced, kind="stable")[:3]
    assert [record["row"] for record in result.worst[0].records()] == (order + 1).tolist()
    first = result.worst[0].records()[0]
    assert float(first["values"]["margin"]) == pytest.approx(MARGIN[order[0]], rel=1e-12)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("inputs", ["z_*", ",".join(f"z_{i}" for i in range(12))])
def test_class_columns_in_natural_order(tmp_path, suffix, inputs):
    file = write(tmp_path / f"data.{suffix}", table())
    result = run_job(Job([file], [spec("cross_entropy")], inputs, "class"))
    expected = lossary.cross_entropy(LOGITS, CLASS, reduction="mean")
    assert figures(result)["mean"] == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "jsonl"])
@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.list_(pa.float64(), 12)])
def test_a_column_of_lists(tmp_path, suffix, kind):
    data = pa.table({"logits": pa.array(LOGITS.tolist(), kind), "class": CLASS})
    file = write(tmp_path / f"data.{suffix}", data)
    result = run_job(Job([file], [spec("cross_entropy")], "logits", "class"))
    expected = lossary.cross_entropy(LOGITS, CLASS, reduction="mean")
    assert figures(result)["mean"] == pytest.approx(float(expected), rel=1e-12)


def test_probabilities_as_targets(tmp_path):
    targets = RANDOM.dirichlet(np.ones(12), ROWS)
    columns = {f"p_{i}": targets[:, i] for i in range(12)}
    data = table()
    for name, values in columns.items():
        data = data.append_column(name, pa.array(values))
    file = write(tmp_path / "data.parquet", data)
    result = run_job(Job([file], [spec("cross_entropy", label_smoothing=0.1)], "z_*", "p_*"))
    expected = lossary.cross_entropy(LOGITS, targets, label_smoothing=0.1, reduction="mean")
    assert figures(result)["mean"] == pytest.approx(float(expected), rel=1e-12)


def test_ignored_labels_take_no_part(tmp_path):
    labels = np.where(CHOSEN, CLASS, -100)
    data = table().set_column(table().schema.get_field_index("class"), "class", pa.array(labels))
    file = write(tmp_path / "data.parquet", data)
    losses = [spec("cross_entropy", ignore_index=-100), spec("nll_loss", ignore_index=-100)]
    result = run_job(Job([file], losses, "z_*", "class", worst=ROWS))
    expected = lossary.cross_entropy(LOGITS, labels, ignore_index=-100, reduction="mean")
    assert figures(result)["count"] == CHOSEN.sum()
    assert figures(result)["mean"] == pytest.approx(float(expected), rel=1e-12)
    rows = sorted(record["row"] for record in result.worst[0].records())
    assert rows == (np.flatnonzero(CHOSEN) + 1).tolist()


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_groups(tmp_path, suffix):
    file = write(tmp_path / f"data.{suffix}", table())
    result = run_job(Job([file], [spec("hinge_loss")], "margin", "label", by=["kind", "label"]))
    assert len(result.groups) == 4
    for place, (kind, label) in enumerate(result.groups):
        mine = (KIND == kind) & (LABEL == float(label))
        expected = lossary.hinge_loss(MARGIN, LABEL, where=mine, reduction="mean")
        assert figures(result, group=place)["mean"] == pytest.approx(float(expected), rel=1e-12)
        assert figures(result, group=place)["count"] == mine.sum()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(
    ("no", "yes", "positive"),
    [
        ("benign", "malignant", "malignant"),
        (0, 1, "1"),
        (0.0, 1.0, "1"),
        (False, True, "true"),
        (2, 7, "2"),
    ],
)
def test_any_two_labels(tmp_path, suffix, no, yes, positive):
    column = pa.array([yes if label == 1 else no for label in LABEL])
    data = pa.table({"margin": MARGIN, "label": column})
    file = write(tmp_path / f"data.{suffix}", data)
    if suffix == "jsonl" and isinstance(yes, float):
        positive = "1.0"  # text is compared as it is written
    losses = [spec("hinge_loss"), spec("binary_cross_entropy")]
    result = run_job(Job([file], losses, "margin", "label", positive=positive, domain="raise"))
    sign = 1 if positive != "2" else -1
    hinge = lossary.hinge_loss(MARGIN, sign * LABEL, reduction="mean")
    entropy = lossary.binary_cross_entropy(MARGIN, (sign * LABEL + 1) / 2)
    assert figures(result, 0)["mean"] == pytest.approx(float(hinge), rel=1e-12)
    assert figures(result, 1)["mean"] == pytest.approx(float(entropy), rel=1e-12)


@pytest.mark.parametrize(
    "kind", [pa.float16(), pa.float32(), pa.int8(), pa.uint64(), pa.bool_(), pa.decimal128(30, 2)]
)
def test_numbers_of_any_type(tmp_path, kind):
    values = pa.array([0, 1, 1, 0]).cast(kind)
    data = pa.table({"x": values, "y": pa.array([0.5, 0.5, 2.0, 2.0])})
    file = tmp_path / "data.parquet"
    pq.write_table(data, file)
    result = run_job(Job([str(file)], [spec("l1_loss")], "x", "y"))
    assert figures(result)["sum"] == 4.0


def test_arguments_beside_inputs_and_targets(tmp_path):
    file = write(tmp_path / "data.parquet", table())
    columns = {"vars": "w"}
    result = run_job(Job([file], [spec("gaussian_nll_loss")], "margin", "label", columns))
    expected = lossary.gaussian_nll_loss(MARGIN, LABEL, WEIGHT)
    assert figures(result)["mean"] == pytest.approx(float(expected), rel=1e-12)
    vectors = Job([file], [spec("cosine_similarity_loss")], "z_[0-4]", None, {"x2": "z_[5-9]"})
    expected = lossary.cosine_similarity_loss(LOGITS[:, :5], LOGITS[:, 5:10], reduction="mean")
    assert figures(run_job(vectors))["mean"] == pytest.approx(float(expected), rel=1e-12)
    losses = [spec("cosine_embedding_loss")]
    pairs = Job([file], losses, "z_[0-4]", "label", {"x2": "z_[5-9]"}, positive="1")
    expected = lossary.cosine_embedding_loss(LOGITS[:, :5], LOGITS[:, 5:10], LABEL)
    assert figures(run_job(pairs))["mean"] == pytest.approx(float(expected.mean()), rel=1e-12)
    several = Job([file], losses, "z_[0-4]", "z_[0-4]", {"x2": "z_[5-9]"})
    with pytest.raises(lossary.LossaryError, match="takes one column of numbers for targets"):
        run_job(several)


def test_a_loss_without_targets(tmp_path):
    file = write(tmp_path / "data.parquet", table())
    result = run_job(Job([file], [spec("z_loss")], "z_*"))
    expected = lossary.z_loss(LOGITS, reduction="mean")
    assert figures(result)["mean"] == pytest.approx(float(expected), rel=1e-12)


def test_thresholds_are_one_less_than_classes(tmp_path):
    names = np.array(["a", "b", "c", "d"])[CLASS % 4]
    file = write(tmp_path / "data.parquet", table().append_column("name", pa.array(names)))
    losses = [spec("ordinal_cross_entropy")]
    result = run_job(Job([file], losses, "z_[0-2]", "name", classes="abcd"))
    expected = lossary.ordinal_cross_entropy(LOGITS[:, :3], CLASS % 4, reduction="mean")
    assert figures(result)["mean"] == pytest.approx(float(expected), rel=1e-12)
    with pytest.raises(lossary.LossaryError, match="a column per threshold between classes"):
        run_job(Job([file], losses, "z_[0-3]", "name", classes="abcd"))
    with pytest.raises(ValueError, match="--class-weights needs a loss of class labels"):
        Job([file], losses, "z_[0-2]", "name", class_weights=[1.0, 2.0, 3.0, 4.0])


def test_the_files_together_are_the_whole(tmp_path):
    for i in range(3):
        write(tmp_path / f"part-{i}.parquet", table().slice(i * 200, 200))
    job = Job([str(tmp_path / "*.parquet")], [spec("hinge_loss")], "margin", "label", worst=4)
    result = run_job(job)
    losses = lossary.hinge_loss(MARGIN, LABEL)
    assert figures(result)["sum"] == pytest.approx(math.fsum(losses), rel=1e-14)
    order = np.argsort(-losses, kind="stable")[:4]
    expected = [(str(tmp_path / f"part-{i // 200}.parquet"), i % 200 + 1) for i in order]
    assert [(r["file"], r["row"]) for r in result.worst[0].records()] == expected


def test_nan_is_a_number_that_is_counted(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("margin,label\nnan,1\n0.5,1\n-inf,1\n")
    result = run_job(Job([str(path)], [spec("hinge_loss")], "margin", "label"))
    assert figures(result)["nonfinite"] == 2
    assert math.isnan(figures(result)["mean"])


def test_only_the_columns_that_are_used_are_read(tmp_path, monkeypatch):
    file = write(tmp_path / "data.parquet", table())
    seen = []
    original = pq.ParquetFile.iter_batches

    def spy(self, *args, columns=None, **kwargs):
        seen.append(columns)
        return original(self, *args, columns=columns, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    run_job(Job([file], [spec("hinge_loss")], "margin", "label", by=["kind"]))
    assert [sorted(columns) for columns in seen] == [["kind", "label", "margin"]]


def test_batches_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("lossary.scoring.source.BATCH_ROWS", 64)
    for suffix in ("parquet", "arrow", "feather"):
        file = write(tmp_path / f"data.{suffix}", table())
        seen = []
        job = Job([file], [spec("hinge_loss")], "margin", "label")
        run_job(job, progress=lambda *numbers, seen=seen: seen.append(numbers[0]))
        assert seen[-1] == ROWS
        assert max(np.diff([0, *seen])) <= 64


@pytest.mark.parametrize(
    ("suffixes", "total"),
    [
        (["parquet"], ROWS),
        (["parquet", "arrow"], 2 * ROWS),
        (["parquet", "csv"], None),
        (["arrow", "feather"], None),  # the second is a stream
    ],
)
def test_how_many_rows_there_are(tmp_path, suffixes, total):
    files = [write(tmp_path / f"{i}.{name}", table()) for i, name in enumerate(suffixes)]
    seen = []
    job = Job(files, [spec("hinge_loss")], "margin", "label")
    run_job(job, progress=lambda *numbers: seen.append(numbers))
    assert seen[-1] == (ROWS * len(files), total)
    assert {item[1] for item in seen} == {total}


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(
    "names", [list("cadbefghijkl"), [str(7 * i) for i in range(12)], list(range(12, 0, -1))]
)
def test_classes_of_any_name(tmp_path, suffix, names):
    column = pa.array([names[label] for label in CLASS])
    data = table().append_column("name", column)
    file = write(tmp_path / f"data.{suffix}", data)
    classes = [str(name) for name in names]
    losses = [spec("cross_entropy"), spec("nll_loss")]
    result = run_job(Job([file], losses, "z_*", "name", classes=classes, domain="ignore"))
    for place, function in enumerate([lossary.cross_entropy, lossary.nll_loss]):
        with lossary.options(domain="ignore"):  # logits are no log-probabilities
            expected = function(LOGITS, CLASS, reduction="mean")
        assert figures(result, place)["mean"] == pytest.approx(float(expected), rel=1e-12)


def test_named_classes_beside_ignored_labels(tmp_path):
    names = np.array(list("abcdefghijkl"))[CLASS].astype(object)
    names[::3] = "-1"
    file = write(tmp_path / "data.parquet", table().append_column("name", pa.array(names)))
    losses = [spec("cross_entropy", ignore_index=-1)]
    result = run_job(Job([file], losses, "z_*", "name", classes="abcdefghijkl"))
    labels = np.where(np.arange(ROWS) % 3, CLASS, -1)
    expected = lossary.cross_entropy(LOGITS, labels, ignore_index=-1, reduction="mean")
    assert figures(result)["mean"] == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_weights(tmp_path, kind, weights, smoothing):
    class_weights = tuple(RANDOM.random(12))
    targets, columns, extra = CLASS.copy(), "class", {}
    data = table()
    if kind == "labels":
        targets[:50] = -100
        extra = {"ignore_index": -100}
        data = data.drop_columns("class").append_column("class", pa.array(targets))
    else:
        targets, columns = RANDOM.dirichlet(np.ones(12), ROWS), "p_*"
        for i in range(12):
            data = data.append_column(f"p_{i}", pa.array(targets[:, i]))
    file = write(tmp_path / "data.parquet", data)
    loss = spec("cross_entropy", label_smoothing=smoothing, **extra)
    job = Job([file], [loss], "z_*", columns, weights=weights, class_weights=class_weights)
    found = run_job(job)
    options = {"class_weights": class_weights, "label_smoothing": smoothing, **extra}
    options |= {} if weights is None else {"weights": WEIGHT}
    for denominator in ("weights", "count"):
        expected = lossary.cross_entropy(
            LOGITS, targets, reduction="mean", denominator=denominator, **options
        )
        mean = figures(found, denominator=denominator)["mean"]
        assert mean == pytest.approx(float(expected), rel=1e-12)


def test_scoring_leaves_the_warnings_of_other_threads_alone(tmp_path):
    """The losses are computed while another thread warns; Python's warnings are the process's."""

    class Watched(lossary.Loss):
        @property
        def function(self):
            thread = threading.Thread(target=warnings.warn, args=("of another thread",))
            thread.start()
            thread.join()
            return lossary.hinge_loss

    loss = copy.copy(lossary.get_loss("hinge_loss"))
    watched = object.__new__(Watched)
    watched.__dict__.update(vars(loss))
    file = write(tmp_path / "data.csv", pa.table({"margin": [0.5, 2.0], "label": [0, 1]}))
    with pytest.warns(UserWarning, match="of another thread"):
        result = run_job(Job([file], [LossSpec("hinge_loss", watched)], "margin", "label"))
    (note,) = result.notes
    assert note.startswith("hinge_loss: targets must be -1 or +1, got 0 in row 1")
    assert figures(result)["sum"] == 1.0


def test_without_pyarrow():
    code = (
        "import sys; sys.modules['pyarrow'] = None; import lossary, lossary.scoring as scoring\n"
        "spec = scoring.LossSpec('hinge_loss', lossary.get_loss('hinge_loss'))\n"
        "try: scoring.run_job(scoring.Job(['a.csv'], [spec], 'margin', 'label'))\n"
        "except lossary.LossaryImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = "score: pyarrow must be installed, got none. Run: pip install pyarrow\n"
    assert done.stdout == expected
