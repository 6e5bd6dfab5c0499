"""``--fail-above``: limits on the means of a result."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from lossary.cli.report import group_name, mean_title
from lossary.cli.statuses import BAD_DATA, FAILED
from lossary.scoring import Job, LossSpec, Score


def parse_limits(texts: Sequence[str], losses: Sequence[LossSpec]) -> dict[str, float]:
    """Parse ``X`` for all losses and ``LOSS=X`` for one."""
    titles = [spec.title for spec in losses]
    limits: dict[str, float] = {}
    for text in texts:
        title, sign, value = text.rpartition("=")
        if sign and title not in titles:
            msg = f"--fail-above {text}: {title!r} is none of the losses {', '.join(titles)}"
            raise click.UsageError(msg)
        try:
            limit = float(value)
        except ValueError:
            limit = math.nan
        if math.isnan(limit):
            msg = f"--fail-above {text}: {value!r} is not a number"
            raise click.UsageError(msg)
        limits |= dict.fromkeys([title] if sign else titles, limit)
    return limits


def check_limits(job: Job, result: Score, limits: dict[str, float]) -> int:
    """Return the exit status, and print to standard error which means exceed their limits.

    NaN exceeds every limit, and so does a mean over nothing.
    """
    status = 0
    for name, limit, record in _limited_means(job, result, limits):
        if record["weight"] == 0 == record["sum"]:
            status = status or BAD_DATA
            reason = "every weight is 0" if record["count"] else "no row takes part"
            print(f"lossary: {name} is over nothing: {reason}", file=sys.stderr)
        elif not record["mean"] <= limit:
            status = FAILED
            print(f"lossary: {name} is {record['mean']!r}, above {limit!r}", file=sys.stderr)
    return status


def _limited_means(
    job: Job, result: Score, limits: dict[str, float]
) -> Iterator[tuple[str, float, dict[str, Any]]]:
    """Yield the name, limit and figures of every mean that has a limit."""
    for spec, totals in zip(job.losses, result.totals, strict=True):
        if spec.title not in limits:
            continue
        name, limit = f"the {mean_title(job)} {spec.title}", limits[spec.title]
        yield name, limit, totals.combined().record(0, job.denominator)
        if job.by:
            for key, record in zip(result.groups, totals.records(job.denominator), strict=True):
                yield f"{name} where {group_name(job, key)}", limit, record
