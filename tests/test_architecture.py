"""Who may import whom, what an import loads, and how little a new loss or backend needs."""

from __future__ import annotations

import ast
import functools
import graphlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType

import numpy as np
import pytest
from imports import imported, imported_by

import lossary
from lossary.backends.loading import HELPERS

PACKAGE = Path(lossary.__file__).parent
TESTS = Path(__file__).parent
ROOT = TESTS.parent

HEAVY = (
    "torch",
    "jax",
    "mlx",
    "cupy",
    "dask",
    "polars",
    "ibis",
    "pyspark",
    "ray",
    "llvmlite",
    "pyarrow",
    "click",
    "rich",
    "matplotlib",
    "fsspec",
)


#: A module imports those of its own folder, and of what stands before it here.
ORDER = (
    "errors",
    "bounded_cache",
    "arrays",
    "generated",
    "index",
    "optional",
    "options",
    "formula",
    "domains",
    "definition",
    "kernels",
    "backends",
    "call",
    "families",
    "registry",
    "public_function",
    "decorator",
    "links",
    "losses",
    "products",
    "derivatives",
    "summary",
    "targets",
    "adapters",
    "plotting",
    "scoring",
    "cli",
)
#: Those that use the package as its users do.
OUTSIDE = ("scoring", "cli")


@functools.cache
def graph() -> dict[str, set[str]]:
    """Return the modules of the package that each of its modules imports, for type checkers too."""
    modules = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in PACKAGE.rglob("*.py")
    }
    return {
        name: {found for item in imported(path, modules) if (found := item) in modules}
        for name, path in modules.items()
    }


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def _place(module: str) -> int:
    return ORDER.index(module.split(".")[1])


def test_imports_point_one_way() -> None:
    for module, imports in graph().items():
        if module in {"lossary", "lossary.__main__"}:
            continue
        for other in imports:
            if other == "lossary":
                assert module.split(".")[1] in OUTSIDE, (module, other)
            else:
                assert _place(other) <= _place(module), (module, other)


def test_no_imports_go_in_circles() -> None:
    # A folder's __init__ gathers its modules; that they import their folder is no circle.
    inner = {name: imports - {name.rpartition(".")[0]} for name, imports in graph().items()}
    for name in inner:
        inner[name] -= {"lossary"}
    tuple(graphlib.TopologicalSorter(inner).static_order())


#: What is imported inside functions, besides what kernels do: docstrings are completed when they
#: are read, few ask for JavaScript, and one module needs PyTorch.
READ_LATER = {
    ("lossary.registry", "lossary.definition.docstring"),
    ("lossary.registry", "lossary.definition.javascript"),
    ("lossary.call.flow", "lossary.call.torch_compile"),
    ("lossary.targets", "lossary.call.torch_compile"),
    ("lossary.products.linear", "lossary.products.torch_compile"),
    # Half a second, for tensors that few programs have.
    ("lossary.backends.torch", "lossary.backends.torch_distributed"),
    ("lossary.products.libraries.torch", "lossary.backends.torch_distributed"),
}


