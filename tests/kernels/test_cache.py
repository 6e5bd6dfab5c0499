"""The kernel cache: second processes, unsafe folders, damaged files, many at once."""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossary.kernels import cache, image, linker
from lossary.kernels import compile as compiler

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX owners and modes")

TEXT = """\
define void @kernel(i64 %count, ptr %x, ptr %y) {
  %value = load double, ptr %x
  %twice = fmul double %value, 2.0
  store double %twice, ptr %y
  ret void
}
"""
PROTOTYPE = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    """Start without kernels in memory, as a process does, and check the folder anew."""
    forget()
    cache._checked.cache_clear()
    yield
    cache._checked.cache_clear()
    forget()


def forget() -> None:
    compiler._compiled.clear()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, not made yet."""
    path = tmp_path / "kernels"
    monkeypatch.setenv("LOSSARY_CACHE_DIR", str(path))
    return path


def is_compiled(key: str = "key") -> bool:
    """Load a kernel as a new process does, check what it does, and tell if it was compiled."""
    forget()
    written = []

    def text() -> str:
        written.append(key)
        return TEXT

    assert_doubles(compiler.load(key, "kernel", text))
    return bool(written)


def assert_doubles(kernel: compiler.Compiled) -> None:
    x, out = np.array([1.5]), np.empty(1)
    kernel.function(PROTOTYPE)(1, x.ctypes.data, out.ctypes.data)
    assert out[0] == 3


def only_file(place: Path) -> Path:
    (path,) = place.iterdir()
    return path


_PROCESS = f"""
    import sys
    from lossary.kernels import compile as compiler

    print("ready", flush=True)
    sys.stdin.readline()
    written = []
    compiler.load("key", "kernel", lambda: written.append(0) or {TEXT!r})
    print("compiled" if written else "read")
"""


def start(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Let a process go on and return the last line that it printed."""
    try:
        out, err = process.communicate("go\n", timeout=120)
    except BaseException:
        process.kill()
        raise
    assert process.returncode == 0, err
    return out.splitlines()[-1]


# --- memory -----------------------------------------------------------------------------------
def test_the_same_key_gives_the_same_code(place: Path) -> None:
    kernel = compiler.load("key", "kernel", lambda: TEXT)
    assert compiler.load("key", "kernel", lambda: TEXT) is kernel
    assert compiler.load("another", "kernel", lambda: TEXT) is not kernel


def test_a_kernel_that_is_found_is_not_written(place: Path) -> None:
    assert is_compiled()
    assert not is_compiled()
    kept = compiler._compiled.copy()
    compiler.load("key", "kernel", lambda: pytest.fail("written"))
    assert compiler._compiled == kept


def test_memory_is_bounded_and_the_last_used_stay(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "KEPT", 3)
    kernels = [compiler.load(str(k), "kernel", lambda: TEXT) for k in range(3)]
    compiler.load("0", "kernel", lambda: TEXT)
    compiler.load("3", "kernel", lambda: TEXT)
    assert [key for key, *_ in compiler._compiled] == ["2", "0", "3"]
    assert_doubles(kernels[1])  # dropped, but held here


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_dropped_code_is_freed_when_nothing_holds_its_function(place: Path) -> None:
    kernel = compiler.load("key", "kernel", lambda: TEXT)
    function, address = kernel.function(PROTOTYPE), kernel.address
    del kernel
    forget()
    gc.collect()
    assert permissions(address) == "r-xp"  # never written to and executed
    x, out = np.array([1.5]), np.empty(1)
    function(1, x.ctypes.data, out.ctypes.data)
    assert out[0] == 3
    del function
    gc.collect()
    assert permissions(address) != "r-xp"


