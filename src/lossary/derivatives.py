"""Derivatives as functions: ``grad``, ``value_and_grad`` and ``value_grad_hess``.

They evaluate the derived expressions, so they work on every array library, those without
automatic differentiation included, and agree with the derivatives attached to the others.
"""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar, overload

from lossary.backends.base import Backend
from lossary.call.array_library import find_backend
from lossary.call.checks import prepare
from lossary.direct_recipe import repeated
from lossary.errors import shown, type_error, value_error
from lossary.formula.expression import parameter
from lossary.formula.plan import Output
from lossary.problem import Problem, stored, total
from lossary.recipe import begin, settled, signature
from lossary.registry import Loss, get_loss

Function = Callable[..., Any]
P = ParamSpec("P")
R = TypeVar("R")

_COTANGENT = parameter("cotangent")


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
    return _Gradient(get_loss(loss), argnums)


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
    return _ValueAndGradient(get_loss(loss), argnums)


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
    return _ValueGradientHessian(get_loss(loss), argnums)


class _ValueAndGradient:
    """A function with the signature and the documentation of its loss, which can be pickled."""

    _function = "value_and_grad"
    _second = False

    def __init__(self, loss: Loss, argnums: int | Sequence[int]) -> None:
        self._single = isinstance(argnums, numbers.Integral)
        several = isinstance(argnums, Iterable) and not isinstance(argnums, str)
        self._argnums = tuple(argnums) if several else argnums  # type: ignore[arg-type]
        self._names = _argument_names(loss, self._argnums)
        if self._second and not loss.has_hessian:
            requirement = "must be a loss with a diagonal Hessian"
            remedy = "Use value_and_grad."
            raise type_error(self._function, "loss", requirement, loss.name, remedy)
        self._loss = loss
        self._bind = loss.bind
        self.__signature__ = loss.signature
        for name in functools.WRAPPER_ASSIGNMENTS:
            setattr(self, name, getattr(loss.function, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        request = self._bind(*args, **kwargs)
        names, second = self._names, self._second
        results = repeated(request, names, second)
        if results is None:
            key = signature(request, names, second)
            recipe = request.loss.calls.find(key)
            results = None if recipe is None else recipe(request)
        if results is None:
            backend, request = find_backend(request)
            problem = prepare(request, backend)
            _refuse_labels(problem, names)
            key = settled(key, request, names, second)
            if key is not None and recipe is None:
                recipe = _recipe(problem, backend, names, second)
                results = begin(key, recipe, request, names, second)
            if results is None:
                results = evaluate(problem, backend, names, second)
        if self._single:
            return results
        gradients = results[1 : 1 + len(names)]
        return (results[0], gradients, results[1 + len(names) :])[: 2 + second]

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


def evaluate(
    problem: Problem, backend: Backend, names: Sequence[str], second: bool
) -> tuple[Any, ...]:
    """Compute the value, then the gradients, then (if asked for) the diagonal Hessians."""
    unknown = backend.denominator_outputs(problem)
    # The gradient is scaled by the denominator, so it has to be known beforehand: one pass over
    # the mask or the weights alone.
    first = backend.run(problem, unknown) if unknown else {}
    problem.numbers["cotangent"] = backend.inverse(backend.denominator(problem, first))
    results = backend.checked_run(problem, _outputs(backend, problem, names, second))
    value = backend.cast(backend.reduced(problem, results | first), problem.dtype)
    derivatives = (
        backend.like_argument(problem, name, results[f"{kind}_{name}"])
        for kind in _kinds(second)
        for name in names
    )
    return (value, *derivatives)


def _recipe(problem: Problem, backend: Backend, names: Sequence[str], second: bool) -> Any:
    """Return a recipe if gradients need no pass beforehand and no change of dtype."""
    same = all(backend.dtype_name(problem.arrays[name]) == problem.dtype for name in names)
    if not same or backend.denominator_outputs(problem):
        return None
    problem = replace(problem, numbers=dict(problem.numbers))
    problem.numbers["cotangent"] = backend.inverse(backend.denominator(problem, {}))
    outputs = _outputs(backend, problem, names, second)
    return backend.recipe(problem, outputs, [output.name for output in outputs[1:]])


def _kinds(second: bool) -> tuple[str, ...]:
    return ("gradient", "hessian") if second else ("gradient",)


def _outputs(
    backend: Backend, problem: Problem, names: Sequence[str], second: bool
) -> tuple[Output, ...]:
    composite = problem.composite
    derive = {"gradient": composite.gradient, "hessian": composite.hessian}
    make = stored if problem.reduction == "none" else total
    return (
        make("value", composite.value),
        *(
            _output(backend, problem, f"{kind}_{name}", derive[kind], name)
            for kind in _kinds(second)
            for name in names
        ),
    )


def _output(
    backend: Backend, problem: Problem, label: str, derive: Callable[..., Any], name: str
) -> Output:
    expression = derive(name, _COTANGENT)
    broadcast = backend.shape(problem.arrays[name]) == () and problem.shape != ()
    return total(label, expression) if broadcast else stored(label, expression)


def _argument_names(loss: Loss, argnums: int | Sequence[int]) -> tuple[str, ...]:
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
    return tuple(loss.arguments[int(item)] for item in given)


def _refuse_labels(problem: Problem, names: Sequence[str]) -> None:
    """Raise if class labels are among the arguments: zeros would pass for a derivative."""
    if problem.composite.variant.labels and "targets" in names:
        raise type_error(
            problem.function,
            "argnums",
            "must choose arguments that have a derivative",
            f"{problem.request.loss.arguments.index('targets')}, integer class labels",
            "Targets have one where they are probabilities.",
        )
