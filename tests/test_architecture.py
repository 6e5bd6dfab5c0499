"""Who may import whom, what an import loads, and how little a new loss or backend needs."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from imports import imported

import lossary

PACKAGE = Path(lossary.__file__).parent
TESTS = Path(__file__).parent
ROOT = TESTS.parent

HEAVY = (
    "torch",
    "jax",
    "mlx",
    "cupy",
    "dask",
    "llvmlite",
    "pyarrow",
    "click",
    "rich",
    "matplotlib",
)


def _imports(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, types aside."""
    return {name for name in imported(path) if name.split(".")[0] == "lossary"}


def _assert_only(folder: str, allowed: tuple[str, ...]) -> None:
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        bad = {n for n in _imports(path) if not n.startswith(allowed)}
        assert not bad, f"{path.name} imports {bad}"


def test_the_arrows_point_one_way() -> None:
    _assert_only("formula", ("lossary.formula",))
    _assert_only("losses", ("lossary.losses", "lossary.formula", "lossary.domains",
                            "lossary.registry"))  # fmt: skip
    _assert_only("kernels", ("lossary.kernels", "lossary.formula", "lossary.errors"))
    for path in (PACKAGE / "backends").glob("*.py"):
        assert not any(name.startswith("lossary.losses") for name in _imports(path)), path
    _assert_only("adapters", ("lossary.adapters", "lossary.checks", "lossary.derivatives",
                              "lossary.domains", "lossary.errors", "lossary.optional",
                              "lossary.record", "lossary.registry", "lossary.summary"))  # fmt: skip
    for folder in ("score", "cli"):
        public = ("lossary.score", "lossary.cli", "lossary.domains", "lossary.errors",
                  "lossary.options", "lossary.registry", "lossary.plotting")  # fmt: skip
        for path in (PACKAGE / folder).glob("*.py"):
            bad = {n for n in _imports(path) if n != "lossary" and not n.startswith(public)}
            assert not bad, (path, bad)


def test_the_flow_is_one_short_function() -> None:
    tree = ast.parse((PACKAGE / "flow.py").read_text(encoding="utf-8"))
    (call,) = (item for item in tree.body if getattr(item, "name", "") == "call")
    assert call.end_lineno - call.lineno < 40


def test_import_loads_no_array_library() -> None:
    code = f"import sys, lossary; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_array_loads_only_its_backend() -> None:
    pytest.importorskip("torch")
    code = (
        "import sys, lossary, torch; lossary.hinge_loss(torch.ones(2), 1.0); "
        "print([n for n in ('jax', 'mlx', 'cupy', 'dask', 'pyarrow') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package in a folder that can be put on the path."""
    shutil.copytree(PACKAGE, tmp_path / "lossary", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def _run(folder: Path, code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "LOSSARY_CACHE_DIR": "off"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_loss_is_one_block(copy: Path) -> None:
    path = copy / "lossary" / "losses" / "margin.py"
    block = '''

@loss(targets=PLUS_MINUS_ONE, family="margin")
def perceptron_loss(inputs: Expression, targets: Expression) -> Expression:
    """Perceptron loss: linear on the wrong side."""
    return maximum(0, -targets * inputs)
'''
    path.write_text(path.read_text() + block)
    code = (
        "import lossary; f = lossary.get_loss('perceptron_loss').function; "
        "print(f([-1.0, 1.0], [1.0, 1.0]), lossary.grad(f)([-1.0], [1.0]), "
        "any(x.name == 'perceptron_loss' for x in lossary.list_losses()))"
    )
    assert _run(copy, code).strip() == "[1. 0.] [-1.] True"


def test_a_backend_is_one_file(copy: Path) -> None:
    (copy / "plainarray.py").write_text(
        "import numpy as np\n"
        "class Plain:\n"
        "    def __init__(self, values): self.values = np.asarray(values)\n"
    )
    (copy / "lossary" / "backends" / "plainarray.py").write_text(
        "import numpy as np\n"
        "from lossary.backends.numpy import NumpyBackend\n"
        "class PlainBackend(NumpyBackend):\n"
        "    def asarray(self, given, function, name):\n"
        "        return getattr(given, 'values', given)\n"
        "BACKEND = PlainBackend(np)\n"
    )
    code = (
        "import lossary; from plainarray import Plain; "
        "print(lossary.hinge_loss(Plain([0.5]), Plain([1.0])))"
    )
    assert _run(copy, code).strip() == "[0.5]"


def test_every_public_name_is_documented() -> None:
    for name in lossary.__all__:
        item = getattr(lossary, name)
        if callable(item):
            assert item.__doc__, name
    for loss in lossary.list_losses():
        for part in ("Parameters", "Returns", "Raises", "References", "Examples", "Formula"):
            assert part in loss.function.__doc__, (loss.name, part)
        assert set(loss.arguments) <= set(loss.signature.parameters)


def test_no_comparison_goes_unchecked() -> None:
    """An expression statement that compares arrays would check nothing."""
    for path in TESTS.rglob("*.py"):
        for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(item, ast.Expr) and isinstance(item.value, ast.Call):
                name = ast.unparse(item.value.func).rpartition(".")[2]
                assert name not in {"allclose", "array_equal", "isclose", "equal"}, path


def test_type_checkers_see_the_signatures() -> None:
    specification = importlib.util.spec_from_file_location("stubs", ROOT / "tools" / "stubs.py")
    stubs = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(stubs)
    assert stubs.STUB.read_text(encoding="utf-8") == stubs.stub(), "run tools/stubs.py"
