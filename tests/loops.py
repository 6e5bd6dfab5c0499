"""Loops around functions of lanes, compiled once and run on arrays."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from lossary.kernels import compile as compiler
from lossary.kernels import functions
from lossary.kernels.code import Code
from lossary.kernels.lanes import LANES, Lanes

#: Types of lanes by NumPy's dtypes; bfloat16 is its bits.
TYPES = {
    "float16": "f16",
    "float32": "f32",
    "float64": "f64",
    "int32": "i32",
    "int64": "i64",
    "uint16": "i16",
    "int8": "i8",
}
DTYPES = {type_: dtype for dtype, type_ in TYPES.items()}

Function = Callable[..., Lanes]


def apply(function: Function, *arrays: Any, result: str = "") -> Any:
    """Return a function of lanes for every element; ``result`` is a type other than the first's."""
    arrays = tuple(map(np.ascontiguousarray, arrays))
    types = tuple(TYPES[x.dtype.name] for x in arrays)
    out = np.empty(arrays[0].shape, DTYPES[result or types[0]])
    loop = compiled(function, types, result or types[0])
    loop(out.size, *(x.ctypes.data for x in (*arrays, out)))
    return out


@functools.cache
def compiled(function: Function, types: tuple[str, ...], result: str) -> Any:
    """Return the compiled loop, called with a count and addresses."""
    return runnable(loop_text(function, types, result), len(types) + 1)


def runnable(text: str, pointers: int, *target: str) -> Any:
    """Return the function "loop" of a module, compiled for this or another processor."""
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_void_p] * pointers)
    return compiler.linked(compiler.object_code(text, *target), "loop").function(prototype)


def loop_text(function: Function, types: tuple[str, ...], result: str, name: str = "loop") -> str:
    """Write ``out[i] = function(x[i], ...)``: full vectors, then a masked one."""
    names = [f"x{k}" for k in range(len(types))]
    code = Code(name, {"count": "i64", **dict.fromkeys([*names, "out"], "ptr")})
    given, count = code.given, code.given["count"]

    def element(name: str, index: Lanes, type_: str) -> Lanes:
        return code.at(given[name], index, type_)

    def full(index: Lanes, _: list[Lanes]) -> list[Lanes]:
        pairs = zip(names, types, strict=True)
        x = [code.load(element(name, index, type_), type_) for name, type_ in pairs]
        code.store(function(*x), element("out", index, result))
        return []

    def rest(index: Lanes, _: list[Lanes]) -> list[Lanes]:
        mask = code.iota() < count - index
        pairs = zip(names, types, strict=True)
        x = [code.load_part(element(name, index, type_), type_, mask, 1) for name, type_ in pairs]
        code.store_part(function(*x), element("out", index, result), mask)
        return []

    whole = count & -LANES
    code.loop(whole, LANES, [], full)
    code.loop(count, LANES, [], rest, start=whole)
    return code.text()


def below(x: Lanes, top: Lanes) -> Lanes:
    """Return exp(x - top) for x <= top, with what belongs to top computed on the spot."""
    kind, wide = x.type, top.to("f64")
    origin = functions.below_origin(wide, kind)
    most = (wide == origin).select(0.0, wide - origin)
    prepared = (functions.below_least, functions.below_shift, functions.below_factor)
    given = [origin, most, *(prepare(most, kind) for prepare in prepared)]
    return functions.exp_below(x, *(value.to(kind) for value in given)) * 2.0**-functions.LIFT