def permissions(address: int) -> str:
    """Return what a page of this process's memory may be used for, "" if there is none."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, permitted, *_ = line.split()
        first, end = (int(item, 16) for item in span.split("-"))
        if first <= address < end:
            return permitted
    return ""


def test_linked_code_is_freed_when_nothing_holds_its_function(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llvmlite.binding.orcjit import ResourceTracker

    def noted(self: Any) -> None:
        freed.append(self.name)
        dispose(self)

    freed: list[str] = []
    dispose = ResourceTracker._dispose
    monkeypatch.setattr(ResourceTracker, "_dispose", noted)
    monkeypatch.setattr(linker, "link", lambda *_: None)
    function = compiler.load("key", "kernel", lambda: TEXT).function(PROTOTYPE)
    forget()
    gc.collect()
    assert freed == []
    x, out = np.array([1.5]), np.empty(1)
    function(1, x.ctypes.data, out.ctypes.data)
    assert out[0] == 3
    del function
    gc.collect()
    assert len(freed) == 1


def test_what_is_no_module_raises(place: Path) -> None:
    with pytest.raises(RuntimeError):
        compiler.load("key", "kernel", lambda: "no module")
    with pytest.raises(RuntimeError):
        compiler.load("key", "another_name", lambda: TEXT)
    assert is_compiled()


# --- what is kept -----------------------------------------------------------------------------
def test_a_second_process_reads_what_the_first_compiled(place: Path) -> None:
    assert finish(start(_PROCESS)) == "compiled"
    assert finish(start(_PROCESS)) == "read"


@posix_only
def test_folder_and_files_are_closed_to_others(place: Path) -> None:
    before = os.umask(0o002)
    try:
        assert is_compiled()
    finally:
        os.umask(before)
    assert place.stat().st_mode & 0o777 == 0o700
    assert only_file(place).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("value", ["", "0", "off", " OFF "])
def test_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOSSARY_CACHE_DIR", value)
    assert cache.folder() is None
    assert_nothing_is_kept()
    assert list(tmp_path.iterdir()) == []


def assert_nothing_is_kept() -> None:
    assert is_compiled()
    assert is_compiled()


# --- what a kernel depends on -----------------------------------------------------------------
def test_another_key_or_environment_is_another_kernel(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_compiled()
    assert not is_compiled()
    assert is_compiled("another")
    with monkeypatch.context() as patched:
        patched.setattr(cache, "_sources", lambda: "another version of the package")
        assert is_compiled()
    with monkeypatch.context() as patched:
        patched.setattr(compiler, "_version", lambda: "another llvmlite")
        assert is_compiled()
    cpu, features = compiler.processor()
    for processor in ((cpu, ""), ("generic", features)):
        monkeypatch.setattr(compiler, "processor", lambda given=processor: given)
        assert is_compiled()
        assert not is_compiled()


def test_versions_are_told_apart() -> None:
    import llvmlite

    assert llvmlite.__version__ in compiler._version()
    own, package = cache._sources(), Path(cache.__file__).parents[1]
    assert repr(str(package)) in own
    for part, name in (
        ("kernels", "functions.py"),
        ("formula", "lower.py"),
        ("formula/primitives", "choices.py"),
    ):
        state = (package / part / name).stat()
        assert repr((part, name, state.st_size, state.st_mtime_ns)) in own


def test_without_the_packages_own_files_nothing_is_kept(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(cache, "_sources", fail)
    assert_nothing_is_kept()


# --- folders ----------------------------------------------------------------------------------
@posix_only
@pytest.mark.parametrize("mode", [0o755, 0o750, 0o707, 0o710])
def test_a_folder_open_to_others_is_not_used(place: Path, mode: int) -> None:
    place.mkdir()
    place.chmod(mode)
    with pytest.warns(RuntimeWarning) as caught:
        assert is_compiled()
    assert [str(warning.message) for warning in caught] == [
        "lossary: the folder of LOSSARY_CACHE_DIR must be yours and closed to others, "
        f"got {str(place)!r}, which has mode {mode:04o}. "
        f"Run chmod 700 on a folder of your own. Until then nothing is kept in {place}."
    ]
    assert is_compiled()  # no second warning: it would be an error here
    assert list(place.iterdir()) == []


@posix_only
def test_a_folder_of_another_user_is_not_used(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: place.stat().st_uid + 1)
    with pytest.warns(RuntimeWarning, match="belongs to another user"):
        assert_nothing_is_kept()


@posix_only
def test_a_link_is_judged_by_what_it_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, mode in (("closed", 0o700), ("open", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
        (tmp_path / f"to_{name}").symlink_to(tmp_path / name)
    monkeypatch.setenv("LOSSARY_CACHE_DIR", str(tmp_path / "to_closed"))
    assert cache.folder() == str(tmp_path / "closed")
    monkeypatch.setenv("LOSSARY_CACHE_DIR", str(tmp_path / "to_open"))
    with pytest.warns(RuntimeWarning, match="has mode 0755"):
        assert cache.folder() is None


@pytest.mark.parametrize("given", ["{root}/file", "{root}/file/below", "~no-such-user/kernels"])
def test_a_folder_that_cannot_be_made_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOSSARY_CACHE_DIR", given.format(root=tmp_path))
    with pytest.warns(RuntimeWarning, match="cannot be used"):
        assert_nothing_is_kept()


@posix_only
def test_an_unsafe_default_folder_is_passed_over_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOSSARY_CACHE_DIR", raising=False)
    monkeypatch.setattr(cache, "_default", lambda: tmp_path)
    tmp_path.chmod(0o755)
    assert_nothing_is_kept()
    assert list(tmp_path.iterdir()) == []


def test_without_a_home_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOSSARY_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert_nothing_is_kept()


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LOSSARY_CACHE_DIR", "~/kernels")
    assert cache.folder() == str(tmp_path / "kernels")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "home/.cache/lossary"),
        ("linux", {"XDG_CACHE_HOME": "{root}/xdg"}, "xdg/lossary"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "home/.cache/lossary"),
        ("darwin", {"XDG_CACHE_HOME": "{root}/xdg"}, "home/Library/Caches/lossary"),
        ("win32", {"LOCALAPPDATA": "{root}/local"}, "local/lossary/Cache"),
        ("win32", {}, "home/AppData/Local/lossary/Cache"),
    ],
)
def test_default_folders(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    variables: dict[str, str],
    expected: str,
) -> None:
    for name in ("LOSSARY_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(root=tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setattr(cache, "sys", types.SimpleNamespace(platform=platform))
    assert cache.folder() == str(tmp_path / expected)


# --- files ------------------------------------------------------------------------------------
def key_of(held: bytes) -> bytes:
    start = cache._HEAD.size
    return held[start : start + cache._HEAD.unpack_from(held)[1]]


def content_of(held: bytes) -> bytes:
    return held[cache._HEAD.size + len(key_of(held)) :]


def holding(content: bytes, held: bytes) -> bytes:
    """Return a file with other content, intact otherwise."""
    file = cache.File("", key_of(held))
    return file._head(content) + key_of(held) + content


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda held: b"",
        lambda held: held[:6],
        lambda held: held[:20],
        lambda held: held[: len(held) // 2],
        lambda held: held[:-1],
        lambda held: held + b"\0",
        lambda held: bytes(len(held)),
        lambda held: held[:100] + bytes(len(held) - 100),
        lambda held: flip(held, 0),
        lambda held: flip(held, 4),
        lambda held: flip(held, len(held) // 2),
        # Machine code: this would crash the process, not raise.
        lambda held: flip(held, len(held) - 1),
        lambda held: holding(b"", held),
        lambda held: holding(b"no object file", held),
        lambda held: holding(content_of(held)[:8], held),
        lambda held: holding(content_of(held)[:16], held),
        lambda held: holding(flip(content_of(held), 15), held),  # starts beyond its end
        lambda held: holding(object_of("another"), held),
    ],
)
def test_a_damaged_file_is_compiled_anew_and_mended(place: Path, damage: Any) -> None:
    assert is_compiled()
    path = only_file(place)
    path.write_bytes(damage(path.read_bytes()))
    assert is_compiled()
    assert not is_compiled()


def test_a_file_of_another_kernel_is_not_taken_for_ones_own(place: Path) -> None:
    """Two keys may have the same sums, and anybody may rename files."""
    one, two = cache.File(str(place), b"key"), cache.File(str(place), b"yek")
    one.write(b"content")
    assert two.read() is None
    assert cache.File(str(place), b"ke").read() is None
    assert one.read() == b"content"
    two.write(b"content")
    assert one.read() is None


def object_of(name: str) -> bytes:
    return compiler.object_code(TEXT.replace("@kernel", f"@{name}"))


def test_an_object_file_that_has_no_image_is_kept_and_linked(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(linker, "link", lambda *_: None)
        assert is_compiled()
    assert content_of(only_file(place).read_bytes()) == object_of("kernel")
    assert not is_compiled()


def test_where_no_memory_may_become_executable_code_is_linked(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_compiled()
    with monkeypatch.context() as patched:
        patched.setattr(image, "_protect", lambda: lambda *_: -1)
        assert is_compiled()
        assert not is_compiled()
    assert content_of(only_file(place).read_bytes()) == object_of("kernel")
    assert not is_compiled()


def test_code_in_use_outlives_its_file(place: Path) -> None:
    assert is_compiled()
    forget()
    kernel = compiler.load("key", "kernel", lambda: pytest.fail("compiled"))
    path = only_file(place)
    path.write_bytes(b"")
    assert_doubles(kernel)
    path.unlink()
    assert_doubles(kernel)


@posix_only
@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_a_file_open_to_others_is_not_read(place: Path, mode: int) -> None:
    assert is_compiled()
    only_file(place).chmod(mode)
    assert is_compiled()
    assert only_file(place).stat().st_mode & 0o777 == 0o600
    assert not is_compiled()


@posix_only
def test_a_file_of_another_user_is_not_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_compiled()
    owner = place.stat().st_uid
    cache.folder()  # found safe; what is in it now belongs to somebody else
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert is_compiled()


def test_a_folder_in_the_place_of_a_file(place: Path) -> None:
    assert is_compiled()
    path = only_file(place)
    path.unlink()
    path.mkdir()
    assert_nothing_is_kept()


def test_a_folder_that_is_gone(place: Path) -> None:
    assert is_compiled()
    only_file(place).unlink()
    place.rmdir()
    assert is_compiled()
    assert not place.exists()


@pytest.mark.parametrize("step", ["os.open", "os.fdopen", "os.replace"])
@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_what_cannot_be_written_is_compiled_in_memory(
    place: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(step, fail)
        assert is_compiled()
    assert list(place.iterdir()) == []  # no temporary file is left either
    assert is_compiled()
    assert not is_compiled()


@posix_only
def test_a_read_only_folder_is_still_read(place: Path) -> None:
    assert is_compiled()
    place.chmod(0o500)
    try:
        if os.access(place, os.W_OK):
            pytest.skip("this user may write anywhere")
        assert not is_compiled()
        assert is_compiled("another")
    finally:
        place.chmod(0o700)


# --- size -------------------------------------------------------------------------------------
def test_what_was_used_longest_ago_goes_first(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.mkdir(mode=0o700)
    now = time.time()
    for k in range(6):
        path = place / f"kernel_{k}.kernel"
        path.write_bytes(bytes(1000))
        os.utime(path, (now, now - 100 * k))
    for name, age in (("old.tmp", 1e6), ("new.tmp", 0), ("notes.txt", 1e6)):
        (place / name).write_bytes(bytes(5000))
        os.utime(place / name, (now, now - age))
    cache.prune(str(place))
    assert len(list(place.glob("*.kernel"))) == 6
    monkeypatch.setattr(cache, "MOST", 3500)
    cache.prune(str(place))
    left = sorted(path.name for path in place.iterdir())
    assert left == [*(f"kernel_{k}.kernel" for k in range(3)), "new.tmp", "notes.txt"]


def test_the_folder_is_bounded_by_writing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 10_000)
    place.mkdir(mode=0o700)
    for k in range(300):
        cache.file_of("kernel", str(k)).write(bytes(1000))  # type: ignore[union-attr]
    # It is looked at after one write in sixteen or so.
    assert len(list(place.iterdir())) < 10 + 150


def test_reading_is_use(place: Path) -> None:
    assert is_compiled()
    path = only_file(place)
    long_ago = time.time() - 10 * 86400
    os.utime(path, (long_ago, long_ago))
    assert not is_compiled()
    assert path.stat().st_mtime > long_ago + 86400


# --- many at once -----------------------------------------------------------------------------
def test_threads_that_ask_for_one_kernel_compile_it_once(place: Path) -> None:
    def text() -> str:
        written.append(0)
        time.sleep(0.2)
        return TEXT

    written: list[int] = []
    together = threading.Barrier(8, timeout=60)
    kernels: list[Any] = []

    def ask() -> None:
        together.wait()
        kernel = compiler.load("key", "kernel", text)
        assert_doubles(kernel)
        kernels.append(kernel)

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(120)
    assert len(kernels) == 8
    assert len({id(kernel) for kernel in kernels}) == 1
    assert written == [0]


def test_processes_that_ask_for_one_kernel(place: Path) -> None:
    processes = [start(_PROCESS) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert {finish(process) for process in processes} <= {"compiled", "read"}
    only_file(place)
    assert finish(start(_PROCESS)) == "read"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_while_kernels_are_made_makes_its_own(place: Path) -> None:
    script = f"""
        import os, signal, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from lossary.kernels import compile as compiler

        def make():
            k = 0
            while not stopped.is_set():
                compiler.load(f"{{k}}", "kernel", lambda: {TEXT!r})
                k += 1
                compiler._compiled.clear()  # frees the code

        stopped = threading.Event()
        threads = [threading.Thread(target=make) for _ in range(3)]
        for thread in threads:
            thread.start()
        codes = []
        for k in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(60)  # a child that hangs must not stay behind
                compiler.load(f"child {{k}}", "kernel", lambda: {TEXT!r})
                os._exit(7)
            _, status = os.waitpid(child, 0)
            codes.append(os.waitstatus_to_exitcode(status))
        stopped.set()
        print(set(codes))
    """
    assert finish(start(script)) == "{7}"


def test_nothing_is_said_about_it(place: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert is_compiled()
        assert not is_compiled()
    assert caught == []
