"""Losses of pairs: those of all similarities at once, whatever the tiles."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import BY_NAME, LIBRARIES, Library

import lossary
from lossary.products.groups import smaller

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(21)
COUNT, LENGTH = 11, 5
ANCHORS, POSITIVES = RNG.normal(size=(2, COUNT, LENGTH))
LABELS = np.array([3, 7, 3, -2, 3, 7, 9, -2, 7, 3, 1000])
MASK = np.array([1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1], bool)
WEIGHTS = RNG.uniform(0.5, 2, COUNT)
#: Blocks of rows that do not divide the items, one row at a time, all at once.
SOME_ROWS, *TILES = 4 * 8 * 2 * COUNT, 1, 1 << 20
HERE = [x for x in LIBRARIES if x.name != "dask"]


# --- the losses, written plainly ------------------------------------------------------------
def _directions(x: Array) -> Array:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return np.divide(x, length, out=np.zeros_like(x), where=length > 0)


def _similarities(x: Array, y: Array, normalize: bool = True) -> Array:
    return _directions(x) @ _directions(y).T if normalize else x @ y.T


def _logsumexp(x: Array, mask: Array) -> float:
    return float(np.log(np.exp(x[mask]).sum())) if mask.any() else -np.inf


def _info_nce(
    anchors: Array,
    positives: Array,
    temperature: float = 0.1,
    normalize: bool = True,
    symmetric: bool = False,
    mask: Array | None = None,
) -> Array:
    s = _similarities(anchors, positives, normalize) / temperature
    mask = np.ones(len(s), bool) if mask is None else mask
    found = np.array([_logsumexp(s[i], mask) - s[i, i] for i in range(len(s))])
    if symmetric:
        found = (found + [_logsumexp(s[:, i], mask) - s[i, i] for i in range(len(s))]) / 2
    return np.where(mask, found, 0)


def _nt_xent(
    x1: Array,
    x2: Array,
    temperature: float = 0.5,
    normalize: bool = True,
    mask: Array | None = None,
) -> Array:
    views, n = np.concatenate([x1, x2]), len(x1)
    s = _similarities(views, views, normalize) / temperature
    mask = np.ones(n, bool) if mask is None else mask
    both, items = np.concatenate([mask, mask]), np.arange(2 * n)
    found = [_logsumexp(s[i], both & (items != i)) - s[i, (i + n) % (2 * n)] for i in items]
    return np.where(mask, np.reshape(found, (2, n)).mean(0), 0)


def _pairs(labels: Array, mask: Array | None) -> tuple[Array, Array, Array]:
    mask = np.ones(len(labels), bool) if mask is None else mask
    others = mask[:, None] & mask & ~np.eye(len(labels), dtype=bool)
    same = labels[:, None] == labels
    return mask, others & same, others & ~same


def _supervised(
    x: Array,
    labels: Array,
    temperature: float = 0.1,
    normalize: bool = True,
    mask: Array | None = None,
) -> Array:
    s = _similarities(x, x, normalize) / temperature
    _, positive, negative = _pairs(labels, mask)
    found = np.zeros(len(x))
    for i in np.flatnonzero(positive.any(1)):
        total = _logsumexp(s[i], positive[i] | negative[i])
        found[i] = (total - s[i][positive[i]]).mean()
    return found


def _multi_similarity(
    x: Array,
    labels: Array,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    normalize: bool = True,
    mask: Array | None = None,
) -> Array:
    s = _similarities(x, x, normalize) - base
    _, positive, negative = _pairs(labels, mask)
    pull = np.log1p((np.exp(-alpha * s) * positive).sum(1)) / alpha
    return pull + np.log1p((np.exp(beta * s) * negative).sum(1)) / beta


def _circle(
    x: Array,
    labels: Array,
    margin: float = 0.4,
    gamma: float = 80.0,
    normalize: bool = True,
    mask: Array | None = None,
    constant: Array | None = None,
) -> Array:
    s = _similarities(x, x, normalize)
    c = s if constant is None else _similarities(constant, constant, normalize)
    _, positive, negative = _pairs(labels, mask)
    pull = -gamma * np.maximum(0, 1 + margin - c) * (s - 1 + margin)
    push = gamma * np.maximum(0, c + margin) * (s - margin)
    found = np.zeros(len(x))
    for i in np.flatnonzero(positive.any(1) & negative.any(1)):
        total = _logsumexp(push[i], negative[i]) + _logsumexp(pull[i], positive[i])
        found[i] = np.logaddexp(0, total)
    return found


def _sigmoid(
    anchors: Array,
    positives: Array,
    scales: float,
    biases: float,
    normalize: bool = True,
    mask: Array | None = None,
) -> Array:
    z = _similarities(anchors, positives, normalize) * scales + biases
    mask = np.ones(len(z), bool) if mask is None else mask
    terms = np.logaddexp(0, np.where(np.eye(len(z), dtype=bool), -z, z))
    return np.where(mask, (terms * mask).sum(1), 0)


#: By name: the loss, the plain one, what they take, parameters, which rows of a mean count.
CASES: dict[str, tuple[Any, Callable[..., Array], tuple[Any, ...], dict[str, Any]]] = {
    "info_nce": (lossary.info_nce_loss, _info_nce, (ANCHORS, POSITIVES), {}),
    "clip": (lossary.info_nce_loss, _info_nce, (ANCHORS, POSITIVES), {"symmetric": True}),
    "n_pair": (
        lossary.info_nce_loss,
        _info_nce,
        (ANCHORS, POSITIVES),
        {"normalize": False, "temperature": 1.0},
    ),
    "nt_xent": (lossary.nt_xent_loss, _nt_xent, (ANCHORS, POSITIVES), {}),
    "supervised": (lossary.supervised_contrastive_loss, _supervised, (ANCHORS, LABELS), {}),
    "multi_similarity": (
        lossary.multi_similarity_loss,
        _multi_similarity,
        (ANCHORS, LABELS),
        {"base": 0.4},
    ),
    "circle": (lossary.circle_loss, _circle, (ANCHORS, LABELS), {"margin": 0.3, "gamma": 6.0}),
    "sigmoid": (
        lossary.pairwise_sigmoid_loss,
        _sigmoid,
        (ANCHORS, POSITIVES),
        {"scales": 9.0, "biases": -3.0},
    ),
}
EVERY_CASE = pytest.mark.parametrize("case", CASES)


def _with_libraries(cases: Iterable[str], few: tuple[str, ...]) -> Any:
    """Return calls of all cases on NumPy's arrays and tensors, and of a few on the others."""
    calls = [(c, x) for c in cases for x in HERE if c in few or x.name in {"numpy", "torch"}]
    names = [f"{case}-{library.name}" for case, library in calls]
    return pytest.mark.parametrize(("case", "library"), calls, ids=names)


