"""Reports of values outside their domain: the warning or error, with position and remedy."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

from lossary.domains import CLASS_LABELS, Domain
from lossary.errors import GENERATED, DomainWarning, Fault, LossaryValueError, message
from lossary.formula.evaluate import tape
from lossary.formula.expression import Expression
from lossary.options import domain_policy
from lossary.problem import Problem

if TYPE_CHECKING:
    from lossary.backends.base import Backend


def wanted(problem: Problem, readable: bool) -> bool:
    """Tell whether a call counts faults.

    Labels are always checked where values can be read; other domains unless the policy is to
    ignore them. The policy "raise" reads values on devices too.
    """
    policy = domain_policy()
    if policy == "raise":
        return bool(problem.composite.faults)
    checked = problem.composite.variant.labels or policy != "ignore"
    return readable and checked and bool(problem.composite.faults)


def report(problem: Problem, results: Mapping[str, Any], backend: Backend) -> None:
    """Raise or warn if any argument has values outside its domain."""
    policy = domain_policy()
    for name, domain, condition in problem.composite.faults:
        count = int(results[f"fault_{name}"])
        strict = domain is CLASS_LABELS or policy == "raise"
        if count == 0 or not (strict or policy == "warn"):
            continue
        fault = _fault(problem, name, domain, condition, count, backend)
        text = _message(problem, fault, backend)
        if strict:
            error = LossaryValueError(text)
            error.fault = fault
            raise error
        warning = DomainWarning(text)
        warning.fault = fault
        warnings.warn(warning, stacklevel=_stack_level())


def _fault(
    problem: Problem,
    name: str,
    domain: Domain,
    condition: Expression,
    count: int,
    backend: Backend,
) -> Fault:
    position, value = _first(problem, name, condition, backend)
    return Fault(
        argument=name,
        count=count,
        position=position,
        value=int(value) if domain is CLASS_LABELS else float(value),
        domain=domain.text.replace("C-1", str(problem.classes - 1)),
        remedy=domain.remedy,
    )


def _message(problem: Problem, fault: Fault, backend: Backend) -> str:
    size = math.prod(backend.shape(problem.arrays[fault.argument]))
    given = f"{fault.value!r} at {fault.position} ({fault.count} of {size} values)"
    remedy = f"{fault.remedy}." if fault.remedy else ""
    return message(problem.function, fault.argument, f"must be {fault.domain}", given, remedy)


def _first(
    problem: Problem, name: str, condition: Expression, backend: Backend
) -> tuple[tuple[int, ...], Any]:
    """Find the first bad value in C order. Runs only once something is known to be wrong."""
    import numpy as np

    operations = backend.operations(backend, problem)
    (found,) = tape(condition).run(backend.prepared(problem), operations)
    given = backend.to_numpy(problem.arrays[name])
    place = int(np.argmax(backend.to_numpy(found)))
    if np.shape(given) == ():
        return (), given[()]
    position = tuple(int(i) for i in np.unravel_index(place, np.shape(given)))
    return position, given[position]


def _stack_level() -> int:
    """Return the level at which the package was entered, so that warnings name user code."""
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
        level += 1
    return level


def _is_ours(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package == "lossary" or frame.f_code.co_filename == GENERATED
