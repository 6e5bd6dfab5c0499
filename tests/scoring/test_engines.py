"""Every engine gives the bits that one thread gives, whatever happens to its workers."""

import itertools
import os
import signal
import socket
import sys
import threading
import time
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hinge_jobs import OPTIONS, cut_small, wide_range_table

import lossary
from lossary.scoring import running
from lossary.scoring.engines.local import LocalEngine
from lossary.scoring.engines.options import ENGINES
from lossary.scoring.scorer import PieceScorer

ROWS = 6000
TABLE = wide_range_table(ROWS, 8)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    cut_small(monkeypatch, 500)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a data set of several files."""
    cuts = [0, 900, 1000, 4400, ROWS]
    for place, (start, stop) in enumerate(itertools.pairwise(cuts)):
        path = tmp_path / "data" / f"{place}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(TABLE.slice(start, stop - start), path, row_group_size=100 + 70 * place)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def dask_cluster():
    """Start a Dask cluster of two processes."""
    distributed = pytest.importorskip("distributed", reason="Dask's scheduler is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def ray_cluster():
    """Start a Ray cluster of two processes, to which this process is connected."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=40)
    yield ray
    ray.shutdown()


@pytest.fixture(params=["local", "dask", "spark", "ray"])
def engine(request):
    """Return the arguments that choose an engine."""
    if request.param == "dask":
        cluster = request.getfixturevalue("dask_cluster")
        return {"engine": "dask", "scheduler": cluster.scheduler_address}
    if request.param == "spark":
        return {"engine": "spark", "scheduler": request.getfixturevalue("spark_server")}
    if request.param == "ray":
        request.getfixturevalue("ray_cluster")
        return {"engine": "ray"}
    return {"engine": "local", "workers": 3}


def bits(result):
    """Return everything that a result says, exactly."""
    totals = [item.columns() for item in result.totals]
    sums = [[(name, values.tobytes()) for name, values in item.items()] for item in totals]
    return result.groups, sums, [worst.records() for worst in result.worst], result.rows


def test_all_engines_are_tested():
    assert set(ENGINES) == {"local", "dask", "spark", "ray"}


def test_every_engine_gives_the_same_bits(folder, engine):
    expected = bits(lossary.score(folder, **OPTIONS, workers=1))
    seen = []
    told = {"progress": lambda *numbers: seen.append(numbers)}
    assert bits(lossary.score(folder, **OPTIONS, **engine, **told)) == expected
    assert seen[-1] == (ROWS, ROWS)
    assert len(seen) > 5


def test_workers_of_every_engine_find_files_by_paths_from_this_folder(
    folder, engine, tmp_path, monkeypatch
):
    """Workers run in the folders where they were started."""
    expected = bits(lossary.score(folder, **OPTIONS, workers=1))
    monkeypatch.chdir(tmp_path)
    assert bits(lossary.score("data", **OPTIONS, **engine))[:2] == expected[:2]
    options = {key: OPTIONS[key] for key in ("losses", "inputs", "targets", "domain")}
    assert lossary.compare("data", folder, **options, **engine).rows == ROWS


@pytest.mark.parametrize("by", ["fold", ["kind", "fold"]])
def test_every_engine_gives_the_same_bits_of_figures_by_group(folder, engine, by):
    """Without worst rows, blocks of rows are added to records, which travel."""
    options = {**OPTIONS, "worst": 0, "by": by}
    expected = bits(lossary.score(folder, **options, workers=1))
    assert bits(lossary.score(folder, **options, **engine)) == expected


def test_every_engine_gives_the_same_bins_of_probability(folder, engine):
    options = {**OPTIONS, "losses": "logistic_loss", "calibration": 5}
    expected = lossary.score(folder, **options, workers=1)
    found = lossary.score(folder, **options, **engine)
    for groups in (True, False):
        table = expected.calibration.to_arrow(groups=groups)
        assert found.calibration.to_arrow(groups=groups).equals(table)
        assert found.to_arrow(groups=groups).equals(expected.to_arrow(groups=groups))


