"""Addresses, and what messages show of them."""

import pytest

from lossary.scoring.addresses import (
    display_name,
    file_path,
    is_address,
    is_query,
    is_web,
    parsed_query,
    query_address,
    without_credentials,
)


@pytest.mark.parametrize("text", ["s3://b/x.csv", "HTTPS://h/x", "iceberg://c/n.t", "a+b://c"])
def test_an_address_has_a_scheme(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["x.csv", "-", "C:\\x.csv", "c://x", "a b://c", "a/s3://b"])
def test_anything_else_is_a_path(text: str) -> None:
    assert not is_address(text)


def test_the_query_of_a_web_address_is_not_a_part_of_the_name() -> None:
    assert file_path("https://host/a.csv.gz?sig=a.b#part") == "https://host/a.csv.gz"
    assert file_path("s3://bucket/part-?.csv") == "s3://bucket/part-?.csv"
    assert is_web("http://host")
    assert not is_web("s3://host")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://me:secret@host/a.csv", "https://host/a.csv"),
        ("see https://h/a?sig=x,y&z=1, and b", "see https://h/a?..., and b"),
        ("https://h/a?token", "https://h/a?..."),
        ("postgresql://me:secret@h/db?sslpassword=x", "postgresql://h/db?..."),
        ("s3://bucket/a@b/part-?.csv", "s3://bucket/a@b/part-?.csv"),
        ("a.csv, b?c=1.csv", "a.csv, b?c=1.csv"),
    ],
)
def test_credentials_are_not_shown(text: str, expected: str) -> None:
    assert without_credentials(text) == expected


@pytest.mark.parametrize("database", ["", "a b/c?d#e%f.duckdb", "C:\\x.db", "postgresql://h/d?x=1"])
def test_an_address_holds_query_and_database(database: str) -> None:
    query = "SELECT '%3F' AS a\nFROM t WHERE b ? 1"
    address = query_address(query, database)
    assert is_query(address)
    assert parsed_query(address) == (query, database)


def test_a_query_is_shown_on_one_line() -> None:
    query = "SELECT a,\n  b\nFROM t"
    assert display_name(query_address(query)) == "SELECT a, b FROM t"
    database = "postgresql://me:secret@h/d?password=secret"
    name = display_name(query_address(query * 20, database))
    assert name.startswith("SELECT a, b FROM tSELECT")
    assert name.endswith("... [postgresql://h/d?...]")
    assert len(name) < 150
