"""The group of commands, and the exit statuses of errors."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from lossary import __version__
from lossary.cli.compare import compare_command
from lossary.cli.listing import list_command
from lossary.cli.plot import plot_command
from lossary.cli.score import score_command
from lossary.cli.show import show_command
from lossary.cli.statuses import (
    BAD_DATA,
    BROKEN_PIPE,
    HELP,
    INTERRUPTED,
    TERMINATED,
    UNFORESEEN,
    USAGE,
)
from lossary.cli.streams import discard_output, prepare_streams
from lossary.errors import LossaryError
from lossary.scoring import DataError

_TRACEBACK = "LOSSARY_TRACEBACK"


class App(click.Group):
    """The group of commands; turns errors into exit statuses."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and exit with one of the statuses that the help lists."""
        kwargs["standalone_mode"] = False
        prepare_streams()
        try:
            with _Terminating():
                status = super().main(*args, **kwargs)
        except Exception as error:
            sys.exit(_report_error(error))
        except KeyboardInterrupt:
            print("lossary: interrupted", file=sys.stderr)
            sys.exit(INTERRUPTED)
        sys.exit(status if isinstance(status, int) else 0)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the command line, and print a help page if that is the command."""
        with _quiet_broken_pipe():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        with _quiet_broken_pipe():
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result


@contextmanager
def _quiet_broken_pipe() -> Iterator[None]:
    """Exit without a message if the reader of standard output is gone; Click would exit with 1."""
    try:
        yield
    except BrokenPipeError:
        discard_output()
        sys.exit(BROKEN_PIPE)


def _report_error(error: Exception) -> int:
    """Print an error to standard error; return the exit status."""
    match error:
        case click.ClickException():
            error.show()
            return error.exit_code
        case click.Abort():
            print("lossary: interrupted", file=sys.stderr)
            return INTERRUPTED
        case LossaryError():
            print(f"lossary: {error}", file=sys.stderr)
            return BAD_DATA if isinstance(error, DataError) else USAGE
        case OSError(filename=None):  # only standard output is written without a file name
            discard_output()
            print(f"lossary: cannot write the output: {error.strerror}", file=sys.stderr)
            return BAD_DATA
    if os.environ.get(_TRACEBACK):
        traceback.print_exception(error)
    # One line, whatever the text of the error is.
    text = " ".join(f"{type(error).__name__}: {error}".split())
    remedy = f"Set {_TRACEBACK}=1 to see where."
    print(f"lossary: an error that was not foreseen: {text}. {remedy}", file=sys.stderr)
    return UNFORESEEN


class _Terminating:
    """A block in which SIGTERM raises SystemExit, so that ``finally`` clauses run."""

    def __enter__(self) -> None:
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))

    def __exit__(self, *_: object) -> None:
        if self._main:
            signal.signal(signal.SIGTERM, self._before)


@click.group(cls=App, epilog=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lossary")
def app() -> None:
    """Loss functions: score and compare prediction files, look losses up, plot them."""


app.add_command(score_command)
app.add_command(compare_command)
app.add_command(list_command)
app.add_command(show_command)
app.add_command(plot_command)
