"""What to do on a command line about values that a loss does not take."""

from __future__ import annotations

import shlex

from lossary.errors import Fault
from lossary.scoring.arguments import Arguments
from lossary.scoring.binding import Binding
from lossary.scoring.errors import DataError
from lossary.scoring.job import Job, LossSpec


def label_advice(job: Job, binding: Binding, error: DataError) -> str:
    """Return what to do about text among the targets, where numbers are expected."""
    if not isinstance(error.value, str):
        return ""
    label = shlex.quote(error.value)
    for spec in job.losses:
        if "targets" not in spec.loss.arguments:
            continue
        use = job.argument_use(spec, "targets")
        if error.column not in binding.names.get(use, ()) or use.kind != "numbers":
            continue
        if spec.has_two_labels:
            return f"For two labels of any kind pass the positive one, e.g. --positive {label}."
        if spec.loss.takes_labels:
            return f"Name all labels in the order of the classes: --classes {label},..."
    return ""


def domain_advice(spec: LossSpec, fault: Fault, arguments: Arguments) -> str:
    """Return what to do about values outside a domain."""
    loss = spec.loss
    if fault.argument == "targets" and spec.has_two_labels:
        label = "true" if arguments.is_boolean(spec, "targets") else "LABEL"
        return f"For two labels of any kind pass --positive {label}."
    if arguments.is_labels(spec, fault.argument) and not loss.targets.extra_labels:
        return (
            "For labels that do not count from 0 pass --classes with all of them; "
            f"{loss.name}:ignore_index=LABEL leaves one out."
        )
    flag = loss.domains[fault.argument].unless
    remedy = fault.remedy.replace(f"{flag}=True", f"{loss.name}:{flag}=true")
    return f"{remedy}." if remedy else ""
