"""Train CatBoost with losses that it does not have.

    python examples/catboost_objective.py

The data are the diabetes measurements that scikit-learn ships, with a few targets spoilt: robust
losses should not mind.
"""

import warnings

import catboost
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from lossary.adapters.catboost import objective


def main() -> None:
    """Train with three losses and print the median error on held-out rows."""
    x, t = load_diabetes(return_X_y=True)
    x_train, x_test, t_train, t_test = train_test_split(x, t / t.std(), random_state=0)
    spoilt = np.random.default_rng(0).choice(len(t_train), 20, replace=False)
    t_train[spoilt] += 30.0
    start = float(np.median(t_train))
    for name, choices in (
        ("mse_loss", {"factor": 0.5}),
        ("huber_loss", {"delta": 1.0}),
        ("log_cosh_loss", {}),
    ):
        model = catboost.CatBoostRegressor(
            loss_function=objective(name, **choices),
            eval_metric="MAE",
            iterations=200,
            depth=4,
            learning_rate=0.1,
            verbose=False,
            allow_writing_files=False,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CatBoost says that it did not compile the method
            model.fit(x_train, t_train - start)
        error = np.median(np.abs(model.predict(x_test) + start - t_test))
        print(f"{name:14} median absolute error {error:.3f} standard deviations")


if __name__ == "__main__":
    main()
