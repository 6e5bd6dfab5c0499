"""Caches of bounded length."""

from __future__ import annotations

from typing import Any


class BoundedCache:
    """A cache that is emptied when it is full. Keys that cannot be hashed are not kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: dict[Any, Any] = {}
        #: Returns the entry of a key that can be hashed, without running Python code.
        self.get = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Any) -> Any:
        """Return the entry of a key, or None."""
        try:
            return self._entries.get(key)
        except TypeError:  # something in it has no hash
            return None

    def keep(self, key: Any, entry: Any) -> Any:
        """Remember an entry, and return it."""
        if len(self._entries) >= self._limit:
            self._entries.clear()
        try:
            self._entries[key] = entry
        except TypeError:
            pass
        return entry
