"""Losses as scorers of scikit-learn, and as losses of its histogram gradient boosting.

Examples
--------
scikit-learn passes targets first and wants larger to be better; the scorer turns both round::

    cross_val_score(model, x, t, scoring=scorer("huber_loss", delta=2.0))
    HistGradientBoostingRegressor(loss=boosting_loss("log_cosh_loss"))  # experimental
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from lossary.adapters._loss import check_pair, check_parameters, weighted_mean
from lossary.adapters._two_classes import encoded, has_two_classes, negative
from lossary.domains import REAL
from lossary.errors import choices, shown, type_error, value_error
from lossary.optional import require
from lossary.registry import Loss, get_loss

if TYPE_CHECKING:
    from lossary.adapters._sklearn_boosting import BoostingLoss

__all__ = ["boosting_loss", "scorer"]

Method = Literal["predict", "predict_proba", "decision_function"]
_METHODS = get_args(Method)
_SCORER = "adapters.sklearn.scorer"


def scorer(
    loss: str | Callable[..., Any],
    *,
    response_method: Method | None = None,
    positive: Any = 1,
    labels: Any = None,
    **parameters: Any,
) -> Any:
    """Return a loss's mean as a scorer.

    Parameters
    ----------
    loss : str or callable
        A loss of predictions and targets.
    response_method : {"predict", "predict_proba", "decision_function"}, optional
        What the loss is given. By default predictions for losses of real targets, the decision
        function for margin losses, and probabilities for ``binary_cross_entropy`` (which is then
        told so) and for losses along the class axis (which are given their logarithms).
    positive : label
        For losses of two classes: the label that becomes +1 (or 1); the other becomes -1 (or 0).
    labels : sequence, optional
        For losses along the class axis: the classes in the order of the model's columns
        (``model.classes_``). Needed where not every class is among the targets that are scored.
    **parameters
        Parameters of the loss.

    Returns
    -------
    callable
        ``f(model, x, targets, sample_weight=None)`` for ``scoring=``; minus the loss, weighted by
        ``sample_weight``; a similarity keeps its sign.

    Raises
    ------
    ValueError, TypeError
        If there is no such loss or parameter; when called, if labels do not fit the columns.
    ImportError
        If scikit-learn is not installed.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from lossary.adapters.sklearn import scorer
    >>> x, t = load_diabetes(return_X_y=True)
    >>> round(scorer("l1_loss")(LinearRegression().fit(x, t), x, t), 4)
    -43.2775
    """
    metrics = require(_SCORER, "sklearn.metrics", install="scikit-learn")
    record = get_loss(loss)
    check_pair(_SCORER, record)
    check_parameters(_SCORER, record, parameters, ("ignore_index", "class_weights"))
    if record.axis is not None and not record.takes_labels:
        remedy = "scikit-learn passes class labels."
        raise type_error(_SCORER, "loss", "must take class labels", record.name, remedy)
    if response_method not in (None, *_METHODS):
        wanted = f"must be {choices((None, *_METHODS))}"
        raise value_error(_SCORER, "response_method", wanted, shown(response_method))
    method = response_method or _method(record)
    if record.axis is None and has_two_classes(record):
        score: Callable[..., float] = _TwoClasses(record, parameters, method)
        label: dict[str, Any] = {"pos_label": positive}
    else:
        score = _Classes(record, parameters, method, labels)
        label = {}
    return metrics.make_scorer(
        score,
        greater_is_better=record.family == "similarity",
        response_method=method,
        **label,
    )


def _method(loss: Loss) -> Method:
    if loss.axis is not None or "with_logits" in loss.parameters:
        return "predict_proba"
    return "predict" if loss.targets.name == REAL.name else "decision_function"


class _Score:
    """What ``make_scorer`` is given: the mean of a loss, targets first."""

    def __init__(self, loss: Loss, parameters: dict[str, Any], method: str) -> None:
        self._loss, self._method = loss, method
        self._parameters = parameters
        self.__name__ = loss.name

    def _mean(self, predictions: Any, targets: Any, weights: Any) -> float:
        return weighted_mean(self._loss, predictions, targets, weights, **self._parameters)


class _TwoClasses(_Score):
    """For losses of two classes; scikit-learn passes the positive one's prediction."""

    def __init__(self, loss: Loss, parameters: dict[str, Any], method: str) -> None:
        super().__init__(loss, parameters, method)
        self._negative = negative(loss)
        if "with_logits" in loss.parameters:
            self._parameters = {"with_logits": method != "predict_proba", **parameters}

    def __call__(
        self, y_true: Any, y_pred: Any, *, pos_label: Any = 1, sample_weight: Any = None
    ) -> float:
        y_pred = np.asarray(y_pred, np.float64)
        return self._mean(y_pred, encoded(y_true, pos_label, self._negative), sample_weight)


