"""SciPy's sparse matrices in lifted code, with traced vectors and traced entries, against dense ones."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.csgraph as csgraph
import scipy.sparse.linalg as sl

import covector as cv

TALL = np.array([[2.0, 0.3, 0.0], [0.3, 1.5, 0.2], [0.0, 0.2, 1.2], [1.0, 0.0, 0.0]])
SQUARE = TALL[:3]
X = np.array([0.3, 0.7, 1.1])
ROWS, COLUMNS = np.array([2, 0, 1, 0]), np.array([1, 2, 0, 2])

RUN = {
    "jit": lambda f: cv.jit(f)(X),
    "vmap": lambda f: cv.vmap(f)(np.stack([2 * X, X]))[1],
    "jacobian": lambda f: cv.jit(cv.jacrev(f))(X),
    "hvp": lambda f: cv.jvp(cv.grad(lambda x: np.sum(f(x) ** 2)), (X,), (X,))[1],
}


def compare(f, of_dense, run):
    """The dense program is covector's plain one: no lift, no sparse matrix."""
    np.testing.assert_allclose(RUN[run](cv.lift(f)), RUN[run](of_dense), rtol=1e-11, atol=1e-13)


FORMS = [f"{name}_array" for name in "csr csc coo dia bsr lil dok".split()] + ["csr_matrix", "csc_matrix", "dia_matrix"]
KNOWN = {
    "A @ x": lambda A, B, x: A @ x,
    "A @ (x, 2 x)": lambda A, B, x: A @ np.outer(x, [1.0, 2.0]),
    "A @ column": lambda A, B, x: A @ x[:, None],
    "x @ B": lambda A, B, x: x @ B,
    "(x, 2 x) @ B": lambda A, B, x: np.outer([1.0, 2.0], x) @ B,
    "B.T @ x": lambda A, B, x: B.T @ x,
    "B.dot(x)": lambda A, B, x: B.dot(x) if sp.issparse(B) else B @ x,
    "x B x": lambda A, B, x: x @ (B @ x) * x,
    "rows": lambda A, B, x: (B.toarray() if sp.issparse(B) else B)[:2] @ x,
}


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("text", KNOWN)
@pytest.mark.parametrize("form", FORMS)
def test_products_with_traced_vectors(form, text, run):
    make, f = getattr(sp, form), KNOWN[text]
    A, B = make(TALL), make(SQUARE)
    compare(lambda x: f(A, B, x), lambda x: f(TALL, SQUARE, x), run)


def entries(x):
    return np.concatenate([x, 2 * x[:1]])


def dense(x):
    return cv.at(np.zeros((3, 3)))[ROWS, COLUMNS].add(entries(x))


TRACED = {
    "M @ x": lambda M, x: M @ x,
    "M.T @ x": lambda M, x: M.T @ x,
    "x @ M": lambda M, x: x @ M,
    "toarray": lambda M, x: toarray(M),
    "2 M 3": lambda M, x: toarray(2 * M * 3),
    "x0 M": lambda M, x: toarray(x[0] * M),
    "M / x0": lambda M, x: toarray(M / x[0]),
    "-M": lambda M, x: toarray(-M),
    "M + S": lambda M, x: toarray(M + sparse_like(M, SQUARE)),
    "M - M.T": lambda M, x: toarray(M - M.T),
    "S @ M": lambda M, x: toarray(sparse_like(M, SQUARE) @ M),
    "M @ M": lambda M, x: toarray(M @ M),
    "diagonal": lambda M, x: M.diagonal() if sp.issparse(M) else np.diag(M),
    "first rows": lambda M, x: toarray(by_rows(M)[1:]),
    "some columns": lambda M, x: toarray(by_rows(M)[:, [2, 0]]),
    "some rows": lambda M, x: toarray(by_rows(M)[[2, 0]]),
    "an entry": lambda M, x: by_rows(M)[0, 2] * x,
    "through all forms": lambda M, x: toarray(M.tocsc().tocsr().tocoo().tocsr() if sp.issparse(M) else M),
    "solved": lambda M, x: sl.spsolve(M.tocsc(), x) if sp.issparse(M) else np.linalg.solve(M, x),
}


def toarray(M):
    return M.toarray() if sp.issparse(M) else M


def by_rows(M):
    return M.tocsr() if sp.issparse(M) else M


def sparse_like(M, values):
    return type(M)(values) if sp.issparse(M) else values


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("text", TRACED)
@pytest.mark.parametrize("form", ["csr_array", "csc_array", "coo_array", "csr_matrix"])
def test_traced_entries(form, text, run):
    make, f = getattr(sp, form), TRACED[text]
    compare(lambda x: f(make((entries(x), (ROWS, COLUMNS)), shape=(3, 3)), x), lambda x: f(dense(x), x), run)


