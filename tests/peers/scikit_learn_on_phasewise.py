"""A pytest plugin: run scikit-learn's tests of NMF with our updates inside, if ``--phasewise`` is given.

Every test's outcome is printed at the end, and with ours the number of calls.
"""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
from scipy import sparse
from sklearn.decomposition import _nmf

from phasewise import _core
from phasewise.factorization.updates import divergence, factorize

calls = Counter()


def fit_multiplicative_update(
    X,
    W,
    H,
    beta_loss="frobenius",
    max_iter=200,
    tol=1e-4,
    l1_reg_W=0,
    l1_reg_H=0,
    l2_reg_W=0,
    l2_reg_H=0,
    update_H=True,
    verbose=0,
):
    """Stand in for scikit-learn's solver: its W are our activations H, its H are our dictionary W."""
    calls["sparse" if sparse.issparse(X) else "dense"] += 1
    started = time.time()
    options = _core.NmfOptions()
    options.beta = _nmf._beta_loss_to_float(beta_loss)
    options.iterations, options.tol = max_iter, tol
    options.l1_h, options.l2_h, options.l1_w, options.l2_w = l1_reg_W, l2_reg_W, l1_reg_H, l2_reg_H
    options.update_w, options.guard_l2 = bool(update_H), False
    V = X.toarray() if sparse.issparse(X) else X
    dictionary, activations = np.array(H.T, V.dtype, order="C"), np.array(W, V.dtype, order="C")
    if options.beta < 1:
        iterations = flushed(V, dictionary, activations, options)
    else:
        iterations = int(factorize(V, dictionary, activations, options)[0])
    if verbose:
        print(f"Epoch {iterations:02d} reached after {time.time() - started:.3f} seconds.")
    return activations, np.ascontiguousarray(dictionary.T), iterations


def flushed(V, dictionary, activations, options):
    """Iterate, and after every step set to zero what scikit-learn's solver does where beta is below 1."""

    def error():
        return np.sqrt(2 * max(float(divergence(V, dictionary, activations, options.beta)), 0.0))

    iterations, tol, update_w = options.iterations, options.tol, options.update_w
    options.iterations, options.tol = 1, 0.0
    first = previous = error()
    for i in range(1, iterations + 1):
        options.update_h, options.update_w = True, False
        factorize(V, dictionary, activations, options)
        activations[activations < np.finfo(np.float64).eps] = 0
        if update_w:
            options.update_h, options.update_w = False, True
            factorize(V, dictionary, activations, options)
            dictionary[dictionary < np.finfo(np.float64).eps] = 0
        if tol > 0 and i % 10 == 0:
            now = error()
            if previous - now < tol * first:
                return i
            previous = now
    return iterations


def pytest_addoption(parser):
    parser.addoption("--phasewise", action="store_true")


def pytest_configure(config):
    if config.getoption("--phasewise"):
        _nmf._fit_multiplicative_update = fit_multiplicative_update


def pytest_terminal_summary(terminalreporter):
    for outcome, reports in terminalreporter.stats.items():
        for report in reports:
            if outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
                terminalreporter.write_line(f"{outcome}: {report.nodeid}")
    terminalreporter.write_line(f"phasewise calls: {calls['dense']} dense, {calls['sparse']} sparse")
