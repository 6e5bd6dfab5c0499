"""What each loss is, written a second time straight from its definition, in 60 digits.

An oracle takes the elements of one row (one element, for elementwise losses) as exact numbers and
returns the exact loss. A new loss needs one entry. If it is by its nature a difference of larger
numbers, so that its error can only be small beside those, ``DIFFERENCES`` says how large they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath as mp

mp.mp.dps = 60

Number = mp.mpf
Row = Sequence[Number]


def hinge(z: Number, y: Number) -> Number:
    return max(mp.mpf(0), 1 - y * z)


def huber(z: Number, t: Number, delta: float) -> Number:
    r = abs(z - t)
    return r * r / 2 if r <= delta else delta * (r - mp.mpf(delta) / 2)


def smooth_l1(z: Number, t: Number, beta: float) -> Number:
    r = abs(z - t)
    return r * r / 2 / beta if r < beta else r - mp.mpf(beta) / 2


def gaussian(z: Number, t: Number, v: Number, full: bool, eps: float) -> Number:
    v = max(v, mp.mpf(eps))
    return (mp.log(v) + (z - t) ** 2 / v) / 2 + (mp.log(2 * mp.pi) / 2 if full else 0)


def _gaussian_terms(z: Number, t: Number, v: Number, full: bool, eps: float) -> Number:
    v = max(v, mp.mpf(eps))
    return (abs(mp.log(v)) + (z - t) ** 2 / v) / 2 + 1


def _exp(x: Number) -> Number:
    # What is beyond every dtype is not worth its digits.
    return mp.exp(x) if x > -100_000 else mp.mpf(0)


def _softplus(z: Number) -> Number:
    return max(z, mp.mpf(0)) + mp.log1p(_exp(-abs(z)))


def _log_cosh(r: Number) -> Number:
    # cosh r - 1 = 2 sinh(r/2)^2 keeps its digits where r is tiny, whatever the precision.
    if r < 1:
        return mp.log1p(2 * mp.sinh(r / 2) ** 2)
    return r + mp.log1p(_exp(-2 * r)) - mp.log(2)


def binary(z: Number, t: Number, with_logits: bool) -> Number:
    if with_logits:
        return t * _softplus(-z) + (1 - t) * _softplus(z)
    low = mp.mpf(-100)
    hit = max(mp.log(z), low) if z > 0 else low
    miss = max(mp.log1p(-z), low) if z < 1 else low
    return -(t * hit + (1 - t) * miss)


def _surprises(z: Row) -> list[Number]:
    top = max(z)
    others = list(z)
    others.remove(top)
    total = mp.log1p(mp.fsum(_exp(x - top) for x in others))
    return [total - (x - top) for x in z]


def cross_entropy(z: Row, t: Any, label_smoothing: float) -> Number:
    surprises = _surprises(z)
    share = mp.mpf(label_smoothing)
    value = (
        surprises[t]
        if isinstance(t, int)
        else sum(p * s for p, s in zip(t, surprises, strict=True))
    )
    return (1 - share) * value + share * sum(surprises) / len(z)


def kl(z: Row, t: Row) -> Number:
    return mp.fsum(_exp(q) * (q - p) for p, q in zip(z, t, strict=True))


def cosine(a: Row, b: Row, eps: float) -> Number:
    product = mp.sqrt(sum(x * x for x in a)) * mp.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / max(product, mp.mpf(eps))


def margin_ranking(a: Number, b: Number, y: Number, margin: float) -> Number:
    return max(mp.mpf(0), -y * (a - b) + margin)


def triplet(a: Row, p: Row, n: Row, degree: float, margin: float, eps: float) -> Number:
    near, far = _distance(a, p, degree, eps), _distance(a, n, degree, eps)
    return max(mp.mpf(0), near - far + margin)


def _triplet_terms(a: Row, p: Row, n: Row, degree: float, margin: float, eps: float) -> Number:
    return _distance(a, p, degree, eps) + _distance(a, n, degree, eps) + abs(margin)


def _distance(u: Row, v: Row, degree: float, eps: float) -> Number:
    total = sum(abs(x - y) ** degree for x, y in zip(u, v, strict=True))
    return (total + mp.mpf(eps)) ** (mp.mpf(1) / degree)


ORACLES: dict[str, Callable[..., Number]] = {
    "hinge_loss": hinge,
    "huber_loss": huber,
    "smooth_l1_loss": smooth_l1,
    "log_cosh_loss": lambda z, t: _log_cosh(abs(z - t)),
    "l1_loss": lambda z, t: abs(z - t),
    "mse_loss": lambda z, t: (z - t) ** 2,
    "gaussian_nll_loss": gaussian,
    "binary_cross_entropy": binary,
    "cross_entropy": cross_entropy,
    "nll_loss": lambda z, t: -z[t],
    "kl_div_loss": kl,
    "cosine_similarity_loss": cosine,
    "margin_ranking_loss": margin_ranking,
    "triplet_loss": triplet,
}

DIFFERENCES: dict[str, Callable[..., Number]] = {
    "gaussian_nll_loss": _gaussian_terms,
    "kl_div_loss": lambda z, t: sum(
        _exp(q) * max(abs(p), abs(q)) for p, q in zip(z, t, strict=True)
    ),
    # Products of two short vectors underflow before eps divides them.
    "cosine_similarity_loss": lambda a, b, eps: max(
        cosine([abs(x) for x in a], [abs(x) for x in b], eps), mp.mpf(10) ** -30
    ),
    "triplet_loss": _triplet_terms,
}

# Distances that differ by the margin: which side of the kink a row is on is a matter of rounding.
EDGES: dict[str, Callable[..., Number]] = {
    "triplet_loss": lambda a, p, n, degree, margin, eps: (
        _distance(a, p, degree, eps) - _distance(a, n, degree, eps) + margin
    ),
}


# --- what derivatives are differences of: by the argument's place and the index in the row -------
def _binary_slopes(place: int, _: int, z: Number, t: Number, with_logits: bool) -> Number:
    if place == 0:
        if with_logits:
            return max(1 / (1 + _exp(-z)) if z > 0 else _exp(z), t) if t not in {0, 1} else 0
        low = mp.exp(-100)
        parts = [t / z if z > low else 0, (1 - t) / (1 - z) if 1 - z > low else 0]
        return max(parts)
    return 0 if with_logits else max(-mp.log(max(x, mp.exp(-100))) for x in (z, 1 - z))


def _cross_entropy_slopes(place: int, index: int, z: Row, t: Any, smoothing: float) -> Number:
    return 0 if place or isinstance(t, int) else max(t[index], 1)


def _gaussian_slopes(
    place: int, _: int, z: Number, t: Number, v: Number, full: bool, eps: float
) -> Number:
    return 0 if place < 2 or v <= eps else (1 / v + ((z - t) / v) ** 2) / 2


def _kl_slopes(place: int, index: int, z: Row, t: Row) -> Number:
    return _exp(t[index]) * (abs(t[index]) + abs(z[index]) + 1) if place else 0


def _cosine_slopes(place: int, index: int, a: Row, b: Row, eps: float) -> Number:
    own, other = (a, b) if place == 0 else (b, a)
    product = max(mp.norm(a) * mp.norm(b), mp.mpf(eps))
    size = sum(x * x for x in own)
    terms = sum(abs(x * y) for x, y in zip(a, b, strict=True)) / product
    return abs(other[index]) / product + (terms * abs(own[index]) / size if size else 0)


def _triplet_slopes(
    place: int, index: int, a: Row, p: Row, n: Row, degree: float, margin: float, eps: float
) -> Number:
    moved = {0: (p, n), 1: (p,), 2: (n,)}[place]
    return sum(_pull(a[index] - x[index], _distance(a, x, degree, eps), degree) for x in moved)


def _pull(step: Number, distance: Number, degree: float) -> Number:
    return (abs(step) / distance) ** (degree - 1) if distance else mp.mpf(0)


SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {
    "binary_cross_entropy": _binary_slopes,
    "cross_entropy": _cross_entropy_slopes,
    "gaussian_nll_loss": _gaussian_slopes,
    "kl_div_loss": _kl_slopes,
    "cosine_similarity_loss": _cosine_slopes,
    "triplet_loss": _triplet_slopes,
}


# --- derivatives in closed form: differences of rows of thousands take minutes ------------------
def _cross_entropy_slope(place: int, index: int, z: Row, t: Any, smoothing: float) -> Number:
    top, share = max(z), mp.mpf(smoothing)
    others = mp.fsum(_exp(x - top) for i, x in enumerate(z) if i != index)
    own = _exp(z[index] - top)
    total = others + own
    if place:  # the surprise itself
        return (1 - share) * _surprises(z)[index]
    even = own / total - mp.mpf(1) / len(z)
    if isinstance(t, int):
        return (1 - share) * (own if index != t else -others) / total + share * even
    return (1 - share) * (mp.fsum(t) * own / total - t[index]) + share * even


def _kl_slope(place: int, index: int, z: Row, t: Row) -> Number:
    return _exp(t[index]) * (t[index] - z[index] + 1 if place else -1)


def _cosine_slope(place: int, index: int, a: Row, b: Row, eps: float) -> Number:
    own, other = (a, b) if place == 0 else (b, a)
    own_size, other_size = (mp.fsum(x * x for x in v) for v in (own, other))
    product = mp.sqrt(own_size) * mp.sqrt(other_size)
    if product <= eps:
        return other[index] / mp.mpf(eps)
    dot = mp.fsum(x * y for x, y in zip(a, b, strict=True))
    return (other[index] - dot * own[index] / own_size) / product


def _triplet_slope(
    place: int, index: int, a: Row, p: Row, n: Row, degree: float, margin: float, eps: float
) -> Number:
    near, far = _distance(a, p, degree, eps), _distance(a, n, degree, eps)
    if near - far + margin <= 0:
        return mp.mpf(0)
    steps = (a[index] - p[index], near), (a[index] - n[index], far)
    to_near, to_far = (mp.sign(step) * _pull(step, size, degree) for step, size in steps)
    return (to_near - to_far, -to_near, to_far)[place]


SLOPES: dict[str, Callable[..., Number]] = {
    "cross_entropy": _cross_entropy_slope,
    "nll_loss": lambda place, index, z, t: mp.mpf(-1 if index == t else 0),
    "kl_div_loss": _kl_slope,
    "cosine_similarity_loss": _cosine_slope,
    "triplet_loss": _triplet_slope,
}
