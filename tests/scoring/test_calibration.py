"""Calibration: bins of predicted probability as plain NumPy counts them, whoever computes them."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hinge_jobs import cut_small

import lossary
from lossary.formula import sigmoid
from lossary.scoring.calibrated_totals import CalibratedTotals
from lossary.scoring.calibration_bins import bins_of
from lossary.scoring.loss_texts import loss_specs
from lossary.scoring.predictions import predicted_and_observed

ROWS = 5000
BINS = 7
RANDOM = np.random.default_rng(5)
LOGIT = RANDOM.normal(size=ROWS) * 2
LABEL = (RANDOM.random(ROWS) < 1 / (1 + np.exp(-LOGIT)) ** 1.5).astype(int)
SCORES = RANDOM.normal(size=(ROWS, 4)) * 2
CLASS = np.where(RANDOM.random(ROWS) < 0.6, SCORES.argmax(axis=1), RANDOM.integers(0, 4, ROWS))
SHARES = RANDOM.dirichlet(np.ones(4), ROWS)
FOLD = RANDOM.integers(0, 3, ROWS)
TABLE = pa.table(
    {
        "z": LOGIT,
        "p": 1 / (1 + np.exp(-LOGIT)),
        "y": LABEL,
        "soft": RANDOM.random(ROWS),
        "sign": 2 * LABEL - 1,
        **{f"s_{k}": SCORES[:, k] for k in range(4)},
        **{f"l_{k}": np.log(SHARES[:, k]) for k in range(4)},
        **{f"t_{k}": SHARES[:, k] for k in range(4)},
        "class": CLASS,
        "fold": FOLD,
        "weight": RANDOM.integers(0, 4, ROWS).astype(float),
        "chosen": RANDOM.random(ROWS) < 0.7,
    }
)


def softmax(scores):
    """Return the probabilities of classes."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def counted(probability, observed, weights):
    """Return the rows of the table, bin by bin, and both errors."""
    rows, gaps = [], []
    for place in range(BINS):
        inside = (probability > place / BINS) & (probability <= (place + 1) / BINS)
        inside |= (place == 0) & (probability == 0)
        if inside.any():
            weight = weights[inside]
            means = [np.average(x[inside], weights=weight) for x in (probability, observed)]
            rows.append([place + 1, inside.sum(), weight.sum(), *means])
            gaps.append([abs(means[0] - means[1]), weight.sum()])
    gap, weight = np.array(gaps).T
    return rows, np.average(gap, weights=weight), gap.max()


def check(result, probability, observed, weights=None, groups=FOLD):
    """Compare a result with plain NumPy."""
    weights = np.ones(len(probability)) if weights is None else weights
    figures, table = result.to_arrow().to_pydict(), result.calibration.to_arrow().to_pydict()
    found = list(zip(*table.values(), strict=True))
    expected = []
    for code, group in enumerate(np.unique(groups)):
        mine = groups == group
        rows, ece, mce = counted(probability[mine], observed[mine], weights[mine])
        expected += [[group, *row] for row in rows]
        assert figures["ece"][code] == pytest.approx(ece, rel=1e-12)
        assert figures["mce"][code] == pytest.approx(mce, rel=1e-12)
    assert [[row[1], row[2], *row[5:]] for row in found] == [
        pytest.approx(row, rel=1e-12) for row in expected
    ]
    assert [row[3:5] for row in found] == [((r[1] - 1) / BINS, r[1] / BINS) for r in expected]
    rows, ece, _ = counted(probability, observed, weights)
    whole = result.calibration.to_arrow(groups=False).to_pydict()
    assert whole["count"] == [row[1] for row in rows]
    assert result.to_arrow(groups=False)["ece"].to_pylist() == [pytest.approx(ece, rel=1e-12)]


def score(loss, **options):
    return lossary.score(TABLE, losses=loss, by="fold", calibration=BINS, **options)