class _Classes(_Score):
    """For losses of real targets, and for those along the class axis."""

    def __init__(self, loss: Loss, parameters: dict[str, Any], method: str, labels: Any) -> None:
        super().__init__(loss, parameters, method)
        self._labels = labels

    def __call__(self, y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        if self._loss.axis is not None:
            y_pred = self._scores(y_pred)
            y_true = self._columns(y_true, y_pred)
        return self._mean(y_pred, y_true, sample_weight)

    def _scores(self, y_pred: Any) -> Any:
        """Return a column of scores for each class, the logarithms of probabilities.

        scikit-learn passes the second class's column alone where there are two.
        """
        probabilities = self._method == "predict_proba"
        with np.errstate(divide="ignore"):
            scores = np.log(y_pred) if probabilities else y_pred
            if y_pred.ndim != 1 or self._method == "predict":
                return scores
            first = np.log1p(-y_pred) if probabilities else np.zeros_like(y_pred)
        return np.stack([first, scores], axis=1)

    def _columns(self, y_true: Any, y_pred: Any) -> Any:
        """Return each label's column."""
        labels = np.unique(y_true) if self._labels is None else np.asarray(self._labels)
        if y_pred.ndim != 2 or len(labels) != y_pred.shape[1]:
            wanted = f"must be as many as the model's columns, shape {y_pred.shape}"
            remedy = "Pass all classes in the model's order: labels=model.classes_."
            raise value_error(_SCORER, "labels", wanted, f"{len(labels)}", remedy)
        matches = y_true[:, None] == labels
        if not matches.any(axis=1).all():
            unknown = y_true[~matches.any(axis=1)][0]
            raise value_error(_SCORER, "labels", "must hold every target", repr(unknown))
        return matches.argmax(axis=1)


def boosting_loss(
    loss: str | Callable[..., Any],
    *,
    hessian: str | float | None = None,
    scale: float = 1.0,
    **parameters: Any,
) -> BoostingLoss:
    """Return a loss for ``HistGradientBoostingRegressor(loss=...)``: experimental.

    scikit-learn keeps the interface of its losses to itself and may change it in any release;
    this is tested with 1.9. Models start from the constant with the least loss.

    Parameters
    ----------
    loss : str or callable
        An elementwise loss of predictions and real targets, convex in the predictions.
    hessian : {"exact", "gauss-newton", "expected"}, positive number or None
        As for :func:`lossary.adapters.xgboost.objective`.
    scale : positive number
        Multiplies gradient and Hessian: 0.5 makes ``mse_loss`` scikit-learn's squared error.
    **parameters
        Parameters of the loss.

    Returns
    -------
    sklearn._loss.loss.BaseLoss
        The loss object, with the identity as its link.

    Raises
    ------
    ValueError, TypeError
        If the loss or a choice does not fit.
    ImportError
        If scikit-learn is not installed.
    """
    function = "adapters.sklearn.boosting_loss"
    require(function, "sklearn", install="scikit-learn")
    from lossary.adapters._sklearn_boosting import make_boosting_loss

    return make_boosting_loss(function, loss, parameters, hessian, scale)
