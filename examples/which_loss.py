"""Which loss? Linear models of small real data, fitted with one loss or another.

    python examples/which_loss.py           the table
    python examples/which_loss.py --json    the figures as JSON

Each row takes a question, fits the same model with several losses on one half of the data, and
measures on the other half what the question asks for. The data are those that scikit-learn brings,
and a classical trial.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

import lossary
from lossary import value_and_grad
from lossary.formula import exp

Array = np.ndarray
Figures = dict[str, float]
RNG = np.random.default_rng


def fit(
    loss: Callable[..., Any],
    x: Array,
    *targets: Any,
    outputs: Callable[[Array], Any] | None = None,
    columns: int = 1,
    l2: float = 1e-3,
    **parameters: Any,
) -> Callable[[Array], Array]:
    """Return the linear model that minimises the mean loss, with a penalty on its coefficients."""
    derive = value_and_grad(loss)
    x1 = np.column_stack([x, np.ones(len(x))])

    def objective(flat: Array) -> tuple[float, Array]:
        coefficients = flat.reshape(-1, columns)
        predictions = x1 @ coefficients
        given = predictions[:, 0] if columns == 1 else predictions
        if outputs is not None:
            given = outputs(given)
        with lossary.options(domain="ignore"):  # boxes on the way may have corners exchanged
            value, slope = derive(given, *targets, reduction="mean", **parameters)
        slope = slope.reshape(len(x), columns)
        gradient = x1.T @ slope + l2 * coefficients
        return float(value) + l2 / 2 * float((coefficients**2).sum()), gradient.ravel()

    start = np.zeros(x1.shape[1] * columns)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
    coefficients = found.x.reshape(-1, columns)

    def predict(x: Array) -> Array:
        predictions = np.column_stack([x, np.ones(len(x))]) @ coefficients
        return predictions[:, 0] if columns == 1 else predictions

    return predict


def halves(x: Array, *targets: Array, seed: int = 0) -> Iterator[Array]:
    """Yield one random half of every array, then the other half; features are standardised."""
    order = RNG(seed).permutation(len(x))
    train, test = np.array_split(order, 2)
    x = (x - x[train].mean(0)) / np.maximum(x[train].std(0), 1e-9)
    for part in (train, test):
        yield x[part]
        yield from (t[part] for t in targets)


def diabetes() -> tuple[Array, Array]:
    """Return ten features of 442 patients, and the progression of their disease."""
    return load_diabetes(return_X_y=True)


def tumours() -> tuple[Array, Array]:
    """Return ten features of 569 tumours, and how much their area varies, a skewed number."""
    data = load_breast_cancer().data
    return data[:, :10], data[:, 13] / data[:, 13].std()


def digits() -> tuple[Array, Array]:
    """Return 1,797 images of 8 x 8 pixels from 0 to 1, and the digits that they show."""
    data = load_digits()
    return data.images / 16.0, data.target


# --- regression ---------------------------------------------------------------------------------
def outliers() -> Figures:
    """Median absolute error where one target in ten is ten times too large."""
    x, t, x_test, t_test = halves(*diabetes())
    t = np.where(RNG(1).random(len(t)) < 0.1, 10 * t, t) / 77  # in standard deviations
    losses = (lossary.mse_loss, lossary.l1_loss, lossary.huber_loss, lossary.tukey_biweight_loss)
    return {
        loss.__name__: float(np.median(abs(77 * fit(loss, x, t)(x_test) - t_test)))
        for loss in losses
    }


def quantiles() -> Figures:
    """Mean cost where predicting too little of a tumour's area error costs nine times too much."""
    x, t, x_test, t_test = halves(*tumours())
    model = fit(lossary.mse_loss, x, t)
    spread = 1.2816 * np.std(t - model(x))
    predictions = {
        "mse_loss": model(x_test) + spread,  # as if the errors were normal
        "pinball_loss": fit(lossary.pinball_loss, x, t, quantile=0.9)(x_test),
    }
    return {
        name: float(lossary.pinball_loss(found, t_test, 0.9, reduction="mean"))
        for name, found in predictions.items()
    }


def counts() -> Figures:
    """Mean Poisson deviance of the number of dark pixels in a column of a digit."""
    images, _ = digits()
    dark = (images[:, :, 6] > 0.5).sum(1).astype(float)
    x, t, x_test, t_test = halves(images[:, :, :6].reshape(len(images), -1), dark)
    square, poisson = (
        fit(loss, x, t, l2=1e-2) for loss in (lossary.mse_loss, lossary.poisson_nll_loss)
    )
    means = {
        "mse_loss": np.maximum(square(x_test), 0.01),  # one in fifteen is below 0
        "poisson_nll_loss": np.exp(poisson(x_test)),
    }
    return {
        name: float(lossary.poisson_deviance(mean, t_test, reduction="mean"))
        for name, mean in means.items()
    }


