"""The page on other libraries is run: each row's two calls give what their columns say."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossary
from lossary.products import pair_losses

PAGE = Path(__file__).resolve().parent.parent / "docs" / "peers.md"
_ROW = re.compile(
    r"^\| `([a-z0-9-]+)` \| `(.+?)` is `(.+?)` \| `(.+?)` is `(.+?)` \| (.+) \|$", re.MULTILINE
)
OURS = {loss.name: loss.function for loss in lossary.list_losses()} | vars(pair_losses)


def _rows(library: str) -> list[tuple[str, ...]]:
    text = PAGE.read_text("utf-8").partition(f"## {library}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    found = [row[:5] for row in _ROW.findall(text)]
    assert len(found) == len(lines) > 3, library
    return found


def _every(library: str) -> pytest.MarkDecorator:
    rows = [pytest.param(*row[1:], id=row[0]) for row in _rows(library)]
    return pytest.mark.parametrize(("their_call", "theirs", "our_call", "ours"), rows)


def _outcome(call: str, names: dict[str, Any], words: dict[str, Any]) -> str:
    """Return what a call gives, as the table spells it."""
    try:
        found = eval(call, {**names, **words})
    except Exception as error:
        return next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins").__name__
    return _spelled(found.tolist() if hasattr(found, "tolist") else found)


def _spelled(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"({', '.join(map(str, value))})" if isinstance(value, tuple) else _only(value)
    return f"{value + 0.0:.4g}" if isinstance(value, float) else str(value)


def _only(values: list[Any]) -> str:
    return f"[{', '.join(map(_spelled, values))}]"


def _assert_row(
    names: dict[str, Any],
    words: dict[str, Any],
    their_call: str,
    theirs: str,
    our_call: str,
    ours: str,
) -> None:
    assert theirs != ours
    assert _outcome(their_call, names, words) == theirs
    with lossary.options(domain="ignore"):
        assert _outcome(our_call, OURS, words) == ours


def _torch_words() -> dict[str, Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def grad(function: Callable[..., Any], x: Any, *rest: Any) -> Any:
        x = x.requires_grad_()
        function(x, *rest).sum().backward()
        return x.grad

    return {"tensor": torch.tensor, "log": torch.log, "inf": math.inf, "grad": grad}


@pytest.mark.filterwarnings("ignore")  # of PyTorch: a mean that is none
@_every("PyTorch")
def test_pytorch(their_call: str, theirs: str, our_call: str, ours: str) -> None:
    words = _torch_words()
    functional = pytest.importorskip("torch.nn.functional")
    _assert_row({"F": functional}, words, their_call, theirs, our_call, ours)


@pytest.mark.filterwarnings("ignore")  # of torchmetrics and what it imports
@_every("torchmetrics")
def test_torchmetrics(their_call: str, theirs: str, our_call: str, ours: str) -> None:
    functional = pytest.importorskip("torchmetrics.functional", reason="torchmetrics is missing")
    from torchmetrics.functional import classification, regression

    names = {**vars(functional), **vars(classification), **vars(regression)}
    _assert_row(names, _torch_words(), their_call, theirs, our_call, ours)


@pytest.mark.filterwarnings("ignore")  # of MONAI and what it imports
def test_monai() -> None:  # one test: importing MONAI takes seconds
    losses = pytest.importorskip("monai.losses", reason="MONAI is not installed")
    for _, *row in _rows("MONAI"):
        _assert_row(vars(losses), _torch_words(), *row)


@_every("optax")
def test_optax(their_call: str, theirs: str, our_call: str, ours: str) -> None:
    losses = pytest.importorskip("optax.losses", reason="optax is not installed")
    import jax

    def grad(function: Callable[..., Any], x: Any, *rest: Any) -> Any:
        return jax.grad(lambda x: function(x, *rest).sum())(x)

    words = {"array": jax.numpy.array, "grad": grad}
    _assert_row(vars(losses), words, their_call, theirs, our_call, ours)


@_every("scikit-learn")
def test_scikit_learn(their_call: str, theirs: str, our_call: str, ours: str) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    with np.errstate(divide="ignore"):
        words = {"array": np.array, "log": np.log}
        _assert_row(vars(metrics), words, their_call, theirs, our_call, ours)


# Keras chooses its backend when it is imported, so it is asked in a process of its own.
_KERAS = """
import json, sys
import keras, numpy as np
words = {**vars(keras.losses), "array": lambda x: np.array(x, dtype=np.float32)}
found = [float(keras.ops.convert_to_numpy(eval(call, words))) for call in sys.argv[1:]]
print(json.dumps(found))
"""


def test_keras() -> None:
    backend = next((name for name in ("jax", "torch") if importlib.util.find_spec(name)), None)
    if backend is None or importlib.util.find_spec("keras") is None:
        pytest.skip("Keras, or a backend for it, is not installed")
    rows = _rows("Keras")
    command = [sys.executable, "-c", _KERAS, *(row[1] for row in rows)]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    words = {"array": np.array, "log": np.log}
    for (title, _, theirs, our_call, ours), found in zip(
        rows, json.loads(done.stdout), strict=True
    ):
        assert _spelled(found) == theirs != ours, title
        with lossary.options(domain="ignore"):
            assert _outcome(our_call, OURS, words) == ours, title
