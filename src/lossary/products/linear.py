"""A product loss: a loss along an axis whose first argument is a matrix product."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec

from lossary.call.evaluation import Wanted
from lossary.call.flow import torch_compiles
from lossary.definition.common_arguments import COMMON_ARGUMENTS
from lossary.definition.definition import Definition
from lossary.definition.request import Request
from lossary.errors import shown, type_error, value_error
from lossary.formula.expression import Expression
from lossary.products.facts import Facts
from lossary.products.flow import gradients_of, value_of
from lossary.products.request import BY_IDENTITY, MATRICES, Product, ProductRequest
from lossary.registry import Loss, get_loss

P = ParamSpec("P")
Transform = Callable[[Expression], Expression]


class MatrixLoss:
    """A loss of matrices, whose products are not stored: what derivatives need to know of it.

    Attributes
    ----------
    name : str
        Name for messages.
    function : callable
        What users call.
    signature : inspect.Signature
        Its signature.
    arguments, differentiable : tuple of str
        Names of the array arguments, in order, and of those that have a derivative.
    identity : str
        Text that stands for this loss and no other in a graph.
    facts : Facts
        What lists and pages show, of losses that have names of their own.
    written : str
        Their docstring as it is written.
    """

    name: str
    function: Callable[..., Any]
    signature: inspect.Signature
    arguments: tuple[str, ...]
    differentiable: tuple[str, ...]
    identity: str
    facts: Facts
    written: str = ""
    #: A sweep computes first derivatives only.
    has_hessian = False

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Compute the loss: what its public function does with its arguments."""
        if torch_compiles():
            from lossary.products import torch_compile

            names, given = tuple(kwargs), tuple(kwargs.values())
            return torch_compile.call(self.identity, args, names, given)
        return self.value(self.bind(*args, **kwargs))

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        """Return the request for a call with these arguments."""
        raise NotImplementedError

    def value(self, request: Any) -> Any:
        """Compute the loss, with a derivative attached where the library differentiates."""
        raise NotImplementedError

    def results(self, request: Any, wanted: Wanted) -> tuple[Any, ...]:
        """Compute the loss and its gradients with respect to some of its arguments."""
        raise NotImplementedError


def function_of(
    declared: Callable[P, Any],
    made: Callable[[Callable[P, Any]], MatrixLoss],
    documented: Callable[[Callable[..., Any], str], str | None],
    facts: Facts,
) -> Callable[P, Any]:
    """Return the public function of a loss of matrices, from its signature and documentation.

    ``documented`` returns the docstring with what is not written at each loss, and its source.
    """

    @functools.wraps(declared)
    def public(*args: P.args, **kwargs: P.kwargs) -> Any:
        return loss.call(args, kwargs)

    public.__doc__ = documented(declared, facts.source)
    loss = made(public)
    loss.facts, loss.written = facts, inspect.getdoc(declared) or ""
    public.product_loss = loss  # type: ignore[attr-defined]
    return public


class ProductLoss(MatrixLoss):
    """A loss of features, a classifier, the other arguments of a loss of rows, and a bias.

    Attributes
    ----------
    record : Loss
        The loss of rows as it is known to users.
    transform : callable, optional
        The formula that turns products into the first argument of the loss.
    rows : Definition
        The loss of rows, under the name of this one.
    """

    def __init__(self, record: Loss, transform: Transform | None = None) -> None:
        self.record, self.transform = record, transform
        self.rows = _row_definition(record, transform)
        self.arguments = ("features", "classifier", *self.rows.arguments[1:], "bias")
        self.signature = self._signature()
        self.function = self
        self.name = self.__name__ = self.__qualname__ = self.rows.name
        self.identity = self.rows.identity
        BY_IDENTITY[self.identity] = self
        self.__doc__ = _DOCUMENTATION.format(record.name)

    differentiable = MATRICES

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the loss."""
        return self.call(args, kwargs)

    def __repr__(self) -> str:
        return f"<{self.name}>" if self.transform is None else f"<{self.name}, logits transformed>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.record, self.transform)

    @property
    def __signature__(self) -> inspect.Signature:
        return self.signature

    def _signature(self) -> inspect.Signature:
        kind = inspect.Parameter
        positional = [kind(n, kind.POSITIONAL_OR_KEYWORD) for n in self.arguments[:-1]]
        positional.append(kind("bias", kind.POSITIONAL_OR_KEYWORD, default=None))
        options = {**self.rows.parameters, "reduction": self.rows.reduction}
        known = self.rows.signature.parameters
        options |= {item.name: item.default for item in COMMON_ARGUMENTS if item.name in known}
        by_name = [kind(n, kind.KEYWORD_ONLY, default=default) for n, default in options.items()]
        return inspect.Signature([*positional, *by_name])

    def value(self, request: ProductRequest) -> Any:
        """Compute the loss."""
        return value_of(request)

    def results(self, request: ProductRequest, wanted: Wanted) -> tuple[Any, ...]:
        """Compute the loss and its gradients with respect to some of its matrices."""
        return gradients_of(request, wanted)

    def bind(self, *args: Any, **kwargs: Any) -> ProductRequest:
        """Return the request for a call with these arguments."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            msg = f"{self.name}() {error}"
            raise TypeError(msg) from None
        bound.apply_defaults()
        given = bound.arguments
        common = {item.name: given.get(item.name, item.default) for item in COMMON_ARGUMENTS}
        rows = Request(
            self.rows,
            (None, *(given[name] for name in self.rows.arguments[1:])),
            tuple(given[name] for name in self.rows.parameters),
            -1,
            given["reduction"],
            **common,
        )
        return ProductRequest(Product(*(given[name] for name in MATRICES)), rows)