def skewed() -> Figures:
    """Sum of the predictions over the sum of the targets, which are positive and skewed."""
    x, t, x_test, t_test = halves(*diabetes())
    logarithms = fit(lossary.mse_loss, x, np.log(t))
    gamma = fit(lossary.gamma_deviance, x, t, log_input=True)
    return {
        "logarithms": float(np.exp(logarithms(x_test)).sum() / t_test.sum()),
        "gamma_deviance": float(np.exp(gamma(x_test)).sum() / t_test.sum()),
    }


def distributions() -> Figures:
    """Mean ranked probability score of a normal distribution for each tumour's area error."""
    x, t, x_test, t_test = halves(*tumours())
    model = fit(lossary.mse_loss, x, t, l2=1e-2)
    centre, centre_test = model(x), model(x_test)

    def scales(loss: Callable[..., Any], power: float) -> Array:
        # The logarithm of the scale is linear in the features.
        @lossary.loss
        def log_scale_loss(inputs: Any, centres: Any, targets: Any) -> Any:
            return loss(centres, targets, exp(power * inputs))

        return np.exp(fit(log_scale_loss, x, centre, t, l2=1e-2)(x_test))

    found = {
        "one scale": np.full(len(t_test), np.std(t - centre)),
        "gaussian_nll_loss": scales(lossary.gaussian_nll_loss, 2.0),
        "gaussian_crps_loss": scales(lossary.gaussian_crps_loss, 1.0),
    }
    return {
        name: float(lossary.gaussian_crps_loss(centre_test, t_test, scale, reduction="mean"))
        for name, scale in found.items()
    }


# --- classes ------------------------------------------------------------------------------------
def probabilities() -> Figures:
    """Brier score of the probabilities that a tumour is benign."""
    x, t, x_test, t_test = halves(*load_breast_cancer(return_X_y=True))
    scores = {
        "hinge_loss": fit(lossary.hinge_loss, x, 2.0 * t - 1, l2=1e-2)(x_test),
        "binary_cross_entropy": fit(lossary.binary_cross_entropy, x, 1.0 * t, l2=1e-2)(x_test),
    }
    return {
        name: float(lossary.brier_loss(expit(z), 1.0 * t_test, reduction="mean"))
        for name, z in scores.items()
    }


def imbalance() -> Figures:
    """Mean of the shares found among the eights and among the others: one image in ten is an 8."""
    images, t = digits()
    x, t, x_test, t_test = halves(images.reshape(len(t), -1), 1.0 * (t == 8))
    scores = {
        "binary_cross_entropy": fit(lossary.binary_cross_entropy, x, t),
        "binary_focal_loss": fit(lossary.binary_focal_loss, x, t),
        "positive_weight": fit(lossary.binary_cross_entropy, x, t, positive_weight=9.0),
    }
    shares = {
        name: ((model(x_test) > 0) == (t_test == 1)).astype(float) for name, model in scores.items()
    }
    return {
        name: float((right[t_test == 1].mean() + right[t_test == 0].mean()) / 2)
        for name, right in shares.items()
    }


def noisy_labels() -> Figures:
    """Share of digits that are read right, where four labels in ten are random."""
    images, t = digits()
    x, t, x_test, t_test = halves(images.reshape(len(t), -1), t)
    rng = RNG(1)
    t = np.where(rng.random(len(t)) < 0.4, rng.integers(0, 10, len(t)), t)
    losses = (lossary.cross_entropy, lossary.symmetric_cross_entropy,
              lossary.generalized_cross_entropy)  # fmt: skip
    models = {loss.__name__: fit(loss, x, t, columns=10, l2=1e-2) for loss in losses}
    return {
        name: float((model(x_test).argmax(1) == t_test).mean()) for name, model in models.items()
    }


def grades() -> Figures:
    """Mean distance of the predicted quarter of the patients, by progression, from the true one."""
    x, t = diabetes()
    quarters = np.searchsorted(np.quantile(t, [0.25, 0.5, 0.75]), t)
    x, t, x_test, t_test = halves(x, quarters)
    classes = fit(lossary.cross_entropy, x, t, columns=4)(x_test).argmax(1)
    thresholds = fit(lossary.ordinal_cross_entropy, x, t, columns=3)(x_test)
    return {
        "cross_entropy": float(abs(classes - t_test).mean()),
        "ordinal_cross_entropy": float(abs((thresholds > 0).sum(1) - t_test).mean()),
    }


# --- order --------------------------------------------------------------------------------------
def rankings() -> Figures:
    """Share of the pairs of patients in the right order, by a progression on a stretched scale."""
    x, t, x_test, t_test = halves(*diabetes())
    size = len(x) // 8 * 8
    x, t = x[:size], (t[:size] / 77) ** 4
    lists = lambda z: z.reshape(-1, 8)  # noqa: E731
    models = {
        "mse_loss": fit(lossary.mse_loss, x, t),
        "listmle_loss": fit(lossary.listmle_loss, x, lists(t), outputs=lists),
    }
    return {name: _in_order(model(x_test), t_test) for name, model in models.items()}


