"""The rule of forward mode, the same for every library that has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lossary.backends.base import Backend
from lossary.definition.computation import Computation
from lossary.definition.outputs import gradient_elements
from lossary.formula.expression import literal
from lossary.formula.plan import Output

Run = Callable[[Computation, tuple[Output, ...]], dict[str, Any]]


def unreduced_tangent(
    backend: Backend, computation: Computation, tangents: Mapping[str, Any], run: Run
) -> Any:
    """Return the tangent of the unreduced loss: each gradient times its argument's tangent.

    Products that span the classes are summed over them. 0.0 if there are no tangents.
    """
    outputs = tuple(gradient_elements(computation, name, literal(1)) for name in tangents)
    results = run(computation, outputs) if outputs else {}
    moved: Any = 0.0
    for name, tangent in tangents.items():
        tangent = backend.cast(tangent, computation.compute)
        if name == "class_weights":
            tangent = backend.shaped(computation, name, tangent)
        product = results[f"gradient_{name}"] * tangent
        moved = moved + summed_over_classes(computation, name, product)
    return moved


def summed_over_classes(computation: Computation, name: str, product: Any) -> Any:
    """Sum what an array's elements contribute over the classes, if the array spans them."""
    spans = name == "class_weights" or computation.spans_classes(name)
    return product.sum(computation.axes) if spans and computation.axes else product
