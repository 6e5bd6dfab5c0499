"""Rows in the order of their elements or of others, and sums over pairs of elements."""

from __future__ import annotations

import math

from lossary.formula.expression import Expression, Kind, literal
from lossary.formula.operators import mixing
from lossary.formula.special.pairs import (
    pair_disorder,
    pair_hinge,
    pair_hinge_slope,
    rank_balance,
)
from lossary.formula.table import CONDITION, REAL, composite, kernel_primitive, primitive


def _unmoved(x: Expression, key: Expression) -> Expression | None:
    """Drop the order of equal keys, and that of a row whose elements are equal."""
    return x if x.kind < Kind.ELEMENT or key.kind < Kind.ELEMENT else None


TABLE = (
    primitive(
        # In rising order of the keys; elements of equal keys keep theirs, NaN comes last.
        "sorted_by",
        (REAL, REAL),
        lambda xp, x, key: xp.sorted_by(x, key),
        partials=lambda x, key: (mixing("sorted_by", key), None),
        simplify=_unmoved,
        bounded_by_operands=True,
        mixes=True,
    ),
    primitive(
        # The row that sorted_by with this key turns into x.
        "unsorted_by",
        (REAL, REAL),
        lambda xp, x, key: xp.unsorted_by(x, key),
        partials=lambda x, key: (mixing("unsorted_by", key), None),
        simplify=_unmoved,
        bounded_by_operands=True,
        mixes=True,
    ),
    composite(
        # How many elements of the row are below each, less how many are above; NaN of NaN.
        "rank_balance",
        (REAL,),
        rank_balance,
        partials=lambda _: (None,),
        bounded=True,
        mixes=True,
        neutral=math.nan,
    ),
    # The same, of comparisons with every element of the row.
    kernel_primitive("compared_balance", (REAL,)),
    composite(
        "pair_hinge",
        (REAL, CONDITION, CONDITION),
        pair_hinge,
        partials=lambda x, first, second: (pair_hinge_slope(x, first, second), None, None),
        reduces=True,
        mixes=True,
    ),
    composite(
        "pair_disorder",
        (REAL, CONDITION, CONDITION),
        pair_disorder,
        partials=lambda x, first, second: (literal(0), None, None),
        reduces=True,
        mixes=True,
    ),
)
