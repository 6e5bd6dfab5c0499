"""Time what a new process pays before its first result: imports, and every loss's first call.

    python benchmarks/first_call.py                  fifteen processes for imports, three a call
    python benchmarks/first_call.py --processes 40   more of them
    python benchmarks/first_call.py --loss huber_loss --loss cross_entropy
    python benchmarks/first_call.py --json FILE      the figures as JSON besides the tables

Figures are medians over new processes, in milliseconds of processor time. A ratio of imports is
that of NumPy and lossary together to NumPy alone, in one process. A first call is that of
``value_grad_hess`` (``value_and_grad`` where there is no Hessian) on small arrays, in a process
that has imported the loss and NumPy: *cold* with an empty kernel cache, without the import of
llvmlite, which stands beside; *cached* with the kernel in the cache, and all that is imported for
it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from cases import PLAIN

IMPORTS = ("import lossary", "from lossary import hinge_loss", "from lossary import *")
IMPORT = """\
from time import process_time as now
start = now()
import numpy
between = now()
{statement}
print(between - start, now() - between)
"""
CALL = """\
from time import process_time as now
import numpy as np
start = now()
from lossary import {name}, {derive} as derive
loaded = now()
if {cold}:
    import llvmlite.binding
compiler = now()
arrays = eval({arrays!r})
begin = now()
derive({name})(*arrays)
print(loaded - start, compiler - loaded, now() - begin)
"""


def main() -> None:
    """Print the tables."""
    options = parse()
    prepare()
    imports = {item: import_times(item, options.processes) for item in IMPORTS}
    print(f"{'':32}{'NumPy':>8}{'lossary':>9}{'ratio':>8}")
    for item, row in imports.items():
        print(f"{item:32}{row['numpy']:8.1f}{row['lossary']:9.1f}{row['ratio']:8.2f}")
    columns = ("import", "llvmlite", "cold", "cached")
    print(f"\n{'first call':32}" + "".join(f"{column:>9}" for column in columns))
    calls = {}
    for name, arrays in arguments(options.loss).items():
        calls[name] = row = call_times(name, arrays, options.calls)
        print(f"{name:32}" + "".join(f"{row[column]:9.1f}" for column in columns), flush=True)
    if options.json:
        text = json.dumps({"imports": imports, "calls": calls}, indent=2)
        Path(options.json).write_text(text, encoding="utf-8")


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=15, help="processes for each import")
    parser.add_argument("--calls", type=int, default=3, help="pairs of processes for each loss")
    parser.add_argument("--loss", action="append", help="only this one; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="write the figures too")
    return parser.parse_args()


def prepare() -> None:
    """Write the byte code of everything once, as an installation does."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["OMP_NUM_THREADS"] = "1"
    figures("import lossary; lossary.grad(lossary.hinge_loss)(1.0, 1.0)")


def arguments(chosen: list[str] | None) -> dict[str, str]:
    """Return, for each loss, the text of arrays that it takes: six rows of five elements."""
    import lossary

    cases = {case.loss.name: case for case in reversed(PLAIN)}
    names = [lossary.get_loss(item).name for item in chosen or ()] or sorted(cases)
    return {name: f"[{', '.join(map(array_text, cases[name].cast('float32')))}]" for name in names}


def array_text(x: np.ndarray) -> str:
    """Return the text of an array."""
    return f"np.array({x.tolist()}, np.{x.dtype.name})"


def import_times(statement: str, count: int) -> dict[str, float]:
    """Return the medians for an import statement."""
    code = IMPORT.format(statement=statement)
    rows = [figures(code) for _ in range(count)]
    ratios = [(first + second) / first for first, second in rows]
    numpy, lossary = (statistics.median(column) for column in zip(*rows, strict=True))
    return {"numpy": 1e3 * numpy, "lossary": 1e3 * lossary, "ratio": statistics.median(ratios)}


def call_times(name: str, arrays: str, count: int) -> dict[str, float]:
    """Return the medians for a loss's first call, side by side with the cache empty and filled."""
    import lossary

    derive = "value_grad_hess" if lossary.get_loss(name).has_hessian else "value_and_grad"
    given = {"name": name, "derive": derive, "arrays": arrays}
    codes = {state: CALL.format(cold=state, **given) for state in (True, False)}
    cold, cached = [], []
    for _ in range(count):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(figures(codes[True], folder))
            cached.append(figures(codes[False], folder))
    loaded, compiler, first = (statistics.median(column) for column in zip(*cold, strict=True))
    again = statistics.median(row[2] for row in cached)
    seconds = {"import": loaded, "llvmlite": compiler, "cold": first, "cached": again}
    return {key: 1e3 * value for key, value in seconds.items()}


def figures(code: str, cache: str = "off") -> list[float]:
    """Run code in a new process and return the numbers that it prints."""
    environment = {**os.environ, "LOSSARY_CACHE_DIR": cache}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [float(item) for item in done.stdout.split()]


if __name__ == "__main__":
    main()