def _floats(case: str) -> tuple[int, ...]:
    """Return which of a case's arrays are embeddings."""
    return tuple(i for i, x in enumerate(CASES[case][2]) if x.dtype.kind == "f")


def _taking_part(case: str, mask: Array | None) -> Array:
    mask, positive, negative = _pairs(LABELS, mask)
    if case == "supervised":
        return positive.any(1)
    return positive.any(1) & negative.any(1) if case == "circle" else mask


def _slopes(case: str, factors: Array | float, mask: Array | None) -> list[Array]:
    """Return the gradients of the plain loss by central differences."""
    _, plain, arrays, parameters = CASES[case]
    more = {"constant": arrays[0]} if case == "circle" else {}
    found = []
    for place in _floats(case):
        slopes = np.zeros_like(arrays[place])
        for index in np.ndindex(*slopes.shape):
            sides = []
            for step in (1e-6, -1e-6):
                moved = list(arrays)
                moved[place] = arrays[place].copy()
                moved[place][index] += step
                sides.append((plain(*moved, **parameters, **more, mask=mask) * factors).sum())
            slopes[index] = (sides[0] - sides[1]) / 2e-6
        found.append(slopes)
    return found


def _given(library: Library, *arrays: Array, dtype: str | None = None) -> list[Any]:
    return [library.array(x.astype(dtype) if dtype and x.dtype.kind == "f" else x) for x in arrays]


# --- values -----------------------------------------------------------------------------------
TWO = [[1, 0.5], [0.2, 1], [-1, 0.3]], [[0.9, 0.6], [0.1, 1.2], [-1, -0.2]]
FIVE = [[1, 0.5], [0.2, 1], [-1, 0.3], [0.9, 0.1], [0, 1]], [0, 1, 2, 0, 1]


