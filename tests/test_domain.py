"""Targets outside their domain: policies, messages, labels that never wrap round."""

from __future__ import annotations

import asyncio
import functools
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from libraries import ANYWHERE, BY_NAME, READABLE, UNREAD, Library

import lossary
from lossary.options import domain_policy

MESSAGE = (
    r"hinge_loss: targets must be -1 or \+1, got 0\.0 at \(1, 0\) \(2 of 4 values\)\. "
    r"For 0/1 labels pass 2 \* targets - 1\."
)
Z = np.ones((2, 2), np.float32)
BAD = np.array([[1, -1], [0, 0]], np.float32)


@pytest.mark.parametrize("library", READABLE, ids=lambda x: x.name)
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


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_raise_looks_at_values_everywhere(library: Library) -> None:
    z, t = library.array(Z), library.array(BAD)
    with lossary.options(domain="raise"), pytest.raises(ValueError, match=MESSAGE) as caught:
        lossary.hinge_loss(z, t)
    assert isinstance(caught.value, lossary.LossaryError)


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_ignore_is_silent_and_computes_the_same(library: Library) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with lossary.options(domain="ignore"):
            found = lossary.hinge_loss(library.array(Z), library.array(BAD))
    assert library.numpy(found).tolist() == [[0.0, 2.0], [1.0, 1.0]]


@pytest.mark.parametrize("library", UNREAD, ids=lambda x: x.name)
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


def _process_default() -> str:
    """Return the policy in a thread of its own, which no block of this one reaches."""
    seen = []
    thread = threading.Thread(target=lambda: seen.append(domain_policy()))
    thread.start()
    thread.join()
    return seen[0]


@pytest.fixture
def _default_restored() -> Iterator[None]:
    yield
    lossary.set_options(domain="warn")


@pytest.mark.usefixtures("_default_restored")
def test_process_default() -> None:
    lossary.set_options(domain="raise")
    with pytest.raises(ValueError, match="targets must be"):
        lossary.hinge_loss([1.0], [0.0])
    assert _process_default() == "raise"
    with pytest.raises(ValueError, match="set_options: domain must be 'warn' or 'raise' or 'ign"):
        lossary.set_options(domain="no")  # type: ignore[arg-type]
    assert _process_default() == "raise"


@pytest.mark.usefixtures("_default_restored")
def test_a_block_does_not_reach_the_default() -> None:
    with lossary.options(domain="raise"):
        assert (domain_policy(), _process_default()) == ("raise", "warn")
        lossary.set_options(domain="ignore")
        assert (domain_policy(), _process_default()) == ("raise", "ignore")
    assert domain_policy() == "ignore"


def test_a_block_that_is_made_and_not_entered_changes_nothing() -> None:
    block = lossary.options(domain="raise")
    assert repr(block) == "options(domain='raise')"
    assert domain_policy() == _process_default() == "warn"


def test_blocks_never_reach_other_threads() -> None:
    done, seen = threading.Event(), set()

    def enter_blocks() -> None:
        while not done.is_set():
            with lossary.options(domain="raise"):
                pass

    threads = [threading.Thread(target=enter_blocks) for _ in range(2)]
    for thread in threads:
        thread.start()
    seen |= {domain_policy() for _ in range(20000)}
    done.set()
    for thread in threads:
        thread.join()
    assert seen == {"warn"}


def test_tasks_have_blocks_of_their_own() -> None:
    seen = []

    async def block(domain: Any) -> None:
        with lossary.options(domain=domain):
            await asyncio.sleep(0)
            seen.append((domain, domain_policy()))
            await asyncio.sleep(0)
        seen.append(("warn", domain_policy()))

    async def main() -> None:
        await asyncio.gather(block("raise"), block("ignore"))

    asyncio.run(main())
    assert len(seen) == 4
    assert all(expected == found for expected, found in seen)


def test_a_block_may_be_entered_again() -> None:
    again = lossary.options(domain="raise")
    other = lossary.options(domain="ignore")
    with again:
        with again, other:
            assert domain_policy() == "ignore"
        assert domain_policy() == "raise"
        with pytest.raises(KeyError), again:
            raise KeyError
        assert domain_policy() == "raise"
    assert domain_policy() == "warn"
    with again:
        assert domain_policy() == "raise"
    assert domain_policy() == "warn"


