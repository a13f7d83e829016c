"""Dictionaries: what they hold, their files, and the magnitudes they find."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from phasewise._bands import band_edges, expand, pool
from phasewise.dictionary import Dictionary, available
from phasewise.errors import DictionaryError, ParameterError
from phasewise.factorization import nmf
from small_dictionary import EDGES, N_FFT, RATE, make
from tolerances import relative_error, tolerance

# ---- what it holds -----------------------------------------------------------------------------------------


def test_spectra_are_normalised_float32_and_read_only(rng):
    dictionary = make(rng)
    assert dictionary.ranks == {"low": 3, "high": 2}
    for stem, spectra in dictionary.W.items():
        assert spectra.shape == (129, dictionary.ranks[stem])
        assert spectra.dtype == np.float32
        np.testing.assert_allclose(spectra.sum(axis=0), 1, rtol=1e-6)
        with pytest.raises(ValueError, match="read-only"):
            spectra[0] = 1
    np.testing.assert_array_equal(dictionary.basis, np.hstack([dictionary.W["low"], dictionary.W["high"]]))


def test_spectra_are_constant_within_bands(rng):
    dictionary = make(rng)
    assert dictionary.bands < dictionary.bins == 129
    first = np.repeat(EDGES[:-1], np.diff(EDGES))
    np.testing.assert_array_equal(dictionary.basis, dictionary.basis[first])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stems": ("low",)}, "stems must name the keys of W"),
        ({"stems": ("low", "high", "low")}, "each once"),
        ({"stems": ("low", "hi/gh")}, "file names"),
        ({"n_fft": 0}, "n_fft must be an integer >= 1"),
        ({"n_iter": 0}, "n_iter must be an integer >= 1"),
        ({"n_fft": 512}, r"must have shape \(257, k\)"),
        ({"edges": [0, 5, 5, 129]}, "edges must rise from 0 to the 129 bins"),
        ({"edges": [0, 129]}, "constant within every band"),
    ],
)
def test_parameters_are_checked(rng, change, words):
    W = {stem: rng.random((129, 2)) for stem in change.get("stems", ("low", "high"))}
    if "low" in W and len(W) == 1:
        W["high"] = W["low"]
    arguments = {"stems": ("low", "high"), "W": W, "sample_rate": RATE, "n_fft": N_FFT, "hop_length": 64}
    with pytest.raises(ParameterError, match=words):
        Dictionary(**{**arguments, **change})


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "finite"), (-1.0, "nonnegative"), (0.0, "silent spectra, but column 1")]
)
def test_spectra_are_checked(rng, value, words):
    spectra = rng.random((129, 2))
    spectra[:, 1] = value
    with pytest.raises(ParameterError, match=rf"W\['low'\].*{words}"):
        Dictionary(("low",), {"low": spectra}, RATE, N_FFT, 64)


def test_digest_depends_on_spectra_and_parameters_only(rng):
    W = {"low": rng.random((129, 2))}
    one = Dictionary(("low",), W, RATE, N_FFT, 64, metadata={"a": "b"})
    assert one.digest == Dictionary(("low",), W, RATE, N_FFT, 64).digest
    assert one.digest != Dictionary(("low",), W, RATE, N_FFT, 32).digest
    assert one.digest != Dictionary(("low",), {"low": W["low"] + 0.1}, RATE, N_FFT, 64).digest


# ---- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edges", [None, EDGES], ids=["bins", "bands"])
def test_round_trip_through_a_file(rng, tmp_path, edges):
    dictionary = make(rng, edges=edges, n_iter=17, metadata={"licence": "CC0-1.0"})
    dictionary.save(tmp_path / "d.safetensors")
    again = Dictionary.load(tmp_path / "d.safetensors")
    assert again.stems == dictionary.stems
    assert again.metadata == {"licence": "CC0-1.0"}
    for name in ("sample_rate", "n_fft", "hop_length", "window", "beta", "n_iter", "bands"):
        assert getattr(again, name) == getattr(dictionary, name), name
    np.testing.assert_allclose(again.basis, dictionary.basis, rtol=1e-6)
    assert [entry.name for entry in tmp_path.iterdir()] == ["d.safetensors"]


def test_float16_halves_the_file_and_keeps_three_digits(rng, tmp_path):
    dictionary = make(rng, ranks=(60, 60))
    for dtype in ("float16", "float32"):
        dictionary.save(tmp_path / dtype, dtype=dtype)
    again = Dictionary.load(tmp_path / "float16")
    np.testing.assert_allclose(again.basis, dictionary.basis, rtol=2e-3, atol=1e-7 * dictionary.basis.max())
    size = {dtype: (tmp_path / dtype).stat().st_size for dtype in ("float16", "float32")}
    assert size["float16"] < 0.55 * size["float32"]


def test_load_rejects_missing_names_and_files(tmp_path):
    with pytest.raises(DictionaryError, match=r"no dictionary 'nmf-music5'.*nmf fit"):
        Dictionary.load("nmf-music5")
    with pytest.raises(DictionaryError, match=r"none\.safetensors: cannot be read: No such file"):
        Dictionary.load(tmp_path / "none.safetensors")
    with pytest.raises(DictionaryError, match="cannot be written: No such file"):
        make(np.random.default_rng(0)).save(tmp_path / "no" / "folder")


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_load_rejects_truncated_files(rng, tmp_path, cut):
    path = tmp_path / "d.safetensors"
    make(rng).save(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DictionaryError, match=r"d\.safetensors: is not an intact safetensors file"):
        Dictionary.load(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t, p: p.update(format="other"), "is not a dictionary of the format"),
        (lambda t, p: p.clear(), "is not a dictionary of the format"),
        (lambda t, p: p.pop("stems"), "lacks 'stems'"),
        (lambda t, p: p.pop("n_fft"), "n_fft"),
        (lambda t, p: p.update(colour="red"), "colour"),
        (lambda t, p: p.update(stems=7), "not an intact phasewise dictionary"),
        (lambda t, p: t.pop("W.high"), r"lacks 'W\.high'"),
        (lambda t, p: t.update(extra=np.zeros(3)), "unknown tensors: extra"),
        (lambda t, p: t["W.low"].__setitem__((3, 1), np.nan), "finite"),
        (lambda t, p: t["W.low"].__setitem__((3, 1), -0.5), "nonnegative"),
        (lambda t, p: t.update({"W.low": t["W.low"][1:].copy()}), "must have shape"),
        (lambda t, p: t.update(edges=t["edges"][::-1].copy()), "edges must rise"),
    ],
)
def test_load_rejects_what_is_no_dictionary(rng, tmp_path, change, words):
    path = tmp_path / "d.safetensors"
    dictionary = make(rng)
    dictionary.save(path)
    tensors, parameters = load_file(path), {"format": "phasewise-dictionary-1", **dictionary._parameters()}
    change(tensors, parameters)
    save_file(tensors, path, metadata={"phasewise": json.dumps(parameters)})
    with pytest.raises(DictionaryError, match=rf"d\.safetensors: .*{words}"):
        Dictionary.load(path)


# ---- magnitudes --------------------------------------------------------------------------------------------


def test_activations_from_bands_are_those_from_bins(rng):
    """With Kullback-Leibler, the sums over bands are all that matters."""
    dictionary = make(rng)
    V = rng.random((129, 7)) ** 2
    H = np.repeat(V.sum(axis=0, keepdims=True) / dictionary.basis.sum(dtype=float), 5, axis=0)
    W = dictionary.basis.astype(float)
    expected = nmf(V, 5, n_iter=30, W=W / W.sum(axis=0), H=H, update_W=False)[1]
    assert relative_error(dictionary.activations(V, n_iter=30), expected) < 1e-6


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_magnitudes_are_the_products_of_spectra_and_activations(rng, beta):
    dictionary = make(rng, beta=beta)
    V = rng.random((2, 129, 7)).astype(np.float32) + 0.1
    H = dictionary.activations(V)
    parts = dictionary.magnitudes(V)
    assert H.shape == (2, 5, 7)
    assert parts.shape == (2, 2, 129, 7)
    assert parts.dtype == H.dtype == np.float32
    assert np.swapaxes(parts, -1, -2).flags.c_contiguous
    assert relative_error(parts[:, 0], dictionary.W["low"] @ H[:, :3]) < tolerance("nmf", np.float32)
    assert relative_error(parts.sum(axis=1), dictionary.basis @ H) < tolerance("nmf", np.float32)


def test_frames_do_not_depend_on_their_neighbours(rng):
    dictionary = make(rng)
    V = rng.random((129, 9))
    whole = dictionary.activations(V)
    assert relative_error(dictionary.activations(V[:, 4:6]), whole[:, 4:6]) < 1e-12
    assert relative_error(dictionary.activations(np.stack([V, V[:, ::-1]]))[1], whole[:, ::-1]) < 1e-12
    assert not dictionary.activations(np.zeros((129, 2))).any()


def test_a_mixture_of_known_spectra_is_taken_apart(rng):
    low, high = np.zeros((2, 129, 2))
    low[:64] = rng.random((64, 2))
    high[64:] = rng.random((65, 2))
    dictionary = Dictionary(("low", "high"), {"low": low, "high": high}, RATE, N_FFT, 64)
    parts = np.stack([low @ rng.random((2, 20)), high @ rng.random((2, 20))])
    assert relative_error(dictionary.magnitudes(parts.sum(axis=0), n_iter=300), parts) < 1e-2


def test_bins_limit_what_is_explained(rng):
    dictionary = make(rng)
    V = rng.random((129, 4))
    V[100:] = 0
    limited = dictionary.magnitudes(V, bins=100)
    assert not limited[:, 100:].any()
    np.testing.assert_allclose(limited.sum(axis=(0, 1)), V.sum(axis=0), rtol=1e-6)
    V[100:] = 5
    np.testing.assert_allclose(dictionary.magnitudes(V, bins=100), limited, rtol=1e-9)


def test_magnitudes_reject_other_transforms(rng):
    with pytest.raises(ParameterError, match=r"V must have 129 bins .* n_fft=256 .* got shape \(65, 4\)"):
        make(rng).magnitudes(np.ones((65, 4)))
    with pytest.raises(ParameterError, match="nonnegative"):
        make(rng).magnitudes(np.full((129, 4), -1.0))


def test_bands_cover_all_bins_and_widen():
    edges = band_edges(4096, 44100)
    widths = np.diff(edges)
    assert edges[0] == 0
    assert edges[-1] == 2049
    assert (widths[edges[:-1] * 44100 / 4096 <= 1500] == 1).all()
    frequency = edges[:-1]
    wide = (widths > 5)[:-1]  # the last band ends at the Nyquist frequency
    np.testing.assert_allclose(widths[:-1][wide] / frequency[:-1][wide], 0.02, rtol=0.1)
    V = np.random.default_rng(0).random((2, 2049, 3))
    np.testing.assert_allclose(pool(V, edges).sum(axis=-2), V.sum(axis=-2))
    assert expand(pool(V, edges), edges).shape == V.shape


# ---- the dictionary of the package -------------------------------------------------------------------------


def test_the_packaged_dictionary():
    assert available() == ["nmf-music4"]
    dictionary = Dictionary.load("nmf-music4")
    assert dictionary.stems == ("bass", "drums", "other", "vocals")
    assert dictionary.sample_rate == 44100
    assert dictionary.metadata["licence"] == "CC0-1.0"
    frequency = np.arange(dictionary.bins) * 44100 / dictionary.n_fft
    centroid = {stem: float((frequency @ W).mean()) for stem, W in dictionary.W.items()}
    assert min(centroid, key=centroid.__getitem__) == "bass"
    assert max(centroid, key=centroid.__getitem__) == "drums"
