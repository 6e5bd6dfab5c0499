"""PyTorch's ways to follow operations: none may be passed by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from assertions import assert_close
from cases import CASES, Case

import lossary

torch = pytest.importorskip("torch")
forward_ad = torch.autograd.forward_ad

X = torch.tensor([0.5, 2.0, -1.0])
Y = torch.tensor([1.0, -1.0, 1.0])
SLOPE = torch.tanh(X - Y)
SMOOTH = [case for case in CASES if case.title in {"log_cosh_loss", "cross_entropy", "kl_div_loss"}]
# The first tangent of a process makes PyTorch script its decompositions.
QUIET = pytest.mark.filterwarnings("ignore:.torch.jit.*deprecated:DeprecationWarning")


def _log_cosh(x: Any) -> Any:
    return lossary.log_cosh_loss(x, Y)


# --- forward mode ---------------------------------------------------------------------------------
@QUIET
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_dual_numbers_carry_tangents(reduction: str) -> None:
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(X, torch.ones(3))
        moved = forward_ad.unpack_dual(lossary.log_cosh_loss(dual, Y, reduction)).tangent
    expected = {"none": SLOPE, "mean": SLOPE.mean(), "sum": SLOPE.sum()}[reduction]
    assert_close(moved, expected, rtol=1e-6)


@QUIET
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("case", SMOOTH, ids=lambda case: case.title)
def test_gradcheck_in_every_mode(case: Case, reduction: str) -> None:
    x, *rest = (torch.from_numpy(np.array(a)) for a in case.arrays)
    x = x.double().requires_grad_()

    def loss(x: Any) -> Any:
        return case(x, *rest, reduction=reduction)

    assert torch.autograd.gradcheck(
        loss, x, check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True
    )
    assert torch.autograd.gradgradcheck(loss, x, check_fwd_over_rev=True, check_batched_grad=True)


@QUIET
def test_a_tangent_of_the_cotangent_is_kept() -> None:
    x = X.clone().requires_grad_()
    value = lossary.log_cosh_loss(x, Y, "sum")
    with forward_ad.dual_level():
        cotangent = forward_ad.make_dual(torch.tensor(1.0), torch.tensor(2.0))
        (gradient,) = torch.autograd.grad(value, x, cotangent)
        assert_close(forward_ad.unpack_dual(gradient).tangent, 2 * SLOPE, rtol=1e-6)


@QUIET
@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_a_number_as_an_array_moves_every_element(reduction: str) -> None:
    def loss(y: Any) -> Any:
        return lossary.mse_loss(X, y, reduction=reduction)

    _, moved = torch.func.jvp(loss, (torch.tensor(1.0),), (torch.tensor(1.0),))
    expected = 2 * (1 - X)
    assert_close(moved, expected if reduction == "none" else expected.mean(), rtol=1e-6)


# --- batches of cotangents and tangents -----------------------------------------------------------
@QUIET
@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
def test_vectorized_jacobians() -> None:
    functional = torch.autograd.functional
    for strategy in ("reverse-mode", "forward-mode"):
        found = functional.jacobian(_log_cosh, X, vectorize=True, strategy=strategy)
        assert_close(found, torch.diag(SLOPE), rtol=1e-6)
        found = functional.hessian(
            lambda x: _log_cosh(x).sum(), X, vectorize=True, outer_jacobian_strategy=strategy
        )
        assert_close(found.detach(), torch.diag(1 - SLOPE**2), rtol=1e-5, atol=1e-6)
    x = X.clone().requires_grad_()
    value = lossary.log_cosh_loss(x, Y, "sum")
    (found,) = torch.autograd.grad(value, x, torch.tensor([1.0, 2.0]), is_grads_batched=True)
    assert_close(found, torch.stack([SLOPE, 2 * SLOPE]), rtol=1e-6)


# --- traces ---------------------------------------------------------------------------------------
@QUIET
@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning")
def test_linearize() -> None:
    value, push = torch.func.linearize(_log_cosh, X)
    assert_close(value, _log_cosh(X), rtol=1e-6)
    assert_close(push(torch.ones(3)), SLOPE, rtol=1e-6)


@pytest.mark.parametrize("pre_dispatch", [False, True])
def test_a_traced_graph_computes_anew(pre_dispatch: bool) -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    _log_cosh(X)  # so that there is a recipe to fall for
    graph = make_fx(_log_cosh, pre_dispatch=pre_dispatch)(X)
    assert_close(graph(2 * X), _log_cosh(2 * X), rtol=1e-6)

    def gradient(x: Any) -> Any:
        x = x.detach().requires_grad_()
        return torch.autograd.grad(_log_cosh(x).sum(), x)[0]

    graph = make_fx(gradient)(X)
    assert_close(graph(2 * X), torch.tanh(2 * X - Y), rtol=1e-6)


def test_an_exported_program_computes_anew() -> None:
    class Module(torch.nn.Module):
        def forward(self, x: Any, y: Any) -> Any:
            return lossary.log_cosh_loss(x, y)

    program = torch.export.export(Module(), (X, Y)).module()
    assert_close(program(2 * X, Y), _log_cosh(2 * X), rtol=1e-6)


def test_fake_tensors_stay_fake() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        result = lossary.mse_loss(mode.from_tensor(X), Y, denominator=torch.tensor(2.0))
    assert result.shape == ()
    assert type(result).__name__ == "FakeTensor"


def test_ordinary_tensors_inside_a_transformation() -> None:
    x, y = X[::2], Y[::2]

    def scaled(factor: Any) -> Any:
        return factor * lossary.hinge_loss(x, y, "sum")

    assert float(torch.func.grad(scaled)(torch.tensor(3.0))) == 2.5
    assert_close(torch.func.vmap(scaled)(torch.ones(2)), [2.5, 2.5])


# --- what divides a mean --------------------------------------------------------------------------
def _moves(function: Any, x: Any) -> Any:
    """Differentiate a function of a float64 vector by central differences."""
    steps = 1e-6 * torch.eye(x.numel(), dtype=torch.float64).reshape(-1, *x.shape)
    return torch.stack([(function(x + h) - function(x - h)) / 2e-6 for h in steps])


@QUIET
@pytest.mark.parametrize("way", ["autograd", "grad", "jacfwd", "dual"])
@pytest.mark.parametrize("denominator", ["weights", "given"])
def test_derivative_of_the_denominator(denominator: str, way: str) -> None:
    x, y = X.double(), Y.double()
    start = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)

    def mean(w: Any) -> Any:
        if denominator == "weights":
            return lossary.mse_loss(x, y, weights=w, denominator="weights")
        return lossary.mse_loss(x, y, denominator=w.sum())

    if way == "autograd":  # the predictions' derivative must not displace that of the weights
        x.requires_grad_()
    if way == "dual":
        tangent = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
        with forward_ad.dual_level():
            dual = mean(forward_ad.make_dual(start, tangent))
            found = forward_ad.unpack_dual(dual).tangent
        assert float(found) == pytest.approx(float(_moves(mean, start) @ tangent), rel=1e-7)
        return
    derivative = {
        "autograd": lambda f: lambda w: torch.autograd.functional.jacobian(f, w),
        "grad": torch.func.grad,
        "jacfwd": torch.func.jacfwd,
    }[way]
    assert_close(derivative(mean)(start), _moves(mean, start).detach(), rtol=1e-7)


@pytest.mark.parametrize("excluded", [{"weights": [0.0, 0.0, 0.0]}, {"where": [False] * 3}])
def test_a_mean_over_nothing_has_no_derivative(excluded: dict[str, Any]) -> None:
    given = {"weights": [1.0, 2.0, 3.0], **excluded}
    weights = torch.tensor(given["weights"], requires_grad=True)
    where = torch.tensor(given.get("where", [True] * 3))
    x = X.clone().requires_grad_()
    value = lossary.mse_loss(x, Y, weights=weights, where=where, denominator="weights")
    assert float(value.detach()) == 0
    for gradient in torch.autograd.grad(value, (x, weights)):
        assert_close(gradient, torch.zeros(3))


def test_a_denominator_on_the_tensors_device() -> None:
    x, y = X.double().requires_grad_(), Y.double()
    for count in (torch.tensor(3), torch.tensor(3.0), torch.tensor(3, dtype=torch.int32)):
        value = lossary.mse_loss(x, y, denominator=count)
        (gradient,) = torch.autograd.grad(value, x)
        assert_close(gradient, 2 * (x - y).detach() / 3, rtol=1e-15)
        assert float(value.detach()) == float(lossary.mse_loss(x, y).detach())


# --- class weights --------------------------------------------------------------------------------
@QUIET
@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"reduction": "sum"},
        {"reduction": "mean"},
        {"reduction": "mean", "denominator": "weights", "label_smoothing": 0.1},
    ],
    ids=str,
)
def test_derivatives_of_class_weights(options: dict[str, Any], labels: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 3, 2, dtype=torch.float64, generator=generator)
    targets = (
        torch.tensor([[0, 2], [1, 1], [2, 0], [1, 2]])
        if labels
        else torch.softmax(torch.randn(4, 3, 2, dtype=torch.float64, generator=generator), 1)
    )
    start = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)

    def total(z: Any, w: Any) -> Any:
        return lossary.cross_entropy(z, targets, axis=1, class_weights=w, **options)

    z, w = logits.clone().requires_grad_(), start.clone().requires_grad_()
    by_logits, by_weights = torch.autograd.grad(total(z, w), (z, w))
    expected = _moves(lambda w: total(logits, w), start)
    assert_close(by_weights, expected, rtol=1e-7, atol=1e-9)
    expected = _moves(lambda z: total(z, start), logits).reshape(logits.shape)
    assert_close(by_logits, expected, rtol=1e-6, atol=1e-8)
    assert_close(torch.func.jacfwd(lambda w: total(logits, w))(start), by_weights, rtol=1e-10)
    assert torch.autograd.gradgradcheck(total, (z, w))


# --- how numbers lie in memory --------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_numbers_kept_negated(dtype: str) -> None:
    negated = torch.tensor([1 + 2j, 3 + 4j]).conj().imag.to(getattr(torch, dtype))
    negated = negated if dtype == "float32" else negated._neg_view().neg()._neg_view()
    zero = torch.zeros(2, dtype=negated.dtype, requires_grad=True)
    assert float(lossary.mse_loss(negated, zero.detach())) == 10
    (gradient,) = torch.autograd.grad(lossary.mse_loss(zero, negated), zero)
    assert_close(gradient.float(), -negated.float())


# --- torch.compile --------------------------------------------------------------------------------
def _compiled(function: Any) -> tuple[Any, Any]:
    from torch._dynamo.testing import CompileCounterWithBackend

    torch.compiler.reset()
    counter = CompileCounterWithBackend("aot_eager")
    return torch.compile(function, backend=counter, fullgraph=True), counter


NUMBERS = {
    "count": lambda n: lossary.mse_loss(X, Y, denominator=int(n)),
    "denominator": lambda n: lossary.mse_loss(X, Y, denominator=n),
    "weights": lambda n: lossary.mse_loss(X, Y, weights=n),
    "argument": lambda n: lossary.mse_loss(X, n, "sum"),
    "parameter": lambda n: lossary.huber_loss(X, Y, n),
}


@QUIET
@pytest.mark.parametrize("place", NUMBERS)
def test_compiled_for_every_number_at_once(place: str) -> None:
    function = NUMBERS[place]
    compiled, counter = _compiled(function)
    numbers = [3, 4, 5, 6] if place == "count" else [0.5, 0.75, 1.5, 4.0]
    for number in numbers:
        assert_close(compiled(number), function(number), rtol=1e-6)
    assert counter.frame_count == 2


@QUIET
def test_compiled_gradients_follow_the_number() -> None:
    def loss(x: Any, n: float) -> Any:
        return lossary.huber_loss(x, Y, n, "mean", denominator=n)

    compiled, _ = _compiled(loss)
    x = X.clone().requires_grad_()
    for number in (0.5, 0.75, 1.5):
        (found,) = torch.autograd.grad(compiled(x, number), x)
        (expected,) = torch.autograd.grad(loss(x, number), x)
        assert_close(found, expected, rtol=1e-6)


@QUIET
def test_compiled_checks_and_chooses_by_the_number() -> None:
    logits, labels = torch.eye(3), torch.tensor([0, 2, 1])
    compiled, _ = _compiled(lambda n: lossary.margin_ranking_loss(X, 2 * X, Y, n))
    for margin in (1.0, 0.5, 0.0, 2.0):
        assert_close(compiled(margin), lossary.margin_ranking_loss(X, 2 * X, Y, margin))
    compiled, _ = _compiled(lambda n: lossary.cross_entropy(logits, labels, ignore_index=n))
    for label in (-1, 0, 1, 2):
        assert_close(compiled(label), lossary.cross_entropy(logits, labels, ignore_index=label))
    compiled, _ = _compiled(lambda n: lossary.triplet_loss(logits, logits + 1, logits.T - 1, p=n))
    for p in (2, 1, 3):
        expected = lossary.triplet_loss(logits, logits + 1, logits.T - 1, p=p)
        assert_close(compiled(p), expected, rtol=1e-6)
    for place in ("denominator", "parameter"):
        compiled, _ = _compiled(NUMBERS[place])
        compiled(1.0), compiled(2.0)
        # The compiler wraps what is raised while it traces.
        with pytest.raises(RuntimeError, match=r"must be .*a positive number.*, got -3\.0"):
            compiled(-3.0)


# --- domains --------------------------------------------------------------------------------------
@QUIET
def test_values_that_cannot_be_read_are_not_checked() -> None:
    targets = torch.tensor([1.0, 0.0, 1.0])
    with lossary.options(domain="ignore"):
        expected = lossary.hinge_loss(X, targets)
    with lossary.options(domain="raise"):
        found = torch.func.vmap(lossary.hinge_loss)(X, targets)
        assert_close(found, expected)
        compiled, _ = _compiled(lossary.hinge_loss)
        assert_close(compiled(X, targets), expected)
        # The gradient of a transformation is that of ordinary values.
        with pytest.raises(ValueError, match=r"got 0.0 at \(1,\)"):
            torch.func.grad(lambda x: lossary.hinge_loss(x, targets, "sum"))(X)


def test_integers_are_computed_in_the_default_dtype_of_the_moment() -> None:
    one = torch.tensor(1)
    try:
        for dtype in (torch.float64, torch.float32):
            torch.set_default_dtype(dtype)
            for _ in range(2):
                assert lossary.mse_loss(one, one).dtype is dtype
                assert lossary.grad(lossary.mse_loss)(one, one).dtype is dtype
    finally:
        torch.set_default_dtype(torch.float32)
