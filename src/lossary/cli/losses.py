"""Losses and thresholds as they are written on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from lossary.errors import LossaryError
from lossary.registry import Loss, get_loss
from lossary.score import LossSpec


def parse_loss(text: str) -> LossSpec:
    """Parse ``NAME`` or ``NAME:key=value,key=value``."""
    name, _, rest = text.partition(":")
    try:
        loss = get_loss(name)
    except LossaryError as error:
        raise click.UsageError(str(error)) from None
    parameters: dict[str, Any] = {}
    for item in filter(None, rest.split(",")):
        key, sign, value = item.partition("=")
        if not sign:
            msg = f"{text}: write {name}:key=value"
            raise click.UsageError(msg)
        parameters[key] = _value(loss, key, value)
    ignored = parameters.pop("ignore_index", None)
    return LossSpec(title=text, loss=loss, parameters=parameters, ignore_index=ignored)


def _value(loss: Loss, key: str, text: str) -> Any:
    if key == "ignore_index" and loss.takes_labels:
        kind: Any = int
    elif key in loss.parameters:
        kind = type(loss.parameters[key])
    else:
        known = [*loss.parameters, *(["ignore_index"] if loss.takes_labels else [])]
        msg = f"{loss.name}: no parameter {key!r}; it has {', '.join(known) or 'none'}"
        raise click.UsageError(msg)
    if kind is bool:
        flags = {"true": True, "1": True, "false": False, "0": False}
        if text.lower() not in flags:
            msg = f"{loss.name}: {key} must be true or false, got {text!r}"
            raise click.UsageError(msg)
        return flags[text.lower()]
    try:
        return int(text) if key == "ignore_index" else float(text)
    except ValueError:
        msg = f"{loss.name}: {key} must be a number, got {text!r}"
        raise click.UsageError(msg) from None


def parse_thresholds(texts: Sequence[str], titles: Sequence[str]) -> dict[str, float]:
    """Parse ``X`` for all losses and ``NAME=X`` for one."""
    limits: dict[str, float] = {}
    for text in texts:
        name, sign, value = text.rpartition("=")
        try:
            limit = float(value)
        except ValueError:
            msg = f"--fail-above {text}: {value!r} is not a number"
            raise click.UsageError(msg) from None
        if not sign:
            limits |= dict.fromkeys(titles, limit)
        elif name in titles:
            limits[name] = limit
        else:
            msg = f"--fail-above {text}: no --loss {name}"
            raise click.UsageError(msg)
    return limits
