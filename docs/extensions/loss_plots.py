"""The directives ``loss-plot`` and ``loss-playground``: plots computed where they are read.

The scripts are copied with the static files; a page loads those of its own losses, and the plot
those that a reader adds. The drawings of :mod:`loss_curves` stand in the place of a plot, for
readers without JavaScript.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from loss_curves import drawings
from plot_facts import write_scripts
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_SCRIPTS = ("loss_core.js", "loss_drawings.js", "loss_plot.js")


class LossPlot(SphinxDirective):
    """Plot the losses that are named; ``free`` lets a reader choose any others."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {"free": directives.flag}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Return the plot, with drawings in its place."""
        names = self.arguments[0].split()
        scripts = [f"losses/{name}.js" for name in ("index", *names)]
        _scripts(self.env).setdefault(self.env.docname, [*_SCRIPTS, *scripts])
        attributes = f'data-loss="{names[0]}" data-losses="{" ".join(names)}"'
        free = " data-free" if "free" in self.options else ""
        text = f'<div class="loss-plot" {attributes}{free}>{drawings(names)}</div>\n'
        return [nodes.raw("", text, format="html")]


class LossPlayground(SphinxDirective):
    """Hold a place for a formula that a reader writes."""

    def run(self) -> list[nodes.Node]:
        """Return the place, which says what it needs."""
        scripts = ["losses/index.js", "losses/words.js", "loss_formula.js", "loss_playground.js"]
        _scripts(self.env).setdefault(self.env.docname, [*_SCRIPTS, *scripts])
        text = '<div class="loss-playground"><p>This page needs JavaScript.</p></div>\n'
        return [nodes.raw("", text, format="html")]


def _scripts(env: Any) -> dict[str, list[str]]:
    """Return the scripts of the pages that have plots, kept with the environment."""
    if not hasattr(env, "loss_plot_scripts"):
        env.loss_plot_scripts = {}
    found: dict[str, list[str]] = env.loss_plot_scripts
    return found


def add_scripts(app: Sphinx, page: str, *_: object) -> None:
    """Add the scripts that a page needs, in the order in which they run."""
    scripts = _scripts(app.env).get(page)
    if scripts:
        app.add_css_file("loss_plot.css")
        for script in scripts:
            app.add_js_file(script, loading_method="defer")


def write(app: Sphinx) -> None:
    """Write the scripts of all losses before static files are copied."""
    folder = Path(app.doctreedir) / "plots"
    write_scripts(folder / "losses")
    app.config.html_static_path.append(str(folder))


def forget(app: Sphinx, env: Any, page: str) -> None:
    """Forget the scripts of a page that is read again, or removed."""
    _scripts(env).pop(page, None)


def merge(app: Sphinx, env: Any, pages: set[str], other: Any) -> None:
    """Take over the scripts of pages that another process read."""
    _scripts(env).update({page: found for page, found in _scripts(other).items() if page in pages})


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    app.add_directive("loss-plot", LossPlot)
    app.add_directive("loss-playground", LossPlayground)
    app.connect("builder-inited", write)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
