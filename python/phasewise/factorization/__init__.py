"""Nonnegative matrix factorisation: `nmf`, the scikit-learn estimator `NMF`, and `cluster_components`."""

from phasewise.factorization.clustering import cluster_components
from phasewise.factorization.estimator import NMF
from phasewise.factorization.updates import nmf

__all__ = ["NMF", "cluster_components", "nmf"]