@pytest.mark.parametrize(
    ("loss", "arrays", "parameters", "expected"),
    [
        (lossary.info_nce_loss, TWO, (0.5,), [0.342716881030, 0.487049777473, 0.267339517380]),
        (lossary.info_nce_loss, TWO, (0.5, True, True),
         [0.407525212257, 0.477033737021, 0.183186987198]),
        (lossary.info_nce_loss, TWO, (1, False),
         [0.534614122463, 0.610816714719, 0.528718176541]),
        (lossary.nt_xent_loss, TWO, (), [0.695025865687, 0.790563080045, 0.323257238883]),
        (lossary.supervised_contrastive_loss, FIVE, (),
         [0.0453266295907, 0.0264985266587, 0, 0.00199608924378, 0.00595064508856]),
        (lossary.multi_similarity_loss, FIVE, (),
         [0.287986776244, 0.275935713678, 4.82358743776e-07, 0.173975446269, 0.163308047851]),
        (lossary.circle_loss, FIVE, (),
         [4.86570880677, 4.59417696384, 0, 3.75823142701e-06, 6.98065568296e-05]),
        (lossary.circle_loss, FIVE, (0.25, 4),
         [1.78213341046, 1.65824663509, 0, 1.20203236906, 1.34413812068]),
        (lossary.pairwise_sigmoid_loss, TWO, (10, -10),
         [0.740694742626, 0.778353438527, 1.44164033253]),
    ],
)  # fmt: skip
def test_known_values(loss: Any, arrays: Any, parameters: Any, expected: list[float]) -> None:
    assert_close(loss(*arrays, *parameters), np.array(expected), rtol=2e-11, atol=1e-15)


#: Libraries that compile each call anew are asked for the call that has most in it.
CALLS = [(c, x, SOME_ROWS, "mask") for c in CASES for x in HERE if x.name != "jax"]
CALLS += [(c, BY_NAME["jax"], SOME_ROWS, "mask") for c in ("clip", "nt_xent", "circle")]
CALLS += [
    (c, BY_NAME[name], SOME_ROWS, options)
    for c in CASES
    for name in ("numpy", "torch")
    for options in ("plain", "weights")
]
CALLS += [(c, BY_NAME["numpy"], tile, "mask") for c in CASES for tile in TILES]


@pytest.mark.parametrize(
    ("case", "library", "tile", "options"), CALLS, ids=lambda x: getattr(x, "name", x)
)
def test_values_and_gradients(case: str, options: str, library: Library, tile: int) -> None:
    loss, plain, arrays, parameters = CASES[case]
    mask = MASK if options == "mask" else None
    taking = _taking_part(case, mask)
    weights = WEIGHTS if options == "weights" else np.ones(COUNT)
    total = (weights * taking).sum() if options == "weights" else taking.sum()
    rows = plain(*arrays, **parameters, mask=mask)
    dtype = library.floats[-1]
    given = _given(library, *arrays, dtype=dtype)
    extra: dict[str, Any] = {}
    if options == "mask":
        extra["where"] = _given(library, MASK)[0]
        # What takes no part may hold anything.
        hidden = [np.where(MASK[:, None], x, np.nan) if x.ndim == 2 else x for x in arrays]
        given = _given(library, *hidden, dtype=dtype)
    if options == "weights":
        extra |= {"weights": _given(library, WEIGHTS, dtype=dtype)[0], "denominator": "weights"}
    rtol = 1e-12 if dtype == "float64" else 2e-5
    with lossary.options(tile_bytes=tile):
        unreduced = loss(*given, **parameters, **extra | {"denominator": "count"})
        mean, gradients = lossary.value_and_grad(loss, argnums=_floats(case))(
            *given, **parameters, **extra, reduction="mean"
        )
    assert_close(library.numpy(unreduced), rows * weights * taking, rtol=rtol, atol=rtol / 5)
    assert_close(library.numpy(mean), (rows * weights * taking).sum() / total, rtol=rtol)
    expected = _slopes(case, weights * taking / total, mask)
    for found, slopes in zip(gradients, expected, strict=True):
        assert_close(library.numpy(found), slopes, rtol=max(rtol, 1e-6), atol=1e-6)


