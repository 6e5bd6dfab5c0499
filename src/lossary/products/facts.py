"""Facts about a loss of matrices, which its page and lists of losses show."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Facts(NamedTuple):
    """Facts that are declared with a loss of matrices.

    Attributes
    ----------
    family, source : str
        Group of losses that it belongs to; publications.
    convex, smooth : bool
        Whether the loss of a row is convex, and continuously differentiable, in its products.
    differences : mapping
        Per library, how its function for this purpose differs.
    initial : mapping
        Values of the parameters without a default: where their training starts.
    """

    family: str
    source: str
    convex: bool
    smooth: bool
    differences: Mapping[str, str] = MappingProxyType({})
    initial: Mapping[str, float] = MappingProxyType({})
