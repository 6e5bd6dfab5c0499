"""MLX's compiler on Linux: the header of all kernels is compiled once per run.

MLX compiles each kernel for processors with a call of g++, and four fifths of that are one header:
1.25 s of processor time for a kernel, 0.22 s with the header precompiled. The suite needs some 400
kernels; their machine code is the same, byte for byte.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

_HEADER = "mlx/backend/cpu/compiled_preamble.h"
# MLX's own options but for warnings: g++ ignores a header that was precompiled with others.
_OPTIONS = ("-std=c++17", "-O3", "-fPIC", "-w", "-x", "c++-header")


def precompile() -> Callable[[], None]:
    """Start precompiling the header; return what removes it."""
    found = importlib.util.find_spec("mlx")
    if found is None or sys.platform != "linux" or shutil.which("g++") is None:
        return lambda: None
    include = Path(next(iter(found.submodule_search_locations or ())), "include")
    # The folder of the kernels' sources: g++ looks there before it looks at MLX's headers.
    folder = Path(tempfile.gettempdir(), "mlx", importlib.metadata.version("mlx"), "cpu")
    made = folder / f"{_HEADER}.gch"
    if made.exists() or not (include / _HEADER).exists():
        return lambda: None
    made.parent.mkdir(parents=True, exist_ok=True)
    # g++ would read a file that is half written, and another run may be at it too.
    part = made.with_suffix(f".{os.getpid()}")
    command = ["g++", *_OPTIONS, f"-I{include}", include / _HEADER, "-o", part]
    script = 'part=$1; shift; "$@" && mv "$part" "$0"'
    process = subprocess.Popen(
        ["sh", "-c", script, made, part, *command], stderr=subprocess.DEVNULL
    )

    def remove() -> None:
        process.wait()
        for path in (part, made):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another run has a file there, or was first
            for parent in made.parents[: _HEADER.count("/")]:
                parent.rmdir()

    return remove


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """Run MLX's operations one by one."""
    import mlx.core as mx

    mx.disable_compile()
    try:
        yield
    finally:
        mx.enable_compile()
