"""The directive ``command-help``: what a command of ``lossary`` prints for ``--help``."""

from __future__ import annotations

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from lossary.cli.app import app as lossary_command


def help_text(name: str) -> str:
    """Return the help of a command, 88 columns wide."""
    command = lossary_command.commands[name]
    parent = click.Context(lossary_command, info_name="lossary", terminal_width=88)
    return click.Context(command, parent, info_name=name, terminal_width=88).get_help()


class CommandHelp(SphinxDirective):
    """Show the help of the command that is named."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the help as a literal block."""
        text = help_text(self.arguments[0])
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
