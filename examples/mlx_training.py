"""Train an MLX network: the losses of mlx.nn by their names, with what lossary adds.

    python examples/mlx_training.py

The data are the digits that scikit-learn ships. Some labels are missing (-1): ignore_index leaves
them out of value, gradient and mean.
"""

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from sklearn.datasets import load_digits

from lossary import cross_entropy


def main() -> None:
    """Train in batches and print the loss of each epoch."""
    mx.random.seed(0)
    rng = np.random.default_rng(0)
    x, t = load_digits(return_X_y=True)
    known = t.copy()
    t[rng.random(len(t)) < 0.5] = -1
    x = (x / 16).astype(np.float32)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

    def objective(model: nn.Module, inputs: mx.array, labels: mx.array) -> mx.array:
        return cross_entropy(
            model(inputs), labels, label_smoothing=0.05, reduction="mean", ignore_index=-1
        )

    derive = nn.value_and_grad(model, objective)
    optimizer = optim.Adam(learning_rate=0.01)
    for epoch in range(6):
        order = rng.permutation(len(t))
        for part in np.array_split(order, 20):
            value, gradients = derive(model, mx.array(x[part]), mx.array(t[part]))
            optimizer.update(model, gradients)
            mx.eval(model.parameters(), optimizer.state)
        found = np.array(model(mx.array(x))).argmax(axis=1)
        print(
            f"epoch {epoch}: loss {value.item():.4f}, accuracy {np.mean(found == known):.3f}, "
            f"on unlabelled digits {np.mean((found == known)[t < 0]):.3f}"
        )


if __name__ == "__main__":
    main()
