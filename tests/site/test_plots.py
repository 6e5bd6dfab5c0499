"""Plots in a browser: what is read out is what the package computes, and links bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from site_plots import READY, assert_shown, computed, open_plot, read_out

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
    ("info_nce_loss", "temperature", 0.5),
    ("circle_loss", "similarities[2]", 0.8),
]
_SET = """(slider, value) => {
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


@pytest.mark.parametrize(("name", "control", "value"), CHANGES, ids=[name for name, *_ in CHANGES])
def test_a_slider_changes_what_is_read_out(
    chromium: str, site: Path, page: Any, name: str, control: str, value: float
) -> None:
    open_plot(page, site, name)
    before = read_out(page)
    assert_shown(before, computed(page, name))
    curves = page.locator(f"{READY} .panels path.curve-0").evaluate_all(
        "(all) => all.map((path) => path.getTotalLength())"
    )
    assert len(curves) >= 3
    assert any(length > 100 for length in curves)

    page.locator(f'{READY} input[type=range][name="{control}"]').evaluate(_SET, value)
    after = read_out(page)
    assert after != before
    assert_shown(after, computed(page, name))

    link = page.locator(f"{READY} a.link").evaluate("(link) => link.href")
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector(READY)
    assert read_out(page) == after
    page.click(f"{READY} button.reset")
    assert read_out(page) == before