def test_imports_stand_at_the_top() -> None:
    found = set()
    for module in graph():
        path = PACKAGE.parent / Path(*module.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [item for item in ast.walk(tree) if isinstance(item, ast.FunctionDef)]
        late = set().union(*(imported_by(item, graph()) for item in functions))
        own = {name for name in late if name.startswith("lossary.")}
        found |= {(module, name) for name in own if not module.startswith("lossary.kernels.")}
    found = {pair for pair in found if pair[0] not in {"lossary", "lossary.__main__"}}
    assert found == READ_LATER


#: What kernels import inside functions: the compiler, which may be missing, what writes and links.
#: A kernel that is in the cache on disk needs neither, and they take 35 to 90 ms of a first call.
LATE = {
    "llvmlite.binding",
    "lossary.kernels.direct_code",
    "lossary.kernels.layouts",
    "lossary.kernels.linker",
}


def test_kernels_import_late_what_only_compiling_needs() -> None:
    trees = [ast.parse(x.read_text(encoding="utf-8")) for x in (PACKAGE / "kernels").glob("*.py")]
    parts = [item for tree in trees for item in ast.walk(tree) if isinstance(item, ast.FunctionDef)]
    assert set().union(*map(imported_by, parts)) == LATE | {
        "lossary.kernels.running_code",
        "lossary.kernels.shared_code",
    }


def test_a_call_whose_kernel_is_kept_loads_no_compiler(tmp_path: Path) -> None:
    if not Path("/proc/cpuinfo").exists() or platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("needs Linux on x86-64 or 64-bit ARM")
    code = (
        "import numpy as np; from lossary import cross_entropy, value_grad_hess; "
        "arrays = np.ones((3, 4)), np.zeros(3, np.int64); "
        "[value_grad_hess(cross_entropy)(*arrays) for _ in range(3)]"  # a repeated call too
    )
    loaded = [_loaded(code, LOSSARY_CACHE_DIR=str(tmp_path / "kernels")) for _ in range(2)]
    made = {"llvmlite", "lossary.kernels.code", "lossary.kernels.lanes", *LATE}
    assert made <= loaded[0]
    # The standard library's are those that take milliseconds to import.
    assert not loaded[1] & (made | {"hashlib", "pathlib", "queue", "tempfile"})
    assert "lossary.kernels.host" in loaded[1]


def test_the_flow_is_one_short_function() -> None:
    tree = ast.parse((PACKAGE / "call" / "flow.py").read_text(encoding="utf-8"))
    functions = {item.name: item for item in tree.body if isinstance(item, ast.FunctionDef)}
    for name in ("call", "results_of"):
        assert functions[name].end_lineno - functions[name].lineno < 40


def _path_of_the_page() -> list[str]:
    """Return the files on the way of a call, as the page about the architecture draws it."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = page.partition("hinge_loss(inputs, targets, ...)")[2].partition("```")[0]
    return re.findall(r"[a-z]+/\w+\.py", drawn)


def _files_entered(function: Callable[[], object]) -> list[str]:
    """Return the files of the package that a call enters, in the order of their first frames."""
    found: dict[str, None] = {}

    def trace(frame: FrameType, _event: str, _argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE):
            found[path.relative_to(PACKAGE).as_posix()] = None

    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(None)
    return list(found)


def test_a_call_takes_the_way_that_the_page_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setenv("LOSSARY_CACHE_DIR", "off")
    drawn = _path_of_the_page()
    assert all((PACKAGE / name).is_file() for name in drawn)
    scores = np.linspace(-1, 1, 24).reshape(1, 2, 3, 1, 4)  # as no other test has them

    def call() -> object:
        return lossary.hinge_loss(scores, np.ones_like(scores), reduction="sum", dtype="float32")

    first = _files_entered(call)
    # The loss may be known already, and its loop be written.
    assert set(drawn) - set(first) <= {"losses/margin.py", "kernels/flat.py"}
    flow = [name for name in drawn if name.startswith("call/")]
    assert [name for name in first if name in flow] == flow
    call()
    again = _files_entered(call)
    assert again[:2] == ["call/flow.py", "backends/direct_call.py"]
    assert not {"call/call_cache.py", "call/checks.py", "kernels/host.py"} & set(again)


def test_import_loads_no_array_library() -> None:
    code = f"import sys, lossary; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _loaded(code: str, **variables: str) -> set[str]:
    """Return the modules that a process has after some code."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return set(done.stdout.split())


def test_import_loads_nothing_for_each_loss() -> None:
    loaded = _loaded("import lossary")
    own = {name for name in loaded if name.partition(".")[0] == "lossary"}
    assert own == {"lossary", "lossary.errors", "lossary.index", "lossary.options"}
    assert not loaded & {"importlib.metadata", "numpy"}


def test_a_loss_loads_its_family_alone() -> None:
    loaded = _loaded("from lossary import hinge_loss")
    families = {name for name in loaded if name.startswith("lossary.losses.")}
    assert families == {"lossary.losses.margin"}
    assert not loaded & {"importlib.metadata", "lossary.adapters", "lossary.plotting", "llvmlite"}


def test_type_checkers_know_the_public_names() -> None:
    """What ``__init__`` imports for them are the names that it loads."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    imports = (item for item in ast.walk(tree) if isinstance(item, ast.ImportFrom))
    told = {alias.asname for item in imports for alias in item.names} - {None}
    losses = set(lossary.losses.__all__)
    assert told | losses | {"__version__"} == set(lossary.__all__)
    for name in lossary.__all__:
        assert getattr(lossary, name) is getattr(lossary, name)


def test_every_module_is_an_attribute() -> None:
    loaded = _loaded("import lossary; lossary.definition; lossary.adapters")
    assert {"lossary.definition", "lossary.adapters"} <= loaded


@pytest.mark.parametrize("module", [lossary, lossary.losses, lossary.adapters])
def test_what_is_not_there_is_told_as_python_does(module: ModuleType) -> None:
    for name in ("no_such_loss", "__no_such__"):
        told = f"module {module.__name__!r} has no attribute {name!r}"
        with pytest.raises(AttributeError, match=re.escape(told)):
            getattr(module, name)


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


NEW = "shortfall_loss"
BLOCK = '''

@loss(targets=PLUS_MINUS_ONE, family="margin")
def shortfall_loss(inputs: Expression, targets: Expression) -> Expression:
    """Shortfall loss: linear on the wrong side."""
    return maximum(0, -targets * inputs)
'''


@pytest.fixture
def grown(copy: Path) -> Path:
    """A copy of the package with one more loss: a block in the file of its family."""
    path = copy / "lossary" / "losses" / "margin.py"
    path.write_text(path.read_text() + BLOCK)
    return copy


def test_a_loss_is_one_block(grown: Path) -> None:
    code = (
        "import lossary; f = lossary.get_loss('shortfall_loss').function; "
        "print(f([-1.0, 1.0], [1.0, 1.0]), lossary.grad(f)([-1.0], [1.0]), "
        "any(x.name == 'shortfall_loss' for x in lossary.list_losses()), "
        "'shortfall_loss' in lossary.__all__, 'Formula::' in f.__doc__)"
    )
    assert _run(grown, code).strip() == "[1. 0.] [-1.] True True True"
    code = "from lossary import shortfall_loss; print(shortfall_loss(-2.0, 1.0))"
    assert _run(grown, code).strip() == "2.0"


def test_the_site_has_a_page_for_it(grown: Path) -> None:
    pytest.importorskip("sphinx", reason="Sphinx is not installed")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'docs' / 'extensions')!r}); import lossary; "
        f"from loss_pages import page; print(page(lossary.get_loss({NEW!r})))"
    )
    shown = _run(grown, code)
    assert shown.startswith(f"{NEW}\n")
    assert r"\max" in shown


def test_tests_run_over_it_once_it_has_an_oracle(grown: Path) -> None:
    shutil.copytree(TESTS, grown / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    oracle = f"ORACLES = {{{NEW!r}: lambda z, y: max(0, -y * z)}}\n"
    (grown / "tests" / "oracles" / "further.py").write_text(oracle)
    files = [grown / "tests" / f"test_{name}.py" for name in ("facts", "reduction")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull,
               "--rootdir", grown, "-k", NEW, *files]  # fmt: skip
    path = os.pathsep.join(map(str, (grown, grown / "tests")))
    environment = {**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=grown)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)


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


def test_only_backends_serve_libraries() -> None:
    """A library of one's own may have the name of a file that helps backends."""
    files = [path for path in (PACKAGE / "backends").glob("*.py") if path.stem != "__init__"]
    backends = {path for path in files if "\nBACKEND" in path.read_text(encoding="utf-8")}
    assert HELPERS == {path.stem for path in files if path not in backends}


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
    assert stubs.INDEX.read_text(encoding="utf-8") == stubs.index(), "run tools/stubs.py"
