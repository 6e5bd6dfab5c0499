"""Hard arguments for every registered loss: tiny, huge, dominated, at the ends of domains."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from cases import Case

import lossary

_SIZES = (0.0, 1e-40, 1e-30, 1e-8, 1e-4, 0.3, 1.0, 1.7, 5.0, 20.0, 87.0, 104.0, 1e4, 1e8, 1e30)
GRIDS = {
    "real": sorted({sign * size for size in _SIZES for sign in (1, -1)}),
    "plus_minus_one": [-1.0, 1.0],
    "unit_interval": [0.0, 1e-7, 0.25, 0.75, 1.0],
    "probabilities": [0.0, 1e-30, 1e-7, 0.25, 0.5, 0.75, 1 - 1e-6, 1.0],
    "nonnegative": [0.0, 1e-8, 0.3, 1.0, 50.0, 1e8],
}
POINTS, ROWS, CLASSES = 250, 40, 5


def stress_cases() -> Iterator[Case]:
    """Yield every loss and variant with hard arguments."""
    for loss in lossary.list_losses():
        flags = [n for n in sorted(loss.structure) if isinstance(loss.parameters[n], bool)]
        for changed in ({}, *({name: not loss.parameters[name]} for name in flags)):
            for labels in _kinds_of_targets(loss):
                title = "-".join([loss.name, *changed, *["probabilities"] * (labels is False)])
                yield Case(loss, title, _arguments(loss, changed, labels), changed)


def _kinds_of_targets(loss: lossary.Loss) -> list[bool | None]:
    """Labels (True), probabilities (False), or neither (None)."""
    if not loss.takes_labels:
        return [None]
    return [True, False] if loss.takes_probabilities else [True]


def _arguments(
    loss: lossary.Loss, changed: dict[str, object], labels: bool | None
) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    values = {**loss.parameters, **changed}
    kinds = []
    for name in loss.arguments:
        domain = loss.domains.get(name)
        lifted = domain is None or bool(domain.unless and values.get(domain.unless))
        kinds.append("real" if lifted else domain.name)
    if loss.axis is not None:
        return tuple(_row_argument(kind, labels, rng) for kind in kinds)
    points = list(itertools.product(*(GRIDS[kind] for kind in kinds)))
    if len(points) > POINTS:
        points = [points[i] for i in rng.choice(len(points), POINTS, replace=False)]
    return tuple(np.array(column) for column in zip(*points, strict=True))


def _row_argument(kind: str, labels: bool | None, rng: np.random.Generator) -> np.ndarray:
    if kind == "class_labels" or (kind == "classes_or_probabilities" and labels):
        return rng.integers(0, CLASSES, ROWS)
    # A small concentration gives shares down to 1e-10.
    shares = rng.dirichlet(np.full(CLASSES, 0.3), ROWS)
    if kind == "classes_or_probabilities":
        sure = np.eye(CLASSES)[rng.integers(0, CLASSES, ROWS)]
        shares = np.where(rng.random(shares.shape) < 0.2, 0.0, shares)
        return np.where(rng.random((ROWS, 1)) < 0.5, sure, shares)
    if kind == "log_probabilities":
        return np.log(shares)
    # One class or two dominate where the scale is large.
    return rng.normal(size=shares.shape) * 10.0 ** rng.uniform(-3, 2, (ROWS, 1))


STRESS = list(stress_cases())
