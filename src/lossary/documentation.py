"""Printed forms of a loss: formula and gradient, and its docstring completed from the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lossary.formula.expression import Expression
from lossary.formula.gradient import gradient
from lossary.formula.parts import named_latex, named_text
from lossary.formula.tidy import tidy

if TYPE_CHECKING:
    from lossary.composite import Composite
    from lossary.record import Loss

_TAIL = {
    "weights": """\
weights : array, optional
    Weights of the elements, of the shape of the unreduced loss, or of its rank with axes of length
    1, or a scalar.""",
    "where": """\
where : boolean array, optional
    Elements that take part; the others add exactly 0 to value and gradient, whatever they hold.""",
    "denominator": """\
denominator : {"count", "weights"} or positive number
    What "mean" divides by: the number of elements that take part, the sum of their weights, or
    this number.""",
    "dtype": """\
dtype : dtype, optional
    Dtype of the result; by default that of the floating-point arguments.""",
    "ignore_index": """\
ignore_index : int, optional
    Label of elements that take no part.""",
    "class_weights": """\
class_weights : array, shape (C,), optional
    Weight of each class; it multiplies that class's term of the loss. An element counts with its
    label's weight in a mean with ``denominator="weights"``.""",
    "reduction": """\
reduction : {{"none", "mean", "sum"}}
    What is done with the losses of the elements. Default: "{default}".""",
}

_RETURNS = """\
Returns
-------
array, shape {shape} for "none", () for "mean" and "sum"
    The loss, of the arguments' library and on their device."""

_RAISES = """\
Raises
------
ValueError
    If shapes do not fit, a parameter or label is out of range, or (where the domain policy is
    "raise") targets lie outside their domain.
TypeError
    If the arguments are of different libraries, or not dense arrays of real numbers."""


def formula_text(loss: Loss, **structure: object) -> str:
    """Return the formula as plain text; ``labels=True`` chooses class labels as targets."""
    return named_text(shown_formula(loss, structure))


def gradient_text(loss: Loss, **structure: object) -> str:
    """Return the derivative with respect to the first argument as plain text."""
    return named_text(shown_gradient(loss, structure=structure))


def formula_latex(loss: Loss, **structure: object) -> str:
    """Return the formula as LaTeX."""
    return named_latex(shown_formula(loss, structure))


def gradient_latex(loss: Loss, **structure: object) -> str:
    """Return the derivative with respect to the first argument as LaTeX."""
    return named_latex(shown_gradient(loss, structure=structure))


def shown_formula(loss: Loss, structure: Mapping[str, object]) -> Expression:
    """Return the formula as it is printed, tidied for reading."""
    return tidy(_variant(loss, structure).written)


def shown_gradient(
    loss: Loss, structure: Mapping[str, object], argument: str | None = None
) -> Expression:
    """Return the derivative with respect to an argument, the first by default, as it is printed."""
    chosen = _variant(loss, structure)
    return tidy(gradient(chosen.raw, chosen.symbols[argument or loss.arguments[0]]))


def _variant(loss: Loss, structure: Mapping[str, object]) -> Composite:
    from lossary.composite import Variant, composite

    labels = bool(structure.get("labels", loss.takes_labels))
    flags = {
        name: structure.get(name, default)
        for name, default in loss.parameters.items()
        if name in loss.structure
    }
    return composite(loss, Variant(structure=tuple(flags.items()), labels=labels))


def complete_docstring(loss: Loss, written: str) -> str:
    """Add to a docstring what the registry knows: formula, tail, returns, errors, source."""
    head, sections = _split(written)
    formula = formula_text(loss).replace(", with ", "\n    with ")
    head += f"\n\nFormula::\n\n    {formula}"
    parameters = sections.pop("Parameters", "").rstrip()
    tail = [
        text.format(default=loss.reduction) if name == "reduction" else text
        for name in loss.signature.parameters
        if (text := _TAIL.get(name)) is not None
    ]
    blocks = [head, _section("Parameters", "\n".join(filter(None, [parameters, *tail])))]
    blocks += [_RETURNS.format(shape="(...)"), _RAISES]
    blocks += [_section(name, body) for name, body in sections.items() if name != "Examples"]
    if loss.source:
        blocks.append(_section("References", loss.source))
    if "Examples" in sections:
        blocks.append(_section("Examples", sections["Examples"]))
    return "\n\n".join(blocks) + "\n"


def _section(title: str, body: str) -> str:
    return f"{title}\n{'-' * len(title)}\n{body.rstrip()}"


def _split(written: str) -> tuple[str, dict[str, str]]:
    """Split a numpydoc docstring into its opening and its sections."""
    lines = written.splitlines()
    starts = [i for i in range(len(lines) - 1) if lines[i] and set(lines[i + 1]) == {"-"}]
    head = "\n".join(lines[: starts[0]] if starts else lines).rstrip()
    ends = [*starts[1:], len(lines)] if starts else []
    return head, {
        lines[start]: "\n".join(lines[start + 2 : end]).strip("\n")
        for start, end in zip(starts, ends, strict=True)
    }
