"""The outputs of a computation: which expressions it computes, and how each is reduced."""

from __future__ import annotations

from collections.abc import Sequence

from lossary.definition.computation import Computation
from lossary.definition.derivative_recipes import derivative_source
from lossary.definition.expressions import LossExpressions
from lossary.formula import sum_over_classes, where
from lossary.formula.expression import Expression, Kind, parameter
from lossary.formula.plan import Output
from lossary.formula.recipe import Recipe

#: The number that gradients are multiplied by.
COTANGENT = parameter("cotangent")
#: Prefix of the names of outputs that count values outside their domains.
VIOLATIONS = "violations_"


def total(name: str, expression: Expression) -> Output:
    """Return an output that is summed over everything."""
    return Output(name, expression, "sum")


def stored(name: str, source: Expression | Recipe) -> Output:
    """Return an output that is kept per element."""
    return Output(name, source, "store")


def value_outputs(computation: Computation) -> tuple[Output, ...]:
    """Return the outputs that the value is made of."""
    expression = computation.expressions.value
    if computation.reduction == "none":
        return (stored("value", expression),)
    return (total("value", expression), *denominator_outputs(computation))


def denominator_outputs(computation: Computation) -> tuple[Output, ...]:
    """Return what has to be summed to know the denominator of a mean."""
    expressions = computation.expressions
    if computation.reduction != "mean" or not isinstance(computation.denominator, str):
        return ()
    variant = expressions.variant
    if computation.denominator == "weights" and (variant.weights or variant.class_weights):
        return (total("denominator", expressions.weight),)
    if expressions.counted is None:
        return ()
    return (Output("denominator", expressions.counted, "count"),)


def derivative_outputs(
    computation: Computation,
    names: Sequence[str],
    second: bool,
    cotangent: Expression = COTANGENT,
) -> tuple[Output, ...]:
    """Return the value, the gradients, and (if asked for) the diagonal Hessians, as outputs."""
    make = stored if computation.reduction == "none" else total
    outputs = [make("value", computation.expressions.value)]
    outputs += [gradient_output(computation, name, cotangent) for name in names]
    if second:
        outputs += [hessian_output(computation, name, cotangent) for name in names]
    return tuple(outputs)


def scaled_outputs(
    computation: Computation,
    names: Sequence[str],
    second: bool,
    cotangent: Expression = COTANGENT,
) -> tuple[tuple[Output, ...], tuple[str, ...]]:
    """Return the outputs of a mean with an unknown denominator, and the names of derivatives."""
    value, *derivatives = derivative_outputs(computation, names, second, cotangent)
    outputs = (value, *denominator_outputs(computation), *derivatives)
    return outputs, tuple(output.name for output in derivatives)


def gradient_output(computation: Computation, name: str, cotangent: Expression) -> Output:
    """Return the gradient with respect to an argument, summed where the argument is one number."""
    output = gradient_elements(computation, name, cotangent)
    return _summed_for_a_number(computation, name, output)


def hessian_output(computation: Computation, name: str, cotangent: Expression) -> Output:
    """Return the diagonal Hessian with respect to an argument, summed as a gradient is."""
    output = stored(
        f"hessian_{name}", derivative_source(computation.expressions, "hessian", name, cotangent)
    )
    return _summed_for_a_number(computation, name, output)


def gradient_elements(computation: Computation, name: str, cotangent: Expression) -> Output:
    """Return the gradient with respect to an argument, element by element."""
    return stored(
        f"gradient_{name}", derivative_source(computation.expressions, "gradient", name, cotangent)
    )


def violation_outputs(expressions: LossExpressions) -> tuple[Output, ...]:
    """Return what counts the values outside their domains."""
    return tuple(
        _counted(f"{VIOLATIONS}{name}", outside, expressions.kind)
        for name, _, outside in expressions.violations
    )


def _summed_for_a_number(computation: Computation, name: str, output: Output) -> Output:
    if computation.shape_of(name) != ():
        return output
    row = output.expression.kind is not Kind.ELEMENT and bool(computation.axes)
    full = computation.unreduced_shape if row else computation.shape
    return total(output.name, output.expression) if full != () else output


def _counted(name: str, outside: Expression, unreduced: Kind) -> Output:
    if unreduced is Kind.ROW and outside.kind is Kind.ELEMENT:
        return total(name, sum_over_classes(where(outside, 1, 0)))
    return Output(name, outside, "count")
