"""Classes with a method that has a loss's own argument names.

Tools read them from the method's signature: exporters name the inputs of a graph after them,
collections of metrics choose keyword arguments by them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from lossary.generated import define

_METHOD = """\
def {method}(self, {arguments}, *, weights=None, where=None):
    return self._{method}(({arguments},), weights, where)
"""


@lru_cache(maxsize=4096)
def subclass(base: type[Any], method: str, arguments: tuple[str, ...], name: str) -> type[Any]:
    """Return a subclass whose method passes its named arguments on, to ``_method``, as a tuple."""
    source = _METHOD.format(method=method, arguments=", ".join(arguments))
    namespace: dict[str, Any] = {}
    function = define(method, source, namespace)
    function.__doc__ = getattr(base, f"_{method}").__doc__
    function.__module__, function.__qualname__ = base.__module__, f"{name}.{method}"
    return type(
        name,
        (base,),
        {
            method: function,
            "__module__": base.__module__,
            "__doc__": base.__doc__,
            "_made_from": (base, method, arguments, name),
        },
    )


def blank(*made_from: Any) -> Any:
    """Return an object without state: pickle and copy restore objects of these classes with it."""
    made: Any = subclass(*made_from)
    return made.__new__(made)
