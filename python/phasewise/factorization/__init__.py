"""Nonnegative matrix factorisation: of spectrograms, of streams, and as the scikit-learn estimator `NMF`."""

from phasewise.factorization.activations import StreamingActivations
from phasewise.factorization.clustering import cluster_components
from phasewise.factorization.convolutive import nmfd, nmfd_parts
from phasewise.factorization.estimator import NMF
from phasewise.factorization.online import OnlineNMF
from phasewise.factorization.parts import nmf_parts
from phasewise.factorization.updates import nmf

__all__ = [
    "NMF",
    "OnlineNMF",
    "StreamingActivations",
    "cluster_components",
    "nmf",
    "nmf_parts",
    "nmfd",
    "nmfd_parts",
]
