"""Losses as they are written on the command line: ``NAME:key=value,key=value``."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from click.shell_completion import CompletionItem

from lossary.errors import LossaryError, did_you_mean
from lossary.products.catalogue import matrix_loss_named, matrix_losses
from lossary.registry import Loss, get_loss, list_losses
from lossary.scoring import LossSpec
from lossary.scoring.loss_texts import with_parameters

#: The Python files that this run of a command has executed, by path.
Modules = dict[Path, ModuleType]

_IN_FILE = re.compile(r"(?P<path>.*\.py):(?P<name>\w+)(?::(?P<rest>.*))?")


def parse_losses(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Parse the text of a parameter, or each of its texts."""
    modules: Modules = ctx.meta.setdefault(__name__, {})
    try:
        if isinstance(value, str):
            return _parse_loss(value, modules)
        return tuple(_parse_loss(text, modules) for text in value)
    except LossaryError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def parse_shown_loss(ctx: click.Context, param: click.Parameter, value: str) -> LossSpec:
    """Parse the text of a loss that is to be shown: one of matrices too."""
    name, _, rest = value.partition(":")
    record = matrix_loss_named(name)
    if record is None:
        found: LossSpec = parse_losses(ctx, param, value)
        return found
    try:
        return with_parameters(record, rest)
    except LossaryError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def complete_shown_losses(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the names of losses that can be shown in a shell."""
    matrices = [
        CompletionItem(item.name, help=item.summary)
        for item in matrix_losses()
        if item.name.startswith(incomplete)
    ]
    return complete_losses(ctx, param, incomplete) + matrices


def complete_losses(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the names of losses in a shell."""
    return [
        CompletionItem(item.name, help=item.summary)
        for item in list_losses()
        if item.name.startswith(incomplete)
    ]


def _parse_loss(text: str, modules: Modules) -> LossSpec:
    """Parse ``NAME``, ``NAME:key=value,key=value``, and the same after ``FILE.py:``."""
    in_file = _IN_FILE.fullmatch(text)
    if in_file:
        module = _run_file(Path(in_file["path"]), modules)
        loss, rest = _own_loss(module, in_file["path"], in_file["name"]), in_file["rest"] or ""
    else:
        name, _, rest = text.partition(":")
        loss = _known_loss(name)
    return with_parameters(loss, rest)


def _known_loss(name: str) -> Loss:
    """Return a loss by its name."""
    try:
        return get_loss(name)
    except LossaryError:
        if matrix_loss_named(name) is not None:
            msg = f"{name} compares rows of matrices, which columns of predictions are not."
            raise click.UsageError(msg) from None
        names = [item.name for item in list_losses()]
        remedy = f"{did_you_mean(name, names)} Run 'lossary list' to see all.".lstrip()
        msg = f"there is no loss {name!r}. {remedy}"
        raise click.UsageError(msg) from None


def _own_loss(module: ModuleType, path: str, name: str) -> Loss:
    """Return the loss that a file defines under a name."""
    function = getattr(module, name, None)
    if function is None:
        msg = f"{path} defines no {name!r}"
        raise click.UsageError(msg)
    try:
        return get_loss(function)
    except LossaryError:
        msg = f"{name!r} of {path} is no loss. Write @loss above it (from lossary import loss)."
        raise click.UsageError(msg) from None


def _run_file(path: Path, modules: Modules) -> ModuleType:
    """Execute a Python file, once for all its losses that the command uses."""
    if path in modules:
        return modules[path]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        msg = f"{path}: no such file"
        raise click.UsageError(msg)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        msg = f"{path} cannot be run: {type(error).__name__}: {error}"
        raise click.UsageError(msg) from error
    modules[path] = module
    return module