def pair_bits(result):
    """Return everything that a comparison says, exactly."""
    totals = [item.columns() for item in result.totals]
    sums = [[(name, values.tobytes()) for name, values in item.items()] for item in totals]
    return result.groups, sums, result.rows, result.scored, result.notes


@pytest.mark.parametrize("source", ["files", "tables", "one file"])
def test_every_engine_compares_with_the_same_bits(folder, engine, source, tmp_path):
    """The row groups of B end at other rows than those of A, and B has columns of its own."""
    other = pc.multiply(TABLE["margin"], 1.25)
    others = pa.table({"margin": other, "label": TABLE["label"], "day": TABLE["fold"]})
    pq.write_table(others, tmp_path / "b.parquet", row_group_size=333)
    options = {key: OPTIONS[key] for key in ("losses", "targets", "weights", "domain")}
    options |= {"inputs": "margin", "by": ["kind", "day"]}
    sources = {"files": (folder, tmp_path / "b.parquet"), "tables": (TABLE, others)}
    if source == "one file":
        wide = TABLE.append_column("other", other)
        pq.write_table(wide, tmp_path / "c.parquet", row_group_size=300)
        sources[source] = (tmp_path / "c.parquet",)
        options |= {"inputs_a": "margin", "inputs_b": "other", "by": "kind"}
    expected = lossary.compare(*sources[source], **options, workers=1)
    assert expected.rows == expected.scored == ROWS
    seen = []
    told = {"progress": lambda *numbers: seen.append(numbers)}
    found = lossary.compare(*sources[source], **options, **engine, **told)
    assert pair_bits(found) == pair_bits(expected)
    assert found.to_arrow().equals(expected.to_arrow())
    assert seen[-1] == (ROWS, ROWS)
    assert len(seen) > 5


def test_every_engine_finds_the_first_row_that_differs(folder, engine):
    labels = TABLE["label"].to_numpy().copy()
    labels[[1200, 5800]] *= -1
    other = TABLE.set_column(1, "label", pa.array(labels))
    options = {key: OPTIONS[key] for key in ("losses", "targets", "inputs", "domain")}
    with pytest.raises(lossary.LossaryError, match=r"'label' has -?1 in row 1201, but -?1 in row"):
        lossary.compare(folder, other, **options, **engine)
    with pytest.raises(lossary.LossaryError, match="there are 5999 rows, but 6000 in"):
        lossary.compare(TABLE, TABLE.slice(1), **options, **engine)


def test_every_engine_takes_tables(engine):
    expected = bits(lossary.score(TABLE, **OPTIONS, workers=1))
    assert bits(lossary.score(TABLE, **OPTIONS, **engine)) == expected


