"""Losses of linear models as problems for ``scipy.optimize.minimize``.

Examples
--------
::

    problem = linear_problem("huber_loss", x, t, l2=1e-3, delta=2.0)
    found = minimize(problem.fun, problem.x0, jac=True, hessp=problem.hessp, method="trust-ncg")
    predictions = problem.predict(found.x, x)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lossary.adapters._documentation import describe_parameters
from lossary.adapters._loss import (
    check_pair,
    check_parameters,
    check_trainable,
    real_numbers,
)
from lossary.adapters._two_classes import check_positive, encoded
from lossary.arrays import Array
from lossary.call.parameters import number
from lossary.derivatives import value_and_grad, value_grad_hess
from lossary.domains import AT_LEAST_ZERO
from lossary.errors import type_error, value_error
from lossary.optional import require
from lossary.registry import Loss, get_loss

__all__ = ["LinearProblem", "linear_problem"]

_FUNCTION = "adapters.scipy.linear_problem"


@describe_parameters
def linear_problem(
    loss: str | Callable[..., Any],
    x: Any,
    targets: Any,
    *,
    weights: Any = None,
    l2: float = 0.0,
    intercept: bool = True,
    positive: Any = None,
    **parameters: Any,
) -> LinearProblem:
    """Return the weighted mean loss of a linear model, with its derivatives.

    The objective is ``sum(w * loss(x @ coefficients + intercept, targets)) / sum(w) + l2 / 2 *
    sum(coefficients ** 2)``; the intercept is not penalised.

    Parameters
    ----------
    loss : str or callable
        A loss of predictions and targets; with a class axis for several classes.
    x : array or SciPy sparse array, shape (n, features)
        Features. A sparse one stays sparse.
    targets : array, shape (n,)
        Targets as the loss takes them; class labels count from 0.
    weights : array, shape (n,), optional
        Weights, none negative.
    l2 : number, at least 0
        Strength of the penalty on the coefficients.
    intercept : bool
        Whether the model has an intercept; it is the last of the parameters.
    positive : label, optional
        <positive>
    **parameters
        Parameters of the loss, and numbers for its further arguments.

    Returns
    -------
    LinearProblem
        ``fun``, ``hessp`` and ``x0`` for ``scipy.optimize.minimize``.

    Raises
    ------
    ValueError, TypeError
        If the loss, a shape or a choice does not fit.
    ImportError
        If SciPy is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.optimize import minimize
    >>> from lossary.adapters.scipy import linear_problem
    >>> problem = linear_problem("l1_loss", np.zeros((5, 1)), [1.0, 2.0, 3.0, 4.0, 50.0])
    >>> value, gradient = problem.fun(np.array([0.0, 2.5]))
    >>> float(value), gradient
    (10.3, array([ 0. , -0.2]))
    """
    sparse = require(_FUNCTION, "scipy.sparse")
    record = get_loss(loss)
    check_trainable(_FUNCTION, record)
    check_pair(_FUNCTION, record, parameters)
    check_positive(_FUNCTION, record, positive)
    check_parameters(_FUNCTION, record, parameters, ("class_weights",))
    if not sparse.issparse(x):
        x = real_numbers(_FUNCTION, "x", x)
    targets = np.asarray(targets)
    _check_shapes(x, targets, weights)
    if positive is not None:
        targets = encoded(record, targets, positive)
    penalty = number(_FUNCTION, "l2", l2, AT_LEAST_ZERO)
    normalised = _normalised_weights(weights, len(targets))
    return LinearProblem(record, parameters, x, targets, normalised, penalty, bool(intercept))


def _check_shapes(x: Any, targets: Array, weights: Any) -> None:
    if x.ndim != 2:
        raise value_error(_FUNCTION, "x", "must have two dimensions", f"shape {x.shape}")
    for name, given in (("targets", targets), ("weights", weights)):
        if given is not None and np.shape(given) != x.shape[:1]:
            requirement = f"must have one value per row of x, shape {x.shape[:1]}"
            raise value_error(_FUNCTION, name, requirement, f"shape {np.shape(given)}")
    if x.shape[0] == 0:
        raise value_error(_FUNCTION, "x", "must have rows", f"shape {x.shape}")


def _normalised_weights(weights: Any, rows: int) -> Array:
    """Return weights that sum to 1, with which a weighted sum is the weighted mean."""
    given = np.ones(rows) if weights is None else real_numbers(_FUNCTION, "weights", weights)
    total = given.sum()
    if not (np.isfinite(total) and total > 0 and given.min() >= 0):
        requirement = "must be finite, at least 0, and one of them more"
        raise value_error(_FUNCTION, "weights", requirement, f"a sum of {total:g}")
    return given / total


class LinearProblem:
    """The mean loss of a linear model as a function of its parameters.

    The parameters are one vector: the coefficients, then the intercept if there is one. With C
    classes each feature has C consecutive coefficients.

    Attributes
    ----------
    x0 : array, shape (parameters,)
        Zeros to start from.
    """

    def __init__(
        self,
        loss: Loss,
        parameters: dict[str, Any],
        x: Any,
        targets: Array,
        weights: Array,
        l2: float,
        intercept: bool,
    ) -> None:
        self._loss, self._targets, self._l2, self._x = loss, targets, l2, x
        self._given = {"reduction": "none", "weights": weights, **parameters}
        self._intercept = intercept
        self._value_and_grad = value_and_grad(loss.function)
        # Optimisers ask for products with many directions at one point.
        self._latest = np.zeros(0), np.zeros(0)
        self._classes = () if loss.axis is None else (_count_classes(targets),)
        self.x0 = np.zeros((x.shape[1] + intercept) * math.prod(self._classes))

    def fun(self, parameters: Array) -> tuple[float, Array]:
        """Return the penalised mean loss and its gradient, for ``minimize(..., jac=True)``."""
        scores = self._scores(parameters)
        value, gradient = self._value_and_grad(scores, targets=self._targets, **self._given)
        penalised = self._penalised(parameters)
        total = float(np.sum(value)) + self._l2 / 2 * float(penalised @ penalised)
        return total, self._parameter_gradient(gradient) + self._l2 * penalised

    def hessp(self, parameters: Array, direction: Array) -> Array:
        """Return the product of the Hessian with a direction; for elementwise losses."""
        if self._classes:
            requirement = "must be elementwise for hessp"
            remedy = 'Use a method without Hessian: "L-BFGS-B".'
            raise type_error(_FUNCTION, "loss", requirement, self._loss.name, remedy)
        product = self._parameter_gradient(self._hessian(parameters) * self._scores(direction))
        return product + self._l2 * self._penalised(direction)

    def _hessian(self, parameters: Array) -> Array:
        """Return the second derivatives per row; those of the latest parameters are kept."""
        latest, hessian = self._latest
        if not np.array_equal(latest, parameters):
            scores = self._scores(parameters)
            derive = value_grad_hess(self._loss.function)
            hessian = derive(scores, targets=self._targets, **self._given)[2]
            self._latest = np.array(parameters), hessian
        return hessian

    def predict(self, parameters: Array, x: Any) -> Array:
        """Return the scores of rows of features, shape (rows,) or (rows, classes)."""
        coefficients = parameters.reshape(-1, *self._classes)
        scores: Array = x @ coefficients[: x.shape[1]]
        return scores + coefficients[-1] if self._intercept else scores

    def _scores(self, parameters: Array) -> Array:
        return self.predict(parameters, self._x)

    def _parameter_gradient(self, score_gradient: Array) -> Array:
        """Return derivatives with respect to the parameters, given those of the scores."""
        parts = [self._x.T @ score_gradient]
        if self._intercept:
            parts.append(score_gradient.sum(axis=0)[None])
        return np.concatenate(parts).reshape(-1)

    def _penalised(self, parameters: Array) -> Array:
        """Return the parameters with 0 for the intercept."""
        penalised = np.array(parameters, np.float64)
        if self._intercept:
            penalised[-math.prod(self._classes) :] = 0.0
        return penalised


def _count_classes(targets: Array) -> int:
    if targets.dtype.kind not in "iu" or targets.min() < 0:
        requirement = "must be integer class labels from 0"
        given = f"dtype {targets.dtype}, {targets.min()}"
        raise value_error(_FUNCTION, "targets", requirement, given)
    return int(targets.max()) + 1
