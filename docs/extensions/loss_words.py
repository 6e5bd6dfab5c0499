"""Words by which a loss is looked for and that its page may lack: other names, and occasions.

The search of the site and the filter of the list find a loss by them. Words are single, as those of
a search are.
"""

from __future__ import annotations

from lossary import Loss

#: Of the losses that have a tag.
OF_TAGS = {
    "robust": "outliers bounded lipschitz",
    "smooth": "differentiable",
    "evaluation": "metric",
    "probabilistic": "calibration",
}
#: Of the losses of a family.
OF_FAMILIES = {
    "boxes": "detection IoU GIoU DIoU CIoU",
    "calibration": "confidence uncertainty",
    "contrastive": "embedding embeddings metric representation self-supervised batch negatives "
    "similarity",
    "classification": "classifier softmax logloss",
    "distribution": "divergence distance probabilities",
    "focal": "focal imbalance imbalanced rare",
    "likelihood": "NLL probabilistic",
    "margin": "SVM classifier",
    "ordinal": "ordered grades ratings",
    "overlap": "segmentation imbalance imbalanced masks",
    "preference": "RLHF alignment",
    "ranking": "retrieval relevance order",
    "similarity": "embedding metric contrastive",
}
#: Of one loss.
OF_LOSSES = {
    "binary_cross_entropy": "BCE logloss imbalance positive_weight",
    "circle_loss": "faces recognition retrieval",
    "cox_nll_loss": "survival censored hazards",
    "cross_entropy": "CE imbalance class_weights",
    "distillation_loss": "teacher student knowledge",
    "ensemble_crps_loss": "CRPS forecast",
    "epsilon_insensitive_loss": "SVR",
    "expectile_loss": "asymmetric quantile",
    "gamma_deviance": "GLM durations amounts",
    "gaussian_crps_loss": "CRPS forecast",
    "generalized_cross_entropy": "noisy labels GCE",
    "info_nce_loss": "CLIP InfoNCE N-pair MultipleNegativesRanking retrieval captions",
    "jaccard_loss": "IoU",
    "kl_div_loss": "Kullback-Leibler KLD",
    "l1_loss": "MAE median absolute",
    "linear_cross_entropy": "CE LLM vocabulary memory logits chunked fused",
    "mape_loss": "MAPE percentage",
    "mse_loss": "MSE L2 squares",
    "msle_loss": "MSLE RMSLE",
    "multiclass_hinge_loss": "Crammer Singer",
    "multi_similarity_loss": "mining hard retrieval",
    "negative_binomial_nll_loss": "counts overdispersion GLM",
    "nt_xent_loss": "SimCLR NTXent augmentation views",
    "pairwise_sigmoid_loss": "SigLIP CLIP captions",
    "pinball_loss": "quantile quantiles median asymmetric",
    "poisson_deviance": "counts GLM",
    "poisson_nll_loss": "counts GLM",
    "quantile_huber_loss": "quantile quantiles asymmetric",
    "smape_loss": "SMAPE percentage",
    "squared_epsilon_insensitive_loss": "SVR",
    "supervised_contrastive_loss": "SupCon labels",
    "symmetric_cross_entropy": "noisy labels SCE",
    "triplet_loss": "anchor positive negative",
    "tweedie_deviance": "GLM insurance claims amounts",
    "wasserstein_distance": "EMD transport",
}


def words(loss: Loss) -> list[str]:
    """Return the words of a loss, sorted, with its family, tags and kind of targets among them.

    Examples
    --------
    >>> import lossary
    >>> "quantile" in words(lossary.get_loss("pinball_loss"))
    True
    """
    found = [loss.family, *loss.tags, *loss.kind_of_targets.split("_")]
    found += OF_FAMILIES.get(loss.family, "").split() + OF_LOSSES.get(loss.name, "").split()
    for tag in loss.tags:
        found += OF_TAGS.get(tag, "").split()
    return sorted(set(found))
