"""Compiled core of phasewise; made by tools/make_stub.py."""

from collections.abc import Callable, Sequence
from typing import overload

import numpy
from numpy.typing import NDArray

class Activations32:
    def __init__(self, w: NDArray[numpy.float32], beta: float, iterations: int) -> None: ...
    def fit(self, v: NDArray[numpy.float32], h: NDArray[numpy.float32]) -> None: ...

class Activations64:
    def __init__(self, w: NDArray[numpy.float64], beta: float, iterations: int) -> None: ...
    def fit(self, v: NDArray[numpy.float64], h: NDArray[numpy.float64]) -> None: ...

class BregmanRule32:
    def __init__(self, *, beta: float, squares: bool, left: bool, floor: float, step: float) -> None: ...

class BregmanRule64:
    def __init__(self, *, beta: float, squares: bool, left: bool, floor: float, step: float) -> None: ...

class FilterBank32:
    def __init__(self, weights: NDArray[numpy.float32]) -> None: ...
    @property
    def count(self) -> int: ...

class FilterBank64:
    def __init__(self, weights: NDArray[numpy.float64]) -> None: ...
    @property
    def count(self) -> int: ...

class FrameGroup:
    def __init__(self, first: int, last: int, weight: float, edges: Sequence[int]) -> None: ...

class FrameStage32:
    @property
    def received(self) -> int: ...
    @property
    def latency(self) -> int: ...
    def settled(self, frames: int) -> int: ...
    @property
    def unsettled(self) -> int: ...
    def reset(self) -> None: ...
    def push(
        self,
        mixture: NDArray[numpy.complex64] | None,
        magnitudes: NDArray[numpy.float32],
        out: NDArray[numpy.float32],
        onsets: NDArray[numpy.bool] | None = None,
    ) -> None: ...
    def flush(self, length: int, out: NDArray[numpy.float32]) -> None: ...
    def push_spectra(
        self,
        mixture: NDArray[numpy.complex64] | None,
        magnitudes: NDArray[numpy.float32],
        out: NDArray[numpy.complex64],
        onsets: NDArray[numpy.bool] | None = None,
    ) -> None: ...
    def flush_spectra(self, out: NDArray[numpy.complex64]) -> None: ...

class FrameStage64:
    @property
    def received(self) -> int: ...
    @property
    def latency(self) -> int: ...
    def settled(self, frames: int) -> int: ...
    @property
    def unsettled(self) -> int: ...
    def reset(self) -> None: ...
    def push(
        self,
        mixture: NDArray[numpy.complex128] | None,
        magnitudes: NDArray[numpy.float64],
        out: NDArray[numpy.float64],
        onsets: NDArray[numpy.bool] | None = None,
    ) -> None: ...
    def flush(self, length: int, out: NDArray[numpy.float64]) -> None: ...
    def push_spectra(
        self,
        mixture: NDArray[numpy.complex128] | None,
        magnitudes: NDArray[numpy.float64],
        out: NDArray[numpy.complex128],
        onsets: NDArray[numpy.bool] | None = None,
    ) -> None: ...
    def flush_spectra(self, out: NDArray[numpy.complex128]) -> None: ...

class Layer:
    misi: Layer
    mix_incons: Layer
    mix_incons_hard_mag: Layer
    mag_incons_hard_mix: Layer
    rrr: Layer
    raar: Layer
    mix: Layer

class Layers32:
    def __init__(
        self,
        plan: StftPlan32,
        *,
        length: int,
        epsilon: float,
        mixture: NDArray[numpy.complex64],
        magnitudes: NDArray[numpy.float32],
        weights: NDArray[numpy.float32] | None,
    ) -> None: ...
    def start(self, signal: NDArray[numpy.float32]) -> None: ...
    def step(
        self,
        layer: Layer,
        *,
        parameters: NDArray[numpy.float32],
        state: NDArray[numpy.complex64] | None,
        signal: NDArray[numpy.float32],
        next: NDArray[numpy.complex64] | None,
        next_signal: NDArray[numpy.float32] | None,
    ) -> None: ...
    def step_backward(
        self,
        layer: Layer,
        *,
        parameters: NDArray[numpy.float32],
        state: NDArray[numpy.complex64] | None,
        signal: NDArray[numpy.float32],
        spectra_in: NDArray[numpy.complex64] | None,
        signal_in: NDArray[numpy.float32] | None,
        spectra_out: NDArray[numpy.complex64] | None,
        signal_out: NDArray[numpy.float32],
        of_mixture: NDArray[numpy.complex64],
        of_magnitudes: NDArray[numpy.float32],
        of_weights: NDArray[numpy.float32] | None,
        of_parameters: NDArray[numpy.float32] | None,
    ) -> None: ...
    def start_backward(
        self,
        *,
        spectra_in: NDArray[numpy.complex64] | None,
        signal_in: NDArray[numpy.float32] | None,
        of_mixture: NDArray[numpy.complex64],
        of_magnitudes: NDArray[numpy.float32],
    ) -> None: ...
    def sum(
        self,
        *,
        spectra_in: NDArray[numpy.complex64] | None,
        signal_in: NDArray[numpy.float32] | None,
        out: NDArray[numpy.complex64],
    ) -> None: ...

