"""Random formulas, computed three ways: by the library, by plain array operations, by differences.

A seed gives a formula, a layout, a dtype, parameters, weights and a mask. What NumPy arrays get
(compiled kernels) is held against the same expressions over ``array_api_strict`` arrays (one plain
operation after the other), and derivatives against differences in float64. Everything goes through
the public interface, so nothing here knows how kernels are made.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import array_api_strict as strict
import ml_dtypes
import numpy as np

import lossary
from lossary import formula as f
from lossary.domains import CLASS_LABELS, REAL
from lossary.formula import Expression, Kind

Array = np.ndarray

#: Shapes and class axes; None for elementwise losses. Sizes stand around those of vectors, blocks
#: and the limits between layouts.
LAYOUTS: dict[str, tuple[tuple[tuple[int, ...], int | None], ...]] = {
    "flat": (((1,), None), ((17,), None), ((3, 45), None), ((2, 515), None), ((), None)),
    "few classes": (((70, 5), -1), ((19, 2), 1), ((5, 9), -1), ((4, 1), -1), ((1, 30), 1)),
    "many classes": (((5, 83), -1), ((2, 600), 1), ((3, 130), -1), ((33, 66), -1)),
    "first axis": (((6, 40), 0), ((3, 150), 0), ((70, 3), 0), ((2, 5), 0), ((5,), 0)),
    "middle axis": (((3, 7, 21), 1), ((2, 40, 6), 1), ((2, 3, 130), -2), ((2, 4, 3, 5), 2)),
}
DTYPES = ("float64", "float32", "float32", "float64", "float16", "bfloat16")
_FLOATS = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}
_LARGEST = 1e4


class Term(NamedTuple):
    """An expression with a bound of its size, so that formulas stay within float16."""

    value: Any
    size: float


# --- formulas ---------------------------------------------------------------------------------
class Builder:
    """Builds a random formula; the same seed gives the same formula again."""

    def __init__(self, seed: int, arrays: list[Expression], label: Expression | None) -> None:
        self.random = random.Random(seed)
        self.arrays = arrays
        self.label = label
        self.parameters: list[Any] = []
        self.has_classes = False
        self.made: dict[Kind, list[Term]] = {Kind.ELEMENT: [], Kind.ROW: []}

    def build(self, parameters: list[Any], has_classes: bool) -> Expression:
        """Return a formula of these parameters."""
        self.parameters, self.has_classes = parameters, has_classes
        depth = self.random.choice([2, 3, 3, 4])
        found = self.row(depth) if has_classes else self.element(depth)
        return found.value

    def element(self, depth: int) -> Term:
        """Return something that varies along the classes."""
        found = self._remembered(Kind.ELEMENT, depth) or self._tamed(self._element(depth))
        if found.value.kind is not Kind.ELEMENT:
            found = Term(found.value + self.arrays[0], found.size + 3)
        self.made[Kind.ELEMENT].append(found)
        return found

    def row(self, depth: int) -> Term:
        """Return one value per row."""
        found = self._remembered(Kind.ROW, depth) or self._tamed(self._row(depth))
        self.made[Kind.ROW].append(found)
        return found

    def _remembered(self, kind: Kind, depth: int) -> Term | None:
        known = self.made[kind]
        return self.random.choice(known) if known and depth < 3 and self._chance(0.2) else None

    def _element(self, depth: int) -> Term:
        if depth == 0:
            return self._leaf()
        choice = self.random.random()
        if choice < 0.35:
            return self._unary(self.element(depth - 1))
        if choice < 0.75 or not self.has_classes:
            return self._binary(self.element(depth - 1), self._operand(depth - 1))
        if choice < 0.85:
            return self._binary(self.element(depth - 1), self.row(depth - 1))
        if choice < 0.9:
            return self._composite(self.element(depth - 1))
        return self._choice(self.element(depth - 1), self._operand(depth - 1))

    def _leaf(self) -> Term:
        if self.has_classes and self._chance(0.08):
            return Term(0.05 * f.class_index(), 30)
        return Term(self.random.choice(self.arrays), 3)

    def _operand(self, depth: int) -> Term:
        """Return a second operand: an element, a row value or a number."""
        choice = self.random.random()
        if choice < 0.15:
            return Term(self.random.choice(self.parameters), 2)
        if choice < 0.25:
            number = self.random.choice([0, 1, -1, 0.5, 2, -0.25])
            return Term(number, abs(number))
        return self.element(depth)

    def _row(self, depth: int) -> Term:
        choice = self.random.random()
        if depth < 2 or choice < 0.6:
            return self._reduction(self.element(max(depth - 1, 1)))
        if choice < 0.75:
            return self._unary(self.row(depth - 1))
        return self._binary(self.row(depth - 1), self.row(depth - 1))

    def _reduction(self, x: Term) -> Term:
        v, size = x
        options: list[Callable[[], Term]] = [
            lambda: Term(f.sum_over_classes(v), 20 * size),
            lambda: Term(f.mean_over_classes(v), size),
            lambda: Term(f.max_over_classes(v), size),
            lambda: Term(-f.max_over_classes(-v), size),
            lambda: Term(f.norm(v), 5 * size),
            lambda: Term(f.softened_norm(v, 0.5), 5 * size + 1),
            lambda: Term(f.logsumexp(v), size + 4),
            lambda: Term(f.at_label(v, self._class()), size),
        ]
        if self.label is not None:
            label = self.label
            options += [lambda: Term(f.negative_log_softmax_at(v, label), 2 * size + 4)] * 2
            options += [lambda: Term(f.at_label(v, label), size)] * 3
        return self.random.choice(options)()

    def _composite(self, x: Term) -> Term:
        if self._chance(0.5):
            return Term(f.softmax(x.value), 1)
        return Term(f.negative_log_softmax(x.value), 2 * x.size + 4)

    def _unary(self, x: Term) -> Term:
        v, size = x
        small = f.tanh(v) if size > 4 else v
        exponent = self.random.choice([0, 1, 1.5, 2, 3, self.parameters[0]])
        options: list[Callable[[], Term]] = [
            lambda: Term(-v, size),
            lambda: Term(abs(v), size),
            lambda: Term(v * v, size * size),
            lambda: Term(f.exp(small), 55),
            lambda: Term(f.exp(-abs(v)), 1),
            lambda: Term(f.expm1(small), 55),
            lambda: Term(f.log1p(v * v), 2 * math.log1p(size)),
            lambda: Term(f.log(0.5 + abs(v)), math.log1p(size)),
            lambda: Term(f.sqrt(0.25 + v * v), size + 1),
            lambda: Term(f.softplus(v), size + 1),
            lambda: Term(f.tanh(v), 1),
            lambda: Term(f.sigmoid(v), 1),
            lambda: Term(f.log_cosh(v), size),
            lambda: Term(f.sign(v), 1),
            lambda: Term(f.erf(v), 1),
            lambda: Term(f.log1p_excess(abs(v)), size),
            lambda: Term(f.expm1_excess(small), 50),
            lambda: Term(f.log1mexp(-0.1 - abs(v)), 3),
            lambda: Term(f.log1p_square(v), 2 * math.log1p(size)),
            lambda: Term(f.box_cox(abs(f.tanh(v)), exponent), 8),
            lambda: Term(f.power_gap(abs(f.tanh(v)), exponent), 8),
            lambda: Term(f.log_gamma(0.5 + abs(v)), 1 + size * math.log1p(size)),
            lambda: Term(f.arctan(v), 2),
            lambda: Term(f.sin_pi(small) + f.cos_pi(small), 2),
            lambda: Term(f.log_gamma_half_step(0.5 + abs(v)), 1),
            lambda: Term(f.clip(v, -1, self.parameters[1]), 2),
            lambda: Term((0.5 + abs(f.tanh(v))) ** exponent, 8),
        ]
        return self.random.choice(options)()

    def _binary(self, x: Term, y: Term) -> Term:
        (a, m), (b, n) = x, y
        options: list[Callable[[], Term]] = [
            lambda: Term(a + b, m + n),
            lambda: Term(a - b, m + n),
            lambda: Term(b - a, m + n),
            lambda: Term(a * b, m * n),
            lambda: Term(f.maximum(a, b), max(m, n)),
            lambda: Term(f.minimum(b, a), max(m, n)),
            lambda: Term(a / (0.5 + b * b), 2 * m),
            lambda: Term(a / (0.25 + abs(b)), 4 * m),
            lambda: Term(f.hypot(a, b), m + n),
            lambda: Term(f.square_over(a, 0.5 + abs(b)), 2 * m * m),
            lambda: Term(f.scale(f.maximum(0, b), a), m * n),
            lambda: Term(f.exp_difference(f.tanh(a), f.tanh(f.maximum(a, b))), 1),
        ]
        return self.random.choice(options)()

    def _choice(self, x: Term, y: Term) -> Term:
        return Term(f.where(self._condition(x, y), x.value, y.value), max(x.size, y.size))

    def _condition(self, x: Term, y: Term) -> Expression:
        options: list[Callable[[], Expression]] = [
            lambda: x.value < y.value,
            lambda: (x.value > 0.5) & ~(y.value <= x.value),
            lambda: (x.value >= 1) | (x.value != y.value),
        ]
        if self.has_classes:
            options += [
                lambda: f.class_index() == self._class(),
                lambda: f.class_index() < self._class(),
                lambda: f.class_index() >= f.class_count() - self._class(),
            ]
        if self.label is not None:
            label = self.label
            options += [lambda: f.is_label(label)] * 3
            options += [lambda: f.class_index() < label, lambda: f.class_index() != label]
        return self.random.choice(options)()

    def _class(self) -> int:
        return self.random.choice([0, 1, 2])

    def _tamed(self, x: Term) -> Term:
        return x if x.size <= _LARGEST else Term(x.value * (1 / x.size), 1)

    def _chance(self, share: float) -> bool:
        return self.random.random() < share


# --- cases ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Case:
    """A random formula as a loss, with everything that a call of it takes."""

    seed: int

    @cached_property
    def random(self) -> np.random.Generator:
        """Numbers that do not depend on those of the formula."""
        return np.random.default_rng([self.seed, 1])

    @property
    def dtype(self) -> str:
        """Dtype of the inputs."""
        return DTYPES[self.seed % len(DTYPES)]

    @cached_property
    def layout(self) -> tuple[tuple[int, ...], int | None]:
        """Shape of the inputs and class axis."""
        name = list(LAYOUTS)[self.seed % len(LAYOUTS)]
        options = LAYOUTS[name]
        return options[self.seed // len(LAYOUTS) % len(options)]

    @property
    def has_labels(self) -> bool:
        """Whether the targets are class labels."""
        return self.layout[1] is not None and self.seed // 2 % 2 == 0

    @property
    def has_ties(self) -> bool:
        """Whether the last class is a copy of the first."""
        return self.layout[1] is not None and self.seed % 7 == 0

    @property
    def has_gaps(self) -> bool:
        """Whether some inputs are NaN or infinite."""
        return self.seed % 13 == 12

    @cached_property
    def loss(self) -> Callable[..., Any]:
        """The formula as a loss."""
        seed, has_labels, has_classes = self.seed, self.has_labels, self.layout[1] is not None

        def random_loss(
            inputs: Any, others: Any, targets: Any, p: float = 0.7, q: float = 1.5
        ) -> Any:
            arrays = [inputs, inputs, others, *(() if has_labels else (targets,))]
            built = Builder(seed, arrays, targets if has_labels else None)
            # Every argument takes part, so that each has a shape and a derivative.
            return built.build([p, q], has_classes)

        declare = lossary.loss(
            targets=CLASS_LABELS if has_labels else REAL,
            axis=self.layout[1] if has_classes else False,
        )
        return declare(random_loss)

    @cached_property
    def arrays(self) -> tuple[Array, ...]:
        """The arguments, in their dtype."""
        shape, axis = self.layout
        dtype = _FLOATS.get(self.dtype, self.dtype)
        floats = [self.random.normal(size=shape).astype(dtype) for _ in range(3)]
        if self.has_ties:
            for x in floats:
                along = np.moveaxis(x, axis, -1)
                along[..., -1] = along[..., 0]
        if self.has_gaps:
            places = self.random.integers(0, floats[0].size, 3)
            floats[0].reshape(-1)[places] = [np.nan, np.inf, -np.inf]
        if shape and self.seed % 11 == 3:
            floats[0] = np.concatenate([floats[0]] * 2, axis=-1)[..., : shape[-1]]  # a view
        if self.has_labels:
            rows = list(shape)
            classes = rows.pop(axis)
            floats[2] = self.random.integers(0, classes, rows)
        return tuple(floats)

    @cached_property
    def options(self) -> dict[str, Any]:
        """Parameters, reduction, weights and mask."""
        shape, axis = self.layout
        unit = [n for i, n in enumerate(shape) if axis is None or i != axis % len(shape)]
        found: dict[str, Any] = {
            "p": (0.7, 0.0, 1.25)[self.seed // 3 % 3],
            "q": 1.5,
            "reduction": ("none", "mean", "none", "sum")[self.seed // 5 % 4],
        }
        if self.seed % 3 == 1:
            dtype = _FLOATS.get(self.dtype, self.dtype)
            found["weights"] = self.random.uniform(0.5, 2, unit).astype(dtype)
        if self.seed % 4 == 1:
            found["where"] = self.random.uniform(size=unit) < 0.75
        return found

    def differentiated(self) -> tuple[int, ...]:
        """Return which arguments get a gradient; one alone gets a Hessian too."""
        return (0,) if self.seed % 2 else ((0, 1) if self.has_labels else (0, 1, 2))

    def expression(self) -> Expression:
        """Return the formula, for a message."""
        record = lossary.get_loss(self.loss)
        return record.formula_text()

    def run(self, arrays: tuple[Any, ...], **options: Any) -> list[Any]:
        """Return value alone, then value, gradients and perhaps the Hessian."""
        with lossary.options(domain="ignore"):
            value = self.loss(*arrays, **options)
            places = self.differentiated()
            if len(places) == 1:
                derived = lossary.value_grad_hess(self.loss)(*arrays, **options)
                return [value, *derived]
            again, gradients = lossary.value_and_grad(self.loss, places)(*arrays, **options)
            return [value, again, *gradients]

    def names(self) -> list[str]:
        """Return what :meth:`run` returns, in words."""
        places = self.differentiated()
        derived = ["gradient", "Hessian"] if len(places) == 1 else [f"gradient {i}" for i in places]
        return ["value", "value with derivatives", *derived]

    def plain(self, dtype: str, moved: Array | float = 0.0, **options: Any) -> list[Array]:
        """Run with plain array operations, in this dtype; the first argument may be moved."""
        arrays, options = self._plain(dtype, moved, options)
        return [np.asarray(x) for x in self.run(arrays, **options)]

    def plain_value(self, dtype: str, moved: Array | float = 0.0, **options: Any) -> Array:
        """Compute the value alone, in the same way."""
        arrays, options = self._plain(dtype, moved, options)
        with lossary.options(domain="ignore"):
            return np.asarray(self.loss(*arrays, **options))

    def _plain(
        self, dtype: str, moved: Array | float, options: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return plain arrays and options for a call."""

        def given(x: Any) -> Any:
            x = np.asarray(x)
            return strict.asarray(x.astype(dtype) if x.dtype.kind not in "ib" else x)

        first, *rest = self.arrays
        options = {**self.options, **options}
        arrays = (given(first.astype(dtype) + np.asarray(moved, dtype)), *map(given, rest))
        for name in {"weights", "where"} & options.keys():
            options[name] = given(options[name])
        return arrays, options


