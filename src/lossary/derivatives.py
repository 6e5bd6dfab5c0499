"""Derivatives as functions: ``grad``, ``value_and_grad`` and ``value_grad_hess``.

They evaluate the derived expressions, so they work on every array library, those without
automatic differentiation included, and agree with the derivatives attached to the others.
"""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ParamSpec, TypeVar, overload

from lossary.call.evaluation import Wanted
from lossary.call.flow import results_of
from lossary.errors import choices, shown, type_error, value_error
from lossary.products.linear import MatrixLoss, matrix_loss_of
from lossary.registry import Loss, get_loss

Function = Callable[..., Any]
P = ParamSpec("P")
R = TypeVar("R")


@overload
def grad(loss: Callable[P, R], argnums: int = 0) -> Callable[P, R]: ...
@overload
def grad(loss: Callable[P, R], argnums: Sequence[int]) -> Callable[P, tuple[R, ...]]: ...
def grad(loss: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return a function that computes a loss's gradient.

    Parameters
    ----------
    loss : callable
        A loss of the package or one made with :func:`lossary.loss`.
    argnums : int or sequence of int
        Which array arguments to differentiate with respect to, counted from 0.

    Returns
    -------
    callable
        Takes the loss's arguments; returns the gradient, with the argument's shape, of the
        reduced loss (of the sum of the losses where the reduction is "none"); a tuple where
        ``argnums`` is a sequence.

    Raises
    ------
    ValueError, TypeError
        If the loss is unknown or has no such argument.

    Examples
    --------
    >>> from lossary import grad, hinge_loss
    >>> grad(hinge_loss)([0.5, 2.0], [1, 1])
    array([-1.,  0.])
    """
    return _Gradient(_found(loss), argnums)


@overload
def value_and_grad(loss: Callable[P, R], argnums: int = 0) -> Callable[P, tuple[R, R]]: ...
@overload
def value_and_grad(
    loss: Callable[P, R], argnums: Sequence[int]
) -> Callable[P, tuple[R, tuple[R, ...]]]: ...
def value_and_grad(loss: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return a function that computes a loss and its gradient in one pass over memory.

    Parameters
    ----------
    loss : callable
        A loss of the package or one made with :func:`lossary.loss`.
    argnums : int or sequence of int
        Which array arguments to differentiate with respect to, counted from 0.

    Returns
    -------
    callable
        Takes the loss's arguments; returns the loss and the gradient (see :func:`grad`).

    Raises
    ------
    ValueError, TypeError
        If the loss is unknown or has no such argument.

    Examples
    --------
    >>> from lossary import hinge_loss, value_and_grad
    >>> value, gradient = value_and_grad(hinge_loss)([0.5, 2.0], [1, 1], reduction="mean")
    >>> float(value), gradient
    (0.25, array([-0.5,  0. ]))
    """
    return _ValueAndGradient(_found(loss), argnums)


def value_grad_hess(loss: Callable[P, R], argnums: int = 0) -> Callable[P, tuple[R, R, R]]:
    """Return a function that computes a loss, its gradient and its diagonal Hessian in one pass.

    Parameters
    ----------
    loss : callable
        A loss of the package or one made with :func:`lossary.loss`.
    argnums : int
        Which array argument to differentiate with respect to, counted from 0.

    Returns
    -------
    callable
        Takes the loss's arguments; returns the loss, the gradient, and the second derivative
        with respect to each element itself, both with the argument's shape.

    Raises
    ------
    ValueError, TypeError
        If the loss is unknown or has no such argument.

    Examples
    --------
    >>> from lossary import binary_cross_entropy, value_grad_hess
    >>> value, gradient, hessian = value_grad_hess(binary_cross_entropy)(
    ...     [0.0, 2.0], [1.0, 1.0], reduction="sum")
    >>> gradient
    array([-0.5       , -0.11920292])
    >>> hessian
    array([0.25      , 0.10499359])
    """
    return _ValueGradientHessian(_found(loss), argnums)


class _ValueAndGradient:
    """A function with the signature and the documentation of its loss, which can be pickled."""

    _function = "value_and_grad"
    _second = False

    def __init__(self, loss: Loss | MatrixLoss, argnums: int | Sequence[int]) -> None:
        self._single = isinstance(argnums, numbers.Integral)
        several = isinstance(argnums, Iterable) and not isinstance(argnums, str)
        self._argnums = tuple(argnums) if several else argnums  # type: ignore[arg-type]
        self._wanted = Wanted(_argument_names(loss, self._argnums), self._second)
        if self._second and not loss.has_hessian:
            requirement = "must be a loss with a diagonal Hessian"
            remedy = "Use value_and_grad."
            raise type_error(self._function, "loss", requirement, loss.name, remedy)
        self._loss = loss
        self._bind = loss.bind
        self._results: Callable[[Any, Wanted], tuple[Any, ...]] = (
            loss.results if isinstance(loss, MatrixLoss) else results_of
        )
        self.__signature__ = loss.signature
        for name in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(loss.function, name):
                setattr(self, name, getattr(loss.function, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        results = self._results(self._bind(*args, **kwargs), self._wanted)
        if self._single:
            return results
        last = 1 + len(self._wanted.names)
        return (results[0], results[1:last], results[last:])[: 2 + self._second]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._loss, self._argnums)

    def __repr__(self) -> str:
        return f"{self._function}({self._loss.name}, argnums={self._argnums!r})"


class _ValueGradientHessian(_ValueAndGradient):
    _function = "value_grad_hess"
    _second = True


class _Gradient(_ValueAndGradient):
    _function = "grad"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)[1]


def _found(loss: str | Function) -> Loss | MatrixLoss:
    """Return the loss that a function computes, of rows of an array or of a matrix product."""
    return matrix_loss_of(loss) or get_loss(loss)


def _argument_names(loss: Loss | MatrixLoss, argnums: int | Sequence[int]) -> tuple[str, ...]:
    single = isinstance(argnums, numbers.Integral)
    given = tuple(argnums) if isinstance(argnums, Iterable) else (argnums,)
    count = len(loss.arguments)
    for item in given:
        if isinstance(item, bool) or not isinstance(item, numbers.Integral):
            requirement = "must be an integer or several"
            raise type_error(loss.name, "argnums", requirement, shown(argnums))
        if not 0 <= item < count:
            raise value_error(
                loss.name,
                "argnums",
                f"must be from 0 to {count - 1}",
                shown(item),
                f"The array arguments are {', '.join(loss.arguments)}.",
            )
    if not single and len(set(given)) < len(given):
        raise value_error(loss.name, "argnums", "must name each argument once", shown(argnums))
    names = tuple(loss.arguments[int(item)] for item in given)
    if isinstance(loss, MatrixLoss) and not set(names) <= set(loss.differentiable):
        requirement = f"must choose {choices(loss.differentiable)}"
        raise type_error(loss.name, "argnums", requirement, ", ".join(names))
    return names
