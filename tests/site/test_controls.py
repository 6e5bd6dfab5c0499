"""Everything of a plot that is touched: drawings, lists, fields, keys, links, the playground."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from site_plots import READY, assert_shown, computed, open_plot, read_out

import lossary
from lossary.products.catalogue import matrix_losses

pytestmark = pytest.mark.timeout(900)  # the first test waits for the build

EVERY = (*lossary.list_losses(), *matrix_losses())
# Two frames after an event, what it changed is drawn.
_DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def tab(browser: Any) -> Iterator[Any]:
    """One page for all tests of the module, whose errors are failures."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    found = context.new_page()
    errors: list[str] = []
    found.on("pageerror", lambda error: errors.append(str(error)))
    yield found
    context.close()
    assert not errors


def plot(tab: Any) -> Any:
    return tab.locator(READY)


def drag(tab: Any, element: Any, right: float, down: float) -> None:
    """Drag the middle of an element by some pixels."""
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + right / 2, y + down / 2)
    tab.mouse.move(x + right, y + down)
    tab.mouse.up()
    tab.evaluate(_DRAWN)


def corners(tab: Any) -> list[float]:
    """Return the predicted box as it is drawn: left, top, right, bottom."""
    sides = (
        plot(tab)
        .locator("rect.moved")
        .evaluate(
            "(box) => ['x', 'y', 'width', 'height'].map((side) => Number(box.getAttribute(side)))"
        )
    )
    return [sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3]]


# --- drawings ---------------------------------------------------------------------------------
def test_boxes_are_dragged_by_their_middle_and_their_corners(
    chromium: str, site: Path, tab: Any
) -> None:
    open_plot(tab, site, "box_iou_loss")
    before, shown = corners(tab), read_out(tab)
    drag(tab, plot(tab).locator("rect.moved"), 20, -10)
    moved = corners(tab)
    steps = np.subtract(moved, before)
    assert steps[0] == pytest.approx(steps[2], abs=0.02)
    assert steps[1] == pytest.approx(steps[3], abs=0.02)
    assert steps[0] > 0 > steps[1]
    assert read_out(tab) != shown
    assert_shown(read_out(tab), computed(tab, "box_iou_loss"))

    drag(tab, plot(tab).locator("circle.corner").last, 15, 15)
    larger = corners(tab)
    assert larger[:2] == moved[:2]
    assert larger[2] > moved[2]
    assert larger[3] > moved[3]
    assert_shown(read_out(tab), computed(tab, "box_iou_loss"))
    targets = [0.0, 0.0, 0.0, 0.0]
    for place in range(4):
        slider = plot(tab).locator(f'input[name="targets[{place}]"]')
        targets[place] = float(slider.input_value())
    value = lossary.box_iou_loss(np.round([larger], 2), [targets])
    assert_shown([read_out(tab)[0]], [float(value[0])])

    plot(tab).locator("rect.moved").press("ArrowLeft")
    tab.evaluate(_DRAWN)
    assert corners(tab)[0] == pytest.approx(larger[0] - 0.1, abs=0.02)


def region(tab: Any) -> float:
    """Return the loss of the regions, as it is written below them."""
    return float(plot(tab).locator(".regions-readout").inner_text().partition(": ")[2])


@pytest.mark.parametrize("name", ["dice_loss", "lovasz_hinge_loss"])
def test_regions_are_dragged(chromium: str, site: Path, tab: Any, name: str) -> None:
    open_plot(tab, site, name)
    drawing = plot(tab).locator("svg[data-drawing=pixels]").first
    apart = region(tab)
    drag(tab, drawing, -40, 15)
    assert region(tab) != apart
    for _ in range(30):  # out of the target
        drawing.press("ArrowRight")
    far = region(tab)
    assert far > apart
    radius = plot(tab).locator("input[name=radius]")
    radius.focus()
    radius.press("Home")
    assert region(tab) != far


# --- choices ----------------------------------------------------------------------------------
def test_losses_are_added_and_removed(chromium: str, site: Path, tab: Any) -> None:
    open_plot(tab, site, "huber_loss")
    plot(tab).locator("select[name=add]").select_option("l1_loss")
    tab.wait_for_selector(f"{READY} .panels path.curve-1")
    rows = plot(tab).locator("output.readout tbody tr")
    assert rows.locator("th").all_text_contents() == ["huber_loss", "l1_loss"]
    x = float(plot(tab).locator(".panels").get_attribute("aria-valuenow"))
    shown = float(rows.nth(1).locator("td").first.inner_text())
    assert_shown([shown], [abs(x)])
    plot(tab).locator("button.remove[data-loss=l1_loss]").click()
    assert plot(tab).locator(".panels path.curve-1").count() == 0
    assert plot(tab).locator(".panels").evaluate("(panels) => panels === document.activeElement")


