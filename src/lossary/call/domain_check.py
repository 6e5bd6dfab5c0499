"""The domain check: values outside an argument's domain, reported with position and remedy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lossary.backends.base import Backend
from lossary.call.warning_filters import is_ignored, stack_level
from lossary.definition.computation import Computation
from lossary.definition.outputs import violation_outputs
from lossary.domains import Domain
from lossary.errors import DomainWarning, Fault, LossaryValueError, message
from lossary.formula.evaluate import tape
from lossary.formula.plan import Output
from lossary.options import domain_policy

#: An argument, its domain, and how many of its values are outside.
Violation = tuple[str, Domain, int]

#: Up to this number of classes, float32 represents every class index exactly.
_MOST_CLASSES = 2**24


def domain_check(computation: Computation, backend: Backend) -> DomainCheck | None:
    """Return the check that a call makes; None if it looks at no values.

    Labels are always checked where values can be read; other domains unless the policy is to
    ignore them. The policy "raise" reads values on devices too.
    """
    if not computation.expressions.violations or not backend.concrete(computation):
        return None
    policy = domain_policy()
    checked = computation.expressions.variant.labels or policy != "ignore"
    if policy == "raise" or (checked and backend.is_checked(computation)):
        return DomainCheck(violation_outputs(computation.expressions))
    return None


class DomainCheck(NamedTuple):
    """The check of domains: what counts the values outside, and how they are reported."""

    outputs: tuple[Output, ...]

    def report(self, computation: Computation, counts: Sequence[float], backend: Backend) -> None:
        """Raise, or warn once, about the arguments whose values are outside their domains."""
        violations = _to_report(computation, counts)
        if not violations:
            return
        faults = tuple(_fault(computation, *item, backend) for item in violations)
        text = _message(computation, faults, backend)
        if domain_policy() == "raise" or violations[0][1].is_labels_only:
            error = LossaryValueError(text)
            error.faults = faults
            raise error
        warning = DomainWarning(text)
        warning.faults = faults
        warnings.warn(warning, stacklevel=stack_level())


def _to_report(computation: Computation, counts: Sequence[float]) -> list[Violation]:
    """Return what is to be reported, given how many violations each argument has.

    Nothing where the policy is to ignore them, or Python's filters drop the warning.
    """
    policy = domain_policy()
    arguments = computation.expressions.violations
    found = [
        (name, domain, int(count))
        for (name, domain, _), count in zip(arguments, counts, strict=True)
        if count
    ]
    strict = [item for item in found if policy == "raise" or item[1].is_labels_only]
    if strict or not found:
        return strict
    return [] if policy == "ignore" or is_ignored(DomainWarning) else found


def _fault(
    computation: Computation, name: str, domain: Domain, count: int, backend: Backend
) -> Fault:
    array = computation.arrays[name]
    single = backend.shape(array) == ()  # a number that is used for every element is one value
    position = () if single else _first(computation, name, domain, backend)
    value = backend.to_numpy(array if single else array[position])[()]
    return Fault(
        argument=name,
        count=1 if single else count,
        position=position,
        value=int(value) if domain.is_labels_only else float(value),
        domain=domain.text_for(computation.classes),
        remedy=domain.remedy,
    )


def _message(computation: Computation, faults: Sequence[Fault], backend: Backend) -> str:
    """Compose the message; a second argument gets a second sentence."""
    first, *others = (_parts(computation, fault, backend) for fault in faults)
    text = message(computation.function, *first)
    for argument, requirement, given, remedy in others:
        text += f" And {argument} {requirement}, got {given}. {remedy}".rstrip()
    return text


def _parts(computation: Computation, fault: Fault, backend: Backend) -> tuple[str, str, str, str]:
    shape = backend.shape(computation.arrays[fault.argument])
    given = repr(fault.value)
    if shape:
        given += f" at {fault.position} ({fault.count} of {math.prod(shape)} values)"
    remedy = f"{fault.remedy}." if fault.remedy else ""
    return fault.argument, f"must be {fault.domain}", given, remedy


def _first(
    computation: Computation, name: str, domain: Domain, backend: Backend
) -> tuple[int, ...]:
    """Find the first bad value: the first in C order of the rows, in its row the first class."""
    if backend.has_kernels(computation) and computation.classes <= _MOST_CLASSES:
        output = Output(name, computation.expressions.first_violations[name], "first")
        index = float(backend.run(computation, (output,))[name])
        # Another thread may have written to the array since its values were counted.
        return _position(computation, name, int(index) if index < math.inf else 0)
    found = _search(computation, name, domain, backend)
    if computation.axes and computation.spans_classes(name):
        found = np.moveaxis(found, computation.axes, range(-len(computation.axes), 0))
        return _position(computation, name, int(np.argmax(found)))
    return _position(computation, name, int(np.argmax(found)) * max(computation.classes, 1))


def _position(computation: Computation, name: str, element: int) -> tuple[int, ...]:
    """Return the index of an element in an argument, given the number of its row and its class."""
    row, index = divmod(element, max(computation.classes, 1))
    position = [int(i) for i in np.unravel_index(row, computation.unreduced_shape)]
    if computation.axes and computation.spans_classes(name):
        lengths = [computation.shape[axis] for axis in computation.axes]
        for axis, i in zip(computation.axes, np.unravel_index(index, lengths), strict=True):
            position.insert(axis, int(i))
    return tuple(position)


def _search(computation: Computation, name: str, domain: Domain, backend: Backend) -> Any:
    """Return which values of an argument are outside its domain, for libraries without kernels."""
    if domain.is_labels_only:
        return _bad_labels(
            computation, np.asarray(backend.to_numpy(computation.arrays[name])), backend
        )
    steps = tape(computation.expressions.violating_elements[name])
    (result,) = steps.run(backend.prepared(computation), backend.operations(backend, computation))
    return backend.to_numpy(result)


def _bad_labels(computation: Computation, labels: Any, backend: Backend) -> Any:
    """Return which labels are outside 0 to C-1, compared as integers: float32 rounds large ones."""
    extra = computation.loss.targets.extra_labels
    found = (labels < 0) | (labels >= computation.classes + extra)
    if computation.ignore_index is not None:
        found = found & (labels != computation.ignore_index)
    if "where" in computation.arrays:
        found = found & backend.to_numpy(computation.arrays["where"])
    return found