def test_every_engine_says_that_there_are_no_rows(engine, tmp_path):
    with pytest.raises(lossary.LossaryError, match="there are no rows"):
        lossary.score(TABLE.slice(0, 0), **OPTIONS, **engine)
    pq.write_table(TABLE.slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(lossary.LossaryError, match="there are no rows"):
        lossary.score(tmp_path, **OPTIONS, **engine)


def test_every_engine_raises_the_first_error(folder, engine):
    labels = np.ones(ROWS, dtype=int)
    labels[[1200, 5800]] = 7, 9
    table = TABLE.set_column(1, "label", pa.array(labels))
    with pytest.raises(lossary.LossaryError, match="got 7 in row 1201"):
        lossary.score(table, **OPTIONS | {"domain": "raise", "losses": "hinge_loss"}, **engine)
    with pytest.raises(lossary.LossaryError, match="inputs must name a column, got 'marg'"):
        lossary.score(folder, **OPTIONS | {"inputs": "marg"}, **engine)


def test_every_engine_leaves_out_what_cannot_be_read(folder, engine):
    part = folder / "2.parquet"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 0xFF  # in the middle of a column chunk
    part.write_bytes(content)
    (folder / "3.parquet").write_bytes(b"PAR1 and then nothing that is Parquet")
    with pytest.raises(lossary.LossaryError, match=r"3\.parquet: the file cannot be read"):
        lossary.score(folder, **OPTIONS, **engine)
    result = lossary.score(folder, **OPTIONS, **engine, skip_bad=True)
    broken, unfooted = sorted(result.left_out, key=lambda item: item.what)
    assert "2.parquet, parts" in broken.what
    assert "It was tried 3 times." in broken.reason
    assert unfooted.what == str(folder / "3.parquet")
    assert result.rows == 4400 - broken.rows
    assert any("3.parquet" in note and "left out" in note for note in result.notes)


def test_only_this_process_writes_rows(folder, engine, tmp_path):
    options = {**OPTIONS, **engine, "output": tmp_path / "losses.parquet"}
    if engine["engine"] == "local":
        lossary.score(folder, **options)
        assert pq.read_metadata(tmp_path / "losses.parquet").num_rows == ROWS
        return
    with pytest.raises(lossary.LossaryError, match="output needs the engine of this process"):
        lossary.score(folder, **options)


@pytest.mark.parametrize("engine", ["dask", "ray"], indirect=True)
def test_a_worker_that_is_killed_loses_nothing(folder, engine, tmp_path, monkeypatch):
    marker = tmp_path / "was killed"

    def fatal(job, *_):
        scorer = PieceScorer(job)

        def scored(piece):
            if piece.index == 2 and not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return scorer(piece)

        return scored

    expected = bits(lossary.score(folder, **OPTIONS))
    monkeypatch.setattr(running, "PieceScorer", fatal)
    assert bits(lossary.score(folder, **OPTIONS, **engine)) == expected
    assert marker.exists()


@pytest.mark.parametrize("engine", ["dask", "ray"], indirect=True)
def test_a_piece_that_kills_its_workers_is_given_up(folder, engine, request, monkeypatch):
    def fatal(job, *_):
        scorer = PieceScorer(job)

        def scored(piece):
            if piece.index == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return scorer(piece)

        return scored

    monkeypatch.setattr(running, "PieceScorer", fatal)
    if engine["engine"] == "dask":
        scheduler = request.getfixturevalue("dask_cluster").scheduler
        monkeypatch.setattr(scheduler, "allowed_failures", 0)
    else:
        monkeypatch.setattr("lossary.scoring.engines.ray._RETRIES", 0)
    with pytest.raises(lossary.LossaryError, match=r"\.parquet.*were lost, 1 in all"):
        lossary.score(folder, **OPTIONS, **engine)


def test_a_read_that_fails_once_is_tried_again(folder, monkeypatch):
    failures = iter([OSError("the line is down"), OSError("the line is down")])
    original = pq.ParquetFile.iter_batches

    def unsteady(self, *args, **kwargs):
        for error in failures:
            raise error
        return original(self, *args, **kwargs)

    expected = bits(lossary.score(folder, **OPTIONS))
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", unsteady)
    seen = []
    told = {"progress": lambda rows, total: seen.append(rows)}
    assert bits(lossary.score(folder, **OPTIONS, workers=1, **told)) == expected
    assert seen[-1] == ROWS


def test_an_interrupt_ends_the_threads(folder, monkeypatch):
    """What other threads have begun ends with the next batch."""
    monkeypatch.setattr("lossary.scoring.source.BATCH_ROWS", 50)
    started, calls = threading.Event(), []

    def interrupted(self, partial):
        started.wait(10)
        raise KeyboardInterrupt

    def told(rows, total):
        calls.append(rows)
        started.set()

    monkeypatch.setattr("lossary.scoring.merging.Merger.add", interrupted)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        lossary.score(folder, **OPTIONS, workers=2, progress=told)
    assert threading.active_count() == before
    assert calls[-1] < ROWS


def test_an_interrupt_cancels_the_tasks_of_a_cluster(folder, dask_cluster, monkeypatch):
    scheduler = dask_cluster.scheduler
    mine = []

    def interrupted(self, partial):
        mine.extend(key for key in scheduler.tasks if str(key).startswith("lossary-score"))
        raise KeyboardInterrupt

    monkeypatch.setattr("lossary.scoring.merging.Merger.add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lossary.score(folder, **OPTIONS, engine="dask", scheduler=scheduler.address)
    assert len(mine) > 1
    deadline = time.monotonic() + 30
    while scheduler.tasks.keys() & set(mine) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not scheduler.tasks.keys() & set(mine)


def test_an_interrupt_cancels_the_tasks_of_ray(folder, ray_cluster, tmp_path, monkeypatch):
    begun = tmp_path / "begun"
    begun.mkdir()

    def slow(job, *_):
        scorer = PieceScorer(job)

        def scored(piece):
            (begun / str(piece.index)).touch()
            time.sleep(0.3 if piece.index else 0)
            return scorer(piece)

        return scored

    def interrupted(self, partial):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "PieceScorer", slow)
    monkeypatch.setattr("lossary.scoring.merging.Merger.add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lossary.score(folder, **OPTIONS, engine="ray")
    deadline = time.monotonic() + 30
    while ray_cluster.available_resources().get("CPU") != 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ray_cluster.available_resources()["CPU"] == 2
    assert ray_cluster.is_initialized()  # the connection was there before
    assert 0 < len([*begun.iterdir()]) < 8  # of eight that were sent


def test_results_come_in_order_and_few_are_held():
    engine, held = LocalEngine(3), []

    def pieces():
        for index in range(50):
            held.append(index)
            yield index

    seen = []
    for result in engine.map(lambda index: -index, pieces()):
        seen.append(result)
        assert len(held) - len(seen) <= 6
    assert seen == [-index for index in range(50)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"engine": "dusk"},
            "must be 'local' or 'dask' or 'spark' or 'ray', got 'dusk'. Did you mean dask",
        ),
        ({"workers": 0}, "workers must be a positive integer, got 0"),
        ({"scheduler": "tcp://a:1"}, "scheduler must be left out for the local engine"),
    ],
)
def test_engines_that_cannot_be(folder, options, message):
    with pytest.raises(ValueError, match=message):
        lossary.score(folder, **OPTIONS, **options)


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_an_engine_whose_library_is_missing_says_what_to_install(folder, name, monkeypatch):
    library, install = ENGINES[name]
    monkeypatch.delitem(sys.modules, f"lossary.scoring.engines.{name}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=f"pip install {install}"):
        lossary.score(folder, **OPTIONS, engine=name)


def test_losses_that_other_processes_cannot_import(folder, engine):
    @lossary.loss
    def loss_of_a_test(inputs, targets):
        return abs(inputs - targets)

    loss_of_a_test = lossary.get_loss(loss_of_a_test)
    loss_of_a_test.formula.__module__ = "__main__"
    options = {**OPTIONS, "losses": loss_of_a_test, **engine}
    if engine["engine"] == "local":
        assert lossary.score(folder, **options).rows == ROWS
        return
    with pytest.raises(ValueError, match="must be of a module that other processes can import"):
        lossary.score(folder, **options)


@pytest.mark.parametrize("address", ["", "tcp://host:1", "sc://", "sc://host:port;token=secret"])
def test_addresses_that_are_none(folder, address):
    pytest.importorskip("pyspark", reason="PySpark's client is not installed")
    with pytest.raises(ValueError, match="must be the address of a Spark Connect") as raised:
        lossary.score(folder, **OPTIONS, engine="spark", scheduler=address)
    assert "secret" not in str(raised.value)


def test_a_scheduler_that_is_not_there(folder):
    pytest.importorskip("pyspark", reason="PySpark's client is not installed")
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"sc://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ValueError, match="must be the address of a Spark Connect server"):
            lossary.score(folder, **OPTIONS, engine="spark", scheduler=address)
    with pytest.raises(ValueError, match="must be the address of a Spark Connect server"):
        lossary.score(folder, **OPTIONS, engine="spark")


def test_a_connection_to_ray_is_used_as_it_is(folder, ray_cluster):
    for options in ({"workers": 2}, {"scheduler": "auto"}):
        with pytest.raises(ValueError, match="must be left out where"):
            lossary.score(folder, **OPTIONS, engine="ray", **options)
    assert ray_cluster.is_initialized()


def test_a_cluster_of_this_machine(folder):
    pytest.importorskip("distributed", reason="Dask's scheduler is not installed")
    expected = bits(lossary.score(folder, **OPTIONS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = lossary.score(folder, **OPTIONS, engine="dask", workers=1)
    assert bits(found) == expected
