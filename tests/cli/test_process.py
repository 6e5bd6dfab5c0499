"""What only a process of its own shows: exits, signals, pipes, imports, memory."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import HINGE

import lossary

COMMAND = (sys.executable, "-m", "lossary")
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def lossary_process(environment, *arguments, **options):
    """Run the command line to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def test_score(environment, predictions):
    done = lossary_process(environment, "score", predictions(), *HINGE, "--fail-above", "1")
    assert done.returncode == 1
    assert done.stdout.splitlines()[1].startswith("hinge_loss\t1.8333333333333333\t5.5\t")
    assert done.stderr == "lossary: the mean hinge_loss is 1.8333333333333333, above 1.0\n"


def test_bad_data(environment, predictions):
    done = lossary_process(environment, "score", predictions("margin,label\nx,1\n"), *HINGE)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.endswith("column 'margin' must hold numbers, got 'x' in row 1.\n")


def test_standard_input(environment):
    done = lossary_process(environment, "score", "-", *HINGE, input="margin,label\n0,1\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].startswith("hinge_loss\t1.0\t")


def test_version(environment):
    done = lossary_process(environment, "--version")
    assert done.stdout == f"lossary, version {lossary.__version__}\n"


def wait_for(condition, process):
    """Wait until a condition holds; a process that ends first fails the test."""
    while not condition():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


@posix
@pytest.mark.parametrize("rows", [1, 500_000])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_removes_the_unfinished_output(environment, tmp_path, rows, number, status):
    command = [*COMMAND, "score", "-", *HINGE, "--output", str(tmp_path / "out.csv")]
    pipe = subprocess.PIPE
    # An interrupt amid an import makes Python itself leave the module's file unclosed.
    interrupted = environment | {"PYTHONWARNINGS": "error,ignore::ResourceWarning"}
    with subprocess.Popen(command, env=interrupted, stdin=pipe, stderr=pipe) as process:
        process.stdin.write(b"margin,label\n" + b"0.123456,1\n" * rows)
        process.stdin.flush()
        wait_for(lambda: os.listdir(tmp_path), process)
        # Standard input stays open: the process is at work, or waits for more.
        process.send_signal(number)
        error = process.stderr.read().decode()
        assert process.wait(60) == status
        process.stdin.close()
    assert os.listdir(tmp_path) == []
    assert "Traceback" not in error


@posix
def test_a_reader_that_goes_away(environment, predictions):
    path = predictions("margin,label,g\n" + "".join(f"1,1,{i}\n" for i in range(20000)))
    command = [*COMMAND, "score", str(path), *HINGE, "--by", "g"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe) as process:
        assert process.stdout.readline().startswith(b"loss\tg\t")
        process.stdout.close()
        error = process.stderr.read()
        status = process.wait(60)
    assert (status, error) == (141, b"")


@posix
@pytest.mark.parametrize("command", [["--help"], ["--version"], ["score", "--help"], ["list"]])
def test_a_reader_that_is_gone(environment, command):
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [*COMMAND, *command], env=environment, stdout=theirs, stderr=subprocess.PIPE
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (141, b"")


# Runs several command lines, each in JSON, in one process.
SEVERAL = """
import json, sys
from lossary.cli import main

for command in sys.argv[1:]:
    sys.argv[1:] = json.loads(command)
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
    sys.stdout.flush()
    sys.stdout.buffer.write(b"\\0")
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_output_that_cannot_show_a_character(environment, predictions, encoding):
    text = "margin,label,land\n1,1,😀 Österreich\n3,-1,\\中\n"
    path = predictions()
    path.write_text(text, encoding="utf-8")
    environment = {**environment, "PYTHONIOENCODING": encoding}
    command = ["score", str(path), *HINGE, "--by", "land", "--worst", "1"]
    commands = (
        command,
        [*command, "--json"],
        ["plot", "hinge_loss"],
        ["list"],
        ["show", "hinge_loss"],
    )
    given = [sys.executable, "-c", SEVERAL, *map(json.dumps, commands)]
    done = subprocess.run(given, env=environment, capture_output=True, check=True)
    lines, document, curve, *names = done.stdout.decode(encoding).split("\0")[:-1]
    assert lines.splitlines()[1].startswith("hinge_loss\t")
    (loss,) = json.loads(document)["losses"]
    assert {group["by"]["land"] for group in loss["groups"]} == {"😀 Österreich", "\\中"}
    assert ("*" in curve) == (encoding != "utf-8")
    assert "\\" not in curve
    assert len(names) == 2
    assert all("hinge" in name for name in names)


@posix
def test_a_file_name_that_is_no_text(environment, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xe9.csv"
    with open(path, "wb") as file:
        file.write(b"margin,label\n1,1\n")
    done = subprocess.run([*COMMAND, "score", path, *HINGE], env=environment, capture_output=True)
    assert done.returncode == 3
    assert b"\\udce9.csv: the file cannot be read" in done.stderr


@posix
@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["show", "l1_loss"], ["--help"]])
def test_output_to_a_full_disk(environment, command):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, *command], env=environment, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 3
    assert done.stderr == "lossary: cannot write the output: No space left on device\n"


@posix
def test_closed_output(environment):
    shell = shlex.join([*COMMAND, "list"])
    done = subprocess.run(f"{shell} >&- 2>&-", env=environment, shell=True)
    assert done.returncode == 0


@pytest.mark.parametrize("command", [[], ["score"]])
def test_the_help_lists_the_exit_statuses(run, command):
    out = run(*command, "--help").out
    listed = [int(line.split()[0]) for line in out.splitlines() if line[:5].strip().isdigit()]
    assert listed == [0, 1, 2, 3, 70, 130]


UNFORESEEN = """
import lossary.cli.score
from lossary.cli import main

def fail(*arguments, **options):
    raise KeyError("several\\nlines")

lossary.cli.score.run_job = fail
main()
"""


@pytest.mark.parametrize("traceback", [False, True])
def test_an_unforeseen_error(environment, predictions, traceback):
    command = [sys.executable, "-c", UNFORESEEN, "score", str(predictions()), *HINGE]
    environment = environment | ({"LOSSARY_TRACEBACK": "1"} if traceback else {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (70, "")
    lines = done.stderr.splitlines()
    assert lines[-1] == (
        "lossary: an error that was not foreseen: KeyError: 'several\\nlines'. "
        "Set LOSSARY_TRACEBACK=1 to see where."
    )
    assert ("in fail" in done.stderr) == traceback
    assert traceback or len(lines) == 1


@pytest.mark.parametrize("missing", ["click", "rich", "pyarrow"])
def test_without_the_extra(environment, missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from lossary.cli import main; main()"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    expected = f"lossary: the command line needs {missing}. Run: pip install {missing}\n"
    assert done.stderr == expected


def test_plot_without_matplotlib(environment, tmp_path):
    code = "import sys; sys.modules['matplotlib'] = None; from lossary.cli import main; main()"
    out = tmp_path / "a.svg"
    command = [sys.executable, "-c", code, "plot", "hinge_loss", "--out", str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Run: pip install matplotlib\n" in done.stderr
    assert not out.exists()


def test_nothing_is_imported_before_it_is_needed(environment):
    code = (
        "import sys, lossary.cli.app;"
        "heavy = {'pyarrow', 'rich', 'matplotlib', 'llvmlite', 'torch', 'jax', 'mlx', 'dask'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("lossary sc", "plain,score"),
        ("lossary show hin", "plain,hinge_loss"),
        ("lossary score --loss cross", "plain,cross_entropy"),
    ],
)
def test_shell_completion(environment, words, expected):
    completing = {
        "_LOSSARY_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = lossary_process({**environment, **completing})
    assert expected in done.stdout.splitlines()


# A process's peak includes what its parent held when it forked: so a small one in between.
LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_memory(environment, path: Path) -> float:
    """Return the largest resident size of a scoring process, in megabytes."""
    options = ("--inputs", "z_*", "--targets", "label", "--loss", "cross_entropy", "--worst", "20")
    command = [sys.executable, "-c", LAUNCHER, *COMMAND, "score", str(path), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout) / (1e6 if sys.platform == "darwin" else 1e3)


@posix
def test_memory_does_not_grow_with_the_data(environment, tmp_path):
    rows, classes = 4_000_000, 6
    # Few distinct values make a small file of what is large in memory.
    values = np.resize(np.random.default_rng(0).normal(size=1000), rows)
    columns = {f"z_{i}": np.roll(values, i) for i in range(classes)}
    data = pa.table({**columns, "label": np.arange(rows) % classes})
    small, large = tmp_path / "small.parquet", tmp_path / "large.parquet"
    pq.write_table(data.slice(0, 300_000), small)
    pq.write_table(data, large, row_group_size=rows)
    assert data.nbytes > 220e6
    peak_memory(environment, small)  # compiles the kernel, for which LLVM is loaded
    assert peak_memory(environment, large) < peak_memory(environment, small) + 40


def shown_on_a_terminal(environment, *arguments):
    """Return what a command writes to a terminal, and to a pipe as its output."""
    import pty

    ours, theirs = pty.openpty()
    shown = b""
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env={**environment, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        with contextlib.suppress(OSError):  # how Linux tells that the other side has closed
            while part := os.read(ours, 4096):
                shown += part
        out = process.stdout.read().decode()
    os.close(ours)
    assert process.returncode == 0
    return shown.decode(), out


@posix
@pytest.mark.parametrize("quiet", [False, True])
def test_progress_on_a_terminal_beside_plain_data_in_a_pipe(environment, predictions, quiet):
    options = ["--quiet"] if quiet else []
    shown, out = shown_on_a_terminal(environment, "score", predictions(), *HINGE, *options)
    assert out.splitlines()[1].startswith("hinge_loss\t1.8333333333333333\t")
    assert ("3 rows" in shown) != quiet
    assert "%" not in shown
    assert bool(shown) != quiet


@posix
def test_progress_knows_the_rows_of_parquet(environment, tmp_path):
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"margin": [0.5] * 1200, "label": [1] * 1200}), path)
    shown, _ = shown_on_a_terminal(environment, "score", path, path, *HINGE)
    assert "1,200 of 1,200 rows (100%)" in shown