# --- comparisons ------------------------------------------------------------------------------
def assert_kernels_agree(case: Case) -> None:
    """Hold what NumPy arrays get against plain operations in float64.

    The error of plain operations in float32 tells how well conditioned the formula is.
    """
    found = case.run(case.arrays, **case.options)
    expected = case.plain("float64")
    narrow = case.plain("float32")
    rows = case.plain_value("float64", reduction="none")
    close_rows = case.plain_value("float32", reduction="none")
    count = rows.size if case.options["reduction"] == "sum" else 1
    for place, name in enumerate(case.names()):
        got, right, near = found[place], expected[place], narrow[place]
        assert np.dtype(got.dtype).name == case.dtype, (name, got.dtype)
        assert got.shape == right.shape, (name, got.shape, right.shape)
        scale, noise = _largest(right), _furthest(near, right)
        if place < 2:  # a sum hides what its terms are
            scale = max(scale, count * _largest(rows))
            noise = max(noise, count * _furthest(close_rows, rows))
        _assert_near(case, name, np.asarray(got).astype(float), right, scale, noise)


def _assert_near(
    case: Case, name: str, got: Array, right: Array, scale: float, noise: float
) -> None:
    half = case.dtype in {"float16", "bfloat16"}
    working = "float64" if case.dtype == "float64" else "float32"
    unit = float(np.finfo(working).eps)
    # Terms of size 1 may cancel, as those of a softmax's derivative over one class.
    allowed = unit * (64 * scale + 8) + 64 * noise * unit / float(np.finfo("float32").eps)
    allowed = np.full(right.shape, allowed)
    if half:
        allowed += float(ml_dtypes.finfo(case.dtype).eps) * abs(right) + 1e-7
    usable = ~(abs(right) >= 6e4) if half else np.full(right.shape, True)
    with np.errstate(invalid="ignore"):
        near = (got == right) | (abs(got - right) <= allowed)
    wrong = usable & ~(near | (np.isnan(got) & np.isnan(right)))
    assert not wrong.any(), (
        f"seed {case.seed}, {name}, {case.dtype}, {case.layout}: {got[wrong][:4]} where "
        f"{right[wrong][:4]} is right, at {np.argwhere(wrong)[:4].tolist()} ({wrong.sum()} of "
        f"{wrong.size}); {case.options.keys()}; {case.expression()}"
    )


