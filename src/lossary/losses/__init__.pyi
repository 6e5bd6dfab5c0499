# Written by tools/stubs.py from the registry.
from collections.abc import Sequence
from typing import Any, Literal, Protocol

from numpy.typing import NDArray
from typing_extensions import TypeVar

_Reduction = Literal["none", "mean", "sum"]

class _Shaped(Protocol):
    @property
    def shape(self) -> Any: ...

# The result is of the library of the first argument, of NumPy for numbers and sequences of them.
_Array = TypeVar("_Array", bound=_Shaped, default=NDArray[Any])

def asymmetric_loss(
    inputs: _Array | Sequence[Any] | complex,
    targets: Any,
    gamma_positive: float | _Shaped = 1.0,
    gamma_negative: float | _Shaped = 4.0,
    margin: float | _Shaped = 0.05,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def binary_cross_entropy(
    inputs: _Array | Sequence[Any] | complex,
    targets: Any,
    weights: Any = None,
    with_logits: bool = True,
    reduction: _Reduction = "mean",
    *,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def binary_focal_loss(
    inputs: _Array | Sequence[Any] | complex,
    targets: Any,
    gamma: float | _Shaped = 2.0,
    alpha: float | _Shaped | None = None,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def cosine_similarity_loss(
    x1: _Array | Sequence[Any] | complex,
    x2: Any,
    axis: int = 1,
    eps: float | _Shaped = 1e-08,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def cross_entropy(
    logits: _Array | Sequence[Any] | complex,
    targets: Any,
    weights: Any = None,
    axis: int = -1,
    label_smoothing: float | _Shaped = 0.0,
    reduction: _Reduction = "none",
    *,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    ignore_index: int | None = None,
    class_weights: Any = None,
) -> _Array: ...
def expectile_loss(
    predictions: _Array | Sequence[Any] | complex,
    targets: Any,
    expectile: float | _Shaped = 0.5,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def focal_loss(
    logits: _Array | Sequence[Any] | complex,
    targets: Any,
    axis: int = -1,
    gamma: float | _Shaped = 2.0,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    ignore_index: int | None = None,
    class_weights: Any = None,
) -> _Array: ...
def gaussian_nll_loss(
    inputs: _Array | Sequence[Any] | complex,
    targets: Any,
    vars: Any,
    full: bool = False,
    eps: float | _Shaped = 1e-06,
    reduction: _Reduction = "mean",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def generalized_cross_entropy(
    logits: _Array | Sequence[Any] | complex,
    targets: Any,
    axis: int = -1,
    q: float | _Shaped = 0.7,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    ignore_index: int | None = None,
    class_weights: Any = None,
) -> _Array: ...
def hinge_loss(
    inputs: _Array | Sequence[Any] | complex,
    targets: Any,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def huber_loss(
    inputs: _Array | Sequence[Any] | complex,
    targets: Any,
    delta: float | _Shaped = 1.0,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def kl_div_loss(
    inputs: _Array | Sequence[Any] | complex,
    targets: Any,
    axis: int = -1,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def l1_loss(
    predictions: _Array | Sequence[Any] | complex,
    targets: Any,
    reduction: _Reduction = "mean",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def log_cosh_loss(
    inputs: _Array | Sequence[Any] | complex,
    targets: Any,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def margin_ranking_loss(
    inputs1: _Array | Sequence[Any] | complex,
    inputs2: Any,
    targets: Any,
    margin: float | _Shaped = 0.0,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def mse_loss(
    predictions: _Array | Sequence[Any] | complex,
    targets: Any,
    reduction: _Reduction = "mean",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def nll_loss(
    inputs: _Array | Sequence[Any] | complex,
    targets: Any,
    axis: int = -1,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    ignore_index: int | None = None,
    class_weights: Any = None,
) -> _Array: ...
def pinball_loss(
    predictions: _Array | Sequence[Any] | complex,
    targets: Any,
    quantile: float | _Shaped = 0.5,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def poly1_cross_entropy(
    logits: _Array | Sequence[Any] | complex,
    targets: Any,
    axis: int = -1,
    epsilon: float | _Shaped = 2.0,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    ignore_index: int | None = None,
    class_weights: Any = None,
) -> _Array: ...
def quantile_huber_loss(
    predictions: _Array | Sequence[Any] | complex,
    targets: Any,
    quantile: float | _Shaped = 0.5,
    delta: float | _Shaped = 1.0,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def smooth_l1_loss(
    predictions: _Array | Sequence[Any] | complex,
    targets: Any,
    beta: float | _Shaped = 1.0,
    reduction: _Reduction = "mean",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...
def symmetric_cross_entropy(
    logits: _Array | Sequence[Any] | complex,
    targets: Any,
    axis: int = -1,
    alpha: float | _Shaped = 0.1,
    beta: float | _Shaped = 1.0,
    log_zero: float | _Shaped = -4.0,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
    ignore_index: int | None = None,
    class_weights: Any = None,
) -> _Array: ...
def triplet_loss(
    anchors: _Array | Sequence[Any] | complex,
    positives: Any,
    negatives: Any,
    axis: int = -1,
    p: float = 2,
    margin: float | _Shaped = 1.0,
    eps: float | _Shaped = 1e-06,
    reduction: _Reduction = "none",
    *,
    weights: Any = None,
    where: Any = None,
    denominator: Any = "count",
    dtype: Any = None,
) -> _Array: ...

__all__ = [
    "asymmetric_loss",
    "binary_cross_entropy",
    "binary_focal_loss",
    "cosine_similarity_loss",
    "cross_entropy",
    "expectile_loss",
    "focal_loss",
    "gaussian_nll_loss",
    "generalized_cross_entropy",
    "hinge_loss",
    "huber_loss",
    "kl_div_loss",
    "l1_loss",
    "log_cosh_loss",
    "margin_ranking_loss",
    "mse_loss",
    "nll_loss",
    "pinball_loss",
    "poly1_cross_entropy",
    "quantile_huber_loss",
    "smooth_l1_loss",
    "symmetric_cross_entropy",
    "triplet_loss",
]
