"""Addresses, and what messages show of them."""

import pytest

from lossary.scoring.addresses import file_path, is_address, is_web, without_credentials


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
