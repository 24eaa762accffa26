"""SciPy's own solvers and quadratures, given functions that return traced values: closed forms, in lifted functions."""

from __future__ import annotations

import contextlib
import sys

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from scipy.optimize import brentq

import covector as cv

A = 2.0
SQUARE_ROOTS = {
    "brentq": lambda a: brentq(lambda t: t * t - a, 0.0, 5.0),
    "brenth": lambda a: scipy.optimize.brenth(lambda t, b: t * t - b, 0.0, 5.0, args=(a,)),
    "bisect": lambda a: scipy.optimize.bisect(lambda t: t * t - a, 0.0, 5.0, xtol=1e-12),
    "ridder": lambda a: scipy.optimize.ridder(lambda t: t * t - a, 0.0, 5.0),
    "bounds": lambda a: scipy.optimize.brentq(lambda t: t * t - a, 0.0 * a, 2.0 * a),
    "newton": lambda a: scipy.optimize.newton(lambda t: t * t - a, 1.0, tol=1e-12),
    "root_scalar": lambda a: scipy.optimize.root_scalar(lambda t: t * t - a, bracket=(0.0, 5.0)).root,
    "root": lambda a: scipy.optimize.root(lambda t: t * t - a, np.ones(1)).x[0],
    "fsolve": lambda a: scipy.optimize.fsolve(lambda t: t * t - a, np.ones(1))[0],
    "minimize": lambda a: scipy.optimize.minimize(lambda t: np.sum((t * t - a) ** 2), np.ones(1), tol=1e-10).x[0],
    "minimize_scalar": lambda a: scipy.optimize.minimize_scalar(lambda t: (t - np.sqrt(a)) ** 2).x,
    "least_squares": lambda a: scipy.optimize.least_squares(lambda t: t - np.sqrt(a), np.ones(1)).x[0],
    "curve_fit": lambda a: scipy.optimize.curve_fit(lambda t, k: k * t, np.arange(3.0), np.arange(3.0) * np.sqrt(a))[0][0],
    "quad": lambda a: scipy.integrate.quad(lambda t: np.sqrt(a) * 2.0 * t, 0.0, 1.0)[0],
    "quad, bounds": lambda a: scipy.integrate.quad(lambda t: 0.5 / np.sqrt(t), 0.25, a)[0] + 0.5,
    "dblquad": lambda a: scipy.integrate.dblquad(lambda s, t: np.sqrt(a) * 4.0 * s * t, 0.0, 1.0, 0.0, 1.0)[0],
    "solve_ivp": lambda a: scipy.integrate.solve_ivp(lambda t, y: 0.5 * a / y, (0, 1), [1e-3], rtol=1e-9, atol=1e-9).y[0, -1],
    "odeint": lambda a: scipy.integrate.odeint(lambda y, t: 0.5 * a / y, [1e-3], [0.0, 1.0])[-1, 0],
}
RUN = {
    "grad": cv.grad,
    "jit(grad)": lambda f: cv.jit(cv.grad(f)),
    "grad(jit)": lambda f: cv.grad(cv.jit(f)),
}


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("name", SQUARE_ROOTS)
def test_square_roots(name, run):
    f = SQUARE_ROOTS[name]
    assert f(A) == pytest.approx(np.sqrt(A), abs=1e-5)
    assert float(RUN[run](cv.lift(f))(A)) == pytest.approx(0.5 / np.sqrt(A), abs=1e-5)


ENDS = {
    "y[:, -1]": lambda s: s.y[:, -1], "y[..., -1]": lambda s: s.y[..., -1], "y.T[-1]": lambda s: s.y.T[-1],
    "t[-1]": lambda s: s.t[-1], "y[0][-1]": lambda s: s.y[0][-1], "y[1, 0]": lambda s: s.y[1, 0],
}  # fmt: skip
STEPS = {
    "y": lambda s: s.y, "sum": lambda s: np.sum(s.y), "times": lambda s: 2 * s.y, "len": lambda s: len(s.t),
    "y[:, 1]": lambda s: s.y[:, 1], "shape": lambda s: s.y.shape, "for": lambda s: list(s.t),
    "trapezoid": lambda s: np.trapezoid(s.y[0], s.t),
}  # fmt: skip


