"""Files in object stores: found by name, folder and pattern, and scored as from a disk."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hinge_jobs import job
from pyarrow import fs

from lossary.scoring import DataError, compare, file_systems, run_job
from lossary.scoring.files import find_files

MARGIN = np.random.default_rng(5).normal(size=300)
LABEL = np.where(MARGIN + 0.3 > 0, 1, -1)
TABLE = pa.table({"margin": MARGIN, "label": LABEL})
MEAN = np.maximum(0, 1 - MARGIN * LABEL).mean()


def mean(*files: str) -> float:
    return float(run_job(job(*files)).totals[0].figures("count")["mean"][0])


def csv() -> bytes:
    rows = zip(MARGIN.tolist(), LABEL.tolist(), strict=True)
    return "".join(["margin,label\n", *(f"{a!r},{b}\n" for a, b in rows)]).encode()


def put(system: Any, path: str, data: bytes = b"") -> None:
    with system.open_output_stream(path, compression=None) as stream:
        stream.write(data)


@pytest.fixture
def names(s3: Any) -> list[str]:
    """Return the names of files in the bucket."""
    names = ["a.csv", "b.csv", "x/c.csv", "x/y/d.parquet", "x/_log/e.csv", "x/.f.csv", "x/g.txt"]
    for name in names:
        put(s3, f"data/{name}")
    return names


def test_parquet_gives_the_same_bits_as_on_a_disk(s3: Any, tmp_path: Any) -> None:
    pq.write_table(TABLE, "data/a b/p.parquet", row_group_size=100, filesystem=s3)
    pq.write_table(TABLE, tmp_path / "p.parquet", row_group_size=100)
    found = mean("s3://data/a b/p.parquet")
    assert found == mean(str(tmp_path / "p.parquet"))
    assert found == pytest.approx(MEAN, rel=1e-14)


@pytest.mark.parametrize(
    ("name", "data"), [("p.csv", csv()), ("p.csv.gz", gzip.compress(csv())), ("P.CSV", csv())]
)
def test_csv_is_read_compressed_or_not(s3: Any, name: str, data: bytes) -> None:
    put(s3, f"data/{name}", data)
    assert mean(f"s3://data/{name}") == pytest.approx(MEAN, rel=1e-14)


@pytest.mark.parametrize("write", [pa.ipc.new_file, pa.ipc.new_stream])
def test_arrow_is_read_in_both_formats(s3: Any, write: Callable[..., Any]) -> None:
    with s3.open_output_stream("data/p.arrow") as stream, write(stream, TABLE.schema) as file:
        file.write_table(TABLE, max_chunksize=77)
    assert mean("s3://data/p.arrow") == pytest.approx(MEAN, rel=1e-14)


def test_a_file_in_a_store_is_compared_with_one_on_a_disk(s3: Any, tmp_path: Any) -> None:
    put(s3, "data/p.csv", csv())
    path = tmp_path / "p.csv"
    path.write_bytes(csv())
    result = compare(job("s3://data/p.csv"), job(str(path)))
    assert result.totals[0].figures("count")["difference"][0] == 0


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("s3://data/a.csv", ["a.csv"]),
        ("s3://data/*.csv", ["a.csv", "b.csv"]),
        ("s3://data/?.csv", ["a.csv", "b.csv"]),
        ("s3://data/[b-z].csv", ["b.csv"]),
        ("s3://data/*/*.csv", ["x/c.csv"]),
        ("s3://data/**/*.csv", ["a.csv", "b.csv", "x/_log/e.csv", "x/c.csv"]),
        ("s3://data/x/**/d.parquet", ["x/y/d.parquet"]),
        ("s3://data/x", ["x/c.csv", "x/y/d.parquet"]),
        ("s3://data/x/", ["x/c.csv", "x/y/d.parquet"]),
        ("s3://data", ["a.csv", "b.csv", "x/c.csv", "x/y/d.parquet"]),
    ],
)
@pytest.mark.usefixtures("names")
def test_files_are_found_as_on_a_disk(pattern: str, expected: list[str]) -> None:
    assert find_files([pattern]) == [f"s3://data/{name}" for name in expected]


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("name", ["a.csv", "*.csv", "x/"])
def test_what_is_not_there_is_named(name: str) -> None:
    with pytest.raises(DataError, match="no such file") as caught:
        find_files([f"s3://data/{name}"])
    assert str(caught.value).startswith(f"s3://data/{name}: ")


def test_a_folder_without_data_says_which_suffixes_count(s3: Any) -> None:
    put(s3, "data/x/a.txt")
    with pytest.raises(DataError, match=r"s3://data/x: the folder holds no file .* \.parquet"):
        find_files(["s3://data/x"])


def test_a_broken_file_is_named(s3: Any) -> None:
    put(s3, "data/p.parquet", b"PAR1PAR1PAR1PAR1")
    with pytest.raises(DataError, match=r"^s3://data/p\.parquet: the file cannot be read"):
        mean("s3://data/p.parquet")


def test_a_refused_connection_names_the_address(monkeypatch: pytest.MonkeyPatch, s3: Any) -> None:
    monkeypatch.setattr(file_systems, "ATTEMPTS", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(DataError, match=r"^s3://data/a\.csv: .*onnect") as caught:
        find_files(["s3://data/a.csv"])
    assert "secret" not in str(caught.value)


def test_a_store_that_stops_answering_is_given_up(monkeypatch: pytest.MonkeyPatch, s3: Any) -> None:
    monkeypatch.setattr(file_systems, "ATTEMPTS", 1)
    monkeypatch.setattr(file_systems, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(DataError, match=r"^s3://data/a\.csv: .*[Tt]ime"):
            find_files(["s3://data/a.csv"])


def test_the_address_of_a_local_file_is_one_too(tmp_path: Any) -> None:
    path = tmp_path / "a b.csv"
    path.write_bytes(csv())
    assert mean(path.as_uri()) == pytest.approx(MEAN, rel=1e-14)
    assert find_files([f"file://{tmp_path}/*.csv"]) == [f"file://{path}"]


def test_credentials_do_not_belong_in_addresses_of_stores() -> None:
    with pytest.raises(DataError, match="must not hold credentials") as caught:
        find_files(["s3://name:secret@bucket/a.csv"])
    assert "secret" not in str(caught.value)


def test_google_and_hadoop_have_their_own_file_systems() -> None:
    system, path = file_systems.resolve("gs://bucket/a b/c.csv")
    assert (type(system), path) == (fs.GcsFileSystem, "bucket/a b/c.csv")
    with pytest.raises(DataError, match=r"^hdfs://nowhere\.invalid:1/a\.csv: "):
        find_files(["hdfs://nowhere.invalid:1/a.csv"])


def test_errors_of_other_libraries_name_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")

    class Refused(Exception):
        pass

    def refuse(*_: object, **__: object) -> None:
        msg = "no rights for https://me:secret@host/a?key=secret"
        raise Refused(msg)

    memory.pipe("/store/a.csv", csv())
    monkeypatch.setattr(type(memory), "_open", refuse)
    try:
        with pytest.raises(DataError) as caught:
            mean("memory://store/a.csv")
    finally:
        memory.rm("/store", recursive=True)
    problem = "the file cannot be read: no rights for https://host/a?..."
    assert str(caught.value) == f"memory://store/a.csv: {problem}."


def test_other_addresses_are_those_of_fsspec() -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    try:
        memory.pipe("/store/x/a.csv", csv())
        memory.pipe("/store/x/b.csv.gz", gzip.compress(csv()))
        assert find_files(["memory://store/x/*.csv"]) == ["memory://store/x/a.csv"]
        assert run_job(job("memory://store/x")).rows == 600
        with pytest.raises(DataError, match=r"^memory://store/z\.csv: no such file"):
            find_files(["memory://store/z.csv"])
    finally:
        memory.rm("/store", recursive=True)
    with pytest.raises(DataError, match=r"fsspec cannot open it: .*nonsense"):
        find_files(["nonsense://store/a.csv"])
