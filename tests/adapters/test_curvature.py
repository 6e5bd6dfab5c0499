"""The Hessians that boosters are given: each policy, and which one a loss gets by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from boosters import BOOSTERS, derive, objective, own_loss, train
from sklearn.datasets import load_breast_cancer, load_diabetes

import lossary
from lossary import LossaryError, get_loss, loss, value_grad_hess, with_link
from lossary.adapters._curvature_choice import choose_curvature
from lossary.domains import PLUS_MINUS_ONE
from lossary.formula import exp, expm1, sigmoid, where


def redescending_loss() -> Callable[..., Any]:
    """Return a loss whose slope falls to 0 far from the target."""

    @loss(convex=False, smooth=True)
    def bell_loss(inputs: Any, targets: Any, scale: float = 1.0) -> Any:
        x = (inputs - targets) / scale
        return -expm1(-x * x)

    return bell_loss


def bounded_loss_of_classes() -> Callable[..., Any]:
    """Return a loss of scores that is nowhere above 1, so that it bends down."""

    @loss(targets=PLUS_MINUS_ONE, convex=False, smooth=True)
    def capped_loss(inputs: Any, targets: Any) -> Any:
        return sigmoid(-targets * inputs)

    return capped_loss


def test_what_is_passed_on_by_default() -> None:
    """Bounded gradients: steps as long as the residuals; flat parts of classes: floor of 1."""
    assert derive("l1_loss", [4.0], [0.0])[1] == 1 / 8
    assert derive("huber_loss", [4.0], [0.0], delta=2.0)[1] == 4 / (2 * 6)
    assert derive("log_cosh_loss", [1e9], [0.0])[1] == pytest.approx(0.5e-9)
    assert derive("hinge_loss", [-3.0], [1.0])[1] == 1.0
    assert derive("binary_cross_entropy", [-30.0], [1.0])[1] == 1e-6
    assert derive("mse_loss", [3.0], [0.0])[1] == 2.0
    assert derive(own_loss(), [3.0], [1.0])[1] == 1e-6
    assert derive("nll_loss", [[0.0, -1.0]], [1])[1][0, 1] == 1.0


def test_gauss_newton_is_the_curvature_of_half_a_square() -> None:
    x = np.array([-40.0, -0.3, 0.0, 2.0, 1e-9, 1e6])
    hessian = derive("mse_loss", x, np.zeros(6), hessian="gauss-newton")[1]
    np.testing.assert_allclose(hessian, 2.0, rtol=1e-15)
    hessian = derive("l1_loss", [4.0, 0.0], [0.0, 0.0], hessian="gauss-newton")[1]
    np.testing.assert_allclose(hessian, [1 / 8, 1e-16], rtol=1e-15)
    logits = np.array([[2.0, 0.0, -1.0]])
    gradient, hessian = derive("cross_entropy", logits, [1], hessian="gauss-newton")
    value = np.log(np.exp(logits).sum()) - logits[0, 1]
    np.testing.assert_allclose(hessian, gradient**2 / (2 * value), rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "information"),
    [("mse_loss", 2.0), ("l1_loss", 1.0), ("log_cosh_loss", 0.5)],  # by hand: E[loss'²]
)
def test_expected_hessian_of_residuals(name: str, information: float) -> None:
    hessian = derive(name, [-5.0, 0.1], [0.0, 0.0], hessian="expected")[1]
    np.testing.assert_allclose(hessian, information, rtol=1e-3)


def test_expected_hessian_of_classes() -> None:
    """The logarithms of normalised likelihoods have the exact one, whatever the targets."""
    x = np.linspace(-9, 9, 7)
    for name, choices in (("binary_cross_entropy", {}), ("cross_entropy", {"hessian_factor": 2.0})):
        given = x if name == "binary_cross_entropy" else np.stack([x, 0 * x, -x], axis=1)
        exact = derive(name, given, np.ones(7), hessian="exact", **choices)[1]
        expected = derive(name, given, np.zeros(7), hessian="expected", **choices)[1]
        np.testing.assert_allclose(expected, exact, rtol=1e-12)
    hinge = derive("hinge_loss", [0.0], [1.0], hessian="expected")[1]
    np.testing.assert_allclose(hinge, 1.0, rtol=1e-15)  # at 0 both labels have gradients of 1


def test_expected_hessian_needs_a_likelihood() -> None:
    @loss
    def bounded_loss(inputs: Any, targets: Any) -> Any:
        return (inputs - targets) ** 2 / (1 + (inputs - targets) ** 2)

    with pytest.raises(LossaryError, match="hessian must be another policy than 'expected'"):
        derive(bounded_loss, [0.0], [1.0], hessian="expected")


@pytest.mark.parametrize("policy", ["gauss-newton", "expected"])
@pytest.mark.parametrize("library", BOOSTERS)
def test_policies_train(library: str, policy: str) -> None:
    x, t = load_breast_cancer(return_X_y=True)
    chosen = objective(library, "binary_cross_entropy", hessian=policy)
    scores = train(library, x, t, None, chosen)
    assert np.mean((scores > 0) == t) > 0.95
    x, t = load_diabetes(return_X_y=True)
    t = (t - t.mean()) / t.std()
    fitted = train(library, x, t, None, objective(library, "log_cosh_loss", hessian=policy))
    assert np.mean((fitted - t) ** 2) < 0.75


def test_weight_is_the_slope_over_the_residual() -> None:
    x, t = np.array([-40.0, -0.3, 0.0, 2.0, 1e-9, 1.5]), np.array([0.5, 0.5, 0.0, -3.0, 0.0, 1.5])
    gradient, hessian = derive("mse_loss", x, t, hessian="weight")
    np.testing.assert_allclose(hessian, 2.0, rtol=1e-15)
    made = redescending_loss()
    gradient, hessian = derive(made, x, t, hessian="weight", scale=2.0)
    expected = 2 / 2.0**2 * np.exp(-(((x - t) / 2.0) ** 2))
    np.testing.assert_allclose(hessian, np.maximum(expected, 1e-16), rtol=1e-12)
    np.testing.assert_allclose(gradient, expected * (x - t), rtol=1e-12)
    # Where the residual is 0, so is the gradient; the limit is the exact Hessian.
    assert hessian[2] == value_grad_hess(made)([0.0], [0.0], scale=2.0)[2][0] == 0.5
    with pytest.raises(LossaryError, match="hessian must be another policy than 'weight'"):
        derive("binary_cross_entropy", [0.0], [1.0], hessian="weight")
    with pytest.raises(LossaryError, match="It needs a loss that is least where the prediction is"):
        derive(with_link("mse_loss", "log"), [0.0], [1.0], hessian="weight")


def test_logistic_is_a_floor_under_the_exact_one() -> None:
    x = np.array([-30.0, -3.0, -0.5, 0.0, 2.0, 40.0])
    made = bounded_loss_of_classes()
    for t in (-np.ones(6), np.ones(6)):
        hessian = derive(made, x, t, hessian="logistic")[1]
        exact = value_grad_hess(made)(x, t)[2]
        floor = np.exp(-abs(x)) / (1 + np.exp(-abs(x))) ** 2
        np.testing.assert_allclose(hessian, np.maximum(exact, np.maximum(floor, 1e-16)), rtol=1e-12)
    logits = np.stack([x, 0 * x, -x], axis=1)
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    exact = derive("cross_entropy", logits, np.ones(6), hessian="exact")[1]
    hessian = derive("cross_entropy", logits, np.ones(6), hessian="logistic")[1]
    np.testing.assert_allclose(hessian, exact, rtol=1e-9)
    with pytest.raises(LossaryError, match="hessian must be another policy than 'logistic'"):
        derive("mse_loss", [0.0], [1.0], hessian="logistic")


def _default(function: Any, **parameters: Any) -> str | float:
    return choose_curvature("objective", get_loss(function), parameters, None).option


def test_defaults_by_the_shape_of_the_loss() -> None:
    """A shape decides, whatever the loss is called and whatever its scale is."""
    for scale in (1e-3, 1.0, 1e7):
        assert _default(redescending_loss(), scale=scale) == "weight"
    assert _default(bounded_loss_of_classes()) == "logistic"
    assert _default(with_link("mse_loss", "softplus")) == "gauss-newton"
    assert _default("gaussian_nll_loss", vars=2.0) == 1e-6

    @loss
    def asymmetric_loss_of_logarithms(inputs: Any, targets: Any) -> Any:
        return exp(inputs) - targets * inputs

    assert _default(asymmetric_loss_of_logarithms) == 1e-6

    @loss
    def heavy_tailed_loss(inputs: Any, targets: Any) -> Any:
        size = abs(inputs - targets)
        return where(size < 1, size, 2 * size**0.5 - 1) - 3

    assert _default(heavy_tailed_loss) == "weight"  # negative: half a square it cannot be


REDESCENDING: list[tuple[str, dict[str, float]]] = [
    ("cauchy_loss", {}),
    ("geman_mcclure_loss", {"scale": 3.0}),
    ("welsch_loss", {}),
    ("tukey_biweight_loss", {}),
    ("general_robust_loss", {"alpha": -2.0, "scale": 2.0}),
    ("general_robust_loss", {"alpha": 0.5}),
]


@pytest.mark.parametrize(("name", "parameters"), REDESCENDING)
def test_robust_losses_get_weights_above_0(name: str, parameters: dict[str, float]) -> None:
    assert _default(name, **parameters) == "weight"
    residuals = np.concatenate([-np.geomspace(1e-9, 1e9, 60), [0.0], np.geomspace(1e-9, 1e9, 60)])
    gradient, hessian = derive(name, residuals, np.zeros(residuals.size), **parameters)
    assert np.isfinite(hessian).all()
    assert (hessian > 0).all()
    # No step leads beyond the target.
    assert (abs(gradient / hessian) <= abs(residuals) * (1 + 1e-12)).all()
    # Where the exact one is below 0, a leaf would step away from the target.
    assert (value_grad_hess(getattr(lossary, name))(residuals, 0.0, **parameters)[2] < 0).any()


@pytest.mark.parametrize("name", ["binary_focal_loss", "asymmetric_loss", "sigmoid_loss"])
def test_losses_of_two_classes_get_a_logistic_floor(name: str) -> None:
    assert _default(name) == "logistic"
    scores = np.linspace(-9, 9, 41)
    for positive in (True, False):
        negative = get_loss(name).targets.two_classes[0]
        targets = np.full(41, 1.0 if positive else negative)
        gradient, hessian = derive(name, scores, targets)
        # Those of the logistic loss are 1 + exp(-score); the exact Hessian gives steps of any size.
        steps = 1 + np.exp(-scores if positive else scores)
        assert (abs(gradient / hessian) <= 4 * steps).all()


def test_outliers_do_not_move_a_redescending_loss() -> None:
    x, t = load_diabetes(return_X_y=True)
    t = (t - np.median(t)) / t.std()
    hit = np.random.default_rng(0).random(len(t)) < 0.15
    spoiled = np.where(hit, t + 20, t)
    for library in BOOSTERS:
        fitted = train(
            library, x, spoiled, None, objective(library, redescending_loss(), scale=2.0)
        )
        assert np.mean((fitted - t) ** 2) < 0.75 * t.var(), library
        squares = train(library, x, spoiled, None, objective(library, "mse_loss", factor=0.5))
        assert np.mean((squares - t) ** 2) > 2 * t.var(), library


@pytest.mark.parametrize("library", BOOSTERS)
def test_a_bounded_loss_of_classes_trains(library: str) -> None:
    x, t = load_breast_cancer(return_X_y=True)
    chosen = objective(library, bounded_loss_of_classes(), positive=1)
    assert np.mean((train(library, x, t, None, chosen) > 0) == t) > 0.95


def test_numbers_stand_for_further_arguments() -> None:
    gradient, hessian = derive("gaussian_nll_loss", [3.0], [1.0], vars=4.0, hessian="exact")
    assert (gradient[0], hessian[0]) == (0.5, 0.25)
    message = r"got gaussian_nll_loss\(inputs, targets, vars\)\. Give the others as numbers: vars=1"
    with pytest.raises(LossaryError, match=message):
        derive("gaussian_nll_loss", [3.0], [1.0])
    with pytest.raises(LossaryError, match="vars must be a finite number, got list"):
        derive("gaussian_nll_loss", [3.0], [1.0], vars=[4.0])


def test_losses_without_a_hessian_are_refused() -> None:
    @loss(has_hessian=False)
    def tangled_loss(inputs: Any, targets: Any) -> Any:
        return (inputs - targets) ** 2

    for library in BOOSTERS:
        with pytest.raises(LossaryError, match="loss must have a Hessian of each prediction's own"):
            objective(library, tangled_loss)
    with pytest.raises(LossaryError, match="loss must have a Hessian of each prediction's own"):
        lossary.adapters.initial_score(tangled_loss, [1.0])
