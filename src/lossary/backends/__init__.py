"""Backends: which array library an argument belongs to, and the one file that serves it.

A backend is a module of this package with the name of the library's root package. It is looked
for when the first array of an unknown type arrives, so nothing is imported that is not in use.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import lru_cache
from typing import Any

import numpy as np

from lossary.backends.base import Backend
from lossary.errors import LossaryTypeError, type_error
from lossary.problem import Request

_ROOTS = {"jaxlib": "jax", "ml_dtypes": "numpy"}
_NEUTRAL = (bool, int, float)
_SCALARS = (np.bool_, np.integer, np.floating)
_KINDS = {bool: (bool, np.bool_), int: (int, np.integer), float: (float, np.floating)}
_AS_THEY_ARE = {bool, int, float, str, type(None)}
_by_type: dict[type, str | None] = {}


def find_backend(request: Request) -> Backend:
    """Return the backend of the one library that all array arguments belong to.

    Beside arrays of another library NumPy's scalars, and what is derived from Python's numbers,
    become the Python numbers that they stand for; as a denominator they always do.
    """
    found: dict[str, str] = {}
    example: Any = None
    for name, value in request.named_arrays():
        library = _library(type(value), value, request.function, name)
        if isinstance(value, _SCALARS):
            continue  # at home among NumPy's arrays, a number among others
        if library is not None and library not in found:
            found[library] = name
            example = value
    if len(found) > 1:
        (one, first), (other, second) = list(found.items())[:2]
        raise type_error(
            request.function,
            f"{first} and {second}",
            "must be arrays of one library",
            f"{one} and {other}",
            "Convert one of them.",
        )
    library = next(iter(found), "numpy")
    if type(request.denominator) not in _AS_THEY_ARE:
        request.denominator = _number(request.denominator)
    if library != "numpy":
        request.arrays = tuple(map(_number, request.arrays))
        request.weights, request.where = _number(request.weights), _number(request.where)
    return backend_named(library, example)


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
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0]
        root = _ROOTS.get(root, root)
        if root.isidentifier() and root not in {"base", "array_api"} and _has_module(root):
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
