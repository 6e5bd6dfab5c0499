"""The disk cache of compiled kernels.

Each compiled kernel is one file of the user's cache folder, so that a second process loads
machine code instead of compiling it again. The files hold pickles. The folder is therefore used
only if it belongs to the user and is closed to everybody else, and a file only if the same holds
for it and the digest at its beginning fits the rest. Whatever goes wrong, the kernel is compiled
in memory.

Numba's own cache is not used: it raises where a file is damaged or the disk is full, trusts any
folder that ``NUMBA_CACHE_DIR`` names, and hands damaged machine code to the linker.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import linecache
import os
import pickle
import stat
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from lossary.errors import message

_VARIABLE = "LOSSARY_CACHE_DIR"
_OFF = {"", "0", "off"}
_DIGEST_SIZE = hashlib.sha256().digest_size

Kernel = Callable[..., Any]

_kernels: dict[tuple[str, str], Kernel] = {}
_lock = threading.Lock()


def load(source: str, name: str) -> Kernel:
    """Return the function that a kernel's source defines; the same object for the same source.

    It is compiled, or read from the cache folder, when it is first called.

    Parameters
    ----------
    source : str
        A module that defines the function, decorated by ``numba.njit``.
    name : str
        Name of the function.
    """
    key = source, name
    kernel = _kernels.get(key)
    if kernel is None:
        with _lock:  # two threads must not get two functions, which would both be compiled
            kernel = _kernels.get(key) or _make(source, name)
            _kernels[key] = kernel
    return kernel


def _make(source: str, name: str) -> Kernel:
    # Numba looks a function's module up by name when it restores the compiled function.
    module = ModuleType(f"lossary.kernels.compiled_{_digest(source)}")
    filename = f"<{module.__name__}>"
    linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename
    exec(compile(source, filename, "exec"), module.__dict__)
    sys.modules[module.__name__] = module
    kernel: Kernel = getattr(module, name)
    place = folder()
    if place is not None:
        with contextlib.suppress(OSError):  # the package's own files cannot be read
            stem = f"{name}_{_digest(_environment(), name, source)}"
            kernel._cache = _Files(place, stem)  # type: ignore[attr-defined]
    return kernel


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:32]


class _Files:
    """The compiled forms of one kernel, a file for each signature.

    A Numba dispatcher asks it for a compiled function before it compiles one, and offers it what
    it has compiled; the methods are those of Numba's own cache classes.
    """

    def __init__(self, place: Path, stem: str) -> None:
        self.cache_path = str(place)
        self._place = place
        self._stem = stem

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return the compiled function for a signature, None if there is none to be had."""
        from numba.core.compiler import CompileResult
        from numba.core.runtime import rtsys

        try:
            content = _read(self._path(signature))
            # Numba's runtime is all that machine code refers to. Numba's own cache refreshes the
            # whole target here, which takes longer than everything else together.
            rtsys.initialize(target)
            return CompileResult._rebuild(target, *pickle.loads(content))
        except Exception:  # anything at all, from a missing file to a stale pickle
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled function, if that is possible."""
        from numba.core.serialize import dumps

        with contextlib.suppress(Exception):  # a full disk, a folder closed to writing, ...
            if not result.library.has_dynamic_globals:  # addresses, good in this process only
                _write(self._path(signature), dumps(result._reduce()))

    def flush(self) -> None:
        """Remove the files, so that the kernel is compiled anew."""
        with contextlib.suppress(OSError):
            for path in self._place.glob(f"{self._stem}_*"):
                path.unlink()

    def _path(self, signature: Any) -> Path:
        return self._place / f"{self._stem}_{_digest(str(signature))}"


def _read(path: Path) -> bytes:
    """Return what a file of the cache holds; raise if it is not to be trusted."""
    with path.open("rb") as file:
        # Asked of the open file: the folder may have been exchanged since it was checked.
        if _exposed(os.fstat(file.fileno())):
            raise PermissionError(path)
        digest, content = file.read(_DIGEST_SIZE), file.read()
    if hashlib.sha256(content).digest() != digest:
        raise ValueError(path)
    return content


def _write(path: Path, content: bytes) -> None:
    """Write a file so that another process sees all of it or nothing."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def folder() -> Path | None:
    """Return the cache folder, made if need be; None if it is switched off or not safe."""
    given = os.environ.get(_VARIABLE)
    if given is not None and given.strip().lower() in _OFF:
        return None
    return _checked(given)


@functools.cache
def _checked(given: str | None) -> Path | None:
    try:
        path = _default() if given is None else Path(given).expanduser()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = path.resolve(strict=True)
        problem = _exposed(path.stat())
    except (OSError, RuntimeError) as error:  # RuntimeError: no home folder, a loop of links
        problem = f"cannot be used ({error})"
    if problem is None:
        return path
    if given is not None:
        argument, requirement = f"the folder of {_VARIABLE}", "must be yours and closed to others"
        remedy = f"Run chmod 700 on a folder of your own. Until then nothing is kept in {given}."
        text = message("lossary", argument, requirement, f"{given!r}, which {problem}", remedy)
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    return None


def _exposed(found: os.stat_result) -> str | None:
    """Return how others could change a file or folder, None if they cannot."""
    if not hasattr(os, "getuid"):  # Windows: the user's profile is closed by its access list
        return None
    if found.st_uid != os.getuid():
        return "belongs to another user"
    if found.st_mode & 0o077:
        return f"has mode {stat.S_IMODE(found.st_mode):04o}"
    return None


def _default() -> Path:
    """Return the folder that the system has for such files."""
    home = Path.home()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "lossary" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "lossary"
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification: a relative path is invalid and to be ignored.
    return (given if given.is_absolute() else home / ".cache") / "lossary"


@functools.cache
def _environment() -> str:
    """Return what a compiled kernel depends on besides its source."""
    import llvmlite
    import numba
    from numba.core.registry import cpu_target

    # The processor's name and features are part of it: machines may share a home folder.
    processor = repr(cpu_target.target_context.codegen().magic_tuple())
    # Kernels inline functions of this package, and this file settles the form of the cache's.
    own = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))]
    return "\0".join([sys.version, numba.__version__, llvmlite.__version__, processor, *own])


def _after_fork() -> None:
    """Give a child its own lock: a thread that does not exist in it may have held this one."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
