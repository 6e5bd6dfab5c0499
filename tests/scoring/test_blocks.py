"""Losses that are computed block by block give the figures of losses of whole columns."""

import math

import numpy as np
import pyarrow as pa
import pytest

import lossary
from lossary.scoring import block_losses, block_totals, scorer, source, typed_readers

ROWS = 7000
RANDOM = np.random.default_rng(5)
GROUP = RANDOM.integers(-3, 40, ROWS) * np.where(np.arange(ROWS) < 4000, 1, 2)
LABEL = RANDOM.integers(0, 2, ROWS)
SCORE = RANDOM.normal(size=ROWS) * 10.0 ** RANDOM.integers(-9, 3, ROWS)
ODD = np.where(
    RANDOM.random(ROWS) < 0.01, RANDOM.choice([math.nan, math.inf, -math.inf], ROWS), SCORE
)
TABLE = pa.table(
    {
        "score": SCORE,
        "odd": ODD,
        "short": SCORE.astype(np.float32),
        "gap": pa.array(SCORE, mask=RANDOM.random(ROWS) < 0.1),
        "label": LABEL,
        "byte": LABEL.astype(np.uint8),
        "sign": np.where(LABEL == 1, 1.0, -1.0),
        "third": np.where(np.arange(ROWS) == 5000, 2, LABEL),
        "soft": RANDOM.random(ROWS),
        "wrong": np.where(np.arange(ROWS) % 1000 == 999, 1.5, LABEL),
        "weight": np.where(RANDOM.random(ROWS) < 0.1, 0.0, RANDOM.normal(size=ROWS)),
        "bad weight": np.where(np.arange(ROWS) == 6000, np.inf, RANDOM.random(ROWS)),
        "taken": RANDOM.random(ROWS) < 0.5,
        "group": GROUP,
        "text": [f"group {code}" for code in GROUP],
        "empty": pa.array(GROUP, mask=GROUP == 3),
        "gap later": pa.array(GROUP, mask=np.arange(ROWS) == 5000),
        "one": np.zeros(ROWS, np.int8),
        "own": np.arange(ROWS),
        "apart": GROUP * (1 << 40),
        "later": np.where(np.arange(ROWS) < 5000, GROUP, GROUP * (1 << 40)),
    }
)
CASES = {
    "one loss": {"losses": "mse_loss", "targets": "soft"},
    "three losses": {"losses": ["mse_loss", "l1_loss", "huber_loss:delta=0.25"], "targets": "soft"},
    "labels": {"losses": ["hinge_loss", "binary_cross_entropy"], "positive": "1"},
    "labels of one byte": {"losses": "squared_hinge_loss", "targets": "byte", "positive": "0"},
    "labels that are not integers": {
        "losses": ["logistic_loss", "mse_loss", "binary_cross_entropy"],
        "targets": "sign",
        "positive": "1",
    },
    "labels and columns of several types": {
        "inputs": "short",
        "losses": "hinge_loss",
        "positive": "1",
        "by": ["text", "group"],
    },
    "integers": {"inputs": "group", "losses": ["mse_loss", "huber_loss"], "targets": "byte"},
    "weights": {"losses": ["mse_loss", "l1_loss"], "weights": "weight"},
    "weights and labels": {"losses": "hinge_loss", "positive": "1", "weights": "soft"},
    "weights that are integers": {"losses": "mse_loss", "weights": "label", "by": "text"},
    "weights of losses that are not finite": {
        "inputs": "odd",
        "losses": ["mse_loss", "l1_loss"],
        "weights": "weight",
        "by": "later",
    },
    "not finite": {"inputs": "odd", "losses": ["hinge_loss", "logistic_loss"], "positive": "1"},
    "float32": {"inputs": "short", "losses": "mse_loss"},
    "missing values": {"inputs": "gap", "losses": "mse_loss", "nulls": "skip"},
    "chosen rows": {"losses": "mse_loss", "where": "taken"},
    "wrong targets": {"losses": ["binary_cross_entropy", "mse_loss"], "targets": "wrong"},
    "text": {"losses": "mse_loss", "by": "text"},
    "missing group": {"losses": "mse_loss", "by": "empty"},
    "one group": {"losses": "mse_loss", "by": "one"},
    "a group per row": {"losses": "mse_loss", "by": "own"},
    "groups far apart": {"losses": "mse_loss", "by": "apart"},
    "groups far apart later": {"losses": ["mse_loss", "l1_loss"], "by": "later"},
    "missing group later": {"losses": ["mse_loss", "l1_loss"], "by": "gap later"},
    "two columns": {"losses": "mse_loss", "by": ["group", "taken"]},
}