SOLVED = {
    "spsolve": lambda x: sl.spsolve(sp.csc_matrix(SQUARE), x),
    "splu": lambda x: sl.splu(sp.csc_matrix(SQUARE)).solve(x),
    "factorized": lambda x: sl.factorized(sp.csc_matrix(SQUARE))(x),
    "cg": lambda x: sl.cg(sp.csc_matrix(SQUARE), x, rtol=1e-13)[0],
}


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("name", SOLVED)
def test_solvers(name, run):
    compare(SOLVED[name], lambda x: np.linalg.solve(SQUARE, x), run)


@pytest.mark.parametrize("run", RUN)
def test_matrices_that_are_made_within(run):
    compare(lambda x: sp.diags(x) @ x, lambda x: x * x, run)
    compare(lambda x: (sp.eye(3) * 2 + sp.csr_matrix(SQUARE)) @ x, lambda x: 2 * x + SQUARE @ x, run)
    compare(lambda x: sp.kron(SQUARE, np.eye(2)) @ np.repeat(x, 2), lambda x: np.repeat(SQUARE @ x, 2), run)
    compare(lambda x: sp.diags([x[1:], x, x[1:]], [-1, 0, 1]) @ x, lambda x: x * x + shifted(x), run)


def shifted(x):
    above, below = np.append(x[1:] * x[1:], 0.0), np.append(0.0, x[1:] * x[:-1])
    return above + below


def test_a_matrix_that_is_returned_is_covectors():
    found = cv.jit(cv.lift(lambda x: 2 * sp.csr_array((entries(x), (ROWS, COLUMNS)), shape=(3, 3))))(X)
    assert type(found).__module__.startswith("covector")
    np.testing.assert_allclose(found.toarray(), 2 * dense(X))


def assembled(x):
    rows, columns, values = [], [], []
    for e, stiffness in enumerate(x):
        for i in range(2):
            for j in range(2):
                rows.append(e + i)
                columns.append(e + j)
                values.append(stiffness * (1 if i == j else -1))
    return sp.coo_matrix((values, (rows, columns)), shape=(4, 4))


@pytest.mark.parametrize("run", RUN)
def test_a_matrix_that_is_assembled_element_by_element(run):
    """A chain of springs, fixed at its start and pulled everywhere: each is stretched by the forces behind it."""
    compare(lambda x: sl.spsolve(assembled(x).tocsc()[1:, 1:], np.ones(3)), lambda x: np.cumsum(np.arange(3.0, 0, -1) / x), run)


@pytest.mark.parametrize("kind", ["?", "u1", "i1", "f4", "F"])
@pytest.mark.parametrize("other", ["?", "u1", "f8"])
def test_sums_and_differences_have_scipys_dtype(kind, other):
    """Also where entries of one place are two, and where the unsigned ones are subtracted."""
    entries = np.array([1, 2, 3, 4, 0]).astype(kind)
    rows, columns, starts = np.array([0, 0, 1, 2, 2]), np.array([1, 1, 0, 2, 0]), np.array([0, 2, 3, 5])
    B = sp.csr_array(np.array([[0, 7, 0], [5, 0, 0], [0, 0, 4]]).astype(other))
    for f in (
        lambda d: sp.csr_array((d, (rows, columns)), shape=(3, 3)) - B,
        lambda d: B - sp.csr_array((d, (rows, columns)), shape=(3, 3)),
        lambda d: B - sp.csr_array((d, columns, starts), shape=(3, 3)),
        lambda d: B + sp.csr_array((d, columns, starts), shape=(3, 3)),
        lambda d: sp.csr_array((d, columns, starts), shape=(3, 3)) @ B,
        lambda d: sp.csr_array((d, columns, starts), shape=(3, 3)).tocsc().T,
    ):
        expected, found = f(entries).toarray(), cv.jit(cv.lift(lambda d, f=f: f(d).toarray()))(entries)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


def test_rows_of_more_columns_than_have_numbers():
    """4 * 2**62 + 0 would be the number of the element [4, 0], and is 0 in 64 bits."""
    n = 2**62
    rows, columns = np.array([0, 4, 3, 4, 0]), np.array([0, 0, n - 1, 0, 4])
    B = sp.csr_array((np.array([10.0, 20.0, 30.0]), ([0, 3, 4], [4, n - 1, 0])), shape=(5, n))
    for f in (
        lambda d: sp.csr_array((d, (rows, columns)), shape=(5, n)),
        lambda d: sp.csr_array((d, (rows, columns)), shape=(5, n)) + B,
        lambda d: B - sp.csr_array((d, (rows, columns)), shape=(5, n)),
    ):
        expected, found = f(np.arange(1.0, 6)).tocoo(), cv.jit(cv.lift(f))(np.arange(1.0, 6)).sum_duplicates()
        expected.sum_duplicates()
        order = np.lexsort((expected.col, expected.row))
        for a, b in ((found.row, expected.row), (found.col, expected.col), (found.data, expected.data)):
            np.testing.assert_array_equal(a, b[order])


