"""The registry: the public record of every loss, found by its name or its function."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

from lossary import families
from lossary.definition.definition import Definition
from lossary.errors import choices, did_you_mean, shown, type_error, value_error

if TYPE_CHECKING:
    from lossary.definition.request import Request

#: The latest loss of each name: for names that a person typed, and nothing else.
REGISTRY: dict[str, Loss] = {}
#: The losses of the package are defined in modules of this package.
_FAMILIES = "lossary.losses."
L = TypeVar("L", bound="Loss")
#: The name of a loss of raw scores: that of a loss, and that of a link.
_LINKED = re.compile(r"(\w+)_with_([a-z]+)_link$")


@dataclass(frozen=True, eq=False, repr=False)
class Loss(Definition):
    """A loss: its definition, its public function and its printed forms.

    The attributes are those of the definition: ``name``, ``formula``, ``arguments``,
    ``parameters``, ``axis``, ``reduction``, ``domains``, ``limits``, ``signature``, ``family``,
    ``source``, ``convex``, ``smooth``, ``lipschitz``, ``differences``.

    Examples
    --------
    >>> import lossary
    >>> loss = lossary.get_loss("hinge_loss")
    >>> loss
    <Loss hinge_loss: Hinge loss: zero beyond the margin, linear inside it.>
    >>> loss.formula_text()
    'max(0, 1 - targets * inputs)'
    """

    #: The public function without its completed docstring; written once, by the decorator.
    bare_function: Callable[..., Any] = field(init=False)
    #: Returns the request for a call with these arguments.
    bind: Callable[..., Request] = field(init=False)

    def __repr__(self) -> str:
        return f"<Loss {self.name}: {self.summary}>"

    def _repr_latex_(self) -> str:
        """Show the formula in a notebook."""
        name = self.name.replace("_", r"\_")
        return rf"$\displaystyle \mathrm{{{name}}} = {self.formula_latex()}$"

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The public function. Its docstring shows the formula, so it is completed on first use."""
        from lossary.definition.docstring import complete_docstring

        self.bare_function.__doc__ = complete_docstring(self, self.written_docstring)
        return self.bare_function

    @property
    def is_built_in(self) -> bool:
        """Whether the loss is one of the package."""
        return str(self.formula.__module__).startswith(_FAMILIES)

    def formula_text(self, **structure: object) -> str:
        """Return the formula as plain text, in a form chosen as for :meth:`javascript`."""
        from lossary.definition.docstring import formula_text

        return formula_text(self, **structure)

    def gradient_text(self, **structure: object) -> str:
        """Return the derivative along the first argument as plain text, in such a form."""
        from lossary.definition.docstring import gradient_text

        return gradient_text(self, **structure)

    def probability_text(self, **structure: object) -> str:
        """Return the probability that the first argument is taken for; "" where it is for none."""
        from lossary.definition.docstring import probability_text

        return probability_text(self, **structure)

    def formula_latex(self, **structure: object) -> str:
        """Return the formula as LaTeX, in a form chosen as for :meth:`javascript`."""
        from lossary.definition.docstring import formula_latex

        return formula_latex(self, **structure)

    def gradient_latex(self, **structure: object) -> str:
        """Return the derivative along the first argument as LaTeX, in such a form."""
        from lossary.definition.docstring import gradient_latex

        return gradient_latex(self, **structure)

    def javascript(self, **structure: object) -> str:
        """Return the loss as JavaScript, for pages that compute it where they are read.

        Parameters
        ----------
        **structure
            What chooses a form of the formula, such as ``with_logits=True``; ``labels=True``
            chooses class labels as targets, ``alpha=True`` a parameter that is None by default.

        Returns
        -------
        str
            The declaration of a function of one object, which has the arguments and parameters by
            their names. It returns an object: ``value``, and ``gradient`` and ``hessian`` (its
            diagonal) with respect to the first argument. Arguments are numbers; those of a loss
            along an axis are arrays of the length of the axis, or a class label. The text stands
            alone, and computes in float64 what the package computes.

        Raises
        ------
        ValueError, TypeError
            If the loss has no such form.

        Examples
        --------
        >>> import lossary
        >>> print(lossary.get_loss("huber_loss").javascript())
        const huber_loss = ({inputs, targets, delta = 1}) => {
          const t0 = inputs - targets;
          const t1 = Math.abs(t0);
          const t2 = t1 <= delta;
          const t3 = 0.5 * t0;
          return {
            value: t2 ? t3 * t0 : delta * (t1 - 0.5 * delta),
            gradient: (t2 ? t3 + t0 * 0.5 : 0) + (t2 ? 0 : delta * Math.sign(t0)),
            hessian: t2 ? 1 : 0,
          };
        };
        """
        from lossary.definition.javascript import javascript

        return javascript(self, structure)

    @property
    def lipschitz_text(self) -> str:
        """The Lipschitz constant in words; "" where there is none."""
        from lossary.definition.docstring import lipschitz_text

        return lipschitz_text(self)


