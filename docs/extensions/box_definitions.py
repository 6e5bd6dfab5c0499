"""Losses of boxes as their publications define them: by areas of what both boxes have or fill.

The code adds up what only one of two boxes has, which for nearly equal boxes keeps the digits that
differences of areas lose. Over the real numbers it is the same; tests compare both in 60 digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from operator import and_
from typing import NamedTuple

from lossary.formula.expression import Expression, Kind, argument, literal, node, parameter

Parts = dict[str, Expression]


class Definition(NamedTuple):
    """A loss and its derivative by named parts, each of which uses those before it."""

    formula: Expression
    gradient: Expression
    parts: Parts
    notes: tuple[str, ...]


class _Corners(NamedTuple):
    """The coordinates of a box: low ends, then high ones."""

    x1: Expression
    y1: Expression
    x2: Expression
    y2: Expression


def _corners(name: str) -> _Corners:
    box = argument(name, Kind.ELEMENT)
    return _Corners(*(node("at_label", box, place) for place in range(4)))


_A, _B = _corners("inputs"), _corners("targets")
_EPS = parameter("eps")


def _row(letter: str) -> Expression:
    return argument(letter, Kind.ROW)


def _varying(letter: str) -> Expression:
    return argument(letter, Kind.ELEMENT)


def _at(place: int) -> Expression:
    return node("index") == place


def _both(*conditions: Expression) -> Expression:
    return reduce(and_, conditions)


def _cases(*pairs: tuple[Expression, Expression], otherwise: Expression | float) -> Expression:
    found = otherwise if isinstance(otherwise, Expression) else literal(otherwise)
    for condition, value in reversed(pairs):
        found = node("where", condition, value, found)
    return found


def _positive(x: Expression) -> Expression:
    return node("maximum", 0, x)


def _square(x: Expression) -> Expression:
    return node("power", x, 2)


# --- intersection and union ---------------------------------------------------------------------
def _overlap() -> Parts:
    w, h, both = _row("w"), _row("h"), _row("I")
    return {
        "w": node("minimum", _A.x2, _B.x2) - node("maximum", _A.x1, _B.x1),
        "h": node("minimum", _A.y2, _B.y2) - node("maximum", _A.y1, _B.y1),
        "I": _positive(w) * _positive(h),
        "U": (_A.x2 - _A.x1) * (_A.y2 - _A.y1) + (_B.x2 - _B.x1) * (_B.y2 - _B.y1) - both,
    }


def _slopes_of_overlap() -> Parts:
    w, h = _row("w"), _row("h")
    wide, high = _positive(w), _positive(h)
    inside = _cases(
        (_both(_at(0), _B.x1 < _A.x1, w > 0), -high),
        (_both(_at(1), _B.y1 < _A.y1, h > 0), -wide),
        (_both(_at(2), _A.x2 < _B.x2, w > 0), high),
        (_both(_at(3), _A.y2 < _B.y2, h > 0), wide),
        otherwise=0,
    )
    own = _cases(
        (_at(0), _A.y1 - _A.y2),
        (_at(1), _A.x1 - _A.x2),
        (_at(2), _A.y2 - _A.y1),
        otherwise=_A.x2 - _A.x1,
    )
    return {"a": inside, "b": own - _varying("a")}


_SLOPES_OF_OVERLAP = (r"\frac{\partial I}{\partial z_{k}}", r"\frac{\partial U}{\partial z_{k}}")


def _ratio() -> tuple[Expression, Expression]:
    """Return 1 minus intersection over union, and its derivative."""
    both, union = _row("I"), _row("U") + _EPS
    slope = both * _varying("b") / _square(union) - _varying("a") / union
    return 1 - both / union, slope


def _notes(*areas: str, **slopes: str) -> tuple[str, ...]:
    meant = [rf":math:`{letter}_{{k}} = {text}`" for letter, text in slopes.items()]
    return (*areas, *meant)


_INTERSECTION = ":math:`I` is the area that both boxes have, :math:`U` that of their union"


def _box_iou() -> Definition:
    formula, slope = _ratio()
    a, b = _SLOPES_OF_OVERLAP
    return Definition(
        formula, slope, _overlap() | _slopes_of_overlap(), _notes(_INTERSECTION, a=a, b=b)
    )


# --- the box around both ------------------------------------------------------------------------
def _around() -> Parts:
    return {
        "p": node("maximum", _A.x2, _B.x2) - node("minimum", _A.x1, _B.x1),
        "q": node("maximum", _A.y2, _B.y2) - node("minimum", _A.y1, _B.y1),
    }


def _where_outermost(*values: Expression) -> Expression:
    """Return what belongs to each side of the first box, 0 where the other's is further out."""
    outermost = (
        _A.x1 < _B.x1, _A.y1 < _B.y1, _B.x2 < _A.x2, _B.y2 < _A.y2,
    )  # fmt: skip
    pairs = ((_both(_at(k), outer), value)
             for k, (outer, value) in enumerate(zip(outermost, values, strict=True)))  # fmt: skip
    return _cases(*pairs, otherwise=0)


