"""Curves of losses and of their derivatives: computed by the losses themselves."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossary.derivatives import value_and_grad
from lossary.errors import missing_library
from lossary.registry import Loss, get_loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, np.dtype[Any]]

# Okabe & Ito's palette, which people with any colour vision can tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_POINTS = 601


@dataclass(frozen=True, slots=True)
class Curve:
    """A loss over a range: its values and derivatives, and what the axis means."""

    title: str
    axis: str
    x: Array
    value: Array
    slope: Array


def curve(
    loss: str | Callable[..., Any] | Loss,
    bounds: tuple[float, float] = (-3.0, 3.0),
    *,
    title: str = "",
    **parameters: Any,
) -> Curve:
    """Compute the curve of a loss as its first argument varies.

    Parameters
    ----------
    loss : str, callable or Loss
        The loss.
    bounds : tuple of float
        Range of the horizontal axis.
    title : str
        Name in the legend; the loss's own by default.
    **parameters
        Parameters of the loss.

    Returns
    -------
    Curve
        Points, values and derivatives, arrays of shape (601,).

    Raises
    ------
    ValueError, TypeError
        As the loss does.

    Examples
    --------
    >>> from lossary.plotting import curve
    >>> hinge = curve("hinge_loss", (-1.0, 3.0))
    >>> float(hinge.value[0]), float(hinge.slope[0]), hinge.axis
    (2.0, -1.0, 'score, target +1')
    """
    record = get_loss(loss)  # type: ignore[arg-type]
    x = np.linspace(*bounds, _POINTS)
    axis, arguments = _arguments(record, x, parameters)
    shape = {} if record.axis is None else {"axis": -1}
    computed = value_and_grad(record.function)
    value, _ = computed(*arguments, reduction="none", **shape, **parameters)
    _, slope = computed(*arguments, reduction="sum", **shape, **parameters)
    slope = slope if record.axis is None else slope[:, 0]
    return Curve(title or record.name, axis, x, np.asarray(value), np.asarray(slope))


def _arguments(loss: Loss, x: Array, parameters: dict[str, Any]) -> tuple[str, list[Any]]:
    """Return what the axis means, and arguments of which the first varies with it."""
    zeros = np.zeros_like(x)
    if loss.axis is not None:
        return _row_arguments(loss, x)
    if loss.targets.name == "plus_minus_one":
        rest = [np.ones_like(x) if n == "targets" else zeros for n in loss.arguments[1:]]
        meaning = "score" if len(rest) == 1 else "difference of scores"
        return f"{meaning}, target +1", [x, *rest]
    if loss.targets.name == "unit_interval":
        if parameters.get("with_logits", True):
            return "logit, target 1", [x, np.ones_like(x)]
        return "probability, target 1", [np.clip(x, 0.0, 1.0), np.ones_like(x)]
    rest = [np.ones_like(x) if n == "vars" else zeros for n in loss.arguments[1:]]
    return "residual", [x, *rest]


def _row_arguments(loss: Loss, x: Array) -> tuple[str, list[Any]]:
    """Return rows of two elements, of which the first varies."""
    varied = np.stack([x, np.zeros_like(x)], axis=1)
    if loss.takes_labels:
        return "logit of the label, the other 0", [varied, np.zeros(len(x), dtype=np.int64)]
    if loss.targets.name == "log_probabilities":
        return "log-probability, target 1/2", [varied, np.full_like(varied, np.log(0.5))]
    other = np.broadcast_to(np.array([1.0, 0.0]), varied.shape)
    if len(loss.arguments) == 2:
        return "x of the vector (x, 1), against (1, 0)", [varied + np.array([0.0, 1.0]), other]
    return "x of the anchor (x, 0)", [varied, np.zeros_like(varied), other]


def plot(
    *losses: str | Callable[..., Any] | Loss,
    bounds: tuple[float, float] = (-3.0, 3.0),
    axes: Sequence[Axes] | None = None,
    **parameters: Any,
) -> Any:
    """Plot losses and their derivatives side by side with Matplotlib.

    Parameters
    ----------
    *losses : str, callable or Loss
        Losses of the package or your own.
    bounds : tuple of float
        Range of the horizontal axis.
    axes : sequence of two Axes, optional
        Where to draw the values and the derivatives; a new figure by default.
    **parameters
        Parameters that all the losses take.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ImportError
        If Matplotlib is missing: pip install "lossary[plot]".

    Examples
    --------
    >>> import lossary
    >>> figure = lossary.plot(lossary.hinge_loss, "binary_cross_entropy")
    >>> len(figure.axes)
    2
    """
    return draw([curve(loss, bounds, **parameters) for loss in losses], axes)


def draw(curves: Sequence[Curve], axes: Sequence[Axes] | None = None) -> Any:
    """Draw curves with Matplotlib and return the figure."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        msg = "plot"
        raise missing_library(msg, "matplotlib", '"lossary[plot]"') from None
    if axes is None:
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, 2)
    for place, item in enumerate(curves):
        colour = _COLOURS[place % len(_COLOURS)]
        axes[0].plot(item.x, item.value, color=colour, label=item.title, linewidth=2)
        axes[1].plot(item.x, item.slope, color=colour, linewidth=2)
    meanings = dict.fromkeys(item.axis for item in curves)
    for panel, title in zip(axes, ("loss", "derivative"), strict=True):
        panel.set_title(title, loc="left", fontsize=11)
        panel.set_xlabel("; ".join(meanings))
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
        panel.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    axes[0].legend(frameon=False)
    return axes[0].figure