class Layers64:
    def __init__(
        self,
        plan: StftPlan64,
        *,
        length: int,
        epsilon: float,
        mixture: NDArray[numpy.complex128],
        magnitudes: NDArray[numpy.float64],
        weights: NDArray[numpy.float64] | None,
    ) -> None: ...
    def start(self, signal: NDArray[numpy.float64]) -> None: ...
    def step(
        self,
        layer: Layer,
        *,
        parameters: NDArray[numpy.float64],
        state: NDArray[numpy.complex128] | None,
        signal: NDArray[numpy.float64],
        next: NDArray[numpy.complex128] | None,
        next_signal: NDArray[numpy.float64] | None,
    ) -> None: ...
    def step_backward(
        self,
        layer: Layer,
        *,
        parameters: NDArray[numpy.float64],
        state: NDArray[numpy.complex128] | None,
        signal: NDArray[numpy.float64],
        spectra_in: NDArray[numpy.complex128] | None,
        signal_in: NDArray[numpy.float64] | None,
        spectra_out: NDArray[numpy.complex128] | None,
        signal_out: NDArray[numpy.float64],
        of_mixture: NDArray[numpy.complex128],
        of_magnitudes: NDArray[numpy.float64],
        of_weights: NDArray[numpy.float64] | None,
        of_parameters: NDArray[numpy.float64] | None,
    ) -> None: ...
    def start_backward(
        self,
        *,
        spectra_in: NDArray[numpy.complex128] | None,
        signal_in: NDArray[numpy.float64] | None,
        of_mixture: NDArray[numpy.complex128],
        of_magnitudes: NDArray[numpy.float64],
    ) -> None: ...
    def sum(
        self,
        *,
        spectra_in: NDArray[numpy.complex128] | None,
        signal_in: NDArray[numpy.float64] | None,
        out: NDArray[numpy.complex128],
    ) -> None: ...

class NmfOptions:
    def __init__(self) -> None: ...
    beta: float
    iterations: int
    tol: float
    update_w: bool
    update_h: bool
    l1_w: float
    l1_h: float
    l2_w: float
    l2_h: float
    smooth_h: float
    group_h: float
    group_scale: float
    normalize_w: bool
    accelerate: bool
    guard_l2: bool

class OnlineStart:
    mixture: OnlineStart
    wiener: OnlineStart
    sinusoidal: OnlineStart
    overlap: OnlineStart

class Padding:
    none: Padding
    zeros: Padding
    reflect: Padding
    edge: Padding

class SourceMagnitudes32:
    def __init__(
        self,
        w: NDArray[numpy.float32],
        shares: NDArray[numpy.float32],
        ranks: Sequence[int],
        edges: Sequence[int],
        groups: Sequence[FrameGroup],
        beta: float,
        iterations: int,
    ) -> None: ...
    @property
    def latency(self) -> int: ...
    def frames(self, frames: int) -> int: ...
    @property
    def flush_frames(self) -> int: ...
    @property
    def received(self) -> int: ...
    def push(self, v: NDArray[numpy.float32], out: NDArray[numpy.float32]) -> None: ...
    def flush(self, out: NDArray[numpy.float32]) -> None: ...
    def reset(self) -> None: ...

