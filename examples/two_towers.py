"""Two towers learn which damaged pieces of text are the same, from 4,096 pairs at a time.

    python examples/two_towers.py               sixteen steps
    python examples/two_towers.py --steps 200   more of them

Of a piece of a module of Python's library each tower sees some of the characters, and another half
of them. The contrastive loss compares every piece with every other one of the batch: 16.8 million
similarities, 67 MB, which are computed in tiles and never stored.
"""

from __future__ import annotations

import argparse
import pydoc
from pathlib import Path
from typing import Any

import numpy as np
import torch

import lossary

LENGTH, WIDTH, BATCH, SEEN = 24, 64, 4096, 0.5


def pieces() -> tuple[Any, int]:
    """Return all windows of the text as codes of characters, and how many characters occur."""
    text = Path(pydoc.__file__).read_text(encoding="utf-8")
    alphabet, codes = np.unique(list(text), return_inverse=True)
    windows = np.lib.stride_tricks.sliding_window_view(codes, LENGTH)
    return torch.from_numpy(windows.copy()), len(alphabet)


def towers_of(characters: int) -> list[torch.nn.Module]:
    """Return two networks from characters to a vector, which share what a character is."""
    embedding = torch.nn.Embedding(characters, 16)
    return [
        torch.nn.Sequential(embedding, torch.nn.Flatten(), torch.nn.Linear(16 * LENGTH, WIDTH))
        for _ in range(2)
    ]


def batch(windows: Any, hidden: int, generator: torch.Generator) -> tuple[Any, Any]:
    """Return some windows twice, each time with other characters hidden."""
    rows = windows[torch.randperm(len(windows), generator=generator)[:BATCH]]
    seen = (torch.rand(rows.shape, generator=generator) < SEEN for _ in range(2))
    left, right = (torch.where(mask, rows, hidden) for mask in seen)
    return left, right


def found(left: Any, right: Any) -> float:
    """Return the share of pieces whose other half is the most similar of a batch."""
    with torch.no_grad():
        normal = torch.nn.functional.normalize
        best = (normal(left) @ normal(right).T).argmax(1)
    return float((best == torch.arange(len(best))).double().mean())


def main() -> None:
    """Train, and say how often the same piece is found among 4,096."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=16)
    steps = parser.parse_args().steps
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    windows, characters = pieces()
    towers = torch.nn.ModuleList(towers_of(characters + 1))
    optimizer = torch.optim.Adam(towers.parameters(), lr=1e-2)
    for step in range(steps + 1):
        views = batch(windows, characters, generator)
        left, right = (one(view) for one, view in zip(towers, views, strict=True))
        loss = lossary.info_nce_loss(
            left, right, temperature=0.07, symmetric=True, reduction="mean"
        )
        if step % max(1, steps // 4) == 0:
            share = found(left, right)
            print(f"step {step:3}: loss {float(loss.detach()):.3f}, found {share:.1%} of {BATCH}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
