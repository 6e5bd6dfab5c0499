"""Options: a default for the process, and settings for a block of one thread or task."""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import Literal, get_args

from lossary.errors import choices, shown, value_error

Policy = Literal["warn", "raise", "ignore"]
_POLICIES = get_args(Policy)

_default: Policy = "warn"
#: The blocks that this thread or task is in, the innermost last.
_blocks: ContextVar[tuple[options, ...]] = ContextVar("lossary_options", default=())


def domain_policy() -> Policy:
    """Return what is done about values outside a loss's domain, here and now."""
    blocks = _blocks.get()
    return blocks[-1].domain if blocks else _default


def set_options(*, domain: Policy) -> None:
    """Set the default of the whole process: of every thread and task outside an ``options`` block.

    Parameters
    ----------
    domain : {"warn", "raise", "ignore"}
        What happens when targets lie outside the domain that a loss declares: issue one
        :class:`DomainWarning` per call, raise ``ValueError``, or do not check.

    Raises
    ------
    ValueError
        If the policy is none of these.

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
    global _default
    _default = _checked("set_options", domain)


class options:
    """Set what happens when targets lie outside the domain that a loss declares, for one block.

    The setting holds inside a ``with`` statement, in the thread or asynchronous task that runs it;
    other threads keep theirs, those that the block starts too. An object may be entered again,
    inside its own block too. The default outside every block is that of :func:`set_options`.

    Parameters
    ----------
    domain : {"warn", "raise", "ignore"}
        Issue one :class:`DomainWarning` per call, raise ``ValueError``, or do not check.

    Raises
    ------
    ValueError
        If the policy is none of these.

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

    __slots__ = ("domain",)

    def __init__(self, *, domain: Policy) -> None:
        self.domain: Policy = _checked("options", domain)

    def __repr__(self) -> str:
        return f"options(domain={self.domain!r})"

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


def _checked(function: str, domain: Policy) -> Policy:
    if not isinstance(domain, str) or domain not in _POLICIES:
        raise value_error(function, "domain", f"must be {choices(_POLICIES)}", shown(domain))
    return domain
