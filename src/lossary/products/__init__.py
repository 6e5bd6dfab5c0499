"""Rows from a matrix product: losses of features and a classifier, whose logits are never stored.

``linear.py`` makes such a loss of any loss along an axis, ``computation.py`` checks a call,
``sweep.py`` runs it in blocks of rows; a library has a file where it does more than the base.
``pairs.py`` is for losses of all pairs in a batch: embeddings are prepared, and their products
computed by the same sweep.
"""
