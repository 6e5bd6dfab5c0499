"""``lossary plot``: pictures that repeat to the byte, and plots in the terminal."""

import os

import pytest

import lossary

pytest.importorskip("matplotlib")

NAMES = [loss.name for loss in lossary.list_losses()]


@pytest.mark.parametrize(
    ("suffix", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_pictures(run, tmp_path, suffix, start):
    pictures = []
    for _ in range(2):
        out = tmp_path / f"a.{suffix}"
        outcome = run("plot", "hinge_loss", "huber_loss:delta=2", "--title", "Two", "--out", out)
        assert outcome.status == 0
        assert outcome.out == ""
        assert outcome.err == f"wrote {out}\n"
        pictures.append(out.read_bytes())
    assert pictures[0].startswith(start)
    assert pictures[0] == pictures[1]
    assert os.listdir(tmp_path) == [f"a.{suffix}"]


def test_text_in_svg_is_drawn_as_paths(run, tmp_path):
    run("plot", "hinge_loss", "--out", tmp_path / "a.svg")
    assert "<text" not in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_in_the_terminal(run, name):
    outcome = run("plot", name)
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert lines[0].strip() == "loss"
    assert "derivative" in [line.strip() for line in lines]
    assert name in outcome.out
    dots = [c for c in outcome.out if 0x2800 < ord(c) <= 0x28FF]
    assert len(dots) > 40


def test_a_text_plot_shows_the_numbers(run):
    lines = run("plot", "hinge_loss", "--range", "-2", "2").out.splitlines()
    loss = lines[1 : lines.index("")]
    assert loss[0].split()[0] == "3"
    assert loss[-2].split()[0] == "0"
    assert loss[-1].split() == ["-2", "score,", "target", "+1", "2"]
    # A falling line: further down, the dots are further to the right.
    first = [len(line[8:]) - len(line[8:].lstrip()) for line in loss[:-1]]
    assert first == sorted(first)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "a.gif"], "the suffix must be .svg, .png, .pdf"),
        (["--range", "2", "1"], "the first must be below the second"),
        (["huber_loss:delta=0"], "delta must be a positive number"),
    ],
)
def test_wrong_command_lines(run, options, message):
    outcome = run("plot", "hinge_loss", *options)
    assert outcome.status == 2
    assert message in outcome.err


def test_the_folder_of_a_picture_is_made(run, tmp_path):
    out = tmp_path / "new" / "folder" / "a.svg"
    assert run("plot", "hinge_loss", "--out", out).status == 0
    assert out.exists()
    outcome = run("plot", "hinge_loss", "--out", out / "b.svg")
    assert outcome.status == 2
    assert f"--out {out / 'b.svg'}: cannot be written" in outcome.err


def test_a_range_outside_the_domain(run):
    outcome = run("plot", "binary_cross_entropy:with_logits=false", "--range", "2", "3")
    assert outcome.status == 2
    assert "plot: bounds must be increasing, and overlap (0.0, 1.0)" in outcome.err
