"""Boosters trained for real: the built-in objective's predictions, and losses that they lack."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import lossary
from lossary import LossaryError, adapters, loss
from lossary.domains import PLUS_MINUS_ONE
from lossary.formula import maximum

ROUNDS = 20
WEIGHTED = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
BOOSTERS = ("xgboost", "lightgbm", "catboost")


def own_loss() -> Callable[..., Any]:
    """Return a loss as a user would write it."""

    @loss(targets=PLUS_MINUS_ONE)
    def quadratic_hinge_loss(inputs: Any, targets: Any) -> Any:
        return maximum(0, 1 - targets * inputs) ** 2

    return quadratic_hinge_loss


def _weights(size: int, weighted: bool) -> np.ndarray | None:
    return np.random.default_rng(1).uniform(0.2, 3, size) if weighted else None


def train(library: str, x: Any, t: Any, w: Any, objective: Any, classes: int = 0) -> np.ndarray:
    """Train from the start value 0; return raw predictions for the training data."""
    return {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}[library](
        x, t, w, objective, classes
    )


def _xgboost(x: Any, t: Any, w: Any, objective: Any, classes: int) -> np.ndarray:
    xgb = pytest.importorskip("xgboost")
    data = xgb.DMatrix(x, t, weight=w)
    start = 0.5 if objective == "binary:logistic" else 0.0  # a probability there, 0 as a margin
    params = {"base_score": start, "nthread": 1, "disable_default_eval_metric": 1, "max_depth": 3}
    if classes:
        params["num_class"] = classes
    if callable(objective):
        model = xgb.train(params, data, ROUNDS, obj=objective)
    else:
        model = xgb.train({**params, "objective": objective}, data, ROUNDS)
    return model.predict(data, output_margin=True)


def _lightgbm(x: Any, t: Any, w: Any, objective: Any, classes: int) -> np.ndarray:
    lgb = pytest.importorskip("lightgbm")
    params = {"objective": objective, "boost_from_average": False, "verbose": -1,
              "num_threads": 1, "deterministic": True}  # fmt: skip
    if classes:
        params["num_class"] = classes
    return lgb.train(params, lgb.Dataset(x, t, weight=w), ROUNDS).predict(x, raw_score=True)


def _catboost(x: Any, t: Any, w: Any, objective: Any, classes: int) -> np.ndarray:
    cb = pytest.importorskip("catboost")
    logistic = objective == "Logloss" or len(set(t)) == 2
    model = cb.CatBoost({"loss_function": objective, "iterations": ROUNDS, "verbose": False,
                         "eval_metric": "Logloss" if logistic else "RMSE", "thread_count": 1,
                         "boost_from_average": False, "leaf_estimation_method": "Newton",
                         "leaf_estimation_iterations": 1, "allow_writing_files": False,
                         "learning_rate": 0.1, "depth": 3})  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the method was not compiled
        model.fit(x, t, sample_weight=w)
    return model.predict(x, prediction_type="RawFormulaVal")


def objective(library: str, *given: Any, **choices: Any) -> Callable[..., Any]:
    pytest.importorskip(library)
    return getattr(adapters, library).objective(*given, **choices)


@WEIGHTED
@pytest.mark.parametrize(
    ("library", "built_in"),
    [("xgboost", "reg:squarederror"), ("lightgbm", "l2"), ("catboost", "RMSE")],
)
def test_squared_error_is_the_built_in_one(library: str, built_in: str, weighted: bool) -> None:
    x, t = load_diabetes(return_X_y=True)
    w = _weights(len(t), weighted)
    ours = train(library, x, t, w, objective(library, "mse_loss", scale=0.5))
    theirs = train(library, x, t, w, built_in)
    np.testing.assert_allclose(ours, theirs, rtol=2e-4)


@WEIGHTED
@pytest.mark.parametrize(
    ("library", "built_in"),
    [("xgboost", "binary:logistic"), ("lightgbm", "binary"), ("catboost", "Logloss")],
)
def test_logistic_loss_is_the_built_in_one(library: str, built_in: str, weighted: bool) -> None:
    x, t = load_breast_cancer(return_X_y=True)
    w = _weights(len(t), weighted)
    ours = train(library, x, t, w, objective(library, "binary_cross_entropy", hessian="exact"))
    theirs = train(library, x, t, w, built_in)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


@WEIGHTED
@pytest.mark.parametrize(
    ("library", "built_in", "factor"),
    [("xgboost", "multi:softmax", 2.0), ("lightgbm", "multiclass", 1.5)],
)
def test_softmax_is_the_built_in_one(
    library: str, built_in: str, factor: float, weighted: bool
) -> None:
    x, t = load_wine(return_X_y=True)
    w = _weights(len(t), weighted)
    chosen = objective(library, "cross_entropy", hessian="exact", hessian_factor=factor)
    ours = train(library, x, t, w, chosen, classes=3)
    theirs = train(library, x, t, w, built_in, classes=3)
    assert ours.shape == (len(t), 3)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


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
        chosen = objective(library, "log_cosh_loss", scale=t.std() / unit)
        fitted = train(library, x, t / unit, None, chosen) * unit
        assert np.isfinite(fitted).all()
        assert np.mean((fitted - t) ** 2) < 0.7 * t.var()


@pytest.mark.filterwarnings("ignore:The argument .eval_set.")
def test_estimators_take_the_sklearn_interface() -> None:
    xgb, lgb = pytest.importorskip("xgboost"), pytest.importorskip("lightgbm")
    x, t = load_diabetes(return_X_y=True)
    w = _weights(len(t), True)
    for library, make in (
        ("xgboost", lambda f: xgb.XGBRegressor(objective=f, n_estimators=5, base_score=0.0)),
        ("lightgbm", lambda f: lgb.LGBMRegressor(objective=f, n_estimators=5, verbose=-1)),
    ):
        module = getattr(adapters, library)
        plain = make(module.objective("mse_loss", scale=0.5, interface="sklearn"))
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
    gradient, hessian = objective("xgboost", "mse_loss", scale=0.5)(predictions, data)
    np.testing.assert_array_equal(gradient, [[1, 2], [6, 8]])
    np.testing.assert_array_equal(hessian, [[1, 1], [2, 2]])
    for policy in ("gauss-newton", "expected", 0.1):
        chosen = objective("xgboost", "mse_loss", scale=0.5, hessian=policy)
        np.testing.assert_allclose(chosen(predictions, data)[1], [[1, 1], [2, 2]], rtol=1e-3)
    _, value = adapters.xgboost.metric("mse_loss")(predictions, data)
    assert value == pytest.approx((1 + 4 + 2 * (9 + 16)) / 6)


def test_several_targets_train_as_the_built_in_objective_does() -> None:
    xgb = pytest.importorskip("xgboost")
    x, t = load_diabetes(return_X_y=True)
    both, w = np.stack([t, -t], axis=1), _weights(len(t), True)
    given = {"n_estimators": 5, "base_score": 0.0, "n_jobs": 1}
    score = adapters.xgboost.metric("mse_loss", interface="sklearn")
    chosen = objective("xgboost", "mse_loss", scale=0.5, interface="sklearn")
    ours = xgb.XGBRegressor(objective=chosen, eval_metric=score, **given)
    sets = {"eval_set": [(x, both)], "sample_weight_eval_set": [w], "verbose": False}
    ours.fit(x, both, sample_weight=w, **sets)
    theirs = xgb.XGBRegressor(**given).fit(x, both, sample_weight=w)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-5)
    expected = np.average((ours.predict(x) - both) ** 2, axis=0, weights=w).mean()
    assert ours.evals_result()["validation_0"]["mse_loss"][-1] == pytest.approx(expected, rel=1e-5)


SAID = [
    ("xgboost", "objective", ("mse_loss",), {"scale": 0.5}, "mse_loss, scale=0.5, hessian=1e-06"),
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


def test_initial_score_minimises() -> None:
    t, w = np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 2.0])
    assert adapters.initial_score("mse_loss", t, w) == pytest.approx(5.25, rel=1e-15)
    assert adapters.initial_score("l1_loss", t) == 2.0
    both = np.stack([t, t + 1], axis=1)
    assert adapters.initial_score("mse_loss", both, w) == pytest.approx(5.75, rel=1e-15)
    assert adapters.initial_score("huber_loss", [-50.0, 50.0]) == 0.0  # flat between the two
    labels = np.array([0, 1, 1, 1, 1])
    assert adapters.initial_score("binary_cross_entropy", labels) == pytest.approx(np.log(4))
    with pytest.raises(ValueError, match="must have a constant prediction with the least loss"):
        adapters.initial_score("binary_cross_entropy", np.ones(3))
    with pytest.raises(ValueError, match="must not be empty"):
        adapters.initial_score("mse_loss", [])
    with pytest.raises(ValueError, match=r"targets must be finite, got nan at \(1,\)"):
        adapters.initial_score("mse_loss", [1.0, np.nan])
    with pytest.raises(LossaryError, match="targets must hold real numbers, got dtype <U1"):
        adapters.initial_score("mse_loss", ["a"])
    with pytest.raises(LossaryError, match=r"parameters must be those of huber_loss \(delta\)"):
        adapters.initial_score("huber_loss", [1.0], dleta=2.0)
    with pytest.raises(ValueError, match="weights must be at least 0, and one of them more"):
        adapters.initial_score("mse_loss", [1.0, 2.0], [0.0, 0.0])


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
        ("lightgbm", "mse_loss", {"scale": -1.0}, "scale must be a positive number"),
        ("lightgbm", "mse_loss", {"scale": None}, "scale must be a positive number, got NoneType"),
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


def _derive(loss: Any, x: Any, t: Any, **choices: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return what XGBoost would be given for these predictions."""
    xgb = pytest.importorskip("xgboost")
    data = xgb.DMatrix(np.zeros((len(t), 1)), np.asarray(t, float))
    return adapters.xgboost.objective(loss, **choices)(np.asarray(x, np.float64), data)


