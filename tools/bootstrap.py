"""Set up ``.venv`` and start a command in it. Needs nothing but Python and its standard library.

    tools/python.sh tools/bootstrap.py run [ARGUMENTS...]    the demonstration, or `lossary`
    tools/python.sh tools/bootstrap.py test [ARGUMENTS...]   pytest
    tools/python.sh tools/bootstrap.py lint                  ruff and mypy
    tools/python.sh tools/bootstrap.py docs [ARGUMENTS...]   the site, into build/docs

Every command has its list of steps, each one call of pip. A step that succeeded leaves a stamp, so
that the next start skips it until ``pyproject.toml`` changes, and an interrupted installation goes
on where it stopped. Everything said here goes to standard error: standard output is the command's.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CONFIGURATION = VENV / "pyvenv.cfg"
OLDEST = (3, 11)


class Step(NamedTuple):
    """One call of pip: what it is for, what it is asked for, whether to go on without it."""

    title: str
    request: tuple[str, ...]
    needed: bool = True


PIP = Step("pip", ("--upgrade", "pip>=25.1"))  # the first release that knows --group
PACKAGE = ("-e", ".[cli,plot]")
# The package is named in every request, so that pip keeps to its bounds. PyTorch stands alone: a
# plain release number lets pip take a build for CPUs where one is at hand.
RUN = (PIP, Step("lossary", PACKAGE))
DOCUMENTATION = Step("documentation tools", (*PACKAGE, "--group", "docs"))
TEST = (
    *RUN,
    Step("PyTorch", ("torch==2.13.0",), needed=False),
    Step("test tools", (*PACKAGE, "--group", "test")),
    Step("JAX", ("-e", ".[jax]"), needed=False),
    Step("MLX", ("-e", ".[mlx]"), needed=False),
    Step("Dask", ("-e", ".[dask]"), needed=False),
    Step("sources of predictions", (*PACKAGE, "--group", "sources"), needed=False),
    Step("engines of scoring", (*PACKAGE, "--group", "engines"), needed=False),
    Step("boosters and trainers", (*PACKAGE, "--group", "adapters"), needed=False),
    DOCUMENTATION._replace(needed=False),
    Step("site in a browser", ("--group", "site"), needed=False),
)
LINT = (*RUN, Step("lint tools", ("--group", "lint")))
DOCS = (*RUN, DOCUMENTATION)
COMMANDS = {"run": RUN, "test": TEST, "lint": LINT, "docs": DOCS}


class Failure(Exception):
    """Setting up went wrong. The message says what, and what to do about it."""

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting  # another try would end in the same way


def main(arguments: list[str]) -> int:
    """Set up what a command needs, then become that command."""
    if not arguments or arguments[0] not in COMMANDS:
        say(f"usage: bootstrap.py {' | '.join(COMMANDS)} [ARGUMENTS...]")
        return 2
    command, *rest = arguments
    try:
        python = set_up(COMMANDS[command])
    except Failure as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next start goes on from here")
        return 130
    return {"run": run, "test": test, "lint": lint, "docs": docs}[command](python, rest)


# Commands -----------------------------------------------------------------------------------------


def run(python: Path, arguments: list[str]) -> int:
    """Pass arguments to ``lossary``; without any, give the demonstration."""
    return become(
        python, ["-m", "lossary", *arguments] if arguments else [str(ROOT / "tools/demo.py")]
    )


def test(python: Path, arguments: list[str]) -> int:
    """Run pytest on all processors; an ``-n`` of the user's own comes later and wins."""
    os.chdir(ROOT)
    os.environ.setdefault("PYTEST_XDIST_AUTO_NUM_WORKERS", workers())
    return become(python, ["-m", "pytest", "-n", "auto", *arguments])


def lint(python: Path, arguments: list[str]) -> int:
    """Run all checks of the source, whatever one of them finds."""
    checks = ("ruff check .", "ruff format --check .", "mypy")
    failed = 0
    for check in checks:
        say(check)
        failed += subprocess.run([python, "-m", *check.split()], cwd=ROOT).returncode != 0
    return 1 if failed else 0


def docs(python: Path, arguments: list[str]) -> int:
    """Build the documentation; a warning is a failure. Arguments go to Sphinx."""
    source, site = ROOT / "docs", ROOT / "build/docs"
    say(f"building the documentation: {source} and a page for each loss, into {site}")
    options = ("-W", "-n", "--keep-going", "-q")
    status = attend(python, ["-m", "sphinx", *options, *arguments, str(source), str(site)])
    if status == 0:
        say(f"the documentation is built: open {site / 'index.html'}")
    else:
        say(f"the documentation was not built: Sphinx ended with status {status}")
    return status


def attend(python: Path, arguments: list[str]) -> int:
    """Run Python and return its exit status."""
    try:
        return subprocess.run([python, *arguments]).returncode
    except KeyboardInterrupt:
        return 130


def become(python: Path, arguments: list[str]) -> NoReturn:
    """Replace this process, so that signals and the exit status are the command's own."""
    os.execv(python, [str(python), *arguments])


