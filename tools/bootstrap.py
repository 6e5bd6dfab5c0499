"""Set up ``.venv`` and start a command in it. Needs the standard library alone.

    python tools/bootstrap.py run [ARGUMENTS...]     the demonstration, or lossary with arguments
    python tools/bootstrap.py test [ARGUMENTS...]    pytest with arguments
    python tools/bootstrap.py lint                   ruff and mypy

What is installed is remembered in stamps inside ``.venv``; an unchanged ``pyproject.toml`` and
Python make the next start immediate, and an interrupted installation is resumed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)

# What pip is asked for, in order, and whether the command can go on without it. PyTorch comes
# first and pinned, so that nothing after it draws in a larger build.
CORE = ("the package with its command line", ["-e", ".[cli,plot]"], True)
TEST = [
    ("PyTorch", ["torch==2.13.0"], False),
    ("JAX", [".[jax]"], False),
    ("MLX", [".[mlx]"], False),
    ("Dask", [".[dask]"], False),
    ("the test tools", ["--group", "test"], True),
]
LINT = [("the lint tools", ["--group", "lint"], True)]
SETS = {"run": [CORE], "test": [CORE, *TEST], "lint": [CORE, *LINT]}


def main() -> int:
    """Set up what a command needs and start it."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        return fail(f"lossary needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {found}.")
    if len(sys.argv) < 2 or sys.argv[1] not in SETS:
        return fail(f"usage: bootstrap.py {' | '.join(SETS)} [ARGUMENTS...]")
    command, arguments = sys.argv[1], sys.argv[2:]
    try:
        python = environment()
        for step in SETS[command]:
            install(python, *step)
    except Failure as failure:
        return fail(str(failure))
    except KeyboardInterrupt:
        print("\nInterrupted; the next start goes on from here.", file=sys.stderr)
        return 130
    return start(python, command, arguments)


class Failure(Exception):
    """Setting up went wrong; the message says what and what to do."""


def fail(message: str) -> int:
    """Print a message and return the exit status of a failure."""
    print(message, file=sys.stderr)
    return 1


def environment() -> Path:
    """Create the virtual environment if need be and return its Python."""
    folder = "Scripts" if os.name == "nt" else "bin"
    python = VENV / folder / ("python.exe" if os.name == "nt" else "python")
    ready = VENV / ".lossary-pip"
    wanted = f"{sys.version_info[:2]}"
    if python.exists() and ready.exists() and ready.read_text() == wanted:
        return python
    say("creating .venv")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True
    )
    if made.returncode != 0:
        text = (made.stderr or made.stdout).strip()
        raise Failure(
            f"Python's venv module cannot create an environment:\n{text}\n"
            "On Debian and Ubuntu run: apt-get install python3-venv"
        )
    pip(python, ["--upgrade", "pip"], "pip")
    ready.write_text(wanted)
    return python


def install(python: Path, title: str, request: list[str], needed: bool) -> None:
    """Install one thing unless its stamp says that it is there."""
    facts = (ROOT / "pyproject.toml").read_bytes() + repr((request, sys.version_info)).encode()
    digest = hashlib.sha256(facts).hexdigest()
    stamp = VENV / f".lossary-{hashlib.sha256(repr(request).encode()).hexdigest()[:12]}"
    if stamp.exists() and stamp.read_text() == digest:
        return
    try:
        pip(python, request, title)
    except Failure as failure:
        if needed:
            raise
        print(f"Without {title}: its tests are skipped.\n{failure}", file=sys.stderr)
        return
    stamp.write_text(digest)


def pip(python: Path, request: list[str], title: str) -> None:
    """Run pip, quietly unless it fails."""
    say(f"installing {title}")
    began = time.monotonic()
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *request], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise Failure(
            f"pip could not install {title}. Is there a network connection?\n{last}\n"
            "Start the command again to go on from here."
        )
    say(f"installed {title} in {time.monotonic() - began:.0f} s")


def say(text: str) -> None:
    """Report progress on standard error."""
    print(f"lossary: {text}", file=sys.stderr, flush=True)


def start(python: Path, command: str, arguments: list[str]) -> int:
    """Start the command and return its exit status."""
    steps: dict[str, list[list[str]]] = {
        "run": [["-m", "lossary", *arguments] if arguments else ["tools/demo.py"]],
        "test": [["-m", "pytest", *(arguments or ["-n", workers()])]],
        "lint": [
            ["-m", "ruff", "check", "."],
            ["-m", "ruff", "format", "--check", "."],
            ["-m", "mypy"],
        ],
    }
    # A run in a folder of the user's own finds the user's files there.
    place = None if command == "run" and arguments else ROOT
    try:
        return max(
            subprocess.run([str(python), *step], cwd=place).returncode for step in steps[command]
        )
    except KeyboardInterrupt:
        return 130


def workers() -> str:
    """Return how many test processes to start: one per processor, at most four."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return str(min(usable or 1, 4))


if __name__ == "__main__":
    sys.exit(main())
