"""Plans in the cache folder: for what they were made from alone; damaged ones are made anew."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assertions import assert_same_bits
from cases import PLAIN, Case

import lossary
from lossary.definition import derivative_recipes
from lossary.definition.expressions import Variant, expressions_of
from lossary.formula.plan import make_plan, plan_of_text, request_text
from lossary.kernels import cache, host, plan_cache
from lossary.registry import get_loss

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX owners and modes")
BOXES = np.float64([[0, 0, 2, 2], [1, 0, 3, 2.5]]), np.float64([[1, 1, 3, 4], [1, 0, 3, 2]])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder with the plan of a gradient of boxes."""
    path = tmp_path / "kernels"
    monkeypatch.setenv("LOSSARY_CACHE_DIR", str(path))
    cache._checked.cache_clear()
    assert made_plans() == 1
    yield path
    cache._checked.cache_clear()


def made_plans(loss: Any = lossary.box_iou_loss, **options: Any) -> int:
    """Compute a gradient as a new process does; return how many plans had to be made."""
    forget(loss)
    made = []

    def noted(outputs: Any) -> Any:
        made.append(outputs)
        return make_plan(outputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_cache, "make_plan", noted)
        results = lossary.value_and_grad(loss)(*BOXES, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "file_of", lambda *_: None)
        forget(loss)
        expected = lossary.value_and_grad(loss)(*BOXES, **options)
    for found, right in zip(results, expected, strict=True):
        assert_same_bits(found, right)
    return len(made)


def forget(loss: Any) -> None:
    for table in (get_loss(loss).calls, get_loss(loss).latest):
        table._entries.clear()
    host._plans.clear()


def plan_file(place: Path) -> Path:
    (path,) = place.glob("plan_*")
    return path


def test_another_process_finds_a_plan(place: Path) -> None:
    assert made_plans() == 0


def test_other_options_and_sources_have_plans_of_their_own(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert made_plans(reduction="mean") == 1
    assert made_plans(weights=np.float64([1, 2])) == 1
    assert made_plans(lossary.generalized_box_iou_loss) == 1
    monkeypatch.setattr(cache, "_sources", lambda: "another version")
    assert made_plans() == 1
    assert made_plans() == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda held: b"",
        lambda held: held[:-40],
        lambda held: held[:-9] + bytes([held[-9] ^ 1]) + held[-8:],
        lambda held: held.replace(b"divide", b"minute"),
    ],
)
def test_a_damaged_file_is_made_anew_and_mended(place: Path, damage: Any) -> None:
    path = plan_file(place)
    held = path.read_bytes()
    path.write_bytes(damage(held))
    assert made_plans() == 1
    assert path.read_bytes() == held


@pytest.mark.parametrize("change", ["operation", "operand", "order", "name", "cut", "noise"])
def test_content_that_is_no_plan_is_made_anew(
    place: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with a checksum that is correct."""
    text, outputs = _some_plan()
    found = plan_of_text(text, outputs)
    assert found is not None
    assert found.text == text
    lines = text.split("\n")
    changed = {
        "operation": text.replace("divide", "minute"),
        "operand": text.replace("divide 1 ", "divide 1 99999 "),
        "name": text.replace("store value", "store other"),
        "order": "\n".join([lines[0], lines[2], lines[1], *lines[3:]]),
        "cut": "\n".join(lines[:-1]),
        "noise": "7\nnoise",
    }[change]
    assert changed != text
    assert plan_of_text(changed, outputs) is None
    monkeypatch.setattr(cache.File, "read", lambda _: changed.encode())
    assert made_plans() == 1


def _some_plan() -> tuple[str, Any]:
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_cache.cache, "file_of", lambda *_: None)
        patch.setattr(plan_cache, "make_plan", lambda o: kept.append(o) or make_plan(o))
        forget(lossary.box_iou_loss)
        lossary.value_and_grad(lossary.box_iou_loss)(*BOXES)
    return make_plan(kept[0]).text, kept[0]


@posix_only
def test_a_file_open_to_others_is_not_read(place: Path) -> None:
    plan_file(place).chmod(0o644)
    assert made_plans() == 1


def test_a_loss_that_is_written_again_has_a_plan_of_its_own(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derivative_recipes, "LARGE", 0)
    old: list[weakref.ref[Any]] = []
    for factor in (2.0, 3.0, 2.0):
        loss = _stretched(factor)
        assert lossary.grad(loss)(3.0, 1.0) == 4 * factor
        old.append(weakref.ref(get_loss(loss)))
    gc.collect()
    assert [found() for found in old[:-1]] == [None] * 2


def _stretched(factor: float) -> Any:
    @lossary.loss
    def stretched_loss(inputs: Any, targets: Any) -> Any:
        return (inputs - targets) ** 2 * factor

    return stretched_loss


@pytest.mark.parametrize(
    ("name", "large"),
    [("complete_box_iou_loss", True), ("tweedie_deviance", True), ("cross_entropy", False)],
)
def test_formulas_that_are_large_or_have_series_have_recipes(name: str, large: bool) -> None:
    loss = lossary.get_loss(name)
    formula = expressions_of(loss, Variant(labels=loss.takes_labels)).formula
    assert derivative_recipes.is_large(formula) is large


def test_equal_requests_have_equal_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """For every loss with weights, masks, labels and array parameters; texts are read back."""
    monkeypatch.setattr(derivative_recipes, "LARGE", 0)
    texts: dict[str, str] = {}

    def compared(outputs: Any) -> Any:
        plan = make_plan(outputs)
        assert texts.setdefault(request_text(outputs), plan.text) == plan.text
        found = plan_of_text(plan.text, outputs)
        assert found is not None
        assert all(a is b for a, b in zip(plan.nodes, found.nodes, strict=True))
        raise _Planned

    monkeypatch.setattr(host, "plan_of", compared)
    for case in PLAIN:
        for options in _options(case):
            for argument in {case.floats[0], case.floats[-1]}:
                with pytest.raises(_Planned):
                    lossary.grad(case.loss.function, argument)(
                        *case.arrays, **case.shape, **options
                    )
    assert len(set(texts.values())) == len(texts)


class _Planned(Exception):
    pass


def _options(case: Case) -> Iterator[dict[str, Any]]:
    shape = case.arrays[0].shape if case.loss.axis is None else case.arrays[0].shape[:-1]
    yield {"reduction": "none"}
    yield {"reduction": "sum", "weights": np.ones(shape)}
    yield {"reduction": "none", "where": np.ones(case.arrays[0].shape, bool)}
