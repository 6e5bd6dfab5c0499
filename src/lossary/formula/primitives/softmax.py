"""Softmax and its logarithm, expanded before they are differentiated; what else is made of them."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, node
from lossary.formula.special.softmax import (
    divergence,
    divergence_slopes,
    entropy,
    entropy_slope,
)
from lossary.formula.special.sparsemax import (
    multiclass_sparsemax,
    multiclass_sparsemax_slope,
    share_above_threshold,
    sparsemax_threshold,
)
from lossary.formula.table import LABEL, REAL, OperandSpec, composite

_ROW = OperandSpec(kind="row")
_POSITIVE_ROW = OperandSpec(low=0.0, kind="row")


def _finite_maximum(x: Expression) -> Expression:
    top = _constant_maximum(x)
    return node("where", node("is_finite", top), top, 0)


def _constant_maximum(x: Expression) -> Expression:
    return node("stop", node("max", x))


def _logsumexp(x: Expression, relative_to: Expression) -> Expression:
    top = _finite_maximum(x)
    return (top - relative_to) + node("log", node("sum", node("exp_difference", x, top)))


def _softmax(x: Expression) -> Expression:
    share = node("exp_difference_or_one", x, _constant_maximum(x))
    return share / node("sum", share)


def _negative_log_softmax(x: Expression) -> Expression:
    # log(sum(exp(x - top))) as log1p of the sum without one term that is 1, so that nothing is
    # lost where one class dominates. If several classes are at the top, all but one stay in it.
    top = _constant_maximum(x)
    others = node("sum", node("where", node("equal", x, top), 1, 0)) - 1
    below = node("sum", node("exp_difference_or_zero", x, top))
    return node("difference_or_zero", top, x) + node("log1p", below + others)


def _negative_log_softmax_at(x: Expression, labels: Expression) -> Expression:
    # One maximum for all classes; the label's term is left out of the sum, not subtracted.
    top = _constant_maximum(x)
    is_label = node("equal", node("index"), labels)
    share = node("exp_difference_or_one", x, top)
    others = node("sum", node("where", is_label, 0, share))
    return node("log1p_ratio", others, node("difference_or_zero", node("at_label", x, labels), top))


TABLE = (
    composite(
        "finite_maximum",
        (REAL,),
        _finite_maximum,
        reduces=True,
        text="max({0})",
        latex=r"\max_k {0:6}",
        latex_precedence=6,
    ),
    composite(
        "logsumexp",
        (REAL, _ROW),
        _logsumexp,
        reduces=True,
        text="logsumexp({0}) - {1:6}",
        latex=r"\log \sum_k e^{{{0}}} - {1:6}",
        precedence=5,
    ),
    composite(
        "softmax",
        (REAL,),
        _softmax,
        latex=r"\operatorname{{softmax}}_k\left({0}\right)",
        latex_precedence=9,
    ),
    composite(
        "negative_log_softmax",
        (REAL,),
        _negative_log_softmax,
        latex=r"-\log\operatorname{{softmax}}_k\left({0}\right)",
        latex_precedence=5,
    ),
    composite(
        "negative_log_softmax_at",
        (REAL, LABEL),
        _negative_log_softmax_at,
        reduces=True,
        text="negative_log_softmax({0})[{1}]",
        latex=r"-\log\operatorname{{softmax}}_k\left({0}\right)\big|_{{k = {1}}}",
        latex_precedence=5,
    ),
    composite(
        "entropy_of_softmax",
        (REAL,),
        entropy,
        partials=lambda x: (entropy_slope(x),),
        reduces=True,
        neutral=-math.inf,
    ),
    composite(
        "divergence_of_softmaxes",
        (REAL, REAL, _POSITIVE_ROW),
        divergence,
        partials=divergence_slopes,
        approximate=True,
        reduces=True,
        neutral=-math.inf,
    ),
    composite(
        "sparsemax_threshold",
        (REAL,),
        sparsemax_threshold,
        partials=lambda x: (share_above_threshold(x),),
        reduces=True,
        neutral=-math.inf,
    ),
    composite(
        "multiclass_sparsemax",
        (REAL, LABEL),
        multiclass_sparsemax,
        partials=lambda x, labels: (multiclass_sparsemax_slope(x, labels), None),
        reduces=True,
        neutral=-math.inf,
    ),
)
