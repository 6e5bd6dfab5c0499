"""Scores of ensembles: samples of a forecast against what was observed."""

from __future__ import annotations

from lossary.decorator import loss
from lossary.formula import (
    Expression,
    class_count,
    rank_balance,
    scale,
    sum_over_classes,
    where,
)


@loss(
    arguments=("inputs", "targets"),
    rows=("targets",),
    least_length=lambda fair: 2 if fair else 1,
    family="likelihood",
    source="Gneiting & Raftery (2007), Strictly proper scoring rules, prediction, and estimation, "
    "doi:10.1198/016214506000001437; Ferro (2014), Fair scores for ensemble forecasts, "
    "doi:10.1002/qj.2270",
    convex=False,
    smooth=False,
    differences={
        "torchmetrics": "continuous_ranked_probability_score: always a mean; stores all pairs",
        "properscoring": "crps_ensemble: observations first",
        "scoringrules": 'crps_ensemble: observations first; estimator="fair" is fair=True, '
        '"nrg" the default here',
    },
)
def ensemble_crps_loss(
    inputs: Expression, targets: Expression, axis: int = -1, fair: bool = False
) -> Expression:
    """Continuous ranked probability score of an ensemble: samples of a forecast and an outcome.

    For models that draw samples, such as weather ensembles and generators: the mean distance of
    the samples from the outcome less half their mean distance from one another. It is in the units
    of the targets. The plain score judges the M samples as the whole distribution and so rewards
    ensembles that are too narrow; ``fair=True`` judges the distribution that they are drawn from,
    without bias, which is what a generator is trained with.

    Parameters
    ----------
    inputs : array, shape (..., M, ...)
        The M samples of each forecast, in any order.
    targets : array, shape of inputs without ``axis``
        Outcomes, one for each ensemble.
    axis : int
        The axis along which the samples lie.
    fair : bool
        Whether the mean distance of the samples is that of different samples, a sum divided by
        M (M - 1) and not by M²; at least two samples are needed.

    Notes
    -----
    Many samples are sorted, in time proportional to M log M, and few are compared; there is no
    memory for pairs. Each sample's distance from the outcome is multiplied by a number that its
    rank and side give, at least 0, so that nothing cancels. Where samples are equal, or one is
    equal to the outcome, the derivative of their distance is 0. With one sample the plain score is
    the absolute error. With a mask of the shape of ``inputs``, ensembles may have different sizes;
    the fair score of a single sample is NaN.

    See Also
    --------
    gaussian_crps_loss : The score of a normal distribution.
    pinball_loss : For a quantile.

    Examples
    --------
    >>> from lossary import ensemble_crps_loss
    >>> ensemble_crps_loss([[1.0, 2.0, 4.0], [1.0, 1.0, 1.0]], [2.5, 3.0])
    array([0.5, 2. ])
    >>> ensemble_crps_loss([[0.0, 10.0], [0.0, 4.0]], [5.0, 6.0], fair=True)
    array([0., 2.])
    """
    count, error = class_count(), inputs - targets
    # The sum of |x_i - x_j| over all i and j is twice that of b_k x_k, where b_k is how many
    # samples are below the k-th, less how many are above.
    balance = rank_balance(inputs)
    own, pairs = (0, count * (count - 1)) if fair else (1, count * count)
    left, right = (count - 1 + own + balance) / pairs, (count - 1 + own - balance) / pairs
    beside = where(0 < error, right, -left)
    return sum_over_classes(scale(where(error == 0, -balance / pairs, beside), error))
