"""The package's own threads: a small pool that shares out ranges of chunks.

Kernels release the GIL and work on chunks whose boundaries depend on the size of the data alone,
so the results do not depend on the number of threads. The calling thread works too. A pool is
never inherited by a forked child: it starts its own when it first needs one.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

from lossary.errors import type_error, value_error

_VARIABLE = "LOSSARY_NUM_THREADS"
_RANGES_PER_THREAD = 4

Task = Callable[[int, int], None]


class _Work:
    """One call's chunks, taken by any number of threads range by range."""

    def __init__(self, task: Task, count: int, ranges: int) -> None:
        self._task = task
        self._count = count
        self._step = -(-count // ranges)
        self._next = 0
        self._lock = threading.Lock()
        self._running = 0
        self._idle = threading.Event()
        self._idle.set()
        self.error: BaseException | None = None

    def help(self) -> None:
        """Take ranges until none is left; keep the first error for the caller."""
        while (start := self._take()) is not None:
            try:
                self._task(start, min(start + self._step, self._count))
            except BaseException as error:  # the caller raises it
                self.stop(error)
            finally:
                self._leave()

    def stop(self, error: BaseException | None = None) -> None:
        """Hand out no more ranges."""
        with self._lock:
            self._next = self._count
            if self.error is None:
                self.error = error

    def wait(self) -> None:
        """Wait until no thread works on this any more."""
        self._idle.wait()

    def _take(self) -> int | None:
        with self._lock:
            if self._next >= self._count:
                return None
            start = self._next
            self._next += self._step
            self._running += 1
            self._idle.clear()
            return start

    def _leave(self) -> None:
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self._idle.set()


class _Pool:
    """Daemon threads that wait for work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: SimpleQueue[_Work] = SimpleQueue()
        self._threads = 0

    def share(self, work: _Work, helpers: int) -> None:
        """Ask helpers to join the work."""
        with self._lock:
            while self._threads < helpers:
                name = f"lossary-{self._threads}"
                threading.Thread(target=self._serve, name=name, daemon=True).start()
                self._threads += 1
        for _ in range(helpers):
            self._queue.put(work)

    def _serve(self) -> None:
        _local.busy = True
        while True:
            self._queue.get().help()


_local = threading.local()
_pool = _Pool()
_number: int | None = None


def run(task: Task, count: int) -> None:
    """Call ``task(start, stop)`` over ranges that cover 0 ... count-1 once.

    Parameters
    ----------
    task : callable
        Works on a range of chunks; has to release the GIL to gain anything.
    count : int
        Number of chunks.

    Raises
    ------
    BaseException
        The first error that a range raised, or an interrupt, once no thread works any more.
    """
    threads = min(get_num_threads(), count)
    if threads <= 1 or getattr(_local, "busy", False):
        task(0, count)
        return
    work = _Work(task, count, threads * _RANGES_PER_THREAD)
    _pool.share(work, threads - 1)
    _local.busy = True
    try:
        work.help()
        work.wait()
    except BaseException:
        # An interrupt: ranges that run are left to end, so that nothing writes to memory that
        # the caller may already have freed.
        work.stop()
        _wait_out(work)
        raise
    finally:
        _local.busy = False
    if work.error is not None:
        raise work.error


def _wait_out(work: _Work) -> None:
    """Wait, whatever else interrupts."""
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            work.wait()
            return


def get_num_threads() -> int:
    """Return the number of threads that kernels use.

    The environment variable ``LOSSARY_NUM_THREADS`` sets it at first use; otherwise it is the
    number of processors that this process may run on.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ValueError
        If the environment variable is not a positive integer.

    Examples
    --------
    >>> import lossary
    >>> lossary.get_num_threads() >= 1
    True
    """
    global _number
    if _number is None:
        _number = _from_environment()
    return _number


def set_num_threads(number: int) -> None:
    """Set the number of threads that kernels use; results do not depend on it.

    Parameters
    ----------
    number : int
        At least 1.

    Raises
    ------
    ValueError, TypeError
        If it is not a positive integer.

    Examples
    --------
    >>> import lossary
    >>> before = lossary.get_num_threads()
    >>> lossary.set_num_threads(1)
    >>> lossary.set_num_threads(before)
    """
    global _number
    if isinstance(number, bool) or not isinstance(number, int):
        msg = "set_num_threads"
        raise type_error(msg, "number", "must be a positive integer", repr(number))
    if number < 1:
        msg = "set_num_threads"
        raise value_error(msg, "number", "must be a positive integer", repr(number))
    _number = number


def _from_environment() -> int:
    given = os.environ.get(_VARIABLE, "").strip()
    if not given:
        return _processors()
    if not given.isdecimal() or int(given) < 1:
        msg = "get_num_threads"
        raise value_error(
            msg,
            f"the environment variable {_VARIABLE}",
            "must be a positive integer",
            repr(given),
            "Unset it to use every processor.",
        )
    return int(given)


def _processors() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _after_fork() -> None:
    """Start afresh in a child: the parent's threads do not exist in it."""
    global _pool
    _pool = _Pool()
    _local.busy = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
