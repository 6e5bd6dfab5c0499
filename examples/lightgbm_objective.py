"""Train LightGBM with losses that it does not have, and one of your own.

    python examples/lightgbm_objective.py

The data are the breast-cancer measurements that scikit-learn ships.
"""

import lightgbm
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from lossary import loss
from lossary.adapters.lightgbm import metric, objective
from lossary.domains import PLUS_MINUS_ONE
from lossary.formula import maximum


@loss(targets=PLUS_MINUS_ONE)
def quadratic_hinge_loss(inputs, targets):
    """Quadratic hinge loss, written as a formula; gradient and Hessian follow from it."""
    return maximum(0, 1 - targets * inputs) ** 2


def main() -> None:
    """Train with three losses and print the accuracy on held-out rows."""
    x, t = load_breast_cancer(return_X_y=True)
    x_train, x_test, t_train, t_test = train_test_split(x, t, random_state=0, stratify=t)
    test = lightgbm.Dataset(x_test, t_test).construct()
    for chosen, choices in (
        ("binary_cross_entropy", {}),
        ("hinge_loss", {"positive": 1}),
        (quadratic_hinge_loss, {"positive": 1}),
    ):
        score = metric(chosen, positive=choices.get("positive"))
        params = {"objective": objective(chosen, **choices), "num_leaves": 8, "verbose": -1}
        model = lightgbm.train(params, lightgbm.Dataset(x_train, t_train), 40)
        raw = model.predict(x_test, raw_score=True)
        name, value, _ = score(raw, test)
        accuracy = np.mean((raw > 0) == t_test)
        print(f"{name:22} held-out loss {value:.4f}, accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
