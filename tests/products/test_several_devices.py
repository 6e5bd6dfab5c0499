"""Products on several devices: classes, nothing large of which is gathered; pairs of a batch."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

JAX = """
import re
import jax, numpy as np, lossary
from jax.sharding import AxisType, NamedSharding, PartitionSpec

rng = np.random.default_rng(0)
rows, length, classes = 64, 16, 800
features, classifier, bias = (
    rng.standard_normal(shape).astype("float32")
    for shape in ((rows, length), (classes, length), (classes,))
)
labels = rng.integers(0, classes, rows)
function = lossary.value_and_grad(lossary.linear_cross_entropy, argnums=(0, 1, 3))
expected, gradients = function(features, classifier, labels, bias, reduction="mean")
lossary.set_options(tile_bytes=13 * classes * 8)

def loss(features, classifier, bias):
    return lossary.linear_cross_entropy(features, classifier, labels, bias, reduction="mean")

for kind in (AxisType.Auto, AxisType.Explicit):
    mesh = jax.make_mesh((8,), ("classes",), axis_types=(kind,))
    specs = (PartitionSpec(), PartitionSpec("classes"), PartitionSpec("classes"))
    with jax.set_mesh(mesh):
        given = [
            jax.device_put(x, NamedSharding(mesh, spec))
            for x, spec in zip((features, classifier, bias), specs)
        ]
        step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2))).lower(*given).compile()
        assert not re.search("all-gather|all-to-all", step.as_text()), kind
        value, found = step(*given)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    for x, y in zip(found, gradients):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-7)
    assert found[1].sharding.spec[0] == "classes"
print("done")
"""

JAX_PAIRS = """
from functools import partial
import jax, numpy as np, lossary
from jax.sharding import Mesh, PartitionSpec

rng = np.random.default_rng(0)
anchors, positives = rng.standard_normal((2, 12, 5)).astype("float32")
gathered = partial(jax.lax.all_gather, axis_name="batch", tiled=True)

def part(anchors, positives):
    return lossary.info_nce_loss(
        anchors,
        positives,
        symmetric=True,
        others=gathered(positives),
        other_anchors=gathered(anchors),
        offset=jax.lax.axis_index("batch") * len(anchors),
    )

spec = PartitionSpec("batch")
loss = jax.shard_map(
    part, mesh=Mesh(np.array(jax.devices()), ("batch",)), in_specs=(spec, spec), out_specs=spec
)
step = jax.jit(jax.value_and_grad(lambda *given: loss(*given).mean(), argnums=(0, 1)))
value, found = step(anchors, positives)
expected, gradients = lossary.value_and_grad(lossary.info_nce_loss, argnums=(0, 1))(
    anchors, positives, symmetric=True, reduction="mean"
)
np.testing.assert_allclose(value, expected, rtol=1e-5)
for x, y in zip(found, gradients):
    np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)
print("done")
"""

TORCH = """
import sys, warnings
import torch
import torch.distributed as distributed
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.debug import CommDebugMode
import lossary
from cases import PLAIN

warnings.simplefilter("ignore")
rank, store = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
mesh = distributed.device_mesh.init_device_mesh("cpu", (2,))
close = dict(rtol=1e-4, atol=1e-6)

def whole(x):
    return x.full_tensor() if isinstance(x, DTensor) else x

def counts(mode):
    return {str(name).rpartition(".")[2] for name in mode.get_comm_counts()}

for case in PLAIN:
    if case.loss.axis is None or case.loss.length:
        continue
    arrays = [torch.tensor(x) for x in case.cast("float32")]
    given = [distribute_tensor(x, mesh, [Shard(1) if x.ndim == 2 else Replicate()]) for x in arrays]
    first = given[0].requires_grad_()
    with CommDebugMode() as mode:
        value = case(first, *given[1:], reduction="mean")
        (gradient,) = torch.autograd.grad(value, first)
    if not case.mixes:
        assert gradient.placements == first.placements, case.title
        assert counts(mode) <= {"all_reduce"}, (case.title, counts(mode))
    expected = lossary.value_and_grad(case.loss.function)(
        *arrays, **case.shape, **case.parameters, reduction="mean"
    )
    torch.testing.assert_close(whole(value.detach()), expected[0], **close)
    torch.testing.assert_close(whole(gradient), expected[1], **close)

torch.manual_seed(0)
features, classifier, bias = torch.randn(12, 5), torch.randn(7, 5), torch.randn(7)
labels = torch.randint(0, 7, (12,))
labels[2] = -1
lossary.set_options(tile_bytes=7 * 4 * 2 * 7 * 5)
parts = [distribute_tensor(x, mesh, [Shard(0)]).requires_grad_() for x in (classifier, bias)]
for reduction in ("none", "mean"):
    options = dict(reduction=reduction, ignore_index=-1)
    own = features.clone().requires_grad_()
    with CommDebugMode() as mode:
        loss = lossary.linear_cross_entropy(own, parts[0], labels, parts[1], **options)
        found = torch.autograd.grad(loss.sum(), [own, *parts])
    assert counts(mode) <= {"all_reduce"}, counts(mode)
    assert not isinstance(loss, DTensor) and not isinstance(found[0], DTensor)
    assert all(x.placements == (Shard(0),) for x in found[1:])
    value, expected = lossary.value_and_grad(lossary.linear_cross_entropy, argnums=(0, 1, 3))(
        features, classifier, labels, bias, **options
    )
    torch.testing.assert_close(loss.detach(), value, **close)
    for x, y in zip(found, expected):
        torch.testing.assert_close(whole(x), y, **close)
distributed.destroy_process_group()
print("done")
"""


def _start(program: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finished(process: subprocess.Popen[str]) -> None:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert output.endswith("done\n"), output


def _need(library: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")


def test_jax_gathers_neither_logits_nor_classifier() -> None:
    _need("jax")
    flags = "--xla_force_host_platform_device_count=8"
    _finished(_start(JAX, XLA_FLAGS=flags, JAX_PLATFORMS="cpu"))


def test_parts_of_a_batch_are_compared_with_all_of_it() -> None:
    _need("jax")
    flags = "--xla_force_host_platform_device_count=2"
    _finished(_start(JAX_PAIRS, XLA_FLAGS=flags, JAX_PLATFORMS="cpu"))


def test_torch_reduces_small_tensors_alone(tmp_path: Path) -> None:
    """Two processes of PyTorch: every loss of rows, and the product with its derivatives."""
    _need("torch")
    processes = [_start(TORCH, str(rank), str(tmp_path / "store")) for rank in range(2)]
    for process in processes:
        _finished(process)
