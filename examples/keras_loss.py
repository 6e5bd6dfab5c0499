"""Train a Keras network with a loss that Keras lacks, save it and load it again.

    KERAS_BACKEND=jax python examples/keras_loss.py

The data are the wines that scikit-learn ships. Works on the JAX and PyTorch backends.
"""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras
import numpy as np
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale

from lossary import loss as new_loss
from lossary.adapters import keras as adapter
from lossary.domains import CLASS_LABELS
from lossary.formula import at_label, is_label, maximum, sum_over_classes, where


@new_loss(targets=CLASS_LABELS, axis=True)
def multiclass_quadratic_hinge_loss(inputs, targets):
    """Sum over the other classes of the squared hinge of the margin (Weston and Watkins)."""
    short = maximum(0, 1 + inputs - at_label(inputs, targets)) ** 2
    return sum_over_classes(where(is_label(targets), 0, short))


def main() -> None:
    """Train, save, load, compare."""
    keras.utils.set_random_seed(0)
    x, t = load_wine(return_X_y=True)
    x = scale(x).astype(np.float32)
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(3)])
    model.compile(
        optimizer=keras.optimizers.SGD(0.05),
        loss=adapter.loss(multiclass_quadratic_hinge_loss),
        metrics=["sparse_categorical_accuracy"],
    )
    history = model.fit(x, t, epochs=20, batch_size=32, verbose=0).history
    for name, values in history.items():
        print(f"{name:30} {values[0]:.4f} -> {values[-1]:.4f}")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        adapter.register()
        again = keras.saving.load_model(path)
    same = again.evaluate(x, t, verbose=0) == model.evaluate(x, t, verbose=0)
    print(f"{keras.config.backend()} backend; the loaded model has the same loss: {same}")


if __name__ == "__main__":
    main()
