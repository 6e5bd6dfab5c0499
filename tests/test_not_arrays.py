"""What belongs to an array library and is no array, or an array that no loss can take."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from libraries import BY_NAME

import lossary
from lossary import hinge_loss
from lossary.call import array_library


def _refused(given: Any, kind: type[Exception] = TypeError, other: Any = 1.0) -> str:
    with pytest.raises(kind, match="hinge_loss: inputs must ") as caught:
        hinge_loss(given, other)
    assert isinstance(caught.value, lossary.LossaryError)
    return str(caught.value).removeprefix("hinge_loss: inputs must ")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_things_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rows, row = torch.ones(2, 3), torch.ones(2)
    packed = torch.nn.utils.rnn.pack_sequence([row, row])
    for given, kind in (
        (rows.max(1), "torch.return_types.max"),
        (rows.shape, "torch.Size"),
        (packed, "torch.nn.utils.rnn.PackedSequence"),
    ):
        told = f"be an array of numbers, got {kind}. Pass one of its elements."
        assert _refused(given, other=row) == told
    told = _refused(torch.nn.Linear(1, 1), other=row)
    assert told.startswith("be an array of numbers, got torch.nn.modules.linear.Linear. Pass what")
    assert "got torch.dtype. Pass an array of PyTorch." in _refused(torch.float32)
    for layout in (torch.strided, torch.jagged):
        nested = torch.nested.nested_tensor([row, row[:1]], layout=layout)
        told = _refused(nested, other=row)
        assert told.startswith("be a dense tensor, got a nested tensor. Pass torch.nested.to_padd")
    told = _refused(torch.masked.masked_tensor(row, row > 0), other=row)
    assert told == "be a plain tensor, got a MaskedTensor. Pass .get_data(), and where=.get_mask()."


def test_things_of_jax_and_mlx() -> None:
    jax, jnp = pytest.importorskip("jax"), pytest.importorskip("jax.numpy")
    shape = jax.ShapeDtypeStruct((2,), jnp.float32)
    assert "got jax.ShapeDtypeStruct. Pass an array of JAX." in _refused(shape, other=jnp.ones(2))
    mx, nn = pytest.importorskip("mlx.core"), pytest.importorskip("mlx.nn")
    assert "linear.Linear. Pass what it returns." in _refused(nn.Linear(1, 1), other=mx.ones(2))


@pytest.mark.parametrize(
    ("library", "stack"),
    [("torch", "torch"), ("jax", "jax.numpy"), ("mlx", "mlx.core"), ("dask", "dask.array")],
)
def test_lists_of_arrays_of_other_libraries(library: str, stack: str) -> None:
    one = BY_NAME[library].array(np.float32([1.0, 2.0]))
    kind = type(one).__name__
    remedy = f"Pass {stack}.stack(inputs)."
    for given in ([one, one], (one, one), [[1.0, one[0]], [2.0, one[1]]]):
        name = "tuple" if isinstance(given, tuple) else "list"
        assert _refused(given) == f"be one array, got a {name} of {kind}. {remedy}"
    with pytest.raises(TypeError, match=r"weights must be one array, got a list of .*\.stack\(wei"):
        hinge_loss(one, 1.0, weights=[one[0], one[1]])


def test_lists_of_traced_values() -> None:
    jax = pytest.importorskip("jax")
    with pytest.raises(TypeError, match=r"Pass jax\.numpy\.stack\(inputs\)\."):
        jax.jit(lambda x: hinge_loss([x, x], [1.0, -1.0]))(1.0)
    with pytest.raises(TypeError, match=r"Pass jax\.numpy\.stack\(inputs\)\."):
        jax.grad(lambda x: hinge_loss([x, x], [1.0, -1.0], "sum"))(1.0)


def test_lists_of_numpy_arrays_are_arrays() -> None:
    rows = [np.ones(2), np.zeros(2)]
    assert hinge_loss(rows, np.ones((2, 2))).tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert hinge_loss([np.float32(0.5), 2], (1, True)).tolist() == [0.5, 0.0]


def test_dask_arrays_of_unknown_size() -> None:
    da = pytest.importorskip("dask.array")
    known = da.ones(4, chunks=2)
    unknown = known[known > 0]
    told = _refused(unknown, ValueError, unknown)
    assert told.startswith(
        "have known chunk sizes, got Array of shape (nan,). Call .compute_chunk_"
    )
    assert "to_dask_array(lengths=True)" in told
    with pytest.raises(ValueError, match="weights must have known chunk sizes"):
        hinge_loss(known, known, weights=unknown)
    assert hinge_loss(unknown.compute_chunk_sizes(), known).compute().tolist() == [0.0] * 4


def test_columns_of_dask_data_frames() -> None:
    frames, pandas = pytest.importorskip("dask.dataframe"), pytest.importorskip("pandas")
    frame = frames.from_pandas(pandas.DataFrame({"a": [1.0, 2.0, 3.0]}), npartitions=2)
    for given in (frame["a"], frame):
        told = _refused(given)
        assert re.fullmatch(r"be an array of numbers, got dask\..*Pass \.to_dask_array.*", told)
    column = frame["a"].to_dask_array(lengths=True)
    assert hinge_loss(column, 1.0).compute().tolist() == [0.0] * 3


def test_delayed_values() -> None:
    dask = pytest.importorskip("dask")
    assert _refused(dask.delayed(3)).endswith("Pass dask.array.from_delayed(...) of it.")


def test_a_column_that_has_every_attribute_is_no_sparse_array() -> None:
    class Column:
        def __getattr__(self, name: str) -> Any:
            return self

    told = _refused(Column())
    assert told.startswith("be an array, a number or a sequence of numbers, got Column.")


def test_long_lists_are_searched_for_columns_by_the_types_of_their_elements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[type] = []
    is_column = array_library.is_column
    monkeypatch.setattr(
        array_library, "is_column", lambda kind: asked.append(kind) or is_column(kind)
    )
    loss = lossary.cross_entropy([[0.5, 1.5]] * 1000, [1] * 1000, reduction="mean")
    assert float(loss) == pytest.approx(float(np.log1p(np.exp(-1.0))))
    assert asked == [list, int]