def test_another_element_varies_and_rows_are_longer(chromium: str, site: Path, tab: Any) -> None:
    open_plot(tab, site, "cross_entropy")
    plot(tab).locator("select[name=along]").select_option("1")
    assert_shown(read_out(tab), computed(tab, "cross_entropy"))
    assert plot(tab).locator('input[name="logits[0]"]').count() == 1
    assert plot(tab).locator('input[name="logits[1]"]').count() == 0
    three = read_out(tab)
    plot(tab).locator("select[name=count]").select_option("5")
    assert read_out(tab)[0] > three[0]  # two classes more
    assert_shown(read_out(tab), computed(tab, "cross_entropy"))
    plot(tab).locator('select[name="targets"]').select_option("4")
    assert_shown(read_out(tab), computed(tab, "cross_entropy"))


def test_another_item_of_a_batch_belongs_to_the_anchor(chromium: str, site: Path, tab: Any) -> None:
    """A line for either role of the similarity that varies; one where a reader says who belongs."""
    for name, control, choice in (
        ("nt_xent_loss", "partners", "2"),
        ("supervised_contrastive_loss", "targets[1]", "1"),
    ):
        open_plot(tab, site, name)
        rows = plot(tab).locator("output.readout tbody tr")
        assert rows.count() == 2
        assert_shown(read_out(tab), computed(tab, name))
        before = read_out(tab)
        plot(tab).locator(f'select[name="{control}"]').select_option(choice)
        assert read_out(tab) != before
        assert_shown(read_out(tab), computed(tab, name))
        assert rows.count() == 1


def test_the_range_is_what_its_fields_say(chromium: str, site: Path, tab: Any) -> None:
    open_plot(tab, site, "huber_loss")
    for name, value in (("from", "-8"), ("to", "2")):
        plot(tab).locator(f"input[name={name}]").fill(value)
        plot(tab).locator(f"input[name={name}]").press("Tab")
    panels = plot(tab).locator(".panels")
    assert [panels.get_attribute(f"aria-value{end}") for end in ("min", "max")] == ["-8", "2"]
    ticks = plot(tab).locator("svg[data-series=value] text").all_text_contents()
    assert "-8" in ticks
    plot(tab).locator("input[name=to]").fill("")
    plot(tab).locator("input[name=to]").press("Tab")
    assert panels.get_attribute("aria-valuemax") == "3"


def test_the_keyboard_and_the_pointer_move_the_cursor(chromium: str, site: Path, tab: Any) -> None:
    open_plot(tab, site, "huber_loss")
    panels = plot(tab).locator(".panels")

    def at() -> float:
        return float(panels.get_attribute("aria-valuenow"))

    start = at()
    panels.press("ArrowRight")
    assert at() == pytest.approx(start + 6 / 200)
    panels.press("Shift+ArrowLeft")
    assert at() == pytest.approx(start + 6 / 200 - 6 / 20)
    panels.press("End")
    assert at() == 3
    assert_shown(read_out(tab), computed(tab, "huber_loss"))
    panels.press("Home")
    assert at() == -3
    assert "loss 2.5" in panels.get_attribute("aria-valuetext")
    box = plot(tab).locator("svg[data-series=gradient]").bounding_box()
    tab.mouse.move(
        box["x"] + 44 + (box["width"] - 52) / 2, box["y"] + 30
    )  # the margins are those of the ticks
    assert at() == pytest.approx(0, abs=0.03)
    assert_shown(read_out(tab), computed(tab, "huber_loss"))


def test_a_link_restores_everything(chromium: str, site: Path, tab: Any) -> None:
    open_plot(tab, site, "cross_entropy")
    plot(tab).locator("select[name=count]").select_option("4")
    plot(tab).locator("select[name=along]").select_option("2")
    plot(tab).locator("select[name=add]").select_option("focal_loss")
    tab.wait_for_selector(f"{READY} .panels path.curve-1")
    plot(tab).locator("input[name=from]").fill("-5")
    plot(tab).locator("input[name=from]").press("Tab")
    plot(tab).locator(".panels").press("PageUp")
    shown = plot(tab).locator("output.readout").inner_text()
    link = plot(tab).locator("a.link").evaluate("(link) => link.href")
    tab.goto("about:blank")
    tab.goto(link)
    tab.wait_for_selector(f"{READY} .panels path.curve-1")
    assert plot(tab).locator("output.readout").inner_text() == shown
    assert plot(tab).locator("select[name=count]").input_value() == "4"
    assert plot(tab).locator("input[name=from]").input_value() == "-5"
    tab.wait_for_timeout(300)  # the address follows a moment later
    assert tab.url == link


