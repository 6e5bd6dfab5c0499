"""Losses as texts: ``NAME`` or ``NAME:key=value,key=value``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lossary.call.parameters import number
from lossary.errors import LossaryValueError, did_you_mean
from lossary.registry import Loss, get_loss
from lossary.scoring.job import LossSpec

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

LossLike = str | Loss | LossSpec | Callable[..., Any]


def loss_specs(losses: LossLike | Iterable[LossLike]) -> tuple[LossSpec, ...]:
    """Return losses that are given as texts, functions or records; one or several."""
    if isinstance(losses, (str, Loss, LossSpec)) or callable(losses):
        losses = [losses]
    return tuple(_loss_spec(item) for item in losses)


def _loss_spec(given: LossLike) -> LossSpec:
    if isinstance(given, LossSpec):
        return given
    if isinstance(given, str):
        name, _, rest = given.partition(":")
        return with_parameters(get_loss(name), rest)
    loss = get_loss(given)  # type: ignore[arg-type]  # a record stands for itself
    return LossSpec(loss.name, loss)


def with_parameters(loss: Loss, text: str) -> LossSpec:
    """Return a loss with the parameters in a text such as ``"delta=2"``.

    Raises
    ------
    ValueError
        If the loss has no such parameter, or does not take the value.
    """
    parameters = dict(_parse_parameter(loss, item) for item in text.split(",") if item)
    ignore_index = parameters.pop("ignore_index", None)
    title = f"{loss.name}:{text}" if text else loss.name
    return LossSpec(title, loss, parameters, ignore_index)


def _parse_parameter(loss: Loss, item: str) -> tuple[str, Any]:
    key, sign, text = item.partition("=")
    known = [*loss.parameters, *(["ignore_index"] if loss.takes_labels else [])]
    if not sign or key not in known:
        problem = f"no parameter {key!r}" if sign else f"write key=value after {loss.name}:"
        remedy = did_you_mean(key, known)
        msg = f"{loss.name}: {problem}; its parameters are {', '.join(known) or 'none'}. {remedy}"
        raise LossaryValueError(msg.rstrip())
    return key, _parse_value(loss, key, text)


def _parse_value(loss: Loss, key: str, text: str) -> Any:
    """Parse a value by the type of the parameter's default, and check its range."""
    try:
        if isinstance(loss.parameters.get(key), bool):
            requirement = "must be true or false"
            return _FLAGS[text.lower()]
        if key == "ignore_index":
            requirement = "must be an integer"
            return int(text)
        requirement = "must be a number"
        value = float(text)
    except (KeyError, ValueError):
        msg = f"{loss.name}: {key} {requirement}, got {text!r}"
        raise LossaryValueError(msg) from None
    return number(loss.name, key, value, loss.limits.get(key))
