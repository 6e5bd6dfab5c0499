"""What tells this processor and this compiler from others, without asking the compiler."""

from __future__ import annotations

import importlib.util
import os
import sys

#: What Linux says of a processor that programs can tell, as its frequency is not.
_TOLD = ("vendor_id", "cpu family", "model", "stepping", "flags")
_TOLD_BY_ARM = ("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features")


def description() -> str | None:
    """Return text that is another wherever LLVM names another processor; None if there is none.

    It has what the system says of the first processor, what NumPy found by asking the processor
    itself (an emulator may have less than the system says), and the state of LLVM's library.
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
        told = _told()
    except (OSError, ValueError):  # ValueError: a module that tells nothing of where it is from
        return None
    if told is None:
        return None
    usable = ",".join(name for name, is_usable in found.items() if is_usable)
    return repr((library, state.st_size, state.st_mtime_ns, os.uname().machine, usable, told))


def _told(source: str = "/proc/cpuinfo") -> list[str] | None:
    """Return what Linux says of the first processor; None if features are not part of it."""
    text = b""
    # A hundred processors are hundreds of kilobytes: only the beginning is read.
    with open(source, "rb", buffering=0) as file:
        while b"\n\n" not in text and (more := file.read(1 << 14)):
            text += more
    first = text.partition(b"\n\n")[0].decode(errors="replace")
    lines = [line.partition(":") for line in first.splitlines()]
    told = {name.strip(): value.strip() for name, _, value in lines}
    for names in (_TOLD, _TOLD_BY_ARM):
        if names[-1] in told:
            return [told.get(name, "") for name in names]
    return None
