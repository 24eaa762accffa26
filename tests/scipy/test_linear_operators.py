"""LinearOperator of covector.scipy.sparse.linalg: SciPy's results, on traced values too, and solvers that take it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
from transformed import check, close

import covector as cv
from covector import errors
from covector.scipy import sparse
from covector.scipy.sparse.linalg import LinearOperator, aslinearoperator, bicgstab, cg, gmres, minres

RNG = np.random.default_rng(0)
WIDE = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))
SQUARE = RNG.normal(size=(4, 4)) + 4 * np.eye(4)
X, Y = RNG.normal(size=4), RNG.normal(size=3)
V, W = RNG.normal(size=(4, 2)), RNG.normal(size=(3, 2))


class OfVectors(LinearOperator):
    def __init__(self, matrix, dtype=None):
        self.matrix = matrix
        super().__init__(dtype, matrix.shape)

    def _matvec(self, x):
        return self.matrix @ x


class OfMatrices(OfVectors):
    _matvec = LinearOperator._matvec

    def _matmat(self, X):
        return self.matrix @ X

    def _adjoint(self):
        return OfMatrices(np.conj(self.matrix.T), self.dtype)


MAKERS = {
    "matvec": lambda a: LinearOperator(a.shape, lambda v: a @ v),
    "column": lambda a: LinearOperator(a.shape, lambda v: np.reshape(a @ v, (-1, 1)), dtype=a.dtype),
    "all": lambda a: LinearOperator(
        a.shape, lambda v: a @ v, lambda v: np.conj(a.T) @ v, lambda v: a @ v, a.dtype, lambda v: np.conj(a.T) @ v
    ),
    "dense": aslinearoperator,
    "subclass": OfVectors,
    "subclass of matrices": OfMatrices,
}
USES = {
    "@": lambda A: A @ X,
    "*": lambda A: A * X,
    "call": lambda A: A(X),
    "matvec": lambda A: A.matvec(X[:, None]),
    "rmatvec": lambda A: A.rmatvec(Y),
    "matmat": lambda A: A.matmat(V),
    "rmatmat": lambda A: A.rmatmat(W),
    "from the left": lambda A: Y @ A,
    "matrix from the left": lambda A: W.T @ A,
    "times from the left": lambda A: Y * A,
    "T": lambda A: A.T @ Y,
    "transpose": lambda A: A.transpose() @ (1j * W),
    "H": lambda A: A.H @ Y,
    "adjoint": lambda A: A.adjoint() @ W,
    "HH": lambda A: A.H.H @ X,
    "HT": lambda A: A.H.T.rmatvec(Y),
    "+": lambda A: (A + A).rmatvec(Y),
    "-": lambda A: (A.H - 2 * A.H) @ Y,
    "negative": lambda A: (-A) @ V,
    "number": lambda A: (A * (2 + 1j)).rmatmat(W),
    "quotient": lambda A: (A / 2j).H @ Y,
    "composed": lambda A: (A.H @ A) @ X,
    "power": lambda A: ((A.H @ A) ** 2).rmatvec(X),
    "power 0": lambda A: ((A.H * A) ** 0) @ V,
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("make", MAKERS)
def test_results_are_scipys(make, use):
    expected = USES[use](scipy.sparse.linalg.aslinearoperator(WIDE))
    found = USES[use](MAKERS[make](WIDE))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    close(found, expected)
    close(cv.jit(lambda a: USES[use](MAKERS[make](a)))(WIDE), expected)


@pytest.mark.parametrize("make", MAKERS)
def test_products_have_all_derivatives(make):
    a = SQUARE[:3, :2]
    check(lambda a, x: MAKERS[make](a) @ x, a, X[:2])
    check(lambda a, y: (2.0 * MAKERS[make](a)).H @ y, a, Y)
    check(lambda c, y: y @ (c * MAKERS[make](a)), 0.7, Y)


def test_a_traced_value_on_the_left_leaves_the_product_to_the_operator():
    A = aslinearoperator(SQUARE)
    check(lambda x: x @ A, X)
    check(lambda c: (c * A).matvec(X), 0.7)
    check(lambda c: (A / c) @ V, 0.7)


def test_the_dtype_is_that_of_the_product_with_integers():
    found = []
    assert LinearOperator((2, 2), lambda v: v).dtype == np.int8
    assert LinearOperator((2, 2), lambda v: 2.0 * v).dtype == np.float64
    cv.jit(lambda c: found.append(LinearOperator((2, 2), lambda v: c * v).dtype))(np.float32(2))
    assert found == [np.float32]
    A = aslinearoperator(np.float32(WIDE.real))
    assert [B.dtype for B in (A, -A, 2 * A, A / 2, A @ A.T, A.H)] == [np.float32] * 6
    assert ((2j * A).dtype, (A * np.float64(2)).dtype) == (np.complex64, np.float64)
    assert (A @ np.float32(X)).dtype == (A.rmatvec(np.float32(Y))).dtype == np.float32
    assert LinearOperator((2, 3), lambda v: v[:2]).matmat(np.zeros((3, 0))).shape == (2, 0)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("kind", ["sparse", "covector's sparse", "SciPy's operator", "SciPy's of functions", "matrix"])
def test_what_becomes_an_operator(kind):
    A = {
        "sparse": lambda: scipy.sparse.csr_array(WIDE),
        "covector's sparse": lambda: sparse.csr_array(WIDE),
        "SciPy's operator": lambda: scipy.sparse.linalg.aslinearoperator(WIDE),
        "SciPy's of functions": lambda: scipy.sparse.linalg.LinearOperator(
            (3, 4), lambda v: WIDE @ v, lambda v: WIDE.conj().T @ v
        ),
        "matrix": lambda: np.matrix(WIDE),
    }[kind]()
    for use in USES.values():
        close(use(aslinearoperator(A)), use(scipy.sparse.linalg.aslinearoperator(WIDE)))
    f = lambda x: np.real((aslinearoperator(A) @ (x + 0j)) ** 2)
    check(f, X)
    if "SciPy" in kind:
        check(lambda x: np.real((aslinearoperator(A) @ x) ** 2), X)


def test_operators_are_themselves():
    A = aslinearoperator(SQUARE)
    assert aslinearoperator(A) is A
    assert repr(A) == "<4x4 LinearOperator with dtype=float64>"


SYMMETRIC = SQUARE @ SQUARE.T


@pytest.mark.parametrize("solver", [cg, minres, gmres, bicgstab])
def test_solvers_take_operators(solver):
    exact = {"rtol": 1e-13}

    def solution(a, b):
        A = LinearOperator(a.shape, lambda v: (a + a.T) / 2 @ v)
        M = LinearOperator(a.shape, lambda v: v / np.diag(a))
        return solver(A, b, M=M, **exact)[0]

    wanted = lambda a, b: np.linalg.solve((a + a.T) / 2, b)
    close(solution(SYMMETRIC, X), wanted(SYMMETRIC, X), rtol=1e-8)
    close(solution(SYMMETRIC, X[:, None]), wanted(SYMMETRIC, X), rtol=1e-8)
    total = lambda f: lambda a, b: np.sum(f(a, b) ** 2)
    close(cv.jit(cv.grad(total(solution), (0, 1)))(SYMMETRIC, X), cv.grad(total(wanted), (0, 1))(SYMMETRIC, X), rtol=1e-6)
    close(cv.vmap(solution, (None, 1), 1)(SYMMETRIC, V), wanted(SYMMETRIC, V), rtol=1e-8)
    ours, scipys = aslinearoperator(SYMMETRIC), scipy.sparse.linalg.aslinearoperator(SYMMETRIC)
    for A in (ours, scipys):
        close(cv.grad(lambda b, A=A: np.sum(solver(A, b, **exact)[0]))(X), wanted(SYMMETRIC, np.ones(4)), rtol=1e-8)


class Doubling:
    shape = (4, 4)

    def matvec(self, v):
        return 2.0 * v


def test_anything_with_products_is_taken_here_and_by_scipy():
    check(lambda x: aslinearoperator(Doubling()) @ x, X)
    close(cv.grad(lambda b: np.sum(cg(Doubling(), b)[0]))(X), np.full(4, 0.5))
    close(scipy.sparse.linalg.gmres(aslinearoperator(SQUARE), X, rtol=1e-12)[0], np.linalg.solve(SQUARE, X), rtol=1e-8)


ERRORS = [
    (lambda: LinearOperator(3, np.sin), "LinearOperator got shape=3.\n.*\n.*two numbers"),
    (lambda: LinearOperator((3, -1), np.sin), "got shape=.3, -1."),
    (lambda: LinearOperator((3, 3), SQUARE), "(?s)got matvec=.*, a ndarray"),
    (lambda: LinearOperator((3, 3), np.sin, 4), "got rmatvec=4, a int"),
    (lambda: LinearOperator((3, 3), lambda v: v[:2]), r"the matvec of a linear operator returned i8\[2\]"),
    (lambda: type("Empty", (LinearOperator,), {})(float, (2, 2)), "class Empty of linear operators has no product"),
    (lambda: aslinearoperator(X), r"aslinearoperator got f64\[4\]"),
    (
        lambda: aslinearoperator(WIDE) @ Y,
        r"matmat of a linear operator of shape .3, 4. got f64\[3\].*\n.*\n.*dimension mismatch",
    ),
    (lambda: aslinearoperator(WIDE).matvec(V), r"matvec of a linear operator of shape .3, 4. got f64\[4,2\]"),
    (lambda: aslinearoperator(WIDE) @ 2.0, "@ of a linear operator .* got"),
    (lambda: 2.0 @ aslinearoperator(WIDE), "use . for numbers"),
    (lambda: aslinearoperator(WIDE).dot(np.ones((4, 2, 2))), "dot of a linear operator"),
    (lambda: aslinearoperator(WIDE) + aslinearoperator(SQUARE), "[+] of a linear operator .* got one of shape .4, 4."),
    (lambda: aslinearoperator(WIDE) @ aslinearoperator(WIDE), "@ of a linear operator .* got one of shape .3, 4."),
    (lambda: aslinearoperator(WIDE) / X, "divide by a number"),
    (lambda: aslinearoperator(WIDE) ** 2, "shapes that fit"),
    (lambda: aslinearoperator(SQUARE) ** -1, "a power that is not negative"),
    (lambda: cg(aslinearoperator(WIDE), X), "cg got a matrix of shape .3, 4. for 4 equations"),
    (lambda: gmres(aslinearoperator(SQUARE), V), r"gmres got a right-hand side of type f64\[4,2\](.*\n)*.*one vector\n.*vmap"),
]


@pytest.mark.parametrize(("call", "text"), ERRORS)
def test_errors(call, text):
    with pytest.raises(errors.ArgumentError, match=text):
        call()


def test_an_operator_is_not_added_to_what_is_none():
    for f in (lambda A: A + 1.0, lambda A: A - SQUARE, lambda A: 1.0 + A):
        with pytest.raises(TypeError, match=r"unsupported operand|does not support"):
            f(aslinearoperator(SQUARE))


def test_scipys_own_names_what_takes_traced_values():
    text = r"scipy.sparse.linalg.LinearOperator.*(\n.*)*use covector\.scipy\.sparse\.linalg\.LinearOperator"
    product = cv.jit(lambda a: scipy.sparse.linalg.LinearOperator((4, 4), lambda v: a @ v) @ X)
    if hasattr(scipy, "_external"):  # from SciPy 1.18 on it takes traced values
        np.testing.assert_allclose(product(SQUARE), SQUARE @ X)
        return
    with pytest.raises(errors.TracerArrayConversionError, match=text):
        product(SQUARE)
