"""Direct forms of cached calls: functions written for one kind of call, without a loop or a branch.

Each Python function that a call enters takes about 0.2 us of it. So a form checks its conditions,
allocates, runs the kernel and makes the results in one function. The gradient of a mean over 100
elements of tensors takes 3.4 us less so than through a function for each of these steps.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lossary.backends.base import CachedCall
from lossary.definition.common_arguments import COMMON_ARRAYS
from lossary.definition.definition import Definition
from lossary.definition.request import Request
from lossary.generated import define
from lossary.kernels.direct import Direct, ItemIndex

_FORM = """\
def {name}(request):
{arrays}{conditions}{divisor}{made}\
    total = run(request{given})
    if total is None:
        return None
    return {results}
"""
_CONDITIONS = """\
    try:
        if not ({conditions}):
            return None
{request}\
    except (AttributeError, RuntimeError):  # an array of another library, none, or one out of reach
        return None
"""
_DIVISOR = """\
    divisor = sums(request)
    if divisor is None or divisor == 0.0:
        return None
"""
#: Prefix of the variables that hold a request's arrays, by the names of arguments.
ARRAY = "array_"


class Text(NamedTuple):
    """Text of an expression, and what its names stand for.

    It may have a request's arrays by their names, as ``array_targets``.
    """

    text: str
    names: Mapping[str, Any]


class Form(NamedTuple):
    """A direct form to be written.

    Attributes
    ----------
    conditions : tuple of Text
        What has to be true, asked before arrays are compared.
    arrays : mapping of str to tuple
        Where a request has the arrays that texts name.
    run, sums : callable
        The built-in functions: of the kernel, and of one that sums what it divides by, if any.
    makers : sequence of callable
        Functions that allocate what the kernel stores.
    value : Text
        The value: of the ``total``, or of what is stored, as ``made_0``.
    gradients : sequence of str
        The texts of the gradients.
    request : Text, optional
        What the built-in functions are given, if not the request: one with arrays that they read.
    results : Text
        What is returned: {0} stands for the value, {1} and so on for gradients, {all} for all.
    """

    conditions: Sequence[Text]
    arrays: Mapping[str, ItemIndex]
    run: Direct
    sums: Direct | None
    makers: Sequence[Callable[[], Any]]
    value: Text
    gradients: Sequence[str]
    results: Text
    request: Text | None = None

    def function(self) -> CachedCall:
        """Return the form as a function of a request."""
        texts = [*self.conditions, self.value, self.results]
        if self.request is not None:
            texts.append(self.request)
        made = [f"made_{index}" for index in range(len(self.makers))]
        found = (self.value.text, *self.gradients)
        factor = [] if self.sums is None else ["factor(1.0 / divisor)"]
        parts = {
            "arrays": self._assigned(" ".join(item.text for item in texts)),
            "conditions": self._checked(),
            "divisor": "" if self.sums is None else _DIVISOR,
            "made": "".join(f"    {x} = make_{i}()\n" for i, x in enumerate(made)),
            "given": "".join(f", {x}" for x in (*factor, *made)),
            "results": self.results.text.format(*found, all=", ".join([*found, ""])),
        }
        names = {"run": self.run, "sums": self.sums, "factor": np.array}
        names |= {f"make_{index}": make for index, make in enumerate(self.makers)}
        for item in texts:
            names |= item.names
        function: CachedCall = defined("direct", _FORM, parts, names)
        return function

    def _checked(self) -> str:
        """Return the lines that check the conditions."""
        if not self.conditions:
            return ""
        conditions = " and ".join(f"({item.text})" for item in self.conditions)
        request = "" if self.request is None else f"        request = {self.request.text}\n"
        return _CONDITIONS.format(conditions=conditions, request=request)

    def _assigned(self, text: str) -> str:
        """Return the lines that assign the arrays that are in a text."""
        return "".join(
            f"    {ARRAY}{name} = request[{owner}][{index}]\n"
            if owner
            else f"    {ARRAY}{name} = request[{index}]\n"
            for name, (owner, index) in self.arrays.items()
            if f"{ARRAY}{name}" in text
        )


def defined(kind: str, text: str, parts: Mapping[str, str], names: dict[str, Any]) -> Any:
    """Return the function of a text with these parts. Its name is that of this text alone."""
    name = f"{kind}_{zlib.crc32(repr(parts).encode()):08x}"
    return define(name, text.format(name=name, **parts), names, is_shared=True)


def array_indices(loss: Definition) -> dict[str, ItemIndex]:
    """Return where a request has its arrays: in its second item, or in itself."""
    indices = {name: (1, index) for index, name in enumerate(loss.arguments)}
    return indices | {name: (0, Request._fields.index(name)) for name in COMMON_ARRAYS}
