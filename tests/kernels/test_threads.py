"""The thread pool: coverage of ranges, errors, interrupts, forks, concurrent callers."""

from __future__ import annotations

import gc
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from python_kernels import two_threads

import lossary
from lossary.kernels import threads

fork_only = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@pytest.fixture(autouse=True)
def number() -> Iterator[None]:
    """Two threads, so that a helper takes part even on one processor."""
    with two_threads():
        yield


def run_script(source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own; one that hangs fails by the time limit."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(source)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_prints(expected: str, source: str, **environment: str) -> None:
    done = run_script(source, **environment)
    assert (done.returncode, done.stdout.strip()) == (0, expected), done.stderr


class Record:
    """A task that remembers which ranges it was given and by which threads."""

    def __init__(self, work: Callable[[int], object] = str) -> None:
        self.ranges: list[tuple[int, int]] = []
        self.threads: set[int] = set()
        self._work = work

    def __call__(self, start: int, stop: int) -> None:
        self.ranges.append((start, stop))
        self.threads.add(threading.get_ident())
        self._work(start)


def assert_covered(ranges: list[tuple[int, int]], count: int) -> None:
    """Check that the ranges, put in order, are contiguous and not empty."""
    ends = [0, *(stop for _, stop in sorted(ranges))]
    assert [start for start, _ in sorted(ranges)] == ends[:-1]
    assert ends[-1] == count
    assert all(start < stop for start, stop in ranges)


# --- ranges -----------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 64, 1001])
@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_ranges_cover_every_chunk_once(number: int, count: int) -> None:
    threads.set_num_threads(number)
    record = Record()
    threads.run(record, count)
    assert_covered(record.ranges, count)
    assert len(record.ranges) <= max(1, 4 * number)


def test_more_ranges_than_threads() -> None:
    record = Record()
    threads.run(record, 1000)
    assert len(record.ranges) == 8


def test_one_thread_takes_all_in_one_range() -> None:
    threads.set_num_threads(1)
    record = Record()
    threads.run(record, 1000)
    assert record.ranges == [(0, 1000)]
    assert record.threads == {threading.get_ident()}


@pytest.mark.parametrize("number", [2, 4, 3])
def test_as_many_threads_as_set_and_the_caller_among_them(number: int) -> None:
    threads.set_num_threads(number)
    # Passes only if that many threads are inside the task at once.
    meeting = threading.Barrier(number, timeout=60)
    record = Record(lambda start: meeting.wait())
    threads.run(record, 4 * number)
    assert len(record.threads) == number
    assert threading.get_ident() in record.threads


def test_a_slow_range_does_not_hold_the_others_back() -> None:
    rest_done = threading.Event()
    started: list[int] = []

    def work(start: int) -> None:
        started.append(start)
        if start == 0:
            assert rest_done.wait(60)
        elif len(started) == 8:
            rest_done.set()

    record = Record(work)
    threads.run(record, 8)
    assert_covered(record.ranges, 8)


def test_helpers_are_daemons_and_are_reused() -> None:
    for _ in range(20):
        threads.run(Record(), 8)
    helpers = [thread for thread in threading.enumerate() if thread.name.startswith("lossary-")]
    assert all(thread.daemon for thread in helpers)
    assert len({thread.name for thread in helpers}) == len(helpers)


def test_without_new_threads_the_caller_does_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    monkeypatch.setattr(threads, "_pool", threads.Pool())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    record = Record()
    threads.run(record, 100)
    assert_covered(record.ranges, 100)
    assert record.threads == {threading.get_ident()}


# --- errors -----------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ["caller", "helper"])
def test_an_error_of_any_thread_reaches_the_caller_after_the_others_ended(who: str) -> None:
    meeting = threading.Barrier(2, timeout=60)
    ended: list[int] = []

    def work(start: int) -> None:
        meeting.wait()
        if (threading.get_ident() == caller) == (who == "caller"):
            message = f"range {start}"
            raise KeyError(message)
        time.sleep(0.2)
        ended.append(start)

    caller = threading.get_ident()
    record = Record(work)
    with pytest.raises(KeyError, match="range"):
        threads.run(record, 8)
    assert len(ended) == 1
    assert len(record.ranges) == 2  # the other six are skipped


def test_the_first_of_several_errors_is_raised() -> None:
    meeting = threading.Barrier(2, timeout=60)

    def work(start: int) -> None:
        meeting.wait()
        if threading.get_ident() == caller:
            time.sleep(0.2)
            raise KeyError(start)
        raise ZeroDivisionError

    caller = threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        threads.run(Record(work), 8)


def test_the_pool_works_on_after_an_error() -> None:
    def fail(start: int, stop: int) -> None:
        raise KeyError(start)

    for _ in range(10):
        with pytest.raises(KeyError):
            threads.run(fail, 8)
    test_as_many_threads_as_set_and_the_caller_among_them(2)


def test_an_error_keeps_nothing_alive() -> None:
    def call() -> weakref.ref[Record]:
        def work(start: int) -> None:
            raise KeyError(start)

        record = Record(work)
        with pytest.raises(KeyError):
            threads.run(record, 8)
        return weakref.ref(record)

    gc.collect()
    gc.disable()
    try:
        found = call()
        assert_soon(lambda: found() is None)  # the helper may still be on its way out of the task
    finally:
        gc.enable()


def test_a_busy_helper_keeps_no_finished_work_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_pool", threads.Pool())  # of one helper
    occupied = threading.Barrier(3, timeout=60)
    release = threading.Event()

    def occupy(start: int) -> None:
        if start < 2:
            occupied.wait()
            release.wait(60)

    other = threading.Thread(target=threads.run, args=(Record(occupy), 8))
    other.start()
    try:
        occupied.wait()
        record = Record()
        threads.run(record, 8)
        found = weakref.ref(record)
        del record
        assert found() is None
    finally:
        release.set()
        other.join()


def assert_soon(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.01)
    assert condition()


# --- nested and concurrent calls --------------------------------------------------------------
def test_a_task_that_runs_another_runs_it_by_itself() -> None:
    meeting = threading.Barrier(2, timeout=60)
    inner: list[Record] = []

    def work(start: int) -> None:
        meeting.wait()  # so that the helper takes half of the ranges
        record = Record()
        threads.run(record, 100)
        assert record.ranges == [(0, 100)]
        assert record.threads == {threading.get_ident()}
        inner.append(record)

    threads.run(Record(work), 8)
    assert len(inner) == 8
    test_more_ranges_than_threads()  # the caller is free to share again


@pytest.mark.parametrize("number", [2, 4])
def test_eight_callers_at_once(number: int) -> None:
    threads.set_num_threads(number)
    start_together = threading.Barrier(8, timeout=60)
    wrong: list[object] = []

    def call(seed: int) -> None:
        start_together.wait()
        for step in range(100):
            count = 1 + (seed * 37 + step) % 50
            record = Record()
            try:
                if step % 10 == seed:
                    with pytest.raises(KeyError):
                        threads.run(Record({}.__getitem__), count)
                threads.run(record, count)
                assert_covered(record.ranges, count)
            except BaseException as error:
                wrong.append(error)

    callers = [threading.Thread(target=call, args=(seed,)) for seed in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(120)
    assert wrong == []
    assert not any(caller.is_alive() for caller in callers)


# --- interrupts -------------------------------------------------------------------------------
_INTERRUPT = """
    import os, signal, sys, threading, time
    from lossary.kernels import threads

    threads.set_num_threads(2)
    main, meeting = threading.get_ident(), threading.Barrier(2, timeout=60)
    started, ended = [], []

    def task(start, stop):
        started.append(start)
        {body}
        ended.append(start)

    try:
        threads.run(task, 8)
    except KeyboardInterrupt:
        print(len(started), len(ended), end=" ")
    again = []
    meeting.reset()
    threads.run(lambda start, stop: again.append((meeting.wait(), start)), 8)
    print(sorted(start for _, start in again) == list(range(8)))
"""


def interrupted(body: str) -> str:
    return textwrap.dedent(_INTERRUPT).replace("{body}", textwrap.indent(body, "    ").lstrip())


@posix_only
def test_an_interrupt_in_the_callers_range_lets_the_helpers_range_end() -> None:
    body = textwrap.dedent("""\
        meeting.wait()
        if threading.get_ident() == main:
            time.sleep(60)
        else:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
    """)
    # Two ranges ran, the helper's to its end; six were skipped; the next call works.
    assert_prints("2 1 True", interrupted(body))


@posix_only
def test_an_interrupt_while_the_caller_waits_lets_the_helpers_range_end() -> None:
    body = textwrap.dedent("""\
        if len(started) <= 2:
            meeting.wait()
        if threading.get_ident() != main:
            while len(ended) < 7:
                time.sleep(0.01)
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
    """)
    assert_prints("8 8 True", interrupted(body))


@posix_only
def test_interrupts_at_any_moment_leave_a_working_pool() -> None:
    assert_prints(
        "True 0 0",
        """
        import signal, threading
        from lossary.kernels import threads

        threads.set_num_threads(3)
        main = threading.get_ident()
        active, left, wrong, hit = [], 0, 0, 0

        def task(start, stop):
            if threading.get_ident() == main:
                return
            active.append(start)
            sum(range(2000))
            active.remove(start)

        def interrupt(*_):
            raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, interrupt)
        for step in range(600):
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-6 * (1 + step))
                while True:
                    threads.run(task, 12)
            except KeyboardInterrupt:
                hit += 1
            left += len(active)
            starts = []
            threads.run(lambda start, stop: starts.append(start), 12)
            wrong += sorted(starts) != list(range(12))
        print(hit == 600, left, wrong)
        """,
    )


@posix_only
def test_an_interrupt_from_outside_ends_a_long_run() -> None:
    source = textwrap.dedent("""\
        import time
        from lossary.kernels import threads
        threads.set_num_threads(2)
        print("started", flush=True)
        try:
            while True:
                threads.run(lambda start, stop: time.sleep(0.02), 8)
        except KeyboardInterrupt:
            starts = []
            threads.run(lambda start, stop: starts.append(start), 8)
            print(sorted(starts) == list(range(8)))
    """)
    with subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "True\n"), err


# --- forks and exits --------------------------------------------------------------------------
@fork_only
@pytest.mark.parametrize("held", [False, True], ids=["free", "held"])
def test_a_forked_child_has_a_pool_of_its_own(held: bool) -> None:
    assert_prints(
        "True\nparent 0",
        f"""
        import os, signal, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from lossary.kernels import threads

        threads.set_num_threads(2)
        meeting = threading.Barrier(2, timeout=60)
        threads.run(lambda start, stop: meeting.wait(), 8)
        if {held}:  # as if another thread had been starting helpers at the fork
            threads._pool._lock.acquire()
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # a child that hangs must not stay behind
            meeting = threading.Barrier(2, timeout=60)
            seen = set()
            def task(start, stop):
                meeting.wait()
                seen.add(threading.get_ident())
            threads.run(task, 8)
            print(len(seen) == 2, flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("parent", status)
        """,
    )


@fork_only
def test_a_fork_inside_of_a_task_frees_the_child() -> None:
    assert_prints(
        "4 0",
        """
        import os, signal, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from lossary.kernels import threads

        threads.set_num_threads(2)
        statuses = []

        def task(start, stop):
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                meeting = threading.Barrier(2, timeout=60)
                threads.run(lambda start, stop: meeting.wait(), 8)
                os._exit(0)
            statuses.append(os.waitpid(child, 0)[1])

        threads.run(task, 4)
        print(len(statuses), sum(statuses))
        """,
    )


@fork_only
def test_multiprocessing_with_fork_after_use() -> None:
    assert_prints(
        "[28, 29, 30, 31]",
        """
        import multiprocessing, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from lossary.kernels import threads

        def total(offset):
            found = []
            threads.run(lambda start, stop: found.extend(range(start, stop)), 8)
            return sum(found) + offset

        if __name__ == "__main__":
            threads.set_num_threads(2)
            total(0)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(total, range(4)))
        """,
    )


def test_helpers_do_not_hold_up_the_exit() -> None:
    assert_prints(
        "leaving",
        """
        import threading, time
        from lossary.kernels import threads

        threads.set_num_threads(2)
        meeting = threading.Barrier(3, timeout=60)

        def task(start, stop):
            meeting.wait()
            time.sleep(3600)

        threading.Thread(target=threads.run, args=(task, 8), daemon=True).start()
        meeting.wait()
        print("leaving")
        """,
    )


def test_a_first_run_at_exit_works() -> None:
    assert_prints(
        "[0, 1, 2, 3, 4, 5, 6, 7]",
        """
        import atexit
        from lossary.kernels import threads

        threads.set_num_threads(2)

        @atexit.register
        def last():
            starts = []
            threads.run(lambda start, stop: starts.append(start), 8)
            print(sorted(starts))
        """,
    )


# --- the number of threads --------------------------------------------------------------------
def test_the_number_is_public() -> None:
    lossary.set_num_threads(3)
    assert lossary.get_num_threads() == threads.get_num_threads() == 3


def test_a_numpy_integer_is_a_number() -> None:
    import numpy as np

    threads.set_num_threads(np.int64(3))
    assert type(threads.get_num_threads()) is int
    assert threads.get_num_threads() == 3


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (0, lossary.LossaryValueError),
        (-2, lossary.LossaryValueError),
        (True, lossary.LossaryTypeError),
        (2.0, lossary.LossaryTypeError),
        ("2", lossary.LossaryTypeError),
        (None, lossary.LossaryTypeError),
    ],
)
def test_a_bad_number_is_refused_and_nothing_changes(given: object, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        threads.set_num_threads(given)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"set_num_threads: number must be a positive integer, got {given!r}. "
        "Pass 1 to use the calling thread alone."
    )
    assert threads.get_num_threads() == 2


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As at first use: nothing read yet, no variable set, no quota."""
    monkeypatch.setattr(threads, "_number", None)
    monkeypatch.delenv("LOSSARY_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_quota", lambda: math.inf)
    return monkeypatch


@pytest.mark.parametrize(("given", "number"), [("3", 3), (" 12\n", 12)])
def test_the_variable_sets_the_number(unset: pytest.MonkeyPatch, given: str, number: int) -> None:
    unset.setenv("LOSSARY_NUM_THREADS", given)
    assert threads.get_num_threads() == number


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5", "9" * 5000])
def test_a_bad_variable_is_refused_at_first_use(unset: pytest.MonkeyPatch, given: str) -> None:
    unset.setenv("LOSSARY_NUM_THREADS", given)
    for _ in range(2):
        with pytest.raises(lossary.LossaryValueError) as caught:
            threads.run(Record(), 8)
        assert str(caught.value) == (
            "get_num_threads: the environment variable LOSSARY_NUM_THREADS must be a positive "
            f"integer, got {given!r}. Unset it to use every processor."
        )
    threads.set_num_threads(2)  # a way out
    threads.run(Record(), 8)


def test_a_bad_variable_does_not_break_the_import() -> None:
    assert_prints("imported", "import lossary; print('imported')", LOSSARY_NUM_THREADS="many")


@pytest.mark.parametrize("given", [None, "", "  "])
def test_without_the_variable_every_usable_processor(
    unset: pytest.MonkeyPatch, given: str | None
) -> None:
    if given is not None:
        unset.setenv("LOSSARY_NUM_THREADS", given)
    unset.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5}, raising=False)
    unset.delattr(os, "process_cpu_count", raising=False)
    assert threads.get_num_threads() == 3


def test_the_count_of_the_interpreter_goes_first(unset: pytest.MonkeyPatch) -> None:
    unset.setattr(os, "process_cpu_count", lambda: 7, raising=False)
    assert threads.get_num_threads() == 7


def test_without_affinity_the_machines_processors(unset: pytest.MonkeyPatch) -> None:
    unset.delattr(os, "sched_getaffinity", raising=False)
    unset.delattr(os, "process_cpu_count", raising=False)
    unset.setattr(os, "cpu_count", lambda: 6)
    assert threads.get_num_threads() == 6
    unset.setattr(threads, "_number", None)
    unset.setattr(os, "cpu_count", lambda: None)
    assert threads.get_num_threads() == 1


@pytest.mark.parametrize(("quota", "number"), [(0.5, 1), (2.0, 2), (2.5, 3), (100.0, 6)])
def test_a_quota_bounds_the_number(unset: pytest.MonkeyPatch, quota: float, number: int) -> None:
    unset.delattr(os, "process_cpu_count", raising=False)
    unset.setattr(os, "sched_getaffinity", lambda process: set(range(6)), raising=False)
    unset.setattr(threads, "_quota", lambda: quota)
    assert threads.get_num_threads() == number


@pytest.mark.parametrize(
    ("group", "limits", "quota"),
    [
        ("0::/", {"cpu.max": "200000 100000\n"}, 2.0),
        ("0::/a/b", {"a/b/cpu.max": "50000 100000"}, 0.5),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3.0),
        ("0::/a/b", {"a/b/cpu.max": "400000 100000", "cpu.max": "100000 100000"}, 1.0),
        ("0::/a", {"a/cpu.max": "max 100000"}, math.inf),
        ("0::/a", {"a/cpu.max": "nonsense"}, math.inf),
        ("0::/a", {}, math.inf),
        ("4:cpu:/a\n0::/b", {"a/cpu.max": "100000 100000"}, math.inf),
        ("", {"cpu.max": "100000 100000"}, math.inf),
    ],
)
def test_quotas_are_those_of_the_control_groups(
    tmp_path: Path, group: str, limits: dict[str, str], quota: float
) -> None:
    groups = tmp_path / "groups"
    groups.write_text(group)
    for name, text in limits.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert threads._quota(str(tmp_path / "root"), str(groups)) == quota


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert threads._quota(str(tmp_path), str(tmp_path / "absent")) == math.inf
