"""Classification losses: logits or probabilities against labels or probabilities."""

from __future__ import annotations

from collections.abc import Callable

from lossary.decorator import loss
from lossary.domains import (
    AT_LEAST_ZERO,
    CLASSES_OR_PROBABILITIES,
    FROM_ZERO_TO_ONE,
    POSITIVE,
    PROBABILITIES,
    UNIT_INTERVAL,
)
from lossary.formula import (
    Expression,
    at_label,
    divergence_of_softmaxes,
    expm1,
    log,
    log1p,
    maximum,
    mean_over_classes,
    negative_log_softmax,
    negative_log_softmax_at,
    scale,
    sigmoid,
    softmax,
    softplus,
    sum_over_classes,
)

_LOWEST_LOG = -100.0


def over_targets(
    term: Callable[[Expression], Expression],
    logits: Expression,
    targets: Expression,
    class_weights: Expression | None,
) -> Expression:
    """Return the term of the label's class, or all terms weighted by target probabilities.

    ``term`` makes the term of a class from the negative logarithm of its probability.
    """
    if targets.operation == "label":
        value = term(negative_log_softmax_at(logits, targets))
        if class_weights is None:
            return value
        return scale(at_label(class_weights, targets), value)
    terms = term(negative_log_softmax(logits))
    if class_weights is not None:
        terms = scale(class_weights, terms)
    return sum_over_classes(scale(targets, terms))


def probability_of(inputs: Expression, with_logits: bool) -> Expression:
    """Return the probability of the positive class; the inputs are that, or its logit."""
    return sigmoid(inputs) if with_logits else inputs


def probabilities_of(inputs: Expression, with_logits: bool) -> Expression:
    """Return the probabilities of the classes; the inputs are these, or logits."""
    return softmax(inputs) if with_logits else inputs


@loss(
    targets=UNIT_INTERVAL,
    domains={"inputs": PROBABILITIES},
    limits={"positive_weight": AT_LEAST_ZERO, "label_smoothing": FROM_ZERO_TO_ONE},
    arguments=("inputs", "targets"),
    probability=probability_of,
    family="classification",
    reduction="mean",
    source="Good (1952), Rational decisions, doi:10.1111/j.2517-6161.1952.tb00104.x",
    convex=True,
    smooth=True,
    lipschitz=1.0,
    differences={
        "MLX": "cancels where the loss is small, NaN at infinite logits; the gradient at "
        "probabilities 0 and 1 is NaN",
        "PyTorch": "binary_cross_entropy takes probabilities; logits have a function of their own, "
        "with pos_weight",
        "optax": "logits only; never reduced",
        "Keras": "targets first; probabilities by default, clipped to 1e-7",
        "scikit-learn": "log_loss takes targets first and probabilities",
    },
)
def binary_cross_entropy(
    inputs: Expression,
    targets: Expression,
    weights: None = None,
    with_logits: bool = True,
    *,
    positive_weight: float = 1.0,
    label_smoothing: float = 0.0,
) -> Expression:
    """Binary cross entropy: the surprise at a yes or no, given its predicted probability.

    For binary and multi-label classification. The inputs are logits unless ``with_logits`` is
    False; pass logits where you have them, because small probabilities lose digits that logits
    keep. In PyTorch the function of this name takes probabilities.

    Parameters
    ----------
    inputs : array, shape (...)
        Logits, any real number; probabilities from 0 to 1 if ``with_logits`` is False.
    targets : array, shape (...)
        Probability of the positive class, from 0 to 1; 0 and 1 for labels.
    with_logits : bool
        Whether ``inputs`` are logits.
    positive_weight : float or array
        Weight of the positive class's term, at least 0: above 1 a missed positive costs more than a
        false alarm. PyTorch's ``pos_weight``.
    label_smoothing : float
        Share of the target that is spread over both classes, from 0 to 1: targets become
        ``(1 - label_smoothing) t + label_smoothing / 2``.

    Notes
    -----
    With logits, ``t softplus(-z) + (1 - t) softplus(z)``: neither term cancels, so a loss of
    2e-9 keeps its digits in float32. With probabilities the logarithms are clamped at -100, and
    the derivative of a clamped logarithm is 0, so the gradient is finite at 0 and 1. Targets
    outside [0, 1] are computed as they are, with a warning: -1/+1 labels give losses below 0.

    See Also
    --------
    cross_entropy : For more than two classes.
    hinge_loss : For scores that are not to be probabilities.

    Examples
    --------
    >>> from lossary import binary_cross_entropy
    >>> binary_cross_entropy([0.0, 20.0], [1.0, 1.0], reduction="none")
    array([6.93147181e-01, 2.06115362e-09])
    >>> float(binary_cross_entropy([0.5, 1.0], [1.0, 1.0], with_logits=False))
    0.34657359027997264
    >>> binary_cross_entropy([0.0, 0.0], [1.0, 0.0], reduction="none", positive_weight=3.0)
    array([2.07944154, 0.69314718])
    """
    targets = (1 - label_smoothing) * targets + 0.5 * label_smoothing
    positives, negatives = positive_weight * targets, 1 - targets
    if with_logits:
        return scale(positives, softplus(-inputs)) + scale(negatives, softplus(inputs))
    hit = maximum(log(inputs), _LOWEST_LOG)
    miss = maximum(log1p(-inputs), _LOWEST_LOG)
    return -(positives * hit + negatives * miss)


