"""The declaration of a loss: what a formula's signature says about it, and what it must not."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from lossary.definition.common_arguments import COMMON_ARGUMENTS
from lossary.domains import FINITE, REAL, Domain, Range
from lossary.errors import choices, shown, type_error, value_error

#: Parameters that a formula may have only so that its signature shows them.
RESERVED = ("weights", "axis", "class_axis")

REDUCTIONS = ("none", "mean", "sum")
#: Parameters that a formula may have by keyword.
_KEYWORDS = frozenset({"class_weights", *RESERVED})
#: Parameters that every loss has, and symbols that the derivatives are made with.
_TAKEN = {"reduction", "cotangent", *(item.name for item in COMMON_ARGUMENTS)} - _KEYWORDS
#: Names that the generated functions use.
INTERNAL = frozenset({"_call", "_Request", "_loss", "_bind"})


class Declaration:
    """What the parameters of a formula say about its loss.

    Attributes
    ----------
    name : str
        Name of the function.
    names : list of str
        Names of all ordinary parameters.
    positional, by_keyword : list of Parameter
        The same as parameters of the public function: those passed by position or by name, and
        those passed by name only.
    arguments : tuple of str
        Those that are arrays.
    parameters : dict
        Names and defaults of the others; the empty default marks what must be given.
    structure : frozenset of str
        Those among them that choose a variant of the formula.
    axis : int, tuple of int or None
        Default class axis, or axes; None for elementwise losses.
    """

    def __init__(
        self,
        formula: Callable[..., Any],
        arguments: Iterable[str] | None,
        structure: Iterable[str],
        axis: bool | int | tuple[int, ...],
        several_axes: bool = False,
        prepare: Iterable[str] = (),
    ) -> None:
        self.name = _name(formula)
        declared = _signature(self.name, formula)
        self._check_kinds(declared.values())
        self._check_prepared(prepare, declared)
        left_out = _KEYWORDS.union(prepare)
        own = [
            p for p in declared.values() if p.kind is not p.KEYWORD_ONLY or p.name not in left_out
        ]
        self.names = [p.name for p in own]
        self._check_known("arguments", arguments or (), self.names)
        self.arguments = (
            tuple(p.name for p in own if p.default is p.empty and p.name not in RESERVED)
            if arguments is None
            else tuple(arguments)
        )
        if not self.arguments:
            self._refuse("must take at least one array", f"{self.name}{_spelled(declared)}")
        self.parameters = {
            p.name: self._default(p)
            for p in own
            if p.name not in self.arguments and p.name not in RESERVED
        }
        self._check_known("structure", structure, self.parameters)
        flags = {name for name, default in self.parameters.items() if isinstance(default, bool)}
        self.structure = frozenset({*flags, *structure})
        self._several_axes = several_axes
        self.axis = self._axis(declared, axis)
        public = [p.replace(default=self.parameters.get(p.name, p.default)) for p in own]
        bare = [p.replace(annotation=p.empty) for p in public]
        self.positional = [p for p in bare if p.kind is not p.KEYWORD_ONLY]
        self.by_keyword = [p for p in bare if p.kind is p.KEYWORD_ONLY]

    def check(
        self,
        targets: Domain,
        domains: Mapping[str, Domain],
        limits: Mapping[str, Range],
        reduction: object,
    ) -> None:
        """Raise unless the facts declared beside the formula fit it."""
        self._check_kind("targets", targets, Domain)
        if "targets" not in self.arguments and targets is not REAL:
            requirement = "must be left out where no argument is called targets"
            raise value_error(self.name, "targets", requirement, shown(targets.name))
        if self.axis is None and targets.labels:
            remedy = "Declare the loss with axis=True, or give it a parameter axis=-1."
            requirement = "must not be classes where there is no class axis"
            raise value_error(self.name, "targets", requirement, shown(targets.name), remedy)
        if self._several_axes:
            self._check_several_axes(targets)
        self._check_known("domains", domains, self.arguments)
        for name, domain in domains.items():
            self._check_kind(f"domains[{name!r}]", domain, Domain)
        self._check_known("limits", limits, self.parameters)
        for name, limit in limits.items():
            self._check_kind(f"limits[{name!r}]", limit, Range)
        for name, default in self.parameters.items():
            self._check_default(name, default, limits.get(name, FINITE))
        if not isinstance(reduction, str) or reduction not in REDUCTIONS:
            requirement = f"must be {choices(REDUCTIONS)}"
            raise value_error(self.name, "reduction", requirement, shown(reduction))

    def _check_several_axes(self, targets: Domain) -> None:
        requirement = "must be left out"
        if self.axis is None:
            requirement += " where there is no class axis"
            remedy = "Declare the loss with axis=True, or give it a parameter axis=-1."
            raise value_error(self.name, "several_axes", requirement, "True", remedy)
        if targets.labels:
            requirement += " where targets are class labels"
            raise value_error(self.name, "several_axes", requirement, "True")

    def checked_rows(self, rows: Iterable[str]) -> frozenset[str]:
        """Return the arguments with one value per row, or raise."""
        self._check_known("rows", rows, self.arguments[1:])
        if rows and self.axis is None:
            remedy = "Declare the loss with axis=True, or leave rows out."
            requirement = "must be left out where there is no class axis"
            raise value_error(self.name, "rows", requirement, shown(rows), remedy)
        return frozenset(rows)

    def check_prepare(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        """Raise if a function that prepares an argument has a parameter of an unknown name."""
        known = (*self.arguments, "axis", "class_axis")
        for function in functions.values():
            self._check_known("prepare", list(inspect.signature(function).parameters)[1:], known)

    def check_left_out(self, left_out: Callable[..., Any] | None) -> None:
        """Raise if a condition is on anything but further arguments and parameters."""
        if left_out is not None:
            known = (*self.arguments[1:], *self.parameters)
            self._check_known("left_out", inspect.signature(left_out).parameters, known)

    def check_probability(self, probability: Callable[..., Any] | None) -> None:
        """Raise if a probability is declared that no target can be compared with."""
        if probability is None:
            return
        if "targets" not in self.arguments:
            requirement = "must be left out where no argument is called targets"
            raise value_error(self.name, "probability", requirement, shown(probability))
        known = (self.arguments[0], *self.parameters)
        self._check_known("probability", inspect.signature(probability).parameters, known)

    def signature(self, reduction: str, targets: Domain) -> inspect.Signature:
        """Return the signature of the public function."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        keywords = [
            inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=item.default)
            for item in COMMON_ARGUMENTS
            if item.name not in self.names and item.applies_to(targets)
        ]
        last = inspect.Parameter("reduction", kind, default=reduction)
        return inspect.Signature([*self.positional, last, *self.by_keyword, *keywords])

    # --- the parameters -----------------------------------------------------------------------
    def _check_kinds(self, declared: Iterable[inspect.Parameter]) -> None:
        for p in declared:
            spelled = f"{_STARS.get(p.kind, '')}{p.name}"
            if p.kind in {p.VAR_POSITIONAL, p.VAR_KEYWORD}:
                self._refuse("must name its parameters one by one", spelled)
            if p.kind is p.POSITIONAL_ONLY:
                remedy = "Leave the / out: callers pass arguments by position or by name."
                self._refuse("must have ordinary parameters", f"{spelled}, /", remedy)
            if p.name in _TAKEN or p.name in INTERNAL:
                remedy = "Every loss has it, or needs the name inside: choose another name."
                self._refuse("must not have a parameter of this name", spelled, remedy)
            if p.kind is p.KEYWORD_ONLY and p.name not in _KEYWORDS and p.default is p.empty:
                remedy = "Leave the * out: array arguments are passed by position or by name."
                self._refuse("must give parameters after * a default", f"*, {spelled}", remedy)
            if p.name in {"weights", "class_weights"} and p.default is not None:
                remedy = f"Write {p.name}=None, or choose another name."
                self._refuse(f"must leave {p.name} to the package", spelled, remedy)
            if p.name == "class_weights" and p.kind is not p.KEYWORD_ONLY:
                self._refuse("must take class_weights by keyword", spelled, "Write a * before it.")

    def _check_prepared(
        self, prepare: Iterable[str], declared: Mapping[str, inspect.Parameter]
    ) -> None:
        for name in prepare:
            p = declared.get(name)
            if p is None or p.kind is not p.KEYWORD_ONLY or p.default is not None:
                remedy = f"Write *, {name}=None."
                spelled = f"{self.name}{_spelled(declared)}"
                self._refuse("must take by keyword what is prepared", spelled, remedy)

    def _default(self, p: inspect.Parameter) -> Any:
        """Return a parameter's default as a Python number, or raise if it is not a number."""
        given = p.default
        if given is p.empty or given is None or isinstance(given, bool):
            return given
        if not isinstance(given, numbers.Real):
            remedy = "What is an array or a choice needs no default, or is no parameter."
            argument = f"the default of {p.name}"
            raise type_error(self.name, argument, "must be a number or bool", shown(given), remedy)
        return int(given) if isinstance(given, numbers.Integral) else float(given)

    def _check_default(self, name: str, default: Any, limit: Range) -> None:
        if isinstance(default, bool) or not isinstance(default, (int, float)):
            return
        if not FINITE.contains(default) or not limit.contains(default):
            raise value_error(self.name, f"the default of {name}", limit.text, shown(default))

    def _axis(
        self, declared: Mapping[str, inspect.Parameter], axis: object
    ) -> int | tuple[int, ...] | None:
        given = declared["axis"].default if "axis" in declared else axis
        if given is False and "axis" not in declared:
            return None
        if given is True and "axis" not in declared:
            return -1
        if self._several_axes and isinstance(given, tuple) and given:
            if all(type(item) is int for item in given):
                return given
        if isinstance(given, bool) or not isinstance(given, numbers.Integral):
            spelled = "no default" if given is inspect.Parameter.empty else shown(given)
            remedy = "Write axis=-1 for the last axis."
            raise type_error(self.name, "axis", "must be an integer by default", spelled, remedy)
        return int(given)

    # --- messages -----------------------------------------------------------------------------
    def _check_known(self, option: str, names: Iterable[str], known: Iterable[str]) -> None:
        if isinstance(names, str):
            remedy = f"Write ({names!r},) for one name."
            raise type_error(self.name, option, "must be several names", shown(names), remedy)
        for name in names:
            if name not in known:
                requirement = f"must name {', '.join(known) or 'nothing here'}"
                raise value_error(self.name, option, requirement, shown(name))

    def _check_kind(self, option: str, given: object, kind: type) -> None:
        if not isinstance(given, kind):
            article = f"a {kind.__name__}"
            remedy = f"lossary.domains has some, and {kind.__name__}() makes one."
            raise type_error(self.name, option, f"must be {article}", shown(given), remedy)

    def _refuse(self, requirement: str, given: str, remedy: str = "") -> NoReturn:
        raise type_error(self.name, "the formula", requirement, given, remedy)


_STARS: dict[object, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


def _name(formula: Callable[..., Any]) -> str:
    """Return the name that a formula gives its loss."""
    name = getattr(formula, "__name__", None)
    if not isinstance(name, str) or not name.isidentifier() or name in INTERNAL:
        function = "loss"
        given = "a lambda" if name == "<lambda>" else name or type(formula).__name__
        requirement = "must be a function with a name"
        raise type_error(function, "the formula", requirement, given, "Write it with def.")
    return name


def _signature(name: str, formula: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(formula).parameters
    except ValueError:  # functions that are not written in Python may have no signature
        requirement = "must be a function of Python"
        given = f"a {type(formula).__name__}"
        raise type_error(name, "the formula", requirement, given, "Write it with def.") from None


def _spelled(declared: Mapping[str, inspect.Parameter]) -> str:
    return f"({', '.join(map(str, declared.values()))})"
