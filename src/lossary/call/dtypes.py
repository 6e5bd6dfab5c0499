"""The dtypes of a call: which arguments may have, and which the result has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossary.backends.base import Backend
from lossary.definition.request import Request
from lossary.errors import shown, type_error, value_error

FLOATS = ("float16", "bfloat16", "float32", "float64")


def kind_of(request: Request, name: str, dtype: str) -> str:
    """Return "float", "int" or "bool" for an argument of a loss, or refuse the dtype."""
    if name == "where" and dtype != "bool":
        raise type_error(
            request.function, name, "must be boolean", f"dtype {dtype}", "Pass where != 0."
        )
    return dtype_kind(request.function, name, dtype)


def dtype_kind(function: str, name: str, dtype: str) -> str:
    """Return "float", "int" or "bool", or refuse the dtype."""
    if dtype in FLOATS:
        return "float"
    if dtype == "bool":
        return "bool"
    if dtype.startswith(("int", "uint")):
        return "int"
    if "float" in dtype or "double" in dtype:
        raise type_error(
            function,
            name,
            f"must have one of the floating-point dtypes {', '.join(FLOATS)}",
            f"dtype {dtype}",
            "Convert it to one of them.",
        )
    remedy = (
        "Pass its real part, or abs() of it."
        if dtype.startswith("complex")
        else "Convert it to a floating-point or integer dtype."
    )
    raise type_error(function, name, "must hold real numbers", f"dtype {dtype}", remedy)


def dtypes_of(
    function: str, backend: Backend, requested: Any, floats: Sequence[Any]
) -> tuple[str, str]:
    """Return the dtype of the result, and the one to compute in: float32 for half precision.

    ``floats`` are the floating-point arrays; their library promotes them.
    """
    natural = backend.promote(floats)
    dtype = natural if requested is None else _requested_dtype(function, backend, requested)
    return dtype, "float64" if "float64" in {natural, dtype} else "float32"


def _requested_dtype(function: str, backend: Backend, dtype: Any) -> str:
    """Return the name of a dtype asked for by ``dtype=``, or raise."""
    name = _dtype_name(backend, dtype)
    if name not in FLOATS or not backend.has_dtype(name):
        error = value_error if name or isinstance(dtype, str) else type_error
        raise error(
            function,
            "dtype",
            "must be a floating-point dtype of the arrays' library",
            shown(dtype),
            "For example dtype='float32'.",
        )
    return name


def _dtype_name(backend: Backend, given: Any) -> str:
    """Return the name of a dtype of the backend's library or of NumPy; "" if it is not a dtype."""
    if given is float:
        return "float64" if backend.has_dtype("float64") else backend.default_float()
    if isinstance(given, str) and given in FLOATS:
        return given
    by_name = isinstance(given, (str, type, np.dtype))
    try:
        name = np.dtype(given).name if by_name else "object"
        return backend.dtype_name_of(given) if name == "object" else name
    except (TypeError, ValueError):
        return ""
