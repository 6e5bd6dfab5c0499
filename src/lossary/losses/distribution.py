"""Losses between distributions given by log-probabilities."""

from __future__ import annotations

from lossary.domains import CLASS_LABELS, LOG_PROBABILITIES
from lossary.formula import Expression, at_label, exp, scale, sum_over_classes
from lossary.registry import loss


@loss(
    targets=CLASS_LABELS,
    arguments=("inputs", "targets"),
    family="distribution",
    source="Fisher (1922), On the mathematical foundations of theoretical statistics, "
    "doi:10.1098/rsta.1922.0009",
    convex=True,
    smooth=True,
    lipschitz=1.0,
    differences={
        "MLX": "labels outside the classes wrap round",
        "PyTorch": "the class axis is 1; weight is per class; ignore_index defaults to -100",
    },
)
def nll_loss(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Negative log-likelihood: minus the log-probability of the label.

    For models that end in a log-softmax; ``cross_entropy`` takes logits and is more accurate.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Log-probabilities.
    targets : array, shape of inputs without ``axis``
        Integer class labels from 0 to C-1.
    axis : int
        The class axis.

    Examples
    --------
    >>> from lossary import nll_loss
    >>> nll_loss([[-0.5, -1.0], [-2.0, -0.1]], [0, 1])
    array([0.5, 0.1])
    """
    return -at_label(inputs, targets)


@loss(
    targets=LOG_PROBABILITIES,
    arguments=("inputs", "targets"),
    family="distribution",
    source="Kullback & Leibler (1951), On information and sufficiency, doi:10.1214/aoms/1177729694",
    convex=True,
    smooth=True,
    differences={
        "MLX": "NaN where a target has probability 0",
        "PyTorch": "targets are probabilities unless log_target; mean divides by all elements",
        "optax": "kl_divergence takes probabilities as targets",
        "Keras": "targets first; both are probabilities, clipped",
    },
)
def kl_div_loss(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Kullback-Leibler divergence of predicted from target log-probabilities.

    Both arguments are log-probabilities. What PyTorch calls "batchmean" is "mean" here.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Predicted log-probabilities.
    targets : array, shape of inputs
        Target log-probabilities, at most 0; minus infinity for probability 0.
    axis : int
        The class axis.

    Notes
    -----
    A target of probability 0 contributes 0, whatever is predicted for it.

    Examples
    --------
    >>> import math
    >>> from lossary import kl_div_loss
    >>> kl_div_loss([[math.log(0.5), math.log(0.5)]], [[0.0, -math.inf]])
    array([0.69314718])
    """
    return sum_over_classes(scale(exp(targets), targets - inputs))
