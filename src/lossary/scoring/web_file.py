"""Files of web servers."""

from __future__ import annotations

import base64
import http.client
import io
import os
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

#: Seconds without an answer after which a request is given up.
TIMEOUT = 30.0
#: How often a request is made before it has failed, and the seconds between them, which double.
ATTEMPTS = 3
PAUSE = 0.5
#: Bytes to read at least: a request costs the time of a few hundred kilobytes.
READ_AHEAD = 1 << 18
_COPY_BYTES = 1 << 20
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)")

_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "lossary"}

# What is quoted already stays as it is, and so do the marks that divide an address.
_QUOTED = "%/:@!$&'()*+,;=?~-._"

T = TypeVar("T")


class WebFile(io.RawIOBase):
    """A file of a web server, read at any position by requests for ranges of its bytes.

    A request that fails is repeated. A server that does not know ranges sends the whole file, which
    is then read from a temporary copy. A file that changes meanwhile is an error.

    Parameters
    ----------
    address : str
        The address; a user and a password in it are sent as HTTP's basic authentication.

    Raises
    ------
    OSError
        If the server cannot be reached, stops answering, or does not have the file.
    """

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address, self._authorization = _without_user(address)
        self._position = 0
        self._size = 0
        self._version: str | None = None
        self._start, self._block = 0, b""  # the bytes that were read last, and their position
        self._copy: IO[bytes] | None = None
        self._fetch(0, READ_AHEAD)

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position, from the start, from here or from the end."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; less only at the end of the file."""
        stop = min(self._size, self._position + len(buffer))
        if (missing := stop - self._position) <= 0:
            return 0
        if self._copy is not None:
            self._copy.seek(self._position)
            data = self._copy.read(missing)
        else:
            if not (self._start <= self._position and stop <= self._start + len(self._block)):
                self._fetch(self._position, max(missing, READ_AHEAD))
                return self.readinto(buffer)  # of the block, or of the copy
            first = self._position - self._start
            data = self._block[first : first + missing]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Forget the file, and remove its copy."""
        self._block = b""
        if self._copy is not None:
            self._copy.close()
        super().close()

    # --- requests -----------------------------------------------------------------------------
    def _fetch(self, start: int, size: int) -> None:
        """Get a block of the file, or all of it where the server does not know ranges."""
        request = _request(self._address, self._authorization, start, size)
        _repeated(lambda: self._attempt(request, start))

    def _attempt(self, request: Request, start: int) -> None:
        try:
            response = urlopen(request, timeout=TIMEOUT)
        except HTTPError as error:
            with error:
                if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or start:
                    raise
                return  # the file is empty, so that no range of it exists
        with response:
            self._check_version(response)
            if response.status != http.HTTPStatus.PARTIAL_CONTENT:
                self._copy, self._size = _copied(response)
                return
            found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if found is None or found[1] is None or int(found[1]) != start:
                msg = "the server answers with another range than was asked for"
                raise OSError(msg)
            self._size = int(found[2])
            self._start, self._block = start, response.read()
            if not self._block:
                msg = "the server sent nothing"
                raise ConnectionError(msg)

    def _check_version(self, response: Any) -> None:
        """Raise if this is not the file of the first response."""
        headers = response.headers
        version = headers.get("ETag") or headers.get("Last-Modified")
        if self._version is None:
            self._version = version
        if version != self._version:
            msg = "the file changed while it was read"
            raise OSError(msg)


def has_ranges(address: str) -> bool:
    """Return whether a server gives ranges of the bytes of a file; none of them is read.

    Raises
    ------
    OSError
        As by :class:`WebFile`.
    """
    request = _request(*_without_user(address), 0, 1)

    def attempt() -> bool:
        try:
            with urlopen(request, timeout=TIMEOUT) as response:
                return bool(response.status == http.HTTPStatus.PARTIAL_CONTENT)
        except HTTPError as error:
            with error:
                if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    raise
                return False  # the file is empty

    return _repeated(attempt)


def _request(address: str, authorization: str, start: int, size: int) -> Request:
    """Return a request for a block of a file."""
    headers = {**_HEADERS, "Range": f"bytes={start}-{start + size - 1}"}
    request = Request(address, headers=headers)
    if authorization:  # which is not for servers that this one refers to
        request.add_unredirected_header("Authorization", authorization)
    return request


def _repeated(attempt: Callable[[], T]) -> T:
    """Return what an attempt does, after repeating one that fails for a passing reason."""
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except (OSError, http.client.HTTPException) as error:
            if number == ATTEMPTS or not _is_passing(error):
                raise OSError(_explained(error, number)) from None
        time.sleep(PAUSE * 2 ** (number - 1))
    raise AssertionError  # the last attempt returns or raises


def _is_passing(error: Exception) -> bool:
    """Return whether a request may succeed when it is repeated."""
    if isinstance(error, HTTPError):
        return error.code in _PASSING
    causes = URLError, TimeoutError, ConnectionError, http.client.HTTPException
    return isinstance(error, causes)


def _explained(error: Exception, attempts: int) -> str:
    """Return in plain words why a request failed."""
    if isinstance(error, HTTPError):
        text = f"the server answers {error.code} {error.reason}"
    else:
        cause = error.reason if isinstance(error, URLError) else error
        text = (isinstance(cause, OSError) and cause.strerror) or str(cause) or repr(cause)
        if isinstance(cause, TimeoutError):
            text = f"the server did not answer within {TIMEOUT:g} s"
    return f"{text} ({attempts} attempts)" if attempts > 1 else text


def _copied(response: Any) -> tuple[IO[bytes], int]:
    """Return a temporary copy of a whole file, and its size."""
    copy = tempfile.TemporaryFile()
    try:
        size = 0
        while part := response.read(_COPY_BYTES):
            size += copy.write(part)
        expected = response.headers.get("Content-Length")
        if expected is not None and int(expected) != size:
            msg = f"the server sent {size} of {expected} bytes"
            raise ConnectionError(msg)
    except BaseException:
        with suppress(OSError):
            copy.close()
        raise
    return copy, size


def _without_user(address: str) -> tuple[str, str]:
    """Return an address without user and password, and the header that they make."""
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    token = base64.b64encode(unquote(user).encode()).decode()
    path, query = (quote(part, safe=_QUOTED) for part in (parts.path, parts.query))
    address = urlunsplit((parts.scheme, host, path, query, ""))
    return address, f"Basic {token}" if at else ""