def preferences() -> Figures:
    """Share of the pairs of patients in the right order, learnt from 500 pairs alone."""
    x, t, x_test, t_test = halves(*diabetes())
    first, second = RNG(1).integers(0, len(x), (2, 500))
    winner = np.where(t[first] > t[second], first, second)
    pairs = x[winner] - x[first + second - winner]
    zeros, ones = np.zeros(len(pairs)), np.ones(len(pairs))
    models = {
        "margin_ranking_loss": fit(lossary.margin_ranking_loss, pairs, zeros, ones, margin=1.0),
        "pairwise_logistic_loss": fit(lossary.pairwise_logistic_loss, pairs, zeros, ones),
    }
    return {name: _in_order(model(x_test), t_test) for name, model in models.items()}


def _in_order(scores: Array, targets: Array) -> float:
    above = np.triu(targets[:, None] != targets, 1)
    agree = (scores[:, None] > scores) == (targets[:, None] > targets)
    return float(agree[above].mean())


#: Weeks in remission of children with leukaemia, with a drug and without; negative where the study
#: ended before a relapse. Freireich et al. (1963), Blood 21, pages 699-716.
DRUG = (6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35)
PLACEBO = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)


def survival() -> Figures:
    """How many times as often the disease comes back without the drug as with it."""
    weeks = np.array([*DRUG, *PLACEBO], dtype=float)
    without = np.repeat([0.0, 1.0], [len(DRUG), len(PLACEBO)])
    derive = value_and_grad(lossary.cox_nll_loss)

    def objective(slope: Array) -> tuple[float, float]:
        value, gradient = derive(slope * without, abs(weeks), 1.0 * (weeks > 0), reduction="sum")
        return float(value), float(gradient @ without)

    with_drug, alone = abs(weeks[without == 0]), abs(weeks[without == 1])
    return {
        "mean times": float(with_drug.mean() / alone.mean()),
        "cox_nll_loss": float(np.exp(minimize(objective, [0.0], jac=True).x[0])),
    }


# --- images -------------------------------------------------------------------------------------
def segmentation() -> Figures:
    """Mean Dice overlap of the darkest strokes of digits, found in noisy images."""
    images, t = digits()
    masks = (images > 0.9).reshape(len(t), -1).astype(float)
    noisy = images.reshape(len(t), -1) + 0.5 * RNG(1).normal(size=(len(t), 64))
    x, t, x_test, t_test = halves(noisy, masks)
    models = {
        "binary_cross_entropy": fit(lossary.binary_cross_entropy, x, t, columns=64),
        "dice_loss": fit(lossary.dice_loss, x, t, columns=64, with_logits=True),
    }
    return {name: _overlap(model(x_test) > 0, t_test) for name, model in models.items()}


def _overlap(found: Array, truth: Array) -> float:
    both = (found * truth).sum(1)
    return float((2 * both / np.maximum(found.sum(1) + truth.sum(1), 1)).mean())


def boxes() -> Figures:
    """Mean overlap (IoU) of the boxes around digits that were moved and shrunk, from the pixels."""
    images, _ = digits()
    rng = RNG(1)
    framed = [_framed(image[:: step, ::step], rng) for image, step in
              zip(images, rng.integers(1, 4, len(images)), strict=True)]  # fmt: skip
    sums, corners = (np.array(x) for x in zip(*framed, strict=True))
    x, t, x_test, t_test = halves(sums, corners)
    start = t.mean(0)
    losses = (lossary.smooth_l1_loss, lossary.l1_loss, lossary.generalized_box_iou_loss)
    found = {
        loss.__name__: start
        + fit(loss, x, t, outputs=lambda z: z + start, columns=4, l2=1e-4)(x_test)
        for loss in losses
    }
    return {
        name: 1 - float(lossary.box_iou_loss(box, t_test, reduction="mean"))
        for name, box in found.items()
    }


def _framed(image: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the sums of rows and columns of a canvas with a digit, and the digit's corners."""
    canvas, size = np.zeros((16, 16)), len(image)
    left, top = rng.integers(0, 17 - size, 2)
    canvas[top : top + size, left : left + size] = image
    corners = np.array([left, top, left + size, top + size]) / 16
    return np.concatenate([canvas.sum(0), canvas.sum(1)]), corners


ROWS: dict[str, Callable[[], Figures]] = {
    function.__name__: function
    for function in (outliers, quantiles, counts, skewed, distributions, probabilities, imbalance,
                     noisy_labels, grades, rankings, preferences, survival, segmentation, boxes)
}  # fmt: skip


def main() -> None:
    """Print the figures of every row."""
    found = {name: row() for name, row in ROWS.items()}
    if "--json" in sys.argv[1:]:
        print(json.dumps(found, indent=2))
        return
    for name, figures in found.items():
        print(f"{name}: {(ROWS[name].__doc__ or '').rstrip('.')}")
        for loss, figure in figures.items():
            print(f"  {loss:42}{figure:10.3g}")


if __name__ == "__main__":
    main()
