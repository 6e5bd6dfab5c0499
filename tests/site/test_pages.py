"""Every page in a wide and in a narrow window: nothing fails or is cut, and links lead on."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.timeout(900)  # the first test waits for the build
WIDTHS = (1400, 375)  # a laptop's window and a telephone's, in CSS pixels

# What is wrong with the layout of the page that is open; what is folded is unfolded. A formula is
# within its column; in a narrow window the column may scroll.
_LAYOUT = """async () => {
  while (document.querySelector(".loss-plot:not(.ready)"))
    await new Promise(requestAnimationFrame);
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  const found = [];
  const width = document.scrollingElement.scrollWidth;
  if (width > innerWidth) found.push(`the page is ${width} px wide`);
  for (const formula of document.querySelectorAll("math")) {
    if (!formula.checkVisibility()) continue;
    const box = formula.getBoundingClientRect();
    const column = formula.closest("div.formulas, td, th, dd, li, p, h1, h2, h3, article");
    const room = column.getBoundingClientRect();
    const scrolls = innerWidth < 720 && getComputedStyle(column).overflowX === "auto";
    const right = scrolls ? room.left + column.scrollWidth : room.right;
    const text = formula.textContent.slice(0, 40);
    if (!(box.width > 1 && box.height > 1)) found.push(`no box: ${text}`);
    if (box.left < room.left - 1 || box.right > right + 1 || room.right > innerWidth)
      found.push(`outside its column by ${Math.ceil(box.right - right)} px: ${text}`);
    if (column.matches(".formulas") && (box.top < room.top - 1 || box.bottom > room.bottom + 1))
      found.push(`cut above or below: ${text}`);
  }
  return found;
}"""


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(3, id="one loss in three"),
        pytest.param(1, id="every loss", marks=pytest.mark.exhaustive),
    ],
)
def test_pages_ask_nobody_and_fit_their_windows(
    chromium: str, site: Path, browser: Any, step: int
) -> None:
    """Of the pages of losses, which one template makes, one in `step` is opened; all others are."""
    context = browser.new_context()
    problems: list[str] = []
    _listen(context, problems)
    page = context.new_page()
    of_losses = [path for path in _pages(site) if path.parent.name == "losses"]
    others = [path for path in _pages(site) if path not in of_losses]
    assert len(of_losses) > 90
    for number, path in enumerate([*others, *of_losses[::step]]):
        widths = WIDTHS[:: -1 if number % 2 else 1]  # the next page begins in the window as it is
        faults = _faults(page, path, widths)
        problems.extend(f"{path.relative_to(site)}: {found}" for found in faults)
    context.close()
    assert not problems, "\n".join(problems)


def _pages(site: Path) -> list[Path]:
    """Return the pages of the site, without the templates among the theme's files."""
    found = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
    assert len(found) > 120
    return found


def _listen(context: Any, problems: list[str]) -> None:
    """Note requests of what is not a file, and errors of scripts."""

    def requested(request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            problems.append(f"{request.frame.url} asks for {request.url}")

    def told(message: Any) -> None:
        if message.type == "error":
            problems.append(f"{message.page.url}: {message.text}")

    context.on("request", requested)
    context.on("console", told)
    context.on("weberror", lambda error: problems.append(f"{error.page.url}: {error.error}"))


def _faults(page: Any, path: Path, widths: tuple[int, ...]) -> Iterator[str]:
    """Yield what is wrong with the layout of a page in windows of some widths."""
    page.goto(path.as_uri())
    for width in widths:
        if page.viewport_size["width"] != width:
            page.set_viewport_size({"width": width, "height": 900})
        yield from (f"at {width} px, {found}" for found in page.evaluate(_LAYOUT))


# --- links ------------------------------------------------------------------------------------
class Links(HTMLParser):
    """The links of a page, and the places in it that a link may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what a tag refers to and how it is called."""
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.add(value or "")
            elif name in ("id", "name"):
                self.places.add(value or "")


def test_every_link_within_the_site_leads_somewhere(site: Path) -> None:
    pages = {path.resolve(): Links(path.read_text("utf-8")) for path in _pages(site)}
    broken = [
        f"{path.relative_to(site.resolve())}: {link}"
        for path, page in pages.items()
        for link in page.links
        if not _leads_somewhere(path, link, pages)
    ]
    assert sum(len(page.links) for page in pages.values()) > 5000
    assert not broken, "\n".join(broken)


def _leads_somewhere(path: Path, link: str, pages: dict[Path, Links]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = _target(path.parent, parts.path) if parts.path else path
    place = unquote(parts.fragment)
    if place in ("", "top") or place.startswith("plot?") or target not in pages:
        return target.exists()
    return place in pages[target].places


@functools.cache
def _target(folder: Path, link: str) -> Path:
    """Return what a link leads to; most links are those of the sidebar, which all pages have."""
    return (folder / unquote(link)).resolve()


# --- the search -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("focal", "focal_loss"),
        ("quantile", "pinball_loss"),
        ("imbalance", "which_loss"),
        ("SimCLR", "nt_xent_loss"),
        ("CLIP", "info_nce_loss"),
        ("contrastive", "circle_loss"),
    ],
)
def test_the_search_finds(chromium: str, site: Path, page: Any, word: str, expected: str) -> None:
    page.goto(f"{(site / 'search.html').as_uri()}?q={word}")
    page.wait_for_function("/found|matched|not match/i.test("
                           "document.querySelector('#search-results .search-summary, "
                           "#search-results > p')?.textContent ?? '')")  # fmt: skip
    found = page.locator("#search-results li a").evaluate_all("(all) => all.map((a) => a.href)")
    assert any(re.search(rf"/{expected}\.html", link) for link in found), found


# --- downloads --------------------------------------------------------------------------------
def test_a_page_offers_its_source_and_the_pdfs_that_were_printed(
    chromium: str, site: Path, page: Any
) -> None:
    address = (site / "reference/losses/l1_loss.html").as_uri()
    page.goto(address)
    menu = page.locator(".dropdown-download-buttons .dropdown-menu")
    assert (
        menu.locator("a.btn-download-source-button").get_attribute("href").endswith("l1_loss.rst")
    )
    assert menu.locator("button.btn-download-pdf-button").count() == 1
    assert menu.locator("a.pdf").count() == 0
    printed = 'globalThis.pdfPages = ["index", "reference/losses/l1_loss"];'
    page.context.route("**/pdf_pages.js*", lambda route: route.fulfill(body=printed))
    page.goto(address)
    links = menu.locator("a.pdf").evaluate_all("(all) => all.map((link) => link.href)")
    assert links == [
        address.replace(".html", ".pdf"),
        (site / "lossary.pdf").as_uri(),
    ]


def test_what_is_folded_is_printed_and_folded_again(chromium: str, site: Path, page: Any) -> None:
    page.goto((site / "reference/losses/binary_cross_entropy.html").as_uri())
    states = "[...document.querySelectorAll('details')].map((one) => one.open)"
    before = page.evaluate(states)
    assert False in before
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert all(page.evaluate(states))
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(states) == before