def _generalized() -> Definition:
    p, q, hull, union = _row("p"), _row("q"), _row("H"), _row("U")
    whole, all_around = union + _EPS, hull + _EPS
    ratio, slope = _ratio()
    a, b = _SLOPES_OF_OVERLAP
    return Definition(
        ratio + (hull - union) / all_around,
        slope + whole * _varying("d") / _square(all_around) - _varying("b") / all_around,
        _overlap() | _around() | {"H": p * q} | _slopes_of_overlap()
        | {"d": _where_outermost(-q, -p, q, p)},
        _notes(f"{_INTERSECTION}, :math:`H` that of the smallest box around both",
               a=a, b=b, d=r"\frac{\partial H}{\partial z_{k}}"),
    )  # fmt: skip


# --- the distance of the centres ----------------------------------------------------------------
_DISTANCE = (
    ":math:`D` is the squared distance of the centres, :math:`E` the squared diagonal of the "
    "smallest box around both"
)


def _distance() -> Definition:
    u, v, p, q = _row("u"), _row("v"), _row("p"), _row("q")
    distance, diagonal = _row("D"), _row("E")
    ratio, slope = _ratio()
    a, b = _SLOPES_OF_OVERLAP
    shift = {
        "u": _A.x1 + _A.x2 - _B.x1 - _B.x2,
        "v": _A.y1 + _A.y2 - _B.y1 - _B.y2,
        "D": (_square(u) + _square(v)) / 4,
        "E": _square(p) + _square(q) + _EPS,
    }
    slopes = {
        "d": _cases((_at(0) | _at(2), u / 2), otherwise=v / 2),
        "f": _where_outermost(-(2 * p), -(2 * q), 2 * p, 2 * q),
    }
    return Definition(
        ratio + distance / diagonal,
        slope + _varying("d") / diagonal - distance * _varying("f") / _square(diagonal),
        _overlap() | _around() | shift | _slopes_of_overlap() | slopes,
        _notes(_INTERSECTION, _DISTANCE, a=a, b=b, d=r"\frac{\partial D}{\partial z_{k}}",
               f=r"\frac{\partial E}{\partial z_{k}}"),
    )  # fmt: skip


_SHAPE = (
    r":math:`V` is the squared difference of the angles of their diagonals, times "
    r":math:`\frac{4}{\pi^{2}}`, and weighed by :math:`A`"
)


def _complete() -> Definition:
    plain = _distance()
    turn, penalty, share = _row("t"), _row("V"), _row("A")
    wide, high = _row("r"), _row("s")
    ratio, _ = _ratio()
    angles = {
        "r": _A.x2 - _A.x1,
        "s": _A.y2 - _A.y1,
        "t": 2
        * (node("arctan", (_B.x2 - _B.x1) / (_B.y2 - _B.y1)) - node("arctan", wide / high))
        / literal(math.pi),
        "V": _square(turn),
        "A": penalty / (ratio + penalty + _EPS),
    }
    slopes = {
        "g": 2 * _cases((_at(0), high), (_at(1), -wide), (_at(2), -high), otherwise=wide)
        / (literal(math.pi) * (_square(wide) + _square(high))),
    }  # fmt: skip
    return Definition(
        plain.formula + share * penalty,
        plain.gradient + 2 * share * turn * _varying("g"),
        plain.parts | angles | slopes,
        (*plain.notes, _SHAPE, ":math:`A` counts as a constant in the derivative",
         r":math:`g_{k} = \frac{\partial t}{\partial z_{k}}`"),
    )  # fmt: skip


#: From the names of losses to their definitions.
DEFINITIONS: dict[str, Callable[[], Definition]] = {
    "box_iou_loss": _box_iou,
    "generalized_box_iou_loss": _generalized,
    "distance_box_iou_loss": _distance,
    "complete_box_iou_loss": _complete,
}
