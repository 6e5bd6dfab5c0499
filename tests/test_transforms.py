"""Losses inside the transformations of the libraries."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from cases import PLAIN, Case, every_kind
from libraries import BY_NAME

import lossary

EVERY_KIND = every_kind(PLAIN)


def _arrays(case: Case, name: str) -> list[Any]:
    return [BY_NAME[name].array(x) for x in case.cast("float32")]


def _tangent(case: Case, name: str) -> Any:
    """Return a tangent of the first argument: one of equal numbers moves no softmax."""
    x = case.arrays[0]
    return BY_NAME[name].array(np.cos(np.arange(x.size, dtype=np.float32)).reshape(x.shape))


@EVERY_KIND
def test_jax_jit_and_vmap(case: Case) -> None:
    jax = pytest.importorskip("jax")
    arrays = _arrays(case, "jax")
    assert_close(jax.jit(lambda *a: case(*a))(*arrays), case(*arrays), rtol=1e-5, atol=1e-6)
    batched = jax.vmap(lambda *row: case(*row))(*arrays)
    assert_close(batched, case(*arrays), rtol=1e-5, atol=1e-6)
    gradients = jax.jit(jax.vmap(jax.grad(lambda *row: case(*row, reduction="sum"))))(*arrays)
    expected = lossary.grad(case.loss.function)(*arrays, reduction="sum", **case.shape)
    assert_close(gradients, expected, rtol=1e-5, atol=1e-6)


@EVERY_KIND
def test_mlx_compile_and_vmap(case: Case) -> None:
    mx = pytest.importorskip("mlx.core")
    arrays = _arrays(case, "mlx")
    expected = np.asarray(case(*arrays))
    assert_close(
        np.asarray(mx.compile(lambda *a: case(*a))(*arrays)), expected, rtol=1e-5, atol=1e-6
    )
    batched = mx.vmap(lambda *row: case(*row))(*arrays)
    assert_close(np.asarray(batched), expected, rtol=1e-5, atol=1e-6)
    tangent = _tangent(case, "mlx")
    _, moved = mx.jvp(lambda x: case(x, *arrays[1:], reduction="sum"), arrays[:1], [tangent])
    gradient = lossary.grad(case.loss.function)(*arrays, reduction="sum", **case.shape)
    assert abs(moved[0].item()) > 5e-4
    assert moved[0].item() == pytest.approx((gradient * tangent).sum().item(), abs=1e-4)


# The first tangent of a process makes PyTorch script its decompositions.
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@EVERY_KIND
def test_torch_func(case: Case) -> None:
    torch = pytest.importorskip("torch")
    arrays = [BY_NAME["torch"].array(x) for x in case.arrays]

    def total(x: Any) -> Any:
        return case(x, *arrays[1:], reduction="sum")

    expected = lossary.grad(case.loss.function)(*arrays, reduction="sum", **case.shape)
    assert_close(torch.func.grad(total)(arrays[0]), expected, rtol=1e-10, atol=1e-12)
    tangent = _tangent(case, "torch").double()
    _, moved = torch.func.jvp(total, (arrays[0],), (tangent,))
    assert abs(float(moved)) > 5e-4
    assert float(moved) == pytest.approx(float((expected * tangent).sum()), abs=1e-9)
    batched = torch.func.vmap(lambda *row: case(*row))(*arrays)
    assert_close(batched, case(*arrays), rtol=1e-12, atol=1e-13)


def test_torch_compile_without_graph_breaks() -> None:
    torch = pytest.importorskip("torch")
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    y = torch.arange(6) % 5
    z, t = torch.linspace(-2, 2, 30), torch.ones(30)

    def total(x: Any, z: Any) -> Any:
        value = lossary.cross_entropy(x, y, reduction="mean", where=y > 0)
        return value + lossary.hinge_loss(z, t, "sum", weights=z**2)

    compiled = torch.compile(total, fullgraph=True, backend="aot_eager")
    assert_close(compiled(x, z).detach(), total(x, z).detach(), rtol=1e-6)
    (found,) = torch.autograd.grad(compiled(x, z), x)
    (expected,) = torch.autograd.grad(total(x, z), x)
    assert_close(found, expected, rtol=1e-5, atol=1e-6)


@EVERY_KIND
def test_dask_stays_lazy(case: Case) -> None:
    dask = pytest.importorskip("dask")
    arrays = _arrays(case, "dask")

    def refuse(*_: Any, **__: Any) -> None:
        message = "something was computed"
        raise AssertionError(message)

    with dask.config.set(scheduler=refuse):
        lazy = case(*arrays, reduction="mean")
    assert_close(lazy.compute(), case(*case.cast("float32"), reduction="mean"), rtol=1e-5)


def test_mlx_checks_values_where_it_can_tell_them() -> None:
    mx = pytest.importorskip("mlx.core")
    inputs, targets = mx.array([0.5, 2.0, -1.0]), mx.array([1.0, 0.0, 1.0])
    with lossary.options(domain="raise"):
        for transform in (mx.compile, mx.vmap):
            found = transform(lambda x, y: lossary.hinge_loss(x, y))(inputs, targets)
            assert_close(np.asarray(found), [0.5, 1.0, 2.0])
        for function in (lossary.hinge_loss, mx.grad(lambda x, y: lossary.hinge_loss(x, y).sum())):
            with pytest.raises(ValueError, match=r"got 0.0 at \(1,\)"):
                function(inputs, targets)


def test_the_first_call_of_a_process_may_be_traced_by_jax() -> None:
    pytest.importorskip("jax")
    code = (
        "import jax, jax.numpy as jnp, lossary\n"
        "x = jnp.ones(3)\n"
        "print(jax.jit(lossary.mse_loss)(x, 2 * x), lossary.mse_loss(x, 3 * x))\n"
        "print(jax.vmap(jax.grad(lossary.mse_loss))(x, 2 * x))\n"
        "from lossary.backends.jax_host import ARRAY\n"
        "print(type(x) is ARRAY)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["1.0 4.0", "[-2. -2. -2.]", "True"], done.stderr


def test_torch_maps_gradients_with_a_sign() -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor([-1.0, 0.0, 2.0])
    slope = torch.func.vmap(torch.func.grad(lossary.l1_loss))(x, torch.zeros(3))
    assert_close(slope, [-1.0, 0.0, 1.0])
