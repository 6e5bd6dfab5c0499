"""Options with a value for each class, separated by commas."""

from __future__ import annotations

import csv
import math

import click


def parse_classes(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[str, ...]:
    """Parse class labels; a label with a comma is quoted, as in CSV."""
    if text is None:
        return ()
    labels = tuple(label for row in csv.reader([text]) for label in row)
    repeated = [label for label in labels if labels.count(label) > 1]
    if repeated:
        msg = f"the labels must differ, got {repeated[0]!r} twice"
        raise click.BadParameter(msg, ctx, param)
    if len(labels) < 2:
        msg = f"must be two labels at least, with commas between them, got {text!r}"
        raise click.BadParameter(msg, ctx, param)
    return labels


def parse_class_weights(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> tuple[float, ...]:
    """Parse one number for each class."""
    weights = []
    for item in text.split(",") if text is not None else []:
        try:
            weight = float(item)
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight):
            msg = f"must be finite numbers with commas between them, got {item!r}"
            raise click.BadParameter(msg, ctx, param)
        weights.append(weight)
    return tuple(weights)
