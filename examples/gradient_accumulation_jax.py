"""Accumulate gradients over micro-batches with unequal numbers of labels, exactly, in JAX.

    python examples/gradient_accumulation_jax.py

Part of the digits that scikit-learn ships is unlabelled (label -1). Averaging the means of
micro-batches gives the wrong gradient where they hold unequal numbers of labels; dividing every
sum by the number of labels of the whole batch gives that of the whole batch.
"""

import jax
import numpy as np
from sklearn.datasets import load_digits

from lossary import cross_entropy, summarize

jax.config.update("jax_enable_x64", True)

CUTS = (100, 800, 1050)


@jax.jit
def gradient(matrix: jax.Array, x: jax.Array, t: jax.Array, count: float) -> jax.Array:
    """Return the gradient of the loss's sum over a batch, divided by a count."""

    def loss(matrix: jax.Array) -> jax.Array:
        return cross_entropy(x @ matrix, t, reduction="mean", ignore_index=-1, denominator=count)

    return jax.grad(loss)(matrix)


def main() -> None:
    """Compare the gradients of the whole batch and of two ways to accumulate."""
    x, t = load_digits(return_X_y=True)
    x = x / 16
    t[:90] = -1  # nearly all of the first micro-batch
    matrix = jax.random.normal(jax.random.key(0), (64, 10))
    batches = list(zip(np.split(x, CUTS), np.split(t, CUTS), strict=True))

    parts = [
        summarize(cross_entropy, np.asarray(a @ matrix), b, ignore_index=-1) for a, b in batches
    ]
    total = sum(parts[1:], parts[0])
    whole = gradient(matrix, x, t, float(np.sum(t >= 0)))
    exact = sum(gradient(matrix, a, b, float(total.count)) for a, b in batches)
    naive = sum(gradient(matrix, a, b, float(np.sum(b >= 0))) / len(batches) for a, b in batches)

    size = float(abs(whole).max())
    print(f"labels in all: {total.count:.0f}; mean loss {total.mean:.6f}")
    print(f"sums over all labels: relative error {float(abs(exact - whole).max()) / size:.1e}")
    print(f"mean of means:        relative error {float(abs(naive - whole).max()) / size:.1e}")
    np.testing.assert_allclose(exact, whole, rtol=1e-12, atol=1e-15)


if __name__ == "__main__":
    main()
