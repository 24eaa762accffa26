"""Derivatives where formulas have a zero in the denominator: singular matrices, equal eigenvalues, the norm at 0."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from random_arrays import adjoint, array, hermitian

import covector
import covector.scipy.linalg as scipy
from covector import errors
from covector.primitives.linalg.determinants import adjugate_p
from covector.primitives.linalg.turning import free_columns_p
from covector.testing import check_case, check_grads


def cofactors(a):
    """The adjugate by its definition."""
    n = len(a)
    minor = lambda i, j: np.linalg.det(np.delete(np.delete(a, i, 0), j, 1))
    return np.array([[(-1) ** (i + j) * minor(i, j) for i in range(n)] for j in range(n)]).reshape(a.shape)


# --- determinants ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", "dD")
@pytest.mark.parametrize("rank", range(5))
def test_gradient_of_det_at_any_rank(rank, dtype):
    a = array(4, rank, dtype=dtype) @ array(rank, 4, dtype=dtype)
    gradient = covector.grad(np.linalg.det, holomorphic=dtype == "D")(a)
    np.testing.assert_allclose(gradient, cofactors(a).T, atol=1e-12)
    np.testing.assert_allclose(adjugate_p.bind(a), cofactors(a), atol=1e-12)


@pytest.mark.parametrize("rank", range(5))
def test_all_derivatives_of_det_at_any_rank(rank):
    """To fourth order: det is a polynomial, so it has them all.  (Complex, for which there is no complex step to fail.)"""
    a = array(4, rank, dtype="D") @ array(rank, 4, dtype="D")
    check_case(adjugate_p, (a,))
    check_case(adjugate_p, (a, array(4, 4, dtype="D")))
    check_case(adjugate_p, (a, array(2, 4, 4, dtype="D"), array(4, 4, dtype="D")), order=1)


def test_third_derivatives_of_det_are_the_levi_civita_symbol():
    third = covector.jacfwd(covector.hessian(np.linalg.det))
    for a in (np.zeros((3, 3)), np.ones((3, 3)), array(3, 3)):
        t = np.transpose(third(a), (0, 2, 4, 1, 3, 5))  # the rows, then the columns
        for rows, columns in itertools.product(itertools.product(range(3), repeat=3), repeat=2):
            sign = [np.linalg.det(np.eye(3)[list(p)]) for p in (rows, columns)]
            np.testing.assert_allclose(t[rows][columns], sign[0] * sign[1], atol=1e-12)


def test_det_of_a_tiny_matrix_does_not_underflow_in_its_derivative():
    np.testing.assert_allclose(covector.grad(np.linalg.det)(1e-200 * np.eye(2)), 1e-200 * np.eye(2))


def test_det_of_a_stack_of_which_one_is_singular():
    a = np.stack([np.zeros((2, 2)), np.eye(2), array(2, 2)])
    gradient = covector.grad(lambda a: np.sum(np.linalg.det(a)))(a)
    np.testing.assert_allclose(gradient, [cofactors(m).T for m in a])
    np.testing.assert_allclose(covector.vmap(covector.grad(np.linalg.det))(a), gradient)


def test_inverses_of_singular_matrices():
    """An error where NumPy raises one; in derivatives NaN, so that a batch of which some are discarded can be computed."""
    a = np.stack([np.ones((2, 2)), np.eye(2)])
    with pytest.raises(np.linalg.LinAlgError):
        covector.jvp(np.linalg.inv, (a,), (a,))
    value, tangent = covector.jvp(np.linalg.slogdet, (a,), (a,))
    np.testing.assert_array_equal(value.logabsdet, [-np.inf, 0])
    np.testing.assert_array_equal(tangent.logabsdet, [np.nan, 2])
    for p in (1, -1, "fro", np.inf):
        with np.errstate(invalid="ignore"):
            cond, _ = covector.jvp(lambda a, p=p: np.linalg.cond(a, p), (a,), (a,))
        np.testing.assert_allclose(cond, np.linalg.cond(a, p))


# --- equal eigenvalues and singular values --------------------------------------------------------------


def test_compiled_functions_warn_too():
    def f(a):
        w, v = np.linalg.eigh(a)
        return np.sum((v * np.sin(w)) @ v.T * np.arange(9.0).reshape(3, 3))

    with pytest.warns(errors.UndeterminedDerivativeWarning, match="matrix_function"):
        assert np.isnan(covector.jit(covector.grad(f), backend="numpy")(np.eye(3))).any()


@pytest.mark.parametrize("dtype", "dD")
def test_eigenvalues_of_multiples_of_the_identity(dtype):
    """Vectors do not turn among themselves; what a direction mixes is undetermined, and what it does not is right."""
    a, mixing = 2 * np.eye(3, dtype=dtype), array(3, 3, dtype=dtype)
    for f in (np.linalg.eigh, np.linalg.svd, np.linalg.eig):
        with pytest.warns(errors.UndeterminedDerivativeWarning, match="matrix_function"):
            parts = covector.jvp(f, (a,), (mixing,))[1]
        values = parts[1] if f is np.linalg.svd else parts[0]
        assert np.all(np.isnan(values)) and all(np.all(np.isfinite(p)) for p in parts if p is not values)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parts = covector.jvp(f, (a,), (np.diag([1.0, 2.0, 3.0]).astype(dtype),))[1]
        np.testing.assert_allclose(np.sort(parts[1] if f is np.linalg.svd else parts[0]), [1, 2, 3], atol=1e-12)
    for values in (np.linalg.eigvalsh, lambda a: np.linalg.eigh(a)[0]):
        trace = covector.grad(lambda a, values=values: np.sum(values(a) ** 2))(a)
        np.testing.assert_allclose(trace, 4 * np.eye(3), atol=1e-12)


def hermitian_function(f):
    """A function of a matrix through its eigenvectors, which at equal eigenvalues does not tell the derivative."""

    def of(a):
        w, v = np.linalg.eigh(hermitian(a))
        return (v * f(w)) @ adjoint(v)

    return of


BY_VECTORS = {
    "eigh": lambda f: hermitian_function(f),
    "svd": lambda f: lambda a: (lambda u, s, vh: (u * f(s)) @ vh)(*np.linalg.svd(a)),
    "eig": lambda f: lambda a: (lambda w, v: np.real((v * f(w)) @ np.linalg.inv(v)))(*np.linalg.eig(a)),
}
DERIVATIVES = {
    "jvp": lambda f, a, t: covector.jvp(f, (a,), (t,))[1],
    "jit": lambda f, a, t: covector.jit(lambda a, t: covector.jvp(f, (a,), (t,))[1])(a, t),
    "vmap": lambda f, a, t: covector.vmap(lambda t: covector.jvp(f, (a,), (t,))[1])(np.stack([t, 2 * t]))[0],
    "linearize": lambda f, a, t: covector.linearize(f, a)[1](t),
    "jacrev": lambda f, a, t: np.tensordot(covector.jacrev(f)(a), t, 2),
}


@pytest.mark.filterwarnings("ignore::covector.core.errors.UndeterminedDerivativeWarning")
@pytest.mark.parametrize("how", DERIVATIVES)
@pytest.mark.parametrize("by", BY_VECTORS)
@pytest.mark.parametrize("values", [(1.0, 1.0, 2.0), (2.0, 2.0, 2.0), (1.0, 3.0, 3.0)])
def test_functions_through_vectors_are_right_or_nan(values, by, how):
    """Of values and vectors together: never a finite wrong number, whatever basis LAPACK chose."""
    q = np.linalg.qr(array(3, 3))[0]
    for basis in (np.eye(3), q):
        a = basis @ np.diag(values) @ basis.T
        for t in (hermitian(array(3, 3)), basis[:, :1] @ basis[:, 1:2].T, np.eye(3), np.outer(basis[:, 0], basis[:, 0])):
            t = hermitian(t)
            got = DERIVATIVES[how](BY_VECTORS[by](lambda w: w), a, t)  # the identity, whose derivative is the direction
            assert np.all(~np.isfinite(got) | (np.abs(got - t) < 1e-8)), (got, t)


@pytest.mark.filterwarnings("ignore::covector.core.errors.UndeterminedDerivativeWarning")
@pytest.mark.parametrize("transform", [covector.hessian, lambda f: covector.jacrev(covector.jacrev(f))])
def test_second_derivatives_of_symmetric_functions_are_right_or_nan(transform):
    for a in (2 * np.eye(3), np.diag([1.0, 1.0, 2.0]), np.diag([1.0, 2.0, 3.0])):
        got = transform(lambda a: np.sum(np.linalg.eigvalsh((a + a.T) / 2) ** 2))(a).reshape(9, 9)
        half = (np.eye(9) + np.eye(9).reshape(3, 3, 9).swapaxes(0, 1).reshape(9, 9)) / 2
        assert np.all(~np.isfinite(got) | (np.abs(got - 2 * half) < 1e-8))
        assert np.all(np.isfinite(got)) or a[0, 0] == a[1, 1]
        trace = transform(lambda a: np.sum(np.linalg.eigvalsh((a + a.T) / 2)))(a)
        np.testing.assert_allclose(trace, 0, atol=1e-10)
    for a in (np.ones((3, 2)), np.eye(3, 2), array(3, 2)):
        got = transform(lambda a: np.sum(np.linalg.svd(a, compute_uv=False) ** 2))(a).reshape(6, 6)
        assert np.all(~np.isfinite(got) | (np.abs(got - 2 * np.eye(6)) < 1e-8))


def test_other_eigenvectors_are_right_beside_a_tie():
    q = np.linalg.qr(array(4, 4))[0]
    a = q @ np.diag([1.0, 1.0, 2.0, 3.0]) @ q.T
    largest = lambda a: np.linalg.eigh(hermitian(a))[1][:, -1] ** 2
    t = hermitian(array(4, 4))
    numeric = (largest(a + 1e-6 * t) - largest(a - 1e-6 * t)) / 2e-6
    np.testing.assert_allclose(covector.jvp(largest, (a,), (t,))[1], numeric, atol=1e-6)
    gradient = covector.grad(lambda a: largest(a) @ np.arange(4.0))(a)
    np.testing.assert_allclose(np.sum(gradient * t), numeric @ np.arange(4.0), atol=1e-6)


OF_VECTORS = {
    "vectors": (lambda w, v: v, False),
    "one of them": (lambda w, v: v[:, 0], False),
    "the last": (lambda w, v: v[:, -1], True),
    "both projections": (lambda w, v: np.sin(v[:, :2] @ adjoint(v[:, :2])) + v[:, 2:] @ adjoint(v[:, 2:]), True),
    "all": (lambda w, v: v @ adjoint(v), True),
}


@pytest.mark.parametrize("how", ["grad", "jit", "native", "vmap"])
@pytest.mark.parametrize("name", OF_VECTORS)
@pytest.mark.parametrize("dtype", "dD")
def test_gradients_of_vectors_of_equal_eigenvalues(dtype, name, how):
    """NaN, with the warning, but for functions of the spaces."""
    of, is_determined = OF_VECTORS[name]
    q = np.linalg.qr(array(4, 4, dtype=dtype))[0]
    a, weights = hermitian(q @ np.diag([1.0, 1.0, 2.0, 3.0]) @ adjoint(q)), array(4, 4, dtype=dtype)
    f = lambda a: (lambda x: np.sum(np.abs(x) ** 2 * np.sin(np.arange(1.0, x.size + 1)).reshape(x.shape)))(
        of(*np.linalg.eigh(hermitian(a)))
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = BACKWARDS[how](f, a)
    is_told = any(issubclass(w.category, errors.UndeterminedDerivativeWarning) for w in said)
    assert is_told != is_determined and np.isnan(found).all() != is_determined
    if is_determined:
        t = hermitian(weights)
        numeric = (f(a + 1e-6 * t) - f(a - 1e-6 * t)) / 2e-6
        np.testing.assert_allclose(np.real(np.sum(found * t)), numeric, rtol=1e-5, atol=1e-5)


def test_gradients_of_vectors_of_equal_singular_values():
    a, weights = 2 * np.linalg.qr(array(3, 3))[0], array(3, 3)
    for part in (0, 2):
        with pytest.warns(errors.UndeterminedDerivativeWarning, match="only the space is determined"):
            assert np.isnan(covector.grad(lambda a, part=part: np.sum(np.linalg.svd(a)[part] * weights))(a)).all()


# --- columns of which only the space is determined ------------------------------------------------------


def columns_of(name, a):
    """Orthonormal columns that are orthogonal to those of a tall matrix, as LAPACK chooses them ("orth": as it has)."""
    k = a.shape[1]
    return {
        "svd": lambda: np.linalg.svd(a)[0][:, k:],
        "svd of a wide matrix": lambda: adjoint(scipy.svd(adjoint(a))[2][k:]),
        "qr": lambda: np.linalg.qr(a, "complete")[0][:, k:],
        "null_space": lambda: scipy.null_space(adjoint(a)),
        "orth": lambda: scipy.orth(a),
    }[name]()


FREE = ("svd", "svd of a wide matrix", "qr", "null_space", "orth")
BACKWARDS = {
    "grad": lambda f, a: covector.grad(f)(a),
    "jit": lambda f, a: covector.jit(covector.grad(f))(a),
    "native": lambda f, a: covector.jit(covector.grad(f), backend="native")(a),
    "grad of jit": lambda f, a: covector.grad(covector.jit(f))(a),
    "vmap": lambda f, a: covector.vmap(covector.grad(f))(np.stack([a, 2 * a]))[0],
    "jacrev": lambda f, a: covector.jacrev(lambda a: [f(a), 2 * f(a)])(a)[0],
    "hessian": lambda f, a: covector.jacrev(covector.grad(f))(a).sum((2, 3)),
    "linear_transpose": lambda f, a: covector.linear_transpose(covector.linearize(f, a)[1], a)(1.0)[0],
}


def ways(name, dtype):
    """Transformations that take a function: some must know the matrix, and the gradient of complex numbers has no Jacobian."""
    known = ("grad", "jacrev", "hessian", "linear_transpose")
    return [how for how in BACKWARDS if (how in known or name[0] in "sq") and (how != "hessian" or dtype != "D")]


@pytest.mark.parametrize("how", BACKWARDS)
@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("dtype", "dDf")
def test_gradients_of_columns_that_lapack_chose(dtype, name, how):
    if how not in ways(name, dtype):
        return
    a, weights = array(5, 2, dtype=dtype), array(5, 5)
    f = lambda a: np.sum(np.real(columns_of(name, a) * weights[:, : columns_of(name, a).shape[1]]))
    with pytest.warns(errors.UndeterminedDerivativeWarning, match="only the space is determined"):
        assert np.isnan(BACKWARDS[how](f, a)).all()


def space_of(a):
    """The projection on what a tall matrix maps to, without columns that LAPACK chooses."""
    return a @ np.linalg.solve(adjoint(a) @ a, adjoint(a))


@pytest.mark.filterwarnings("error::covector.core.errors.UndeterminedDerivativeWarning")
@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("dtype", "dD")
def test_derivatives_of_functions_of_the_space(dtype, name):
    a, weights, b = array(5, 2, dtype=dtype), array(5, 5), array(5, dtype=dtype)

    def outer(p):
        return np.sum(np.real(np.sin(p) @ weights)) + np.real(np.conj(b) @ p @ b) ** 2

    def f(a):
        q = columns_of(name, a)
        return outer(q @ adjoint(q))

    expected = lambda a: outer(space_of(a) if name == "orth" else np.eye(5) - space_of(a))
    np.testing.assert_allclose(f(a), expected(a))
    for how in ways(name, dtype):
        np.testing.assert_allclose(BACKWARDS[how](f, a), BACKWARDS[how](expected, a), rtol=1e-9, atol=1e-9)
    if dtype == "d":
        second = covector.hessian(expected)(a)
        for transform in (
            covector.hessian,
            lambda f: covector.jacrev(covector.jacfwd(f)),
            lambda f: covector.jacrev(covector.jacrev(f)),
        ):
            np.testing.assert_allclose(transform(f)(a), second, rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore::covector.core.errors.UndeterminedDerivativeWarning")
@pytest.mark.parametrize("backward", [False, True])
def test_examples_of_columns_are_told_apart(backward):
    q = np.stack([np.linalg.qr(array(4, 2))[0] for _ in range(3)])
    x = q[0] @ np.array([[2.0, 1.0], [1.0, 3.0]])  # a cotangent of a function of the first space
    apply = lambda x, q: free_columns_p.bind(x, q, ~np.eye(2, dtype=bool), backward=backward)
    each = np.stack([apply(x, columns) for columns in q])
    assert np.isnan(each[1:]).all() == backward and np.array_equal(each[0], x)
    np.testing.assert_array_equal(covector.vmap(apply, (None, 0))(x, q), each)
    np.testing.assert_array_equal(covector.vmap(apply, (0, None))(np.stack([x, x + 1]), q[0])[0], x)
    np.testing.assert_array_equal(covector.jit(covector.vmap(apply, (None, 0)))(x, q), each)
    tangent = covector.jvp(lambda x: covector.vmap(apply, (None, 0))(x, q), (x,), (x,))[1]
    np.testing.assert_array_equal(tangent, each)


@pytest.mark.filterwarnings("error::covector.core.errors.UndeterminedDerivativeWarning")
@pytest.mark.parametrize("dtype", "dD")
def test_columns_that_are_not_used_or_are_one(dtype):
    a, b, weights = array(5, 2, dtype=dtype), array(5, dtype=dtype), array(3, 3)

    def solution(a):
        u, s, vh = np.linalg.svd(a)
        return adjoint(vh) @ ((adjoint(u) @ b)[:2] / s)

    of = lambda solve: lambda a: np.sum(np.abs(solve(a)) ** 3)
    reference = of(lambda a: np.linalg.solve(adjoint(a) @ a, adjoint(a) @ b))
    np.testing.assert_allclose(covector.grad(of(solution))(a), covector.grad(reference)(a), rtol=1e-9)
    rebuilt = lambda a: np.sum(
        np.abs((lambda u, s, vh: u @ np.concatenate([np.diag(s), np.zeros((3, 2))]) @ vh)(*np.linalg.svd(a))) ** 2
    )
    np.testing.assert_allclose(covector.grad(rebuilt)(a), 2 * np.conj(a), rtol=1e-9)
    if dtype == "d":  # a complex column has a phase, which LAPACK chooses too
        check_grads(lambda a: np.sum(np.linalg.svd(a)[0] * weights), (a[:3],), order=1)
        check_grads(lambda a: np.sum(np.linalg.qr(a, "complete")[0] * weights), (a[:3],), order=1)


@pytest.mark.parametrize("rows", [[[1, 1], [0, 1]], [[2, 1, 0], [0, 2, 0], [0, 0, 1]]])
def test_defective_matrices(rows):
    a = np.array(rows, float)
    for f in (lambda a: np.linalg.eigvals(a), lambda a: np.linalg.eig(a)[0]):
        with pytest.warns(errors.UndeterminedDerivativeWarning, match="without a basis of eigenvectors"):
            gradient = covector.grad(lambda a, f=f: np.real(np.sum(f(a) ** 2)))(a)
        assert np.all(np.isnan(gradient))
    with pytest.warns(errors.UndeterminedDerivativeWarning):
        assert np.all(np.isnan(covector.grad(lambda c: np.real(np.sum(np.roots(c))))(np.array([1.0, -2.0, 1.0]))))


def test_projection_on_all_vectors_of_one_eigenvalue():
    """Its derivative exists, whatever vectors LAPACK chose for the double eigenvalue."""
    q = np.linalg.qr(array(4, 4))[0]
    a = q @ np.diag([1.0, 1.0, 2.0, 3.0]) @ q.T

    def projection(a):
        v = np.linalg.eigh(hermitian(a))[1][:, :2]
        return v @ v.T

    t = hermitian(array(4, 4))
    ahead, behind = (projection(a + s * 1e-6 * t) for s in (1, -1))
    np.testing.assert_allclose(covector.jvp(projection, (a,), (t,))[1], (ahead - behind) / 2e-6, atol=1e-6)


def test_nuclear_norm_to_second_order_at_equal_singular_values():
    a = 2 * np.linalg.qr(array(3, 3))[0]
    check_grads(lambda a: np.linalg.norm(a, "nuc"), (a,), order=2)


def test_polar_factor_at_equal_singular_values():
    def polar(a):
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        return u @ vh

    check_grads(polar, (np.linalg.qr(array(4, 3))[0],), order=1)
    check_grads(polar, (3 * np.linalg.qr(array(3, 3, dtype="D"))[0],), order=1)


def test_singular_values_of_a_rank_deficient_matrix():
    a = np.outer(np.arange(1.0, 4), np.ones(2))
    with pytest.warns(errors.UndeterminedDerivativeWarning):
        u, s, vh = covector.jvp(lambda a: np.linalg.svd(a), (a,), (array(3, 2),))[1]
    assert np.all(np.isfinite(u)) and np.all(np.isfinite(vh)) and np.isfinite(s[0]) and np.isnan(s[1])
    gradient = covector.grad(lambda a: np.linalg.norm(a, 2))(a)
    np.testing.assert_allclose(gradient, a / np.linalg.norm(a))


# --- norms at 0 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", "dDf")
@pytest.mark.parametrize("order", [None, 1, 2, 3, 1.5, np.inf, -np.inf])
def test_norm_at_zero(order, dtype):
    def norm(x):
        return np.linalg.norm(x, order)

    zero = np.zeros(3, dtype)
    np.testing.assert_array_equal(covector.grad(norm)(zero), zero)
    np.testing.assert_array_equal(covector.jvp(norm, (zero,), (np.ones(3, dtype),))[1], 0)
    if order in (None, 2, 3):
        with np.errstate(all="ignore"):
            second = covector.jvp(covector.grad(norm), (zero,), (np.ones(3, dtype),))[1]
        assert np.all(np.isnan(second))


def test_frobenius_norm_at_zero_in_a_stack():
    x = np.stack([np.zeros((2, 2)), np.ones((2, 2))])
    gradient = covector.grad(lambda x: np.sum(np.linalg.norm(x, axis=(1, 2))))(x)
    np.testing.assert_array_equal(gradient, x / 2)


def test_norm_with_some_zeros():
    x = np.array([0.0, 3.0, -4.0])
    for order in (0.5, 1.5, 2, 3):
        gradient = covector.grad(lambda x, p=order: np.linalg.norm(x, p))(x)
        size = np.linalg.norm(x, order)
        expected = np.sign(x[1:]) * np.abs(x[1:] / size) ** (order - 1)
        np.testing.assert_allclose(gradient, [0, *expected])


# --- the triangle that is read ----------------------------------------------------------------------------

READS_A_TRIANGLE = {
    "cholesky": np.linalg.cholesky,
    "cholesky upper": lambda a: np.linalg.cholesky(a, upper=True),
    "eigvalsh": np.linalg.eigvalsh,
    "eigvalsh upper": lambda a: np.linalg.eigvalsh(a, "U"),
    "eigh": lambda a: np.abs(np.linalg.eigh(a)[1]),
    "eigh upper": lambda a: np.abs(np.linalg.eigh(a, "U")[1]),
    "svd": lambda a: np.linalg.svd(a, compute_uv=False, hermitian=True),
    "svd factors": lambda a: (lambda u, s, vh: (u * np.sqrt(s)) @ vh)(*np.linalg.svd(a, hermitian=True)),
    "pinv": lambda a: np.linalg.pinv(a, hermitian=True),
}


@pytest.mark.parametrize("dtype", "dD")
@pytest.mark.parametrize("name", READS_A_TRIANGLE)
def test_derivatives_are_of_the_function_that_numpy_computes(name, dtype):
    """Finite differences agree in every direction, whatever stands in the triangle that is not read, and on the diagonal."""
    f = READS_A_TRIANGLE[name]
    a = array(3, 3, dtype=dtype)
    a = a @ adjoint(a) + 3 * np.eye(3)
    other = np.triu(np.ones((3, 3)), 1) if "upper" not in name else np.tril(np.ones((3, 3)), -1)
    for x in (a, a + 7 * other, a + 7 * other + (2j * np.eye(3) if dtype == "D" else 0)):
        for t in (array(3, 3, dtype=dtype), other.astype(dtype), np.eye(3, dtype=dtype) * (1j if dtype == "D" else 1)):
            numeric = (f(x + 1e-6 * t) - f(x - 1e-6 * t)) / 2e-6
            value, tangent = covector.jvp(f, (x,), (t,))
            np.testing.assert_allclose(value, f(x), rtol=1e-10)
            np.testing.assert_allclose(tangent, numeric, atol=1e-7)
            ct = array(*value.shape, dtype=value.dtype)
            (gradient,) = covector.vjp(f, x)[1](ct)
            np.testing.assert_allclose(np.sum(gradient * t).real, np.sum(ct * numeric).real, atol=1e-6)


def test_a_symmetric_gradient_is_had_by_symmetrizing():
    a = array(3, 3)
    a = a @ a.T + 3 * np.eye(3)
    w, v = np.linalg.eigh(a)
    gradient = covector.grad(lambda a: np.sum(np.log(np.linalg.eigvalsh((a + a.T) / 2))))(a)
    np.testing.assert_allclose(gradient, np.linalg.inv(a), atol=1e-12)
    lower = covector.grad(lambda a: np.sum(np.log(np.linalg.eigvalsh(a))))(a)
    np.testing.assert_allclose(np.tril(lower, -1), 2 * np.tril(np.linalg.inv(a), -1))
