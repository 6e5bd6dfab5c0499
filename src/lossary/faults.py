"""Reports of values outside their domain: the warning or error, with position and remedy."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from lossary.domains import CLASS_LABELS, Domain
from lossary.errors import GENERATED, DomainWarning, Fault, LossaryValueError, message
from lossary.formula import is_label
from lossary.formula.evaluate import tape
from lossary.formula.expression import Expression, Kind
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
    """Raise or warn, once, if any arguments have values outside their domains."""
    policy = domain_policy()
    counts = [
        (name, domain, condition, count)
        for name, domain, condition in problem.composite.faults
        if (count := int(results[f"fault_{name}"]))
    ]
    strict = [item for item in counts if policy == "raise" or item[1] is CLASS_LABELS]
    if not strict and policy != "warn":
        return
    faults = tuple(_fault(problem, *item, backend) for item in strict or counts)
    if not faults:
        return
    text = _message(problem, faults, backend)
    if strict:
        error = LossaryValueError(text)
        error.faults = faults
        raise error
    warning = DomainWarning(text)
    warning.faults = faults
    warnings.warn(warning, stacklevel=_stack_level())


def _fault(
    problem: Problem,
    name: str,
    domain: Domain,
    condition: Expression,
    count: int,
    backend: Backend,
) -> Fault:
    position, value = _first(problem, name, domain, condition, backend)
    return Fault(
        argument=name,
        # A number that is used for every element is one value.
        count=count if backend.shape(problem.arrays[name]) else 1,
        position=position,
        value=int(value) if domain is CLASS_LABELS else float(value),
        domain=domain.text.replace("C-1", str(problem.classes - 1)),
        remedy=domain.remedy,
    )


def _message(problem: Problem, faults: Sequence[Fault], backend: Backend) -> str:
    """Compose the message; a second argument is told about in a second sentence."""
    first, *others = (_parts(problem, fault, backend) for fault in faults)
    text = message(problem.function, *first)
    for argument, requirement, given, remedy in others:
        text += f" And {argument} {requirement}, got {given}. {remedy}".rstrip()
    return text


def _parts(problem: Problem, fault: Fault, backend: Backend) -> tuple[str, str, str, str]:
    shape = backend.shape(problem.arrays[fault.argument])
    given = repr(fault.value)
    if shape:
        given += f" at {fault.position} ({fault.count} of {math.prod(shape)} values)"
    remedy = f"{fault.remedy}." if fault.remedy else ""
    return fault.argument, f"must be {fault.domain}", given, remedy


def _first(
    problem: Problem, name: str, domain: Domain, condition: Expression, backend: Backend
) -> tuple[tuple[int, ...], Any]:
    """Find the first bad value in C order. Runs only once something is known to be wrong."""
    import numpy as np

    given = np.asarray(backend.to_numpy(problem.arrays[name]))
    if domain is CLASS_LABELS:
        found = _bad_labels(problem, given, backend)
    else:
        if problem.axis is not None and condition.kind is not Kind.ELEMENT:
            condition = condition & is_label(problem.composite.symbols["targets"])
        operations = backend.operations(backend, problem)
        (result,) = tape(condition).run(backend.prepared(problem), operations)
        found = backend.to_numpy(result)
    if given.shape == ():
        return (), given[()]
    position = tuple(int(i) for i in np.unravel_index(int(np.argmax(found)), given.shape))
    return position, given[position]


def _bad_labels(problem: Problem, labels: Any, backend: Backend) -> Any:
    """Tell which labels are none, in their own integers: float32 cannot tell large ones apart."""
    found = (labels < 0) | (labels >= problem.classes)
    if problem.request.ignore_index is not None:
        found = found & (labels != problem.request.ignore_index)
    if "where" in problem.arrays:
        found = found & backend.to_numpy(problem.arrays["where"])
    return found


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
