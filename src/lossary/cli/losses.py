"""Losses as they are written on the command line: ``NAME:key=value,key=value``."""

from __future__ import annotations

import difflib
import importlib.util
import math
import re
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from click.shell_completion import CompletionItem

from lossary import Loss, LossaryError, get_loss, list_losses
from lossary.scoring import LossSpec

_IN_FILE = re.compile(r"(?P<path>.*\.py):(?P<name>\w+)(?::(?P<rest>.*))?")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_losses(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Parse the text of a parameter, or each of its texts."""
    try:
        return parse_loss(value) if isinstance(value, str) else tuple(map(parse_loss, value))
    except LossaryError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def complete_losses(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the names of losses in a shell."""
    return [
        CompletionItem(item.name, help=item.summary)
        for item in list_losses()
        if item.name.startswith(incomplete)
    ]


def parse_loss(text: str) -> LossSpec:
    """Parse ``NAME``, ``NAME:key=value,key=value``, and the same after ``FILE.py:``."""
    in_file = _IN_FILE.fullmatch(text)
    if in_file:
        loss, rest = _own_loss(Path(in_file["path"]), in_file["name"]), in_file["rest"] or ""
    else:
        name, _, rest = text.partition(":")
        loss = _known_loss(name)
    parameters = dict(_parameter(loss, item) for item in rest.split(",") if item)
    ignored = parameters.pop("ignore_index", None)
    title = f"{loss.name}:{rest}" if rest else loss.name
    return LossSpec(title, loss, parameters, ignored)


def _known_loss(name: str) -> Loss:
    """Return a loss of the package."""
    names = [item.name for item in list_losses()]
    if name not in names:
        close = difflib.get_close_matches(name, names, n=3)
        hint = f"Did you mean {' or '.join(close)}? " if close else ""
        msg = f"there is no loss {name!r}. {hint}Run 'lossary list' to see all."
        raise click.UsageError(msg)
    return get_loss(name)


def _own_loss(path: Path, name: str) -> Loss:
    """Return the loss that a file defines under a name."""
    function = getattr(_run_file(path), name, None)
    if function is None:
        msg = f"{path} defines no {name!r}"
        raise click.UsageError(msg)
    try:
        return get_loss(function)
    except LossaryError:
        msg = f"{name!r} of {path} is no loss. Write @loss above it (from lossary import loss)."
        raise click.UsageError(msg) from None


@lru_cache
def _run_file(path: Path) -> ModuleType:
    """Run a Python file, once however many losses of it are used."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        msg = f"{path}: no such file"
        raise click.UsageError(msg)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's file may raise
        msg = f"{path} cannot be run: {type(error).__name__}: {error}"
        raise click.UsageError(msg) from error
    return module


def _parameter(loss: Loss, item: str) -> tuple[str, Any]:
    key, sign, text = item.partition("=")
    known = [*loss.parameters, *(["ignore_index"] if loss.takes_labels else [])]
    if not sign or key not in known:
        close = difflib.get_close_matches(key, known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        form = f"write key=value after {loss.name}:" if not sign else f"no parameter {key!r}"
        msg = f"{loss.name}: {form}; its parameters are {', '.join(known) or 'none'}.{hint}"
        raise click.UsageError(msg)
    return key, _value(loss, key, text)


def _value(loss: Loss, key: str, text: str) -> Any:
    """Parse a value by the type of the parameter's default, and check its range."""
    default = loss.parameters.get(key)
    if isinstance(default, bool):
        if text.lower() in _FLAGS:
            return _FLAGS[text.lower()]
        msg = f"{loss.name}: {key} must be true or false, got {text!r}"
        raise click.UsageError(msg)
    limit = loss.limits.get(key)
    requirement = "must be an integer" if key == "ignore_index" else "must be a number"
    try:
        value = int(text) if key == "ignore_index" else float(text)
    except ValueError:
        msg = f"{loss.name}: {key} {requirement}, got {text!r}"
        raise click.UsageError(msg) from None
    if limit is not None and not limit.contains(value):
        requirement = limit.text
    elif key == "ignore_index" or math.isfinite(value):
        return value
    else:
        requirement = "must be a finite number"
    msg = f"{loss.name}: {key} {requirement}, got {text}"
    raise click.UsageError(msg)
