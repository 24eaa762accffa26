"""The dtype in which a problem is solved: that of SciPy, from the guess, the arguments and the values of the function."""

import warnings

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

import covector as cv
from covector.core.errors import ArgumentError
from covector.scipy import integrate, optimize

pytestmark = pytest.mark.filterwarnings("error::numpy.exceptions.ComplexWarning")

PAIRS = "dd fd df ff ed id dD fD fF Dd DD FF".split()
"""The dtypes of a guess and of an argument."""


def cubic(x, a):
    return x**3 + x - a


def cubic_slope(x, a):
    return 3 * x**2 + 1


def drawn(x, a):
    return np.cos(x) * 0.5 + 0.1 * a


METHODS = ("hybr", "lm", "broyden1", "anderson", "krylov", "df-sane")
SLOPES = {"fprime": cubic_slope}
CURVED = {"fprime": cubic_slope, "fprime2": lambda x, a: 6 * x}
SOLVERS = {f"root {m}": lambda s, x, a, m=m: s.root(cubic, x, args=(a,), method=m).x for m in METHODS}
SOLVERS |= {
    "fsolve": lambda s, x, a: s.fsolve(cubic, x, args=(a,)),
    "newton": lambda s, x, a: s.newton(cubic, x, args=(a,)),
    "newton, slope": lambda s, x, a: s.newton(cubic, x, args=(a,), **SLOPES),
    "newton, Halley": lambda s, x, a: s.newton(cubic, x, args=(a,), **CURVED),
    "newton, two guesses": lambda s, x, a: s.newton(cubic, x, args=(a,), x1=1.5),
    "root_scalar": lambda s, x, a: s.root_scalar(cubic, x0=x, args=(a,)).root,
    "root_scalar newton": lambda s, x, a: s.root_scalar(cubic, x0=x, args=(a,), method="newton", **SLOPES).root,
    "root_scalar halley": lambda s, x, a: s.root_scalar(cubic, x0=x, args=(a,), method="halley", **CURVED).root,
    "root_scalar secant": lambda s, x, a: s.root_scalar(cubic, x0=x, x1=1.5, args=(a,)).root,
    "fixed_point": lambda s, x, a: s.fixed_point(drawn, x, args=(a,)),
    "fixed_point iteration": lambda s, x, a: s.fixed_point(drawn, x, args=(a,), method="iteration"),
}
MANY = {f"{name}, many": solver for name, solver in SOLVERS.items() if name.split(",")[0] in ("newton", "fixed_point")}
del MANY["newton, two guesses, many"]


def number(value, dtype):
    value = value + 0.5j if np.dtype(dtype).kind == "c" else value
    return np.asarray(value).astype(dtype)[()]


def of_scipy(solver, x, a):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)  # its own slopes of complex functions are real
        return np.asarray(solver(scipy.optimize, x, a))


def refused(solve, a):
    for call in (solve, cv.jit(solve), lambda a: cv.jvp(solve, (a,), (a,)), lambda a: cv.vmap(solve)(np.stack([a, a]))):
        with pytest.raises(ArgumentError, match="imaginary part would be lost"):
            call(a)


def the_same(found, expected, rtol):
    assert found.dtype == expected.dtype and np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=rtol)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", SOLVERS | MANY)
def test_a_solution_is_that_of_scipy(name, pair):
    solver, (x, a) = (SOLVERS | MANY)[name], map(number, (1.0, 1.7), pair)
    x = np.stack([x, x]) if name in MANY else np.stack([x]) if name.startswith("root ") else x
    solve = lambda a: solver(optimize, x, a)
    dtype = np.result_type(x.dtype if x.dtype.kind in "fc" else float, a)
    if dtype.kind == "c" and name in ("root hybr", "root lm", "fsolve"):
        return refused(solve, a)
    rtol = 1e-3 if {"e", "f", "F"} & set(pair) else 3e-5
    long = lambda x: x.astype(complex if x.dtype.kind == "c" else float)
    expected = of_scipy(solver, long(x), long(a))
    try:
        theirs = of_scipy(solver, x, a)
    except RuntimeError:  # its tolerance is smaller than what float32 can tell apart
        if name.startswith("fixed_point"):
            return
    else:
        if np.allclose(theirs, expected, rtol):  # a secant in float16 leads nowhere
            dtype = theirs.dtype
    slope = 0.1 / (1 + 0.5 * np.sin(expected)) if "fixed" in name else 1 / cubic_slope(expected, a)
    expected, slope = expected.astype(dtype), slope.astype(dtype)
    one = np.ones_like(a)
    forward = lambda a: cv.jvp(solve, (a,), (one,))
    found, (moved, tangent), (jitted, jitted_tangent) = solve(a), forward(a), cv.jit(forward)(a)
    for value in (found, moved, jitted, cv.vmap(solve)(np.stack([a, a]))[1]):
        the_same(np.asarray(value), expected, rtol)
    for value in (tangent, jitted_tangent):
        the_same(np.asarray(value), slope, 10 * rtol)
    if a.dtype.kind != "c":
        gradient = cv.grad(lambda a: np.sum(np.real(solve(a))))(a)
        the_same(gradient, np.sum(slope.real).astype(a.dtype), 10 * rtol)
    else:
        pulled = cv.vjp(solve, a)[1](np.full(np.shape(slope), 1 + 2j, dtype)[()])[0]
        the_same(pulled, np.sum((1 + 2j) * slope).astype(a.dtype), 10 * rtol)


