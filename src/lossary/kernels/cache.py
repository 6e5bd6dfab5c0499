"""The folder of compiled kernels: object files, so that a second process need not compile.

The folder is used only if it belongs to the user and is closed to everybody else, and a file only
if the same holds for it and the digest at its beginning fits its name and the rest. Whatever goes
wrong, kernels are compiled in memory.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
import time
import warnings
from pathlib import Path

from lossary.errors import message

#: Bytes that the folder may hold; what was used longest ago goes first.
MOST = 64 << 20
_VARIABLE = "LOSSARY_CACHE_DIR"
_OFF = {"", "0", "off"}
_SUFFIX = ".o"
_DIGEST_SIZE = hashlib.sha256().digest_size
_DAY = 86400.0


class File:
    """A file of the cache folder, which holds one compiled kernel."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> bytes | None:
        """Return what the file holds, None if it is missing or not to be trusted."""
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                # Asked of the open file: the folder may have been exchanged since it was checked.
                if _exposed(found):
                    return None
                digest, content = file.read(_DIGEST_SIZE), file.read()
            if self._digest(content) != digest:
                return None
            if found.st_mtime < time.time() - _DAY:  # what is in use stays
                with contextlib.suppress(OSError):  # of a folder that is only read
                    os.utime(self.path)
        except OSError:
            return None
        return content

    def write(self, content: bytes) -> None:
        """Write the file, if that is possible, so that others see all of it or nothing."""
        try:
            handle, temporary = tempfile.mkstemp(dir=self.path.parent, suffix=".tmp")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(self._digest(content) + content)
                os.replace(temporary, self.path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError:  # a full disk, a folder closed to writing, ...
            return
        _prune_rarely(self.path)

    def _digest(self, content: bytes) -> bytes:
        # With the name: one kernel's file is not taken for another's.
        return hashlib.sha256(self.path.name.encode() + content).digest()


def file_of(name: str, *parts: str) -> File | None:
    """Return the file of the kernel that these texts describe, None if nothing is kept."""
    place = folder()
    if place is None:
        return None
    try:
        described = "\0".join([_sources(), name, *parts])
    except OSError:  # the package's own files cannot be looked at
        return None
    return File(place / f"{name}_{hashlib.sha256(described.encode()).hexdigest()[:32]}{_SUFFIX}")


def _prune_rarely(path: Path) -> None:
    """Remove files that were not used for long if there are too many; one write in sixteen."""
    if path.stem[-1] != "0":  # the last digit of a digest
        return
    with contextlib.suppress(OSError):
        prune(path.parent)


def prune(place: Path) -> None:
    """Remove the files that were used longest ago until the rest fits; leftovers of writing too."""
    with os.scandir(place) as entries:
        found = [(entry.stat(follow_symlinks=False), Path(entry.path)) for entry in entries]
    kernels = sorted(
        ((s.st_mtime, s.st_size, path) for s, path in found if path.suffix == _SUFFIX), reverse=True
    )
    long_ago = time.time() - _DAY
    gone = [path for s, path in found if path.suffix == ".tmp" and s.st_mtime < long_ago]
    total = 0
    for _, size, path in kernels:
        total += size
        if total > MOST:
            gone.append(path)
    for path in gone:
        with contextlib.suppress(OSError):  # another process was faster
            path.unlink()


@functools.cache
def _sources() -> str:
    """Return what tells versions of this package apart: its files that kernels come from."""
    own = Path(__file__).parents[1]
    found = []
    for part in ("kernels", "formula"):
        with os.scandir(own / part) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    state = entry.stat()
                    found.append((entry.path, state.st_size, state.st_mtime_ns))
    return repr(sorted(found))


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
