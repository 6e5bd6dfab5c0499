"""The work of a kernel: outputs to compute from arrays in host memory.

The backend makes it from a computation, because kernels know no losses. A kernel that cuts its work
hands parts of it to other kernels: a part has shapes, axes and outputs of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lossary.arrays import Array
from lossary.formula.expression import Kind
from lossary.formula.plan import Output

Shape = tuple[int, ...]


class Work(NamedTuple):
    """Outputs over named arrays in host memory.

    ``dtypes`` names the dtypes of stored outputs; arrays named in ``bits`` hold the bits of
    bfloat16 numbers as uint16, and so does an output of dtype "bfloat16". Stored outputs start at
    a multiple of ``alignment`` bytes, if that is not 0.
    """

    outputs: tuple[Output, ...]
    arrays: Mapping[str, Array]
    numbers: Mapping[str, float]
    axes: Shape
    shape: Shape
    unreduced_shape: Shape
    compute: str
    dtypes: Mapping[str, str]
    bits: frozenset[str] = frozenset()
    alignment: int = 0

    def dtype_of(self, name: str) -> str:
        """Return the name of an array's dtype."""
        return "bfloat16" if name in self.bits else self.arrays[name].dtype.name

    def shape_of(self, kind: Kind) -> Shape:
        """Return the shape of full arrays of a kind."""
        return self.shape if not self.axes or kind is Kind.ELEMENT else self.unreduced_shape
