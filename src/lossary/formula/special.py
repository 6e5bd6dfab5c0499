"""Special functions as expressions: one spelling for arrays, kernels and derivatives.

Each is a few polynomials in operations that every array library and every kernel has. Both sides
of a choice are computed, so the arguments of each side are held where it is finite. Choices hold
them, not maxima, whose derivative at a tie is that of a constant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lossary.formula.expression import Expression, argument, literal, node

# As tools/minimax.py prints them, lowest degree first; the root of digamma in three parts.
_ERF = (
    0.1283791670955126,
    -0.3761263890318375,
    0.11283791670954857,
    -0.026866170645072893,
    0.005223977624780838,
    -0.0008548326978740622,
    0.000120553310368449,
    -1.4925593505645053e-05,
    1.646097279815068e-06,
    -1.6350025034086767e-07,
    1.4657878650325638e-08,
    -1.1365661644367267e-09,
    5.945254923277616e-11,
)
_ERFC = (
    0.25539567631050575,
    0.4271858474139585,
    0.24165819424246487,
    0.07897858101571044,
    0.003732892404522602,
    -0.006997461737169005,
    -0.0008471432591363622,
    0.0009819769416756314,
    4.355573153772296e-05,
    -0.00017435934523198085,
    2.7525454715883614e-05,
    2.7559337381245887e-05,
    -1.3988874496031445e-05,
    -1.2819828872169879e-06,
    3.999996976072841e-06,
    -1.343014067230346e-06,
    -1.1852859897222531e-06,
)
_LOG_GAMMA = (
    0.42278433509846713,
    -0.40126920669741567,
    0.12617080324107624,
    -0.13897748719618933,
    0.08293806015374305,
    -0.08715639051923704,
    0.06232322449154237,
    -0.06410725845943481,
    0.04993339830679973,
    -0.0508338438093989,
    0.0416403563975457,
    -0.04215556381530573,
    0.035708519971256625,
    -0.036030836199432405,
    0.031165998892738116,
    -0.0313782710280449,
    0.028610767512846694,
    -0.028779963611415993,
    0.019694068722776847,
    -0.01972286260456,
    0.040808083099556566,
    -0.04105444714241185,
)
_DIGAMMA = (
    0.39265376930205265,
    -0.12882414006395013,
    -0.17095648259097937,
    -0.01259086367450006,
    -0.02423572300045494,
    -0.008657270857614426,
    -0.008160099628531276,
    -0.005135156795042304,
    -0.004168917338376113,
    -0.0031811837582641327,
    -0.0025959878844068847,
    -0.0021269265310464233,
    -0.001783961776362362,
    -0.0015139088860162886,
    -0.0013215896386478553,
    -0.0011588808299566752,
    -0.0008749357265877176,
    -0.0007299892189218683,
    -0.0012539091574491708,
    -0.0012076029541902356,
)
_TRIGAMMA = (
    0.6449340668482264,
    0.31834697526792505,
    0.06543058442052227,
    -0.04783476085066564,
    0.030058839700689458,
    -0.016392754890006713,
    0.007899644121988951,
    -0.0034592533908906972,
    0.0014227939353939495,
    -0.0005642335531243603,
    0.00021832922645901426,
    -8.280259295400463e-05,
    3.0891237315366156e-05,
    -1.1403190691793296e-05,
    4.432835865781696e-06,
    -1.6352843606721736e-06,
)
_LOG_GAMMA_FAR = (
    0.08333333333333331,
    -0.0027777777777247123,
    0.0007936507699907698,
    -0.0005952340082803263,
    0.0008413928521019369,
    -0.0018995140594369744,
    0.005854780794583496,
    -0.01864704165130197,
    0.03733458865185402,
)
_DIGAMMA_FAR = (
    -0.08333333333333302,
    0.0083333333324836,
    -0.003968253588036328,
    0.004166600707923964,
    -0.00756994765337381,
    0.02079811752160073,
    -0.07413171349441633,
    0.25868000405192043,
    -0.5444827032676903,
)
_TRIGAMMA_FAR = (
    0.16666666666666616,
    -0.03333333333157892,
    0.023809522834126646,
    -0.033333121629353146,
    0.07573395813230521,
    -0.25156804049587633,
    1.102767684854054,
    -5.33960699688249,
    21.53506467521826,
    -47.039243399409024,
)
_ROOT = (1.4616321325302124, 1.2438149938918909e-08, 4.341643069426251e-25)


def erf(x: Expression) -> Expression:
    """Odd polynomial up to 1, one minus a scaled exponential beyond."""
    size = abs(x)
    inside = _clip(x, -1, 1)
    near = inside + inside * _polynomial(_ERF, inside * inside)
    beyond = _clip(size, 1, 6)  # the complement is below half a unit from 6 on
    tail = node("exp", -(beyond * beyond)) * _polynomial(_ERFC, (2 - beyond) / (2 + beyond))
    far = 1 - tail
    return node("where", size < 1, near, node("where", x < 0, -far, far))


def log_gamma(x: Expression) -> Expression:
    """log(gamma(x)): by its zeros at 1 and 2 up to 4, one step up below 1, Stirling from 4 on."""
    logarithm = node("log", x)
    small = x < 1
    y = node("where", x < 4, x, 4)
    # The distances from the zeros, of x + 1 where x is below 1.
    one, two = node("where", small, x, y - 1), node("where", small, x - 1, y - 2)
    near = one * two * _polynomial(_LOG_GAMMA, two / (two + 4))
    w = node("where", x < 4, 4, x)
    rest = (math.log(2 * math.pi) - 1) / 2 + _polynomial(_LOG_GAMMA_FAR, 1 / (w * w)) / w
    far = (w - 0.5) * (logarithm - 1) + rest
    return node("where", x < 4, near - node("where", small, logarithm, 0), far)


def digamma(x: Expression) -> Expression:
    """Return the derivative of log_gamma: by its root up to 4, by its series from 4 on."""
    small, y = _stepped(x)
    high, low, lowest = _ROOT
    from_root = node("where", small, x - (high - 1), y - high) - low - lowest
    near = from_root * ((y + 2) / y) * _polynomial(_DIGAMMA, (y - 2) / (y + 2))
    w = node("where", x < 4, 4, x)
    z = 1 / (w * w)
    far = node("log", x) - (0.5 / w - z * _polynomial(_DIGAMMA_FAR, z))
    return _positive(x, near - node("where", small, 1 / abs(x), 0), far)


def trigamma(x: Expression) -> Expression:
    """Return the derivative of digamma."""
    small, y = _stepped(x)
    near = (y + 2) / (y * y) * _polynomial(_TRIGAMMA, (y - 2) / (y + 2))
    w = node("where", x < 4, 4, x)
    z = 1 / (w * w)
    far = (1 + (0.5 / w + z * _polynomial(_TRIGAMMA_FAR, z))) / w
    return _positive(x, near + node("where", small, 1 / (x * x), 0), far)


def slope_of_trigamma(x: Expression) -> Expression:
    """Return the derivative of trigamma: that of its polynomials."""
    from lossary.formula.gradient import own_derivative
    from lossary.formula.rewrite import replace

    symbol = argument("x")
    return replace(own_derivative(trigamma(symbol), symbol), {id(symbol): x})


def _stepped(x: Expression) -> tuple[Expression, Expression]:
    """Return where x is below 1, and x + 1 there, else x, at most 4."""
    small = x < 1
    return small, node("where", small, x + 1, node("where", x < 4, x, 4))


def _positive(x: Expression, near: Expression, far: Expression) -> Expression:
    found = node("where", x < 4, near, far)
    return node("where", x < 0, math.nan, found)


def _clip(x: Expression, low: float, high: float) -> Expression:
    return node("minimum", node("maximum", x, low), high)


def _polynomial(coefficients: Sequence[float], x: Expression) -> Expression:
    """Evaluate a polynomial, its lowest degree given first."""
    total = literal(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total
