"""Options: a default for the process, and settings for a block of one thread or task."""

from __future__ import annotations

import numbers
from contextvars import ContextVar
from types import TracebackType
from typing import Literal, get_args

from lossary.errors import choices, shown, type_error, value_error

Policy = Literal["warn", "raise", "ignore"]
Nulls = Literal["propagate", "skip"]
_POLICIES, _NULLS = get_args(Policy), get_args(Nulls)

_default: Policy = "warn"
_default_tile = 64 << 20
_default_nulls: Nulls = "propagate"
#: The blocks that this thread or task is in, the innermost last.
_blocks: ContextVar[tuple[options, ...]] = ContextVar("lossary_options", default=())


def domain_policy() -> Policy:
    """Return what is done about values outside a loss's domain, here and now."""
    blocks = _blocks.get()
    if not blocks:  # every call asks
        return _default
    given = (block.domain for block in reversed(blocks) if block.domain is not None)
    return next(given, _default)


def tile_bytes() -> int:
    """Return how much memory a tile of a matrix product may take, here and now."""
    given = (block.tile_bytes for block in reversed(_blocks.get()) if block.tile_bytes is not None)
    return next(given, _default_tile)


def skips_nulls() -> bool:
    """Return whether sums and means of columns leave out rows with a null, here and now."""
    given = (block.nulls for block in reversed(_blocks.get()) if block.nulls is not None)
    return next(given, _default_nulls) == "skip"


def set_options(
    *,
    domain: Policy | None = None,
    tile_bytes: int | None = None,
    nulls: Nulls | None = None,
) -> None:
    """Set the default of the whole process: of every thread and task outside an ``options`` block.

    Parameters
    ----------
    domain : {"warn", "raise", "ignore"}, optional
        What happens when targets lie outside the domain that a loss declares: issue one
        :class:`DomainWarning` per call, raise ``ValueError``, or do not check.
    tile_bytes : int, optional
        How much memory a tile of a matrix product may take, its gradient included; at first 64 MiB.
        See :func:`lossary.linear`.
    nulls : {"propagate", "skip"}, optional
        What a null in a column of a query does to sums, means and what is divided by their number
        of rows: make them null, or take no part. The loss of its row is null either way.

    Raises
    ------
    ValueError, TypeError
        If a value is none of these. Then nothing is set.

    See Also
    --------
    options : A setting for one block of one thread.

    Examples
    --------
    >>> import lossary
    >>> lossary.set_options(domain="raise")
    >>> lossary.hinge_loss([0.3], [0.0])
    Traceback (most recent call last):
    ...
    lossary.errors.LossaryValueError: hinge_loss: targets must be -1 or +1, got 0.0 at (0,) \
(1 of 1 values). For 0/1 labels pass 2 * targets - 1.
    >>> lossary.set_options(domain="warn")
    """
    global _default, _default_tile, _default_nulls
    domain, tile_bytes, nulls = _checked("set_options", domain, tile_bytes, nulls)
    _default = _default if domain is None else domain
    _default_tile = _default_tile if tile_bytes is None else tile_bytes
    _default_nulls = _default_nulls if nulls is None else nulls


class options:
    """Set options for one block: those that are given, and the others stay.

    The setting holds inside a ``with`` statement, in the thread or asynchronous task that runs it;
    other threads keep theirs, those that the block starts too. An object may be entered again,
    inside its own block too. The default outside every block is that of :func:`set_options`.

    Parameters
    ----------
    domain : {"warn", "raise", "ignore"}, optional
        What happens when targets lie outside the domain that a loss declares: issue one
        :class:`DomainWarning` per call, raise ``ValueError``, or do not check.
    tile_bytes : int, optional
        How much memory a tile of a matrix product may take, its gradient included.
    nulls : {"propagate", "skip"}, optional
        What a null in a column of a query does to sums and means: make them null, or take no part.
        It is decided where the expression is made, not where the query runs.

    Raises
    ------
    ValueError, TypeError
        If a value is none of these.

    See Also
    --------
    set_options : The default of the process.

    Examples
    --------
    >>> import lossary
    >>> with lossary.options(domain="raise"):
    ...     lossary.hinge_loss([0.3], [0.0])
    Traceback (most recent call last):
    ...
    lossary.errors.LossaryValueError: hinge_loss: targets must be -1 or +1, got 0.0 at (0,) \
(1 of 1 values). For 0/1 labels pass 2 * targets - 1.
    """

    __slots__ = ("domain", "nulls", "tile_bytes")

    def __init__(
        self,
        *,
        domain: Policy | None = None,
        tile_bytes: int | None = None,
        nulls: Nulls | None = None,
    ) -> None:
        found = _checked("options", domain, tile_bytes, nulls)
        self.domain, self.tile_bytes, self.nulls = found

    def __repr__(self) -> str:
        given = {name: getattr(self, name) for name in self.__slots__}
        shown = (f"{name}={value!r}" for name, value in given.items() if value is not None)
        return f"options({', '.join(shown)})"

    def __enter__(self) -> options:
        """Start the block."""
        _blocks.set((*_blocks.get(), self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore what held before the block; blocks that overlap may end in any order."""
        blocks = list(_blocks.get())
        for index in reversed(range(len(blocks))):
            if blocks[index] is self:
                del blocks[index]
                break
        _blocks.set(tuple(blocks))


def _checked(
    function: str, domain: Policy | None, tile: int | None, nulls: Nulls | None
) -> tuple[Policy | None, int | None, Nulls | None]:
    """Return the given options, or raise."""
    if domain is not None and (not isinstance(domain, str) or domain not in _POLICIES):
        raise value_error(function, "domain", f"must be {choices(_POLICIES)}", shown(domain))
    if nulls is not None and (not isinstance(nulls, str) or nulls not in _NULLS):
        raise value_error(function, "nulls", f"must be {choices(_NULLS)}", shown(nulls))
    if tile is None:
        return domain, None, nulls
    requirement = "must be a positive number of bytes"
    if isinstance(tile, bool) or not isinstance(tile, numbers.Integral):
        raise type_error(function, "tile_bytes", requirement, shown(tile))
    if tile <= 0:
        raise value_error(function, "tile_bytes", requirement, shown(tile))
    return domain, int(tile), nulls
