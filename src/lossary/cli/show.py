"""``lossary show``."""

from __future__ import annotations

import inspect
import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

import click

from lossary.cli.losses import complete_shown_losses, parse_shown_loss
from lossary.cli.tables import print_json
from lossary.products.catalogue import MatrixRecord
from lossary.registry import Loss
from lossary.scoring import LossSpec

_LABEL_WIDTH = 15


@click.command("show")
@click.argument(
    "loss",
    callback=parse_shown_loss,
    shell_complete=complete_shown_losses,
    metavar="NAME[:KEY=VALUE,...]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option("--latex", is_flag=True, help="Print formula and gradient as LaTeX.")
def show_command(loss: LossSpec, as_json: bool, latex: bool) -> None:
    """Show a loss: formula, gradient, domain, properties, source, differences elsewhere."""
    if as_json:
        print_json(as_data(loss.loss, loss.parameters))
    elif latex:
        for labels, structure in _variants(loss.loss, loss.parameters).values():
            print(loss.loss.formula_latex(labels=labels, **structure))
            print(loss.loss.gradient_latex(labels=labels, **structure))
    else:
        _print_text(as_data(loss.loss, loss.parameters))


def as_data(loss: Loss, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the facts about a loss as the documented form of ``--json``."""
    called = loss.matrix if isinstance(loss, MatrixRecord) else loss
    return {
        "name": loss.name,
        "summary": loss.summary,
        "family": loss.family,
        "tags": list(loss.tags),
        "kind_of_targets": loss.kind_of_targets,
        "signature": f"{loss.name}{_signature(called.signature)}",
        "arguments": list(called.arguments),
        "parameters": {
            name: {"default": default, "range": loss.limits[name].text}
            if name in loss.limits
            else {"default": default}
            for name, default in loss.parameters.items()
        },
        "axis": loss.axis,
        "reduction": loss.reduction,
        "domains": {name: domain.text for name, domain in loss.domains.items()},
        "formulas": [
            {
                "targets": kind,
                "formula": loss.formula_text(labels=labels, **structure),
                "gradient": loss.gradient_text(labels=labels, **structure),
            }
            for kind, (labels, structure) in _variants(loss, parameters or {}).items()
        ],
        "probability": _probability(loss, parameters or {}),
        "convex": loss.convex,
        "smooth": loss.smooth,
        "evaluation": loss.evaluation,
        "lipschitz": loss.lipschitz_constant(),
        "lipschitz_text": loss.lipschitz_text,
        "source": loss.source,
        "differences": loss.differences,
    }


def _signature(signature: inspect.Signature) -> str:
    """Return a signature without annotations."""
    plain = (item.replace(annotation=item.empty) for item in signature.parameters.values())
    return str(inspect.Signature(list(plain)))


def _probability(loss: Loss, parameters: Mapping[str, Any]) -> str:
    """Return the probability that the first argument is taken for, in the chosen form."""
    structure = {name: value for name, value in parameters.items() if name in loss.structure}
    return loss.probability_text(**structure)


def _variants(loss: Loss, parameters: Mapping[str, Any]) -> dict[str, tuple[bool, dict[str, Any]]]:
    """Return, by the kind of targets, the options that choose the variant of a formula."""
    structure = {name: value for name, value in parameters.items() if name in loss.structure}
    kinds = {"class labels": True} if loss.takes_labels else {}
    if loss.takes_probabilities:
        kinds["probabilities" if loss.takes_labels else ""] = False
    return {kind: (labels, structure) for kind, labels in kinds.items()}


def _print_text(data: dict[str, Any]) -> None:
    print(f"{data['signature']}\n\n{data['summary'].replace('``', '')}\n")
    for variant in data["formulas"]:
        if variant["targets"]:
            print(f"With {variant['targets']} as targets")
        _print_item("formula", variant["formula"])
        _print_item("gradient", variant["gradient"])
    for name, text in data["domains"].items():
        _print_item(name, text)
    for name, facts in data["parameters"].items():
        limit = f"; {facts['range']}" if "range" in facts else ""
        _print_item(name, f"{facts['default']} by default{limit}")
    if data["probability"]:
        _print_item("probability", data["probability"])
    for name in ("convex", "smooth"):
        if data[name] is not None:
            _print_item(name, "yes" if data[name] else "no")
    if data["evaluation"]:
        _print_item("gradient use", "none: the loss is for evaluation")
    if data["lipschitz_text"]:
        _print_item("Lipschitz", data["lipschitz_text"])
    if data["source"]:
        _print_item("source", data["source"])
    if data["differences"]:
        print("\nFunctions of this name, or for this purpose, elsewhere")
        for library, text in data["differences"].items():
            _print_item(library, text)


def _print_item(name: str, text: str) -> None:
    """Print a named text, wrapped to the terminal's width if there is one."""
    if not sys.stdout.isatty():
        print(f"{name:<{_LABEL_WIDTH}} {text}")
        return
    print(
        textwrap.fill(
            text,
            width=max(40, shutil.get_terminal_size().columns),
            initial_indent=f"{name:<{_LABEL_WIDTH}} ",
            subsequent_indent=" " * (_LABEL_WIDTH + 1),
            break_long_words=False,
        )
    )
