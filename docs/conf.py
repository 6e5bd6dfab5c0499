"""Settings of the documentation: ``python -m sphinx -W -n docs build/docs``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

import lossary

project = "lossary"
author = "The lossary developers"
copyright = author
version = release = lossary.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "adapter_page",
    "command_help",
    "docstring_sections",
    "loss_curves",
    "loss_pages",
    "loss_plots",
    "mathml",
    "narrow_tables",
    "sidebar",
    "trimmed_code",
]
html_math_renderer = "mathml"  # no script and no request: browsers lay MathML out themselves

source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["extensions", "pictures", "_build"]
nitpicky = True

default_role = "code"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more than ``Any``
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "sphinx_book_theme"
html_title = "lossary"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["loss_filter.js", "pdf_pages.js", "printing.js"]
html_last_updated_fmt = None
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_theme_options = {
    "use_download_button": True,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "show_navbar_depth": 2,
    "navbar_persistent": [],  # the search box stands in the sidebar
}
