"""Curves: what the losses give over a grid, and how they are drawn."""

import numpy as np
import pytest

import lossary
from lossary.definition.expressions import Variant, expressions_of
from lossary.formula.expression import walk
from lossary.plotting import curves, split_at_jumps

NAMES = [loss.name for loss in lossary.list_losses()]


def curve(name, bounds=None, **parameters):
    """Return the curves of one loss."""
    return curves([(lossary.get_loss(name), name, parameters)], bounds)


@pytest.mark.parametrize("name", NAMES)
def test_slopes_are_those_of_the_values(name):
    loss = lossary.get_loss(name)
    structure = tuple((flag, loss.parameters[flag]) for flag in loss.structure)
    formula = expressions_of(loss, Variant(structure, labels=loss.takes_labels)).unexpanded
    if "stop" in {item.operation for item in walk(formula)}:
        pytest.skip("a part of the formula is a constant of the derivative")
    for item in curve(name):
        assert np.isfinite(item.value).all()
        between = np.diff(item.value) / np.diff(item.x)
        mean = (item.slope[1:] + item.slope[:-1]) / 2
        close = np.abs(between - mean) <= 2e-3 * (1 + np.abs(mean)) + 5e-5 * mean**2
        assert close.mean() > 0.99  # all but the steps with a kink inside


def test_margin_losses_over_the_score_of_a_positive_example():
    (item,) = curve("hinge_loss", (-1.0, 3.0))
    assert item.axis == "score, target +1"
    assert (item.value[0], item.value[-1]) == (2.0, 0.0)
    assert item.slope[np.searchsorted(item.x, 1.0)] == 0.0
    assert 1.0 in item.x


def test_regression_losses_over_the_residual():
    (item,) = curve("huber_loss", (-4.0, 4.0), delta=2.0)
    assert item.axis == "residual"
    assert (item.value[0], item.slope[0], item.slope[-1]) == (6.0, -2.0, 2.0)


def test_binary_cross_entropy_has_a_dashed_counterpart():
    one, zero = curve("binary_cross_entropy")
    assert (one.axis, one.dashed, zero.dashed) == ("logit", False, True)
    assert (one.title, zero.title) == (
        "binary_cross_entropy, target 1",
        "binary_cross_entropy, target 0",
    )
    np.testing.assert_allclose(one.value, zero.value[::-1], rtol=1e-12)
    together = curves(
        [(lossary.get_loss(n), n, {}) for n in ("hinge_loss", "binary_cross_entropy")]
    )
    assert [item.axis for item in together] == ["score, target +1", "logit, target 1"]


def test_cross_entropy_over_the_logit_of_the_label():
    (item,) = curve("cross_entropy")
    np.testing.assert_allclose(item.value, np.logaddexp(0, -item.x), rtol=1e-12)


def test_a_loss_of_your_own():
    from lossary.formula import maximum

    @lossary.loss
    def plotted_loss_of_a_test(inputs, targets, scale=1.0):
        return scale * maximum(0, inputs - targets)

    try:
        figure = lossary.plot(plotted_loss_of_a_test, scale=2.0)
    finally:
        lossary.registry.REGISTRY.pop("plotted_loss_of_a_test")
    value, slope = (panel.get_lines()[0].get_ydata() for panel in figure.axes)
    assert np.nanmax(value) == 6.0
    assert np.nanmax(slope) == 2.0


def test_jumps_are_not_drawn_across():
    x = np.linspace(-1, 1, 201).round(12)
    _, y, alone = split_at_jumps(x, np.sign(x))
    assert np.isnan(y).sum() == 2
    assert y[alone].tolist() == [0.0]
    for smooth in (np.exp(20 * x), np.tanh(30 * x), np.zeros_like(x), np.abs(x)):
        assert not np.isnan(split_at_jumps(x, smooth)[1]).any()


class TestFigures:
    """Drawing with Matplotlib."""

    @pytest.fixture(autouse=True)
    def _matplotlib(self):
        pytest.importorskip("matplotlib")

    def test_two_panels_and_a_legend_for_several(self):
        figure = lossary.plot("hinge_loss", lossary.huber_loss)
        assert [panel.get_title(loc="left") for panel in figure.axes] == ["loss", "derivative"]
        names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        assert names == ["hinge_loss", "huber_loss"]

    def test_one_loss_is_the_title(self):
        figure = lossary.plot("hinge_loss")
        assert figure.get_suptitle() == "hinge_loss"
        assert figure.axes[0].get_legend() is None

    @pytest.mark.parametrize("count", [1, 2])
    def test_on_axes_of_your_own(self, count):
        from matplotlib.figure import Figure

        mine = Figure()
        axes = mine.subplots(1, count)
        assert lossary.plot("hinge_loss", ax=axes) is mine
        assert len(mine.axes) == count
        assert all(panel.get_lines() for panel in mine.axes)

    def test_dark_ground_has_light_text(self):
        figure = lossary.plot("hinge_loss", dark=True)
        assert sum(figure.get_facecolor()[:3]) < 0.5
        for text in (figure.axes[0].xaxis.label, *figure.texts):
            from matplotlib.colors import to_rgb

            assert sum(to_rgb(text.get_color())) > 2.4

    def test_the_global_state_of_matplotlib_is_left_alone(self):
        import matplotlib

        before = dict(matplotlib.rcParams)
        lossary.plot("hinge_loss", dark=True)
        assert dict(matplotlib.rcParams) == before


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(lossary.LossaryImportError, match=r"pip install matplotlib"):
        lossary.plot("hinge_loss")
