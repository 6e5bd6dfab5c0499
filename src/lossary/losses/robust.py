"""Robust losses: about half the squared error near the target, and less than that far from it.

They have the scale of the Huber loss, a second derivative of 1 at the target; the general robust
loss and the wing loss have their authors' scales.
"""

from __future__ import annotations

import math
from typing import Any

from lossary.decorator import loss
from lossary.domains import POSITIVE, Range
from lossary.formula import (
    Expression,
    clip,
    expm1,
    general_robust,
    hypot_excess,
    hypot_share,
    log1p,
    log1p_excess,
    log1p_square,
    maximum,
    where,
    with_derivatives_of,
)

_ANY = Range("must be a number, which may be infinite", lambda value: value == value, infinite=True)


@loss(
    family="regression",
    source="Charbonnier, Blanc-Féraud, Aubert & Barlaud (1997), Deterministic edge-preserving "
    "regularization in computed imaging, doi:10.1109/83.551699",
    limits={"delta": POSITIVE},
    convex=True,
    smooth=True,
    lipschitz=lambda delta: delta,
    differences={
        "XGBoost": "objective reg:pseudohubererror (huber_slope), the same formula",
        "kornia": "charbonnier_loss, with delta fixed at 1",
        "image restoration": "a Charbonnier loss √(r² + ε²) is ε plus this with delta = ε over ε",
    },
)
def pseudo_huber_loss(
    predictions: Expression, targets: Expression, delta: float = 1.0
) -> Expression:
    """Pseudo-Huber loss: quadratic near the target, linear far from it, smooth throughout.

    For regression with outliers by methods that use second derivatives, such as boosters: that of
    the Huber loss is 0 beyond ``delta``, this one's is positive. Also called Charbonnier loss.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    delta : float
        Residual around which it changes from quadratic to linear; positive. The slope tends to it.

    Notes
    -----
    The loss is delta² (√(1 + (r / delta)²) - 1), computed without the subtraction, so that small
    residuals keep their digits, and without the square of a large one.

    See Also
    --------
    huber_loss : With branches that are exactly quadratic and linear.
    log_cosh_loss : Nearly the same with ``delta=1``.
    general_robust_loss : The family that this belongs to, with ``alpha=1``.

    Examples
    --------
    >>> from lossary import pseudo_huber_loss
    >>> pseudo_huber_loss([1.001, 3.0, 1e200], [1.0, 1.0, 0.0])
    array([4.99999875e-007, 1.23606798e+000, 1.00000000e+200])
    """
    return delta * hypot_excess(predictions - targets, delta)


@loss(
    family="regression",
    source="Holland & Welsch (1977), Robust regression using iteratively reweighted least-squares, "
    "doi:10.1080/03610927708827533",
    limits={"scale": POSITIVE},
    convex=False,
    smooth=True,
    lipschitz=lambda scale: scale / 2,
    differences={
        "SciPy": 'least_squares(loss="cauchy", f_scale=scale), the same cost',
        "kornia": "cauchy_loss, with the scale fixed at √2",
    },
)
def cauchy_loss(predictions: Expression, targets: Expression, scale: float = 1.0) -> Expression:
    """Cauchy loss: quadratic near the target, logarithmic far from it.

    For regression with gross outliers: beyond ``scale`` a residual pulls the less, the larger it
    is. Also called Lorentzian loss.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    scale : float
        Residual at which the pull is largest; positive. A scale of 2.3849 standard deviations is
        95 % efficient for normal errors.

    Notes
    -----
    The second derivative is negative beyond ``scale``, so boosters need a floor under it, or the
    weight 1 / (1 + (r / scale)²) instead. There may be several minima.

    See Also
    --------
    general_robust_loss : The family that this belongs to, with ``alpha=0``.
    geman_mcclure_loss, welsch_loss : Bounded.

    Examples
    --------
    >>> from lossary import cauchy_loss
    >>> cauchy_loss([1.5, 3.0, 1e200], [1.0, 1.0, 0.0])
    array([1.11571776e-01, 8.04718956e-01, 4.60517019e+02])
    """
    return 0.5 * scale * scale * log1p_square((predictions - targets) / scale)


@loss(
    family="regression",
    source="Black & Rangarajan (1996), On the unification of line processes, outlier rejection, "
    "and robust statistics with applications in early vision, doi:10.1007/BF00131148",
    limits={"scale": POSITIVE},
    convex=False,
    smooth=True,
    lipschitz=lambda scale: 3 * math.sqrt(3) / 16 * scale,
    differences={"kornia": "geman_mcclure_loss, with the scale fixed at 2"},
)
def geman_mcclure_loss(
    predictions: Expression, targets: Expression, scale: float = 1.0
) -> Expression:
    """Geman-McClure loss: quadratic near the target, bounded by half the squared scale.

    For regression and registration where outliers are to be left out: far residuals hardly pull.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    scale : float
        Residual at which half of the bound is reached; positive.

    Notes
    -----
    The second derivative is negative beyond ``scale / √3``. There may be several minima, so begin
    near the solution or with a large scale.

    See Also
    --------
    general_robust_loss : The family that this belongs to, with ``alpha=-2``.
    welsch_loss, tukey_biweight_loss : Bounded too, nearer to their bound for the same residual.

    Examples
    --------
    >>> from lossary import geman_mcclure_loss
    >>> geman_mcclure_loss([1.5, 3.0, 1e200], [1.0, 1.0, 0.0])
    array([0.1, 0.4, 0.5])
    """
    share = hypot_share(predictions - targets, scale)
    return 0.5 * scale * scale * share * share


