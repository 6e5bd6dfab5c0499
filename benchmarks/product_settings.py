"""Time of PyTorch's ``linear_cross_entropy`` in each of its settings, beside lossary's.

    python benchmarks/product_settings.py                      every setting
    python benchmarks/product_settings.py --setting bfloat16   one of them; may be repeated
    python benchmarks/product_settings.py --shape 2048 1024 32000 --rounds 5

A line is a setting, its columns are the ways that PyTorch's function has for it: with logits that
are stored, and in chunks by its options. A figure is how many times longer it takes than lossary
for value and gradients: the ratio of the fastest of calls that take turns in one process. Chunks
have 512 rows, as PyTorch's default of tens of rows is slower; ``products.py`` has it too.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import linear_cross_entropy as peer

import lossary

#: The options of PyTorch's function by the title of their column; None stores the logits.
OPTIONS: dict[str, dict[str, Any] | None] = {
    "stored": None,
    "compact": {"batch_chunk_size": 512, "acc_policy": "compact"},
    "balanced": {"batch_chunk_size": 512, "acc_policy": "balanced"},
    "accurate": {"batch_chunk_size": 512, "acc_policy": "accurate"},
    "one chunk": {"chunking_method": None},
    "retained": {"batch_chunk_size": 512, "allow_retain_graph": True},
}
Step = Callable[[], Any]


class Setting:
    """The arrays of a setting, and the calls of both libraries.

    Parameters
    ----------
    shape : tuple of int
        Numbers of rows, features and classes.
    dtype : str
        Dtype of features and classifier.
    same : dict
        Arguments with the same name in both functions.
    """

    def __init__(self, shape: tuple[int, ...], dtype: str = "float32", **same: Any) -> None:
        generator = torch.Generator().manual_seed(0)
        rows, length, classes = shape
        self.features, self.classifier, self.bias = (
            (torch.randn(size, generator=generator) * scale).to(getattr(torch, dtype))
            for size, scale in (((rows, length), 0.5), ((classes, length), 0.05), ((classes,), 0.1))
        )
        self.labels = torch.randint(classes, (rows,), generator=generator)
        self.differentiated = [self.features, self.classifier]
        self.same = {"reduction": "mean", **same}
        self.fused_only: dict[str, Any] = {}
        self.peer_only: dict[str, Any] = {}

    def steps(self) -> dict[str, Step]:
        """Return a step of each way that the setting has."""
        found: dict[str, Step] = {"fused": self.step(lossary.linear_cross_entropy, self.fused_only)}
        for title, options in OPTIONS.items():
            given = dict(self.peer_only)
            if options is not None:
                given["options"] = torch.nn.LinearCrossEntropyOptions(**options)
            step = self.step(peer, given)
            if works(step):
                found[title] = step
        return found

    def step(self, loss: Callable[..., Any], own: dict[str, Any]) -> Step:
        """Return a step: the loss and its gradients."""
        for x in self.differentiated:
            x.requires_grad_()

        def run() -> None:
            for x in self.differentiated:
                x.grad = None
            value = loss(self.features, self.classifier, self.labels, **self.same, **own)
            if self.differentiated:
                (value if value.ndim == 0 else value.sum()).backward()

        return run


def works(step: Step) -> bool:
    """Return whether a step runs as it is set: PyTorch warns where it ignores its options."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            step()
        except (UserWarning, RuntimeError, ValueError):
            return False
    return True


def with_bias(shape: tuple[int, ...]) -> Setting:
    """Return the setting with a bias."""
    found = Setting(shape)
    found.differentiated.append(found.bias)
    found.fused_only, found.peer_only = {"bias": found.bias}, {"linear_bias": found.bias}
    return found


def with_class_weights(shape: tuple[int, ...]) -> Setting:
    """Return the setting with class weights, by which PyTorch's mean divides."""
    found, weights = Setting(shape), torch.rand(shape[2]) + 0.5
    found.fused_only = {"class_weights": weights, "denominator": "weights"}
    found.peer_only = {"weight": weights}
    return found


def with_ignored_rows(shape: tuple[int, ...]) -> Setting:
    """Return the setting with a quarter of the rows left out."""
    found = Setting(shape, ignore_index=-100)
    found.labels[::4] = -100
    return found


def with_probabilities(shape: tuple[int, ...]) -> Setting:
    """Return the setting with probabilities as targets."""
    found = Setting(shape)
    found.labels = torch.softmax(torch.randn(shape[0], shape[2]), 1)
    return found


def differentiating(shape: tuple[int, ...], *names: str) -> Setting:
    """Return the setting with gradients of some of the matrices."""
    found = Setting(shape)
    found.differentiated = [getattr(found, name) for name in names]
    return found


SETTINGS: dict[str, Callable[[tuple[int, ...]], Setting]] = {
    "mean": Setting,
    "sum": lambda shape: Setting(shape, reduction="sum"),
    "none": lambda shape: Setting(shape, reduction="none"),
    "bias": with_bias,
    "class weights": with_class_weights,
    "ignored rows": with_ignored_rows,
    "label smoothing": lambda shape: Setting(shape, label_smoothing=0.1),
    "probabilities": with_probabilities,
    "features alone": lambda shape: differentiating(shape, "features"),
    "classifier alone": lambda shape: differentiating(shape, "classifier"),
    "value alone": differentiating,
    "float64": lambda shape: Setting(shape, "float64"),
    "bfloat16": lambda shape: Setting(shape, "bfloat16"),
    "float16": lambda shape: Setting(shape, "float16"),
}


def ratios(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Return how many times longer each step takes than the first, and the first's seconds."""
    seconds: dict[str, list[float]] = {title: [] for title in steps}
    for _ in range(rounds):
        for title, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[title].append(time.perf_counter() - start)
    fastest = {title: min(found) for title, found in seconds.items()}
    first = fastest["fused"]
    return {title: x if title == "fused" else x / first for title, x in fastest.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=(1024, 512, 32000))
    parser.add_argument("--setting", action="append", choices=list(SETTINGS))
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(lossary.get_num_threads())
    rows, length, classes = given.shape
    print(f"{rows} rows, {length} features, {classes} classes; seconds of lossary, then ratios")
    print(f"{'':18}{'lossary':>9}" + "".join(f"{title:>10}" for title in OPTIONS))
    for name in given.setting or SETTINGS:
        steps = SETTINGS[name](tuple(given.shape)).steps()
        steps["fused"]()
        found = ratios(steps, given.rounds)
        cells = (f"{found[x]:10.2f}" if x in found else f"{'':10}" for x in OPTIONS)
        print(f"{name:18}{found['fused']:9.3f}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
