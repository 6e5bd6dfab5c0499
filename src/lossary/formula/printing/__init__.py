"""Formulas for reading: plain text, LaTeX, shorter forms, and names for repeated parts.

What is computed is never changed by what is printed. ``javascript`` prints what is computed, for
another machine.
"""

from lossary.formula.printing.parts import Named, name_parts, named_latex, named_text
from lossary.formula.printing.printer import to_latex, to_text
from lossary.formula.printing.tidy import tidy

__all__ = ["Named", "name_parts", "named_latex", "named_text", "tidy", "to_latex", "to_text"]
