"""The two commands: what is installed, what is said if it cannot be, which Python is taken."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
OFFLINE = """\
WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by \
'NewConnectionError("Failed to establish a new connection: Name or service not known")'
ERROR: Could not find a version that satisfies the requirement torch==2.13.0 (from versions: none)
ERROR: No matching distribution found for torch==2.13.0
"""
NO_RELEASE = """\
ERROR: Could not find a version that satisfies the requirement mlx[cpu]>=0.30; sys_platform
ERROR: No matching distribution found for mlx[cpu]>=0.30; sys_platform == "linux"
"""
NO_SPACE = """\
Collecting numpy>=2.0
ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of what the two commands need, in a folder whose name has a space."""
    folder = tmp_path / "a project"
    for name in ("run", "test", "pyproject.toml", "tools/bootstrap.py", "tools/python.sh"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


class Pip:
    """Stands for pip: keeps the titles of the steps and fails as told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failures: dict[str, BaseException] = {}

    def __call__(self, python: Path, step: object, label: str) -> None:
        self.calls.append(step.title)
        if step.title in self.failures:
            raise self.failures[step.title]

    def taken(self) -> list[str]:
        """Return the calls since the last time."""
        calls, self.calls = self.calls, []
        return calls


@pytest.fixture
def pip() -> Pip:
    return Pip()


