"""Losses of one's own: five lines get everything; what cannot be traced says what to write."""

from __future__ import annotations

import copy
import functools
import importlib
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from libraries import ANYWHERE, BY_NAME, Library

import lossary
from lossary import formula
from lossary.domains import CLASS_LABELS, POSITIVE, REAL
from lossary.formula import (
    at_label,
    class_count,
    class_index,
    is_label,
    max_over_classes,
    maximum,
    sum_over_classes,
    where,
)
from lossary.formula.expression import argument


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_elementwise(library: Library) -> None:
    @lossary.loss
    def quadratic_hinge_loss(inputs: Any, targets: Any, slope: float = 1.0) -> Any:
        return maximum(0, 1 - slope * targets * inputs) ** 2

    z = np.float32([-1.0, 0.25, 0.5, 3.0])
    given = [library.array(z), library.array(np.ones(4, np.float32))]
    expected = np.maximum(0, 1 - 2 * z) ** 2
    assert_close(library.numpy(quadratic_hinge_loss(*given, slope=2.0)), expected, rtol=1e-6)
    _, gradient, hessian = lossary.value_grad_hess(quadratic_hinge_loss)(*given, slope=2.0)
    assert_close(library.numpy(gradient), -4 * np.maximum(0, 1 - 2 * z), rtol=1e-6)
    assert_close(library.numpy(hessian), 8.0 * (1 - 2 * z > 0), rtol=1e-6)
    mask = library.array(np.array([True, False, False, True]))
    mean = quadratic_hinge_loss(*given, slope=2.0, reduction="mean", where=mask)
    assert float(mean) == pytest.approx(expected[[0, 3]].mean())
    assert quadratic_hinge_loss.__doc__.startswith("Quadratic hinge loss.")


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_along_an_axis(library: Library) -> None:
    @lossary.loss(targets=CLASS_LABELS)
    def multiclass_quadratic_hinge_loss(logits: Any, targets: Any, axis: int = -1) -> Any:
        margins = 1 + logits - at_label(logits, targets)
        return sum_over_classes(where(is_label(targets), 0, maximum(0, margins) ** 2))

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 4)).astype(np.float32), rng.integers(0, 4, 7)
    margins = np.maximum(0, 1 + x - x[np.arange(7), y][:, None]) ** 2
    margins[np.arange(7), y] = 0
    given = [library.array(x), library.array(y)]
    found = multiclass_quadratic_hinge_loss(*given)
    assert_close(library.numpy(found), margins.sum(1), rtol=1e-5)
    gradient = library.numpy(lossary.grad(multiclass_quadratic_hinge_loss)(*given, reduction="sum"))
    assert_close(gradient.sum(1), np.zeros(7), atol=1e-5)
    moved = library.array(x.T.copy())
    along = multiclass_quadratic_hinge_loss(moved, given[1], axis=0)
    assert_close(library.numpy(along), margins.sum(1), rtol=1e-5)


