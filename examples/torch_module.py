"""Train a PyTorch network with a loss as a module, and search the loss's parameter with skorch.

    python examples/torch_module.py

The data are the diabetes measurements that scikit-learn ships.
"""

import numpy as np
import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale
from skorch import NeuralNetRegressor

from lossary.adapters.sklearn import scorer
from lossary.adapters.torch import module


def main() -> None:
    """Train by hand, then by grid search."""
    torch.manual_seed(0)
    x, t = load_diabetes(return_X_y=True)
    x, t = scale(x).astype(np.float32), scale(t).astype(np.float32)[:, None]

    model = torch.nn.Linear(10, 1)
    criterion = module("huber_loss", delta=0.5)
    print(criterion)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for step in range(61):
        optimizer.zero_grad()
        loss = criterion(model(torch.from_numpy(x)), torch.from_numpy(t))
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step:2}: loss {loss.item():.4f}")

    net = NeuralNetRegressor(
        torch.nn.Linear, module__in_features=10, module__out_features=1,
        criterion=module, criterion__loss="huber_loss", max_epochs=30, lr=0.1, verbose=0,
    )  # fmt: skip
    grid = {"criterion__delta": [0.1, 0.5, 2.0]}
    search = GridSearchCV(net, grid, scoring=scorer("l1_loss"), cv=3).fit(x, t)
    for delta, score in zip(
        grid["criterion__delta"], search.cv_results_["mean_test_score"], strict=True
    ):
        print(f"delta {delta}: mean absolute error {-score:.4f}")


if __name__ == "__main__":
    main()
