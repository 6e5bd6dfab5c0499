"""Train with optax: a loss is a function of JAX arrays, second derivatives included.

    python examples/optax_training.py

The data are the breast-cancer measurements that scikit-learn ships. The second part takes
Newton's steps: the Hessian with respect to the weights follows from the loss's own.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from lossary import binary_cross_entropy


def main() -> None:
    """Minimise with Adam, then with Newton's method."""
    x, t = load_breast_cancer(return_X_y=True)
    inputs = jnp.asarray(scale(x), jnp.float32)
    labels = jnp.asarray(t, jnp.float32)

    def objective(weights: jax.Array) -> jax.Array:
        return binary_cross_entropy(inputs @ weights, labels) + 0.005 * weights @ weights

    optimizer = optax.adam(0.1)

    @jax.jit
    def step(weights: jax.Array, state: optax.OptState) -> tuple:
        value, gradient = jax.value_and_grad(objective)(weights)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(weights, updates), state, value

    weights = jnp.zeros(x.shape[1])
    state = optimizer.init(weights)
    for count in range(101):
        weights, state, value = step(weights, state)
        if count % 25 == 0:
            print(f"Adam   step {count:3}: {value:.6f}")

    weights = jnp.zeros(x.shape[1])
    for count in range(6):
        value, gradient = jax.value_and_grad(objective)(weights)
        weights -= jnp.linalg.solve(jax.hessian(objective)(weights), gradient)
        print(f"Newton step {count:3}: {value:.6f}")
    accuracy = np.mean((np.asarray(inputs @ weights) > 0) == t)
    print(f"accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
