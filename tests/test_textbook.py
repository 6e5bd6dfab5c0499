"""The pages' formulas, read back and evaluated in 60 digits: they are the losses themselves."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exact import evaluate, exact
from latex import to_python
from oracles import ARGUMENTS
from printed import CLASSES, FOLDED, ROWS, assert_same_values, read

import lossary
from lossary import formula as f
from lossary.domains import CLASS_LABELS, REAL, Domain
from lossary.formula.expression import argument, parameter
from lossary.formula.gradient import gradient
from lossary.products.catalogue import matrix_losses

EXTENSIONS = Path(__file__).resolve().parent.parent / "docs" / "extensions"


@pytest.fixture(scope="module", autouse=True)
def _extensions() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXTENSIONS))
        yield


def _variants() -> list[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXTENSIONS))
        variants = importlib.import_module("loss_formulas").variants
    return [
        pytest.param(loss, structure, id=f"{loss.name}-{title}")
        for loss in lossary.list_losses()
        for title, structure in variants(loss).items()
    ]


def _values(loss: lossary.Loss, structure: dict[str, Any], scale: float) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    values: dict[str, Any] = {name: exact(rng.uniform(0.1, 0.9)) for name in loss.numbers}
    classes = loss.length or CLASSES
    shape = (ROWS, classes)
    if loss.name in ARGUMENTS:
        drawn = (x.reshape(ROWS, -1) for x in ARGUMENTS[loss.name](rng, ROWS, classes))
        return values | dict(zip(loss.arguments, map(exact, drawn), strict=True))
    for name in (*loss.arguments, *loss.prepare):
        shares = rng.uniform(0.1, 0.9, shape)
        inside = _are_inside(loss.domains.get(name, REAL), scale * shares, values)
        values[name] = exact(scale * shares if inside else shares)
    if structure.get("labels", loss.takes_labels):
        values["targets"] = exact(rng.integers(0, CLASSES, (ROWS, 1)))
    return values


def _are_inside(domain: Domain, values: np.ndarray, parameters: dict[str, Any]) -> bool:
    if domain.contains is None:
        return True
    condition = domain.contains(argument("x"), *map(parameter, domain.parameters))
    return bool(evaluate(condition, {**parameters, "x": exact(values)}, CLASSES).all())


@pytest.mark.parametrize("scale", [1.0, 5.0])
@pytest.mark.parametrize(("loss", "structure"), _variants())
def test_shown_formulas_are_those_of_the_loss(
    loss: lossary.Loss, structure: dict[str, Any], scale: float
) -> None:
    assert_shown_is_meant(loss, structure, scale)


def _formulas() -> list[Any]:
    """Return formulas of kinds that losses may have: powers, ratios, labels inside of others."""

    def focal(inputs, targets, gamma=2.0):
        hit = f.sigmoid(-inputs) ** gamma * f.softplus(-inputs)
        return targets * hit + (1 - targets) * f.sigmoid(inputs) ** gamma * f.softplus(inputs)

    def pseudo_huber(inputs, targets, delta=1.0):
        error = (inputs - targets) / delta
        return delta * delta * (f.sqrt(1 + error * error) - 1)

    def quantile(inputs, targets, tau=0.5):
        return f.maximum(tau * (targets - inputs), (tau - 1) * (targets - inputs))

    def overlap(inputs, targets, axis=-1, smooth=1.0):
        both = f.sum_over_classes(f.sigmoid(inputs) * targets)
        either = f.sum_over_classes(f.sigmoid(inputs)) + f.sum_over_classes(targets)
        return 1 - (2 * both + smooth) / (either + smooth)

    def brier(inputs, targets, axis=-1):
        return f.sum_over_classes((f.softmax(inputs) - targets) ** 2) / 6

    def several_margins(inputs, targets, axis=-1, margin=1.0):
        behind = f.maximum(0, margin - f.at_label(inputs, targets) + inputs)
        return f.sum_over_classes(f.where(f.is_label(targets), 0, behind)) / f.class_count()

    def generalized(logits, targets, axis=-1, q=0.7):
        return -f.expm1(-q * f.negative_log_softmax_at(logits, targets)) / q

    def regularized(logits, targets, axis=-1, strength=0.1):
        return f.negative_log_softmax_at(logits, targets) + strength * f.logsumexp(logits) ** 2

    found = []
    for formula in (focal, pseudo_huber, quantile, overlap, brier):
        found.append(pytest.param(formula, {}, id=formula.__name__))
    for formula in (several_margins, generalized, regularized):
        found.append(pytest.param(formula, {"targets": CLASS_LABELS}, id=formula.__name__))
    return found


@pytest.mark.parametrize(("formula", "declared"), _formulas())
def test_shown_formulas_of_other_kinds_are_those_of_the_loss(
    formula: Any, declared: dict[str, Any]
) -> None:
    loss = lossary.get_loss(lossary.loss(**declared)(formula))
    assert_shown_is_meant(loss, {}, 1.0)


def assert_shown_is_meant(loss: lossary.Loss, structure: dict[str, Any], scale: float) -> None:
    """Read what a page shows, textbook and computed, and compare it with the loss in 60 digits."""
    lines = importlib.import_module("formula_lines")
    chosen = importlib.import_module("textbook").variant(loss, structure)
    values = _values(loss, structure, scale)
    expected = [
        evaluate(item, values, loss.length or CLASSES)
        for item in (chosen.formula, gradient(chosen.formula, chosen.symbols[loss.arguments[0]]))
    ]
    shown = lines.textbook_lines(loss, structure)
    known = _known(shown.symbols, values)
    texts, values_read = _read(shown, known)  # a derivative that is too long is not shown
    for text, found, meant in zip(texts, values_read, expected[: len(texts)], strict=True):
        _assert_same(text, found, meant)
    for computed in lines.computed_lines(loss, structure):
        own = known if computed.symbols else _OPERANDS
        for text, found in zip(*_read(computed, own), strict=True):
            left = _sides(text)[0]
            if not computed.symbols:  # a function and how it is computed
                meant = read(to_python(left), _OPERANDS)
            else:
                meant = expected[0 if left == r"\ell" else 1]
            _assert_same(text, found, meant)


def _assert_same(text: str, found: Any, meant: Any) -> None:
    inside = np.where(meant != meant, meant, found)  # a logarithm outside its domain is NaN
    assert_same_values([(text, inside)], meant, FOLDED)


# What the functions are computed for.
_OPERANDS: dict[str, Any] = {
    "x": exact(np.random.default_rng(1).normal(size=(ROWS, CLASSES))),
    "t": exact(np.random.default_rng(2).normal(size=(ROWS, CLASSES))),
    "c": exact(0.25),
    "y": exact(np.array([[0], [2], [1]])),
}
_OPERANDS |= {f"{name}_{index}": _OPERANDS[name] for name in "xt" for index in "kj"}
_OPERANDS["x_y"] = np.take_along_axis(_OPERANDS["x"], _OPERANDS["y"].astype(int), 1)


def _known(symbols: tuple[tuple[str, str], ...], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values by the symbols that stand for them, at every index."""
    known = dict(values)
    for symbol, name in symbols:
        known[re.sub(r"[\\_{}]", "", symbol)] = values[name]
    for name, value in list(known.items()):
        if np.ndim(value) == 2 and np.shape(value)[1] > 1:
            known |= {f"{name}_k": value, f"{name}_j": value}
            places = range(np.shape(value)[1])
            known |= {f"{name}{place}": value[:, [place]] for place in places}
            if "targets" in values and np.shape(values["targets"]) == (ROWS, 1):
                # A rank beyond the last threshold has no value, and none is read.
                places = np.minimum(values["targets"].astype(int), CLASSES - 1)
                picked = np.take_along_axis(value, places, 1)
                known[f"{name}_y"] = picked
    return known