def test_what_is_passed_on_by_default() -> None:
    """Bounded gradients: steps as long as the residuals; flat parts of classes: floor of 1."""
    assert _derive("l1_loss", [4.0], [0.0])[1] == 1 / 8
    assert _derive("huber_loss", [4.0], [0.0], delta=2.0)[1] == 4 / (2 * 6)
    assert _derive("log_cosh_loss", [1e9], [0.0])[1] == pytest.approx(0.5e-9)
    assert _derive("hinge_loss", [-3.0], [1.0])[1] == 1.0
    assert _derive("binary_cross_entropy", [-30.0], [1.0])[1] == 1e-6
    assert _derive("mse_loss", [3.0], [0.0])[1] == 2.0
    assert _derive(own_loss(), [3.0], [1.0])[1] == 1e-6
    assert _derive("nll_loss", [[0.0, -1.0]], [1])[1][0, 1] == 1.0


def test_gauss_newton_is_the_curvature_of_half_a_square() -> None:
    x = np.array([-40.0, -0.3, 0.0, 2.0, 1e-9, 1e6])
    hessian = _derive("mse_loss", x, np.zeros(6), hessian="gauss-newton")[1]
    np.testing.assert_allclose(hessian, 2.0, rtol=1e-15)
    hessian = _derive("l1_loss", [4.0, 0.0], [0.0, 0.0], hessian="gauss-newton")[1]
    np.testing.assert_allclose(hessian, [1 / 8, 1e-16], rtol=1e-15)
    logits = np.array([[2.0, 0.0, -1.0]])
    gradient, hessian = _derive("cross_entropy", logits, [1], hessian="gauss-newton")
    value = np.log(np.exp(logits).sum()) - logits[0, 1]
    np.testing.assert_allclose(hessian, gradient**2 / (2 * value), rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "information"),
    [("mse_loss", 2.0), ("l1_loss", 1.0), ("log_cosh_loss", 0.5)],  # by hand: E[loss'²]
)
def test_expected_hessian_of_residuals(name: str, information: float) -> None:
    hessian = _derive(name, [-5.0, 0.1], [0.0, 0.0], hessian="expected")[1]
    np.testing.assert_allclose(hessian, information, rtol=1e-3)