def test_blocks_that_overlap_end_in_any_order() -> None:
    first, second = lossary.options(domain="raise"), lossary.options(domain="ignore")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert domain_policy() == "ignore"
    second.__exit__(None, None, None)
    assert domain_policy() == "warn"


def test_masked_values_are_no_fault() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lossary.hinge_loss([1.0, 1.0], [0.0, 1.0], where=[False, True])
        lossary.cross_entropy([[0.0, 1.0]], [-100], ignore_index=-100)


@pytest.mark.parametrize("label", [-1, 3, 2**40])
@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("library", READABLE, ids=lambda x: x.name)
def test_labels_never_wrap_round(library: Library, label: int, loss: str) -> None:
    rows, labels = library.array(np.zeros((2, 3), "f4")), library.array(np.array([0, label]))
    pattern = rf"targets must be an integer from 0 to 2, got {label} at \(1,\) \(1 of 2 values\)"
    for policy in ("warn", "ignore"):
        with lossary.options(domain=policy), pytest.raises(ValueError, match=pattern):
            getattr(lossary, loss)(rows, labels)


@pytest.mark.parametrize("label", [-1, 3])
@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("library", UNREAD, ids=lambda x: x.name)
def test_labels_that_are_not_read_give_nan(library: Library, label: int, loss: str) -> None:
    rows, labels = library.array(np.zeros((2, 3), "f4")), library.array(np.int32([0, label]))
    values = library.numpy(getattr(lossary, loss)(rows, labels))
    assert np.isfinite(values[0])
    assert np.isnan(values[1])


def test_other_arguments_have_domains_too() -> None:
    with pytest.warns(lossary.DomainWarning, match="vars must be at least 0, got -1.0"):
        lossary.gaussian_nll_loss([0.0], [0.0], [-1.0])
    with pytest.warns(lossary.DomainWarning, match="inputs must be between 0 and 1, got 2.0"):
        lossary.binary_cross_entropy([2.0], [1.0], with_logits=False)


def test_one_warning_names_all_arguments() -> None:
    text = (
        "binary_cross_entropy: inputs must be between 0 and 1, got 2.0 at (0,) (1 of 2 values). "
        "For raw scores pass with_logits=True. "
        "And targets must be between 0 and 1, got -1.0 at (1,) (1 of 2 values). "
        "For -1/+1 labels pass (targets + 1) / 2."
    )
    with pytest.warns(lossary.DomainWarning) as caught:
        lossary.binary_cross_entropy([2.0, 0.5], [1.0, -1.0], with_logits=False)
    assert [str(item.message) for item in caught] == [text]
    faults = caught[0].message.faults
    assert [(fault.argument, fault.position) for fault in faults] == [
        ("inputs", (0,)),
        ("targets", (1,)),
    ]
    assert caught[0].message.fault is faults[0]
    with lossary.options(domain="raise"), pytest.raises(ValueError, match="And targets") as error:
        lossary.binary_cross_entropy([2.0, 0.5], [1.0, -1.0], with_logits=False)
    assert error.value.faults == faults


def test_a_number_is_one_value() -> None:
    with pytest.warns(lossary.DomainWarning, match=r"must be -1 or \+1, got 0\.0\. For 0/1"):
        lossary.hinge_loss([2.0, 0.5], 0)


@pytest.mark.parametrize("library", READABLE, ids=lambda x: x.name)
def test_large_labels_are_told_apart(library: Library) -> None:
    pattern = rf"got {2**31 - 1} at \(2,\) \(1 of 3 values\)"
    rows, labels = np.eye(3, dtype="f4"), np.array([0, 1, 2**31 - 1])
    given = library.array(rows), library.array(labels)
    with pytest.raises(ValueError, match=pattern):
        lossary.cross_entropy(*given, ignore_index=2**31 - 2)


@pytest.mark.parametrize("ignored", [2**63, 2**64 - 1])
def test_labels_beyond_signed_integers_are_ignored(ignored: int) -> None:
    rows, labels = np.eye(3, dtype="f4"), np.array([0, ignored, 2], np.uint64)
    for loss in (lossary.cross_entropy, lossary.grad(lossary.cross_entropy)):
        found = loss(rows, labels, ignore_index=ignored)
        expected = loss(rows, [0, -1, 2], ignore_index=-1)
        assert found.tolist() == expected.tolist()
    largest = np.array([0, 1, 2**63 - 1])
    for bad in (labels - np.uint64(1), largest):
        with pytest.raises(ValueError, match="targets must be an integer from 0 to 2"):
            lossary.cross_entropy(rows, bad, ignore_index=ignored)


