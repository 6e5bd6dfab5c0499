"""The site: a page and a plot for every loss, from the registry; it builds without a warning."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import built_site
import numpy as np
import pytest

import lossary
from lossary import formula
from lossary.plotting import curves
from lossary.products.catalogue import MatrixRecord, matrix_losses

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LOSSES = lossary.list_losses()
#: All that have pages: those of matrix products too.
EVERY = (*LOSSES, *matrix_losses())


@pytest.fixture(scope="module", autouse=True)
def _extensions() -> Iterator[None]:
    """Let extensions be imported, and import one another; those that write pages need no Sphinx."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS / "extensions"))
        yield


@pytest.fixture(scope="module")
def loss_pages() -> ModuleType:
    return importlib.import_module("loss_pages")


@pytest.fixture(scope="module")
def formula_lines() -> ModuleType:
    return importlib.import_module("formula_lines")


@pytest.fixture(scope="module")
def loss_curves() -> ModuleType:
    pytest.importorskip("sphinx", reason="Sphinx is not installed")
    return importlib.import_module("loss_curves")


@pytest.fixture(scope="module")
def mathml() -> ModuleType:
    pytest.importorskip("sphinx", reason="Sphinx is not installed")
    pytest.importorskip("latex2mathml", reason="latex2mathml is not installed")
    return importlib.import_module("mathml")


