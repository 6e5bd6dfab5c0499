"""The arguments that every loss takes besides its own, in one table.

Signatures, docstrings, the refusals inside formulas and the checks read it. A new one is a row
here, a field of :class:`lossary.definition.request.Request`, and the code that gives it a meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lossary.domains import Domain


class CommonArgument(NamedTuple):
    """A keyword argument of every loss, or of every loss with class labels.

    Attributes
    ----------
    name : str
        Name in signatures.
    default : object
        Default in signatures, and the value that changes nothing.
    role : {"array", "option"}
        Whether it holds one number per element or class, or says how to compute.
    applies_to : callable
        From the domain of the targets to whether losses with such targets take it.
    documentation : str
        Its entry in the section "Parameters" of docstrings.
    """

    name: str
    default: object
    role: str
    applies_to: Callable[[Domain], bool]
    documentation: str


def _always(targets: Domain) -> bool:
    return True


COMMON_ARGUMENTS = (
    CommonArgument(
        "weights",
        None,
        "array",
        _always,
        """\
weights : array, optional
    Weights of the elements, of the shape of the unreduced loss, or of its rank with axes of length
    1, or a scalar.""",
    ),
    CommonArgument(
        "where",
        None,
        "array",
        _always,
        """\
where : boolean array, optional
    Elements that take part; the others add exactly 0 to value and gradient, whatever they hold.
    Of the shape of the unreduced loss or, for losses along an axis, of the first argument: then
    the masked elements take no part in any sum, maximum or count of their row.""",
    ),
    CommonArgument(
        "denominator",
        "count",
        "option",
        _always,
        """\
denominator : {"count", "weights"} or positive number
    What "mean" divides by: the number of elements that take part, the sum of their weights, or
    this number.""",
    ),
    CommonArgument(
        "dtype",
        None,
        "option",
        _always,
        """\
dtype : dtype, optional
    Dtype of the result; by default that of the floating-point arguments.""",
    ),
    CommonArgument(
        "ignore_index",
        None,
        "option",
        lambda targets: targets.labels,
        """\
ignore_index : int, optional
    Label of elements that take no part.""",
    ),
    CommonArgument(
        "class_weights",
        None,
        "array",
        lambda targets: targets.takes_class_weights,
        """\
class_weights : array, shape (C,), optional
    Weight of each class; it multiplies that class's term of the loss. An element counts with its
    label's weight in a mean with ``denominator="weights"``.""",
    ),
)

#: Names of those that are arrays.
COMMON_ARRAYS = tuple(item.name for item in COMMON_ARGUMENTS if item.role == "array")