@loss(
    targets=CLASSES_OR_PROBABILITIES,
    limits={"label_smoothing": FROM_ZERO_TO_ONE},
    arguments=("logits", "targets"),
    probability=lambda logits: softmax(logits),
    family="classification",
    source="Good (1952), Rational decisions, doi:10.1111/j.2517-6161.1952.tb00104.x; label "
    "smoothing: Szegedy et al. (2016), doi:10.1109/CVPR.2016.308",
    convex=True,
    smooth=True,
    differences={
        "MLX": "assumes that probability targets sum to 1; labels outside the classes wrap round; "
        "label_smoothing=1 is refused",
        "PyTorch": "the class axis is 1; weight is per class, and the mean divides by its sum; "
        "ignore_index defaults to -100; mean by default",
        "optax": "two functions, for labels and for probabilities; never reduced",
        "Keras": "targets first; probabilities by default, clipped to 1e-7",
        "scikit-learn": "log_loss takes targets first and probabilities",
    },
)
def cross_entropy(
    logits: Expression,
    targets: Expression,
    weights: None = None,
    axis: int = -1,
    label_smoothing: float = 0.0,
    *,
    class_weights: Expression | None = None,
) -> Expression:
    """Cross entropy of a softmax: the surprise at the class, given its predicted probability.

    For classification into one of C classes. Targets are class labels, or probabilities with the
    shape of the logits. ``weights`` is per sample, as in MLX; weights per class are
    ``class_weights``.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Scores before the softmax; any real number.
    targets : array, shape of logits without ``axis``, or shape of logits
        Integer class labels from 0 to C-1, or probabilities from 0 to 1.
    axis : int
        The class axis.
    label_smoothing : float
        Share of the target that is spread over all classes, from 0 to 1.

    Notes
    -----
    With labels the loss is ``log(s + exp(d)) - d``, where d is the label's logit less the largest
    one and s the sum of the others' exponentials: no term is below 0, so it stays accurate where
    the label's class dominates and the loss is tiny. A class with
    target probability 0 contributes 0 even where its logit is minus infinity. Probabilities need
    not sum to 1. Labels never wrap round: -1 is no class, unless it is ``ignore_index``.
    Class weights multiply the term of each class, the smoothed terms too, so labels and the same
    labels as one-hot probabilities give the same loss.

    See Also
    --------
    binary_cross_entropy : For two classes, or several that do not exclude each other.
    nll_loss : From log-probabilities.
    kl_div_loss : From log-probabilities to log-probabilities.

    Examples
    --------
    >>> from lossary import cross_entropy
    >>> cross_entropy([[2.0, 1.0, 0.0], [0.0, 30.0, 0.0]], [0, 1])
    array([4.07605964e-01, 1.87152459e-13])
    >>> cross_entropy([[2.0, 1.0, 0.0]], [[0.5, 0.5, 0.0]])
    array([0.90760596])
    """
    surprise = negative_log_softmax(logits)
    if class_weights is not None:
        surprise = scale(class_weights, surprise)
    if targets.operation != "label":
        value = sum_over_classes(scale(targets, surprise))
    else:
        value = negative_log_softmax_at(logits, targets)
        if class_weights is not None:
            value = scale(at_label(class_weights, targets), value)
    return scale(1 - label_smoothing, value) + scale(label_smoothing, mean_over_classes(surprise))


