"""The losses of matrix products by name, as records of what they do with one row of products."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lossary.definition.definition import Definition
from lossary.domains import FINITE, POSITIVE, Domain
from lossary.formula.expression import Expression
from lossary.products.linear import MatrixLoss, ProductLoss
from lossary.products.pair_rows import row_loss
from lossary.products.pairs import PairLoss
from lossary.public_function import make_functions
from lossary.registry import Loss

_PACKAGE = "lossary.products"
_WITH_LOSSES = "_losses"  # how the names of modules end that define them
#: The argument of a row's loss that has a number for each column.
TARGETS = "targets"
#: Labels that are compared with one another, and never count classes.
GROUPS = Domain("class_labels", "any integer")


@dataclass(frozen=True, eq=False, repr=False)
class MatrixRecord(Loss):
    """The record of a loss of matrices.

    Its formula and printed forms are those of one row, of the products in it: the similarities of
    an item to others, or logits. Its documentation is that of the public function. It is not in the
    registry: nothing that takes predictions, a row at a time, can call it by its name.
    """

    #: The loss of matrices.
    matrix: MatrixLoss = field(init=False)

    @property
    def is_of_pairs(self) -> bool:
        """Whether the products are similarities of embeddings, not logits."""
        return isinstance(self.matrix, PairLoss)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the loss of rows; "matrix-product" stands for "along-axis"."""
        return ("matrix-product", *(tag for tag in super().tags if tag != "along-axis"))


@functools.cache
def matrix_losses() -> tuple[MatrixRecord, ...]:
    """Return the records of the losses of matrices that have names, by family and name."""
    found = {loss.name: record_of(loss) for loss in _declared()}
    return tuple(sorted(found.values(), key=lambda item: (item.family, item.name)))


def matrix_loss_named(name: str) -> MatrixRecord | None:
    """Return the record of a loss of matrices; None if none has this name."""
    return next((item for item in matrix_losses() if item.name == name), None)


def _declared() -> Iterator[MatrixLoss]:
    """Return the losses that the modules of this package define."""
    package = importlib.import_module(_PACKAGE)
    for item in pkgutil.iter_modules(package.__path__):
        if item.name.endswith(_WITH_LOSSES):
            module = importlib.import_module(f"{_PACKAGE}.{item.name}")
            found = (getattr(one, "product_loss", None) for one in vars(module).values())
            yield from (loss for loss in found if isinstance(loss, MatrixLoss))


def record_of(loss: MatrixLoss) -> MatrixRecord:
    """Return the record of a loss of matrices, with a function of rows of its own."""
    rows = _pair_rows(loss) if isinstance(loss, PairLoss) else _product_rows(loss)
    given = {item.name: getattr(rows, item.name) for item in dataclasses.fields(Definition)}
    facts = loss.facts
    given |= {"family": facts.family, "source": facts.source, "convex": facts.convex,
              "smooth": facts.smooth, "differences": dict(facts.differences)}  # fmt: skip
    record = MatrixRecord(**given)
    object.__setattr__(record, "matrix", loss)
    make_functions(record)
    return record


def _product_rows(loss: MatrixLoss) -> Definition:
    if not isinstance(loss, ProductLoss):
        raise TypeError(loss)
    formula = loss.rows.formula

    @functools.wraps(formula)
    def documented(*args: Any, **kwargs: Any) -> Expression:
        return formula(*args, **kwargs)

    documented.__doc__ = loss.written
    return dataclasses.replace(loss.rows, formula=documented, identity=f"row of {loss.identity}")


def _pair_rows(loss: PairLoss) -> Definition:
    """Return the loss of a row as a function of similarities, with numbers as its parameters.

    Labels of the columns are an argument like the similarities.
    """
    rows, arrays = loss.rows, loss.arrays
    first, *others = rows.arguments

    def formula(**given: Any) -> Expression:
        numbers = {name: given.pop(name) for name in arrays.numbers}
        given[first] = arrays.logits(given[first], **numbers)
        if arrays.labels:
            given["class_weights"] = given.pop(TARGETS)
        return rows.formula(**given)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    defaults = {name: loss.signature.parameters[name].default for name in arrays.numbers}
    defaults |= {**loss.facts.initial, **rows.parameters}
    arguments = [first, *([TARGETS] if arrays.labels else []), *others]
    own = [inspect.Parameter(name, kind) for name in arguments]
    own += [inspect.Parameter(name, kind, default=value) for name, value in defaults.items()]
    formula.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
    formula.__wrapped__ = rows.formula  # type: ignore[attr-defined]
    formula.__name__ = formula.__qualname__ = loss.name
    formula.__doc__ = loss.written
    limits = {name: POSITIVE if name == "temperature" else FINITE for name in arrays.numbers}
    return row_loss(
        loss.name,
        formula,
        {**limits, **rows.limits},
        arguments=arguments,
        others=others,
        domains={TARGETS: GROUPS} if arrays.labels else {},
        has_hessian=True,
    )
