"""Concentrations of von Mises distributions: scipy's fit, the twin, phases that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

import phasewise as pw
from phasewise.reference import concentration as twin


def ratio(kappa):
    return special.ive(1, kappa) / special.ive(0, kappa)


@pytest.mark.parametrize("kappa", [1e-6, 1e-3, 0.1, 0.5, 1.0, 2.3, 10.0, 53.0, 499.0])
def test_inverts_the_ratio_of_bessel_functions(kappa):
    found = pw.von_mises_concentration(resultant=ratio(kappa))
    assert found == pytest.approx(kappa, rel=1e-11)
    assert found == pytest.approx(twin.von_mises_concentration(ratio(kappa)), rel=1e-9)


def test_is_nearly_exact_for_the_largest_concentrations():
    for kappa in (1e4, 5e5):
        found = pw.von_mises_concentration(resultant=ratio(kappa), largest=1e6)
        assert found == pytest.approx(kappa, rel=1e-14 * kappa)  # 1 - ratio has that many digits


def test_ends_of_the_range():
    kappa = pw.von_mises_concentration(resultant=[-1.0, -0.3, 0.0, 1.0, 1 - 1e-16])
    np.testing.assert_array_equal(kappa, [0, 0, 0, 500, 500])
    assert pw.von_mises_concentration(resultant=1.0, largest=12.5) == 12.5
    assert pw.von_mises_concentration([0.0, 0.0, 0.0]) == 500
    assert pw.von_mises_concentration([]) == 0
    assert pw.von_mises_concentration([1.0, 2.0], weights=[0.0, 0.0]) == 0


@pytest.mark.parametrize("kappa", [0.3, 1.6, 8.0])
def test_equals_the_fit_of_scipy(kappa):
    errors = stats.vonmises.rvs(kappa, size=4000, random_state=3)
    centred, _, _ = stats.vonmises.fit(errors, floc=0, fscale=1)
    free, _, _ = stats.vonmises.fit(errors + 1.0, fscale=1)
    assert pw.von_mises_concentration(errors) == pytest.approx(centred, rel=1e-6)
    assert pw.von_mises_concentration(errors + 1.0, centred=False) == pytest.approx(free, rel=1e-6)
    assert pw.von_mises_concentration(errors) == pytest.approx(kappa, rel=0.12)


def test_weights_are_counts(rng):
    errors = rng.vonmises(0, 2, (3, 50))
    counts = rng.integers(0, 4, 50)
    found = pw.von_mises_concentration(errors, weights=counts, axis=1)
    assert found.shape == (3,)
    np.testing.assert_allclose(found, pw.von_mises_concentration(np.repeat(errors, counts, axis=1), axis=1))
    each = [pw.von_mises_concentration(e) for e in errors]
    np.testing.assert_allclose(pw.von_mises_concentration(errors, axis=-1), each)


@pytest.fixture(scope="module")
def sources():
    n = np.arange(6000)
    rng = np.random.default_rng(4)
    steady = sum(np.sin(2 * np.pi * 0.0123 * h * n + h) / h for h in range(1, 20))
    noise = rng.standard_normal(6000)
    return pw.stft(np.stack([steady, steady + 0.5 * noise, noise]), n_fft=256, hop_length=64)


@pytest.mark.parametrize("where", ["peaks", "power"])
def test_fit_equals_twin(sources, where):
    found = pw.fit_concentrations(sources, where=where)
    np.testing.assert_allclose(found, twin.fit_concentrations(sources, 64, 256, where), rtol=1e-9)


def test_steady_sounds_are_concentrated_and_noise_is_not(sources):
    kappa = pw.fit_concentrations(sources, where="power")
    assert kappa[0] > 10 > kappa[1] > kappa[2]
    assert kappa[2] < 2
    limited = pw.fit_concentrations(sources, where="power", largest=3.0)
    np.testing.assert_array_equal(limited[:1], 3.0)


def test_songs_batches_and_bands(sources):
    whole = pw.fit_concentrations(sources)
    np.testing.assert_allclose(pw.fit_concentrations([sources, sources]), whole, rtol=1e-12)
    np.testing.assert_allclose(pw.fit_concentrations(np.stack([sources, sources])), whole, rtol=1e-12)
    np.testing.assert_allclose(pw.fit_concentrations(7 * sources), whole, rtol=1e-9)
    np.testing.assert_allclose(pw.fit_concentrations(sources, V=abs(sources)), whole, rtol=1e-12)
    pieces = [sources[..., :40], sources[..., 40:]]
    np.testing.assert_allclose(pw.fit_concentrations(pieces), whole, rtol=0.2)
    bands = pw.fit_concentrations(sources, bands=[0, 30, 129])
    assert bands.shape == (3, 2)
    assert (np.minimum(*bands.T) <= whole + 1e-9).all()
    assert (whole <= np.maximum(*bands.T) + 1e-9).all()
    np.testing.assert_array_equal(pw.fit_concentrations(0 * sources), 0)


@pytest.fixture(scope="module")
def tones():
    """Sources with vibrato, which the model follows more or less well."""
    n = np.arange(9000)
    rng = np.random.default_rng(5)
    y = [
        sum(
            np.sin(2 * np.pi * f0 * h * n + wobble * h * np.sin(2 * np.pi * n / 3000) + h**1.5) / h
            for h in range(1, 12)
        )
        for f0, wobble in ((0.0081, 0.0), (0.0102, 2.0), (0.0121, 6.0))
    ]
    return pw.stft(np.array(y) + 0.02 * rng.standard_normal((3, 9000)), n_fft=256, hop_length=64)


def test_fitted_concentrations_suit_the_filter(tones):
    """Better than trusting the model too much, and than not at all."""
    X, V = tones.sum(axis=0), abs(tones)

    def error(kappa):
        return np.sum(abs(pw.anisotropic_wiener(X, V, kappa=kappa) - tones) ** 2)

    fitted = error(pw.fit_concentrations(tones))
    assert fitted < error(0)
    assert fitted < error(500)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pw.von_mises_concentration(), "either errors or resultant"),
        (lambda: pw.von_mises_concentration([1.0], resultant=0.5), "either errors or resultant"),
        (lambda: pw.von_mises_concentration(resultant=1.5), "resultant must lie in"),
        (lambda: pw.von_mises_concentration(resultant=np.nan), "resultant must lie in"),
        (lambda: pw.von_mises_concentration(resultant=0.5, axis=0), "weights and axis belong"),
        (lambda: pw.von_mises_concentration([np.nan]), "errors must be finite"),
        (lambda: pw.von_mises_concentration([1.0], weights=[-1.0]), "weights must be nonnegative"),
        (lambda: pw.von_mises_concentration([1.0], weights=[1.0, 2.0]), "weights must broadcast"),
        (lambda: pw.von_mises_concentration([1.0], largest=-1), "largest must be"),
        (lambda: pw.fit_concentrations(np.ones((9, 4))), "S must have at least 3 axes"),
        (
            lambda: pw.fit_concentrations(np.ones((2, 9, 4)), V=np.ones((2, 9, 3))),
            "V must have the shape of S",
        ),
        (lambda: pw.fit_concentrations([np.ones((2, 9, 4)), np.ones((3, 9, 4))]), "the same sources"),
        (lambda: pw.fit_concentrations([np.ones((2, 9, 4))], V=[]), "V must have one array"),
        (lambda: pw.fit_concentrations(np.ones((2, 9, 4)), where="all"), "where must be one of"),
        (lambda: pw.fit_concentrations(np.ones((2, 9, 4)), bands=[3]), "bands must be at least two"),
        (lambda: pw.fit_concentrations(np.ones((2, 9, 4)), bands=[0, 99]), r"bands must lie in \[0, 9\]"),
        (lambda: pw.fit_concentrations(np.ones((2, 9, 4)), n_fft=64), r"S must have 1 \+ n_fft // 2"),
    ],
)
def test_errors(call, message):
    with pytest.raises(pw.ParameterError, match=message):
        call()
