"""PyTorch under ``torch.compile``: one call in the graph that its tracer does not look into.

The tracer of ``torch.compile`` follows Python line by line, but the code that chooses an expression
is not part of the computation. ``allow_in_graph`` makes the call one node; tracing it with the fake
tensors of the next stage runs the ordinary code, which leaves torch operations in the graph.

A number that has changed between calls arrives as a symbol. Where a loss only computes with it, it
goes into the graph as a 0-d tensor, so another value does not cause another compilation. What is
checked (its limits, whether it is 0 or a default) becomes a guard. Where it chooses the expression,
the graph is specialised to its value.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import torch

from lossary.call.array_library import find_backend
from lossary.call.checks import prepare
from lossary.definition.computation import Computation
from lossary.definition.definition import BY_IDENTITY
from lossary.definition.request import Request


@torch.compiler.allow_in_graph
def call(
    identity: str,
    arrays: tuple[Any, ...],
    parameters: tuple[Any, ...],
    axis: int | tuple[int, ...] | None,
    reduction: str,
    common: tuple[Any, ...],
) -> Any:
    """Compute a loss that is given by its identity, from arguments that a graph can hold."""
    given = Request(BY_IDENTITY[identity], arrays, parameters, axis, reduction, *common)
    request = given._replace(
        arrays=tuple(map(_now, arrays)),
        parameters=tuple(map(_now, _parameters(given))),
        axis=tuple(map(fixed, axis)) if isinstance(axis, tuple) else fixed(axis),
        weights=_now(given.weights),
        denominator=_now(given.denominator),
        ignore_index=fixed(given.ignore_index),
        class_axis=fixed(given.class_axis),
    )
    backend, request = find_backend(request)
    return backend.value(_with_symbols(prepare(request, backend), given))


@torch.compiler.allow_in_graph
def node(module: str, function: str, *given: Any) -> Any:
    """Call a function of a module of the package with arguments that a graph can hold."""
    compute: Callable[..., Any] = getattr(sys.modules[module], function)
    return compute(*map(fixed, given))


def _with_symbols(computation: Computation, given: Request) -> Computation:
    """Compute with 0-d tensors where numbers are symbols."""
    arrays = {name: _tensor(x, computation) for name, x in given.named_arrays() if _is_symbol(x)}
    numbers = {
        name: _tensor(x, computation)
        for name, x in zip(given.loss.parameters, given.parameters, strict=True)
        if _is_symbol(x) and name in computation.numbers
    }
    denominator = computation.denominator
    if _is_symbol(given.denominator):
        if given.denominator.node.has_hint():
            bool(given.denominator > 0)
        denominator = _tensor(given.denominator, computation)
    return dataclasses.replace(
        computation,
        arrays={**computation.arrays, **arrays},
        numbers={**computation.numbers, **numbers},
        denominator=denominator,
    )


def _parameters(given: Request) -> list[Any]:
    """Specialise to numbers that choose the expression, and to the checks of the others."""
    loss = given.loss
    found = []
    for name, x in zip(loss.parameters, given.parameters, strict=True):
        if not _is_symbol(x) or name in loss.structure or not x.node.has_hint():
            found.append(fixed(x))
            continue
        limit = loss.limits.get(name)
        if limit is not None:
            bool(limit.contains(x))
        bool(x == 0)
        if name in loss.extensions:
            bool(x == loss.parameters[name])
        found.append(x)
    return found


def _is_symbol(x: Any) -> bool:
    return isinstance(x, (torch.SymInt, torch.SymFloat))


def fixed(x: Any) -> Any:
    """Return a symbol's value; the graph is specialised to it."""
    if isinstance(x, torch.SymInt):
        return int(x)
    return float(x) if isinstance(x, torch.SymFloat) else x


def _now(x: Any) -> Any:
    """Return a symbol's present value without specialising the graph."""
    if not _is_symbol(x):
        return x
    return x.node.hint if x.node.has_hint() else x.node.pytype(1)


def _tensor(x: Any, computation: Computation) -> torch.Tensor:
    """Return a symbol as a 0-d tensor. A product is what compilers can keep dynamic."""
    example = computation.example
    device = example.device if isinstance(example, torch.Tensor) else None
    dtype = torch.float32 if device is not None and device.type == "mps" else torch.float64
    return torch.ones((), dtype=dtype, device=device) * x
