"""How far predicted probabilities are from the outcomes, and how sure they are."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import CLASSES_OR_PROBABILITIES, PROBABILITIES, UNIT_INTERVAL
from lossary.formula import (
    Expression,
    entropy_of_softmax,
    expm1,
    is_label,
    logsumexp,
    negative_log_softmax,
    scale,
    sigmoid,
    softmax,
    sum_over_classes,
    where,
)
from lossary.losses.classification import probabilities_of, probability_of

_BRIER = (
    "Brier (1950), Verification of forecasts expressed in terms of probability, "
    "doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2"
)


@loss(
    targets=UNIT_INTERVAL,
    domains={"inputs": PROBABILITIES},
    probability=probability_of,
    family="calibration",
    source=_BRIER,
    convex=True,
    smooth=True,
    lipschitz=2.0,
    differences={
        "PyTorch": "none; mse_loss of probabilities",
        "optax": "none; squared_error of probabilities",
        "scikit-learn": "brier_score_loss: targets first, always a mean; probabilities only",
    },
)
def brier_loss(inputs: Expression, targets: Expression, with_logits: bool = False) -> Expression:
    """Brier score: the squared difference of a probability from the outcome.

    For judging and training predicted probabilities of a yes or no: it is least on average at the
    true probability, and a wrong prediction costs at most 1. The inputs are probabilities unless
    ``with_logits`` is True.

    Parameters
    ----------
    inputs : array, shape (...)
        Probabilities from 0 to 1; logits, any real number, if ``with_logits`` is True.
    targets : array, shape (...)
        Probability of the positive class, from 0 to 1; 0 and 1 for labels.
    with_logits : bool
        Whether ``inputs`` are logits.

    Notes
    -----
    With logits the difference is ``(1 - t) sigmoid(z) - t sigmoid(-z)``, which keeps its digits
    where the prediction is nearly certain and right. The loss is convex in probabilities, and not
    in logits: there its slope vanishes where a prediction is certain and wrong.

    See Also
    --------
    multiclass_brier_loss : For more than two classes.
    binary_cross_entropy : Unbounded where a prediction is certain and wrong.

    Examples
    --------
    >>> from lossary import brier_loss
    >>> brier_loss([0.7, 0.2], [1.0, 0.0])
    array([0.09, 0.04])
    >>> brier_loss([2.0, 20.0], [1.0, 1.0], with_logits=True)
    array([1.42093366e-02, 4.24835424e-18])
    """
    if with_logits:
        error = (1 - targets) * sigmoid(inputs) - targets * sigmoid(-inputs)
    else:
        error = inputs - targets
    return error * error


@loss(
    targets=CLASSES_OR_PROBABILITIES,
    domains={"inputs": PROBABILITIES},
    probability=probabilities_of,
    family="calibration",
    source=_BRIER,
    convex=True,
    smooth=True,
    differences={
        "PyTorch": "none",
        "optax": "none",
        "scikit-learn": "brier_score_loss: targets first, always a mean; halved for two classes or "
        "with scale_by_half",
    },
)
def multiclass_brier_loss(
    inputs: Expression,
    targets: Expression,
    axis: int = -1,
    with_logits: bool = False,
    *,
    class_weights: Expression | None = None,
) -> Expression:
    """Brier score of several classes: the squared distance of probabilities from the outcome.

    For judging and training predicted probabilities of C classes: it is least on average at the
    true ones, and a wrong prediction costs at most 2. For two classes it is twice the Brier score
    of one of them.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Probabilities from 0 to 1; scores before a softmax, any real number, if ``with_logits`` is
        True.
    targets : array, shape of inputs without ``axis``, or shape of inputs
        Integer class labels from 0 to C-1, or probabilities from 0 to 1.
    axis : int
        The class axis.
    with_logits : bool
        Whether ``inputs`` are scores before a softmax.

    Notes
    -----
    With logits the label's difference, 1 - p, is the sum of the other classes' probabilities, so a
    loss of 2e-25 keeps its digits. Probabilities as inputs need not sum to 1. The loss is convex in
    probabilities, and not in logits.

    See Also
    --------
    brier_loss : For a yes or no.
    cross_entropy : Unbounded where a prediction is certain and wrong.

    Examples
    --------
    >>> from lossary import multiclass_brier_loss
    >>> multiclass_brier_loss([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]], [0, 0])
    array([0.14, 2.  ])
    >>> multiclass_brier_loss([[2.0, 1.0, 0.0], [30.0, 1.0, 0.0]], [0, 0], with_logits=True)
    array([1.80061146e-01, 1.94523048e-25])
    """
    labels = targets.operation == "label"
    if labels and with_logits:
        others = where(is_label(targets), 0, softmax(inputs))
        error = where(is_label(targets), -sum_over_classes(others), others)
    elif labels:
        error = where(is_label(targets), inputs - 1, inputs)
    elif with_logits:
        surprise = negative_log_softmax(inputs)
        error = (1 - targets) * softmax(inputs) + targets * expm1(-surprise)
    else:
        error = inputs - targets
    square = error * error
    return sum_over_classes(square if class_weights is None else scale(class_weights, square))


@loss(
    arguments=("logits",),
    family="calibration",
    source="Chowdhery et al. (2022), PaLM: scaling language modeling with pathways, "
    "arXiv:2204.02311",
    convex=False,
    smooth=True,
    differences={
        "PyTorch": "none; Liger's cross entropy adds it, times lse_square_scale",
        "optax": "none",
    },
)
def z_loss(logits: Expression, axis: int = -1) -> Expression:
    """Z-loss: the squared logarithm of a softmax's normaliser, which keeps logits from drifting.

    A term to add to the cross entropy of a language model, with a weight such as 1e-4: a softmax
    does not change if a number is added to all logits, and this keeps that number near 0. It takes
    no targets.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Scores before the softmax; any real number.
    axis : int
        The class axis.

    Notes
    -----
    The derivative is the softmax times twice the logarithm. The loss is 0 where the exponentials
    sum to 1; near there the logarithm is a difference. It is infinite where all logits are minus
    infinity.

    See Also
    --------
    cross_entropy : What it is added to.

    Examples
    --------
    >>> from lossary import z_loss
    >>> z_loss([[2.0, 1.0, 0.0], [1000.0, 1.0, 0.0]])
    array([5.79656648e+00, 1.00000000e+06])
    """
    logarithm = logsumexp(logits)
    return logarithm * logarithm


@loss(
    arguments=("logits",),
    family="calibration",
    source="Shannon (1948), A mathematical theory of communication, "
    "doi:10.1002/j.1538-7305.1948.tb01338.x",
    convex=False,
    smooth=True,
    differences={
        "PyTorch": "none; torch.distributions.Categorical(logits=...).entropy()",
        "optax": "none",
    },
)
def softmax_entropy(logits: Expression, axis: int = -1) -> Expression:
    """Entropy of a softmax: how undecided a prediction is.

    A term to add to a loss. Minimise it to make predictions confident, as semi-supervised learning
    does; subtract it to keep a policy exploring or a classifier from being too sure. It takes no
    targets.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Scores before the softmax; any real number.
    axis : int
        The class axis.

    Notes
    -----
    At most log(C), for equal logits; near 0 it keeps its digits. A class with a logit of minus
    infinity adds nothing.

    See Also
    --------
    cross_entropy : The entropy plus the divergence from the targets, if these are probabilities.

    Examples
    --------
    >>> from lossary import softmax_entropy
    >>> softmax_entropy([[0.0, 0.0], [2.0, 0.0], [50.0, 0.0]])
    array([6.93147181e-01, 3.65333855e-01, 9.83662422e-21])
    """
    return entropy_of_softmax(logits)
