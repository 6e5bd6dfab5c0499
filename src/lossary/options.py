"""Options: process-wide defaults that a ``with`` block can change for a while."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import Literal

from lossary.errors import choices, value_error

Policy = Literal["warn", "raise", "ignore"]
_POLICIES = ("warn", "raise", "ignore")

_default: Policy = "warn"
_scoped: ContextVar[Policy | None] = ContextVar("lossary_domain", default=None)


def domain_policy() -> Policy:
    """Return what is done about values outside a loss's domain, here and now."""
    return _scoped.get() or _default


class options:
    """Set what happens when targets lie outside the domain that a loss declares.

    Called as a function it sets the process-wide default; in a ``with`` statement the setting
    holds inside the block (and only in the current thread or task), and the default is restored.

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

    def __init__(self, *, domain: Policy) -> None:
        global _default
        if domain not in _POLICIES:
            msg = "options"
            raise value_error(msg, "domain", f"must be {choices(_POLICIES)}", repr(domain))
        self._previous = _default
        self._domain: Policy = domain
        self._token: Token[Policy | None] | None = None
        _default = domain

    def __enter__(self) -> options:
        """Limit the setting to the block."""
        global _default
        _default = self._previous
        self._token = _scoped.set(self._domain)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore what held before the block."""
        if self._token is not None:
            _scoped.reset(self._token)
            self._token = None
