"""Memory offsets and structs of Python objects, NumPy arrays and DLPack descriptions."""

from __future__ import annotations

import ctypes

#: Maximum number of words of a kernel that a built-in function calls, and of its totals.
WORDS, TOTALS = 48, 16
#: Maximum number of words of a kernel whose chunks threads share.
SHARED_WORDS = 512
#: Maximum number of totals of all chunks of a kernel that a built-in function runs.
PARTIALS = 2048
#: Size of the object header; its last word is the type.
HEAD = object.__basicsize__
#: Offsets of the items of a tuple and of the content of bytes.
ITEMS, CONTENT = tuple.__basicsize__, bytes.__basicsize__ - 1


class Block(ctypes.Structure):
    """Header of the data that a built-in function reads."""

    _fields_ = (
        ("kernel", ctypes.c_void_p),
        ("describe", ctypes.c_void_p),  # DLPack's function; 0 for NumPy's arrays
        ("none", ctypes.c_void_p),
        ("float", ctypes.c_void_p),  # Python's type
        ("new_reference", ctypes.c_void_p),
        ("new_float", ctypes.c_void_p),
        ("save_thread", ctypes.c_void_p),
        ("restore_thread", ctypes.c_void_p),
        ("clear_error", ctypes.c_void_p),
        ("items", ctypes.c_int64),
        ("words", ctypes.c_int64),
        ("given", ctypes.c_int64),  # how many arrays are given besides the request
        ("totals", ctypes.c_int64),
        ("values", ctypes.c_int64),  # how many totals make the result; others must be 0
        ("shared", ctypes.c_int64),  # whether to release the GIL
        ("factor", ctypes.c_double),
    )


class Whole(ctypes.Structure):
    """The first words of the code that runs all chunks of a kernel; the kernel's follow."""

    _fields_ = (
        ("refused", ctypes.c_int64),  # 1 if not enough helpers wait
        ("chunks", ctypes.c_int64),
        ("totals", ctypes.c_int64),  # of a chunk
        ("length", ctypes.c_int64),  # of the kernel's words, without the first two
        ("kernel", ctypes.c_void_p),
        ("take", ctypes.c_void_p),
        ("offer", ctypes.c_void_p),
        ("lead", ctypes.c_void_p),
        ("give_way", ctypes.c_void_p),  # the system's function that lets other threads run
        ("crew", ctypes.c_void_p),  # how many helpers to use, the slots, how many these are
    )


class NumpyArray(ctypes.Structure):
    """Fields after the header of a NumPy array (PyArrayObject_fields of its C interface)."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("nd", ctypes.c_int),
        ("dimensions", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
        ("base", ctypes.c_void_p),
        ("descr", ctypes.c_void_p),
    )


class Tensor(ctypes.Structure):
    """DLPack's description of an array (DLTensor)."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", ctypes.c_int64),
        ("kind", ctypes.c_int64),  # the number of axes and the dtype
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("offset", ctypes.c_int64),
    )


class Exchange(ctypes.Structure):
    """DLPack's functions for one type of arrays (DLPackExchangeAPI)."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("older", ctypes.c_void_p),
        ("allocate", ctypes.c_void_p),
        ("managed", ctypes.c_void_p),
        ("to_object", ctypes.c_void_p),
        ("describe", ctypes.c_void_p),
    )
