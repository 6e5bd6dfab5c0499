"""Compiled host kernels: plan to source to function, vector mathematics, threads, cache."""
