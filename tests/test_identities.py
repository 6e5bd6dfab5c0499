"""Losses that are other losses for certain parameters, and limits of parameters.

Each row of the tables is a statement about values and gradients. A row for another family needs no
code: arguments are those of the first loss's case.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from assertions import assert_close
from cases import PLAIN, Case

import lossary
from lossary.domains import FINITE, REAL


class Identity(NamedTuple):
    """A loss with parameters, and what it is equal to: another one, times a factor."""

    loss: str
    parameters: dict[str, Any]
    other: str
    others: dict[str, Any] = {}  # noqa: RUF012
    factor: float = 1.0


class Limit(NamedTuple):
    """A value of a parameter at which a formula has a limit or changes its form."""

    loss: str
    parameter: str
    value: float
    rest: dict[str, Any] = {}  # noqa: RUF012


IDENTITIES = [
    Identity("asymmetric_loss", {"gamma_positive": 0.0, "gamma_negative": 0.0, "margin": 0.0},
             "binary_cross_entropy"),
    Identity("binary_focal_loss", {"gamma": 0.0}, "binary_cross_entropy"),
    Identity("brier_loss", {}, "mse_loss"),
    Identity("dice_loss", {"smooth": 0.6}, "tversky_loss", {"smooth": 0.3}),
    Identity("epsilon_insensitive_loss", {"epsilon": 0.0}, "l1_loss"),
    Identity("expectile_loss", {"expectile": 0.5}, "mse_loss", factor=0.5),
    Identity("focal_tversky_loss", {"gamma": 1.0, "alpha": 0.5, "beta": 0.5}, "tversky_loss"),
    Identity("focal_loss", {"gamma": 0.0}, "cross_entropy"),
    Identity("general_robust_loss", {"alpha": 1.0}, "pseudo_huber_loss"),
    Identity("general_robust_loss", {"alpha": 0.0}, "cauchy_loss", {"scale": math.sqrt(2)}),
    Identity("general_robust_loss", {"alpha": -2.0}, "geman_mcclure_loss", {"scale": 2.0}),
    Identity("general_robust_loss", {"alpha": -math.inf}, "welsch_loss", {"scale": math.sqrt(2)}),
    Identity("general_robust_loss", {"alpha": 2.0}, "mse_loss", factor=0.5),
    Identity("general_robust_loss", {"alpha": 1.0, "scale": 0.7}, "pseudo_huber_loss",
             {"delta": 0.7}, 1 / 0.7**2),
    Identity("generalized_cross_entropy", {"q": 0.0}, "cross_entropy"),
    Identity("generalized_dice_loss", {"smooth": 0.6}, "dice_loss", {"smooth": 0.6}),
    Identity("huber_loss", {"delta": 0.7}, "smooth_l1_loss", {"beta": 0.7}, 0.7),
    Identity("jaccard_loss", {"smooth": 0.3}, "tversky_loss",
             {"alpha": 1.0, "beta": 1.0, "smooth": 0.3}),
    Identity("lp_loss", {"p": 1.0}, "l1_loss"),
    Identity("lp_loss", {"p": 2.0}, "mse_loss"),
    Identity("pinball_loss", {"quantile": 0.5}, "l1_loss", factor=0.5),
    Identity("poly1_cross_entropy", {"epsilon": 0.0}, "cross_entropy"),
    Identity("quantile_huber_loss", {"quantile": 0.3, "delta": 0.0}, "pinball_loss",
             {"quantile": 0.3}),
    Identity("quantile_huber_loss", {"delta": 0.7}, "smooth_l1_loss", {"beta": 0.7}, 0.5),
    Identity("smooth_l1_loss", {"beta": 0.0}, "l1_loss"),
    Identity("smoothed_hinge_loss", {"gamma": 0.0}, "hinge_loss"),
    Identity("smoothed_hinge_loss", {"gamma": 2.0}, "modified_huber_loss", factor=0.25),
    Identity("squared_epsilon_insensitive_loss", {"epsilon": 0.0}, "mse_loss"),
    Identity("symmetric_cross_entropy", {"alpha": 0.5, "beta": 0.25}, "poly1_cross_entropy",
             {"epsilon": 2.0}, 0.5),
    Identity("tweedie_deviance", {"power": 0}, "mse_loss"),
    Identity("tweedie_deviance", {"power": 1}, "poisson_deviance"),
    Identity("tweedie_deviance", {"power": 2}, "gamma_deviance"),
]  # fmt: skip

LIMITS = [
    Limit("alpha_divergence", "alpha", 0.0),
    Limit("alpha_divergence", "alpha", 0.5),
    Limit("alpha_divergence", "alpha", 1.0),
    Limit("asymmetric_loss", "gamma_negative", 0.0),
    Limit("asymmetric_loss", "gamma_positive", 0.0),
    Limit("asymmetric_loss", "margin", 0.0),
    Limit("binary_cross_entropy", "label_smoothing", 0.0, {"positive_weight": 2.0}),
    Limit("binary_cross_entropy", "label_smoothing", 1.0),
    Limit("binary_cross_entropy", "positive_weight", 0.0),
    Limit("binary_cross_entropy", "positive_weight", 1.0, {"label_smoothing": 0.1}),
    Limit("binary_focal_loss", "gamma", 0.0),
    Limit("contrastive_loss", "margin", 0.0),
    Limit("epsilon_insensitive_loss", "epsilon", 0.0),
    Limit("expectile_loss", "expectile", 0.0),
    Limit("expectile_loss", "expectile", 1.0),
    Limit("focal_loss", "gamma", 0.0),
    Limit("general_robust_loss", "alpha", 0.0),
    Limit("general_robust_loss", "alpha", 1.0),
    Limit("general_robust_loss", "alpha", 2.0),
    Limit("generalized_cross_entropy", "q", 0.0),
    Limit("generalized_cross_entropy", "q", 1.0),
    Limit("lp_loss", "p", 1.0),
    Limit("pinball_loss", "quantile", 0.0),
    Limit("pinball_loss", "quantile", 1.0),
    Limit("quantile_huber_loss", "delta", 0.0, {"quantile": 0.3}),
    Limit("smooth_l1_loss", "beta", 0.0),
    Limit("smoothed_hinge_loss", "gamma", 0.0),
    Limit("squared_epsilon_insensitive_loss", "epsilon", 0.0),
    Limit("tweedie_deviance", "power", 0.0),
    Limit("tweedie_deviance", "power", 1.0),
    Limit("tweedie_deviance", "power", 2.0),
    Limit("tweedie_deviance", "power", 3.0),
]

_NEAR = 1e-9
_CASES = {case.loss.name: case for case in reversed(PLAIN)}


def _arguments(case: Case) -> tuple[np.ndarray, ...]:
    """Return a case's arguments; those of two elements once more where both are equal."""
    if case.loss.axis is not None or len(case.arrays) != 2:
        return case.arrays
    first, second = case.arrays
    return np.concatenate([first, second]), np.concatenate([second, second])


