"""The formulas of a loss's page: each form of it, its gradient, and how both are computed.

What would push the rest of the page away is folded: long gradients, and the forms that keep digits.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from double_sums import DOUBLE_SUMS
from formula_lines import Lines, computed_lines, slope_lines, textbook_lines, value_lines
from known_losses import is_of_pairs
from pair_definitions import MEANINGS

from lossary import Loss


def variants(loss: Loss) -> dict[str, dict[str, object]]:
    """Return, by a title, what chooses each form of a loss's formula."""
    kinds: dict[str, dict[str, object]] = {}
    if loss.takes_labels:
        kinds["With class labels"] = {"labels": True}
    if loss.takes_probabilities:
        kinds["With probabilities" if loss.takes_labels else ""] = {"labels": False}
    defaults = {name: loss.parameters[name] for name in sorted(loss.structure)}
    flags = {name: value for name, value in defaults.items() if isinstance(value, bool)}
    chosen = [f"{name}={value}" for name, value in defaults.items() if name not in flags]
    if chosen:  # what is shown is one of many
        values = ", ".join(chosen)
        kinds = {_and(title, values): kind for title, kind in kinds.items()}
    for name, default in flags.items():
        kinds |= {
            _and(title, f"{name}={not default}"): {**kind, name: not default}
            for title, kind in kinds.items()
        }
    for name in (name for name, default in loss.parameters.items() if default is None):
        kinds |= {
            _and(title, f"with {name}" if title else f"With {name}"): {**kind, name: True}
            for title, kind in kinds.items()
        }
    extensions = [name for name in loss.parameters if name in loss.extensions]
    if extensions:
        words = f"with {' and '.join(extensions)}"
        kinds |= {
            _and(title, words if title else words.capitalize()): {
                **kind,
                **dict.fromkeys(extensions, True),
            }
            for title, kind in kinds.items()
        }
    return kinds


def _and(title: str, choice: str) -> str:
    return f"{title}, {choice}" if title else choice


def formulas(loss: Loss) -> Iterator[str]:
    """Return the formulas of all forms of a loss with what explains them."""
    words = MEANINGS if is_of_pairs(loss) else {}
    if loss.name in DOUBLE_SUMS:
        yield f"{definition(loss.name)}\n\n{_SORTED}\n"
    for title, structure in variants(loss).items():
        yield f"**{title}**\n" if title else ""
        shown = textbook_lines(loss, structure)
        has_gradient = len(shown.formulas) > 1  # others are too long to be printed at all
        if not has_gradient or sum(map(len, (*shown.formulas[1:], *shown.parts))) <= _LONGEST_OPEN:
            yield from _shown(shown, words)
        else:
            yield from _shown(value_lines(loss, structure), words)
            yield from _folded("Its gradient", "", [slope_lines(loss, structure)])
        computed = computed_lines(loss, structure)
        if computed:
            itself = _ITSELF if "items" in loss.arguments else ""
            yield from _folded("How it is computed", f"{_COMPUTED}{itself}\n\n", computed)


#: Characters of LaTeX beyond which a gradient is folded.
_LONGEST_OPEN = 400
_COMPUTED = (
    "The same numbers, in the form that keeps their digits: nothing cancels, overflows or is "
    "divided by zero."
)
_SORTED = "The same, with each row sorted, as it is computed:"
_ITSELF = (
    " The item itself, at the place :math:`i`, is one of the columns, and is left out of sums."
)


def _folded(title: str, opening: str, found: list[Lines]) -> Iterator[str]:
    inner = "\n".join(f"{mathematics(lines)}\n" for lines in found)
    yield f".. dropdown:: {title}\n\n{textwrap.indent(opening + inner, '   ')}"


def _shown(lines: Lines, words: Mapping[str, str]) -> Iterator[str]:
    """Return formulas, and the sentence that says what their symbols are."""
    yield f"{mathematics(lines)}\n"
    if lines.symbols:
        meanings = ", ".join(
            f":math:`{symbol}` {f'is {words[name]}' if name in words else f'= ``{name}``'}"
            for symbol, name in lines.symbols
        )
        yield f"Here {'; '.join([meanings, *lines.notes])}.\n"


def definition(name: str) -> str:
    """Return the definition of a loss over pairs or ranks, and what its signs mean."""
    first, *parts = DOUBLE_SUMS[name].lines
    return f"{mathematics(Lines((first,), tuple(parts)))}\n\n{DOUBLE_SUMS[name].words}"


def mathematics(lines: Lines) -> str:
    """Return formulas as a block, what abbreviates their parts after them."""
    words = ["with", *["and"] * len(lines.parts)]
    parts = [rf"\text{{{word} }} {part}" for word, part in zip(words, lines.parts, strict=False)]
    return ".. math::\n\n" + "\n\n".join(f"   {line}" for line in (*lines.formulas, *parts))
