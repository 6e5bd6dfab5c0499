"""Special functions: composites of polynomials, differentiated as the functions they stand for."""

from __future__ import annotations

import math

from lossary.formula.expression import node
from lossary.formula.special.error_function import erf
from lossary.formula.special.gamma import derivative_of_trigamma, digamma, log_gamma, trigamma
from lossary.formula.table import POSITIVE, REAL, composite

TABLE = (
    composite(
        "erf",
        (REAL,),
        erf,
        partials=lambda x: (2 / math.sqrt(math.pi) * node("exp", -(x * x)),),
        bounded=True,
        approximate=True,
        latex_precedence=9,
    ),
    composite(
        "log_gamma",
        (POSITIVE,),
        log_gamma,
        partials=lambda x: (node("digamma", x),),
        approximate=True,
        latex=r"\log\Gamma\left({0}\right)",
        latex_precedence=9,
    ),
    composite(
        "digamma",
        (POSITIVE,),
        digamma,
        partials=lambda x: (node("trigamma", x),),
        approximate=True,
        latex=r"\psi\left({0}\right)",
        latex_precedence=9,
    ),
    composite(
        "trigamma",
        (POSITIVE,),
        trigamma,
        partials=lambda x: (derivative_of_trigamma(x),),
        approximate=True,
        latex=r"\psi'\left({0}\right)",
        latex_precedence=9,
    ),
)