@pytest.fixture(scope="module")
def written(loss_pages: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the pages of all losses."""
    folder = tmp_path_factory.mktemp("losses")
    loss_pages.write_pages(folder)
    return folder


def test_every_loss_of_matrix_products_has_its_measured_accuracy() -> None:
    measured = importlib.import_module("loss_accuracy")
    for loss in matrix_losses():
        _, rows = measured.of_products(loss.name)
        assert [row[0] for row in rows] == ["value", "gradient"]
        assert all(0 <= float(error) < 100 for row in rows for error in row[1:])


def test_every_loss_has_its_page_with_its_plot(written: Path) -> None:
    names = {loss.name for loss in EVERY}
    pages = {f"{name}.rst" for name in names | {"index"}}
    assert {path.name for path in written.iterdir()} == pages | {"families.inc"}
    families = (written / "families.inc").read_text("utf-8")
    assert set(re.findall(r":doc:`/reference/losses/(\w+)`", families)) == names
    listed = (written / "index.rst").read_text("utf-8")
    for loss in EVERY:
        page = (written / f"{loss.name}.rst").read_text("utf-8")
        assert f".. loss-plot:: {loss.name}\n" in page
        assert f":doc:`{loss.name}`" in listed
        assert f".. small-curve:: {loss.name}\n" in listed
        assert loss.summary in listed
        assert f"   {loss.name}\n" in listed  # the order of previous and next


def test_the_list_of_losses_has_a_filter_with_what_they_are() -> None:
    form = importlib.import_module("loss_index").loss_filter(EVERY)
    facts = json.loads(re.findall(r'id="loss-facts">(.+?)</script>', form)[0])
    assert facts.keys() == {loss.name for loss in EVERY}
    options = {*re.findall(r'value="([a-z_-]+)"', form)}
    for loss in EVERY:
        assert facts[loss.name]["tags"] == [*loss.tags]
        assert options >= {loss.family, loss.kind_of_targets, *loss.tags} - {"convex", "robust"}
        convex = {"yes": True, "no": False, "": None}
        assert convex[facts[loss.name]["convex"]] is loss.convex
        bounded = facts[loss.name]["gradient"] == "bounded"
        assert bounded == ("robust" in loss.tags)
    assert options >= {"yes", "no", "bounded", "unbounded"}


def test_losses_are_found_by_the_words_that_people_look_for() -> None:
    known = importlib.import_module("loss_words")
    assert known.OF_LOSSES.keys() <= {loss.name for loss in EVERY}
    assert known.OF_FAMILIES.keys() <= {loss.family for loss in EVERY}
    assert known.OF_TAGS.keys() <= {tag for loss in EVERY for tag in loss.tags}
    for word, name in (
        ("imbalance", "focal_loss"),
        ("imbalance", "dice_loss"),
        ("quantile", "pinball_loss"),
        ("outliers", "tukey_biweight_loss"),
        ("survival", "cox_nll_loss"),
        ("contrastive", "nt_xent_loss"),
        ("CLIP", "info_nce_loss"),
        ("SimCLR", "nt_xent_loss"),
        ("SigLIP", "pairwise_sigmoid_loss"),
    ):
        assert word in known.words(next(loss for loss in EVERY if loss.name == name))


def test_a_page_has_its_sections_in_order(loss_pages: ModuleType) -> None:
    page = loss_pages.page(lossary.get_loss("huber_loss"))
    titles = re.findall(r"^(.+)\n-+$", page, re.MULTILINE)
    assert titles == [
        "Formula", "Arguments", "Notes", "Domain", "Facts", "Measured accuracy", "Elsewhere",
        "Examples", "References", "Related losses", "Source",
    ]  # fmt: skip
    assert page.index(".. autofunction::") < page.index("Formula\n---") < page.index("loss-plot")


def test_the_accuracy_of_a_page_is_that_of_the_table(loss_pages: ModuleType) -> None:
    table = (DOCS / "accuracy_table.md").read_text("utf-8").splitlines()
    measured = [line.split("|")[4:8] for line in table if line.startswith("| huber_loss |")]
    page = loss_pages.page(lossary.get_loss("huber_loss"))
    shown = page.partition("Measured accuracy\n---")[2].partition("Elsewhere\n---")[0]
    figures = re.findall(r"^     - ([\d.]+)$", shown, re.MULTILINE)
    assert figures == [cell.strip() for row in measured for cell in row]
    assert len(figures) == 16


def test_gradients_that_are_long_are_folded(loss_pages: ModuleType) -> None:
    for name, folded in (("huber_loss", False), ("cosine_distance", True)):
        page = loss_pages.page(lossary.get_loss(name))
        assert (".. dropdown:: Its gradient" in page) == folded
        assert page.count(r"\frac{\partial \ell}{\partial") >= 1


def test_every_drawing_shows_the_values_of_its_loss(loss_curves: ModuleType) -> None:
    for loss in EVERY:
        panels = re.findall(r"<svg.*?</svg>", loss_curves.drawings([loss.name]))
        found = curves([(loss, loss.name, {})])
        assert len(panels) == 2
        for panel, series in zip(panels, ("value", "slope"), strict=True):
            assert not re.search(r"\b(nan|inf)\b", panel)
            lines = re.findall(r'class="(curve-\d(?: dashed)?)" d="(M[^"]*)"', panel)
            assert len(lines) == len(found)
            for (_, drawn), curve in zip(lines, found, strict=True):
                _assert_drawn(panel, drawn, getattr(curve, series), curve.x)
        ElementTree.fromstring(loss_curves.small_drawing(loss))


def _assert_drawn(panel: str, drawn: str, values: np.ndarray, x: np.ndarray) -> None:
    """Read points of a drawing by its ticks, and compare them with the loss."""
    across = _scale(panel, r'd="M([\d.]+) [\d.]+V.*?<text[^>]*>([-\d.e]+)<')
    down = _scale(panel, r'd="M[\d.]+ ([\d.]+)H.*?<text[^>]*>([-\d.e]+)<')
    points = np.array(re.findall(r"([\d.]+) ([\d.]+)", drawn), float)
    read = across(points[:, 0]), down(points[:, 1])
    span = max(np.ptp(values), 0.1 * abs(values).max(), 1e-6)  # ticks of a constant are rounded
    step = 2 * (x[1] - x[0])
    for a, b in zip(*read, strict=True):
        near = values[np.abs(x - a) <= step]
        assert near.min() - 0.01 * span <= b <= near.max() + 0.01 * span


def _scale(panel: str, pattern: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return what places on an axis mean, from two of its ticks."""
    ticks = re.findall(pattern, panel)
    (p, u), (q, v) = [tuple(map(float, tick)) for tick in (ticks[0], ticks[-1])]
    return lambda place: u + (place - p) / (q - p) * (v - u)


@pytest.mark.parametrize("loss", EVERY, ids=lambda loss: loss.name)
def test_a_page_says_what_the_registry_knows(written: Path, loss: lossary.Loss) -> None:
    page = (written / f"{loss.name}.rst").read_text("utf-8")
    assert page.startswith(f"{loss.name}\n{'=' * len(loss.name)}\n")
    assert f".. autofunction:: {loss.name}" in page
    assert f"def {inspect.unwrap(loss.formula).__name__}(" in page
    assert '"""' not in page
    for library, text in loss.differences.items():
        assert f"   * - {library}\n     - {text}" in page
    for domain in loss.domains.values():
        assert domain.text in page
    assert page.count(r"\ell = ") >= 1
    assert page.count(r"\frac{\partial \ell}{\partial ") >= 1
    assert page.count("https://doi.org/") == len(re.findall("doi:|arXiv:", loss.source))
    for name in (loss.matrix if isinstance(loss, MatrixRecord) else loss).arguments:
        assert f"   * - ``{name}``\n" in page


def test_pages_that_have_no_loss_are_removed_and_others_left_alone(
    loss_pages: ModuleType, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {loss.name: (written / f"{loss.name}.rst").read_text("utf-8") for loss in EVERY}
    monkeypatch.setattr(loss_pages, "page", lambda loss: texts[loss.name])  # printed once
    (written / "old_loss.rst").write_text("gone")
    before = {path.name: path.stat().st_mtime_ns for path in written.glob("*_loss.*")}
    loss_pages.write_pages(written)
    after = {path.name: path.stat().st_mtime_ns for path in written.glob("*_loss.*")}
    assert before.pop("old_loss.rst")
    assert after == before


def test_a_new_loss_has_a_page(loss_pages: ModuleType) -> None:
    @lossary.loss(structure=("robust",), family="regression")
    def quartic_loss(inputs, targets, robust=False):
        """Quartic loss: the fourth power of the error."""
        error = inputs - targets
        return abs(error) if robust else error**4

    page = loss_pages.page(lossary.get_loss(quartic_loss))
    assert "Quartic loss: the fourth power of the error." in page
    assert r"\ell = \left(z - y\right)^{4}" in page
    assert ":math:`z` = ``inputs``, :math:`y` = ``targets``" in page
    assert "**robust=True**" in page


def test_the_page_of_the_adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, path = importlib.import_module("adapter_page"), tmp_path / "adapters.rst"
    booster = ModuleType("lossary.adapters.booster", "Objectives of a booster.")
    source = "import math\ndef objective(): ...\nclass Metric: ...\ndef _hidden(): ...\n"
    exec(source, vars(booster) | {"__name__": booster.__name__}, vars(booster))
    for name in ("objective", "Metric", "_hidden"):
        vars(booster)[name].__module__ = booster.__name__
    monkeypatch.setattr(lossary.adapters, "booster", booster, raising=False)
    monkeypatch.setattr(lossary.adapters, "__all__", ["booster"])
    writer.write_page(path)
    page = path.read_text("utf-8")
    assert "Objectives of a booster." in page
    assert re.findall(r"auto\w+:: \w+", page) == [
        "autofunction:: objective",
        "autoclass:: Metric",
    ]
    monkeypatch.setattr(lossary.adapters, "__all__", [])
    writer.write_page(path)
    assert not path.exists()


@pytest.mark.parametrize(
    "name",
    ["loss_pages", "loss_words", "loss_accuracy", "formula_lines", "formula_width", "textbook",
     "plot_facts"],
)  # fmt: skip
def test_examples_of_the_page_writers(name: str) -> None:
    assert_examples_run(importlib.import_module(name))


def test_parameters_are_shown_with_their_defaults() -> None:
    pytest.importorskip("numpydoc", reason="numpydoc is not installed")
    assert_examples_run(importlib.import_module("docstring_sections"))


def test_examples_of_the_drawings_and_the_formulas(
    loss_curves: ModuleType, mathml: ModuleType
) -> None:
    assert_examples_run(loss_curves)
    assert_examples_run(mathml)


def test_formulas_break_between_their_terms(mathml: ModuleType) -> None:
    for latex, expected in (
        (r"\ell = a + b", [r"\ell = a", "+ b"]),
        (r"\frac{a + b}{c}", [r"\frac{a + b}{c}"]),
        (r"e^{a - b} - c", ["e^{a - b}", "- c"]),
        (r"\begin{cases} a + b & \text{if } c \\ 0 & d \end{cases} - e",
         [r"\begin{cases} a + b & \text{if } c \\ 0 & d \end{cases}", "- e"]),
        (r"\left(a - b\right) \, \left(c + d\right)",
         [r"\left(a - b\right) \, \left(c + d\right)"]),
    ):  # fmt: skip
        assert mathml.terms(latex) == expected
    wide = r"\ell = \log\left(" + " + ".join(["a_{1}"] * 12) + r"\right)"
    pieces = mathml.terms(wide)
    assert len(pieces) == 12
    assert pieces[0] == r"\ell = \log\Big(a_{1}"
    assert pieces[-1] == r"+ a_{1}\Big)"


def test_formulas_fit_the_column_of_a_page(mathml: ModuleType, written: Path) -> None:
    fit = importlib.import_module("formula_fit")
    for path in written.iterdir():
        for line in re.findall(r"^ +(\\\S.* = .*)$", path.read_text("utf-8"), re.MULTILINE):
            assert fit.widest(line) <= fit.ROOM, f"{path.name}: {line}"


def test_a_part_that_is_too_wide_gets_a_name(mathml: ModuleType) -> None:
    fit = importlib.import_module("formula_fit")
    total = lossary.formula.expression.literal(0)
    for place in range(12):
        total = total + lossary.formula.expression.argument(f"x{place}")
    whole = [fit.Named(r"\ell", total / (total + 1))]
    (kept,), parts = fit.fitted(whole, [], (), lossary.formula.printing.to_latex, 100.0)
    assert (kept, parts) == (whole[0], [])
    (short,), (part,) = fit.fitted(whole, [], (), lossary.formula.printing.to_latex, 20.0)
    assert lossary.formula.printing.to_text(short.value) == "r / (r + 1)"
    assert part == fit.Named("r", total)


def test_every_formula_of_every_page_is_mathematics(mathml: ModuleType, written: Path) -> None:
    for loss in EVERY:
        page = (written / f"{loss.name}.rst").read_text("utf-8")
        for formula_ in re.findall(r"^ +(\\.* = .*)$", page, re.MULTILINE):
            for piece in mathml.terms(formula_):
                printed = mathml.to_mathml(piece, block=True)
                ElementTree.fromstring(printed.replace("&nbsp;", " "))
                assert "\\" not in printed, printed


def test_a_gradient_that_is_too_long_to_be_read_is_not_printed_folded(
    loss_pages: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Its gradient" in loss_pages.page(lossary.get_loss("cosine_embedding_loss"))
    monkeypatch.setattr("lossary.definition.docstring.LONGEST_SHOWN", 20)
    page = loss_pages.page(lossary.get_loss("cosine_embedding_loss"))
    assert "is too long to be printed" in page
    assert "Its gradient" not in page


def test_definitions_over_pairs_and_ranks_are_the_losses() -> None:
    definitions = importlib.import_module("double_sums").DOUBLE_SUMS
    rng = np.random.default_rng(2)
    z = rng.normal(size=(5, 6))
    signs = np.where(rng.uniform(size=z.shape) < 0.5, 1.0, -1.0)
    arguments = {
        "listmle_loss": (z, rng.normal(size=z.shape)),
        "cox_nll_loss": (z, rng.integers(0, 4, z.shape).astype(float), (signs + 1) / 2),
        "ensemble_crps_loss": (z, rng.normal(size=5)),
        "lovasz_hinge_loss": (z, signs),
        "lovasz_softmax_loss": (rng.uniform(size=z.shape), (signs + 1) / 2),
    }
    assert arguments.keys() == definitions.keys()
    for name, given in arguments.items():
        found = [definitions[name].value(*row) for row in zip(*given, strict=True)]
        expected = getattr(lossary, name)(*given, axis=-1)
        np.testing.assert_allclose(found, expected, 1e-12, 1e-14, err_msg=name)


def test_every_row_of_the_list_has_a_formula(written: Path) -> None:
    rows = (written / "index.rst").read_text("utf-8")
    assert rows.count(r"\ell = ") == len(EVERY)
    assert "is on its page" not in rows


def assert_examples_run(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_every_public_name_is_in_the_reference() -> None:
    pages = [
        (DOCS / "reference" / f"{name}.md").read_text("utf-8") for name in ("functions", "products")
    ]
    shown = set(re.findall(r"^\.\. auto\w+:: ([\w.]+)", "".join(pages), re.MULTILINE))
    names = set(lossary.__all__) - {"__version__", "adapters"} - {loss.name for loss in EVERY}
    assert names <= shown
    words = (DOCS / "reference" / "formula.md").read_text("utf-8")
    for name in set(formula.__all__) - {"Expression", "Kind"}:
        assert f".. autofunction:: {name}\n" in words


@pytest.fixture(scope="module")
def readme() -> ModuleType:
    """Return the script that writes parts of the README."""
    path = ROOT / "tools" / "readme.py"
    specification = importlib.util.spec_from_file_location("readme", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_readme_lists_every_loss(readme: ModuleType) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert readme.losses() in text, "run python tools/readme.py"
    listed = dict(re.findall(r"\[`(\w+)`\]\((src/[\w/]+\.py)\)", text))
    assert set(listed) == {loss.name for loss in EVERY}
    for name, path in listed.items():
        assert f"\ndef {name}(" in (ROOT / path).read_text("utf-8")


def test_the_readme_shows_what_the_command_prints(readme: ModuleType) -> None:
    for library in ("click", "rich", "pyarrow"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    text = (ROOT / "README.md").read_text("utf-8")
    assert readme.completed(text) == text, "run python tools/readme.py"
    with pytest.raises(ValueError, match="marks of 'losses'"):
        readme.completed("# nothing")


def test_links_of_the_readme_lead_to_files() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    links = {link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link}
    assert len(links) > 10
    for link in links:
        assert (ROOT / link).exists(), link


def test_every_code_block_with_a_prompt_ends_before_its_fence() -> None:
    """A fence right below the output would be taken for output, and the example never match."""
    pages = [*DOCS.glob("*.md"), ROOT / "README.md"]
    assert len(pages) > 8
    for page in pages:
        for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            assert ">>>" not in block or block.endswith("\n\n"), (page.name, block)


# --- the build --------------------------------------------------------------------------------
_REQUEST = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*\"")


@pytest.mark.timeout(900)
def test_the_site_builds_without_warnings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One test, so that one process waits for the build."""
    site = built_site.build(tmp_path_factory)
    for page in site.rglob("*.html"):
        assert not _REQUEST.findall(page.read_text("utf-8")), f"{page.name} asks another host"
    for loss in EVERY:
        _assert_built(site, loss)
    home = (site / "index.html").read_text("utf-8")
    assert home.count("<svg viewBox") == 2
    assert set(re.findall(r'href="reference/losses/(\w+)\.html"', home)) >= {
        loss.name for loss in EVERY
    }
    assert (site / "_static" / "fonts" / "latin-modern-math.woff2").exists()
    words = (site / "searchindex.js").read_text("utf-8")
    assert '"imbal":[' in words  # by its stem, from the keywords of pages
    # Every cell of a table with titles repeats the title of its column.
    deviations = (site / "deviations.html").read_text("utf-8")
    assert deviations.count('<span class="column-title">MLX</span>') > 20


def _assert_built(site: Path, loss: lossary.Loss) -> None:
    page = (site / "reference" / "losses" / f"{loss.name}.html").read_text("utf-8")
    assert page.count("<math ") >= 2, loss.name
    assert f'id="lossary.{loss.name}"' in page
    assert page.count("search-button-field") == 1
    assert page.count("<svg viewBox") == 2
    # Children of this class are laid out in reverse order by the theme.
    assert 'class="math"' not in page
    assert 'class="prev-next-footer' in page
    assert (site / "_sources" / "reference" / "losses" / f"{loss.name}.rst").exists()
    for title in ("Parameters", "Returns", "Raises", "Examples"):
        assert title in page, (loss.name, title)
