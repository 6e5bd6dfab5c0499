"""Random formulas: kernels against plain operations, derivatives against differences.

``LOSSARY_FUZZ=1000 pytest tests/test_fuzz.py -m exhaustive`` tries a thousand of them, and
``LOSSARY_FUZZ_FROM`` sets the first seed.
"""

from __future__ import annotations

import os

import pytest

fuzz = pytest.importorskip("fuzz", exc_type=ImportError)

_FIRST = int(os.environ.get("LOSSARY_FUZZ_FROM", "100"))
_COUNT = int(os.environ.get("LOSSARY_FUZZ", "100"))


@pytest.mark.parametrize("seed", range(40))
def test_random_formulas(seed: int) -> None:
    case = fuzz.Case(seed)
    fuzz.assert_kernels_agree(case)
    fuzz.assert_differences_agree(case)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(_FIRST, _FIRST + _COUNT))
def test_many_random_formulas(seed: int) -> None:
    test_random_formulas(seed)
