"""Mathematics as MathML, made while the site is built: no script runs and nothing is fetched.

Browsers break no formula over lines. Each formula of a block is therefore written as its terms,
between which a browser may break, so that a sum fits a phone. The font of the formulas comes with
the site: braces and roots stretch only with a font that says how.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

_TALL = re.compile(r"\\(?:frac|sum|begin|sqrt|max_|min_)")
_WIDE = 40  # characters of LaTeX, commands counted as one
_WORD = re.compile(r"\\mathrm\{([^}]*)\}")
_SCAN = re.compile(r"\\[{}]|\\(?:left|right)\b|\\(?:begin|end)\{|[{}]| [+-] ")
# How deep each token leads; a brace follows the name of an environment.
_DEPTH = {r"\left": 1, r"\right": -1, r"\begin{": 2, r"\end{": 0, "{": 1, "}": -1}
# Names of functions are no operators: these would be printed with a space on either side.
_FUNCTION = re.compile(r"<mo>([a-z]{2,}(?:Z[a-z]+)*)</mo>")
# The converter drops spaces in names, which have small letters only: a large one stands for them.
_NAME = re.compile(r"\\operatorname\{([a-z ]+)\}")
_SPACE = "Z"
# A minus sign that stands before a term, not between two of them.
_SIGN = re.compile(
    r"(<mo>(?:&#x0003D;|&#x0002C;|&#x02264;|&#x0003C;)</mo>|</mtext>)<mo>(&#x02212;)</mo>"
)
_FIRST_SIGN = re.compile(r"^(<math[^>]*><mrow>)<mo>(&#x0002B;|&#x02212;)</mo>")


def to_mathml(latex: str, *, block: bool) -> str:
    r"""Return MathML; names of arguments are words, not products of italic letters.

    Examples
    --------
    >>> "<mtext>class_weights</mtext>" in to_mathml(r"\mathrm{class\_weights}", block=False)
    True
    >>> "<mi>sorted&#xA0;by</mi>" in to_mathml(r"\operatorname{sorted by}(x)", block=False)
    True
    """
    words = _WORD.sub(lambda found: rf"\text{{{found[1]}}}", with_plain_brackets(latex))
    # One function of another has a thin space between the names.
    words = re.sub(r"(\\log|\\max|\\min)(?= ?\\(?:operatorname|cosh|log|sum))", r"\1\\,", words)
    words = re.sub(r"(\\max|\\min)_(\w) ", r"\1_\2\\, ", words)
    words = _NAME.sub(lambda found: found[0].replace(" ", _SPACE), words)
    found = convert(words, display="block" if block else "inline").replace(r"\_", "_")
    found = found.replace('<mn mathvariant="bold">1</mn>', "<mn>&#x1D7CF;</mn>")
    found = _FUNCTION.sub(lambda name: f"<mi>{name[1].replace(_SPACE, '&#xA0;')}</mi>", found)
    found = _SIGN.sub(r'\1<mo form="prefix">\2</mo>', found)
    return found.replace('<mtd columnalign="left">', '<mtd class="left">')


def with_plain_brackets(latex: str) -> str:
    r"""Let brackets stretch only around what is tall: others would stand apart from what they hold.

    Examples
    --------
    >>> with_plain_brackets(r"\log\left(x\right) + \left(\frac{1}{2}\right)")
    '\\log(x) + \\left(\\frac{1}{2}\\right)'
    """
    innermost = re.compile(r"\\left\(((?:(?!\\left\(|\\right\)).)*)\\right\)")
    while match := innermost.search(latex):
        stretched = _TALL.search(match[1])
        # Marked, so that the next search does not find it again.
        held = f"\0{match[1]}\1" if stretched else f"({match[1]})"
        latex = latex[: match.start()] + held + latex[match.end() :]
    return latex.replace("\0", r"\left(").replace("\1", r"\right)")


def terms(latex: str) -> list[str]:
    r"""Cut a formula before the signs that are in no bracket, or in one that is too wide.

    Examples
    --------
    >>> terms(r"y = a + \left(b - c\right) - d")
    ['y = a', '+ \\left(b - c\\right)', '- d']
    """
    return [piece for term in _split(latex) for piece in _opened(term)]


def _opened(term: str) -> list[str]:
    """Cut a wide term that ends in a bracket within that bracket."""
    visible = re.sub(r"\\[a-zA-Z]+|[{}]", "x", term)
    head, opening, inner = term.partition(r"\left(")
    if len(visible) < _WIDE or not opening or not inner.endswith(r"\right)"):
        return [term]
    inner = inner.removesuffix(r"\right)")
    pieces = _split(inner)
    if len(pieces) == 1 or head.count("{") != head.count("}") or not _is_closed(inner):
        return [term]
    pieces[0] = rf"{head}\Big({pieces[0]}"
    pieces[-1] = rf"{pieces[-1]}\Big)"
    return pieces


def _is_closed(latex: str) -> bool:
    """Return whether every bracket that is closed in a formula is opened in it."""
    depths = accumulate(_DEPTH.get(match[0], 0) for match in _SCAN.finditer(latex))
    return min(depths, default=0) >= 0


def _split(latex: str) -> list[str]:
    found, depth, start = [], 0, 0
    for match in _SCAN.finditer(latex):
        depth += _DEPTH.get(match[0], 0)
        if depth == 0 and match[0][0] == " ":
            found.append(latex[start : match.start()])
            start = match.start() + 1
    return [*found, latex[start:]]


def _line(latex: str) -> str:
    """Return one formula, as pieces between which a browser may break."""
    pieces = [to_mathml(piece, block=True) for piece in terms(latex.strip())]
    pieces[1:] = [_FIRST_SIGN.sub(r'\1<mo form="infix">\2</mo>', piece) for piece in pieces[1:]]
    inline = 'display="inline" displaystyle="true"'
    displayed = [piece.replace('display="block"', inline, 1) for piece in pieces]
    return f'<div class="formula">{"<wbr>".join(displayed)}</div>'


def visit_math(writer: Any, item: nodes.math) -> None:
    """Write a formula in a line of text."""
    writer.body.append(to_mathml(item.astext(), block=False))
    raise nodes.SkipNode


def visit_math_block(writer: Any, item: nodes.math_block) -> None:
    """Write a formula of its own; each of several lines is one formula."""
    # Not "math": the theme lays the children of that class out in reverse order.
    classes = " ".join(["formulas", *item["classes"]])
    writer.body.append(f'<div class="{classes}">')
    writer.body.extend(_line(formula) for formula in item.astext().split("\n\n") if formula.strip())
    writer.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the renderer."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
