"""How a formula becomes a loss: its declaration, facts, expressions and docstring. No arrays here.

In the order of their imports: ``common_arguments`` (what every loss takes), ``declaration`` (what
the formula's signature says), ``definition`` (the facts of a loss), ``expressions`` (the loss with
weights, mask and derivatives, per variant), ``docstring``.
"""
