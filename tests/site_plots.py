"""A plot of the site in a browser: what is read out, and what the package computes for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import lossary
from lossary import options, value_grad_hess
from lossary.products.catalogue import matrix_loss_named

READY = ".loss-plot.ready"
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
    page.wait_for_selector(READY)


def read_out(page: Any) -> list[float]:
    """Return loss, gradient and Hessian at the cursor, as they are written below the plot."""
    row = page.locator(f"{READY} output.readout tbody tr").first
    texts = row.locator("td[data-series]").all_text_contents()
    return [float(text.replace("∞", "inf")) for text in texts]


def computed(page: Any, name: str) -> list[float]:
    """Return what the package computes for the view that the plot's link describes."""
    link = page.locator(f"{READY} a.link").get_attribute("href")
    address = page.evaluate("(link) => new URL(link, location.href).href", link)
    given, choice, along = page.evaluate(_GIVEN, [address, name])
    loss = matrix_loss_named(name) or lossary.get_loss(name)
    given = _with_itself(loss, given)
    arrays = [np.asarray(given[argument], _dtype(loss, argument)) for argument in loss.arguments]
    parameters = {key: value for key, value in given.items() if key in loss.parameters}
    with options(domain="ignore"):
        value, *slopes = value_grad_hess(loss.function)(
            *arrays, reduction="none", **choice, **parameters
        )
    return [float(value), *(float(np.reshape(slope, -1)[along]) for slope in slopes)]


def _with_itself(loss: lossary.Loss, given: dict[str, Any]) -> dict[str, Any]:
    """Add the item itself to the columns of a loss of pairs that has it there."""
    if "items" not in loss.arguments:
        return given
    similarities, targets = given["similarities"], given.get("targets", [])
    own = {"similarities": [*similarities, 1.0], "targets": [*targets, 0.0]}
    return {**given, **own, "items": len(similarities), "labels": 0}


def _dtype(loss: lossary.Loss, argument: str) -> type:
    return int if loss.takes_labels and argument == loss.arguments[-1] else float


def assert_shown(shown: list[float], expected: list[float]) -> None:
    """Six digits are shown."""
    np.testing.assert_allclose(shown, expected, rtol=5.1e-6, atol=1e-12)
