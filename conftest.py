"""What every test and doctest shares: losses that one defines are gone for the next.

Pages whose examples need a library that is missing are skipped, with that reason.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator

import pytest

# Keras's own default is TensorFlow, with which the package's loss is not for it.
os.environ.setdefault("KERAS_BACKEND", "jax")

_IMPORT = re.compile(r"(?:import|from)\s+(\w+)")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a page if one of its examples imports a library that is not installed."""
    if not isinstance(item, pytest.DoctestItem) or item.path.suffix != ".md":
        return
    for example in item.dtest.examples if item.dtest else ():
        found = _IMPORT.match(example.source)
        if found and importlib.util.find_spec(found[1]) is None:
            pytest.skip(f"{found[1]} is not installed")


@pytest.fixture(autouse=True)
def _registry_restored() -> Iterator[None]:
    from lossary.families import load_all
    from lossary.registry import REGISTRY

    load_all()
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)
