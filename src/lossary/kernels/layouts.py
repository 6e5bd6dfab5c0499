"""The kernel classes of the layouts, by name."""

from __future__ import annotations

from lossary.formula.plan import Plan
from lossary.kernels.columns import ColumnKernel, ShortRowKernel
from lossary.kernels.flat import FlatKernel
from lossary.kernels.form import Form
from lossary.kernels.frame import Frame
from lossary.kernels.rows import NarrowRowKernel, RowKernel

_LAYOUTS: dict[str, type[Frame]] = {
    "flat": FlatKernel,
    "columns": ColumnKernel,
    "short rows": ShortRowKernel,
    "rows": RowKernel,
    "narrow rows": NarrowRowKernel,
}


def text(plan: Plan, layout: str, form: Form) -> str:
    """Return a kernel as LLVM IR."""
    return _LAYOUTS[layout](plan, form).text()
