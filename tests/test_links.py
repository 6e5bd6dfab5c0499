"""Losses of raw scores: what they compute, and that they are losses everywhere a loss is."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from cases import PLAIN, Case, every, every_kind
from libraries import BY_NAME

import lossary
from lossary import get_loss, grad, with_link
from lossary.domains import PLUS_MINUS_ONE, POSITIVE
from lossary.formula import maximum
from lossary.links import LINKS
from lossary.registry import REGISTRY

FLAGS = {"log": "log_input", "logit": "with_logits"}
#: The inverse of each link, and its slope.
INVERSES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "identity": (lambda x: x, np.ones_like),
    "log": (np.exp, np.exp),
    "logit": (lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (2 + np.exp(x) + np.exp(-x))),
    "softplus": (lambda x: np.log1p(np.exp(x)), lambda x: 1 / (1 + np.exp(-x))),
}
EVERY_LINK = pytest.mark.parametrize("link", LINKS)


@lossary.loss(targets=PLUS_MINUS_ONE, limits={"factor": POSITIVE}, lipschitz=lambda factor: factor)
def linked_loss(inputs: Any, targets: Any, factor: float = 2.0) -> Any:
    """A loss of a user's."""
    return factor * maximum(0, 1 - targets * inputs)


del REGISTRY["linked_loss"]  # other tests look at the package's losses alone


@EVERY_LINK
@every_kind(PLAIN)
def test_it_is_the_loss_of_the_links_inverse(case: Case, link: str) -> None:
    """The array API's operations compute every loss here: nothing is compiled for this."""
    made = get_loss(with_link(case.loss.function, link))
    flags = {n: n == FLAGS.get(link) for n in FLAGS.values() if n in case.loss.parameters}
    inverse, slope = INVERSES["identity" if any(flags.values()) else link]
    scores = np.random.default_rng(5).normal(size=case.arrays[0].shape)
    make = BY_NAME["strict"].array
    given = {"reduction": "none", **case.shape}
    with lossary.options(domain="ignore"):
        found = lossary.value_and_grad(made.function)(
            make(scores), *map(make, case.arrays[1:]), **given
        )
        expected = lossary.value_and_grad(case.loss.function)(
            make(inverse(scores)), *map(make, case.arrays[1:]), **given, **flags
        )
    assert_close(found[0], expected[0], rtol=1e-9, atol=1e-12)
    assert_close(found[1], np.asarray(expected[1]) * slope(scores), rtol=1e-9, atol=1e-12)


@EVERY_LINK
@every(PLAIN)
def test_its_record_says_what_it_is(case: Case, link: str) -> None:
    loss, made = case.loss, get_loss(with_link(case.loss.name, link))
    assert made is get_loss(with_link(loss.function, link))
    if made is loss:
        assert link == "identity"
        assert not set(FLAGS.values()) & set(loss.parameters)
        return
    assert made.name == f"{loss.name}_with_{link}_link"
    assert get_loss(made.name) is made
    assert made.arguments == loss.arguments
    assert (made.axis, made.rows, made.length) == (loss.axis, loss.rows, loss.length)
    assert (made.has_hessian, made.evaluation) == (loss.has_hessian, loss.evaluation)
    assert (made.family, made.source, made.reduction) == (loss.family, loss.source, loss.reduction)
    assert set(made.parameters) == set(loss.parameters) - set(FLAGS.values())
    assert all(made.parameters[name] == loss.parameters[name] for name in made.parameters)
    assert not made.is_built_in
    names = [n for n in loss.signature.parameters if n not in FLAGS.values()]
    assert list(made.signature.parameters) == names
    assert made.formula_text()
    documented = made.function.__doc__
    assert re.search(rf"^{made.arguments[0]} : ", documented, re.MULTILINE)
    assert "Raw scores, any real number." in documented
    for part in ("Parameters", "Returns", "Raises", "See Also", "Formula"):
        assert part in documented
    for name in (*made.parameters, *made.arguments[1:]):
        assert re.search(rf"^(\w+, )*{name}(, \w+)* : ", documented, re.MULTILINE), name
    assert not re.search(r"^(log_input|with_logits) : ", documented, re.MULTILINE)


def test_domains_of_other_arguments_stay() -> None:
    inner = with_link("hinge_loss", "softplus")
    with pytest.warns(lossary.DomainWarning, match="hinge_loss_with_softplus_link: targets must"):
        inner([0.5], [0.0])
    with lossary.options(domain="raise"):
        lossary.binary_cross_entropy.links.logit([3.0, -4.0], [0.0, 1.0])
        with pytest.raises(ValueError, match=r"inputs must be between 0 and 1, got 3\.0"):
            lossary.binary_cross_entropy.links.identity([3.0], [0.0])
        with pytest.raises(ValueError, match="targets must be between 0 and 1"):
            lossary.binary_cross_entropy.links.logit([3.0], [2.0])