@pytest.mark.parametrize("start", [1.0, 1j])
def test_zeros_of_a_complex_function_are_those_near_the_guess(start):
    expected = scipy.optimize.newton(cubic, start, args=(1 + 0.5j,))
    for solve in (
        lambda a: optimize.newton(cubic, start, args=(a,)),
        lambda a: optimize.root_scalar(cubic, x0=start, args=(a,), method="newton").root,
    ):
        for found in (solve(1 + 0.5j), cv.jit(solve)(1 + 0.5j)):
            np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_second_guess_counts():
    solve = lambda a: optimize.newton(lambda x: x**2 + a, np.float32(0.5), x1=1j)
    for found in (solve(np.float32(2)), cv.jit(solve)(np.float32(2))):
        assert found.dtype == np.complex64
        np.testing.assert_allclose(found, 2**0.5 * 1j, atol=1e-6)


def test_derivatives_of_zeros_of_what_conjugates():
    """``2 x + 0.5j conj(x) = a`` is no equation of complex slopes: two of real numbers."""
    solve = lambda a: optimize.root(lambda x: 2 * x + 0.5j * np.conj(x) - a, np.ones(1, complex), method="krylov").x[0]
    matrix = np.array([[2.0, 0.5], [0.5, 2.0]])
    for direction in (1.0, 1j, 0.3 - 0.7j):
        expected = np.linalg.solve(matrix, [np.real(direction), np.imag(direction)])
        for of in (solve, cv.jit(solve)):
            found = cv.jvp(of, (1 + 0.5j,), (complex(direction),))[1]
            np.testing.assert_allclose([found.real, found.imag], expected, rtol=1e-9)


REAL = {f"minimize {m}": lambda a, m=m: optimize.minimize(lambda x: np.sum((x - a) ** 2), np.ones(1), method=m).x
        for m in ("Nelder-Mead", "Powell", "BFGS", "L-BFGS-B", "SLSQP", "trust-constr", "COBYLA")}  # fmt: skip
REAL |= {m: lambda a, m=m: getattr(optimize, m)(cubic, -8.0, 8.0, (a,))
         for m in ("bisect", "brenth", "brentq", "ridder", "toms748")}  # fmt: skip
REAL |= {
    "minimize_scalar": lambda a: optimize.minimize_scalar(lambda x: (x - a) ** 2).x,
    "least_squares": lambda a: optimize.least_squares(lambda x: x - a, np.ones(1)).x,
    "odeint": lambda a: integrate.odeint(lambda y, t: -y * a, 1.0, np.array([0.0, 1.0])),
    "solve_ivp": lambda a: integrate.solve_ivp(lambda t, y: -y * a, (0.0, 1.0), np.ones(1)).y,
    "solve_ivp BDF": lambda a: integrate.solve_ivp(lambda t, y: -y * a, (0.0, 1.0), np.ones(1), "BDF").y,
}


@pytest.mark.parametrize("name", REAL)
def test_no_imaginary_part_is_cut(name):
    refused(REAL[name], 1 + 0.5j)


SHORT = {
    "minimize": lambda x, a: optimize.minimize(lambda x: np.sum((x - a) ** 2), x).x[0],
    "minimize in bounds": lambda x, a: optimize.minimize(lambda x: np.sum((x - a) ** 2), x, bounds=[(0.0, 9.0)]).x[0],
    "least_squares": lambda x, a: optimize.least_squares(lambda x: x - a, x).x[0],
    "curve_fit": lambda x, a: optimize.curve_fit(lambda t, p: t * p, np.arange(1.0, 4.0), a * np.arange(1, 4), x)[0][0],
    "linprog": lambda x, a: optimize.linprog(np.array([1, 3], x.dtype), -np.ones((1, 2), x.dtype), np.stack([-a])).x[0],
    "root": lambda x, a: optimize.root(lambda x: x - a, x).x[0],
    "odeint": lambda x, a: integrate.odeint(lambda y, t, a: a + 0 * y, x, [0.0, 1.0], (a,))[1, 0] - x[0],
    "solve_ivp": lambda x, a: integrate.solve_ivp(lambda t, y: a + 0 * y, (0.0, 1.0), x).y[0, 1] - x[0],
}


@pytest.mark.parametrize("pair", ["ee", "ef", "ed", "ff", "fd", "df"])
@pytest.mark.parametrize("name", SHORT)
def test_compiled_solvers_compute_in_doubles(name, pair):
    x, a = np.ones(1, pair[0]), np.dtype(pair[1]).type(1.7)
    solve = lambda a: SHORT[name](x, a)
    for found in (solve(a), cv.jit(solve)(a), cv.vmap(solve)(np.stack([a, a]))[1]):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, float(a), rtol=1e-5)
    for slope in (cv.grad(solve)(a), cv.jit(cv.grad(solve))(a)):
        assert slope.dtype == a.dtype
        np.testing.assert_allclose(slope, 1.0, rtol=1e-3)


@pytest.mark.parametrize("dtype", "eg")
@pytest.mark.parametrize("method", ["broyden1", "anderson", "krylov", "df-sane"])
def test_slopes_in_precisions_that_lapack_has_not(method, dtype):
    solve = lambda a: optimize.root(cubic, np.ones(2, dtype), args=(a,), method=method).x[0]
    a = np.dtype(dtype).type(1.7)
    x, slope = solve(a), cv.grad(solve)(a)
    assert x.dtype == np.result_type(dtype, np.float32) and slope.dtype == a.dtype
    np.testing.assert_allclose(float(x), 0.9203706, rtol=1e-3)
    np.testing.assert_allclose(float(slope), 0.2823865, rtol=2e-3)


def test_one_guess_in_an_array_that_leads_nowhere():
    with np.errstate(all="ignore"):
        assert np.isnan(cv.jit(lambda a: optimize.newton(lambda x: x**2 + a, np.full(1, 0.3)))(1.0)).all()
