"""Settings of the whole suite: random tests that repeat, one thread per process, marks."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from typing import Any

import mlx_compiler
import pytest
from hypothesis import settings

# Times depend on the machine, so none is checked. A failure prints how to repeat it, and in
# continuous integration the examples are the same every time.
settings.register_profile("lossary", deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("lossary"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "lossary")

if "PYTEST_XDIST_WORKER" in os.environ:
    # The processes share the processors; set before a library that reads it is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The interpreters that tests start share what they compile of the package, 0.1 s for each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_configure(config: pytest.Config) -> None:
    """Prepare a run of several processes, which is a run of many tests."""
    if config.getoption("dist", "no") != "no":
        config.add_cleanup(mlx_compiler.precompile())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lift the time limit of exhaustive tests and skip what needs a device that is not there."""
    no_device = pytest.mark.skip(reason="no CUDA device")
    for item in items:
        if "exhaustive" in item.keywords and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(0))
        if "gpu" in item.keywords and not has_cuda_device():
            item.add_marker(no_device)


def has_cuda_device() -> bool:
    """Ask the driver itself, so that no array library is imported for it."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return (
        driver.cuInit(0) == 0
        and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
        and count.value > 0
    )


@pytest.fixture(scope="session")
def spark_server() -> Iterator[str]:
    """Start a Spark Connect server that needs no Java, once, and return its address."""
    spark = pytest.importorskip("pysail.spark", reason="Sail is not installed")
    pytest.importorskip("pyspark", reason="PySpark's client is not installed")
    server = spark.SparkConnectServer()
    server.start(background=True)
    _, port = server.listening_address
    yield f"sc://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="session")
def spark(spark_server: str) -> Iterator[Any]:
    """Return a session of that server."""
    sql = pytest.importorskip("pyspark.sql")
    session = sql.SparkSession.builder.remote(spark_server).create()
    yield session
    session.stop()
