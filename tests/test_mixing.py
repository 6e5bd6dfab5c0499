"""Words that mix the elements of a row: sorted rows, running sums, pairs, on every library."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import ANYWHERE, BY_NAME, Library

import lossary
from lossary import formula as f
from lossary.formula.expression import Kind, argument, node
from lossary.formula.operators import Chain, NoDiagonalError, Operator

Row = list[float]
Word = Callable[[Any, Any], Any]
Elements = Callable[..., np.ndarray]
INF, NAN = math.inf, math.nan
EVERY = pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -INF


def _running(step: Callable[[Row], float]) -> tuple[Callable[[Row], Row], Callable[[Row], Row]]:
    """Return what a function makes of the elements up to each, and from each on."""
    return (
        lambda x: [step(x[: k + 1]) for k in range(len(x))],
        lambda x: [step(x[k:]) for k in range(len(x))],
    )


def _logsumexp(x: Row) -> float:
    top = max(x, default=-INF)
    return top if math.isinf(top) else top + _log(math.fsum(math.exp(v - top) for v in x))


def _surprise(x: Row, place: int) -> float:
    return math.log1p(math.fsum(math.exp(v - x[place]) for k, v in enumerate(x) if k != place))


SUMS, MAXIMA, LOGS = map(_running, (math.fsum, max, _logsumexp))


def _rising(x: Row, key: Row) -> Row:
    return [x[k] for k in sorted(range(len(x)), key=lambda k: (key[k] != key[k], key[k]))]


def _balance(x: Row) -> Row:
    return [float(sum((v > w) - (v < w) for w in x)) for v in x]


# A word of x, or of x and a key, and what it means for one row.
WORDS: dict[str, tuple[Callable[..., Any], Callable[..., Row]]] = {
    "preceding": (lambda x, _: f.preceding(x, 7), lambda x, _: [7.0, *x[:-1]]),
    "following": (lambda x, _: f.following(x, -7), lambda x, _: [*x[1:], -7.0]),
    "cumulative_sum": (lambda x, _: f.cumulative_sum(x), lambda x, _: SUMS[0](x)),
    "reversed sum": (lambda x, _: f.cumulative_sum(x, True), lambda x, _: SUMS[1](x)),
    "cumulative_max": (lambda x, _: f.cumulative_max(x), lambda x, _: MAXIMA[0](x)),
    "reversed maximum": (lambda x, _: f.cumulative_max(x, True), lambda x, _: MAXIMA[1](x)),
    "cumulative_logsumexp": (lambda x, _: f.cumulative_logsumexp(x), lambda x, _: LOGS[0](x)),
    "reversed logsumexp": (lambda x, _: f.cumulative_logsumexp(x, True), lambda x, _: LOGS[1](x)),
    "exclusive logsumexp": (
        lambda x, _: f.cumulative_logsumexp(x, relative_to=2 * x, exclusive=True),
        lambda x, _: [y - 2 * v for y, v in zip([-INF, *LOGS[0](x)[:-1]], x, strict=True)],
    ),
    "reversed exclusive logsumexp": (
        lambda x, _: f.cumulative_logsumexp(x, True, relative_to=1.5, exclusive=True),
        lambda x, _: [y - 1.5 for y in [*LOGS[1](x)[1:], -INF]],
    ),
    "cumulative_negative_log_softmax": (
        lambda x, _: f.cumulative_negative_log_softmax(x),
        lambda x, _: [_surprise(x[: k + 1], k) for k in range(len(x))],
    ),
    "reversed logarithm of a softmax": (
        lambda x, _: f.cumulative_negative_log_softmax(x, True),
        lambda x, _: [_surprise(x[k:], 0) for k in range(len(x))],
    ),
    "sorted_by": (lambda x, key: f.sorted_by(x, key), _rising),
    "sorted_by, falling": (
        lambda x, key: f.sorted_by(x, key, falling=True),
        lambda x, key: _rising(x, [-v for v in key]),
    ),
    "first_of_equals": (
        lambda x, key: f.first_of_equals(f.cumulative_sum(x), f.sorted_by(key, key)),
        lambda x, key: [SUMS[0](x)[sorted(key).index(v)] for v in sorted(key)],
    ),
    "last_of_equals": (
        lambda x, key: f.last_of_equals(x, f.sorted_by(key, key)),
        lambda x, key: [x[len(x) - 1 - sorted(key)[::-1].index(v)] for v in sorted(key)],
    ),
    "rank_balance": (
        lambda _, key: f.rank_balance(key),
        lambda _, key: _balance(key),
    ),
}


def chosen_loss(formulas: Iterable[Callable[[Any, Any], Any]]) -> Callable[..., Any]:
    """Return the loss of one of several formulas, whose number is passed: compiled once for all."""
    numbered = list(enumerate(formulas))

    @lossary.loss
    def chosen_loss(inputs: Any, targets: Any, axis: int = -1, which: float = 0.0) -> Any:
        return sum(f.where(which == i, formula(inputs, targets), 0) for i, formula in numbered)

    return chosen_loss


def derivatives_on(
    library: Library, derive: Callable[..., Any], formulas: Iterable[Callable[[Any, Any], Any]]
) -> Callable[..., Any]:
    """Return derivatives of one of several formulas, whose number is passed.

    Dask, which compiles nothing and would compute all of them each time, has a loss for each.
    """
    given = list(formulas)
    if library.name != "dask":
        return derive(chosen_loss(given))
    each = [derive(chosen_loss([formula])) for formula in given]
    return lambda *arrays, which, **options: each[int(which)](*arrays, which=0.0, **options)


def elements_of(words: Iterable[Word], library: Library, *arrays: np.ndarray) -> Elements:
    """Return the elements of each word of rows: the derivative with respect to what weighs them."""
    given = list(words)

    @lossary.loss
    def words_loss(inputs: Any, keys: Any, factors: Any, axis: int = -1, which: float = 0) -> Any:
        chosen = (f.where(which == i, word(inputs, keys), 0) for i, word in enumerate(given))
        return f.sum_over_classes(f.scale(factors, sum(chosen)))

    made = [library.array(x) for x in (*arrays, np.ones_like(arrays[0]))]
    compute = lossary.grad(words_loss, argnums=2)

    def elements(place: int, axis: int = -1) -> np.ndarray:
        return library.numpy(compute(*made, which=float(place), axis=axis))

    return elements


def _rows(dtype: str, classes: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, classes)) * 10.0 ** rng.integers(-2, 3, (5, 1))
    return x.astype(dtype), rng.integers(0, 4, x.shape).astype(dtype)


def _right(meaning: Callable[..., Row], x: np.ndarray, key: np.ndarray) -> np.ndarray:
    rows = zip(x.tolist(), key.tolist(), strict=True)
    return np.array([meaning(*pair) for pair in rows])


@EVERY
@pytest.mark.parametrize("axis", [-1, 0])
def test_words_mean_what_they_say(axis: int, library: Library) -> None:
    dtype = library.floats[-1]
    x, key = _rows(dtype)
    turned = [np.ascontiguousarray(np.moveaxis(v, -1, axis)) for v in (x, key)]
    elements = elements_of([word for word, _ in WORDS.values()], library, *turned)
    rtol = 1e-13 if dtype == "float64" else 1e-5
    for place, (name, (_, meaning)) in enumerate(WORDS.items()):
        found = np.moveaxis(elements(place, axis), axis, -1)
        assert_close(found, _right(meaning, x, key), rtol=rtol, atol=rtol, of=name)


@pytest.mark.parametrize("library", [BY_NAME["numpy"], BY_NAME["strict"]], ids=lambda x: x.name)
@pytest.mark.parametrize("classes", [1, 2, 300])
def test_rows_of_any_length(classes: int, library: Library) -> None:
    x, key = _rows("float64", classes)
    elements = elements_of([word for word, _ in WORDS.values()], library, x, key)
    for place, (name, (_, meaning)) in enumerate(WORDS.items()):
        sums = "sum" in name or "equals" in name
        scale = abs(x).sum(axis=1, keepdims=True) if sums else np.ones((5, 1))
        right = _right(meaning, x, key) / scale
        assert_close(elements(place) / scale, right, rtol=1e-14, atol=1e-15, of=name)


@EVERY
def test_the_order_of_equal_infinite_and_missing_keys(library: Library) -> None:
    # A loss is NaN where a key that it is given is; so these become NaN in the formula.
    key = np.float32([[2, 9, -INF, 2, INF, 9, 1, 2]])
    x = np.float32([[0, 1, 2, 3, 4, 5, 6, 7]])
    orders = [
        lambda x, key: f.sorted_by(x, f.where(key == 9, NAN, key)),
        lambda x, key: f.sorted_by(x, f.where(key == 9, NAN, key), falling=True),
    ]
    elements = elements_of(orders, library, x, key)
    assert elements(0).tolist() == [[2, 6, 0, 3, 7, 4, 1, 5]]
    assert elements(1).tolist() == [[4, 0, 3, 7, 6, 2, 1, 5]]


@EVERY
@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value) encountered:RuntimeWarning")
def test_infinities_and_nan_run_on(library: Library) -> None:
    x = np.float32([[-INF, 1, INF, 2], [-INF, -INF, 0, NAN]])
    log = math.log(1 + math.exp(-1))
    words: dict[Word, list[list[float]]] = {
        lambda x, _: f.cumulative_max(x): [[-INF, 1, INF, INF], [-INF, -INF, 0, NAN]],
        lambda x, _: f.cumulative_logsumexp(x): [[-INF, 1, INF, INF], [-INF, -INF, 0, NAN]],
        lambda x, _: f.cumulative_logsumexp(x, True): [[INF, INF, INF, 2], [NAN] * 4],
        lambda x, _: f.cumulative_logsumexp(f.where(x > 3, 0, x)): [
            [-INF, 1, 1 + log, 2 + math.log(1 + math.exp(-1) + math.exp(-2))],
            [-INF, -INF, 0, NAN],
        ],
    }
    elements = elements_of(words, library, x, x)
    for place, right in enumerate(words.values()):
        assert_close(elements(place), right, rtol=1e-6)


# --- pairs ----------------------------------------------------------------------------------------
def pair_loss(word: Callable[..., Any]) -> Callable[..., Any]:
    @lossary.loss
    def pair_loss(inputs: Any, targets: Any, axis: int = -1) -> Any:
        return word(inputs, targets > 0)

    return pair_loss


def _pairs(x: np.ndarray, mask: np.ndarray) -> list[tuple[int, int]]:
    return [(j, i) for j, i in itertools.product(range(len(x)), repeat=2) if mask[j] > 0 >= mask[i]]


def _hinges(x: np.ndarray, mask: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the sum of all hinges and how many pairs are too near, pair by pair."""
    slope = np.zeros(len(x))
    hinges = []
    for j, i in _pairs(x, mask):
        hinges.append(max(0.0, 1.0 - (x[j] - x[i])))
        slope[j] -= hinges[-1] > 0
        slope[i] += hinges[-1] > 0
    return math.fsum(hinges), slope


