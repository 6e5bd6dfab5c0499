"""Losses as Keras losses, on each backend in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

if importlib.util.find_spec("keras") is None:
    pytest.skip("keras is not installed", allow_module_level=True)

BACKENDS = pytest.mark.parametrize("backend", ["jax", "torch"])


def run(backend: str, code: str, folder: Path) -> str:
    """Run code with Keras on a backend; return what it printed."""
    pytest.importorskip(backend)
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPENING + code],
        capture_output=True, text=True, env=environment, cwd=folder, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


OPENING = """
import keras, numpy as np, lossary
from lossary.adapters import keras as adapter
rng = np.random.default_rng(0)
def same(found, expected):
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected, rtol=1e-6)
"""

VALUES = """
x, t = rng.normal(size=(6, 3)).astype("f4"), rng.normal(size=(6, 3)).astype("f4")
w = rng.uniform(size=6).astype("f4")
rows = lossary.huber_loss(x, t, delta=0.5).mean(axis=1)
huber = dict(loss="huber_loss", delta=0.5)
same(adapter.loss(**huber)(t, x), rows.mean())
same(adapter.loss(**huber)(t, x, sample_weight=w), (w * rows).mean())
weighted = adapter.loss(**huber, reduction="mean_with_sample_weight")
same(weighted(t, x, sample_weight=w), np.average(rows, weights=w))
same(adapter.loss(**huber, reduction="none")(t, x), rows)

labels = rng.integers(0, 3, 6)
expected = lossary.cross_entropy(x, labels)
entropy = adapter.loss("cross_entropy", reduction="none")
same(entropy(labels, x), expected)
same(entropy(labels[:, None], x), expected)
same(entropy(np.eye(3, dtype="f4")[labels], x), expected)
hinge = adapter.loss("hinge_loss", reduction="none", positive=1)
same(hinge(np.array([0, 1]), np.array([0.5, 0.5], "f4")), [1.5, 0.5])
nll = adapter.loss("nll_loss", reduction="none")
same(nll(np.array([[1]]), np.array([[-3.0, -0.05]], "f4")), [0.05])
column = adapter.loss("l1_loss")
same(column(np.zeros(2), np.ones((2, 1))), 1.0)
same(column(np.zeros((2, 1)), np.ones(2)), 1.0)
"""

SAVING = """
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", adapter.loss("hinge_loss", positive="+", name="margin"))
loss = adapter.loss("huber_loss", delta=0.25)
config = keras.saving.serialize_keras_object(loss)
again = keras.saving.deserialize_keras_object(config)
assert again.get_config() == loss.get_config(), again.get_config()
assert again.get_config()["delta"] == 0.25
model.save("model.keras")
"""

LOADING = """
adapter.register()
model = keras.saving.load_model("model.keras")
print(model.loss.get_config())
"""

PICKLING = """
import copy, pickle, sys
import cloudpickle
def scaled(factor):
    @lossary.loss
    def scaled_loss(inputs, targets):
        return factor * abs(inputs - targets)
    return adapter.loss(scaled_loss)
x, t = np.full((2, 3), 5, "f4"), np.full((2, 3), 3, "f4")
huber = adapter.loss("huber_loss", delta=0.5, reduction="sum", name="h")
for again in (copy.deepcopy(huber), pickle.loads(pickle.dumps(huber))):
    assert again.get_config() == huber.get_config()
    same(again(t, x), huber(t, x))
one, two = scaled(1.0), scaled(2.0)
for again in (copy.deepcopy(one), cloudpickle.loads(cloudpickle.dumps(one))):
    same(again(t, x), 2.0)
assert two.get_config()["loss"] == "scaled_loss"
try:
    one.get_config()
except lossary.LossaryError as error:
    print(error)
with open("losses", "wb") as file:
    cloudpickle.dump((one, two), file)
"""

UNPICKLING = """
import pickle
with open("losses", "rb") as file:
    one, two = pickle.load(file)
x, t = np.full((2, 3), 5, "f4"), np.full((2, 3), 3, "f4")
same(one(t, x), 2.0)
same(two(t, x), 4.0)
"""

TRAINING = """
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale
keras.utils.set_random_seed(0)
x, t = load_breast_cancer(return_X_y=True)
x, t = scale(x).astype("f4"), t.astype("f4")
model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.1), adapter.loss("hinge_loss", positive=1))
model.fit(x, t, epochs=5, verbose=0, sample_weight=np.ones(len(t)))
scores = model.predict(x, verbose=0)[:, 0]
assert np.mean((scores > 0) == t) > 0.95
"""


CHOICES = """
for name, given in ("triplet_loss", {}), ("mse_loss", {"delta": 1}), ("mse_loss", {"positive": 1}):
    try:
        adapter.loss(name, **given)
    except lossary.LossaryError as error:
        print(error)
"""
REFUSED = [
    "adapters.keras.loss: loss must take predictions and targets alone, got "
    "triplet_loss(anchors, positives, negatives).",
    "adapters.keras.loss: parameters must be those of mse_loss (it has none), got 'delta'.",
    "adapters.keras.loss: positive must be None for mse_loss, got 1. It is for losses of two "
    "classes.",
]


SAME_NAME = (
    "adapters.keras.loss: loss must be the latest of its name to be saved with a model, got "
    "'scaled_loss'. Give each a name of its own."
)


@BACKENDS
def test_values_choices_training_saving_and_pickling(backend: str, tmp_path: Path) -> None:
    """Two processes do it all: most of their time is the import of Keras."""
    pickles = backend == "torch" and importlib.util.find_spec("cloudpickle") is not None
    begin, end = (PICKLING, UNPICKLING) if pickles else ("", "")
    said = run(backend, VALUES + CHOICES + TRAINING + SAVING + begin, tmp_path)
    assert said.splitlines() == [*REFUSED, *[SAME_NAME] * pickles]
    loaded = run(backend, LOADING + end, tmp_path)
    for part in ("'loss': 'hinge_loss'", "'positive': '+'", "'name': 'margin'"):
        assert part in loaded
