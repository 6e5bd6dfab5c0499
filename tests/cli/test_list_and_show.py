"""``lossary list`` and ``lossary show``."""

import json

import pytest

import lossary
from lossary.products.catalogue import matrix_losses

NAMES = [loss.name for loss in lossary.list_losses()]
MATRICES = {loss.name: loss for loss in matrix_losses()}
ALL = sorted(
    [*lossary.list_losses(), *MATRICES.values()], key=lambda item: (item.family, item.name)
)


def test_list_names_every_loss_once(run):
    outcome = run("list")
    lines = outcome.out.splitlines()
    assert outcome.status == 0
    header = ["name", "family", "tags", "Lipschitz", "kind of targets", "targets", "summary"]
    assert lines[0].split("\t") == header
    names = [line.split("\t")[0] for line in lines[1:]]
    assert names == [item.name for item in ALL]
    hinge = lines[1 + names.index("hinge_loss")].split("\t")
    tags = "elementwise, convex, robust"
    assert hinge[1:6] == ["margin", tags, "1", "plus_minus_one", "-1 or +1"]


def _listed(run, *options):
    return [line.split("\t")[0] for line in run("list", *options).out.splitlines()[1:]]


def test_list_is_filtered(run):
    margin = _listed(run, "--family", "margin")
    assert "hinge_loss" in margin
    assert {lossary.get_loss(name).family for name in margin} == {"margin"}
    assert set(_listed(run, "--tag", "matrix-product")) == MATRICES.keys()
    assert "info_nce_loss" in _listed(run, "--family", "contrastive")
    labels = _listed(run, "--targets", "class_labels")
    assert "nll_loss" in labels
    assert "cross_entropy" not in labels  # which takes probabilities as well
    robust = _listed(run, "--tag", "robust", "--tag", "smooth")
    assert {"log_cosh_loss", "smooth_l1_loss"} <= set(robust)
    assert not {"l1_loss", "mse_loss"} & set(robust)
    assert _listed(run, "--family", "margin", "--targets", "class_labels", "--tag", "robust") == [
        name for name in margin if name in labels and "robust" in lossary.get_loss(name).tags
    ]
    data = json.loads(run("list", "--json", "--family", "margin").out)
    assert [item["name"] for item in data] == margin


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--family", "margins"), "Did you mean margin?"),
        (("--targets", "class_label"), "Did you mean class_labels"),
        (("--tag", "fast"), "tags must be 'along-axis' or 'convex' or"),
    ],
)
def test_filters_that_nothing_has(run, options, told):
    outcome = run("list", *options)
    assert outcome.status == 2
    assert told in outcome.err


def test_list_as_json_is_show_of_each(run):
    data = json.loads(run("list", "--json").out)
    assert [item["name"] for item in data] == [item.name for item in ALL]
    (one,) = [item for item in data if item["name"] == "huber_loss"]
    assert json.loads(run("show", "huber_loss", "--json").out) == one
    assert one["parameters"]["delta"] == {"default": 1.0, "range": "must be a positive number"}


@pytest.mark.parametrize("name", NAMES)
def test_show_tells_what_the_registry_knows(run, name):
    loss = lossary.get_loss(name)
    outcome = run("show", name)
    assert outcome.status == 0
    told = [
        f"{name}{loss.signature}",
        loss.summary.replace("``", ""),
        loss.source,
        loss.formula_text(),
    ]
    told += [f"{library:<15} {text}" for library, text in loss.differences.items()]
    told += [loss.gradient_text(), *loss.parameters]
    for text in told:
        assert text in outcome.out


@pytest.mark.parametrize("name", MATRICES)
def test_show_of_a_loss_of_matrices_is_that_of_its_rows(run, name):
    out = run("show", name).out
    assert out.startswith(f"{name}({MATRICES[name].matrix.arguments[0]}, ")
    for text in (MATRICES[name].summary, MATRICES[name].formula_text(), MATRICES[name].source):
        assert text.replace("``", "") in out
    for library in MATRICES[name].differences:
        assert f"\n{library} " in out


def test_a_loss_of_matrices_is_shown_with_parameters_and_not_scored(run, tmp_path):
    assert "circle_loss(" in run("show", "circle_loss:margin=0.25").out
    assert "must be a positive number" in run("show", "circle_loss:gamma=0").err
    scored = run("score", str(tmp_path / "none.csv"), "--loss", "circle_loss")
    assert scored.status == 2
    assert "circle_loss compares rows of matrices" in scored.err


@pytest.mark.parametrize("name", NAMES)
def test_show_latex(run, name):
    loss = lossary.get_loss(name)
    lines = run("show", name, "--latex").out.splitlines()
    assert loss.formula_latex() in lines
    assert loss.gradient_latex() in lines


def test_show_chooses_the_variant(run):
    logits = run("show", "binary_cross_entropy").out
    probabilities = run("show", "binary_cross_entropy:with_logits=false").out
    assert "softplus" in logits
    assert "softplus" not in probabilities
    assert "log(inputs)" in probabilities
    both = run("show", "cross_entropy").out
    assert both.index("With class labels as targets") < both.index("With probabilities as targets")


@pytest.mark.parametrize(
    ("loss", "probability"),
    [
        ("binary_cross_entropy", "sigmoid(inputs)"),
        ("binary_cross_entropy:with_logits=false", "inputs"),
        ("exponential_loss", "sigmoid(2 * inputs)"),
        ("cross_entropy", "softmax(logits)"),
        ("nll_loss", "exp(inputs)"),
        ("hinge_loss", ""),
    ],
)
def test_show_tells_the_probability_that_is_predicted(run, loss, probability):
    assert json.loads(run("show", loss, "--json").out)["probability"] == probability
    lines = [line.split() for line in run("show", loss).out.splitlines()]
    assert [line[1:] for line in lines if line[:1] == ["probability"]] == (
        [probability.split()] if probability else []
    )


def test_unknown_losses(run):
    outcome = run("show", "hinge")
    assert outcome.status == 2
    assert "Did you mean hinge_loss" in outcome.err


@pytest.mark.parametrize("width", [20, 80, 160])
def test_a_terminal_shows_a_line_for_each_loss(run, monkeypatch, width):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    lines = run("list").out.splitlines()
    assert all(len(line) <= max(width, 60) for line in lines[:-1])
    assert [line.split()[0] for line in lines if line.startswith("  ")] == [x.name for x in ALL]
    (hinge,) = [line for line in lines if line.startswith("  hinge_loss ")]
    assert hinge.partition("hinge_loss")[2].strip().startswith("Hinge loss: zero")
    families = [line for line in lines[:-1] if line and not line.startswith(" ")]
    assert families == list(dict.fromkeys(loss.family for loss in ALL))
