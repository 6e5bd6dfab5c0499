"""Values outside the domain of a loss, with their position in the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lossary.errors import Fault
from lossary.scoring.advice import domain_advice
from lossary.scoring.arguments import Arguments
from lossary.scoring.columns import Batch
from lossary.scoring.errors import DataError, data_error
from lossary.scoring.job import LossSpec


@dataclass
class DomainViolation:
    """The values of an argument outside its domain: the first, its row, and the number of all."""

    title: str
    argument: str
    domain: str
    value: Any
    path: str
    row: int
    count: int
    remedy: str

    @property
    def problem(self) -> str:
        """What is wrong, without the file and the remedy."""
        value = int(self.value) if float(self.value).is_integer() else self.value
        return f"{self.title}: {self.argument} must be {self.domain}, got {value!r}"

    def error(self) -> DataError:
        """Return the error about the first row."""
        return data_error(self.path, f"{self.problem} in row {self.row}", self.remedy)

    def warning(self) -> str:
        """Return the warning about all rows."""
        values = "1 such value" if self.count == 1 else f"{self.count} such values"
        text = f"{self.problem} in row {self.row} of {self.path} ({values} in all)."
        return f"{text} {self.remedy}"


class Violations:
    """The violations of a run: of each loss and argument the first, with the number of all."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], DomainViolation] = {}

    def add(self, violations: Sequence[DomainViolation], side: str = "") -> None:
        """Add the violations of a batch; those of different sides are counted apart."""
        for violation in violations:
            key = (violation.title, violation.argument, side)
            if key in self._found:
                self._found[key].count += violation.count
            else:
                self._found[key] = violation

    def all(self) -> list[DomainViolation]:
        """Return the violations, in the order in which they were found."""
        return list(self._found.values())

    def by_side(self) -> list[tuple[str, DomainViolation]]:
        """Return the violations with their sides, in the order in which they were found."""
        return [(side, violation) for (_, _, side), violation in self._found.items()]

    def warnings(self) -> list[str]:
        """Return the warnings about all rows."""
        return [violation.warning() for violation in self._found.values()]


def violation_in(
    batch: Batch, spec: LossSpec, arguments: Arguments, fault: Fault
) -> DomainViolation:
    """Return the violation that a loss found in a batch."""
    return DomainViolation(
        title=spec.title,
        argument=fault.argument,
        domain=fault.domain,
        value=fault.value,
        path=arguments.path(spec, fault.argument),
        row=int(batch.rows[fault.position[0]]),
        count=fault.count,
        remedy=domain_advice(spec, fault, arguments),
    )
