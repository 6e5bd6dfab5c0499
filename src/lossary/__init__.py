"""Loss functions: one contract, any array, any trainer."""

from importlib.metadata import PackageNotFoundError, version

from lossary import adapters, losses
from lossary.derivatives import grad, value_and_grad, value_grad_hess
from lossary.errors import (
    DomainWarning,
    LossaryError,
    LossaryImportError,
    LossaryTypeError,
    LossaryValueError,
)
from lossary.kernels.threads import get_num_threads, set_num_threads
from lossary.losses import *  # noqa: F403 - the losses are the public names
from lossary.options import options, set_options
from lossary.plotting import plot
from lossary.record import Loss
from lossary.registry import get_loss, list_losses, loss
from lossary.summary import Summary, summarize

try:
    __version__ = version("lossary")
except PackageNotFoundError:  # a source tree that was not installed
    __version__ = "0+unknown"

__all__ = [
    "DomainWarning",
    "Loss",
    "LossaryError",
    "LossaryImportError",
    "LossaryTypeError",
    "LossaryValueError",
    "Summary",
    "__version__",
    "adapters",
    "get_loss",
    "get_num_threads",
    "grad",
    "list_losses",
    "loss",
    "options",
    "plot",
    "set_num_threads",
    "set_options",
    "summarize",
    "value_and_grad",
    "value_grad_hess",
    *losses.__all__,
]


def __dir__() -> list[str]:
    return sorted([*__all__, "domains", "errors", "formula"])