WITH_ZEROS = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0], [4.0, 5.0, 0.0]])
OF_ELEMENTS = {name: getattr(sp, name) for name in FORMS if name[:3] not in ("bsr", "lil")} | {
    "csr of lists": lambda D: sp.csr_array([[D[i, j] for j in range(3)] for i in range(3)]),
    "csr of one dtype": lambda D: sp.csr_array(D, dtype=float, shape=(3, 3)),
    "lower and upper": lambda D: sp.tril(D) + sp.triu(D, 1),
    "kron": lambda D: sp.kron(np.eye(1), D),
    "kron before": lambda D: sp.kron(D, np.eye(1)),
    "one row": lambda D: sp.vstack([sp.csr_array(row[None]) for row in D]),
    "diagonals": lambda D: sp.diags([np.diag(D, k) for k in (-2, -1, 0, 1, 2)], [-2, -1, 0, 1, 2]).tocsr().tocoo(),
    "element by element": lambda D: assigned(sp.dok_array((3, 3)), D).tocsr(),
    "element by element of csr": lambda D: assigned(sp.csr_array((3, 3)), D),
}


@pytest.mark.filterwarnings("ignore:Changing the sparsity structure")
@pytest.mark.parametrize("run", ["grad", "jit", "vmap"])
@pytest.mark.parametrize("name", OF_ELEMENTS)
def test_zeros_of_dense_matrices_have_derivatives(name, run):
    f = cv.lift(lambda D: np.sum((OF_ELEMENTS[name](D) @ X) ** 2))
    expected = 2 * np.outer(WITH_ZEROS @ X, X)
    grad = {"grad": cv.grad(f), "jit": cv.jit(cv.grad(f)), "vmap": lambda D: cv.vmap(cv.grad(f))(D[None])[0]}[run]
    np.testing.assert_allclose(grad(WITH_ZEROS), expected, rtol=1e-12)
    np.testing.assert_allclose(cv.jvp(f, (WITH_ZEROS,), (np.ones((3, 3)),))[1], expected.sum(), rtol=1e-12)


def assigned(M, D):
    for i in range(3):
        for j in range(3):
            M[i, j] = D[i, j]
    return M


@pytest.mark.parametrize("make", [sp.bsr_array, sp.lil_array, sp.lil_matrix, lambda D: dok_of_rows(D)])
def test_what_cannot_keep_zeros_is_refused(make):
    for transform in (cv.grad, lambda f: cv.jit(cv.grad(f))):
        with pytest.raises(TypeError, match=r"traced|was given"):
            transform(cv.lift(lambda D: np.sum(make(D) @ X)))(WITH_ZEROS)


def dok_of_rows(D):
    M = sp.dok_array((3, 3))
    M[[0, 1], [1, 2]] = D[0, :2]
    return M


def test_known_zeros_are_left_out():
    places = cv.lift(lambda x: sp.csr_array(WITH_ZEROS).indices * x[0])
    np.testing.assert_array_equal(cv.jit(places)(np.ones(1)), sp.csr_array(WITH_ZEROS).indices)


def test_compiled_functions_of_graphs():
    """Graphs of known weights go to code in C, also those that are made in lifted code; traced ones are refused by name."""
    def tree(weights, x):
        graph = sp.csr_array((weights, ([0, 1, 2], [1, 2, 0])), shape=(3, 3))
        return csgraph.minimum_spanning_tree(csgraph=graph).toarray() @ x

    known = np.array([3.0, 1.0, 2.0])
    made = lambda x: tree(np.flip(known) * 2.0, x)
    np.testing.assert_array_equal(cv.jit(cv.lift(made))(X), made(X))
    for call in (lambda: cv.jit(cv.lift(tree))(known, X), lambda: cv.grad(cv.lift(lambda w: np.sum(tree(w, X))))(known)):
        with pytest.raises(TypeError, match=r"minimum_spanning_tree was called with a traced value of type f64\[3\]"):
            call()


def test_methods_of_scipy_are_put_back():
    cv.lift(lambda x: x)(1.0)
    assert "_coo_base.__init__" in cv.lift.report()
    cv.lift.uninstall()
    assert not any(hasattr(vars(c).get("__init__"), "__wrapped__") for c in (*sp.coo_array.__mro__, *sp.dok_array.__mro__))


@pytest.mark.parametrize("vector", [lambda x: x, lambda x: [x[0], x[1]]])
def test_a_dictionary_of_a_traced_vector_is_refused(vector):
    with pytest.raises(cv.errors.UnsupportedFunctionError, match="a dok_array was made of a traced vector"):
        cv.grad(cv.lift(lambda x: sp.dok_array(vector(x)).toarray().sum()))(np.array([0.0, 1.0]))


def test_a_matrix_of_lists_keeps_zeros():
    f = cv.lift(lambda x: (sp.coo_array([[x[0], x[1]], [x[1], x[0]]]) @ np.array([1.0, 2.0])).sum())
    np.testing.assert_array_equal(cv.grad(f)(np.array([0.0, 1.0])), [3.0, 3.0])
