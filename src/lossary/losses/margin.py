"""Margin losses: real scores against targets -1 and +1."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import AT_LEAST_ZERO, PLUS_MINUS_ONE, POSITIVE
from lossary.formula import Expression, exp, maximum, sigmoid, softplus, where


@loss(
    targets=PLUS_MINUS_ONE,
    family="margin",
    source="Cortes & Vapnik (1995), Support-vector networks, doi:10.1007/BF00994018",
    convex=True,
    smooth=False,
    lipschitz=1.0,
    differences={
        "MLX": "the same formula; (N, 1) against (N,) broadcasts to (N, N); integers stay "
        "integers; 0/1 targets pass unnoticed",
        "PyTorch": "none of that name; hinge_embedding_loss is another loss",
        "optax": "same formula; (N, 1) against (N,) broadcasts to (N, N); the gradient at the "
        "kink is half",
        "Keras": "targets first; converts targets if all are 0 or 1; averages the last axis",
        "scikit-learn": "targets first; maps any two labels; always a mean",
    },
)
def hinge_loss(inputs: Expression, targets: Expression) -> Expression:
    """Hinge loss: zero beyond the margin, linear inside it.

    The loss of support vector machines: for classifiers whose scores are to be on the right side
    by a margin, not to be probabilities. It is not PyTorch's ``hinge_embedding_loss``, which
    returns the input itself where the target is 1.

    Parameters
    ----------
    inputs : array, shape (...)
        Raw scores, not probabilities; any real number.
    targets : array, shape (...)
        Labels, -1 or +1.

    Notes
    -----
    At the kink, ``targets * inputs == 1``, the subgradient is 0; optax's is half of the slope,
    and a clamp in PyTorch gives the whole. Values of ``targets`` other than -1 and +1 are computed
    as they are, with a warning: a target of 0 costs 1 whatever the score. Keras converts 0/1
    targets, but only if all of them are 0 or 1.

    See Also
    --------
    binary_cross_entropy : For scores that are to become probabilities.
    margin_ranking_loss : The same of the difference of two scores.

    Examples
    --------
    >>> from lossary import hinge_loss
    >>> hinge_loss([0.5, 2.0, -1.0], [1, 1, 1])
    array([0.5, 0. , 2. ])
    >>> float(hinge_loss([0.5, 2.0, -1.0], [1, 1, 1], reduction="sum"))
    2.5
    """
    return maximum(0, 1 - targets * inputs)


@loss(
    targets=PLUS_MINUS_ONE,
    family="margin",
    source="Zhang (2004), Statistical behavior and consistency of classification methods, "
    "doi:10.1214/aos/1079120130",
    convex=True,
    smooth=True,
    differences={
        "Keras": "targets first; converts targets if all are 0 or 1; averages the last axis",
        "scikit-learn": "a choice of LinearSVC and SGDClassifier: the same formula",
    },
)
def squared_hinge_loss(inputs: Expression, targets: Expression) -> Expression:
    """Squared hinge loss: zero beyond the margin, quadratic inside it.

    For classifiers with large margins that are trained by methods which want a continuous
    gradient. A score on the wrong side costs the square of its distance from the margin, so
    outliers pull harder than with the hinge loss.

    Parameters
    ----------
    inputs : array, shape (...)
        Raw scores, not probabilities; any real number.
    targets : array, shape (...)
        Labels, -1 or +1.

    Notes
    -----
    The second derivative is 2 inside the margin and 0 at ``targets * inputs == 1`` and beyond.

    See Also
    --------
    hinge_loss : Linear inside the margin.
    modified_huber_loss : The same, but linear far on the wrong side.

    Examples
    --------
    >>> from lossary import squared_hinge_loss
    >>> squared_hinge_loss([0.5, 2.0, -1.0], [1, 1, 1])
    array([0.25, 0.  , 4.  ])
    """
    missing = maximum(0, 1 - targets * inputs)
    return missing * missing


@loss(
    targets=PLUS_MINUS_ONE,
    limits={"gamma": AT_LEAST_ZERO},
    family="margin",
    source="Shalev-Shwartz & Zhang (2013), Stochastic dual coordinate ascent methods for "
    "regularized loss minimization, arXiv:1209.1873",
    convex=True,
    smooth=True,
    lipschitz=1.0,
    differences={
        "optax": "sparsemax_loss is this loss with gamma=2 and labels 0 or 1",
    },
)
def smoothed_hinge_loss(inputs: Expression, targets: Expression, gamma: float = 1.0) -> Expression:
    """Smoothed hinge loss: the hinge loss with its corner rounded off over a width ``gamma``.

    For support vector machines trained with gradients: the slope is bounded as the hinge loss's
    is, and continuous. ``gamma=2`` is the binary sparsemax loss.

    Parameters
    ----------
    inputs : array, shape (...)
        Raw scores, not probabilities; any real number.
    targets : array, shape (...)
        Labels, -1 or +1.
    gamma : float
        Width of the quadratic part, in units of the scores; 0 gives the hinge loss.

    Notes
    -----
    Where the margin is missed by exactly ``gamma``, the quadratic branch holds: the second
    derivative is ``1 / gamma`` there and 0 beyond.

    See Also
    --------
    hinge_loss : The limit at ``gamma=0``.
    modified_huber_loss : Four times this loss with ``gamma=2``.

    Examples
    --------
    >>> from lossary import smoothed_hinge_loss
    >>> smoothed_hinge_loss([0.5, 2.0, -1.0], [1, 1, 1])
    array([0.125, 0.   , 1.5  ])
    >>> smoothed_hinge_loss([0.5, 2.0, -1.0], [1, 1, 1], gamma=0.0)
    array([0.5, 0. , 2. ])
    """
    missing = maximum(0, 1 - targets * inputs)
    # Up to gamma the quotient is at most 1, so the product does not overflow.
    inside = 0.5 * missing * (missing / where(gamma > 0, gamma, 1))
    return where(missing <= gamma, inside, missing - 0.5 * gamma)


@loss(
    targets=PLUS_MINUS_ONE,
    family="margin",
    source="Zhang (2004), Solving large scale linear prediction problems using stochastic gradient "
    "descent algorithms, doi:10.1145/1015330.1015332",
    convex=True,
    smooth=True,
    lipschitz=4.0,
    differences={
        "scikit-learn": "a choice of SGDClassifier: the same formula",
    },
)
def modified_huber_loss(inputs: Expression, targets: Expression) -> Expression:
    """Modified Huber loss: the squared hinge loss, continued as a line below a margin of -1.

    For classification with mislabelled examples: an example far on the wrong side pulls with a
    bounded force. It is not the Huber loss, which compares numbers.

    Parameters
    ----------
    inputs : array, shape (...)
        Raw scores, not probabilities; any real number.
    targets : array, shape (...)
        Labels, -1 or +1.

    Notes
    -----
    At ``targets * inputs == -1`` the quadratic branch holds: the second derivative is 2 there and
    0 below. It is four times the smoothed hinge loss with ``gamma=2``.

    See Also
    --------
    squared_hinge_loss : Quadratic all the way.
    huber_loss : The loss of regression from which it has its name.

    Examples
    --------
    >>> from lossary import modified_huber_loss
    >>> modified_huber_loss([0.5, 2.0, -3.0], [1, 1, 1])
    array([ 0.25,  0.  , 12.  ])
    """
    agreement = targets * inputs
    missing = maximum(0, 1 - agreement)
    return where(-1 <= agreement, missing * missing, -4 * agreement)


@loss(
    targets=PLUS_MINUS_ONE,
    family="margin",
    source="Rosenblatt (1958), The perceptron: a probabilistic model for information storage and "
    "organization in the brain, doi:10.1037/h0042519",
    convex=True,
    smooth=False,
    lipschitz=1.0,
    differences={
        "optax": "the same formula; the slope at 0 is half of the sloped side's",
        "scikit-learn": "a choice of SGDClassifier: the same formula",
    },
)
def perceptron_loss(inputs: Expression, targets: Expression) -> Expression:
    """Perceptron loss: zero on the right side, linear on the wrong side.

    The loss of the perceptron. It asks for the right sign and for no margin, so a model whose
    scores are all 0 pays nothing; the hinge loss does not let it off.

    Parameters
    ----------
    inputs : array, shape (...)
        Raw scores, not probabilities; any real number.
    targets : array, shape (...)
        Labels, -1 or +1.

    Notes
    -----
    At the kink, a score of 0, the subgradient is 0.

    See Also
    --------
    hinge_loss : The same with a margin of 1.

    Examples
    --------
    >>> from lossary import perceptron_loss
    >>> perceptron_loss([0.5, 2.0, -1.0], [-1, 1, 1])
    array([0.5, 0. , 1. ])
    """
    return maximum(0, -(targets * inputs))


@loss(
    targets=PLUS_MINUS_ONE,
    probability=lambda inputs: sigmoid(inputs),
    family="margin",
    source="Friedman, Hastie & Tibshirani (2000), Additive logistic regression, "
    "doi:10.1214/aos/1016218223",
    convex=True,
    smooth=True,
    lipschitz=1.0,
    differences={
        "PyTorch": "soft_margin_loss; mean by default; inf at a margin of -800",
        "optax": "sigmoid_binary_cross_entropy with labels 0 and 1 is the same number",
    },
)
def logistic_loss(inputs: Expression, targets: Expression) -> Expression:
    """Logistic loss: the negative log-probability of a label of -1 or +1.

    The loss of logistic regression and of boosting with probabilities, for targets that are signs;
    ``binary_cross_entropy`` is the same number for targets of 0 and 1, and takes probabilities as
    targets too.

    Parameters
    ----------
    inputs : array, shape (...)
        Logits; any real number.
    targets : array, shape (...)
        Labels, -1 or +1.

    Notes
    -----
    Computed as ``softplus(-targets * inputs)``, which neither overflows nor vanishes: a margin of
    40 costs 4.2e-18, one of -800 costs 800.

    See Also
    --------
    binary_cross_entropy : The same with targets between 0 and 1.
    exponential_loss : Costs more on the wrong side.

    Examples
    --------
    >>> from lossary import logistic_loss
    >>> logistic_loss([0.0, 2.0, -1.0], [1, 1, 1])
    array([0.69314718, 0.12692801, 1.31326169])
    """
    return softplus(-(targets * inputs))


@loss(
    targets=PLUS_MINUS_ONE,
    probability=lambda inputs: sigmoid(2 * inputs),
    family="margin",
    source="Freund & Schapire (1997), A decision-theoretic generalization of on-line learning and "
    "an application to boosting, doi:10.1006/jcss.1997.1504",
    convex=True,
    smooth=True,
    differences={
        "scikit-learn": "the private ExponentialLoss takes labels 0 and 1: the same number",
    },
)
def exponential_loss(inputs: Expression, targets: Expression) -> Expression:
    """Exponential loss: grows exponentially with the distance on the wrong side.

    The loss that AdaBoost minimises. One mislabelled example can outweigh all others: for noisy
    labels take the logistic loss.

    Parameters
    ----------
    inputs : array, shape (...)
        Raw scores: half of the log-odds at the minimum; any real number.
    targets : array, shape (...)
        Labels, -1 or +1.

    Notes
    -----
    Below a margin of -709 (-88 in float32) the exact loss is beyond the dtype, and infinite.

    See Also
    --------
    logistic_loss : Grows linearly.

    Examples
    --------
    >>> from lossary import exponential_loss
    >>> exponential_loss([0.0, 2.0, -1.0], [1, 1, 1])
    array([1.        , 0.13533528, 2.71828183])
    """
    return exp(-(targets * inputs))


@loss(
    targets=PLUS_MINUS_ONE,
    limits={"q": POSITIVE},
    family="margin",
    source="Marron, Todd & Ahn (2007), Distance-weighted discrimination, "
    "doi:10.1198/016214507000001120; Wang & Zou (2018), Another look at distance-weighted "
    "discrimination, doi:10.1111/rssb.12244",
    convex=True,
    smooth=True,
    lipschitz=1.0,
    differences={
        "LossFunctions.jl": "DWDMarginLoss: the same formula",
    },
)
def distance_weighted_discrimination_loss(
    inputs: Expression, targets: Expression, q: float = 1.0
) -> Expression:
    """Distance-weighted discrimination loss: linear up to a margin, a falling power beyond it.

    For data of many dimensions and few examples, where support vectors pile up at the margin: every
    example keeps some influence, however far it is on the right side.

    Parameters
    ----------
    inputs : array, shape (...)
        Raw scores, not probabilities; any real number.
    targets : array, shape (...)
        Labels, -1 or +1.
    q : float
        Exponent of the falling power; positive. Large values approach the hinge loss.

    Notes
    -----
    The branches meet at a margin of ``q / (q + 1)``, with equal slopes of -1; the linear branch
    holds there.

    See Also
    --------
    hinge_loss : The limit of large ``q``.

    Examples
    --------
    >>> from lossary import distance_weighted_discrimination_loss
    >>> distance_weighted_discrimination_loss([0.5, 2.0, -1.0], [1, 1, 1])
    array([0.5  , 0.125, 2.   ])
    """
    agreement = targets * inputs
    end = q / (q + 1)
    is_linear = agreement <= end
    tail = (end / where(is_linear, 1, agreement)) ** q / (q + 1)
    return where(is_linear, 1 - agreement, tail)
