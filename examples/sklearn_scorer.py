"""Score scikit-learn models with any loss, and boost with a loss that scikit-learn lacks.

    python examples/sklearn_scorer.py

The data are the breast-cancer and diabetes measurements that scikit-learn ships.
"""

from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lossary.adapters.sklearn import boosting_loss, scorer


def main() -> None:
    """Search a regularisation by two losses, then compare losses to boost with."""
    x, t = load_breast_cancer(return_X_y=True)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()),
        {"logisticregression__C": [0.01, 0.1, 1.0, 10.0]},
        scoring={"hinge": scorer("hinge_loss"), "logistic": scorer("binary_cross_entropy")},
        refit="logistic",
    ).fit(x, t)
    for name in ("hinge", "logistic"):
        scores = -search.cv_results_[f"mean_test_{name}"]
        print(f"{name:9} loss for C = 0.01, 0.1, 1, 10:", scores.round(4))

    x, t = load_diabetes(return_X_y=True)
    scoring = {name: scorer(name) for name in ("l1_loss", "mse_loss")}
    for loss in ("mse_loss", "huber_loss", "log_cosh_loss"):
        model = HistGradientBoostingRegressor(loss=boosting_loss(loss), max_iter=40)
        found = cross_validate(model, x, t, scoring=scoring)
        errors = ", ".join(f"{name} {-found[f'test_{name}'].mean():8.2f}" for name in scoring)
        print(f"boosted with {loss:14} {errors}")


if __name__ == "__main__":
    main()
