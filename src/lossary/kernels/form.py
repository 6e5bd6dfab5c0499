"""What a kernel is made for besides its plan: all that is known of it without writing it."""

from __future__ import annotations

import math
from typing import NamedTuple

from lossary.formula.expression import Expression

#: Numbers in a vector register.
LANES = 16
#: The most classes of rows that are transposed: beyond, losses of several arrays take longer so.
SHORT = 100
#: By role: the total of an output over nothing.
STARTS = {"sum": 0.0, "count": 0, "minimum": math.inf, "maximum": -math.inf, "first": math.inf}


class Form(NamedTuple):
    """What a kernel is made for besides its plan.

    Attributes
    ----------
    compute : {"f32", "f64"}
        Type of elements.
    dtypes : tuple of (name, dtype)
        Names of the dtypes of arrays and of stored outputs (those as ``"-> name"``).
    scalars : frozenset of str
        The arrays that hold one number, which is used for every element.
    """

    compute: str
    dtypes: tuple[tuple[str, str], ...]
    scalars: frozenset[str]


def is_class_vector(leaf: Expression) -> bool:
    """Tell whether a leaf has classes and no rows."""
    return leaf.value == "class_weights"
