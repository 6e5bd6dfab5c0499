"""Images of object files: what is linked, what has no image, and that code in them computes."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import arm
import numpy as np
import pytest

from lossary.kernels import compile as compiler
from lossary.kernels import image, linker

ARM = arm.TARGET
X86_64 = "x86-64-v3", "", "x86_64-unknown-linux-gnu"
LINKS = platform.system() == "Linux" and platform.machine() in ("x86_64", "aarch64")

#: Constants, tables of them, a choice by table, and a function besides: all that kernels link.
TEXT = """\
@table = private unnamed_addr constant [4 x double] [double 1.5, double 2.5, double 3.5, double 9.5]

define internal double @chosen(i64 %k, double %x) noinline {
  switch i64 %k, label %other [ i64 0, label %a i64 1, label %b i64 2, label %c i64 3, label %d
                                i64 4, label %e ]
a:
  %at.0 = fadd double %x, 0x3FB999999999999A
  ret double %at.0
b:
  %at.1 = fmul double %x, 0x3FC999999999999A
  ret double %at.1
c:
  %at.2 = fsub double %x, 0x3FD3333333333333
  ret double %at.2
d:
  %at.3 = fdiv double %x, 0x3FD999999999999A
  ret double %at.3
e:
  %at.4 = fdiv double 0x3FE3333333333333, %x
  ret double %at.4
other:
  ret double 0x3FE6666666666666
}

define void @kernel(ptr %words) {
  %k = load i64, ptr %words
  %place = getelementptr double, ptr @table, i64 %k
  %x = load double, ptr %place
  %found = call double @chosen(i64 %k, double %x)
  %vector.place = getelementptr i64, ptr %words, i64 2
  %vector = load <16 x float>, ptr %vector.place, align 8
  %scaled = fmul <16 x float> %vector, <float 1.0, float 2.0, float 3.0, float 4.0, float 5.0,
    float 6.0, float 7.0, float 8.0, float 9.0, float 10.0, float 11.0, float 12.0, float 13.0,
    float 14.0, float 15.0, float 16.0>
  store <16 x float> %scaled, ptr %vector.place, align 8
  %out = getelementptr i64, ptr %words, i64 1
  store double %found, ptr %out
  ret void
}
"""
EXPECTED = [1.5 + 0.1, 2.5 * 0.2, 3.5 - 0.3, 9.5 / 0.4]


def words(k: int) -> np.ndarray:
    """Return which number to choose, room for the result, and sixteen ones."""
    return np.concatenate([np.array([k, 0]).view(np.float32), np.ones(16, np.float32)])


def assert_computed(k: int, after: np.ndarray) -> None:
    assert after[2:4].view(np.float64)[0] == EXPECTED[k]
    np.testing.assert_array_equal(after[4:], np.arange(1, 17))


@pytest.mark.skipif(not LINKS, reason="needs Linux on x86-64 or 64-bit ARM")
def test_an_image_computes_what_was_written() -> None:
    made = linker.link(compiler.object_code(TEXT), "kernel")
    assert made is not None
    memory, address = image.mapped(made)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
    for k in range(4):
        given = words(k)
        function(given.ctypes.data)
        assert_computed(k, given)
    del memory


@pytest.mark.skipif(arm.missing() != "", reason=f"needs {arm.missing()}")
def test_an_image_computes_on_arm(tmp_path: Path) -> None:
    for k in range(4):
        ((after,),) = arm.run([arm.Call("kernel", TEXT, (words(k),))], tmp_path, images=True)
        assert_computed(k, after)


@pytest.mark.parametrize("target", [X86_64, ARM])
@pytest.mark.parametrize(
    "text",
    [
        "declare double @sin(double)\n"
        "define double @kernel(double %x) { %y = call double @sin(double %x) ret double %y }",
        "@state = internal global i64 0\n"
        "define void @kernel(i64 %x) { store i64 %x, ptr @state ret void }",
        "@state = internal global i64 7\n"
        "define void @kernel(i64 %x) { store i64 %x, ptr @state ret void }",
        "@state = thread_local global i64 0\n"
        "define ptr @kernel() { ret ptr @state }",
        "@other = external global i64\n"
        "define ptr @kernel() { ret ptr @other }",
        "define void @another() { ret void }",
        "declare void @kernel()\ndefine void @another() { call void @kernel() ret void }",
    ],
)  # fmt: skip
def test_what_needs_more_than_code_and_constants_has_no_image(
    text: str, target: tuple[str, ...]
) -> None:
    assert linker.link(compiler.object_code(text, *target), "kernel") is None


def test_a_damaged_object_file_has_no_image_or_one_of_its_code() -> None:
    """Whatever the bytes are: nothing is raised, nothing but the file is read."""
    made = compiler.object_code(TEXT, *X86_64)
    whole = linker.link(made, "kernel")
    assert whole is not None
    for length in range(0, len(made), 7):
        assert linker.link(made[:length], "kernel") is None
    chosen = np.random.default_rng(7)
    for place in chosen.integers(0, len(made), 500):
        damaged = bytearray(made)
        damaged[place] ^= 1 << int(chosen.integers(8))
        found = linker.link(bytes(damaged), "kernel")
        assert found is None or isinstance(found, bytes)


def test_other_systems_object_files_have_no_image() -> None:
    for triple in ("x86_64-pc-windows-msvc", "arm64-apple-macosx", "riscv64-unknown-linux-gnu"):
        assert linker.link(compiler.object_code(TEXT, "", "", triple), "kernel") is None


@pytest.mark.parametrize("given", [b"", b"lossary\0", b"\x7fELF" + bytes(60), bytes(100)])
def test_what_is_no_image_is_not_mapped(given: bytes) -> None:
    with pytest.raises(RuntimeError):
        image.mapped(given)
