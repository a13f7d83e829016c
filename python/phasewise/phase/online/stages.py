"""The online methods by name, as streaming separation and refinement choose them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from phasewise._validate import choice
from phasewise.errors import ParameterError
from phasewise.filters.online import OnlineAnisotropicWiener
from phasewise.phase.online._stage import MixtureStage
from phasewise.phase.online.inversion import OnlineInversion
from phasewise.phase.online.unwrapping import OnlinePUIter
from phasewise.phase.online.wiener import OnlineWiener

__all__ = ["ONLINE_METHODS", "make_stage", "method_name"]

_INVERSIONS = ("MISI", "RAAR", "RRR", "Mix+Incons", "Mix+Incons_hardMag", "Mag+Incons_hardMix")
# Name -> what makes the stage, and the options that it takes.
_STAGES: dict[str, tuple[Callable[..., MixtureStage], tuple[str, ...]]] = {
    "wiener": (OnlineWiener, ("power",)),
    "anisotropic": (OnlineAnisotropicWiener, ("kappa",)),
    "PU-Iter": (OnlinePUIter, ("n_iter",)),
    **{name: (partial(OnlineInversion, algo=name), ("lookahead", "n_iter", "init")) for name in _INVERSIONS},
}
#: Names of the methods of `StreamingSeparator`, `StreamingRefiner` and ``phasewise live``.
ONLINE_METHODS = tuple(_STAGES)


def method_name(argument: str, value: str) -> str:
    """Return the method's name as the package spells it; upper and lower case do not matter."""
    known = {name.lower(): name for name in ONLINE_METHODS}
    return choice(argument, known.get(str(value).lower(), value), ONLINE_METHODS)


def make_stage(method: str, n_sources: int, transform: dict[str, Any], **options: Any) -> MixtureStage:
    """Return the stage of a method.

    Parameters
    ----------
    method : str
        One of ``ONLINE_METHODS``.
    n_sources : int
    transform : dict
        ``n_fft``, ``hop_length``, ``window``, ``channels`` and ``dtype``.
    **options
        ``lookahead``, ``n_iter``, ``init``, ``kappa``, ``power``; None leaves the method's default.

    Raises
    ------
    ParameterError
        If the method has no such option, or a value is out of range.
    """
    stage, known = _STAGES[method]
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in known:
            raise ParameterError(
                f"{name} is of no use to the method {method!r}, which takes "
                f"{', '.join(known) or 'no options'}; leave it out or choose another method."
            )
    return stage(n_sources, **transform, **given)
