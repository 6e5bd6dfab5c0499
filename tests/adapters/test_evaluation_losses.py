"""Losses for evaluation only: metrics everywhere, and refused where something is to be trained."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import table
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import lossary
from lossary import adapters
from lossary.domains import PLUS_MINUS_ONE
from lossary.formula import where

SOURCE = '''
from lossary import loss
from lossary.domains import PLUS_MINUS_ONE
from lossary.formula import where

@loss(targets=PLUS_MINUS_ONE, evaluation=True)
def wrong_side_loss(inputs, targets):
    """Whether a score is on the wrong side."""
    return where(targets * inputs > 0, 0, 1)
'''


def wrong_side() -> Callable[..., Any]:
    """Return a loss whose gradient is 0 everywhere."""

    @lossary.loss(targets=PLUS_MINUS_ONE, evaluation=True)
    def wrong_side_loss(inputs: Any, targets: Any) -> Any:
        return where(targets * inputs > 0, 0, 1)

    return wrong_side_loss


SCORES, LABELS = np.array([0.5, -1.0, 2.0, -0.25]), np.array([1.0, 1.0, 0.0, 0.0])
WEIGHTS = np.array([1.0, 2.0, 4.0, 1.0])


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_boosters_take_them_as_metrics(library: str) -> None:
    module = pytest.importorskip(library)
    metric = getattr(adapters, library).metric(wrong_side(), positive=1)
    if library == "catboost":
        total, weight = metric.evaluate([SCORES], LABELS, WEIGHTS)
        assert metric.get_final_error(total, weight) == 0.75
        assert metric.evaluate([SCORES], LABELS, None) == (2.0, 4.0)
        return
    make = module.DMatrix if library == "xgboost" else module.Dataset
    name, value, *_ = metric(SCORES, make(np.zeros((4, 1)), LABELS, weight=WEIGHTS))
    assert (name, value) == ("wrong_side_loss", 0.75)


def test_scorers_and_torchmetrics_take_them() -> None:
    x, t = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, t)
    score = adapters.sklearn.scorer(wrong_side())(model, x, t)
    assert score == pytest.approx(model.score(x, t) - 1, abs=1e-12)
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchmetrics")
    metric = adapters.torchmetrics.metric(wrong_side())
    metric.update(torch.tensor(SCORES), torch.tensor(2 * LABELS - 1))
    assert float(metric.compute()) == 0.5


def test_the_command_line_scores_them(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SOURCE)
    rows = "\n".join(f"{x},{int(2 * t - 1)}" for x, t in zip(SCORES, LABELS, strict=True))
    (tmp_path / "scores.csv").write_text(f"margin,label\n{rows}\n")
    command = [sys.executable, "-m", "lossary", "score", "scores.csv", "--inputs", "margin",
               "--targets", "label", "--loss", "own.py:wrong_side_loss"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    (record,) = table(done.stdout)
    assert float(record["mean"]) == 0.5


def _trainers() -> list[Any]:
    def boosting(library: str) -> Callable[[Any], Any]:
        return lambda loss: getattr(adapters, library).objective(loss, positive=1)

    return [
        *(pytest.param(name, boosting(name), id=name) for name in ("xgboost", "lightgbm")),
        pytest.param("catboost", boosting("catboost"), id="catboost"),
        pytest.param("sklearn", adapters.sklearn.boosting_loss, id="sklearn"),
        pytest.param("scipy", lambda f: adapters.scipy.linear_problem(f, np.ones((1, 1)), [1]),
                     id="scipy"),
        pytest.param("torch", lambda f: adapters.torch.module(f), id="torch"),
        pytest.param("keras", lambda f: adapters.keras.loss(f), id="keras"),
        pytest.param("numpy", lambda f: adapters.initial_score(f, [1.0]), id="initial_score"),
    ]  # fmt: skip


@pytest.mark.parametrize(("library", "make"), _trainers())
def test_what_trains_refuses_them(
    library: str, make: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    pytest.importorskip(library)
    message = "loss must have a gradient to train with, got wrong_side_loss, which is for evaluat"
    with pytest.raises(ValueError, match=message):
        make(wrong_side())


def test_errors_are_counted_by_those_of_the_package() -> None:
    x, t = load_wine(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(x, t)
    score = adapters.sklearn.scorer("multiclass_zero_one_loss")(model, x, t)
    assert score == pytest.approx(model.score(x, t) - 1, abs=1e-12)
    assert score < 0
    xgboost = pytest.importorskip("xgboost")
    metric = adapters.xgboost.metric("zero_one_loss", positive=1)
    assert metric(SCORES, xgboost.DMatrix(np.zeros((4, 1)), LABELS)) == ("zero_one_loss", 0.5)
    for record in lossary.list_losses():
        if record.evaluation:
            with pytest.raises(ValueError, match="which is for evaluation"):
                adapters.xgboost.objective(record.function)


@pytest.mark.filterwarnings("ignore")  # of CatBoost: numba, and methods that it compiles
def test_catboost_reports_a_metric_under_its_loss_s_name() -> None:
    catboost = pytest.importorskip("catboost")
    x, t = load_breast_cancer(return_X_y=True)
    w = np.random.default_rng(0).uniform(0.2, 3, len(t))
    metric = adapters.catboost.metric("hinge_loss", positive=1)
    given = {"iterations": 3, "verbose": 0, "thread_count": 1, "allow_writing_files": False}
    model = catboost.CatBoostClassifier(eval_metric=metric, **given).fit(x, t, sample_weight=w)
    raw = model.predict(x, prediction_type="RawFormulaVal")
    expected = np.average(lossary.hinge_loss(raw, 2.0 * t - 1), weights=w)
    assert model.get_best_score()["learn"]["hinge_loss"] == pytest.approx(expected)
    for again in (pickle.loads(pickle.dumps(metric)), copy.deepcopy(metric)):
        assert repr(again) == "adapters.catboost.metric(hinge_loss, positive=1)"
        assert type(again) is type(metric)


def test_catboost_metrics_of_classes() -> None:
    pytest.importorskip("catboost")
    metric = adapters.catboost.metric("cross_entropy")
    logits, labels = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]]), np.array([0.0, 1.0])
    total, weight = metric.evaluate(list(logits.T), labels, None)
    expected = lossary.cross_entropy(logits, labels.astype(int)).sum()
    assert (total, weight) == (pytest.approx(expected), 2.0)
    assert metric.is_max_optimal() is False
