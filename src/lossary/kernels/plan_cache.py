"""The plans of large formulas, kept on disk beside the kernels.

The first call of ``complete_box_iou_loss`` in a new process takes 9 ms with its plan and its kernel
in the cache, 24 ms with the kernel alone: writing derivatives takes the rest. A plan is found by
the text of everything that it is written from, so another formula never gets it.
"""

from __future__ import annotations

from lossary.formula.plan import Output, Plan, make_plan, plan_of_text, request_text
from lossary.formula.recipe import Recipe
from lossary.kernels import cache


def cached_plan(outputs: tuple[Output, ...]) -> Plan:
    """Return the plan of outputs, from the cache folder if it takes long to make."""
    if not any(isinstance(output.source, Recipe) for output in outputs):
        return make_plan(outputs)
    file = cache.file_of("plan", request_text(outputs))
    content = None if file is None else file.read()
    if content is not None:
        found = plan_of_text(content.decode(errors="replace"), outputs)
        if found is not None:
            return found
    plan = make_plan(outputs)
    if file is not None:
        file.write(plan.text.encode())
    return plan
