"""Registers, what Python's operators do with them, memory and loops."""

from __future__ import annotations

import ctypes
import math
import mmap
import operator
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from loops import DTYPES, apply, runnable

from lossary.kernels.code import Code
from lossary.kernels.lanes import LANES, Lanes

INF, NAN = math.inf, math.nan
_NO_ACCESS = 0
REAL = ["f32", "f64"]
INTEGER = ["i32", "i64"]

real_types = pytest.mark.parametrize("kind", REAL)
integer_types = pytest.mark.parametrize("kind", INTEGER)


def grid(kind: str) -> tuple[Any, Any]:
    """Return all pairs of some numbers."""
    if kind in REAL:
        values = np.array([0, -0.0, 1, -1, 0.1, -2.5, 3e30, INF, -INF, NAN], DTYPES[kind])
    else:
        values = np.array([0, 1, -1, 5, -7, 2**31 - 1, -(2**31)], DTYPES[kind])
    a, b = np.meshgrid(values, values)
    return a.ravel(), b.ravel()


def same(got: Any, expected: Any) -> bool:
    """Tell if two arrays agree, NaN with NaN and -0 not with 0."""
    equal = (got == expected) & (np.signbit(got) == np.signbit(expected))
    return bool((equal | ((got != got) & (expected != expected))).all())


def code_of(body: Callable[[Code, dict[str, Lanes]], None], *pointers: str) -> Any:
    """Compile a function of a count and addresses."""
    code = Code("loop", {"count": "i64", **dict.fromkeys(pointers, "ptr")})
    body(code, code.given)
    return runnable(code.text(), len(pointers))


def at(x: Any) -> int:
    return int(x.ctypes.data)


# --- arithmetic -------------------------------------------------------------------------------
@real_types
@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul, operator.truediv])
def test_arithmetic(operation: Any, kind: str) -> None:
    a, b = grid(kind)
    with np.errstate(all="ignore"):
        expected = operation(a, b)
        with_number, number_first = operation(a, a.dtype.type(0.1)), operation(3.0, a)
    assert same(apply(operation, a, b), expected)
    assert same(apply(lambda x: operation(x, 0.1), a), with_number)
    assert same(apply(lambda x: operation(3, x), a), number_first.astype(a.dtype))


@integer_types
@pytest.mark.parametrize(
    "operation",
    [operator.add, operator.sub, operator.mul, operator.and_, operator.or_, operator.xor],
)
def test_arithmetic_of_integers_wraps_round(operation: Any, kind: str) -> None:
    a, b = grid(kind)
    np.testing.assert_array_equal(apply(operation, a, b), operation(a, b))
    np.testing.assert_array_equal(apply(lambda x: operation(x, 6), a), operation(a, 6))


