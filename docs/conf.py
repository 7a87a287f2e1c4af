"""The site of docs/, by `make docs`.

Sphinx with MyST and furo: Sphinx reads the library's docstrings and brings a search that works
offline (MkDocs needs a plugin for the first), MyST reads the Markdown that GitHub shows, and furo
has light, dark and narrow screens and loads nothing from outside.
"""

import json
import os
import re
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

project = "pgdose"
author = copyright = "The pgdose developers"
version = release = installed_version("pgdose")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_heading_anchors = 5  # links to headings, by GitHub's names for them
suppress_warnings = ["myst.header"]  # a page may go from a heading of level 1 to one of level 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
default_role = "code"  # `x` in a docstring
# Types of other libraries, and those of pgdose that no page imports, have no page to link to.
nitpick_ignore_regex = [("py:.*", ".*")]

html_theme = "furo"
html_title = "pgdose"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False

ROOT = Path(__file__).resolve().parents[1]
FIELD = re.compile(r"(\w+(?:, \w+)*): +(\S.*)")  # "images:  n x channels x rows x columns"


class NotebookParser(MystParser):
    """Notebooks hold Markdown and code, and no outputs: see `notebook_as_markdown`."""

    supported = ("notebook",)


def notebook_as_markdown(app: Sphinx, docname: str, source: list[str]) -> None:
    """The cells of a notebook as Markdown, code in fences."""
    if app.env.doc2path(docname).suffix == ".ipynb":
        cells = json.loads(source[0])["cells"]
        texts = ["".join(cell["source"]) for cell in cells]
        source[0] = "\n\n".join(
            f"```python\n{text}\n```" if cell["cell_type"] == "code" else text
            for cell, text in zip(cells, texts, strict=True)
        )


def fields_of_docstring(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Turn the paragraphs "name:   its meaning" of our docstrings into fields, in place."""
    paragraphs = [text.split("\n") for text in re.split(r"\n\s*\n", "\n".join(lines).strip())]
    lines[:] = []
    for paragraph in paragraphs:
        are_fields = all(FIELD.match(line) or line.startswith("  ") for line in paragraph)
        if are_fields and FIELD.match(paragraph[0]):
            paragraph = [
                FIELD.sub(r":param \1: \2", line) if FIELD.match(line) else f"    {line.strip()}"
                for line in paragraph
            ]
        lines += [*paragraph, ""]


class OutsideLinks(SphinxTransform):
    """Links to what is not on the site.

    A link to a folder becomes plain text, one to a Markdown file above docs/ (the changelog) a
    download as other files are, and one to the README leads to the index, which says the same.
    A link to a file or folder that does not exist stays, and Sphinx warns of it.
    """

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        here = Path(self.env.doc2path(self.env.docname)).parent
        for node in list(self.document.findall(addnodes.pending_xref)):
            if node.get("reftype") != "myst" or not node["reftarget"]:
                continue
            if node["refdomain"] == "doc":
                file = Path(f"{Path(self.env.srcdir, node['reftarget'])}.md").resolve()
                if file == ROOT / "README.md":
                    node["reftarget"] = "index"
                elif file.is_file() and not file.is_relative_to(self.env.srcdir):
                    target = f"/{os.path.relpath(file, self.env.srcdir)}"
                    link = addnodes.download_reference("", "", *node.children, reftarget=target)
                    link["refdoc"] = self.env.docname
                    node.replace_self(link)
            elif (here / node["reftarget"]).is_dir():
                node.replace_self(nodes.inline("", "", *node.children))


def setup(app: Sphinx) -> None:
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(NotebookParser)
    app.add_transform(OutsideLinks)
    app.connect("source-read", notebook_as_markdown)
    app.connect("autodoc-process-docstring", fields_of_docstring, priority=400)
