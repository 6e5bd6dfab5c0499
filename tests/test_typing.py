"""What a type checker knows: signatures and the arrays that come back."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import lossary

USER = """\
import numpy as np
from numpy.typing import NDArray
from lossary import grad, hinge_loss, huber_loss, loss, value_and_grad, value_grad_hess

class Array:
    shape: tuple[int, ...] = ()

@loss
def own_loss(inputs, targets, scale=1.0):  # type: ignore[no-untyped-def]
    return scale * (inputs - targets)

given: NDArray[np.float32] = np.ones(3, np.float32)
reveal_type(hinge_loss(Array(), 1.0))
reveal_type(hinge_loss([0.5], [1.0]))
reveal_type(grad(huber_loss))
reveal_type(grad(huber_loss)(Array(), given, delta=2.0))
reveal_type(grad(huber_loss, (0, 1))(Array(), given))
reveal_type(value_and_grad(hinge_loss)(Array(), given, where=given > 0))
reveal_type(value_grad_hess(hinge_loss)(Array(), given, "sum"))
reveal_type(own_loss)
own_loss(given, given, scale=2.0, reduction="mean", where=given > 0)
huber_loss(given, given, delta=Array(), dlta=2.0)
grad(huber_loss)(given)
"""
REVEALED = (
    r"user\.Array",
    r"numpy\.ndarray\[tuple\[Any, \.\.\.\], numpy\.dtype\[Any\]\]",
    r"def .*inputs: .*targets: Any, delta: float \| .*reduction: .*weights: Any =.*",
    r"user\.Array",
    r"tuple\[user\.Array, \.\.\.\]",
    r"tuple\[user\.Array, user\.Array\]",
    r"tuple\[user\.Array, user\.Array, user\.Array\]",
    r".*LossFunction\[\[inputs: Any, targets: Any, scale: (Any|float) =\]\].*",
)
ERRORS = (r'Unexpected keyword argument "dlta"', r"Too few arguments|Missing positional argument")


def test_a_checker_knows_signatures_and_arrays(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(USER)
    source = Path(lossary.__file__).parents[1]
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent",
         "--ignore-missing-imports", f"--cache-dir={tmp_path / 'cache'}", "user.py"],
        cwd=tmp_path, env={"MYPYPATH": str(source), "PATH": ""}, capture_output=True, text=True,
        check=False,
    ).stdout  # fmt: skip
    revealed = re.findall(r'Revealed type is "(.*)"', told)
    assert len(revealed) == len(REVEALED), told
    for pattern, found in zip(REVEALED, revealed, strict=True):
        assert re.fullmatch(pattern, found), found
    errors = re.findall(r"user\.py:\d+: error: (.*)", told)
    assert len(errors) == len(ERRORS), told
    for pattern, found in zip(ERRORS, errors, strict=True):
        assert re.match(pattern, found), found
