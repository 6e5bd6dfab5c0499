"""Make the predictions in ``examples/data``: cross-validated scores of linear classifiers.

    python tools/make_predictions.py [FOLDER]

Both data sets ship with scikit-learn, so nothing is downloaded. Every score comes from the fold
that left its row out. Why logistic regression: its scores are log-odds, so that one column suits a
margin loss and a cross entropy alike, and its optimum is unique, so that the files can be made
again. Scores are rounded to six significant digits, beyond which they depend on the machine.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DEFAULT = Path(__file__).resolve().parent.parent / "examples" / "data"
SIZES = ("small", "medium", "large")


def scores(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return out-of-fold decision values and the fold of each row."""
    classes = len(np.unique(y))
    values = np.zeros((len(y), classes) if classes > 2 else len(y))
    folds = np.zeros(len(y), dtype=int)
    # Newton's method ends at the optimum to rounding, where lbfgs stops some 1e-5 away from it.
    classifier = LogisticRegression(solver="newton-cholesky", tol=1e-10)
    split = StratifiedKFold(n_splits=10, shuffle=True, random_state=0)
    for fold, (train, test) in enumerate(split.split(x, y)):
        model = make_pipeline(StandardScaler(), classifier)
        values[test] = model.fit(x[train], y[train]).decision_function(x[test])
        folds[test] = fold
    return values, folds


def rounded(values: np.ndarray) -> list[float]:
    """Return numbers with six significant digits."""
    return [float(f"{value:.6g}") for value in values]


def breast_cancer() -> dict[str, Sequence[object]]:
    """Margins of a two-class problem, with the tumour's size as a group."""
    data = load_breast_cancer()
    malignant = 1 - data.target
    margins, folds = scores(data.data, malignant)
    radius = data.data[:, list(data.feature_names).index("mean radius")]
    thirds = np.searchsorted(np.quantile(radius, [1 / 3, 2 / 3]), radius, side="right")
    return {
        "id": list(range(len(margins))),
        "fold": folds.tolist(),
        "margin": rounded(margins),
        "label": (2 * malignant - 1).tolist(),
        "malignant": malignant.tolist(),
        "size": [SIZES[third] for third in thirds],
    }


def breast_cancer_means() -> dict[str, Sequence[object]]:
    """Margins of the same rows by a model that sees ten of the thirty features."""
    data = load_breast_cancer()
    margins, _ = scores(data.data[:, :10], 1 - data.target)
    return {"id": list(range(len(margins))), "margin": rounded(margins)}


def wine() -> dict[str, Sequence[object]]:
    """Logits of a three-class problem."""
    data = load_wine()
    logits, folds = scores(data.data, data.target)
    return {
        "id": list(range(len(logits))),
        "fold": folds.tolist(),
        **{f"z_{k}": rounded(logits[:, k]) for k in range(3)},
        "label": data.target.tolist(),
    }


def write_csv(path: Path, columns: dict[str, Sequence[object]]) -> None:
    """Write columns as text."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def main(folder: Path) -> None:
    """Write the files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    margins = breast_cancer()
    write_csv(folder / "breast_cancer_margins.csv", margins)
    parquet.write_table(pyarrow.table(margins), folder / "breast_cancer_margins.parquet")
    write_csv(folder / "breast_cancer_means.csv", breast_cancer_means())
    write_csv(folder / "wine_logits.csv", wine())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)
