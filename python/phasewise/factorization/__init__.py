"""Nonnegative matrix factorisation."""

from phasewise.factorization.updates import nmf

__all__ = ["nmf"]
