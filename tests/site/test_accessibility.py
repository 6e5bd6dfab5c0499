"""Contrast and landmarks of pages, light and dark, as axe-core finds them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(900)  # the first test waits for the build
_PACKAGES = Path(__file__).resolve().parents[2] / "build" / "axe"
_PAGES = (
    "index",
    "getting_started",
    "reference/losses/huber_loss",
    "reference/losses/dice_loss",
    "reference/losses/multi_similarity_loss",
    "reference/losses/generalized_box_iou_loss",
)
# The theme's own: it puts the name of the site above the sidebar's navigation, not into it.
_OF_THE_THEME = ["region .sidebar-primary-items__start > .sidebar-primary-item:nth-child(1)"]
_RUN = """async () => {
  const rules = (await axe.getRules(["cat.color", "cat.semantics", "cat.keyboard"]))
    .map((rule) => rule.ruleId)
    .filter((name) => /contrast$|^landmark|^region$|^bypass$/.test(name));
  const found = await axe.run(document, { runOnly: rules });
  return [found.passes.map((rule) => rule.id), found.violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id} ${node.target.join(" ")}`))];
}"""


@pytest.fixture(scope="module")
def axe(chromium: str) -> Path:
    """The script of axe-core, fetched by npm once; skipped where that cannot be done."""
    script = _PACKAGES / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed")
        command = [npm, "install", "--prefix", _PACKAGES, "--no-audit", "--no-fund", "axe-core@4"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0:
            pytest.skip("axe-core could not be fetched")
    return script


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_and_landmarks(axe: Path, site: Path, browser: Any, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1400, "height": 900})
    page = context.new_page()
    for name in _PAGES:
        page.goto((site / f"{name}.html").as_uri())
        page.wait_for_function("!document.querySelector('.loss-plot:not(.ready)')")
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        page.add_script_tag(path=axe)
        passed, violations = page.evaluate(_RUN)
        assert {"color-contrast", "landmark-one-main"} <= set(passed)
        assert [found for found in violations if found not in _OF_THE_THEME] == [], name
    context.close()