@EVERY_CASE
@pytest.mark.parametrize("reduction", ["sum", "none", "mean"])
def test_reductions(case: str, reduction: str) -> None:
    """The gradient is that of the sum where nothing is reduced."""
    loss, plain, arrays, parameters = CASES[case]
    rows = plain(*arrays, **parameters)
    scale = 1 / 40 if reduction == "mean" else 1.0
    value, gradients = lossary.value_and_grad(loss, argnums=_floats(case))(
        *arrays, **parameters, reduction=reduction, denominator=40.0
    )
    assert_close(value, rows if reduction == "none" else rows.sum() * scale, rtol=1e-12, atol=1e-15)
    for found, slopes in zip(gradients, _slopes(case, scale, None), strict=True):
        assert_close(found, slopes, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "reduction"), [("torch", "none"), ("torch", "mean"), ("jax", "none"), ("mlx", "mean")]
)
@EVERY_CASE
def test_native_gradients(case: str, name: str, reduction: str) -> None:
    library, (loss, _, arrays, parameters) = BY_NAME[name], CASES[case]
    places = _floats(case)
    expected = lossary.value_and_grad(loss, argnums=places)(
        *arrays, **parameters, reduction=reduction, weights=WEIGHTS
    )[1]
    given = _given(library, *arrays, dtype="float32")
    factors = _given(library, WEIGHTS if reduction == "none" else np.float64(3), dtype="float32")[0]
    scale = 1.0 if reduction == "none" else 3.0
    extra = {} if reduction == "none" else {"weights": _given(library, WEIGHTS, dtype="float32")[0]}

    def total(*moved: Any) -> Any:
        whole = list(given)
        for place, x in zip(places, moved, strict=True):
            whole[place] = x
        return (loss(*whole, **parameters, **extra, reduction=reduction) * factors).sum()

    with lossary.options(tile_bytes=3 * 8 * COUNT):
        found = _native(name)(total, [given[place] for place in places])
    for gradient, wanted in zip(found, expected, strict=True):
        assert_close(library.numpy(gradient), scale * wanted, rtol=5e-5, atol=5e-6)


def _native(name: str) -> Any:
    """Return a function that differentiates with a library's own means."""
    if name == "torch":
        import torch

        def gradients(function: Any, given: list[Any]) -> Any:
            given = [x.requires_grad_() for x in given]
            return torch.autograd.grad(function(*given), given)

        return gradients
    if name == "jax":
        import jax

        def traced(function: Any, given: list[Any]) -> Any:
            return jax.jit(jax.grad(function, argnums=tuple(range(len(given)))))(*given)

        return traced
    import mlx.core as mx

    def lazy(function: Any, given: list[Any]) -> Any:
        found = mx.grad(function, argnums=list(range(len(given))))(*given)
        return found if isinstance(found, (list, tuple)) else [found]

    return lazy


@pytest.mark.parametrize("case", ["clip", "circle", "sigmoid"])
def test_compiled_by_torch(case: str) -> None:
    """It is in the graph, with its gradients."""
    torch = pytest.importorskip("torch")
    loss, _, arrays, parameters = CASES[case]
    given = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]
    mask, floats = torch.tensor(MASK), _floats(case)

    def mean(*them: Any) -> Any:
        return loss(*them, **parameters, where=mask, reduction="mean")

    compiled = torch.compile(mean, fullgraph=True, backend="aot_eager")
    values, slopes = [], []
    for function in (mean, compiled):
        values.append(function(*given))
        slopes.append(torch.autograd.grad(values[-1], [given[place] for place in floats]))
    assert_close(values[1].detach().numpy(), values[0].detach().numpy(), rtol=1e-12)
    for found, wanted in zip(slopes[1], slopes[0], strict=True):
        assert_close(found.numpy(), wanted.numpy(), rtol=1e-11, atol=1e-14)


# --- numbers that are learned -----------------------------------------------------------------
LEARNED = {
    "info_nce": ((2,), (0.3,)),
    "clip": ((2,), (0.3,)),
    "nt_xent": ((2,), (0.3,)),
    "supervised": ((2,), (0.3,)),
    "sigmoid": ((2, 3), (9.0, -3.0)),
}


