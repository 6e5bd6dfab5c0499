"""NumPy: fused kernels over host memory; plain NumPy operations where they cannot be compiled."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.backends.base import PYTHON
from lossary.backends.direct_form import Text
from lossary.backends.host import HostBackend, in_range, without_overflow_warning
from lossary.backends.host_call import HostCall, ScaledCall, host_call, scaled_call
from lossary.definition.computation import Computation
from lossary.definition.outputs import value_outputs
from lossary.definition.request import Request
from lossary.errors import type_error
from lossary.formula.plan import Output


class NumpyBackend(HostBackend):
    """Arrays of NumPy, Python numbers and sequences, and objects with ``__array__``."""

    name = "NumPy"

    def asarray(self, given: Any, function: str, name: str) -> Any:
        """Return an array; refuse what would silently lose its meaning."""
        if type(given) in PYTHON or type(given) is np.ndarray:
            return given
        if _has_masks(given):
            raise type_error(
                function,
                name,
                "must be a plain array",
                "a masked array" if hasattr(given, "mask") else "masked arrays in a sequence",
                "Pass its .data, and where=~mask.",
            )
        if isinstance(given, np.matrix):
            raise type_error(
                function, name, "must be a plain array", "numpy.matrix", "Pass numpy.asarray(...)."
            )
        try:
            array = np.asarray(given)
        except ValueError as error:
            remedy = "Give every row the same length."
            raise type_error(
                function,
                name,
                "must be a rectangular array",
                f"a ragged sequence ({error})",
                remedy,
            ) from None
        return array

    def dtype_name_of(self, dtype: Any) -> str:
        """Return the name of a dtype."""
        return np.dtype(dtype).name

    def has_dtype(self, name: str) -> bool:
        """Return whether NumPy knows a dtype of this name (bfloat16 comes with ml_dtypes)."""
        try:
            np.dtype(name)
        except TypeError:
            return False
        return True

    def dtype(self, name: str) -> Any:
        """Return the dtype of this name."""
        return np.dtype(name)

    def promote(self, arrays: Sequence[Any]) -> str:
        """Return the dtype that NumPy's promotion gives."""
        strong = [x.dtype for x in arrays if type(x) not in PYTHON]
        if not strong:
            return "float64"
        first = strong[0]
        if all(dtype == first for dtype in strong):
            return first.name
        try:
            return np.result_type(*strong).name
        except TypeError:  # bfloat16 and float16: neither holds the other's numbers
            return "float32"

    def cast(self, x: Any, name: str) -> Any:
        """Return x in the dtype of this name, rounded without a warning."""
        with np.errstate(all="ignore"):
            return np.asarray(x).astype(self.dtype(name), copy=False)[()]

    def compiled_call(
        self,
        computation: Computation,
        request: Request,
        outputs: tuple[Output, ...] | None = None,
        gradients: Sequence[str] = (),
    ) -> HostCall | None:
        """Return a call of a kernel for requests like this one."""
        if not self.has_kernels(computation):
            return None
        chosen = outputs or value_outputs(computation)
        return host_call(self, computation, request, chosen, gradients)

    def scaled_call(
        self, computation: Computation, request: Request, names: Sequence[str], second: bool
    ) -> ScaledCall | None:
        """Return a call of two kernels for the gradients of a mean with an unknown denominator."""
        if not self.has_kernels(computation):
            return None
        return scaled_call(self, computation, request, names, second)

    def direct_conditions(self, request: Request) -> tuple[Text, ...]:
        """Return no conditions: native code sees everything that matters here."""
        return ()

    def number_text(self, dtype: str) -> Text:
        """Return how the ``total`` of a direct call is made a NumPy scalar."""
        if dtype == "bfloat16":
            return super().number_text(dtype)
        return in_range("scalar(total)", dtype, {"scalar": self.dtype(dtype).type})

    def result_wrappers(self, dtype: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        """Return what makes numbers, and what makes kernels' arrays, what the caller gets."""
        number = self.dtype(dtype)
        if dtype == "bfloat16":
            return number.type, lambda x: x.view(number)
        return without_overflow_warning(dtype, number.type), _unwrapped

    def values(self, x: Any) -> Any:
        """Return the array itself."""
        return np.asarray(x)

    def to_numpy(self, x: Any) -> Array:
        """Return the array itself."""
        return np.asarray(x)


def _has_masks(given: Any) -> bool:
    """Return whether this is a masked array, or a sequence with one in it."""
    if "numpy.ma" not in sys.modules:  # NumPy loads it when it is asked for, in 10 ms
        return False
    if not isinstance(given, (list, tuple)):
        return isinstance(given, np.ma.MaskedArray)
    kinds = set(map(type, given))
    if any(issubclass(kind, np.ma.MaskedArray) for kind in kinds):
        return True
    return any(issubclass(kind, (list, tuple)) for kind in kinds) and any(map(_has_masks, given))


def _unwrapped(x: Array) -> Any:
    return x if x.ndim else x[()]


BACKEND = NumpyBackend(np)
