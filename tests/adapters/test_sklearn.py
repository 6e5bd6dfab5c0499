"""Losses as scikit-learn scorers, and as losses of its gradient boosting."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

import lossary
from lossary.adapters.sklearn import boosting_loss, scorer
from lossary.errors import LossaryError


def _classifier() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression())


@pytest.mark.parametrize(
    ("load", "name"), [(load_wine, "cross_entropy"), (load_breast_cancer, "binary_cross_entropy")]
)
def test_entropies_are_log_loss(load: Any, name: str) -> None:
    x, t = load(return_X_y=True)
    ours = cross_val_score(_classifier(), x, t, scoring=scorer(name))
    theirs = cross_val_score(_classifier(), x, t, scoring="neg_log_loss")
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_class_losses_score_two_classes(method: str) -> None:
    x, t = load_breast_cancer(return_X_y=True)
    names = np.array(["malignant", "benign"])[t]
    model = _classifier().fit(x, names)
    w = np.random.default_rng(0).uniform(0.1, 3, len(t))
    score = scorer("cross_entropy", response_method=method)
    for weights in (None, w):
        expected = -log_loss(names, model.predict_proba(x), sample_weight=weights)
        found = score(model, x, names, sample_weight=weights)
        assert found == pytest.approx(expected, rel=1e-9)
    benign = names == "benign"
    with pytest.raises(LossaryError, match="labels must be as many as the model's columns"):
        score(model, x[benign], names[benign])
    part = scorer("cross_entropy", response_method=method, labels=model.classes_)
    expected = np.log(model.predict_proba(x)[benign, 0]).mean()
    assert part(model, x[benign], names[benign]) == pytest.approx(expected)


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_brier_scores_are_scikit_learns(load: Any) -> None:
    x, t = load(return_X_y=True)
    model = _classifier().fit(x, t)
    shares = model.predict_proba(x)
    squares = ((shares - np.eye(shares.shape[1])[t]) ** 2).sum(axis=1)
    found = scorer("multiclass_brier_loss")(model, x, t)
    assert found == pytest.approx(-squares.mean(), rel=1e-10)
    if shares.shape[1] == 2:
        assert scorer("brier_loss")(model, x, t) == pytest.approx(found / 2, rel=1e-10)


def test_rows_of_several_targets_are_weighted() -> None:
    """Weights of rows beside a loss that has a value for every target."""
    x, t = load_wine(return_X_y=True)
    many = np.eye(3)[t]
    w = np.random.default_rng(0).uniform(0.1, 3, len(t))
    model = OneVsRestClassifier(_classifier()).fit(x, many)
    p = model.predict_proba(x)
    each = -(many * np.log(p) + (1 - many) * np.log(1 - p)).mean(axis=1)
    found = scorer("binary_cross_entropy")(model, x, many, sample_weight=w)
    assert found == pytest.approx(-np.average(each, weights=w))
    with pytest.raises(LossaryError, match=r"weights must .*got shape \(1,\)"):
        scorer("l1_loss")(LinearRegression().fit(x, many), x, many, sample_weight=[1.0])


def test_choices_that_do_not_fit_a_scorer() -> None:
    with pytest.raises(LossaryError, match="loss must take class labels, got kl_div_loss"):
        scorer("kl_div_loss")
    with pytest.raises(LossaryError, match="response_method must be None or 'predict' or"):
        scorer("cross_entropy", response_method=["decision_function", "predict_proba"])


def test_losses_of_thresholds_are_no_scores_of_classifiers() -> None:
    with pytest.raises(LossaryError, match=r"a column per class, got ordinal_cross_entropy"):
        scorer("ordinal_cross_entropy")


def test_regression_losses_are_given_predictions() -> None:
    x, t = load_diabetes(return_X_y=True)
    w = np.random.default_rng(0).uniform(0.1, 3, len(t))
    model = LinearRegression().fit(x, t)
    errors = np.abs(model.predict(x) - t)
    assert scorer("l1_loss")(model, x, t) == pytest.approx(-errors.mean())
    weighted = scorer("l1_loss")(model, x, t, sample_weight=w)
    assert weighted == pytest.approx(-np.average(errors, weights=w))
    pairs = LinearRegression().fit(x, np.stack([t, -t], axis=1))
    weighted = scorer("l1_loss")(pairs, x, np.stack([t, -t], axis=1), sample_weight=w)
    assert weighted == pytest.approx(-np.average(errors, weights=w))


def test_margin_losses_are_given_the_decision_function() -> None:
    x, t = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    names = np.array(["malignant", "benign"])[t]
    for positive, sign in (("benign", 1), ("malignant", -1)):
        model = LinearSVC().fit(x, names)
        expected = lossary.hinge_loss(
            sign * np.where(model.classes_[1] == "benign", 1, -1) * model.decision_function(x),
            np.where(names == positive, 1.0, -1.0),
            reduction="mean",
        )
        assert scorer("hinge_loss", positive=positive)(model, x, names) == pytest.approx(-expected)


def test_logits_on_request() -> None:
    x, t = load_breast_cancer(return_X_y=True)
    model = _classifier().fit(x, t)
    by_logits = scorer("binary_cross_entropy", response_method="decision_function")(model, x, t)
    assert by_logits == pytest.approx(scorer("binary_cross_entropy")(model, x, t), rel=1e-9)


def test_classes_that_a_fold_lacks() -> None:
    x, t = load_wine(return_X_y=True)
    names = np.array(["c", "a", "b"])[t]
    model = _classifier().fit(x, names)
    few = names != "b"
    with pytest.raises(LossaryError, match=r"labels must be as many as the model's columns"):
        scorer("cross_entropy")(model, x[few], names[few])
    found = scorer("cross_entropy", labels=model.classes_)(model, x[few], names[few])
    rows, columns = np.flatnonzero(few), np.searchsorted(model.classes_, names[few])
    assert found == pytest.approx(np.log(model.predict_proba(x)[rows, columns]).mean())
    with pytest.raises(LossaryError, match=r"labels must hold every target, got .*'c'"):
        scorer("cross_entropy", labels=["a", "b", "d"])(model, x, names)


def test_scorers_search_in_parallel_and_are_pickled() -> None:
    x, t = load_breast_cancer(return_X_y=True)
    grid = {"logisticregression__C": [0.01, 1.0]}
    search = GridSearchCV(_classifier(), grid, scoring=scorer("hinge_loss"), n_jobs=2).fit(x, t)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    score = scorer("huber_loss", delta=2.0)
    x, t = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(x, t)
    assert pickle.loads(pickle.dumps(score))(model, x, t) == score(model, x, t)
    assert "huber_loss" in repr(score)


def test_similarities_keep_their_sign() -> None:
    with pytest.raises(LossaryError, match="loss must take predictions and targets alone"):
        scorer("cosine_similarity_loss")


# --- histogram gradient boosting --------------------------------------------------------------
@pytest.mark.parametrize("weighted", [False, True])
def test_squared_error_is_scikit_learns(weighted: bool) -> None:
    x, t = load_diabetes(return_X_y=True)
    w = np.random.default_rng(0).uniform(0.2, 3, len(t)) if weighted else None
    given = {"max_iter": 20, "early_stopping": True, "random_state": 0}
    loss = boosting_loss("mse_loss", factor=0.5)
    ours = HistGradientBoostingRegressor(loss=loss, **given).fit(x, t, w)
    theirs = HistGradientBoostingRegressor(**given).fit(x, t, w)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-9)


def test_absolute_error_is_scikit_learns_nearly() -> None:
    """Leaves are set to the constant with the least loss; a median of an even number is free."""
    x, t = load_diabetes(return_X_y=True)
    ours, theirs = (
        np.abs(HistGradientBoostingRegressor(loss=loss, max_iter=30).fit(x, t).predict(x) - t)
        for loss in (boosting_loss("l1_loss", hessian=1.0), "absolute_error")
    )
    searched = HistGradientBoostingRegressor(loss=boosting_loss("l1_loss"), max_iter=30).fit(x, t)
    assert np.abs(searched.predict(x) - t).mean() < 1.1 * theirs.mean() < ours.mean()


@pytest.mark.parametrize("name", ["huber_loss", "log_cosh_loss", "smooth_l1_loss"])
def test_robust_losses_train_and_are_pickled(name: str) -> None:
    x, t = load_diabetes(return_X_y=True)
    model = HistGradientBoostingRegressor(loss=boosting_loss(name), max_iter=30).fit(x, t)
    assert np.abs(model.predict(x) - t).mean() < 0.6 * np.abs(t - np.median(t)).mean()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert clone(model).loss is not None


def test_only_losses_of_real_targets_boost() -> None:
    for name in ("hinge_loss", "cross_entropy"):
        with pytest.raises(
            LossaryError, match="must be an elementwise loss of numbers, not of classes"
        ):
            boosting_loss(name)


class _Boosted(HistGradientBoostingRegressor):
    """An estimator whose loss is made when it is fitted, as scikit-learn's checks ask for."""

    def __init__(self, max_iter: int = 5, min_samples_leaf: int = 5) -> None:
        super().__init__(loss="squared_error", max_iter=max_iter, min_samples_leaf=min_samples_leaf)

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> _Boosted:
        self.loss = boosting_loss("mse_loss", factor=0.5)
        try:
            return super().fit(x, y, sample_weight)
        finally:
            self.loss = "squared_error"


@parametrize_with_checks(
    [_Boosted()],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "binning does not see the weights",
    },
)
def test_estimator_checks(estimator: Any, check: Any) -> None:
    check(estimator)
