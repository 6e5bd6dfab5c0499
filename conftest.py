"""What every test and doctest shares: losses that one defines are gone for the next.

Pages whose examples need a library that is missing are skipped, with that reason. A test module
that cannot be imported is a failure.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import re
from collections.abc import Generator, Iterator

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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector what is collected: it would visit it again and again.

    That is a quarter of the time of collecting all tests, and a second in each full collection
    while they run. What is made then is collected, less often: exact numbers are many objects.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail where a test module cannot be imported: doctests skip modules, tests and all."""
    report = yield
    broken = report.outcome == "skipped" and "unable to import module" in str(report.longrepr)
    if broken and "tests" in collector.path.relative_to(collector.config.rootpath).parts:
        report.outcome = "failed"
    return report


@pytest.fixture(autouse=True)
def _registry_restored() -> Iterator[None]:
    from lossary.families import load_all
    from lossary.registry import REGISTRY

    load_all()
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)