def workers() -> str:
    """Return how many test processes to start: each may hold several array libraries."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return str(min(usable, 4) if usable and usable > 1 else 0)


# Setting up ---------------------------------------------------------------------------------------


def set_up(steps: tuple[Step, ...]) -> Path:
    """Bring ``.venv`` up to date and return its Python."""
    python = VENV / "bin" / "python"
    if python.exists() and all(is_done(step) for step in steps):
        return python
    with lock():
        if not (python.exists() and CONFIGURATION.exists()):
            create()
        check_version()
        pending = [step for step in steps if not is_done(step)]
        for number, step in enumerate(pending, start=1):
            install(python, step, f"[{number}/{len(pending)}] {step.title}")
    return python


def create() -> None:
    """Create the virtual environment, in the place of one whose Python is gone."""
    say(f"creating {VENV} with Python {'.'.join(map(str, sys.version_info[:3]))}")
    done = captured([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)])
    if done.returncode != 0:
        message = f"the virtual environment could not be created:\n{done.stdout}{without_venv()}"
        raise Failure(message)


def check_version() -> None:
    """Refuse an environment that somebody made with an older Python."""
    version = environment_version()
    if version < OLDEST:
        message = (
            f"lossary needs Python {dotted(OLDEST)} or newer, and {VENV} has {dotted(version)}. "
            "Remove that folder and start again."
        )
        raise Failure(message)


def install(python: Path, step: Step, label: str) -> None:
    """Take one step; a library that can be done without is reported and left out."""
    stamp(step).unlink(missing_ok=True)  # a half-done change must not look like the old state
    began = time.monotonic()
    try:
        if step is PIP:
            ensure_pip(python)
        pip(python, step, label)
    except Failure as failure:
        if step.needed:
            raise
        say(f"{failure} Going on without {step.title}; its tests will be skipped.")
        if not failure.lasting:
            return
    else:
        say(f"{label}: done in {time.monotonic() - began:.0f} s")
    stamp(step).parent.mkdir(exist_ok=True)
    stamp(step).write_text(digest(step))


def ensure_pip(python: Path) -> None:
    """Put pip into an environment that has none."""
    if captured([python, "-m", "pip", "--version"]).returncode == 0:
        return
    if captured([python, "-m", "ensurepip", "--default-pip"]).returncode != 0:
        message = f"pip cannot be put into {VENV}.{without_venv()}"
        raise Failure(message)


def without_venv() -> str:
    """Return what to do where Python was packaged without what makes environments."""
    return (
        f"\nThis Python ({sys.executable}) lacks the modules venv or ensurepip. "
        "On Debian and Ubuntu: apt install python3-venv. "
        "Or name another one: PYTHON=/path/to/python3 ./run"
    )


def pip(python: Path, step: Step, label: str) -> None:
    """Run pip install, reporting progress and keeping what it says in a log."""
    say(f"{label}: fetching")
    options = ("--no-input", "--progress-bar=off", "--disable-pip-version-check")
    process = subprocess.Popen(
        [python, "-m", "pip", "install", *options, *step.request],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    lines = []
    with process:
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith("Installing collected packages:"):
                names = line.partition(":")[2].split(",")
                say(f"{label}: installing {len(names)}:{','.join(names).rstrip()}")
    log = VENV / "pip.log"
    log.write_text("".join(lines))
    if process.returncode != 0:
        raise explained(step, "".join(lines), log)


def explained(step: Step, output: str, log: Path) -> Failure:
    """Turn what pip said into a plain sentence."""
    missing = re.findall(r"No matching distribution found for ([^\s;]+)", output)
    what = missing[-1] if missing else step.title
    if re.search(r"connection broken by|Could not fetch URL|ReadTimeout", output):
        message = (
            f"{what} could not be fetched: no connection to the package index. "
            "Check the network and start again; what is installed already stays."
        )
        return Failure(message)
    if missing:
        version = dotted(environment_version())
        message = f"There is no release of {what} for Python {version} on this machine."
        return Failure(message, lasting=True)
    errors = [line for line in output.splitlines() if line.lstrip().lower().startswith("error")]
    closing = "\n".join(errors[-3:]) or output.strip()[-500:]
    return Failure(f"pip could not install {step.title} (its log: {log}):\n{closing}\n")


# What was done ------------------------------------------------------------------------------------


def is_done(step: Step) -> bool:
    """Tell whether a step was taken with the present ``pyproject.toml``."""
    try:
        return stamp(step).read_text() == digest(step)
    except OSError:
        return False


def stamp(step: Step) -> Path:
    """Return the file that remembers a step."""
    return VENV / "lossary-setup" / step.title.replace(" ", "-").lower()


def digest(step: Step) -> str:
    """Return what the outcome of a step depends on, in short."""
    project = (ROOT / "pyproject.toml").read_bytes()
    facts = (step.title, step.request, environment_version(), str(ROOT), project)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def environment_version() -> tuple[int, ...]:
    """Return the major and minor version of the environment's Python."""
    # `version` is written by venv, `version_info` by virtualenv and uv.
    text = CONFIGURATION.read_text()
    found = re.search(r"^version(?:_info)? *= *(\d+)\.(\d+)", text, re.MULTILINE)
    return tuple(map(int, found.groups())) if found else sys.version_info[:2]


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """Let one start at a time change the environment."""
    handle = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another start that is installing")
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)


def captured(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run a command without showing what it prints."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def dotted(version: tuple[int, ...]) -> str:
    """Return a version as it is written."""
    return ".".join(map(str, version))


def say(text: str) -> None:
    """Report on standard error."""
    print(f"lossary: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