@loss(
    family="regression",
    source="Holland & Welsch (1977), Robust regression using iteratively reweighted least-squares, "
    "doi:10.1080/03610927708827533",
    limits={"scale": POSITIVE},
    convex=False,
    smooth=True,
    lipschitz=lambda scale: math.exp(-0.5) / math.sqrt(2) * scale,
    differences={"kornia": "welsch_loss, with the scale fixed at √2"},
)
def welsch_loss(predictions: Expression, targets: Expression, scale: float = 2.9846) -> Expression:
    """Welsch loss: quadratic near the target, at its bound beyond a few scales.

    For regression and registration where outliers are to be left out, without a kink or a last
    residual that counts. Also called Leclerc loss.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    scale : float
        Width of the well; positive. The default is 95 % efficient for normal errors of standard
        deviation 1.

    Notes
    -----
    The bound is half the squared scale. The second derivative is negative beyond ``scale / √2``.
    The derivative is r exp(-(r / scale)²): rounding errors of its exponent count as often as the
    exponent is large.

    See Also
    --------
    general_robust_loss : The family that this belongs to, with ``alpha`` minus infinity.
    tukey_biweight_loss : Exactly at its bound beyond its scale.

    Examples
    --------
    >>> from lossary import welsch_loss
    >>> welsch_loss([1.5, 3.0, 1e200], [1.0, 1.0, 0.0], scale=1.0)
    array([0.11059961, 0.49084218, 0.5       ])
    """
    x = (predictions - targets) / scale
    return -0.5 * scale * scale * expm1(-(x * x))


@loss(
    family="regression",
    source="Beaton & Tukey (1974), The fitting of power series, meaning polynomials, illustrated "
    "on band-spectroscopic data, doi:10.1080/00401706.1974.10489171",
    limits={"scale": POSITIVE},
    convex=False,
    smooth=True,
    lipschitz=lambda scale: 16 / (25 * math.sqrt(5)) * scale,
    differences={"statsmodels": "TukeyBiweight: its constant c² / 6 is subtracted"},
)
def tukey_biweight_loss(
    predictions: Expression, targets: Expression, scale: float = 4.685
) -> Expression:
    """Tukey biweight loss: quadratic near the target, constant beyond the scale.

    For regression where outliers are to be left out altogether: residuals beyond ``scale`` do not
    pull at all. Also called bisquare loss.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    scale : float
        Residual beyond which the loss is constant; positive. The default is 95 % efficient for
        normal errors of standard deviation 1.

    Notes
    -----
    The bound is a sixth of the squared scale. The second derivative is negative beyond
    ``scale / √5``, 0 from ``scale`` on, and continuous.

    See Also
    --------
    welsch_loss : Close to its bound instead of at it.
    huber_loss : Convex, and linear far from the target.

    Examples
    --------
    >>> from lossary import tukey_biweight_loss
    >>> tukey_biweight_loss([3.0, 5.5, 9.0], [1.0, 1.0, 1.0])
    array([1.65766309, 3.65650685, 3.65820417])
    """
    x = clip((predictions - targets) / scale, -1, 1)
    # For values the forms that do not cancel, for derivatives those whose slopes do not.
    rest = with_derivatives_of((1 - x) * (1 + x), 1 - x * x)
    value = with_derivatives_of(x * x * (1 + rest + rest * rest), 1 - rest**3)
    return scale * scale / 6 * value


def _steepest(alpha: Any, scale: Any) -> Any:
    """Return the Lipschitz constant of the general robust loss; there is none beyond alpha = 1."""
    if isinstance(alpha, Expression):
        return where(alpha <= 1, 1 / scale, math.inf)
    return 1 / scale if alpha <= 1 else math.inf


