"""Options: process-wide defaults that a ``with`` block can change for a while."""

from __future__ import annotations

import threading
import weakref
from contextvars import ContextVar
from types import TracebackType
from typing import Literal

from lossary.errors import choices, shown, value_error

Policy = Literal["warn", "raise", "ignore"]
_POLICIES = ("warn", "raise", "ignore")

_default: Policy = "warn"
#: Who set the default, the latest last; an object takes its setting back when it is entered.
_settings: list[tuple[Policy, weakref.ref[options] | None]] = [(_default, None)]
_changing = threading.Lock()
#: The blocks that this thread or task is in, the innermost last.
_blocks: ContextVar[tuple[options, ...]] = ContextVar("lossary_options", default=())


def domain_policy() -> Policy:
    """Return what is done about values outside a loss's domain, here and now."""
    blocks = _blocks.get()
    return blocks[-1].domain if blocks else _default


class options:
    """Set what happens when targets lie outside the domain that a loss declares.

    Called as a function it sets the process-wide default; in a ``with`` statement the setting
    holds inside the block only (and in the current thread or task), and the default is what it
    was. An object may be entered again, inside its own block too.

    Parameters
    ----------
    domain : {"warn", "raise", "ignore"}
        Issue one :class:`DomainWarning` per call, raise ``ValueError``, or do not check.

    Raises
    ------
    ValueError
        If the policy is none of these.

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

    __slots__ = ("__weakref__", "domain")

    def __init__(self, *, domain: Policy) -> None:
        if not isinstance(domain, str) or domain not in _POLICIES:
            msg = "options"
            raise value_error(msg, "domain", f"must be {choices(_POLICIES)}", shown(domain))
        self.domain: Policy = domain
        _set_default(self)

    def __enter__(self) -> options:
        """Limit the setting to the block."""
        _take_back(self)
        _blocks.set((*_blocks.get(), self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore what held before the block."""
        blocks = list(_blocks.get())
        for place in reversed(range(len(blocks))):
            if blocks[place] is self:
                del blocks[place]
                break
        _blocks.set(tuple(blocks))


def _set_default(setter: options) -> None:
    with _changing:
        # A setting whose object is gone cannot be taken back, so those before it are forgotten.
        final = [i for i, (_, who) in enumerate(_settings) if who is None or who() is None]
        _change_settings([*_settings[final[-1] :], (setter.domain, weakref.ref(setter))])


def _take_back(setter: options) -> None:
    with _changing:
        _change_settings([item for item in _settings if item[1] is None or item[1]() is not setter])


def _change_settings(settings: list[tuple[Policy, weakref.ref[options] | None]]) -> None:
    global _default
    _settings[:] = settings
    _default = settings[-1][0]
