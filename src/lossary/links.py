"""Losses of raw scores: a loss whose prediction is a link's inverse of its first argument."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lossary.decorator import loss
from lossary.definition.docstring import sections_of
from lossary.domains import REAL, Domain
from lossary.errors import choices, shown, value_error
from lossary.formula import exp, sigmoid, softplus
from lossary.formula.expression import Expression
from lossary.public_function import links_of
from lossary.registry import REGISTRY, Loss, get_loss

_FUNCTION = "with_link"
_LOCK = threading.Lock()


class Link(NamedTuple):
    """A link: from raw scores to predictions and back.

    Attributes
    ----------
    inverse : callable
        From the symbol of a raw score to the prediction.
    score : callable
        From a prediction, a number, to the raw score.
    text : str
        The inverse as a formula of ``{0}``.
    flag : str
        The parameter by which a loss takes such raw scores itself.
    slope : float, optional
        The largest slope of the inverse.
    """

    inverse: Callable[[Expression], Expression]
    score: Callable[[float], float]
    text: str
    flag: str = ""
    slope: float | None = None


LINKS = {
    "identity": Link(lambda score: score, lambda mean: mean, "{0}", slope=1.0),
    "log": Link(exp, math.log, "exp({0})", flag="log_input"),
    "logit": Link(
        sigmoid, lambda p: math.log(p / (1 - p)), "sigmoid({0})", flag="with_logits", slope=0.25
    ),
    "softplus": Link(
        softplus, lambda mean: mean + math.log(-math.expm1(-mean)), "softplus({0})", slope=1.0
    ),
}
#: The parameters that say what the first argument is; all but a link's own are off beside it.
_FLAGS = tuple(link.flag for link in LINKS.values() if link.flag)


def with_link(loss: str | Callable[..., Any], link: str) -> Callable[..., Any]:
    """Return a loss of raw scores, for models that give any real number.

    Its first argument is the score, of which the prediction is made: ``exp(score)`` by the link
    "log", for counts and other positive means; ``sigmoid(score)`` by "logit", for probabilities;
    ``softplus(score)`` by "softplus"; the score itself by "identity". The formula is composed
    before anything is derived, so value, gradient and Hessian are those of the score.

    Parameters
    ----------
    loss : str or callable
        A loss of the package or one made with :func:`lossary.loss`.
    link : {"identity", "log", "logit", "softplus"}
        The link. A loss that takes such scores itself (``log_input`` for "log", ``with_logits``
        for "logit") does, as that form does not cancel where the composed one would; the
        parameter is then chosen and no longer one. With every other link it is False.

    Returns
    -------
    callable
        A loss with the other arguments, parameters and domains of the given one, and its facts as
        far as they follow. It is named after both, and the same each time.

    Raises
    ------
    ValueError, TypeError
        If there is no such loss or link.

    Notes
    -----
    Raw scores have no domain. What is known to be convex in the prediction need not be so in the
    score. scikit-learn's half-logit link is "logit" at twice the score.

    Examples
    --------
    >>> import lossary
    >>> positive = lossary.with_link("mse_loss", "softplus")
    >>> positive([0.0, 2.0], [1.0, 3.0], reduction="none")
    array([0.09415865, 0.7622547 ])
    >>> lossary.get_loss(positive).formula_text()
    '(softplus(predictions) - targets) ** 2'
    >>> lossary.with_link("binary_cross_entropy", "logit").__name__
    'binary_cross_entropy_with_logit_link'
    """
    record = get_loss(loss)
    if not isinstance(link, str) or link not in LINKS:
        raise value_error(_FUNCTION, "link", f"must be {choices(LINKS)}", shown(link))
    flags = [name for name in _FLAGS if isinstance(record.parameters.get(name), bool)]
    if link == "identity" and not flags:
        return record.function
    bound = {name: name == LINKS[link].flag for name in flags}
    with _LOCK:
        known = links_of(record)
        if link not in known:
            known[link] = _made(LinkedFormula(record, link, bound))
        made = get_loss(known[link])
        REGISTRY[made.name] = made
    return made.function


class LinkedFormula:
    """The formula of a loss whose first argument is a raw score.

    Attributes
    ----------
    loss : Loss
        The loss of predictions.
    link : str
        The name of the link.
    bound : dict
        Parameters of the loss that are chosen, with their values.
    is_composed : bool
        Whether the inverse of the link is applied here; else the loss itself takes raw scores.
    """

    def __init__(self, loss: Loss, link: str, bound: dict[str, bool]) -> None:
        self.loss, self.link, self.bound = loss, link, bound
        self.is_composed = not bound.get(LINKS[link].flag, False)
        self.__name__ = f"{loss.name}_with_{link}_link"
        function = loss.bare_function
        self.__module__ = function.__module__
        # Where pickle finds the function: an attribute of the one that it is made from.
        self.__qualname__ = f"{function.__qualname__}.links.{link}"
        declared = inspect.signature(loss.formula).parameters
        self.__signature__ = inspect.Signature([p for n, p in declared.items() if n not in bound])
        self.__doc__ = _docstring(self)

    def __call__(self, **given: Any) -> Expression:
        """Return the expression of the loss, for symbols and plain values."""
        first = self.loss.arguments[0]
        if self.is_composed:
            given[first] = LINKS[self.link].inverse(given[first])
        return self.loss.formula(**given, **self.bound)

    @property
    def keeps_facts(self) -> bool:
        """Whether this is the loss as its facts describe it: with its parameters' defaults."""
        chosen = all(self.loss.parameters[name] == value for name, value in self.bound.items())
        return chosen and (not self.is_composed or self.link == "identity")

    @property
    def smooth(self) -> bool | None:
        """Whether it is continuously differentiable, as far as that follows."""
        if self.keeps_facts:
            return self.loss.smooth
        return True if self._is_composition and self.loss.smooth else None

    @property
    def lipschitz(self) -> Any:
        """The Lipschitz constant, as far as it follows."""
        if self.keeps_facts:
            return self.loss.lipschitz
        slope, constant = LINKS[self.link].slope, self.loss.lipschitz
        if slope is None or constant is None or not self._is_composition:
            return None
        if not callable(constant):
            return slope * constant
        return _Multiple(constant, slope)

    @property
    def _is_composition(self) -> bool:
        """Whether this is mathematically the loss of the facts, composed with the link."""
        return not any(self.loss.parameters[name] for name in self.bound)


