"""Polynomials, set operations, and functions that apply functions, on tracers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from transformed import agree, check, same

import covector
from covector.core import errors
from covector.core.avals import typeof
from covector.core.pytrees import tree_leaves
from covector.testing import check_function

RNG = np.random.default_rng(0)
P, Q = np.array([2.0, -1.0, 0.5, 3.0]), np.array([1.5, 0.25])
X = RNG.normal(size=(2, 3, 4))


# --- polynomials -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [np.polyadd, np.polysub, np.polymul, np.polydiv], ids=lambda f: f.__name__)
def test_arithmetic_of_polynomials(f: Any) -> None:
    for p in (P, P.astype(np.float32), P + 1j, np.array([2, 3, 1]), np.array(2.0)):
        for q in (Q, Q.astype(np.float32), 3.0, [1, 2], 1j * Q):
            agree(lambda p: f(p, q), p, staged=f is not np.polydiv)  # noqa: B023
            agree(lambda p: f(q, p), p, staged=f is not np.polydiv)  # noqa: B023
    check(lambda p, q: f(p, q), P, Q, batch=f is not np.polydiv, staged=f is not np.polydiv)
    if f is np.polymul:
        agree(lambda p: f(np.array([0.0, 0.0, 1.0]), p), P, staged=False)


@pytest.mark.parametrize("p", [[0.0, 0.0, 1.0, 2.0], [0.0, 0.0], [0.0, 1.0]])
def test_leading_zeros_whose_derivative_would_be_lost(p: Any) -> None:
    """NumPy drops them, which with the derivative of the coefficient would be a wrong number; not where they are not traced."""
    with pytest.raises(covector.errors.UnsupportedFunctionError, match="leading coefficient that is zero"):
        covector.grad(lambda p: np.sum(np.polymul(p, Q)))(np.array(p))
    exact = np.polymul([1.0, 2.0, 1.0], [1.0, -1.0, 3.0])
    with pytest.raises(covector.errors.UnsupportedFunctionError, match="polydiv of a traced polynomial"):
        covector.grad(lambda u: np.sum(np.polydiv(u, np.array([1.0, -1.0, 3.0]))[1]))(exact)


@pytest.mark.parametrize(
    "c", [[1.0, -3.0, 0.0], [0.0, 1.0, -3.0], [0.0, 2.0, -3.0, -5.0, 0.0], [1.0, 0.0, 1.0], [2.0, 0.0], [1.0, 2.0, 3.0, 4.0]]
)
def test_all_coefficients_move_the_roots(c: Any) -> None:
    """Those that are zero too: against finite differences of each root."""
    c = np.array(c)
    count = len(np.roots(c))
    values, jacobian = covector.jvp(np.roots, (c,), (c,))[0], covector.jacfwd(np.roots)(c)
    np.testing.assert_allclose(values, np.roots(c), atol=1e-12)
    for k, e in enumerate(np.eye(len(c)) * 1e-6):

        def near(moved: Any) -> Any:
            return np.array([moved[np.argmin(np.abs(moved - r))] for r in values])

        numeric = (near(np.roots(c + e)) - near(np.roots(c - e))) / 2e-6
        np.testing.assert_allclose(jacobian[:, k], numeric, atol=1e-5)
    second = covector.jacfwd(covector.jacfwd(np.roots))(c)
    assert second.shape == (count, len(c), len(c)) and np.all(np.isfinite(second))
    np.testing.assert_allclose(second, np.swapaxes(second, 1, 2), atol=1e-9)


def test_polynomials() -> None:
    for m in (0, 1, 2, 3, 5, -1):
        agree(lambda p: np.polyder(p, m), P)  # noqa: B023
        agree(lambda p: np.polyint(p, m), P)  # noqa: B023
        agree(lambda p: np.polyint(p, m, k=2.0), P)  # noqa: B023
        agree(lambda p: np.polyint(p, m, k=[1.0, 2.0, 3.0]), P)  # noqa: B023
    check(lambda p: np.polyder(p, 2), P)
    check(lambda p, k: np.polyint(p + 0 * k[0], 2, k), P, Q, batch=False)
    for zeros in (Q, P, np.array([1, 2]), np.array([]), X[0, :, :3], np.array([1j, -1j]), np.array([1j, 2.0])):
        agree(np.poly, zeros, staged=zeros.dtype.kind != "c" and zeros.ndim == 1)
    agree(np.poly, X)
    check(np.poly, P)
    for p in (P, np.array([0.0, *P, 0.0, 0.0]), np.zeros(2), np.array([2.0]), P + 1j, np.array([1, -3, 2])):
        agree(lambda p: np.sort_complex(np.roots(p)), p, staged=p[0] != 0 and p[-1] != 0)
    check(lambda p: np.sort_complex(np.roots(p)), P, batch=False)


def test_polyfit() -> None:
    x = np.linspace(-1, 2, 9)
    y, w = np.cos(2 * x) + 0.1 * x**3, RNG.uniform(0.5, 1.5, 9)
    for options in ({}, {"w": w}, {"cov": True}, {"cov": "unscaled", "w": w}, {"rcond": 1e-10}):
        agree(lambda y: np.polyfit(x, y, 2, **options), y)  # noqa: B023
        agree(lambda x: np.polyfit(x, y, 2, **options), x)  # noqa: B023
        agree(lambda y: np.polyfit(x, y, 2, **options), np.stack([y, w], 1))  # noqa: B023
    agree(lambda y: np.polyfit(x, y, 2, full=True)[0], y)
    for bad in ((x[:5], y, 2), (x[None], y, 2), (x, y, -1), (x, y[None, None], 1), (x[:0], y[:0], 1)):
        agree(lambda x, y: np.polyfit(x, y, bad[2]), *bad[:2])  # noqa: B023
    check(lambda x, y, w: np.polyfit(x, y, 2, w=w), x, y, w, batch=False)


# --- sets ----------------------------------------------------------------------------------------------------------------

A, B = np.array([[3.0, 1.0], [2.0, 1.0]]), np.array([2.0, 5.0, 1.0, 5.0])


def test_sets() -> None:
    for f in (np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d):
        agree(lambda a: f(a, B), A, staged=False)  # noqa: B023
        agree(lambda b: f(A, b), B, staged=False)  # noqa: B023
        agree(lambda a: f(a, B.astype(np.float32)), A, staged=False)  # noqa: B023
        agree(lambda a: f(a, B), A.astype(np.float32), staged=False)  # noqa: B023
        check(lambda a: f(a, 1.7 * B), A.ravel()[:3], batch=False, staged=False)  # noqa: B023
        with pytest.raises(errors.ConcretizationError):
            covector.jit(lambda a: f(a, B))(A)  # noqa: B023
    agree(lambda a: np.intersect1d(a, B, return_indices=True), A, staged=False)
    for f in (np.setdiff1d, np.setxor1d, np.intersect1d):
        agree(lambda a: f(a, B[:3], assume_unique=True), A.ravel()[:3], staged=False)  # noqa: B023
    for f in (np.unique_all, np.unique_counts, np.unique_inverse):
        agree(f, A, staged=False)
        assert covector.vjp(lambda a: f(a).values, A)[0].shape == (3,)  # noqa: B023
    agree(lambda a: np.sort(np.unique_values(a)), A, staged=False)
    same(covector.grad(lambda a: np.sum(np.unique_values(a) * np.array([1.0, 10, 100])))(A), np.array([[100.0, 1], [10, 0]]))


def test_trim_zeros() -> None:
    x = np.array([0.0, 0.0, 1.0, 0.0, 2.0, 0.0])
    for trim in ("fb", "f", "b", "B", "x"):
        agree(lambda x: np.trim_zeros(x, trim), x, staged=False)  # noqa: B023
        agree(lambda x: np.trim_zeros(x, trim), 0 * x, staged=False)  # noqa: B023
    y = np.outer(x, x)
    agree(np.trim_zeros, y, staged=False)
    agree(lambda y: np.trim_zeros(y, axis=1), y, staged=False)
    agree(lambda y: np.trim_zeros(y, "f", axis=(0, -1)), y, staged=False)


# --- applying ----------------------------------------------------------------------------------------------------------------


def test_apply_along_axis() -> None:
    for axis in (0, 1, -1, 3):
        agree(lambda x: np.apply_along_axis(np.sum, axis, x), X)  # noqa: B023
        agree(lambda x: np.apply_along_axis(np.sort, axis, x), X)  # noqa: B023
        agree(lambda x: np.apply_along_axis(lambda v: np.outer(v, v[:2]), axis, x), X)  # noqa: B023
    agree(lambda x: np.apply_along_axis(lambda v, a, b=0: v.sum() * a + b, 1, x, 2.0, b=3.0), X)
    agree(lambda x: np.apply_along_axis(np.sum, 0, x), X[:, :0])
    check(lambda x: np.apply_along_axis(np.cumprod, 1, x), X)


def test_apply_over_axes() -> None:
    agree(lambda x: np.apply_over_axes(np.sum, x, [0, 2]), X)
    agree(lambda x: np.apply_over_axes(np.sum, x, -1), X)
    agree(lambda x: np.apply_over_axes(np.cumsum, x, (0, 1)), X)
    agree(lambda x: np.apply_over_axes(lambda x, axis: x[0, 0], x, 0), X)
    check(lambda x: np.apply_over_axes(np.prod, x, [0, 1]), X)


def test_piecewise() -> None:
    x = np.linspace(-2.5, 2.5, 6)
    for f in (
        lambda x: np.piecewise(x, [x < 0, x >= 0], [-1, 1]),
        lambda x: np.piecewise(x, [x < 0], [np.sin, np.cos]),
        lambda x: np.piecewise(x, x < 0, [lambda v: -v, lambda v, a=1: a * v]),
        lambda x: np.piecewise(x, [x < 1, x > -1, x > 2], [np.square, np.exp, 3.0]),
        lambda x: np.piecewise(x, [x < 0], [lambda v, a, b: a * v, lambda v, a, b: v**b], 2.0, b=3),
        lambda x: np.piecewise(x, [x < 0], [1, 2, 3]),
    ):
        agree(f, x)
    agree(lambda x: np.piecewise(x, [x < 3, x >= 3], [lambda v: v * 2, 7]), np.array(2.0))
    agree(lambda x: np.piecewise(x, [True, False], [1, 2]), np.array(2.0))
    check(lambda x: np.piecewise(x, [x < 0], [np.sin, np.exp]), x)
    positive = np.array([-1.0, 0.0, 2.0])
    same(covector.grad(lambda x: np.sum(np.piecewise(x, [x > 0], [np.log, 0.0])))(positive), np.array([0.0, 0, 0.5]))


def test_histograms_of_several_variables() -> None:
    x, y = RNG.normal(size=(2, 30))
    agree(lambda x: np.histogram2d(x, y, bins=3), x)
    agree(lambda x: np.histogramdd((x, y), bins=(2, 3)), x)
    agree(lambda x: np.histogramdd(x, bins=2, density=True), np.stack([x, y], 1))
    agree(lambda x: np.histogram2d(x, y, [-1.0, 0.0, 0.5, 2.0]), x)
    agree(lambda x: np.histogram2d(x, y, 3, [[-1, 1], [0, 2]]), x)
    check(lambda x: np.histogram2d(x, y, 3, weights=x**2, density=True), x)
    with pytest.raises(ValueError, match="dimension of bins must be equal"):
        covector.jit(lambda x: np.histogramdd(x, (2, 3)))(np.ones((3, 3)))
    with pytest.raises(ValueError, match="must have the same length"):
        covector.jit(lambda x: np.histogram2d(x, x[1:]))(x)


@pytest.mark.parametrize("density", [False, True])
def test_derivatives_of_histograms(density: bool) -> None:
    """The edges of equal bins move with the extreme values, densities with the edges, counts with the weights."""
    y = np.array([1.3, -2.0, 0.4, -1.6, 0.9, -1.1, 1.9, -0.8, -0.1])  # none is near an edge
    x, w = np.stack([y, np.roll(y, 4)]), RNG.uniform(0.5, 1.5, size=9)
    edges, known = np.array([-3.0, -0.5, 0.2, 2.0]), {"batch": False, "staged": False}
    functions: list[tuple[Any, tuple[Any, ...]]] = [
        (lambda x: np.histogram(x, 4, density=density), (y,)),
        (lambda x, w: np.histogram(x, 4, density=density, weights=w), (y, w)),
        (lambda e: np.histogram(y, e, density=density), (edges,)),
        (lambda x: np.histogram_bin_edges(x, 3), (y,)),
        (lambda x, w: np.histogram2d(x[0], x[1], 3, density=density, weights=w), (x, w)),
        (lambda x, w: np.histogram2d(x, y, (2, edges), density=density, weights=w), (y[::-1].copy(), w)),
        (lambda x, w, e: np.histogramdd((x, y, x), (2, e, 3), density=density, weights=w), (y[::-1].copy(), w, edges)),
        (lambda x: np.histogramdd(x, 2, density=density), (x.T,)),
    ]
    for f, args in functions:
        same(covector.jvp(f, args, args)[0], f(*args), rtol=1e-13)
        check_function(lambda *a: [v for v in tree_leaves(f(*a)) if typeof(v).dtype.kind in "fc"], args, order=1, **known)  # noqa: B023
    same(covector.jvp(lambda x: np.histogram(x, 3)[1], (y,), (np.ones(9),))[1], np.ones(4))
    moved = lambda e, w: np.histogram(y, 4, (e[0], e[1]), density, w)[1]
    same(covector.jvp(moved, (np.array([-4.0, 4.0]), w), (np.array([1.0, 0.0]), w))[1], np.array([1.0, 0.75, 0.5, 0.25, 0.0]))


def test_apply_along_axis_calls_once_or_for_each() -> None:
    x, calls, rng = RNG.normal(size=(4, 3)), [], np.random.default_rng(0)

    def along(f: Any) -> Any:
        return lambda x: np.apply_along_axis(f, 1, x)

    def slow(r: Any) -> Any:
        return np.cumsum(r) / (1 + r @ r)

    check(along(slow), x)
    agree(along(lambda r: np.max(r) if r[0] > 0 else np.sum(r**2)), x, staged=False)
    agree(along(lambda r: r[r > 0].sum()), x, staged=False)  # has no batch: a call for each
    agree(along(lambda r: [r[0], 2 * r[1]]), x)
    agree(along(lambda r: 1), x)
    agree(along(np.sum), x[:, :0])
    drawn = covector.jvp(along(lambda r: 0 * r + rng.normal(size=3)), (x,), (x,))[0]
    assert len(np.unique(drawn)) == 12
    drawn = covector.jvp(along(lambda r: 0 * r + np.random.normal(size=3)), (x,), (x,))[0]
    assert len(np.unique(drawn)) == 12
    program = covector.make_jaxpr(along(slow))(x)
    assert len(program.equations) < 12
    with pytest.raises(ZeroDivisionError):
        covector.jit(along(lambda r: 1 / 0 if r.ndim else calls.append(r)))(x)
