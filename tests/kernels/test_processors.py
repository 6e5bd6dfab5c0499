"""Functions of lanes give the same bits on every processor with fused multiply-add."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import arm
import numpy as np
import pytest
from assertions import assert_close
from loops import DTYPES, below, loop_text, runnable
from processors import NARROW, WIDE, can_run, digits

import lossary
from lossary.backends.host import has_compiler
from lossary.bounded_cache import BoundedCache
from lossary.kernels import compile as compiler
from lossary.kernels import functions, halves, power
from lossary.kernels.lanes import Lanes
from lossary.registry import Loss

UNARY = ("exp", "decay", "expm1", "log", "log1p", "log1p_unit", "softplus", "sigmoid", "tanh")
CASES: list[tuple[str, Callable[..., Lanes], tuple[str, ...], str]] = []
for _kind in ("f32", "f64"):
    CASES += [(name, getattr(functions, name), (_kind,), _kind) for name in (*UNARY, "log_cosh")]
    CASES += [
        ("exp_difference", functions.exp_difference, (_kind,) * 2, _kind),
        ("log1p_ratio", functions.log1p_ratio, (_kind,) * 2, _kind),
        ("exp_below", below, (_kind,) * 2, _kind),
        ("power", power.power, (_kind,) * 2, _kind),
        ("half", halves.half, (_kind,), "f16"),
        ("narrowed", halves.narrowed, (_kind,), "i16"),
    ]
CASES.append(("widened", halves.widened, ("i16",), "f32"))
NAMES = [f"{name}_{'_'.join(types)}" for name, _, types, _ in CASES]


@functools.cache
def samples(kind: str, size: int) -> Any:
    """Return numbers of every kind, in an order that shares nothing with a second call's."""
    random = np.random.default_rng(30)
    dtype = np.dtype(DTYPES[kind])
    if kind == "i16":
        return np.arange(size, dtype=np.uint16)
    words = np.dtype(f"uint{8 * dtype.itemsize}")
    parts = [
        random.normal(size=size),
        random.uniform(-800, 800, size),
        10.0 ** random.uniform(-44, 3, size) * random.choice([-1, 1], size),
        random.integers(0, np.iinfo(words).max, size, words, endpoint=True).view(dtype),
        np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan]),
    ]
    with np.errstate(all="ignore"):
        return np.concatenate([part.astype(dtype) for part in parts])


def arguments(types: tuple[str, ...], result: str, size: int) -> tuple[Any, ...]:
    """Return a loop's count, inputs and output."""
    x = [np.roll(samples(kind, size), 17 * k) for k, kind in enumerate(types)]
    return x[0].size, *x, np.zeros(x[0].size, DTYPES[result])


def run_here(text: str, given: tuple[Any, ...], *target: str) -> Any:
    out = given[-1].copy()
    loop = runnable(text, len(given) - 1, *target)
    loop(given[0], *(x.ctypes.data for x in given[1:-1]), out.ctypes.data)
    return digits(out)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_vectors_of_any_width_give_the_same_bits(case: Any) -> None:
    _, function, types, result = case
    text, given = loop_text(function, types, result), arguments(types, result, 500)
    expected = run_here(text, given)
    ran = [cpu for cpu in (NARROW, WIDE) if can_run(cpu)]
    if not ran:
        pytest.skip("this machine runs no code for another processor")
    for cpu in ran:
        np.testing.assert_array_equal(run_here(text, given, cpu, ""), expected, err_msg=cpu)


def test_vectors_are_as_wide_as_the_processor_has_them() -> None:
    text = loop_text(functions.exp, ("f32",), "f32")
    linux = "x86_64-unknown-linux-gnu"
    assert "zmm" in compiler.assembly(text, WIDE, "", linux)
    narrow = compiler.assembly(text, NARROW, "", linux)
    assert "ymm" in narrow
    assert "zmm" not in narrow


@pytest.mark.parametrize(
    ("features", "expected"),
    [("+avx2,+fma", True), ("+avx,-fma,-fma4", False), ("+neon", True), (None, False)],
)
def test_kernels_need_fused_multiply_add(
    monkeypatch: pytest.MonkeyPatch, features: str | None, expected: bool
) -> None:
    def processor() -> tuple[str, str]:
        if features is None:
            raise ImportError
        return "some processor", features

    monkeypatch.setattr(compiler, "processor", processor)
    assert compiler.is_available.__wrapped__() is expected


@pytest.fixture
def _processor_without_fused_multiply_add(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(compiler, "processor", lambda: ("ivybridge", "+avx,-fma"))
    monkeypatch.setattr(Loss, "calls", property(lambda _: BoundedCache(1)))
    compiler.is_available.cache_clear()
    has_compiler.cache_clear()
    yield
    compiler.is_available.cache_clear()
    has_compiler.cache_clear()


@pytest.mark.usefixtures("_processor_without_fused_multiply_add")
@pytest.mark.parametrize("library", ["NumPy", "PyTorch"])
def test_without_fused_multiply_add_plain_operations_compute(
    monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    def load(*_: Any) -> None:
        pytest.fail("a kernel was wanted")

    monkeypatch.setattr(compiler, "load", load)
    x, t = np.linspace(-3, 3, 50), np.linspace(0, 1, 50)
    expected = np.mean(np.logaddexp(0, x) - x * t)
    if library == "PyTorch":
        torch = pytest.importorskip("torch")
        x, t = torch.from_numpy(x), torch.from_numpy(t)
    for _ in range(2):  # the second call takes the recipe of the first
        found = float(lossary.binary_cross_entropy(x, t))
        assert_close(found, expected, rtol=1e-13)


@pytest.mark.exhaustive
@pytest.mark.skipif(arm.missing() != "", reason=f"needs {arm.missing()}")
def test_arm_gives_the_same_bits(tmp_path: Path) -> None:
    calls, expected = [], []
    for name, (_, function, types, result) in zip(NAMES, CASES, strict=True):
        given = arguments(types, result, 20_000)
        text = loop_text(function, types, result, name)
        calls.append(arm.Call(name, text, given))
        expected.append(run_here(loop_text(function, types, result), given))
    for call, arrays, wanted in zip(calls, arm.run(calls, tmp_path), expected, strict=True):
        np.testing.assert_array_equal(digits(arrays[-1]), wanted, err_msg=call.name)
