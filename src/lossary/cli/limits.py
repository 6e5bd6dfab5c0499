"""``--fail-above``: limits on the figures of a result."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from lossary.cli.report import group_name, mean_title
from lossary.cli.statuses import BAD_DATA, FAILED
from lossary.scoring import Comparison, Job, LossSpec, Score


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
    return _status(job, result, limits, f"the {mean_title(job)}", "mean", "mean")


def check_margins(job: Job, result: Comparison, limits: dict[str, float], confidence: float) -> int:
    """Return the exit status, and print which differences are surely above their margins.

    They are where the lower end of the interval is above the margin.
    """
    name = f"the lower end of the {100 * confidence:.10g}% interval of B - A of"
    return _status(job, result, limits, name, "difference", "low")


def _status(
    job: Job,
    result: Score | Comparison,
    limits: dict[str, float],
    kind: str,
    mean: str,
    figure: str,
) -> int:
    """Return the exit status of a limit on a figure; ``mean`` names the mean that it is about."""
    status = 0
    for title, limit, record in _limited_records(job, result, limits):
        name = f"{kind} {title}"
        if record["weight"] == 0 == record[mean]:
            status = status or BAD_DATA
            reason = "every weight is 0" if record["count"] else "no row takes part"
            print(f"lossary: {name} is over nothing: {reason}", file=sys.stderr)
        elif not record[figure] <= limit:
            status = FAILED
            print(f"lossary: {name} is {record[figure]!r}, above {limit!r}", file=sys.stderr)
    return status


def _limited_records(
    job: Job, result: Score | Comparison, limits: dict[str, float]
) -> Iterator[tuple[str, float, dict[str, Any]]]:
    """Yield the name, limit and figures of all rows and groups of every loss that has a limit."""
    for spec, totals in zip(job.losses, result.totals, strict=True):
        if spec.title not in limits:
            continue
        limit = limits[spec.title]
        yield spec.title, limit, totals.combined().record(0, job.denominator)
        if job.by:
            for key, record in zip(result.groups, totals.records(job.denominator), strict=True):
                yield f"{spec.title} where {group_name(job, key)}", limit, record
