"""Records of losses, and which loss a name or a function stands for."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lossary
from lossary.formula import Expression, maximum


def _tilted(tau: float) -> Callable[..., Any]:
    """Return one of many losses of the same name."""

    @lossary.loss
    def tilted(inputs: Expression, targets: Expression) -> Expression:
        error = targets - inputs
        return maximum(tau * error, (tau - 1) * error)

    return tilted


@pytest.mark.parametrize("loss", lossary.list_losses(), ids=lambda loss: loss.name)
def test_a_record_is_copied_and_pickled_as_itself(loss: lossary.Loss) -> None:
    assert copy.deepcopy(loss) is loss
    assert pickle.loads(pickle.dumps(loss)) is loss


def test_losses_of_one_name_are_themselves() -> None:
    low, high = _tilted(0.25), _tilted(0.75)
    again = _tilted(0.5)
    assert lossary.get_loss("tilted").function is again
    for function, expected in ((low, [0.25, 0.75]), (high, [0.75, 0.25]), (again, [0.5, 0.5])):
        assert lossary.get_loss(function).function is function
        assert function([0, 0], [1, -1]).tolist() == expected
        slopes = lossary.grad(function)([0, 0], [1, -1])
        assert slopes.tolist() == [-expected[0], expected[1]]
        assert lossary.summarize(function, [0], [1]).sum == expected[0]


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_losses_of_one_name_are_themselves_when_compiled(backend: str) -> None:
    torch = pytest.importorskip("torch")
    inputs, targets = torch.zeros(2), torch.tensor([1.0, -1.0])
    losses = ((_tilted(0.25), [0.25, 0.75]), (_tilted(0.75), [0.75, 0.25]))
    torch.compiler.reset()
    compiled = torch.compile(lambda f: f(inputs, targets), fullgraph=True, backend=backend)
    modules = [lossary.adapters.torch.module(loss, reduction="none") for loss, _ in losses]
    modules = [torch.compile(m, fullgraph=True, backend=backend) for m in modules]
    for _ in range(2):
        for (loss, expected), module in zip(losses, modules, strict=True):
            assert compiled(loss).tolist() == expected
            assert module(inputs, targets).tolist() == expected


def test_a_loss_of_ones_own_may_be_redefined() -> None:
    first, second = _tilted(0.25), _tilted(0.75)
    names = [item.name for item in lossary.list_losses()]
    assert names.count("tilted") == 1
    assert lossary.get_loss("tilted").function is second
    assert first(0.0, 1.0) == np.float64(0.25)


def test_the_names_of_the_package_are_its_own() -> None:
    def huber_loss(inputs: Expression, targets: Expression) -> Expression:
        return inputs - targets

    told = "huber_loss: the formula must have a name of its own, got that of a loss of the package"
    with pytest.raises(ValueError, match=told) as caught:
        lossary.loss(huber_loss)
    assert isinstance(caught.value, lossary.LossaryError)
    assert lossary.get_loss("huber_loss").function is lossary.huber_loss


def test_records_and_lists_can_be_read() -> None:
    record = lossary.get_loss("hinge_loss")
    summary = "Hinge loss: zero beyond the margin, linear inside it."
    assert repr(record) == f"<Loss hinge_loss: {summary}>"
    losses = lossary.list_losses()
    lines = [" ".join(line.split()) for line in repr(losses).splitlines()]
    assert isinstance(losses, tuple)
    assert lines.index("margin") < lines.index(f"hinge_loss {summary}")
    assert len(lines) == len(losses) + len({item.family for item in losses})
    assert repr(pickle.loads(pickle.dumps(losses))) == repr(losses)


@pytest.mark.parametrize("loss", lossary.list_losses(), ids=lambda loss: loss.name)
def test_a_notebook_shows_the_formula(loss: lossary.Loss) -> None:
    shown = loss._repr_latex_()
    name = loss.name.replace("_", r"\_")
    assert shown == rf"$\displaystyle \mathrm{{{name}}} = {loss.formula_latex()}$"
    assert loss.function._repr_latex_() == shown


def test_public_names_alone_are_listed() -> None:
    listed = dir(lossary)
    assert listed == sorted({*lossary.__all__, "domains", "errors", "formula", "targets"})
    assert all(hasattr(lossary, name) for name in listed)


def test_lipschitz_constants_are_shown_as_formulas() -> None:
    shown = {loss.name: loss.lipschitz_text for loss in lossary.list_losses()}
    assert shown["hinge_loss"] == "1"
    assert shown["mse_loss"] == ""
    assert shown["pinball_loss"] == "max(quantile, 1 - quantile)"


@pytest.mark.parametrize(
    "form", ["formula_text", "gradient_text", "formula_latex", "gradient_latex", "javascript"]
)
def test_unknown_forms_of_a_formula_are_refused(form: str) -> None:
    focal, hinge = map(lossary.get_loss, ("binary_focal_loss", "hinge_loss"))
    assert getattr(focal, form)(alpha=True) != getattr(focal, form)()
    with pytest.raises(lossary.errors.LossaryTypeError, match=r"got 'alpa'\. Did you mean alpha\?"):
        getattr(focal, form)(alpa=True)
    with pytest.raises(TypeError, match=r"hinge_loss: structure must choose a form .* got 'delta'"):
        getattr(hinge, form)(delta=2.0)
    with pytest.raises(ValueError, match="hinge_loss: labels must be False, got True"):
        getattr(hinge, form)(labels=True)


def test_a_tag_stands_for_the_family_of_those_that_have_it() -> None:
    robust = lossary.list_losses(family="robust")
    assert robust == lossary.list_losses(tags=["robust"])
    both = lossary.list_losses(family="robust", targets="real", tags=["convex"])
    assert {"huber_loss", "l1_loss"} <= {item.name for item in both} < {x.name for x in robust}
    assert lossary.list_losses(family="robust", targets="counts") == ()
