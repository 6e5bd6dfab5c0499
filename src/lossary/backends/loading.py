"""Which array library a type belongs to, and the one file that serves it.

A backend is a module of this package with the name of the library's root package. It is looked
for when the first array of an unknown type arrives, so nothing is imported that is not in use.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from lossary.backends.base import Backend
from lossary.definition.request import COLUMNS
from lossary.errors import LossaryTypeError, type_error

_FOLDER = "lossary.backends"
#: Root packages that are served by the file of another.
_ROOTS = {"jaxlib": "jax", "ml_dtypes": "numpy"}
#: Modules of the folder that serve no library.
HELPERS = frozenset(
    {
        "axis_functions",
        "base",
        "column_backend",
        "column_composites",
        "column_functions",
        "column_nodes",
        "column_spelling",
        "compiled",
        "descriptions",
        "direct_call",
        "direct_form",
        "forward_mode",
        "host",
        "host_call",
        "jax_host",
        "loading",
        "mlx_derivatives",
        "mlx_shapeless",
        "operations",
        "torch_autograd",
        "torch_cotangent",
        "torch_distributed",
        "torch_fused",
        "torch_state",
    }
)
_NEUTRAL = (bool, int, float)
_by_type: WeakKeyDictionary[type, str | None] = WeakKeyDictionary()


def library_of(kind: type, value: Any, function: str, name: str) -> str | None:
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
    root = root_of(kind)
    if root is not None:
        return root
    # Ask types: columns of some libraries have every attribute, which is a column too.
    if hasattr(kind, "todense") or hasattr(kind, "toarray"):
        raise type_error(function, name, "must be a dense array", kind.__name__, "Pass .toarray().")
    if hasattr(kind, "__array_namespace__"):
        return "array_api"
    if hasattr(kind, "__array__") or isinstance(value, (list, tuple)):
        return "numpy"
    raise type_error(
        function,
        name,
        "must be an array, a number or a sequence of numbers",
        kind.__name__,
        "Arrays of NumPy, PyTorch, JAX, MLX, CuPy, Dask and of the array API standard work.",
    )


def root_of(kind: type) -> str | None:
    """Return the library whose package defines a type or one of its bases, if there is a file."""
    for base in kind.__mro__:
        root = base.__module__.partition(".")[0]
        root = _ROOTS.get(root, root)
        if not (root.isidentifier() and root not in HELPERS and _has_module(root)):
            continue
        if base.__name__ in COLUMNS.get(root, (base.__name__,)):
            return root
    return None


@lru_cache(maxsize=256)
def _has_module(root: str) -> bool:
    return importlib.util.find_spec(f"{_FOLDER}.{root}") is not None


@lru_cache(maxsize=32)
def _loaded(library: str) -> Backend:
    module = importlib.import_module(f"{_FOLDER}.{library}")
    backend: Backend = module.BACKEND
    return backend


def backend_named(library: str, example: Any = None) -> Backend:
    """Return a library's backend; ``example`` tells array-API libraries apart."""
    if library != "array_api":
        return _loaded(library)
    return _array_api(example.__array_namespace__())


@lru_cache(maxsize=32)
def _array_api(namespace: Any) -> Backend:
    if not hasattr(namespace, "log1p"):
        msg = f"{namespace!r} does not follow the array API standard"
        raise LossaryTypeError(msg)
    return Backend(namespace)
