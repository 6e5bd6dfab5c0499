"""Arrays of two libraries in one call: constants of the other library, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import BY_NAME, Library

import lossary
from lossary import cross_entropy, hinge_loss, mse_loss

HOSTS = [BY_NAME[name] for name in ("jax", "mlx", "dask")]
TAKES_NUMPY = pytest.mark.parametrize("library", HOSTS, ids=lambda x: x.name)
rng = np.random.default_rng(0)
LOGITS = rng.normal(size=(4, 3)).astype(np.float32)
LABELS = np.array([0, 2, 1, 1])
OPTIONS: dict[str, Any] = {
    "class_weights": np.float32([1.0, 2.0, 0.5]),
    "where": np.array([True, False, True, True]),
    "weights": rng.random(4).astype(np.float32),
    "reduction": "mean",
    "denominator": "weights",
}


def _loss(logits: Any) -> Any:
    return cross_entropy(logits, LABELS, **OPTIONS)


@TAKES_NUMPY
def test_numpy_arrays_are_constants(library: Library) -> None:
    logits = library.array(LOGITS)
    value, gradient = lossary.value_and_grad(cross_entropy)(logits, LABELS, **OPTIONS)
    expected = lossary.value_and_grad(cross_entropy)(LOGITS, LABELS, **OPTIONS)
    for found in (_loss(logits), value, gradient):
        assert type(found) is type(logits)
    assert_close(library.numpy(_loss(logits)), expected[0], rtol=1e-5)
    assert_close(library.numpy(gradient), expected[1], rtol=1e-4, atol=1e-6)
    assert lossary.summarize(cross_entropy, logits, LABELS).count == 4
    for targets in (LOGITS[1][::-1], LOGITS[1].astype(">f4"), list(LOGITS[1]), np.float16(1)):
        found = library.numpy(mse_loss(library.array(LOGITS[0]), targets, "none"))
        assert_close(found, np.square(LOGITS[0] - np.float32(targets)), rtol=1e-5)


def test_numpy_arrays_are_constants_of_traces() -> None:
    value, gradient = lossary.value_and_grad(cross_entropy)(LOGITS, LABELS, **OPTIONS)
    jax, jnp = pytest.importorskip("jax"), pytest.importorskip("jax.numpy")
    assert_close(jax.jit(_loss)(LOGITS), value, rtol=1e-5)
    assert_close(jax.jit(jax.grad(_loss))(jnp.asarray(LOGITS)), gradient, rtol=1e-4, atol=1e-6)
    mapped = jax.vmap(lambda row, label: cross_entropy(row, 1 - label * 0, axis=0))
    assert mapped(LOGITS, LABELS).shape == (4,)
    mx = pytest.importorskip("mlx.core")
    assert_close(mx.compile(_loss)(mx.array(LOGITS)), value, rtol=1e-5)
    assert_close(mx.grad(_loss)(mx.array(LOGITS)), gradient, rtol=1e-4, atol=1e-6)


@TAKES_NUMPY
def test_what_is_taken_is_not_changed_later(library: Library) -> None:
    targets = np.zeros(1000, np.float32)
    found = mse_loss(library.array(np.zeros(1000, np.float32)), targets, "sum")
    if library.name != "dask":  # which reads its arrays when it computes
        targets[:] = 7
    assert float(library.numpy(found)) == 0


@TAKES_NUMPY
@pytest.mark.parametrize(
    ("given", "told"),
    [
        (np.array(["a", "b", "c"]), "must hold real numbers, got dtype str"),
        (np.array([None] * 3), "must hold real numbers, got dtype object"),
        (np.ones(3) * 1j, "must hold real numbers, got dtype complex128"),
        (np.ma.masked_array(np.ones(3)), "must be a plain array, got a masked array"),
        ([[1.0], [1.0, 2.0], [3.0]], "must be a rectangular array"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_what_numpy_has_no_numbers_for_is_refused(library: Library, given: Any, told: str) -> None:
    with pytest.raises(TypeError, match=f"hinge_loss: targets {told}"):
        hinge_loss(library.array(np.ones(3, np.float32)), given)


def test_labels_do_not_wrap_round_on_their_way_to_jax() -> None:
    logits = BY_NAME["jax"].array(LOGITS)
    told = "targets must hold integers of 32 bits beside JAX arrays, got 4294967296"
    with pytest.raises(ValueError, match=told):
        cross_entropy(logits, LABELS + 2**32)


@pytest.mark.parametrize(
    ("library", "targets", "told"),
    [
        ("torch", np.ones(3), "torch and numpy. Pass torch.as_tensor(targets, device=inputs.devi"),
        ("torch", [1.0] * 3, "torch and numpy. Pass torch.as_tensor(targets, device=inputs.devi"),
        ("torch", "dask", "torch and dask. Pass torch.as_tensor(targets.compute(), device="),
        ("jax", "torch", "jax and torch. Pass jax.numpy.asarray(targets)."),
        ("mlx", "jax", "mlx and jax. Pass mlx.core.array(targets)."),
        ("strict", np.ones(3), "array_api and numpy. Convert one of them."),
        ("numpy", "torch", "numpy and torch. Pass torch.as_tensor(inputs, device=targets.device)."),
        ("cupy", np.ones(3), "cupy and numpy. Pass cupy.asarray(targets)."),
    ],
)
def test_other_libraries_are_named_with_the_conversion(
    library: str, targets: Any, told: str
) -> None:
    inputs = BY_NAME[library].array(np.ones(3))
    if isinstance(targets, str):
        targets = BY_NAME[targets].array(np.ones(3))
    with pytest.raises(TypeError) as caught:
        hinge_loss(inputs, targets)
    told = f"hinge_loss: inputs and targets must be arrays of one library, got {told}"
    assert str(caught.value).startswith(told)
    assert hinge_loss(inputs, 1.0).shape == (3,)


def test_two_other_libraries_beside_numpy() -> None:
    one, other = (BY_NAME[name].array(np.ones(3)) for name in ("jax", "torch"))
    with pytest.raises(TypeError, match=r"inputs and weights must be .*, got jax and torch"):
        hinge_loss(one, np.ones(3), weights=other)
