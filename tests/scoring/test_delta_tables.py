"""Delta tables: the rows of a version, without those that were deleted."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hinge_jobs import hinge_losses, job, mean, small_table

from lossary.scoring import DataError, compare, pieces, run_job
from lossary.scoring.files import find_files
from lossary.scoring.spans import file_spans

deltalake = pytest.importorskip("deltalake")

ROWS = 60
TABLE = small_table(["a b/ü", "c", "d"], ROWS)
LOSSES = hinge_losses(TABLE)
KIND = TABLE["kind"].to_numpy()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a table that was written in two parts."""
    path = tmp_path / "table"
    deltalake.write_deltalake(path, TABLE.slice(0, 40))
    deltalake.write_deltalake(path, TABLE.slice(40), mode="append")
    return path


def test_rows_come_in_the_order_they_were_written(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "losses.parquet"
    result = run_job(job(folder, output=output))
    assert mean(result) == pytest.approx(LOSSES.mean())
    assert result.files == [f"{folder}@v1"]
    assert pq.read_table(output)["id"].to_pylist() == list(range(ROWS))


def test_deleted_rows_do_not_count(folder: Path) -> None:
    deltalake.DeltaTable(folder).delete("id < 7 or kind = 'c'")
    kept = (np.arange(ROWS) >= 7) & (KIND != "c")
    result = run_job(job(folder))
    assert (result.rows, mean(result)) == (kept.sum(), pytest.approx(LOSSES[kept].mean()))
    earlier = run_job(job(f"{folder}@v1"))
    assert (earlier.rows, mean(earlier)) == (ROWS, pytest.approx(LOSSES.mean()))


def delete_by_vector(folder: Path, rows: list[int]) -> None:
    """Commit what other engines write: a deletion vector for the table's first file."""
    pyroaring = pytest.importorskip("pyroaring")
    log = folder / "_delta_log"
    lines = [json.loads(line) for line in (log / f"{0:020}.json").read_text().splitlines()]
    add = next(line["add"] for line in lines if "add" in line)
    bitmap = pyroaring.BitMap(rows).serialize()
    data = struct.pack("<iqi", 1681511377, 1, 0) + bitmap
    standard = (
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
    )
    z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    text = base64.b85encode(data + bytes(-len(data) % 4)).decode()
    vector = {
        "storageType": "i",
        "pathOrInlineDv": text.translate(str.maketrans(standard, z85)),
        "sizeInBytes": len(data),
        "cardinality": len(rows),
    }
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    removed = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}
    actions = [
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}},
        {"remove": removed},
        {"add": {**add, "deletionVector": vector}},
    ]
    text = "".join(json.dumps(action) + "\n" for action in actions)
    (log / f"{2:020}.json").write_text(text)


def test_rows_that_a_deletion_vector_names_do_not_count(folder: Path, tmp_path: Path) -> None:
    delete_by_vector(folder, [0, 3, 31])
    output = tmp_path / "losses.parquet"
    kept = ~np.isin(np.arange(ROWS), [0, 3, 31])
    result = run_job(job(folder, output=output))
    assert (result.rows, mean(result)) == (57, pytest.approx(LOSSES[kept].mean()))
    assert pq.read_table(output)["id"].to_pylist() == np.flatnonzero(kept).tolist()


def test_data_files_are_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_ROWS", 1)
    delete_by_vector(folder, [0, 3, 31])
    spans, errors = file_spans(find_files([str(folder)]), None)
    assert [(span.parts, span.rows_before, span.rows) for span in spans] == [
        (range(0, 1), 0, 37),
        (range(1, 2), 37, 20),
    ]
    assert not errors
    kept = ~np.isin(np.arange(ROWS), [0, 3, 31])
    result = run_job(job(folder, worst=1), workers=2)
    assert (result.rows, mean(result)) == (57, pytest.approx(LOSSES[kept].mean()))
    assert result.worst[0].records()[0]["row"] == np.argmax(LOSSES[kept]) + 1


def test_partitions_have_the_types_of_the_table(tmp_path: Path) -> None:
    table = TABLE.append_column("day", pa.array(np.resize([20_000, 20_001], ROWS), pa.int32()))
    table = table.set_column(4, "day", table["day"].cast(pa.date32()))
    deltalake.write_deltalake(tmp_path / "t", table, partition_by=["kind", "day"])
    result = run_job(job(tmp_path / "t", by=("kind",)))
    assert result.groups == [("a b/ü",), ("c",), ("d",)]
    expected = [LOSSES[np.asarray(KIND == key)].mean() for (key,) in result.groups]
    assert result.totals[0].figures("count")["mean"] == pytest.approx(expected)
    output = tmp_path / "losses.parquet"
    run_job(job(tmp_path / "t", by=("day",), output=output))
    assert pq.read_schema(output).field("day").type == pa.date32()


def test_columns_that_came_later_are_missing_before(folder: Path) -> None:
    later = TABLE.append_column("chosen", pa.array(np.arange(ROWS) % 2 == 0))
    deltalake.write_deltalake(folder, later, mode="append", schema_mode="merge")
    result = run_job(job(folder, where="chosen", skip_nulls=True))
    assert (result.rows, result.scored) == (2 * ROWS, ROWS // 2)


def test_renamed_columns_are_read_by_their_names(folder: Path) -> None:
    log = folder / "_delta_log" / f"{0:020}.json"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        if "protocol" in line:
            line["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
        if "metaData" in line:
            schema = json.loads(line["metaData"]["schemaString"])
            for number, field in enumerate(schema["fields"], start=1):
                name = field["name"]
                field["metadata"] = {
                    "delta.columnMapping.id": number,
                    "delta.columnMapping.physicalName": name,
                }
                field["name"] = {"margin": "prediction"}.get(name, name)
            line["metaData"]["schemaString"] = json.dumps(schema)
            line["metaData"]["configuration"] = {"delta.columnMapping.mode": "name"}
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = run_job(job(folder, inputs="prediction", by=("kind",)))
    assert (result.rows, len(result.groups)) == (ROWS, 3)


def test_tables_and_files_are_compared(folder: Path, tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "p.parquet")
    result = compare(job(folder), job(tmp_path / "p.parquet"), key=("id",))
    assert (result.rows, result.totals[0].figures("count")["difference"][0]) == (ROWS, 0)


def test_a_table_in_an_object_store(s3: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in folder.rglob("*.*"):
        with s3.open_output_stream(f"data/t/{path.relative_to(folder)}") as stream:
            stream.write(path.read_bytes())
    result = run_job(job("s3://data/t"))
    assert (result.files, result.rows) == (["s3://data/t@v1"], ROWS)
    assert mean(result) == pytest.approx(LOSSES.mean())


def test_files_of_tables_are_not_read_without_their_log(s3: Any, folder: Path) -> None:
    for path in folder.rglob("*.*"):
        with s3.open_output_stream(f"data/x/t/{path.relative_to(folder)}") as stream:
            stream.write(path.read_bytes())
    for pattern in (folder.parent, folder / "*.parquet", "s3://data/x", "s3://data/**/*.parquet"):
        with pytest.raises(DataError, match=r"there are files of a table, in the folder .*\bt"):
            find_files([str(pattern)])


def test_what_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"table@v9: the file cannot be read: .*version"):
        run_job(job(f"{folder}@v9"))
    with pytest.raises(DataError, match="must name a column, got 'nothing'"):
        run_job(job(folder, by=("nothing",)))
    next(folder.glob("*.parquet")).unlink()
    with pytest.raises(DataError, match=r"table@v1: the file cannot be read: .*[Nn]o such file"):
        run_job(job(folder))