def _read(lines: Any, values: dict[str, Any]) -> tuple[list[str], list[Any]]:
    """Return formulas and their values, as a reader finds them: from the parts to the whole."""
    known = dict(values)
    for part in lines.parts:
        name, meaning = _sides(part)
        name = re.sub(r"[_{}]|k$", "", name.replace("_{k}", ""))
        value = read(to_python(meaning), known)
        known |= {end: value for end in (name, f"{name}_k", f"{name}_j")}
        labels = known.get("targets", known.get("y"))
        if np.shape(value) == (ROWS, CLASSES) and np.shape(labels) == (ROWS, 1):
            known[f"{name}_y"] = np.take_along_axis(value, labels.astype(int), 1)
    found = [read(to_python(_sides(formula)[1]), known) for formula in lines.formulas]
    return list(lines.formulas), found


def _sides(formula: str) -> tuple[str, str]:
    left, _, right = formula.partition(" = ")
    return left, right


def test_the_label_and_the_index_of_a_class_are_printed() -> None:
    lines = importlib.import_module("formula_lines")
    found = lines.textbook_lines(lossary.get_loss("cross_entropy"), {"labels": True})
    assert r"\log\operatorname{softmax}_{y}\left(z\right)" in found.formulas[0]
    assert r"\mathbf{1}_{k = y}" in found.formulas[1]
    assert ("z", "logits") in found.symbols


