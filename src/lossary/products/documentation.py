"""Docstrings of the losses of matrix products: what several have in common is written once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from lossary.definition.docstring import REDUCTION, documentation_of, joined, split_docstring

#: Entries of the section "Parameters", by the names of arguments.
OF_PRODUCTS = {
    "where": """\
where : boolean array, shape (...), optional
    Rows that take part; the others are not multiplied and add exactly 0 to value and gradients.""",
}
OF_PAIRS = {
    "normalize": """\
normalize : bool
    Whether embeddings are divided by their lengths, so that similarities are cosines; False
    where they are dot products.""",
    "where": """\
where : boolean array, shape (N,), optional
    Items that take part; the others neither have a loss nor are compared with, whatever they
    hold.""",
    "offset": """\
offset : int
    Place of the first of one's own rows among the others.""",
    "other_where": """\
other_where : boolean array, shape (M,), optional
    Which of the others take part.""",
}
_RETURNS = """\
array, shape ({shape}) for "none", () for "mean" and "sum"
    The loss, of the arguments' library and on their device."""
_RAISES = """\
ValueError, TypeError
    If {what} are wrong, or arrays are of several libraries{others}."""
_COMMON = {
    "reduction": REDUCTION.format(default="none"),
    **{name: documentation_of(name) for name in ("weights", "denominator", "dtype")},
    **{name: documentation_of(name) for name in ("ignore_index", "class_weights")},
}


def of_products(function: Callable[..., Any], source: str) -> str | None:
    """Return the docstring of a loss of features and a classifier."""
    raises = _RAISES.format(what="shapes, dtypes, labels or parameters", others="")
    return _completed(function, OF_PRODUCTS, _RETURNS.format(shape="..."), raises, source)


def of_pairs(function: Callable[..., Any], source: str) -> str | None:
    """Return the docstring of a loss of pairs."""
    raises = _RAISES.format(what="shapes, dtypes or parameters", others=" or of Dask")
    return _completed(function, OF_PAIRS, _RETURNS.format(shape="N,"), raises, source)


def _completed(
    function: Callable[..., Any], own: Mapping[str, str], returns: str, raises: str, source: str
) -> str | None:
    """Add the entries of arguments that others have too, in the order of the signature."""
    if not function.__doc__:  # Python runs without docstrings
        return None
    head, sections = split_docstring(inspect.cleandoc(function.__doc__))
    written: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", sections.pop("Parameters")):
        names = entry.partition(" : ")[0].split(", ")
        written |= {names[0]: entry} | dict.fromkeys(names[1:], "")
    known = {**_COMMON, **own, **written}
    entries = filter(None, (known[name] for name in inspect.signature(function).parameters))
    first = {"Parameters": "\n".join(entries), "Returns": returns, "Raises": raises}
    last = {"References": source, "Examples": sections.pop("Examples")}
    return joined(head, first | sections | last)
