"""Losses of overlapping regions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from oracles import Vector
from oracles.mathematics import Number, Row, exp


def _sigmoid(x: Number) -> Number:
    # Smaller ones are beyond every dtype, and differences of sums do not see them.
    return exp(min(x, mp.mpf(0))) / (1 + exp(-abs(x))) if x > -800 else mp.mpf(0)


def _probabilities(z: Row, with_logits: bool) -> list[Number]:
    return list(map(_sigmoid, z)) if with_logits else list(z)


def _counts(z: Row, t: Row, with_logits: bool) -> tuple[Number, Number, Number]:
    """Return true positives, false positives and false negatives."""
    p = _probabilities(z, with_logits)
    hits = mp.fsum(a * b for a, b in zip(p, t, strict=True))
    return hits, mp.fsum(p) - hits, mp.fsum(t) - hits


def dice(z: Row, t: Row, smooth: float, with_logits: bool) -> Number:
    hits, extra, missed = _counts(z, t, with_logits)
    whole = 2 * hits + extra + missed + smooth
    return 1 - (2 * hits + smooth) / whole if whole else mp.mpf(0)


def tversky(z: Row, t: Row, alpha: float, beta: float, smooth: float, with_logits: bool) -> Number:
    hits, extra, missed = _counts(z, t, with_logits)
    whole = hits + alpha * extra + beta * missed + smooth
    return 1 - (hits + smooth) / whole if whole else mp.mpf(0)


def focal_tversky(
    z: Row, t: Row, alpha: float, beta: float, gamma: float, smooth: float, with_logits: bool
) -> Number:
    return tversky(z, t, alpha, beta, smooth, with_logits) ** mp.mpf(gamma)


def jaccard(z: Row, t: Row, smooth: float, with_logits: bool) -> Number:
    return tversky(z, t, 1.0, 1.0, smooth, with_logits)


def generalized_dice(z: Any, t: Any, smooth: float, with_logits: bool) -> Number:
    """Return the loss of one region, or of a list of regions, one of each class."""
    regions = list(zip(z, t, strict=True)) if isinstance(z[0], list) else [(z, t)]
    sizes = [mp.fsum(t) for _, t in regions]
    least = min(filter(None, sizes), default=mp.mpf(1))
    above = below = mp.mpf(smooth)
    for (z, t), size in zip(regions, sizes, strict=True):
        weight = (least / size) ** 2 if size else 1
        hits, extra, missed = _counts(z, t, with_logits)
        above += 2 * weight * hits
        below += weight * (2 * hits + extra + missed)
    return 1 - above / below if below else mp.mpf(0)


# --- derivatives ------------------------------------------------------------------------------
def _terms(
    place: int,
    index: int,
    z: Row,
    t: Row,
    weights: tuple[float, float, float],
    smooth: float,
    with_logits: bool,
) -> tuple[Number, Number, Number]:
    """Return the derivative's positive and negative terms, and the loss, which is a quotient.

    What is wrong is ``alpha`` times what only the prediction has plus ``beta`` times what only the
    target has; beside it in the denominator stands ``both`` times what they share.
    """  # fmt: skip
    alpha, beta, both = (mp.mpf(x) for x in weights)
    hits, extra, missed = _counts(z, t, with_logits)
    wrong, right = alpha * extra + beta * missed, both * hits + smooth
    if not wrong + right:
        return mp.mpf(0), mp.mpf(0), mp.mpf(0)
    probabilities = _probabilities(z, with_logits)
    own, other = (probabilities, t)[:: 1 if place == 0 else -1]
    more, less = (alpha, beta) if place == 0 else (beta, alpha)
    factor = 1 / (wrong + right) ** 2
    if place == 0 and with_logits:
        factor *= own[index] * _sigmoid(-z[index])
    rises = more * (1 - other[index]) * right
    falls = less * other[index] * right + both * other[index] * wrong
    return factor * rises, factor * falls, wrong / (wrong + right)


def _slope(*given: Any) -> Number:
    rises, falls, _ = _terms(*given)
    return rises - falls


def _size(*given: Any) -> Number:
    rises, falls, _ = _terms(*given)
    return rises + falls


def _of_dice(find: Callable[..., Number]) -> Callable[..., Number]:
    return lambda place, index, z, t, smooth, with_logits: find(
        place, index, z, t, (1, 1, 2), smooth, with_logits
    )


def _of_jaccard(find: Callable[..., Number]) -> Callable[..., Number]:
    return lambda place, index, z, t, smooth, with_logits: find(
        place, index, z, t, (1, 1, 1), smooth, with_logits
    )


def _of_tversky(find: Callable[..., Number]) -> Callable[..., Number]:
    return lambda place, index, z, t, alpha, beta, smooth, with_logits: find(
        place, index, z, t, (alpha, beta, 1), smooth, with_logits
    )


def _of_focal(find: Callable[..., Number]) -> Callable[..., Number]:
    def found(
        place: int, index: int, z: Row, t: Row, alpha: float, beta: float, gamma: float,
        smooth: float, with_logits: bool,
    ) -> Number:  # fmt: skip
        given = place, index, z, t, (alpha, beta, 1), smooth, with_logits
        value = _terms(*given)[2]
        return gamma * value ** (mp.mpf(gamma) - 1) * find(*given) if value else mp.mpf(0)

    return found


_P, _T, _Z = [0.9, 0.2, 0.4, 0.7], [1.0, 0.0, 0.0, 1.0], [3.0, -2.0, 0.5, 1.0]
_NOTHING = [0.0] * 4
_BOTH, _CLASSES = [_P, [0.1, 0.8, 0.6, 0.3]], {"class_axis": 0}
_LOGITS = {"with_logits": True}

ORACLES: dict[str, Callable[..., Number]] = {
    "dice_loss": dice,
    "generalized_dice_loss": generalized_dice,
    "tversky_loss": tversky,
    "focal_tversky_loss": focal_tversky,
    "jaccard_loss": jaccard,
}
SLOPES: dict[str, Callable[..., Number]] = {
    "dice_loss": _of_dice(_slope),
    "generalized_dice_loss": _of_dice(_slope),
    "tversky_loss": _of_tversky(_slope),
    "focal_tversky_loss": _of_focal(_slope),
    "jaccard_loss": _of_jaccard(_slope),
}
# A soft target is partly inside and partly outside: the element's two pulls are opposite.
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "dice_loss": _of_dice(_size),
    "generalized_dice_loss": _of_dice(_size),
    "tversky_loss": _of_tversky(_size),
    "focal_tversky_loss": _of_focal(_size),
    "jaccard_loss": _of_jaccard(_size),
}
VECTORS: dict[str, list[Vector]] = {
    "dice_loss": [
        ((_P, _T), {}, 0.192307692308),
        ((_Z, _T), _LOGITS, 0.195017884895),
        ((_NOTHING, _NOTHING), {"smooth": 0.0}, 0.0),
    ],
    "generalized_dice_loss": [
        ((_BOTH, [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]), _CLASSES, 0.25),
        ((_BOTH, [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]]), _CLASSES, 0.416666666667),
        (([_T, _NOTHING], [_T, _NOTHING]), _CLASSES, 0.0),
        ((_P, _T), {"smooth": 1.0}, 0.192307692308),
    ],
    "tversky_loss": [
        ((_P, _T), {}, 0.161290322581),
        ((_P, _T), {"alpha": 0.3, "beta": 0.7}, 0.150326797386),
        ((_Z, _T), {"alpha": 0.3, "beta": 0.7, "smooth": 0.0, **_LOGITS}, 0.208666189321),
    ],
    "focal_tversky_loss": [
        ((_P, _T), {}, 0.241422255987),
        ((_P, _T), {"alpha": 0.5, "beta": 0.5, "gamma": 1.0}, 0.161290322581),
        ((_T, _T), {"smooth": 0.0}, 0.0),
    ],
    "jaccard_loss": [
        ((_P, _T), {}, 0.277777777778),
        ((_Z, _T), {"smooth": 0.0, **_LOGITS}, 0.385908055059),
        ((_NOTHING, _NOTHING), {"smooth": 0.0}, 0.0),
    ],
}
# A logit's slope is a product of two sigmoids with a share and a quotient of sums.
SLOPE_LIMITS: dict[str, float] = dict.fromkeys(ORACLES, 6)
# The quotient and its power, each with its guard.
LENGTHS: dict[str, int] = {"focal_tversky_loss": 320}
