"""Losses of preferences: which of two responses is better, by their log-probabilities."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.domains import (
    AT_LEAST_ZERO,
    FROM_ZERO_TO_ONE,
    MEAN_LOG_PROBABILITIES,
    PLUS_MINUS_ONE,
    POSITIVE,
)
from lossary.formula import (
    Expression,
    exp,
    log1mexp,
    scale,
    sigmoid,
    softplus,
    stop_gradient,
    where,
)
from lossary.formula import clip as clipped


def _log_ratio(
    chosen: Expression,
    rejected: Expression,
    reference_chosen: Expression,
    reference_rejected: Expression,
) -> Expression:
    """Return how much more the policy prefers the chosen response than the reference does.

    Each response is compared with its own reference first: these differences are small.
    """
    return (chosen - reference_chosen) - (rejected - reference_rejected)


@loss(
    arguments=("chosen", "rejected", "reference_chosen", "reference_rejected"),
    limits={"beta": POSITIVE, "label_smoothing": FROM_ZERO_TO_ONE},
    family="preference",
    source="Rafailov et al. (2023), Direct preference optimization, arXiv:2305.18290",
    convex=True,
    smooth=True,
    lipschitz=lambda beta: beta,
    differences={
        "TRL": "loss_type sigmoid: the same; a label_smoothing of its own in other loss types only",
    },
)
def dpo_loss(
    chosen: Expression,
    rejected: Expression,
    reference_chosen: Expression,
    reference_rejected: Expression,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> Expression:
    """Direct preference loss: the logistic loss of how much the policy prefers the better response.

    For tuning a language model on pairs of responses without a reward model. The reference is the
    model before tuning; its log-probabilities are constants.

    Parameters
    ----------
    chosen, rejected : array, shape (...)
        Log-probabilities of the two responses under the policy, summed over their tokens.
    reference_chosen, reference_rejected : array, shape (...)
        The same under the reference.
    beta : float
        How strongly departures from the reference count; positive.
    label_smoothing : float
        Share of the pairs whose preference is taken for wrong, from 0 to 1.

    Notes
    -----
    With h = (chosen - reference_chosen) - (rejected - reference_rejected) the loss is
    ``softplus(-beta * h)``, so that preferences of any size keep their digits. Its hinge form is
    ``hinge_loss(beta * h, 1)``.

    See Also
    --------
    ipo_loss : Bounded preferences, so that certain pairs do not run away.
    orpo_loss : Needs no reference.

    Examples
    --------
    >>> from lossary import dpo_loss
    >>> dpo_loss([-10.0, -9.0], [-12.0, -14.0], [-11.0, -11.0], [-11.5, -11.5])
    array([0.62095705, 0.49324895])
    """
    margin = beta * _log_ratio(chosen, rejected, reference_chosen, reference_rejected)
    kept = scale(1 - label_smoothing, softplus(-margin))
    return kept + scale(label_smoothing, softplus(margin))


@loss(
    arguments=("chosen", "rejected", "reference_chosen", "reference_rejected"),
    limits={"beta": POSITIVE},
    family="preference",
    source="Azar et al. (2023), A general theoretical paradigm to understand learning from human "
    "preferences, arXiv:2310.12036",
    convex=True,
    smooth=True,
    differences={
        "TRL": "loss_type ipo divides log-probabilities by the response's length first: pass means",
    },
)
def ipo_loss(
    chosen: Expression,
    rejected: Expression,
    reference_chosen: Expression,
    reference_rejected: Expression,
    beta: float = 0.1,
) -> Expression:
    """Identity preference loss: the squared distance of the preference from 1 / (2 beta).

    For preferences that are certain or nearly so: the direct preference loss drives those without
    end, this one has its minimum at a finite preference.

    Parameters
    ----------
    chosen, rejected : array, shape (...)
        Log-probabilities of the two responses under the policy.
    reference_chosen, reference_rejected : array, shape (...)
        The same under the reference.
    beta : float
        Sets the preference at the minimum, ``1 / (2 * beta)``; positive.

    Notes
    -----
    Near the minimum the loss is the square of a difference, accurate in units of its terms.

    See Also
    --------
    dpo_loss : The logistic loss of the same preference.

    Examples
    --------
    >>> from lossary import ipo_loss
    >>> ipo_loss([-10.0, -1.0], [-12.0, -2.0], [-11.0, -1.0], [-11.5, -1.0], beta=0.5)
    array([0.25, 0.  ])
    """
    short = _log_ratio(chosen, rejected, reference_chosen, reference_rejected) - 0.5 / beta
    return short * short


@loss(
    arguments=("inputs", "references", "targets", "baselines"),
    targets=PLUS_MINUS_ONE,
    limits={"beta": POSITIVE, "positive_weight": AT_LEAST_ZERO, "negative_weight": AT_LEAST_ZERO},
    family="preference",
    source="Ethayarajh et al. (2024), KTO: model alignment as prospect theoretic optimization, "
    "arXiv:2402.01306",
    convex=False,
    smooth=True,
    differences={
        "TRL": "1 - sigmoid, which cancels; the weights are called desirable_weight and "
        "undesirable_weight",
    },
)
def kto_loss(
    inputs: Expression,
    references: Expression,
    targets: Expression,
    baselines: Expression,
    beta: float = 0.1,
    positive_weight: float = 1.0,
    negative_weight: float = 1.0,
) -> Expression:
    """Prospect-theoretic loss: a sigmoid of how far a response is from a baseline, by its label.

    For tuning on single responses that are marked as desirable or not, without pairs.

    Parameters
    ----------
    inputs : array, shape (...)
        Log-probabilities of the responses under the policy, summed over their tokens.
    references : array, shape (...)
        The same under the reference.
    targets : array, shape (...)
        +1 for desirable responses, -1 for undesirable ones.
    baselines : array, shape (...), or a number
        Estimate of the divergence between policy and reference; a constant for derivatives.
    beta : float
        How strongly departures from the reference count; positive.
    positive_weight, negative_weight : float
        Weights of desirable and of undesirable responses; at least 0.

    Notes
    -----
    The loss lies between 0 and the weight. It is computed as a sigmoid of the negative margin, so
    that small losses keep their digits.

    See Also
    --------
    dpo_loss : For pairs of responses.

    Examples
    --------
    >>> from lossary import kto_loss
    >>> kto_loss([-10.0, -10.0], [-11.0, -11.0], [1, -1], 0.5)
    array([0.4875026, 0.5124974])
    """
    ahead = (inputs - references) - stop_gradient(baselines)
    weight = where(targets > 0, positive_weight, negative_weight)
    return scale(weight, sigmoid(-(beta * targets * ahead)))


def _log_odds(x: Expression) -> Expression:
    return x - log1mexp(x)


@loss(
    arguments=("chosen", "rejected"),
    domains={"chosen": MEAN_LOG_PROBABILITIES, "rejected": MEAN_LOG_PROBABILITIES},
    limits={"beta": AT_LEAST_ZERO},
    family="preference",
    source="Hong, Lee & Thorne (2024), ORPO: monolithic preference optimization without reference "
    "model, arXiv:2403.07691",
    smooth=True,
    differences={
        "TRL": "its first term runs over the tokens of prompt and response",
    },
)
def orpo_loss(chosen: Expression, rejected: Expression, beta: float = 0.1) -> Expression:
    """Odds-ratio preference loss: the better response's surprise, and its odds against the worse.

    For tuning on pairs of responses in one stage, without a reference model.

    Parameters
    ----------
    chosen, rejected : array, shape (...)
        Mean log-probabilities per token of the two responses under the policy; at most 0.
    beta : float
        Weight of the odds ratio; at least 0.

    Notes
    -----
    The log-odds of a log-probability x are ``x - log(1 - exp(x))``, computed without cancellation
    for x near 0. At x = 0 they are infinite.

    See Also
    --------
    dpo_loss : Compares with a reference instead.

    Examples
    --------
    >>> from lossary import orpo_loss
    >>> orpo_loss([-0.5, -1e-5], [-1.0, -2.0])
    array([5.32029979e-01, 1.01565183e-05])
    """
    return -chosen + scale(beta, softplus(_log_odds(rejected) - _log_odds(chosen)))


@loss(
    arguments=("inputs", "references", "advantages"),
    limits={"clip": FROM_ZERO_TO_ONE},
    family="preference",
    source="Schulman et al. (2017), Proximal policy optimization algorithms, arXiv:1707.06347",
    convex=False,
    smooth=False,
    differences={
        "TRL": "takes probability ratios; the objective with the opposite sign",
    },
)
def ppo_clip_loss(
    inputs: Expression, references: Expression, advantages: Expression, clip: float = 0.2
) -> Expression:
    """Clipped policy loss: the negative advantage times the probability ratio, kept near 1.

    For policy gradients with several steps on one batch: no step gains by moving the ratio further
    from 1 than ``clip``. It may be negative, and only its gradient has a meaning.

    Parameters
    ----------
    inputs : array, shape (...)
        Log-probabilities of the actions under the policy.
    references : array, shape (...)
        The same under the policy that acted.
    advantages : array, shape (...)
        How much better the actions were than expected; any real number.
    clip : float
        Largest distance of the ratio from 1 that is rewarded.

    Notes
    -----
    The derivative is 0 where the ratio is clipped; at a tie it is that of the unclipped ratio.

    Examples
    --------
    >>> from lossary import ppo_clip_loss
    >>> ppo_clip_loss([-1.0, -1.05], [-1.5, -1.0], [2.0, 1.0])
    array([-2.4       , -0.95122942])
    """
    ratio, root = exp(inputs - references), exp(0.5 * (inputs - references))
    free = -scale(scale(advantages, root), root)  # in range where the ratio is not
    limited = -scale(advantages, clipped(ratio, 1 - clip, 1 + clip))
    return where(free >= limited, free, limited)
