"""Iceberg tables: the rows of a snapshot, without those that were deleted."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hinge_jobs import hinge_losses, job, mean, small_table

from lossary.scoring import DataError, compare, pieces, run_job
from lossary.scoring.files import find_files
from lossary.scoring.iceberg_tables import latest_metadata
from lossary.scoring.spans import file_spans

pytest.importorskip("pyiceberg")
pytest.importorskip("sqlalchemy", reason="SQLAlchemy, for a catalog on a disk, is not installed")

ROWS = 60
TABLE = small_table(["a", "c", "d"], ROWS)
LOSSES = hinge_losses(TABLE)
NAME = "iceberg://local/models.scores"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a table of a catalog, which the environment describes, written in two parts."""
    from pyiceberg.catalog import load_catalog

    settings = {"TYPE": "sql", "URI": f"sqlite:///{tmp_path}/catalog.db", "WAREHOUSE": tmp_path}
    for name, value in settings.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__LOCAL__{name}", str(value))
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", _environment())
    catalog = load_catalog("local")
    catalog.create_namespace("models")
    table = catalog.create_table("models.scores", schema=TABLE.schema)
    table.append(TABLE.slice(0, 40))
    table.append(TABLE.slice(40))
    yield table
    catalog.close()


def _environment() -> Any:
    from pyiceberg.utils.config import Config

    return Config()


def test_a_table_of_a_catalog_is_scored(table: Any) -> None:
    result = run_job(job(NAME, by=("kind",)))
    assert result.files == [f"{NAME}@{table.current_snapshot().snapshot_id}"]
    expected = [LOSSES[np.asarray(TABLE["kind"]) == kind].mean() for kind in "acd"]
    assert result.totals[0].figures("count")["mean"] == pytest.approx(expected)


def test_a_table_is_found_by_its_folder_and_its_metadata(table: Any) -> None:
    metadata = Path(table.metadata_location.removeprefix("file://"))
    assert find_files([str(metadata.parents[1])]) == [str(metadata)]
    for name in (metadata, metadata.parents[1], f"{metadata.parents[1]}/"):
        assert mean(run_job(job(name))) == pytest.approx(LOSSES.mean())


def test_deleted_rows_do_not_count(table: Any) -> None:
    before = table.current_snapshot().snapshot_id
    table.delete("id < 7 or kind = 'c'")
    kept = (np.arange(ROWS) >= 7) & (np.asarray(TABLE["kind"]) != "c")
    result = run_job(job(NAME))
    assert (result.rows, mean(result)) == (kept.sum(), pytest.approx(LOSSES[kept].mean()))
    earlier = run_job(job(f"{NAME}@{before}"))
    assert (earlier.rows, mean(earlier)) == (ROWS, pytest.approx(LOSSES.mean()))


def test_rows_that_a_file_of_positions_deletes_do_not_count(
    table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The library reads such files and does not write them, so the plan is that of other engines.
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.table import DataScan, FileScanTask

    (first, *others) = table.scan().plan_files()
    ids = pq.read_table(first.file.file_path.removeprefix("file://"))["id"].to_numpy()
    positions = tmp_path / "positions.parquet"
    deleted = pa.table({"file_path": [first.file.file_path] * 2, "pos": [0, len(ids) - 1]})
    pq.write_table(deleted, positions)
    deletes = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=str(positions),
        file_format=FileFormat.PARQUET,
        record_count=2,
        file_size_in_bytes=positions.stat().st_size,
    )
    plan = [FileScanTask(first.file, {deletes}, first.residual), *others]
    monkeypatch.setattr(DataScan, "plan_files", lambda _: plan)
    assert [span.parts for span in file_spans(find_files([NAME]), None)[0]] == [None]
    kept = ~np.isin(np.arange(ROWS), ids[[0, -1]])
    result = run_job(job(NAME))
    assert (result.rows, mean(result)) == (58, pytest.approx(LOSSES[kept].mean()))


def test_data_files_are_pieces(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_ROWS", 1)
    spans, errors = file_spans(find_files([NAME]), None)
    assert sorted(span.rows for span in spans) == [20, 40]
    assert not errors
    assert mean(run_job(job(NAME), workers=2)) == pytest.approx(LOSSES.mean())


def test_columns_have_their_latest_names_and_types(table: Any, tmp_path: Path) -> None:
    with table.update_schema() as update:
        update.rename_column("margin", "prediction")
    output = tmp_path / "losses.parquet"
    run_job(job(NAME, inputs="prediction", output=output))
    assert pq.read_schema(output).names == ["id", "prediction", "label", "kind", "hinge_loss"]


def test_tables_and_files_are_compared(table: Any, tmp_path: Path) -> None:
    output = tmp_path / "p.parquet"
    run_job(job(NAME, output=output))
    result = compare(job(NAME), job(output), key=("id",))
    assert (result.rows, result.totals[0].figures("count")["difference"][0]) == (ROWS, 0)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("iceberg://local/models.nothing", "[Nn]o.*such.*table|does not exist"),
        ("iceberg://nowhere/models.scores", "the file cannot be read"),
        ("iceberg://local", "is not the name of a table"),
        (f"{NAME}@1", "[Ss]napshot"),
    ],
)
@pytest.mark.usefixtures("table")
def test_what_is_not_there_is_named(name: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        run_job(job(name))
    assert str(caught.value).startswith(f"{name}: ")


def test_a_folder_with_a_table_in_it_is_an_error(table: Any, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"there are files of a table, in the folder .*/models/scores\."
    ):
        find_files([str(tmp_path)])


def test_the_latest_metadata_has_the_largest_number() -> None:
    names = ["00009-a.metadata.json", "00010-b.metadata.json", "00011-c.avro", "x.metadata.json"]
    assert latest_metadata(names) == "00010-b.metadata.json"
    assert latest_metadata(["v9.metadata.json", "v10.metadata.json"]) == "v10.metadata.json"
    assert latest_metadata(["snap-1.avro"]) is None


def test_a_table_in_an_object_store(s3_server: str, s3: Any, tmp_path: Path) -> None:
    from pyiceberg.catalog import load_catalog

    place = {"uri": f"sqlite:///{tmp_path}/other.db", "warehouse": "s3://data/warehouse"}
    store = {"s3.endpoint": s3_server, "s3.region": "us-east-1"}
    with closing(load_catalog("other", type="sql", **place, **store)) as other:
        other.create_namespace("models")
        table = other.create_table("models.scores", schema=TABLE.schema)
        table.append(TABLE)
        metadata = table.metadata_location
    assert find_files(["s3://data/warehouse/models/scores"]) == [metadata]
    assert mean(run_job(job("s3://data/warehouse/models/scores"))) == pytest.approx(LOSSES.mean())
