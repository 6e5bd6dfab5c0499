"""A loss as JavaScript: a function of its value, gradient and diagonal Hessian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import indent

from lossary.definition.definition import Definition
from lossary.definition.docstring import variant_of
from lossary.formula.expression import literal
from lossary.formula.printing.javascript import RESERVED, spelled, to_javascript, written_number

_RESULTS = ("value", "gradient", "hessian")


def javascript(loss: Definition, structure: Mapping[str, object]) -> str:
    """Return the declaration of a JavaScript function; see :meth:`lossary.Loss.javascript`."""
    chosen = variant_of(loss, {**dict.fromkeys(loss.extensions, True), **structure})
    first, one = loss.arguments[0], literal(1)
    outputs = [chosen.value, chosen.gradient(first, one)]
    if loss.has_hessian:
        outputs.append(chosen.hessian(first, one))
    program = to_javascript(*outputs, rows=loss.axis is not None)
    given = [*loss.arguments, *loss.prepare]
    given += [name for name in loss.parameters if name not in dict(chosen.variant.structure)]
    length = [f"const n = {spelled(first)}.length;"] if loss.axis is not None else []
    results = zip(_RESULTS, program.outputs, strict=False)
    function = [
        f"({{{', '.join(_argument(loss, name) for name in given)}}}) => {{",
        *(f"  {statement}" for statement in (*length, *program.statements)),
        "  return {",
        *(f"    {name}: {output}," for name, output in results),
        "  };",
        "};",
    ]
    name = loss.name + "_" * (loss.name in RESERVED)
    return f"const {name} = " + _with_helpers(program.helpers, "\n".join(function))


def _with_helpers(helpers: Sequence[str], function: str) -> str:
    """Return a function with its helpers inside."""
    if not helpers:
        return function
    inner = "\n".join((*helpers, f"return {function}"))
    return f"(() => {{\n{indent(inner, '  ')}\n}})();"


def _argument(loss: Definition, name: str) -> str:
    """Return a property of the function's argument, with its default."""
    written = name if spelled(name) == name else f"{name}: {spelled(name)}"
    default = loss.parameters.get(name)
    if isinstance(default, (int, float)):
        return f"{written} = {written_number(float(default))}"
    return written
