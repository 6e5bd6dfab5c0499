"""Losses that boosters lack, trained for real; metrics, weights, classes, copies and messages."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from boosters import (
    BOOSTERS,
    data_for,
    derive,
    elementwise,
    objective,
    own_loss,
    sample_weights,
    train,
)
from cases import REPRESENTATIVES
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes

import lossary
from lossary import LossaryError, adapters
from lossary.domains import DISTANCES


@pytest.mark.parametrize("library", BOOSTERS)
@pytest.mark.parametrize("own", [False, True], ids=["hinge", "own"])
def test_margin_losses_train(library: str, own: bool) -> None:
    name = own_loss() if own else "hinge_loss"
    x, t = load_breast_cancer(return_X_y=True)
    scores = train(library, x, t, None, objective(library, name, positive=1))
    assert np.isfinite(scores).all()
    assert np.mean((scores > 0) == t) > 0.93


@pytest.mark.parametrize("library", BOOSTERS)
def test_log_cosh_trains(library: str) -> None:
    x, t = load_diabetes(return_X_y=True)
    t = t - t.mean()
    for unit in (1.0, t.std()):  # steps follow the size of the residuals
        chosen = objective(library, "log_cosh_loss", factor=t.std() / unit)
        fitted = train(library, x, t / unit, None, chosen) * unit
        assert np.isfinite(fitted).all()
        assert np.mean((fitted - t) ** 2) < 0.7 * t.var()


@pytest.mark.parametrize(
    ("record", "others"),
    [
        pytest.param(
            *item,
            id=item[0].name,
            marks=() if item[0].name in REPRESENTATIVES else pytest.mark.exhaustive,
        )
        for item in elementwise()
    ],
)
def test_every_elementwise_loss_is_an_objective_in_one_line(
    record: lossary.Loss, others: dict[str, float]
) -> None:
    x, t = data_for(record)
    margin = record.targets.two_classes == (-1.0, 1.0)
    given = {**others, "positive": 1} if margin else others
    # The raw predictions are real numbers; distances, at least 0, have no form that takes these.
    given |= {name: True for name in ("log_input", "with_logits") if name in record.parameters}
    distances = record.domains.get("inputs") is DISTANCES
    parameters = {name: value for name, value in given.items() if name != "positive"}

    targets = 2.0 * t - 1 if margin else t

    def mean(scores: Any) -> float:
        return float(record.function(scores, targets=targets, reduction="mean", **parameters))

    if not lossary.grad(record.function)(np.zeros(t.shape), targets=targets, **parameters).any():
        pytest.skip("all scores start from a kink, where the slope is 0")
    with lossary.options(domain="ignore" if distances else "warn"):
        for library in BOOSTERS:
            chosen = objective(library, record.function, **given)
            scores = train(library, x, t, None, chosen, rounds=3)
            assert mean(scores) < mean(np.zeros(t.shape)), library


@pytest.mark.filterwarnings("ignore:The argument .eval_set.")
def test_estimators_take_the_sklearn_interface() -> None:
    xgb, lgb = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    x, t = load_diabetes(return_X_y=True)
    w = sample_weights(len(t), True)
    for library, make in (
        ("xgboost", lambda f: xgb.XGBRegressor(objective=f, n_estimators=5, base_score=0.0)),
        ("lightgbm", lambda f: lgb.LGBMRegressor(objective=f, n_estimators=5, verbose=-1)),
    ):
        module = getattr(adapters, library)
        plain = make(module.objective("mse_loss", factor=0.5, interface="sklearn"))
        score = module.metric("l1_loss", interface="sklearn")
        if library == "xgboost":
            plain.set_params(eval_metric=score).fit(x, t, sample_weight=w, verbose=False)
        else:
            plain.fit(x, t, sample_weight=w, eval_set=[(x, t)], eval_metric=score)
        assert np.mean((plain.predict(x) - t) ** 2) < np.mean(t**2)


def test_metric_is_the_weighted_mean() -> None:
    xgb, lgb = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    t, w = np.array([1.0, 3.0]), np.array([1.0, 3.0])
    name, value = adapters.xgboost.metric("l1_loss")(
        np.zeros(2, "f4"), xgb.DMatrix(t[:, None], t, weight=w)
    )
    assert (name, value) == ("l1_loss", 2.5)
    data = lgb.Dataset(t[:, None], t, weight=w)
    assert adapters.lightgbm.metric("l1_loss")(np.zeros(2), data) == ("l1_loss", 2.5, False)


def test_rows_of_several_targets_are_weighted() -> None:
    xgb = pytest.importorskip("xgboost")
    predictions = np.array([[1.0, 2.0], [3.0, 4.0]], "f4")
    data = xgb.DMatrix(np.zeros((2, 1)), np.zeros((2, 2)), weight=[1.0, 2.0])
    gradient, hessian = objective("xgboost", "mse_loss", factor=0.5)(predictions, data)
    np.testing.assert_array_equal(gradient, [[1, 2], [6, 8]])
    np.testing.assert_array_equal(hessian, [[1, 1], [2, 2]])
    for policy in ("gauss-newton", "expected", 0.1):
        chosen = objective("xgboost", "mse_loss", factor=0.5, hessian=policy)
        np.testing.assert_allclose(chosen(predictions, data)[1], [[1, 1], [2, 2]], rtol=1e-3)
    _, value = adapters.xgboost.metric("mse_loss")(predictions, data)
    assert value == pytest.approx((1 + 4 + 2 * (9 + 16)) / 6)


def test_several_targets_train_as_the_built_in_objective_does() -> None:
    xgb = pytest.importorskip("xgboost")
    x, t = load_diabetes(return_X_y=True)
    both, w = np.stack([t, -t], axis=1), sample_weights(len(t), True)
    given = {"n_estimators": 5, "base_score": 0.0, "n_jobs": 1}
    score = adapters.xgboost.metric("mse_loss", interface="sklearn")
    chosen = objective("xgboost", "mse_loss", factor=0.5, interface="sklearn")
    ours = xgb.XGBRegressor(objective=chosen, eval_metric=score, **given)
    sets = {"eval_set": [(x, both)], "sample_weight_eval_set": [w], "verbose": False}
    ours.fit(x, both, sample_weight=w, **sets)
    theirs = xgb.XGBRegressor(**given).fit(x, both, sample_weight=w)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-5)
    expected = np.average((ours.predict(x) - both) ** 2, axis=0, weights=w).mean()
    assert ours.evals_result()["validation_0"]["mse_loss"][-1] == pytest.approx(expected, rel=1e-5)


SAID = [
    ("xgboost", "objective", ("mse_loss",), {"factor": 0.5}, "mse_loss, factor=0.5, hessian=1e-06"),
    ("lightgbm", "objective", ("huber_loss",), {"interface": "sklearn", "delta": 2.0},
     "huber_loss, interface='sklearn', hessian='gauss-newton', delta=2.0"),
    ("catboost", "objective", ("hinge_loss",), {"positive": 1, "hessian": "exact"},
     "hinge_loss, positive=1, hessian='exact'"),
    ("xgboost", "objective", ("cross_entropy",),
     {"hessian": 0.5, "hessian_factor": 2.0, "class_weights": np.ones(3)},
     "cross_entropy, hessian=0.5, hessian_factor=2.0, class_weights=ndarray of shape (3,)"),
    ("lightgbm", "metric", ("l1_loss",), {}, "l1_loss"),
    ("sklearn", "boosting_loss", ("l1_loss",), {}, "l1_loss, hessian='gauss-newton'"),
]  # fmt: skip


@pytest.mark.parametrize(("library", "name", "given", "choices", "said"), SAID)
def test_objectives_say_what_they_are_and_are_pickled(
    library: str, name: str, given: Any, choices: dict[str, Any], said: str
) -> None:
    pytest.importorskip(library)
    made = getattr(getattr(adapters, library), name)(*given, **choices)
    for one in (made, pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        assert repr(one) == f"adapters.{library}.{name}({said})"


@pytest.mark.filterwarnings("ignore")  # of the libraries: eval sets, methods that numba compiles
@pytest.mark.parametrize("library", BOOSTERS)
def test_fitted_boosters_are_copied_and_pickled(library: str) -> None:
    x, t = load_diabetes(return_X_y=True)
    estimator = _estimator(library, lossary.huber_loss).fit(x, t)
    expected = estimator.predict(x)
    for again in (pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)):
        np.testing.assert_array_equal(again.predict(x), expected)
    np.testing.assert_array_equal(clone(estimator).fit(x, t).predict(x), expected)


def _estimator(library: str, function: Any) -> Any:
    module = pytest.importorskip(library)
    if library == "catboost":
        chosen = adapters.catboost.objective(function)
        given = {"iterations": 3, "verbose": 0, "thread_count": 1, "allow_writing_files": False}
        return module.CatBoostRegressor(loss_function=chosen, eval_metric="RMSE", **given)
    chosen = getattr(adapters, library).objective(function, interface="sklearn")
    if library == "xgboost":
        score = adapters.xgboost.metric(function, interface="sklearn")
        return module.XGBRegressor(objective=chosen, eval_metric=score, n_estimators=3, n_jobs=1)
    return module.LGBMRegressor(objective=chosen, n_estimators=3, n_jobs=1, verbose=-1)


@pytest.mark.parametrize(
    ("library", "given", "choices", "message"),
    [
        ("catboost", "cross_entropy", {}, "must be elementwise"),
        ("xgboost", "triplet_loss", {}, "must take predictions and targets alone"),
        ("xgboost", "kl_div_loss", {}, "must take class labels"),
        (
            "xgboost",
            "mse_loss",
            {"hessian": "floor"},
            "hessian must be 'exact' or 'gauss-newton' or",
        ),
        ("lightgbm", "mse_loss", {"factor": -1.0}, "factor must be a positive number"),
        (
            "lightgbm",
            "mse_loss",
            {"factor": None},
            "factor must be a positive number, got NoneType",
        ),
        ("xgboost", "mse_loss", {"hessian": [1]}, "hessian must be a positive number, got list"),
        ("xgboost", "mse_loss", {"hessian": np.nan}, "hessian must be a positive number, got nan"),
        ("xgboost", "mse_loss", {"positive": 1}, "positive must be None for mse_loss, got 1"),
        ("lightgbm", "mse_loss", {"interface": "other"}, "interface must be 'native' or 'sklearn'"),
    ],
)
def test_choices_that_do_not_fit(
    library: str, given: str, choices: dict[str, Any], message: str
) -> None:
    with pytest.raises(LossaryError, match=message):
        objective(library, given, **choices)


def test_labels_are_not_rounded() -> None:
    with pytest.raises(LossaryError, match=r"targets must be integers from 0 to C-1, got 1\.5 at"):
        derive("cross_entropy", np.zeros((2, 3)), [0, 1.5])


def test_labels_on_a_device_are_brought_to_the_predictions() -> None:
    pytest.importorskip("xgboost")

    class OnDevice:
        __cuda_array_interface__: dict[str, Any] = {}  # noqa: RUF012

        def get(self) -> np.ndarray:
            return np.array([1.0, 0.0])

    class Data:
        get_label = staticmethod(OnDevice)
        get_weight = staticmethod(lambda: np.zeros(0))

    predictions = np.array([0.5, -2.0])
    found = adapters.xgboost.objective("mse_loss")(predictions, Data())
    np.testing.assert_array_equal(found, derive("mse_loss", predictions, [1.0, 0.0]))


def test_class_weights_fit_the_data() -> None:
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    logits, labels = np.zeros((4, 4)), np.arange(4)
    plain = derive("cross_entropy", logits, labels)
    weighted = derive("cross_entropy", logits, labels, class_weights=weights)
    np.testing.assert_allclose(weighted, np.array(plain) * weights[:, None], rtol=1e-15)


def test_a_positive_label_of_any_name() -> None:
    plain = derive("binary_cross_entropy", [0.5, 0.5], [1, 0])
    named = derive("binary_cross_entropy", [0.5, 0.5], [7, 3], positive=7)
    np.testing.assert_array_equal(named, plain)


def test_missing_library_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "catboost", None)
    with pytest.raises(ImportError, match="pip install catboost"):
        adapters.catboost.objective("mse_loss")