def assert_differences_agree(case: Case) -> None:
    """Hold gradient and Hessian of the first argument against differences, away from kinks."""
    if case.has_ties or case.has_gaps:
        return
    shape, axis = case.layout
    names = case.names()
    results = case.plain("float64", reduction="sum")
    gradient = results[2]
    hessian = results[3] if names[3] == "Hessian" else None
    for place in _places(shape, axis):
        moved = np.zeros(shape)
        moved[place] = 1.0
        at = {h: case.plain_value("float64", moved * h, reduction="none") for h in _STEPS}
        _assert_slope(case, "gradient", gradient[place], _slopes(at))
        if hessian is not None:
            curvatures = _curvatures(at)
            # abs(u) has the second derivative 0 where u = 0, though abs(x ** 2) has no kink there:
            # a curvature that is right beside such a point is no fault.
            beside = case.plain("float64", moved * 1e-3, reduction="sum")[3][place]
            near = abs(beside - curvatures[0]) < abs(hessian[place] - curvatures[0])
            _assert_slope(case, "Hessian", np.where(near, beside, hessian[place]), curvatures)


_STEPS = (0.0, 1e-5, -1e-5, 2e-5, -2e-5, 1e-3, -1e-3, 2e-3, -2e-3)


def _places(shape: tuple[int, ...], axis: int | None) -> list[tuple[Any, ...]]:
    """Return where elements are moved: along one line, a few classes of all rows at once."""
    if axis is None:
        return [(...,)]
    classes = shape[axis]
    chosen = sorted({0, 1 % classes, 2 % classes, classes // 2, classes - 1})
    axis %= len(shape)
    return [(*(slice(None),) * axis, k) for k in chosen]


def _slopes(at: dict[float, Array]) -> list[Array]:
    return [(at[h] - at[-h]) / (2 * h) for h in (1e-5, 2e-5)] + [(at[1e-5] - at[0.0]) / 1e-5]


def _curvatures(at: dict[float, Array]) -> list[Array]:
    return [(at[h] - 2 * at[0.0] + at[-h]) / h**2 for h in (1e-3, 2e-3)]


def _assert_slope(case: Case, name: str, got: Array, differences: list[Array]) -> None:
    one, *others = differences
    scale = 1 + _largest(one)
    limit = 1e-4 if name == "gradient" else 1e-2
    # Near a kink differences of other steps, and from one side, are others.
    smooth = np.all([abs(one - other) < limit * scale / 4 for other in others], axis=0)
    wrong = smooth & ~(abs(got - one) <= limit * scale)
    assert not wrong.any(), (
        f"seed {case.seed}, {name}: {got[wrong][:4]} where differences give {one[wrong][:4]}; "
        f"{case.layout}; {case.options.keys()}; {case.expression()}"
    )


def _furthest(x: Array, y: Array) -> float:
    with np.errstate(invalid="ignore"):
        return _largest(x.astype(float) - y)


def _largest(x: Array) -> float:
    finite = abs(x[np.isfinite(x)])
    return float(finite.max()) if finite.size else 0.0
