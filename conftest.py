"""What every test and doctest shares: losses that one defines are gone for the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _registry_restored() -> Iterator[None]:
    from lossary.registry import REGISTRY

    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)