def test_facts_are_kept_where_they_follow() -> None:
    entropy = get_loss("binary_cross_entropy")
    same = get_loss(with_link("binary_cross_entropy", "logit"))
    assert (same.convex, same.smooth, same.lipschitz) == (True, True, 1.0)
    assert entropy.domains["targets"] is same.domains["targets"]
    other = get_loss(with_link("binary_cross_entropy", "log"))
    assert (other.convex, other.smooth, other.lipschitz) == (None, None, None)
    square = get_loss(with_link("mse_loss", "log"))
    assert (square.convex, square.smooth, square.lipschitz) == (None, True, None)
    kinked = get_loss(with_link("l1_loss", "logit"))
    assert (kinked.convex, kinked.smooth, kinked.lipschitz) == (None, None, 0.25)
    own = get_loss(with_link(linked_loss, "logit"))
    assert own.lipschitz_constant() == 0.5
    assert own.lipschitz_constant(factor=8.0) == 2.0
    assert own.limits == {"factor": POSITIVE}
    with pytest.raises(ValueError, match="factor must be a positive number"):
        own.function([1.0], [1.0], factor=0.0)


def test_a_link_that_a_loss_has_is_its_own() -> None:
    """Where sigmoid(30) rounds to 1, the composed form has lost what the loss's own keeps."""
    made = with_link("binary_cross_entropy", "logit")
    assert_close(made([40.0], [1.0], reduction="none"), [4.24835425529159e-18], rtol=1e-15)
    assert "with_logits" not in inspect.signature(made).parameters
    with pytest.raises(TypeError, match="with_logits"):
        made([40.0], [1.0], with_logits=True)


def test_a_deviance_of_logarithms_is_no_difference_of_large_numbers() -> None:
    """Near its target the composed form would have lost half of its digits."""
    made = with_link("poisson_deviance", "log")
    assert "log_input" not in inspect.signature(made).parameters
    scores, targets = np.log(np.array([1e6 + 1, 3.0])), np.array([1e6, 3.0 + 1e-7])
    own = lossary.poisson_deviance(scores, targets, log_input=True, reduction="none")
    assert_close(made(scores, targets, reduction="none"), own)
    twice = lossary.poisson_deviance(np.exp(scores), targets, reduction="none")
    softened = with_link("poisson_deviance", "softplus")
    inverse = np.log(np.expm1(np.array([0.5, 3.0])))
    plain = lossary.poisson_deviance([0.5, 3.0], [1.0, 2.0], reduction="none")
    assert_close(softened(inverse, [1.0, 2.0], reduction="none"), plain, rtol=1e-13)
    assert_close(own, twice, rtol=1e-2)


def test_links_are_composed_again() -> None:
    outer = with_link(with_link("mse_loss", "softplus"), "log")
    assert get_loss(outer).formula_text() == "(softplus(exp(predictions)) - targets) ** 2"
    assert outer.__name__ == "mse_loss_with_softplus_link_with_log_link"


@pytest.mark.parametrize("library", ["numpy", "torch", "jax", "mlx", "dask"])
def test_kernels_and_libraries_compute_them(library: str) -> None:
    scores, counts = np.float32([-1.0, 0.5, 2.0]), np.float32([0.5, 1.0, 6.0])
    made = with_link("huber_loss", "log")
    given = [BY_NAME[library].array(x) for x in (scores, counts)]
    value, slope, second = lossary.value_grad_hess(made)(*given, delta=2.0)
    residual = np.exp(scores) - counts
    bounded = np.clip(residual, -2, 2)
    assert_close(
        np.asarray(value), np.where(abs(residual) < 2, residual**2 / 2, 2 * abs(residual) - 2), 2e-6
    )
    assert_close(np.asarray(slope), bounded * np.exp(scores), rtol=2e-6)
    inside = (abs(residual) <= 2) * np.exp(2 * scores)
    assert_close(np.asarray(second), inside + bounded * np.exp(scores), rtol=3e-6, atol=1e-5)


def test_torch_compiles_and_differentiates_them() -> None:
    torch = pytest.importorskip("torch")
    made = with_link("huber_loss", "softplus")
    scores = torch.tensor([-1.0, 0.5], requires_grad=True)
    compiled = torch.compile(lambda x: made(x, torch.ones(2)), fullgraph=True, backend="aot_eager")
    compiled(scores).sum().backward()
    expected = grad(made)(scores.detach(), torch.ones(2))
    torch.testing.assert_close(scores.grad, expected)


