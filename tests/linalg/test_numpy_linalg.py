"""``np.linalg`` on tracers: values, types and errors against NumPy's own, derivatives against numerical ones and SciPy."""

from __future__ import annotations

import itertools
import warnings
from functools import partial

import numpy as np
import pytest
import scipy.linalg
from random_arrays import adjoint, array, hermitian, positive_definite
from transformed import agree, same

import covector
import covector.numpy.linalg as cnl
from covector.testing import check_grads

MATRICES = [
    *[((3, 3), c) for c in "dDfFegi"],
    *[(shape, "d") for shape in ((2, 3, 3), (3,), (), (2, 3), (3, 2), (0, 3), (0, 0), (2, 0, 0), (1, 1))],
]
ALL = pytest.mark.parametrize(("shape", "dtype"), MATRICES)
TOLERANCES = {"f": 1e-4, "F": 1e-4, "e": 2e-2}


def matrix(shape, dtype):
    return array(*shape).round().astype(dtype) if dtype == "i" else array(*shape, dtype=dtype)


def like_numpy(f, *args):
    tolerance = max(TOLERANCES.get(a.dtype.char, 1e-9) for a in args if isinstance(a, np.ndarray))
    if any(a.dtype.kind in "fc" for a in args if isinstance(a, np.ndarray)):  # NumPy refuses integers now and then
        agree(f, *args, rtol=tolerance)


@ALL
def test_inverses_and_determinants(shape, dtype):
    a = matrix(shape, dtype)
    for f in (np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.pinv):
        like_numpy(f, a)
    for rtol in (1e-3, None):
        like_numpy(lambda a, r=rtol: np.linalg.pinv(a, rtol=r), a)
    if a.ndim > 1 and shape[-1] == shape[-2]:
        like_numpy(lambda a: np.linalg.pinv(hermitian(a), hermitian=True), a)
    if a.ndim > 1 and 0 in shape:  # NumPy raises until 2.4.4
        np.testing.assert_array_equal(covector.jit(np.linalg.matrix_rank)(a), np.zeros(shape[:-2], int))
        return
    for rtol in (1e-3, None):
        like_numpy(lambda a, r=rtol: np.linalg.matrix_rank(a, rtol=r), a)
    like_numpy(np.linalg.matrix_rank, a)
    like_numpy(lambda a: np.linalg.matrix_rank(a, 0.5), a)
    like_numpy(lambda a: np.linalg.matrix_rank(a, 0.5, rtol=0.5), a)
    if a.ndim > 1 and shape[-1] == shape[-2]:
        like_numpy(lambda a: np.linalg.matrix_rank(hermitian(a), hermitian=True), a)


@ALL
def test_decompositions(shape, dtype):
    """NumPy's own phases too: tracers are decomposed by the same routines."""
    a = matrix(shape, dtype)
    for f in (np.linalg.eigh, np.linalg.eigvalsh):
        like_numpy(f, a)
        like_numpy(lambda a, f=f: f(a, "U"), a)
        like_numpy(lambda a, f=f: f(a, "X"), a)
    for mode in ("reduced", "complete", "r", "nonsense"):
        like_numpy(lambda a, m=mode: np.linalg.qr(a, m), a)
    like_numpy(np.linalg.svd, a)
    like_numpy(np.linalg.svdvals, a)
    like_numpy(lambda a: np.linalg.svd(a, full_matrices=False), a)
    like_numpy(lambda a: np.linalg.svd(a, compute_uv=False), a)
    like_numpy(lambda a: 1j * np.linalg.eigvals(a), a)
    for upper in (False, True):
        like_numpy(lambda a, u=upper: np.linalg.cholesky(a, upper=u), a)
    if a.ndim > 1 and shape[-1] == shape[-2] and a.size:
        like_numpy(lambda a: np.linalg.svd(hermitian(a), hermitian=True), a)
        like_numpy(lambda a: np.linalg.svd(hermitian(a), hermitian=True, compute_uv=False), a)


