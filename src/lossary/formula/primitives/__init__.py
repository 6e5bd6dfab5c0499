"""The primitives, a file for each kind of operation.

Adding an operation is one :class:`~lossary.formula.table.Primitive` in the table of one of these
files. Tests run over all of them: derivatives against differences, kernels against arrays, printed
forms read back. The conventions at kinks are set here and nowhere else:

* the derivative of ``max(0, z)`` is 0 at z = 0 (at a tie it goes to the constant, else to the
  first operand);
* the derivative of ``|r|`` is 0 at r = 0;
* at a tie in a maximum over classes it goes to the first class;
* ``scale(c, x)`` is ``c * x``, but 0 where c is 0 and x infinite; ``safe_product(a, b)``, which
  multiplies derivatives, is 0 where either factor is.
"""

from lossary.formula.primitives.arithmetic import TABLE as ARITHMETIC
from lossary.formula.primitives.choices import TABLE as CHOICES
from lossary.formula.primitives.classes import TABLE as CLASSES
from lossary.formula.primitives.cumulative import TABLE as CUMULATIVE
from lossary.formula.primitives.deviances import TABLE as DEVIANCES
from lossary.formula.primitives.differences import TABLE as DIFFERENCES
from lossary.formula.primitives.excesses import TABLE as EXCESSES
from lossary.formula.primitives.exponentials import TABLE as EXPONENTIALS
from lossary.formula.primitives.order import TABLE as ORDER
from lossary.formula.primitives.powers import TABLE as POWERS
from lossary.formula.primitives.softmax import TABLE as SOFTMAX
from lossary.formula.primitives.special import TABLE as SPECIAL

#: Every primitive. ``lossary.formula`` fills the table with them.
ALL = (
    *ARITHMETIC,
    *CHOICES,
    *EXPONENTIALS,
    *EXCESSES,
    *DIFFERENCES,
    *POWERS,
    *DEVIANCES,
    *CLASSES,
    *CUMULATIVE,
    *ORDER,
    *SPECIAL,
    *SOFTMAX,
)
