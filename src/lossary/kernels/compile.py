"""LLVM's language to machine code of this processor, kept in memory and on disk.

LLVM may not reorder or fuse arithmetic and does not vectorise, so what a kernel computes does not
depend on the processor that it is compiled for. Its own simplifications are not run but for one:
kernels come without what they would remove, and the pipeline takes longer than code generation.
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

#: Kernels that stay in memory though nothing else holds them.
KEPT = 512
# Windows has no linker for small relocatable code, so there code assumes nothing of addresses.
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
        """Return the function of a ``ctypes`` type, which keeps its machine code alive."""
        function = prototype(self.address)
        function.compiled = self  # type: ignore[attr-defined]
        return function


def load(key: str, name: str, text: Callable[[], str]) -> Compiled:
    """Return a function, from memory, from the cache folder, or compiled now.

    Parameters
    ----------
    key : str
        What the function's text depends on, completely.
    name : str
        Name of the function.
    text : callable
        Writes the module in LLVM's language, if it must be compiled.
    """
    place = key, name, *processor()
    with _lock:
        found = _compiled.get(place)
        if found is None:
            found = _read_or_compile(place, name, text)
            _compiled[place] = found
            while len(_compiled) > KEPT:
                _compiled.popitem(last=False)
        else:
            _compiled.move_to_end(place)
    return found


def _read_or_compile(place: tuple[str, ...], name: str, text: Callable[[], str]) -> Compiled:
    file = cache.file_of(name, *place, _version())
    content = None if file is None else file.read()
    if content is not None:
        try:
            return Compiled(*image.mapped(content))
        except RuntimeError:  # an object file, as there is no image of it, or no memory for images
            pass
        try:
            return linked(content, name)
        except RuntimeError:  # no object file, or one without the function
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

    ``target`` names another one: a processor, its features, and a triple if it is of another kind.
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
    """Return a module of LLVM's language in the form that code generation takes best."""
    llvm = _binding()
    module = llvm.parse_assembly(text)
    module.verify()
    passes = llvm.create_new_module_pass_manager()
    passes.add_instruction_combine_pass()
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    passes.run(module, llvm.create_pass_builder(machine, options))
    return module


def processor() -> tuple[str, str]:
    """Return LLVM's name of this processor and the features that it has."""
    return _target()[:2]


def _version() -> str:
    """Return the version of the compiler."""
    return _target()[2]


@functools.cache
def _target() -> tuple[str, str, str]:
    """Return LLVM's name of this processor, its features, and the version of the compiler.

    They are kept in the cache folder: where the kernel is there too, LLVM is not needed.
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
    """Tell if kernels can be compiled: llvmlite works, and fused multiply-add is an instruction."""
    try:
        _, features = processor()
    except (ImportError, OSError):  # not installed, or not for this system
        return False
    return "-fma" not in features.split(",")  # other processors than Intel's kind all have it


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
    # No other thread imports the compiler or what writes code, or is inside LLVM then, or the child
    # would have locks that nobody releases.
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
