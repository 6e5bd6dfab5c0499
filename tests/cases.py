"""Valid inputs for every registered loss, made from what the loss declares."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from oracles import ARGUMENTS, CONSTANTS, ORACLES, OTHER_PARAMETERS

import lossary
from lossary.definition.expressions import Variant, expressions_of
from lossary.domains import REAL, UNIT_INTERVAL
from lossary.formula.rewrite import mixes_rows

ROWS, CLASSES = 6, 5
#: What every engine and every library must do is tested on these losses, one of each kind; the
#: tests of the others are marked as exhaustive. What a loss itself is, is tested for all.
REPRESENTATIVES = {
    "binary_cross_entropy", "binary_focal_loss", "box_iou_loss", "cosine_embedding_loss",
    "cosine_similarity_loss", "cross_entropy", "dice_loss", "gaussian_nll_loss", "hinge_loss",
    "huber_loss", "kl_div_loss", "l1_loss", "listmle_loss", "log_cosh_loss",
    "margin_ranking_loss", "mse_loss", "multiclass_sparsemax_loss", "nll_loss",
    "ordinal_cross_entropy", "smooth_l1_loss", "triplet_loss", "tweedie_deviance",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Case:
    """A loss with arguments (float64 or labels) and parameters."""

    loss: lossary.Loss
    title: str
    arrays: tuple[np.ndarray, ...]
    parameters: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *arrays: Any, **options: Any) -> Any:
        """Call the loss along the last axis, unreduced unless asked otherwise."""
        options.setdefault("reduction", "none")
        options = {**self.shape, **self.parameters, **options}
        return self.loss.function(*(arrays or self.arrays), **options)

    @property
    def shape(self) -> dict[str, int]:
        """The class axis as an argument, where there is one."""
        return {} if self.loss.axis is None else {"axis": -1}

    @property
    def floats(self) -> list[int]:
        """Positions of the floating-point arguments that derivatives are with respect to."""
        constants = CONSTANTS.get(self.loss.name, ())
        return [i for i, x in enumerate(self.arrays) if x.dtype.kind == "f" and i not in constants]

    def cast(self, dtype: str) -> tuple[np.ndarray, ...]:
        """The arguments with floats in another dtype."""
        return tuple(x.astype(dtype) if x.dtype.kind == "f" else x for x in self.arrays)

    @property
    def is_representative(self) -> bool:
        """Whether the loss is one of those on which engines and libraries are tested."""
        return self.loss.name in REPRESENTATIVES

    @property
    def mixes(self) -> bool:
        """Whether it sorts a row or runs along it: then it is more than one kernel."""
        chosen = {**self.loss.parameters, **self.parameters}
        variant = Variant(
            structure=tuple((name, chosen[name]) for name in self.loss.structure),
            labels=self.loss.takes_labels and self.arrays[-1].dtype.kind == "i",
        )
        return mixes_rows(expressions_of(self.loss, variant).formula)

    def exact(self, arrays: tuple[np.ndarray, ...] | None = None) -> np.ndarray:
        """The unreduced loss in 60 digits."""
        arrays = self.arrays if arrays is None else arrays
        oracle = ORACLES[self.loss.name]
        values = {**self.loss.parameters, **self.parameters}
        parameters = [values[name] for name in self.loss.parameters]
        if self.loss.axis is None:
            flat = [np.broadcast_to(x, np.shape(arrays[0])).ravel() for x in arrays]
            losses = [
                oracle(*(mp.mpf(float(v)) for v in row), *parameters)
                for row in zip(*flat, strict=True)
            ]
            return np.array(losses, dtype=object).reshape(np.shape(arrays[0]))
        return np.array(
            [oracle(*map(_row, row), *parameters) for row in zip(*arrays, strict=True)],
            dtype=object,
        )


def _row(value: Any) -> Any:
    if np.ndim(value) == 0:
        return int(value) if isinstance(value, np.integer) else mp.mpf(float(value))
    return [mp.mpf(float(v)) for v in value]


def _values(rng: np.random.Generator, loss: lossary.Loss, name: str, labels: bool) -> np.ndarray:
    domain = loss.domains.get(name, REAL)
    classes = loss.length or CLASSES
    shape = (ROWS,) if name in loss.rows else (ROWS, classes)
    if domain.two_classes and domain is not UNIT_INTERVAL:
        return rng.choice(domain.two_classes, shape)
    if labels:
        return rng.integers(0, classes + domain.extra_labels, ROWS)
    if domain.probabilities:
        return rng.dirichlet(np.ones(classes), ROWS)
    if domain.name == "log_probabilities":
        return np.log(rng.dirichlet(np.ones(classes), ROWS))
    if domain.is_real:
        return rng.normal(size=shape)
    least, largest = domain.typical
    return rng.uniform(least + 0.05, largest - 0.05, shape)


def _arguments(
    rng: np.random.Generator, loss: lossary.Loss, labels: bool
) -> tuple[np.ndarray, ...]:
    if loss.name in ARGUMENTS:
        return tuple(ARGUMENTS[loss.name](rng, ROWS, loss.length or CLASSES))
    return tuple(_values(rng, loss, name, labels and name == "targets") for name in loss.arguments)


def _inside(
    loss: lossary.Loss, changed: str, arrays: tuple[np.ndarray, ...], seed: int
) -> tuple[np.ndarray, ...]:
    """Return arguments that are valid whether ``changed`` lifts a domain or not."""
    rng = np.random.default_rng(seed)
    lifts = [loss.domains.get(name, REAL).unless == changed for name in loss.arguments]
    return tuple(
        rng.uniform(0.05, 0.95, x.shape) if lifted else x
        for lifted, x in zip(lifts, arrays, strict=True)
    )


def cases(seed: int = 0) -> Iterator[Case]:
    """Yield every loss with its defaults, and its variants."""
    for loss in lossary.list_losses():
        for labels in [True, False] if loss.takes_labels else [False]:
            if not labels and not loss.takes_probabilities:
                continue
            arrays = _arguments(np.random.default_rng(seed), loss, labels)
            title = loss.name + ("" if labels or not loss.takes_labels else "-probabilities")
            yield Case(loss, title, arrays)
            for name, default in loss.parameters.items():
                known = OTHER_PARAMETERS.get(loss.name, _OTHER)
                other = not default if isinstance(default, bool) else known.get(name, 0.5)
                yield Case(
                    loss, f"{title}-{name}", _inside(loss, name, arrays, seed), {name: other}
                )


_OTHER = {"p": 3, "label_smoothing": 0.1, "eps": 0.3}
CASES = list(cases())
IDS = [case.title for case in CASES]
PLAIN = [case for case in CASES if not case.parameters]


def has_turn(case: Case, turn: int, turns: int) -> bool:
    """Whether a case is among those of a turn, whatever others there are."""
    return zlib.crc32(case.title.encode()) % turns == turn % turns


def every(chosen: Iterable[Case] = CASES) -> pytest.MarkDecorator:
    """Parametrize a test over cases, for what a loss itself is."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in chosen])


def every_kind(
    chosen: Iterable[Case] = CASES, turn: int = 0, turns: int = 1
) -> pytest.MarkDecorator:
    """Parametrize a test over cases, for what an engine does: others than one of a kind apart.

    Engines that take seconds for a case take turns: ordinary runs give each one case of ``turns``,
    beginning with case number ``turn``, so that several such tests cover all of them.
    """
    marks = {True: (), False: pytest.mark.exhaustive}
    chosen = list(chosen)
    kinds = [case for case in chosen if case.is_representative][turn::turns]
    return pytest.mark.parametrize(
        "case", [pytest.param(c, id=c.title, marks=marks[c in kinds]) for c in chosen]
    )
