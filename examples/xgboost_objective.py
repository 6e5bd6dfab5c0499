"""Train XGBoost with losses that it does not have, and one of your own.

    python examples/xgboost_objective.py

The data are the breast-cancer measurements that scikit-learn ships.
"""

import numpy as np
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from lossary import loss
from lossary.adapters.xgboost import metric, objective
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
    train, test = xgboost.DMatrix(x_train, t_train), xgboost.DMatrix(x_test, t_test)
    params = {"max_depth": 3, "base_score": 0.0, "disable_default_eval_metric": 1}
    for chosen, choices in (
        ("binary_cross_entropy", {}),
        ("hinge_loss", {"positive": 1}),
        (quadratic_hinge_loss, {"positive": 1}),
    ):
        score = metric(chosen, positive=choices.get("positive"))
        model = xgboost.train(params, train, 40, obj=objective(chosen, **choices))
        raw = model.predict(test, output_margin=True)
        name, value = score(raw, test)
        accuracy = np.mean((raw > 0) == t_test)
        print(f"{name:22} held-out loss {value:.4f}, accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
