"""Compile LLVM IR to machine code for this processor; cache it in memory and on disk.

LLVM may not reorder or fuse arithmetic and does not vectorise, so results do not depend on the
processor. Only one optimisation pass runs (instruction combining): kernels contain little that the
others would remove, and the full pipeline takes longer than code generation.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from lossary.kernels import cache, image, machine

#: Maximum number of kernels that the in-memory cache keeps alive.
KEPT = 512
# LLVM has no linker for small relocatable code on Windows, so use the large code model there.
_SMALL = os.name != "nt"

_compiled: OrderedDict[tuple[str, ...], Compiled] = OrderedDict()
_numbers = itertools.count()
_lock = threading.Lock()
_importing = threading.Lock()

Prototype = TypeVar("Prototype")


class Compiled:
    """A function's machine code in memory, which is freed together with this object."""

    __slots__ = ("_memory", "address")

    def __init__(self, memory: Any, address: int) -> None:
        self._memory = memory
        self.address = address

    def function(self, prototype: Callable[[int], Prototype]) -> Prototype:
        """Return a ``ctypes`` function of this prototype that keeps the machine code alive."""
        function = prototype(self.address)
        function.compiled = self  # type: ignore[attr-defined]
        return function


def load(key: str, name: str, text: Callable[[], str]) -> Compiled:
    """Return a function from memory or the cache folder; compile it if neither has it.

    Parameters
    ----------
    key : str
        Everything that the function's text depends on.
    name : str
        Name of the function.
    text : callable
        Returns the module as LLVM IR; called only if it must be compiled.
    """
    full_key = key, name, *processor()
    with _lock:
        found = _compiled.get(full_key)
        if found is None:
            found = _read_or_compile(full_key, name, text)
            _compiled[full_key] = found
            while len(_compiled) > KEPT:
                _compiled.popitem(last=False)
        else:
            _compiled.move_to_end(full_key)
    return found


def _read_or_compile(full_key: tuple[str, ...], name: str, text: Callable[[], str]) -> Compiled:
    file = cache.file_of(name, *full_key, _version())
    content = None if file is None else file.read()
    if content is not None:
        try:
            return Compiled(*image.mapped(content))
        except RuntimeError:  # an object file without an image, or no memory for images
            pass
        try:
            return linked(content, name)
        except RuntimeError:  # not an object file, or the function is missing
            pass
    with _importing:
        from lossary.kernels.linker import link

        written = text()
    made = object_code(written)
    found = link(made, name)
    if found is not None:
        try:
            compiled = Compiled(*image.mapped(found))
        except RuntimeError:
            found = None
    if file is not None:
        file.write(made if found is None else found)
    return linked(made, name) if found is None else compiled


def object_code(text: str, *target: str) -> bytes:
    """Return an object file with a module compiled for this processor.

    ``target`` selects another processor: its name, its features, and a triple if it differs.
    """
    machine = _machine(*(target or processor()))
    code: bytes = machine.emit_object(optimised(text, machine))
    return code


def assembly(text: str, *target: str) -> str:
    """Return a compiled module in the processor's assembly language, for people and tests."""
    machine = _machine(*(target or processor()))
    code: str = machine.emit_assembly(optimised(text, machine))
    return code


def linked(content: bytes, name: str) -> Compiled:
    """Load an object file; raise RuntimeError if that cannot be done."""
    builder = _binding().JITLibraryBuilder().add_object_img(content).export_symbol(name)
    library = builder.link(_linker(), f"{name}_{next(_numbers)}")
    return Compiled(library, library[name])


def optimised(text: str, machine: Any) -> Any:
    """Parse and verify a module of LLVM IR and run instruction combining on it."""
    llvm = _binding()
    module = llvm.parse_assembly(text)
    module.verify()
    passes = llvm.create_new_module_pass_manager()
    passes.add_instruction_combine_pass()
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    passes.run(module, llvm.create_pass_builder(machine, options))
    return module


def processor() -> tuple[str, str]:
    """Return LLVM's name of this processor and its features."""
    return _target()[:2]


def _version() -> str:
    """Return the version of the compiler."""
    return _target()[2]


@functools.cache
def _target() -> tuple[str, str, str]:
    """Return LLVM's name of this processor, its features, and the version of the compiler.

    They are cached on disk too, so that a cached kernel runs without importing LLVM.
    """
    known = machine.description()
    file = None if known is None else cache.file_of("processor", known)
    kept = None if file is None else file.read()
    if kept is not None:
        name, features, version = kept.decode().split("\n")
        return name, features, version
    llvm = _binding()
    name, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    version = f"{sys.modules['llvmlite'].__version__} {llvm.llvm_version_info}"
    if file is not None:
        file.write("\n".join((name, features, version)).encode())
    return name, features, version


@functools.cache
def is_available() -> bool:
    """Return whether kernels can be compiled: llvmlite works and the processor has fused FMA."""
    try:
        _, features = processor()
    except (ImportError, OSError):  # not installed, or built for another system
        return False
    return "-fma" not in features.split(",")  # only x86 lists it as missing


@functools.cache
def _machine(cpu: str, features: str, triple: str = "") -> Any:
    llvm = _binding()
    if triple:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple) if triple else llvm.Target.from_default_triple()
    form = {"codemodel": "small", "reloc": "pic"} if _SMALL else {"jit": True}
    return target.create_target_machine(cpu=cpu, features=features, opt=2, **form)


@functools.cache
def _linker() -> Any:
    return _binding().create_lljit_compiler(_machine(*processor()), use_jit_link=_SMALL)


@functools.cache
def _binding() -> Any:
    with _importing:
        import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


# --- forks ------------------------------------------------------------------------------------
def _llvm_lock() -> Any:
    """Return the lock that llvmlite holds while LLVM works, if it is loaded."""
    binding = sys.modules.get("llvmlite.binding.ffi")
    return getattr(getattr(binding, "lib", None), "_lock", contextlib.nullcontext())


def _before_fork() -> None:
    # Hold the import and LLVM locks across the fork, so that the child does not inherit a lock
    # owned by a thread that does not exist there.
    _importing.acquire()
    _held.lock = _llvm_lock()
    _held.lock.__enter__()


def _after_fork() -> None:
    _held.lock.__exit__(None, None, None)
    _importing.release()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()
    _after_fork()


_held = threading.local()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork,
        after_in_child=_after_fork_in_child,
    )
