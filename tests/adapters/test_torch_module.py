"""Losses as PyTorch modules."""

from __future__ import annotations

import copy
import inspect
import pickle
import traceback
from typing import Any

import numpy as np
import pytest

import lossary
from lossary.adapters.torch import module
from lossary.errors import LossaryError

torch = pytest.importorskip("torch")


def test_module_is_the_function() -> None:
    x, t = torch.randn(5, 3, requires_grad=True), torch.randn(5, 3)
    for reduction in ("none", "mean", "sum"):
        found = module("huber_loss", delta=0.5, reduction=reduction)(x, t)
        expected = lossary.huber_loss(x, t, delta=0.5, reduction=reduction)
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(module("mse_loss")(x, t), x)
    torch.testing.assert_close(gradient, 2 * (x - t).detach() / 15)


def test_module_takes_every_array_of_the_loss() -> None:
    a, p, n = (torch.randn(4, 3) for _ in range(3))
    where = torch.tensor([True, False, True, True])
    found = module(lossary.triplet_loss, margin=0.3)(a, p, n, where=where)
    expected = lossary.triplet_loss(a, p, n, margin=0.3, reduction="mean", where=where)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_tensors_are_buffers() -> None:
    criterion = module("cross_entropy", class_weights=torch.tensor([1.0, 2.0, 3.0]))
    assert list(criterion.state_dict()) == ["class_weights"]
    assert not list(criterion.parameters())
    other = module("cross_entropy", class_weights=[1, 1, 1])
    assert other.class_weights.dtype == torch.float32
    other.load_state_dict(criterion.state_dict())
    x, t = torch.randn(4, 3), torch.tensor([0, 2, 1, 2])
    torch.testing.assert_close(other(x, t), criterion(x, t), rtol=0, atol=0)
    assert criterion.to(torch.float64).class_weights.dtype == torch.float64
    assert criterion.to("meta").class_weights.device.type == "meta"
    assert not module("huber_loss", delta=2.0).state_dict()


def test_parameters_that_are_learned_stay_parameters() -> None:
    delta = torch.nn.Parameter(torch.tensor(2.0))
    criterion = module("huber_loss", delta=delta)
    assert list(criterion.parameters()) == [delta]
    assert list(copy.deepcopy(criterion).state_dict()) == ["delta"]


def test_inputs_have_the_names_of_the_loss() -> None:
    a, p, n = (torch.randn(4, 3) for _ in range(3))
    criterion = module("triplet_loss")
    names = list(inspect.signature(criterion.forward).parameters)
    assert names == ["anchors", "positives", "negatives", "weights", "where"]
    found = criterion(a, negatives=n, positives=p)
    torch.testing.assert_close(found, criterion(a, p, n), rtol=0, atol=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'preds'"):
        criterion(preds=a)
    graph = torch.export.export(module("huber_loss"), (torch.zeros(3), torch.zeros(3)))
    assert graph.graph_signature.user_inputs == ("inputs", "targets")


def test_tracebacks_show_the_source_of_the_module_that_is_called() -> None:
    """Each loss has a ``forward`` of its own; the source of another is not shown for it."""
    huber = module("huber_loss")
    module("triplet_loss")
    with pytest.raises(LossaryError) as error:
        huber(torch.zeros(2), torch.zeros(3))
    lines = [item.line for item in traceback.extract_tb(error.value.__traceback__)]
    assert "return self._forward((inputs, targets,), weights, where)" in lines
    assert type(huber).forward.__name__ == "forward"


def test_names_of_the_module_itself_are_refused() -> None:
    @lossary.loss
    def typed_loss(inputs: Any, targets: Any, half: float = 0.5) -> Any:
        return half * abs(inputs - targets)

    with pytest.raises(LossaryError, match=r"must not have the name of an attribute of .*'half'"):
        module(typed_loss, half=0.25)


def test_module_can_be_copied_pickled_and_read() -> None:
    criterion = module("huber_loss", delta=2.0)
    x, t = torch.tensor([1.0, 5.0]), torch.zeros(2)
    for same in (copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion))):
        assert repr(same) == "LossModule(huber_loss, reduction='mean', delta=2.0)"
        assert same(x, t) == same(inputs=x, targets=t) == criterion(x, t) == 4.25
        assert type(same) is type(criterion)


@pytest.mark.filterwarnings("ignore:.torch.jit")  # of the compiler's own imports
def test_module_compiles() -> None:
    """Without code for processors, which ``test_torch_compiles_the_whole_once`` has made."""
    criterion = module("log_cosh_loss")
    x, t = torch.randn(64), torch.randn(64)
    found = torch.compile(criterion, backend="aot_eager", fullgraph=True)(x, t)
    torch.testing.assert_close(found, criterion(x, t))


def test_unknown_parameter_is_named_at_once() -> None:
    with pytest.raises(LossaryError, match=r"adapters.torch.module: parameters must be those of "
                       r"huber_loss .*, got 'dleta'. Did you mean delta\?"):  # fmt: skip
        module("huber_loss", dleta=2.0)


def test_skorch_sets_parameters() -> None:
    skorch = pytest.importorskip("skorch")
    x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    net = skorch.NeuralNetRegressor(
        torch.nn.Linear, module__in_features=1, module__out_features=1, criterion=module,
        criterion__loss="huber_loss", criterion__delta=0.5, max_epochs=60, lr=0.5, verbose=0,
        train_split=None,
    )  # fmt: skip
    net.fit(x, 3 * x)
    assert net.criterion_.delta == 0.5
    np.testing.assert_allclose(net.predict(x), 3 * x, atol=0.2)
    net.set_params(criterion__delta=1.5).initialize()
    assert net.criterion_.delta == 1.5