@pytest.fixture
def bootstrap(project: Path, pip: Pip, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module of that copy: it makes real environments, and neither fetches nor execs."""
    specification = importlib.util.spec_from_file_location(
        "bootstrap", project / "tools" / "bootstrap.py"
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "ensure_pip", lambda python: None)
    monkeypatch.setattr(module, "pip", pip)
    monkeypatch.setattr(module, "become", lambda python, arguments: 0)
    monkeypatch.setattr(module, "attend", lambda python, arguments: 0)
    monkeypatch.setattr(module.os, "chdir", lambda folder: None)
    return module


RUN = ["pip", "lossary"]
TEST = [
    *RUN,
    "PyTorch",
    "test tools",
    "JAX",
    "MLX",
    "Dask",
    "sources of predictions",
    "engines of scoring",
    "boosters and trainers",
    "documentation tools",
    "site in a browser",
]


# What is installed when ---------------------------------------------------------------------------


def test_second_start_installs_nothing(bootstrap: ModuleType, pip: Pip) -> None:
    assert bootstrap.main(["test"]) == 0
    assert pip.taken() == TEST
    assert bootstrap.main(["test"]) == 0
    assert pip.taken() == []


def test_the_two_commands_share_one_environment(bootstrap: ModuleType, pip: Pip) -> None:
    bootstrap.main(["run"])
    assert pip.taken() == RUN
    bootstrap.main(["test"])
    assert pip.taken() == TEST[len(RUN) :]
    bootstrap.main(["run"])
    bootstrap.main(["test"])
    assert pip.taken() == []


def test_documentation_installs_its_tools_beside_the_package(
    bootstrap: ModuleType, pip: Pip
) -> None:
    assert bootstrap.main(["docs"]) == 0
    assert pip.taken() == [*RUN, "documentation tools"]
    assert bootstrap.main(["docs"]) == 0
    assert pip.taken() == []
    bootstrap.main(["test"])
    assert pip.taken() == [step for step in TEST[len(RUN) :] if step != "documentation tools"]


def test_changed_project_is_installed_again(bootstrap: ModuleType, pip: Pip, project: Path) -> None:
    bootstrap.main(["run"])
    with (project / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    pip.taken()
    bootstrap.main(["run"])
    assert pip.taken() == RUN


def test_moved_project_is_installed_again(
    bootstrap: ModuleType, pip: Pip, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.main(["run"])
    moved = bootstrap.ROOT.rename(bootstrap.ROOT.with_name("moved"))
    monkeypatch.setattr(bootstrap, "ROOT", moved)
    monkeypatch.setattr(bootstrap, "VENV", moved / ".venv")
    monkeypatch.setattr(bootstrap, "CONFIGURATION", moved / ".venv" / "pyvenv.cfg")
    pip.taken()
    bootstrap.main(["run"])
    assert pip.taken() == RUN


def test_every_step_names_the_editable_package_or_no_package(bootstrap: ModuleType) -> None:
    """A plain ``.`` would replace the editable installation by a copy."""
    for step in bootstrap.TEST + bootstrap.LINT + bootstrap.DOCS:
        for before, word in zip(("", *step.request), step.request, strict=False):
            assert not word.startswith(".") or before == "-e"


def test_names_in_requests_exist(bootstrap: ModuleType) -> None:
    tomllib = pytest.importorskip("tomllib")
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = configuration["project"]["optional-dependencies"]
    for step in bootstrap.TEST + bootstrap.LINT + bootstrap.DOCS:
        for before, word in zip(("", *step.request), step.request, strict=False):
            if before == "--group":
                assert word in configuration["dependency-groups"]
            if word.startswith(".["):
                assert set(word[2:-1].split(",")) <= set(extras)


# When it goes wrong -------------------------------------------------------------------------------


def test_failure_of_the_core_stops_and_leaves_no_stamp(
    bootstrap: ModuleType, pip: Pip, capsys: pytest.CaptureFixture[str]
) -> None:
    pip.failures["lossary"] = bootstrap.Failure("numpy could not be fetched.")
    assert bootstrap.main(["test"]) == 1
    assert pip.taken() == RUN
    assert capsys.readouterr().err.endswith("lossary: numpy could not be fetched.\n")
    pip.failures.clear()
    assert bootstrap.main(["test"]) == 0
    assert pip.taken() == TEST[1:]


def test_interrupted_installation_goes_on_where_it_stopped(
    bootstrap: ModuleType, pip: Pip, capsys: pytest.CaptureFixture[str]
) -> None:
    pip.failures["test tools"] = KeyboardInterrupt()
    assert bootstrap.main(["test"]) == 130
    assert "the next start goes on" in capsys.readouterr().err
    pip.failures.clear()
    pip.taken()
    bootstrap.main(["test"])
    assert pip.taken() == TEST[3:]


def test_interrupted_change_does_not_look_like_the_old_state(
    bootstrap: ModuleType, pip: Pip, project: Path
) -> None:
    bootstrap.main(["run"])
    before = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(before + "# changed\n")
    pip.failures["lossary"] = KeyboardInterrupt()
    bootstrap.main(["run"])
    (project / "pyproject.toml").write_text(before)
    pip.failures.clear()
    pip.taken()
    bootstrap.main(["run"])
    assert pip.taken() == RUN


@pytest.mark.parametrize("library", TEST[2:3] + TEST[4:])
def test_optional_library_is_left_out(
    bootstrap: ModuleType, pip: Pip, capsys: pytest.CaptureFixture[str], library: str
) -> None:
    pip.failures[library] = bootstrap.Failure("There is no release.", lasting=True)
    assert bootstrap.main(["test"]) == 0
    assert pip.taken() == TEST
    line = f"There is no release. Going on without {library}; its tests will be skipped.\n"
    assert line in capsys.readouterr().err
    bootstrap.main(["test"])
    assert pip.taken() == []


def test_optional_library_is_tried_again_after_a_network_failure(
    bootstrap: ModuleType, pip: Pip
) -> None:
    pip.failures["JAX"] = bootstrap.Failure("No connection.")
    assert bootstrap.main(["test"]) == 0
    pip.taken()
    bootstrap.main(["test"])
    assert pip.taken() == ["JAX"]


@pytest.mark.parametrize(
    ("output", "message", "lasting"),
    [
        (OFFLINE, "torch==2.13.0 could not be fetched: no connection to the package index.", False),
        (NO_RELEASE, "There is no release of mlx[cpu]>=0.30 for Python", True),
        (NO_SPACE, "No space left on device", False),
    ],
)
def test_what_pip_said_in_plain_words(
    bootstrap: ModuleType, output: str, message: str, lasting: bool
) -> None:
    bootstrap.create()
    failure = bootstrap.explained(bootstrap.TEST[2], output, bootstrap.VENV / "pip.log")
    assert message in str(failure)
    assert failure.lasting is lasting


def test_environment_with_an_old_python_is_refused_and_kept(
    bootstrap: ModuleType, pip: Pip, capsys: pytest.CaptureFixture[str]
) -> None:
    bootstrap.create()
    bootstrap.CONFIGURATION.write_text("version = 3.10.4\n")
    assert bootstrap.main(["run"]) == 1
    assert "needs Python 3.11 or newer, and" in (said := capsys.readouterr().err)
    assert "has 3.10" in said
    assert pip.taken() == []


def test_environment_made_by_hand_is_kept(bootstrap: ModuleType, pip: Pip) -> None:
    bootstrap.create()
    (bootstrap.VENV / "mine").touch()
    assert bootstrap.main(["run"]) == 0
    assert (bootstrap.VENV / "mine").exists()


@pytest.mark.parametrize("missing", ["bin/python", "pyvenv.cfg"])
def test_broken_environment_is_made_anew(bootstrap: ModuleType, pip: Pip, missing: str) -> None:
    bootstrap.main(["run"])
    (bootstrap.VENV / missing).unlink()
    if missing == "bin/python":
        (bootstrap.VENV / missing).symlink_to("/nowhere/python")
    pip.taken()
    assert bootstrap.main(["run"]) == 0
    assert pip.taken() == RUN
    subprocess.run([bootstrap.VENV / "bin/python", "-c", ""], check=True)


def test_one_start_at_a_time_installs(
    bootstrap: ModuleType, pip: Pip, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = os.open(project, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    waiting = threading.Event()
    say = bootstrap.say
    bootstrap.say = lambda text: (say(text), "waiting" in text and waiting.set())
    start = threading.Thread(target=bootstrap.main, args=(["run"],))
    start.start()
    assert waiting.wait(60)
    assert pip.taken() == []
    os.close(handle)
    start.join(60)
    assert pip.taken() == RUN


@pytest.mark.parametrize("arguments", [[], ["install"]])
def test_unknown_command_is_a_usage_error(bootstrap: ModuleType, arguments: list[str]) -> None:
    assert bootstrap.main(arguments) == 2


# What is started ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "started"),
    [
        (["run", "list", "--json"], ["-m", "lossary", "list", "--json"]),
        (["test"], ["-m", "pytest", "-n", "auto"]),
        (
            ["docs", "-E"],
            ["-m", "sphinx", "-W", "-n", "--keep-going", "-q", "-E", "docs", "build/docs"],
        ),
        (
            ["test", "-k", "hinge", "-n", "0"],
            ["-m", "pytest", "-n", "auto", "-k", "hinge", "-n", "0"],
        ),
    ],
)
def test_arguments_are_passed_on(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, arguments: list[str], started: list[str]
) -> None:
    seen: list[list[str]] = []
    for name in ("become", "attend"):
        monkeypatch.setattr(bootstrap, name, lambda python, rest: seen.append(rest))
    bootstrap.main(arguments)
    folder = f"{bootstrap.ROOT}{os.sep}"
    assert [[word.removeprefix(folder) for word in seen[0]]] == [started]


def test_lint_runs_every_check(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def first_check_fails(command: list[str], **options: object) -> subprocess.CompletedProcess:
        seen.append(command[2])
        return subprocess.CompletedProcess(command, returncode=len(seen) == 1)

    bootstrap.create()
    monkeypatch.setattr(bootstrap.subprocess, "run", first_check_fails)
    assert bootstrap.lint(Path("python"), []) == 1
    assert seen == ["ruff", "ruff", "mypy"]


@pytest.mark.parametrize("status", [0, 2])
def test_documentation_says_what_it_does_and_where_the_result_lies(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
) -> None:
    monkeypatch.setattr(bootstrap, "attend", lambda python, arguments: status)
    assert bootstrap.main(["docs"]) == status
    first, last = capsys.readouterr().err.splitlines()[-2:]
    site = bootstrap.ROOT / "build/docs"
    assert f"building the documentation: {bootstrap.ROOT / 'docs'}" in first
    assert str(site) in first
    assert (f"open {site / 'index.html'}" in last) == (status == 0)
    assert ("not built: Sphinx ended with status 2" in last) == (status == 2)


def test_an_attended_program_gives_its_status(project: Path) -> None:
    path = project / "tools" / "bootstrap.py"
    specification = importlib.util.spec_from_file_location("bootstrap", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert module.attend(Path(sys.executable), ["-c", "raise SystemExit(3)"]) == 3


# The shell scripts --------------------------------------------------------------------------------


def fake_python(folder: Path, name: str, *, version_fits: bool, ensurepip: bool = True) -> None:
    """Write a program that answers the two questions of tools/python.sh, and else says its name."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(
        "#!/bin/sh\n"
        'case "$2" in\n'
        f"    *ensurepip*) exit {int(not (version_fits and ensurepip))} ;;\n"
        f"    *version_info*) exit {int(not version_fits)} ;;\n"
        "esac\n"
        '[ "$1" = --version ] && echo "Python 3.10.4" && exit\n'
        f"echo {name}\n"
    )
    program.chmod(0o755)


