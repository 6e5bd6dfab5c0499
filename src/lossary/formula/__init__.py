"""The algebra of formulas: expressions, derivatives, simpler and printed forms, plans.

Formulas are written with Python's operators and the functions that are exported here. The modules
import each other in one direction; each may import those before it:

1. ``table`` (what a primitive is, and the empty table), ``folding`` (Python numbers);
2. ``refusal`` (errors), ``expression`` (nodes), ``elements``, ``deferred`` and ``recipe`` (what is
   written when it is needed), ``plan_text`` (nodes as text);
3. ``simplification``, ``rewrite``, ``running`` (running sums of exponentials), ``operators``
   (matrices along the class axis), ``gradient``;
4. ``special`` (polynomials of special functions), ``primitives`` (what the table is filled with);
5. ``operations`` (the functions that are exported here);
6. ``evaluate``, ``lower``, ``plan``, ``cut``;
7. ``printing``.
"""

from lossary.formula.expression import Expression, Kind
from lossary.formula.operations.arithmetic import (
    scale,
    share,
    sqrt,
    square_over,
    stop_gradient,
    with_derivatives_of,
)
from lossary.formula.operations.choices import (
    clip,
    is_finite,
    maximum,
    minimum,
    sign,
    where,
)
from lossary.formula.operations.classes import (
    at_label,
    class_count,
    class_index,
    is_label,
    max_over_classes,
    mean_over_classes,
    norm,
    softened_norm,
    sum_over_classes,
)
from lossary.formula.operations.cumulative import (
    cumulative_logsumexp,
    cumulative_max,
    cumulative_negative_log_softmax,
    cumulative_sum,
    following,
    preceding,
)
from lossary.formula.operations.deviances import (
    alpha_divergence_term,
    gamma_deviance,
    gaussian_crps,
    general_robust,
    jensen_shannon_term,
    poisson_deviance,
    poisson_deviance_of_log,
    student_t_tail,
    tweedie_deviance,
    tweedie_deviance_of_log,
)
from lossary.formula.operations.excesses import (
    expm1_excess,
    log1mexp,
    log1p_excess,
    log1p_square,
    log_quotient,
)
from lossary.formula.operations.exponentials import (
    exp,
    exp_difference,
    expm1,
    log,
    log1p,
    log_cosh,
    sigmoid,
    softplus,
    tanh,
)
from lossary.formula.operations.order import (
    first_of_equals,
    last_of_equals,
    pair_disorder,
    pair_hinge,
    rank_balance,
    sorted_by,
)
from lossary.formula.operations.powers import (
    box_cox,
    hypot,
    hypot_excess,
    hypot_share,
    power_gap,
)
from lossary.formula.operations.softmax import (
    divergence_of_softmaxes,
    entropy_of_softmax,
    finite_maximum,
    logsumexp,
    multiclass_sparsemax,
    negative_log_softmax,
    negative_log_softmax_at,
    softmax,
    sparsemax_threshold,
)
from lossary.formula.operations.special import (
    arctan,
    cos_pi,
    digamma,
    erf,
    log_gamma,
    log_gamma_half_step,
    log_rising_excess,
    sin_pi,
    trigamma,
)
from lossary.formula.primitives import ALL
from lossary.formula.table import FUNCTIONS, PRIMITIVES

__all__ = [
    "Expression",
    "Kind",
    "alpha_divergence_term",
    "arctan",
    "at_label",
    "box_cox",
    "class_count",
    "class_index",
    "clip",
    "cos_pi",
    "cumulative_logsumexp",
    "cumulative_max",
    "cumulative_negative_log_softmax",
    "cumulative_sum",
    "digamma",
    "divergence_of_softmaxes",
    "entropy_of_softmax",
    "erf",
    "exp",
    "exp_difference",
    "expm1",
    "expm1_excess",
    "finite_maximum",
    "first_of_equals",
    "following",
    "gamma_deviance",
    "gaussian_crps",
    "general_robust",
    "hypot",
    "hypot_excess",
    "hypot_share",
    "is_finite",
    "is_label",
    "jensen_shannon_term",
    "last_of_equals",
    "log",
    "log1mexp",
    "log1p",
    "log1p_excess",
    "log1p_square",
    "log_cosh",
    "log_gamma",
    "log_gamma_half_step",
    "log_quotient",
    "log_rising_excess",
    "logsumexp",
    "max_over_classes",
    "maximum",
    "mean_over_classes",
    "minimum",
    "multiclass_sparsemax",
    "negative_log_softmax",
    "negative_log_softmax_at",
    "norm",
    "pair_disorder",
    "pair_hinge",
    "poisson_deviance",
    "poisson_deviance_of_log",
    "power_gap",
    "preceding",
    "rank_balance",
    "scale",
    "share",
    "sigmoid",
    "sign",
    "sin_pi",
    "softened_norm",
    "softmax",
    "softplus",
    "sorted_by",
    "sparsemax_threshold",
    "sqrt",
    "square_over",
    "stop_gradient",
    "student_t_tail",
    "sum_over_classes",
    "tanh",
    "trigamma",
    "tweedie_deviance",
    "tweedie_deviance_of_log",
    "where",
    "with_derivatives_of",
]

PRIMITIVES.update({primitive.name: primitive for primitive in ALL})
FUNCTIONS.update(__all__)
