"""Partial derivatives that are written only if they are needed: some take milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lossary.formula.expression import Expression


class Deferred(NamedTuple):
    """A partial derivative that ``write`` returns when it is called."""

    write: Callable[[], Expression]
