r"""Losses over pairs or ranks, as their publications define them: with sums inside of sums.

The code sorts each row once, so that time and memory grow with its length and not with its square;
the formula that is printed from it says how. Readers look for the definition. Each stands here with
a function that computes what the line says, and tests compare it with the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Row = Any


class DoubleSum(NamedTuple):
    """The definition of a loss.

    Attributes
    ----------
    lines : tuple of str
        LaTeX: the loss, then what stands in it.
    words : str
        What the signs mean.
    value : callable
        From the arguments of one row, as NumPy arrays, to the loss.
    """

    lines: tuple[str, ...]
    words: str
    value: Callable[..., float]


def _listmle(z: Row, y: Row) -> float:
    z = z[np.argsort(-y, kind="stable")]
    return float(sum(np.log(np.exp(z[k:]).sum()) - z[k] for k in range(len(z))))


def _cox(z: Row, t: Row, d: Row) -> float:
    terms = (np.log(np.exp(z[t >= t[k]]).sum()) - z[k] for k in range(len(z)) if d[k] > 0)
    return float(sum(terms))


def _crps(z: Row, y: Row) -> float:
    return float(np.abs(z - y).mean() - np.abs(z[:, None] - z[None, :]).mean() / 2)


def _lovasz(errors: Row, inside: Row) -> float:
    order = np.argsort(-errors, kind="stable")
    n, found, before, total = inside.sum(), 0, 0.0, 0.0
    for k, place in enumerate(order, 1):
        found += inside[place]
        jaccard = 1 - (n - found) / (n + k - found)
        total += errors[place] * (jaccard - before)
        before = jaccard
    return float(total)


_LOVASZ = (
    r"\ell = \sum_k e_{(k)} \, \left(J_{k} - J_{k - 1}\right)",
    r"J_{k} = 1 - \frac{n - a_{k}}{n + k - a_{k}}",
)
_LOVASZ_WORDS = (
    "Here :math:`e_{{(1)}} \\ge e_{{(2)}} \\ge \\dots` are the errors :math:`{error}` in falling "
    "order, :math:`n` is how many elements the region has, :math:`a_{{k}}` how many of the first "
    ":math:`k` are among them, and :math:`J_{{0}} = 0`: :math:`J_{{k}}` is the Jaccard loss where "
    "just these :math:`k` are wrong."
)

#: From the names of losses to their definitions.
DOUBLE_SUMS = {
    "listmle_loss": DoubleSum(
        (r"\ell = \sum_k \left(\log \sum_{j \ge k} e^{z_{(j)}} - z_{(k)}\right)",),
        "Here :math:`z_{(k)}` is the score of the item that has the :math:`k`-th largest target.",
        _listmle,
    ),
    "cox_nll_loss": DoubleSum(
        (r"\ell = \sum_{d_{k} > 0} \left(\log \sum_{t_{j} \ge t_{k}} e^{z_{j}} - z_{k}\right)",),
        "Here :math:`z` is ``inputs``, :math:`t` is ``times``, :math:`d` is ``events``: the sum "
        "runs over the subjects with an event, that inside of it over those who were there still.",
        _cox,
    ),
    "ensemble_crps_loss": DoubleSum(
        (
            r"\ell = \frac{1}{M} \sum_k \left|z_{k} - y\right| "
            r"- \frac{1}{2 \, M^{2}} \sum_{j} \sum_k \left|z_{j} - z_{k}\right|",
        ),
        "Here :math:`M` is the number of samples; with ``fair=True`` the second sum is divided by "
        ":math:`2 \\, M \\, (M - 1)`.",
        _crps,
    ),
    "lovasz_hinge_loss": DoubleSum(
        _LOVASZ,
        _LOVASZ_WORDS.format(error=r"\max(0, 1 - y_{j} \, z_{j})"),
        lambda z, y: _lovasz(np.maximum(0, 1 - y * z), y > 0),
    ),
    "lovasz_softmax_loss": DoubleSum(
        _LOVASZ,
        _LOVASZ_WORDS.format(error=r"\left|y_{j} - z_{j}\right|"),
        lambda z, y: _lovasz(np.abs(y - z), y > 0.5),
    ),
}
