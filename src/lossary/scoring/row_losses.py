"""The losses of the rows of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lossary.arrays import Array
from lossary.errors import Fault, LossaryError
from lossary.options import Policy, options
from lossary.scoring.arguments import Arguments
from lossary.scoring.columns import Batch
from lossary.scoring.domain_violations import DomainViolation, violation_in
from lossary.scoring.errors import data_error
from lossary.scoring.grouped_totals import RowLosses
from lossary.scoring.job import Job, LossSpec
from lossary.summary import counted


def row_losses(
    job: Job, spec: LossSpec, batch: Batch, arguments: Arguments, weights: Array | None
) -> tuple[RowLosses, list[DomainViolation]]:
    """Return the losses of the rows, and the values outside their domains to warn about."""
    arrays = [arguments.array(spec, name) for name in spec.loss.arguments]
    mask = None
    keywords: dict[str, Any] = {"reduction": "none", **spec.parameters}
    if spec.ignore_index is not None:
        keywords["ignore_index"] = spec.ignore_index
        mask = _targets(spec, arrays) != spec.ignore_index
    denominator_weights = weights
    if job.class_weights and spec.loss.targets.takes_class_weights:
        keywords["class_weights"] = class_weights = np.array(job.class_weights)
        denominator_weights = _weights_of_classes(class_weights, _targets(spec, arrays), mask)
        if weights is not None:
            denominator_weights = denominator_weights * weights
    try:
        values, faults = _compute(spec, arrays, keywords, job.domain)
    except LossaryError as error:
        if error.fault is None:
            text = str(error).removesuffix(".").replace("where=", "--where COLUMN")
            raise data_error(batch.path, text) from None
        raise violation_in(batch, spec, arguments, error.fault).error() from None
    if spec.loss.left_out is not None:
        taking_part = np.asarray(counted(spec.loss, *arrays, **spec.parameters))
        mask = taking_part if mask is None else mask & taking_part
    losses = RowLosses(np.asarray(values, np.float64), mask, weights, denominator_weights)
    return losses, [violation_in(batch, spec, arguments, fault) for fault in faults]


def _compute(
    spec: LossSpec, arrays: Sequence[Array], keywords: Mapping[str, Any], domain: Policy
) -> tuple[Any, Sequence[Fault]]:
    """Return the losses, and the values outside their domains.

    Python's warnings belong to the whole process, so a warning cannot be caught in one thread
    only. An error can: where there is one, the losses are computed again without the check.
    """

    def compute(policy: Policy) -> Any:
        with options(domain=policy):
            return spec.loss.function(*arrays, **keywords)

    if domain != "warn":
        return compute(domain), ()
    try:
        return compute("raise"), ()
    except LossaryError as error:
        if not error.faults:
            raise
        faults = error.faults
    return compute("ignore"), faults  # raises again where the faults are class labels


def _targets(spec: LossSpec, arrays: Sequence[Array]) -> Array:
    return arrays[spec.loss.arguments.index("targets")]


def _weights_of_classes(class_weights: Array, targets: Array, mask: Array | None) -> Array:
    """Return the weights of the classes of the rows; of probabilities, their weighted mean."""
    if targets.ndim > 1:
        return np.asarray(targets @ class_weights)
    return class_weights[targets if mask is None else np.where(mask, targets, 0)]