@loss(
    family="regression",
    source="Barron (2019), A general and adaptive robust loss function, "
    "doi:10.1109/CVPR.2019.00446, arXiv:1701.03077",
    limits={"alpha": _ANY, "scale": POSITIVE},
    convex=True,
    smooth=True,
    lipschitz=_steepest,
    differences={
        "robust_loss_pytorch": "lossfun(x, alpha, scale) of the residual, the same units; at and "
        "near alpha = 0 and 2 it adds machine epsilons instead of taking the limit",
    },
)
def general_robust_loss(
    predictions: Expression, targets: Expression, alpha: float = 1.0, scale: float = 1.0
) -> Expression:
    """General robust loss: from the squared error to bounded losses by one shape parameter.

    For choosing, or learning, how little outliers are to count. Unlike the other robust losses it
    is in units of the scale: near the target it is half of (r / scale)².

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    alpha : float
        Shape: 2 for the squared error, 1 for the pseudo-Huber loss, 0 for the Cauchy loss, -2 for
        the Geman-McClure loss, minus infinity for the Welsch loss. Any number, infinities
        included.
    scale : float
        Residual around which outliers begin; positive.

    Notes
    -----
    The loss is b / alpha ((1 + (r / scale)² / b)^(alpha / 2) - 1) with b = abs(alpha - 2), and
    its limits at 0, 2 and both infinities. It is continuous in ``alpha``, and so is the computed
    one: nearby shapes are not told apart by rounding errors. It is convex for ``alpha`` of at
    least 1, and has no Lipschitz constant for larger ones.

    See Also
    --------
    pseudo_huber_loss, cauchy_loss, geman_mcclure_loss, welsch_loss : Members of the family, in the
        units of the targets.

    Examples
    --------
    >>> from lossary import general_robust_loss
    >>> general_robust_loss([2.0, 2.0], [0.0, 1.0])
    array([1.23606798, 0.41421356])
    >>> import math
    >>> [round(float(general_robust_loss(2.0, 0.0, alpha)), 6) for alpha in (2, 1e-9, -math.inf)]
    [2.0, 1.098612, 0.864665]
    """
    return general_robust((predictions - targets) / scale, alpha)


def _steepest_wing(width: Any, curvature: Any) -> Any:
    """Return the slope of the wing loss at the target, or that of its linear part."""
    slope = width / curvature
    return maximum(1, slope) if isinstance(slope, Expression) else max(1.0, slope)


@loss(
    family="regression",
    source="Feng, Kittler, Awais, Huber & Wu (2018), Wing loss for robust facial landmark "
    "localisation with convolutional neural networks, arXiv:1711.06753",
    limits={"width": POSITIVE, "curvature": POSITIVE},
    convex=False,
    smooth=False,
    lipschitz=_steepest_wing,
    differences={
        "segmentation_models_pytorch": "wing_loss(width=5, curvature=0.5), the same formula",
    },
)
def wing_loss(
    predictions: Expression, targets: Expression, width: float = 10.0, curvature: float = 2.0
) -> Expression:
    """Wing loss: logarithmic near the target, the absolute error beyond ``width``.

    For landmarks in images, in pixels: small errors weigh more than in the absolute error, so
    training does not stop at them.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    width : float
        Residual at which the linear part begins; positive.
    curvature : float
        Scale of the logarithm; positive. The smaller, the steeper the loss is at the target.

    Notes
    -----
    The subgradient at a residual of 0 is 0; beside it the slope is ``width / curvature``. At a
    residual of exactly ``width`` the linear part holds, where the slope jumps from
    ``width / (curvature + width)`` to 1.

    See Also
    --------
    l1_loss : Its linear part.
    cauchy_loss : Logarithmic far from the target instead.

    Examples
    --------
    >>> from lossary import wing_loss
    >>> wing_loss([1.001, 3.0, 21.0], [1.0, 1.0, 1.0])
    array([4.99875042e-03, 6.93147181e+00, 2.79175947e+01])
    """
    size = abs(predictions - targets)
    near = width * log1p(size / curvature)
    return where(size < width, near, size - width + width * log1p(width / curvature))


@loss(
    family="regression",
    source="Fair (1974), On the robust estimation of econometric models, Annals of Economic and "
    "Social Measurement 3:667-677",
    limits={"scale": POSITIVE},
    convex=True,
    smooth=True,
    lipschitz=lambda scale: scale,
    differences={"LightGBM": "objective fair (fair_c), the same formula"},
)
def fair_loss(predictions: Expression, targets: Expression, scale: float = 1.0) -> Expression:
    """Fair loss: quadratic near the target, close to linear far from it.

    For regression with outliers: like the pseudo-Huber loss, with a slope that approaches its bound
    more slowly.

    Parameters
    ----------
    predictions : array, shape (...)
        Predictions.
    targets : array, shape (...)
        Targets, any real number.
    scale : float
        Residual at which the slope is half of its bound, which is ``scale``; positive.

    Notes
    -----
    The loss is scale² (x - log(1 + x)) with x = abs(r) / scale, computed without the subtraction
    where that would cancel. The derivative is r / (1 + x), the second one 1 / (1 + x)².

    See Also
    --------
    pseudo_huber_loss, log_cosh_loss : Nearer to the absolute error far from the target.

    Examples
    --------
    >>> from lossary import fair_loss
    >>> fair_loss([1e-4, 2.0, 50.0], [0.0, 0.0, 0.0])
    array([4.99966669e-09, 9.01387711e-01, 4.60681744e+01])
    """
    x = (predictions - targets) / scale
    # Not abs(x), whose second derivative would be lost at 0.
    return scale * scale * log1p_excess(where(x < 0, -x, x))
