"""Special functions as expressions: one spelling for arrays, kernels and derivatives.

Each is a few polynomials in operations that every array library and every kernel has. Both branches
of a choice are computed everywhere, so each branch's argument is limited to where that branch is
finite. Choices limit them, not maxima, whose derivative at a tie is that of the constant.
"""
