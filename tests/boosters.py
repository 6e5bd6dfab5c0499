"""Boosters trained from the start value 0, on small data, in one thread."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import lossary
from lossary import Loss, adapters
from lossary.domains import PLUS_MINUS_ONE
from lossary.formula import maximum

BOOSTERS = ("xgboost", "lightgbm", "catboost")
WEIGHTED = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
#: What XGBoost has to be told to start from 0: the value that the objective's link takes there.
_XGBOOST_STARTS = {
    "binary:logistic": 0.5,
    "reg:logistic": 0.5,
    "count:poisson": 1.0,
    "reg:gamma": 1.0,
    "reg:tweedie": 1.0,
}


def objective(library: str, *given: Any, **choices: Any) -> Callable[..., Any]:
    """Return an objective, or skip if the booster is missing."""
    pytest.importorskip(library)
    return getattr(adapters, library).objective(*given, **choices)


def derive(loss: Any, x: Any, t: Any, **choices: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return what XGBoost would be given for these predictions."""
    xgb = pytest.importorskip("xgboost")
    data = xgb.DMatrix(np.zeros((len(t), 1)), np.asarray(t, float))
    return adapters.xgboost.objective(loss, **choices)(np.asarray(x, np.float64), data)


def own_loss() -> Callable[..., Any]:
    """Return a loss as a user would write it."""

    @lossary.loss(targets=PLUS_MINUS_ONE)
    def quadratic_hinge_loss(inputs: Any, targets: Any) -> Any:
        return maximum(0, 1 - targets * inputs) ** 2

    return quadratic_hinge_loss


def elementwise() -> list[tuple[Loss, dict[str, Any]]]:
    """Return every elementwise loss that can be trained, with numbers for further arguments."""
    return [
        (record, {name: 1.5 for name in record.arguments[1:] if name != "targets"})
        for record in lossary.list_losses()
        if record.axis is None and not record.evaluation and "targets" in record.arguments
    ]


def sample_weights(size: int, weighted: bool) -> np.ndarray | None:
    return np.random.default_rng(1).uniform(0.2, 3, size) if weighted else None


def data_for(loss: Loss) -> tuple[np.ndarray, np.ndarray]:
    """Return features, and targets that a loss is meant for."""
    if loss.axis is not None:
        return load_wine(return_X_y=True)
    if loss.targets.two_classes is not None:
        return load_breast_cancer(return_X_y=True)
    x, t = load_diabetes(return_X_y=True)
    # In units of about 1, and at no distance from 0 at which a loss changes its branch.
    return x, np.round(t / 50) if loss.targets.name == "counts" else t / 50 + 0.0013


def train(
    library: str, x: Any, t: Any, w: Any, chosen: Any, rounds: int = 20, **settings: Any
) -> np.ndarray:
    """Train with an objective of the adapters, or one by its name; return raw predictions."""
    run = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}[library]
    return run(x, t, w, chosen, rounds, settings)


def _xgboost(x: Any, t: Any, w: Any, chosen: Any, rounds: int, settings: Any) -> np.ndarray:
    xgb = pytest.importorskip("xgboost")
    data = xgb.DMatrix(x, t, weight=w)
    start = _XGBOOST_STARTS.get(chosen, 0.0) if isinstance(chosen, str) else 0.0
    params = {"base_score": start, "nthread": 1, "disable_default_eval_metric": 1, "max_depth": 3}
    if callable(chosen):
        model = xgb.train(params | settings, data, rounds, obj=chosen)
    else:
        model = xgb.train({**params, "objective": chosen, **settings}, data, rounds)
    return model.predict(data, output_margin=True)


def _lightgbm(x: Any, t: Any, w: Any, chosen: Any, rounds: int, settings: Any) -> np.ndarray:
    lgb = pytest.importorskip("lightgbm")
    params = {"objective": chosen, "boost_from_average": False, "verbose": -1,
              "num_threads": 1, "deterministic": True, **settings}  # fmt: skip
    return lgb.train(params, lgb.Dataset(x, t, weight=w), rounds).predict(x, raw_score=True)


def _catboost(x: Any, t: Any, w: Any, chosen: Any, rounds: int, settings: Any) -> np.ndarray:
    cb = pytest.importorskip("catboost")
    two = set(np.unique(t)) == {0, 1}
    model = cb.CatBoost({"loss_function": chosen, "iterations": rounds, "verbose": False,
                         "eval_metric": "Logloss" if two else "RMSE", "thread_count": 1,
                         "boost_from_average": False, "leaf_estimation_method": "Newton",
                         "leaf_estimation_iterations": 1, "allow_writing_files": False,
                         "learning_rate": 0.1, "depth": 3, **settings})  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the method was not compiled
        model.fit(x, t, sample_weight=w)
    return model.predict(x, prediction_type="RawFormulaVal")