def _pair_rows(dtype: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    x = rng.normal(size=(12, classes)) * 10.0 ** rng.integers(-2, 3, (12, 1))
    x[:4] = rng.integers(-4, 5, (4, classes)) / 4  # ties, and pairs at the distance 1
    x[4:6] = 2.0 ** (24 if dtype == "float32" else 53) + rng.integers(0, 9, (2, classes))
    return x.astype(dtype), (rng.random(x.shape) < 0.5).astype(dtype)


@EVERY
@pytest.mark.parametrize("classes", [1, 2, 9, 100])
def test_hinges_of_all_pairs(library: Library, classes: int) -> None:
    dtype = library.floats[-1]
    x, mask = _pair_rows(dtype, classes)
    value, slope = lossary.value_and_grad(pair_loss(f.pair_hinge))(*map(library.array, (x, mask)))
    right = [_hinges(*row) for row in zip(x.astype(float), mask, strict=True)]
    rtol = 1e-14 if dtype == "float64" else 1e-6
    assert_close(library.numpy(value), [r[0] for r in right], rtol=rtol)
    assert_close(library.numpy(slope), [r[1] for r in right])


@EVERY
@pytest.mark.parametrize("classes", [1, 2, 9, 100])
def test_pairs_in_the_wrong_order(library: Library, classes: int) -> None:
    x, mask = _pair_rows(library.floats[-1], classes)
    compute = lossary.value_and_grad(pair_loss(f.pair_disorder))
    value, slope = compute(*map(library.array, (x, mask)))
    right = [
        sum(row[i] >= row[j] for j, i in _pairs(row, m)) for row, m in zip(x, mask, strict=True)
    ]
    assert library.numpy(value).tolist() == right
    assert not library.numpy(slope).any()


@pytest.mark.parametrize("library", [BY_NAME["numpy"], BY_NAME["strict"]], ids=lambda x: x.name)
def test_infinite_and_missing_scores_of_pairs(library: Library) -> None:
    x = np.array([[INF, 0], [-INF, 0], [0, INF], [INF, INF], [-INF, -INF], [NAN, 0], [0, NAN]])
    mask = np.array([[1.0, 0.0]] * len(x))
    hinges, slopes = lossary.value_and_grad(pair_loss(f.pair_hinge))(*map(library.array, (x, mask)))
    assert_close(library.numpy(hinges), [0, INF, INF, 1, 1, NAN, NAN])
    assert_close(library.numpy(slopes)[:5], [[0, 0], [-1, 1], [-1, 1], [-1, 1], [-1, 1]])
    disorder = pair_loss(f.pair_disorder)(*map(library.array, (x, mask)))
    assert_close(library.numpy(disorder), [0, 1, 1, 1, 1, NAN, NAN])


# --- derivatives ----------------------------------------------------------------------------------
FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "an order by other elements": lambda x, t: f.sum_over_classes(
        f.softplus(
            f.cumulative_logsumexp(y := f.sorted_by(x, t), True, relative_to=y, exclusive=True)
        )
    ),
    "an order by softmaxes": lambda x, t: f.sum_over_classes(
        f.cumulative_negative_log_softmax(f.sorted_by(x, t), True)
        + t * f.cumulative_negative_log_softmax(x)
    ),
    "an average of shares": lambda x, t: f.sum_over_classes(
        f.cumulative_sum(f.softmax(x) - t) ** 2
    ),
    "the first of equals": lambda x, t: f.sum_over_classes(
        (key := f.sorted_by(t, t))
        * f.first_of_equals(f.cumulative_logsumexp(f.sorted_by(x, t), True), key)
    ),
    "neighbours": lambda x, t: f.sum_over_classes(
        t * (x - f.preceding(x)) ** 3 + f.following(x) ** 2 * x
    ),
    "a running maximum": lambda x, t: f.sum_over_classes(t * f.cumulative_max(x, True) ** 2),
    "its own order": lambda x, t: f.sum_over_classes(f.sorted_by(x, x) * x * f.class_index()),
    "a sum and its neighbour": lambda x, t: f.sum_over_classes(
        f.following(f.cumulative_sum(x * x)) ** 2 * t
    ),
}


