"""Expressions: the nodes that a traced formula is made of.

A node has a *kind*: constant (numbers and parameters), row (one value per row) or element (varies
along the class axis). The kind of an operation is the largest kind of its arguments; a reduction
turns element nodes into row nodes; a row node used beside elements is broadcast. An elementwise
loss is the case without reductions: all its arguments are element nodes.

Nodes are shared: the same operation on the same arguments is the same object, so a common
subexpression is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NoReturn
from weakref import WeakValueDictionary

Number = int | float


class Kind(IntEnum):
    """How far the value of a node varies."""

    CONSTANT = 0
    ROW = 1
    ELEMENT = 2


class TracingError(TypeError):
    """A formula used a symbol in a way that cannot be traced."""


class UnknownAttribute(TracingError, AttributeError):
    """A formula used an attribute, such as a method of arrays, that symbols do not have."""


def _no_value(used: str, given: object, remedy: str) -> TracingError:
    return TracingError(
        "formula: a symbol has no value while a formula is traced, so it cannot be used in "
        f"{used}, got {given}. {remedy}"
    )


_AT_LABEL = "Use at_label(values, labels) to pick the element at a label."
_BEFORE = "Compute it before the call, and pass it as an argument."
_KEEP = "Keep it a symbol: every operation accepts one."
_REDUCE = "Use sum_over_classes() and max_over_classes() over the class axis."
_WORDS = "Use the operations of lossary.formula."


def _structure(item: Expression) -> str:
    """Return how parameters get a value while the formula is traced, if they alone are asked."""
    if item.kind is not Kind.CONSTANT:
        return ""
    names = [repr(x.value) for x in walk(item) if x.operation == "parameter"]
    if not names:
        return ""
    return (
        f"Declare structure=({', '.join(names)},) with @loss, so that each value has a formula of "
        "its own. Otherwise: "
    )


class _refusal:
    """A method that raises: what it stands for (``{}`` is its own name), and what to write.

    A parameter has a value where it chooses a variant of the formula: ``by_structure`` says so.
    """

    def __init__(self, used: str, remedy: str, by_structure: bool = False) -> None:
        self._used, self._remedy, self._by_structure = used, remedy, by_structure

    def __set_name__(self, owner: type, name: str) -> None:
        used, remedy = self._used.format(name.strip("_")), self._remedy
        by_structure = self._by_structure

        def method(self: Expression, *_: object, **__: object) -> NoReturn:
            told = _structure(self) if by_structure else ""
            raise _no_value(used, repr(self), told + remedy)

        method.__name__ = name
        setattr(owner, name, method)


class Expression:
    """One node of a formula. Made by :func:`node`, :func:`literal` and the symbols."""

    __slots__ = ("__weakref__", "arguments", "kind", "operation", "value")

    operation: str
    arguments: tuple[Expression, ...]
    kind: Kind
    value: Number | str | None

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
            return _integer_power(self, other)
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
        return node("equal", self, _operand(other))

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return node("logical_not", node("equal", self, _operand(other)))

    def __and__(self, other: Operand) -> Expression:
        return node("logical_and", self, other)

    def __or__(self, other: Operand) -> Expression:
        return node("logical_or", self, other)

    def __invert__(self) -> Expression:
        return node("logical_not", self)

    __hash__ = object.__hash__

    # --- what cannot be traced ------------------------------------------------------------
    __bool__ = _refusal(
        "if, and, or, not, min() and max()", "Use where(condition, a, b), &, | and ~.", True
    )
    __float__ = __complex__ = __int__ = _refusal("{}()", _KEEP, True)
    __index__ = _refusal("range() or indexing", _REDUCE, True)
    __iter__ = _refusal("iteration", _REDUCE)
    __getitem__ = _refusal("indexing", _AT_LABEL)
    __setitem__ = _refusal("assignment", "Use where(condition, a, b).")
    __len__ = _refusal("len()", "Use class_count() for the number of classes.")
    __call__ = _refusal("a call", "Write * for a product.")
    __contains__ = _refusal(
        "a test of membership (in)", "Use (x == a) | (x == b) for one of several values."
    )
    __mod__ = __rmod__ = __divmod__ = __rdivmod__ = _refusal("% or divmod()", _BEFORE)
    __floordiv__ = __rfloordiv__ = _refusal("//", _BEFORE)
    __round__ = __trunc__ = __floor__ = __ceil__ = _refusal("{}()", _BEFORE)
    __matmul__ = __rmatmul__ = _refusal("@", "Use sum_over_classes(a * b).")
    __xor__ = __rxor__ = _refusal("^", "Use ** for a power.")
    __array__ = _refusal("a NumPy function", _WORDS)
    __array_namespace__ = _refusal("a function of an array library", _WORDS)

    @classmethod
    def __torch_function__(cls, function: object, *_: object) -> NoReturn:
        used = "a PyTorch function"
        raise _no_value(used, getattr(function, "__name__", function), _WORDS)

    def __format__(self, specification: str) -> str:
        if specification:
            self._refuse("a format with a specification", "Leave out what follows the colon.")
        return repr(self)

    def __getattr__(self, name: str) -> NoReturn:
        # What asks whether an attribute exists is told no. Names with an underscore are those
        # of protocols (copies, pickles, displays), and they are no one's slip.
        if name.startswith("_") or name in Expression.__slots__:
            raise AttributeError(name)
        message = (
            f"formula: a symbol must be used with operators and the operations of "
            f"lossary.formula, got {self!r}.{name}. {_advice(name)}"
        )
        raise UnknownAttribute(message)

    def _refuse(self, used: str, remedy: str) -> NoReturn:
        raise _no_value(used, repr(self), remedy)

    def __repr__(self) -> str:
        if self.operation in LEAVES or self.operation in {"parameter", "literal"}:
            return str(self.value)
        return f"{self.operation}({', '.join(map(repr, self.arguments))})"


Operand = Expression | Number

_nodes: WeakValueDictionary[tuple[object, ...], Expression] = WeakValueDictionary()


def _make(
    operation: str, arguments: tuple[Expression, ...], kind: Kind, value: Number | str | None = None
) -> Expression:
    # Keys hold ids, not nodes: comparing nodes would build new ones. The node itself keeps its
    # arguments alive, so an id cannot be reused while its key exists. repr tells 0.0 from -0.0
    # and lets NaN be found again.
    key = (operation, kind, repr(value), *map(id, arguments))
    found = _nodes.get(key)
    if found is None:
        found = Expression()
        found.operation, found.arguments, found.kind, found.value = (
            operation,
            arguments,
            kind,
            value,
        )
        _nodes[key] = found
    return found


def literal(value: Number) -> Expression:
    """Return the node of a number."""
    return _make("literal", (), Kind.CONSTANT, float(value))


LEAVES = frozenset({"argument", "label", "mask"})


def argument(name: str, kind: Kind = Kind.ELEMENT) -> Expression:
    """Return the symbol of an array of numbers."""
    return _make("argument", (), kind, name)


def label(name: str, kind: Kind = Kind.ROW) -> Expression:
    """Return the symbol of an array of integer class labels."""
    return _make("label", (), kind, name)


def mask(name: str, kind: Kind = Kind.ELEMENT) -> Expression:
    """Return the symbol of a boolean array."""
    return _make("mask", (), kind, name)


def parameter(name: str) -> Expression:
    """Return the symbol of a number that is passed at run time."""
    return _make("parameter", (), Kind.CONSTANT, name)


def _operand(value: object) -> Expression:
    if isinstance(value, Expression):
        return value
    if isinstance(value, (int, float)):
        return literal(value)
    message = (
        f"formula: an operand must be a symbol or a Python number, got {type(value).__name__}. "
        "Pass arrays as arguments of the loss."
    )
    raise TracingError(message)


def node(operation: str, *operands: object) -> Expression:
    """Return the shared node of an operation, simplified where that is exact."""
    from lossary.formula.primitives import PRIMITIVES
    from lossary.formula.simplify import simplify

    arguments = tuple(_operand(operand) for operand in operands)
    simpler = simplify(operation, arguments)
    if simpler is not None:
        return simpler
    primitive = PRIMITIVES[operation]
    kind = max((item.kind for item in arguments), default=primitive.kind)
    if primitive.reduces:
        if kind is not Kind.ELEMENT:
            message = (
                f"formula: {operation} must reduce something that varies along the class axis, "
                f"got {arguments[0]!r}. Declare the loss with axis= to give it one."
            )
            raise TracingError(message)
        kind = Kind.ROW
    return _make(operation, arguments, max(kind, primitive.kind))


def walk(*outputs: Expression) -> Iterator[Expression]:
    """Yield every node below the outputs once, arguments before the nodes that use them."""
    seen: set[int] = set()
    stack = [(output, False) for output in reversed(outputs)]
    while stack:
        item, ready = stack.pop()
        if id(item) in seen:
            continue
        if ready:
            seen.add(id(item))
            yield item
        else:
            stack.append((item, True))
            stack.extend((child, False) for child in reversed(item.arguments))


def number(item: Expression) -> float | None:
    """Return the value of a literal, None for every other node."""
    return float(item.value) if item.operation == "literal" else None  # type: ignore[arg-type]


def _integer_power(base: Expression, exponent: int) -> Expression:
    if exponent == 0:
        return literal(1)
    half = _integer_power(base, exponent // 2)
    square = half * half if exponent > 1 else literal(1)
    return square * base if exponent % 2 else square


_METHODS = {
    "sum": "sum_over_classes(x)",
    "mean": "mean_over_classes(x)",
    "max": "max_over_classes(x)",
    "abs": "abs(x)",
    "square": "x ** 2",
    "pow": "x ** n",
    "clip": "clip(x, low, high)",
    "clamp": "clip(x, low, high)",
    "shape": "class_count() for the number of classes",
    "size": "class_count() for the number of classes",
}


def _advice(name: str) -> str:
    """Return what to write instead of an attribute."""
    from lossary.formula import __all__ as words

    instead = _METHODS.get(name) or (f"{name}(x)" if name in words else None)
    rest = "The batch is reduced by reduction=." if name in {"sum", "mean"} else ""
    return f"Use {instead}. {rest}".rstrip() if instead else _WORDS


def is_number(item: Expression, value: float) -> bool:
    """Tell whether a node is the literal of this value."""
    return number(item) == value
