"""Losses of a script in the worker processes of scikit-learn and in pickles of other libraries."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = """
import sys
import numpy as np
import lossary
from lossary import adapters, loss
from lossary.formula import maximum
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score

@loss
def script_loss(predictions, targets, power=2.0):
    return maximum(0, abs(predictions - targets) - 1) ** power

def make(factor):
    @loss
    def scaled_loss(predictions, targets):
        return factor * abs(predictions - targets)
    return scaled_loss

x, t = load_diabetes(return_X_y=True)
"""

SCORES = """
for function, given in ((script_loss, {"power": 1.0}), (make(0.1), {}), (make(3.0), {})):
    scoring = adapters.sklearn.scorer(function, **given)
    one, two = (cross_val_score(LinearRegression(), x, t, scoring=scoring, cv=2, n_jobs=n)
                for n in (1, 2))
    assert one.tolist() == two.tolist() and (one < 0).all(), (one, two)
search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2, n_jobs=2,
                      scoring=adapters.sklearn.scorer(script_loss))
assert np.isfinite(search.fit(x, t).best_score_)
"""

BOOSTERS = """
import xgboost
chosen = adapters.xgboost.objective(script_loss, interface="sklearn", hessian=1.0)
model = xgboost.XGBRegressor(objective=chosen, n_jobs=1, base_score=100.0)
search = GridSearchCV(model, {"n_estimators": [1, 4]}, cv=2, n_jobs=2)
best = search.fit(x, t).best_estimator_
assert best.n_estimators == 4
assert lossary.get_loss(script_loss) is lossary.get_loss(best.objective._booster_loss.loss)
"""

SEND = """
import cloudpickle
problem = adapters.scipy.linear_problem(script_loss, x[:5], t[:5])
things = [
    problem,
    adapters.xgboost.metric(script_loss, interface="sklearn"),
    adapters.torch.module(script_loss, power=1.0),
    adapters.torchmetrics.metric(script_loss, power=1.0),
]
sys.stdout.buffer.write(cloudpickle.dumps(things))
"""

RECEIVE = """
import pickle, sys
problem, metric, module, score = pickle.load(sys.stdin.buffer)
import numpy as np, torch
print(problem.fun(problem.x0)[0] > 0, problem.hessp(problem.x0, problem.x0).tolist()[:1])
print(metric(np.zeros(1), np.array([3.0])))
print(module(torch.tensor([3.0]), torch.zeros(1)), repr(module))
score.update(torch.tensor([3.0]), torch.zeros(1))
print(score.compute())
"""


def _run(folder: Path, code: str, given: bytes = b"") -> bytes:
    script = folder / "script.py"
    script.write_text(code)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script)], input=given, capture_output=True, env=environment
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_workers_score_and_boost_with_losses_of_a_script(tmp_path: Path) -> None:
    """One script does it all: its workers take seconds to start."""
    boosts = importlib.util.find_spec("xgboost") is not None
    _run(tmp_path, BEGIN + SCORES + (BOOSTERS if boosts else ""))


def test_adapters_of_a_script_work_where_the_loss_was_never_defined(tmp_path: Path) -> None:
    for library in ("cloudpickle", "xgboost", "torchmetrics"):
        pytest.importorskip(library)
    said = _run(tmp_path, RECEIVE, _run(tmp_path, BEGIN + SEND)).decode().splitlines()
    assert said == [
        "True [0.0]",
        "4.0",
        "tensor(2.) LossModule(script_loss, reduction='mean', power=1.0)",
        "tensor(2., dtype=torch.float64)",
    ]
