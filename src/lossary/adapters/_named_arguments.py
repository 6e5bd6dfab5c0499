"""Classes with a method that has the argument names of a loss.

Other tools read them from the method's signature: exporters name the inputs of a graph after
them, collections of metrics select keyword arguments by them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from lossary.generated import define

_METHOD = """\
def {name}(self, {arguments}, *, weights=None, where=None):
    return self._{method}(({arguments},), weights, where)
"""


@lru_cache(maxsize=4096)
def subclass(base: type[Any], method: str, arguments: tuple[str, ...], name: str) -> type[Any]:
    """Return a subclass whose method passes its named arguments, as a tuple, to ``_method``."""
    # The generated name determines the source, which tracebacks find by it.
    generated = "_".join([method, *arguments])
    source = _METHOD.format(name=generated, method=method, arguments=", ".join(arguments))
    function = define(generated, source, {})
    function.__doc__ = getattr(base, f"_{method}").__doc__
    function.__module__, function.__name__ = base.__module__, method
    function.__qualname__ = f"{name}.{method}"
    return type(
        name,
        (base,),
        {
            method: function,
            "__module__": base.__module__,
            "__doc__": base.__doc__,
            "_subclass_arguments": (base, method, arguments, name),
        },
    )


def new_object(*subclass_arguments: Any) -> Any:
    """Return an object of a subclass, without its state: pickle and copy add that."""
    cls: Any = subclass(*subclass_arguments)
    return cls.__new__(cls)
