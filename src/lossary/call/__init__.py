"""How a call becomes a result.

In the order of their imports: ``request`` (the arguments bound to names), ``array_library`` (which
library computes), ``shapes``, ``dtypes``, ``parameters`` and ``checks`` (what was given becomes a
computation), ``inline`` (calls with the symbols of a formula), ``flow`` (all of it in one
function).
"""
