"""The tables of the guide are run: built-in objectives, and ours, train to the same predictions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boosters import WEIGHTED, data_for, objective, sample_weights, train

from lossary import get_loss

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "boosters.md"
TITLES = {"xgboost": "XGBoost", "lightgbm": "LightGBM", "catboost": "CatBoost"}
_ROW = re.compile(r"^\| `(.+?)` \| `objective\((.+?)\)`(?:; `(.+?)`)? \|$", re.MULTILINE)
_OBJECTIVE = {"xgboost": "objective", "lightgbm": "objective", "catboost": "loss_function"}


def _arguments(*given: Any, **named: Any) -> tuple[Any, ...]:
    return given, named


def _read(text: str | None) -> tuple[Any, dict[str, Any]]:
    """Return the arguments that a cell gives in parentheses."""
    return eval(f"_arguments({text or ''})", {"_arguments": _arguments})


def _rows() -> list[Any]:
    found = []
    for library, title in TITLES.items():
        section = GUIDE.read_text("utf-8").partition(f"### {title}\n")[2].partition("\n#")[0]
        lines = [line for line in section.splitlines() if line.startswith("|")][2:]
        rows = _ROW.findall(section)
        assert len(rows) == len(lines) >= 3, title
        found += [pytest.param(library, *row, id=f"{library}-{row[0]}") for row in rows]
    return found


@WEIGHTED
@pytest.mark.parametrize(("library", "theirs", "ours", "settings"), _rows())
def test_the_built_in_objective_is_trained_to(
    library: str, theirs: str, ours: str, settings: str, weighted: bool
) -> None:
    (_, built_in), (given, choices) = _read(theirs), _read(ours)
    loss = get_loss(given[0])
    x, t = data_for(loss)
    w = sample_weights(len(t), weighted)
    name = built_in.pop(_OBJECTIVE[library])
    classes = {} if loss.axis is None else {"num_class": len(np.unique(t))}
    rounds = 8
    expected = train(library, x, t, w, name, rounds, **built_in, **classes)
    shared = {n: value for n, value in built_in.items() if n == "leaf_estimation_method"}
    chosen = objective(library, *given, **choices)
    found = train(library, x, t, w, chosen, rounds, **shared, **classes, **_read(settings)[1])
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)
