"""Plots in a browser: what is read out is what the package computes, and links bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossary
from lossary import options, value_grad_hess

pytestmark = pytest.mark.timeout(900)  # the first test waits for the build

# A control of each plot and where it is put: parameters, other arguments, elements of rows.
CHANGES = [
    ("huber_loss", "delta", 0.3),
    ("pinball_loss", "quantile", 0.2),
    ("general_robust_loss", "alpha", -1.0),
    ("tweedie_deviance", "power", 1.7),
    ("binary_focal_loss", "gamma", 3.0),
    ("gaussian_nll_loss", "vars", 2.0),
    ("cross_entropy", "logits[1]", 1.5),
    ("focal_loss", "gamma", 1.0),
    ("jensen_shannon_divergence", "inputs[1]", -1.5),
    ("cosine_distance", "x1[1]", -0.5),
    ("generalized_box_iou_loss", "inputs[1]", 0.5),
    ("complete_box_iou_loss", "inputs[3]", 1.5),
    ("dice_loss", "smooth", 2.0),
    ("tversky_loss", "alpha", 0.9),
]
_READY = ".loss-plot.ready"
_SET = """(slider, value) => {
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
# What a view that a link describes gives to its loss.
_GIVEN = """([link, name]) => {
  const view = lossary.limited(lossary.fromHash(new URL(link).hash, [name]));
  const form = lossary.formOf(view, name);
  const given = lossary.given(view, name, lossary.cursor(view));
  return [given, form.choice, lossary.alongOf(view, form)];
}"""


def open_plot(page: Any, site: Path, name: str) -> None:
    """Open the page of a loss and wait for its plot."""
    page.goto((site / f"reference/losses/{name}.html").as_uri())
    page.wait_for_selector(_READY)


def read_out(page: Any) -> list[float]:
    """Return loss, gradient and Hessian at the cursor, as they are written below the plot."""
    row = page.locator(f"{_READY} output.readout tbody tr").first
    texts = row.locator("td[data-series]").all_text_contents()
    return [float(text.replace("∞", "inf")) for text in texts]


def computed(page: Any, name: str) -> list[float]:
    """Return what the package computes for the view that the plot's link describes."""
    link = page.locator(f"{_READY} a.link").get_attribute("href")
    address = page.evaluate("(link) => new URL(link, location.href).href", link)
    given, choice, along = page.evaluate(_GIVEN, [address, name])
    loss = lossary.get_loss(name)
    arrays = [np.asarray(given[argument], _dtype(loss, argument)) for argument in loss.arguments]
    parameters = {key: value for key, value in given.items() if key in loss.parameters}
    with options(domain="ignore"):
        value, *slopes = value_grad_hess(loss.function)(
            *arrays, reduction="none", **choice, **parameters
        )
    return [float(value), *(float(np.reshape(slope, -1)[along]) for slope in slopes)]


def _dtype(loss: lossary.Loss, argument: str) -> type:
    return int if loss.takes_labels and argument == loss.arguments[-1] else float


def assert_shown(shown: list[float], expected: list[float]) -> None:
    """Six digits are shown."""
    np.testing.assert_allclose(shown, expected, rtol=5.1e-6, atol=1e-12)


@pytest.mark.parametrize(("name", "control", "value"), CHANGES, ids=[name for name, *_ in CHANGES])
def test_a_slider_changes_what_is_read_out(
    chromium: str, site: Path, page: Any, name: str, control: str, value: float
) -> None:
    open_plot(page, site, name)
    before = read_out(page)
    assert_shown(before, computed(page, name))
    curves = page.locator(f"{_READY} .panels path.curve-0").evaluate_all(
        "(all) => all.map((path) => path.getTotalLength())"
    )
    assert len(curves) >= 3
    assert any(length > 100 for length in curves)

    page.locator(f'{_READY} input[type=range][name="{control}"]').evaluate(_SET, value)
    after = read_out(page)
    assert after != before
    assert_shown(after, computed(page, name))

    link = page.locator(f"{_READY} a.link").evaluate("(link) => link.href")
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector(_READY)
    assert read_out(page) == after
    page.click(f"{_READY} button.reset")
    assert read_out(page) == before


# --- the playground ---------------------------------------------------------------------------
def test_the_playground_says_what_is_wrong_and_plots_what_is_right(
    chromium: str, site: Path, page: Any
) -> None:
    page.goto((site / "playground.html").as_uri())
    page.wait_for_selector(_READY)
    written = page.locator(".loss-playground textarea[name=formula]")
    problem = page.locator(".loss-playground .problem")
    written.fill("maximum(0, 1 - imputs)")
    assert "Did you mean inputs?" in problem.inner_text()
    written.fill("(inputs - 1) ** 4")
    assert problem.inner_text() == ""
    page.locator(f"{_READY} input[name=to]").wait_for()
    x = float(page.locator(f"{_READY} .panels").get_attribute("aria-valuenow"))
    assert_shown(read_out(page), [(x - 1) ** 4, 4 * (x - 1) ** 3, 12 * (x - 1) ** 2])
