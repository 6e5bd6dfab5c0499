"""scikit-learn's own losses, which are private there, and ours: the table of the guide is run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn._loss import loss as theirs
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor

import lossary
from lossary.adapters.sklearn import boosting_loss

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "boosters.md"
_LOSS = re.compile(r"^\| `(\w+\(.*?\))` \| `(\w+)(\(.*?\))` \| ([\d.]+) \|$", re.MULTILINE)
_BOOSTING = re.compile(r'^\| `loss="(\w+)"` \| `boosting_loss(\(.*?\))` \|$', re.MULTILINE)


def _table(title: str, row: re.Pattern[str]) -> list[Any]:
    section = GUIDE.read_text("utf-8").partition(f"\n| {title} |")[2].partition("\n\n")[0]
    lines = section.splitlines()[2:]
    found = row.findall(section)
    assert len(found) == len(lines) > 0, title
    return [pytest.param(*cells, id=cells[0]) for cells in found]


def _data(loss: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return raw predictions and targets inside the domain of a loss of scikit-learn's."""
    rng = np.random.default_rng(4)
    raw, t = rng.normal(size=30), rng.gamma(2.0, size=30)
    if loss.is_multiclass:
        return rng.normal(size=(30, 3)), rng.integers(0, 3, 30).astype(float)
    if not loss.interval_y_true.high > 1:
        return raw, rng.integers(0, 2, 30).astype(float)
    return (np.exp(raw), t) if loss.interval_y_pred.low == 0 and _is_identity(loss) else (raw, t)


def _is_identity(loss: Any) -> bool:
    return type(loss.link).__name__ == "IdentityLink"


@pytest.mark.parametrize(("sklearn", "name", "arguments", "factor"), _table("its loss", _LOSS))
def test_values_gradients_and_hessians(
    sklearn: str, name: str, arguments: str, factor: str
) -> None:
    loss = eval(f"theirs.{sklearn}", {"theirs": theirs, "np": np})
    x, t = _data(loss)
    given = {"x": x, "t": t.astype(int) if loss.is_multiclass else t}
    derive = lossary.value_grad_hess(getattr(lossary, name))
    f = float(factor)
    value, gradient, hessian = eval(f"call{arguments}", {"call": derive, **given})
    # scikit-learn leaves out what only depends on the target, and can tell how much that is.
    left_out = loss.constant_to_optimal_zero(t)
    expected = loss.loss(t, x)
    candidates = [expected, expected + left_out]
    assert min(np.max(abs(f * value - one)) for one in candidates) < 1e-12
    slopes, curvatures = loss.gradient_hessian(t, x)
    np.testing.assert_allclose(f * gradient, slopes, rtol=1e-11, atol=1e-13)
    if not loss.approx_hessian:  # else it is 1, whatever the loss is
        np.testing.assert_allclose(f * hessian, curvatures, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("built_in", "arguments"), _table("its `loss=`", _BOOSTING))
def test_histogram_gradient_boosting(built_in: str, arguments: str, weighted: bool) -> None:
    x, t = load_diabetes(return_X_y=True)
    w = np.random.default_rng(0).uniform(0.2, 3, len(t)) if weighted else None
    chosen = eval(f"boosting_loss{arguments}", {"boosting_loss": boosting_loss})
    given = {"max_iter": 8, "random_state": 0}
    ours = HistGradientBoostingRegressor(loss=chosen, **given).fit(x, t, w)
    model = HistGradientBoostingRegressor(loss=built_in, **given).fit(x, t, w)
    np.testing.assert_allclose(ours.predict(x), model._raw_predict(x)[:, 0], rtol=1e-6)