def save(curves: Sequence[Curve], path: Path) -> None:
    """Draw curves into a file, all of it or nothing; the same curves give the same bytes."""
    figure = draw(curves)
    import matplotlib

    kind = path.suffix.lower().lstrip(".")
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    handle, name = tempfile.mkstemp(dir=path.resolve().parent, suffix=path.suffix)
    os.close(handle)
    try:
        with matplotlib.rc_context({"svg.hashsalt": "lossary", "svg.fonttype": "path"}):
            figure.savefig(name, format=kind, dpi=200, metadata=metadata)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def text_plot(curves: Sequence[Curve], width: int = 72, height: int = 16) -> str:
    """Return curves as text, two by four dots to a character (braille)."""
    panels = (("loss", "value"), ("derivative", "slope"))
    return "\n\n".join(
        f"{title}\n{_panel(curves, [getattr(c, name) for c in curves], width, height)}"
        for title, name in panels
    )


def _panel(curves: Sequence[Curve], series: Sequence[Array], width: int, height: int) -> str:
    finite = np.concatenate([s[np.isfinite(s)] for s in series] or [np.zeros(1)])
    low, high = float(min(finite.min(initial=0.0), 0.0)), float(finite.max(initial=0.0))
    span = (high - low) or 1.0
    dots = np.zeros((height * 4, width * 2), dtype=bool)
    columns = np.linspace(0, _POINTS - 1, width * 2).astype(int)
    for values in series:
        chosen = values[columns]
        seen = np.isfinite(chosen)
        rows = np.rint((high - chosen[seen]) / span * (height * 4 - 1)).astype(int)
        dots[rows, np.nonzero(seen)[0]] = True
    lines = _braille(dots)
    lines[0] += f"  {high:.4g}"
    lines[-1] += f"  {low:.4g}"
    first = curves[0]
    left, right = f"{first.x[0]:g}", f"{first.x[-1]:g}"
    names = ", ".join(item.title for item in curves)
    middle = f"{names}: {first.axis}"
    return "\n".join([*lines, f"{left} {middle:^{width - len(left) - len(right) - 2}} {right}"])


def _braille(dots: Array) -> list[str]:
    """Return lines of characters that each show two by four dots."""
    height, width = dots.shape[0] // 4, dots.shape[1] // 2
    cells = dots.reshape(height, 4, width, 2).transpose(0, 2, 1, 3)
    order = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
    codes = 0x2800 + (cells * order).sum(axis=(2, 3))
    return ["".join(map(chr, row)) for row in codes]
