"""One trace serves every size: lengths are symbols, or are asked for when a trace runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from cases import PLAIN, Case, every_kind
from libraries import BY_NAME

import lossary

EVERY_KIND = every_kind(PLAIN)
QUIET = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
SIZES = (4, 7, 3, 300)


def _rows(case: Case, rows: int) -> list[np.ndarray]:
    """Return the arguments with this many rows, then weights and a mask of the unreduced loss."""
    arrays = [np.resize(x, (rows, *x.shape[1:])) for x in case.cast("float32")]
    shape = (rows,) if case.shape else arrays[0].shape
    weights = np.resize(np.float32([0.5, 2.0, 1.0]), shape)
    return [*arrays, weights, np.resize([True, True, False, True], shape)]


def _mean(case: Case, denominator: Any = "count") -> Any:
    """Return a function of the arguments, weights and a mask: a mean."""
    _ = case.loss.function  # made on its first use, which PyTorch cannot trace

    def mean(*given: Any) -> Any:
        *arrays, weights, where = given
        options = {"weights": weights, "where": where, "denominator": denominator}
        return case(*arrays, reduction="mean", **options) + case(*arrays, reduction="mean")

    return mean


def _expected(case: Case, rows: int, denominator: Any = "count") -> tuple[Any, Any]:
    """Return this mean and its gradient as NumPy arrays have them."""
    *arrays, weights, where = _rows(case, rows)
    options = {"weights": weights, "where": where, "denominator": denominator}
    function = lossary.value_and_grad(case.loss.function)
    chosen = {**case.shape, **case.parameters, "reduction": "mean"}
    first, second = function(*arrays, **chosen, **options), function(*arrays, **chosen)
    return first[0] + second[0], first[1] + second[1]


# --- PyTorch --------------------------------------------------------------------------------------
def _counted(function: Any) -> tuple[Any, Any]:
    torch = pytest.importorskip("torch")
    from torch._dynamo.testing import CompileCounterWithBackend

    torch.compiler.reset()
    counter = CompileCounterWithBackend("aot_eager")
    return torch.compile(function, backend=counter, fullgraph=True), counter


def _tensors(case: Case, rows: int) -> list[Any]:
    first, *others = [BY_NAME["torch"].array(x) for x in _rows(case, rows)]
    return [first.requires_grad_(), *others]


@QUIET
@every_kind(PLAIN, turn=0, turns=3)  # each takes PyTorch's compiler seconds; all are exported below
def test_torch_compiles_twice_for_any_number_of_sizes(case: Case) -> None:
    torch = pytest.importorskip("torch")
    compiled, counter = _counted(_mean(case, "weights"))
    for rows in SIZES:
        given = _tensors(case, rows)
        found, (value, slope) = compiled(*given), _expected(case, rows, "weights")
        assert_close(found.detach(), value, rtol=2e-6)
        (gradient,) = torch.autograd.grad(found, given[0])
        assert_close(gradient, slope, rtol=1e-4, atol=1e-8)
    assert counter.frame_count <= 2


@QUIET
def test_torch_compiles_the_whole_once() -> None:
    torch = pytest.importorskip("torch")
    torch.compiler.reset()
    module = lossary.adapters.torch.module("cross_entropy", label_smoothing=0.1)
    compiled = torch.compile(module, fullgraph=True)
    for rows in SIZES:
        logits = torch.randn(rows, 5, requires_grad=True)
        labels = torch.arange(rows) % 5
        found, expected = compiled(logits, labels), module(logits, labels)
        assert_close(found.detach(), expected.detach(), rtol=2e-6)
        (gradient,) = torch.autograd.grad(found, logits)
        assert_close(gradient, torch.autograd.grad(expected, logits)[0], rtol=1e-5, atol=1e-8)


@QUIET
@pytest.mark.parametrize("axis", [0, 1])
def test_torch_lengths_marked_as_dynamic(axis: int) -> None:
    torch = pytest.importorskip("torch")

    def loss(x: Any, y: Any) -> Any:
        return lossary.kl_div_loss(x, y, axis=1, reduction="mean")

    compiled, counter = _counted(loss)
    for size in (5, 6, 40):
        shape = (size, 3) if axis == 0 else (3, size)
        x, y = torch.randn(shape).log_softmax(1), torch.randn(shape).log_softmax(1)
        for tensor in (x, y):
            torch._dynamo.mark_dynamic(tensor, axis)
        assert_close(compiled(x, y), loss(x, y), rtol=1e-5)
    assert counter.frame_count == 1


@QUIET
@EVERY_KIND
def test_torch_exports_with_a_dynamic_length(case: Case) -> None:
    torch = pytest.importorskip("torch")

    class Mean(torch.nn.Module):
        def forward(self, arrays: list[Any]) -> Any:
            return _mean(case)(*arrays)

    rows = torch.export.Dim("rows")
    given = [x.detach() for x in _tensors(case, 4)]
    lengths = ([{0: rows} for _ in given],)
    program = torch.export.export(Mean(), (given,), dynamic_shapes=lengths).module()
    for size in SIZES:
        given = [x.detach() for x in _tensors(case, size)]
        assert_close(program(given), _expected(case, size)[0], rtol=2e-6)


@QUIET
def test_torch_means_of_nothing_in_a_trace() -> None:
    torch = pytest.importorskip("torch")
    rows = torch.export.Dim("rows", min=0)

    class Both(torch.nn.Module):
        def forward(self, x: Any, where: Any) -> Any:
            return lossary.l1_loss(x, x + 1), lossary.l1_loss(x, x + 1, where=where)

    x = torch.zeros(4)
    lengths = ({0: rows}, {0: rows})
    program = torch.export.export(Both(), (x, x == 1), dynamic_shapes=lengths).module()
    for size, expected in ((3, [1.0, 0.0]), (0, [np.nan, np.nan])):
        x = torch.zeros(size)
        assert_close([float(found) for found in program(x, x == 1)], expected)


# --- JAX ------------------------------------------------------------------------------------------
@every_kind(PLAIN, turn=1, turns=2)  # each takes XLA seconds
def test_jax_exports_with_a_symbolic_length(case: Case) -> None:
    jax = pytest.importorskip("jax")
    from jax import export

    mean = jax.value_and_grad(_mean(case, "weights"))
    (rows,) = export.symbolic_shape("rows")
    symbols = [
        jax.ShapeDtypeStruct((rows, *x.shape[1:]), jax.numpy.asarray(x).dtype)
        for x in _rows(case, 3)
    ]
    exported = export.export(jax.jit(mean))(*symbols)
    for size in SIZES:
        given = [BY_NAME["jax"].array(x) for x in _rows(case, size)]
        value, gradient = exported.call(*given)
        expected, slope = _expected(case, size, "weights")
        assert_close(value, expected, rtol=2e-6)
        assert_close(gradient, slope, rtol=1e-5, atol=1e-8)


_SHARDED = """
import sys
sys.path.insert(0, {tests!r})
import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from assertions import assert_close
from cases import PLAIN

