"""Losses as torchmetrics metrics."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import lossary
from lossary.adapters.torchmetrics import metric
from lossary.errors import LossaryError

torch = pytest.importorskip("torch")
torchmetrics = pytest.importorskip("torchmetrics")


def test_mean_is_that_of_all_elements() -> None:
    logits, labels = torch.randn(100, 5), torch.randint(0, 5, (100,))
    labels[:40] = -1
    score = metric("cross_entropy", ignore_index=-1, label_smoothing=0.1)
    for part in torch.arange(100).split([30, 50, 20]):
        score.update(logits[part], labels[part])
    expected = lossary.cross_entropy(
        logits.double(), labels, ignore_index=-1, label_smoothing=0.1, reduction="mean"
    )
    torch.testing.assert_close(score.compute(), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("denominator", ["count", "weights"])
def test_weights_and_masks(denominator: str) -> None:
    x, t, w = torch.randn(50), torch.randn(50), torch.rand(50)
    where = torch.rand(50) > 0.3
    score = metric("l1_loss", denominator=denominator)
    for part in torch.arange(50).split(20):
        score.update(x[part], t[part], weights=w[part], where=where[part])
    expected = lossary.l1_loss(
        x, t, weights=w, where=where, denominator=denominator, dtype="float64"
    )
    torch.testing.assert_close(score.compute(), expected, rtol=1e-6, atol=0)


def test_metrics_are_reset_merged_and_pickled() -> None:
    one, other = metric("hinge_loss"), metric("hinge_loss")
    one.update(torch.tensor([3.0]), torch.tensor([1.0]), where=torch.tensor([False]))
    assert one.compute() == 0.0  # nothing took part
    one.update(torch.tensor([0.0]), torch.tensor([1.0]))
    other.update(torch.tensor([-1.0, -2.0]), torch.tensor([1.0, 1.0]))
    one.merge_state(other)
    for same in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one), one.clone()):
        assert same.compute() == 2.0
        assert type(same) is type(one)
    one.reset()
    assert one(torch.tensor([0.5]), torch.tensor([1.0])) == 0.5  # the value of the batch
    assert one.higher_is_better is False
    assert metric("cosine_similarity_loss").higher_is_better is True


def collected(metrics: Any, batches: Any) -> dict[str, float]:
    """Return what a collection computes after some updates; it groups metrics after the first."""
    collection = torchmetrics.MetricCollection(metrics)
    for batch in batches:
        collection.update(*map(torch.tensor, batch))
    return {name: float(value) for name, value in collection.compute().items()}


def test_a_collection_keeps_losses_apart() -> None:
    batches = ([1.0, 0.0, 1.0], [0.0] * 3), ([3.0, -4.0], [0.0] * 2)
    found = collected([metric("l1_loss"), metric("mse_loss")], batches)
    assert found == pytest.approx({"l1_loss": 1.8, "mse_loss": 5.4})


def test_a_collection_keeps_parameters_apart() -> None:
    logits = [[0.5, 0.0, -1.0], [2.0, 1.0, 0.0]]
    batches = (logits, [0, 1]), (logits, [2, 2])
    found = collected([metric("cross_entropy"), metric("cross_entropy", ignore_index=2)], batches)
    each = lossary.cross_entropy(logits * 2, [0, 1, 2, 2])
    assert found == pytest.approx(
        {"cross_entropy": each.mean(), "cross_entropy_ignore_index_2": each[:2].mean()}, rel=1e-6
    )
    metrics = [metric("huber_loss", delta=delta) for delta in (1, 10.0, 0.5)]
    found = collected(metrics, [([0.25], [0.0]), ([-40.0], [0.0])])
    assert found == {
        "huber_loss": (0.03125 + 39.5) / 2,
        "huber_loss_delta_10": (0.03125 + 350) / 2,
        "huber_loss_delta_0_5": (0.03125 + 19.875) / 2,
    }
    weights = [[1.0, 1.0, 2.0], [1.0, 1.0, 3.0]]
    named = {str(i): metric("cross_entropy", class_weights=w) for i, w in enumerate(weights)}
    found = collected(named, batches)
    for i, w in enumerate(weights):
        assert found[str(i)] == pytest.approx((each * np.take(w, [0, 1, 2, 2])).mean(), rel=1e-6)


def test_a_collection_keeps_losses_of_one_name_apart() -> None:
    def scaled(factor: float) -> Any:
        @lossary.loss
        def scaled_loss(inputs: Any, targets: Any) -> Any:
            return factor * abs(inputs - targets) ** (1 + (factor > 1))

        return scaled_loss

    named = {"one": metric(scaled(1.0)), "two": metric(scaled(2.0))}
    found = collected(named, [([0.0], [0.0]), ([3.0], [0.0])])
    assert found == {"one": 1.5, "two": 9.0}


def test_a_collection_updates_equal_metrics_once() -> None:
    metrics = [metric("l1_loss"), metric("l1_loss", denominator="weights")]
    collection = torchmetrics.MetricCollection(metrics)
    for scale in (1.0, 2.0):
        x, w = torch.tensor([scale, 3.0]), torch.tensor([1.0, 3.0])
        collection.update(x, torch.zeros(2), weights=w)
    assert len(collection.compute_groups) == 1
    found = {name: float(value) for name, value in collection.compute().items()}
    assert found == {"l1_loss": 21 / 4, "l1_loss_denominator_weights": 21 / 8}
    collection.reset()
    assert collection(torch.tensor([2.0]), torch.zeros(1))["l1_loss"] == 2.0


def test_states_are_saved_under_names_that_other_processes_give() -> None:
    code = (
        "import torch; from lossary.adapters.torchmetrics import metric; "
        "print(list(metric('huber_loss', delta=2).metric_state))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    saved, loaded = metric("huber_loss", delta=2.0), metric("huber_loss", delta=2)
    assert done.stdout.strip() == str(list(saved.metric_state))
    for one in (saved, loaded):
        one.persistent(True)
    saved.update(torch.tensor([3.0]), torch.tensor([0.0]))
    loaded.load_state_dict(saved.state_dict())
    loaded.update(torch.tensor([0.0]), torch.tensor([0.0]))
    assert loaded.compute() == 2.0
    for other in (metric("huber_loss", delta=3.0), metric("l1_loss")):
        with pytest.raises(ValueError, match="huber_loss_delta_2"):
            saved.merge_state(other)


def test_a_metric_is_a_module_of_others() -> None:
    score = metric("cross_entropy", class_weights=[1.0, 2.0, 3.0], label_smoothing=0.1)
    model = torch.nn.ModuleDict({"score": score})
    assert list(model.parameters()) == list(model.state_dict()) == []
    assert model.to("cpu").eval()["score"] is score
    assert score.to("meta").given_class_weights.device.type == "meta"
    assert repr(metric("huber_loss", delta=2.0, denominator="weights")) == (
        "LossMetric(huber_loss, denominator='weights', delta=2.0)"
    )


def test_inputs_have_the_names_of_the_loss_and_rows_are_weighted() -> None:
    score = metric("mse_loss", denominator="weights")
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    score.update(targets=torch.zeros(2, 2), predictions=x, weights=torch.tensor([1.0, 2.0]))
    assert score.compute() == pytest.approx((1 + 4 + 2 * (9 + 16)) / 6)
    collection = torchmetrics.MetricCollection([metric("hinge_loss"), metric("huber_loss")])
    found = collection(inputs=torch.tensor([0.5]), targets=torch.tensor([1.0]))
    assert found == {"hinge_loss": 0.5, "huber_loss": 0.125}


def test_bad_choices() -> None:
    with pytest.raises(LossaryError, match="denominator must be 'count' or 'weights', got 'n'"):
        metric("mse_loss", denominator="n")
    with pytest.raises(ValueError, match="dleta"):  # torchmetrics' own
        metric("huber_loss", dleta=1.0)
