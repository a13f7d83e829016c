"""The estimator NMF: scikit-learn's own checks, its numbers, its errors; and life without scikit-learn."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import NMF as ScikitNMF
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator

import phasewise as pw
from phasewise.reference import nmf as twin
from tolerances import relative_error

LOSSES = ["frobenius", "kullback-leibler", "itakura-saito", -1, 0.5, 1.5, 3]


@pytest.fixture
def X(rng):
    return rng.uniform(0.1, 1, (30, 4)) @ rng.uniform(0.1, 1, (4, 21)) * rng.uniform(0.8, 1.2, (30, 21))


def start(X, rank, rng):
    return rng.uniform(0.1, 1, (len(X), rank)), rng.uniform(0.1, 1, (rank, X.shape[1]))


def test_scikit_learns_estimator_checks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # skipped checks, data without convergence
        results = check_estimator(pw.NMF(max_iter=500), on_skip=None)
    passed = [r["check_name"] for r in results if r["status"] == "passed"]
    assert len(passed) >= 35
    others = {r["check_name"] for r in results if r["status"] != "passed"}
    assert others <= {"check_array_api_input"}  # skipped without an environment variable of scipy's


@pytest.mark.parametrize("penalties", [{}, {"alpha_W": 0.01, "alpha_H": 0.02, "l1_ratio": 0.3}])
@pytest.mark.parametrize("loss", LOSSES)
def test_components_are_scikit_learns(loss, penalties, X, rng):
    W, H = start(X, 3, rng)
    parameters = {"init": "custom", "beta_loss": loss, "tol": 1e-4, "max_iter": 300, **penalties}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = pw.NMF(3, **parameters).fit(X, W=W.copy(), H=H.copy())
        theirs = ScikitNMF(3, solver="mu", **parameters).fit(X, W=W.copy(), H=H.copy())
    assert ours.n_iter_ == theirs.n_iter_
    assert relative_error(ours.components_, theirs.components_) < 1e-8
    # scikit-learn 1.9 adds the L1 weight of W to the sums of H again in every iteration of this one case.
    if not (loss == "kullback-leibler" and penalties):
        assert relative_error(ours.transform(X), theirs.transform(X)) < 1e-8
    assert ours.n_components_ == 3
    assert ours.n_features_in_ == 21


@pytest.mark.parametrize("loss", LOSSES)
def test_transform_agrees_with_fit_transform_and_the_error_is_of_it(loss, X):
    model = pw.NMF(4, beta_loss=loss, max_iter=400, tol=0, random_state=0)
    W = model.fit_transform(X)
    assert np.array_equal(W, model.transform(X))
    assert relative_error(model.inverse_transform(W), W @ model.components_) < 1e-15
    beta = {"frobenius": 2, "kullback-leibler": 1, "itakura-saito": 0}.get(loss, loss)
    error = np.sqrt(2 * twin.divergence(X, W @ model.components_, beta))
    assert model.reconstruction_err_ == pytest.approx(error, rel=1e-9)
    assert relative_error(W @ model.components_, X) < 0.5


@pytest.mark.parametrize("init", ["random", "nndsvd", "nndsvda", "nndsvdar", None])
def test_every_start_fits_as_well_as_scikit_learns(init, X):
    parameters = {"init": init, "tol": 0, "max_iter": 300, "random_state": 0}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The multiplicative update")
        ours, theirs = pw.NMF(4, **parameters).fit(X), ScikitNMF(4, solver="mu", **parameters).fit(X)
    assert ours.reconstruction_err_ < 1.05 * theirs.reconstruction_err_
    again = pw.NMF(4, **parameters)
    if init != "nndsvd":
        assert np.array_equal(again.fit(X).components_, ours.components_)


def test_randomised_decomposition_finds_the_leading_vectors(rng):
    from phasewise.factorization.initialization import nndsvd

    X = rng.random((400, 5)) @ np.diag([9, 7, 5, 3, 1]) @ rng.random((5, 300)) + 1e-3 * rng.random((400, 300))
    W, H = nndsvd(X, 3, "zero", rng)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    assert relative_error(W[:, 0], np.sqrt(s[0]) * np.abs(U[:, 0])) < 1e-6
    for k in (1, 2):
        # Proportional to the positive or negative part of the exact vectors.
        parts = [np.maximum(sign * Vt[k], 0) for sign in (1, -1)]
        cosines = [H[k] @ part / np.linalg.norm(H[k]) / np.linalg.norm(part) for part in parts]
        assert max(cosines) > 1 - 1e-6


def test_number_of_components(X, rng):
    W, H = start(X, 6, rng)
    assert pw.NMF(init="custom", tol=0, max_iter=5).fit(X, W=W, H=H).n_components_ == 6
    assert pw.NMF(None, tol=0, max_iter=5).fit(X).n_components_ == 21
    assert pw.NMF(tol=0, max_iter=5).fit(X).n_components_ == 21
    assert list(pw.NMF(2, tol=0, max_iter=5).fit(X).get_feature_names_out()) == ["nmf0", "nmf1"]


def test_parameters_copy_and_print(X):
    model = pw.NMF(3, beta_loss=1, random_state=np.random.RandomState(0))
    assert clone(model).get_params().keys() == model.get_params().keys()
    assert model.set_params(tol=0.0, max_iter=7) is model
    assert model.fit(X).n_iter_ == 7
    assert repr(pw.NMF(3, beta_loss=1)) == "NMF(n_components=3, beta_loss=1)"
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.transform(X), model.transform(X))
    with pytest.raises(
        pw.ParameterError, match=r"Invalid parameter 'rank' .* Valid parameters are: \['accelerate'"
    ):
        model.set_params(rank=3)


def test_works_in_pipelines_and_in_librosa(X, rng):
    librosa = pytest.importorskip("librosa")
    pipeline = make_pipeline(MinMaxScaler(), pw.NMF(2, max_iter=400, random_state=0))
    assert pipeline.fit_transform(X).shape == (30, 2)
    S = X.T.astype(np.float32)
    components, activations = librosa.decompose.decompose(S, transformer=pw.NMF(4, max_iter=2000))
    assert components.dtype == np.float32
    assert relative_error(components @ activations, S) < 0.5


@pytest.mark.parametrize("penalties", [{}, {"alpha_W": 1e-3, "l1_ratio": 0.5}])
@pytest.mark.parametrize("loss", LOSSES)
def test_accelerated_fits_are_better_and_agree_with_transform(loss, penalties, rng):
    X = rng.exponential(size=(60, 4)) @ rng.exponential(size=(4, 40)) * rng.uniform(0.5, 1.5, (60, 40))
    models = [
        pw.NMF(4, beta_loss=loss, tol=0, max_iter=60, random_state=0, accelerate=on, **penalties)
        for on in (False, True)
    ]
    W, fast = (model.fit_transform(X) for model in models)
    assert np.array_equal(fast, models[1].transform(X))
    assert not np.array_equal(W, fast)
    if not penalties:
        assert models[1].reconstruction_err_ < models[0].reconstruction_err_
    # The updates that transform makes approach the same minimum sooner.
    exact = models[0].set_params(max_iter_transform=20000).transform(X)
    errors = []
    for on in (False, True):
        some = models[0].set_params(accelerate=on, max_iter_transform=40).transform(X)
        errors.append(relative_error(some, exact))
    assert errors[1] < errors[0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, int])
@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "coo_array", "lil_matrix"])
def test_sparse_data_are_their_dense_arrays(kind, dtype, rng):
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.where(rng.random((40, 15)) < 0.3, rng.uniform(1, 9, (40, 15)), 0).astype(dtype)
    X = getattr(sparse, kind)(dense)
    models = [pw.NMF(3, beta_loss=1, tol=0, max_iter=20, random_state=0) for _ in range(2)]
    W, expected = models[0].fit_transform(X), models[1].fit_transform(dense)
    assert np.array_equal(W, expected)
    assert W.dtype == (np.float32 if dtype == np.float32 else np.float64)
    assert np.array_equal(models[0].transform(X), expected)
    back = models[0].inverse_transform(sparse.csr_array(W))
    assert relative_error(back, W @ models[0].components_) < 1e-6
    assert models[0].reconstruction_err_ == models[1].reconstruction_err_
    for model, data in zip(models, (X, dense), strict=True):
        model.partial_fit(data)
    assert np.array_equal(models[0].components_, models[1].components_)
    with pytest.raises(ValueError, match="Negative values"):
        models[0].transform(-X)


def test_sparse_data_that_are_too_large_are_refused_with_a_cure():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(
        MemoryError, match=r"shape \(1000000000, 1000000\) .* rows at a time with partial_fit"
    ):
        pw.NMF(3).fit(sparse.coo_array((10**9, 10**6)))


def test_transform_has_its_own_limit(X):
    model = pw.NMF(3, tol=0, max_iter=200, max_iter_transform=1).fit(X)
    rough = model.transform(X)
    exact = model.set_params(max_iter_transform=None).transform(X)
    assert relative_error(rough, exact) > 1e-3


def test_unfinished_fits_warn(X):
    with pytest.warns(ConvergenceWarning, match="Maximum number of iterations 3 reached"):
        pw.NMF(3, tol=1e-9, max_iter=3).fit(X)
    with pytest.warns(UserWarning, match="cannot update zeros"):
        pw.NMF(3, init="nndsvd", tol=0, max_iter=3).fit(X)
    with pytest.warns(RuntimeWarning, match="provided W or H are ignored"):
        pw.NMF(3, tol=0, max_iter=3).fit(X, W=np.ones((30, 3)))


def test_verbose_prints_the_time(X, capsys):
    pw.NMF(3, tol=0, max_iter=3, verbose=1).fit(X)
    assert capsys.readouterr().out.startswith("Epoch 03 reached after ")


def test_data_frames(X):
    pandas = pytest.importorskip("pandas")
    names = [f"bin{i}" for i in range(21)]
    frame = pandas.DataFrame(X, columns=names, index=range(100, 130))
    model = pw.NMF(3, max_iter=1000, tol=1e-3).set_output(transform="pandas").fit(frame)
    result = model.transform(frame)
    assert list(result.columns) == ["nmf0", "nmf1", "nmf2"]
    assert list(result.index) == list(frame.index)
    assert list(model.feature_names_in_) == names
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.transform(X)
    with pytest.raises(ValueError, match="must be in the same order"):
        model.transform(frame[names[::-1]])


def test_lives_without_scikit_learn():
    code = """
