"""Slow, obvious numpy twins of every kernel: the readable statement of each algorithm.

The fast code is tested against these functions, and they are meant to be read. They need numpy only, follow
the package's array conventions (spectrogram ``(..., freq, frames)``, source axis -3) and compute in double
precision; they check nothing that the public functions check already.
"""
