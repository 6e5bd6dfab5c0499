"""Time four losses in every library, side by side in one run.

    python benchmarks/run.py                 every size from 10^2 to 10^7
    python benchmarks/run.py --quick         four sizes
    python benchmarks/run.py --skip-memory   without the table of extra memory
    python benchmarks/run.py --json FILE     the figures as JSON besides the tables
    python benchmarks/run.py --before FOLDERS   beside an earlier version, found in these folders

A cell is the median over rounds in which the libraries take turns, so that a slow moment of the
machine falls on all of them. Tables give ratios: how many times longer the fastest peer takes.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import peers
from earlier import Earlier
from sampling import ROUNDS, repeats, sample

# Processes that torch.compile starts to compile in would run beside the measurements.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")


def main() -> None:
    """Run the benchmark and print its tables."""
    options = parse()
    if options.memory:
        print(json.dumps(peak_memory(*options.memory)))
        return
    print(machine())
    bandwidth = read_bandwidth()
    print(f"measured read bandwidth: {bandwidth / 1e9:.1f} GB/s\n")
    sizes = [10**2, 10**4, 10**6, 10**7] if options.quick else [10**k for k in range(2, 8)]
    before = Earlier(options.before) if options.before else None
    rows = [
        cell(loss, size, gradient, before)
        for loss in peers.LOSSES
        for gradient in (False, True)
        for size in sizes
    ]
    print_times(rows)
    if before is not None:
        print_before(rows, before.version)
        before.close()
    hinge = hinge_bandwidth(bandwidth)
    print(f"\nhinge mean over 2 x 10^7 float32: {hinge:.0%} of the measured read bandwidth")
    memory = [] if options.skip_memory else memory_table()
    if options.json:
        figures = {"machine": machine(), "read": bandwidth, "cells": rows, "hinge": hinge}
        Path(options.json).write_text(json.dumps({**figures, "memory": memory}, indent=2))


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="four sizes")
    parser.add_argument("--skip-memory", action="store_true", help="leave out the memory table")
    parser.add_argument("--before", metavar="FOLDERS",
                        help="PYTHONPATH of an earlier version to compare with")  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write the figures too")
    parser.add_argument("--memory", nargs=3, metavar=("LOSS", "LIBRARY", "GRADIENT"),
                        help=argparse.SUPPRESS)  # fmt: skip
    return parser.parse_args()


def machine() -> str:
    """Describe the machine and the versions."""
    import jax
    import llvmlite
    import mlx.core as mx
    import numpy as np
    import torch

    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        cpu = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), cpu)
    return (
        f"{cpu}, {os.cpu_count()} processors; Python {platform.python_version()}, NumPy "
        f"{np.__version__}, llvmlite {llvmlite.__version__}, PyTorch {torch.__version__}, JAX "
        f"{jax.__version__}, MLX {mx.__version__}"
    )


def read_bandwidth() -> float:
    """Measure how fast memory can be read: a compiled sum over 1.6 x 10^8 bytes, all threads."""
    import numpy as np

    from lossary.kernels import compile as compiler
    from lossary.kernels import threads
    from lossary.kernels.code import Code
    from lossary.kernels.lanes import LANES

    code = Code("read", {"count": "i64", "x": "ptr", "out": "ptr"})
    given = code.given
    (total,) = code.loop(
        given["count"],
        LANES,
        [code.constant(0, "f32")],
        lambda i, total: [total[0] + code.load(code.at(given["x"], i, "f32"), "f32")],
    )
    code.store(total, given["out"])
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    read = compiler.load(code.text(), "read", code.text).function(prototype)
    x = np.ones(64 * 625_008, np.float32)
    parts = np.split(x, 64)
    out = np.zeros((64, LANES), np.float32)

    def task(first: int, last: int) -> None:
        for k in range(first, last):
            read(parts[k].size, parts[k].ctypes.data, out[k].ctypes.data)

    times = []
    for _ in range(15):
        began = time.perf_counter()
        threads.run(task, 64)
        times.append(time.perf_counter() - began)
    return x.nbytes / statistics.median(times)


def cell(loss: str, size: int, gradient: bool, before: Earlier | None) -> dict[str, Any]:
    """Time every library on one loss and size."""
    data = peers.make(loss, size)
    runs = {}
    for name, build in {**peers.OURS, **peers.PEERS}.items():
        run = build(data, gradient)
        if run is not None:
            run()
            runs[name] = (run, repeats(run))
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, (run, number) in runs.items():
            samples[name].append(sample(run, number))
    times = {name: statistics.median(values) for name, values in samples.items()}
    found = {"loss": loss, "gradient": gradient, "size": size, "seconds": times}
    if before is not None:
        found["before"] = times_before(before, runs, (loss, size, gradient))
    print(".", end="", file=sys.stderr, flush=True)
    return found


def times_before(
    before: Earlier, runs: dict[str, tuple[peers.Run, int]], which: tuple[str, int, bool]
) -> dict[str, list[float]]:
    """Return the times of an earlier version and of this one, which take turns, per library."""
    found = {}
    for name in peers.OURS:
        earlier = before.sample(name, *which)
        pairs = [(earlier(), sample(*runs[name])) for _ in range(ROUNDS)]
        found[name] = [statistics.median(column) for column in zip(*pairs, strict=True)]
    return found


def print_before(rows: list[dict[str, Any]], version: str) -> None:
    """Print how many times longer the earlier version takes, per library."""
    print(f"\nbefore ({version}) / now")
    print("| loss | size | " + " | ".join(peers.OURS) + " |")
    print("|---" * (len(peers.OURS) + 2) + "|")
    every: dict[str, list[float]] = {name: [] for name in peers.OURS}
    for row in rows:
        for name, (earlier, now) in row["before"].items():
            every[name].append(earlier / now)
        title = row["loss"] + (" + gradient" if row["gradient"] else "")
        cells = " | ".join(f"{values[-1]:.2f}" for values in every.values())
        print(f"| {title} | 10^{len(str(row['size'])) - 1} | {cells} |")
    means = " | ".join(f"{statistics.geometric_mean(x):.2f}" for x in every.values())
    print(f"| geometric mean | | {means} |")


def print_times(rows: list[dict[str, Any]]) -> None:
    """Print a Markdown table: our times, and every peer's as a multiple of ours."""
    names = list(peers.PEERS)
    pairs = {"torch": ("torch eager", "torch.compile"), "JAX": ("jax.jit",), "MLX": ("MLX",)}
    further = [f"lossary on {name} | best {name}" for name in pairs]
    print("\n| loss | size | lossary | " + " | ".join([*names, *further]) + " |")
    print("|---" * (len(names) + 3 + 2 * len(pairs)) + "|")
    for row in rows:
        times = row["seconds"]
        ours, *others = (times[name] for name in peers.OURS)
        title = row["loss"] + (" + gradient" if row["gradient"] else "")
        ratios = [f"{times[n] / ours:.1f}" if n in times else "-" for n in names]
        for own, rivals in zip(others, pairs.values(), strict=True):
            best = min(times[name] for name in rivals)
            ratios += [spelled(own), f"{best / own:.2f}"]
        print(
            f"| {title} | 10^{len(str(row['size'])) - 1} | {spelled(ours)} | "
            + " | ".join(ratios)
            + " |"
        )


