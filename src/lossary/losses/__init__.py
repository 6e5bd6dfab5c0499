"""What each loss is: a file per family."""

from lossary.losses.classification import binary_cross_entropy, cross_entropy
from lossary.losses.distribution import kl_div_loss, nll_loss
from lossary.losses.margin import hinge_loss
from lossary.losses.ranking import margin_ranking_loss, triplet_loss
from lossary.losses.regression import (
    gaussian_nll_loss,
    huber_loss,
    l1_loss,
    log_cosh_loss,
    mse_loss,
    smooth_l1_loss,
)
from lossary.losses.similarity import cosine_similarity_loss

__all__ = [
    "binary_cross_entropy",
    "cosine_similarity_loss",
    "cross_entropy",
    "gaussian_nll_loss",
    "hinge_loss",
    "huber_loss",
    "kl_div_loss",
    "l1_loss",
    "log_cosh_loss",
    "margin_ranking_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
    "triplet_loss",
]
