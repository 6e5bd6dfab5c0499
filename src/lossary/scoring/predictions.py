"""The probabilities that losses take their predictions for, beside what was observed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lossary.arrays import Array
from lossary.call.array_library import find_backend
from lossary.call.checks import prepare
from lossary.definition.outputs import stored
from lossary.formula import class_index, max_over_classes, where
from lossary.formula.expression import Kind
from lossary.scoring.job import LossSpec


def predicted_and_observed(spec: LossSpec, arrays: Sequence[Array]) -> tuple[Array, Array]:
    """Return for each row the probability that is predicted, and how far it came true.

    Of two classes, it is that of the positive one, and what came true is the target, from 0 to 1.
    Of several it is the largest one, and what came true is the target's probability of that class:
    1 or 0 where targets are labels. The first of equal classes is taken.
    """
    backend, request = find_backend(spec.loss.bind(*arrays, **spec.parameters))
    computation = prepare(request, backend)
    probability = computation.expressions.probability
    assert probability is not None  # noqa: S101  # jobs are checked for that
    targets = arrays[spec.loss.arguments.index("targets")]
    if computation.expressions.kind is not Kind.ROW:
        found = backend.run(computation, (stored("probability", probability),))
        negative, positive = spec.loss.targets.two_classes or (0.0, 1.0)
        observed = (targets - negative) / (positive - negative)
        return np.asarray(found["probability"], np.float64), observed
    largest = max_over_classes(probability)
    first = -max_over_classes(where(probability >= largest, -class_index(), -math.inf))
    outputs = stored("probability", largest), stored("class", first)
    found = backend.run(computation, outputs)
    classes = np.asarray(found["class"], np.float64)
    if targets.ndim == 1:
        return np.asarray(found["probability"], np.float64), np.asarray(targets == classes, float)
    # A row with NaN has no largest probability: it is counted apart, whatever its target is.
    columns = np.where(np.isfinite(classes), classes, 0).astype(np.int64)
    return np.asarray(found["probability"], np.float64), targets[np.arange(len(targets)), columns]
