"""Errors and warnings of the package, and the one form of their messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_LONG = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """Values of an argument outside its domain: which argument, how many, and the first of them.

    The first is that in C order; along a class axis, it is in the first such row the first class.
    """

    argument: str
    count: int
    position: tuple[int, ...]
    value: float
    domain: str
    remedy: str


class LossaryError(Exception):
    """Base class of every error that the package raises for bad input.

    ``fault`` describes the values that were outside their domain, where that is what is wrong;
    ``faults`` does so for every argument that has such values.
    """

    faults: tuple[Fault, ...] = ()

    @property
    def fault(self) -> Fault | None:
        """The first of ``faults``."""
        return self.faults[0] if self.faults else None


class LossaryValueError(LossaryError, ValueError):
    """A value or a shape is wrong."""


class LossaryTypeError(LossaryError, TypeError):
    """An argument is of the wrong kind."""


class LossaryImportError(LossaryError, ImportError):
    """An optional library is missing."""


class DomainWarning(UserWarning):
    """Targets (or another argument) lie outside the domain that the loss declares.

    ``faults`` describes them, one for every such argument, and ``fault`` is the first.
    """

    faults: tuple[Fault, ...] = ()

    @property
    def fault(self) -> Fault | None:
        """The first of ``faults``."""
        return self.faults[0] if self.faults else None


def message(function: str, argument: str, requirement: str, given: object, remedy: str = "") -> str:
    """Compose a message: ``{function}: {argument} {requirement}, got {given}. {remedy}``."""
    text = f"{function}: {argument} {requirement}, got {given}."
    return f"{text} {remedy}" if remedy else text


def value_error(
    function: str, argument: str, requirement: str, given: object, remedy: str = ""
) -> LossaryValueError:
    """Return the error for a wrong value or shape."""
    return LossaryValueError(message(function, argument, requirement, given, remedy))


def type_error(
    function: str, argument: str, requirement: str, given: object, remedy: str = ""
) -> LossaryTypeError:
    """Return the error for an argument of the wrong kind."""
    return LossaryTypeError(message(function, argument, requirement, given, remedy))


def missing_library(function: str, library: str, install: str) -> LossaryImportError:
    """Return the error for an optional library that is not installed."""
    return LossaryImportError(
        message(function, library, "must be installed", "none", f"Run: pip install {install}")
    )


def choices(options: Iterable[object]) -> str:
    """Spell a fixed set of choices, in the order in which they are given."""
    return " or ".join(repr(option) for option in options)


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return a question that names the known names closest to a misspelt one; "" if none is."""
    import difflib

    close = difflib.get_close_matches(given, list(known), n=3)
    return f"Did you mean {' or '.join(close)}?" if close else ""


def shown(given: object) -> str:
    """Spell what was given on one line; what would be long by its kind."""
    if isinstance(given, int) and given.bit_length() > 64:
        return f"an integer of {given.bit_length()} bits"
    shape = getattr(given, "shape", ())
    if isinstance(shape, tuple) and shape:
        return f"{type(given).__name__} of shape {tuple(shape)}"
    text = repr(given)
    return text if len(text) <= _LONG and "\n" not in text else type(given).__name__
