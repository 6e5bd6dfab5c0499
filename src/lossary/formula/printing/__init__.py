"""Formulas for reading: plain text, LaTeX, shorter forms, and names for repeated parts.

Printing does not change the expressions that are computed. ``javascript`` prints these, as a
program; the other modules print formulas for people.
"""

from lossary.formula.printing.parts import Named, name_parts, named_latex, named_text
from lossary.formula.printing.printer import to_latex, to_text
from lossary.formula.printing.tidy import tidy

__all__ = ["Named", "name_parts", "named_latex", "named_text", "tidy", "to_latex", "to_text"]