@pytest.mark.parametrize("flags", [{"under": "raise"}, {"all": "raise"}], ids=str)
def test_floating_point_flags_of_numpy_change_nothing(flags: dict[str, Any]) -> None:
    x = np.array([1e-4, 6e4, np.inf], np.float16)
    zeros = np.zeros(3, np.float16)
    expected = [0.0, np.inf, np.inf]
    with np.errstate(**flags):
        for _ in range(2):
            assert lossary.mse_loss(x, zeros, "none").tolist() == expected
        assert lossary.mse_loss(x.astype("f4"), zeros, "none", dtype="f2").tolist() == expected
        assert lossary.mse_loss(x[:1], zeros[:1]) == 0
        value, gradient = lossary.value_and_grad(lossary.mse_loss)(x, zeros, reduction="mean")
    assert value == np.inf
    assert np.isinf(gradient[2])


@pytest.mark.parametrize("library", READABLE, ids=lambda x: x.name)
def test_log_probabilities_are_not_above_zero(library: Library) -> None:
    rows = library.array(np.float32([[-1, 5, -2], [0.25, -1, 0.5], [-3, -4, -np.inf]]))
    labels = library.array(np.array([0, 2, 2]))
    told = (
        r"nll_loss: inputs must be at most 0, got 0\.5 at \(1, 2\) \(1 of 9 values\)\. "
        r"Pass log_softmax of logits, or the logarithm of probabilities\."
    )
    for _ in range(2):
        with pytest.warns(lossary.DomainWarning, match=told):
            assert library.numpy(lossary.nll_loss(rows, labels)).tolist() == [1, -0.5, np.inf]
    with lossary.options(domain="raise"), pytest.raises(ValueError, match=told):
        lossary.nll_loss(rows, labels)
    with lossary.options(domain="raise"):
        lossary.nll_loss(rows, library.array(np.array([0, 1, 2])))
        lossary.nll_loss(rows, labels, ignore_index=2)
    with pytest.raises(
        ValueError, match=r"targets must be an integer from 0 to 2, got 3 at \(0,\)"
    ):
        lossary.nll_loss(rows, library.array(np.array([3, 2, 2])))
    logs = library.array(np.log(np.float32([[0.5, 0.5], [0.25, 0.75]])))
    told = r"kl_div_loss: inputs must be at most 0, got 1\.0 at \(0, 0\) \(4 of 4 values\)"
    with pytest.warns(lossary.DomainWarning, match=told):
        lossary.kl_div_loss(library.array(np.ones((2, 2), np.float32)), logs)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_axis_of_log_probabilities(axis: int) -> None:
    rows = np.moveaxis(np.zeros((2, 3, 4)) - 1, 2, axis)
    index = [1, 2]
    index.insert(axis, 3)
    rows[tuple(index)] = 1
    labels = np.full((2, 3), 3)
    place = re.escape(str(tuple(index)))
    with pytest.warns(lossary.DomainWarning, match=rf"got 1\.0 at {place} \(1 of 24 values\)"):
        lossary.nll_loss(rows, labels, axis=axis)


def test_where_arrays_have_no_values_nothing_is_looked_at() -> None:
    rows, labels = np.eye(2, dtype="f4"), np.int32([0, 5])
    traces: list[tuple[str, Any]] = [
        ("jax", lambda jax: jax.jit),
        ("jax", lambda jax: jax.vmap),
        ("mlx", lambda mlx: mlx.core.compile),
        ("torch", lambda torch: torch.func.vmap),
        ("torch", lambda torch: functools.partial(torch.compile, backend="aot_eager")),
    ]
    for name, transform in traces:
        library = BY_NAME[name]
        ones, zeros, z, y = map(library.array, (np.float32([1]), np.float32([0]), rows, labels))
        wrap = transform(sys.modules[name])
        for policy in ("warn", "raise", "ignore"):
            with lossary.options(domain=policy):
                assert library.numpy(wrap(lossary.hinge_loss)(ones, zeros)).tolist() == [1]
                found = library.numpy(wrap(lossary.cross_entropy)(z, y))
            assert np.isnan(found).tolist() == [False, True]
