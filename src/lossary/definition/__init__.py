"""How a formula becomes a loss, and what a call of it is. Nothing here computes.

In the order of their imports: ``common_arguments`` (what every loss takes), ``declaration`` (what
the formula's signature says), ``definition`` (the facts of a loss), ``request`` (the arguments of a
call), ``expressions`` (the loss with weights, mask and derivatives, per variant), ``computation``
(a checked call), ``outputs`` (what it computes), ``reduction`` (sums become means), ``docstring``.
"""
