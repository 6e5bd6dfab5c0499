"""How fast files are scored, beside PyArrow reading the same columns and grouping the same rows.

    python benchmarks/scoring.py                  50 million rows, 1,000 groups
    python benchmarks/scoring.py --rows 5e6       fewer
    python benchmarks/scoring.py --engines dask spark ray

Times are the best of several runs, in turn, so that what else the machine does hits all alike. Each
measurement is a process of its own, whose largest memory is that of reading and scoring.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import lossary

ROW_GROUP = 1 << 20
SERVERS: list[Any] = []  # kept, because a server ends with its object
FILES = 4
COLUMNS = ["margin", "label", "group"]
OPTIONS: dict[str, Any] = {
    "losses": ["hinge_loss", "binary_cross_entropy"],
    "inputs": "margin",
    "targets": "label",
    "positive": "1",
    "by": "group",
}


def write(folder: Path, rows: int, groups: int) -> None:
    """Write predictions of float64, labels 0 and 1 and groups as integers, in several files."""
    random = np.random.default_rng(0)
    for part in range(FILES):
        with pq.ParquetWriter(folder / f"{part}.parquet", _table(random, 0, groups).schema) as file:
            for start in range(0, rows // FILES, ROW_GROUP):
                size = min(ROW_GROUP, rows // FILES - start)
                file.write_table(_table(random, size, groups))


def _table(random: np.random.Generator, rows: int, groups: int) -> pa.Table:
    margin, label = random.normal(size=rows), random.integers(0, 2, rows).astype(np.int8)
    return pa.table({"margin": margin, "label": label, "group": random.integers(0, groups, rows)})


def read(folder: Path) -> None:
    """Read and decode the columns, a row group at a time on every core."""

    def decode(path: Path, group: int) -> None:
        with pq.ParquetFile(path) as file:
            for _ in file.iter_batches(1 << 17, [group], COLUMNS, use_threads=False):
                pass

    paths = sorted(folder.iterdir())
    parts = [(path, i) for path in paths for i in range(pq.read_metadata(path).num_row_groups)]
    with ThreadPoolExecutor(lossary.get_num_threads()) as pool:
        list(pool.map(lambda part: decode(*part), parts))


def group(folder: Path) -> None:
    """Read and group with PyArrow: two columns, and the figures that scoring has of each."""
    table = pq.read_table(folder, columns=COLUMNS)
    figures = ["sum", "min", "max", "count"]
    columns = ("margin", "label")
    table.group_by("group").aggregate([(name, item) for name in columns for item in figures])


def score(folder: Path, **engine: Any) -> None:
    """Score."""
    lossary.score(folder, **OPTIONS, **engine)


def measure(run: Callable[[], None], repeats: int) -> dict[str, float]:
    """Return the least time and processor time of several runs, and the process's memory."""
    walls, processors = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": min(walls), "processor": min(processors), "megabytes": memory}


def task(name: str, folder: Path) -> Callable[[], None]:
    """Return what is measured under a name."""
    if name == "read":
        return lambda: read(folder)
    if name == "group":
        return lambda: group(folder)
    if name == "dask":
        import dask.config
        from distributed import LocalCluster

        from lossary.scoring.engines.dask import SETTINGS

        with dask.config.set(SETTINGS):  # as the engine does where it starts the cluster
            cluster = LocalCluster(threads_per_worker=1, dashboard_address="127.0.0.1:0")
        return lambda: score(folder, engine="dask", scheduler=cluster.scheduler_address)
    if name == "spark":
        from pysail.spark import SparkConnectServer

        SERVERS.append(server := SparkConnectServer())
        server.start(background=True)
        cores = lossary.get_num_threads()
        address = f"sc://127.0.0.1:{server.listening_address[1]}"
        return lambda: score(folder, engine="spark", scheduler=address, workers=cores)
    if name == "ray":
        import ray

        cores = lossary.get_num_threads()
        ray.init("local", num_cpus=cores, include_dashboard=False, log_to_driver=False)
        return lambda: score(folder, engine="ray")
    return lambda: score(folder)


def compare(names: list[str], rows: int, groups: int, rounds: int) -> None:
    """Print a line for each of the names, measured in turn."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), rows, groups)
        best: dict[str, dict[str, float]] = {}
        for name in names * rounds:
            command = [sys.executable, __file__, "--measure", name, folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            before = best.get(name, found)
            best[name] = {key: min(value, before[key]) for key, value in found.items()}
    print(f"{rows:,} rows, {groups:,} groups, {lossary.get_num_threads()} cores")
    for name, found in best.items():
        rate = rows / found["seconds"] / 1e6
        print(
            f"{name:8}{found['seconds']:8.2f} s{rate:8.1f} million rows/s"
            f"{found['processor'] / rows * 1e9:8.1f} ns of processor time a row"
            f"{found['megabytes']:8.0f} MB"
        )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=50_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", nargs="*", default=[], choices=["dask", "spark", "ray"])
    parser.add_argument("--measure", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        name, folder = given.measure
        print(json.dumps(measure(task(name, Path(folder)), repeats=2)), flush=True)
        os._exit(0)  # servers in the process would take seconds to end
    compare(["read", "local", *given.engines], given.rows, 1000, given.rounds)
    compare(["group", "local"], min(given.rows, 5_000_000), 200_000, given.rounds)


if __name__ == "__main__":
    main()
