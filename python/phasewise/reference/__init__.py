"""Slow, obvious numpy twins of every kernel: the readable statement of each algorithm."""
