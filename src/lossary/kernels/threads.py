"""Thread pool that distributes ranges of chunks.

Kernels release the GIL and work on chunks whose boundaries depend on the size of the data alone,
so the results do not depend on the number of threads. The calling thread works too. A pool is
never inherited by a forked child: it starts its own when it first needs one.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral

from lossary.errors import type_error, value_error

try:  # The module queue itself takes 2 ms to import.
    from _queue import SimpleQueue
except ImportError:
    from queue import SimpleQueue

_VARIABLE = "LOSSARY_NUM_THREADS"
# Use more ranges than threads, so that other threads take over the share of a slow core.
_RANGES_PER_THREAD = 4

#: Helpers that can wait in machine code, and the words of the slot of each: two cache lines, so
#: that no helper reads what is written for another one.
SLOTS, SLOT_WORDS = 256, 16

Task = Callable[[int, int], None]


class Ranges:
    """One call's chunks, taken range by range by any number of threads.

    Subclasses know how ranges are taken.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = True
        self._helpers = 0
        self._done = threading.Lock()
        self._done.acquire()
        self._error: BaseException | None = None
        self.closed = False

    def offer(self, helpers: int) -> int:
        """Offer the ranges to helpers that wait in machine code; return to how many."""
        return 0

    def lead(self) -> None:
        """Take ranges in the calling thread until none is left."""
        self.take_ranges()

    def take_ranges(self) -> None:
        """Take one range after another until none is left."""
        raise NotImplementedError

    def clear(self) -> None:
        """Discard the ranges not taken yet."""
        raise NotImplementedError

    def finish(self) -> None:
        """Wait for helpers that did not come through :meth:`help`; drop what the call needed."""
        raise NotImplementedError

    def attend(self, slot: int) -> None:
        """Wait for further chunks for a moment, where a helper's slot has its address."""

    def help(self) -> None:
        """Take ranges in parallel with the caller, unless the work is already closed."""
        with self._lock:
            if not self._open:
                return
            self._helpers += 1
        try:
            self.take_ranges()
        except BaseException as error:  # the caller raises it
            self.fail(error)
        finally:
            with self._lock:
                self._helpers -= 1
                if not self._open and self._helpers == 0:
                    self._done.release()

    def fail(self, error: BaseException) -> None:
        """Discard the ranges not taken yet; record the first error for the caller."""
        self.clear()
        with self._lock:
            if self._error is None:
                self._error = error

    def close(self) -> None:
        """Stop admitting helpers and wait for those that joined; may be called again."""
        with self._lock:
            self._open = False
        while self._helpers:
            self._done.acquire()
        self.finish()
        self.closed = True

    def raise_error(self) -> None:
        """Raise the first error, if there was one."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # break the reference cycle of traceback and frame, which holds arrays


class _TaskRanges(Ranges):
    """Ranges of chunks on which a Python function works."""

    def __init__(self, task: Task, count: int, ranges: int) -> None:
        super().__init__()
        self._task: Task | None = task
        self._count = count
        self._step = -(-count // ranges)
        # Taking a range and clearing them all are single atomic operations of the deque.
        self._starts = deque(range(0, count, self._step))

    def take_ranges(self) -> None:
        """Run the task on one range after another until none is left."""
        task, starts = self._task, self._starts
        while task is not None:
            try:
                start = starts.popleft()
            except IndexError:
                return
            task(start, min(start + self._step, self._count))

    def clear(self) -> None:
        """Discard the ranges not taken yet."""
        self._starts.clear()

    def finish(self) -> None:
        """Drop the task and its arrays: a busy helper may dequeue these ranges much later."""
        self._task = None


class Pool:
    """Daemon threads that wait for work; started when they are first needed.

    Each has a slot of words in ``slots``, through which chunks are offered to it while it waits in
    machine code (``shared.py``).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: SimpleQueue[Ranges] = SimpleQueue()
        self.size = 0
        self.slots = (ctypes.c_int64 * (SLOTS * SLOT_WORDS))()
        # A helper may still read its slot while the interpreter shuts down: never free them.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.slots))

    def share(self, work: Ranges, helpers: int) -> None:
        """Queue the work for helpers; use fewer if the system allows no more threads."""
        with self._lock:
            while self.size < helpers:
                name = f"lossary-{self.size}"
                slot = ctypes.addressof(self.slots) + 8 * SLOT_WORDS * self.size
                given = (slot if self.size < SLOTS else 0,)
                try:
                    threading.Thread(target=self._serve, args=given, name=name, daemon=True).start()
                except RuntimeError:  # a limit on threads, or the interpreter is shutting down
                    break
                self.size += 1
        wanted = min(helpers, self.size)
        for _ in range(wanted - work.offer(wanted)):
            self._queue.put(work)

    def _serve(self, slot: int) -> None:
        _local.busy = True
        while True:
            work = self._queue.get()
            work.help()
            if slot:
                work.attend(slot)
            del work


