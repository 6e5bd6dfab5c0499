"""Losses that are copied, pickled, and sent to other processes."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lossary
from lossary import domains, get_loss, loss
from lossary.formula import maximum
from lossary.registry import REGISTRY


@loss(targets=domains.PLUS_MINUS_ONE)
def module_loss(inputs: Any, targets: Any, factor: float = 2.0) -> Any:
    """A loss that can be imported."""
    return factor * maximum(0, 1 - targets * inputs)


def module_formula(inputs: Any, targets: Any, power: float = 2.0) -> Any:
    """A formula that keeps its name."""
    return abs(inputs - targets) ** power


called_loss = loss(module_formula, limits={"power": domains.POSITIVE})
for _name in ("module_loss", "module_formula"):  # other tests look at the package's losses alone
    del REGISTRY[_name]


def tilted(tau: float) -> Callable[..., Any]:
    """Return a loss that pickle cannot import."""

    @loss
    def tilted_loss(inputs: Any, targets: Any) -> Any:
        return tau * (targets - inputs)

    return tilted_loss


@pytest.mark.parametrize("function", [module_loss, called_loss, lossary.cross_entropy])
def test_a_loss_is_copied_and_pickled_as_itself(function: Callable[..., Any]) -> None:
    record = get_loss(function)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(record, protocol)) is record
    assert copy.copy(record) is copy.deepcopy(record) is record


def test_functions_are_pickled_by_public_names() -> None:
    assert pickle.loads(pickle.dumps(module_loss)) is module_loss
    for record in lossary.list_losses():
        if record.family != "custom":
            content = pickle.dumps(record.function)
            assert pickle.loads(content) is record.function
            assert b"lossary.losses" not in content


def test_what_pickle_cannot_import_is_said_so() -> None:
    with pytest.raises((AttributeError, pickle.PicklingError), match=r"tilted.<locals>"):
        pickle.dumps(get_loss(tilted(0.5)))


def test_constants_are_pickled_as_themselves() -> None:
    for name, item in vars(domains).items():
        if isinstance(item, (domains.Domain, domains.Range)):
            assert pickle.loads(pickle.dumps(item)) is item, name
            assert copy.deepcopy(item) is item, name
    own = domains.Domain("own", "anything", remedy="Leave it")
    assert pickle.loads(pickle.dumps(own)) == own


DERIVED = [
    lossary.grad(module_loss),
    lossary.value_and_grad(lossary.huber_loss, (0, 1)),
    lossary.value_grad_hess(called_loss, argnums=1),
]


@pytest.mark.parametrize("derived", DERIVED, ids=repr)
@pytest.mark.parametrize("copied", [lambda f: pickle.loads(pickle.dumps(f)), copy.copy,
                                    copy.deepcopy])  # fmt: skip
def test_functions_of_derivatives_are_copied_and_pickled(derived: Any, copied: Any) -> None:
    again = copied(derived)
    given = [0.5, -2.0], [1.0, -1.0]
    assert str(again(*given)) == str(derived(*given))
    assert repr(again) == repr(derived)
    assert inspect.signature(again) == inspect.signature(derived)
    assert again.__doc__ == derived.__doc__


def test_functions_of_derivatives_say_what_they_are() -> None:
    shown = [repr(derived).replace("module_", "") for derived in DERIVED]
    assert shown == [
        "grad(loss, argnums=0)",
        "value_and_grad(huber_loss, argnums=(0, 1))",
        "value_grad_hess(formula, argnums=1)",
    ]
    derived = lossary.grad(lossary.hinge_loss)
    assert derived.__name__ == "hinge_loss"
    assert inspect.signature(derived) == inspect.signature(lossary.hinge_loss)


def test_losses_of_one_name_stay_apart_by_value() -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    low, high = tilted(0.1), tilted(0.9)
    again = cloudpickle.loads(cloudpickle.dumps([low, high, get_loss(low), get_loss(high)]))
    assert [float(f(0.0, 1.0)) for f in again[:2]] == [0.1, 0.9]
    # The process has these losses, so that they keep what was compiled for them.
    assert [get_loss(f) for f in again[:2]] == again[2:] == [get_loss(low), get_loss(high)]
    assert get_loss("tilted_loss") is get_loss(high)


SENDER = """
import sys
import cloudpickle
from lossary import domains, get_loss, grad, loss
from lossary.formula import maximum
from lossary.registry import REGISTRY

@loss(targets=domains.PLUS_MINUS_ONE, limits={"factor": domains.POSITIVE})
def script_loss(inputs, targets, factor=2.0):
    return factor * maximum(0, 1 - targets * inputs)

sys.stdout.buffer.write(cloudpickle.dumps((script_loss, get_loss(script_loss), grad(script_loss))))
"""
RECEIVER = """
import pickle, sys
function, record, gradient = pickle.load(sys.stdin.buffer)
import cloudpickle, lossary
assert lossary.get_loss(function) is record
assert lossary.get_loss(record.function) is record
print(function([0.5, 2.0], [1, -1]), record.function([0.5], [1], factor=4.0))
print(gradient([0.5, 2.0], [1, -1]), record.targets is lossary.domains.PLUS_MINUS_ONE)
print([item.name for item in lossary.list_losses() if item.family == "custom"])
assert cloudpickle.loads(cloudpickle.dumps(record)) is record
"""


def _run(code: str, given: bytes = b"") -> bytes:
    done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_a_loss_of_a_script_works_where_it_was_never_defined() -> None:
    pytest.importorskip("cloudpickle")
    said = _run(RECEIVER, _run(SENDER)).decode().splitlines()
    assert said == ["[1. 6.] [2.]", "[-2.  2.] True", "[]"]


def test_a_loss_of_a_script_is_pickled_for_the_same_script(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("""
import pickle, sys
import lossary
@lossary.loss
def script_loss(inputs, targets):
    return (inputs - targets) ** 2
if sys.argv[1] == "dump":
    sys.stdout.buffer.write(pickle.dumps((script_loss, lossary.get_loss(script_loss))))
else:
    assert pickle.load(sys.stdin.buffer) == (script_loss, lossary.get_loss(script_loss))
""")
    command = [sys.executable, str(script)]
    content = subprocess.run([*command, "dump"], capture_output=True, check=True).stdout
    subprocess.run([*command, "load"], input=content, check=True)
