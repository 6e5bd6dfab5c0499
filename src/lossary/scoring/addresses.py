"""Addresses of files and databases, and how messages show them."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_USER = re.compile(r"([\w+.-]+://)[^/\s@'\"]*@")
_WEB_QUERY = re.compile(r"(https?://[^\s?'\"]*\?)(?:,(?!\s)|[^\s'\",])*", re.IGNORECASE)
_NAMED_QUERY = re.compile(r"([\w+.-]+://[^\s?'\"]*\?)[\w.-]+=(?:,(?!\s)|[^\s'\",])*")
WEB = ("http", "https")


def is_address(text: str) -> bool:
    """Return whether a text is an address such as ``s3://bucket/data.csv``, and not a path."""
    return _ADDRESS.match(text) is not None


def scheme(address: str) -> str:
    """Return what an address begins with, in lower case; empty for a path."""
    found = _ADDRESS.match(address)
    return found[1].lower() if found else ""


def is_web(text: str) -> bool:
    """Return whether a text is an address of a web server."""
    return scheme(text) in WEB


def file_path(text: str) -> str:
    """Return a path or an address up to the query of an address of a web server."""
    return re.split(r"[?#]", text, maxsplit=1)[0] if is_web(text) else text


def without_credentials(text: str) -> str:
    """Return a text whose addresses have neither a user nor a query, which may hold secrets.

    A question mark in the address of an object store, which is a wildcard, stays.
    """
    text = _USER.sub(r"\1", text)
    return _NAMED_QUERY.sub(r"\1...", _WEB_QUERY.sub(r"\1...", text))