@integer_types
def test_quotients_of_counts(kind: str) -> None:
    a = np.arange(100, dtype=DTYPES[kind])
    np.testing.assert_array_equal(apply(lambda x: x // 7, a), a // 7)
    np.testing.assert_array_equal(apply(lambda x: x % 7, a), a % 7)


@real_types
def test_negative_changes_the_sign_alone(kind: str) -> None:
    a, _ = grid(kind)
    got = apply(operator.neg, a)
    word = f"u{a.itemsize}"
    top = np.array(1, word) << np.array(8 * a.itemsize - 1, word)
    np.testing.assert_array_equal(got.view(word), a.view(word) ^ top)


@integer_types
def test_negative_and_shifts_of_integers(kind: str) -> None:
    a, _ = grid(kind)
    np.testing.assert_array_equal(apply(operator.neg, a), -a)
    np.testing.assert_array_equal(apply(operator.invert, a), ~a)
    np.testing.assert_array_equal(apply(lambda x: x << 3, a), a << 3)
    zeros_come_in = (a.view(f"u{a.itemsize}") >> np.array(3, f"u{a.itemsize}")).view(a.dtype)
    np.testing.assert_array_equal(apply(lambda x: x >> 3, a), zeros_come_in)


def test_numbers_take_the_type_of_the_register() -> None:
    x = np.array([1], np.float32)
    assert apply(lambda lanes: lanes * 0.1, x)[0] == np.float32(0.1)
    assert apply(lambda lanes: lanes * 1e300, x)[0] == INF
    assert apply(lambda lanes: lanes * -1e300, x)[0] == -INF
    assert math.isnan(apply(lambda lanes: lanes + NAN, x)[0])


@real_types
def test_nothing_is_fused_or_reordered(kind: str) -> None:
    one = DTYPES[kind]
    tiny = float(np.finfo(one).eps)
    x = np.array([1 + tiny, 1 + 3 * tiny], one)
    assert same(apply(lambda a: a * a - 1.0, x), x * x - one_of(one))
    assert same(apply(lambda a: (a + 1e8) - 1e8, x), (x + np.array(1e8, one)) - np.array(1e8, one))
    fused = apply(lambda a: a.call("fma", a, -1.0), x)
    exact = [float(Fraction(float(value)) ** 2 - 1) for value in x]
    assert same(fused, np.array(exact, one))
    assert (fused != x * x - one_of(one)).any()


def one_of(dtype: str) -> Any:
    return np.array(1, dtype)


def test_operands_of_two_types_are_refused() -> None:
    code = Code("loop", {"count": "i64"})
    a, b = code.constant(1, "f32"), code.constant(1, "f64")
    with pytest.raises(TypeError, match="of one type, got f32 and f64"):
        a + b
    with pytest.raises(TypeError, match="must be a register"):
        (a > 0).select(1, 2)


def test_a_condition_has_no_value_yet() -> None:
    code = Code("loop", {"count": "i64"})
    with pytest.raises(TypeError, match="choose with select"):
        bool(code.constant(1, "f32") > 0)


# --- comparisons and masks --------------------------------------------------------------------
RELATIONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("kind", [*REAL, *INTEGER])
@pytest.mark.parametrize("relation", RELATIONS)
def test_comparisons(relation: Any, kind: str) -> None:
    a, b = grid(kind)
    got = apply(lambda x, y: relation(x, y).to("i8"), a, b, result="i8")
    np.testing.assert_array_equal(got, relation(a, b))
    got = apply(lambda x: relation(x, 1).to(kind), a)
    np.testing.assert_array_equal(got, relation(a, 1).astype(a.dtype))


@real_types
def test_masks_are_combined_and_choose(kind: str) -> None:
    a, b = grid(kind)

    def chosen(x: Lanes, y: Lanes) -> Lanes:
        inside = (x > 0) & (y > 0) | ~(x == x) ^ (y < -1)
        return inside.select(x, inside.select(y, 7))

    inside = (a > 0) & (b > 0) | ~(a == a) ^ (b < -1)
    assert same(apply(chosen, a, b), np.where(inside, a, np.array(7, a.dtype)))


# --- conversions ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("source", "target"),
    [
        *[(a, b) for a in ("f16", "f32", "f64") for b in ("f32", "f64")],
        ("f32", "f16"),
        *[(a, b) for a in ("i8", "i32", "i64") for b in ("f32", "f64", "i8", "i32", "i64")],
        *[(a, b) for a in REAL for b in INTEGER],
    ],
)
def test_conversions_round_to_nearest_and_keep_signs(source: str, target: str) -> None:
    values = [0, 1, -1, 100, -100, 7.5, -2.75, 0.1]
    if source in ("i32", "i64", "f32", "f64") and target in (*REAL, *INTEGER):
        values += [2**24 + 1, 2**24 + 3, -(2**30) - 1]
    x = np.array(values).astype(DTYPES[source])
    got = apply(lambda lanes: lanes.to(target), x, result=target)
    np.testing.assert_array_equal(got, x.astype(DTYPES[target]))


def test_integers_without_a_sign() -> None:
    x = np.array([0, 1, -1, -(2**31), 2**31 - 1], np.int32)
    wide = apply(lambda lanes: lanes.unsigned("i64"), x, result="i64")
    np.testing.assert_array_equal(wide, x.view(np.uint32))
    number = apply(lambda lanes: lanes.unsigned("f64"), x, result="f64")
    np.testing.assert_array_equal(number, x.view(np.uint32).astype(float))


@real_types
def test_bits_go_there_and_back(kind: str) -> None:
    x, _ = grid(kind)
    word = {"f32": "i32", "f64": "i64"}[kind]
    got = apply(lambda lanes: lanes.bits(), x, result=word)
    np.testing.assert_array_equal(got, x.view(DTYPES[word]))
    back = apply(lambda lanes: lanes.real(), got, result=kind)
    np.testing.assert_array_equal(back.view(DTYPES[word]), got)


# --- lanes ------------------------------------------------------------------------------------
def test_scalars_fill_all_lanes_and_lanes_become_scalars() -> None:
    def body(code: Code, given: dict[str, Lanes]) -> None:
        x = code.load(given["x"], "f64")
        code.store(x - x.lane(3), given["out"])
        code.store(x.lane(5).splat(), code.at(given["out"], LANES, "f64"))
        code.store(code.iota("i64").to("f64"), code.at(given["out"], 2 * LANES, "f64"))

    x, out = np.random.default_rng(0).normal(size=LANES), np.empty(3 * LANES)
    code_of(body, "x", "out")(0, at(x), at(out))
    expected = np.concatenate([x - x[3], np.full(LANES, x[5]), np.arange(LANES)])
    np.testing.assert_array_equal(out, expected)


def test_shuffles_pick_from_two_registers() -> None:
    order = [31, 0, 1, 17, 16, 2, 3, 4, 30, 29, 5, 6, 7, 8, 9, 15]

    def body(code: Code, given: dict[str, Lanes]) -> None:
        x, y = code.load(given["x"], "f32"), code.load(given["y"], "f32")
        code.store(x.shuffled(order, y), given["out"])

    x, y = np.arange(16, dtype=np.float32), np.arange(16, 32, dtype=np.float32)
    out = np.empty(16, np.float32)
    code_of(body, "x", "y", "out")(0, at(x), at(y), at(out))
    np.testing.assert_array_equal(out, order)


@real_types
def test_lanes_are_folded_by_halves(kind: str) -> None:
    def body(code: Code, given: dict[str, Lanes]) -> None:
        code.store(code.load(given["x"], kind).folded(operator.add), given["out"])

    x = np.random.default_rng(2).normal(size=LANES).astype(DTYPES[kind])
    out = np.empty(1, x.dtype)
    code_of(body, "x", "out")(0, at(x), at(out))
    total = x
    while total.size > 1:
        total = total[: total.size // 2] + total[total.size // 2 :]
    assert out[0] == total[0]
    assert out[0] != np.cumsum(x)[-1]  # the order is felt


# --- loops ------------------------------------------------------------------------------------
def test_loops_carry_values() -> None:
    def body(code: Code, given: dict[str, Lanes]) -> None:
        def step(index: Lanes, values: list[Lanes]) -> list[Lanes]:
            total, _ = values
            x = code.load(code.at(given["x"], index, "f64"), "f64", 1)
            return [total + x, index]

        zero, none = code.constant(0, "f64", 1), code.constant(-1, "i64", 1)
        total, last = code.loop(given["count"], 3, [zero, none], step, start=1)
        code.store(total, given["out"])
        code.store(last.to("f64"), code.at(given["out"], 1, "f64"))

    loop = code_of(body, "x", "out")
    x, out = np.arange(20.0) ** 2, np.empty(2)
    for count in (0, 1, 2, 4, 5, 20):
        loop(count, at(x), at(out))
        visited = range(1, count, 3)
        assert out[0] == sum(x[k] for k in visited)
        assert out[1] == (visited[-1] if visited else -1)


def test_loops_stand_in_loops_and_branches_in_both() -> None:
    def body(code: Code, given: dict[str, Lanes]) -> None:
        out = given["out"]

        def outer(i: Lanes, carried: list[Lanes]) -> list[Lanes]:
            def inner(j: Lanes, values: list[Lanes]) -> list[Lanes]:
                code.branch(j == i, lambda: code.store(j.to("f64"), code.at(out, i, "f64")))
                return [values[0] + j]

            return code.loop(i, 1, carried, inner, start=0)

        (total,) = code.loop(given["count"], 1, [code.constant(0, "i64", 1)], outer)
        code.branch(total > 3, lambda: code.store(total.to("f64"), code.at(out, 9, "f64")))

    loop = code_of(body, "out")
    for count in range(6):
        out = np.full(10, -1.0)
        loop(count, at(out))
        total = sum(j for i in range(count) for j in range(i))
        assert out[9] == (total if total > 3 else -1)
        assert (out[:9] == -1).all()  # j < i always


def test_scratch_memory_lasts_as_long_as_the_function() -> None:
    def body(code: Code, given: dict[str, Lanes]) -> None:
        scratch = code.stack("f64", 4 * LANES)

        def keep(index: Lanes, _: list[Lanes]) -> list[Lanes]:
            x = code.load(code.at(given["x"], index, "f64"), "f64")
            code.store(x, code.at(scratch, index, "f64"))
            return []

        def give_back(index: Lanes, _: list[Lanes]) -> list[Lanes]:
            x = code.load(code.at(scratch, given["count"] - index - LANES, "f64"), "f64")
            code.store(x, code.at(given["out"], index, "f64"))
            return []

        code.loop(given["count"], LANES, [], keep)
        code.loop(given["count"], LANES, [], give_back)

    x, out = np.arange(64.0), np.empty(64)
    code_of(body, "x", "out")(64, at(x), at(out))
    np.testing.assert_array_equal(out, x.reshape(4, 16)[::-1].ravel())


# --- memory -----------------------------------------------------------------------------------
@pytest.fixture
def guarded() -> Iterator[tuple[Any, int]]:
    """A page of memory and its size, between pages that may be neither read nor written."""
    if sys.platform == "win32":
        pytest.skip("needs mprotect")
    size = mmap.PAGESIZE
    memory = mmap.mmap(-1, 3 * size)
    whole = np.frombuffer(memory, np.uint8)
    library = ctypes.CDLL(None, use_errno=True)
    library.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for page in (0, 2):
        assert library.mprotect(at(whole) + page * size, size, _NO_ACCESS) == 0
    yield whole[size : 2 * size], size
    for page in (0, 2):
        library.mprotect(at(whole) + page * size, size, mmap.PROT_READ | mmap.PROT_WRITE)


@pytest.mark.parametrize("kind", ["i8", "i16", "f16", "f32", "f64", "i32", "i64"])
@pytest.mark.parametrize("count", [0, 1, 5, 15, 16])
def test_parts_are_read_and_written_at_the_ends_of_pages(
    guarded: tuple[Any, int], kind: str, count: int
) -> None:
    page, _ = guarded

    def body(code: Code, given: dict[str, Lanes]) -> None:
        mask = code.iota() < given["count"]
        value = code.load_part(given["x"], kind, mask, 1)
        code.store_part(value, given["out"], mask)
        code.store(value, given["all"])

    loop = code_of(body, "x", "out", "all")
    dtype = np.dtype(DTYPES[kind])
    values = np.arange(3, 3 + count, dtype=dtype)
    for first in (True, False):
        size = count * dtype.itemsize
        x = (page[:size] if first else page[page.size - size :]).view(dtype)
        x[:] = values
        got = np.zeros(LANES, dtype)
        start = at(page) if first else at(page) + page.size - size
        loop(count, start, start, at(got))
        np.testing.assert_array_equal(got[:count], values)
        np.testing.assert_array_equal(got[count:], 1)
        np.testing.assert_array_equal(x, values)


@pytest.mark.parametrize("kind", ["f32", "f64", "i64"])
def test_masked_lanes_before_an_address_are_not_touched(
    guarded: tuple[Any, int], kind: str
) -> None:
    page, _ = guarded

    def body(code: Code, given: dict[str, Lanes]) -> None:
        mask = code.iota() >= LANES - given["count"]
        address = code.at(given["x"], given["count"] - LANES, kind)
        value = code.load_part(address, kind, mask, 0)
        code.store_part(value + value, address, mask)

    loop = code_of(body, "x")
    x = page.view(DTYPES[kind])
    for count in (0, 1, 7):
        x[:10] = np.arange(1, 11)
        loop(count, at(page))
        expected = np.arange(1, 11) * np.where(np.arange(10) < count, 2, 1)
        np.testing.assert_array_equal(x[:10], expected)


@pytest.mark.parametrize("kind", ["i8", "f32", "f64", "i32", "i64"])
def test_gathers_and_scatters(guarded: tuple[Any, int], kind: str) -> None:
    page, size = guarded

    def body(code: Code, given: dict[str, Lanes]) -> None:
        index = code.load(given["index"], "i64")
        # Lanes that are masked off point to memory that must not be touched.
        mask = index < given["count"]
        addresses = code.at(given["x"], index, kind)
        value = code.gather(addresses, kind, mask, 9)
        code.store(value, given["out"])
        code.scatter(value + value, addresses, mask)

    loop = code_of(body, "index", "x", "out")
    dtype = np.dtype(DTYPES[kind])
    x = page.view(dtype)[-16:]
    x[:] = np.arange(16)
    index = np.random.default_rng(0).permutation(16)
    index[index >= 10] += size
    out = np.empty(16, dtype)
    loop(10, at(index), at(x), at(out))
    here = index < 10
    np.testing.assert_array_equal(out, np.where(here, index, 9))
    np.testing.assert_array_equal(x, np.where(np.arange(16) < 10, 2, 1) * np.arange(16))


def test_the_text_says_what_it_computes() -> None:
    code = Code("kernel", {"count": "i64", "x": "ptr"})
    code.comment("twice x")
    value = code.load(code.given["x"], "f32") * 2
    code.store(value, code.given["x"])
    assert code.text().splitlines() == [
        "define void @kernel(i64 %count, ptr %x) {",
        "entry:",
        "  ; twice x",
        "  %v1 = load <16 x float>, ptr %x, align 1",
        "  %v2 = fmul <16 x float> %v1, splat (float 0x4000000000000000)",
        "  store <16 x float> %v2, ptr %x, align 1",
        "  ret void",
        "}",
    ]
    assert repr(value) == "<16 x float> %v2"
