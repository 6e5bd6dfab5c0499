"""The group of commands, and the exit statuses."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

import click

import lossary
from lossary.cli.listing import list_command
from lossary.cli.plot import plot_command
from lossary.cli.score import score_command
from lossary.cli.show import show_command
from lossary.score import DataError

USAGE, BAD_DATA, INTERRUPTED = 2, 3, 130
BROKEN_PIPE, TERMINATED = 128 + 13, 128 + 15  # as a shell reports these signals


class App(click.Group):
    """The group of commands; turns what goes wrong into exit statuses."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run; 2 for a wrong command line, 3 for bad data, 130 when interrupted."""
        kwargs["standalone_mode"] = False
        try:
            with _Terminating():
                status = super().main(*args, **kwargs)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            print("lossary: interrupted", file=sys.stderr)
            sys.exit(INTERRUPTED)
        except lossary.LossaryError as error:
            print(f"lossary: {error}", file=sys.stderr)
            sys.exit(BAD_DATA if isinstance(error, DataError) else USAGE)
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command; the reader of its output may go away."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Keep the interpreter from trying again, and from saying so, at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(BROKEN_PIPE)
        return result


class _Terminating:
    """Inside, a request to terminate leaves through the ``finally`` clauses, as Ctrl-C does."""

    def __enter__(self) -> None:
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))

    def __exit__(self, *_: object) -> None:
        if self._main:
            signal.signal(signal.SIGTERM, self._before)


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(lossary.__version__, prog_name="lossary")
def app() -> None:
    """Loss functions: score prediction files, look losses up, plot them."""


app.add_command(score_command)
app.add_command(list_command)
app.add_command(show_command)
app.add_command(plot_command)