def test_sums_in_a_derivative_do_not_run_over_its_own_class() -> None:
    lines = importlib.import_module("formula_lines")
    found = lines.textbook_lines(lossary.get_loss("cosine_similarity_loss"), {})
    assert r"\sum_k x_{1,k} \, x_{2,k}" in found.formulas[0]
    assert r"\sum_j x_{1,j} \, x_{2,j}" in found.formulas[1]


def test_textbook_forms_are_the_known_ones() -> None:
    textbook = importlib.import_module("formula_lines").textbook_lines
    for name, structure, known in (
        ("binary_cross_entropy", {}, r"\sigma\left(z\right) - y"),
        ("mse_loss", {}, r"2 \, \left(z - y\right)"),
        ("log_cosh_loss", {}, r"\tanh\left(z - y\right)"),
        ("nll_loss", {}, r"-\mathbf{1}_{k = y}"),
    ):
        formulas = textbook(lossary.get_loss(name), structure).formulas
        assert formulas[1].partition(" = ")[2] == known
    huber = textbook(lossary.get_loss("huber_loss"), {})
    assert huber.parts == ("r = z - y",)
    assert r"\frac{1}{2} \, r^{2} & \text{if } \left|r\right| \le \delta" in huber.formulas[0]


def test_a_form_that_is_computed_as_it_is_printed_is_not_printed_twice() -> None:
    computed = importlib.import_module("formula_lines").computed_lines
    for name in ("hinge_loss", "mse_loss", "l1_loss", "huber_loss", "margin_ranking_loss"):
        assert computed(lossary.get_loss(name), {}) == []
    assert computed(lossary.get_loss("binary_cross_entropy"), {})
    assert computed(lossary.get_loss("smooth_l1_loss"), {})
    assert not computed(lossary.get_loss("binary_cross_entropy"), {"with_logits": False})


def test_signs_that_stand_for_no_argument_are_explained() -> None:
    textbook = importlib.import_module("formula_lines").textbook_lines
    notes = " ".join(textbook(lossary.get_loss("cross_entropy"), {"labels": True}).notes)
    for sign in ("`k`", "`C`", r"\mathbf{1}_{k = y}"):
        assert sign in notes
    assert textbook(lossary.get_loss("hinge_loss"), {}).notes == ()


# --- losses of pairs ----------------------------------------------------------------------------
def _item(loss: lossary.Loss, rng: np.random.Generator) -> dict[str, Any]:
    """Return similarities to four others, who belongs to the item, and its parameters."""
    values = {name: exact(rng.uniform(0.3, 0.9)) for name in loss.numbers}
    values["similarities"] = exact(rng.uniform(-1, 1, (ROWS, CLASSES)))
    values["partners"] = exact(rng.integers(0, CLASSES, (ROWS, 1)))
    values["labels"] = exact(rng.integers(0, 2, (ROWS, 1)))
    values["targets"] = exact(np.tile(np.arange(CLASSES) % 2, (ROWS, 1)))
    return values


def _with_itself(loss: lossary.Loss, values: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Return the arguments of the code, which has the item itself as its last column."""
    if "items" not in loss.arguments:
        return values, CLASSES
    own = np.concatenate([values["similarities"], exact(np.full((ROWS, 1), 0.75))], axis=1)
    targets = np.concatenate([values["targets"], values["labels"]], axis=1)
    items = exact(np.full((ROWS, 1), CLASSES))
    return {**values, "similarities": own, "targets": targets, "items": items}, CLASSES + 1


@pytest.mark.parametrize(
    "loss", [x for x in matrix_losses() if x.is_of_pairs], ids=lambda loss: loss.name
)
def test_shown_formulas_of_pairs_are_those_of_the_code(loss: lossary.Loss) -> None:
    lines = importlib.import_module("formula_lines")
    chosen = importlib.import_module("textbook").variant(loss, {})
    values = _item(loss, np.random.default_rng(11))
    given, columns = _with_itself(loss, values)
    slope = gradient(chosen.formula, chosen.symbols["similarities"])
    value, slopes = (evaluate(item, given, columns) for item in (chosen.formula, slope))
    shown = lines.textbook_lines(loss, {})
    own = {name: x for name, x in values.items() if name in {*loss.arguments, *loss.numbers}}
    texts, found = _read(shown, _known(shown.symbols, own))
    assert len(texts) == 2
    _assert_same(texts[0], found[0], value)
    _assert_same(texts[1], found[1], slopes[:, :CLASSES])