def get_loss(name: str | Callable[..., Any]) -> Loss:
    """Return the record of a loss, given its name or its function.

    Parameters
    ----------
    name : str or callable
        ``"hinge_loss"`` or ``hinge_loss``.

    Returns
    -------
    Loss
        Formula, domains, facts and printed forms.

    Raises
    ------
    ValueError, TypeError
        If there is no such loss; close matches are named.

    Examples
    --------
    >>> import lossary
    >>> lossary.get_loss("hinge_loss").lipschitz
    1.0
    """
    function = "get_loss"
    if isinstance(name, Loss):
        return name
    if not isinstance(name, str) and not callable(name):
        requirement = "must be the name of a loss or its function"
        raise type_error(function, "name", requirement, shown(name))
    if isinstance(name, str):
        found = _loss_named(name) or _loss_with_link(name)
    else:
        found = _loss_of(name)
    if found is not None:
        return found
    spelled = name if isinstance(name, str) else getattr(name, "__name__", shown(name))
    remedy = did_you_mean(spelled, REGISTRY) or "See lossary.list_losses()."
    raise value_error(function, "name", "must be a registered loss", repr(spelled), remedy)


def list_losses(
    *, family: str | None = None, targets: str | None = None, tags: Collection[str] = ()
) -> tuple[Loss, ...]:
    """Return the records of losses, by family and name. Printed, they are a table.

    Parameters
    ----------
    family : str, optional
        Only those of this family, such as "margin" or "regression". A tag stands for the family
        of the losses that have it: "robust".
    targets : str, optional
        Only those whose targets are of this kind, such as "real", "plus_minus_one" or
        "class_labels"; "none" for losses without targets.
    tags : collection of str
        Only those that have all of these tags: "elementwise", "along-axis", "convex", "smooth",
        "robust" (the gradient is bounded), "evaluation" (the gradient is 0) and "probabilistic"
        (predictions are probabilities, or scores of them).

    Returns
    -------
    tuple of Loss
        The records.

    Raises
    ------
    ValueError
        If no loss has such a family, kind of targets or tag; close matches are named.

    Examples
    --------
    >>> import lossary
    >>> "hinge_loss" in [item.name for item in lossary.list_losses()]
    True
    >>> robust = lossary.list_losses(family="regression", tags=["convex", "robust"])
    >>> {"l1_loss", "log_cosh_loss"} <= {item.name for item in robust}
    True
    """
    families.load_all()
    return LossList(selected(REGISTRY.values(), family, targets, tags))


def selected(
    every: Collection[L], family: str | None, targets: str | None, tags: Collection[str]
) -> list[L]:
    """Return the records among ``every`` that match, as :func:`list_losses` does."""
    tags = (tags,) if isinstance(tags, str) else tuple(tags)
    if any(family in item.tags for item in every):
        tags, family = (*tags, str(family)), None
    _check_known("family", family, {item.family for item in every})
    _check_known("targets", targets, {item.kind_of_targets for item in every})
    for tag in tags:
        _check_known("tags", tag, {tag for item in every for tag in item.tags})
    chosen = [
        item
        for item in every
        if family in {None, item.family}
        and targets in {None, item.kind_of_targets}
        and set(tags) <= set(item.tags)
    ]
    return sorted(chosen, key=lambda item: (item.family, item.name))


def _check_known(argument: str, given: str | None, known: Collection[str]) -> None:
    """Raise if a filter names what no loss has."""
    if given is not None and given not in known:
        function = "list_losses"
        requirement = f"must be {choices(sorted(known))}"
        remedy = did_you_mean(given, known)
        raise value_error(function, argument, requirement, shown(given), remedy)


class LossList(tuple[Loss, ...]):
    """Losses, shown as a table: a line for each, under the name of its family."""

    __slots__ = ()

    def __repr__(self) -> str:
        width = max((len(item.name) for item in self), default=0)
        lines = []
        for family, losses in itertools.groupby(self, key=lambda item: item.family):
            lines.append(family)
            lines += [f"  {item.name:{width}}  {item.summary}" for item in losses]
        return "\n".join(lines) or "()"


def _loss_named(name: str) -> Loss | None:
    """Return the latest loss of a name; those of the package are loaded when they are asked for."""
    if name not in REGISTRY:
        families.load(name)
    return REGISTRY.get(name)


def _loss_with_link(name: str) -> Loss | None:
    """Return the loss that ``with_link`` gives this name, which may come from another process."""
    parts = _LINKED.match(name)
    loss = parts and (_loss_named(parts[1]) or _loss_with_link(parts[1]))
    if not parts or loss is None:
        return None
    made = getattr(loss.bare_function.links, parts[2], None)  # type: ignore[attr-defined]
    return None if made is None else get_loss(made)


def built_in(name: str) -> Loss | None:
    """Return the loss of the package that has this name."""
    record = _loss_named(name)
    return record if record is not None and record.is_built_in else None


def built_in_names() -> list[str]:
    """Return the names of all losses of the package."""
    families.load_all()
    return sorted(name for name, record in REGISTRY.items() if record.is_built_in)


def _loss_of(function: Callable[..., Any]) -> Loss | None:
    """Return the loss that a public function, or a copy of it made by a pickler, computes."""
    record = function.__globals__.get("_loss") if isinstance(function, FunctionType) else None
    if isinstance(record, Loss) and record.bare_function.__code__ == function.__code__:
        return record
    return None