def _arrays(rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(rows, 5)), rng.integers(0, 3, (rows, 5)) / 4 + 0.1


@EVERY
def test_derivatives_on_every_library(library: Library) -> None:
    compute = chosen_loss(FORMULAS.values())
    derivatives = derivatives_on(library, lossary.value_grad_hess, FORMULAS.values())
    x, t = _arrays(4)
    dtype = library.floats[-1]
    given = [library.array(v.astype(dtype)) for v in (x, t)]
    for place, name in enumerate(FORMULAS):
        first, second = np.zeros(x.shape), np.zeros(x.shape)
        for k in range(5):
            move = 1e-4 * np.eye(5)[k]
            low, middle, high = (compute(x + shift * move, t, which=place) for shift in (-1, 0, 1))
            first[:, k] = (high - low) / 2e-4
            second[:, k] = (high - 2 * middle + low) / 1e-8
        _, slope, curvature = derivatives(*given, which=float(place))
        assert_close(library.numpy(slope), first, rtol=1e-5, atol=1e-5, of=name)
        assert_close(library.numpy(curvature), second, rtol=1e-4, atol=1e-4, of=name)


def test_second_derivatives_of_pytorch() -> None:
    """The derivative that PyTorch takes of the gradient, which it computes itself."""
    torch = pytest.importorskip("torch")
    compute = chosen_loss(FORMULAS.values())
    x, t = (torch.tensor(v) for v in _arrays(2))
    x.requires_grad_()
    for place in range(len(FORMULAS)):

        def function(z: Any, which: float = float(place)) -> Any:
            return compute(z, t, which=which)

        assert torch.autograd.gradcheck(function, (x,))
        assert torch.autograd.gradgradcheck(function, (x,))