class _Multiple:
    """A Lipschitz constant that depends on parameters, times a number."""

    def __init__(self, constant: Callable[..., Any], factor: float) -> None:
        self._constant, self._factor = constant, factor
        self.__signature__ = inspect.signature(constant)

    def __call__(self, **parameters: Any) -> Any:
        return self._factor * self._constant(**parameters)


def _made(formula: LinkedFormula) -> Callable[..., Any]:
    """Return the public function of a formula, with the facts of its loss that it keeps."""
    record, bound = formula.loss, formula.bound
    domains = {name: _settled(domain, bound) for name, domain in record.domains.items()}
    if formula.is_composed and formula.link != "identity":
        domains.pop(record.arguments[0], None)
    targets = domains.pop("targets", REAL)
    made: Callable[..., Any] = loss(
        targets=targets,
        domains=domains,
        limits={name: limit for name, limit in record.limits.items() if name not in bound},
        structure=tuple(record.structure - bound.keys()),
        reduction=record.reduction,
        arguments=record.arguments,
        axis=_axis(formula),
        family=record.family,
        source=record.source,
        convex=record.convex if formula.keeps_facts else None,
        smooth=formula.smooth,
        lipschitz=formula.lipschitz,
        rows=tuple(record.rows),
        length=record.length,
        least_length=_bound_to(record.least_length, bound),
        has_hessian=record.has_hessian,
        evaluation=record.evaluation,
        several_axes=record.several_axes,
        prepare=record.prepare,
        left_out=record.left_out,
        probability=_probability(formula),
    )(formula)
    return made


