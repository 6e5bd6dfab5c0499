"""The kernel cache: second processes, unsafe folders, damaged files, many at once."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
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

from lossary.kernels import cache

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX owners and modes")

SOURCE = """\
import numba

@numba.njit(nogil=True, error_model="numpy")
def kernel(x, out):
    for i in range(x.size):
        out[i] = 2 * x[i]
"""


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without kernels in memory, as a process does, and check the folder anew."""
    monkeypatch.setattr(cache, "_kernels", {})
    cache._checked.cache_clear()
    yield
    cache._checked.cache_clear()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, not made yet."""
    path = tmp_path / "kernels"
    monkeypatch.setenv("LOSSARY_CACHE_DIR", str(path))
    return path


def load_anew(source: str = SOURCE) -> Any:
    """Load a kernel as a process does that has not loaded it before, and check what it does."""
    cache._kernels.clear()
    kernel = cache.load(source, "kernel")
    assert_doubles(kernel, "float64")
    return kernel


def assert_doubles(kernel: Any, dtype: str) -> None:
    x = np.arange(5, dtype=dtype)
    out = np.empty_like(x)
    kernel(x, out)
    np.testing.assert_array_equal(out, 2 * x)


def counts(kernel: Any) -> tuple[int, int]:
    """Return how often the kernel was read from the cache, and how often compiled."""
    return kernel.stats.cache_hits.total(), kernel.stats.cache_misses.total()


def assert_read(kernel: Any) -> None:
    assert counts(kernel) == (1, 0)


def assert_compiled(kernel: Any) -> None:
    assert counts(kernel) == (0, 1)


def only_file(place: Path) -> Path:
    (path,) = place.iterdir()
    return path


_PROCESS = f"""
    import json, sys
    import numpy as np
    from lossary.kernels import cache

    print("ready", flush=True)
    sys.stdin.readline()
    kernel = cache.load({SOURCE!r}, "kernel")
    x, out = np.arange(5.0), np.empty(5)
    kernel(x, out)
    assert out.tolist() == [0, 2, 4, 6, 8]
    print(kernel.stats.cache_hits.total(), kernel.stats.cache_misses.total())
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


# --- what is kept -----------------------------------------------------------------------------
def test_the_same_source_gives_the_same_function(place: Path) -> None:
    kernel = cache.load(SOURCE, "kernel")
    assert cache.load(SOURCE, "kernel") is kernel
    assert cache.load(SOURCE + "# another\n", "kernel") is not kernel


def test_a_second_process_reads_what_the_first_compiled(place: Path) -> None:
    assert finish(start(_PROCESS)) == "0 1"
    assert finish(start(_PROCESS)) == "1 0"


def test_a_second_process_reads_kernels_of_losses(place: Path) -> None:
    # An elementwise loss, a reduction over rows, and one over columns with scratch memory.
    script = """
        import hashlib
        import numpy as np
        import lossary
        from lossary.kernels import cache

        x = np.linspace(-3, 3, 600, dtype=np.float32)
        results = [
            lossary.hinge_loss(x, np.sign(x), reduction="mean"),
            lossary.nll_loss(-abs(x).reshape(100, 6), np.arange(100) % 6),
            lossary.cosine_similarity_loss(*[x.reshape(2, 3, 100)] * 2, axis=1),
        ]
        kernels = cache._kernels.values()
        print(
            len(kernels),
            sum(kernel.stats.cache_hits.total() for kernel in kernels),
            sum(kernel.stats.cache_misses.total() for kernel in kernels),
            hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in results)).hexdigest(),
        )
    """
    first, second = finish(start(script)).split(), finish(start(script)).split()
    assert first[:3] == ["3", "0", "3"]
    assert second[:3] == ["3", "3", "0"]
    assert first[3] == second[3]


def test_a_kernel_of_several_signatures_has_a_file_for_each(place: Path) -> None:
    kernel = load_anew()
    assert_doubles(kernel, "float32")
    assert len(list(place.iterdir())) == 2
    again = load_anew()
    assert_doubles(again, "float32")
    assert counts(again) == (2, 0)


