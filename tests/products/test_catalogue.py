"""The records of losses of matrices: none is missing, and their rows are those of the functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from assertions import assert_close

import lossary
from lossary.products.catalogue import MatrixRecord, matrix_loss_named, matrix_losses

RECORDS = {record.name: record for record in matrix_losses()}
COUNT = 6
X, Y = np.random.default_rng(3).normal(size=(2, COUNT, 4))
X, Y = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (X, Y))
LABELS = np.array([0, 1, 0, 2, 1, 2])
ITEMS = np.arange(COUNT)


def test_every_public_loss_of_matrices_has_a_record() -> None:
    public = {name for name in lossary.__all__ if hasattr(getattr(lossary, name), "product_loss")}
    assert public == RECORDS.keys()
    for name, record in RECORDS.items():
        assert matrix_loss_named(name) is record
        assert record.source
        assert record.summary == (getattr(lossary, name).__doc__ or "").splitlines()[0]
    assert matrix_loss_named("huber_loss") is None


def _pairs(record: MatrixRecord) -> tuple[Any, Any]:
    numbers = record.parameters.values() if record.name == "pairwise_sigmoid_loss" else ()
    return getattr(lossary, record.name)(X, Y, *numbers), record.function(X @ Y.T, ITEMS)


def _views(record: MatrixRecord) -> tuple[Any, Any]:
    z, items = np.concatenate([X, Y]), np.arange(2 * COUNT)
    rows = record.function(z @ z.T, (items + COUNT) % (2 * COUNT), items)
    return getattr(lossary, record.name)(X, Y), (rows[:COUNT] + rows[COUNT:]) / 2


def _labelled(record: MatrixRecord) -> tuple[Any, Any]:
    targets = np.broadcast_to(LABELS.astype(float), (COUNT, COUNT))
    rows = record.function(X @ X.T, targets, ITEMS, LABELS)
    return getattr(lossary, record.name)(X, LABELS), rows


def _classified(record: MatrixRecord) -> tuple[Any, Any]:
    return getattr(lossary, record.name)(X, Y, LABELS), record.function(X @ Y.T, LABELS)


CALLS: dict[str, Callable[[MatrixRecord], tuple[Any, Any]]] = {
    "info_nce_loss": _pairs,
    "pairwise_sigmoid_loss": _pairs,
    "nt_xent_loss": _views,
    "supervised_contrastive_loss": _labelled,
    "multi_similarity_loss": _labelled,
    "circle_loss": _labelled,
    "linear_cross_entropy": _classified,
}


@pytest.mark.parametrize("name", RECORDS)
def test_the_formula_of_a_row_is_that_of_the_loss(name: str) -> None:
    assert_close(*CALLS[name](RECORDS[name]), rtol=1e-12)


@pytest.mark.parametrize("name", RECORDS)
def test_convexity_is_declared_as_it_is(name: str) -> None:
    """Between two rows a convex loss is nowhere above the line; others are somewhere."""
    record, rng = RECORDS[name], np.random.default_rng(5)
    rows = 400
    one, other = rng.uniform(-1, 1, (2, rows, COUNT))
    given: dict[str, Any] = {"partners": 1, "items": 0, "labels": 0}
    rest = [
        np.broadcast_to(LABELS.astype(float), (rows, COUNT))
        if argument == "targets" and name != "linear_cross_entropy"
        else np.full(rows, given.get(argument, 1))
        for argument in record.arguments[1:]
    ]
    middle, *ends = (record.function(x, *rest) for x in ((one + other) / 2, one, other))
    excess = middle - (ends[0] + ends[1]) / 2
    assert math.isfinite(excess.max())
    assert (excess.max() <= 1e-9) == record.convex