def scored(**options):
    """Return the table of figures, and the notes."""
    given = {"inputs": "score", "targets": "label", "by": "group", **options}
    result = lossary.score(TABLE, workers=1, **given)
    return result.to_arrow(), result.notes


@pytest.fixture(params=[1 << 16, 1500], autouse=True)
def batches(request, monkeypatch):
    monkeypatch.setattr(source, "BATCH_ROWS", request.param)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::lossary.DomainWarning")
def test_figures_are_those_of_whole_columns(name, monkeypatch):
    by_blocks, notes = scored(**CASES[name])
    monkeypatch.setattr(scorer, "takes_blocks", lambda job: False)
    whole, whole_notes = scored(**CASES[name])
    assert notes == whole_notes
    for column in whole.column_names:
        found, expected = by_blocks[column].to_pylist(), whole[column].to_pylist()
        if column in ("mean", "sum"):
            np.testing.assert_allclose(found, expected, 1e-15, err_msg=column)
        else:
            np.testing.assert_array_equal(found, expected, err_msg=column)


@pytest.mark.parametrize("by", ["group", "text", "apart"])
def test_blocks_are_used(by, monkeypatch):
    added = []
    monkeypatch.setattr(
        block_totals.BlockTotals,
        "add",
        lambda *given, add=block_totals.BlockTotals.add: added.append(add(*given)) or added[-1],
    )
    scored(losses="mse_loss", by=by)
    assert added
    assert all(added)


@pytest.mark.parametrize("by", ["group", "text", ["text", "group"]])
@pytest.mark.parametrize("targets", ["label", "byte", "sign"])
@pytest.mark.parametrize("weights", [None, "weight"])
def test_columns_are_read_as_they_are(by, targets, weights, monkeypatch):
    monkeypatch.setattr(block_losses.BlockLosses, "calls", None)
    losses = ["hinge_loss", "binary_cross_entropy"]
    figures, _ = scored(losses=losses, targets=targets, positive="1", by=by, weights=weights)
    assert sum(figures["count"].to_pylist()) == 2 * ROWS


def test_a_third_label_is_found_where_columns_are_read_as_they_are():
    with pytest.raises(lossary.LossaryError, match=r"got a third, '2', in row 5001"):
        scored(losses="hinge_loss", targets="third", positive="1")


@pytest.mark.parametrize("losses", ["hinge_loss", "mse_loss"])
def test_weights_that_are_not_finite_raise(losses):
    positive = "1" if losses == "hinge_loss" else None
    with pytest.raises(lossary.LossaryError, match=r"hold finite weights, got inf in row 6001"):
        scored(losses=losses, positive=positive, weights="bad weight")


@pytest.mark.parametrize("option", ["quantiles", "worst", "calibration"])
def test_what_needs_the_rows_is_computed_of_whole_columns(option, monkeypatch):
    monkeypatch.setattr(block_losses.BlockLosses, "calls", None)
    value = {"quantiles": [0.5], "worst": 1, "calibration": 5}[option]
    figures, _ = scored(losses="binary_cross_entropy", **{option: value})
    assert sum(figures["count"].to_pylist()) >= ROWS


def test_values_outside_the_domain_raise():
    with pytest.raises(lossary.LossaryError, match=r"got 1\.5 in row 1000"):
        scored(losses=["mse_loss", "binary_cross_entropy"], targets="wrong", domain="raise")


def test_batches_without_rows_add_nothing(monkeypatch):
    read = typed_readers.Memory.read

    def with_empty_ones(self, *given):
        for rows in read(self, *given):
            empty = rows.values.schema.empty_table().to_batches()
            types = rows.values.schema.types
            none = [pa.Array.from_buffers(kind, 0, [None, None]) for kind in types]
            none = pa.RecordBatch.from_arrays(none, rows.values.schema.names)
            yield from (source.Rows(batch, batch) for batch in [*empty, none])
            yield rows

    options = {"losses": ["hinge_loss", "binary_cross_entropy"], "positive": "1"}
    expected, _ = scored(**options)
    monkeypatch.setattr(typed_readers.Memory, "read", with_empty_ones)
    assert scored(**options)[0].equals(expected)


def test_wrong_parameters_raise():
    with pytest.raises(lossary.LossaryError, match="delta must be"):
        scored(losses="huber_loss:delta=-1")
