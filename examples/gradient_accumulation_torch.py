"""Accumulate gradients over micro-batches with unequal numbers of labels, exactly.

    python examples/gradient_accumulation_torch.py

Part of the digits that scikit-learn ships is unlabelled (label -1). Averaging the means of
micro-batches gives the wrong gradient where they hold unequal numbers of labels; dividing every
sum by the number of labels of the whole batch gives that of the whole batch.
"""

import torch
from sklearn.datasets import load_digits

from lossary import cross_entropy, summarize

LENGTHS = (100, 700, 250, 747)


def gradient(model: torch.nn.Linear, steps: list[torch.Tensor]) -> torch.Tensor:
    """Add up the gradients of several losses."""
    model.zero_grad()
    for loss in steps:
        loss.backward()
    return model.weight.grad.clone()


def main() -> None:
    """Compare the gradients of the whole batch and of two ways to accumulate."""
    torch.manual_seed(0)
    x, t = load_digits(return_X_y=True)
    inputs = torch.tensor(x / 16, dtype=torch.float64)
    targets = torch.tensor(t)
    targets[:90] = -1  # nearly all of the first micro-batch
    model = torch.nn.Linear(64, 10, dtype=torch.float64)
    chosen = {"reduction": "mean", "ignore_index": -1}

    whole = gradient(model, [cross_entropy(model(inputs), targets, **chosen)])
    batches = list(zip(inputs.split(LENGTHS), targets.split(LENGTHS), strict=True))
    with torch.no_grad():
        parts = [summarize(cross_entropy, model(a), b, ignore_index=-1) for a, b in batches]
    total = sum(parts[1:], parts[0])

    exact = gradient(
        model,
        [cross_entropy(model(a), b, denominator=total.count, **chosen) for a, b in batches],
    )
    naive = gradient(model, [cross_entropy(model(a), b, **chosen) / 4 for a, b in batches])

    size = whole.abs().max()
    print(f"labels in all: {total.count:.0f}; mean loss {total.mean:.6f}")
    print(f"sums over all labels: relative error {float((exact - whole).abs().max() / size):.1e}")
    print(f"mean of means:        relative error {float((naive - whole).abs().max() / size):.1e}")
    torch.testing.assert_close(exact, whole, rtol=1e-12, atol=1e-15)


if __name__ == "__main__":
    main()