def test_expected_hessian_of_classes() -> None:
    """The logarithms of normalised likelihoods have the exact one, whatever the targets."""
    x = np.linspace(-9, 9, 7)
    for name, choices in (("binary_cross_entropy", {}), ("cross_entropy", {"hessian_factor": 2.0})):
        given = x if name == "binary_cross_entropy" else np.stack([x, 0 * x, -x], axis=1)
        exact = _derive(name, given, np.ones(7), hessian="exact", **choices)[1]
        expected = _derive(name, given, np.zeros(7), hessian="expected", **choices)[1]
        np.testing.assert_allclose(expected, exact, rtol=1e-12)
    hinge = _derive("hinge_loss", [0.0], [1.0], hessian="expected")[1]
    np.testing.assert_allclose(hinge, 1.0, rtol=1e-15)  # at 0 both labels have gradients of 1


def test_expected_hessian_needs_a_likelihood() -> None:
    @loss
    def bounded_loss(inputs: Any, targets: Any) -> Any:
        return (inputs - targets) ** 2 / (1 + (inputs - targets) ** 2)

    with pytest.raises(LossaryError, match="hessian must be another policy than 'expected'"):
        _derive(bounded_loss, [0.0], [1.0], hessian="expected")


@pytest.mark.parametrize("policy", ["gauss-newton", "expected"])
@pytest.mark.parametrize("library", BOOSTERS)
def test_policies_train(library: str, policy: str) -> None:
    x, t = load_breast_cancer(return_X_y=True)
    chosen = objective(library, "binary_cross_entropy", hessian=policy)
    scores = train(library, x, t, None, chosen)
    assert np.mean((scores > 0) == t) > 0.95
    x, t = load_diabetes(return_X_y=True)
    t = (t - t.mean()) / t.std()
    fitted = train(library, x, t, None, objective(library, "log_cosh_loss", hessian=policy))
    assert np.mean((fitted - t) ** 2) < 0.75


def test_labels_are_not_rounded() -> None:
    with pytest.raises(LossaryError, match=r"targets must be integers from 0 to C-1, got 1\.5 at"):
        _derive("cross_entropy", np.zeros((2, 3)), [0, 1.5])


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
    np.testing.assert_array_equal(found, _derive("mse_loss", predictions, [1.0, 0.0]))


def test_class_weights_fit_the_data() -> None:
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    logits, labels = np.zeros((4, 4)), np.arange(4)
    plain = _derive("cross_entropy", logits, labels)
    weighted = _derive("cross_entropy", logits, labels, class_weights=weights)
    np.testing.assert_allclose(weighted, np.array(plain) * weights[:, None], rtol=1e-15)


def test_a_positive_label_of_any_name() -> None:
    plain = _derive("binary_cross_entropy", [0.5, 0.5], [1, 0])
    named = _derive("binary_cross_entropy", [0.5, 0.5], [7, 3], positive=7)
    np.testing.assert_array_equal(named, plain)


def test_missing_library_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "catboost", None)
    with pytest.raises(ImportError, match="pip install catboost"):
        adapters.catboost.objective("mse_loss")
