"""Balancers that the suite can start: the reference, its flaws, and any program."""
