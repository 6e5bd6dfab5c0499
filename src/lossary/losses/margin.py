"""Margin losses: real scores against targets -1 and +1."""

from lossary.decorator import loss
from lossary.domains import PLUS_MINUS_ONE
from lossary.formula import Expression, maximum


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
