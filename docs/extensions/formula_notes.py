r"""What the signs of a loss's formulas mean that stand for no argument, in reStructuredText."""

from __future__ import annotations

from collections.abc import Iterator

from known_losses import is_of_pairs
from textbook import HIT

from lossary import Loss
from lossary.formula.expression import Expression, walk

#: Functions that look at several elements of a row: name, arguments, meaning.
_MEANINGS = (
    ("sorted_by", "x, t", "is :math:`x` in the rising order of :math:`t`"),
    ("unsorted_by", "x, t", "undoes that"),
    ("preceding", "x, t", "is the element before, :math:`t` for the first"),
    ("following", "x, t", "is the element after, :math:`t` for the last"),
    ("held", "x, s", "is :math:`x` at the last place up to here where :math:`s` holds"),
    ("reverse_held", "x, s", "is :math:`x` at the first place from here on where :math:`s` holds"),
    ("collected", "x, s", "is the sum of :math:`x` from here to the next place where :math:`s` "
     "holds, and 0 where it does not hold here"),
    ("reverse_collected", "x, s", "is the sum of :math:`x` after the last place before where "
     ":math:`s` holds up to here, and 0 where it does not hold here"),
)  # fmt: skip


def notes_on(loss: Loss, *outputs: Expression) -> Iterator[str]:
    """Say what signs mean that stand for no argument, in reStructuredText."""
    used = {item.operation for item in walk(*outputs)}
    if is_of_pairs(loss):
        yield ":math:`k` counts the others"
    elif loss.axis is not None:
        yield ":math:`k` counts along ``axis``"
    if "class_count" in used:
        yield ":math:`C` is the length of ``axis``"
    if used & {"sparsemax_threshold", "multiclass_sparsemax"}:
        threshold = r"\operatorname{sparsemax threshold}\left(x_{j}\right)"
        yield rf":math:`\tau = {threshold}` solves :math:`\sum_k \max(0, x_{{k}} - \tau) = 1`"
    if "sigmoid" in used:
        yield r":math:`\sigma` is the logistic function"
    if any(item.value == HIT for item in walk(*outputs)):
        yield r":math:`\mathbf{1}_{k = y}` is 1 at the label and 0 elsewhere"
    for name, operands, meaning in _MEANINGS:
        if name in used:
            words = name.replace("_", " ")
            yield rf":math:`\operatorname{{{words}}}\left({operands}\right)` {meaning}"
