"""Along the class axis, element after element: running sums and maxima, neighbours, recurrences.

Each operation has a reverse, which starts at the last element.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lossary.formula import running
from lossary.formula.expression import Expression, literal, node, number
from lossary.formula.operators import Chain, Mixing, Operator, diagonal_chain, mixing
from lossary.formula.table import CONDITION, NUMBER, REAL, Primitive, composite, primitive

_ZERO, _ONE = literal(0), literal(1)


def _simpler_neighbour(x: Expression, fill: Expression) -> Expression | None:
    return x if number(x) is not None and x is fill else None


def _neighbour(name: str, reverse: bool) -> Primitive:
    """Return the row of the element before each, or after; ``fill`` where there is none."""
    return primitive(
        name,
        (REAL, NUMBER),
        lambda xp, x, fill: xp.neighbour(x, fill, reverse),
        partials=lambda x, fill: (mixing(name, _ZERO), None),
        simplify=_simpler_neighbour,
        bounded_by_operands=True,
        mixes=True,
    )


# --- running sums, maxima and recurrences -----------------------------------------------------
def _directions(make: Callable[[str, bool], Primitive]) -> tuple[Primitive, Primitive]:
    return make("", False), make("reverse_", True)


def _cumulative_sum(prefix: str, reverse: bool) -> Primitive:
    name = f"{prefix}cumulative_sum"
    return primitive(
        name,
        (REAL,),
        lambda xp, x: xp.running_sum(x, reverse),
        partials=lambda x: (mixing(name),),
        mixes=True,
        neutral=0.0,
    )


def _cumulative_max(prefix: str, reverse: bool) -> Primitive:
    name, before = f"{prefix}cumulative_max", _before(reverse)

    def partials(x: Expression) -> tuple[Mixing]:
        # The largest so far is the latest element that was above all before it.
        is_record = node(before, node(name, x), -math.inf) < x
        return (mixing(f"{prefix}held", is_record),)

    return primitive(
        name,
        (REAL,),
        lambda xp, x: xp.running_max(x, reverse),
        partials=partials,
        bounded_by_operands=True,
        mixes=True,
        neutral=-math.inf,
    )


def _recurrence(prefix: str, reverse: bool) -> Primitive:
    """Return the row of y_k = x_k + a_k y_(k-1); an a of 0 wins against a y that is not finite."""
    name, before = f"{prefix}recurrence", _before(reverse)

    def partials(x: Expression, a: Expression) -> tuple[Mixing, Mixing]:
        earlier = node(before, node(name, x, a), 0)
        return mixing(name, a), mixing(name, a, factor=earlier)

    def simplify(x: Expression, a: Expression) -> Expression | None:
        if a is _ONE:
            return Operator(f"{prefix}cumulative_sum")(x)
        return x if a is _ZERO else None

    return primitive(
        name,
        (REAL, REAL),
        lambda xp, x, a: xp.recurrence(x, a, reverse),
        partials=partials,
        simplify=simplify,
        mixes=True,
        neutral=0.0,
    )


def _held(prefix: str, reverse: bool) -> Primitive:
    """Return the row of the element at the latest start up to each; 0 before the first start."""
    name = f"{prefix}held"
    return composite(
        name,
        (REAL, CONDITION),
        lambda x, start: node(
            f"{prefix}recurrence", node("where", start, x, 0), node("where", start, 0, 1)
        ),
        partials=lambda x, start: (mixing(name, start), None),
        mixes=True,
    )


def _collected(prefix: str, reverse: bool) -> Primitive:
    """Return the row with, at each start, the sum of the elements up to the next; 0 elsewhere."""
    name = f"{prefix}collected"
    # What is held from starts on is collected in the other direction.
    backward, after = ("", "preceding") if reverse else ("reverse_", "following")

    def expand(x: Expression, start: Expression) -> Expression:
        goes_on = node(after, node("where", start, 0, 1), 1)
        return node("where", start, node(f"{backward}recurrence", x, goes_on), 0)

    return composite(
        name,
        (REAL, CONDITION),
        expand,
        partials=lambda x, start: (mixing(name, start), None),
        mixes=True,
    )


def _cumulative_logsumexp(prefix: str, reverse: bool) -> Primitive:
    average = f"{prefix}cumulative_average"
    return composite(
        f"{prefix}cumulative_logsumexp",
        (REAL, REAL),
        lambda x, relative_to: running.cumulative_logsumexp(x, relative_to, reverse),
        partials=lambda x, relative_to: (mixing(average, x), literal(-1)),
        mixes=True,
        neutral=-math.inf,
    )


def _cumulative_negative_log_softmax(prefix: str, reverse: bool) -> Primitive:
    """Return the row of -log(softmax(x)) of each element, the softmax of those up to it."""
    name, before = f"{prefix}cumulative_negative_log_softmax", _before(reverse)

    def partials(x: Expression) -> tuple[Mixing]:
        # The average with the element itself is that before it, to this share, and the element.
        others = -node("expm1", -node(name, x))
        operators = Operator(before, (_ZERO,)), Operator(f"{prefix}cumulative_average", (x,))
        return (Mixing((Chain((others, _ONE, _ONE), operators), diagonal_chain(-others))),)

    return composite(
        name,
        (REAL,),
        lambda x: running.cumulative_negative_log_softmax(x, reverse),
        partials=partials,
        mixes=True,
        neutral=-math.inf,
    )


def _cumulative_average(prefix: str, reverse: bool) -> Primitive:
    return composite(
        f"{prefix}cumulative_average",
        (REAL, REAL),
        lambda values, x: running.cumulative_average(values, x, reverse),
        mixes=True,
    )


def _cumulative_share(prefix: str, reverse: bool) -> Primitive:
    return composite(
        f"{prefix}cumulative_share",
        (REAL, REAL),
        lambda values, x: running.cumulative_share(values, x, reverse),
        mixes=True,
    )


def _before(reverse: bool) -> str:
    return "following" if reverse else "preceding"


TABLE = (
    _neighbour("preceding", reverse=False),
    _neighbour("following", reverse=True),
    *_directions(_cumulative_sum),
    *_directions(_cumulative_max),
    *_directions(_recurrence),
    *_directions(_held),
    *_directions(_collected),
    *_directions(_cumulative_logsumexp),
    *_directions(_cumulative_negative_log_softmax),
    *_directions(_cumulative_average),
    *_directions(_cumulative_share),
)
