"""The arguments of :func:`lossary.score` and :func:`lossary.compare`, checked one by one.

``job_fields`` makes the fields of a job from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar, get_args

from lossary.errors import choices, shown, type_error, value_error
from lossary.options import Policy
from lossary.scoring.job import FUNCTION
from lossary.scoring.loss_texts import loss_specs

T = TypeVar("T", bound=str)


def chosen(name: str, given: Any, allowed: Sequence[T]) -> T:
    """Return one of the allowed texts."""
    if not isinstance(given, str) or given not in allowed:
        raise value_error(FUNCTION, name, f"must be {choices(allowed)}", shown(given))
    return next(item for item in allowed if item == given)


def column(name: str, given: Any) -> str | None:
    """Return the name of a column, or None."""
    if given is not None and not isinstance(given, str):
        raise type_error(FUNCTION, name, "must be the name of a column", shown(given))
    return given


def texts(name: str, given: Any) -> tuple[str, ...]:
    """Return one text or several."""
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, Sequence) or not all(isinstance(item, str) for item in given):
        raise type_error(FUNCTION, name, "must be a text or a sequence of texts", shown(given))
    return tuple(given)


def count(name: str, given: Any, least: int) -> int:
    """Return an integer from ``least`` on."""
    requirement = f"must be an integer of at least {least}"
    if isinstance(given, bool) or not isinstance(given, Integral):
        raise type_error(FUNCTION, name, requirement, shown(given))
    if given < least:
        raise value_error(FUNCTION, name, requirement, shown(given))
    return int(given)


def numbers(name: str, given: Any) -> tuple[float, ...]:
    """Return one number or several."""
    items = (given,) if isinstance(given, Real) else given
    try:
        found = tuple(items)
    except TypeError:
        found = (None,)
    if not all(isinstance(item, Real) and not isinstance(item, bool) for item in found):
        raise type_error(FUNCTION, name, "must be a number or a sequence of numbers", shown(given))
    return tuple(map(float, found))


def character(name: str, given: Any) -> str | None:
    """Return one character, or None."""
    if given is not None and (not isinstance(given, str) or len(given) != 1):
        raise value_error(FUNCTION, name, "must be one character", shown(given))
    return given


def job_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a job from the arguments of a call by name; other names are ignored."""
    return {
        _FIELDS.get(name, name): check(name, given[name])
        for name, check in _CHECKS.items()
        if name in given
    }


#: Fields of jobs that have another name than their argument.
_FIELDS = {"nulls": "skip_nulls", "skip_bad": "skip_unreadable"}
#: From an argument's name and what is given to the field's value; messages name the first fault.
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "losses": lambda _, given: loss_specs(given),
    "inputs": column,
    "targets": column,
    "columns": lambda _, given: given or {},
    "weights": column,
    "where": column,
    "by": texts,
    "quantiles": numbers,
    "calibration": lambda name, given: count(name, given, 0),
    "worst": lambda name, given: count(name, given, 0),
    "show": texts,
    "positive": lambda _, given: given,
    "classes": texts,
    "class_weights": numbers,
    "nulls": lambda name, given: chosen(name, given, ("error", "skip")) == "skip",
    "domain": lambda name, given: chosen(name, given, get_args(Policy)),
    "denominator": lambda name, given: chosen(name, given, ("weights", "count")),
    "skip_bad": lambda _, given: given,
    "output": lambda _, given: None if given is None else Path(given),
    "output_columns": texts,
    "delimiter": character,
}
