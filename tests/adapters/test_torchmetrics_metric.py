"""Losses as torchmetrics metrics."""

from __future__ import annotations

import pickle

import pytest

import lossary
from lossary.adapters.torchmetrics import metric
from lossary.errors import LossaryError

torch = pytest.importorskip("torch")
pytest.importorskip("torchmetrics")


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
    assert pickle.loads(pickle.dumps(one)).compute() == 2.0
    one.reset()
    assert one(torch.tensor([0.5]), torch.tensor([1.0])) == 0.5  # the value of the batch
    assert one.higher_is_better is False
    assert metric("cosine_similarity_loss").higher_is_better is True


def test_bad_choices() -> None:
    with pytest.raises(LossaryError, match="denominator must be 'count' or 'weights', got 'n'"):
        metric("mse_loss", denominator="n")
    with pytest.raises(ValueError, match="dleta"):  # torchmetrics' own
        metric("huber_loss", dleta=1.0)
