"""Losses of pairs of a batch: embeddings are prepared, compared in tiles, and get their gradients.

``pair_call.py`` checks a call, ``variable.py`` prepares embeddings, ``pair_rows.py`` has the
losses of rows, ``pair_losses.py`` the functions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, ParamSpec

import numpy as np

from lossary.call.evaluation import Wanted
from lossary.definition.definition import Definition
from lossary.definition.request import Request
from lossary.errors import type_error
from lossary.products.computation import ProductComputation, assembled
from lossary.products.documentation import of_pairs
from lossary.products.facts import Facts
from lossary.products.flow import Library
from lossary.products.linear import MatrixLoss, function_of
from lossary.products.pair_call import Arrays, PairCall
from lossary.products.request import BY_IDENTITY, MATRICES, Product
from lossary.products.variable import Variable, pulled_back

P = ParamSpec("P")


@dataclass(frozen=True)
class Term:
    """One product of a loss of pairs, and the loss of its rows.

    Attributes
    ----------
    rows, columns : Variable
        Vectors of shape (V N, D), those of one view after those of another, and of shape (M, D);
        their products are the similarities.
    arguments : tuple
        The other arguments of the loss of rows.
    bias : Variable, optional
        What is added to the products of each column.
    numbers : array, optional
        A number for each column.
    mask : array, optional
        Which items take part.
    views : int
        How many rows an item has, which are averaged.
    share : float
        What the term is multiplied by.
    parameters : mapping
        Parameters of the loss of rows.
    """

    rows: Variable
    columns: Variable
    arguments: tuple[Any, ...]
    bias: Variable | None = None
    numbers: Any = None
    mask: Any = None
    views: int = 1
    share: float = 1.0
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def matrices(self) -> dict[str, Variable]:
        """What is multiplied, by the names of the engine."""
        found = zip(MATRICES, (self.rows, self.columns, self.bias), strict=True)
        return {name: variable for name, variable in found if variable is not None}


class PairRequest(NamedTuple):
    """The arguments of one call of a loss of pairs, bound to their names and not yet checked."""

    loss: PairLoss
    given: Mapping[str, Any]


class PairLoss(MatrixLoss):
    """A loss of pairs.

    Parameters
    ----------
    function : callable
        The public function.
    rows : Definition
        The loss of rows.
    arrays : Arrays
        Names of the arrays.
    terms : callable
        From a checked call to the products that the loss is a mean of.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        rows: Definition,
        arrays: Arrays,
        terms: Callable[[PairCall], list[Term]],
    ) -> None:
        self.function, self.rows, self.arrays, self.terms = function, rows, arrays, terms
        self.name = rows.name
        self.identity = rows.identity
        BY_IDENTITY[self.identity] = self
        self.signature = inspect.signature(function)
        self.arguments, self.differentiable = arrays.arguments, arrays.differentiable

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.function, "product_loss")

    def bind(self, *args: Any, **kwargs: Any) -> PairRequest:
        """Return the request for a call with these arguments."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            msg = f"{self.name}() {error}"
            raise TypeError(msg) from None
        bound.apply_defaults()
        return PairRequest(self, bound.arguments)

    def value(self, request: PairRequest) -> Any:
        """Compute the loss, with a derivative attached where the library differentiates."""
        with np.errstate(all="ignore"):
            call = PairCall(self.rows, self.arrays, request.given)
            library, total = call.operations.library, None
            for term in self.terms(call):
                found = _averaged(call, term, library.value(_computation(call, term)))
                total = found if total is None else total + found
            return call.backend.cast(total, call.dtype)

    def results(self, request: PairRequest, wanted: Wanted) -> tuple[Any, ...]:
        """Compute the loss and its gradients with respect to some of its arrays."""
        with np.errstate(all="ignore"):
            call = PairCall(self.rows, self.arrays, request.given)
            for name in wanted.names:
                if name not in call.variables:
                    requirement = "must be given to be differentiated"
                    raise type_error(self.name, name, requirement, "None")
            with call.operations.library.without_history():
                return _results(call, self.terms(call), wanted.names)


def pair_loss(
    rows: Definition, arrays: Arrays, terms: Callable[[PairCall], list[Term]], facts: Facts
) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Return a decorator that makes a loss of pairs of a signature and its documentation."""

    def decorate(function: Callable[P, Any]) -> Callable[P, Any]:
        def made(public: Callable[..., Any]) -> PairLoss:
            return PairLoss(public, rows, arrays, terms)

        return function_of(function, made, of_pairs, facts)

    return decorate


def _results(call: PairCall, terms: list[Term], names: Sequence[str]) -> tuple[Any, ...]:
    """Return the loss and its gradients, without a history."""
    library: Library = call.operations.library
    total, gradients = None, []
    for term in terms:
        value, *found = library.value_and_gradients(_computation(call, term), tuple(term.matrices))
        value = _averaged(call, term, value)
        total = value if total is None else total + value
        factor = _factor(call, term)
        gradients += [
            (variable, gradient if factor == 1 else gradient * factor)
            for variable, gradient in zip(term.matrices.values(), found, strict=True)
        ]
    variables = [call.variables[name] for name in names]
    pulled = pulled_back(gradients, variables)
    delivered = (
        _delivered(call, name, gradient) for name, gradient in zip(names, pulled, strict=True)
    )
    return call.backend.cast(total, call.dtype), *delivered


def _delivered(call: PairCall, name: str, gradient: Any) -> Any:
    """Return a gradient in the shape and the dtype of its array."""
    given = call.variables[name].value
    if gradient is None:
        gradient = given * 0
    dtype = call.backend.dtype_name(call.known[name])
    is_array = hasattr(call.known[name], "shape")
    return call.backend.cast(gradient, dtype if is_array and "float" in dtype else call.dtype)


def _computation(call: PairCall, term: Term) -> ProductComputation:
    """Return the computation of a term's rows."""
    given, views = call.given, term.views
    weights, mask = (
        x if x is None or views == 1 or call.backend.shape(x) == () else _again(call, x, views)
        for x in (call.known.get("weights"), term.mask)
    )
    parameters = {**call.rows.parameters, **term.parameters}
    request = Request(
        call.rows,
        (None, *term.arguments),
        tuple(parameters[name] for name in call.rows.parameters),
        -1,
        given["reduction"],
        weights,
        mask,
        call.denominator,
        call.backend.dtype(call.operations.dtype),
        None,
        term.numbers,
    )
    bias = None if term.bias is None else term.bias.value
    product = Product(term.rows.value, term.columns.value, bias)
    return assembled(call.backend, {call.rows.arguments[0]: product}, request)


def _again(call: PairCall, x: Any, views: int) -> Any:
    return call.backend.xp.concat([x] * views)


def _factor(call: PairCall, term: Term) -> float:
    """Return what the gradients of a term's rows are multiplied by: views are averaged."""
    counted = call.given["reduction"] == "mean" and isinstance(call.denominator, str)
    return term.share if counted else term.share / term.views


def _averaged(call: PairCall, term: Term, value: Any) -> Any:
    """Return a term's value, averaged over views and times its share."""
    if term.views > 1 and call.given["reduction"] == "none":
        shaped = call.backend.xp.reshape(value, (term.views, call.count))
        value = call.backend.xp.sum(shaped, axis=0)
    factor = _factor(call, term)
    return value if factor == 1 else value * factor