@_with_libraries(LEARNED, ("nt_xent", "sigmoid"))
def test_numbers_are_learned(case: str, library: Library) -> None:
    loss, plain, arrays, _ = CASES[case]
    places, values = LEARNED[case]
    flags = {"symmetric": True} if case == "clip" else {}
    taking, step = _taking_part(case, None), 1e-6
    expected = []
    for place in range(len(values)):
        sides = []
        for size in (step, -step):
            moved = [v + size * (i == place) for i, v in enumerate(values)]
            sides.append(plain(*arrays, *moved, **flags).sum() / taking.sum())
        expected.append((sides[0] - sides[1]) / (2 * step))
    dtype = library.floats[-1]
    given = _given(library, *arrays, dtype=dtype)
    numbers = _given(library, *map(np.asarray, values), dtype=dtype)
    function = lossary.value_and_grad(loss, argnums=places)
    for them in (numbers, values):
        _, found = function(*given, *them, **flags, reduction="mean")
        for x, wanted in zip(found, expected, strict=True):
            assert tuple(x.shape) == ()
            assert_close(library.numpy(x), wanted, rtol=2e-5)
    if library.name in {"torch", "jax", "mlx"}:
        found = _native(library.name)(
            lambda *moved: loss(*given, *moved, **flags, reduction="mean"), numbers
        )
        for x, wanted in zip(found, expected, strict=True):
            assert_close(library.numpy(x), wanted, rtol=2e-5)


# --- other devices ----------------------------------------------------------------------------
OTHERS = {
    "info_nce": ("others",),
    "clip": ("others", "other_anchors"),
    "nt_xent": ("others1", "others2"),
    "supervised": ("others", "other_targets"),
    "multi_similarity": ("others", "other_targets"),
    "circle": ("others", "other_targets"),
    "sigmoid": ("others",),
}


def _with_others(case: str, given: list[Any], own: slice) -> tuple[list[Any], dict[str, Any]]:
    """Return a call of some rows of the arrays beside all of them."""
    whole = {"info_nce": given[1:], "clip": given[::-1], "sigmoid": given[1:]}.get(case, given)
    return [x[own, ...] for x in given], dict(zip(OTHERS[case], whole, strict=True))


@_with_libraries(OTHERS, ("nt_xent", "supervised"))
def test_others_are_compared_with(case: str, library: Library) -> None:
    """Some of the rows of a batch have the losses of these rows; the places may be traced."""
    loss, plain, arrays, parameters = CASES[case]
    dtype, own = library.floats[-1], slice(3, 8)
    expected = plain(*arrays, **parameters, mask=MASK)[own] * _taking_part(case, MASK)[own]
    given = _given(library, *arrays, dtype=dtype)
    rows, among = _with_others(case, given, own)
    masks = dict(zip(("where", "other_where"), _given(library, MASK[own], MASK), strict=True))

    def found(offset: Any, **options: Any) -> Any:
        return loss(*rows, **parameters, **among, offset=offset, **masks, **options)

    rtol = 1e-12 if dtype == "float64" else 2e-5
    assert_close(library.numpy(found(3)), expected, rtol=rtol, atol=rtol / 5)
    offset = library.array(np.asarray(3, np.int32))
    assert_close(library.numpy(found(offset)), expected, rtol=rtol, atol=rtol / 5)
    if library.name == "jax":
        import jax

        assert_close(library.numpy(jax.jit(found)(offset)), expected, rtol=rtol, atol=rtol / 5)


@pytest.mark.parametrize(
    ("case", "traced"), [*((case, False) for case in OTHERS), ("clip", True), ("circle", True)]
)
def test_gradients_of_parts_are_those_of_the_batch(case: str, traced: bool) -> None:
    """Summed over devices, own and others' gradients are those of the whole batch."""
    loss, _, arrays, parameters = CASES[case]
    floats = _floats(case)
    expected = lossary.value_and_grad(loss, argnums=floats)(*arrays, **parameters)[1]
    library = BY_NAME["jax" if traced else "numpy"]
    dtype = library.floats[-1]
    given = _given(library, *arrays, dtype=dtype)
    names = [name for name in OTHERS[case] if name != "other_targets"]
    belongs = {"info_nce": [1], "sigmoid": [1], "clip": [1, 0], "nt_xent": [0, 1]}.get(case, [0])
    known = loss.product_loss.arguments
    argnums = (*floats, *map(known.index, names))
    total = [np.zeros_like(arrays[place]) for place in floats]
    for own in (slice(0, 4), slice(4, 5), slice(5, COUNT)):
        rows, among = _with_others(case, given, own)

        def gradients(offset: Any, rows: Any = rows, among: Any = among) -> Any:
            function = lossary.value_and_grad(loss, argnums=argnums)
            return function(*rows, **parameters, **among, offset=offset)[1]

        if traced:
            import jax

            gradients = jax.jit(gradients)
        found = [library.numpy(x) for x in gradients(own.start)]
        for place, x in zip(floats, found, strict=False):
            total[place][own] += x
        for place, x in zip(belongs, found[len(floats) :], strict=True):
            total[place] += x
    rtol = 1e-12 if dtype == "float64" else 2e-5
    for x, wanted in zip(total, expected, strict=True):
        assert_close(x, wanted, rtol=rtol, atol=rtol)


