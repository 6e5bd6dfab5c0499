"""Text files as blocks of whole lines."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from lossary.scoring.faults import data_error

STDIN = "-"
BLOCK = 1 << 22
FIRST = 1 << 16
LEAST_ROWS = 256

LineEnd = Callable[[bytes], int]


class Blocks:
    """The bytes of a text file, compressed or not, or of standard input, cut at line ends.

    ``is_ended`` becomes true when there is nothing more to read.

    Parsers get one block after another. Arrow's own streaming readers wait for their input in a
    thread, where Ctrl-C does not reach it, and refuse a line that is longer than their block.
    """

    def __init__(self, path: str) -> None:
        self._file = _standard_input() if path == STDIN else _opened(path)
        self._is_ours = path != STDIN
        # Piece by piece: a longer read of a pipe does not see Ctrl-C between its pieces.
        self._more = self._file.read1 if path == STDIN else self._file.read
        self._ahead = b""
        self._size = BLOCK
        self.is_ended = False
        self._read(FIRST)
        self._ahead = self._ahead.removeprefix(b"\xef\xbb\xbf")

    def first(self, first_end: LineEnd) -> bytes:
        """Take the first line, with its end; empty at the end of the file."""
        return self._taken(first_end, FIRST)

    def next(self, last_end: LineEnd) -> bytes:
        """Take whole lines, about ``BLOCK`` bytes of them; empty at the end of the file."""
        self._read(max(0, self._size - len(self._ahead)))
        return self._taken(last_end, self._size)

    def fit(self, block: bytes, rows: int, columns: int) -> None:
        """Enlarge blocks that hold few rows, of very many columns.

        Each column costs some time in every block, so its values must not be too few.
        """
        least = min(LEAST_ROWS * len(block) // max(1, rows), LEAST_ROWS * 32 * columns)
        self._size = max(self._size, least)

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._is_ours:
            self._file.close()

    def _taken(self, line_end: LineEnd, size: int) -> bytes:
        """Take bytes up to a line end, reading on until there is one."""
        while (end := line_end(self._ahead)) < 0:
            # As much again as there is: a long line is copied and searched a few times only.
            if not self._read(max(size, len(self._ahead))):
                end = len(self._ahead) - 1
                break
        taken, self._ahead = self._ahead[: end + 1], self._ahead[end + 1 :]
        return taken

    def _read(self, size: int) -> int:
        """Read further bytes, as many as asked for unless the end comes first."""
        parts = []
        missing = size
        while missing > 0 and (part := self._more(missing)):
            parts.append(part)
            missing -= len(part)
        self.is_ended = self.is_ended or missing > 0
        self._ahead = b"".join([self._ahead, *parts])
        return size - missing


def last_line_end(data: bytes, stop: int | None = None) -> int:
    """Return the index of the last line end before ``stop``; -1 if there is none."""
    return max(data.rfind(b"\n", 0, stop), data.rfind(b"\r", 0, stop))


def first_line_end(data: bytes, start: int = 0) -> int:
    """Return the index of the first line end from ``start`` on; -1 if there is none."""
    ends = [end for end in (data.find(b"\n", start), data.find(b"\r", start)) if end >= 0]
    return min(ends, default=-1)


def _opened(path: str) -> Any:
    import pyarrow as pa

    return pa.input_stream(path, compression="detect")


def _standard_input() -> Any:
    if sys.stdin is None:
        raise data_error(STDIN, "there is no standard input")
    return sys.stdin.buffer
