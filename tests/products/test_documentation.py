"""Docstrings of the losses of matrix products."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import lossary
from lossary.definition.docstring import sections_of

LOSSES = [
    lossary.linear_cross_entropy,
    lossary.info_nce_loss,
    lossary.nt_xent_loss,
    lossary.pairwise_sigmoid_loss,
    lossary.supervised_contrastive_loss,
    lossary.multi_similarity_loss,
    lossary.circle_loss,
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda x: x.__name__)
def test_every_argument_is_described_once_and_in_order(loss: Callable[..., Any]) -> None:
    sections = sections_of(inspect.getdoc(loss) or "")
    heads = re.findall(r"^(\w+(?:, \w+)*) : ", sections["Parameters"], re.MULTILINE)
    assert [x for head in heads for x in head.split(", ")] == [*inspect.signature(loss).parameters]
    first = ["Parameters", "Returns", "Raises", "See Also", "Notes", "References", "Examples"]
    assert list(sections) == first


def test_common_arguments_are_described_as_for_every_loss() -> None:
    of_rows = sections_of(lossary.get_loss("cross_entropy").function.__doc__ or "")["Parameters"]
    entries = re.split(r"\n(?=\S)", of_rows)
    for loss in LOSSES:
        own = (inspect.getdoc(loss) or "").splitlines()
        for entry in entries:
            if entry.startswith(("weights :", "denominator :", "dtype :", "reduction :")):
                assert "\n".join(own).count(entry) == 1, (loss.__name__, entry)