# --- edges --------------------------------------------------------------------------------------
@_with_libraries(CASES, ("nt_xent", "supervised"))
def test_one_item_and_none(case: str, library: Library) -> None:
    loss, plain, arrays, parameters = CASES[case]
    dtype = library.floats[-1]
    for count in (1, 0):
        given = _given(library, *(x[:count] for x in arrays), dtype=dtype)
        found, gradients = lossary.value_and_grad(loss, argnums=_floats(case))(*given, **parameters)
        expected = plain(*(x[:1] for x in arrays), **parameters)[:count]
        assert_close(library.numpy(found), expected, rtol=1e-5, atol=1e-7)
        for x in gradients:
            assert tuple(x.shape) == (count, LENGTH)
            assert np.isfinite(library.numpy(x)).all()


@_with_libraries(CASES, ("clip", "circle"))
def test_nothing_takes_part(case: str, library: Library) -> None:
    loss, _, arrays, parameters = CASES[case]
    given = _given(library, *arrays, dtype=library.floats[-1])
    nobody = _given(library, np.zeros(COUNT, bool))[0]
    mean, gradients = lossary.value_and_grad(loss, argnums=_floats(case))(
        *given, **parameters, where=nobody, reduction="mean"
    )
    assert float(mean) == 0.0
    assert all((library.numpy(x) == 0).all() for x in gradients)


@_with_libraries([case for case in CASES if case != "n_pair"], ("info_nce",))
def test_zero_vectors_have_no_direction(case: str, library: Library) -> None:
    """Neither does a scale matter, however large or small."""
    loss, plain, arrays, parameters = CASES[case]
    moved = [x.copy() for x in arrays]
    sizes = np.where(np.arange(COUNT) % 2, 1e30, 1e-30)[:, None]
    for place in _floats(case):
        moved[place][2] = 0
    expected = plain(*moved, **parameters)
    wide = [x * sizes if x.ndim == 2 else x for x in moved]
    dtype = library.floats[-1]
    function = lossary.value_and_grad(loss, argnums=_floats(case))
    found, gradients = function(*_given(library, *wide, dtype=dtype), **parameters)
    assert_close(library.numpy(found), expected, rtol=5e-5, atol=1e-5)
    plain_slopes = function(*_given(library, *moved, dtype=dtype), **parameters)[1]
    for x, wanted in zip(gradients, plain_slopes, strict=True):
        assert (library.numpy(x)[2] == 0).all()
        assert_close(library.numpy(x) * sizes, library.numpy(wanted), rtol=5e-3, atol=5e-5)
    if library.name in {"torch", "jax", "mlx"}:
        given = _given(library, *wide, dtype=dtype)
        places = _floats(case)

        def total(*them: Any) -> Any:
            whole = list(given)
            for place, x in zip(places, them, strict=True):
                whole[place] = x
            return loss(*whole, **parameters).sum()

        native = _native(library.name)(total, [given[place] for place in places])
        for x, wanted in zip(native, gradients, strict=True):
            assert (library.numpy(x)[2] == 0).all()
            assert_close(
                library.numpy(x) * sizes, library.numpy(wanted) * sizes, rtol=5e-3, atol=5e-5
            )


def test_labels_of_any_integers() -> None:
    order = {value: place for place, value in enumerate(np.unique(LABELS))}
    expected = lossary.supervised_contrastive_loss(ANCHORS, LABELS)
    dense = np.array([order[x] for x in LABELS])
    large = np.where(LABELS == 3, 2**63 - 1, np.where(LABELS == 7, 2**63 - 2, LABELS))
    for labels in (dense, dense.astype(np.uint8), large, list(map(int, dense))):
        assert_close(lossary.supervised_contrastive_loss(ANCHORS, labels), expected, rtol=0, atol=0)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9])
@pytest.mark.parametrize("side", ["left", "right"])
def test_places_among_ordered_labels(length: int, side: str) -> None:
    ordered, values = np.sort(RNG.integers(0, 6, length)), np.arange(-1, 8)
    found = smaller(np, ordered, values, side == "right", np.zeros(9, int))
    assert (found == np.searchsorted(ordered, values, side=side)).all()


