"""Caches: a loss that is written again leaves nothing of the old one behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from libraries import BY_NAME

import lossary
from lossary.backends import loading
from lossary.bounded_cache import BoundedCache
from lossary.formula import evaluate
from lossary.kernels import compile as compiler
from lossary.kernels import host
from lossary.registry import Loss, get_loss


def _redefined(factor: float) -> Callable[..., Any]:
    @lossary.loss(targets=lossary.domains.PLUS_MINUS_ONE)
    def redefined_loss(inputs: Any, targets: Any) -> Any:
        """Squares, stretched."""
        return (inputs - targets) ** 2 * factor

    return redefined_loss


def _called(library: str, loss: Callable[..., Any]) -> None:
    x, y = map(BY_NAME[library].array, (np.float32([2, 3]), np.float32([1, -1])))
    for reduction in ("none", "mean", "mean"):
        loss(x, y, reduction)
    lossary.grad(loss)(x, y)
    lossary.value_grad_hess(loss)(x, y)
    lossary.summarize(loss, x, y)
    if library == "torch":
        x.requires_grad_()
        loss(x, y, "mean").backward()


def _redefined_often(library: str) -> tuple[Callable[..., Any], list[weakref.ref[Loss]]]:
    """Define and call a loss thirty times; return the last and references to all records."""
    old: list[weakref.ref[Loss]] = []
    for number in range(30):
        loss = _redefined(number + 1.5)
        _called(library, loss)
        old.append(weakref.ref(get_loss(loss)))
    gc.collect()
    return loss, old


@pytest.mark.parametrize("library", ["numpy", "torch", "dask", "strict"])
def test_an_old_loss_is_forgotten(library: str) -> None:
    loss, old = _redefined_often(library)
    assert [found() for found in old[:-1]] == [None] * 29
    assert old[-1]() is get_loss(loss)


@pytest.mark.parametrize("library", ["jax", "mlx"])
def test_old_losses_of_compiled_functions_are_bounded(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = pytest.importorskip("lossary.backends.compiled")
    monkeypatch.setattr(compiled, "_functions", BoundedCache(8))
    _, old = _redefined_often(library)
    assert sum(found() is not None for found in old) <= 8


def test_what_outlives_losses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "LIMIT", 8)
    monkeypatch.setattr(compiler, "KEPT", 8)
    host._plans.clear()
    for number in range(20):
        loss = _redefined(number + 0.25)
        assert loss(2.0, 1.0) == number + 0.25
        assert len(host._plans) <= host.LIMIT
        assert len(compiler._compiled) <= compiler.KEPT
    assert evaluate._tape.cache_parameters()["maxsize"] == 256


def test_types_of_arrays_are_forgotten() -> None:
    class Given:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.float64([1.0])

    lossary.mse_loss(Given(), Given())
    assert Given in loading._by_type
    found = weakref.ref(Given)
    del Given
    gc.collect()
    assert found() is None


def test_tables() -> None:
    table = BoundedCache(2)
    assert table.find([]) is None
    assert table.keep([], 1) == 1
    for key in range(5):
        assert table.find(key) is None
        assert table.keep(key, str(key)) == str(key) == table.find(key)
        assert len(table) <= 2