# --- the list of losses -------------------------------------------------------------------------
def test_the_list_of_losses_is_filtered(chromium: str, site: Path, tab: Any) -> None:
    tab.goto((site / "reference/losses/index.html").as_uri())
    form = tab.locator("form.loss-filter")
    form.locator("output").wait_for()

    def shown() -> set[str]:
        links = tab.locator("table.losses tr:visible td:first-child a")
        return {name.strip() for name in links.all_text_contents()}

    names = {loss.name for loss in EVERY}
    assert shown() == names
    form.locator("input[name=words]").fill("imbalance")
    found = shown()
    assert "focal_loss" in found < names
    assert form.locator("output").inner_text() == f"{len(found)} of {len(names)}"
    form.locator("select[name=family]").select_option("focal")
    assert shown() == {loss.name for loss in EVERY if loss.family == "focal"}
    assert tab.locator("h2:visible").count() == 1
    form.locator("button[type=reset]").click()
    tab.wait_for_function("document.querySelector('form.loss-filter output')"
                          f".textContent === '{len(names)} of {len(names)}'")  # fmt: skip
    for choice, value in (("convex", "yes"), ("gradient", "bounded")):
        form.locator(f"select[name={choice}]").select_option(value)
    expected = [loss for loss in EVERY if loss.convex and loss.lipschitz_text]
    assert shown() == {loss.name for loss in expected}


# --- the page that compares -------------------------------------------------------------------
def test_the_page_that_compares_takes_other_arguments(chromium: str, site: Path, tab: Any) -> None:
    tab.goto((site / "compare.html").as_uri())
    tab.wait_for_selector(READY)
    names = plot(tab).locator("output.readout tbody th").all_text_contents()
    assert names == ["mse_loss", "huber_loss", "log_cosh_loss"]
    over = plot(tab).locator("select[name=abscissa]")
    titles = over.locator("option").all_text_contents()
    assert len(titles) > 5
    over.select_option("score")
    tab.wait_for_function(
        "document.querySelector('.readout thead th').textContent.startsWith('score')"
    )
    shown = plot(tab).locator("output.readout tbody th").all_text_contents()
    assert len(shown) == 3
    assert not set(shown) & set(names)
    plot(tab).locator("button.remove").first.click()
    assert plot(tab).locator("output.readout tbody tr").count() == 2


# --- the playground ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("maximum(0, 1 - imputs)", "Did you mean inputs?"),
        ("(inputs - targets", ")"),
        ("softmax(inputs)", "softmax"),
        ("maximum(inputs)", "maximum"),
        ("inputs +", "Expected a number"),
    ],
)
def test_the_playground_points_at_what_is_wrong(
    chromium: str, site: Path, tab: Any, formula: str, said: str
) -> None:
    if "playground" not in tab.url:
        tab.goto((site / "playground.html").as_uri())
        tab.wait_for_selector(READY)
    written = tab.locator(".loss-playground textarea[name=formula]")
    problem = tab.locator(".loss-playground .problem")
    before = tab.locator(f"{READY} output.readout").inner_text()
    written.fill(formula)
    message, line, mark = problem.inner_text().split("\n")
    assert said in message
    assert line == formula
    assert set(mark.strip()) == {"^"}
    assert written.get_attribute("aria-invalid") == "true"
    assert tab.locator(f"{READY} output.readout").inner_text() == before  # the last right one
    written.fill("softplus(inputs)")
    assert problem.inner_text() == ""
    assert written.get_attribute("aria-invalid") is None


def test_the_playground_has_examples_python_and_a_link(chromium: str, site: Path, tab: Any) -> None:
    tab.goto((site / "playground.html").as_uri())
    tab.wait_for_selector(READY)
    tab.get_by_role("button", name="quantile").click()
    tab.wait_for_selector(f'{READY} input[name="q"]')
    x = float(plot(tab).locator(".panels").get_attribute("aria-valuenow"))
    assert_shown([read_out(tab)[0]], [max(-0.9 * x, 0.1 * x)])
    source = tab.locator(".loss-playground pre.python").inner_text()
    assert "@loss" in source
    names: dict[str, Any] = {}
    exec(source, names)
    value = names["my_loss"]([x], [0.0], reduction="none")
    assert_shown([read_out(tab)[0]], [float(value[0])])
    link = plot(tab).locator("a.link").evaluate("(link) => link.href")
    tab.goto("about:blank")
    tab.goto(link)
    tab.wait_for_selector(f'{READY} input[name="q"]')
    assert "maximum(q * r" in tab.locator("textarea[name=formula]").input_value()


# --- how it looks -----------------------------------------------------------------------------
def test_curves_change_their_colours_in_the_dark(chromium: str, site: Path, tab: Any) -> None:
    open_plot(tab, site, "huber_loss")
    stroke = "(path) => getComputedStyle(path).stroke"
    curve = plot(tab).locator(".panels path.curve-0").first
    ground = "getComputedStyle(document.body).backgroundColor"
    light, paper = curve.evaluate(stroke), tab.evaluate(ground)
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert curve.evaluate(stroke) != light
    assert tab.evaluate(ground) != paper
    tab.emulate_media(color_scheme="light")
    tab.wait_for_function("document.documentElement.dataset.theme === 'light'")


def test_without_a_script_a_page_shows_a_drawing(chromium: str, site: Path, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "reference/losses/huber_loss.html").as_uri())
    drawings = page.locator(".loss-plot svg")
    assert drawings.count() == 2
    assert drawings.first.bounding_box()["height"] > 80
    context.close()