_local = threading.local()
_pool = Pool()
_number: int | None = None


def run(task: Task, count: int) -> None:
    """Call ``task(start, stop)`` over ranges that cover 0 ... count-1 once.

    A nested call runs in its calling thread alone.

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
    helpers = helpers_for(count)
    if helpers > 0:
        run_ranges(_TaskRanges(task, count, (helpers + 1) * _RANGES_PER_THREAD), helpers)
    elif count > 0:
        task(0, count)


def helpers_for(count: int) -> int:
    """Return how many helpers may work on so many chunks; none in a nested call."""
    return 0 if getattr(_local, "busy", False) else min(get_num_threads(), count) - 1


def pool() -> Pool:
    """Return the pool of this process."""
    return _pool


@contextmanager
def calling_thread_alone() -> Iterator[None]:
    """Let kernels that this thread calls in the block use no other thread.

    For programs that call them in several threads at once.
    """
    before = getattr(_local, "busy", False)
    _local.busy = True
    try:
        yield
    finally:
        _local.busy = before


def run_ranges(work: Ranges, helpers: int) -> None:
    """Run ranges in the calling thread and in helpers; raise the first error.

    Parameters
    ----------
    work : Ranges
        New ranges.
    helpers : int
        How many helpers may take some.
    """
    _local.busy = True
    try:
        _pool.share(work, helpers)
        work.lead()
    except BaseException as error:  # raised below
        work.fail(error)
    finally:
        # An interrupt may arrive here too. Wait for running ranges regardless, so that nothing
        # writes to the caller's memory after the call.
        while not work.closed:
            try:
                work.close()
            except BaseException as error:
                work.fail(error)
        _local.busy = False
    work.raise_error()


def get_num_threads() -> int:
    """Return the number of threads that kernels use.

    The environment variable ``LOSSARY_NUM_THREADS`` sets it at first use; otherwise it is the
    number of processors that this process may use.

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
        _number = _from_environment() or _processors()
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
    function, requirement = "set_num_threads", "must be a positive integer"
    remedy = "Pass 1 to use the calling thread alone."
    if isinstance(number, bool) or not isinstance(number, Integral):
        raise type_error(function, "number", requirement, repr(number), remedy)
    if number < 1:
        raise value_error(function, "number", requirement, repr(number), remedy)
    _number = int(number)


def _from_environment() -> int | None:
    """Return the number set by the environment variable; None if it is unset."""
    given = os.environ.get(_VARIABLE, "").strip()
    if not given:
        return None
    try:
        number = int(given)
    except ValueError:
        number = 0
    if number < 1:
        function, argument = "get_num_threads", f"the environment variable {_VARIABLE}"
        remedy = "Unset it to use every processor."
        raise value_error(function, argument, "must be a positive integer", repr(given), remedy)
    return number


def _processors() -> int:
    """Return the number of processors that this process may use."""
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    if hasattr(os, "process_cpu_count"):  # since Python 3.13; -X cpu_count sets it
        count = os.process_cpu_count() or count
    return max(1, math.ceil(min(count, _quota())))


def _quota(root: str = "/sys/fs/cgroup", groups: str = "/proc/self/cgroup") -> float:
    """Return the CPU limit of this process's Linux control groups, in processors.

    A container limited to two processors still sees all those of the machine. The limits of the
    group and of all its ancestors apply; the files are those of cgroup version 2.
    """
    try:
        with open(groups, encoding="utf-8", errors="surrogateescape") as file:
            paths = [line[3:].rstrip("\n") for line in file if line.startswith("0::")]
    except OSError:
        return math.inf
    granted = math.inf
    for path in paths:
        parts = path.strip("/").split("/")
        for depth in range(len(parts) + 1):
            try:
                with open(os.path.join(root, *parts[:depth], "cpu.max"), "rb") as file:
                    quota, period = map(int, file.read().split())
                granted = min(granted, quota / period)
            except (OSError, ValueError, ZeroDivisionError):  # no file, or "max": no limit
                continue
    return granted


def _after_fork() -> None:
    """Create a new pool in a child process, where the parent's threads do not exist."""
    global _pool
    _pool = Pool()
    _local.busy = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
