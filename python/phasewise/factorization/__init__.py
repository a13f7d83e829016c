"""Nonnegative matrix factorisation: `nmf`, the scikit-learn estimator `NMF`, and `cluster_components`."""

from phasewise.factorization.updates import nmf

__all__ = ["nmf"]
