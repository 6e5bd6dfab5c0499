"""The rows with the largest loss: as by sorting everything, ties in the order of the rows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossary.scoring import Worst


def kept(losses, size, cuts=()):
    """Return the rows that are kept of losses offered in parts."""
    worst = Worst(size)
    for start, stop in zip([0, *cuts], [*cuts, len(losses)], strict=True):
        part = np.array(losses[start:stop], dtype=float)
        worst.add(part, lambda indices, start=start: [{"row": start + i} for i in indices.tolist()])
    return [record["row"] for record in worst.records()]


# Few values, so that there are ties; NaN counts as the largest.
LOSSES = st.lists(st.sampled_from([0.0, 1.0, 2.0, -1.0, math.inf, -math.inf, math.nan]))


@given(LOSSES, st.integers(1, 8), st.lists(st.floats(0, 1), max_size=4))
def test_as_by_sorting(losses, size, shares):
    cuts = sorted(int(share * len(losses)) for share in shares)
    rank = [math.inf if math.isnan(loss) else loss for loss in losses]
    expected = sorted(range(len(losses)), key=lambda row: (-rank[row], row))[:size]
    assert kept(losses, size, cuts) == expected


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_any_size(size):
    assert kept([3.0, 1.0, 2.0], size) == [0, 2, 1][:size]


def test_rows_are_described_only_if_they_may_be_kept():
    described = []

    def describe(indices):
        described.extend(indices.tolist())
        return [{"row": index} for index in indices.tolist()]

    worst = Worst(2)
    worst.add(np.array([5.0, 9.0, 7.0]), describe)
    assert sorted(described) == [1, 2]
    worst.add(np.zeros(1000), describe)
    assert sorted(described) == [1, 2]
