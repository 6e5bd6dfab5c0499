"""The docstring of a loss: what is written at the formula, completed from the facts."""

from __future__ import annotations

from collections.abc import Mapping

from lossary.definition.common_arguments import COMMON_ARGUMENTS
from lossary.definition.definition import Definition
from lossary.definition.expressions import LossExpressions, Variant, expressions_of
from lossary.errors import choices, did_you_mean, shown, type_error, value_error
from lossary.formula.expression import Expression, parameter
from lossary.formula.gradient import gradient
from lossary.formula.printing import named_latex, named_text, tidy, to_text

#: A derivative of more characters would not help a reader, and is not printed.
LONGEST_SHOWN = 2000

_COMMON = {item.name: item.documentation for item in COMMON_ARGUMENTS}
REDUCTION = """\
reduction : {{"none", "mean", "sum"}}
    What is done with the losses of the elements. Default: "{default}"."""

_RETURNS = """\
Returns
-------
array, shape {shape} for "none", () for "mean" and "sum"
    The loss, of the arguments' library and on their device."""

_RAISES = """\
Raises
------
ValueError
    If shapes do not fit, a parameter or label is out of range, or (where the domain policy is
    "raise") targets lie outside their domain.
TypeError
    If the arguments are of different libraries, or not dense arrays of real numbers."""


def formula_text(loss: Definition, **structure: object) -> str:
    """Return the formula as plain text; ``labels=True`` chooses class labels as targets."""
    return named_text(shown_formula(loss, structure))


def gradient_text(loss: Definition, **structure: object) -> str:
    """Return the derivative with respect to the first argument as plain text, if not too long."""
    gradient = shown_gradient(loss, structure=structure)
    return named_text(gradient) if is_readable(gradient) else "too long to be printed"


def formula_latex(loss: Definition, **structure: object) -> str:
    """Return the formula as LaTeX."""
    return named_latex(shown_formula(loss, structure))


def gradient_latex(loss: Definition, **structure: object) -> str:
    """Return the derivative with respect to the first argument as LaTeX, if not too long."""
    gradient = shown_gradient(loss, structure=structure)
    return named_latex(gradient) if is_readable(gradient) else r"\text{too long to be printed}"


def shown_formula(loss: Definition, structure: Mapping[str, object]) -> Expression:
    """Return the formula as it is printed, tidied for reading."""
    return tidy(variant_of(loss, structure).unexpanded)


def shown_gradient(
    loss: Definition, structure: Mapping[str, object], argument: str | None = None
) -> Expression:
    """Return the derivative with respect to an argument, the first by default, as it is printed."""
    chosen = variant_of(loss, structure)
    return tidy(gradient(chosen.formula, chosen.symbols[argument or loss.arguments[0]]))


def lipschitz_text(loss: Definition) -> str:
    """Return the Lipschitz constant in words; "" where there is none."""
    constant = loss.lipschitz_constant(**{name: parameter(name) for name in loss.parameters})
    if constant is None:
        return ""
    return to_text(constant) if isinstance(constant, Expression) else f"{constant:g}"


def probability_text(loss: Definition, **structure: object) -> str:
    """Return the probability that the first argument is taken for; "" where it is for none."""
    probability = variant_of(loss, structure).unexpanded_probability
    return "" if probability is None else to_text(tidy(probability))


def is_readable(expression: Expression) -> bool:
    """Return whether an expression is short enough to be printed."""
    return len(named_text(expression)) <= LONGEST_SHOWN


def variant_of(loss: Definition, structure: Mapping[str, object]) -> LossExpressions:
    """Return the expressions of a variant, with its defaults where nothing is chosen."""
    _check_structure(loss, structure)
    labels = bool(structure.get("labels", loss.takes_labels))
    flags = {
        name: structure.get(name, default)
        for name, default in loss.parameters.items()
        if name in loss.structure or (default is None and structure.get(name) is None)
    }
    left_out = loss.extensions.difference(structure)
    chosen = Variant(structure=tuple(flags.items()), defaults=left_out, labels=labels)
    return expressions_of(loss, chosen)


def _check_structure(loss: Definition, structure: Mapping[str, object]) -> None:
    """Raise if an option does not choose a form of the formula."""
    optional = (name for name, default in loss.parameters.items() if default is None)
    known = sorted({"labels", *loss.structure, *loss.extensions, *optional})
    for name in structure:
        if name not in known:
            requirement = f"must choose a form of the formula ({', '.join(known)})"
            remedy = did_you_mean(name, known)
            raise type_error(loss.name, "structure", requirement, repr(name), remedy)
    forms = [True] * loss.takes_labels + [False] * loss.takes_probabilities
    labels = structure.get("labels", forms[0])
    if labels not in forms:
        raise value_error(loss.name, "labels", f"must be {choices(forms)}", shown(labels))


def complete_docstring(loss: Definition, written: str) -> str:
    """Add what the definition knows: formula, common arguments, returns, errors and source."""
    head, sections = split_docstring(written)
    formula = formula_text(loss).replace(", with ", "\n    with ")
    head += f"\n\nFormula::\n\n    {formula}"
    parameters = sections.pop("Parameters", "").rstrip()
    known = {"reduction": REDUCTION.format(default=loss.reduction), **_COMMON}
    tail = [known[name] for name in loss.signature.parameters if name in known]
    blocks = [head, _section("Parameters", "\n".join(filter(None, [parameters, *tail])))]
    blocks += [_RETURNS.format(shape="(...)"), _RAISES]
    blocks += [_section(name, body) for name, body in sections.items() if name != "Examples"]
    if loss.source:
        blocks.append(_section("References", loss.source))
    if "Examples" in sections:
        blocks.append(_section("Examples", sections["Examples"]))
    return "\n\n".join(blocks) + "\n"


def documentation_of(name: str) -> str:
    """Return the entry of an argument of every loss in the section "Parameters"."""
    return _COMMON[name]


def joined(head: str, sections: Mapping[str, str]) -> str:
    """Return a docstring of an opening and sections."""
    return "\n\n".join([head, *(_section(*item) for item in sections.items())]) + "\n"


def sections_of(written: str) -> dict[str, str]:
    """Return the sections of a numpydoc docstring by their titles."""
    return split_docstring(written)[1]


def _section(title: str, body: str) -> str:
    return f"{title}\n{'-' * len(title)}\n{body.rstrip()}"


def split_docstring(written: str) -> tuple[str, dict[str, str]]:
    """Split a numpydoc docstring into its opening and its sections."""
    lines = written.splitlines()
    starts = [i for i in range(len(lines) - 1) if lines[i] and set(lines[i + 1]) == {"-"}]
    head = "\n".join(lines[: starts[0]] if starts else lines).rstrip()
    ends = [*starts[1:], len(lines)] if starts else []
    return head, {
        lines[start]: "\n".join(lines[start + 2 : end]).strip("\n")
        for start, end in zip(starts, ends, strict=True)
    }
