"""Losses of preferences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

from oracles.mathematics import Number, exp, softplus


def _ratio(c: Number, r: Number, rc: Number, rr: Number) -> Number:
    return (c - rc) - (r - rr)


def _size(*terms: Number) -> Number:
    return mp.fsum(abs(x) for x in terms)


def dpo(c: Number, r: Number, rc: Number, rr: Number, beta: float, smoothing: float) -> Number:
    margin, share = mp.mpf(beta) * _ratio(c, r, rc, rr), mp.mpf(smoothing)
    return (1 - share) * softplus(-margin) + share * softplus(margin)


def _nearer_to_0(margin: Number, size: Number) -> Number:
    """Return a margin as it may be rounded: by units of terms of this size, towards 0."""
    return mp.sign(margin) * max(abs(margin) - size * mp.mpf(2) ** -22, mp.mpf(0))


def _dpo_terms(c: Number, r: Number, rc: Number, rr: Number, beta: float, smoothing: float) -> Any:
    # The margin is rounded in units of its terms, and the loss follows with its slope.
    size = mp.mpf(beta) * _size(c, r, rc, rr)
    margin = _nearer_to_0(mp.mpf(beta) * _ratio(c, r, rc, rr), size)
    slope = max((1 - smoothing) * _sigmoid(-margin), smoothing * _sigmoid(margin))
    return dpo(c, r, rc, rr, beta, smoothing) + slope * size


def _dpo_slopes(
    place: int, _: int, c: Number, r: Number, rc: Number, rr: Number, beta: float, smoothing: float
) -> Any:
    size = mp.mpf(beta) * _size(c, r, rc, rr)
    margin = _nearer_to_0(mp.mpf(beta) * _ratio(c, r, rc, rr), size)
    slope = max((1 - smoothing) * _sigmoid(-margin), smoothing * _sigmoid(margin))
    return mp.mpf(beta) * slope * (1 + size)


def _sigmoid(z: Number) -> Number:
    return exp(z) / (1 + exp(z)) if z < 0 else 1 / (1 + exp(-z))


def ipo(c: Number, r: Number, rc: Number, rr: Number, beta: float) -> Number:
    return (_ratio(c, r, rc, rr) - 1 / (2 * mp.mpf(beta))) ** 2


def _ipo_scale(c: Number, r: Number, rc: Number, rr: Number, beta: float) -> Any:
    # The square of a difference: its rounding counts twice, and by its own square in float32.
    short = abs(_ratio(c, r, rc, rr) - 1 / (2 * mp.mpf(beta)))
    largest = _size(c, r, rc, rr, 1 / (2 * mp.mpf(beta)))
    return max(short, mp.mpf(2) ** -22 * largest) * largest


def _ipo_slopes(
    place: int, _: int, c: Number, r: Number, rc: Number, rr: Number, beta: float
) -> Any:
    return 2 * _size(c, r, rc, rr, 1 / (2 * mp.mpf(beta)))


def kto(
    x: Number, ref: Number, y: Number, base: Number, beta: float, positive: float, negative: float
) -> Number:
    weight = mp.mpf(positive if y > 0 else negative)
    return weight * _sigmoid(-mp.mpf(beta) * y * (x - ref - base))


def _kto_terms(
    x: Number, ref: Number, y: Number, base: Number, beta: float, positive: float, negative: float
) -> Any:
    size, weight = mp.mpf(beta) * _size(x, ref, base), mp.mpf(positive if y > 0 else negative)
    margin = _nearer_to_0(mp.mpf(beta) * y * (x - ref - base), size)
    return weight * _sigmoid(-margin) * (1 + size)


def _kto_slopes(
    place: int, _: int, x: Number, ref: Number, y: Number, base: Number,
    beta: float, positive: float, negative: float,
) -> Any:  # fmt: skip
    weight = mp.mpf(positive if y > 0 else negative)
    size = mp.mpf(beta) * _size(x, ref, base)
    margin = _nearer_to_0(mp.mpf(beta) * y * (x - ref - base), size)
    slope = weight * _sigmoid(-margin) * _sigmoid(margin)
    factor = mp.mpf(beta) if place in {0, 1} else size
    return slope * factor * (1 + size)


def _log_odds(x: Number) -> Number:
    return x - mp.log(-mp.expm1(x)) if x < 0 else mp.mpf(10) ** 1000


def orpo(chosen: Number, rejected: Number, beta: float) -> Number:
    margin = _log_odds(chosen) - _log_odds(rejected)
    return -chosen + mp.mpf(beta) * softplus(-margin)


def _orpo_terms(chosen: Number, rejected: Number, beta: float) -> Any:
    margin = _log_odds(chosen) - _log_odds(rejected)
    tail = mp.mpf(beta) * softplus(-margin)
    return -chosen + tail * (1 + _size(_log_odds(chosen), _log_odds(rejected)))


def _orpo_slopes(place: int, _: int, chosen: Number, rejected: Number, beta: float) -> Any:
    odds = _log_odds(chosen), _log_odds(rejected)
    tail = mp.mpf(beta) * _sigmoid(odds[1] - odds[0]) * (1 + _size(*odds))
    return (1 if place == 0 else 0) + tail / -mp.expm1((chosen, rejected)[place])


def ppo_clip(x: Number, ref: Number, advantage: Number, clip: float) -> Number:
    ratio = exp(x - ref)
    low, high = 1 - mp.mpf(clip), 1 + mp.mpf(clip)
    return max(-ratio * advantage, -min(max(ratio, low), high) * advantage)


def _ppo_terms(x: Number, ref: Number, advantage: Number, clip: float) -> Any:
    return abs(ppo_clip(x, ref, advantage, clip)) * (1 + _size(x, ref))


def _ppo_slopes(place: int, _: int, x: Number, ref: Number, advantage: Number, clip: float) -> Any:
    ratio = exp(x - ref)
    return ratio * (1 + _size(x, ref)) * (abs(advantage) if place < 2 else 1)


ORACLES: dict[str, Callable[..., Number]] = {
    "dpo_loss": dpo,
    "ipo_loss": ipo,
    "kto_loss": kto,
    "orpo_loss": orpo,
    "ppo_clip_loss": ppo_clip,
}
DIFFERENCES: dict[str, Callable[..., Any]] = {
    "dpo_loss": _dpo_terms,
    "ipo_loss": _ipo_scale,
    "kto_loss": _kto_terms,
    "orpo_loss": _orpo_terms,
    "ppo_clip_loss": _ppo_terms,
}
SLOPE_DIFFERENCES: dict[str, Callable[..., Any]] = {
    "orpo_loss": _orpo_slopes,
    "dpo_loss": _dpo_slopes,
    "ipo_loss": _ipo_slopes,
    "kto_loss": _kto_slopes,
    "ppo_clip_loss": _ppo_slopes,
}


def _log_probabilities(rng: np.random.Generator, size: int) -> np.ndarray:
    return -(10.0 ** rng.uniform(-12, 4, size))


def _hard_orpo(rng: np.random.Generator, dtype: str, size: int, _: int) -> tuple[np.ndarray, ...]:
    # Closer to 0 the odds are beyond float32.
    return tuple(_log_probabilities(rng, size) for _ in range(2))


def _hard_ppo(rng: np.random.Generator, dtype: str, size: int, _: int) -> tuple[np.ndarray, ...]:
    # No infinite advantages: times a ratio of 0 they have no limit.
    advantages = rng.normal(size=size) * 10.0 ** rng.uniform(-20, 20, size)
    inputs = _log_probabilities(rng, size)
    near = inputs + np.where(rng.random(size) < 0.5, 0.5 * rng.normal(size=size), 0)
    references = np.where(rng.random(size) < 0.7, near, _log_probabilities(rng, size))
    return inputs, references, advantages


# Five factors of the derivative are rounded.
SLOPE_LIMITS: dict[str, float] = {"kto_loss": 5}
HARD_ARGUMENTS: dict[str, Callable[..., Any]] = {
    "orpo_loss": _hard_orpo,
    "ppo_clip_loss": _hard_ppo,
}
# The ratio at the ends of the range, where rounding decides whether it is clipped.
EDGES: dict[str, Callable[..., Any]] = {
    "ppo_clip_loss": lambda x, ref, advantage, clip: min(
        abs(exp(x - ref) - 1 - mp.mpf(clip)), abs(exp(x - ref) - 1 + mp.mpf(clip))
    ),
}
CONSTANTS: dict[str, tuple[int, ...]] = {"kto_loss": (3,)}
OTHER_PARAMETERS: dict[str, dict[str, Any]] = {
    "dpo_loss": {"beta": 0.5, "label_smoothing": 0.1},
    "ipo_loss": {"beta": 0.5},
    "kto_loss": {"beta": 0.5, "positive_weight": 1.33, "negative_weight": 0.5},
    "orpo_loss": {"beta": 1.0},
    "ppo_clip_loss": {"clip": 0.1},
}

VECTORS: dict[str, list[Any]] = {
    "dpo_loss": [
        ((-10, -12, -11, -11.5), {}, 0.620957047790),
        ((-10, -12, -11, -11.5), {"label_smoothing": 0.1}, 0.635957047790),
        ((-10, -900, -11, -11.5), {}, 2.34156293364e-39),
    ],
    "ipo_loss": [
        ((-10, -12, -11, -11.5), {}, 12.25),
        ((-1, -1.2, -1.1, -1.15), {"beta": 0.5}, 0.7225),
        ((-1, -2, -1, -1), {"beta": 0.5}, 0),
    ],
    "kto_loss": [
        ((-10, -11, 1, 0.5), {}, 0.487502603516),
        ((-10, -11, -1, 0.5), {}, 0.512497396484),
        ((-10, -900, 1, 0.5), {"positive_weight": 1.33}, 3.11427870174e-39),
    ],
    "orpo_loss": [
        ((-0.5, -1), {}, 0.532029978524),
        ((-1e-5, -2), {}, 1.01565183029e-05),
        ((-3, -0.01), {"beta": 1}, 10.5496232853),
    ],
    "ppo_clip_loss": [
        ((-1, -1.5, 2), {}, -2.4),
        ((-1, -1.5, -2), {}, 3.29744254140),
        ((-1.05, -1, 1), {}, -0.951229424501),
    ],
}