def _value_and_gradient(loss: str, like: str, parameters: dict[str, Any]) -> tuple[Any, Any]:
    """Return unreduced values, and the gradient of their sum, for the arguments of another loss."""
    case, function = _CASES[like], getattr(lossary, loss)
    arrays, options = _arguments(case), {**case.shape, **parameters}
    values = function(*arrays, reduction="none", **options)
    return values, lossary.grad(function)(*arrays, reduction="sum", **options)


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda x: f"{x.loss}-{x.other}")
def test_a_loss_is_another_one(identity: Identity) -> None:
    found = _value_and_gradient(identity.loss, identity.loss, identity.parameters)
    expected = _value_and_gradient(identity.other, identity.loss, identity.others)
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, identity.factor * theirs, rtol=1e-13, atol=1e-300)


#: Losses of several classes, the loss of two classes that they are, and the factor of that.
TWO_CLASSES = [
    ("multiclass_hinge_loss", lossary.hinge_loss, {}, 1.0),
    ("multiclass_perceptron_loss", lossary.perceptron_loss, {}, 1.0),
    ("multiclass_sparsemax_loss", lossary.smoothed_hinge_loss, {"gamma": 2.0}, 1.0),
    ("multiclass_zero_one_loss", lossary.zero_one_loss, {}, 1.0),
    ("multi_margin_loss", lossary.hinge_loss, {}, 0.5),
    ("cross_entropy", lossary.logistic_loss, {}, 1.0),
]


