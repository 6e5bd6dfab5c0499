"""The first value outside its domain: found by a kernel, in the array as it lies in memory."""

from __future__ import annotations

import contextlib
import functools
import re
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from libraries import READABLE, Library

import lossary
from lossary.call import flow

Array = np.ndarray[Any, np.dtype[Any]]

LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "reversed": lambda x: np.ascontiguousarray(x[::-1])[::-1],
}


def first_fault(bad: Array, axis: int | None) -> tuple[int, ...]:
    """Return the first place: rows in C order, then the classes of the row."""
    if axis is None:
        return tuple(int(i) for i in np.argwhere(bad)[0])
    moved = [int(i) for i in np.argwhere(np.moveaxis(bad, axis, -1))[0]]
    return (*moved[: axis % bad.ndim], moved[-1], *moved[axis % bad.ndim : -1])


@contextlib.contextmanager
def told(place: tuple[int, ...], bad: Array) -> Iterator[None]:
    """Expect one warning with this place and count."""
    with pytest.warns(lossary.DomainWarning) as caught:
        yield
    (message,) = [item.message for item in caught]
    assert isinstance(message, lossary.DomainWarning)
    assert message.fault is not None
    assert (message.fault.position, message.fault.count) == (place, int(bad.sum()))


@pytest.mark.parametrize("shape", [(7,), (100_003,), (5, 37), (300, 211), (3, 4, 50)], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("library", READABLE, ids=lambda x: x.name)
def test_elements(library: Library, layout: str, shape: tuple[int, ...]) -> None:
    if library.name == "torch" and layout == "reversed":
        pytest.skip("PyTorch has no such tensors")
    rng = np.random.default_rng(1)
    for share in (0.5, 3 / np.prod(shape)):
        targets = np.where(rng.random(shape) < share, 0.25, 1).astype("f4")
        targets.flat[rng.integers(targets.size)] = 0.5
        x = LAYOUTS[layout](targets)
        z, t = library.array(LAYOUTS["C order"](np.ones_like(x))), library.array(x)
        bad = targets != 1
        for reduction in ("none", "mean", "mean"):
            with told(first_fault(bad, None), bad):
                lossary.hinge_loss(z, t, reduction)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(3, 5, 4), (40, 3, 33), (17, 70, 20), (2, 3000, 30)], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_classes(layout: str, shape: tuple[int, ...], axis: int) -> None:
    rng = np.random.default_rng(2)
    for _ in range(4):
        inputs = -rng.random(shape, "f4")
        inputs[tuple(rng.integers(0, shape, (3, 3)).T)] = 1
        x, zeros = LAYOUTS[layout](inputs), np.zeros_like(inputs)
        with told(first_fault(inputs > 0, axis), inputs > 0):
            lossary.kl_div_loss(x, zeros, axis)
        labels = rng.integers(0, shape[axis], np.delete(shape, axis))
        at_label = np.expand_dims(labels, axis) == np.moveaxis(
            np.arange(shape[axis])[:, None, None], 0, axis
        )
        np.put_along_axis(inputs, np.expand_dims(labels, axis)[:1, :1, :1], 2, axis)
        bad = at_label & (inputs > 0)
        with told(first_fault(bad, axis), bad):
            lossary.nll_loss(LAYOUTS[layout](inputs), labels, axis)


def test_masked_elements_are_passed_over() -> None:
    targets, where = np.zeros((4, 30), "f4"), np.zeros((4, 30), bool)
    where[2, 11:] = True
    with told((2, 11), where):
        lossary.hinge_loss(np.ones_like(targets), targets, where=where)
    rows, where = np.ones((4, 30), "f4"), np.array([False, False, True, True])
    with told((2, 0), np.ones((2, 30))):
        lossary.kl_div_loss(rows, -rows, where=where)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i8", "u8"])
