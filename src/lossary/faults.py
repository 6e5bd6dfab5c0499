"""Reports of values outside their domain: the warning or error, with position and remedy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lossary.domains import Domain
from lossary.errors import DomainWarning, Fault, LossaryValueError, message
from lossary.filters import is_ignored, stack_level
from lossary.formula.evaluate import tape
from lossary.formula.plan import Output
from lossary.options import domain_policy
from lossary.problem import Problem

if TYPE_CHECKING:
    from lossary.backends.base import Backend

#: An argument, its domain, and how many of its values are outside.
Violation = tuple[str, Domain, int]

#: Kernels tell the classes of a row apart in float32 up to here.
_MOST_CLASSES = 2**24


def wanted(problem: Problem, readable: bool) -> bool:
    """Tell whether a call counts faults.

    Labels are always checked where values can be read; other domains unless the policy is to
    ignore them. The policy "raise" reads values on devices too.
    """
    policy = domain_policy()
    if policy == "raise":
        return bool(problem.composite.violations)
    checked = problem.composite.variant.labels or policy != "ignore"
    return readable and checked and bool(problem.composite.violations)


def pending(problem: Problem, counts: Sequence[float]) -> list[Violation]:
    """Return what is to be reported, given how many faults each argument with a domain has.

    Nothing where the policy is to ignore them, or Python's filters drop the warning.
    """
    policy = domain_policy()
    arguments = problem.composite.violations
    found = [
        (name, domain, int(count))
        for (name, domain, _), count in zip(arguments, counts, strict=True)
        if count
    ]
    strict = [item for item in found if policy == "raise" or item[1].is_labels_only]
    if strict or not found:
        return strict
    return [] if policy == "ignore" or is_ignored(DomainWarning) else found


def report(problem: Problem, violations: Sequence[Violation], backend: Backend) -> None:
    """Raise or warn, once, of the arguments that have values outside their domains."""
    faults = tuple(_fault(problem, *item, backend) for item in violations)
    text = _message(problem, faults, backend)
    strict = domain_policy() == "raise" or violations[0][1].is_labels_only
    if strict:
        error = LossaryValueError(text)
        error.faults = faults
        raise error
    warning = DomainWarning(text)
    warning.faults = faults
    warnings.warn(warning, stacklevel=stack_level())


def _fault(problem: Problem, name: str, domain: Domain, count: int, backend: Backend) -> Fault:
    array = problem.arrays[name]
    single = backend.shape(array) == ()  # a number that is used for every element is one value
    position = () if single else _first(problem, name, domain, backend)
    value = backend.to_numpy(array if single else array[position])[()]
    return Fault(
        argument=name,
        count=1 if single else count,
        position=position,
        value=int(value) if domain.is_labels_only else float(value),
        domain=domain.text_for(problem.classes),
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


def _first(problem: Problem, name: str, domain: Domain, backend: Backend) -> tuple[int, ...]:
    """Find the first bad value: the first in C order of the rows, in its row the first class."""
    if backend.has_kernels(problem) and problem.classes <= _MOST_CLASSES:
        output = Output(name, problem.composite.first_violations[name], "first")
        place = float(backend.run(problem, (output,))[name])
        # Another thread may have written to the array since its values were counted.
        return _position(problem, name, int(place) if place < math.inf else 0)
    found = _search(problem, name, domain, backend)
    if problem.axis is not None and problem.spans_classes(name):
        found = np.moveaxis(found, problem.axis, -1)
        return _position(problem, name, int(np.argmax(found)))
    return _position(problem, name, int(np.argmax(found)) * max(problem.classes, 1))


def _position(problem: Problem, name: str, place: int) -> tuple[int, ...]:
    """Return the index of an element in an argument, given the number of its row and its class."""
    row, index = divmod(place, max(problem.classes, 1))
    position = [int(i) for i in np.unravel_index(row, problem.unit_shape)]
    if problem.axis is not None and problem.spans_classes(name):
        position.insert(problem.axis, index)
    return tuple(position)


def _search(problem: Problem, name: str, domain: Domain, backend: Backend) -> Any:
    """Return which values of an argument are outside its domain, for libraries without kernels."""
    if domain.is_labels_only:
        return _bad_labels(problem, np.asarray(backend.to_numpy(problem.arrays[name])), backend)
    steps = tape(problem.composite.violating_elements[name])
    (result,) = steps.run(backend.prepared(problem), backend.operations(backend, problem))
    return backend.to_numpy(result)


def _bad_labels(problem: Problem, labels: Any, backend: Backend) -> Any:
    """Tell which labels are none, in their own integers: float32 cannot tell large ones apart."""
    extra = problem.request.loss.targets.extra_labels
    found = (labels < 0) | (labels >= problem.classes + extra)
    if problem.request.ignore_index is not None:
        found = found & (labels != problem.request.ignore_index)
    if "where" in problem.arrays:
        found = found & backend.to_numpy(problem.arrays["where"])
    return found
