"""Matrices with infinities, for some of which LAPACK's singular values never come: an error, or NaN."""

import numpy as np
import pytest

import covector as cv
import covector.scipy.linalg as linalg

A = np.eye(4)
A[2, 0] = np.inf
FUNCTIONS = {
    "logm": linalg.logm,
    "polar": lambda a: linalg.polar(a)[0],
    "orth": lambda a: linalg.orth(a),
    "null_space": lambda a: linalg.null_space(a),
    "pinv": lambda a: linalg.pinv(a),
    "svd": lambda a: linalg.svd(a),
    "svdvals": lambda a: linalg.svdvals(a),
    "lstsq": lambda a: linalg.lstsq(a, np.ones(4))[0],
    "pinvh": lambda a: linalg.pinvh(a),
    "subspace_angles": lambda a: linalg.subspace_angles(a, a),
    "orthogonal_procrustes": lambda a: linalg.orthogonal_procrustes(a, a)[0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_scipys_error_comes_where_they_are_known(name):
    with pytest.raises(ValueError, match="array must not contain infs or NaNs"):
        FUNCTIONS[name](A)
    with pytest.raises(ValueError, match="array must not contain infs or NaNs"):
        cv.jvp(FUNCTIONS[name], (A,), (A * 0,))


@pytest.mark.parametrize("f", [lambda a: np.linalg.svd(a)[1], lambda a: linalg.polar(a)[0]])
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_an_error_comes_where_they_are_not(f, backend):
    with pytest.raises(np.linalg.LinAlgError, match="SVD did not converge"):
        cv.jit(f, backend=backend)(A)


@pytest.mark.filterwarnings("ignore")
def test_the_derivative_of_an_infinite_determinant_is_not_determined():
    stack = np.stack([A, 2 * np.eye(4)])
    for run in (cv.grad(lambda a: np.sum(np.linalg.det(a))), cv.jit(cv.grad(lambda a: np.sum(np.linalg.det(a))))):
        found = run(stack)
        assert np.isnan(found[0]).all()
        np.testing.assert_allclose(found[1], 8 * np.eye(4), atol=1e-12)
