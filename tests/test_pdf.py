"""The script that prints pages of the site: with a browser, without one, with one that fails."""

from __future__ import annotations

import importlib.util
import json
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


# --- a site -----------------------------------------------------------------------------------
PAGES = ("index", "losses/a_loss", "losses/b_loss")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder of pages that lead to one another, and of one to which nothing leads."""
    for name, following in zip(PAGES, (*PAGES[1:], None), strict=True):
        path = tmp_path / f"{name}.html"
        path.parent.mkdir(exist_ok=True)
        address = following and "../" * name.count("/") + f"{following}.html"
        link = f'<link rel="next" title="x" href="{address}" />' if address else ""
        path.write_text(f"<!doctype html><title>{name} &#8212; lossary</title>{link}")
    (tmp_path / "search.html").write_text("<!doctype html><title>Search</title>")
    (tmp_path / "_static").mkdir()
    return tmp_path


def _printed(site: Path) -> None:
    """Write the PDF of each page: two sheets, of which the first leads elsewhere."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    annotations = pytest.importorskip("pypdf.annotations")
    names = ("losses/b_loss.html#formula", "_sources/a.rst")
    links = [f"{site.as_uri()}/{name}" for name in names]
    for name in PAGES:
        writer = pypdf.PdfWriter()
        for _ in range(2):
            writer.add_blank_page(100, 100)
        for address in (*links, "https://doi.org/10.1000/1"):
            link = annotations.Link(rect=(0, 0, 9, 9), url=address)
            writer.add_annotation(page_number=0, annotation=link)
        writer.write(site / f"{name}.pdf")


def _actions(path: Path) -> list[dict[str, object]]:
    from pypdf import PdfReader

    sheets = PdfReader(path).pages
    return [link.get_object()["/A"].get_object() for sheet in sheets
            for link in sheet.get("/Annots", ())]  # fmt: skip


def test_pages_are_joined_in_the_order_in_which_they_are_read(pdf: ModuleType, site: Path) -> None:
    _printed(site)
    from pypdf import PdfReader

    pages = list(pdf.in_reading_order(site))
    assert pages == [site / f"{name}.html" for name in PAGES]
    pdf.join(site, pages, site / pdf.WHOLE)
    whole = PdfReader(site / pdf.WHOLE)
    assert len(whole.pages) == 2 * len(PAGES)
    outline = [(item.title, whole.get_destination_page_number(item)) for item in whole.outline]
    assert outline == [(name, 2 * place) for place, name in enumerate(PAGES)]
    inner, file, outer = _actions(site / pdf.WHOLE)[-3:]
    assert inner["/S"] == "/GoTo"
    assert whole.get_page_number(inner["/D"][0].get_object()) == 4
    assert file["/URI"] == "_sources/a.rst"
    assert outer["/URI"] == "https://doi.org/10.1000/1"


def test_the_links_of_a_page_lead_to_what_is_beside_it(pdf: ModuleType, site: Path) -> None:
    _printed(site)
    pdf._lead_elsewhere(site, site / "losses/a_loss.pdf")
    found = [action["/URI"] for action in _actions(site / "losses/a_loss.pdf")]
    assert found == ["b_loss.html#formula", "../_sources/a.rst", "https://doi.org/10.1000/1"]


def test_a_site_is_printed_and_offers_it(
    pdf: ModuleType, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    monkeypatch.delenv("CHROMIUM", raising=False)
    if not any(map(shutil.which, pdf.NAMES)):
        pytest.skip("no Chromium is installed")
    assert pdf.main(["--site", str(site)]) == 0
    assert len(pypdf.PdfReader(site / pdf.WHOLE).pages) == len(PAGES)
    assert all((site / f"{name}.pdf").exists() for name in PAGES)
    offered = (site / pdf.OFFERED).read_text()
    assert json.loads(offered.partition("=")[2].rstrip(";\n")) == list(PAGES)


def test_either_pages_or_a_site_are_printed(
    pdf: ModuleType, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([], [str(page), "--site", str(page.parent)]):
        with pytest.raises(SystemExit):
            pdf.main(arguments)
        assert "--site FOLDER" in capsys.readouterr().err
