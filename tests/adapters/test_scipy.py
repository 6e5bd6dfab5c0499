"""Linear models fitted with SciPy, against scikit-learn's."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import check_grad, minimize
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import scale

from lossary.adapters.scipy import linear_problem
from lossary.errors import LossaryError

KINDS = pytest.mark.parametrize("kind", [np.asarray, sp.csr_array, sp.csc_matrix])


def _solve(problem: Any, method: str) -> np.ndarray:
    more = {} if method == "L-BFGS-B" else {"hessp": problem.hessp}
    given = {"jac": True, "method": method, "tol": 1e-10, **more}
    return minimize(problem.fun, problem.x0, **given).x


@KINDS
@pytest.mark.parametrize("method", ["L-BFGS-B", "Newton-CG", "trust-ncg"])
def test_logistic_regression(kind: Any, method: str) -> None:
    x, t = load_breast_cancer(return_X_y=True)
    x, w = scale(x), np.random.default_rng(0).uniform(0.1, 2, len(t))
    theirs = LogisticRegression(tol=1e-12, max_iter=10_000).fit(x, t, w)
    problem = linear_problem("binary_cross_entropy", kind(x), t, weights=w, l2=1 / w.sum())
    found = _solve(problem, method)
    expected = np.append(theirs.coef_, theirs.intercept_)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    np.testing.assert_allclose(problem.predict(found, x), theirs.decision_function(x), atol=1e-2)


@KINDS
def test_ridge_regression_in_one_step(kind: Any) -> None:
    x, t = load_diabetes(return_X_y=True)
    problem = linear_problem("mse_loss", kind(x), t, l2=2e-3 / len(t), intercept=False)
    theirs = Ridge(alpha=1e-3, fit_intercept=False).fit(x, t)
    assert problem.x0.shape == (10,)
    np.testing.assert_allclose(_solve(problem, "trust-ncg"), theirs.coef_, rtol=1e-6)


def test_softmax_regression() -> None:
    x, t = load_wine(return_X_y=True)
    x = scale(x)
    theirs = LogisticRegression(tol=1e-10, max_iter=10_000).fit(x, t)
    problem = linear_problem("cross_entropy", x, t, l2=1 / len(t))
    scores = problem.predict(_solve(problem, "L-BFGS-B"), x)
    expected = theirs.decision_function(x)
    np.testing.assert_allclose(scores - scores[:, :1], expected - expected[:, :1], atol=1e-2)
    with pytest.raises(LossaryError, match="must be elementwise for hessp, got cross_entropy"):
        problem.hessp(problem.x0, problem.x0)


@pytest.mark.parametrize("name", ["huber_loss", "log_cosh_loss", "hinge_loss", "cross_entropy"])
@KINDS
def test_derivatives_agree_with_differences(name: str, kind: Any) -> None:
    rng = np.random.default_rng(1)
    x = kind(rng.normal(size=(40, 4)))
    t = rng.normal(size=40)
    if name == "hinge_loss":
        t = np.sign(t)
    elif name == "cross_entropy":
        t = rng.integers(0, 3, 40)
    problem = linear_problem(name, x, t, l2=0.1)
    point, direction = rng.normal(size=(2, problem.x0.size))
    assert check_grad(lambda p: problem.fun(p)[0], lambda p: problem.fun(p)[1], point) < 1e-6
    if name in {"huber_loss", "log_cosh_loss"}:
        step = 1e-6 * direction
        change = (problem.fun(point + step)[1] - problem.fun(point - step)[1]) / 2e-6
        np.testing.assert_allclose(problem.hessp(point, direction), change, atol=1e-7)


def test_products_follow_the_point() -> None:
    rng = np.random.default_rng(2)
    x, t = rng.normal(size=(30, 3)), rng.normal(size=30)
    moving = linear_problem("log_cosh_loss", x, t)
    point, direction = rng.normal(size=(2, 4))
    for _ in range(2):
        for _ in range(2):  # the second time from what is kept
            fresh = linear_problem("log_cosh_loss", x, t).hessp(point, direction)
            np.testing.assert_array_equal(moving.hessp(point, direction), fresh)
        point += 0.5  # in place, as methods may move


def test_positive_label() -> None:
    x, names = np.ones((3, 1)), np.array(["a", "b", "b"])
    value, gradient = linear_problem("hinge_loss", x, names, positive="b").fun(np.array([1.0, 0]))
    assert value == pytest.approx(2 / 3)
    np.testing.assert_allclose(gradient, [1 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": np.zeros(3)}, r"x must have two dimensions, got shape \(3,\)"),
        ({"targets": [1.0]}, r"targets must have one value per row of x, shape \(3,\), got shape"),
        ({"x": [["a"], ["b"], ["c"]]}, "x must hold real numbers, got dtype <U1"),
        ({"weights": [1.0]}, r"weights must have one value per row of x, shape \(3,\), got"),
        ({"weights": [0.0, 0.0, 0.0]}, "weights must be finite, at least 0, and one of them more"),
        ({"l2": -1.0}, "l2 must be a number that is at least 0, got -1.0"),
        ({"x": np.zeros((0, 2)), "targets": []}, r"x must have rows, got shape \(0, 2\)"),
        ({"delta": 1.0}, "parameters must be those of mse_loss"),
        ({"loss": "cross_entropy"}, "targets must be integer class labels from 0"),
    ],
)
def test_bad_input(given: dict[str, Any], message: str) -> None:
    plain = {"loss": "mse_loss", "x": np.zeros((3, 2)), "targets": np.zeros(3)}
    with pytest.raises(LossaryError, match=message):
        linear_problem(**(plain | given))


def test_problems_are_copied_and_pickled() -> None:
    x, t = load_diabetes(return_X_y=True)
    problem = linear_problem("huber_loss", x, t, l2=0.1, delta=2.0)
    at = np.ones(len(problem.x0))
    for again in (pickle.loads(pickle.dumps(problem)), copy.deepcopy(problem)):
        np.testing.assert_array_equal(again.fun(at)[1], problem.fun(at)[1])
        np.testing.assert_array_equal(again.hessp(at, at), problem.hessp(at, at))