class SourceMagnitudes64:
    def __init__(
        self,
        w: NDArray[numpy.float64],
        shares: NDArray[numpy.float64],
        ranks: Sequence[int],
        edges: Sequence[int],
        groups: Sequence[FrameGroup],
        beta: float,
        iterations: int,
    ) -> None: ...
    @property
    def latency(self) -> int: ...
    def frames(self, frames: int) -> int: ...
    @property
    def flush_frames(self) -> int: ...
    @property
    def received(self) -> int: ...
    def push(self, v: NDArray[numpy.float64], out: NDArray[numpy.float64]) -> None: ...
    def flush(self, out: NDArray[numpy.float64]) -> None: ...
    def reset(self) -> None: ...

class StftPlan32:
    def __init__(self, window: NDArray[numpy.float64], hop: int, padding: Padding) -> None: ...
    def frames(self, samples: int) -> int: ...
    def samples(self, frames: int) -> int: ...
    def analyze(self, signal: NDArray[numpy.float32], out: NDArray[numpy.complex64]) -> bool: ...
    def analyze_features(
        self,
        signal: NDArray[numpy.float32],
        exponent: float,
        filters: FilterBank32,
        floor: float,
        out: NDArray[numpy.float32],
    ) -> bool: ...
    def analyze_two_sided(self, signal: NDArray[numpy.complex64], out: NDArray[numpy.complex64]) -> bool: ...
    def synthesize(self, spectrum: NDArray[numpy.complex64], out: NDArray[numpy.float32]) -> bool: ...
    def synthesize_two_sided(
        self, spectrum: NDArray[numpy.complex64], out: NDArray[numpy.complex64]
    ) -> bool: ...
    def project(
        self, spectrum: NDArray[numpy.complex64], length: int, out: NDArray[numpy.complex64]
    ) -> bool: ...
    def analyze_adjoint(self, spectrum: NDArray[numpy.complex64], out: NDArray[numpy.float32]) -> None: ...
    def synthesize_adjoint(self, signal: NDArray[numpy.float32], out: NDArray[numpy.complex64]) -> None: ...

class StftPlan64:
    def __init__(self, window: NDArray[numpy.float64], hop: int, padding: Padding) -> None: ...
    def frames(self, samples: int) -> int: ...
    def samples(self, frames: int) -> int: ...
    def analyze(self, signal: NDArray[numpy.float64], out: NDArray[numpy.complex128]) -> bool: ...
    def analyze_features(
        self,
        signal: NDArray[numpy.float64],
        exponent: float,
        filters: FilterBank64,
        floor: float,
        out: NDArray[numpy.float64],
    ) -> bool: ...
    def analyze_two_sided(
        self, signal: NDArray[numpy.complex128], out: NDArray[numpy.complex128]
    ) -> bool: ...
    def synthesize(self, spectrum: NDArray[numpy.complex128], out: NDArray[numpy.float64]) -> bool: ...
    def synthesize_two_sided(
        self, spectrum: NDArray[numpy.complex128], out: NDArray[numpy.complex128]
    ) -> bool: ...
    def project(
        self, spectrum: NDArray[numpy.complex128], length: int, out: NDArray[numpy.complex128]
    ) -> bool: ...
    def analyze_adjoint(self, spectrum: NDArray[numpy.complex128], out: NDArray[numpy.float64]) -> None: ...
    def synthesize_adjoint(self, signal: NDArray[numpy.float64], out: NDArray[numpy.complex128]) -> None: ...

class StreamingIstft32:
    def __init__(self, plan: StftPlan32, channels: int) -> None: ...
    @property
    def latency(self) -> int: ...
    @property
    def received(self) -> int: ...
    def reset(self) -> None: ...
    def samples(self, frames: int) -> int: ...
    @property
    def returned(self) -> int: ...
    def push(self, spectrum: NDArray[numpy.complex64], out: NDArray[numpy.float32]) -> None: ...
    def flush(self, length: int, out: NDArray[numpy.float32]) -> None: ...

class StreamingIstft64:
    def __init__(self, plan: StftPlan64, channels: int) -> None: ...
    @property
    def latency(self) -> int: ...
    @property
    def received(self) -> int: ...
    def reset(self) -> None: ...
    def samples(self, frames: int) -> int: ...
    @property
    def returned(self) -> int: ...
    def push(self, spectrum: NDArray[numpy.complex128], out: NDArray[numpy.float64]) -> None: ...
    def flush(self, length: int, out: NDArray[numpy.float64]) -> None: ...

