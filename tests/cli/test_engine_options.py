"""Options on who scores, on quantiles and on files that cannot be read."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import HINGE, table

ROWS = 3000


@pytest.fixture
def folder(tmp_path):
    """Write three files, of which the last cannot be read."""
    random = np.random.default_rng(0)
    for part in range(2):
        data = {"margin": random.normal(size=ROWS), "label": np.ones(ROWS), "fold": [part] * ROWS}
        pq.write_table(pa.table(data), tmp_path / f"{part}.parquet")
    (tmp_path / "2.parquet").write_bytes(b"PAR1, and that is all")
    return tmp_path


def test_quantiles_are_columns(run, folder):
    files = [folder / "0.parquet", folder / "1.parquet"]
    outcome = run("score", *files, *HINGE, "--by", "fold", "--quantiles", "0.5,0.99")
    assert outcome.status == 0
    *_, whole = rows = table(outcome.out)
    assert len(rows) == 3
    margins = np.concatenate([pq.read_table(file)["margin"].to_numpy() for file in files])
    losses = np.maximum(0, 1 - margins)
    for share in (0.5, 0.99):
        expected = np.quantile(losses, share, method="inverted_cdf")
        assert float(whole[f"q{share}"]) == pytest.approx(expected, rel=0.01)
    data = json.loads(run("score", *files, *HINGE, "--quantiles", "0.5", "--json").out)
    assert data["losses"][0]["q0.5"] == float(whole["q0.5"])
    assert run("score", *files, *HINGE, "--quantiles", "half").status == 2
    assert "must be between 0 and 1" in run("score", *files, *HINGE, "--quantiles", "2").err


def test_files_that_cannot_be_read(run, folder):
    outcome = run("score", folder, *HINGE)
    assert outcome.status == 3
    assert f"lossary: {folder / '2.parquet'}: the file cannot be read" in outcome.err
    outcome = run("score", folder, *HINGE, "--skip-bad")
    assert outcome.status == 0
    assert "2.parquet: the file cannot be read" in outcome.err
    assert "It is left out." in outcome.err
    assert table(outcome.out)[0]["count"] == str(2 * ROWS)
    data = json.loads(run("score", folder, *HINGE, "--skip-bad", "--json").out)
    assert data["left_out"] == [{"what": str(folder / "2.parquet"), "rows": None}]


def test_nothing_that_can_be_read(run, folder):
    outcome = run("score", folder / "2.parquet", *HINGE, "--skip-bad")
    assert outcome.status == 3
    assert "there are no rows" in outcome.err


def test_any_number_of_workers_prints_the_same(run, folder):
    file = folder / "0.parquet"
    outputs = {run("score", file, *HINGE, "--workers", n).out for n in (1, 2, 4)}
    assert len(outputs) == 1


@pytest.mark.parametrize("option", ["--scheduler", "--remote"])
def test_what_an_engine_does_not_take(run, folder, option):
    outcome = run("score", folder / "0.parquet", *HINGE, option, "tcp://127.0.0.1:1")
    assert outcome.status == 2
    assert "scheduler must be left out for the local engine" in outcome.err
    outcome = run("compare", folder / "0.parquet", folder / "1.parquet", *HINGE, option, "sc://a:1")
    assert outcome.status == 2
    assert "scheduler must be left out for the local engine" in outcome.err
    assert run("score", folder, *HINGE, "--engine", "abacus").status == 2
    assert run("score", folder, *HINGE, "--workers", "0").status == 2


def test_an_engine_elsewhere(run, folder):
    spark = pytest.importorskip("pysail.spark", reason="Sail is not installed")
    pytest.importorskip("pyspark", reason="PySpark's client is not installed")
    server = spark.SparkConnectServer()
    server.start(background=True)
    try:
        address = f"sc://127.0.0.1:{server.listening_address[1]}"
        files = folder / "0.parquet", folder / "1.parquet"
        outcome = run("score", *files, *HINGE, "--engine", "spark", "--remote", address)
        assert outcome.status == 0, outcome.err
        assert outcome.out == run("score", *files, *HINGE).out
        outcome = run("compare", *files, *HINGE, "--engine", "spark", "--remote", address)
        assert outcome.status == 0, outcome.err
        assert outcome.out == run("compare", *files, *HINGE, "--workers", "2").out
        outcome = run("score", "-", *HINGE, "--engine", "spark", "--remote", address)
        assert outcome.status == 3
        assert "only this process can read standard input" in outcome.err
    finally:
        server.stop()


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
def test_an_interrupt_leaves_nothing(tmp_path, environment):
    """Rows that go on coming are one piece, and the output has begun."""
    command = [sys.executable, "-m", "lossary", "score", "-", *HINGE]
    command += ["--output", str(tmp_path / "losses.parquet")]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdin.write(b"margin,label\n" + b"0.5,1\n" * 200_000)
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".losses*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130, said
    assert list(tmp_path.iterdir()) == []
