"""The descriptions of parameters that several adapters have."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_DESCRIPTIONS = {
    "hessian": """\
How the Hessian is kept positive: "exact" passes it on as it is; "gauss-newton" passes
gradient² / (2 loss), for losses that are never negative; "weight" passes gradient / residual,
for losses that are least where the prediction is the target; "logistic" passes at least
p (1 - p), for losses of classes; "expected" passes the Fisher information of exp(-loss); a
number is the least Hessian that is passed on. None chooses by the shape of the loss:
"logistic" for classes where the Hessian is below 0 (focal), at least 1 for classes and flat
parts (hinge), "weight" for gradients that fall off far from the target (Cauchy),
"gauss-newton" for other bounded ones (absolute, Huber), at least 1e-6 for the rest.""",
    "positive": """\
For losses of two classes: the label that becomes +1 (or 1); every other becomes -1 (or 0).""",
}
_PLACEHOLDER = re.compile(r"^( *)<(\w+)>$", re.MULTILINE)


def describe_parameters(function: F) -> F:
    """Replace the lines ``<name>`` of a docstring by the description of that parameter."""
    if function.__doc__ is not None:  # as it is under python -OO
        function.__doc__ = _PLACEHOLDER.sub(_description, function.__doc__)
    return function


def _description(placeholder: re.Match[str]) -> str:
    return textwrap.indent(_DESCRIPTIONS[placeholder[2]], placeholder[1])