# --- both losses of docs/custom_losses.md have all that every loss has ------------------------
@dataclass(frozen=True)
class Case:
    """A loss of one's own, its arguments, and the same loss in NumPy, row by row."""

    loss: Callable[..., Any]
    inputs: np.ndarray
    targets: np.ndarray
    oracle: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def given(self, library: Library, inputs: np.ndarray | None = None) -> tuple[Any, Any]:
        """Return the arguments as float32 arrays of a library."""
        x = np.asarray(self.inputs if inputs is None else inputs, np.float32)
        return library.array(x), library.array(self.targets)

    def differences(self, step: float = 1e-4) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and diagonal Hessian of the sum, by central differences in float64."""
        gradient, hessian = np.zeros_like(self.inputs), np.zeros_like(self.inputs)
        middle = self.oracle(self.inputs, self.targets).sum()
        for place in np.ndindex(self.inputs.shape):
            moved = np.zeros_like(self.inputs)
            moved[place] = step
            above = self.oracle(self.inputs + moved, self.targets).sum()
            below = self.oracle(self.inputs - moved, self.targets).sum()
            gradient[place] = (above - below) / (2 * step)
            hessian[place] = (above - 2 * middle + below) / step**2
        return gradient, hessian


def _squared_hinge() -> Case:
    @lossary.loss
    def quadratic_hinge_loss(inputs: Any, targets: Any) -> Any:
        return maximum(0, 1 - targets * inputs) ** 2

    inputs = np.array([0.5, -2.0, -0.75, 3.0, 0.25, -0.5])
    targets = np.float32([1, -1, 1, 1, -1, -1])
    return Case(quadratic_hinge_loss, inputs, targets, lambda z, y: np.maximum(0, 1 - y * z) ** 2)


def _multiclass_squared_hinge() -> Case:
    @lossary.loss(targets=CLASS_LABELS)
    def multiclass_quadratic_hinge_loss(logits: Any, targets: Any, axis: int = -1) -> Any:
        margins = maximum(0, 1 + logits - at_label(logits, targets))
        return sum_over_classes(where(is_label(targets), 0, margins**2))

    def oracle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        margins = np.maximum(0, 1 + x - x[np.arange(len(y)), y][:, None]) ** 2
        margins[np.arange(len(y)), y] = 0
        return margins.sum(1)

    rng = np.random.default_rng(20)
    # Multiples of 1/8 and an odd 1/16 keep the margins away from the kink, and exact in float32.
    inputs = np.round(rng.normal(size=(6, 4)) * 8) / 8
    targets = rng.integers(0, 4, 6)
    inputs[np.arange(6), targets] += 1 / 16
    return Case(multiclass_quadratic_hinge_loss, inputs, targets, oracle)


_CASES = {"elements": _squared_hinge, "rows": _multiclass_squared_hinge}


@pytest.fixture(params=_CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return _CASES[request.param]()


@pytest.fixture(params=ANYWHERE, ids=lambda library: library.name)
def library(request: pytest.FixtureRequest) -> Library:
    return request.param


def test_derivatives_are_those_of_finite_differences(case: Case, library: Library) -> None:
    given = case.given(library)
    value, gradient, hessian = lossary.value_grad_hess(case.loss)(*given)
    assert_close(library.numpy(value), case.oracle(case.inputs, case.targets), rtol=1e-5)
    expected, second = case.differences()
    assert_close(library.numpy(gradient), expected, rtol=1e-4, atol=1e-5)
    assert_close(library.numpy(hessian), second, rtol=1e-4, atol=1e-4)


def _torch_gradient(loss: Any, inputs: Any, targets: Any) -> Any:
    inputs.requires_grad_()
    loss(inputs, targets, reduction="sum").backward()
    return inputs.grad


def _jax_gradient(loss: Any, inputs: Any, targets: Any) -> Any:
    import jax

    return jax.jit(jax.grad(lambda x: loss(x, targets, reduction="sum")))(inputs)


def _mlx_gradient(loss: Any, inputs: Any, targets: Any) -> Any:
    import mlx.core as mx

    return mx.grad(lambda x: loss(x, targets, reduction="sum"))(inputs)


NATIVE = {"torch": _torch_gradient, "jax": _jax_gradient, "mlx": _mlx_gradient}


@pytest.mark.parametrize("name", NATIVE)
def test_native_differentiation_agrees(case: Case, name: str) -> None:
    found = NATIVE[name](case.loss, *case.given(BY_NAME[name]))
    assert_close(BY_NAME[name].numpy(found), case.differences()[0], rtol=1e-4, atol=1e-5)


def test_what_a_mask_hides_may_be_nan(case: Case, library: Library) -> None:
    keep = np.array([True, False, True, True, False, True])
    inputs = case.inputs.copy()
    inputs[~keep] = np.nan
    options = {"where": library.array(keep), "reduction": "mean"}
    value, gradient = lossary.value_and_grad(case.loss)(*case.given(library, inputs), **options)
    losses = case.oracle(case.inputs, case.targets)
    assert_close(library.numpy(value), losses[keep].mean(), rtol=1e-5)
    expected = case.differences()[0] / keep.sum()
    expected[~keep] = 0
    assert_close(library.numpy(gradient), expected, rtol=1e-4, atol=1e-5)
    assert not library.numpy(gradient)[~keep].any()


def test_weights_and_reductions(case: Case, library: Library) -> None:
    weights = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 1.0])
    weighted = weights * case.oracle(case.inputs, case.targets)
    given, own = case.given(library), {"weights": library.array(weights.astype(np.float32))}
    for options, expected in (
        ({"reduction": "none"}, weighted),
        ({"reduction": "sum"}, weighted.sum()),
        ({"reduction": "mean"}, weighted.mean()),
        ({"reduction": "mean", "denominator": "weights"}, weighted.sum() / weights.sum()),
        ({"reduction": "mean", "denominator": 4.0}, weighted.sum() / 4),
    ):
        assert_close(library.numpy(case.loss(*given, **own, **options)), expected, rtol=1e-5)


def test_labels_to_ignore_and_weights_of_classes(library: Library) -> None:
    case = _multiclass_squared_hinge()
    losses = case.oracle(case.inputs, case.targets)
    class_weights = np.float32([1.0, 2.0, 0.5, 3.0])
    given = case.given(library)
    found = case.loss(*given, class_weights=library.array(class_weights))
    assert_close(library.numpy(found), class_weights[case.targets] * losses, rtol=1e-5)
    ignored = np.where(np.arange(6) < 2, -100, case.targets)
    mean = case.loss(given[0], library.array(ignored), ignore_index=-100, reduction="mean")
    assert_close(library.numpy(mean), losses[2:].mean(), rtol=1e-5)


@pytest.mark.parametrize(
    "word", [sum_over_classes, lambda x: x / class_count(), lambda x: x * class_index()]
)
def test_classes_need_an_axis(word: Any) -> None:
    def wordy_loss(inputs: Any, targets: Any) -> Any:
        return targets - word(inputs)

    told = _refused(wordy_loss)
    assert told.startswith("wordy_loss: the formula must have a class axis to speak of classes")
    assert told.endswith("Declare the loss with axis=True, or give it a parameter axis=-1.")
    lossary.loss(axis=True)(wordy_loss)


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_a_tie_between_classes_goes_to_the_first(library: Library) -> None:
    @lossary.loss(axis=True)
    def highest_loss(inputs: Any) -> Any:
        return max_over_classes(inputs)

    given = library.array(np.float32([[1, 3, 3], [2, 0, 1]]))
    gradient = lossary.grad(highest_loss)(given, reduction="sum")
    assert library.numpy(gradient).tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_a_branch_not_taken_adds_nothing_to_derivatives(library: Library) -> None:
    @lossary.loss
    def lacking_where_known_loss(inputs: Any, targets: Any) -> Any:
        return where(0 < targets, maximum(0, 1 - inputs) ** 2, 0)

    given = [library.array(np.float32(x)) for x in ([0.5, np.nan, np.nan], [1.0, 0.0, 1.0])]
    _, *found = lossary.value_grad_hess(lacking_where_known_loss)(*given, reduction="sum")
    assert_close(library.numpy(found[0]), np.array([-1.0, 0.0, np.nan]), rtol=0)
    assert library.numpy(found[1])[:2].tolist() == [2.0, 0.0]


def _refused(body: Any) -> str:
    with pytest.raises(TypeError) as caught:
        lossary.loss(body)
    assert isinstance(caught.value, lossary.LossaryError)
    return str(caught.value)


def test_what_cannot_be_traced_says_what_to_write() -> None:
    def branches(inputs: Any, targets: Any) -> Any:
        return inputs if inputs > 0 else targets

    def converts(inputs: Any, targets: Any) -> Any:
        return float(inputs) * targets

    def uses_numpy(inputs: Any, targets: Any) -> Any:
        return np.maximum(0, np.asarray(inputs) - targets)

    def returns_nothing(inputs: Any, targets: Any) -> Any:
        return None

    def reduces_elements(inputs: Any, targets: Any) -> Any:
        return sum_over_classes(inputs * 2.0)

    def indexes(inputs: Any, targets: Any) -> Any:
        return inputs[targets]

    assert "branches: " in _refused(branches)
    assert "Use where(condition, a, b)" in _refused(branches)
    assert "float()" in _refused(converts)
    assert "lossary.formula" in _refused(uses_numpy)
    assert "must return an expression" in _refused(returns_nothing)
    assert "at_label" in _refused(indexes)
    lossary.loss(axis=True)(reduces_elements)


NO_VALUE = "formula: a symbol has no value while a formula is traced, so it cannot be used in "
WITHOUT_VALUE: list[tuple[Any, str, str]] = [
    (lambda a, b: a in b, "a test of membership (in)", "Use (x == a) | (x == b)"),
    (lambda a, b: f"{a:.2f}", "a format with a specification", "Leave out what follows the colon."),
    (lambda a, b: a % 2, "% or divmod()", "Compute it before the call"),
    (lambda a, b: 2 % a, "% or divmod()", "Compute it before the call"),
    (lambda a, b: a // b, "//", "Compute it before the call"),
    (lambda a, b: round(a), "round()", "Compute it before the call"),
    (lambda a, b: math.floor(a), "floor()", "Compute it before the call"),
    (lambda a, b: a @ b, "@", "Use sum_over_classes(a * b)."),
    (lambda a, b: a ^ 2, "^", "Use ** for a power."),
    (lambda a, b: complex(a), "complex()", "Keep it a symbol"),
    (lambda a, b: a(b), "a call", "Write * for a product."),
    (lambda a, b: sum(a), "iteration", "Use sum_over_classes() and max_over_classes() over"),
    (lambda a, b: np.exp(a), "a NumPy function", "Use the operations of lossary.formula."),
    (
        lambda a, b: lossary.grad(lossary.l1_loss)(a, b),
        "a function of an array library",
        "Use the operations",
    ),
]


@pytest.mark.parametrize(
    ("body", "used", "remedy"), WITHOUT_VALUE, ids=[x[1] for x in WITHOUT_VALUE]
)
def test_what_needs_a_value_says_what_to_write(body: Any, used: str, remedy: str) -> None:
    def wordy_loss(inputs: Any, targets: Any) -> Any:
        return body(inputs, targets)

    told = _refused(wordy_loss)
    assert told.startswith(f"wordy_loss: {NO_VALUE}{used}, got ")
    assert remedy in told


@pytest.mark.parametrize(
    ("body", "given", "remedy"),
    [
        (
            lambda a: a.mean(),
            "mean",
            "Use mean_over_classes(x). The batch is reduced by reduction=.",
        ),
        (lambda a: a.shape, "shape", "Use class_count() for the number of classes."),
        (lambda a: a.exp(), "exp", "Use exp(x)."),
        (lambda a: a.T, "T", "Use the operations of lossary.formula."),
    ],
)
def test_symbols_have_no_attributes(body: Any, given: str, remedy: str) -> None:
    def wordy_loss(inputs: Any, targets: Any) -> Any:
        return body(inputs)

    needed = "formula: a symbol must be used with operators and the operations of lossary.formula"
    assert _refused(wordy_loss) == f"wordy_loss: {needed}, got inputs.{given}. {remedy}"


def test_probes_and_copies_of_symbols_work() -> None:
    symbol = argument("inputs") + 1
    assert not any(hasattr(symbol, name) for name in ("shape", "dtype", "aval", "_repr_html_"))
    assert getattr(symbol, "todense", None) is None
    for twin in (copy.copy(symbol), copy.deepcopy(symbol), pickle.loads(pickle.dumps(symbol))):
        assert repr(twin) == repr(symbol) == f"{symbol}"


@pytest.mark.parametrize("library", ANYWHERE, ids=lambda x: x.name)
def test_functions_of_other_libraries_are_refused_by_name(library: Library) -> None:
    one = library.array(np.ones(2))

    def foreign_loss(inputs: Any, targets: Any) -> Any:
        return importlib.import_module(library.module).exp(inputs)

    def mixed_loss(inputs: Any, targets: Any) -> Any:
        return one * inputs

    for written in (foreign_loss, mixed_loss):
        told = _refused(written)
        assert told.startswith(f"{written.__name__}: ")
        assert "lossary.formula" in told or "Pass arrays as arguments" in told


def test_an_error_inside_a_formula_is_the_cause() -> None:
    def slipped_loss(inputs: Any, targets: Any) -> Any:
        return inputs * {}["scale"]

    with pytest.raises(TypeError) as caught:
        lossary.loss(slipped_loss)
    assert str(caught.value).startswith(
        "slipped_loss: the formula must be one that can be traced with symbols, got KeyError: "
        "'scale'. Write it"
    )
    assert isinstance(caught.value.__cause__, KeyError)


# --- definitions ------------------------------------------------------------------------------
def _first(inputs: Any, targets: Any, scale: float = 1.0) -> Any:
    return inputs - scale * targets


def _formula(parameters: str) -> Any:
    """Return a formula with these parameters."""
    found: dict[str, Any] = {"nan": math.nan, "inf": math.inf}
    exec(f"def own_loss({parameters}): return a", found)
    return found["own_loss"]


ORDINARY = "the formula must have ordinary parameters, got "
UNNAMED = "the formula must not have a parameter of this name, got "
DEFINITIONS: list[tuple[str, dict[str, Any], str]] = [
    ("*a", {}, "the formula must name its parameters one by one, got *a."),
    ("a, **others", {}, "the formula must name its parameters one by one, got **others."),
    ("a, b, /", {}, f"{ORDINARY}a, /. Leave the / out"),
    ("a, *, b", {}, "the formula must give parameters after * a default, got *, b. Leave the *"),
    ("a, targets", {"rows": ("b",), "axis": True}, "rows must name targets, got 'b'."),
    ("a, targets", {"rows": ("targets",)}, "rows must be left out where there is no class axis"),
    ("", {}, "the formula must take at least one array, got own_loss()."),
    ("a=1.0", {}, "the formula must take at least one array, got own_loss(a=1.0)."),
    *((f"a, {name}", {}, f"{UNNAMED}{name}.") for name in
      ("reduction", "dtype", "denominator", "where", "ignore_index", "cotangent", "_loss")),
    *((f"a, {name}=1", {}, f"{UNNAMED}{name}.") for name in ("reduction", "ignore_index")),
    ("a, weights", {}, "the formula must leave weights to the package, got weights."),
    ("a, class_weights=None", {}, "the formula must take class_weights by keyword"),
    ("a, axis=None", {}, "axis must be an integer by default, got None. Write axis=-1"),
    ("a, axis", {}, "axis must be an integer by default, got no default."),
    ("a", {"axis": 0.5}, "axis must be an integer by default, got 0.5."),
    ("a, b='x'", {}, "the default of b must be a number or bool, got 'x'."),
    ("a, b=nan", {}, "the default of b must be a finite number, got nan."),
    ("a, b=inf", {}, "the default of b must be a finite number, got inf."),
    ("a, b=0.0", {"limits": {"b": POSITIVE}}, "the default of b must be a positive number, got 0."),
    ("a, b=0.0", {"limits": {"c": POSITIVE}}, "limits must name b, got 'c'."),
    ("a, b=0.0", {"limits": {"b": (0, 1)}}, "limits['b'] must be a Range, got (0, 1)."),
    ("a, targets", {"targets": "plus"}, "targets must be a Domain, got 'plus'."),
    ("a", {"targets": CLASS_LABELS}, "targets must be left out where no argument is called targ"),
    ("a, targets", {"targets": CLASS_LABELS}, "targets must not be classes where there is no cl"),
    ("a", {"domains": {"b": REAL}}, "domains must name a, got 'b'."),
    ("a", {"domains": {"a": 1}}, "domains['a'] must be a Domain, got 1."),
    ("a, b=2", {"structure": ("c",)}, "structure must name b, got 'c'."),
    ("a, p=2", {"structure": "p"}, "structure must be several names, got 'p'. Write ('p',)"),
    ("a", {"arguments": ("b",)}, "arguments must name a, got 'b'."),
    ("a", {"reduction": "avg"}, "reduction must be 'none' or 'mean' or 'sum', got 'avg'."),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "facts", "told"), DEFINITIONS)
def test_definitions_are_checked(parameters: str, facts: dict[str, Any], told: str) -> None:
    formula = _formula(parameters)
    with pytest.raises((TypeError, ValueError)) as caught:
        lossary.loss(**facts)(formula)
    assert isinstance(caught.value, lossary.LossaryError)
    assert str(caught.value).startswith(f"own_loss: {told}")
    with pytest.raises(ValueError, match="must be a registered loss"):
        lossary.get_loss("own_loss")


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        (lambda inputs, targets: inputs - targets, "must be a function with a name, got a lambda."),
        (functools.partial(_first, scale=2.0), "must be a function with a name, got partial."),
        (3, "must be a function, got 3."),
        ("hinge", "must be a function, got 'hinge'."),
    ],
    ids=["lambda", "partial", "number", "name"],
)
def test_a_formula_is_a_function_with_a_name(formula: Any, told: str) -> None:
    assert _refused(formula).startswith(f"loss: the formula {told}")


def test_names_and_defaults_of_any_kind() -> None:
    @lossary.loss
    def bind(
        inputs: Any, labels: Any, scale: float = np.float64(2.0), *, weights: Any = None
    ) -> Any:
        return scale * inputs - labels

    assert bind([1.0], [1.0]).tolist() == [1.0]
    assert lossary.grad(bind)([1.0], [1.0]).tolist() == [2.0]
    assert lossary.get_loss(bind).parameters == {"scale": 2.0}


def test_every_word_of_a_formula_is_documented() -> None:
    for name in formula.__all__:
        assert getattr(formula, name).__doc__, name


def test_custom_losses_have_curves() -> None:
    @lossary.loss
    def cubic_loss(inputs: Any, targets: Any) -> Any:
        return abs(inputs - targets) ** 3

    from lossary.plotting import curves

    (points,) = curves([(lossary.get_loss(cubic_loss), "cubic", {})], (-2.0, 2.0))
    assert_close(points.value, np.abs(points.x) ** 3, rtol=1e-12)
    assert_close(points.slope, 3 * points.x * np.abs(points.x), rtol=1e-12)


def test_a_parameter_may_be_an_exponent() -> None:
    @lossary.loss
    def power_loss(inputs: Any, targets: Any, power: float = 1.5) -> Any:
        return abs(inputs - targets) ** power

    error = np.array([1.0, 4.0, -9.0])
    np.testing.assert_allclose(power_loss(error, 0.0), [1.0, 8.0, 27.0], rtol=1e-15)
    np.testing.assert_allclose(power_loss(error, 0.0, 0.5), [1.0, 2.0, 3.0], rtol=1e-15)
    slope = lossary.grad(power_loss)(error, 0.0)
    np.testing.assert_allclose(slope, [1.5, 3.0, -4.5], rtol=1e-15)
