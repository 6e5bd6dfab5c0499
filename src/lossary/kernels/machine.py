"""Identify this processor and the installed compiler without loading the compiler."""

from __future__ import annotations

import importlib.util
import os
import sys

#: Fields of /proc/cpuinfo that identify a processor; its frequency varies.
_FIELDS = ("vendor_id", "cpu family", "model", "stepping", "flags")
_ARM_FIELDS = ("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features")


def description() -> str | None:
    """Return text that differs wherever LLVM would report another processor; None if unknown.

    It contains the system's description of the first processor, the features that NumPy detected
    (an emulator may lack some that the system lists), and the state of LLVM's library file.
    """
    if sys.platform != "linux":
        return None
    found = getattr(sys.modules.get("numpy._core._multiarray_umath"), "__cpu_features__", None)
    try:
        package = importlib.util.find_spec("llvmlite")
        if not found or package is None or package.origin is None:
            return None
        library = os.path.join(os.path.dirname(package.origin), "binding", "libllvmlite.so")
        state = os.stat(library)
        fields = _cpuinfo()
    except (OSError, ValueError):  # ValueError: a module without a spec
        return None
    if fields is None:
        return None
    usable = ",".join(name for name, is_usable in found.items() if is_usable)
    return repr((library, state.st_size, state.st_mtime_ns, os.uname().machine, usable, fields))


def _cpuinfo(source: str = "/proc/cpuinfo") -> list[str] | None:
    """Return the fields of the first processor; None if its features are not listed."""
    text = b""
    # Read only the beginning: a hundred processors take hundreds of kilobytes.
    with open(source, "rb", buffering=0) as file:
        while b"\n\n" not in text and (more := file.read(1 << 14)):
            text += more
    first = text.partition(b"\n\n")[0].decode(errors="replace")
    lines = [line.partition(":") for line in first.splitlines()]
    fields = {name.strip(): value.strip() for name, _, value in lines}
    for names in (_FIELDS, _ARM_FIELDS):
        if names[-1] in fields:
            return [fields.get(name, "") for name in names]
    return None