def test_two_views_are_a_label_of_two() -> None:
    both = np.concatenate([ANCHORS, POSITIVES])
    labels = np.tile(np.arange(COUNT), 2)
    found = lossary.supervised_contrastive_loss(both, labels, temperature=0.5)
    expected = found.reshape(2, COUNT).mean(0)
    assert_close(lossary.nt_xent_loss(ANCHORS, POSITIVES), expected, rtol=1e-13)


def test_a_loss_that_is_nearly_nothing_keeps_its_digits() -> None:
    x = np.eye(4) * 8
    expected = np.log1p(3 * np.exp(-64.0))
    assert_close(
        lossary.info_nce_loss(x, x, 1.0, normalize=False), np.full(4, expected), rtol=1e-14
    )


@pytest.mark.parametrize("name", ["numpy", "torch", "mlx"])
@pytest.mark.parametrize("case", ["clip", "circle", "sigmoid"])
def test_halves(case: str, name: str) -> None:
    """They are computed in float32."""
    library, (loss, _, arrays, parameters) = BY_NAME[name], CASES[case]
    halves = [x.astype("float16") if x.dtype.kind == "f" else x for x in arrays]
    function = lossary.value_and_grad(loss, argnums=_floats(case))
    expected, slopes = function(
        *(x.astype(float) if x.dtype.kind == "f" else x for x in halves), **parameters
    )
    found, gradients = function(*(library.array(x) for x in halves), **parameters)
    for x, wanted in zip((found, *gradients), (expected, *slopes), strict=True):
        assert "float16" in str(x.dtype)
        assert_close(library.numpy(x), wanted, rtol=2e-3, atol=1e-5)
    wide = loss(*(library.array(x) for x in halves), **parameters, dtype="float32")
    assert_close(library.numpy(wide), expected, rtol=2e-5, atol=1e-5)


def test_the_number_of_threads_changes_no_bit() -> None:
    x, y = RNG.normal(size=(2, 300, 16))
    labels, threads = RNG.integers(0, 40, 300), lossary.get_num_threads()
    found = []
    try:
        for count in (1, 2, 3):
            lossary.set_num_threads(count)
            one = lossary.value_and_grad(lossary.info_nce_loss, argnums=(0, 1))(x, y)
            two = lossary.value_and_grad(lossary.circle_loss, argnums=(0,))(x, labels)
            found.append([np.asarray(a).tobytes() for v, g in (one, two) for a in (v, *g)])
    finally:
        lossary.set_num_threads(threads)
    assert found[0] == found[1] == found[2]


@EVERY_CASE
def test_pickled(case: str) -> None:
    loss, _, arrays, parameters = CASES[case]
    found = pickle.loads(pickle.dumps(loss))
    assert found is loss
    slopes = pickle.loads(pickle.dumps(lossary.grad(loss)))
    assert_close(
        slopes(*arrays, **parameters), lossary.grad(loss)(*arrays, **parameters), rtol=0, atol=0
    )


