"""The traits that select a kernel besides its plan; importable without the code generator."""

from __future__ import annotations

import math
from typing import NamedTuple

from lossary.formula.expression import Expression

#: Numbers in a vector register.
LANES = 16
#: Most classes of rows that are transposed; beyond, losses of several arrays get slower by it.
SHORT = 100
#: By role: the total of an output over no elements.
STARTS = {"sum": 0.0, "count": 0, "minimum": math.inf, "maximum": -math.inf, "first": math.inf}


class Form(NamedTuple):
    """The traits that select a kernel besides its plan.

    Attributes
    ----------
    compute : {"f32", "f64"}
        Type of elements.
    dtypes : tuple of (name, dtype)
        Names of the dtypes of arrays and of stored outputs (those as ``"-> name"``).
    scalars : frozenset of str
        Names of the arrays that hold one number, used for every element.
    """

    compute: str
    dtypes: tuple[tuple[str, str], ...]
    scalars: frozenset[str]


def is_class_vector(leaf: Expression) -> bool:
    """Return whether a leaf has a class axis and no row axes."""
    return leaf.value == "class_weights"
