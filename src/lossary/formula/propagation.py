"""Whether NaN in a symbol reaches a formula's value."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, number, walk
from lossary.formula.table import PRIMITIVES


def drops_nan(output: Expression, symbol: Expression) -> bool:
    """Return whether NaN in a symbol may leave the value a number.

    So it is where the symbol is only compared, or only orders a row: a comparison with NaN is
    false, and NaN comes last.

    Examples
    --------
    >>> from lossary.formula import where
    >>> from lossary.formula.expression import argument
    >>> z, y = argument("z"), argument("y")
    >>> drops_nan(where(y > 0, z, -z), y), drops_nan(abs(y * z), y)
    (True, False)
    """
    reaches: dict[int, bool] = {}
    holds: dict[int, bool | None] = {}  # conditions; None where it does not depend on the symbol
    nodes = list(walk(output))
    for item in nodes:
        key, value = id(item), number(item)
        holds[key] = _holds(item, holds, reaches) if item.arguments else None
        is_nan = value is not None and math.isnan(value)
        reaches[key] = item is symbol or is_nan or _passes(item, holds, reaches)
    return any(item is symbol for item in nodes) and not reaches[id(output)]


def _holds(
    item: Expression, holds: dict[int, bool | None], reaches: dict[int, bool]
) -> bool | None:
    """Return whether a condition holds where the symbol is NaN; None if it may or may not."""
    states = [holds[id(x)] for x in item.arguments]
    match item.operation:
        case "less" | "less_equal" | "equal" | "is_finite":
            return False if any(reaches[id(x)] for x in item.arguments) else None
        case "logical_not":
            return None if states[0] is None else not states[0]
        case "logical_and":
            return False if False in states else (True if states == [True, True] else None)
        case "logical_or":
            return True if True in states else (False if states == [False, False] else None)
    return None


def _passes(item: Expression, holds: dict[int, bool | None], reaches: dict[int, bool]) -> bool:
    """Return whether NaN that reaches the operands of a node reaches its value."""
    if not item.arguments or PRIMITIVES[item.operation].boolean:
        return False
    given = [reaches[id(x)] for x in item.arguments]
    if item.operation == "where":
        state = holds[id(item.arguments[0])]
        # A condition on another symbol leaves this one out on purpose.
        return any(given[1:]) if state is None else given[1 if state else 2]
    if item.operation in {"sorted_by", "unsorted_by"}:
        return given[0]
    return any(given)
