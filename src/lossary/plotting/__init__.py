"""Curves of losses and of their derivatives, computed by the losses themselves."""

from lossary.plotting.curve import Curve, axis_label, colour_indices, curves, split_at_jumps
from lossary.plotting.figure import draw, plot, save

__all__ = [
    "Curve",
    "axis_label",
    "colour_indices",
    "curves",
    "draw",
    "plot",
    "save",
    "split_at_jumps",
]
