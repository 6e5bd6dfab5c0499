"""Losses as scorers of scikit-learn, and as losses of its histogram gradient boosting.

Examples
--------
scikit-learn passes targets first and takes larger scores as better; the scorer swaps the arguments
and returns minus the loss::

    cross_val_score(model, x, t, scoring=scorer("huber_loss", delta=2.0))
    HistGradientBoostingRegressor(loss=boosting_loss("log_cosh_loss"))  # experimental
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from lossary.adapters._documentation import describe_parameters
from lossary.adapters._loss import check_labels, check_pair, check_parameters, weighted_mean
from lossary.adapters._two_classes import encoded, has_two_classes
from lossary.errors import choices, shown, type_error, value_error
from lossary.optional import require
from lossary.registry import Loss, get_loss

if TYPE_CHECKING:
    from lossary.adapters._sklearn_boosting import BoostingLoss

__all__ = ["boosting_loss", "scorer"]

Method = Literal["predict", "predict_proba", "decision_function"]
_METHODS = get_args(Method)
_SCORER, _BOOSTING_LOSS = "adapters.sklearn.scorer", "adapters.sklearn.boosting_loss"


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
        What the model passes to the loss. By default predictions for losses of real targets, the
        decision function for margin losses, and probabilities for ``binary_cross_entropy`` (with
        ``with_logits=False``) and for losses along the class axis (which take their logarithms).
    positive : label
        For losses of two classes: the label that becomes +1 (or 1); the other becomes -1 (or 0).
    labels : sequence, optional
        For losses along the class axis: the classes in the order of the model's columns
        (``model.classes_``). Needed where the scored targets do not have every class.
    **parameters
        Parameters of the loss, and numbers for its further arguments.

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
    check_pair(_SCORER, record, parameters)
    check_parameters(_SCORER, record, parameters, ("ignore_index", "class_weights"))
    check_labels(_SCORER, record, "scikit-learn passes class labels.")
    if record.targets.extra_labels:
        requirement = "must take a column per class"
        remedy = "Call it with the model's thresholds."
        raise type_error(_SCORER, "loss", requirement, f"{record.name}, of thresholds", remedy)
    if response_method not in (None, *_METHODS):
        requirement = f"must be {choices((None, *_METHODS))}"
        raise value_error(_SCORER, "response_method", requirement, shown(response_method))
    method = response_method or _default_method(record)
    options: dict[str, Any] = {
        "greater_is_better": record.is_similarity,
        "response_method": method,
    }
    if record.axis is None and has_two_classes(record):
        score = _TwoClassMean(record, parameters, method)
        return metrics.make_scorer(score, pos_label=positive, **options)
    return metrics.make_scorer(_Mean(record, parameters, method, labels), **options)


def _default_method(loss: Loss) -> Method:
    if loss.axis is not None or "with_logits" in loss.parameters:
        return "predict_proba"
    return "predict" if loss.targets.is_real else "decision_function"


class _WeightedMean:
    """The weighted mean of a loss, as the base of functions of targets and predictions."""

    def __init__(self, loss: Loss, parameters: dict[str, Any], method: str) -> None:
        self._loss, self._method = loss, method
        self._parameters = parameters
        if "with_logits" in loss.parameters:
            self._parameters = {"with_logits": method != "predict_proba", **parameters}
        self.__name__ = loss.name

    def _mean(self, predictions: Any, targets: Any, weights: Any) -> float:
        return weighted_mean(self._loss, predictions, targets, weights, **self._parameters)


class _TwoClassMean(_WeightedMean):
    """For losses of two classes; scikit-learn passes the prediction for the positive one."""

    def __call__(
        self, y_true: Any, y_pred: Any, *, pos_label: Any = 1, sample_weight: Any = None
    ) -> float:
        y_pred = np.asarray(y_pred, np.float64)
        return self._mean(y_pred, encoded(self._loss, y_true, pos_label), sample_weight)


class _Mean(_WeightedMean):
    """For losses of real targets, and for losses along the class axis."""

    def __init__(self, loss: Loss, parameters: dict[str, Any], method: str, labels: Any) -> None:
        super().__init__(loss, parameters, method)
        self._labels = labels

    def __call__(self, y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        if self._loss.axis is not None:
            y_pred = self._class_scores(y_pred)
            y_true = self._class_indices(y_true, y_pred)
        return self._mean(y_pred, y_true, sample_weight)

    def _class_scores(self, y_pred: Any) -> Any:
        """Return a column for each class; logarithms of probabilities for a loss of logits.

        Where there are two classes, scikit-learn passes the column of the second one only.
        """
        probabilities = self._method == "predict_proba"
        logarithms = probabilities and self._parameters.get("with_logits", True)
        with np.errstate(divide="ignore"):
            scores = np.log(y_pred) if logarithms else y_pred
            if y_pred.ndim != 1 or self._method == "predict":
                return scores
            rest = np.log1p(-y_pred) if logarithms else 1 - y_pred
        return np.stack([rest if probabilities else np.zeros_like(y_pred), scores], axis=1)

    def _class_indices(self, y_true: Any, y_pred: Any) -> Any:
        """Return the column of each label."""
        labels = np.unique(y_true) if self._labels is None else np.asarray(self._labels)
        if y_pred.ndim != 2 or len(labels) != y_pred.shape[1]:
            requirement = f"must be as many as the model's columns, shape {y_pred.shape}"
            remedy = "Pass all classes in the model's order: labels=model.classes_."
            raise value_error(_SCORER, "labels", requirement, f"{len(labels)}", remedy)
        matches = y_true[:, None] == labels
        if not matches.any(axis=1).all():
            unknown = y_true[~matches.any(axis=1)][0]
            raise value_error(_SCORER, "labels", "must hold every target", repr(unknown))
        return matches.argmax(axis=1)


@describe_parameters
def boosting_loss(
    loss: str | Callable[..., Any],
    *,
    hessian: str | float | None = None,
    factor: float = 1.0,
    **parameters: Any,
) -> BoostingLoss:
    """Return a loss for ``HistGradientBoostingRegressor(loss=...)``: experimental.

    scikit-learn's interface of losses is private and may change in any release; this is tested
    with 1.9. Training starts from the constant with the least loss.

    Parameters
    ----------
    loss : str or callable
        An elementwise loss of predictions and real targets, convex in the predictions.
    hessian : {"exact", "gauss-newton", "weight", "logistic", "expected"}, positive number or None
        <hessian>
    factor : positive number
        Multiplies gradient and Hessian: 0.5 makes ``mse_loss`` scikit-learn's squared error.
    **parameters
        Parameters of the loss, and numbers for its further arguments.

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
    module = require(
        _BOOSTING_LOSS,
        "lossary.adapters._sklearn_boosting",
        library="sklearn",
        install="scikit-learn",
    )
    made: BoostingLoss = module.make_boosting_loss(
        _BOOSTING_LOSS, loss, parameters, hessian, factor
    )
    return made
