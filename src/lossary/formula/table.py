"""The table of primitives: what is known of one operation, and the table itself.

The table is empty here; importing ``lossary.formula`` fills it. It stands below expressions, since
a new node looks its operation up in it, while its derivatives are made of expressions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

#: From the operands to an expression, or to one per operand. Expressions are built upon this
#: table, so their type has no name here.
Rule = Callable[..., Any]

#: How tightly printed forms bind. The sign of a sum over classes takes the product after it.
BINDING = {
    "or": 1,
    "and": 2,
    "comparison": 3,
    "not": 4,
    "sum": 5,
    "sum over classes": 6,
    "product": 7,
    "power": 8,
    "function": 9,
    "atom": 10,
}


class OperandSpec(NamedTuple):
    """What an operand of a primitive may be; tests draw operands from it.

    Attributes
    ----------
    low, high : float
        The primitive is defined, and has derivatives, between these numbers.
    kind : {"element", "row", "label", "condition", "number"}
        "element": anything, elements included. "row": one value per row. "label": class labels.
        "condition": what a comparison gives. "number": a number that the formula names.
    """

    low: float = -math.inf
    high: float = math.inf
    kind: Literal["element", "row", "label", "condition", "number"] = "element"


REAL = OperandSpec()
POSITIVE = OperandSpec(low=0.0)
LABEL = OperandSpec(kind="label")
CONDITION = OperandSpec(kind="condition")
NUMBER = OperandSpec(kind="number")


class Primitive(NamedTuple):
    """One operation, with everything that the package knows of it.

    Attributes
    ----------
    name : str
        The ``operation`` of its nodes.
    operands : tuple of OperandSpec
        What each operand may be.
    compute : callable
        ``compute(xp, *operands)`` is its value, with the operations of a machine ``xp``: an array
        library, seen through its backend, or the registers of a compiled kernel.
    text, latex : str
        Templates of its printed forms. ``{0:6}`` is an operand that gets parentheses if it binds
        less tightly than 6 (see :data:`BINDING`); ``{0}`` needs none.
    precedence, latex_precedence : int
        How tightly the printed forms bind.
    partials : callable, optional
        From the operands to the partial derivative with respect to each, None where there is none.
        Where it mixes the elements of a row, these are :class:`~lossary.formula.operators.Mixing`;
        those that take long to write are :class:`~lossary.formula.deferred.Deferred`.
    expand : callable, optional
        From the operands to the expression that the primitive stands for. With ``partials`` it is
        differentiated first and expanded then; without, it is expanded first.
    fold : callable, optional
        Its value for Python numbers, where IEEE 754 defines that to the last bit.
    simplify : callable, optional
        From the operands to a simpler expression of the same value, or None.
    reduces : bool
        Whether it reduces elements to one value per row.
    per_class : bool
        Whether it varies along the class axis although no operand does.
    mixes : bool
        Whether an element of its value depends on other elements of its row, or of what it is
        reduced from.
    boolean : bool
        Whether its value is a condition.
    bounded, bounded_by_operands : bool
        Whether its value is finite whatever the operands are, or if the operands are.
    approximate : bool
        Whether it is computed by a series or polynomials that hold for float64 alone.
    costly : bool
        Whether computing it costs more than reading its value from memory.
    neutral : float, optional
        Where the value depends on all elements of a row: what changes nothing in the place of an
        element.
    kernel_only : bool
        Whether only compiled kernels have it. Then it has no derivative, and ``compute`` raises.
    """

    name: str
    operands: tuple[OperandSpec, ...]
    compute: Callable[..., Any]
    text: str
    latex: str
    precedence: int = BINDING["atom"]
    latex_precedence: int = BINDING["atom"]
    partials: Rule | None = None
    expand: Rule | None = None
    fold: Callable[..., float] | None = None
    simplify: Rule | None = None
    reduces: bool = False
    per_class: bool = False
    mixes: bool = False
    boolean: bool = False
    bounded: bool = False
    bounded_by_operands: bool = False
    approximate: bool = False
    costly: bool = False
    neutral: float | None = None
    kernel_only: bool = False

    @property
    def expands_first(self) -> bool:
        """Whether it is expanded before it is differentiated."""
        return self.expand is not None and self.partials is None


#: Every primitive by its name.
PRIMITIVES: dict[str, Primitive] = {}

#: The names of the functions that formulas are written with. Error messages suggest them.
FUNCTIONS: set[str] = set()


def primitive(
    name: str, operands: tuple[OperandSpec, ...], compute: Callable[..., Any], **rest: Any
) -> Primitive:
    """Return a primitive; without templates it is printed as a function of its name."""
    arguments = ", ".join(f"{{{index}}}" for index in range(len(operands)))
    title = name.replace("_", " ")
    defaults = {
        "text": f"{name}({arguments})",
        "latex": rf"\operatorname{{{{{title}}}}}\left({arguments}\right)",
        "latex_precedence": rest.get("precedence", BINDING["atom"]),
    }
    return Primitive(name=name, operands=operands, compute=compute, **{**defaults, **rest})


def composite(name: str, operands: tuple[OperandSpec, ...], expand: Rule, **rest: Any) -> Primitive:
    """Return a primitive that stands for an expression of others."""
    return primitive(name, operands, _not_expanded, expand=expand, **rest)


def kernel_primitive(
    name: str, operands: tuple[OperandSpec, ...], *, costly: bool = True, boolean: bool = False
) -> Primitive:
    """Return a primitive that only compiled kernels have."""
    traits = {"costly": costly, "boolean": boolean}
    return primitive(name, operands, _not_expanded, kernel_only=True, **traits)


def _not_expanded(*_: Any) -> Any:
    message = "a composite must be expanded, and a primitive of kernels evaluated in a kernel"
    raise NotImplementedError(message)
