"""The demonstration of ``./run``: score genuine predictions with several losses."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARGINS = "examples/data/breast_cancer_margins.csv"
LOGITS = "examples/data/wine_logits.csv"
FIGURE = "out/margin_losses.svg"

COMMANDS = (
    (
        "A classifier's cross-validated margins on the Wisconsin breast-cancer data",
        f"score {MARGINS} --inputs margin --targets label --loss hinge_loss --worst 5",
    ),
    (
        "The same by tumour size; binary cross entropy wants 0/1 targets",
        f"score {MARGINS} --inputs margin --targets malignant --loss binary_cross_entropy "
        "--by size",
    ),
    (
        "A three-class classifier's logits on the wine data",
        f"score {LOGITS} --inputs 'z_*' --targets label --loss cross_entropy "
        "--loss cross_entropy:label_smoothing=0.1",
    ),
    (
        "The curves of two losses and their derivatives",
        f"plot hinge_loss binary_cross_entropy --out {FIGURE}",
    ),
)


def main() -> int:
    """Run the commands one after another, each printed before it runs."""
    (ROOT / "out").mkdir(exist_ok=True)
    for title, command in COMMANDS:
        print(f"\n# {title}\n$ ./run {command}", flush=True)
        done = subprocess.run([sys.executable, "-m", "lossary", *shlex.split(command)], cwd=ROOT)
        if done.returncode != 0:
            return done.returncode
    print("\nMore: ./run --help, ./run list, ./run show hinge_loss")
    return 0


if __name__ == "__main__":
    sys.exit(main())
