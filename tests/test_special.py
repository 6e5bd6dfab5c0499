"""Special functions: values and derivatives to the last places, in kernels and plain operations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from assertions import assert_close
from libraries import BY_NAME

import lossary
from lossary.formula import clip, erf, log_gamma

LIBRARIES = ["numpy", "strict"]
SOME = 400


def _value_and_derivatives(word: Callable[[Any], Any], x: np.ndarray, library: str) -> list[Any]:
    @lossary.loss
    def word_loss(inputs: Any, targets: Any) -> Any:
        return word(inputs - targets)

    given = BY_NAME[library]
    zeros = given.array(np.zeros_like(x))
    found = lossary.value_grad_hess(word_loss)(given.array(x), zeros)
    return [np.asarray(y) for y in found]


def _worst(found: np.ndarray, x: np.ndarray, meaning: Any, growth: float = 0.0) -> float:
    """Return the largest error in units in the last place, each less what x * x is rounded by."""
    worst = 0.0
    with mp.workdps(60):
        for got, at in zip(found, x, strict=True):
            right = meaning(mp.mpf(float(at)))
            unit = np.spacing(abs(found.dtype.type(float(right))))
            if np.isfinite(unit) and abs(float(right)) >= np.finfo(found.dtype).tiny:
                error = float(abs(mp.mpf(float(got)) - right) / mp.mpf(float(unit)))
                worst = max(worst, error - growth * float(at) ** 2)
    return worst


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_gamma(library: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    zeros = [1.0, 2.0, 1.4616321449683623]
    beside = [np.nextafter(np.array(z, dtype), np.array(w, dtype)) for z in zeros for w in (0, 9)]
    spread = 10 ** rng.uniform(-15, 15, SOME)
    x = np.concatenate([spread, rng.uniform(0, 6, SOME), zeros, beside, [4.0]]).astype(dtype)
    value, slope, curvature = _value_and_derivatives(log_gamma, x, library)
    assert _worst(value, x, mp.loggamma) < 4
    assert _worst(slope, x, mp.digamma) < 4
    assert _worst(curvature, x, lambda t: mp.psi(1, t)) < 4


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_erf(library: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    small = 10 ** rng.uniform(-30, 0, SOME) * rng.choice([-1, 1], SOME)
    x = np.concatenate([small, rng.uniform(-6, 6, SOME), [1, -1, 6]]).astype(dtype)
    value, slope, curvature = _value_and_derivatives(erf, x, library)
    assert _worst(value, x, mp.erf) < 4
    # An exponential of -x * x, which is rounded.
    assert _worst(slope, x, lambda t: 2 / mp.sqrt(mp.pi) * mp.exp(-t * t), 1.0) < 4
    assert _worst(curvature, x, lambda t: -4 * t / mp.sqrt(mp.pi) * mp.exp(-t * t), 1.0) < 4


@pytest.mark.parametrize("library", LIBRARIES)
def test_limits(library: str) -> None:
    x = np.array([-math.inf, -1.5, -0.0, 0.0, math.inf, math.nan])
    nan, inf = math.nan, math.inf
    value, slope, curvature = _value_and_derivatives(log_gamma, x, library)
    assert_close(value, [nan, nan, inf, inf, inf, nan])
    assert_close(slope, [nan, nan, -inf, -inf, inf, nan])
    assert_close(curvature, [nan, nan, inf, inf, 0, nan])
    value, slope, curvature = _value_and_derivatives(erf, x, library)
    assert_close(value, [-1, math.erf(-1.5), 0, 0, 1, nan], rtol=1e-15)
    assert_close(slope[[0, 2, 4]], [0, 2 / math.sqrt(math.pi), 0], rtol=1e-15)
    assert_close(curvature[[0, 2, 4, 5]], [0, 0, 0, nan])


@pytest.mark.parametrize("library", LIBRARIES)
def test_clip(library: str) -> None:
    x = np.array([-3.0, -1.0, 0.5, 2.0, 5.0, math.nan])
    value, slope, _ = _value_and_derivatives(lambda z: clip(z, -1, 2), x, library)
    assert_close(value, [-1, -1, 0.5, 2, 2, math.nan])
    assert_close(slope, [0, 0, 1, 0, 0, math.nan])


def test_special_functions_are_differentiated_by_the_libraries_too() -> None:
    torch = pytest.importorskip("torch")

    @lossary.loss
    def poisson_loss(inputs: Any, targets: Any) -> Any:
        return log_gamma(inputs) + erf(inputs * targets)

    x = torch.tensor([0.5, 1.5, 4.0, 9.0], dtype=torch.float64, requires_grad=True)
    y = torch.full_like(x, 0.25, requires_grad=False)
    (slope,) = torch.autograd.grad(poisson_loss(x, y).sum(), x, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(curvature.sum(), x)
    for order, (found, limit) in enumerate(((slope, 1e-14), (curvature, 1e-13), (third, 1e-10))):
        right = [
            float(mp.psi(order, t) + mp.diff(lambda u: mp.erf(u / 4), t, order + 1))
            for t in x.tolist()
        ]
        assert_close(found.detach(), right, rtol=limit)
