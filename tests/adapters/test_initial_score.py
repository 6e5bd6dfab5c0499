"""The constant that boosting starts from: the least weighted loss, for every kind of loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from boosters import elementwise

import lossary
from lossary import LossaryError, adapters, loss, with_link
from lossary.adapters import initial_score
from lossary.domains import COUNTS
from lossary.formula import exp, expm1, scale

T = np.array([1.0, 2.0, 9.0, 4.0, 0.5])
W = np.array([1.0, 1.0, 2.0, 0.3, 4.0])


def test_initial_score_minimises() -> None:
    t, w = np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 2.0])
    assert adapters.initial_score("mse_loss", t, w) == pytest.approx(5.25, rel=1e-15)
    assert adapters.initial_score("l1_loss", t) == 2.0
    both = np.stack([t, t + 1], axis=1)
    assert adapters.initial_score("mse_loss", both, w) == pytest.approx(5.75, rel=1e-15)
    assert adapters.initial_score("huber_loss", [-50.0, 50.0]) == 0.0  # flat between the two
    labels = np.array([0, 1, 1, 1, 1])
    assert adapters.initial_score("binary_cross_entropy", labels) == pytest.approx(np.log(4))
    with pytest.raises(ValueError, match="must have a constant prediction with the least loss"):
        adapters.initial_score("binary_cross_entropy", np.ones(3))
    with pytest.raises(ValueError, match="must not be empty"):
        adapters.initial_score("mse_loss", [])
    with pytest.raises(ValueError, match=r"targets must be finite, got nan at \(1,\)"):
        adapters.initial_score("mse_loss", [1.0, np.nan])
    with pytest.raises(LossaryError, match="targets must hold real numbers, got dtype <U1"):
        adapters.initial_score("mse_loss", ["a"])
    with pytest.raises(LossaryError, match=r"parameters must be those of huber_loss \(delta\)"):
        adapters.initial_score("huber_loss", [1.0], dleta=2.0)
    with pytest.raises(ValueError, match="weights must be at least 0, and one of them more"):
        adapters.initial_score("mse_loss", [1.0, 2.0], [0.0, 0.0])


@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.83])
def test_the_pinball_loss_starts_from_a_weighted_quantile(quantile: float, weights: Any) -> None:
    found = initial_score("pinball_loss", T, weights, quantile=quantile)
    w = np.ones(T.size) if weights is None else weights
    below = [w[T <= found + shift].sum() / w.sum() for shift in (-1e-9, 1e-9)]
    assert below[0] <= quantile <= below[1]


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6])
def test_losses_of_logarithms_start_from_that_of_the_mean(size: float) -> None:
    @loss(targets=COUNTS, convex=True, smooth=True)
    def count_loss(inputs: Any, targets: Any) -> Any:
        return exp(inputs) - scale(targets, inputs)

    mean = np.log(np.average(size * T, weights=W))
    assert initial_score(count_loss, size * T, W) == pytest.approx(mean, rel=1e-12, abs=1e-14)
    with pytest.raises(ValueError, match="The loss decreases without end for these targets"):
        initial_score(count_loss, np.zeros(3))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("poisson_nll_loss", {}),
        ("poisson_deviance", {"log_input": True}),
        ("gamma_deviance", {"log_input": True}),
    ],
)
def test_deviances_start_from_the_logarithm_of_the_mean(
    name: str, parameters: dict[str, Any]
) -> None:
    for t, w in ((T, None), (T, W), (1e5 * T, W)):
        mean = np.average(t, weights=w)
        assert initial_score(name, t, w, **parameters) == pytest.approx(np.log(mean), rel=1e-12)
        assert initial_score(with_link(name, "log"), t, w) == pytest.approx(np.log(mean), rel=1e-12)
        softened = initial_score(with_link(name, "softplus"), t, w)
        # The likelihood adds 1e-8 to a mean before it takes the logarithm.
        assert np.logaddexp(0, softened) == pytest.approx(mean, rel=1e-7)


@pytest.mark.parametrize("link", ["log", "softplus", "logit"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "binary_cross_entropy"])
def test_a_link_is_inverted(name: str, link: str) -> None:
    t = T / 10
    forward = {
        "log": np.log,
        "softplus": lambda mean: np.log(np.expm1(mean)),
        "logit": lambda p: np.log(p / (1 - p)),
    }[link]
    mean = np.average(t, weights=W)
    best = forward(initial_score("l1_loss", t, W) if name == "l1_loss" else mean)
    assert initial_score(with_link(name, link), t, W) == pytest.approx(best, rel=1e-9)


def test_a_link_that_cannot_reach_the_best_constant() -> None:
    with pytest.raises(ValueError, match="none for mse_loss_with_log_link"):
        initial_score(with_link("mse_loss", "log"), [-1.0, -2.0])
    with pytest.raises(ValueError, match="must have a constant prediction with the least loss"):
        initial_score(with_link("mse_loss", "logit"), [1.0, 3.0])


def test_predictions_stay_in_their_domain() -> None:
    found = initial_score(with_link("binary_cross_entropy", "identity"), [0.0, 0.0, 0.0, 1.0])
    assert found == pytest.approx(0.25, rel=1e-12)


def test_the_least_of_several_minima() -> None:
    """Two crowds: the larger one's centre is best, wherever the mean lies."""

    @loss(convex=False, smooth=True)
    def bell_loss(inputs: Any, targets: Any) -> Any:
        error = inputs - targets
        return -expm1(-error * error)

    t = np.concatenate([np.linspace(-0.1, 0.1, 30), np.linspace(49.9, 50.1, 40)])
    assert initial_score(bell_loss, t) == pytest.approx(50.0, abs=1e-9)
    assert initial_score(bell_loss, -t) == pytest.approx(-50.0, abs=1e-9)
    w = np.repeat([5.0, 1.0], [30, 40])
    assert initial_score(bell_loss, t, w) == pytest.approx(0.0, abs=1e-9)
    assert initial_score(bell_loss, [3.0]) == 3.0


def test_numbers_stand_for_further_arguments() -> None:
    assert initial_score("gaussian_nll_loss", T, W, vars=2.0) == pytest.approx(
        np.average(T, weights=W)
    )
    with pytest.raises(LossaryError, match="must be an elementwise loss of predictions and targ"):
        initial_score("gaussian_nll_loss", T)


@pytest.mark.parametrize(
    ("record", "others"), [pytest.param(*item, id=item[0].name) for item in elementwise()]
)
def test_no_constant_beside_it_has_less_loss(record: lossary.Loss, others: dict[str, Any]) -> None:
    values = record.targets.two_classes or (0.5, 1.0, 2.0, 4.0)
    t = np.repeat(values, np.arange(3, 3 + len(values)))

    def total(x: float) -> float:
        with lossary.options(domain="ignore"):
            given = {"targets": t, "reduction": "sum", **others}
            return float(record.function(np.full(t.shape, x), **given))

    try:
        best = initial_score(record.function, t, **others)
    except ValueError:  # a bounded loss of classes is least where every score is infinite
        assert min(total(-60.0), total(60.0)) <= min(map(total, np.linspace(-5, 5, 41)))
        return
    near = min(total(best + step) for step in (-1e-3, 1e-3, -0.1, 0.1))
    assert total(best) <= near + 1e-12 * abs(near)
