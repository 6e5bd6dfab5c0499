"""Losses of survival analysis: times until an event, some of which are only known to be longer."""

from __future__ import annotations

import math

from lossary.decorator import loss
from lossary.domains import ZERO_OR_ONE
from lossary.formula import (
    Expression,
    cumulative_negative_log_softmax,
    is_finite,
    last_of_equals,
    sorted_by,
    sum_over_classes,
    where,
    with_derivatives_of,
)


@loss(
    arguments=("inputs", "times", "events"),
    domains={"events": ZERO_OR_ONE},
    family="likelihood",
    source="Cox (1972), Regression models and life-tables, "
    "doi:10.1111/j.2517-6161.1972.tb00899.x; Breslow (1974), Covariance analysis of censored "
    "survival data, doi:10.2307/2529620",
    convex=True,
    smooth=True,
    left_out=lambda events: sum_over_classes(events) <= 0,
    differences={
        "pycox": "cox_ph_loss: divides by the number of events; ignores ties; adds 1e-7 to the "
        "sums",
        "statsmodels": "PHReg: the same sum with ties of Breslow, as a log-likelihood",
        "XGBoost": "survival:cox: one stratum; the times of the censored are negative",
    },
)
def cox_nll_loss(
    inputs: Expression, times: Expression, events: Expression, axis: int = -1
) -> Expression:
    """Cox partial likelihood: which of those still at risk has the event, in proportional hazards.

    For models of the time until an event, a death or a failure, where some subjects leave before
    it (their times are censored). The times at which events fall are taken as given; the loss is
    the surprise that each fell on its subject, drawn by a softmax of the logarithms of the hazards
    of all who were still there. Each row is a stratum, compared with no other.

    Parameters
    ----------
    inputs : array, shape (..., C, ...)
        Logarithms of the hazards of the subjects, up to a number that all of a row share.
    times : array, shape of inputs
        Times of the event or of the end of observation; only their order counts.
    events : array, shape of inputs
        1 where the event was observed, 0 where the time is censored.
    axis : int
        The axis along which the subjects of a stratum lie.

    Notes
    -----
    The sum over the events, not their mean: for that give their number as ``denominator`` with
    ``reduction="mean"``. A row without events costs 0, and is not counted in a mean. Events at the
    same time are each compared with all who were there before it, those with the same time included
    (Breslow's ties); a subject whose time is censored then was there too. The derivatives with
    respect to times and events are 0. The terms are computed from the largest hazard among the
    events of a time, so that none is a difference, and a likely event keeps the digits of its small
    surprise.

    See Also
    --------
    listmle_loss : The same for an order without ties and censoring.
    poisson_nll_loss : For counts of events.

    Examples
    --------
    >>> from lossary import cox_nll_loss
    >>> hazards, events = [[0.5, -0.2, 0.1, 1.0]], [[1, 1, 0, 1]]
    >>> cox_nll_loss(hazards, [[5.0, 3.0, 8.0, 1.0]], events)
    array([2.8254202])
    >>> cox_nll_loss(hazards, [[3.0, 3.0, 8.0, 1.0]], events)
    array([3.08570499])
    """
    # Within a time the event of the largest hazard comes last: its own softmax is that of all who
    # are at risk, and what the others lack to it is not negative.
    rank = where(events > 0, inputs, -math.inf)
    order = sorted_by(times, rank)
    hazards, at, happened = (
        sorted_by(sorted_by(x, rank), order, falling=True) for x in (inputs, times, events)
    )
    largest = last_of_equals(hazards, at)
    is_same = (hazards == largest) & ~is_finite(hazards)
    gap = largest - hazards
    lacking = with_derivatives_of(where(is_same, 0, gap), gap)
    surprise = last_of_equals(cumulative_negative_log_softmax(hazards), at) + lacking
    return sum_over_classes(where(happened > 0, surprise, 0))