OF_A_TRIANGLE = {
    "cholesky": np.linalg.cholesky,
    "eigvalsh": np.linalg.eigvalsh,
    "eigh": lambda a: np.linalg.eigh(a)[0],
    "pinv": lambda a: np.linalg.pinv(a, hermitian=True),
    "matrix_rank": lambda a: np.linalg.matrix_rank(a, 1.0, hermitian=True),
    "svd": lambda a: np.linalg.svd(a, hermitian=True)[1],
    "svdvals": lambda a: np.linalg.svd(a, compute_uv=False, hermitian=True),
}


@pytest.mark.parametrize("dtype", "dDfF")
@pytest.mark.parametrize("name", OF_A_TRIANGLE)
def test_what_the_upper_triangle_holds_does_not_matter(name, dtype):
    a = np.stack([positive_definite(3, 3, dtype=dtype), hermitian(positive_definite(3, 3, dtype=dtype))])
    a = np.tril(a) + np.triu(array(2, 3, 3, dtype=dtype), 1)
    like_numpy(OF_A_TRIANGLE[name], a)
    like_numpy(OF_A_TRIANGLE[name], a[0])


@pytest.mark.parametrize("dtype", "dDfF")
def test_cholesky(dtype):
    for shape in ((3, 3), (2, 3, 3), (1, 1)):
        for upper in (False, True):
            like_numpy(lambda a, u=upper: np.linalg.cholesky(a, upper=u), positive_definite(*shape, dtype=dtype))


@ALL
@pytest.mark.parametrize("ord", [None, 1, -1, 2, -2, 3, 0.5, 0, np.inf, -np.inf, "fro", "nuc", "f", "nonsense"])
def test_norms(ord, shape, dtype):
    a = matrix(shape, dtype)
    for axis in (None, 0, -1, (0, 1), (1, 0), (-2, -1), (0, 0), 5, "a", (0,), (0, 1, 2)):
        like_numpy(lambda a, x=axis: np.linalg.norm(a, ord, x), a)
        like_numpy(lambda a, x=axis: np.linalg.vector_norm(a, ord=ord, axis=x, keepdims=True), a)
    like_numpy(lambda a: np.linalg.norm(a, ord, (-1, -2), True), a)
    like_numpy(lambda a: np.linalg.matrix_norm(a, ord=ord, keepdims=True), a)
    like_numpy(lambda a: np.linalg.cond(a, ord), a)


@ALL
@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 3, 6, 1.5])
def test_matrix_power(n, shape, dtype):
    like_numpy(lambda a: np.linalg.matrix_power(a, n), matrix(shape, dtype))


@pytest.mark.parametrize("a", [(3, 3), (2, 3, 3), (2, 3), (3,), (0, 0)])
@pytest.mark.parametrize("dtypes", ["dd", "dD", "fd", "ff", "id", "de"])
def test_solve(a, dtypes):
    for b in ((3,), (3, 2), (2, 3, 1), (2,), (), (5, 1, 3, 2), (0,), (0, 2)):
        agree(np.linalg.solve, matrix(a, dtypes[0]), matrix(b, dtypes[1]), rtol=1e-3)


def test_lstsq():
    systems = [((4, 2), (4,)), ((4, 2), (4, 3)), ((2, 4), (2,)), ((3, 3), (3,)), ((0, 4), (0,))]
    systems += [((4, 2), (3,)), ((2, 4, 2), (4,))]  # errors
    for a, b in systems:
        for rcond in (None, -1, 1e-3):
            like_numpy(lambda a, b, r=rcond: np.linalg.lstsq(a, b, rcond=r), array(*a), array(*b))
    like_numpy(np.linalg.lstsq, array(4, 2, dtype="F"), array(4, dtype="f"))
    deficient = np.ones((4, 2))
    value, _ = covector.jvp(lambda b: np.linalg.lstsq(deficient, b)[:2], (array(4),), (array(4),))
    assert value[1].shape == (0,)  # no residuals, since the rank is 1


def least_squares(rcond):
    """All results, but of the residuals their dtype alone: a low rank, where there are none, is not known under jit."""

    def f(a, b):
        x, residuals, rank, values = np.linalg.lstsq(a, b, rcond=rcond)
        return x, residuals[:0], rank, values

    return f