class StreamingStft32:
    def __init__(self, plan: StftPlan32, channels: int) -> None: ...
    @property
    def latency(self) -> int: ...
    @property
    def received(self) -> int: ...
    def reset(self) -> None: ...
    def frames(self, samples: int) -> int: ...
    @property
    def flush_frames(self) -> int: ...
    def push(self, block: NDArray[numpy.float32], out: NDArray[numpy.complex64]) -> None: ...
    def flush(self, out: NDArray[numpy.complex64]) -> None: ...

class StreamingStft64:
    def __init__(self, plan: StftPlan64, channels: int) -> None: ...
    @property
    def latency(self) -> int: ...
    @property
    def received(self) -> int: ...
    def reset(self) -> None: ...
    def frames(self, samples: int) -> int: ...
    @property
    def flush_frames(self) -> int: ...
    def push(self, block: NDArray[numpy.float64], out: NDArray[numpy.complex128]) -> None: ...
    def flush(self, out: NDArray[numpy.complex128]) -> None: ...

class Update:
    griffin_lim: Update
    misi: Update
    mix_incons: Update
    mix_incons_hard_mag: Update
    incons_hard_mix: Update
    mag_incons_hard_mix: Update
    reflection: Update
    bregman: Update
    bregman_reflection: Update

class Weighting:
    equal: Weighting
    magnitude: Weighting
    wiener: Weighting
    given: Weighting

def active_isa() -> str: ...
@overload
def anisotropic_wiener(
    *,
    mixture: NDArray[numpy.complex64],
    magnitudes: NDArray[numpy.float32],
    concentrations: NDArray[numpy.float64],
    n_fft: int,
    hop: int,
    start_angles: NDArray[numpy.float32] | None = None,
    start_values: NDArray[numpy.complex64] | None = None,
    onsets: NDArray[numpy.bool] | None = None,
    onset_angles: NDArray[numpy.float32] | None = None,
    onset_values: NDArray[numpy.complex64] | None = None,
    estimate: NDArray[numpy.complex64],
    prior: NDArray[numpy.complex64] | None = None,
    variance: NDArray[numpy.float32] | None = None,
    relation: NDArray[numpy.complex64] | None = None,
) -> None: ...
@overload
def anisotropic_wiener(
    *,
    mixture: NDArray[numpy.complex128],
    magnitudes: NDArray[numpy.float64],
    concentrations: NDArray[numpy.float64],
    n_fft: int,
    hop: int,
    start_angles: NDArray[numpy.float64] | None = None,
    start_values: NDArray[numpy.complex128] | None = None,
    onsets: NDArray[numpy.bool] | None = None,
    onset_angles: NDArray[numpy.float64] | None = None,
    onset_values: NDArray[numpy.complex128] | None = None,
    estimate: NDArray[numpy.complex128],
    prior: NDArray[numpy.complex128] | None = None,
    variance: NDArray[numpy.float64] | None = None,
    relation: NDArray[numpy.complex128] | None = None,
) -> None: ...
def available_isas() -> list[str]: ...
@overload
def blend_with_prior(
    *,
    mixture: NDArray[numpy.complex64],
    magnitudes: NDArray[numpy.float32],
    prior: NDArray[numpy.complex64] | None = None,
    estimate: NDArray[numpy.complex64],
    trust: NDArray[numpy.float64],
) -> None: ...
@overload
def blend_with_prior(
    *,
    mixture: NDArray[numpy.complex128],
    magnitudes: NDArray[numpy.float64],
    prior: NDArray[numpy.complex128] | None = None,
    estimate: NDArray[numpy.complex128],
    trust: NDArray[numpy.float64],
) -> None: ...

compiler: str

@overload
def consistent_wiener(
    plan: StftPlan32,
    *,
    magnitudes: NDArray[numpy.float32],
    concentrations: NDArray[numpy.float64],
    prior: NDArray[numpy.complex64] | None,
    weight: float,
    majorise: bool,
    n_iter: int,
    tolerance: float,
    length: int,
    estimate: NDArray[numpy.complex64],
    cost: NDArray[numpy.float64] | None = None,
) -> None: ...
@overload
def consistent_wiener(
    plan: StftPlan64,
    *,
    magnitudes: NDArray[numpy.float64],
    concentrations: NDArray[numpy.float64],
    prior: NDArray[numpy.complex128] | None,
    weight: float,
    majorise: bool,
    n_iter: int,
    tolerance: float,
    length: int,
    estimate: NDArray[numpy.complex128],
    cost: NDArray[numpy.float64] | None = None,
) -> None: ...

