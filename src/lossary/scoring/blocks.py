"""Text files as blocks of whole lines."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from lossary.scoring.errors import data_error
from lossary.scoring.file_systems import open_stream

STDIN = "-"
BLOCK = 1 << 22
FIRST = 1 << 16
MIN_ROWS = 256

#: Returns the index of the last byte to take; -1 if further bytes must be read first.
FindEnd = Callable[[bytes], int]


class Blocks:
    """The bytes of a text file, compressed or not, or of standard input, cut at line ends.

    ``is_ended`` becomes true when the end of the file has been read.

    Parsers get one block after another. Arrow's own streaming readers are not used: they wait for
    input in a thread, where Ctrl-C does not interrupt them, and reject a line that is longer than
    a block.
    """

    def __init__(self, path: str) -> None:
        is_stdin = path == STDIN
        self._file = _standard_input() if is_stdin else open_stream(path)
        self._must_close = not is_stdin
        # read1 returns what a pipe has: Ctrl-C does not interrupt a longer read between its parts.
        self._read_some = self._file.read1 if is_stdin else self._file.read
        self._buffer = b""
        self._size = BLOCK
        self.is_ended = False
        self._fill(FIRST)
        self._buffer = self._buffer.removeprefix(b"\xef\xbb\xbf")

    def first(self, first_end: FindEnd) -> bytes:
        """Take the first line with its end; empty at the end of the file."""
        return self._take(first_end, FIRST)

    def next(self, last_end: FindEnd) -> bytes:
        """Take whole lines, about ``BLOCK`` bytes; empty at the end of the file."""
        self._fill(max(0, self._size - len(self._buffer)))
        return self._take(last_end, self._size)

    def fit(self, block: bytes, rows: int, columns: int) -> None:
        """Enlarge the blocks if this one held few rows, of very many columns.

        Parsing a column has a fixed cost per block, so a block must have enough values of it.
        """
        size = min(MIN_ROWS * len(block) // max(1, rows), MIN_ROWS * 32 * columns)
        self._size = max(self._size, size)

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._must_close:
            self._file.close()

    def _take(self, find_end: FindEnd, size: int) -> bytes:
        """Take bytes up to a line end, reading on until there is one."""
        while (end := find_end(self._buffer)) < 0:
            # Double the buffer, so that a long line is copied and searched only a few times.
            if not self._fill(max(size, len(self._buffer))):
                end = len(self._buffer) - 1
                break
        taken, self._buffer = self._buffer[: end + 1], self._buffer[end + 1 :]
        return taken

    def _fill(self, size: int) -> int:
        """Read ``size`` further bytes, fewer at the end of the file; return how many."""
        parts = []
        missing = size
        while missing > 0 and (part := self._read_some(missing)):
            parts.append(part)
            missing -= len(part)
        self.is_ended = self.is_ended or missing > 0
        self._buffer = b"".join([self._buffer, *parts])
        return size - missing


def last_line_end(data: bytes, stop: int | None = None) -> int:
    """Return the index of the last line end before ``stop``; -1 if there is none."""
    return max(data.rfind(b"\n", 0, stop), data.rfind(b"\r", 0, stop))


def first_line_end(data: bytes, start: int = 0) -> int:
    """Return the index of the first line end from ``start`` on; -1 if there is none."""
    ends = [end for end in (data.find(b"\n", start), data.find(b"\r", start)) if end >= 0]
    return min(ends, default=-1)


def _standard_input() -> Any:
    if sys.stdin is None:
        raise data_error(STDIN, "there is no standard input")
    return sys.stdin.buffer