@pytest.mark.parametrize(("a_dtype", "b_dtype"), itertools.product("?ifdFDeg", repeat=2))
@pytest.mark.parametrize("f", [np.linalg.solve, *map(least_squares, (None, -1, 1e-3))])
def test_systems_of_which_one_side_is_plain(f, a_dtype, b_dtype):
    """Results, their dtypes and what is refused are NumPy's, also where a rank is decided by the dtype that it computes in."""
    tall = np.array([[1, 1], [1, 1 + (1e-6 if np.dtype(a_dtype).kind in "fc" else 1)], [1, 1]])
    a = (np.array([[3, 1], [0, 2]]) if f is np.linalg.solve else tall).astype(a_dtype)
    b = np.array([1, 2, 1.5])[: len(a)].astype(b_dtype)
    ways = (covector.jit(f), lambda a, b: covector.jit(partial(f, a))(b), lambda a, b: covector.jit(lambda a: f(a, b))(a))
    try:
        wanted = f(a, b)
    except TypeError:
        for way in ways:
            with pytest.raises(TypeError):
                way(a, b)
    else:
        for way in ways:
            same(way(a, b), wanted, rtol=1e-2 if {a_dtype, b_dtype} & set("fF") else 1e-8, atol=1e-9)


def test_cond_of_no_matrices():
    for dtype in "dfF":
        agree(np.linalg.cond, np.zeros((0, 2, 2), dtype))


def test_tensor_systems():
    agree(np.linalg.tensorinv, array(2, 3, 6))
    agree(lambda a: np.linalg.tensorinv(a, 1), array(6, 2, 3))
    agree(lambda a: np.linalg.tensorinv(a, 0), array(6, 2, 3))
    agree(np.linalg.tensorsolve, array(2, 3, 6), array(2, 3))
    agree(lambda a, b: np.linalg.tensorsolve(a, b, (0, 2)), array(2, 6, 3), array(6))
    agree(np.linalg.tensorsolve, array(2, 3, 6), array(2, 2))


@pytest.mark.parametrize(
    "shapes",
    [
        *[((2, 3), (3, 4), (4, 5)), ((3,), (3, 4), (4, 5), (5,)), ((2, 3), (3, 4)), ((3,), (3,))],
        *[((2, 3), (3, 4), (5, 5)), ((2, 3),), ((2, 3), (3,), (3, 2)), ((1, 3), (1, 3))],
    ],
)
def test_multi_dot(shapes):
    agree(lambda *xs: np.linalg.multi_dot(list(xs)), *(array(*s) for s in shapes))


def test_results_are_numpys_named_tuples():
    a = array(3, 3)
    for f in (np.linalg.eigh, np.linalg.eig, np.linalg.qr, np.linalg.svd, np.linalg.slogdet):
        assert type(covector.jvp(f, (a,), (a,))[0]) is type(covector.jit(f)(a)) is type(f(a))
    value, tangent = covector.jvp(np.linalg.slogdet, (a,), (a,))
    assert value.logabsdet == np.linalg.slogdet(a).logabsdet
    np.testing.assert_allclose(tangent.logabsdet, 3)


def test_the_namespace():
    assert cnl.inv is np.linalg.inv
    assert set(np.linalg.__all__) - {"LinAlgError"} <= set(cnl.__all__)
    assert all(hasattr(cnl, name) for name in cnl.__all__)
    assert covector.jvp(cnl.inv, (2 * np.eye(2),), (np.eye(2),))[1][0, 0] == -0.25


# --- triangular_solve -----------------------------------------------------------------------------------


