"""Print pages of the documentation as PDF, with a Chromium that is installed.

    python tools/pdf.py build/docs/reference/losses/l1_loss.html   a PDF beside each page
    python tools/pdf.py --site build/docs   of every page, and one of all; the site offers them

Nothing is asked of the network. ``$CHROMIUM`` names a browser that is not on the path. ``--site``
needs Playwright and pypdf (the dependency group ``site``).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
WHOLE = "lossary.pdf"
OFFERED = "_static/pdf_pages.js"
_NEXT = re.compile(r'<link rel="next"[^>]* href="([^"]+)"')
_TITLE = re.compile(r"<title>(.*?)(?: &#8212;.*?)?</title>", re.DOTALL)
_PAPER = {"format": "A4", "scale": 0.75, "print_background": True,
          "margin": dict.fromkeys(("top", "bottom", "left", "right"), "1.5cm")}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Print the pages that are named, or all of a site."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", type=Path, help="built pages")
    parser.add_argument("--site", type=Path, help="a built site, to which the PDFs are added")
    given = parser.parse_args(arguments)
    if bool(given.pages) == bool(given.site):
        parser.error("name either pages or --site FOLDER")
    browser = find_browser()
    if browser is None:
        print("pdf: no Chromium found; name one in CHROMIUM", file=sys.stderr)
        return 1
    if given.site:
        return print_site(browser, given.site.resolve())
    for page in given.pages:
        print_page(browser, page, page.with_suffix(".pdf"))
        print(page.with_suffix(".pdf"))
    return 0


def find_browser() -> str | None:
    """Return the program to print with: that of ``$CHROMIUM``, or the first that is installed."""
    names = [os.environ["CHROMIUM"]] if os.environ.get("CHROMIUM") else NAMES
    return next(filter(None, map(shutil.which, names)), None)


def print_page(browser: str, page: Path, target: Path) -> None:
    """Print a page; a browser that prints nothing is an error, whatever its exit status."""
    target.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--disable-gpu", f"--user-data-dir={profile}",
                   "--no-pdf-header-footer", f"--print-to-pdf={target.resolve()}"]  # fmt: skip
        options += ["--no-sandbox"] if os.geteuid() == 0 else []  # it has none for root
        done = subprocess.run([browser, *options, page.resolve().as_uri()],
                              capture_output=True, text=True, check=False)  # fmt: skip
    if not target.exists():
        message = f"{browser} did not print {page}: {done.stderr.strip()[-500:]}"
        raise OSError(message)


# --- a site -----------------------------------------------------------------------------------
def print_site(browser: str, site: Path) -> int:
    """Print every page of a site and one PDF of all of them; let the site offer them."""
    try:
        import playwright.sync_api
        import pypdf  # noqa: F401
    except ImportError as missing:
        print(f"pdf: {missing.name} is missing; pip install --group site", file=sys.stderr)
        return 1
    offer(site, [])
    pages = list(in_reading_order(site))
    with playwright.sync_api.sync_playwright() as client:
        options = [] if os.geteuid() else ["--no-sandbox"]
        started = client.chromium.launch(executable_path=browser, args=options)
        for page in pages:
            _print_with(started, page)
            print(page.with_suffix(".pdf"), flush=True)
        started.close()
    join(site, pages, site / WHOLE)
    for page in pages:
        _lead_elsewhere(site, page.with_suffix(".pdf"))
    offer(site, pages)
    print(site / WHOLE)
    return 0


def in_reading_order(site: Path) -> Iterator[Path]:
    """Yield the pages of a site as their links to the next ones lead through them."""
    page = site / "index.html"
    seen: set[Path] = set()
    while page not in seen:
        seen.add(page)
        yield page
        found = _NEXT.search(page.read_text("utf-8"))
        if found:
            page = (page.parent / unquote(found[1])).resolve()


def offer(site: Path, pages: Sequence[Path]) -> None:
    """Write which pages have a PDF, for the menu of each page."""
    names = [page.relative_to(site).with_suffix("").as_posix() for page in pages]
    text = f"globalThis.pdfPages = {json.dumps(names)};\n"
    (site / OFFERED).write_text(text, "utf-8")


def _print_with(browser: Any, page: Path) -> None:
    """Print a page once its plots are drawn."""
    context = browser.new_context(color_scheme="light")
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_function("!document.querySelector('.loss-plot:not(.ready)')")
    tab.pdf(path=page.with_suffix(".pdf"), **_PAPER)
    context.close()


def join(site: Path, pages: Sequence[Path], target: Path) -> None:
    """Join the PDFs of pages: an outline has their titles, links between them stay inside."""
    from pypdf import PdfWriter

    writer = PdfWriter()
    starts: dict[Path, int] = {}
    for page in pages:
        starts[page] = len(writer.pages)
        title = _TITLE.search(page.read_text("utf-8"))
        writer.append(page.with_suffix(".pdf"), title[1] if title else page.stem)
    for link in _links(writer):
        _lead(writer, link, site, starts, target)
    writer.compress_identical_objects(remove_duplicates=True, remove_unreferenced=True)
    writer.write(target)


def _lead_elsewhere(site: Path, path: Path) -> None:
    """Let the links of one page's PDF lead to the pages beside it, wherever the site is put."""
    from pypdf import PdfWriter

    writer = PdfWriter(clone_from=path)
    for link in _links(writer):
        _lead(writer, link, site, {}, path)
    writer.write(path)


def _links(writer: Any) -> Iterator[Any]:
    """Yield the actions of the links that name an address."""
    for sheet in writer.pages:
        for reference in sheet.get("/Annots", ()):
            action = reference.get_object().get("/A")
            if action is not None and "/URI" in action.get_object():
                yield action.get_object()


def _lead(writer: Any, link: Any, site: Path, starts: Mapping[Path, int], pdf: Path) -> None:
    """Let a link to a file of the site lead to its first sheet, or to the file beside the PDF."""
    from pypdf.generic import ArrayObject, NameObject, NullObject, TextStringObject

    parts = urlsplit(str(link["/URI"]))
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or not path.is_relative_to(site):
        return
    if path in starts:
        sheet = writer.pages[starts[path]].indirect_reference
        place = ArrayObject([sheet, NameObject("/XYZ"), NullObject(), NullObject(), NullObject()])
        del link["/URI"]
        link[NameObject("/S")] = NameObject("/GoTo")
        link[NameObject("/D")] = place
        return
    beside = os.path.relpath(path, pdf.parent) + (f"#{parts.fragment}" if parts.fragment else "")
    link[NameObject("/URI")] = TextStringObject(beside)


if __name__ == "__main__":
    sys.exit(main())
