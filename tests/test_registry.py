"""Records of losses."""

from __future__ import annotations

import copy
import pickle

import pytest

import lossary


@pytest.mark.parametrize("loss", lossary.list_losses(), ids=lambda loss: loss.name)
def test_a_record_is_copied_and_pickled_as_itself(loss: lossary.Loss) -> None:
    assert copy.deepcopy(loss) is loss
    assert pickle.loads(pickle.dumps(loss)) is loss