@pytest.mark.parametrize(
    ("loss", "inputs", "targets", "factor"),
    [
        ("binary_cross_entropy", "z", "y", 1),
        ("binary_cross_entropy:with_logits=false", "p", "y", 1),
        ("binary_cross_entropy", "z", "soft", 1),
        ("brier_loss", "p", "soft", 1),
        ("binary_focal_loss", "z", "y", 1),
        ("logistic_loss", "z", "sign", 1),
        ("exponential_loss", "z", "sign", 2),
        ("brier_loss_with_logit_link", "z", "y", 1),
    ],
)
def test_probabilities_of_two_classes(loss, inputs, targets, factor):
    result = score(loss, inputs=inputs, targets=targets)
    observed = LABEL if targets == "sign" else TABLE[targets].to_numpy()
    check(result, 1 / (1 + np.exp(-factor * LOGIT)), observed)


@pytest.mark.parametrize(
    ("loss", "inputs", "probabilities"),
    [
        ("cross_entropy", "s_*", softmax(SCORES)),
        ("focal_loss", "s_*", softmax(SCORES)),
        ("multiclass_brier_loss:with_logits=true", "s_*", softmax(SCORES)),
        ("multiclass_brier_loss", "t_*", SHARES),
        ("nll_loss", "l_*", SHARES),
    ],
)
def test_the_largest_probability_of_several_classes(loss, inputs, probabilities):
    result = score(loss, inputs=inputs, targets="class")
    top = probabilities.argmax(axis=1)
    check(result, probabilities.max(axis=1), (top == CLASS).astype(float))


@pytest.mark.parametrize(("loss", "inputs"), [("cross_entropy", "s_*"), ("kl_divergence", "l_*")])
def test_targets_may_be_probabilities(loss, inputs):
    result = score(loss, inputs=inputs, targets="t_*")
    predicted = softmax(SCORES) if inputs == "s_*" else SHARES
    check(result, predicted.max(axis=1), SHARES[np.arange(ROWS), predicted.argmax(axis=1)])


def test_weights_choice_and_missing_values():
    holes = TABLE["z"].to_numpy().copy().tolist()
    holes[::11] = [None] * len(holes[::11])
    table = TABLE.set_column(0, "z", pa.array(holes))
    result = lossary.score(
        table,
        losses="binary_cross_entropy",
        inputs="z",
        targets="y",
        by="fold",
        weights="weight",
        where="chosen",
        nulls="skip",
        calibration=BINS,
    )
    mine = TABLE["chosen"].to_numpy() & (np.arange(ROWS) % 11 > 0)
    weights = TABLE["weight"].to_numpy()
    probability = TABLE["p"].to_numpy()
    check(result, probability[mine], LABEL[mine], weights[mine], FOLD[mine])


def test_labels_that_are_names():
    names = np.array(["no", "yes"])[LABEL]
    table = TABLE.append_column("name", pa.array(names))
    options = {"losses": "binary_cross_entropy", "inputs": "z", "by": "fold", "calibration": BINS}
    named = lossary.score(table, targets="name", positive="yes", **options)
    assert named.calibration.to_arrow().equals(
        lossary.score(table, targets="y", **options).calibration.to_arrow()
    )


def test_ignored_labels_and_class_weights():
    """Weights of classes are about the losses, not about how often something is true."""
    result = score(
        "cross_entropy:ignore_index=3", inputs="s_*", targets="class", class_weights=[1, 2, 3, 4]
    )
    mine = CLASS != 3
    predicted = softmax(SCORES)[mine]
    hit = predicted.argmax(axis=1) == CLASS[mine]
    check(result, predicted.max(axis=1), hit.astype(float), None, FOLD[mine])
    ignored = pa.table({"a": [1.0, 2.0], "b": [0.0, 0.0], "y": [0, 9], "g": ["x", "y"]})
    result = lossary.score(
        ignored,
        losses="cross_entropy:ignore_index=9",
        inputs="a,b",
        targets="y",
        by="g",
        calibration=3,
    )
    assert result.calibration.to_arrow()["g"].to_pylist() == ["x"]
    ece = result.to_arrow()["ece"].to_pylist()
    assert ece[0] > 0
    assert math.isnan(ece[1])