@pytest.mark.parametrize("left_side", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("conjugate_a", [False, True])
@pytest.mark.parametrize("lower", [False, True])
def test_triangular_solve(left_side, transpose_a, conjugate_a, lower):
    a, b = array(3, 3, dtype="D") + 3 * np.eye(3), array(3, 3, dtype="D")
    options = {"left_side": left_side, "transpose_a": transpose_a, "conjugate_a": conjugate_a, "lower": lower}
    triangle = np.tril(a) if lower else np.triu(a)
    op = triangle.conj() if conjugate_a else triangle
    op = op.T if transpose_a else op
    x = cnl.triangular_solve(a, b, **options)
    np.testing.assert_allclose(op @ x if left_side else x @ op, b, atol=1e-12)
    x = cnl.triangular_solve(a, b[0], **options)
    np.testing.assert_allclose(op @ x if left_side else x @ op, b[0], atol=1e-12)
    check_grads(lambda a, b: cnl.triangular_solve(a, b, **options), (a, b), order=1)
    unit = cnl.triangular_solve(a, b, unit_diagonal=True, **options)
    op = op - np.diag(np.diag(op)) + np.eye(3)
    np.testing.assert_allclose(op @ unit if left_side else unit @ op, b, atol=1e-12)


def test_triangular_solve_refuses():
    with pytest.raises(np.linalg.LinAlgError, match="square"):
        cnl.triangular_solve(array(2, 3), array(2, 3))
    with pytest.raises(ValueError, match="3 equations have 2 right-hand sides"):
        cnl.triangular_solve(array(3, 3), array(2, 1), left_side=True)
    with pytest.raises(TypeError, match="unsupported"):
        cnl.triangular_solve(array(3, 3, dtype="e"), array(3))
    assert cnl.triangular_solve([[2]], [[4]]).dtype == np.float64


# --- derivatives ----------------------------------------------------------------------------------------


def smooth(a):
    """Eigenvalues far apart, determinant positive."""
    return a + np.diag([5.0, 3.0, 1.5])


@pytest.mark.parametrize("dtype", "dD")
@pytest.mark.parametrize(
    "f",
    [
        *(np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.pinv, np.linalg.svdvals, np.linalg.cond),
        *(lambda a, p=p: np.linalg.norm(a, p) for p in (None, 1, -1, 2, -2, np.inf, "fro", "nuc")),
        *(lambda a, p=p: np.linalg.norm(a, p, axis=0) for p in (1, 2, 3, np.inf, -np.inf)),
        *(lambda a, n=n: np.linalg.matrix_power(a, n) for n in (-2, 0, 3, 5)),
        lambda a: np.linalg.cond(a, 1),
        lambda a: np.linalg.cholesky(a @ adjoint(a)),
        lambda a: np.linalg.eigvalsh(hermitian(a), "U"),
        lambda a: np.abs(np.linalg.eigh(hermitian(a))[1]),
        lambda a: np.linalg.svd(hermitian(a), hermitian=True)[0] ** 2 if a.dtype.kind == "f" else a,
        lambda a: np.linalg.qr(a).R,
        lambda a: np.linalg.multi_dot([a, a[:, :1], a[:1, :], a]),
        lambda a: np.linalg.tensorinv(np.reshape(a, (3, 1, 3))),
    ],
)
def test_derivatives(f, dtype):
    check_grads(f, (smooth(0.3 * array(3, 3, dtype=dtype)),), order=2)


@pytest.mark.parametrize("dtype", "dD")
@pytest.mark.parametrize("shapes", [((3, 3), (3,)), ((3, 3), (3, 2)), ((3, 3), (2, 3, 1))])
def test_derivatives_of_solve(shapes, dtype):
    a, b = smooth(array(*shapes[0], dtype=dtype)), array(*shapes[1], dtype=dtype)
    check_grads(np.linalg.solve, (a, b), order=2)


@pytest.mark.parametrize(("a", "b"), [((4, 2), (4,)), ((2, 4), (2,)), ((3, 3), (3, 2))])
def test_derivatives_of_lstsq(a, b):
    check_grads(lambda a, b: np.linalg.lstsq(a, b)[:2], (array(*a), array(*b)), order=2)


def test_holomorphic_derivatives():
    """d log det A = trace(A⁻¹ dA), and eigenvalues are holomorphic: their gradient is vᵢ wᵢᵀ of right and left vectors."""
    a = smooth(array(3, 3, dtype="D"))

    def log_det(a):
        sign, size = np.linalg.slogdet(a)
        return np.log(sign) + size

    np.testing.assert_allclose(covector.grad(log_det, holomorphic=True)(a), np.linalg.inv(a).T, atol=1e-12)
    jacobian = covector.jacfwd(np.linalg.eigvals, holomorphic=True)(a)
    w, left, right = scipy.linalg.eig(a, left=True, right=True)
    for value, by_a in zip(np.linalg.eigvals(a), jacobian, strict=True):
        i = np.argmin(np.abs(w - value))
        expected = np.outer(left[:, i].conj(), right[:, i]) / (left[:, i].conj() @ right[:, i])
        np.testing.assert_allclose(by_a, expected, atol=1e-10)


def test_closed_forms():
    a, t = positive_definite(3, 3), hermitian(array(3, 3))
    np.testing.assert_allclose(covector.grad(lambda a: np.linalg.slogdet(a)[1])(a), np.linalg.inv(a), atol=1e-12)
    w, v = np.linalg.eigh(a)
    symmetric = lambda a: (a + a.T) / 2
    values = lambda a: np.linalg.eigvalsh(symmetric(a))
    np.testing.assert_allclose(covector.jacrev(values)(a), np.einsum("ik,jk->kij", v, v), atol=1e-12)
    u, s, vh = np.linalg.svd(a)
    np.testing.assert_allclose(covector.grad(lambda a: np.linalg.norm(a, "nuc"))(a), u @ vh, atol=1e-12)
    exponential = lambda a: (lambda w, v: (v * np.exp(w)) @ v.T)(*np.linalg.eigh(a))
    _, derivative = scipy.linalg.expm_frechet(a / 10, t)
    np.testing.assert_allclose(covector.jvp(exponential, (a / 10,), (t,))[1], derivative, atol=1e-10)
    # The log density of a Gaussian is differentiated alike through its Cholesky factor and through solve and slogdet.
    x = array(3)

    def through_cholesky(a):
        factor = np.linalg.cholesky(symmetric(a))
        z = cnl.triangular_solve(factor, x, left_side=True, lower=True)
        return 0.5 * z @ z + np.sum(np.log(np.diagonal(factor)))

    def through_solve(a):
        return 0.5 * x @ np.linalg.solve(a, x) + 0.5 * np.linalg.slogdet(a)[1]

    np.testing.assert_allclose(covector.grad(through_cholesky)(a), covector.grad(through_solve)(a), atol=1e-10)
    left, right = (covector.hessian(f)(a).reshape(9, 9) @ t.ravel() for f in (through_cholesky, through_solve))
    np.testing.assert_allclose(left, right, atol=1e-9)


def test_an_eigenvector_as_lapack_scales_it():
    a = smooth(array(3, 3, dtype="D"))
    t = array(3, 3, dtype="D")
    tangent = covector.jvp(np.linalg.eig, (a,), (t,))[1].eigenvectors
    ahead, behind = (np.linalg.eig(a + s * 1e-6 * t).eigenvectors for s in (1, -1))
    np.testing.assert_allclose(tangent, (ahead - behind) / 2e-6, atol=1e-6)


def test_batches_and_programs():
    a, b = smooth(array(4, 3, 3)), array(4, 3)
    np.testing.assert_allclose(covector.vmap(np.linalg.solve)(a, b), [np.linalg.solve(x, y) for x, y in zip(a, b, strict=True)])
    np.testing.assert_allclose(covector.vmap(np.linalg.solve, (None, 0))(a[0], b), [np.linalg.solve(a[0], y) for y in b])
    gradient = covector.grad(lambda a, b: np.sum(np.linalg.solve(a, b) ** 2))
    np.testing.assert_allclose(covector.vmap(gradient)(a, b), [gradient(x, y) for x, y in zip(a, b, strict=True)])
    program = covector.make_jaxpr(covector.vmap(np.linalg.solve, (None, 0)))(a[0], b)
    solves = [e for e in program.equations if e.primitive.name == "solve"]
    assert [e.inputs[1].aval.shape for e in solves] == [(3, 4)]  # one factorization, four columns
    sizes = covector.vmap(lambda a, p: np.linalg.pinv(a, p), (0, 0))(a, np.array([1e-9, 0.9, 0.5, 1e-9]))
    np.testing.assert_allclose(sizes, [np.linalg.pinv(x, p) for x, p in zip(a, [1e-9, 0.9, 0.5, 1e-9], strict=True)])


def test_linear_transpose_of_solve():
    a, b, ct = smooth(array(3, 3)), array(3), array(3)
    (back,) = covector.linear_transpose(lambda b: np.linalg.solve(a, b), b)(ct)
    np.testing.assert_allclose(back, np.linalg.solve(a.T, ct))


def test_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        covector.grad(lambda a: np.linalg.det(a))(np.zeros((2, 2)))
        covector.grad(lambda a: np.linalg.norm(a))(np.zeros(2))
        covector.jvp(np.linalg.eigh, (np.eye(2),), (np.eye(2),))


def test_pinv_of_empty_matrices_keeps_their_dtype():
    for dtype in (int, bool, np.float32, complex):
        for shape in ((0, 3), (3, 0), (2, 0, 3), (0, 0, 3), (0, 3, 3), (0, 3, 2)):
            a = np.zeros(shape, dtype)
            same(covector.jit(np.linalg.pinv)(a), np.linalg.pinv(a))


@pytest.mark.parametrize("backend", ["numpy", "native"])
@pytest.mark.parametrize("at", [(0, 0), (0, 1), (1, 1)])
def test_an_infinity_in_a_system_of_equations_is_an_error(at, backend):
    """Also where nobody asks for the singular values, which tell it to NumPy."""
    for value in (np.inf, -np.inf, np.nan):
        a = np.array([[3.0, 1.0], [1.0, 2.0]])
        a[at] = value
        for f in (lambda a: np.linalg.lstsq(a, np.ones(2))[0], np.linalg.pinv):
            with pytest.raises(np.linalg.LinAlgError, match="SVD did not converge"):
                covector.jit(f, backend=backend)(a)
        if at == (0, 1):
            agree(lambda a: np.linalg.pinv(a, hermitian=True), a)  # this element is not read
    with pytest.raises(np.linalg.LinAlgError, match="SVD did not converge"):
        covector.grad(lambda a: np.sum(np.linalg.lstsq(a, np.ones(2))[0]))(a)


def test_least_squares_of_two_dtypes_are_numpys():
    """Single precision is computed in double precision: a matrix whose last singular value is 1e-10 has a full rank."""
    thin = np.array([[1, 0], [0, 1e-10], [0, 0]])
    for first, second in ("fd", "df", "fD", "FD", "Fd", "Ff", "if", "fi", "ff"):
        a = (np.eye(3, 2) if first == "i" else thin).astype(first)
        agree(np.linalg.lstsq, a, np.array([1, 2, 3], second), rtol=1e-5)
        agree(np.linalg.lstsq, a[:0], np.zeros(0, second))
        agree(np.linalg.lstsq, a[:, :0], np.array([1, 2, 3], second))


@pytest.mark.parametrize("p", [None, 2, -2, 1, -1, np.inf, -np.inf, "fro", "nuc"])
@pytest.mark.parametrize("run", [covector.jit, lambda f: lambda x: covector.jvp(f, (x,), (x,))[0]])
def test_the_condition_of_zero_is_infinite(run, p):
    condition = run(lambda a: np.linalg.cond(a, p))
    for n in (1, 2, 3):
        np.testing.assert_array_equal(condition(np.zeros((n, n))), np.inf)
        found = condition(np.stack([np.zeros((n, n)), np.eye(n)]))
        np.testing.assert_allclose(found, [np.inf, np.linalg.cond(np.eye(n), p)])


@pytest.mark.parametrize(
    ("f", "a", "error"),
    [
        (lambda a: np.linalg.lstsq(np.eye(3), a), np.ones(3, "e"), TypeError),
        (lambda a: np.linalg.lstsq(np.eye(3), a), np.ones((3, 2), "g"), TypeError),
        (lambda a: np.polyfit(np.arange(3.0), a, 1), np.ones(3, "e"), TypeError),
        (lambda a: np.linalg.tensorinv(a, 1), np.ones((0, 0)), ValueError),
        (lambda a: np.linalg.tensorinv(a), np.ones((2, 3, 4)), np.linalg.LinAlgError),
    ],
)
def test_what_numpy_refuses(f, a, error):
    for run in (f, covector.jit(f)):
        with pytest.raises(error):
            run(a)
