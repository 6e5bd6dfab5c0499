"""The functions that formulas are written with, besides Python's operators.

Every function takes symbols and Python numbers and returns a symbol.
"""
