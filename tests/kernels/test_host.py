"""Arrays reach a kernel in the one form in which it was compiled, and are not kept."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

import lossary
from lossary.kernels import compile as compiler
from lossary.kernels.form import SHORT

LOGITS = np.linspace(-2, 2, 12, dtype=np.float32).reshape(4, 3)
LABELS = np.array([0, 2, 1, 1])


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "uint32", "uint64"])
def test_labels_may_have_any_integer_dtype(dtype: str) -> None:
    expected = lossary.cross_entropy(LOGITS, LABELS)
    for _ in range(2):  # the second call takes the recipe of the first
        result = lossary.cross_entropy(LOGITS, LABELS.astype(dtype))
        np.testing.assert_array_equal(result, expected)


def test_a_remembered_call_keeps_none_of_its_arrays() -> None:
    logits, class_weights = LOGITS.copy(), np.array([1.0, 2.0, 3.0], np.float32)
    mask = np.array([True, False, True, True])
    lossary.cross_entropy(logits, LABELS, where=mask, class_weights=class_weights, reduction="sum")
    held = [weakref.ref(x) for x in (logits, class_weights, mask)]
    del logits, class_weights, mask
    assert all(reference() is None for reference in held)


def _tensors(offset: int) -> dict[str, object]:
    """Arguments that lie somewhere within larger tensors."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return {
        "logits": torch.randn(offset + 70, 5, generator=generator)[offset:],
        "targets": torch.randint(0, 5, (offset + 70,), generator=generator)[offset:],
        "weights": torch.rand(offset + 70, generator=generator)[offset:],
        "where": torch.rand(offset + 70, generator=generator)[offset:] > 0.3,
        "class_weights": torch.rand(offset + 5, generator=generator)[offset:],
    }


@pytest.mark.parametrize("offset", [0, 3])
@pytest.mark.parametrize("layout", ["rows", "short rows", "columns"])
def test_addresses_lead_to_the_same_numbers_as_arrays(offset: int, layout: str) -> None:
    pytest.importorskip("torch")
    given = _tensors(offset)
    options: dict[str, object] = {"reduction": "none", "label_smoothing": 0.1}
    if layout == "rows":
        given |= {name: given[name][:3] for name in ("logits", "targets", "weights", "where")}
    if layout == "columns":
        given["logits"], options["axis"] = given["logits"].T.contiguous(), 0
    arrays = {name: x.numpy() for name, x in given.items()}
    expected = lossary.cross_entropy(**arrays, **options)
    gradient = lossary.grad(lossary.cross_entropy)(**arrays, **options)
    for _ in range(2):  # the second call takes the recipe of the first
        np.testing.assert_array_equal(lossary.cross_entropy(**given, **options), expected)
        np.testing.assert_array_equal(
            lossary.grad(lossary.cross_entropy)(**given, **options), gradient
        )


def test_scalars_are_read_at_their_addresses() -> None:
    torch = pytest.importorskip("torch")
    x, t = torch.arange(5.0), torch.tensor(2.0)
    for _ in range(2):
        assert lossary.l1_loss(x, t, "none").tolist() == [2.0, 1.0, 0.0, 1.0, 2.0]
        assert lossary.l1_loss(t, t + 1, "none").tolist() == 1.0


@pytest.mark.parametrize("classes", [3, 50, 333, 600])
@pytest.mark.parametrize("name", ["cross_entropy", "kl_div_loss"])
def test_a_row_does_not_depend_on_its_neighbours(name: str, classes: int) -> None:
    """Loops over classes may go on into the next row; nothing of it may be left."""
    random = np.random.default_rng(3)
    inputs, targets = np.log(random.dirichlet(np.ones(classes), (2, 40))).astype(np.float32)
    inputs[[1, 8, 39]] = [[np.nan], [-np.inf], [-3e38]]
    if name == "cross_entropy":
        targets = random.integers(0, classes, 40)
    function = getattr(lossary, name)
    together = function(inputs, targets)
    alone = [function(inputs[i : i + 1], targets[i : i + 1])[0] for i in range(40)]
    if classes <= SHORT:  # a single row has another layout
        np.testing.assert_allclose(together, alone, rtol=1e-6)
    else:
        np.testing.assert_array_equal(together, alone)


def test_the_first_call_on_tensors_compiles_one_kernel() -> None:
    torch = pytest.importorskip("torch")
    logits, labels = torch.zeros((7, 4)), torch.zeros(7, dtype=torch.int64)
    lossary.cross_entropy(logits, labels, label_smoothing=0.5, reduction="sum")
    before = len(compiler._compiled)
    lossary.cross_entropy(logits, labels, label_smoothing=0.25, reduction="sum")
    assert len(compiler._compiled) == before
    compiler._compiled.clear()
    lossary.cross_entropy(logits[:6], labels[:6], label_smoothing=0.5, reduction="sum")
    assert len(compiler._compiled) == 1


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_sum_beyond_the_dtype_is_infinite_without_a_warning(dtype: str) -> None:
    largest = np.full(2, np.finfo(dtype).max)
    for _ in range(2):  # the second call takes the recipe of the first
        assert lossary.l1_loss(largest, np.zeros(2, dtype), reduction="sum") == np.inf