def _bound_to(
    function: Callable[..., int] | None, bound: Mapping[str, Any]
) -> Callable[..., int] | None:
    """Return a function of parameters with those that are chosen, where it takes them."""
    if function is None:
        return None
    names = inspect.signature(function).parameters
    return functools.partial(function, **{k: v for k, v in bound.items() if k in names})


def _probability(formula: LinkedFormula) -> Callable[..., Expression] | None:
    """Return the probability that a raw score stands for, where the loss has one."""
    record = formula.loss
    return None if record.probability is None else _LinkedProbability(formula, record.probability)


class _LinkedProbability:
    """The probability that a loss takes its first argument for, from a raw score."""

    def __init__(self, formula: LinkedFormula, probability: Callable[..., Expression]) -> None:
        self._formula, self._probability = formula, probability
        self._taken = inspect.signature(probability).parameters
        own = [p for name, p in self._taken.items() if name not in formula.bound]
        self.__signature__ = inspect.Signature(own)

    def __call__(self, **given: Any) -> Expression:
        """Return the expression of the probability, for symbols and plain values."""
        bound = self._formula.bound
        given |= {name: value for name, value in bound.items() if name in self._taken}
        first = self._formula.loss.arguments[0]
        if self._formula.is_composed and first in given:
            given[first] = LINKS[self._formula.link].inverse(given[first])
        return self._probability(**given)


def _axis(formula: LinkedFormula) -> bool | int | tuple[int, ...]:
    """Return the class axis that the decorator is given: False where the formula has it."""
    axis = formula.loss.axis
    return False if axis is None or "axis" in formula.__signature__.parameters else axis


def _settled(domain: Domain, bound: dict[str, bool]) -> Domain:
    """Return a domain that no longer depends on parameters that are chosen."""
    if domain.unless in bound:
        return REAL if bound[domain.unless] else dataclasses.replace(domain, unless="", remedy="")
    return domain


# --- the docstring --------------------------------------------------------------------------------
_OPENING = """\
{name}, {link} link: the prediction is {prediction}.

{meaning}"""
_COMPOSED = "The loss {name} of {prediction}. The given {first} are raw scores."
_CHOSEN = "The same as {name} with {chosen}: it takes such raw scores itself."


def _docstring(formula: LinkedFormula) -> str:
    """Return the documentation of a loss with a link, made from that of the loss."""
    record = formula.loss
    first = record.arguments[0]
    prediction = f"``{LINKS[formula.link].text.format(first)}``"
    chosen = ", ".join(f"{name}={value}" for name, value in formula.bound.items())
    text = _COMPOSED if formula.is_composed else _CHOSEN
    meaning = text.format(
        name=f"``{record.name}``",
        prediction=prediction,
        first=f"``{first}``",
        chosen=f"``{chosen}``",
    )
    name = record.summary.partition(":")[0].rstrip(".")
    opening = _OPENING.format(name=name, link=formula.link, prediction=prediction, meaning=meaning)
    body = "\n".join(_entries(formula, sections_of(record.written_docstring).get("Parameters", "")))
    sections = [opening, f"Parameters\n----------\n{body}" if body else ""]
    sections.append(f"See Also\n--------\n{record.name} : The loss of predictions.")
    return "\n\n".join(filter(None, sections))


def _entries(formula: LinkedFormula, parameters: str) -> list[str]:
    """Return the entries of a section of parameters: the first of raw scores, no chosen ones."""
    first, found = formula.loss.arguments[0], []
    for name, text in re.findall(r"^(\w.*?) : ((?:.|\n(?!\w))*)", parameters, re.MULTILINE):
        names = name.split(", ")
        if first in names:
            kind = text.splitlines()[0]
            found.append(f"{first} : {kind}\n    Raw scores, any real number.")
        others = [item for item in names if item != first and item not in formula.bound]
        if others:
            found.append(f"{', '.join(others)} : {text.rstrip()}")
    return found
