"""The site in a real browser: one build, and a Chromium that asks no network for anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import built_site
import pytest

# What Chromium does of its own accord is switched off: the tests see the requests of pages alone.
_OPTIONS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium; where it or its client is missing, the test is skipped."""
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed")
    return path


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    return built_site.build(tmp_path_factory)


@pytest.fixture(scope="module")
def browser(chromium: str, site: Path) -> Iterator[Any]:
    """A browser with an empty profile.

    It ends with its module, since the client has an event loop while it runs, in which others
    cannot start theirs.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as client:
        started = client.chromium.launch(executable_path=chromium, args=_OPTIONS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """An empty page of a window as wide as that of a laptop."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    yield context.new_page()
    context.close()
