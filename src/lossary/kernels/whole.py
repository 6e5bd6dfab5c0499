"""Kernels of many chunks as built-in functions: all of a call in one run of machine code.

A million elements drive Python's own data out of the caches: the code around a kernel takes 40 us
instead of 10, and 110 with a helper, which falls asleep meanwhile. Here threads that wait are
offered the chunks, and totals are added up, without returning to Python. If not enough helpers
wait, the function refuses, and the call that wakes them answers.
"""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

import numpy as np

from lossary.kernels import shared, threads
from lossary.kernels.direct import Call, Direct
from lossary.kernels.object_memory import PARTIALS, SHARED_WORDS, Whole

_FIELDS = tuple(name for name, *_ in Whole._fields_)


def whole_call(call: Call, chunks: int) -> Call | None:
    """Return a call of all chunks of a kernel; None if there are too many.

    ``call`` is that of its first chunk. Its function takes the crew after all other arrays.
    """
    length = call.words - 2
    if chunks * call.totals > PARTIALS or length > SHARED_WORDS - 2:
        return None
    given = {
        "refused": 0,
        "chunks": chunks,
        "totals": call.totals,
        "length": length,
        "kernel": call.kernel.address,
        "give_way": _give_way(),
        "crew": 0,  # known when it is called
        **{name: shared.machine_code(name).address for name in ("take", "offer", "lead")},
    }
    head = (*(given[name] for name in _FIELDS), *call.head[2:])
    return call._replace(
        kernel=shared.machine_code("whole"),
        kept=call.kernel,
        head=head,
        given=(*call.given, _FIELDS.index("crew") - len(head)),
    )


def with_crew(function: Direct, chunks: int) -> Direct:
    """Return the function of such a call without its last argument."""

    def run(request: Any, *made: Any) -> float | None:
        pool = threads.pool()
        slots, size = ctypes.addressof(pool.slots), min(pool.size, threads.SLOTS)
        crew = np.array((threads.helpers_for(chunks), slots, size), np.int64)
        return function(request, *made, crew)

    return run


@functools.cache
def _give_way() -> int:
    """Return the address of the system's function that lets other threads run."""
    if os.name == "nt":
        found = ctypes.CDLL("kernel32").SwitchToThread
    else:
        found = ctypes.CDLL(None).sched_yield
    return ctypes.cast(found, ctypes.c_void_p).value or 0
