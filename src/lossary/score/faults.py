"""What can be wrong with a prediction file."""

from __future__ import annotations


class DataError(Exception):
    """A file cannot be read or scored; the message names file, column and row."""
