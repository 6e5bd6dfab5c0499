"""The page of deviations is run: each row against the installed MLX, each column as it says."""

from __future__ import annotations

import math
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import lossary

PAGE = Path(__file__).resolve().parent.parent / "docs" / "deviations.md"
_ROW = re.compile(r"^\| `([a-z0-9-]+)` \| `(.+?)` \| `(.+?)` \| `(.+?)` \| (.+) \|$", re.MULTILINE)
ROWS = [pytest.param(*row[1:4], id=row[0]) for row in _ROW.findall(PAGE.read_text("utf-8"))]

UNDEFINED = "undefined"

MEANT = {
    "zero-probability-target", "target-sum", "integer-inputs", "shape-hinge", "negative-label",
    "zero-beta-gradient", "small-log-cosh", "small-binary-cross-entropy", "half-precision-mean",
    "zero-vector-gradient", "certain-probability-gradient", "tied-ranks-gradient",
}  # fmt: skip


def _words(losses: ModuleType) -> dict[str, Any]:
    """Return what a call of the table may use, with one library's losses."""
    import mlx.core as mx

    def grad(function: Any, x: Any, *rest: Any, **options: Any) -> Any:
        return mx.grad(lambda x: function(x, *rest, **options).sum())(x)

    names = (loss.name for loss in lossary.list_losses())
    words = {name: getattr(losses, name) for name in names if hasattr(losses, name)}
    return words | {
        "array": mx.array,
        "ones": mx.ones,
        "float16": mx.float16,
        "grad": grad,
        "inf": math.inf,
        "numpy": np,
    }


def _outcome(call: str, losses: ModuleType) -> str:
    """Return what a call gives, as the table spells it."""
    try:
        found = eval(call, _words(losses))
        values = found.tolist() if hasattr(found, "tolist") else found
    except Exception as error:
        return next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins").__name__
    return _spelled(values)


def _spelled(values: Any) -> str:
    if isinstance(values, list):
        return f"[{', '.join(map(_spelled, values))}]"
    if isinstance(values, float):
        return f"{values + 0.0:.4g}"
    return str(values).removeprefix("mlx.core.")


@pytest.mark.parametrize(("call", "theirs", "ours"), ROWS)
def test_deviation_from_mlx(call: str, theirs: str, ours: str) -> None:
    pytest.importorskip("mlx.nn", reason="MLX is not installed")
    import mlx.nn.losses as mlx_losses

    assert theirs != ours
    assert _outcome(call, lossary) == ours
    if theirs != UNDEFINED:  # memory beyond the array: there is no value to compare with
        assert _outcome(call, mlx_losses) == theirs


def test_the_table_is_read() -> None:
    """Every line of the table is a row that is tested, and the promised ones are there."""
    text = PAGE.read_text("utf-8").partition("## From MLX")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) - 2 == len(ROWS)
    assert {row.id for row in ROWS} >= MEANT
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_every_other_row_has_its_reason() -> None:
    text = PAGE.read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("|"):
            assert all(cell.strip() for cell in line.strip("|").split(" | ")), line


def test_shown_values_are_told_apart() -> None:
    pytest.importorskip("mlx.core", reason="MLX is not installed")
    assert _spelled([1.0, math.nan, [-0.0]]) == "[1, nan, [0]]"
    assert _outcome("hinge_loss(1, 2, 3, 4, 5)", lossary) == "TypeError"
