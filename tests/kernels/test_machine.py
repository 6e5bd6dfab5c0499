"""What is known of a processor without LLVM, and what LLVM said of it, kept in the cache."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossary.kernels import cache, machine
from lossary.kernels import compile as compiler

X86 = """\
processor\t: {number}
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: some processor
stepping\t: 8
cpu MHz\t\t: {frequency}
flags\t\t: fpu avx2 {flags}
bogomips\t: 5200.00

"""
ARM = """\
processor\t: {number}
BogoMIPS\t: 243.75
Features\t: fp asimd {flags}
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1

"""
OTHER = "processor : {number}\nhart : 0\nisa : rv64imafdc {flags}\n\n"


@pytest.fixture
def told(tmp_path: Path) -> Any:
    """Return what is read from a file of two processors."""

    def read(form: str, flags: str = "fma", frequency: str = "2600.000") -> list[str] | None:
        path = tmp_path / "cpuinfo"
        path.write_text(
            "".join(form.format(number=k, flags=flags, frequency=frequency) for k in range(2))
        )
        return machine._cpuinfo(str(path))

    return read


def test_the_kind_of_a_processor_is_told_by_its_features(told: Any) -> None:
    assert told(X86) == ["GenuineIntel", "6", "143", "8", "fpu avx2 fma"]
    assert told(X86, "fma avx512f") != told(X86)
    assert told(X86, frequency="800.000") == told(X86)
    assert told(ARM) == ["0x41", "8", "0x3", "0xd0c", "fp asimd fma"]
    assert told(ARM, "sve") != told(ARM)
    assert told(OTHER) is None
    assert told("") is None


needs_description = pytest.mark.skipif(
    machine.description() is None, reason="needs Linux on x86-64 or 64-bit ARM, and llvmlite"
)


@needs_description
def test_a_description_is_that_of_processor_and_compiler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = machine.description()
    assert machine.description() == known
    found: list[Any] = [known]
    with monkeypatch.context() as patched:
        patched.setattr(machine, "_cpuinfo", lambda: ["another processor"])
        found.append(machine.description())
    with monkeypatch.context() as patched:  # as an emulator has it
        features = types.SimpleNamespace(__cpu_features__={"SSE": True})
        patched.setitem(sys.modules, "numpy._core._multiarray_umath", features)
        found.append(machine.description())
    with monkeypatch.context() as patched:
        library = tmp_path / "binding" / "libllvmlite.so"
        library.parent.mkdir()
        library.write_bytes(b"another compiler")
        package = types.SimpleNamespace(origin=str(tmp_path / "__init__.py"))
        patched.setattr(importlib.util, "find_spec", lambda _: package)
        found.append(machine.description())
        library.write_bytes(b"one more compiler")
        found.append(machine.description())
    assert None not in found
    assert len(set(found)) == 5


@needs_description
@pytest.mark.parametrize("missing", ["llvmlite", "its library", "features", "Linux"])
def test_where_something_is_missing_there_is_no_description(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    if missing == "llvmlite":
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    if missing == "its library":
        package = types.SimpleNamespace(origin=str(tmp_path / "__init__.py"))
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: package)
    if missing == "features":
        monkeypatch.setitem(sys.modules, "numpy._core._multiarray_umath", types.SimpleNamespace())
    if missing == "Linux":
        monkeypatch.setattr(sys, "platform", "darwin")
    assert machine.description() is None


# --- what LLVM says ---------------------------------------------------------------------------
@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder, and a machine that is described."""
    monkeypatch.setenv("LOSSARY_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setattr(machine, "description", lambda: "some machine")
    cache._checked.cache_clear()
    yield tmp_path / "kernels"
    cache._checked.cache_clear()


def ask(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, int]:
    """Return what is known of the processor, as a new process finds it, and how often LLVM says."""
    asked = []
    binding = compiler._binding

    def counted() -> Any:
        asked.append(0)
        return binding()

    with monkeypatch.context() as patched:
        patched.setattr(compiler, "_binding", counted)
        return compiler._target.__wrapped__(), len(asked)


def test_llvm_is_asked_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import llvmlite

    first, asked = ask(monkeypatch)
    assert asked == 1
    assert llvmlite.__version__ in first[2]
    assert ask(monkeypatch) == (first, 0)
    assert [path.name.partition("_")[0] for path in place.iterdir()] == ["processor"]


@pytest.mark.parametrize("damage", ["cut", "another machine", "another package", "off"])
def test_llvm_is_asked_again(place: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    first, _ = ask(monkeypatch)
    if damage == "cut":
        (path,) = place.iterdir()
        path.write_bytes(path.read_bytes()[:-1])
    if damage == "another machine":
        monkeypatch.setattr(machine, "description", lambda: "another machine")
    if damage == "another package":
        monkeypatch.setattr(cache, "_sources", lambda: "other files")
    if damage == "off":
        monkeypatch.setenv("LOSSARY_CACHE_DIR", "off")
    assert ask(monkeypatch) == (first, 1)


def test_a_machine_that_is_not_described_is_not_kept(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "description", lambda: None)
    assert ask(monkeypatch)[1] == 1
    assert ask(monkeypatch)[1] == 1
    assert not place.exists()


def test_numpy_tells_which_features_are_usable() -> None:
    """It is what ``numpy.show_runtime`` reads; without it LLVM would be asked every time."""
    told = sys.modules[f"{np.__name__}._core._multiarray_umath"].__cpu_features__
    assert set(map(type, told.values())) == {bool}
