"""The disk cache of compiled kernels.

A kernel's source is written to a file of the user's cache folder and imported from there; Numba's
own cache lies beside it, so that a second process loads machine code instead of compiling. That
cache holds pickles, so the folder is used only if it belongs to the user and nobody else can
enter it. Whatever goes wrong with it, the kernel is compiled in memory.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_VARIABLE = "LOSSARY_CACHE_DIR"
_OFF = {"", "0", "off"}

Kernel = Callable[..., Any]

_kernels: dict[str, Kernel] = {}
_lock = threading.RLock()


def load(source: str, name: str) -> Kernel:
    """Return the function that a kernel's source defines, compiled from the cache if possible.

    Parameters
    ----------
    source : str
        A module that defines the function; it reads the global ``CACHE``.
    name : str
        Name of the function.
    """
    with _lock:
        found = _kernels.get(source)
        if found is None:
            found = _kernels[source] = _from_folder(source, name) or _in_memory(source, name)
        return found


def _in_memory(source: str, name: str) -> Kernel:
    namespace: dict[str, Any] = {"CACHE": False, "__name__": "lossary.kernels.compiled"}
    exec(compile(source, f"<{name}>", "exec"), namespace)
    kernel: Kernel = namespace[name]
    return kernel


def _from_folder(source: str, name: str) -> Kernel | None:
    """Return the function with Numba's cache switched on, None if there is no usable folder."""
    place = folder()
    if place is None:
        return None
    digest = hashlib.sha256((_environment() + source).encode()).hexdigest()[:20]
    path = place / f"{name}_{digest}.py"
    try:
        if not path.exists() or path.read_text(encoding="utf-8") != source:
            _write(path, source)
        namespace: dict[str, Any] = {"CACHE": True, "__name__": path.stem, "__file__": str(path)}
        exec(compile(source, str(path), "exec"), namespace)
    except (OSError, RuntimeError, UnicodeError):
        return None
    return _Guarded(namespace[name], source, name)


class _Guarded:
    """A kernel whose cache may turn out to be unreadable when it is first called."""

    def __init__(self, kernel: Kernel, source: str, name: str) -> None:
        self.kernel = kernel
        self._fallback = (source, name)
        self._called = False

    def __call__(self, *arguments: Any) -> None:
        if self._called:
            self.kernel(*arguments)
            return
        with _lock:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.kernel(*arguments)
            except Exception:
                # A damaged index or object file; the kernels themselves raise nothing.
                self.kernel = _in_memory(*self._fallback)
                self.kernel(*arguments)
            self._called = True


def _write(path: Path, source: str) -> None:
    """Write a file so that another process sees all of it or nothing."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(source)
        # Numba's index is valid for one modification time of the source: keep it the same, so
        # that two processes that write the same file do not invalidate each other's cache.
        os.utime(temporary, (0, 0))
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def folder() -> Path | None:
    """Return the cache folder, made if need be; None if it is switched off or unusable."""
    given = os.environ.get(_VARIABLE)
    if given is not None and given.strip().lower() in _OFF:
        return None
    return _checked(given)


@cache
def _checked(given: str | None) -> Path | None:
    path = Path(given).expanduser() if given is not None else _default() / "lossary"
    problem = _problem(path)
    if problem is None:
        return path.resolve()
    if given is not None:
        warnings.warn(
            f"kernel cache: the folder of {_VARIABLE} {problem}, got {str(path)!r}. Kernels are "
            "compiled in memory; run: chmod 700 on a folder of your own.",
            RuntimeWarning,
            stacklevel=2,
        )
    return None


def _problem(path: Path) -> str | None:
    """Return what keeps a folder from being used, None if nothing does."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.resolve().stat()
        if not stat.S_ISDIR(found.st_mode):
            return "must be a folder"
        if hasattr(os, "getuid"):
            if found.st_uid != os.getuid():
                return "must belong to you"
            if found.st_mode & 0o077:
                return "must be closed to others"
        with tempfile.TemporaryFile(dir=path):
            pass
    except (OSError, RuntimeError):
        return "must be writable"
    return None


def _default() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@cache
def _environment() -> str:
    """Return what a compiled kernel depends on besides its source."""
    import llvmlite
    import numba
    from llvmlite import binding

    parts = [sys.version, numba.__version__, llvmlite.__version__, binding.get_host_cpu_name()]
    parts.append(binding.get_host_cpu_features().flatten())
    for name in ("intrinsics.py", "vector_math.py"):
        parts.append((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return "\n".join(parts)
