"""Settings of Sphinx; `make docs` builds the pages."""

from __future__ import annotations

import os
import re

from sphinx.application import Sphinx

os.environ.setdefault("KERAS_BACKEND", "torch")  # the one that is always here

project = "Ostinato"
copyright = "the authors of Ostinato"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
html_theme = "pydata_sphinx_theme"
html_title = "Ostinato"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
exclude_patterns = ["_build"]
templates_path = ["_templates"]
myst_heading_anchors = 3
suppress_warnings = [
    "myst.xref_missing",  # links of the pages to files of the repository
    "ref.python",  # a type that can be imported from two places
]

default_role = "literal"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
autosummary_generate = True
napoleon_google_docstring = True
napoleon_numpy_docstring = True  # of commands
napoleon_use_ivar = True
napoleon_use_rtype = False


def as_restructured_text(
    app: object, what: str, name: str, of: object, options: object, lines: list[str]
) -> None:
    """Escapes what reStructuredText would read in docstrings, which are plain text with `code`."""
    text = "\n".join(lines)
    if what == "module":  # what is indented there is code, or a calculation
        text = re.sub(r"((?:^    .*\n|^ *\n(?=    ))+)", r"\n::\n\n\1\n", text, flags=re.MULTILINE)
    parts = re.split(r"(`[^`]+`|^>>>.*(?:\n.+)*|^::\n\n(?:    .*\n)+)", text, flags=re.MULTILINE)
    escaped = [p if k % 2 else re.sub(r"([*|_])", r"\\\1", p) for k, p in enumerate(parts)]
    lines[:] = "".join(escaped).split("\n")


def made_by_scikit_learn(
    app: object, what: str, name: str, of: object, skip: bool, options: object
) -> bool | None:
    """Leaves out methods that scikit-learn adds to every estimator (`set_fit_request`)."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def setup(app: Sphinx) -> None:
    """Adds the two steps above; docstrings are escaped before napoleon reads them."""
    app.connect("autodoc-process-docstring", as_restructured_text, priority=400)
    app.connect("autodoc-skip-member", made_by_scikit_learn)