mesh = jax.make_mesh((8,), ("devices",), axis_types=(AxisType.Explicit,))
rows, classes = PartitionSpec("devices", None), PartitionSpec(None, "devices")
for place, case in enumerate(case for case in PLAIN if case.is_representative):
    shape = 16, case.loss.length or 16
    arrays = [np.resize(x, shape[: x.ndim]) for x in case.cast("float32")]
    specs = (rows, classes) if case.loss.length is None else (rows,)
    for spec in specs if {all_axes} else specs[place % len(specs)::2]:
        with jax.set_mesh(mesh):
            given = [
                jax.device_put(
                    x, NamedSharding(mesh, spec if x.ndim == 2 else PartitionSpec(spec[0]))
                )
                for x in arrays
            ]
            for reduction in ("none", "mean"):
                def total(*arrays):
                    return case(*arrays, reduction=reduction).sum()
                value, gradient = jax.jit(jax.value_and_grad(total))(*given)
                assert gradient.sharding.spec == spec, case.title
                assert_close(value, case(*arrays, reduction=reduction).sum(), rtol=1e-5)
"""


@pytest.mark.parametrize(
    "all_axes", [False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["one", "all"]
)
def test_jax_shards_any_axis(all_axes: bool) -> None:
    """Losses take turns with the axis that is sharded, unless both are."""
    pytest.importorskip("jax")
    script = _SHARDED.format(tests=str(Path(__file__).parent), all_axes=all_axes)
    # Sharding is decided before the compiler optimises loops, which takes most of its time.
    flags = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- MLX ------------------------------------------------------------------------------------------
def _exported(function: Any, folder: Path, *given: Any) -> Any:
    """Return the function as traced for any size: without compiling, which takes MLX seconds."""
    import mlx.core as mx

    path = str(folder / "function.mlxfn")
    mx.export_function(path, function, *given, shapeless=True)
    return mx.import_function(path)


def test_mlx_compiles_once_for_any_length() -> None:
    mx = pytest.importorskip("mlx.core")
    traced = []

    def mean(x: Any, y: Any) -> Any:
        traced.append(x.shape)
        return lossary.hinge_loss(x, y, "mean")

    compiled = mx.compile(mean, shapeless=True)
    for size in SIZES:
        x, y = mx.arange(size) / size, mx.ones(size)
        assert_close(np.asarray(compiled(x, y)), np.asarray(mean(x, y)), rtol=2e-6)
    assert traced.count((SIZES[0],)) == 2
    assert traced.count((SIZES[1],)) == 1


@EVERY_KIND
def test_mlx_exports_for_any_length(case: Case, tmp_path: Path) -> None:
    mx = pytest.importorskip("mlx.core")
    mean = mx.value_and_grad(_mean(case, "weights"))
    first = [BY_NAME["mlx"].array(x) for x in _rows(case, 4)]
    exported = _exported(mean, tmp_path, *first)
    for size in SIZES:
        given = [BY_NAME["mlx"].array(x) for x in _rows(case, size)]
        value, gradient = exported(*given)
        expected, slope = _expected(case, size, "weights")
        assert_close(np.asarray(value), np.asarray(expected), rtol=2e-6)
        assert_close(np.asarray(gradient), np.asarray(slope), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", ["cross_entropy", "kl_div_loss", "triplet_loss"])
def test_mlx_exports_for_any_number_of_classes(name: str, tmp_path: Path) -> None:
    mx = pytest.importorskip("mlx.core")
    loss = getattr(lossary, name)
    random = np.random.default_rng(0)
    exported = None
    for classes in (3, 5, 200):
        arrays = [random.normal(size=(4, classes)).astype(np.float32) for _ in range(3)]
        if name != "triplet_loss":
            arrays = arrays[:2]
        if name == "cross_entropy":
            arrays[1] = random.integers(0, classes, 4)
        given = [mx.array(x) for x in arrays]
        expected = loss(*given, reduction="mean")
        if exported is None:
            exported = _exported(lambda *x: loss(*x, reduction="mean"), tmp_path, *given)
        assert_close(np.asarray(exported(*given)[0]), np.asarray(expected), rtol=2e-6)


def test_mlx_derivatives_in_a_trace_for_any_length(tmp_path: Path) -> None:
    mx = pytest.importorskip("mlx.core")

    def derivatives(loss: Any) -> Any:
        slope = mx.grad(lambda *x: loss(*x).sum())
        return lambda *x: (loss(*x), slope(*x))

    # Kinks, infinities, and vectors whose norm is 0 among them.
    points = {
        lossary.hinge_loss: [[1.0, 0.5, -np.inf, 2.0], [1.0, 1.0, 1.0, 1.0]],
        lossary.huber_loss: [[1.0, -1.0, 0.0, 0.5], [0.0, 0.0, 0.0, 0.0]],
        lossary.binary_cross_entropy: [[-np.inf, 0.0, 3.0, -2.0], [0.0, 1.0, 0.5, 0.0]],
        lossary.cosine_similarity_loss: [[[0.0, 0.0], [1.0, 2.0]], [[1.0, 2.0], [3.0, -1.0]]],
    }
    for loss, given in points.items():
        arrays = [mx.array(x) for x in given]
        exported = _exported(derivatives(loss), tmp_path, *[x[:2] for x in arrays])
        (value, slope), (expected, wanted) = exported(*arrays), derivatives(loss)(*arrays)
        assert_close(np.asarray(value), np.asarray(expected), rtol=1e-6)
        finite = np.isfinite(given[0])
        assert_close(np.asarray(slope)[finite], np.asarray(wanted)[finite], rtol=1e-6)
        assert not np.isnan(np.asarray(slope)).any()


def test_mlx_has_no_second_derivative_in_a_trace_for_any_length(tmp_path: Path) -> None:
    mx = pytest.importorskip("mlx.core")
    slope = mx.grad(lambda x: lossary.mse_loss(x, mx.zeros_like(x), "sum"))
    second = mx.grad(lambda x: slope(x).sum())
    (found,) = _exported(second, tmp_path, mx.ones(3))(mx.ones(3))
    assert np.isnan(np.asarray(found)).all()
