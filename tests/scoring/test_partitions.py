"""Columns that the names of folders give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hinge_jobs import hinge_losses, job

from lossary.scoring import DataError, compare, run_job
from lossary.scoring.partitions import partition_values

DAYS = ["2026-01-01", "2026-01-02", "01067"]
RANDOM = np.random.default_rng(3)
TABLE = pa.table(
    {
        "margin": RANDOM.normal(size=90),
        "label": RANDOM.choice([-1, 1], 90),
        "day": np.repeat(DAYS, 30),
        "fold": np.tile(["0", "1"], 45),
    }
)
LOSSES = hinge_losses(TABLE)


@pytest.fixture(params=["parquet", "arrow", "csv"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder that is partitioned by day and fold."""
    keys = pa.schema([("day", pa.string()), ("fold", pa.string())])
    partitioning = pa.dataset.partitioning(keys, flavor="hive")
    path = tmp_path / "table"
    pa.dataset.write_dataset(TABLE, path, format=request.param, partitioning=partitioning)
    return path


def test_rows_are_grouped_by_folders(folder: Path) -> None:
    result = run_job(job(folder, by=("day", "fold")))
    expected = {
        (day, fold): LOSSES[(TABLE["day"].to_numpy() == day) & (TABLE["fold"].to_numpy() == fold)]
        for day in DAYS
        for fold in "01"
    }
    assert result.groups == sorted(expected)
    means = result.totals[0].figures("count")["mean"]
    assert means == pytest.approx([expected[key].mean() for key in result.groups])


def test_rows_are_chosen_by_folders(folder: Path) -> None:
    result = run_job(job(folder, where="fold"))
    assert (result.scored, result.excluded) == (45, 45)


def test_folders_weigh_rows(folder: Path) -> None:
    result = run_job(job(folder, weights="fold"))
    weighted = result.totals[0].figures("weights")["mean"][0]
    assert weighted == pytest.approx(LOSSES[TABLE["fold"].to_numpy() == "1"].mean())


def test_their_values_are_copied(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "losses.parquet"
    run_job(job(folder, output=output))
    written = pq.read_table(output)
    assert written.column_names == ["margin", "label", "day", "fold", "hinge_loss"]
    assert written["day"].to_pylist() == sorted(TABLE["day"].to_pylist())
    assert written.schema.field("fold").type == pa.string()


def test_both_sides_of_a_comparison_have_them(folder: Path) -> None:
    result = compare(job(folder, by=("day",)), job(folder, by=("day",)), key=())
    assert result.groups == [("01067",), ("2026-01-01",), ("2026-01-02",)]
    single = folder / "day=01067"
    copy = folder.parent / "copy"
    single.rename(copy)
    result = compare(job(f"{copy}/*/*", by=("fold",)), job(f"{copy}/*/*", by=("fold",)))
    assert result.groups == [("0",), ("1",)]


def test_a_column_of_the_file_hides_that_of_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "day=other"
    path.mkdir()
    pq.write_table(TABLE, path / "a.parquet")
    assert [key for (key,) in run_job(job(path, by=("day",))).groups] == sorted(DAYS)


def test_text_in_the_place_of_numbers_is_an_error(folder: Path) -> None:
    with pytest.raises(DataError, match="column 'day' must hold numbers"):
        run_job(job(folder, weights="day"))


def test_a_folder_of_an_object_store(s3: Any) -> None:
    for day in DAYS:
        part = TABLE.filter(pa.compute.equal(TABLE["day"], day)).drop_columns("day")
        pq.write_table(part, f"data/t/day={day}/part.parquet", filesystem=s3)
    result = run_job(job("s3://data/t", by=("day",)))
    assert [key for (key,) in result.groups] == sorted(DAYS)
    assert run_job(job("s3://data/t/day=2026*/*.parquet")).rows == 60


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.csv", {}),
        ("a/k=v/b=2.csv", {"k": "v"}),
        ("k=a%2Fb%3D/n=__HIVE_DEFAULT_PARTITION__/e=/x", {"k": "a/b=", "n": None, "e": ""}),
        ("https://host/k=v/x.csv?q=1", {"k": "v"}),
        ("a\\k=v\\x.csv", {"k": "v"}),
        ("=v/x.csv", {}),
    ],
)
def test_the_values_of_a_path(path: str, expected: dict[str, str | None]) -> None:
    assert partition_values(path) == expected


def test_a_missing_value_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "k=__HIVE_DEFAULT_PARTITION__"
    path.mkdir()
    pq.write_table(TABLE, path / "a.parquet")
    assert run_job(job(path, by=("k",))).groups == [(None,)]
    with pytest.raises(DataError, match="none of the 90 rows takes part: 90 lack a value"):
        run_job(job(path, where="k", skip_nulls=True))