def found_python(project: Path, path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path.mkdir(exist_ok=True)
    return subprocess.run(
        ["/bin/sh", project / "tools" / "python.sh", "script"],
        env={"PATH": str(path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_first_python_that_fits_is_taken(project: Path, tmp_path: Path) -> None:
    fake_python(tmp_path / "bin", "python3", version_fits=False)
    fake_python(tmp_path / "bin", "python3.12", version_fits=True, ensurepip=False)
    fake_python(tmp_path / "bin", "python3.11", version_fits=True)
    assert found_python(project, tmp_path / "bin").stdout == "python3.11\n"


def test_python_without_ensurepip_is_the_last_resort(project: Path, tmp_path: Path) -> None:
    fake_python(tmp_path / "bin", "python3.12", version_fits=True, ensurepip=False)
    assert found_python(project, tmp_path / "bin").stdout == "python3.12\n"


def test_python_named_by_the_user_comes_first(project: Path, tmp_path: Path) -> None:
    fake_python(tmp_path / "bin", "python3", version_fits=True)
    fake_python(tmp_path / "my own", "mine", version_fits=True)
    named = str(tmp_path / "my own" / "mine")
    assert found_python(project, tmp_path / "bin", PYTHON=named).stdout == "mine\n"


@pytest.mark.parametrize(("old", "found"), [(True, "Python 3.10.4"), (False, "no Python at all")])
def test_no_python_that_fits(project: Path, tmp_path: Path, old: bool, found: str) -> None:
    if old:
        fake_python(tmp_path / "bin", "python3", version_fits=False)
    done = found_python(project, tmp_path / "bin")
    assert done.returncode == 1
    assert f"lossary needs Python 3.11 or newer, and found {found}." in done.stderr


def test_without_network_it_says_what_is_missing(project: Path, tmp_path: Path) -> None:
    """The real command in a folder without an environment, with pip kept from every index."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    variables |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PYTHON": sys.executable}
    done = subprocess.run(
        [project / "run"], env=variables, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "There is no release of " in done.stderr
    assert not (project / ".venv" / "lossary-setup" / "lossary").exists()


def test_demonstration() -> None:
    """The demonstration's commands work, and its figures are those of the committed file."""
    for library in ("click", "rich", "pyarrow", "matplotlib"):
        pytest.importorskip(library)
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "demo.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "hinge_loss\t0.07402" in done.stdout
    assert (ROOT / "out" / "margin_losses.svg").stat().st_size > 1000
