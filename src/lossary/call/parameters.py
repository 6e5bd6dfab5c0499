"""The parameters of a call: numbers within their ranges, flags, arrays of numbers."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from lossary.backends.base import Backend
from lossary.definition.request import Request
from lossary.domains import FINITE, Range
from lossary.errors import shown, type_error, value_error


def parameters_of(
    request: Request, backend: Backend, arrays: dict[str, Any], kinds: dict[str, str]
) -> tuple[tuple[tuple[str, object], ...], dict[str, float]]:
    """Check the parameters; split those that are not arrays into structure and numbers."""
    loss = request.loss
    structure: list[tuple[str, object]] = []
    values: dict[str, float] = {}
    for name, given in zip(loss.parameters, request.parameters, strict=True):
        default = loss.parameters[name]
        if isinstance(default, bool):
            if not isinstance(given, bool):
                raise type_error(loss.name, name, "must be True or False", shown(given))
            structure.append((name, given))
            continue
        if given is None and default is None:
            structure.append((name, None))
            continue
        if name in arrays:
            _check_array_parameter(request, name, kinds[name], backend.values(arrays[name]))
            continue
        value = number(request.function, name, given, loss.limits.get(name))
        if name in loss.structure:
            structure.append((name, int(value) if value.is_integer() else value))
        else:
            values[name] = value
    return tuple(structure), values


def _check_array_parameter(request: Request, name: str, kind: str, values: Any) -> None:
    """Check a parameter given as an array as numbers are, where its values can be read."""
    limit = request.loss.limits.get(name, FINITE)
    if kind == "bool":
        remedy = "Convert it to a floating-point dtype."
        raise type_error(request.function, name, limit.text, "dtype bool", remedy)
    if values is None:
        return
    wrong = np.atleast_1d(~(np.isfinite(values) & _contains(limit, values)))
    if wrong.any():
        position = tuple(map(int, np.argwhere(wrong)[0]))
        value = float(np.atleast_1d(values)[position])
        given = f"{value!r} at {position}" if np.ndim(values) else repr(value)
        requirement = limit.text if math.isfinite(value) else FINITE.text
        raise value_error(request.function, name, requirement, given)


def _contains(limit: Range, values: Any) -> Any:
    """Return which values are within a limit, whose condition may accept single numbers only."""
    try:
        return limit.contains(values)
    except ValueError:  # "and" or a chain of comparisons
        return np.vectorize(limit.contains, otypes=[bool])(values)


def number(function: str, name: str, given: Any, limit: Range | None) -> float:
    """Return a parameter as a float, or raise if it is not a finite number within its limit."""
    requirement = (limit or FINITE).text
    if isinstance(given, np.ndarray) and given.ndim == 0:
        given = given.item()
    if isinstance(given, bool) or not isinstance(given, numbers.Real):
        raise type_error(function, name, requirement, type(given).__name__, "Pass a number.")
    value = as_float(given)
    if math.isinf(value) and not (limit and limit.infinite):
        requirement = FINITE.text
    finite = math.isfinite(value) or (
        limit is not None and limit.infinite and not math.isnan(value)
    )
    if not finite or (limit is not None and not limit.contains(value)):
        raise value_error(function, name, requirement, shown(given))
    return value


def as_float(given: Any) -> float:
    """Return a number as a float: infinity where it is too large for one."""
    try:
        return float(given)
    except OverflowError:
        return math.inf if given > 0 else -math.inf
