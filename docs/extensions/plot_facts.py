"""What the plots of the site compute: the scripts of all losses, printed from their formulas.

The script of a loss has its function in JavaScript for every form of its formula, and what the
controls of a plot need: what is on the horizontal axis, the other arguments, ranges of parameters.
All of it is derived from the registry.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pair_plots
from formula_words import words
from known_losses import every_loss, is_of_pairs
from written_files import write_folder

from lossary import Loss
from lossary.arrays import Array
from lossary.domains import BOXES, FINITE, REAL, UNIT_INTERVAL, Domain
from lossary.plotting.variable import ArgumentsOf, variable_of

#: Values of the variable by which an element that varies is told from one that does not.
_PROBE = np.array([0.3125, 0.40625])
#: A parameter that is None by default gets the first of these that it may have.
_GIVEN = (0.25, 1.0)
_WHOLE = (1, 2, 3)
_STEPS = 80  # of a slider
_TINY = 1e-3  # a smaller default is changed by factors


def write_scripts(folder: Path) -> None:
    """Write the script of every loss, and the index of what they are plotted over."""
    losses = every_loss()
    abscissae = {loss.name: [facts(loss, form)["abscissa"] for form in forms(loss)]
                 for loss in losses}  # fmt: skip
    scripts = {f"{loss.name}.js": script(loss) for loss in losses}
    known = f"lossary.index = {json.dumps(abscissae)};\n"
    write_folder(folder, {**scripts, "words.js": words(), "index.js": known})


def script(loss: Loss) -> str:
    """Return the script that adds a loss to those that can be plotted.

    Examples
    --------
    >>> import lossary
    >>> script(lossary.get_loss("l1_loss")).splitlines()[0]
    'lossary.add("l1_loss", ['
    """
    parts = []
    for form in forms(loss):
        source = loss.javascript(labels=loss.takes_labels, **form)
        name = source.split(" ", 2)[1]
        known = json.dumps(facts(loss, form), allow_nan=False)
        compute = pair_plots.with_itself(loss, name) if is_of_pairs(loss) else name
        parts.append(f"{known[:-1]}, compute: (() => {{\n{source}\nreturn {compute};\n}})()}}")
    inner = ",\n".join(parts)
    return f'lossary.add("{loss.name}", [\n{inner}\n]);\n'


def forms(loss: Loss) -> list[dict[str, object]]:
    """Return what chooses each form of a loss's formula, that of the defaults first.

    Examples
    --------
    >>> import lossary
    >>> forms(lossary.get_loss("dice_loss"))
    [{'with_logits': False}, {'with_logits': True}]
    """
    choices: dict[str, tuple[object, ...]] = {}
    for name, default in loss.parameters.items():
        if isinstance(default, bool):
            choices[name] = (default, not default)
        elif default is None:
            choices[name] = (None, True)
        elif name in loss.structure:
            limit = loss.limits.get(name, FINITE)
            others = [k for k in _WHOLE if k != default and limit.contains(k)]
            choices[name] = (default, *others)
    return [
        dict(zip(choices, chosen, strict=True)) for chosen in itertools.product(*choices.values())
    ]


def facts(loss: Loss, form: Mapping[str, object]) -> dict[str, Any]:
    """Return what a plot knows of a form of a loss, as JSON."""
    given = {name: _given(loss, name) if value is True and loss.parameters[name] is None else value
             for name, value in form.items()}  # fmt: skip
    variable = variable_of(loss, given)
    arguments = _template(loss, variable.arguments)
    dashed = None
    if variable.counterpart is not None:
        other = _template(loss, variable.counterpart)
        dashed = {name: value for name, value in other.items() if value != arguments[name]}
    drawing = _drawing(loss)
    bounds, domain = variable.bounds, variable.domain
    if drawing == "boxes":  # the range of every corner
        bounds, domain = REAL.typical, (-math.inf, math.inf)
    abscissa = re.split(r", (?!1\))| that ends", variable.axis)[0]  # the rest has controls
    return {
        "choice": {name: value for name, value in form.items() if value is not None},
        "abscissa": abscissa,
        "bounds": [_round(value) for value in bounds],
        "domain": [value if math.isfinite(value) else None for value in domain],
        "start": -1 if drawing == "boxes" else None,
        "arguments": arguments,
        "dashed": dashed,
        "resizable": loss.axis is not None and loss.length is None,
        "ones": list(loss.prepare),
        "drawing": drawing,
        "controls": pair_plots.controls(arguments)
        if is_of_pairs(loss)
        else list(_controls(loss, form, arguments, abscissa)),
        "parameters": [
            _parameter(loss, name)
            for name, default in loss.parameters.items()
            if name not in loss.structure and (default is not None or form[name] is True)
        ],
    }


def _given(loss: Loss, name: str) -> float:
    """Return the value of a parameter that is None by default."""
    limit = loss.limits.get(name, FINITE)
    return next(value for value in _GIVEN if limit.contains(value))


def _template(loss: Loss, arguments: ArgumentsOf) -> dict[str, Any]:
    """Return the arguments, with "x" for what varies."""
    values = map(np.asarray, arguments(_PROBE))
    found = {
        name: [_entry(x) for x in value.T] if value.ndim == 2 else _entry(value)
        for name, value in zip(loss.arguments, values, strict=True)
    }
    return pair_plots.without_itself(loss, found) if is_of_pairs(loss) else found


def _entry(values: Array) -> Any:
    if np.array_equal(values, _PROBE):
        return "x"
    return int(values[0]) if values[0] == round(values[0]) else float(values[0])


def _round(value: Any) -> float:
    number = round(float(value), 9)
    return int(number) if number.is_integer() else number


def _drawing(loss: Loss) -> str | None:
    """Return what can be drawn and dragged beside the plot."""
    if loss.domains.get(loss.arguments[0]) == BOXES:
        return "boxes"
    return "pixels" if loss.family == "overlap" else None


# --- controls ---------------------------------------------------------------------------------
def _controls(
    loss: Loss, form: Mapping[str, object], arguments: Mapping[str, Any], abscissa: str
) -> Iterator[dict[str, Any]]:
    """Return the control of each argument; its elements have equal ones."""
    for name, value in arguments.items():
        domain = loss.domains.get(name, REAL)
        if abscissa == "residual" and name == "targets":
            continue  # only the residual counts
        if domain.labels:
            yield {"argument": name, "labels": 1 + domain.extra_labels}
        elif domain.two_classes and domain != UNIT_INTERVAL:
            yield {"argument": name, "options": list(domain.two_classes)}
        else:
            yield {"argument": name, **_range_of_values(domain, form, value)}


def _range_of_values(domain: Domain, form: Mapping[str, object], value: Any) -> dict[str, Any]:
    low, high = REAL.typical if form.get(domain.unless) else domain.typical
    fixed = [x for x in (value if isinstance(value, list) else [value]) if x != "x"]
    low, high = min([low, *fixed]), max([high, *fixed])
    return {"low": _round(low), "high": _round(high), "step": _round(_step(high - low))}


def _parameter(loss: Loss, name: str) -> dict[str, Any]:
    """Return the range of a parameter's slider: what the loss allows near the default."""
    default = loss.parameters[name]
    default = _given(loss, name) if default is None else default
    limit = loss.limits.get(name, FINITE)
    found: dict[str, Any] = {"name": name, "value": default}
    if 0 < default < _TINY:  # the exponents of 10 are on the slider
        return {**found, "low": -12, "high": 0, "step": 0.5, "logarithmic": True}
    span = max(3.0, 3.0 * abs(default))
    step = _step(1.0 if not limit.contains(1.5) and not limit.contains(-1.0) else span)
    count = math.ceil((span + abs(default)) / step)
    allowed = [k * step for k in range(-count, count + 1) if limit.contains(_round(k * step))]
    found |= {"low": _round(allowed[0]), "high": _round(allowed[-1]), "step": _round(step)}
    gaps = [(a, b) for a, b in itertools.pairwise(allowed) if b - a > 1.5 * step]
    return {**found, "gap": [_round(x) for x in gaps[0]]} if gaps else found


def _step(span: float) -> float:
    """Return the round step of a slider.

    Examples
    --------
    >>> _step(1.0), _step(6.0)
    (0.01, 0.1)
    """
    unit = 10.0 ** math.floor(math.log10(span / _STEPS))
    return next(unit * size for size in (1, 2, 5, 10) if span / (unit * size) <= 1.25 * _STEPS)