eigen_version: str

def empty(bytes: int) -> NDArray[numpy.uint8]: ...
@overload
def feasible_magnitudes(
    *, mixture: NDArray[numpy.complex64], magnitudes: NDArray[numpy.float32], feasible: NDArray[numpy.float32]
) -> None: ...
@overload
def feasible_magnitudes(
    *,
    mixture: NDArray[numpy.complex128],
    magnitudes: NDArray[numpy.float64],
    feasible: NDArray[numpy.float64],
) -> None: ...
@overload
def invert(
    plan: StftPlan32,
    *,
    mixture: NDArray[numpy.complex64] | None,
    magnitudes: NDArray[numpy.float32],
    weights: NDArray[numpy.float32] | None = None,
    exponent: float | None = None,
    refresh_weights: bool = False,
    update: Update,
    mix_first: bool = False,
    from_mixture: bool = False,
    signals_only: bool = False,
    alpha: float = 0.0,
    beta: float = 0.0,
    gamma: float = 0.0,
    sigma: float = 0.0,
    momentum: float = 0.0,
    rule: BregmanRule32 | None = None,
    n_iter: int,
    length: int,
    estimate: NDArray[numpy.complex64],
    previous: NDArray[numpy.float32] | None = None,
    resume: bool = False,
    iterate: NDArray[numpy.complex64] | None = None,
    signal: NDArray[numpy.float32] | None = None,
    cost: NDArray[numpy.float64] | None = None,
) -> None: ...
@overload
def invert(
    plan: StftPlan64,
    *,
    mixture: NDArray[numpy.complex128] | None,
    magnitudes: NDArray[numpy.float64],
    weights: NDArray[numpy.float64] | None = None,
    exponent: float | None = None,
    refresh_weights: bool = False,
    update: Update,
    mix_first: bool = False,
    from_mixture: bool = False,
    signals_only: bool = False,
    alpha: float = 0.0,
    beta: float = 0.0,
    gamma: float = 0.0,
    sigma: float = 0.0,
    momentum: float = 0.0,
    rule: BregmanRule64 | None = None,
    n_iter: int,
    length: int,
    estimate: NDArray[numpy.complex128],
    previous: NDArray[numpy.float64] | None = None,
    resume: bool = False,
    iterate: NDArray[numpy.complex128] | None = None,
    signal: NDArray[numpy.float64] | None = None,
    cost: NDArray[numpy.float64] | None = None,
) -> None: ...
def limit_threads(n: int) -> None: ...
@overload
def mixing_iterations(
    *,
    mixture: NDArray[numpy.complex64],
    magnitudes: NDArray[numpy.float32],
    weighting: Weighting,
    weights: NDArray[numpy.float32] | None,
    refresh: bool,
    anchor: float = 0.0,
    n_iter: int,
    n_fft: int,
    hop: int,
    start_angles: NDArray[numpy.float32] | None = None,
    start_values: NDArray[numpy.complex64] | None = None,
    onsets: NDArray[numpy.bool] | None = None,
    onset_angles: NDArray[numpy.float32] | None = None,
    onset_values: NDArray[numpy.complex64] | None = None,
    estimate: NDArray[numpy.complex64],
    cost: NDArray[numpy.float64] | None = None,
) -> None: ...
@overload
def mixing_iterations(
    *,
    mixture: NDArray[numpy.complex128],
    magnitudes: NDArray[numpy.float64],
    weighting: Weighting,
    weights: NDArray[numpy.float64] | None,
    refresh: bool,
    anchor: float = 0.0,
    n_iter: int,
    n_fft: int,
    hop: int,
    start_angles: NDArray[numpy.float64] | None = None,
    start_values: NDArray[numpy.complex128] | None = None,
    onsets: NDArray[numpy.bool] | None = None,
    onset_angles: NDArray[numpy.float64] | None = None,
    onset_values: NDArray[numpy.complex128] | None = None,
    estimate: NDArray[numpy.complex128],
    cost: NDArray[numpy.float64] | None = None,
) -> None: ...

most_unfolded_sources: int

