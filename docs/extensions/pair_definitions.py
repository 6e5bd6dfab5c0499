"""Losses of pairs as their publications define them: sums over the other items of a batch.

The code keeps the item itself among its columns, and leaves it out of sums by a choice at its
place. Here ``k`` counts the others alone. Tests compare both in 60 digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lossary.formula.expression import Expression, Kind, argument, node, parameter

#: What is printed for the names of arguments and parameters.
SYMBOLS = {
    "similarities": "s", "partners": "p", "items": "i", "targets": "y", "labels": "g",
    "temperature": "T", "scales": "a", "biases": "b", "base": "b", "margin": "m",
    "alpha": "alpha", "beta": "beta", "gamma": "gamma",
}  # fmt: skip
#: What the arguments of a row are, in the words of the batch.
MEANINGS = {
    "similarities": "the row of similarities of the item to the others",
    "partners": "the place of the one that belongs to the item",
    "targets": "the row of their labels",
    "labels": "the label of the item",
}


_SUMS = ":math:`P` is a sum over those of its label, :math:`N` over those of other labels"


class Definition(NamedTuple):
    """A loss and its derivative by named parts, each of which uses those before it."""

    formula: Expression
    gradient: Expression
    parts: dict[str, Expression]
    notes: tuple[str, ...] = ()


_S = argument("similarities", Kind.ELEMENT)
_PARTNER = argument("partners", Kind.ROW)
_IS_PARTNER = node("equal", node("index"), _PARTNER)
_IS_SAME = node("equal", argument("targets", Kind.ELEMENT), argument("labels", Kind.ROW))


def _row(letter: str) -> Expression:
    return argument(letter, Kind.ROW)


def _varying(letter: str) -> Expression:
    return argument(letter, Kind.ELEMENT)


def _log1p(x: Expression) -> Expression:
    return node("log", 1 + x)


def _total(of_same: Expression | float, of_others: Expression | float) -> Expression:
    """Return the sum of what items of the same label and items of others count."""
    return node("sum", node("where", _IS_SAME, of_same, of_others))


def _at_partner() -> Definition:
    temperature = parameter("temperature")
    logits = _S / temperature
    formula = -node("log", node("at_label", node("softmax", logits), _PARTNER))
    slope = (node("softmax", logits) - node("where", _IS_PARTNER, 1, 0)) / temperature
    return Definition(formula, slope, {})


def _by_sigmoid() -> Definition:
    scale, bias, u = parameter("scales"), parameter("biases"), _varying("u")
    costs = node("where", _IS_PARTNER, _log1p(node("exp", -u)), _log1p(node("exp", u)))
    slope = scale * (node("sigmoid", u) - node("where", _IS_PARTNER, 1, 0))
    return Definition(node("sum", costs), slope, {"u": scale * _S + bias})


def _at_same_label() -> Definition:
    temperature, count = parameter("temperature"), _row("n")
    logits = _S / temperature
    costs = node("where", _IS_SAME, -node("log", node("softmax", logits)), 0)
    slope = (node("softmax", logits) - node("where", _IS_SAME, 1 / count, 0)) / temperature
    note = ":math:`n` is how many others have the label of the item"
    return Definition(node("sum", costs) / count, slope, {"n": _total(1, 0)}, (note,))


def _multi_similarity() -> Definition:
    alpha, beta, base = (parameter(name) for name in ("alpha", "beta", "base"))
    pull, push, u = _row("P"), _row("N"), _varying("u")
    exponents = node("where", _IS_SAME, -(alpha * (_S - base)), beta * (_S - base))
    slope = node("where", _IS_SAME, -(u / (1 + pull)), u / (1 + push))
    return Definition(
        _log1p(pull) / alpha + _log1p(push) / beta,
        slope,
        {"w": exponents, "u": node("exp", _varying("w")), "P": _total(u, 0), "N": _total(0, u)},
        (_SUMS,),
    )


def _circle() -> Definition:
    margin, gamma = parameter("margin"), parameter("gamma")
    pull, push, u, v = _row("P"), _row("N"), _varying("u"), _varying("v")
    lacking, excess = (node("maximum", 0, x) for x in (1 + margin - _S, _S + margin))
    weights = node("where", _IS_SAME, -(gamma * lacking), gamma * excess)
    exponents = node("where", _IS_SAME, u * (_S - 1 + margin), u * (_S - margin))
    shares = node("where", _IS_SAME, v / pull, v / push)
    return Definition(
        _log1p(pull * push),
        pull * push / (1 + pull * push) * u * shares,
        {
            "u": weights,
            "w": exponents,
            "v": node("exp", _varying("w")),
            "P": _total(v, 0),
            "N": _total(0, v),
        },
        (
            ":math:`u` counts as a constant in the derivative",
            _SUMS,
        ),
    )


#: From the names of losses to their definitions.
DEFINITIONS: dict[str, Callable[[], Definition]] = {
    "info_nce_loss": _at_partner,
    "nt_xent_loss": _at_partner,
    "pairwise_sigmoid_loss": _by_sigmoid,
    "supervised_contrastive_loss": _at_same_label,
    "multi_similarity_loss": _multi_similarity,
    "circle_loss": _circle,
}