@pytest.mark.parametrize("bins", [1, 2, 3, 10, 15, 49])
def test_a_border_belongs_to_the_bin_below(bins):
    borders = np.arange(1, bins + 1) / bins
    assert bins_of(borders, bins).tolist() == [*range(bins)]
    above = np.nextafter(borders[:-1], 1)
    assert bins_of(above, bins).tolist() == [*range(1, bins)]
    ends = np.array([0.0, -0.0, 5e-324, -1e-9, 1 + 1e-9, math.nan])
    assert bins_of(ends, bins).tolist() == [0, 0, 0, 0, bins - 1, bins]


def test_probabilities_of_0_and_1_and_none():
    table = pa.table({"p": [0.0, 1.0, 0.5, 0.5], "y": [0, 1, 1, 0], "g": [0, 0, 0, 0]})
    options = {"losses": "brier_loss", "inputs": "p", "targets": "y", "by": "g", "calibration": 2}
    result = lossary.score(table, **options)
    assert result.calibration.to_arrow().to_pydict() == {
        "loss": ["brier_loss"] * 2,
        "g": [0, 0],
        "bin": [1, 2],
        "from": [0.0, 0.5],
        "to": [0.5, 1.0],
        "count": [3, 1],
        "weight": [3.0, 1.0],
        "predicted": [1 / 3, 1.0],
        "observed": [1 / 3, 1.0],
    }
    assert result.to_arrow()["mce"].to_pylist() == [0.0]
    unknown = table.set_column(0, "p", pa.array([0.0, 1.0, math.nan, 0.5]))
    result = lossary.score(unknown, **options | {"domain": "ignore"})
    bins = result.calibration.to_arrow().to_pydict()
    assert bins["bin"] == [1, 2, None]
    assert bins["to"] == [0.5, 1.0, None]
    assert math.isnan(result.to_arrow()["ece"][0].as_py())
    assert math.isnan(result.to_arrow()["mce"][0].as_py())
    weightless = unknown.append_column("w", pa.array([1.0, 1.0, 0.0, 1.0]))
    result = lossary.score(weightless, **options | {"domain": "ignore", "weights": "w"})
    assert result.to_arrow()["ece"].to_pylist() == [pytest.approx(0.5 / 3)]
    assert math.isnan(result.calibration.to_arrow()["predicted"][2].as_py())


def test_one_row():
    table = pa.table({"p": [0.25], "y": [1]})
    result = lossary.score(table, losses="brier_loss", inputs="p", targets="y", calibration=4)
    assert result.calibration.to_arrow().to_pylist() == [
        {
            "loss": "brier_loss",
            "bin": 1,
            "from": 0.0,
            "to": 0.25,
            "count": 1,
            "weight": 1.0,
            "predicted": 0.25,
            "observed": 1.0,
        }
    ]
    assert result.to_arrow().select(["ece", "mce"]).to_pylist() == [{"ece": 0.75, "mce": 0.75}]


def test_the_first_of_equal_classes_is_the_predicted_one():
    table = pa.table({"a": [0.0, 0.0], "b": [0.0, 0.0], "y": [0, 1]})
    result = lossary.score(table, losses="cross_entropy", inputs="a,b", targets="y", calibration=2)
    assert result.calibration.to_arrow()["observed"].to_pylist() == [0.5]


def test_the_cut_and_the_threads_do_not_matter(monkeypatch):
    options = {"inputs": "z", "targets": "y", "weights": "weight", "quantiles": 0.5}
    losses = ["binary_cross_entropy", "binary_focal_loss"]
    whole = score(losses, **options)
    cut_small(monkeypatch, 500)
    one, three = (score(losses, **options, workers=workers) for workers in (1, 3))
    for groups in (True, False):
        table = one.calibration.to_arrow(groups=groups)
        assert three.calibration.to_arrow(groups=groups).equals(table)
        assert three.to_arrow(groups=groups).equals(one.to_arrow(groups=groups))
        bins = whole.calibration.to_arrow(groups=groups)
        assert bins["count"].equals(table["count"])
        assert bins["predicted"].to_pylist() == pytest.approx(table["predicted"].to_pylist())


