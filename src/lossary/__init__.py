"""Loss functions: one contract, any array, any trainer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lossary.index import INDEX

# The function must be bound here before anything else loads its module of the same name.
from lossary.options import options as options
from lossary.options import set_options as set_options

#: Public names other than losses, each with the module that defines it.
_HOME = {
    "DomainWarning": "errors",
    "Loss": "registry",
    "LossaryError": "errors",
    "LossaryImportError": "errors",
    "LossaryTypeError": "errors",
    "LossaryValueError": "errors",
    "Summary": "summary",
    "circle_loss": "products.label_losses",
    "compare": "scoring.public_comparison",
    "get_loss": "registry",
    "get_num_threads": "kernels.threads",
    "Product": "products.request",
    "grad": "derivatives",
    "info_nce_loss": "products.pair_losses",
    "linear": "products.linear",
    "linear_cross_entropy": "products.linear_losses",
    "list_losses": "registry",
    "loss": "decorator",
    "multi_similarity_loss": "products.label_losses",
    "nt_xent_loss": "products.pair_losses",
    "options": "options",
    "pairwise_sigmoid_loss": "products.pair_losses",
    "plot": "plotting",
    "score": "scoring.public",
    "set_num_threads": "kernels.threads",
    "set_options": "options",
    "summarize": "summary",
    "supervised_contrastive_loss": "products.label_losses",
    "value_and_grad": "derivatives",
    "value_grad_hess": "derivatives",
    "with_link": "links",
}

if TYPE_CHECKING:
    from lossary import adapters as adapters
    from lossary.decorator import loss as loss
    from lossary.derivatives import grad as grad
    from lossary.derivatives import value_and_grad as value_and_grad
    from lossary.derivatives import value_grad_hess as value_grad_hess
    from lossary.errors import DomainWarning as DomainWarning
    from lossary.errors import LossaryError as LossaryError
    from lossary.errors import LossaryImportError as LossaryImportError
    from lossary.errors import LossaryTypeError as LossaryTypeError
    from lossary.errors import LossaryValueError as LossaryValueError
    from lossary.kernels.threads import get_num_threads as get_num_threads
    from lossary.kernels.threads import set_num_threads as set_num_threads
    from lossary.links import with_link as with_link
    from lossary.losses import *  # noqa: F403 - the losses are the public names
    from lossary.plotting import plot as plot
    from lossary.products.label_losses import circle_loss as circle_loss
    from lossary.products.label_losses import multi_similarity_loss as multi_similarity_loss
    from lossary.products.label_losses import (
        supervised_contrastive_loss as supervised_contrastive_loss,
    )
    from lossary.products.linear import linear as linear
    from lossary.products.linear_losses import linear_cross_entropy as linear_cross_entropy
    from lossary.products.pair_losses import info_nce_loss as info_nce_loss
    from lossary.products.pair_losses import nt_xent_loss as nt_xent_loss
    from lossary.products.pair_losses import pairwise_sigmoid_loss as pairwise_sigmoid_loss
    from lossary.products.request import Product as Product
    from lossary.registry import Loss as Loss
    from lossary.registry import get_loss as get_loss
    from lossary.registry import list_losses as list_losses
    from lossary.scoring.public import score as score
    from lossary.scoring.public_comparison import compare as compare
    from lossary.summary import Summary as Summary
    from lossary.summary import summarize as summarize

    __all__: list[str]
    __version__: str
else:

    def __getattr__(name: str) -> Any:
        """Load what is asked for; Python calls this for names that are not there yet."""
        if name == "__version__":
            value = _version()
        elif name == "__all__":
            return _public_names()
        elif name in _HOME:
            value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        else:
            value = _loss_or_module(name)
        globals()[name] = value
        return value


def _public_names() -> list[str]:
    """Return the names of ``from lossary import *``: those of all losses need their modules."""
    from lossary import losses

    return sorted([*_HOME, *losses.__all__, "__version__", "adapters"])


def _loss_or_module(name: str) -> Any:
    """Return a loss, or a module of the package, by its name."""
    if not name.startswith("_"):
        if name not in INDEX:
            try:
                return importlib.import_module(f"{__name__}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{__name__}.{name}":
                    raise
        from lossary import registry

        found = registry.built_in(name)
        if found is not None:
            return found.function
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lossary")
    except PackageNotFoundError:  # a source tree that was not installed
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted([*_public_names(), "domains", "errors", "formula", "targets"])