@pytest.mark.parametrize(
    ("name", "binary", "parameters", "factor"), TWO_CLASSES, ids=[x[0] for x in TWO_CLASSES]
)
def test_two_classes_are_one_score(
    name: str, binary: Any, parameters: dict[str, Any], factor: float
) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    logits = 2 * rng.normal(size=(40, 2))
    scores = logits[:, 1] - logits[:, 0]
    found = getattr(lossary, name)(logits, labels, reduction="none")
    expected = factor * binary(scores, 2.0 * labels - 1, reduction="none", **parameters)
    assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda x: f"{x.loss}-{x.parameter}-{x.value}")
def test_values_are_continuous_in_the_parameter(limit: Limit) -> None:
    loss = lossary.get_loss(limit.loss)
    value, gradient = _value_and_gradient(
        limit.loss, limit.loss, {**limit.rest, limit.parameter: limit.value}
    )
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
    inside = loss.limits.get(limit.parameter, FINITE).contains
    near = [limit.value + step for step in (-_NEAR, _NEAR) if inside(limit.value + step)]
    assert near
    for parameter in near:
        moved = _value_and_gradient(
            limit.loss, limit.loss, {**limit.rest, limit.parameter: parameter}
        )
        assert_close(moved[0], value, rtol=1e-7, atol=1e-7)


#: The power counts as having no second derivative at 0, where it may be infinite.
_WITHOUT_CURVATURE = {"lp_loss"}
SMOOTH = [
    pytest.param(loss, id=loss.name)
    for loss in lossary.list_losses()
    if loss.smooth and loss.axis is None and loss.arguments[1:] == ("targets",)
    if loss.targets is REAL and loss.name not in _WITHOUT_CURVATURE
]


@pytest.mark.parametrize("loss", SMOOTH)
def test_second_derivatives_at_the_target_are_those_beside_it(loss: lossary.Loss) -> None:
    predictions = np.array([-1e-7, 0.0, 1e-7])
    _, _, found = lossary.value_grad_hess(loss.function)(predictions, np.zeros(3))
    assert found[1] in found[[0, 2]] or found[1] == pytest.approx(found[0], rel=1e-5)


def test_lovasz_losses_extend_the_jaccard_loss() -> None:
    rng = np.random.default_rng(0)
    chosen, targets = rng.integers(0, 2, (2, 100, 6)).astype(float)
    targets[0] = chosen[1] = 0.0
    expected = lossary.jaccard_loss(chosen, targets, smooth=0.0)
    assert_close(lossary.lovasz_softmax_loss(chosen, targets), expected, rtol=1e-14)
    # A score on the wrong side at the distance 1 has a hinge of 2, one on the right side of 0.
    found = lossary.lovasz_hinge_loss(2 * chosen - 1, 2 * targets - 1)
    assert_close(found, 2 * expected, rtol=1e-14)


@pytest.mark.parametrize("log_input", [True, False])
def test_large_concentrations_make_counts_poisson_counts(log_input: bool) -> None:
    rng = np.random.default_rng(6)
    x, t = rng.uniform(0.1, 5, 30), rng.integers(0, 9, 30).astype(float)
    given = {"log_input": log_input, "full": True, "eps": 1e-12}
    found = lossary.value_and_grad(lossary.negative_binomial_nll_loss)(x, t, 1e13, **given)
    expected = lossary.value_and_grad(lossary.poisson_nll_loss)(x, t, **given)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, rtol=1e-10, atol=1e-11)


