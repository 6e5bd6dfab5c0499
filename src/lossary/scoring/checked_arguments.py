"""The arguments of :func:`lossary.score`, checked one by one before a job is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

from lossary.errors import choices, shown, type_error, value_error
from lossary.scoring.job import FUNCTION

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
