"""The folder of compiled kernels, so that a second process need not compile.

The folder is used only if it belongs to the user and is closed to everybody else, and a file only
if the same holds for it, its checksum is right and it holds the key that is asked for, letter by
letter. Whatever goes wrong, kernels are compiled in memory.

Reading is part of a process's first call: modules that take milliseconds to import (hashlib,
pathlib, tempfile: 15 ms together) are not used here.
"""

from __future__ import annotations

import contextlib
import functools
import os
import stat
import struct
import sys
import time
import warnings
import zlib

from lossary.errors import message

#: Bytes that the folder may hold; what was used longest ago goes first.
MOST = 64 << 20
_VARIABLE = "LOSSARY_CACHE_DIR"
_OFF = {"", "0", "off"}
_SUFFIX, _UNFINISHED = ".kernel", ".tmp"
_DAY = 86400.0
#: How a file begins: the checksum of all that follows it, and the length of the key.
_HEAD = struct.Struct("<II")


class File:
    """A file of the cache folder: a key, and what was made for it."""

    def __init__(self, path: str, key: bytes) -> None:
        self.path = path
        self._key = key

    def read(self) -> bytes | None:
        """Return what the file holds, None if it is missing or not to be trusted."""
        try:
            with open(self.path, "rb") as file:
                found = os.fstat(file.fileno())
                # Asked of the open file: the folder may have been exchanged since it was checked.
                if _exposed(found):
                    return None
                held = file.read()
            if found.st_mtime < time.time() - _DAY:  # what is in use stays
                with contextlib.suppress(OSError):  # of a folder that is only read
                    os.utime(self.path)
        except OSError:
            return None
        start = _HEAD.size + len(self._key)
        content = held[start:]
        return content if held[:start] == self._head(content) + self._key else None

    def write(self, content: bytes) -> None:
        """Write the file, if that is possible, so that others see all of it or nothing."""
        temporary = f"{self.path}.{os.urandom(8).hex()}{_UNFINISHED}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            handle = os.open(temporary, flags, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(self._head(content) + self._key + content)
                os.replace(temporary, self.path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError:  # a full disk, a folder closed to writing, ...
            return
        _prune_rarely(self.path)

    def _head(self, content: bytes) -> bytes:
        length = len(self._key)
        sum_ = zlib.crc32(content, zlib.crc32(self._key, length))
        return _HEAD.pack(sum_, length)


def file_of(name: str, *parts: str) -> File | None:
    """Return the file of the kernel that these texts describe, None if nothing is kept."""
    place = folder()
    if place is None:
        return None
    try:
        key = "\0".join([_sources(), name, *parts]).encode()
    except OSError:  # the package's own files cannot be looked at
        return None
    # Two keys with the same sums take turns in one file: neither is taken for the other.
    sums = f"{zlib.adler32(key):08x}{zlib.crc32(key):08x}"
    return File(os.path.join(place, f"{name}_{sums}{_SUFFIX}"), key)


def _prune_rarely(path: str) -> None:
    """Remove files that were not used for long if there are too many; one write in sixteen."""
    if path[-len(_SUFFIX) - 1] != "0":  # the last digit of the sums
        return
    with contextlib.suppress(OSError):
        prune(os.path.dirname(path))


def prune(place: str) -> None:
    """Remove the files that were used longest ago until the rest fits; leftovers of writing too."""
    with os.scandir(place) as entries:
        found = [(entry.stat(follow_symlinks=False), entry.path) for entry in entries]
    kernels = sorted(
        ((s.st_mtime, s.st_size, path) for s, path in found if path.endswith(_SUFFIX)),
        reverse=True,
    )
    long_ago = time.time() - _DAY
    gone = [path for s, path in found if path.endswith(_UNFINISHED) and s.st_mtime < long_ago]
    total = 0
    for _, size, path in kernels:
        total += size
        if total > MOST:
            gone.append(path)
    for path in gone:
        with contextlib.suppress(OSError):  # another process was faster
            os.unlink(path)


@functools.cache
def _sources() -> str:
    """Return what tells versions of this package apart: its files that kernels come from."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = []
    parts = ["kernels", "formula"]
    for part in parts:
        with os.scandir(os.path.join(own, part)) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    state = entry.stat()
                    found.append((part, entry.name, state.st_size, state.st_mtime_ns))
                elif entry.is_dir() and entry.name != "__pycache__":
                    parts.append(f"{part}/{entry.name}")
    return repr((own, sorted(found)))


def folder() -> str | None:
    """Return the cache folder, made if need be; None if it is switched off or not safe."""
    given = os.environ.get(_VARIABLE)
    if given is not None and given.strip().lower() in _OFF:
        return None
    return _checked(given)


@functools.cache
def _checked(given: str | None) -> str | None:
    try:
        path = _default() if given is None else _at_home(given)
        os.makedirs(path, mode=0o700, exist_ok=True)
        path = os.path.realpath(path, strict=True)
        computation = _exposed(os.stat(path))
    except (OSError, RuntimeError) as error:  # RuntimeError: no home folder
        computation = f"cannot be used ({error})"
    if computation is None:
        return path
    if given is not None:
        argument, requirement = f"the folder of {_VARIABLE}", "must be yours and closed to others"
        remedy = f"Run chmod 700 on a folder of your own. Until then nothing is kept in {given}."
        text = message("lossary", argument, requirement, f"{given!r}, which {computation}", remedy)
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


def _default() -> str:
    """Return the folder that the system has for such files."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or _at_home("~", "AppData", "Local")
        return os.path.join(local, "lossary", "Cache")
    if sys.platform == "darwin":
        return _at_home("~", "Library", "Caches", "lossary")
    given = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path is invalid and to be ignored.
    return os.path.join(given if os.path.isabs(given) else _at_home("~", ".cache"), "lossary")


def _at_home(path: str, *parts: str) -> str:
    """Return a path whose first part may be ~, for the user's home folder, or ~name."""
    found = os.path.expanduser(path)
    if found.startswith("~"):
        reason = "could not determine home directory"
        raise RuntimeError(reason)
    return os.path.join(found, *parts)