def test_the_bhattacharyya_distance_is_a_function_of_the_hellinger_distance() -> None:
    logs = _CASES["bhattacharyya_distance"].arrays
    bounded = lossary.hellinger_distance(*logs, reduction="none")
    found = lossary.bhattacharyya_distance(*logs, reduction="none")
    np.testing.assert_allclose(found, -np.log1p(-(bounded**2)), rtol=1e-13)


def test_counts_of_infinite_means_and_concentrations() -> None:
    derive = lossary.value_and_grad(lossary.negative_binomial_nll_loss)
    for log_input in (True, False):
        value, gradient = derive([math.inf], [1.0], 2.0, log_input=log_input)
        assert (value.tolist(), gradient.tolist()) == ([math.inf], [0.0])
        found = derive([1.5], [2.0], math.inf, log_input=log_input, eps=1e-12)
        expected = lossary.value_and_grad(lossary.poisson_nll_loss)(
            [1.5], [2.0], log_input=log_input, eps=1e-12
        )
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other, rtol=1e-11)


def test_alpha_divergences_are_other_divergences() -> None:
    p, t = _CASES["alpha_divergence"].arrays
    found = {
        alpha: lossary.alpha_divergence(p, t, alpha=alpha, reduction="none")
        for alpha in (0, 0.5, 1, 2)
    }
    assert_close(
        found[0.5], 4 * lossary.hellinger_distance(p, t, reduction="none") ** 2, rtol=1e-14
    )
    for alpha, (one, other) in ((1, (p, t)), (0, (t, p))):
        expected = lossary.generalized_kl_divergence(one, np.exp(other), reduction="none")
        assert_close(found[alpha], expected, rtol=1e-13)
    pearson = ((np.exp(t) - np.exp(p)) ** 2 / np.exp(p)).sum(-1)
    assert_close(found[2], 0.5 * pearson, rtol=1e-12)


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 0.3, 0.5, 2.5])
def test_alpha_divergences_of_exchanged_arguments(alpha: float) -> None:
    p, t = _CASES["alpha_divergence"].arrays
    derive = lossary.value_and_grad(lossary.alpha_divergence, argnums=(0, 1))
    value, (along_p, along_t) = derive(p, t, alpha=alpha, reduction="sum")
    other, exchanged = derive(t, p, alpha=1 - alpha, reduction="sum")
    assert_close(value, other, rtol=1e-14)
    assert_close(along_p, exchanged[1], rtol=1e-14)
    assert_close(along_t, exchanged[0], rtol=1e-14)


def test_student_t_of_endless_degrees_of_freedom_is_gaussian() -> None:
    z, t = np.array([0.5, -3.0, 1e5]), np.array([0.0, 2.0, 1.0])
    scales = np.array([1.0, 0.3, 20.0])
    for full in (False, True):
        expected = lossary.gaussian_nll_loss(z, t, scales**2, full=full, reduction="none")
        for df in (np.inf, 1e300):
            found = lossary.student_t_nll_loss(z, t, scales, df, full=full)
            np.testing.assert_allclose(found, expected, rtol=1e-14)
    slopes = lossary.grad(lossary.student_t_nll_loss, argnums=(0, 2, 3))(
        z, t, scales, np.full(3, np.inf), reduction="sum"
    )
    r = z - t
    np.testing.assert_allclose(slopes[0], r / scales**2, rtol=1e-14)
    np.testing.assert_allclose(slopes[1], 1 / scales - r**2 / scales**3, rtol=1e-14)
    np.testing.assert_array_equal(slopes[2], 0)


def test_student_t_of_one_degree_of_freedom_has_the_slope_of_cauchy() -> None:
    z, t = np.array([0.5, -3.0, 1e5]), np.array([0.0, 2.0, 1.0])
    found = lossary.grad(lossary.student_t_nll_loss)(z, t, 0.5, 1.0, reduction="sum")
    cauchy = lossary.grad(lossary.cauchy_loss)(z, t, scale=0.5, reduction="sum")
    np.testing.assert_allclose(found, cauchy * 2 / 0.5**2, rtol=1e-14)