def spelled(seconds: float) -> str:
    """Return a time with its unit."""
    for factor, unit in ((1e-3, "us"), (1.0, "ms")):
        if seconds < factor:
            return f"{seconds * 1e3 / factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def hinge_bandwidth(bandwidth: float) -> float:
    """Return the share of the read bandwidth that a large hinge loss reaches."""
    data = peers.make("hinge_loss", 2 * 10**7)
    run = peers.lossary_numpy(data, gradient=False)
    run()
    times = []
    for _ in range(25):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return (data.x.nbytes + data.t.nbytes) / statistics.median(times) / bandwidth


def memory_table() -> list[dict[str, Any]]:
    """Measure and print the extra memory at 10^7 elements, each library in its own process."""
    results = []
    builders = {**peers.OURS, **peers.PEERS}
    print("\n| extra memory at 10^7, MB | " + " | ".join(builders) + " |")
    print("|---" * (len(builders) + 1) + "|")
    for loss in peers.LOSSES:
        for gradient in (False, True):
            figures = {}
            for name in builders:
                command = [sys.executable, __file__, "--memory", loss, name, str(int(gradient))]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                figures[name] = json.loads(done.stdout)
            results.append({"loss": loss, "gradient": gradient, "bytes": figures})
            title = loss + (" + gradient" if gradient else "")
            cells = ("-" if v is None else f"{v / 1e6:.0f}" for v in figures.values())
            print(f"| {title} | " + " | ".join(cells) + " |")
    return results


def peak_memory(loss: str, library: str, gradient: str) -> int | None:
    """Return by how much one run raises the process's peak memory, after a run on small data."""
    builder = {**peers.OURS, **peers.PEERS}[library]
    run = builder(peers.make(loss, 10**4), gradient == "1")
    if run is None:
        return None
    run()
    # torch.compile and JAX compile again for another shape: once before the measurement.
    run = builder(peers.make(loss, 10**7), gradient == "1")
    assert run is not None
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    run()
    return max(0, _status("VmHWM") - before)


def _status(name: str) -> int:
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
