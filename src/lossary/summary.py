"""Summaries of a loss that can be added up over batches, devices and files."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossary.call.array_library import find_backend
from lossary.call.checks import prepare
from lossary.definition.outputs import stored, total
from lossary.formula import where
from lossary.formula.expression import literal
from lossary.formula.plan import Output
from lossary.registry import Loss, get_loss


@dataclass(frozen=True, slots=True)
class Summary:
    """Sums of a loss over a part of the data, in float64. Add two to get that of both parts.

    Attributes
    ----------
    sum : float
        Sum of the weighted losses.
    weight : float
        Sum of the weights of the elements that take part.
    count : int
        Number of elements that take part.
    minimum, maximum : float
        Smallest and largest loss before weighting; inf and -inf where nothing takes part.

    Examples
    --------
    >>> from lossary import hinge_loss, summarize
    >>> part = summarize(hinge_loss, [0.5, 2.0], [1, 1])
    >>> whole = part + summarize(hinge_loss, [-1.0], [1])
    >>> whole.count, whole.sum, whole.maximum
    (3, 2.5, 2.0)
    """

    sum: float = 0.0
    weight: float = 0.0
    count: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf

    def __add__(self, other: Summary) -> Summary:
        """Return the summary of both parts together."""
        if not isinstance(other, Summary):
            return NotImplemented
        return Summary(
            self.sum + other.sum,
            self.weight + other.weight,
            self.count + other.count,
            _least(self.minimum, other.minimum),
            -_least(-self.maximum, -other.maximum),
        )

    def __radd__(self, other: object) -> Summary:
        """Let :func:`sum` start from 0."""
        return self if other == 0 else NotImplemented

    @property
    def mean(self) -> float:
        """Sum divided by the number of elements; 0 where nothing takes part."""
        return self.sum / self.count if self.count else 0.0

    @property
    def weighted_mean(self) -> float:
        """Sum divided by the sum of the weights; 0 where that and the sum are 0."""
        if self.weight == 0.0:
            return 0.0 if self.sum == 0.0 else math.copysign(math.inf, self.sum)
        return self.sum / self.weight


def summarize(loss: Callable[..., Any], *args: Any, **kwargs: Any) -> Summary:
    """Compute the sums of a loss that means over several parts of the data are made of.

    Parameters
    ----------
    loss : callable
        A loss of the package or one made with :func:`lossary.loss`.
    *args, **kwargs
        The loss's own arguments; ``reduction``, ``denominator`` and ``dtype`` have no effect.

    Returns
    -------
    Summary
        Python numbers: on a device this waits for the result.

    Raises
    ------
    ValueError, TypeError
        As the loss itself does.

    Examples
    --------
    >>> from lossary import cross_entropy, summarize
    >>> parts = [summarize(cross_entropy, [[0.0, 0.0]], [label]) for label in (0, 1)]
    >>> round(sum(parts).mean, 12)
    0.69314718056
    """
    request = get_loss(loss).bind(*args, **kwargs)._replace(reduction="sum")
    backend, request = find_backend(request)
    computation = prepare(request, backend)
    expressions = computation.expressions
    loss_value = expressions.guarded(expressions.formula)
    outputs = [
        total("value", expressions.value),
        Output("minimum", expressions.where_counted(loss_value, math.inf), "minimum"),
        Output("maximum", expressions.where_counted(loss_value, -math.inf), "maximum"),
    ]
    part = expressions.counted
    if part is not None:
        outputs.append(Output("count", part, "count"))
    if expressions.weight is not literal(1):
        outputs.append(total("weight", expressions.weight))
    results = backend.checked_run(computation, tuple(outputs))
    count = int(results.get("count", computation.count))
    return Summary(
        float(results["value"]),
        float(results.get("weight", count)),
        count,
        float(results["minimum"]),
        float(results["maximum"]),
    )


def counted(loss: Loss, *args: Any, **kwargs: Any) -> Any:
    """Return which elements count in a mean, as NumPy's array of the unreduced loss's shape."""
    backend, request = find_backend(loss.bind(*args, **kwargs))
    computation = prepare(request, backend)
    condition = computation.expressions.counted
    if condition is None:
        return np.ones(computation.unreduced_shape, bool)
    output = stored("counted", where(condition, 1, 0))
    return backend.to_numpy(backend.run(computation, (output,))["counted"]) != 0


def _least(a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isnan(b) else min(a, b)
