"""covector.scipy.sparse: values are SciPy's, derivatives by differences; SciPy's own matrices take traced values."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import covector as cv
from covector.primitives.linalg.sparse_products import sparse_matmul_p
from covector.scipy import sparse
from covector.scipy.sparse import linalg
from covector.testing import check_function

RNG = np.random.default_rng(0)
DENSE = np.where(RNG.uniform(size=(4, 4)) < 0.5, 0.0, RNG.normal(size=(4, 4))) + 3 * np.eye(4)
X, WIDE = RNG.normal(size=4), RNG.normal(size=(4, 3))
FORMATS = ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]
A = sparse.csr_array(scipy.sparse.csr_array(DENSE))
D = A.data


def at(data):
    return sparse.SparseArray(data, A.pattern)


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("format", FORMATS)
def test_scipys_matrices_take_traced_values(format, kind):
    m = getattr(scipy.sparse, f"{format}_{kind}")(DENSE)
    cases = [
        (lambda x: m @ x, DENSE @ X, X),
        (lambda x: x @ m, X @ DENSE, X),
        (lambda x: m.T @ x, DENSE.T @ X, X),
        (lambda x: m.dot(x), DENSE @ X, X),
        (lambda x: m @ x, DENSE @ WIDE, WIDE),
        (lambda x: x @ m, WIDE.T @ DENSE, WIDE.T),
        (lambda x: (m * x).toarray(), DENSE * 2.0, 2.0),
        (lambda x: (x * m).toarray(), DENSE * 2.0, 2.0),
        (lambda x: (m / x).toarray(), DENSE / 2.0, 2.0),
    ]
    for f, expected, x in cases:
        np.testing.assert_allclose(cv.jvp(f, (x,), (x,))[0], expected, rtol=1e-12)
        np.testing.assert_allclose(cv.jit(f)(x), expected, rtol=1e-12)
    np.testing.assert_allclose(cv.grad(lambda x: np.sum((m @ x) ** 2))(X), 2 * DENSE.T @ DENSE @ X, rtol=1e-12)
    if (format, kind) == ("dia", "array"):  # SciPy's product by elements asks for the array where it cannot do without
        with pytest.raises(TypeError, match="was asked for"):
            cv.jit(lambda x: m * x)(X)
        return
    elements = lambda x: m * x if kind == "matrix" else (m * x).toarray()
    expected = DENSE @ X if kind == "matrix" else DENSE * X
    np.testing.assert_allclose(cv.jit(elements)(X), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("format", FORMATS)
def test_scipys_matrices_on_the_left(format, kind):
    """A product of `spmatrix` by * is that of matrices."""
    m = getattr(scipy.sparse, f"{format}_{kind}")(DENSE.T)
    cases = [
        (lambda A: m @ A, DENSE.T @ DENSE),
        (lambda A: m * A, DENSE.T @ DENSE if kind == "matrix" else DENSE.T * DENSE),
        (lambda A: m + A, DENSE.T + DENSE),
        (lambda A: m - A, DENSE.T - DENSE),
    ]
    for f, expected in cases:
        np.testing.assert_allclose(f(A).toarray(), expected, rtol=1e-12)
        np.testing.assert_allclose(cv.jit(f)(A).toarray(), expected, rtol=1e-12)


def test_products_have_all_derivatives():
    check_function(lambda d, x: at(d) @ x, (D, X))
    check_function(lambda d, x: x @ at(d), (D, WIDE.T))
    check_function(lambda d: (at(d) @ at(d).T).toarray(), (D,))
    check_function(lambda d, x: (at(d) * x + at(d).T).toarray(), (D, X), order=1)
    found = cv.vmap(lambda d, x: at(d) @ x)(np.array([D, 2 * D]), np.array([X, X + 1]))
    np.testing.assert_allclose(found, [DENSE @ X, 2 * DENSE @ (X + 1)])
    check_function(lambda d, x: at(d) @ x, (D + 1j, X - 2j), order=1)


def test_a_matrix_is_a_pytree():
    found = cv.jit(cv.grad(lambda m: np.sum((m @ X) ** 2)))(A)
    np.testing.assert_allclose(found.toarray(), np.where(DENSE != 0, np.outer(2 * DENSE @ X, X), 0.0))


@pytest.mark.parametrize("dtype", [np.int32, np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_dtypes(dtype):
    m = A.astype(dtype)
    out = cv.jit(lambda x: m @ x)(X.astype(np.float32))
    assert out.dtype == np.result_type(dtype, np.float32)
    np.testing.assert_allclose(out, m.toarray() @ X.astype(np.float32), rtol=2e-3, atol=2e-3)


def test_construction_is_scipys():
    blocks, diagonals = RNG.normal(size=(2, 2, 3)), RNG.normal(size=(2, 4))
    cases = [
        ("bsr_array", ((blocks, [1, 0], [0, 1, 2]), (4, 6))),
        ("dia_array", ((diagonals, [-1, 2]), (3, 5))),
        ("csr_array", ((D[:3], [2, 0, 1], [0, 2, 3]), (2, 4))),
        ("csc_array", ((D[:3], [1, 0, 1], [0, 2, 3]), (3, 2))),
        ("coo_array", ((D[:3], ([1, 0, 1], [0, 2, 0])), None)),
    ]
    for name, (parts, shape) in cases:
        expected = getattr(scipy.sparse, name)(parts, shape=shape).toarray()
        found = cv.jit(lambda d, name=name, parts=parts, shape=shape: getattr(sparse, name)((d, *parts[1:]), shape).toarray())
        np.testing.assert_allclose(found(parts[0]), expected)
    expected = scipy.sparse.diags_array([[1.0, 2.0, 3.0], [4.0, 5.0]], offsets=[0, 1]).toarray()
    np.testing.assert_array_equal(sparse.diags_array([[1.0, 2.0, 3.0], [4.0, 5.0]], offsets=[0, 1]).toarray(), expected)


def test_sums_and_operators():
    np.testing.assert_allclose(A.sum(0), DENSE.sum(0))
    np.testing.assert_allclose(A.sum(1), DENSE.sum(1))
    np.testing.assert_allclose(A.diagonal(), DENSE.diagonal())
    np.testing.assert_allclose((A - 2 * A.T).toarray(), DENSE - 2 * DENSE.T)
    np.testing.assert_allclose(WIDE.T @ A, WIDE.T @ DENSE)
    np.testing.assert_allclose((A * A.T).toarray(), DENSE * DENSE.T)
    np.testing.assert_allclose((A / X).toarray(), DENSE / X)
    np.testing.assert_allclose(1 + X + A, 1 + X + DENSE)


OF_ANY_SHAPE = {
    "transpose": lambda m: m.T.toarray(),
    "transpose twice": lambda m: m.transpose().T.toarray(),
    "product": lambda m: m @ X[: m.shape[1]],
    "product with several": lambda m: m @ WIDE[: m.shape[1]],
    "product from the left": lambda m: X[: m.shape[0]] @ m,
    "product of the transpose": lambda m: m.T @ WIDE[: m.shape[0]],
    "square": lambda m: (m @ m.T).toarray(),
    "square of the transpose": lambda m: (m.T @ m).toarray(),
    "sum": lambda m: m.sum(),
    "sums of columns": lambda m: m.sum(0),
    "sums of rows of the transpose": lambda m: m.T.sum(1),
    "diagonal": lambda m: m.diagonal(),
    "diagonal of the transpose": lambda m: m.T.diagonal(),
    "difference": lambda m: (m - 3 * m.T.T).toarray(),
    "sum with a dense matrix": lambda m: m.T + WIDE[:2, :3].reshape(m.T.shape),
    "elements": lambda m: m.T.multiply(WIDE[:2, :3].reshape(m.T.shape)).toarray(),
    "elements of a vector": lambda m: m.T.multiply(X[: m.shape[0]]).toarray(),
}


@pytest.mark.parametrize("dense", [DENSE[:2, :3], DENSE[:3, 1:3]], ids=["wide", "tall"])
@pytest.mark.parametrize("name", OF_ANY_SHAPE)
def test_matrices_need_not_be_square(name, dense):
    f, places = OF_ANY_SHAPE[name], dense.nonzero()
    made = lambda d: f(sparse.coo_array((d, places), dense.shape))
    for way in (made, cv.jit(made)):
        np.testing.assert_allclose(way(dense[places]), f(scipy.sparse.coo_array(dense)), rtol=1e-12)
    check_function(made, (dense[places],), order=1)


@pytest.mark.parametrize("trans", ["N", "T", "H"])
def test_solutions(trans):
    matrix = {"N": DENSE, "T": DENSE.T, "H": DENSE.T}[trans]
    f = lambda d, b: linalg.splu(at(d)).solve(b, trans)
    for b in (X, WIDE):
        np.testing.assert_allclose(f(D, b), np.linalg.solve(matrix, b), rtol=1e-12)
        np.testing.assert_allclose(cv.jit(f)(D, b), np.linalg.solve(matrix, b), rtol=1e-12)
    check_function(f, (D, X), tolerance=1e-5)


def test_complex_solutions():
    m = DENSE + 1j * DENSE.T
    found = linalg.spsolve(scipy.sparse.csc_array(m), X)
    np.testing.assert_allclose(found, np.linalg.solve(m, X))
    found = linalg.splu(m).solve(X, "H")
    np.testing.assert_allclose(found, np.linalg.solve(m.conj().T, X))


def test_factors_are_used_again(monkeypatch):
    calls, splu = [], scipy.sparse.linalg.splu
    monkeypatch.setattr(linalg._scipy, "splu", lambda m: calls.append(1) or splu(m))
    cv.grad(lambda d: np.sum(linalg.spsolve(at(d), X) ** 2))(D)
    assert len(calls) == 1


@pytest.mark.parametrize("kinds", ["dD", "Dd", "fd", "df"])
def test_factors_are_used_again_for_one_dtype_only(kinds):
    m = DENSE.astype(np.float32)
    lu = linalg.splu(m)
    for kind in kinds:
        b = (X * (1 + 2j) if kind == "D" else X).astype(kind)
        found = lu.solve(b)
        np.testing.assert_allclose(found, np.linalg.solve(m, b), rtol=1e-5)
        assert found.dtype == kind


@pytest.mark.parametrize("m", [DENSE[:1, :1], DENSE])
@pytest.mark.parametrize("b", [X, X[:, None], WIDE])
def test_the_solution_of_one_column_is_a_vector_as_in_scipy(m, b):
    known, b = scipy.sparse.csc_array(m), b[: len(m)]
    expected = scipy.sparse.linalg.spsolve(known, b)
    by_lift = cv.lift(lambda b: scipy.sparse.linalg.spsolve(known, b))
    for f in (lambda b: linalg.spsolve(known, b), by_lift):
        for run in (f, cv.jit(f)):
            found = run(b)
            np.testing.assert_allclose(found, expected, rtol=1e-12)
            assert found.shape == expected.shape
    assert linalg.splu(known).solve(b).shape == scipy.sparse.linalg.splu(known).solve(b).shape


def test_a_singular_matrix_has_no_solution():
    with pytest.warns(scipy.sparse.linalg.MatrixRankWarning, match="singular"):
        assert np.isnan(linalg.spsolve(np.diag([1.0, 0.0]), np.ones(2))).all()


SYMMETRIC = DENSE @ DENSE.T


@pytest.mark.parametrize("name", ["cg", "minres", "bicgstab", "gmres"])
def test_iterations(name):
    solver = getattr(linalg, name)
    m = SYMMETRIC if name in ("cg", "minres") else DENSE
    x, info = solver(m, X, rtol=1e-13)
    np.testing.assert_allclose(x, np.linalg.solve(m, X), rtol=1e-8)
    assert info == 0
    f = lambda s, b: solver(lambda v: s * (m @ v), b, rtol=1e-13, M=np.diag(1 / np.diag(m)))[0]
    check_function(f, (1.3, X), tolerance=1e-4)
    assert solver(scipy.sparse.csr_array(m), X, rtol=1e-13, maxiter=1)[1] != 0 or name == "gmres"
    ours, theirs = [], []
    options = {"callback_type": "x"} if name == "gmres" else {}
    solver(m, X, rtol=1e-8, callback=lambda x: ours.append(x.copy()), **options)
    getattr(scipy.sparse.linalg, name)(m, X, rtol=1e-8, callback=lambda x: theirs.append(x.copy()), **options)
    assert len(ours) == len(theirs) > 0
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-9)


HERMITIAN = SYMMETRIC + 1j * (DENSE - DENSE.T)
HERMITIAN = HERMITIAN @ HERMITIAN.conj().T


@pytest.mark.parametrize("name", ["cg", "bicgstab", "gmres"])
@pytest.mark.parametrize("before", [None, np.diag(1 / np.diag(HERMITIAN)).astype(complex), np.linalg.inv(HERMITIAN + 0.1)])
def test_iterations_with_complex_matrices(name, before):
    """The transpose of a Hermitian matrix is its conjugate, that of a preconditioner likewise."""
    b = X + 1j * X[::-1]
    loss = lambda x: np.sum(np.real(x) * np.arange(1.0, 5) + np.imag(x) ** 2)
    f = lambda r, s: loss(getattr(linalg, name)(lambda v: s * (HERMITIAN @ v), r * b, rtol=1e-13, M=before)[0])
    expected = lambda r, s: loss(np.linalg.solve(s * HERMITIAN, r * b))
    r = np.array([1.0, 2.0, 0.5, -1.0])
    h = 1e-6
    by_r = [(expected(r + h * e, 1.3) - expected(r - h * e, 1.3)) / (2 * h) for e in np.eye(4)]
    by_s = (expected(r, 1.3 + h) - expected(r, 1.3 - h)) / (2 * h)
    for grad in (cv.grad(f, argnums=(0, 1)), cv.jit(cv.grad(f, argnums=(0, 1)))):
        found = grad(r, 1.3)
        np.testing.assert_allclose(found[0], by_r, rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(found[1], by_s, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: A @ np.ones(3), r"the product of a sparse matrix of shape \(4, 4\) and one of shape \(3,\)"),
        (lambda: sparse.coo_array((np.ones(1), ([4], [0])), (2, 2)), "not within a matrix of shape"),
        (lambda: sparse.csr_array((np.ones(2), [0, 1], [0, 1])), "indptr rises from 0"),
        (lambda: A + 1.0, "a number was added to a sparse matrix"),
        (lambda: linalg.spsolve(np.ones((2, 3)), np.ones(2)), "it must be square"),
        (lambda: linalg.spsolve(DENSE, np.ones(3)), "a system with a matrix of shape"),
        (lambda: linalg.cg(DENSE, np.ones(3)), "for 3 equations"),
        (lambda: linalg.minres(SYMMETRIC, 1j * X), "minres got complex numbers"),
        (lambda: cv.jit(lambda i: sparse.coo_array((np.ones(1), (i, i)), (2, 2)).data)(np.zeros(1, int)), "that are traced"),
        (lambda: np.asarray(A), "it would be dense"),
        (lambda: scipy.sparse.hstack([A, A.to_scipy()]), r"of covector's of shape .* A\.to_scipy\(\)"),
        (lambda: A.to_scipy() / A, "something was divided by a sparse matrix"),
        *((lambda b=b: A == b, "a sparse matrix was compared") for b in (A, A.to_scipy(), DENSE, 0.0)),
        *((lambda b=b: b != A, "a sparse matrix was compared") for b in (DENSE, 0.0)),
        (lambda: A.to_scipy() != A, "it would be dense"),
        (lambda: A > 0, "a sparse matrix was compared"),
        (lambda: cv.jit(lambda x: x == A)(X), "a sparse matrix was compared"),
    ],
)
def test_errors(call, message):
    with pytest.raises(cv.errors.ArgumentError if hasattr(cv, "errors") else TypeError, match=f"(?s){message}"):
        call()


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "g", "F", "D", "i4"])
def test_products_have_the_dtype_of_numpys(kind):
    dense = np.array([[0, 2, 0], [1, 0, 3]]).astype(kind)
    rows, columns = np.nonzero(dense)
    found = sparse_matmul_p.bind(dense[rows, columns], rows, columns, dense.T, shape=dense.shape)
    assert found.dtype == (dense @ dense.T).dtype
    np.testing.assert_array_equal(found, dense @ dense.T)


def check_both_ways(f, expected, *args):
    for run in (f, cv.jit(f)):
        found = run(*args)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize("kind", ["?", "u1", "i1", "f4", "f8", "D"])
@pytest.mark.parametrize("other", ["?", "u1", "f4"])
def test_differences_are_those_of_dense_matrices(kind, other):
    """SciPy gives where two matrices of bools differ; NumPy has no difference of them."""
    a, b = np.array([[1, 2], [3, 0]]).astype(kind), np.array([[5, 7], [0, 9]]).astype(other)
    if kind == other == "?":
        check_both_ways(lambda a, b: (sparse.csr_array(a) - sparse.csr_array(b)).toarray(), a ^ b, a, b)
        return
    known = scipy.sparse.csr_array(b)
    check_both_ways(lambda a: (sparse.csr_array(a) - known).toarray(), a - b, a)
    check_both_ways(lambda a: (known - sparse.csr_array(a)).toarray(), b - a, a)
    check_both_ways(lambda a: a - known, a - b, a)
    check_both_ways(lambda a: known - a, b - a, a)
    check_both_ways(lambda a, b: a - sparse.csr_array(b), a - b, a, b)
    check_both_ways(lambda a, b: sparse.csr_array(a) - b, a - b, a, b)


def test_bools_stay_bools():
    a, b = np.array([[True, True], [False, True]]), np.array([[True, False], [True, True]])
    A, B = scipy.sparse.csr_array(a), scipy.sparse.csr_array(b)
    x = np.array([True, False])
    for f in (
        lambda a, b: (a + b).toarray(),
        lambda a, b: (a @ b).toarray(),
        lambda a, b: (a * b).toarray(),
        lambda a, b: a @ x,
        lambda a, b: x @ a,
        lambda a, b: (2 * a).toarray(),
        lambda a, b: a.diagonal(),
    ):
        check_both_ways(lambda a, b, f=f: f(sparse.csr_array(a), sparse.csr_array(b)), f(A, B), a, b)
        check_both_ways(lambda a, f=f: f(sparse.csr_array(a), B), f(A, B), a)
    twice = sparse.coo_array((np.array([True, True]), ([0, 0], [0, 0])))
    assert twice.toarray() == twice.sum_duplicates().data == [[True]]


@pytest.mark.parametrize("kind", ["?", "u1", "i1", "i8", "f4", "F"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_sums_have_the_dtype_of_numpys(kind, axis):
    dense = np.full((3, 2), 100).astype(kind)
    check_both_ways(lambda d: sparse.csr_array(d).sum(axis), dense.sum(axis), dense)


@pytest.mark.parametrize("number", [2, 2.5, True, 1j, np.float64(2.5), np.int8(3)])
@pytest.mark.parametrize("kind", ["i1", "f4", "F", "f8"])
def test_numbers_promote_as_with_dense_matrices(kind, number):
    """SciPy divides in double precision; NumPy does not."""
    dense = np.array([[1, 2], [3, 4]]).astype(kind)
    check_both_ways(lambda d: (sparse.csr_array(d) * number).toarray(), dense * number, dense)
    check_both_ways(lambda d: (number * sparse.csr_array(d)).toarray(), number * dense, dense)
    check_both_ways(lambda d: (sparse.csr_array(d) / number).toarray(), dense / number, dense)


def test_a_matrix_is_a_carry_of_a_loop():
    single = sparse.csr_array(DENSE.astype(np.float32))
    found = cv.lax.fori_loop(0, 3, lambda _, m: m * 0.5, single)
    np.testing.assert_array_equal(found.toarray(), DENSE.astype(np.float32) / 8)


def test_shapes_of_more_elements_than_integers():
    """4 * 2**62 + 0 would be the number of the element [4, 0], and is 0 in 64 bits."""
    n = 2**62
    rows, columns = np.array([0, 4, n - 1, 4, 0]), np.array([0, 0, n - 1, 0, 4])
    b = scipy.sparse.coo_array((np.array([10.0, 20.0]), ([0, n - 1], [4, n - 1])), shape=(n, n))
    places = lambda m: {(int(i), int(j)): float(v) for i, j, v in zip(m.row, m.col, m.data, strict=True)}
    f = lambda d: sparse.coo_array((d, (rows, columns)), shape=(n, n))
    for run in (f, cv.jit(f)):
        A = run(np.arange(1.0, 6))
        assert places(A.sum_duplicates()) == {(0, 0): 1, (0, 4): 5, (4, 0): 6, (n - 1, n - 1): 3}
        assert places(A + b) == {(0, 0): 1, (0, 4): 15, (4, 0): 6, (n - 1, n - 1): 23}
        assert places(A * b) == {(0, 4): 50, (n - 1, n - 1): 60}


@pytest.mark.parametrize("zero", [0, 0.0, np.float64(0.0), np.array(0)])
@pytest.mark.parametrize("f", [lambda m, o: sum([m, m]), lambda m, o: m + o, lambda m, o: m - o, lambda m, o: o - m])
def test_zero_is_added_as_in_scipy(f, zero):
    dense = DENSE.astype(np.float32)
    expected = f(scipy.sparse.csr_array(dense), zero).toarray()
    check_both_ways(lambda d: f(sparse.csr_array(d), zero).toarray(), expected, dense)


@pytest.mark.filterwarnings("ignore:Input has data type:FutureWarning")
@pytest.mark.parametrize("kinds", ["i8", "i1 f4", "f4", "f4 F", "u1 F"])
def test_diagonals_have_scipys_dtype(kinds):
    of = [np.arange(1, 4 - k).astype(kind) for k, kind in enumerate(kinds.split())]
    for options in ({}, {"dtype": np.complex64}):
        expected = scipy.sparse.diags_array(of, offsets=[*range(len(of))], **options).toarray()
        check_both_ways(lambda *d, o=options: sparse.diags_array(d, offsets=[*range(len(d))], **o).toarray(), expected, *of)
    assert sparse.diags_array(of, offsets=[*range(len(of))], dtype=None).dtype == np.result_type(*of)


def test_entries_at_one_place_add_up_before_they_are_converted():
    places = np.array([0, 0, 1]), np.array([1, 1, 0])
    made = lambda d: sparse.coo_array((d, places), (2, 2))
    halves, bools = np.array([0.5, 0.5, 2.9]), np.array([True, True, True])
    for f, of_dense in (
        (lambda m: m.astype(int).toarray(), lambda dense: dense.astype(int)),
        (lambda m: m.astype(float).toarray(), lambda dense: dense.astype(float)),
        (lambda m: m.astype(bool).toarray(), lambda dense: dense.astype(bool)),
        (lambda m: m @ X[:2], lambda dense: dense @ X[:2]),
        (lambda m: (m * 3).toarray(), lambda dense: dense * 3),
        (lambda m: (m + scipy.sparse.eye_array(2)).toarray(), lambda dense: dense + np.eye(2)),
    ):
        for data, dense in ((halves, np.array([[0, 1.0], [2.9, 0]])), (bools, np.array([[False, True], [True, False]]))):
            check_both_ways(lambda d, f=f: f(made(d)), of_dense(dense), data)
