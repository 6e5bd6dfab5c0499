"""On-disk cache of compiled kernels, which saves later processes the compilation.

The folder is used only if it belongs to the user and nobody else can access it. A file is used only
if the same holds for it, its checksum is correct and its full key equals the requested key. On any
failure, kernels are compiled in memory.

Reading is part of a process's first call, so this module avoids imports that take milliseconds
(hashlib, pathlib, tempfile: 15 ms together).
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

#: Maximum size of the folder in bytes; the least recently used files are removed first.
MOST = 64 << 20
_VARIABLE = "LOSSARY_CACHE_DIR"
_OFF = {"", "0", "off"}
_SUFFIX, _UNFINISHED = ".kernel", ".tmp"
_DAY = 86400.0
#: Header of a file: the checksum of everything after it, and the length of the key.
_HEAD = struct.Struct("<II")


class File:
    """A file of the cache folder: a key and the content cached under it."""

    def __init__(self, path: str, key: bytes) -> None:
        self.path = path
        self._key = key

    def read(self) -> bytes | None:
        """Return the file's content, or None if it is missing or cannot be trusted."""
        try:
            with open(self.path, "rb") as file:
                found = os.fstat(file.fileno())
                # Check the open file: the folder may have been replaced since it was checked.
                if _exposed(found):
                    return None
                held = file.read()
            if found.st_mtime < time.time() - _DAY:  # mark the file as recently used
                with contextlib.suppress(OSError):  # the folder is read-only
                    os.utime(self.path)
        except OSError:
            return None
        start = _HEAD.size + len(self._key)
        content = held[start:]
        return content if held[:start] == self._head(content) + self._key else None

    def write(self, content: bytes) -> None:
        """Write the file atomically; do nothing if the folder cannot be written."""
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
        except OSError:  # full disk, read-only folder, ...
            return
        _prune_rarely(self.path)

    def _head(self, content: bytes) -> bytes:
        length = len(self._key)
        sum_ = zlib.crc32(content, zlib.crc32(self._key, length))
        return _HEAD.pack(sum_, length)


def file_of(name: str, *parts: str) -> File | None:
    """Return the cache file of the kernel with this name and key parts; None if caching is off."""
    directory = folder()
    if directory is None:
        return None
    try:
        key = "\0".join([_sources(), name, *parts]).encode()
    except OSError:  # the package's own files cannot be read
        return None
    # Keys whose checksums collide overwrite each other's file; the full key tells them apart.
    sums = f"{zlib.adler32(key):08x}{zlib.crc32(key):08x}"
    return File(os.path.join(directory, f"{name}_{sums}{_SUFFIX}"), key)


def _prune_rarely(path: str) -> None:
    """Prune the folder after one write in sixteen."""
    if path[-len(_SUFFIX) - 1] != "0":  # the last digit of the sums
        return
    with contextlib.suppress(OSError):
        prune(os.path.dirname(path))


def prune(directory: str) -> None:
    """Remove unfinished files and the least recently used kernels beyond the size limit."""
    with os.scandir(directory) as entries:
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
        with contextlib.suppress(OSError):  # another process removed it first
            os.unlink(path)


@functools.cache
def _sources() -> str:
    """Return text that identifies the sources from which kernels and their plans are made."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = []
    parts = ["kernels", "formula", "definition"]
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
    """Return the cache folder, created if missing; None if it is disabled or not private."""
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
        problem = _exposed(os.stat(path))
    except (OSError, RuntimeError) as error:  # RuntimeError: no home folder
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
    """Return why other users could access a file or folder; None if they cannot."""
    if not hasattr(os, "getuid"):  # Windows: the user's profile is closed by its access list
        return None
    if found.st_uid != os.getuid():
        return "belongs to another user"
    if found.st_mode & 0o077:
        return f"has mode {stat.S_IMODE(found.st_mode):04o}"
    return None


def _default() -> str:
    """Return the platform's default cache folder."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or _at_home("~", "AppData", "Local")
        return os.path.join(local, "lossary", "Cache")
    if sys.platform == "darwin":
        return _at_home("~", "Library", "Caches", "lossary")
    given = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore relative paths.
    return os.path.join(given if os.path.isabs(given) else _at_home("~", ".cache"), "lossary")


def _at_home(path: str, *parts: str) -> str:
    """Return a path, expanding ~ or ~name in its first part to a home folder."""
    found = os.path.expanduser(path)
    if found.startswith("~"):
        reason = "could not determine home directory"
        raise RuntimeError(reason)
    return os.path.join(found, *parts)