_DOCUMENTATION = """\
``{0}`` of the products of features and a classifier, which are never stored.

Takes features of shape (..., D), a classifier of shape (C, D), the other arguments of ``{0}``, a
bias of shape (C,), and by name what ``{0}`` takes. See :func:`lossary.linear`.
"""


def linear(loss: str | Callable[..., Any], *, logits: Transform | None = None) -> ProductLoss:
    """Return a loss of features and a classifier, whose products are never stored.

    The largest array in training a model with many classes is that of the logits, the products of
    features and classifier. A loss along an axis needs a row of them at a time: so they are
    computed in blocks of rows, in one tile of memory, and their gradient becomes that of features,
    classifier and bias before the next block takes its place. Every loss along an axis can be had
    so, your own too.

    Parameters
    ----------
    loss : str or callable
        A loss along an axis, of the package or made with :func:`lossary.loss`.
    logits : callable, optional
        A formula of the products, applied on their way into the loss, written with the operations
        of :mod:`lossary.formula`: ``lambda z: 30 * tanh(z / 30)`` caps them.

    Returns
    -------
    callable
        Takes features of shape (..., D), a classifier of shape (C, D), the loss's other arguments,
        which have the shape (...) or (..., C), and a bias of shape (C,); by name the parameters of
        the loss, ``reduction`` and the arguments that every loss takes. Where the loss has
        one number for each class, it also takes a :class:`Product`: the logits of a teacher.

    Raises
    ------
    ValueError, TypeError
        If the loss is unknown, has no class axis, or prepares arguments from others.

    See Also
    --------
    linear_cross_entropy : The one that trains language models.

    Notes
    -----
    Features, classifier and bias have derivatives, in ``value_and_grad`` and in the automatic
    differentiation of PyTorch, JAX and MLX; PyTorch refuses second ones. The classifier's gradient
    is summed in float32 at least. Products of half precision are rounded as the library's own
    matrix product rounds them; NumPy's are computed in float32.
    A tile, its gradient included, takes 64 MiB unless ``options(tile_bytes=...)`` says otherwise.

    Examples
    --------
    >>> import numpy as np, lossary
    >>> features = np.array([[1.0, 2.0], [0.5, -1.0]])
    >>> classifier = np.array([[0.5, 0.25], [0.0, 0.0], [-1.0, 1.0]])
    >>> loss = lossary.linear(lossary.cross_entropy)
    >>> loss(features, classifier, [0, 2])
    array([0.8619948 , 2.29891618])
    >>> value, (slope,) = lossary.value_and_grad(loss, argnums=(0,))(
    ...     features, classifier, [0, 2], reduction="mean")
    >>> slope.shape
    (2, 2)
    """
    function, record = "linear", get_loss(loss)
    if record.axis is None:
        raise type_error(
            function,
            "loss",
            "must be a loss along an axis",
            record.name,
            "An elementwise loss takes the products themselves: features @ classifier.T.",
        )
    if record.prepare:
        requirement = "must be a loss that prepares no argument from others"
        raise type_error(function, "loss", requirement, record.name, "Pass the products to it.")
    if logits is not None and not callable(logits):
        raise type_error(function, "logits", "must be a formula of the products", shown(logits))
    clash = [name for name in record.arguments[1:] if name in MATRICES]
    if clash:
        requirement = f"must have no further argument called {clash[0]}"
        raise value_error(function, "loss", requirement, record.name)
    return ProductLoss(record, logits)


def matrix_loss_of(loss: object) -> MatrixLoss | None:
    """Return the loss of matrices that this is, or whose function this is; None if neither."""
    found = getattr(loss, "product_loss", loss)
    return found if isinstance(found, MatrixLoss) else None


def _row_definition(record: Loss, transform: Transform | None) -> Definition:
    """Return the loss of rows under the name of the product loss, its rows the last axis."""
    facts = {
        item.name: getattr(record, item.name)
        for item in dataclasses.fields(Definition)
        if item.init and item.name != "identity"
    }
    facts |= {"name": f"linear_{record.name}", "axis": -1}
    parameters = record.signature.parameters
    without_axis = [p for name, p in parameters.items() if name != "axis"]
    facts["signature"] = record.signature.replace(parameters=without_axis)
    if transform is not None:
        first = record.arguments[0]
        facts["formula"] = Transformed(record.formula, first, transform)
        facts["domains"] = {n: d for n, d in record.domains.items() if n != first}
        facts["probability"] = None
    return Definition(**facts)


class Transformed:
    """A formula whose first argument is transformed."""

    def __init__(
        self, formula: Callable[..., Expression], first: str, transform: Transform
    ) -> None:
        self._formula, self._first, self._transform = formula, first, transform
        self.__signature__ = inspect.signature(formula)

    def __call__(self, **given: Any) -> Expression:
        """Return the expression of the loss."""
        given[self._first] = self._transform(given[self._first])
        return self._formula(**given)
