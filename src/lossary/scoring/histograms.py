"""Histograms by group, whose buckets are as wide as the values are large: quantiles that merge.

The bucket of a value x > 0 is the integer ceil(log(x) / log(g)), with g = (1 + a) / (1 - a) for a
relative error a. So every value of a bucket is within the relative error of what stands for it. The
buckets are the same for all data, which is why histograms of parts add up to that of the whole,
exactly (Masson, Rim and Lee 2019, doi:10.14778/3352063.3352135). Negative values have buckets of
their own, and so have 0, both infinities and NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa

from lossary.arrays import Array

#: How far a quantile may be from a value of that rank, relative to the value.
RELATIVE_ERROR = 0.01
_RATIO = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
# Buckets are numbered in the order of their values. All numbers of float64 have fewer buckets than
# half of this on either side of 0.
_SIDE = 100_000
_ZERO = _SIDE
_INFINITE = 2 * _SIDE
_NAN = 3 * _SIDE
_BITS = 20


class Histograms:
    """The weight of every bucket of every group that is not empty.

    Attributes
    ----------
    keys : array of int
        The group and, in its last bits, the bucket, in ascending order.
    weights : array
        The sums of the weights of the rows.
    """

    def __init__(self, keys: Array | None = None, weights: Array | None = None) -> None:
        self.keys = np.empty(0, dtype=np.int64) if keys is None else keys
        self.weights = np.empty(0) if weights is None else weights

    @classmethod
    def of(cls, codes: Array, values: Array, weights: Array | None) -> Self:
        """Return the histograms of values; ``codes`` has the group of each."""
        histograms = cls()
        histograms._add(codes << _BITS | buckets(values), weights)
        return histograms

    def merge(self, other: Histograms, codes: Array | None) -> None:
        """Add other histograms; ``codes`` has the groups that theirs stand for."""
        keys = other.keys
        if codes is not None:
            keys = codes[keys >> _BITS] << _BITS | (keys & (1 << _BITS) - 1)
        if not len(self.keys):
            order = np.argsort(keys)
            self.keys, self.weights = keys[order], other.weights[order]
            return
        weights = np.concatenate([self.weights, other.weights])
        self._add(np.concatenate([self.keys, keys]), weights)

    def take(self, codes: Array) -> Self:
        """Return the histograms of the groups with these codes, in this order."""
        counts = np.bincount(self.keys >> _BITS, minlength=int(codes.max(initial=-1)) + 1)
        ends = np.cumsum(counts)
        sizes = counts[codes]
        # The places of the buckets of one group after the other.
        places = np.arange(sizes.sum()) + np.repeat((ends - counts)[codes] - _starts(sizes), sizes)
        groups = np.repeat(np.arange(len(codes)), sizes)
        keys = groups << _BITS | (self.keys[places] & (1 << _BITS) - 1)
        return type(self)(keys, self.weights[places])

    def combined(self) -> Self:
        """Return the histogram of all groups together, as one group."""
        histograms = type(self)()
        histograms._add(self.keys & (1 << _BITS) - 1, self.weights)
        return histograms

    def quantiles(self, groups: int, shares: Sequence[float]) -> list[Array]:
        """Return quantiles of every group; NaN where there are no rows or one is NaN.

        A quantile is the least value that the given share of the weight does not exceed.
        """
        counts = np.bincount(self.keys >> _BITS, minlength=groups)
        starts, sums = _starts(counts), np.concatenate([[0.0], np.cumsum(self.weights)])
        ends = starts + counts
        known = (counts > 0) & (sums[ends] > sums[starts])
        if not len(self.keys):
            return [np.full(groups, math.nan) for _ in shares]
        places = self.keys & (1 << _BITS) - 1
        known &= places[np.maximum(ends, 1) - 1] != _NAN
        found = []
        for share in shares:
            target = sums[starts] + share * (sums[ends] - sums[starts])
            place = np.searchsorted(sums[1:], target)
            place = np.clip(place, starts, np.maximum(ends - 1, 0))
            place = np.minimum(place, len(places) - 1)
            found.append(np.where(known, representatives(places[place]), math.nan))
        return found

    def columns(self, groups: int) -> dict[str, Any]:
        """Return the histograms as Arrow lists: the buckets of every group, and their weights."""
        counts = np.bincount(self.keys >> _BITS, minlength=groups)
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
        places = pa.array((self.keys & (1 << _BITS) - 1).astype(np.int32))
        return {
            "buckets": pa.ListArray.from_arrays(offsets, places),
            "bucket_weights": pa.ListArray.from_arrays(offsets, pa.array(self.weights)),
        }

    @classmethod
    def of_columns(cls, buckets: Any, weights: Any) -> Self:
        """Return the histograms that these columns describe."""
        groups = np.asarray(buckets.value_parent_indices())
        keys = groups.astype(np.int64) << _BITS | np.asarray(buckets.flatten())
        return cls(keys, np.asarray(weights.flatten()))

    def _add(self, keys: Array, weights: Array | None) -> None:
        """Replace what there is by sums of weights, by key."""
        if weights is None:
            self.keys, counts = np.unique(keys, return_counts=True)
            self.weights = counts.astype(float)
            return
        order = np.argsort(keys, kind="stable")  # so that sums are added in one order
        keys, weights = keys[order], weights[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        self.keys = keys[first]
        self.weights = np.add.reduceat(weights, first) if len(first) else weights


def buckets(values: Array) -> Array:
    """Return the buckets of values."""
    size = np.abs(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.ceil(np.log(size) / math.log(_RATIO))
    ordinary = np.isfinite(values) & (size > 0)
    steps = np.where(ordinary, steps, 0.0).astype(np.int64) + _SIDE // 2
    found = _ZERO + np.where(values > 0, steps, -steps)
    found = np.where(values == 0, _ZERO, found)
    found = np.where(np.isinf(values), np.where(values > 0, _INFINITE, 0), found)
    return np.where(np.isnan(values), _NAN, found)


def representatives(places: Array) -> Array:
    """Return what stands for the values of buckets: within the relative error of all of them."""
    steps = np.abs(places - _ZERO) - _SIDE // 2
    with np.errstate(over="ignore"):
        logs = np.clip(steps, -_SIDE // 2 + 1, _SIDE // 2 - 1) * math.log(_RATIO)
        size = np.exp(logs) * (2 / (_RATIO + 1))
    size = np.where(places == _ZERO, 0.0, size)
    size = np.where((places == 0) | (places == _INFINITE), math.inf, size)
    return np.where(places < _ZERO, -size, size)


def _starts(counts: Array) -> Array:
    return np.cumsum(counts) - counts
