"""Losses of boxes, given by the corners x1, y1, x2, y2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

from oracles import Vector
from oracles.mathematics import Number, Row, constant


def _area(box: Row) -> Number:
    return (box[2] - box[0]) * (box[3] - box[1])


def _intersection(a: Row, b: Row) -> Number:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else mp.mpf(0)


def _union(a: Row, b: Row) -> Number:
    return _area(a) + _area(b) - _intersection(a, b)


def _around(a: Row, b: Row) -> Row:
    return [*map(min, a[:2], b[:2]), *map(max, a[2:], b[2:])]


def box_iou(a: Row, b: Row, eps: float) -> Number:
    return 1 - _intersection(a, b) / (_union(a, b) + mp.mpf(eps))


def generalized(a: Row, b: Row, eps: float) -> Number:
    whole = _area(_around(a, b))
    return box_iou(a, b, eps) + (whole - _union(a, b)) / (whole + mp.mpf(eps))


def distance(a: Row, b: Row, eps: float) -> Number:
    shift = [(a[i] + a[i + 2] - b[i] - b[i + 2]) / 2 for i in range(2)]
    around = _around(a, b)
    diagonal = (around[2] - around[0]) ** 2 + (around[3] - around[1]) ** 2
    return box_iou(a, b, eps) + (shift[0] ** 2 + shift[1] ** 2) / (diagonal + mp.mpf(eps))


def complete(a: Row, b: Row, eps: float) -> Number:
    v = 4 / mp.pi**2 * (_angle(b) - _angle(a)) ** 2
    factor = constant(v / (box_iou(a, b, eps) + v + mp.mpf(eps)))
    return distance(a, b, eps) + factor * v


def _angle(box: Row) -> Number:
    return mp.atan2(box[2] - box[0], box[3] - box[1])


# --- arguments --------------------------------------------------------------------------------
def _boxes(rng: np.random.Generator, rows: int, _: int) -> tuple[np.ndarray, ...]:
    """Return boxes that overlap, mostly."""
    first = _box(rng.normal(size=(rows, 2)), rng.uniform(0.5, 3, (rows, 2)))
    second = _box(first[:, :2] + rng.normal(size=(rows, 2)), rng.uniform(0.5, 3, (rows, 2)))
    return first, second


def _box(corner: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.concatenate([corner, corner + size], axis=-1)


def _hard_boxes(rng: np.random.Generator, dtype: str, rows: int, _: int) -> tuple[np.ndarray, ...]:
    """Return boxes of many sizes: apart, equal, nearly so, inside, with common edges, flat."""
    first, second = _boxes(rng, rows, 4)
    for place in range(rows):
        a, b = first[place], second[place]
        match place % 9:
            case 0:
                b += 10.0 ** rng.uniform(0, 4)
            case 1:
                b[:] = a
            case 2:
                b[:] = a * (1 + 1e-6 * rng.normal(size=4))
            case 3:
                b[:] = _box(a[:2] + 0.1, (a[2:] - a[:2]) * rng.uniform(0.01, 0.5))
            case 4:
                b[rng.integers(2)] = a[0]
            case 5:
                b[2 + rng.integers(2)] = b[rng.integers(2)]
            case 6:
                a[:] = _box(a[:2], 10.0 ** rng.uniform(-5, 5, 2))
            case 7:
                for x in (a, b):
                    x *= 10.0 ** rng.uniform(-6, 6)
            case 8:  # edges that touch, agree or leave a box without width
                a[:], b[:] = rng.integers(0, 4, (2, 4))
    ordered = [np.sort(x.reshape(rows, 2, 2), axis=1).reshape(rows, 4) for x in (first, second)]
    return tuple(x.astype(dtype).astype(np.float64) for x in ordered)


# --- what slopes are differences of -----------------------------------------------------------
def _size_of_iou(place: int, index: int, a: Row, b: Row, eps: float) -> Number:
    own = a if place == 0 else b
    across = 1 - index % 2
    height = own[across + 2] - own[across]
    common = max(mp.mpf(0), min(a[across + 2], b[across + 2]) - max(a[across], b[across]))
    whole, both = _union(a, b) + eps, _intersection(a, b)
    return ((height + common) * both + common * (whole - both)) / whole**2


def _size_of_generalized(place: int, index: int, a: Row, b: Row, eps: float) -> Number:
    around = _around(a, b)
    height = around[3 - index % 2] - around[1 - index % 2]
    whole = _area(around) + mp.mpf(eps)
    return _size_of_iou(place, index, a, b, eps) + 2 * height / whole


def _size_of_distance(place: int, index: int, a: Row, b: Row, eps: float) -> Number:
    around = _around(a, b)
    width, height = around[2] - around[0], around[3] - around[1]
    diagonal = width**2 + height**2 + mp.mpf(eps)
    x, y = (abs(a[i] + a[i + 2] - b[i] - b[i + 2]) / 2 for i in range(2))
    shift, side = ((x, width), (y, height))[index % 2]
    moved = shift / diagonal + 2 * (x * x + y * y) * side / diagonal**2
    # A shift is the difference of the moves of two edges.
    edges = sum(abs(a[i] - b[i]) for i in (index % 2, index % 2 + 2)) / diagonal
    return _size_of_iou(place, index, a, b, eps) + moved + edges


def _size_of_complete(place: int, index: int, a: Row, b: Row, eps: float) -> Number:
    own = a if place == 0 else b
    size = own[2] - own[0], own[3] - own[1]
    diagonal = size[0] ** 2 + size[1] ** 2
    turn = size[1 - index % 2] / diagonal if diagonal else mp.mpf(0)
    v = 4 / mp.pi**2 * (_angle(b) - _angle(a)) ** 2
    factor = v / (box_iou(a, b, eps) + v + mp.mpf(eps))
    angles = _angle(a) + _angle(b)
    return _size_of_distance(place, index, a, b, eps) + factor * angles * turn


_A, _B, _C, _D = (
    [0.0, 0.0, 2.0, 2.0],
    [1.0, 1.0, 3.0, 4.0],
    [5.0, 5.0, 6.0, 7.0],
    [0.5, 0.5, 3, 1.5],
)

ORACLES: dict[str, Callable[..., Number]] = {
    "box_iou_loss": box_iou,
    "generalized_box_iou_loss": generalized,
    "distance_box_iou_loss": distance,
    "complete_box_iou_loss": complete,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "box_iou_loss": _size_of_iou,
    "generalized_box_iou_loss": _size_of_generalized,
    "distance_box_iou_loss": _size_of_distance,
    "complete_box_iou_loss": _size_of_complete,
}
ARGUMENTS: dict[str, Callable[..., Any]] = dict.fromkeys(ORACLES, _boxes)
HARD_ARGUMENTS: dict[str, Callable[..., Any]] = dict.fromkeys(ORACLES, _hard_boxes)
VECTORS: dict[str, list[Vector]] = {
    "box_iou_loss": [
        ((_A, _B), {}, 0.888888890123),
        ((_A, _C), {}, 1.0),
        ((_A, _A), {}, 2.49999993750e-08),
    ],
    "generalized_box_iou_loss": [
        ((_A, _B), {}, 1.13888888804),
        ((_A, _C), {}, 1.85714285510),
        ((_A, _A), {}, 2.49999993750e-08),
    ],
    "distance_box_iou_loss": [
        ((_A, _B), {}, 1.01888888960),
        ((_A, _C), {}, 1.53235294055),
        ((_A, _A), {}, 2.49999993750e-08),
    ],
    "complete_box_iou_loss": [
        ((_A, _B), {}, 1.01916455013),
        ((_A, _C), {}, 1.53404240125),
        ((_A, _D), {}, 0.749028903696),
    ],
}
# It adds the slopes of three quotients and of an angle.
SLOPE_LIMITS: dict[str, float] = {"complete_box_iou_loss": 6}