import sys
sys.modules["sklearn"] = sys.modules["sklearn.exceptions"] = None
import warnings, numpy as np, phasewise as pw
X = np.random.default_rng(0).random((20, 10))
model = pw.NMF(2, random_state=0)
try:
    model.transform(X)
except (ValueError, AttributeError) as error:
    assert "not fitted yet" in str(error)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    W = model.set_params(max_iter=3, tol=1e-9).fit_transform(X)
assert [w.category for w in caught] == [UserWarning], caught
assert np.array_equal(W, model.transform(X))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("parameters", "data", "message"),
    [
        ({"solver": "cd"}, {}, r'"cd": coordinate descent is not offered here; use sklearn'),
        ({"solver": "x"}, {}, "solver must be one of 'mu'"),
        ({"init": "x"}, {}, "init must be one of 'random', 'nndsvd'"),
        ({"beta_loss": "x"}, {}, "beta_loss must be one of 'frobenius'"),
        ({"beta_loss": None}, {}, "beta_loss must be a number"),
        ({"n_components": 0}, {}, "n_components must be an integer >= 1"),
        ({"n_components": "all"}, {}, "n_components must be one of 'auto'"),
        ({"tol": -1}, {}, "tol must be"),
        ({"max_iter": 0}, {}, "max_iter must be"),
        ({"max_iter_transform": 0}, {}, "max_iter_transform must be"),
        ({"alpha_W": -1}, {}, "alpha_W must be"),
        ({"alpha_H": "x"}, {}, "alpha_H must be"),
        ({"l1_ratio": 2}, {}, "l1_ratio must be"),
        ({"random_state": "x"}, {}, "rng must be|random_state must be"),
        ({"init": "nndsvd", "n_components": 10}, {}, "can only be used when n_components <= min"),
        ({"init": "custom"}, {}, "init='custom' needs W and H"),
        (
            {"init": "custom"},
            {"W": np.ones((9, 2)), "H": np.ones((2, 5))},
            r"wrong first dimension .*input W",
        ),
        (
            {"init": "custom"},
            {"W": np.ones((8, 2)), "H": np.ones((2, 4))},
            r"wrong second dimension .*input H",
        ),
        ({"init": "custom"}, {"W": np.zeros((8, 2)), "H": np.ones((2, 5))}, r"\(input W\) is full of zeros"),
        ({"init": "custom"}, {"W": -np.ones((8, 2)), "H": np.ones((2, 5))}, r"Negative values .*input W"),
        ({}, {"X": -np.ones((8, 5))}, "Negative values in data passed to NMF"),
        ({}, {"X": np.full((8, 5), np.nan)}, "Input X contains NaN"),
        ({}, {"X": np.ones(5)}, "Expected 2D array, got 1D array"),
        ({}, {"X": np.ones((0, 5))}, r"Found array with 0 sample\(s\)"),
        ({}, {"X": np.ones((8, 5)) * 1j}, "Complex data not supported"),
    ],
)
def test_mistakes_are_explained(parameters, data, message):
    model = pw.NMF(**{"n_components": 2, "tol": 0, "max_iter": 2, **parameters})
    with pytest.raises(ValueError, match=message):
        model.fit(**{"X": np.ones((8, 5)), **data})


def test_misuse_after_fitting(X):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        pw.NMF().transform(X)
    model = pw.NMF(2, tol=0, max_iter=2).fit(X)
    with pytest.raises(ValueError, match="X has 20 features, but NMF is expecting 21 features"):
        model.transform(X[:, :20])
    with pytest.raises(TypeError, match="same dtype as X"):
        pw.NMF(2, init="custom").fit(X, W=np.ones((30, 2), np.float32), H=np.ones((2, 21), np.float32))
    with pytest.raises(ValueError, match="transform must be"):
        model.set_output(transform="list")