@posix_only
def test_folder_and_files_are_closed_to_others(place: Path) -> None:
    before = os.umask(0o002)
    try:
        load_anew()
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
    assert_compiled_in_memory(load_anew())
    assert list(tmp_path.iterdir()) == []


def assert_compiled_in_memory(kernel: Any) -> None:
    assert kernel.stats.cache_path is None
    assert_doubles(kernel, "float64")


def test_numbas_own_cache_stays_off(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "numba"))
    assert Path(load_anew().stats.cache_path) == place
    assert not (tmp_path / "numba").exists()


def test_flush_forgets_the_files_of_one_kernel(place: Path) -> None:
    load_anew(SOURCE + "# another\n")
    kernel = load_anew()
    kernel._cache.flush()
    assert_compiled(load_anew())
    assert_read(load_anew(SOURCE + "# another\n"))


# --- what a kernel depends on -----------------------------------------------------------------
def test_another_source_or_environment_is_another_kernel(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_compiled(load_anew())
    assert_read(load_anew())
    assert_compiled(load_anew(SOURCE + "# another\n"))
    monkeypatch.setattr(cache, "_environment", lambda: "another processor")
    assert_compiled(load_anew())


def test_the_environment_is_all_that_machine_code_depends_on() -> None:
    import llvmlite
    import numba
    from llvmlite import binding

    found = cache._environment()
    for part in (sys.version, numba.__version__, llvmlite.__version__):
        assert part in found
    assert binding.get_host_cpu_name() in found
    assert binding.get_host_cpu_features().flatten() in found
    for name in ("vector_math.py", "intrinsics.py", "cache.py"):
        assert Path(cache.__file__).with_name(name).read_text(encoding="utf-8") in found


def test_without_the_packages_own_files_nothing_is_kept(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(cache, "_environment", fail)
    assert_compiled_in_memory(load_anew())


# --- folders ----------------------------------------------------------------------------------
@posix_only
@pytest.mark.parametrize("mode", [0o755, 0o750, 0o707, 0o710])
def test_a_folder_open_to_others_is_not_used(place: Path, mode: int) -> None:
    place.mkdir()
    place.chmod(mode)
    with pytest.warns(RuntimeWarning) as caught:
        kernel = load_anew()
    assert_compiled_in_memory(kernel)
    assert [str(warning.message) for warning in caught] == [
        "lossary: the folder of LOSSARY_CACHE_DIR must be yours and closed to others, "
        f"got {str(place)!r}, which has mode {mode:04o}. "
        f"Run chmod 700 on a folder of your own. Until then nothing is kept in {place}."
    ]
    load_anew(SOURCE + "# another\n")  # no second warning: it would be an error here
    assert list(place.iterdir()) == []


@posix_only
def test_a_folder_of_another_user_is_not_used(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: place.stat().st_uid + 1)
    with pytest.warns(RuntimeWarning, match="belongs to another user"):
        assert_compiled_in_memory(load_anew())


@posix_only
def test_a_link_is_judged_by_what_it_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, mode in (("closed", 0o700), ("open", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
        (tmp_path / f"to_{name}").symlink_to(tmp_path / name)
    monkeypatch.setenv("LOSSARY_CACHE_DIR", str(tmp_path / "to_closed"))
    assert cache.folder() == tmp_path / "closed"
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
        assert_compiled_in_memory(load_anew())


@posix_only
def test_an_unsafe_default_folder_is_passed_over_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOSSARY_CACHE_DIR", raising=False)
    monkeypatch.setattr(cache, "_default", lambda: tmp_path)
    tmp_path.chmod(0o755)
    assert_compiled_in_memory(load_anew())
    assert list(tmp_path.iterdir()) == []


def test_without_a_home_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        message = "Could not determine home directory."
        raise RuntimeError(message)

    monkeypatch.delenv("LOSSARY_CACHE_DIR", raising=False)
    monkeypatch.setattr(Path, "home", fail)
    assert_compiled_in_memory(load_anew())


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LOSSARY_CACHE_DIR", "~/kernels")
    assert cache.folder() == tmp_path / "kernels"


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
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(cache, "sys", types.SimpleNamespace(platform=platform))
    assert cache.folder() == tmp_path / expected


# --- files ------------------------------------------------------------------------------------
def with_digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest() + content


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: bytes(len(content)),
        lambda content: content[:4096] + bytes(len(content) - 4096),
        lambda content: flip(content, 0),
        # Eight bytes of machine code: this would crash the process, not raise.
        lambda content: (
            flip(content, content.index(b"\x7fELF") + 70)
            if b"\x7fELF" in content
            else flip(content, len(content) // 2)
        ),
        lambda content: with_digest(b"no pickle"),
        lambda content: with_digest(pickle.dumps("something else")),
        lambda content: with_digest(pickle.dumps(tuple(range(9)))),
        lambda content: with_digest(b"cno_such_module\nname\n."),
    ],
)
def test_a_damaged_file_is_compiled_anew_and_mended(place: Path, damage: Any) -> None:
    assert_compiled(load_anew())
    path = only_file(place)
    path.write_bytes(damage(path.read_bytes()))
    assert_compiled(load_anew())
    assert_read(load_anew())


@posix_only
@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_a_file_open_to_others_is_not_read(place: Path, mode: int) -> None:
    load_anew()
    only_file(place).chmod(mode)
    assert_compiled(load_anew())
    assert only_file(place).stat().st_mode & 0o777 == 0o600
    assert_read(load_anew())


@posix_only
def test_a_file_of_another_user_is_not_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_anew()
    owner = place.stat().st_uid
    cache.folder()  # found safe; what is in it now belongs to somebody else
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert_compiled(load_anew())


def test_a_folder_in_the_place_of_a_file(place: Path) -> None:
    load_anew()
    path = only_file(place)
    path.unlink()
    path.mkdir()
    assert_compiled(load_anew())
    assert_compiled(load_anew())


def test_a_folder_that_is_gone(place: Path) -> None:
    load_anew()
    only_file(place).unlink()
    place.rmdir()
    assert_compiled(load_anew())
    assert not place.exists()


@pytest.mark.parametrize("step", ["tempfile.mkstemp", "os.fdopen", "os.replace"])
@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_what_cannot_be_written_is_compiled_in_memory(
    place: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(step, fail)
        assert_compiled(load_anew())
    assert list(place.iterdir()) == []  # no temporary file is left either
    assert_compiled(load_anew())
    assert_read(load_anew())


@posix_only
def test_a_read_only_folder_is_still_read(place: Path) -> None:
    load_anew()
    place.chmod(0o500)
    try:
        if os.access(place, os.W_OK):
            pytest.skip("this user may write anywhere")
        assert_read(load_anew())
        assert_compiled(load_anew(SOURCE + "# another\n"))
    finally:
        place.chmod(0o700)


# --- many at once -----------------------------------------------------------------------------
def test_threads_that_ask_for_one_kernel_compile_it_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_slowly(source: str, name: str) -> Any:
        time.sleep(0.2)
        return make(source, name)

    make = cache._make
    monkeypatch.setattr(cache, "_make", make_slowly)
    together = threading.Barrier(8, timeout=60)
    kernels: list[Any] = []

    def ask() -> None:
        together.wait()
        kernel = cache.load(SOURCE, "kernel")
        assert_doubles(kernel, "float64")
        kernels.append(kernel)

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(120)
    assert len(kernels) == 8
    assert len({id(kernel) for kernel in kernels}) == 1
    assert_compiled(kernels[0])


def test_processes_that_ask_for_one_kernel(place: Path) -> None:
    processes = [start(_PROCESS) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert {finish(process) for process in processes} <= {"0 1", "1 0"}
    only_file(place)
    assert finish(start(_PROCESS)) == "1 0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_loads_kernels(place: Path) -> None:
    script = """
        import os, signal, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from lossary.kernels import cache

        cache._lock.acquire()  # as if another thread had been loading a kernel at the fork
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # a child that hangs must not stay behind
            cache.load("def kernel(): pass", "kernel")
            os._exit(7)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status))
    """
    assert finish(start(script)) == "7"


def test_nothing_is_said_about_it(place: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_anew()
        load_anew()
    assert caught == []