@pytest.mark.parametrize("library", READABLE, ids=lambda x: x.name)
def test_labels(library: Library, dtype: str) -> None:
    if library.name == "torch" and dtype == "u8":
        pytest.skip("few operations of PyTorch take such tensors")
    rows, labels = np.zeros((500, 3), "f4"), np.ones(500, dtype)
    labels[[40, 77, 78, 300]] = [5, 9, 120, 9]
    pattern = r"targets must be an integer from 0 to 2, got 9 at \(77,\) \(3 of 500 values\)"
    for _ in range(3):
        with pytest.raises(ValueError, match=pattern):
            lossary.cross_entropy(library.array(rows), library.array(labels), ignore_index=5)


@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("library", READABLE, ids=lambda x: x.name)
def test_a_known_call_is_not_looked_at_again(
    library: Library, reduction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    z, t = library.array(np.ones(50, "f4")), library.array(np.zeros(50, "f4"))
    losses = [lossary.hinge_loss, lambda *x: lossary.value_and_grad(lossary.hinge_loss)(*x)[0]]
    for loss in losses:
        with pytest.warns(lossary.DomainWarning):
            expected = library.numpy(loss(z, t, reduction))
    monkeypatch.delattr(flow, "prepare")
    for loss in losses:
        with pytest.warns(lossary.DomainWarning, match=r"got 0\.0 at \(0,\) \(50 of 50 values\)"):
            found = loss(z, t, reduction)
        assert library.numpy(found).tolist() == expected.tolist()
    with pytest.raises(NameError):
        lossary.hinge_loss(z[1:], t[1:], reduction)


@pytest.mark.parametrize("dtype", ["f4", "u1"])
@pytest.mark.parametrize("action", ["ignore", "always"])
def test_memory_does_not_grow_with_the_data(action: Any, dtype: str) -> None:
    z, t = np.ones(10**6, "f4"), np.zeros(10**6, dtype)
    rows, labels = np.zeros((10**6, 2), "f4"), np.full(10**6, 7, dtype)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter(action)
        for _ in range(2):
            tracemalloc.start()
            lossary.hinge_loss(z, t, "mean")
            if dtype == "u1":
                with pytest.raises(ValueError, match=r"got 7 at \(0,\)"):
                    lossary.cross_entropy(rows, labels, reduction="mean")
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert peak < 10**5


def _shown(configure: Callable[[], object], times: int = 2) -> int:
    """Count the warnings that calls in this module show."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        configure()
        for _ in range(times):
            lossary.hinge_loss([1.0], [0.0])
    return len(caught)


_filter: Any = functools.partial(functools.partial, warnings.filterwarnings)
IGNORED = {
    "everything": _filter("ignore"),
    "category": _filter("ignore", category=lossary.DomainWarning),
    "base": _filter("ignore", category=UserWarning),
    "module": _filter("ignore", module=re.escape(__name__) + "$"),
    "text": _filter("ignore", message="hinge_loss: targets"),
}
SHOWN = {
    "always": _filter("always"),
    "other category": _filter("ignore", category=DeprecationWarning),
    "other module": _filter("ignore", module="lossary"),
    "other text": _filter("ignore", message="huber_loss"),
    "other line": _filter("ignore", lineno=1),
    "a later filter": lambda: (warnings.simplefilter("ignore"), warnings.simplefilter("always")),
}


@pytest.mark.parametrize("name", IGNORED)
def test_filters_that_ignore(name: str) -> None:
    assert _shown(IGNORED[name]) == 0


@pytest.mark.parametrize("name", SHOWN)
def test_filters_that_do_not_apply(name: str) -> None:
    expected = 2 if "always" in name or "later" in name else 1
    assert _shown(SHOWN[name]) == expected


def test_filters_that_ignore_leave_nothing_to_be_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("lossary.call.domain_check._first")
    names = sorted(set(IGNORED) - {"text"})
    assert [_shown(IGNORED[name]) for name in names] == [0] * len(names)
    with pytest.raises(NameError):
        _shown(SHOWN["always"])


@pytest.mark.parametrize("action", ["once", "default", "module"])
def test_filters_that_show_a_warning_once(action: Any) -> None:
    assert _shown(_filter(action)) == 1


def test_filters_that_raise() -> None:
    with pytest.raises(lossary.DomainWarning, match=r"got 0\.0 at \(0,\)"):
        _shown(_filter("error"))