@loss(
    targets=CLASSES_OR_PROBABILITIES,
    arguments=("logits", "targets"),
    probability=lambda logits: softmax(logits),
    family="classification",
    source="Leng, Tan, Liu, Cubuk, Shi, Cheng & Anguelov (2022), PolyLoss: a polynomial expansion "
    "perspective of classification loss functions, arXiv:2204.12511",
    convex=False,
    smooth=True,
    differences={
        "PyTorch": "none",
        "optax": "poly_loss_cross_entropy: probabilities only; never reduced",
    },
)
def poly1_cross_entropy(
    logits: Expression,
    targets: Expression,
    axis: int = -1,
    epsilon: float = 2.0,
    *,
    class_weights: Expression | None = None,
) -> Expression:
    """Poly-1 cross entropy: cross entropy plus a multiple of the probability that is missing.

    For classification where the cross entropy pulls too little, or with a negative ``epsilon`` too
    hard, once the label's class is likely: the added term changes the first coefficient of its
    expansion in 1 - p.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        Scores before the softmax; any real number.
    targets : array, shape of logits without ``axis``, or shape of logits
        Integer class labels from 0 to C-1, or probabilities from 0 to 1.
    axis : int
        The class axis.
    epsilon : float
        What multiplies 1 - p, where p is the probability of the label's class. Below -1 the loss
        rises where p does.

    Notes
    -----
    1 - p is computed from the logarithm of p, so that nothing is subtracted from 1. With
    probabilities as targets both terms are weighted by them.

    See Also
    --------
    cross_entropy : The same with ``epsilon=0``.
    focal_loss : Lets easy examples count less.

    Examples
    --------
    >>> from lossary import poly1_cross_entropy
    >>> poly1_cross_entropy([[2.0, 1.0, 0.0], [30.0, 1.0, 0.0]], [0, 0])
    array([1.07712405e+00, 1.04382838e-12])
    """

    def expanded(surprise: Expression) -> Expression:
        return surprise - epsilon * expm1(-surprise)

    return over_targets(expanded, logits, targets, class_weights)


@loss(
    limits={"temperature": POSITIVE},
    arguments=("logits", "targets"),
    family="classification",
    source="Hinton, Vinyals & Dean (2015), Distilling the knowledge in a neural network, "
    "arXiv:1503.02531",
    convex=True,
    smooth=True,
    differences={
        "PyTorch": "none; kl_div(log_softmax(z / T, -1), softmax(t / T, -1)) * T**2, summed over "
        "the classes",
        "optax": "none",
    },
)
def distillation_loss(
    logits: Expression, targets: Expression, axis: int = -1, temperature: float = 1.0
) -> Expression:
    """Distillation loss: how far a student's softmax is from its teacher's.

    For training a model on the predictions of another one: both arguments are logits. A temperature
    above 1 brings out how the teacher ranks the classes that it thinks unlikely.

    Parameters
    ----------
    logits : array, shape (..., C, ...)
        The student's scores before the softmax; any real number.
    targets : array, shape of logits
        The teacher's scores before the softmax.
    axis : int
        The class axis.
    temperature : float
        What both logits are divided by; positive. The divergence is multiplied by its square, so
        that gradients keep their size.

    Notes
    -----
    The Kullback-Leibler divergence of the student's probabilities p from the teacher's q, as a sum
    of terms that are not negative: a student that nearly agrees has a loss with all its digits. A
    number that is added to all logits changes nothing. The derivative is ``temperature * (p - q)``.

    See Also
    --------
    kl_div_loss : From log-probabilities.
    cross_entropy : With the teacher's probabilities as targets: the same gradient with temperature
        1, and a value that is larger by the teacher's entropy.

    Examples
    --------
    >>> from lossary import distillation_loss
    >>> distillation_loss([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]], [[1.0, 1.0, 1.0], [2.0, 1.0, 1e-6]])
    array([3.08993676e-01, 4.09625569e-14])
    >>> distillation_loss([[2.0, 1.0, 0.0]], [[0.0, 3.0, 0.0]], temperature=4.0)
    array([1.43792593])
    """
    divergence = divergence_of_softmaxes(logits, targets, temperature)
    return temperature * temperature * divergence
