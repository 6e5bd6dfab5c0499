"""Addresses of Ray clusters that are none: what says so, in seconds, starts nothing."""

import socket

import pytest
from hinge_jobs import OPTIONS, wide_range_table

import lossary

ray = pytest.importorskip("ray", reason="Ray is not installed")

TABLE = wide_range_table(10, 8)


@pytest.fixture(autouse=True)
def _unconnected():
    yield
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "tcp://"}, "must be the address of a running Ray cluster"),
        ({"scheduler": "host:port"}, "must be the address of a running Ray cluster"),
        ({"scheduler": "ray://host:10001", "workers": 2}, "workers must be left out"),
    ],
)
def test_addresses_that_are_none_of_ray(options, message):
    with pytest.raises(ValueError, match=message):
        lossary.score(TABLE, **OPTIONS, engine="ray", **options)


def test_a_ray_cluster_that_is_not_there():
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        for address in ("127.0.0.1:{}", "ray://127.0.0.1:{}"):
            options = {"engine": "ray", "scheduler": address.format(taken.getsockname()[1])}
            with pytest.raises(ValueError, match="must be the address of a running Ray cluster"):
                lossary.score(TABLE, **OPTIONS, **options)
