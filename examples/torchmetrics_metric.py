"""Follow losses over epochs with torchmetrics: means over elements, not over batches.

    python examples/torchmetrics_metric.py

The data are the digits that scikit-learn ships; some are unlabelled (label -1).
"""

import torch
from sklearn.datasets import load_digits
from torchmetrics import MetricCollection

from lossary import cross_entropy
from lossary.adapters.torchmetrics import metric


def main() -> None:
    """Train a linear classifier in batches and print the metrics of each epoch."""
    torch.manual_seed(0)
    x, t = load_digits(return_X_y=True)
    inputs, targets = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(t)
    targets[:300] = -1  # the first batches have hardly any labels
    model = torch.nn.Linear(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    scores = MetricCollection({
        "cross entropy": metric("cross_entropy", ignore_index=-1),
        "smoothed": metric("cross_entropy", ignore_index=-1, label_smoothing=0.1),
    })  # fmt: skip
    for epoch in range(5):
        means = []
        for batch, labels in zip(inputs.split(320), targets.split(320), strict=True):
            optimizer.zero_grad()
            logits = model(batch)
            loss = cross_entropy(logits, labels, ignore_index=-1, reduction="mean")
            loss.backward()
            optimizer.step()
            scores.update(logits.detach(), labels)
            means.append(loss.item())
        found = ", ".join(f"{name} {value:.4f}" for name, value in scores.compute().items())
        print(f"epoch {epoch}: {found} (mean of the batches' means {sum(means) / len(means):.4f})")
        scores.reset()


if __name__ == "__main__":
    main()
