"""How a call becomes a result.

In the order of their imports: ``array_library`` (which library computes), ``domain_check``,
``dtypes``, ``parameters``, ``shapes``, ``preparation`` and ``checks`` (a request becomes a
computation), ``evaluation`` (what is wanted of it), ``call_cache``, ``inline`` (calls with the
symbols of a formula), ``flow`` (all of it in one function). ``given_array`` is for functions of
arrays that are not losses.
"""
