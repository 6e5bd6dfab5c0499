"""The words of a formula: what a loss may be written with, besides Python's operators.

Every function takes symbols and Python numbers and returns a symbol.
"""

from __future__ import annotations

from lossary.formula.expression import Expression, Number, TracingError, node

Operand = Expression | Number


def maximum(a: Operand, b: Operand) -> Expression:
    """Larger of two values; NaN if either is NaN. The derivative of max(0, z) at z = 0 is 0."""
    return node("maximum", a, b)


def minimum(a: Operand, b: Operand) -> Expression:
    """Smaller of two values; NaN if either is NaN."""
    return node("minimum", a, b)


def clip(x: Operand, low: Operand, high: Operand) -> Expression:
    """Hold x between low and high; NaN if x is NaN. The derivative at the limits is 0."""
    return minimum(maximum(x, low), high)


def where(condition: Expression, a: Operand, b: Operand) -> Expression:
    """Value a where the condition holds, else b."""
    return node("where", condition, a, b)


def exp(x: Operand) -> Expression:
    """Exponential."""
    return node("exp", x)


def expm1(x: Operand) -> Expression:
    """exp(x) - 1, accurate near 0."""
    return node("expm1", x)


def log(x: Operand) -> Expression:
    """Natural logarithm."""
    return node("log", x)


def log1p(x: Operand) -> Expression:
    """log(1 + x), accurate near 0."""
    return node("log1p", x)


def sqrt(x: Operand) -> Expression:
    """Square root."""
    return node("sqrt", x)


def square_over(a: Operand, b: Operand) -> Expression:
    """a^2 / b, also where a^2 is too large or too small a number."""
    return node("square_over", a, b)


def tanh(x: Operand) -> Expression:
    """Hyperbolic tangent."""
    return node("tanh", x)


def sigmoid(x: Operand) -> Expression:
    """1 / (1 + exp(-x)), accurate in both tails."""
    return node("sigmoid", x)


def softplus(x: Operand) -> Expression:
    """log(1 + exp(x)), accurate in both tails."""
    return node("softplus", x)


def log_cosh(x: Operand) -> Expression:
    """log(cosh(x)), accurate near 0 and for large x."""
    return node("log_cosh", x)


def erf(x: Operand) -> Expression:
    """Error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return node("erf", x)


def log_gamma(x: Operand) -> Expression:
    """Logarithm of the gamma function, x > 0; infinite at 0, NaN below."""
    return node("log_gamma", x)


def sign(x: Operand) -> Expression:
    """-1, 0 or 1."""
    return node("sign", x)


def scale(coefficient: Operand, x: Operand) -> Expression:
    """Product in which a zero coefficient wins over an infinite x: scale(0, inf) is 0."""
    return node("scale", coefficient, x)


def stop_gradient(x: Operand) -> Expression:
    """Return the same value, a constant for the derivative."""
    return node("stop", x)


def is_finite(x: Operand) -> Expression:
    """Tell where x is neither infinite nor NaN."""
    return node("is_finite", x)


def class_index() -> Expression:
    """Position along the class axis: 0 ... C-1."""
    return node("index")


def class_count() -> Expression:
    """Return the number of classes C."""
    return node("class_count")


def is_label(labels: Operand) -> Expression:
    """Tell which class it is: true at the label's, or at that of this number."""
    return node("equal", class_index(), labels)


def at_label(values: Expression, labels: Operand) -> Expression:
    """Pick the value at the class that the label names, or at a class's number: one per row.

    It is 0 where there is no such class; a loss with labels is NaN there.
    """
    if isinstance(labels, (int, float)) and not (labels >= 0 and float(labels).is_integer()):
        message = (
            "formula: labels of at_label() must be class labels or the number of a class, a whole "
            f"number from 0, got {labels}. Write class_count() - 1 for the last class."
        )
        raise TracingError(message)
    return node("at_label", values, labels)


def sum_over_classes(x: Expression) -> Expression:
    """Sum along the class axis: one per row."""
    return node("sum", x)


def mean_over_classes(x: Expression) -> Expression:
    """Mean along the class axis: one per row."""
    return node("sum", x) / class_count()


def max_over_classes(x: Expression) -> Expression:
    """Maximum along the class axis: one per row; a tie's derivative goes to the first class."""
    return node("max", x)


def norm(x: Expression) -> Expression:
    """Euclidean norm along the class axis: one per row; no square overflows or vanishes."""
    return node("norm", x)


def softened_norm(x: Expression, eps: Operand) -> Expression:
    """sqrt(sum(x^2) + eps), eps not below 0, along the class axis; no square overflows."""
    return node("softened_norm", x, eps)


def peak(x: Expression) -> Expression:
    """Maximum along the class axis as a finite constant to measure the others from.

    A row whose maximum is infinite is measured from 0, so that no infinity meets another.
    """
    return node("peak", x)


def logsumexp(x: Expression, relative_to: Operand = 0) -> Expression:
    """log(sum(exp(x))) along the class axis, minus a row value.

    The difference is taken before the logarithm is added: two large numbers that nearly cancel
    do so while they are exact.
    """
    return node("logsumexp", x, relative_to)


def exp_difference(a: Operand, b: Operand) -> Expression:
    """exp(a - b), with the rounding of the difference compensated in compiled kernels."""
    return node("exp_difference", a, b)


def softmax(x: Expression) -> Expression:
    """exp(x) / sum(exp(x)) along the class axis."""
    return node("softmax", x)


def negative_log_softmax(x: Expression) -> Expression:
    """-log(softmax(x)): two terms, neither negative, so nothing cancels."""
    return node("negative_log_softmax", x)


def negative_log_softmax_at(x: Expression, labels: Expression) -> Expression:
    """-log(softmax(x)) at the class that the label names: accurate where that class dominates."""
    return node("negative_log_softmax_at", x, labels)
