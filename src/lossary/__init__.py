"""Loss functions: one contract, any array, any trainer."""

from lossary.derivatives import grad, value_and_grad, value_grad_hess
from lossary.errors import (
    DomainWarning,
    LossaryError,
    LossaryImportError,
    LossaryTypeError,
    LossaryValueError,
)
from lossary.losses.classification import binary_cross_entropy, cross_entropy
from lossary.losses.margin import hinge_loss
from lossary.options import options
from lossary.registry import Loss, get_loss, list_losses, loss
from lossary.summary import Summary, summarize
