"""All rules of the primitives of linear algebra: every dtype of LAPACK, single matrices and stacks, to second order.

What a decomposition leaves open (phases, rotations) is taken out by looking at functions that do not depend on it.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.linalg
from random_arrays import adjoint, array, hermitian, positive_definite

import covector as cv
from covector.core.avals import ShapedArray
from covector.primitives.linalg.decompositions import eig_p, eigh_p, qr_p, svd_p
from covector.primitives.linalg.determinants import adjugate_p, det_p, slogdet_p
from covector.primitives.linalg.solving import cholesky_p, inv_p, norm_p, pinv_p, solve_p, triangular_solve_p
from covector.scipy import linalg as csl
from covector.testing import check_case, check_grads

LAPACK = pytest.mark.parametrize("dtype", "dDfF")


def spread_out(*shape, dtype):
    """Matrices with distinct singular values and eigenvalues."""
    m, n = shape[-2:]
    diagonal = np.zeros((m, n))
    np.fill_diagonal(diagonal, [5.0, 3.0, 1.0, 0.5])
    return (0.3 * array(*shape, dtype=dtype) + diagonal).astype(dtype)


# --- systems --------------------------------------------------------------------------------------------

SYSTEMS = pytest.mark.parametrize(
    ("a", "b"),
    [
        *[((3, 3), (3, 2)), ((3, 3), (2, 3, 1)), ((2, 3, 3), (3, 2)), ((2, 3, 3), (2, 3, 2))],
        *[((2, 1, 3, 3), (4, 3, 1)), ((0, 0), (0, 2))],
    ],
)


@LAPACK
@SYSTEMS
def test_solve(a, b, dtype):
    check_case(solve_p, (spread_out(*a, dtype=dtype), array(*b, dtype=dtype)))


@LAPACK
@SYSTEMS
@pytest.mark.parametrize("options", list(itertools.product((False, True), repeat=3)))
def test_triangular_solve(a, b, options, dtype):
    params = dict(zip(("lower", "transpose", "unit_diagonal"), options, strict=True))
    check_case(triangular_solve_p, (spread_out(*a, dtype=dtype), array(*b, dtype=dtype)), params, order=1 + (len(b) == 2))


@LAPACK
@pytest.mark.parametrize("size", [2, 100])
@pytest.mark.parametrize("options", list(itertools.product((False, True), repeat=3)))
def test_triangular_solve_is_scipys(options, size, dtype):
    """For a few matrices and for many, which are computed in another way."""
    lower, transpose, unit_diagonal = options
    params = {"lower": lower, "transpose": transpose, "unit_diagonal": unit_diagonal}
    a, b = spread_out(size, 3, 3, dtype=dtype), array(size, 3, 2, dtype=dtype)
    out = triangular_solve_p.bind(a, b, **params)
    assert out.dtype == dtype
    tolerance = 1e-4 if dtype in "fF" else 1e-10
    for x, m, rhs in zip(out, a, b, strict=True):
        expected = scipy.linalg.solve_triangular(m, rhs, lower=lower, trans=int(transpose), unit_diagonal=unit_diagonal)
        np.testing.assert_allclose(x, expected, rtol=tolerance, atol=tolerance)
    fortran = triangular_solve_p.bind(np.asfortranarray(a[0]), b[0], **params)
    np.testing.assert_allclose(fortran, out[0], rtol=tolerance, atol=tolerance)


def test_a_zero_on_the_diagonal_gives_infinity():
    a = np.array([[1.0, 0.0], [1.0, 0.0]])
    out = triangular_solve_p.bind(a, np.ones((2, 1)) * [[1.0], [2.0]], lower=True, transpose=False, unit_diagonal=False)
    assert np.isinf(out[1, 0])


@LAPACK
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (0, 0)])
@pytest.mark.parametrize("primitive", [inv_p, det_p, adjugate_p, slogdet_p], ids=repr)
def test_inverses_and_determinants(primitive, shape, dtype):
    check_case(primitive, (spread_out(*shape, dtype=dtype),), {"checked": True} if primitive is inv_p else {})


@LAPACK
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (0, 0)])
def test_cholesky(shape, upper, dtype):
    a = positive_definite(*shape, dtype=dtype) if shape[-1] else np.zeros(shape, dtype)
    check_case(cholesky_p, (a,), {"upper": upper}, through=lambda apply, a, **params: apply(hermitian(a)))


@LAPACK
@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (2, 3, 3)])
def test_pinv(shape, dtype):
    check_case(pinv_p, (spread_out(*shape, dtype=dtype), 1e-6), {"hermitian": False}, differentiable=[0])


@LAPACK
def test_pinv_of_hermitian_matrices(dtype):
    a = hermitian(spread_out(3, 3, dtype=dtype))
    through = lambda apply, a, rcond, **params: apply(hermitian(a), rcond)
    check_case(pinv_p, (a, 1e-6), {"hermitian": True}, differentiable=[0], through=through)


@LAPACK
def test_pinv_of_a_given_rank(dtype):
    """The derivative among matrices of rank 2: the product of two factors."""
    x, y = spread_out(4, 2, dtype=dtype), spread_out(2, 3, dtype=dtype)
    check_grads(lambda x, y: pinv_p.bind(x @ y, 1e-3, hermitian=False), (x, y))


@pytest.mark.parametrize("dtype", "dDfFegG")
@pytest.mark.parametrize("order", [2.0, 1.5, 3.0, 4.0])
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_norm(axes, order, dtype):
    check_case(norm_p, (array(2, 3, dtype=dtype),), {"order": order, "axes": axes}, tolerance=1e-2 if dtype == "e" else None)


# --- decompositions -------------------------------------------------------------------------------------


def weighted_projections(v, w):
    """``V diag(1, 2, …) Vᴴ``, which does not depend on the phases of the columns of V."""
    return (v * np.arange(1.0, w.shape[-1] + 1).astype(w.dtype)) @ adjoint(v)


@LAPACK
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("vectors", [False, True])
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (0, 0)])
def test_eigh(shape, vectors, lower, dtype):
    def through(apply, a, **params):
        out = apply(hermitian(a))
        return out if len(out) == 1 else [out[0], weighted_projections(out[1], out[0])]

    a = hermitian(spread_out(*shape, dtype=dtype)) if shape[-1] else np.zeros(shape, dtype)
    check_case(eigh_p, (a,), {"lower": lower, "vectors": vectors}, through=through)


@LAPACK
@pytest.mark.parametrize("vectors", [False, True])
@pytest.mark.parametrize("kind", ["one", "stack", "conjugate pairs"])
def test_eig(kind, vectors, dtype):
    """The vectors themselves, since LAPACK says what their length and phase are; in a fixed order, which LAPACK leaves open."""

    def through(apply, a, **params):
        w, *v = apply(a)
        order = np.argsort(w.real + 0.3 * w.imag, axis=-1)
        v = [np.take_along_axis(x, np.expand_dims(order, -2), axis=-1) for x in v]
        return [np.take_along_axis(w, order, axis=-1), *v]

    a = spread_out(*((2, 3, 3) if kind == "stack" else (3, 3)), dtype=dtype)
    if kind == "conjugate pairs":
        a[0, 1], a[1, 0] = -8, 3
    check_case(eig_p, (a,), {"vectors": vectors}, through=through)


SHAPES = pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (3, 1), (2, 3, 2), (0, 2), (2, 0)])


@LAPACK
@SHAPES
@pytest.mark.parametrize(("full_matrices", "compute_uv"), [(False, False), (False, True), (True, True)])
def test_svd(shape, full_matrices, compute_uv, dtype):
    def through(apply, a, **params):
        out = apply(a)
        if len(out) == 1:
            return out
        u, s, vh = out
        k = s.shape[-1]
        weights = np.arange(1.0, k + 1).astype(s.dtype)
        rest = [x @ adjoint(x) for x in (u[..., k:], adjoint(vh)[..., k:]) if x.shape[-1]]
        return [s, (u[..., :k] * weights) @ vh[..., :k, :], *rest]

    params = {"full_matrices": full_matrices, "compute_uv": compute_uv}
    check_case(svd_p, (spread_out(*shape, dtype=dtype),), params, through=through)


@LAPACK
@SHAPES
@pytest.mark.parametrize("mode", ["reduced", "complete", "r"])
def test_qr(shape, mode, dtype):
    m, n = shape[-2:]

    def through(apply, a, **params):
        out = apply(a)
        if mode != "complete" or m <= n:
            return out
        q, r = out
        return [q[..., :n], r, q[..., n:] @ adjoint(q[..., n:])]

    check_case(qr_p, (spread_out(*shape, dtype=dtype),), {"mode": mode}, through=through)


# --- bad input ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("primitive", [inv_p, det_p, slogdet_p, adjugate_p], ids=repr)
def test_abstract_rules_refuse_what_lapack_refuses(primitive):
    with pytest.raises(np.linalg.LinAlgError, match=r"f64\[2,3\]"):
        primitive.abstract(ShapedArray((2, 3), "d"))
    with pytest.raises(np.linalg.LinAlgError, match="fewer than two axes"):
        primitive.abstract(ShapedArray((3,), "d"))
    for dtype in "egGi":
        with pytest.raises(TypeError, match="unsupported in linalg"):
            primitive.abstract(ShapedArray((3, 3), dtype))


def test_abstract_rules_of_systems():
    with pytest.raises(ValueError, match=r"f64\[3,3\] has 3 columns, and f64\[2,1\] has 2 rows"):
        solve_p.abstract(ShapedArray((3, 3), "d"), ShapedArray((2, 1), "d"))
    assert solve_p.abstract(ShapedArray((3, 3), "f"), ShapedArray((5, 3, 1), "D")) == ShapedArray((5, 3, 1), "D")


@pytest.mark.parametrize("which", list(itertools.product([1.0, 1j], repeat=3)), ids=str)
def test_sylvesters_equation_of_real_and_complex_matrices(which):
    """SciPy's own solver is wrong where a real matrix with complex eigenvalues is beside complex ones."""
    turned = np.array([[0.0, 1.0], [-1.0, 0.3]])
    real = turned, turned.T + np.eye(2), np.arange(4.0).reshape(2, 2)
    a, b, q = (x * factor + 0.1 * x for x, factor in zip(real, which, strict=True))
    f = lambda q: csl.solve_sylvester(a, b, q)
    for x in (f(q), cv.jit(f)(q)):
        np.testing.assert_allclose(a @ x + x @ b, q, atol=1e-13)
    out, change = cv.jvp(f, (q,), (np.ones_like(q),))
    np.testing.assert_allclose(a @ change + change @ b, np.ones_like(q), atol=1e-13)
    ct = np.ones_like(out) * (1 + 0.5j if np.iscomplexobj(out) else 1.0)
    (back,) = cv.vjp(f, q)[1](ct)
    np.testing.assert_allclose(np.sum(back * np.ones_like(q)).real, np.sum(ct * change).real, rtol=1e-12)
