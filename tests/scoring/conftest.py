"""A server of an object store, started once."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Return the address of an S3 server on loopback, which the environment names too."""
    server = pytest.importorskip("moto.server", reason="moto, an S3 server, is not installed")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield "http://{}:{}".format(*running.get_host_and_port())
    running.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch):
    """Return Arrow's file system of the server, with an empty bucket ``data``."""
    from pyarrow import fs

    variables = {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "name",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    system = fs.S3FileSystem(
        endpoint_override=s3_server, allow_bucket_creation=True, allow_bucket_deletion=True
    )
    system.create_dir("data")
    yield system
    system.delete_dir("data")
