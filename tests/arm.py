"""Kernels compiled for 64-bit ARM, linked by Debian's cross compiler and run by an emulator."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lossary.kernels import compile as compiler
from lossary.kernels import linker

TARGET = "generic", "", "aarch64-unknown-linux-gnu"
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64-static"

_PROGRAM = """\
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void *given(size_t size) {
  void *memory = aligned_alloc(64, (size + 64) / 64 * 64);
  if (memory == 0 || fread(memory, 1, size, stdin) != size) exit(2);
  return memory;
}

%s
int main(void) {
%s  return fflush(stdout) != 0;
}
"""


@dataclass(frozen=True)
class Call:
    """A kernel's name, its module's text, and its arguments: integers, numbers and arrays.

    Words, a tuple, are one argument: the address of integers and numbers of eight bytes, and of the
    addresses of arrays.
    """

    name: str
    text: str
    arguments: tuple[Any, ...]

    @property
    def arrays(self) -> list[Any]:
        """The arrays among the arguments, those among words too."""
        given = [x for a in self.arguments for x in (a if isinstance(a, tuple) else (a,))]
        return [x for x in given if isinstance(x, np.ndarray)]


def missing() -> str:
    """Return which of the programs needed is not here, "" if all are."""
    return " and ".join(name for name in (COMPILER, EMULATOR) if shutil.which(name) is None)


def run(calls: list[Call], folder: Path, images: bool = False) -> list[list[Any]]:
    """Return the arrays of each call after it; ``images`` are run instead of object files."""
    declared, body, objects, memory = {}, [], [], []
    for call in calls:
        code = compiler.object_code(call.text, *TARGET)
        objects.append(_image(call.name, code, folder) if images else folder / f"{call.name}.o")
        if not images:
            objects[-1].write_bytes(code)
        declared[call.name] = ", ".join(map(_kind, call.arguments))
        memory += call.arrays
        body.append(_statements(call))
    source = folder / "program.c"
    declarations = [f"void {name}({kinds});\n" for name, kinds in declared.items()]
    source.write_text(_PROGRAM % ("".join(declarations), "".join(body)))
    program = folder / "program"
    subprocess.run([COMPILER, "-static", "-o", program, source, *objects], check=True)
    written = b"".join(x.tobytes() for x in memory)
    out = subprocess.run([EMULATOR, program], input=written, check=True, capture_output=True).stdout
    results: list[list[Any]] = []
    for call in calls:
        results.append([])
        for x in call.arrays:
            results[-1].append(np.frombuffer(out[: x.nbytes], x.dtype).reshape(x.shape))
            out = out[x.nbytes :]
    assert out == b""
    return results


def _image(name: str, code: bytes, folder: Path) -> Path:
    """Return a source file that puts an image at the beginning of a page."""
    made = linker.link(code, name)
    assert made is not None
    start = int.from_bytes(made[8:16], "little")
    (folder / f"{name}.image").write_bytes(made[16:])
    source = folder / f"{name}.s"
    source.write_text(
        f'.section .text.{name}, "ax"\n.balign 4096\nbase:\n.incbin "{folder / name}.image"\n'
        f".global {name}\n.type {name}, %function\n.set {name}, base + {start}\n"
    )
    return source


def _kind(argument: Any) -> str:
    if isinstance(argument, np.ndarray | tuple):
        return "void *"
    return "double" if isinstance(argument, float) else "int64_t"


def _statements(call: Call) -> str:
    lines: list[str] = []
    arrays: list[tuple[str, int]] = []

    def spelled(argument: Any) -> str:
        if not isinstance(argument, np.ndarray):
            return repr(argument)
        name = f"a{len(arrays)}"
        arrays.append((name, argument.nbytes))
        lines.append(f"    void *{name} = given({argument.nbytes});\n")
        return name

    def word(argument: Any) -> str:
        if isinstance(argument, float):
            return hex(struct.unpack("Q", struct.pack("d", argument))[0])
        return f"(int64_t){spelled(argument)}"

    names = []
    for k, argument in enumerate(call.arguments):
        if isinstance(argument, tuple):
            words = ", ".join(map(word, argument))
            lines.append(f"    int64_t w{k}[] = {{{words}}};\n")
            names.append(f"w{k}")
        else:
            names.append(spelled(argument))
    lines.append(f"    {call.name}({', '.join(names)});\n")
    lines += [f"    fwrite({name}, 1, {size}, stdout);\n" for name, size in arrays]
    return "  {\n" + "".join(lines) + "  }\n"