def test_second_derivatives_of_jax() -> None:
    jax = pytest.importorskip("jax")
    compute = chosen_loss(FORMULAS.values())
    x, t = _arrays(2)
    with jax.enable_x64(True):
        hessian = jax.jit(jax.hessian(lambda z, which: compute(z, t, which=which).sum()))
        for place in range(len(FORMULAS)):
            full = np.asarray(hessian(x, float(place))).reshape(10, 10)
            curvature = lossary.value_grad_hess(compute)(x, t, which=float(place))[2]
            assert_close(curvature, np.diagonal(full).reshape(2, 5), rtol=1e-9, atol=1e-9)


def test_diagonals_of_products_of_operators() -> None:
    """Every product of two operators, against the product of their matrices."""
    from exact import evaluate, exact

    rng = np.random.default_rng(4)
    size = 4
    values = {name: exact(rng.uniform(-1, 1, (1, size))) for name in "xabdk"}
    a, b, d = (argument(name) for name in "abd")
    key, start = argument("k"), argument("k") < 0.2
    zero = node("subtract", 0, 0)
    operators = [
        Operator("sorted_by", (key,)), Operator("unsorted_by", (key,)),
        Operator("preceding", (zero,)), Operator("following", (zero,)),
        Operator("cumulative_sum"), Operator("reverse_cumulative_sum"),
        Operator("recurrence", (a,)), Operator("reverse_recurrence", (a,)),
        Operator("held", (start,)), Operator("reverse_held", (start,)),
        Operator("collected", (start,)), Operator("reverse_collected", (start,)),
        Operator("cumulative_average", (b,)), Operator("cumulative_share", (b,)),
        Operator("reverse_cumulative_average", (b,)), Operator("reverse_cumulative_share", (b,)),
    ]  # fmt: skip

    def matrix(operator: Operator) -> np.ndarray:
        columns = [evaluate(operator(argument("x")), values | {"x": exact(row[None])}, size)[0]
                   for row in np.eye(size)]  # fmt: skip
        return np.array(columns).T

    for one in operators:
        assert_close((matrix(one.transposed) - matrix(one).T).astype(float), np.zeros((4, 4)),
                     atol=1e-30)  # fmt: skip
        for other in operators:
            chain = Chain((b, d, a), (one, other))
            right = values["b"][0] * np.diag(
                matrix(one) * values["d"][0] @ matrix(other) * values["a"][0]
            )
            try:
                found = chain.diagonal()
            except NoDiagonalError:
                continue
            found = np.broadcast_to(evaluate(found, values, size), (1, size))[0]
            assert_close((found - right).astype(float), np.zeros(size), atol=1e-15)