def test_summaries_and_adapters_take_them() -> None:
    made = with_link("mse_loss", "log")
    assert lossary.summarize(made, [0.0, 0.0], [3.0, 1.0]).mean == 2.0
    torch = pytest.importorskip("torch")
    module = lossary.adapters.torch.module(made)
    assert float(module(torch.zeros(2), torch.tensor([3.0, 1.0]))) == 2.0
    assert float(pickle.loads(pickle.dumps(module))(torch.zeros(1), torch.ones(1))) == 0.0


@pytest.mark.parametrize("function", [lossary.cross_entropy, linked_loss], ids=["package", "own"])
@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
def test_they_are_copied_and_pickled_as_themselves(function: Any, twice: bool) -> None:
    made = with_link(function, "softplus")
    made = with_link(made, "log") if twice else made
    for one in (made, get_loss(made), copy.copy(made)):
        assert pickle.loads(pickle.dumps(one)) is one
        assert copy.deepcopy(one) is one
    again = pickle.loads(pickle.dumps(grad(made)))
    assert repr(again) == repr(grad(made))


SENDER = """
import pickle, sys
import lossary
sys.stdout.buffer.write(pickle.dumps((
    lossary.with_link("mse_loss", "log"), lossary.get_loss(lossary.with_link("l1_loss", "logit"))
)))
"""
RECEIVER = """
import pickle, sys
function, record = pickle.load(sys.stdin.buffer)
import lossary
assert function is lossary.with_link("mse_loss", "log")
assert record is lossary.get_loss(lossary.l1_loss.links.logit)
print(function([0.0], [3.0]))
"""
NAMED = """
import lossary
print(lossary.get_loss("mse_loss_with_softplus_link_with_log_link").formula_text())
print([item.name for item in lossary.list_losses() if "link" in item.name])
for name in ("mse_loss_with_probit_link", "no_loss_with_log_link"):
    try:
        lossary.get_loss(name)
    except ValueError as error:
        print(error)
"""
SCRIPT = """
import sys
import cloudpickle
import lossary

@lossary.loss
def script_loss(inputs, targets, factor=2.0):
    return factor * (inputs - targets) ** 2

made = lossary.with_link(script_loss, "log")
assert cloudpickle.loads(cloudpickle.dumps(made))([0.0], [3.0]) == 8.0
sys.stdout.buffer.write(cloudpickle.dumps((made, lossary.get_loss(made))))
"""
READER = """
import pickle, sys
function, record = pickle.load(sys.stdin.buffer)
import lossary
assert lossary.get_loss(function) is record
print(function([0.0], [3.0]), record.function([0.0], [3.0], factor=1.0), record.formula.link)
"""


def _run(code: str, given: bytes = b"") -> bytes:
    done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_other_processes_find_or_get_them() -> None:
    assert _run(RECEIVER, _run(SENDER)).decode().strip() == "4.0"


def test_they_are_found_by_their_names() -> None:
    said = _run(NAMED).decode().splitlines()
    assert said[0] == "(softplus(exp(predictions)) - targets) ** 2"
    assert "mse_loss_with_softplus_link_with_log_link" in said[1]
    assert said[2].startswith("get_loss: name must be a registered loss, got 'mse_loss_with_probit")
    assert said[3].startswith(
        "get_loss: name must be a registered loss, got 'no_loss_with_log_link'"
    )


def test_one_of_a_script_is_sent_with_its_formula() -> None:
    pytest.importorskip("cloudpickle")
    assert _run(READER, _run(SCRIPT)).decode().strip() == "[8.] [4.] log"


@pytest.mark.parametrize(
    ("loss", "link", "told"),
    [
        ("mse_loss", "probit", "with_link: link must be 'identity' or 'log' or 'logit' or 'soft"),
        ("mse_loss", None, "with_link: link must be .*, got None"),
        ("mse_los", "log", "must be a registered loss, got 'mse_los'. Did you mean mse_loss"),
    ],
)
def test_messages(loss: Any, link: Any, told: str) -> None:
    with pytest.raises(lossary.LossaryValueError, match=told):
        with_link(loss, link)
    with pytest.raises(AttributeError, match="probit"):
        _ = lossary.mse_loss.links.probit


def test_the_guide_names_every_link() -> None:
    guide = Path(__file__).resolve().parent.parent / "docs" / "custom_losses.md"
    for link in LINKS:
        assert f'`"{link}"`' in guide.read_text("utf-8")
