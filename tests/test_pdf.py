"""The script that prints pages of the site: with a browser, without one, with one that fails."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "tools" / "pdf.py"
PRINTS = """\
#!/bin/sh
for option; do
    case $option in --print-to-pdf=*) echo "%PDF of $option" > "${option#*=}" ;; esac
done
"""


@pytest.fixture
def pdf() -> ModuleType:
    """Return the script as a module."""
    specification = importlib.util.spec_from_file_location("pdf", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "a page.html"
    path.write_text("<!doctype html><title>A loss</title><p>Zero beyond the margin.</p>")
    return path


def _browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    path = tmp_path / "browser"
    path.write_text(script)
    path.chmod(0o755)
    monkeypatch.setenv("CHROMIUM", str(path))
    return path


def test_a_page_has_its_pdf_beside_it(
    pdf: ModuleType, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _browser(tmp_path, monkeypatch, PRINTS)
    assert pdf.main([str(page)]) == 0
    assert page.with_suffix(".pdf").read_text().startswith("%PDF of")


def test_a_browser_that_prints_nothing_is_an_error(
    pdf: ModuleType, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _browser(tmp_path, monkeypatch, "#!/bin/sh\necho no display >&2\n")
    page.with_suffix(".pdf").write_text("of an earlier day")
    with pytest.raises(OSError, match=r"did not print .*no display"):
        pdf.main([str(page)])
    assert not page.with_suffix(".pdf").exists()


def test_without_a_browser_the_message_says_what_to_set(
    pdf: ModuleType, page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHROMIUM", "no-such-browser")
    assert pdf.main([str(page)]) == 1
    assert "CHROMIUM" in capsys.readouterr().err


def test_an_installed_browser_prints(
    pdf: ModuleType, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    if not any(map(shutil.which, pdf.NAMES)):
        pytest.skip("no Chromium is installed")
    pdf.main([str(page)])
    assert page.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