# --- wrong calls --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "arrays", "options", "message"),
    [
        ("info_nce", (ANCHORS[0], POSITIVES), {}, r"anchors must have the shape \(N, D\), got"),
        ("info_nce", (ANCHORS, POSITIVES[1:]), {}, "positives must have the shape of anchors"),
        ("info_nce", (ANCHORS, POSITIVES[:, 1:]), {}, "positives must have the shape of anch"),
        ("info_nce", (ANCHORS > 0, POSITIVES), {}, "anchors must hold numbers, got dtype bool"),
        ("info_nce", (ANCHORS.astype(complex), POSITIVES), {}, "anchors must hold real numbers"),
        ("info_nce", (None, POSITIVES), {}, "anchors must be an array, got None"),
        ("info_nce", (ANCHORS, POSITIVES), {"temperature": 0}, "temperature must be a positive"),
        ("info_nce", (ANCHORS, POSITIVES), {"temperature": np.array(-1.0)}, "temperature must be"),
        ("info_nce", (ANCHORS, POSITIVES), {"temperature": WEIGHTS}, "temperature must be a num"),
        ("info_nce", (ANCHORS, POSITIVES), {"normalize": 1}, "normalize must be True or False"),
        ("info_nce", (ANCHORS, POSITIVES), {"symmetric": 1}, "symmetric must be True or False"),
        ("info_nce", (ANCHORS, POSITIVES), {"reduction": "max"}, "reduction must be"),
        ("info_nce", (ANCHORS, POSITIVES), {"weights": WEIGHTS[1:]}, "weights must have the sh"),
        ("info_nce", (ANCHORS, POSITIVES), {"where": MASK[1:]}, r"where must .*\(11,\), got"),
        ("info_nce", (ANCHORS, POSITIVES), {"where": WEIGHTS}, "where must be boolean, got dt"),
        ("info_nce", (ANCHORS, POSITIVES), {"dtype": "int8"}, "dtype must be a floating-point"),
        ("info_nce", (ANCHORS, POSITIVES), {"denominator": 0}, "denominator must be"),
        ("info_nce", (ANCHORS, POSITIVES), {"offset": 1}, "offset must be an integer from 0 to 0"),
        ("info_nce", (ANCHORS, POSITIVES), {"offset": 0.5}, "offset must be an integer from 0"),
        ("info_nce", (ANCHORS, POSITIVES), {"others": ANCHORS[:9]}, "others must have at least 11"),
        ("info_nce", (ANCHORS, POSITIVES), {"others": ANCHORS.T}, r"others must .* D = 5, got"),
        ("info_nce", (ANCHORS, POSITIVES), {"other_anchors": ANCHORS}, "other_anchors must be l"),
        ("info_nce", (ANCHORS, POSITIVES), {"other_where": MASK}, "other_where must be left out"),
        ("info_nce", (ANCHORS, POSITIVES), {"others": ANCHORS, "other_where": WEIGHTS},
         "other_where must be boolean, got dtype float64"),
        ("info_nce", (ANCHORS, POSITIVES), {"temperature": None}, "temperature must be a num"),
        ("clip", (ANCHORS, POSITIVES), {"others": ANCHORS}, "other_anchors must be given with o"),
        ("nt_xent", (ANCHORS, POSITIVES), {"others2": ANCHORS}, "others2 must be left out witho"),
        ("supervised", (ANCHORS, LABELS[1:]), {}, r"targets must have the shape \(11,\), got"),
        ("supervised", (ANCHORS, WEIGHTS), {}, "targets must be integers, got dtype float64"),
        ("supervised", (ANCHORS, LABELS), {"others": ANCHORS}, "other_targets must be given wi"),
        ("supervised", (ANCHORS, LABELS), {"others": ANCHORS, "other_targets": LABELS[1:]},
         "other_targets must have the shape"),
        ("supervised", (ANCHORS, LABELS),
         {"others": ANCHORS, "other_targets": LABELS.astype("int32")}, "other_targets must have t"),
        ("multi_similarity", (ANCHORS, LABELS), {"alpha": 0}, "alpha must be a positive number"),
        ("circle", (ANCHORS, LABELS), {"gamma": -1}, "gamma must be a positive number"),
        ("sigmoid", (ANCHORS, POSITIVES), {"biases": np.inf}, "biases must be a finite number"),
    ],
)  # fmt: skip
def test_wrong_arguments(
    name: str, arrays: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    loss, _, _, parameters = CASES[name]
    with pytest.raises(lossary.LossaryError, match=f"{loss.__name__}: {message}"):
        loss(*arrays, **parameters | options)


def test_wrong_calls() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="anchors and positives must be arrays of one library"):
        lossary.info_nce_loss(torch.tensor(ANCHORS), POSITIVES)
    with pytest.raises(TypeError, match=r"info_nce_loss\(\) .*axis"):
        lossary.info_nce_loss(ANCHORS, POSITIVES, axis=0)
    with pytest.raises(TypeError, match="value_grad_hess: loss must be a loss with a diagonal"):
        lossary.value_grad_hess(lossary.info_nce_loss)
    with pytest.raises(TypeError, match="circle_loss: argnums must choose 'embeddings' or"):
        lossary.grad(lossary.circle_loss, argnums=1)
    with pytest.raises(TypeError, match="info_nce_loss: others must be given to be diff"):
        lossary.grad(lossary.info_nce_loss, argnums=3)(ANCHORS, POSITIVES)
    weights = torch.ones(COUNT, requires_grad=True)
    with pytest.raises(TypeError, match="info_nce_loss: weights must not require a gradient"):
        lossary.info_nce_loss(torch.tensor(ANCHORS), torch.tensor(POSITIVES), weights=weights)


def test_arrays_of_dask_are_refused() -> None:
    array = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match=r"info_nce_loss: anchors must be an array in memory.*all"):
        lossary.info_nce_loss(array.from_array(ANCHORS), array.from_array(POSITIVES))