def steps(x):
    return scipy.integrate.solve_ivp(lambda t, y: -x * y, (0.0, 1.0), x, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("run", [lambda f: cv.jit(f)(A), lambda f: cv.vmap(f)(np.stack([A, A]))[0]], ids=["jit", "vmap"])
def test_solve_ivp_has_its_ends_where_scipys_steps_are_not_known(run):
    x = np.array([1.0, 2.0])
    for take in ENDS.values():
        np.testing.assert_allclose(run(cv.lift(lambda a, take=take: take(steps(x * a)))), take(steps(x * A)), rtol=1e-6)
    for take in STEPS.values():
        with pytest.raises(cv.errors.CovectorError, match=r"give t_eval=|at each step"):
            run(cv.lift(lambda a, take=take: take(steps(x * a))))


MINIMA = {
    **{m: lambda a, m=m: scipy.optimize.minimize(lambda p: (p[0] - a) ** 2, [0.0], method=m).x[0] for m in
       ("Nelder-Mead", "Powell", "COBYLA", "COBYQA", "BFGS", "CG", "SLSQP")},
    **{m: lambda a, m=m: scipy.optimize.minimize_scalar(lambda t: (t - a) ** 2, method=m).x for m in ("brent", "golden")},
    "bounded": lambda a: scipy.optimize.minimize_scalar(lambda t, b: (t - b) ** 2, bounds=(0.0, 9.0), args=(a,)).x,
}  # fmt: skip


@pytest.mark.parametrize("name", MINIMA)
def test_minima_move_with_their_function(name):
    """Those that are found by comparing values, too: SciPy's own steps have the derivative 0 then."""
    f = cv.lift(MINIMA[name])
    assert f(A) == pytest.approx(A, abs=1e-4)
    assert float(cv.grad(f)(A)) == pytest.approx(1.0, abs=1e-7)
    assert float(cv.jvp(f, (A,), (2.0,))[1]) == pytest.approx(2.0, abs=1e-7)


COMPARING = {
    "fmin": lambda f: scipy.optimize.fmin(f, [0.0], disp=0)[0], "golden": lambda f: scipy.optimize.golden(f),
    "fmin_powell": lambda f: scipy.optimize.fmin_powell(f, 0.0, disp=0)[0], "brent": lambda f: scipy.optimize.brent(f),
    "fminbound": lambda f: scipy.optimize.fminbound(f, 0, 9), "brute": lambda f: scipy.optimize.brute(f, [(0, 9)])[0],
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARING)
def test_what_only_compares_values_is_refused(name):
    f = cv.lift(lambda a: COMPARING[name](lambda t: np.sum((t - a) ** 2)))
    with pytest.raises(cv.errors.UnsupportedFunctionError, match=rf"optimize\.{name} got traced values") as error:
        cv.grad(f)(A)
    assert "use scipy.optimize.minimize or minimize_scalar" in str(error.value)
    plain = cv.lift(lambda x: x * COMPARING[name](lambda t: np.sum((t - A) ** 2)))
    assert cv.grad(plain)(1.0) == pytest.approx(A, abs=1e-3)


def huber(r):
    return r * r if abs(r) < 1 else 2 * abs(r) - 1


def test_a_function_that_branches_on_values():
    """Its derivative is that of the steps, if these converge to it."""
    smooth = cv.lift(lambda a: scipy.optimize.minimize(lambda p: huber(p[0] - a), [5.0]).x[0])
    assert float(cv.grad(smooth)(A)) == pytest.approx(1.0, abs=1e-6)
    root = cv.lift(lambda a: scipy.optimize.newton(lambda t: t * t - a if t > 0 else -t * t - a, 1.0))
    assert float(cv.grad(root)(A)) == pytest.approx(0.5 / np.sqrt(A))
    with pytest.raises(cv.errors.TracerBoolConversionError, match="in huber"):
        cv.grad(cv.lift(lambda a: scipy.optimize.minimize(lambda p: huber(p[0] - a), [5.0], method="Powell").x[0]))(A)


def test_plain_functions_are_scipys():
    def f(x):
        return x * brentq(lambda t: np.cos(t), 0.0, 2.0, full_output=True)[0]

    assert cv.grad(cv.lift(f))(A) == brentq(np.cos, 0.0, 2.0)


def test_errors_name_what_covector_has():
    with pytest.raises(cv.errors.TracerFloatConversionError, match=r"use covector\.scipy\.optimize\.brentq"):
        cv.grad(lambda a: scipy.optimize.brentq(lambda t: t * t - a, 0.0, 5.0))(A)


def test_compiled_code_that_goes_on_after_an_error_does_not_hide_it():
    def f(a):
        def g(t):
            y = t * t - a
            sys._clear_type_cache()  # while an error waits, Python finds no method that is not in it
            return y

        return scipy.optimize.brentq(g, 0.0, 5.0)

    with pytest.raises(cv.errors.TracerFloatConversionError, match=r"use covector\.scipy\.optimize\.brentq"):
        cv.grad(f)(A)

    def caught(a):
        with contextlib.suppress(cv.errors.CovectorError):
            float(a)
        return {}[0]

    with pytest.raises(KeyError):
        cv.grad(caught)(A)


def test_errors_of_the_function_are_its_own():
    def f(x):
        return brentq(lambda t: {}[0], 0.0, x)

    with pytest.raises(KeyError):
        cv.grad(cv.lift(f))(A)


def test_lsoda_is_refused_before_it_runs():
    """Errors in its function, which it would get traced values from, make it crash in the end."""
    steps = lambda y: scipy.integrate.solve_ivp(lambda t, y: -y, (0.0, 1.0), y, method="LSODA").y
    for _ in range(25):
        with pytest.raises(cv.errors.ArgumentError, match="method='LSODA'"):
            cv.jvp(cv.lift(steps), (np.ones(2),), (np.ones(2),))
    scaled = lambda x: x * scipy.integrate.solve_ivp(lambda t, y: -y, (0.0, 1.0), [1.0], method="LSODA").y[0, -1]
    assert cv.grad(cv.lift(scaled))(2.0) == pytest.approx(np.exp(-1.0), rel=1e-2)
