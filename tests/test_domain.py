"""Targets outside their domain: policies, messages, labels that never wrap round."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest
from libraries import LIBRARIES, Library

import lossary

HOSTS = [library for library in LIBRARIES if library.name in {"numpy", "torch"}]
LAZY = [library for library in LIBRARIES if library.name in {"jax", "mlx", "dask", "strict"}]
MESSAGE = (
    r"hinge_loss: targets must be -1 or \+1, got 0\.0 at \(1, 0\) \(2 of 4 values\)\. "
    r"For 0/1 labels pass 2 \* targets - 1\."
)
Z = np.ones((2, 2), np.float32)
BAD = np.array([[1, -1], [0, 0]], np.float32)


@pytest.mark.parametrize("library", HOSTS, ids=lambda x: x.name)
def test_warning_names_position_count_and_fix(library: Library) -> None:
    z, t = library.array(Z), library.array(BAD)
    for _ in range(2):  # the second call takes the recipe
        with pytest.warns(lossary.DomainWarning, match=MESSAGE) as caught:
            found = lossary.hinge_loss(z, t)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert library.numpy(found).tolist() == [[0.0, 2.0], [1.0, 1.0]]
    assert caught[0].message.fault.position == (1, 0)
    assert caught[0].message.fault.count == 2


@pytest.mark.parametrize("library", LIBRARIES[:6], ids=lambda x: x.name)
def test_raise_looks_at_values_everywhere(library: Library) -> None:
    z, t = library.array(Z), library.array(BAD)
    with lossary.options(domain="raise"), pytest.raises(ValueError, match=MESSAGE) as caught:
        lossary.hinge_loss(z, t)
    assert isinstance(caught.value, lossary.LossaryError)


@pytest.mark.parametrize("library", LIBRARIES[:6], ids=lambda x: x.name)
def test_ignore_is_silent_and_computes_the_same(library: Library) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with lossary.options(domain="ignore"):
            found = lossary.hinge_loss(library.array(Z), library.array(BAD))
    assert library.numpy(found).tolist() == [[0.0, 2.0], [1.0, 1.0]]


@pytest.mark.parametrize("library", LAZY, ids=lambda x: x.name)
def test_lazy_arrays_are_not_looked_at(library: Library) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lossary.hinge_loss(library.array(Z), library.array(BAD))


def test_policy_is_restored_and_belongs_to_the_thread() -> None:
    seen = []

    def other() -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            lossary.hinge_loss([1.0], [0.0])
        seen.append(len(caught))

    with lossary.options(domain="ignore"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == [1]
    with pytest.warns(lossary.DomainWarning):
        lossary.hinge_loss([1.0], [0.0])
    with pytest.raises(ValueError, match="domain must be 'warn' or 'raise' or 'ignore', got 'no'"):
        lossary.options(domain="no")  # type: ignore[arg-type]


def test_process_default() -> None:
    try:
        lossary.options(domain="raise")
        with pytest.raises(ValueError, match="targets must be"):
            lossary.hinge_loss([1.0], [0.0])
    finally:
        lossary.options(domain="warn")


def test_masked_values_are_no_fault() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lossary.hinge_loss([1.0, 1.0], [0.0, 1.0], where=[False, True])
        lossary.cross_entropy([[0.0, 1.0]], [-100], ignore_index=-100)


@pytest.mark.parametrize("label", [-1, 3, 2**40])
@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
def test_labels_never_wrap_round(label: int, loss: str) -> None:
    function = getattr(lossary, loss)
    rows, labels = np.zeros((2, 3), np.float32), np.array([0, label])
    pattern = rf"targets must be an integer from 0 to 2, got {label} at \(1,\) \(1 of 2 values\)"
    for library in HOSTS:
        for policy in ("warn", "ignore"):
            with lossary.options(domain=policy), pytest.raises(ValueError, match=pattern):
                function(library.array(rows), library.array(labels))
    for library in LAZY:
        if label < 2**31:
            found = function(library.array(rows), library.array(labels.astype(np.int32)))
            values = library.numpy(found)
            assert np.isfinite(values[0])
            assert np.isnan(values[1])


def test_other_arguments_have_domains_too() -> None:
    with pytest.warns(lossary.DomainWarning, match="vars must be at least 0, got -1.0"):
        lossary.gaussian_nll_loss([0.0], [0.0], [-1.0])
    with pytest.warns(lossary.DomainWarning, match="inputs must be between 0 and 1, got 2.0"):
        lossary.binary_cross_entropy([2.0], [1.0], with_logits=False)
