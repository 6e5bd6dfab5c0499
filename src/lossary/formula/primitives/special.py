"""Special functions: composites of polynomials, differentiated as the functions they stand for."""

from __future__ import annotations

import math

from lossary.formula.expression import node
from lossary.formula.special.circular import arctan, cos_pi, sin_pi
from lossary.formula.special.derived import derivative_of
from lossary.formula.special.error_function import erf
from lossary.formula.special.gamma import digamma, log_gamma, trigamma
from lossary.formula.special.gamma_differences import log_gamma_half_step, log_rising_excess
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
        partials=lambda x: (derivative_of(trigamma, (x,)),),
        approximate=True,
        latex=r"\psi'\left({0}\right)",
        latex_precedence=9,
    ),
    composite(
        "log_gamma_half_step",
        (POSITIVE,),
        log_gamma_half_step,
        partials=lambda x: (derivative_of(log_gamma_half_step, (x,)),),
        approximate=True,
    ),
    composite(
        "log_rising_excess",
        (POSITIVE, POSITIVE),
        log_rising_excess,
        partials=lambda r, t: (
            derivative_of(log_rising_excess, (r, t), 0),
            derivative_of(log_rising_excess, (r, t), 1),
        ),
        approximate=True,
    ),
    composite(
        "sin_pi",
        (REAL,),
        sin_pi,
        partials=lambda x: (math.pi * node("cos_pi", x),),
        approximate=True,
        bounded=True,
        latex=r"\sin\left(\pi \, {0:7}\right)",
        latex_precedence=9,
    ),
    composite(
        "cos_pi",
        (REAL,),
        cos_pi,
        partials=lambda x: (-math.pi * node("sin_pi", x),),
        approximate=True,
        bounded=True,
        latex=r"\cos\left(\pi \, {0:7}\right)",
        latex_precedence=9,
    ),
    composite(
        "arctan",
        (REAL,),
        arctan,
        partials=lambda x: (1 / (1 + x * x),),
        approximate=True,
        bounded=True,
        latex=r"\arctan\left({0}\right)",
        latex_precedence=9,
    ),
)