@overload
def multichannel_wiener(
    *,
    mixture: NDArray[numpy.complex64],
    estimate: NDArray[numpy.complex64],
    noise: float,
    posterior: bool,
    n_iter: int,
    cost: NDArray[numpy.float64] | None = None,
) -> None: ...
@overload
def multichannel_wiener(
    *,
    mixture: NDArray[numpy.complex128],
    estimate: NDArray[numpy.complex128],
    noise: float,
    posterior: bool,
    n_iter: int,
    cost: NDArray[numpy.float64] | None = None,
) -> None: ...
@overload
def nmf(
    v: NDArray[numpy.float32],
    w: NDArray[numpy.float32],
    h: NDArray[numpy.float32],
    weights: NDArray[numpy.float32] | None,
    fixed: NDArray[numpy.bool] | None,
    groups: NDArray[numpy.uint32] | None,
    costs: NDArray[numpy.float64],
    done: NDArray[numpy.uint64],
    options: NmfOptions,
    want_costs: bool,
    callback: Callable[[float], bool] | None,
) -> bool: ...
@overload
def nmf(
    v: NDArray[numpy.float64],
    w: NDArray[numpy.float64],
    h: NDArray[numpy.float64],
    weights: NDArray[numpy.float64] | None,
    fixed: NDArray[numpy.bool] | None,
    groups: NDArray[numpy.uint32] | None,
    costs: NDArray[numpy.float64],
    done: NDArray[numpy.uint64],
    options: NmfOptions,
    want_costs: bool,
    callback: Callable[[float], bool] | None,
) -> bool: ...
@overload
def nmf_divergence(
    v: NDArray[numpy.float32],
    w: NDArray[numpy.float32],
    h: NDArray[numpy.float32],
    beta: float,
    out: NDArray[numpy.float64],
) -> None: ...
@overload
def nmf_divergence(
    v: NDArray[numpy.float64],
    w: NDArray[numpy.float64],
    h: NDArray[numpy.float64],
    beta: float,
    out: NDArray[numpy.float64],
) -> None: ...
def num_threads() -> int: ...
@overload
def online_anisotropic(
    plan: StftPlan32, channels: int, *, concentrations: NDArray[numpy.float64]
) -> FrameStage32: ...
@overload
def online_anisotropic(
    plan: StftPlan64, channels: int, *, concentrations: NDArray[numpy.float64]
) -> FrameStage64: ...
@overload
def online_inversion(
    plan: StftPlan32,
    channels: int,
    *,
    sources: int,
    lookahead: int,
    n_iter: int,
    mixed: bool = True,
    update: Update,
    magnitude_last: bool = False,
    alpha: float = 0.0,
    beta: float = 0.0,
    gamma: float = 0.0,
    sigma: float = 0.0,
    momentum: float = 0.0,
    exponent: float = 0.0,
    shares: Sequence[float] = [],
    start: OnlineStart,
) -> FrameStage32: ...
@overload
def online_inversion(
    plan: StftPlan64,
    channels: int,
    *,
    sources: int,
    lookahead: int,
    n_iter: int,
    mixed: bool = True,
    update: Update,
    magnitude_last: bool = False,
    alpha: float = 0.0,
    beta: float = 0.0,
    gamma: float = 0.0,
    sigma: float = 0.0,
    momentum: float = 0.0,
    exponent: float = 0.0,
    shares: Sequence[float] = [],
    start: OnlineStart,
) -> FrameStage64: ...
@overload
def online_mixing(
    plan: StftPlan32,
    channels: int,
    *,
    sources: int,
    n_iter: int,
    weighting: Weighting,
    shares: NDArray[numpy.float64],
    refresh: bool,
    anchor: float,
) -> FrameStage32: ...
@overload
def online_mixing(
    plan: StftPlan64,
    channels: int,
    *,
    sources: int,
    n_iter: int,
    weighting: Weighting,
    shares: NDArray[numpy.float64],
    refresh: bool,
    anchor: float,
) -> FrameStage64: ...
@overload
def pghi(
    *,
    magnitudes: NDArray[numpy.float32],
    n_fft: int,
    hop: int,
    centre: float,
    width: float,
    tolerance: float,
    seeds: NDArray[numpy.uint64],
    estimate: NDArray[numpy.complex64],
) -> None: ...
@overload
def pghi(
    *,
    magnitudes: NDArray[numpy.float64],
    n_fft: int,
    hop: int,
    centre: float,
    width: float,
    tolerance: float,
    seeds: NDArray[numpy.uint64],
    estimate: NDArray[numpy.complex128],
) -> None: ...
@overload
def phase_model(
    *,
    mixture: NDArray[numpy.complex64],
    levels: NDArray[numpy.float32],
    phasors: NDArray[numpy.complex64],
    turns: NDArray[numpy.complex64],
    coupling: float,
    concentrations: NDArray[numpy.float64] | None = None,
    posterior: bool = False,
    free_levels: bool = False,
    w: NDArray[numpy.float32] | None = None,
    h: NDArray[numpy.float32] | None = None,
    update_w: bool = False,
    n_iter: int,
    estimate: NDArray[numpy.complex64],
    cost: NDArray[numpy.float64] | None = None,
) -> None: ...
@overload
def phase_model(
    *,
    mixture: NDArray[numpy.complex128],
    levels: NDArray[numpy.float64],
    phasors: NDArray[numpy.complex128],
    turns: NDArray[numpy.complex128],
    coupling: float,
    concentrations: NDArray[numpy.float64] | None = None,
    posterior: bool = False,
    free_levels: bool = False,
    w: NDArray[numpy.float64] | None = None,
    h: NDArray[numpy.float64] | None = None,
    update_w: bool = False,
    n_iter: int,
    estimate: NDArray[numpy.complex128],
    cost: NDArray[numpy.float64] | None = None,
) -> None: ...
@overload
def polar(
    *, magnitudes: NDArray[numpy.float32], cycles: NDArray[numpy.float64], estimate: NDArray[numpy.complex64]
) -> None: ...
@overload
def polar(
    *, magnitudes: NDArray[numpy.float64], cycles: NDArray[numpy.float64], estimate: NDArray[numpy.complex128]
) -> None: ...
@overload
def rtpghi(
    plan: StftPlan32,
    *,
    seeds: NDArray[numpy.uint64],
    centre: float,
    width: float,
    lookahead: bool,
    tolerance: float,
) -> FrameStage32: ...
@overload
def rtpghi(
    plan: StftPlan64,
    *,
    seeds: NDArray[numpy.uint64],
    centre: float,
    width: float,
    lookahead: bool,
    tolerance: float,
) -> FrameStage64: ...
def set_isa(name: str) -> None: ...
def set_num_threads(n: int) -> None: ...
@overload
def sinusoidal_phase(
    *,
    magnitudes: NDArray[numpy.float32],
    n_fft: int,
    hop: int,
    onsets: NDArray[numpy.bool] | None = None,
    onset_angles: NDArray[numpy.float32] | None = None,
    onset_values: NDArray[numpy.complex64] | None = None,
    phase: NDArray[numpy.float32],
) -> None: ...
@overload
def sinusoidal_phase(
    *,
    magnitudes: NDArray[numpy.float64],
    n_fft: int,
    hop: int,
    onsets: NDArray[numpy.bool] | None = None,
    onset_angles: NDArray[numpy.float64] | None = None,
    onset_values: NDArray[numpy.complex128] | None = None,
    phase: NDArray[numpy.float64],
) -> None: ...
@overload
def spsi(
    *,
    magnitudes: NDArray[numpy.float32],
    n_fft: int,
    hop: int,
    centre: float,
    lobe: float,
    estimate: NDArray[numpy.complex64],
) -> None: ...
@overload
def spsi(
    *,
    magnitudes: NDArray[numpy.float64],
    n_fft: int,
    hop: int,
    centre: float,
    lobe: float,
    estimate: NDArray[numpy.complex128],
) -> None: ...
def trim_memory() -> None: ...

version: str

def von_mises_concentration(mean: float, largest: float) -> float: ...
@overload
def wiener(
    *,
    mixture: NDArray[numpy.complex64],
    magnitudes: NDArray[numpy.float32],
    weighting: Weighting,
    weights: NDArray[numpy.float32] | None,
    estimate: NDArray[numpy.complex64],
) -> None: ...
@overload
def wiener(
    *,
    mixture: NDArray[numpy.complex128],
    magnitudes: NDArray[numpy.float64],
    weighting: Weighting,
    weights: NDArray[numpy.float64] | None,
    estimate: NDArray[numpy.complex128],
) -> None: ...
