"""Backends: which array library an argument belongs to, and the one file that serves it.

A backend is a module of this package with the name of the library's root package. It is looked
for when the first array of an unknown type arrives, so nothing is imported that is not in use.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from lossary.backends.base import Backend
from lossary.errors import LossaryTypeError, type_error
from lossary.problem import Request

_ROOTS = {"jaxlib": "jax", "ml_dtypes": "numpy"}
_NEUTRAL = (bool, int, float)
_SCALARS = (np.bool_, np.integer, np.floating)
_SEQUENCES = (list, tuple)
_KINDS = {bool: (bool, np.bool_), int: (int, np.integer), float: (float, np.floating)}
_AS_THEY_ARE = {bool, int, float, str, type(None)}
_by_type: WeakKeyDictionary[type, str | None] = WeakKeyDictionary()


def find_backend(request: Request) -> tuple[Backend, Request]:
    """Return the backend of the one library that all array arguments belong to, and the request.

    Beside arrays of another library NumPy's scalars, and what is derived from Python's numbers,
    become the Python numbers that they stand for; as a denominator they always do. NumPy's arrays
    become constants of a library that itself takes them beside its own.
    """
    found: dict[str, tuple[str, Any]] = {}
    for name, value in request.named_arrays():
        if type(value) in _SEQUENCES:
            _check_sequence(value, request.function, name)
        library = _library(type(value), value, request.function, name)
        # NumPy's scalars are at home among NumPy's arrays, numbers among others.
        if library is not None and not isinstance(value, _SCALARS):
            found.setdefault(library, (name, value))
    library = next((name for name in found if name != "numpy"), "numpy")
    backend = backend_named(library, found[library][1] if library in found else None)
    others = [name for name in found if name != library]
    if backend.takes_numpy:
        others = [name for name in others if name != "numpy"]
    if others:
        raise _mixed(request.function, found, library, others[0])
    if type(request.denominator) not in _AS_THEY_ARE:
        request = request._replace(denominator=_number(request.denominator))
    return backend, request if library == "numpy" else _adopted(request, backend)


def _check_sequence(given: Sequence[Any], function: str, name: str) -> None:
    """Refuse arrays of other libraries in a sequence: NumPy would cut them off from their graph."""
    for kind in set(map(type, given)):
        if kind in _SEQUENCES:
            for inner in given:
                if type(inner) is kind:
                    _check_sequence(inner, function, name)
        elif kind not in _AS_THEY_ARE and (library := _root(kind)) not in {None, "numpy"}:
            what = f"a {type(given).__name__} of {kind.__name__}"
            remedy = f"Pass {backend_named(library).module}.stack({name})."
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
    """Convert NumPy's arrays and scalars to what the backend's library computes with."""

    def adopted(name: str, given: Any) -> Any:
        x = _number(given)
        if x is None or _library(type(x), x, request.function, name) != "numpy":
            return x
        x = _load("numpy").asarray(x, request.function, name)
        return backend.from_numpy(x, request.function, name) if _is_numeric(x.dtype) else x

    return request._replace(
        arrays=tuple(map(adopted, request.loss.arguments, request.arrays)),
        weights=adopted("weights", request.weights),
        where=adopted("where", request.where),
        class_weights=adopted("class_weights", request.class_weights),
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


def _library(kind: type, value: Any, function: str, name: str) -> str | None:
    """Return the name of the library; None for numbers, which fit any."""
    known = _by_type.get(kind, "")
    if known != "":
        return known
    library = _look_up(kind, value, function, name)
    _by_type[kind] = library
    return library


def _look_up(kind: type, value: Any, function: str, name: str) -> str | None:
    if issubclass(kind, _NEUTRAL):
        return None
    root = _root(kind)
    if root is not None:
        return root
    if hasattr(value, "todense") or hasattr(value, "toarray"):
        raise type_error(function, name, "must be a dense array", kind.__name__, "Pass .toarray().")
    if hasattr(value, "__array_namespace__"):
        return "array_api"
    if hasattr(value, "__array__") or isinstance(value, (list, tuple)):
        return "numpy"
    raise type_error(
        function,
        name,
        "must be an array, a number or a sequence of numbers",
        kind.__name__,
        "Arrays of NumPy, PyTorch, JAX, MLX, CuPy, Dask and of the array API standard work.",
    )


def _root(kind: type) -> str | None:
    """Return the library whose package defines a type or one of its bases, if there is a file."""
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0]
        root = _ROOTS.get(root, root)
        if root.isidentifier() and root not in {"base", "array_api"} and _has_module(root):
            return root
    return None


@lru_cache(maxsize=256)
def _has_module(root: str) -> bool:
    return importlib.util.find_spec(f"{__name__}.{root}") is not None


@lru_cache(maxsize=32)
def _load(library: str) -> Backend:
    module = importlib.import_module(f"{__name__}.{library}")
    backend: Backend = module.BACKEND
    return backend


def backend_named(library: str, example: Any = None) -> Backend:
    """Return a library's backend; ``example`` tells array-API libraries apart."""
    if library != "array_api":
        return _load(library)
    return _array_api(example.__array_namespace__())


@lru_cache(maxsize=32)
def _array_api(namespace: Any) -> Backend:
    if not hasattr(namespace, "log1p"):
        msg = f"{namespace!r} does not follow the array API standard"
        raise LossaryTypeError(msg)
    return Backend(namespace)
