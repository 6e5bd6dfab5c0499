"""Addresses of files and databases, and how messages show them."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_USER = re.compile(r"([\w+.-]+://)[^/\s@'\"]*@")
_WEB_QUERY = re.compile(r"(https?://[^\s?'\"]*\?)(?:,(?!\s)|[^\s'\",])*", re.IGNORECASE)
_NAMED_QUERY = re.compile(r"([\w+.-]+://[^\s?'\"]*\?)[\w.-]+=(?:,(?!\s)|[^\s'\",])*")
WEB = ("http", "https")
_QUERY = "sql://"
# Characters of a database that need no quotation: all but those that end it.
_SAFE = "/:@!$&'()*+,;=[] \\"
_SHOWN_CHARACTERS = 100


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


def query_address(query: str, database: str = "") -> str:
    """Return the address of the rows of an SQL query: ``sql://DATABASE?QUERY``.

    Parameters
    ----------
    query : str
        The query, in the SQL of the database.
    database : str
        A DuckDB file; or an address that begins with the name of an ADBC driver, such as
        ``sqlite:scores.db`` or ``postgresql://host/scores``. Without it DuckDB reads the files that
        the query names.

    Returns
    -------
    str
        A source for :func:`lossary.score` and for jobs.

    Examples
    --------
    >>> from lossary.scoring import query_address
    >>> query_address("SELECT margin, label FROM scores", "models.duckdb")
    'sql://models.duckdb?SELECT margin, label FROM scores'
    """
    return f"{_QUERY}{quote(database, safe=_SAFE)}?{query}"


def is_query(text: str) -> bool:
    """Return whether a text is the address of a query."""
    return text.startswith(_QUERY)


def parsed_query(address: str) -> tuple[str, str]:
    """Return the query and the database of an address."""
    database, _, query = address.removeprefix(_QUERY).partition("?")
    return query, unquote(database)


def display_name(path: str) -> str:
    """Return a path, an address or a query on one line, without credentials."""
    if not is_query(path):
        return without_credentials(path)
    query, database = parsed_query(path)
    text = " ".join(query.split())
    if len(text) > _SHOWN_CHARACTERS:
        text = f"{text[: _SHOWN_CHARACTERS - 3]}..."
    text = without_credentials(text)
    return f"{text} [{without_credentials(database)}]" if database else text


def without_credentials(text: str) -> str:
    """Return a text whose addresses have neither a user nor a query, which may hold secrets.

    A question mark in the address of an object store, which is a wildcard, stays.
    """
    text = _USER.sub(r"\1", text)
    return _NAMED_QUERY.sub(r"\1...", _WEB_QUERY.sub(r"\1...", text))
