"""What each loss is, written a second time straight from its definition, in 60 digits.

A module per family, found by being in this folder. An oracle takes the elements of one row (one
element, for elementwise losses) as exact numbers, labels as integers, and then all parameters; it
returns the exact loss. A module may define these tables, from the name of a loss:

- ``ORACLES``: the oracle. Every loss has one.
- ``VECTORS``: arguments, parameters and the exact result, to twelve digits.
- ``DIFFERENCES``: where a loss is by its nature a difference of larger numbers, so that its error
  can only be small beside those: how large they are.
- ``SLOPE_DIFFERENCES``: the same for derivatives, given the argument's position and the index in
  its row as well.
- ``SLOPES``: derivatives in closed form, where differences of exact numbers take too long, or are
  swamped by a value such as exp(1e30); None at a kink.
- ``EDGES``: the distance from a kink, where the side that a row is on is a matter of rounding.
- ``LIMITS``: units in the last place that an error may have, where they are more than 4.
- ``SLOPE_LIMITS``: the same for derivatives alone.
- ``SHARES``: 1 where terms are multiplied by probabilities of a row, which may be subnormal: then
  errors are counted in steps of those, times the largest argument.
- ``LENGTHS``: characters of the derivative as it is printed, where they are more than 250.
- ``OTHER_PARAMETERS``: for cases with a value of a parameter other than its default.
- ``CONSTANTS``: positions of arguments that are constants for derivatives, by definition.
- ``ARGUMENTS``: a function from a random generator and the numbers of rows and classes to valid
  arguments, where values drawn from each argument's domain alone are not: corners of boxes.
- ``HARD_ARGUMENTS``: the same with hard arguments, given the dtype as well.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

from oracles.mathematics import Number

Vector = tuple[tuple[Any, ...], dict[str, Any], float]

ORACLES: dict[str, Callable[..., Number]] = {}
VECTORS: dict[str, list[Vector]] = {}
DIFFERENCES: dict[str, Callable[..., Number]] = {}
SLOPE_DIFFERENCES: dict[str, Callable[..., Number]] = {}
SLOPES: dict[str, Callable[..., Number]] = {}
EDGES: dict[str, Callable[..., Number]] = {}
LIMITS: dict[str, float] = {}
SHARES: dict[str, int] = {}
LENGTHS: dict[str, int] = {}
SLOPE_LIMITS: dict[str, float] = {}
OTHER_PARAMETERS: dict[str, dict[str, Any]] = {}
CONSTANTS: dict[str, tuple[int, ...]] = {}
ARGUMENTS: dict[str, Callable[..., Any]] = {}
HARD_ARGUMENTS: dict[str, Callable[..., Any]] = {}

_TABLES = {
    "ORACLES": ORACLES,
    "VECTORS": VECTORS,
    "DIFFERENCES": DIFFERENCES,
    "SLOPE_DIFFERENCES": SLOPE_DIFFERENCES,
    "SLOPES": SLOPES,
    "EDGES": EDGES,
    "LIMITS": LIMITS,
    "SHARES": SHARES,
    "LENGTHS": LENGTHS,
    "SLOPE_LIMITS": SLOPE_LIMITS,
    "OTHER_PARAMETERS": OTHER_PARAMETERS,
    "CONSTANTS": CONSTANTS,
    "ARGUMENTS": ARGUMENTS,
    "HARD_ARGUMENTS": HARD_ARGUMENTS,
}

for _item in pkgutil.iter_modules(__path__):
    _module = importlib.import_module(f"{__name__}.{_item.name}")
    for _name, _table in _TABLES.items():
        _table.update(getattr(_module, _name, {}))