def test_a_result_without_calibration_has_none():
    result = lossary.score(TABLE, losses="brier_loss", inputs="p", targets="y")
    assert result.calibration is None
    assert "ece" not in result.to_arrow().column_names
    assert not isinstance(result.totals[0], CalibratedTotals)


def test_a_loss_of_ones_own():
    @lossary.loss(probability=lambda inputs, scale: sigmoid(scale * inputs))
    def own_loss_of_logits(inputs, targets, scale=2.0):
        return (sigmoid(scale * inputs) - targets) ** 2

    check(score(own_loss_of_logits, inputs="z", targets="y"), 1 / (1 + np.exp(-2 * LOGIT)), LABEL)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"losses": "hinge_loss"}, ValueError, "score: calibration needs losses of predicted "
         "probabilities, or of their scores, got hinge_loss. Name losses with the tag"),
        ({"losses": ["brier_loss", "l1_loss"]}, ValueError, "probabilities.*got l1_loss"),
        ({"calibration": -1}, ValueError, "calibration must be an integer of at least 0, got -1"),
        ({"calibration": 2.5}, TypeError, "calibration must be an integer of at least 0, got 2.5"),
        ({"calibration": True}, TypeError, "calibration must be an integer of at least 0"),
        ({"calibration": 1001}, ValueError, "calibration must be a number of bins, 1 to 1000"),
    ],
)  # fmt: skip
def test_what_cannot_be(options, error, message):
    given = {"losses": "brier_loss", "inputs": "p", "targets": "y", "calibration": BINS, **options}
    with pytest.raises(error, match=message):
        lossary.score(TABLE, **given)


def test_a_probability_needs_targets_and_what_there_is():
    with pytest.raises(ValueError, match="probability must be left out where no argument is"):

        @lossary.loss(probability=lambda inputs: inputs)
        def loss_without_targets(inputs):
            return inputs

    with pytest.raises(ValueError, match="probability must name inputs, got 'targets'"):

        @lossary.loss(probability=lambda targets: targets)
        def loss_of_targets(inputs, targets):
            return inputs - targets


def test_the_losses_that_have_one_are_listed():
    names = [loss.name for loss in lossary.list_losses(tags="probabilistic")]
    assert {"binary_cross_entropy", "cross_entropy", "nll_loss", "logistic_loss"} <= {*names}
    assert not {"hinge_loss", "mse_loss", "multiclass_hinge_loss", "kl_div_loss"} & {*names}


def test_texts_and_diagrams():
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed").use("agg")
    result = score("brier_loss", inputs="p", targets="y")
    assert repr(result.calibration).splitlines()[0].split() == [
        "loss", "fold", "bin", "from", "to", "count", "weight", "predicted", "observed",
    ]  # fmt: skip
    assert result._repr_html_().count("<table>") == 2
    (axes,) = result.calibration.plot().axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0", "1", "2"]
    line = axes.lines[1]
    table = result.calibration.to_arrow().to_pydict()
    assert line.get_xdata().tolist() == table["predicted"][:BINS]
    assert line.get_ydata().tolist() == table["observed"][:BINS]
    (axes,) = (
        lossary.score(TABLE, losses="brier_loss", inputs="p", targets="y", by="soft", calibration=3)
        .calibration.plot()
        .axes
    )
    assert len(axes.lines) == 2
    assert axes.get_title(loc="left") == "brier_loss"


@pytest.mark.parametrize(
    "name",
    ["brier_loss:with_logits=true", "binary_cross_entropy", "logistic_loss", "exponential_loss"],
)
def test_what_is_declared_is_the_probability_that_costs_least(name):
    """Where a proper loss is expected to cost least, the probability is the true one."""
    (spec,) = loss_specs(name)
    score, step = np.linspace(-3, 3, 7), 1e-3
    true, _ = predicted_and_observed(spec, [score, np.zeros(7)])
    low, high = spec.loss.targets.two_classes

    def cost(inputs):
        given = {"reduction": "none", **spec.parameters}
        hit, miss = (
            spec.loss.function(inputs, np.full(7, label), **given) for label in (high, low)
        )
        return true * hit + (1 - true) * miss

    assert (cost(score - step) > cost(score)).all()
    assert (cost(score + step) > cost(score)).all()
