"""Which array library computes a call, and the arguments as arrays of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossary.backends.base import Backend
from lossary.backends.loading import backend_named, library_of, root_of
from lossary.definition.common_arguments import COMMON_ARRAYS
from lossary.definition.request import Request, is_column
from lossary.errors import LossaryTypeError, type_error

_SCALARS = (np.bool_, np.integer, np.floating)
_SEQUENCES = (list, tuple)
_KINDS = {bool: (bool, np.bool_), int: (int, np.integer), float: (float, np.floating)}
_AS_THEY_ARE = {bool, int, float, str, type(None)}


def find_backend(request: Request) -> tuple[Backend, Request]:
    """Return the backend of the one library that all array arguments belong to, and the request.

    Beside arrays of another library NumPy's scalars, and what is derived from Python's numbers,
    become the Python numbers that they stand for; as a denominator they always do. NumPy's arrays
    become constants of a library that itself takes them beside its own.
    """
    found: dict[str, tuple[str, Any]] = {}
    for name, value in request.named_arrays():
        library = _library(request, name, value)
        # A NumPy scalar stays beside NumPy's arrays; beside others it becomes a Python number.
        if library is not None and not isinstance(value, _SCALARS):
            found.setdefault(library, (name, value))
    library = next((name for name in found if name != "numpy"), "numpy")
    backend = backend_named(library, found[library][1] if library in found else None)
    others = [name for name in found if name != library]
    if backend.takes_numpy or (backend.takes_lists and request.loss.axis is not None):
        others = [name for name in others if name != "numpy"]
    if others:
        raise _mixed(request.function, found, library, others[0])
    if type(request.denominator) not in _AS_THEY_ARE:
        request = request._replace(denominator=_number(request.denominator))
    return backend, request if library == "numpy" else _adopted(request, backend)


def _library(request: Request, name: str, value: Any) -> str | None:
    """Return the library of an argument, or None for a number; a list may be one of columns."""
    if type(value) in _SEQUENCES:
        columns = None if request.loss.axis is None else _library_of_columns(value)
        if columns is not None:
            return columns
        check_sequence(value, request.function, name)
    return library_of(type(value), value, request.function, name)


def _library_of_columns(given: Any) -> str | None:
    """Return the library of the columns in a list; None if there are none."""
    if type(given) not in _SEQUENCES:
        return None
    kinds = dict.fromkeys(map(type, given))
    return next((root_of(kind) for kind in kinds if is_column(kind)), None)


def check_sequence(given: Sequence[Any], function: str, name: str) -> None:
    """Refuse arrays of other libraries in a sequence: NumPy would cut them off from their graph."""
    for kind in set(map(type, given)):
        if kind in _SEQUENCES:
            for inner in given:
                if type(inner) is kind:
                    check_sequence(inner, function, name)
        elif kind not in _AS_THEY_ARE and (library := root_of(kind)) not in {None, "numpy"}:
            what = f"a {type(given).__name__} of {kind.__name__}"
            remedy = backend_named(library).stacked(name)
            raise type_error(function, name, "must be one array", what, remedy)


def _mixed(
    function: str, found: dict[str, tuple[str, Any]], library: str, other: str
) -> LossaryTypeError:
    """Return the error for arrays of two libraries, with the conversion to one of them."""
    given = [one for one in found if one in {library, other}]
    names = [found[one][0] for one in given]
    guest = found[other][0] + (".compute()" if other == "dask" else "")
    conversion = backend_named(library, found[library][1]).conversion
    call = conversion.format(guest, found[library][0])
    remedy = f"Pass {call}." if call else "Convert one of them."
    requirement = "must be arrays of one library"
    return type_error(function, " and ".join(names), requirement, " and ".join(given), remedy)


def _adopted(request: Request, backend: Backend) -> Request:
    """Convert NumPy's arrays and scalars to arrays and numbers of the backend's library."""

    def adopted(name: str, given: Any) -> Any:
        x = _number(given)
        if (
            x is None
            or _library_of_columns(x)
            or library_of(type(x), x, request.function, name) != "numpy"
        ):
            return x
        x = backend_named("numpy").asarray(x, request.function, name)
        return backend.from_numpy(x, request.function, name) if _is_numeric(x.dtype) else x

    return request._replace(
        arrays=tuple(map(adopted, request.loss.arguments, request.arrays)),
        **{name: adopted(name, getattr(request, name)) for name in COMMON_ARRAYS},
    )


def _is_numeric(dtype: np.dtype[Any]) -> bool:
    """Return whether other libraries can be given arrays of this dtype; checks refuse the rest."""
    return dtype.kind in "biu" or dtype.name in {"bfloat16", "float16", "float32", "float64"}


def _number(x: Any) -> Any:
    """Return the Python number that a scalar stands for; anything else as it is."""
    if type(x) in _AS_THEY_ARE:
        return x
    scalar = x[()] if isinstance(x, np.ndarray) and x.ndim == 0 else x
    for kind, derived in _KINDS.items():
        if isinstance(scalar, derived):
            return kind(scalar)
    return x
