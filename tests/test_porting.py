"""The guide for newcomers is run: the two calls of a row give the same numbers."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import BY_NAME

import lossary
from lossary.products import label_losses, pair_losses

PAGE = Path(__file__).resolve().parent.parent / "docs" / "porting.md"
_ROW = re.compile(r"^\| `(.+?)` \| `(.+?)` \|$", re.MULTILINE)
OURS = {loss.name: loss.function for loss in lossary.list_losses()}
OURS |= {**vars(label_losses), **vars(pair_losses)}


def _rows(section: str) -> list[Any]:
    text = PAGE.read_text("utf-8").partition(f"## From {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    found = _ROW.findall(text)
    assert len(found) == len(lines) > 5, section
    return [pytest.param(*row, id=row[0]) for row in found]


def _arrays() -> dict[str, np.ndarray]:
    """Return what the names of the page stand for."""
    rng = np.random.default_rng(3)
    rows = {name: rng.normal(size=(6, 4)) for name in ("z", "a", "b", "c", "logp", "logq")}
    for name in ("logp", "logq"):
        rows[name] -= np.log(np.exp(rows[name]).sum(1, keepdims=True))
    numbers = {"x": rng.normal(size=6), "t": rng.uniform(size=6), "q": rng.uniform(0.1, 0.9, 6)}
    signs, weights = np.sign(rng.normal(size=6)), rng.uniform(0.5, 2, 6)
    found = {**rows, **numbers, "s": signs, "w": weights, "p": np.exp(rows["logp"])}
    several = (rng.random((6, 4)) < 0.5).astype(float)
    several[:, 0], several[:, 1] = 1, 0
    images = rng.normal(size=(2, 3, 4, 5)), np.eye(3)[rng.integers(0, 3, (2, 4, 5))]
    found |= {"u": images[0], "g": images[1].transpose(0, 3, 1, 2).copy()}
    for name in "kr":
        corner = rng.uniform(0, 2, (6, 2))
        found[name] = np.concatenate([corner, corner + rng.uniform(1, 2, (6, 2))], axis=1)
    return found | {
        "y": np.array([0, 1, 2, 3, 2, 1]),
        "n": np.arange(6),
        "h": several,
        "q2": np.exp(rows["logq"]),
    }


def _assert_same(theirs: Any, ours: Any) -> None:
    assert_close(np.asarray(ours), np.asarray(theirs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("theirs", "ours"), _rows("PyTorch"))
def test_from_pytorch(theirs: str, ours: str) -> None:
    functional = pytest.importorskip("torch.nn.functional", reason="PyTorch is not installed")
    given = {name: BY_NAME["torch"].array(value) for name, value in _arrays().items()}
    if "weight=" in theirs:
        given["w"] = given["w"][:4]  # one for each class
    words = given | {"d": 0.7, "m": 0.3}
    _assert_same(eval(theirs, {"F": functional}, words), eval(ours, OURS, words))


@pytest.mark.parametrize(("theirs", "ours"), _rows("optax"))
def test_from_optax(theirs: str, ours: str) -> None:
    losses = pytest.importorskip("optax.losses", reason="optax is not installed")
    arrays = {name: BY_NAME["jax"].array(value) for name, value in _arrays().items()}
    words = arrays | {"d": 0.7, "m": 0.3, "concat": np.concatenate}
    _assert_same(eval(theirs, dict(vars(losses)), words), eval(ours, OURS, words))


@pytest.mark.parametrize(("theirs", "ours"), _rows("scikit-learn"))
def test_from_scikit_learn(theirs: str, ours: str) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    words = _arrays()
    _assert_same(eval(theirs, {**vars(metrics), "sign": np.sign}, words), eval(ours, OURS, words))


@pytest.mark.filterwarnings("ignore")  # what torchmetrics says of its own dependencies
@pytest.mark.parametrize(("theirs", "ours"), _rows("torchmetrics"))
def test_from_torchmetrics(theirs: str, ours: str) -> None:
    functional = pytest.importorskip("torchmetrics.functional", reason="torchmetrics is missing")
    from torchmetrics.functional import classification, regression

    words = {name: BY_NAME["torch"].array(value) for name, value in _arrays().items()}
    names = {**vars(functional), **vars(classification), **vars(regression)}
    if "num_labels" in theirs:
        words["h"] = words["h"].int()
    _assert_same(eval(theirs, names, words), eval(ours, OURS, words))


@pytest.mark.filterwarnings("ignore")  # of MONAI and what it imports
def test_from_monai() -> None:  # one test: importing MONAI takes seconds
    losses = pytest.importorskip("monai.losses", reason="MONAI is not installed")
    words = {name: BY_NAME["torch"].array(value) for name, value in _arrays().items()}
    words |= {"d": 0.7, "m": 0.3, "tensor": pytest.importorskip("torch").tensor}
    for row in _rows("MONAI"):
        theirs, ours = row.values
        _assert_same(eval(theirs, dict(vars(losses)), words), eval(ours, OURS, words))


# Keras chooses its backend when it is imported, so it is asked in a process of its own.
_KERAS = """
import json, sys
import keras, numpy as np
arrays = np.load(sys.argv[1])
words = {**vars(keras.ops.nn), **vars(keras.losses), **arrays, "d": 0.7}
found = [np.asarray(keras.ops.convert_to_numpy(eval(call, words))) for call in sys.argv[2:]]
print(json.dumps([value.tolist() for value in found]))
"""


def test_from_keras(tmp_path: Path) -> None:
    pytest.importorskip("scipy", reason="SciPy is not installed")
    from scipy.special import log_softmax

    backend = next((name for name in ("jax", "torch") if importlib.util.find_spec(name)), None)
    if backend is None or importlib.util.find_spec("keras") is None:
        pytest.skip("Keras, or a backend for it, is not installed")
    words = _arrays()
    np.savez(tmp_path / "arrays.npz", **words)
    rows = [parameters.values for parameters in _rows("Keras")]
    calls = [sys.executable, "-c", _KERAS, tmp_path / "arrays.npz", *(row[0] for row in rows)]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(calls, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    given = words | {"d": 0.7, "log_softmax": lambda z: log_softmax(z, axis=-1)}
    for (_, ours), theirs in zip(rows, json.loads(done.stdout), strict=True):
        _assert_same(theirs, eval(ours, OURS, given))
