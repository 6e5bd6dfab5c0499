"""The plots of the site: their facts in Python, and what their scripts compute in Node.js."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import node
import numpy as np
import pytest

import lossary
from lossary import options, value_grad_hess
from lossary.domains import FINITE
from lossary.plotting import curves
from lossary.products.catalogue import matrix_losses

DOCS = Path(__file__).parents[1] / "docs"
LOSSES = lossary.list_losses()
EVERY = {loss.name: loss for loss in (*LOSSES, *matrix_losses())}


@pytest.fixture(scope="module")
def plot_facts() -> ModuleType:
    """The extension that writes the scripts of the losses."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(DOCS / "extensions")
        return importlib.import_module("plot_facts")


@pytest.fixture(scope="module")
def scripts(plot_facts: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scripts of all losses."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "a_loss_that_was.js").write_text("", encoding="utf-8")
    plot_facts.write_scripts(folder)
    return folder


def _program(scripts: Path, *static: str, main: str) -> str:
    """Return a program of the site's scripts, those of the losses and a main function."""
    paths = [DOCS / "_static" / name for name in static] + sorted(scripts.iterdir())
    return "\n".join(f"require({json.dumps(str(path))});" for path in paths) + main


# --- facts ------------------------------------------------------------------------------------
def test_every_loss_has_a_script_and_is_in_the_index(scripts: Path) -> None:
    names = EVERY.keys()
    assert {path.stem for path in scripts.iterdir()} == {*names, "index", "words"}
    index = (scripts / "index.js").read_text("utf-8")
    assert json.loads(index.removeprefix("lossary.index = ").rstrip(";\n")).keys() == names


@pytest.mark.parametrize("loss", EVERY.values(), ids=lambda loss: loss.name)
def test_sliders_stay_where_the_loss_is_defined(plot_facts: ModuleType, loss: lossary.Loss) -> None:
    found = [plot_facts.facts(loss, form) for form in plot_facts.forms(loss)]
    assert found[0]["choice"] == {
        name: loss.parameters[name] for name in loss.structure if loss.parameters[name] is not None
    }
    for item in found:
        # The item itself is no column of a plot, and its label is 0.
        assert item["arguments"].keys() == set(loss.arguments) - {"items", "labels"}
        for slider in item["parameters"]:
            limit = loss.limits.get(slider["name"], FINITE)
            places = np.arange(slider["low"], slider["high"] + slider["step"] / 2, slider["step"])
            values = 10.0**places if slider.get("logarithmic") else places.round(9)
            low, high = slider.get("gap", (0.0, 0.0))
            assert all(limit.contains(x) for x in values if not low < x < high)
            assert values[0] <= slider["value"] <= values[-1]


# --- what the scripts compute -----------------------------------------------------------------
_LINES = """
function main() {
  return Object.keys(lossary.index).map((name) => {
    const [first] = lossary.lines(lossary.newView([name]));
    return [name, first.curve.x, first.curve.value, first.curve.gradient];
  });
}
"""


def test_plots_show_the_curves_of_the_package(scripts: Path) -> None:
    for name, x, value, gradient in node.run(_program(scripts, "loss_core.js", main=_LINES), None):
        loss = EVERY[name]
        (curve, *_) = curves([(loss, name, {})])
        _, here, there = np.intersect1d(x, curve.x, return_indices=True)
        assert len(here) >= (9 if loss.length else 100)  # boxes have the range of every corner
        for found, known in ((value, curve.value), (gradient, curve.slope)):
            np.testing.assert_allclose(
                np.array(found)[here], known[there], 1e-12, 1e-15, err_msg=name
            )


_DASHED = """
function main(names) {
  return names.map((name) => lossary.lines(lossary.newView([name]))
    .map(({ curve }) => [curve.x, curve.value, curve.gradient]));
}
"""


def test_plots_of_pairs_show_both_roles_of_a_similarity(scripts: Path) -> None:
    names = [name for name, loss in EVERY.items() if loss.arguments[0] == "similarities"]
    assert names
    program = _program(scripts, "loss_core.js", main=_DASHED)
    for name, lines in zip(names, node.run(program, names), strict=True):
        known = curves([(EVERY[name], name, {})])
        assert len(lines) == len(known) == 2
        for (x, value, gradient), curve in zip(lines, known, strict=True):
            _, here, there = np.intersect1d(x, curve.x, return_indices=True)
            assert len(here) >= 100
            np.testing.assert_allclose(np.array(value)[here], curve.value[there], 1e-11, 1e-15)
            np.testing.assert_allclose(np.array(gradient)[here], curve.slope[there], 1e-11, 1e-14)


_LINKS = """
function main(hashes) {
  return hashes.map((hash) => {
    const view = lossary.limited(lossary.fromHash(hash, ["huber_loss"]));
    return [view, lossary.toHash(view, ["huber_loss"]), lossary.lines(view).length];
  });
}
"""


def test_a_link_restores_a_view_and_what_is_no_view_is_left_out(scripts: Path) -> None:
    full = (
        "#plot?losses=huber_loss+tweedie_deviance&x=0.5&from=-2&to=4&targets=1&huber_loss.delta=2"
    )
    row = (
        "#plot?losses=cross_entropy&along=1&count=4&logits.2=1.5&cross_entropy.label_smoothing=0.1"
    )
    odd = "#plot?losses=evil+huber_loss&x=NaN&along=99&huber_loss.delta=1e9&huber_loss.form=7&q="
    gap = "#plot?losses=tweedie_deviance&tweedie_deviance.power=0.7&tweedie_deviance.form=1"
    program = _program(scripts, "loss_core.js", main=_LINKS)
    found = node.run(program, [full, row, odd, gap, "#facts"])
    assert [one[1] for one in found[:2]] == [full, row]
    assert found[1][0]["fixed"] == {"logits.2": 1.5}
    assert found[2][1] == "#plot?huber_loss.delta=4"
    assert found[3][0]["parameters"] == {"tweedie_deviance": {"power": 1.0}}
    assert found[4][1] == ""
    assert all(lines >= 1 for *_, lines in found)


_PIECES = """
function main({x, y}) {
  return [lossary.pieces(x, y), lossary.range([0, 1, 2, 3, ...Array(96).fill(1), 1e9]),
          lossary.range([NaN]), lossary.ticks(-3, 3), lossary.ticks(0, 0.26),
          [0.1 + 0.2, -Infinity, NaN, 1e-7].map((x) => lossary.read(x))];
}
"""


def test_curves_are_cut_at_jumps_and_far_values_do_not_squeeze_the_others(scripts: Path) -> None:
    x = np.linspace(-1.0, 1.0, 41)
    y = np.where(x < 0, 0.0, np.where(np.abs(x) < 1e-9, 0.5, 1.0))
    y[-2:] = 5.0, np.nan  # a jump before the end
    program = _program(scripts, "loss_core.js", main=_PIECES)
    pieces, wide, empty, *ticks, read = node.run(program, {"x": x.tolist(), "y": y.tolist()})
    assert [len(piece) for piece in pieces] == [20, 1, 18, 1]
    assert wide[1] < 10
    assert empty == [-1.0, 1.0]
    assert ticks == [[-3, -2, -1, 0, 1, 2, 3], [0, 0.05, 0.1, 0.15, 0.2, 0.25]]
    assert read == ["0.3", "-∞", "NaN", "1e-7"]


# --- formulas that a reader writes ------------------------------------------------------------
FORMULAS = [
    "maximum(0, 1 - inputs * targets)",
    "maximum(inputs - targets, 0) ** 2",
    "(inputs - targets) ** 2",
    "delta = 0.5\nr = inputs - targets\n"
    "where(abs(r) <= delta, 0.5 * r**2, delta * (abs(r) - 0.5 * delta))",
    "return log_cosh(inputs - targets)  # even",
    "gamma = 2.0\np = sigmoid(inputs)\ntargets * (1 - p) ** gamma * softplus(-inputs)",
    "-tanh(inputs * targets) + 2 ** -inputs",
    "erf(inputs / 2) + log_gamma(inputs ** 2 + 1) + digamma(3 + abs(inputs))",
    "hypot(inputs, targets) - sqrt(exp(inputs)) / (1 + inputs ** 2)",
    "clip(inputs, -1, 1) * inputs + minimum(inputs, targets)",
    "where((inputs > 0) & ~(inputs >= 2) | (inputs == -1), log1p(inputs ** 2), expm1(inputs))",
    "s = 2.0\nshare(exp(inputs), s * exp(targets)) + student_t_tail(inputs, 1, 3)",
    "q = -0.5\nsquare_over(inputs, exp(targets)) + q * stop_gradient(inputs) * inputs",
]  # fmt: skip
_X = [-2.5, -1.0, -0.25, 0.0, 0.5, 1.0, 2.0, 3.5]
_FORMULAS = """
function main({texts, x}) {
  return texts.map((text) => {
    const parsed = lossary.parseFormula(text);
    const f = lossary.compileFormula(parsed);
    const given = (inputs) => ({inputs, targets: 1});
    const results = x.map(given).map(f);
    return [lossary.toPython(parsed), results.map((y) => [y.value, y.gradient, y.hessian])];
  });
}
"""


def test_formulas_have_the_values_and_derivatives_of_their_python(scripts: Path) -> None:
    program = _program(scripts, "loss_core.js", "loss_formula.js", main=_FORMULAS)
    for text, (python, results) in zip(
        FORMULAS, node.run(program, {"texts": FORMULAS, "x": _X}), strict=True
    ):
        made: dict[str, Any] = {}
        exec(python, made)  # what a reader copies
        with options(domain="ignore"):
            expected = value_grad_hess(made["my_loss"])(
                np.array(_X), np.ones(len(_X)), reduction="none"
            )
        np.testing.assert_allclose(
            np.array(results).T, np.array(expected), 1e-11, 1e-14, err_msg=text
        )


MISTAKES = {
    "maximum(0, 1 - imputs)": ("Did you mean inputs?", 0, 15),
    "max(0, inputs)": ("Use maximum(a, b).", 0, 0),
    "inputs ^ 2": ("Use ** for a power.", 0, 7),
    "log(inputs": ("Expected ) here.", 0, 10),
    "(inputs))": ("This parenthesis was not opened.", 0, 8),
    "inputs targets": ("Expected an operator here.", 0, 7),
    "inputs > 0": ("A loss is a number, not a condition.", 0, 7),
    "where(inputs, 1, 2)": ("Expected a condition here", 0, 6),
    "inputs + (inputs > 0)": ("Expected a number here", 0, 17),
    "0 < inputs < 1": ("Comparisons do not chain", 0, 11),
    "maximum(inputs)": ("maximum() takes 2 values, got 1.", 0, 0),
    "sofplus(inputs)": ("There is no function sofplus. Did you mean softplus?", 0, 0),
    "softmax(inputs)": ("that this page does not have", 0, 0),
    "foo(inputs)": ("There is no function foo.", 0, 0),
    "inputs\ninputs": ("give it a name", 1, 0),
    "inputs = 1\ninputs": ("The name inputs is taken.", 0, 0),
    "exp = 1\ninputs": ("exp is a word", 0, 0),
    "delta = 1": ("The last line must be the loss", 0, 0),
    "targets ** 2": ("must depend on inputs", 0, 0),
    "inputs $ 2": ("no meaning", 0, 7),
    "exp + inputs": ("exp is a function: write exp(...).", 0, 0),
    "r = 2\ninputs * gama": ('A line "gama = 1.0" before', 1, 9),
    "inputs if targets else 0": ("Use where(condition, a, b).", 0, 7),
    "inputs[0]": ("A formula has no indices.", 0, 6),
    "": ("The last line must be the loss", 0, 0),
}
_MISTAKES = """
function main(texts) {
  return texts.map((text) => {
    try { lossary.parseFormula(text); return null; }
    catch (error) {
      if (!(error instanceof lossary.FormulaError)) throw error;
      return [error.message, error.line, error.column];
    }
  });
}
"""


def test_mistakes_are_told_where_they_are(scripts: Path) -> None:
    program = _program(scripts, "loss_core.js", "loss_formula.js", main=_MISTAKES)
    for (text, told), found in zip(MISTAKES.items(), node.run(program, [*MISTAKES]), strict=True):
        message, line, column = told
        assert found is not None, text
        assert message in found[0], (text, found)
        assert tuple(found[1:]) == (line, column), (text, found)
