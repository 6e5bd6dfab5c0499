"""An earlier version of the package in a process of its own, timed in turns with this one.

Two versions cannot be imported side by side. :class:`Earlier` starts a process that finds the
earlier one first, and asks it for one sample after another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any


class Earlier:
    """The process of an earlier version, found in folders separated as in ``PYTHONPATH``."""

    def __init__(self, folders: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": folders},
        )
        self.version = self._asked({})

    def sample(self, builder: str, loss: str, size: int, gradient: bool) -> Callable[[], float]:
        """Return a function that takes one sample: seconds for a call."""
        made = self._asked({"build": [builder, loss, size, gradient]})
        return lambda: float(self._asked({"sample": made}))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _asked(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(question), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            message = "the earlier version ended; its error stands above"
            raise SystemExit(message)
        return json.loads(answer)


def main() -> None:
    """Answer questions: build a call, or time one."""
    import peers
    from sampling import repeats, sample

    import lossary

    run, number = None, 0
    for line in sys.stdin:
        question = json.loads(line)
        answer: Any = f"{lossary.__version__} at {os.path.dirname(lossary.__file__)}"
        if "build" in question:
            builder, loss, size, gradient = question["build"]
            run = peers.OURS[builder](peers.make(loss, size), gradient)
            run()
            answer = number = repeats(run)
        elif "sample" in question:
            assert run is not None
            answer = sample(run, number)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
