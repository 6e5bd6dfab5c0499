"""Compiled host kernels: a formula evaluated on vector registers, inside loops over memory."""
