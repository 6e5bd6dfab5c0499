"""Files on disks, in object stores and on web servers: how they are found and opened."""

from __future__ import annotations

import fnmatch
import itertools
import os
import posixpath
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from pyarrow import fs

from lossary.optional import require
from lossary.scoring.addresses import file_path, is_address, is_web, scheme
from lossary.scoring.errors import data_error
from lossary.scoring.web_file import WebFile

#: Seconds without an answer after which a request to an object store is given up, and how often it
#: is made.
TIMEOUT = 30.0
ATTEMPTS = 3
_OWN = ("s3", "s3a", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss", "file")
_WILD = set("*?[")
# A request costs the time of a few megabytes.
_BUFFER = 1 << 22


def open_file(path: str) -> Any:
    """Open a file or an address as an Arrow file that is readable at any position."""
    if is_web(path):
        return pa.PythonFile(WebFile(path), mode="r")
    if is_address(path):
        system, inner = resolve(path)
        return system.open_input_file(inner)
    return pa.OSFile(path)


def open_stream(path: str) -> Any:
    """Open a file or an address as an Arrow file that is read in order, decompressed."""
    if not is_address(path):
        return pa.input_stream(path, compression="detect")
    compression = "gzip" if file_path(path).endswith(".gz") else None
    return pa.input_stream(open_file(path), compression=compression, buffer_size=_BUFFER)


def file_size(path: str) -> int:
    """Return the number of bytes of a file or of what is at an address."""
    if not is_address(path):
        return os.stat(path).st_size
    with open_file(path) as file:
        return int(file.size())


def is_foreign(path: str) -> bool:
    """Return whether an address is one that Arrow has no file system for, but fsspec may."""
    return is_address(path) and not is_web(path) and scheme(path) not in _OWN


def exists(address: str) -> bool:
    """Return whether there is a file at an address. Of a web server the file itself tells."""
    if is_web(address):
        return True
    system, path = resolve(address)
    return bool(system.get_file_info(path).type == fs.FileType.File)


def is_folder(address: str) -> bool:
    """Return whether there are files below an address."""
    system, path = resolve(address)
    return bool(system.get_file_info(path).type == fs.FileType.Directory)


def files_below(address: str) -> list[str]:
    """Return the paths of all files below an address, relative to it, sorted."""
    system, path = resolve(address.rstrip("/"))
    selector = fs.FileSelector(path, recursive=True, allow_not_found=True)
    found = [item.path for item in system.get_file_info(selector) if item.is_file]
    return sorted(posixpath.relpath(item, path) for item in found)


def divided(pattern: str) -> tuple[str, Sequence[str]]:
    """Return the folder that a pattern begins with, and its further parts if there are wildcards.

    Addresses of web servers, which have no lists of their files, are not patterns.
    """
    parts = pattern.rstrip("/").split("/")
    wild = [] if is_web(pattern) else [i for i, part in enumerate(parts) if _WILD & set(part)]
    start = min(wild, default=len(parts))
    return "/".join(parts[:start]), parts[start:]


def matches(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    """Return whether the parts of a path match those of a pattern; ``**`` is any folders."""
    if not patterns:
        return not parts
    if patterns[0] == "**":
        folders = itertools.takewhile(lambda part: not part.startswith("."), parts[:-1])
        depth = len(list(folders))
        return any(matches(parts[index:], patterns[1:]) for index in range(depth + 1))
    if not parts or (parts[0].startswith(".") and not patterns[0].startswith(".")):
        return False
    return fnmatch.fnmatchcase(parts[0], patterns[0]) and matches(parts[1:], patterns[1:])


# --- file systems -----------------------------------------------------------------------------
def resolve(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path of the file in it."""
    kind = scheme(address)
    rest = address.partition("://")[2].rstrip("/")
    host, _, path = rest.partition("/")
    if kind not in _OWN:
        return _fsspec(address)
    if kind in {"s3", "s3a", "gs", "gcs"}:
        if "@" in host:
            remedy = "Credentials are taken from the environment and from configuration files."
            raise data_error(address, "must not hold credentials", remedy)
        return (_s3(host, _aws_variables()) if kind.startswith("s3") else _gcs()), rest
    if kind in {"hdfs", "viewfs"}:
        return _hdfs(kind, host), f"/{path}"
    system, path = fs.FileSystem.from_uri(quote(address, safe="%/:@!$&'()*+,;=?~-._"))
    return system, path


def s3_settings() -> tuple[str | None, str | None, bool]:
    """Return the endpoint, the region and whether requests are unsigned, from the environment."""
    variables = os.environ
    endpoint = variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL")
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
    unsigned = variables.get("AWS_SKIP_SIGNATURE", "").lower() in {"1", "true"}
    return endpoint, region, unsigned


def _aws_variables() -> frozenset[tuple[str, str]]:
    """Return the variables that file systems depend on, credentials among them."""
    return frozenset(item for item in os.environ.items() if item[0].startswith("AWS_"))


@lru_cache(maxsize=16)
def _s3(bucket: str, _: frozenset[tuple[str, str]]) -> Any:
    endpoint, region, unsigned = s3_settings()
    if region is None and endpoint is None:
        region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        anonymous=unsigned,
        region=region,
        endpoint_override=endpoint,
        connect_timeout=TIMEOUT,
        request_timeout=TIMEOUT,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
    )


@lru_cache(maxsize=1)
def _gcs() -> Any:
    return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=ATTEMPTS * TIMEOUT))


@lru_cache(maxsize=4)
def _hdfs(kind: str, host: str) -> Any:
    name, _, port = host.partition(":")
    return fs.HadoopFileSystem(f"{kind}://{name}" if name else "default", int(port or 0))


def _fsspec(address: str) -> tuple[Any, str]:
    """Return a file system of fsspec."""
    fsspec = require("score", "fsspec.core", library="fsspec")
    try:
        system, path = fsspec.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise data_error(address, f"fsspec cannot open it: {error}") from None
    return fs.PyFileSystem(fs.FSSpecHandler(system)), path
