"""The module of ``lossary.losses`` that defines each loss. Written by tools/stubs.py."""

INDEX = {
    "binary_cross_entropy": "classification",
    "cosine_similarity_loss": "similarity",
    "cross_entropy": "classification",
    "expectile_loss": "quantile",
    "gaussian_nll_loss": "regression",
    "hinge_loss": "margin",
    "huber_loss": "regression",
    "kl_div_loss": "distribution",
    "l1_loss": "regression",
    "log_cosh_loss": "regression",
    "margin_ranking_loss": "ranking",
    "mse_loss": "regression",
    "nll_loss": "distribution",
    "pinball_loss": "quantile",
    "quantile_huber_loss": "quantile",
    "smooth_l1_loss": "regression",
    "triplet_loss": "ranking",
}
