"""Every loss in other libraries, as their users write it: predictions first, along the last axis.

A peer maps the title of a case to a function of its arrays. What a library lacks is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Functions = dict[str, Callable[..., Any]]


def with_torch() -> Functions:
    """Losses of torch.nn.functional."""
    import torch

    f = torch.nn.functional
    none = {"reduction": "none"}

    def pairs(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda a, b: function(a, b, **none)

    def student_t(z: Any, t: Any, scales: Any, df: Any) -> Any:
        scales = scales.clamp(min=1e-6)
        return -torch.distributions.StudentT(df, z, scales, validate_args=False).log_prob(t)

    return {
        "huber_loss": pairs(f.huber_loss),
        "smooth_l1_loss": pairs(f.smooth_l1_loss),
        "l1_loss": pairs(f.l1_loss),
        "mse_loss": pairs(f.mse_loss),
        "gaussian_nll_loss": lambda z, t, v: f.gaussian_nll_loss(z, t, v, **none),
        "gaussian_nll_loss-full": lambda z, t, v: f.gaussian_nll_loss(z, t, v, full=True, **none),
        "student_t_nll_loss-full": student_t,
        "poisson_nll_loss": pairs(f.poisson_nll_loss),
        "poisson_nll_loss-full": lambda z, t: f.poisson_nll_loss(z, t, full=True, **none),
        "poisson_nll_loss-log_input": lambda z, t: f.poisson_nll_loss(z, t, False, **none),
        "binary_cross_entropy": pairs(f.binary_cross_entropy_with_logits),
        "binary_cross_entropy-with_logits": pairs(f.binary_cross_entropy),
        "cross_entropy": pairs(f.cross_entropy),
        "cross_entropy-probabilities": pairs(f.cross_entropy),
        "nll_loss": pairs(f.nll_loss),
        "kl_div_loss": lambda z, t: f.kl_div(z, t, log_target=True, **none).sum(-1),
        "kl_divergence": lambda z, t: f.kl_div(z, t, **none).sum(-1),
        "cosine_similarity_loss": lambda a, b: f.cosine_similarity(a, b, dim=-1),
        "margin_ranking_loss": lambda a, b, t: f.margin_ranking_loss(a, b, t, **none),
    }


def with_optax() -> Functions:
    """Losses of optax."""
    import optax

    return {
        "hinge_loss": optax.losses.hinge_loss,
        "huber_loss": optax.losses.huber_loss,
        "log_cosh_loss": optax.losses.log_cosh,
        "mse_loss": optax.losses.squared_error,
        "binary_cross_entropy": optax.losses.sigmoid_binary_cross_entropy,
        "cross_entropy": optax.losses.softmax_cross_entropy_with_integer_labels,
        "cross_entropy-probabilities": optax.losses.softmax_cross_entropy,
        "kl_div_loss": optax.losses.kl_divergence_with_log_targets,
        "kl_divergence": optax.losses.kl_divergence,
        "generalized_kl_divergence": optax.losses.generalized_kl_divergence,
        "cosine_similarity_loss": lambda a, b: optax.losses.cosine_similarity(a, b, epsilon=1e-8),
    }


def with_jax() -> Functions:
    """Formulas in jax.numpy and jax.nn."""
    import jax
    import jax.numpy as jnp

    return {
        "hinge_loss": lambda z, t: jnp.maximum(0, 1 - z * t),
        "l1_loss": lambda z, t: jnp.abs(z - t),
        "mse_loss": lambda z, t: (z - t) ** 2,
        "log_cosh_loss": lambda z, t: jnp.log(jnp.cosh(z - t)),
        "binary_cross_entropy": lambda z, t: jax.nn.softplus(z) - t * z,
        "cross_entropy": lambda z, t: (
            -jnp.take_along_axis(jax.nn.log_softmax(z), t[:, None], -1)[:, 0]
        ),
        "cross_entropy-probabilities": lambda z, t: -(t * jax.nn.log_softmax(z)).sum(-1),
        "nll_loss": lambda z, t: -jnp.take_along_axis(z, t[:, None], -1)[:, 0],
        "kl_div_loss": lambda z, t: (jnp.exp(t) * (t - z)).sum(-1),
        "margin_ranking_loss": lambda a, b, t: jnp.maximum(0, -t * (a - b)),
    }


def with_mlx() -> Functions:
    """Losses of mlx.nn."""
    import mlx.nn.losses as losses

    def plain(name: str, **options: Any) -> Callable[..., Any]:
        function = getattr(losses, name)
        return lambda *arrays: function(*arrays, reduction="none", **options)

    names = ("hinge_loss", "huber_loss", "smooth_l1_loss", "log_cosh_loss", "l1_loss", "mse_loss",
             "gaussian_nll_loss", "binary_cross_entropy", "cross_entropy", "nll_loss",
             "kl_div_loss", "margin_ranking_loss", "triplet_loss")  # fmt: skip
    return {name: plain(name) for name in names} | {
        "gaussian_nll_loss-full": plain("gaussian_nll_loss", full=True),
        "binary_cross_entropy-with_logits": plain("binary_cross_entropy", with_logits=False),
        "cross_entropy-probabilities": plain("cross_entropy"),
        "cosine_similarity_loss": plain("cosine_similarity_loss", axis=-1),
    }
