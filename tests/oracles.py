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


def binary(z: Number, t: Number, with_logits: bool) -> Number:
    if with_logits:
        return t * mp.log1p(mp.exp(-z)) + (1 - t) * mp.log1p(mp.exp(z))
    low = mp.mpf(-100)
    hit = max(mp.log(z), low) if z > 0 else low
    miss = max(mp.log1p(-z), low) if z < 1 else low
    return -(t * hit + (1 - t) * miss)


def _surprises(z: Row) -> list[Number]:
    total = mp.log(sum(mp.exp(x) for x in z))
    return [total - x for x in z]


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
    return sum(mp.exp(q) * (q - p) for p, q in zip(z, t, strict=True))


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
    # cosh r - 1 = 2 sinh(r/2)^2 keeps its digits where r is tiny, whatever the precision.
    "log_cosh_loss": lambda z, t: mp.log1p(2 * mp.sinh((z - t) / 2) ** 2),
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
        mp.exp(q) * max(abs(p), abs(q)) for p, q in zip(z, t, strict=True)
    ),
    "cosine_similarity_loss": lambda a, b, eps: cosine(
        [abs(x) for x in a], [abs(x) for x in b], eps
    ),
    "triplet_loss": _triplet_terms,
}
