"""Docstrings of adapters, whose common parameters are described once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from lossary import adapters


def _functions() -> list[Callable[..., Any]]:
    modules = [getattr(adapters, name) for name in adapters.__all__]
    return [
        getattr(module, name)
        for module in modules
        if isinstance(module, ModuleType)
        for name in module.__all__
    ]


@pytest.mark.parametrize("function", _functions(), ids=lambda item: item.__module__ + item.__name__)
def test_every_parameter_is_described(function: Callable[..., Any]) -> None:
    text = inspect.getdoc(function)
    assert not re.search(r"^ *<\w+>$", text, re.MULTILINE)  # placeholders of descriptions
    assert max(map(len, text.splitlines())) <= 100
    if inspect.isclass(function):
        return
    for name in inspect.signature(function).parameters:
        assert re.search(rf"^\*{{0,2}}{name}( : .*)?\n    \S", text, re.MULTILINE), name


def test_descriptions_are_indented_with_their_parameter() -> None:
    text = inspect.getdoc(adapters.catboost.objective)
    assert "positive : label, optional\n    For losses of two classes: the label that" in text
    assert "\n    gradient² / (2 loss), for losses that are never negative" in text
