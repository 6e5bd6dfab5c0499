"""Losses between distributions given by log-probabilities."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import (
    CLASS_LABELS,
    LOG_PROBABILITIES,
    MEANS_FROM_ZERO,
    PREDICTED_LOG_PROBABILITIES,
    TARGET_PROBABILITIES,
)
from lossary.formula import Expression, at_label, exp, log, scale, sum_over_classes
from lossary.formula.operations import deviances


@loss(
    targets=CLASS_LABELS,
    domains={"inputs": PREDICTED_LOG_PROBABILITIES},
    arguments=("inputs", "targets"),
    probability=lambda inputs: exp(inputs),
    family="distribution",
    source="Fisher (1922), On the mathematical foundations of theoretical statistics, "
    "doi:10.1098/rsta.1922.0009",
    convex=True,
    smooth=True,
    lipschitz=1.0,
    differences={
        "MLX": "labels outside the classes wrap round",
        "PyTorch": "the class axis is 1; weight is per class, and the mean divides by its sum; "
        "ignore_index defaults to -100; mean by default",
    },
)
def nll_loss(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Negative log-likelihood: minus the log-probability of the label.

    For models that end in a log-softmax. Where you have the logits, ``cross_entropy`` is more
    accurate. Inputs are not checked to be normalised; logits or probabilities passed by mistake get
    a warning where one of a label is above 0, which a log-probability never is.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Log-probabilities, at most 0.
    targets : array, shape of inputs without ``axis``
        Integer class labels from 0 to C-1.
    axis : int
        The class axis.

    Notes
    -----
    The loss does not depend on the other classes, so its derivative is -1 at the label and 0
    elsewhere: it is the log-softmax before it that spreads the gradient. Labels never wrap round:
    -1 is no class, unless it is ``ignore_index``.

    See Also
    --------
    cross_entropy : From logits.
    gaussian_nll_loss : For a real target.

    Examples
    --------
    >>> from lossary import nll_loss
    >>> nll_loss([[-0.5, -1.0], [-2.0, -0.1]], [0, 1])
    array([0.5, 0.1])
    """
    return -at_label(inputs, targets)


@loss(
    targets=LOG_PROBABILITIES,
    domains={"inputs": PREDICTED_LOG_PROBABILITIES},
    arguments=("inputs", "targets"),
    family="distribution",
    source="Kullback & Leibler (1951), On information and sufficiency, doi:10.1214/aoms/1177729694",
    convex=True,
    smooth=True,
    differences={
        "MLX": "NaN where a target has probability 0; shapes broadcast",
        "PyTorch": "kl_div: targets are probabilities unless log_target; no sum over the classes; "
        "mean divides by all elements",
        "optax": "kl_divergence takes probabilities as targets",
        "Keras": "targets first; both are probabilities, clipped",
    },
)
def kl_div_loss(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Kullback-Leibler divergence of predicted from target log-probabilities.

    For fitting a distribution to another one: distillation, variational inference. Both arguments
    are log-probabilities. What PyTorch calls "batchmean" is "mean" here.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Predicted log-probabilities, at most 0.
    targets : array, shape of inputs
        Target log-probabilities, at most 0; minus infinity for probability 0.
    axis : int
        The class axis.

    Notes
    -----
    A target of probability 0 contributes 0, whatever is predicted for it. Probabilities or logits
    passed by mistake get a warning as soon as one of them is above 0, which a log-probability
    never is. The sum over classes is not negative if both distributions sum to 1; single terms may
    be.

    See Also
    --------
    cross_entropy : The same plus the entropy of the targets, from logits.

    Examples
    --------
    >>> import math
    >>> from lossary import kl_div_loss
    >>> kl_div_loss([[math.log(0.5), math.log(0.5)]], [[0.0, -math.inf]])
    array([0.69314718])
    """
    return sum_over_classes(scale(exp(targets), targets - inputs))


@loss(
    targets=TARGET_PROBABILITIES,
    domains={"inputs": PREDICTED_LOG_PROBABILITIES},
    arguments=("inputs", "targets"),
    probability=lambda inputs: exp(inputs),
    family="distribution",
    source="Kullback & Leibler (1951), On information and sufficiency, doi:10.1214/aoms/1177729694",
    convex=True,
    smooth=True,
    differences={
        "optax": "the same name and arguments",
        "PyTorch": "kl_div: no sum over the classes; mean divides by all elements, batchmean is "
        "this mean",
        "Keras": "targets first; both are probabilities, clipped at 1e-7",
    },
)
def kl_divergence(inputs: Expression, targets: Expression, axis: int = -1) -> Expression:
    """Kullback-Leibler divergence of predicted log-probabilities from target probabilities.

    For targets that are probabilities, such as soft labels. Where they are log-probabilities, use
    ``kl_div_loss``.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Predicted log-probabilities, at most 0.
    targets : array, shape of inputs
        Target probabilities, from 0 to 1.
    axis : int
        The class axis.

    Notes
    -----
    A target of 0 contributes 0, whatever is predicted for it. The derivative is minus the target.
    The sum over classes is not negative if both distributions sum to 1; single terms may be.

    See Also
    --------
    kl_div_loss : For targets that are log-probabilities.
    cross_entropy : From logits; differs by the entropy of the targets.

    Examples
    --------
    >>> from lossary import kl_divergence
    >>> kl_divergence([[-0.5, -1.5, -1.75], [-0.5, -1.5, -1.75]], [[0.5, 0.25, 0.25], [1, 0, 0]])
    array([0.02277923, 0.5       ])
    """
    return sum_over_classes(scale(targets, log(targets) - inputs))


@loss(
    targets=MEANS_FROM_ZERO,
    arguments=("inputs", "targets"),
    family="distribution",
    source="Csiszár (1991), Why least squares and maximum entropy? An axiomatic approach to "
    "inference for linear inverse problems, doi:10.1214/aos/1176348385",
    convex=True,
    smooth=True,
    differences={
        "optax": "the same name and arguments; three sums, which cancel where both are near",
    },
)
def generalized_kl_divergence(
    inputs: Expression, targets: Expression, axis: int = -1
) -> Expression:
    """Generalized Kullback-Leibler divergence: of amounts that need not sum to 1.

    For targets that are amounts, such as spectra, counts per cell or images: unlike
    ``kl_divergence`` it also costs a wrong total. Inputs are logarithms of the predicted amounts,
    targets are the amounts themselves.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Logarithms of predicted amounts, any real number; minus infinity for an amount of 0.
    targets : array, shape of inputs
        Target amounts, at least 0.
    axis : int
        The class axis.

    Notes
    -----
    Each class adds t log(t / p) - t + p for the amounts p and t, which is not negative and 0 where
    they are equal. It is computed as one term without cancellation. A target of 0 costs the
    predicted amount. The derivative is the predicted amount minus the target.

    See Also
    --------
    kl_divergence : Its equal where both sum to 1.
    poisson_deviance : Twice the term of one class, not summed.

    Examples
    --------
    >>> import numpy as np
    >>> from lossary import generalized_kl_divergence
    >>> generalized_kl_divergence(np.log([[2.0, 3.0], [1.0, 4.0]]), [[2.0, 4.0], [1.0, 0.0]])
    array([0.15072829, 4.        ])
    """
    return 0.5 * sum_over_classes(deviances.poisson_deviance_of_log(inputs, targets))