def test_a_formula_without_a_diagonal_hessian() -> None:
    @lossary.loss
    def twice_loss(inputs: Any, targets: Any, axis: int = -1) -> Any:
        return f.sum_over_classes(f.cumulative_sum(f.cumulative_sum(inputs - targets)) ** 2)

    x = np.array([[1.0, 2.0, 3.0]])
    _, slope = lossary.value_and_grad(twice_loss)(x, 0 * x)
    twice = np.tril(np.ones((3, 3))) @ np.tril(np.ones((3, 3)))
    assert_close(slope, 2 * x @ twice.T @ twice)
    with pytest.raises(TypeError, match="twice_loss: the formula must have a diagonal Hessian"):
        lossary.value_grad_hess(twice_loss)(x, 0 * x)


# --- masks ----------------------------------------------------------------------------------------
MASKED: dict[str, Callable[[Any, Any], Any]] = {
    **{name: FORMULAS[name] for name in ("an order by other elements", "the first of equals",
                                         "a running maximum")},
    "places": lambda x, t: f.sum_over_classes(f.class_index() * f.sorted_by(x, t)),
    "the last places": lambda x, t: f.sum_over_classes(
        (f.class_count() - f.class_index()) * f.cumulative_sum(f.sorted_by(x, -t), True)
    ),
    "hinges": lambda x, t: f.pair_hinge(x, t > 0.5),
    "disorder": lambda x, t: f.pair_disorder(x, t > 0.5) + 0 * f.sum_over_classes(x),
    "a running sum": lambda x, t: f.sum_over_classes(t * f.cumulative_sum(x) ** 2),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value) encountered:RuntimeWarning")
