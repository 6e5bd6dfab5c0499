"""Expressions: the nodes that a traced formula is made of.

A node has a *kind*: constant (numbers and parameters), row (one value per row) or element (varies
along the class axis). The kind of an operation is the largest kind of its arguments; a reduction
turns element nodes into row nodes; a row node used beside elements is broadcast. An elementwise
loss is the case without reductions: all its arguments are element nodes.

Nodes are shared: the same operation on the same arguments is the same object, so a common
subexpression is computed once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import IntEnum
from typing import NoReturn
from weakref import WeakValueDictionary

from lossary.formula.refusal import (
    COMPUTE_BEFORE,
    KEEP_SYMBOL,
    USE_AT_LABEL,
    USE_FUNCTIONS,
    USE_REDUCTIONS,
    Refusal,
    TracingError,
    no_value,
    unknown_attribute,
)
from lossary.formula.table import PRIMITIVES

Number = int | float

#: The operations of symbols that stand for arrays, and of all symbols.
LEAVES = frozenset({"argument", "label", "mask"})
SYMBOLS = LEAVES | {"parameter"}


class Kind(IntEnum):
    """Along which axes the value of a node varies.

    CONSTANT: along none. ROW: one value per row. ELEMENT: along the class axis too.
    """

    CONSTANT = 0
    ROW = 1
    ELEMENT = 2


class Expression:
    """One node of a formula: an operation on other nodes, a symbol or a number.

    Inside a formula the arguments of a loss are expressions. Python's operators (``+ - * / **``,
    comparisons, ``& | ~``, ``abs``) and the functions of ``lossary.formula`` make new ones from
    them.

    Attributes
    ----------
    operation : str
        Name of a primitive, or "argument", "label", "mask", "parameter" or "literal".
    arguments : tuple of Expression
        What the operation is applied to.
    kind : Kind
        Along which axes the value varies.
    value : int, float, str or None
        A literal's number or a symbol's name.
    bounded : bool
        Whether it is finite whatever arrays hold, NaN aside.

    Examples
    --------
    >>> from lossary import loss
    >>> @loss
    ... def printed_loss(inputs, targets):
    ...     print(1 - targets * inputs)
    ...     return abs(inputs - targets)
    subtract(1.0, multiply(targets, inputs))
    """

    __slots__ = ("__weakref__", "arguments", "bounded", "kind", "operation", "value")

    operation: str
    arguments: tuple[Expression, ...]
    kind: Kind
    value: Number | str | None
    bounded: bool

    # --- arithmetic -----------------------------------------------------------------------
    def __add__(self, other: Operand) -> Expression:
        return node("add", self, other)

    def __radd__(self, other: Operand) -> Expression:
        return node("add", other, self)

    def __sub__(self, other: Operand) -> Expression:
        return node("subtract", self, other)

    def __rsub__(self, other: Operand) -> Expression:
        return node("subtract", other, self)

    def __mul__(self, other: Operand) -> Expression:
        return node("multiply", self, other)

    def __rmul__(self, other: Operand) -> Expression:
        return node("multiply", other, self)

    def __truediv__(self, other: Operand) -> Expression:
        return node("divide", self, other)

    def __rtruediv__(self, other: Operand) -> Expression:
        return node("divide", other, self)

    def __pow__(self, other: Operand) -> Expression:
        if isinstance(other, int) and not isinstance(other, bool) and 0 <= other <= 4:
            return _whole_power(self, other)
        if isinstance(other, float) and other == 0.5:
            return node("sqrt", self)
        return node("power", self, other)

    def __rpow__(self, other: Operand) -> Expression:
        return node("power", other, self)

    def __neg__(self) -> Expression:
        return node("negative", self)

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return node("absolute", self)

    # --- comparisons ----------------------------------------------------------------------
    def __lt__(self, other: Operand) -> Expression:
        return node("less", self, other)

    def __le__(self, other: Operand) -> Expression:
        return node("less_equal", self, other)

    def __gt__(self, other: Operand) -> Expression:
        return node("less", other, self)

    def __ge__(self, other: Operand) -> Expression:
        return node("less_equal", other, self)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return node("equal", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return node("logical_not", node("equal", self, other))

    def __and__(self, other: Operand) -> Expression:
        return node("logical_and", self, other)

    def __or__(self, other: Operand) -> Expression:
        return node("logical_or", self, other)

    def __invert__(self) -> Expression:
        return node("logical_not", self)

    __hash__ = object.__hash__

    # --- what cannot be traced ------------------------------------------------------------
    __bool__ = Refusal(
        "if, and, or, not, min() and max()", "Use where(condition, a, b), &, | and ~.", True
    )
    __float__ = __complex__ = __int__ = Refusal("{}()", KEEP_SYMBOL, True)
    __index__ = Refusal("range() or indexing", USE_REDUCTIONS, True)
    __iter__ = Refusal("iteration", USE_REDUCTIONS)
    __getitem__ = Refusal("indexing", USE_AT_LABEL)
    __setitem__ = Refusal("assignment", "Use where(condition, a, b).")
    __len__ = Refusal("len()", "Use class_count() for the number of classes.")
    __call__ = Refusal("a call", "Write * for a product.")
    __contains__ = Refusal(
        "a test of membership (in)", "Use (x == a) | (x == b) for one of several values."
    )
    __mod__ = __rmod__ = __divmod__ = __rdivmod__ = Refusal("% or divmod()", COMPUTE_BEFORE)
    __floordiv__ = __rfloordiv__ = Refusal("//", COMPUTE_BEFORE)
    __round__ = __trunc__ = __floor__ = __ceil__ = Refusal("{}()", COMPUTE_BEFORE)
    __matmul__ = __rmatmul__ = Refusal("@", "Use sum_over_classes(a * b).")
    __xor__ = __rxor__ = Refusal("^", "Use ** for a power.")
    __array__ = Refusal("a NumPy function", USE_FUNCTIONS)
    __array_namespace__ = Refusal("a function of an array library", USE_FUNCTIONS)

    @classmethod
    def __torch_function__(cls, function: object, *_: object) -> NoReturn:
        used = "a PyTorch function"
        raise no_value(used, getattr(function, "__name__", function), USE_FUNCTIONS)

    def __format__(self, specification: str) -> str:
        if specification:
            self._refuse("a format with a specification", "Leave out what follows the colon.")
        return repr(self)

    def __getattr__(self, name: str) -> NoReturn:
        # Names with an underscore belong to protocols (copies, pickles, displays), whose probes
        # expect a plain AttributeError. A slot is missing only while a copy is being made.
        if name.startswith("_") or name in Expression.__slots__:
            raise AttributeError(name)
        raise unknown_attribute(self, name)

    def _refuse(self, used: str, remedy: str, names_structure: bool = False) -> NoReturn:
        advice = _structure_advice(self) if names_structure else ""
        raise no_value(used, repr(self), advice + remedy)

    def __repr__(self) -> str:
        if self.operation in SYMBOLS or self.operation == "literal":
            return str(self.value)
        return f"{self.operation}({', '.join(map(repr, self.arguments))})"


Operand = Expression | Number

_nodes: WeakValueDictionary[tuple[object, ...], Expression] = WeakValueDictionary()


# Keys hold ids, not nodes: comparing nodes would build new ones. A node itself keeps its arguments
# alive, so an id cannot be reused while its key exists.
def _kept(
    key: tuple[object, ...],
    operation: str,
    arguments: tuple[Expression, ...],
    kind: Kind,
    value: Number | str | None,
    bounded: bool,
) -> Expression:
    """Return a new node, kept by its key."""
    made = Expression()
    made.operation, made.arguments = operation, arguments
    made.kind, made.value, made.bounded = kind, value, bounded
    _nodes[key] = made
    return made


def _leaf(operation: str, kind: Kind, value: Number | str, bounded: bool) -> Expression:
    """Return the one symbol or number of these attributes."""
    # repr tells 0.0 from -0.0, and unlike NaN itself the text "nan" equals itself.
    key = (operation, int(kind), repr(value))
    found = _nodes.get(key)
    return _kept(key, operation, (), kind, value, bounded) if found is None else found


# --- symbols and numbers --------------------------------------------------------------------
def literal(value: Number) -> Expression:
    """Return the node of a number."""
    given = float(value)
    return _leaf("literal", Kind.CONSTANT, given, not math.isinf(given))


def argument(name: str, kind: Kind = Kind.ELEMENT) -> Expression:
    """Return the symbol of an array of numbers."""
    return _leaf("argument", kind, name, False)


def label(name: str, kind: Kind = Kind.ROW) -> Expression:
    """Return the symbol of an array of integer class labels."""
    return _leaf("label", kind, name, True)


def mask(name: str, kind: Kind = Kind.ELEMENT) -> Expression:
    """Return the symbol of a boolean array."""
    return _leaf("mask", kind, name, True)


def parameter(name: str) -> Expression:
    """Return the symbol of a number that is passed at run time."""
    return _leaf("parameter", Kind.CONSTANT, name, True)


def number(item: Expression) -> float | None:
    """Return the value of a literal, None for every other node."""
    return item.value if item.operation == "literal" else None  # type: ignore[return-value]


def is_number(item: Expression, value: float) -> bool:
    """Return whether a node is the literal of this value; no literal equals NaN."""
    return item.operation == "literal" and item.value == value


# --- operations -----------------------------------------------------------------------------
def node(operation: str, *operands: object) -> Expression:
    """Return the shared node of an operation, simplified where that is exact.

    Parameters
    ----------
    operation : str
        Name of a primitive.
    *operands : Expression, int or float
        What it is applied to.

    Raises
    ------
    TracingError
        If an operand is neither, or if a reduction gets what does not vary along the class axis.

    Examples
    --------
    >>> from lossary.formula.expression import argument, node
    >>> node("multiply", argument("x"), 1) is argument("x")
    True
    >>> node("multiply", 2, node("add", 1, 1))
    4.0
    """
    arguments = tuple([x if type(x) is Expression else _as_expression(x) for x in operands])
    key = (operation, *map(id, arguments))
    found = _nodes.get(key)
    if found is not None:  # what is kept could not be simplified
        return found
    primitive = PRIMITIVES[operation]
    if primitive.fold is not None and all([item.operation == "literal" for item in arguments]):
        return literal(primitive.fold(*map(number, arguments)))
    if primitive.simplify is not None:
        simpler: Expression | None = primitive.simplify(*arguments)
        if simpler is not None:
            return simpler
    return _new(key, operation, arguments)


def read_node(operation: str, arguments: tuple[Expression, ...]) -> Expression:
    """Return the shared node of an operation that could not be simplified when it was made.

    Raises
    ------
    KeyError
        If there is no such operation.
    """
    key = (operation, *map(id, arguments))
    found = _nodes.get(key)
    return _new(key, operation, arguments) if found is None else found


def _new(key: tuple[object, ...], operation: str, arguments: tuple[Expression, ...]) -> Expression:
    """Return a new node of an operation."""
    primitive = PRIMITIVES[operation]
    varies = primitive.per_class or (primitive.mixes and not primitive.reduces)
    kind = Kind.ELEMENT if varies else max([item.kind for item in arguments], default=Kind.CONSTANT)
    if primitive.reduces:
        if kind is not Kind.ELEMENT:
            message = (
                f"formula: {operation} must reduce something that varies along the class axis, "
                f"got {arguments[0]!r}. Declare the loss with axis= to give it one."
            )
            raise TracingError(message)
        kind = Kind.ROW
    bounded = primitive.bounded or (
        primitive.bounded_by_operands and all([item.bounded for item in arguments])
    )
    return _kept(key, operation, arguments, kind, None, bounded)


def _as_expression(value: object) -> Expression:
    if isinstance(value, Expression):
        return value
    if isinstance(value, (int, float)):
        return literal(value)
    message = (
        f"formula: an operand must be a symbol or a Python number, got {type(value).__name__}. "
        "Pass arrays as arguments of the loss."
    )
    raise TracingError(message)


def _whole_power(base: Expression, exponent: int) -> Expression:
    """Return a power as products: repeated squaring."""
    if exponent == 0:
        return literal(1)
    half = _whole_power(base, exponent // 2)
    square = half * half if exponent > 1 else literal(1)
    return square * base if exponent % 2 else square


# --- all nodes of an expression -------------------------------------------------------------
def walk(*outputs: Expression) -> Iterator[Expression]:
    """Yield every node below the outputs once, arguments before the nodes that use them."""
    seen: set[int] = set()
    for output in outputs:
        stack = [(output, iter(output.arguments))] if id(output) not in seen else []
        while stack:
            item, rest = stack[-1]
            for child in rest:
                if id(child) not in seen:
                    stack.append((child, iter(child.arguments)))
                    break
            else:
                seen.add(id(item))
                yield item
                stack.pop()


def _structure_advice(item: Expression) -> str:
    """Return how to give the parameters in a constant a value while the formula is traced."""
    if item.kind is not Kind.CONSTANT:
        return ""
    names = [repr(one.value) for one in walk(item) if one.operation == "parameter"]
    if not names:
        return ""
    return (
        f"Declare structure=({', '.join(names)},) with @loss, so that each value has a formula of "
        "its own. Otherwise: "
    )
