"""The Python of the guides that shows no output: every block runs, with what it takes for granted.

Blocks with a prompt are doctests, which run by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossary

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(30, 2))
T = X @ [1.0, -1.0] + 0.1


def _sklearn() -> dict[str, Any]:
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    from sklearn.model_selection import GridSearchCV, cross_val_score

    names = {"GridSearchCV": GridSearchCV, "grid": {}, "cross_val_score": cross_val_score}
    return names | {"model": linear.LinearRegression(), "x": X, "t": T}


def _xgboost() -> dict[str, Any]:
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    return {"data": xgboost.DMatrix(X, T)}


def _torch() -> dict[str, Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    skorch = pytest.importorskip("skorch", reason="skorch is not installed")
    predictions, targets = torch.zeros(3, requires_grad=True), torch.ones(3)
    known = torch.tensor([True, False, True])
    return {"predictions": predictions, "targets": targets, "known": known,
            "skorch": skorch, "Net": torch.nn.Linear}  # fmt: skip


def _keras() -> dict[str, Any]:
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    return {"model": keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])}


def _torchmetrics() -> dict[str, Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("torchmetrics", reason="torchmetrics is not installed")
    return {"logits": torch.zeros(3, 2), "labels": torch.tensor([0, 1, -1])}


def _scipy() -> dict[str, Any]:
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not installed")
    return {"minimize": optimize.minimize, "x": X, "t": T}


def _database() -> dict[str, Any]:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    with duckdb.connect("models.duckdb") as database:
        database.execute("CREATE TABLE scores AS SELECT 0.5 AS margin, 1 AS label")
    return {"lossary": lossary}


def _sharded() -> dict[str, Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    tensor = pytest.importorskip("torch.distributed.tensor")
    store = torch.distributed.FileStore("store", 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    mesh = torch.distributed.init_device_mesh("cpu", (1,))
    features = torch.ones(3, 2, requires_grad=True)
    return {"lossary": lossary, "distribute_tensor": tensor.distribute_tensor, "mesh": mesh,
            "Shard": tensor.Shard, "classifier": torch.ones(4, 2), "features": features,
            "labels": torch.tensor([0, 1, 3])}  # fmt: skip


#: What the blocks of each page, in their order, take for granted.
GRANTED: dict[str, list[Callable[[], dict[str, Any]]]] = {
    "README.md": [_sklearn, _xgboost],
    "boosters.md": [_xgboost],
    "products.md": [_sharded],
    "sources.md": [_database],
    "trainers.md": [_torch, _keras, _torchmetrics, _sklearn, _scipy],
}


def blocks(page: Path) -> list[str]:
    """Return the blocks of Python of a page that are no doctests."""
    found = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in found if ">>>" not in block]


def test_every_block_is_run() -> None:
    counted = {page.name: len(blocks(page)) for page in PAGES if blocks(page)}
    assert counted == {name: len(granted) for name, granted in GRANTED.items()}


@pytest.mark.parametrize(
    ("page", "place"),
    [(page, place) for page in PAGES for place in range(len(blocks(page)))],
    ids=lambda item: getattr(item, "name", str(item)),
)
def test_a_block_runs(
    page: Path, place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    grant = GRANTED[page.name][place]
    names = grant()
    try:
        exec(compile(blocks(page)[place], page.name, "exec"), names)
    finally:
        if grant is _sharded:
            from torch import distributed

            distributed.destroy_process_group()
