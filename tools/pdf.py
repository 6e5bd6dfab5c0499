"""Print pages of the documentation as PDF, with a Chromium that is installed.

    python tools/pdf.py build/docs/reference/losses/l1_loss.html   a PDF beside each page

Nothing is asked of the network. ``$CHROMIUM`` names a browser that is not on the path.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def main(arguments: list[str] | None = None) -> int:
    """Print the pages that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", type=Path, help="built pages")
    pages = parser.parse_args(arguments).pages
    browser = find_browser()
    if browser is None:
        print("pdf: no Chromium found; name one in CHROMIUM", file=sys.stderr)
        return 1
    for page in pages:
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


if __name__ == "__main__":
    sys.exit(main())
