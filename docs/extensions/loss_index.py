"""The list of all losses with its filter, and the table of families on the home page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import groupby

from double_sums import DOUBLE_SUMS
from formula_fit import widest
from formula_lines import Lines, value_lines
from loss_formulas import definition, mathematics, variants
from loss_words import words
from restructured import heading, table
from textbook import textbook

from lossary import Loss


def index(losses: tuple[Loss, ...]) -> str:
    """Return the list of all losses, by family."""
    parts = [heading("Losses", "="), "All losses, by family.\n", loss_filter(losses)]
    for family, members in groupby(losses, key=lambda loss: loss.family):
        parts += [heading(family.capitalize(), "-"), _listed(members)]
    names = "\n".join(f"   {loss.name}" for loss in losses)
    parts.append(f".. toctree::\n   :hidden:\n\n{names}\n")
    return "\n".join(parts)


def loss_filter(losses: tuple[Loss, ...]) -> str:
    """Return the form that filters the list as :func:`lossary.list_losses` does.

    It is hidden where no script runs.
    """
    facts = {loss.name: _found_by(loss) for loss in losses}
    tags = sorted({tag for loss in losses for tag in loss.tags} - _ASKED_BY_LISTS)
    boxes = "".join(
        f'<label><input type="checkbox" name="tag" value="{tag}"> {tag}</label>' for tag in tags
    )
    form = (
        '<form class="loss-filter" hidden>'
        '<label>Words <input type="search" name="words" autocomplete="off"></label>'
        f"{_select('family', (loss.family for loss in losses))}"
        f"{_select('targets', (loss.kind_of_targets for loss in losses))}"
        f"{_select('convex', ('yes', 'no'))}"
        f"{_select('gradient', ('bounded', 'unbounded'))}"
        f"<fieldset><legend>Only</legend>{boxes}</fieldset>"
        '<p><output></output> <button type="reset">All</button></p></form>'
    )
    data = f'<script type="application/json" id="loss-facts">{json.dumps(facts)}</script>'
    return f".. raw:: html\n\n   {form}\n   {data}\n"


#: Tags that lists of choices ask for: there "no" can be asked for too.
_ASKED_BY_LISTS = {"convex", "robust"}


def _found_by(loss: Loss) -> dict[str, object]:
    """Return what the filter knows of a loss; where it is not known to be convex, neither matches.

    The gradient is bounded where a Lipschitz constant holds for all values and parameters.
    """
    return {
        "family": loss.family,
        "targets": loss.kind_of_targets,
        "convex": {True: "yes", False: "no", None: ""}[loss.convex],
        "gradient": "bounded" if loss.lipschitz_text else "unbounded",
        "tags": loss.tags,
        "words": words(loss),
    }


def _select(name: str, values: Iterable[str]) -> str:
    options = "".join(
        f'<option value="{value}">{value.replace("_", " ")}</option>'
        for value in sorted(set(values))
    )
    return (
        f'<label>{name.capitalize()} <select name="{name}"><option value="">any</option>'
        f"{options}</select></label>"
    )


def families(losses: tuple[Loss, ...]) -> str:
    """Return the names of all losses by family, as the home page includes it."""
    groups = groupby(losses, key=lambda loss: loss.family)
    rows = [
        [
            family.capitalize(),
            ", ".join(f":doc:`/reference/losses/{loss.name}`" for loss in members),
        ]
        for family, members in groups
    ]
    return table([], rows, "families", widths="20 80")


def _listed(losses: Iterable[Loss]) -> str:
    """Return the table of some losses: name and meaning, formula, curve."""
    rows = []
    for loss in losses:
        name = f":doc:`{loss.name}`\n\n{loss.summary}"
        rows.append([name, _short_formula(loss), f".. small-curve:: {loss.name}"])
    return table([], rows, "losses", widths="34 50 16")


#: Ems of the column of formulas, less what the estimate of a width may be wrong by.
_COLUMN = 19.5
#: Characters of LaTeX, and parts with names, of a formula that is read at a glance.
_LONGEST, _MOST_PARTS = 700, 6


def _short_formula(loss: Loss) -> str:
    """Return the formula of a loss; where it is long, its definition, or its parts in words."""
    structure = next(iter(variants(loss).values()))
    found = value_lines(loss, structure, _COLUMN)
    text = mathematics(found)
    fits = all(widest(line) <= _COLUMN for line in (*found.formulas, *found.parts))
    if not fits or len(text) > _LONGEST or len(found.parts) > _MOST_PARTS:
        return _in_words(loss, structure)
    return text


def _in_words(loss: Loss, structure: Mapping[str, object]) -> str:
    """Return the definition of a loss, or the line of its formula and what its parts are."""
    if loss.name in DOUBLE_SUMS:
        return definition(loss.name)
    found = textbook(loss, structure)
    said = [note for note in found.notes if " is " in note]
    if not said:
        return f":doc:`The formula is on its page <{loss.name}>`."
    (line, *_) = value_lines(loss, structure).formulas
    return f"{mathematics(Lines((line,), ()))}\n\nHere {'; '.join(said)}."