@EVERY
def test_masked_elements_take_no_part(library: Library) -> None:
    derivatives = lossary.value_and_grad(chosen_loss(MASKED.values()))
    found_by = derivatives_on(library, lossary.value_and_grad, MASKED.values())
    rng = np.random.default_rng(5)
    x, t = rng.normal(size=(6, 6)), rng.integers(0, 3, (6, 6)) / 4 + 0.1
    t[0, 0] = INF
    mask = rng.random((6, 6)) < 0.6
    dtype = library.floats[-1]
    for place, name in enumerate(MASKED):
        values, slopes = np.zeros(6), np.zeros((6, 6))
        for i, keep in enumerate(mask):
            if keep.any():
                row = x[i : i + 1, keep], t[i : i + 1, keep]
                values[i], slopes[i, keep] = derivatives(*row, which=place, reduction="sum")
        for hidden in (NAN, INF):
            given = [library.array(np.where(mask, v, hidden).astype(dtype)) for v in (x, t)]
            found = found_by(*given, which=float(place), where=library.array(mask))
            rows = np.isfinite(values)
            for one, other in zip(found, (values, slopes), strict=True):
                assert_close(library.numpy(one)[rows], other[rows], rtol=1e-5, atol=1e-5,
                             of=name)  # fmt: skip


# --- declarations ---------------------------------------------------------------------------------
def test_words_need_a_value_for_each_class() -> None:
    row = argument("r", Kind.ROW)
    with pytest.raises(TypeError, match=r"cumulative_sum\(\) must get a value for each class"):
        f.cumulative_sum(row)
    with pytest.raises(TypeError, match=r"fill of preceding\(\) must be a number"):
        f.preceding(argument("x"), row)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must have a class axis"):

        @lossary.loss
        def elementwise_loss(inputs: Any, targets: Any) -> Any:
            return f.sorted_by(inputs, targets)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(40, 20), (3, 20), (40, 150), (17, 1), (20, 300)])
def test_balances_are_the_same_compared_and_sorted(shape: tuple[int, int], dtype: str) -> None:
    @lossary.loss
    def balance_loss(inputs: Any, factors: Any, axis: int = -1) -> Any:
        return f.sum_over_classes(f.scale(factors, f.rank_balance(inputs)))

    x = np.random.default_rng(0).integers(0, 9, shape).astype(dtype)
    x[1, 0], x[2, -1], x[0] = NAN, -INF, INF
    balances = lossary.grad(balance_loss, argnums=1)
    right = np.array([_balance(row) for row in x.tolist()])
    right[1, 0] = NAN
    given, ones = np.ascontiguousarray(x.T), np.ones(shape[::-1], dtype)
    np.testing.assert_array_equal(balances(x, np.ones_like(x), reduction="sum"), right)
    np.testing.assert_array_equal(balances(given, ones, axis=0, reduction="sum"), right.T)
