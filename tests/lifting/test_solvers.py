"""SciPy's own solvers and quadratures, given functions that return traced values: closed forms, in lifted functions."""

from __future__ import annotations

import contextlib
import functools
import inspect
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.sparse.linalg
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
    "newton, two guesses": lambda a: scipy.optimize.newton(lambda t: t * t - a, 1.0, x1=0.9 * a, tol=1e-12),
    "root_scalar": lambda a: scipy.optimize.root_scalar(lambda t: t * t - a, bracket=(0.0, 5.0)).root,
    "root": lambda a: scipy.optimize.root(lambda t: t * t - a, np.ones(1)).x[0],
    "fsolve": lambda a: scipy.optimize.fsolve(lambda t: t * t - a, np.ones(1))[0],
    "minimize": lambda a: scipy.optimize.minimize(lambda t: np.sum((t * t - a) ** 2), np.ones(1), tol=1e-10).x[0],
    "minimize_scalar": lambda a: scipy.optimize.minimize_scalar(lambda t: (t - np.sqrt(a)) ** 2).x,
    "minimize_scalar, bracket": lambda a: scipy.optimize.minimize_scalar(lambda t: (t - np.sqrt(a)) ** 2, (0.0, a)).x,
    "least_squares": lambda a: scipy.optimize.least_squares(lambda t: t - np.sqrt(a), np.ones(1)).x[0],
    "curve_fit": lambda a: scipy.optimize.curve_fit(lambda t, k: k * t, np.arange(3.0), np.arange(3.0) * np.sqrt(a))[0][0],
    "quad": lambda a: scipy.integrate.quad(lambda t: np.sqrt(a) * 2.0 * t, 0.0, 1.0)[0],
    "quad, bounds": lambda a: scipy.integrate.quad(lambda t: 0.5 / np.sqrt(t), 0.25, a)[0] + 0.5,
    "fixed_quad": lambda a: scipy.integrate.fixed_quad(lambda t: 0.5 / np.sqrt(t), 0.25, a, n=20)[0] + 0.5,
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


def test_an_event_that_ends_a_solution_ends_it_in_a_compiled_function_too():
    """What is true of an event is an attribute of the function."""

    def lands(t, y):
        return y[0]

    lands.terminal, lands.direction = True, -1
    f = lambda a: integrate.solve_ivp(lambda t, y: [y[1], -a], (0.0, 9.0), [2.0, 1.0], events=lands, rtol=1e-9).t[-1]
    exact = lambda a: (1 + np.sqrt(1 + 4 * a)) / a
    np.testing.assert_allclose(cv.jit(cv.value_and_grad(cv.lift(f)))(A), cv.value_and_grad(exact)(A), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("method", ["RK45", "DOP853", "Radau", "BDF"])
def test_second_derivatives_of_a_solution_that_stays_at_zero(method):
    f = lambda a: integrate.solve_ivp(lambda t, y: a * y, (0, 1), [1.0, 0.0], method, rtol=1e-8, atol=1e-9).y[:, -1]
    exact = np.exp(A) * np.array([1.0, 0.0])
    np.testing.assert_allclose(cv.jacfwd(cv.jacrev(cv.lift(f)))(A), exact, rtol=1e-4)


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


def held(f):
    """A function of one that holds a function of SciPy's in a dictionary, a default, a closure, a partial and an attribute."""
    methods, method = {"f": f}, types.SimpleNamespace(f=f)
    return (
        lambda call, *args: call(methods["f"], *args),
        lambda call, *args, f=f: call(f, *args),
        lambda call, *args: call(f, *args),
        lambda call, *args: call(functools.partial(f), *args),
        lambda call, *args: call(method.f, *args),
    )


def quartic(a):
    return lambda t: np.sum((t - a) ** 2 + 0.1 * t**4)


def cubic(a):
    return lambda t: t**3 + t - a


optimize, integrate = scipy.optimize, scipy.integrate
HELD = [
    *[(f, lambda f, a: f(quartic(a))) for f in (optimize.golden, optimize.brent)],
    (optimize.fminbound, lambda f, a: f(quartic(a), 0, 3)),
    (optimize.fmin, lambda f, a: f(quartic(a), [1.0], disp=0, xtol=1e-9, ftol=1e-9)[0]),
    (optimize.brute, lambda f, a: f(quartic(a), [(0, 3)])[0]),
    (optimize.fmin_cobyla, lambda f, a: f(quartic(a), [1.0], [])[0]),
    *[(f, lambda f, a: f(quartic(a), [1.0], disp=0)[0]) for f in (optimize.fmin_powell, optimize.fmin_bfgs, optimize.fmin_cg)],
    (optimize.fmin_slsqp, lambda f, a: f(quartic(a), [1.0], disp=0, acc=1e-14)[0]),
    (optimize.fmin_tnc, lambda f, a: f(quartic(a), [1.0], approx_grad=True, disp=0)[0][0]),
    (optimize.minimize, lambda f, a: f(quartic(a), [1.0], method="Nelder-Mead", tol=1e-9).x[0]),
    (optimize.minimize_scalar, lambda f, a: f(quartic(a), method="golden").x),
    (optimize.basinhopping, lambda f, a: f(quartic(a), [1.0], niter=1, rng=1).x[0]),
    (optimize.dual_annealing, lambda f, a: f(quartic(a), [(0, 3)], maxiter=5, rng=1).x[0]),
    (optimize.differential_evolution, lambda f, a: f(quartic(a), [(0, 3)], maxiter=5, rng=1).x[0]),
]
HELD_ROOTS = [
    *[(getattr(optimize, n), lambda f, a: f(cubic(a), 0, 5)) for n in ("brentq", "brenth", "ridder", "bisect", "toms748")],
    (optimize.newton, lambda f, a: f(cubic(a), 1.0)),
    (optimize.fsolve, lambda f, a: f(cubic(a), [1.0])[0]),
    (optimize.root_scalar, lambda f, a: f(cubic(a), bracket=(0, 5)).root),
    *[(optimize.root, lambda f, a, m=m: f(cubic(a), [1.0], method=m).x[0]) for m in ("hybr", "df-sane", "broyden1")],
    *[(optimize.least_squares, lambda f, a, m=m: f(cubic(a), [1.0], method=m).x[0]) for m in ("trf", "lm")],
]


def check_held(functions, derivative):
    for f, call in functions:
        for i, other in enumerate(held(f)):
            lifted = cv.lift(lambda a, call=call, other=other: other(call, a))
            assert float(cv.grad(lifted)(A)) == pytest.approx(derivative, abs=1e-5), (f.__name__, i)
        assert lifted(A) == pytest.approx(call(f, A), abs=1e-12)


def test_minimisers_that_are_held_by_other_objects():
    at = brentq(lambda t: 2 * (t - A) + 0.4 * t**3, 0, 5)
    check_held(HELD, 2 / (2 + 1.2 * at * at))


def test_solvers_that_are_held_by_other_objects():
    """At the root itself, from where SciPy takes no steps: the derivative of these would be 0."""
    check_held(HELD_ROOTS, 0.25)
    check_held([(integrate.quad, lambda f, a: f(lambda t: a * t, 0, 1)[0])], 0.5)


ONLY_COMPARING = {
    "brute": lambda f: optimize.brute(f, [(0, 9)], finish=None),
    "differential_evolution": lambda f: optimize.differential_evolution(f, [(0, 9)], polish=False, rng=1, maxiter=5).x[0],
    "dual_annealing": lambda f: optimize.dual_annealing(f, [(0, 9)], no_local_search=True, rng=1, maxiter=5).x[0],
}


@pytest.mark.parametrize("name", ONLY_COMPARING)
def test_what_only_compares_values_is_refused(name):
    f = cv.lift(lambda a: ONLY_COMPARING[name](lambda t: np.sum((t - a) ** 2)))
    with pytest.raises(cv.errors.UnsupportedFunctionError, match=rf"optimize\.{name} got traced values") as error:
        cv.grad(f)(A)
    assert "use scipy.optimize.minimize or minimize_scalar" in str(error.value)
    every = cv.lift(lambda a: optimize.brute(lambda t: np.sum((t - a) ** 2), [(0, 9)], finish=None, full_output=True)[0])
    with pytest.raises(cv.errors.UnsupportedFunctionError, match=r"optimize\.brute got traced values"):
        cv.grad(every)(A)
    plain = lambda x: x * ONLY_COMPARING[name](lambda t: np.sum((t - A) ** 2))
    assert cv.grad(cv.lift(plain))(1.0) == plain(1.0)


def test_what_is_not_known_of_a_traced_solution_is_refused():
    f = cv.lift(lambda a: optimize.minimize(quartic(a), [1.0]).hess_inv[0, 0])
    with pytest.raises(cv.errors.UnsupportedFunctionError, match=r"(?s)'hess_inv' of what a solver found.*known are x"):
        cv.grad(f)(A)
    assert cv.grad(cv.lift(lambda a: a * hasattr(optimize.minimize(quartic(a), [1.0]), "hess_inv")))(A) == 0.0


def test_results_of_solvers_are_arrays_of_the_lifted_run():
    def f(a):
        found = optimize.least_squares(lambda x: np.stack([x[0] - a, x[0] ** 2 - a]), [1.0])
        assert isinstance(found.x, np.ndarray)
        found.x[0] *= 3.0
        return found.x[0] + found.jac[1, 0] + float(found.nfev > 0)

    assert f(1.5) == pytest.approx(3 * optimize.least_squares(lambda x: [x[0] - 1.5, x[0] ** 2 - 1.5], [1.0]).x[0] * 5 / 3 + 1)
    assert cv.grad(cv.lift(f))(1.5) == pytest.approx((f(1.5 + 1e-3) - f(1.5 - 1e-3)) / 2e-3, rel=1e-4)


@pytest.mark.parametrize("name", ["fmin_l_bfgs_b", "fmin_tnc"])
def test_a_function_that_returns_its_gradient_too(name):
    given = {"disp": 0} if name == "fmin_tnc" else {}
    f = lambda a: getattr(optimize, name)(lambda x: (np.sum((x - a) ** 2), 2 * (x - a)), [1.0], **given)[0][0]
    assert f(A) == pytest.approx(A)
    assert cv.grad(cv.lift(f))(A) == pytest.approx(1.0)
    assert cv.jit(cv.grad(cv.lift(f)))(A) == pytest.approx(1.0)


NUMBERS_AS_STARTS = {
    "odeint": lambda a: np.sum((integrate.odeint(lambda y, t: -a * y, 1.0, [0.0, 0.5, 1.0]) - [1.0, 2.0, 3.0]) ** 2),
    "root": lambda a: np.concatenate([optimize.root(lambda x: x**3 - a, 1.0).x, [1.0]])[0],
    "root of a column": lambda a: np.sum(optimize.root(lambda x: x**3 + x - a, np.zeros((2, 1))).x * [1.0, 10.0]),
    "minimize": lambda a: np.append(optimize.minimize(lambda x: (x - a) ** 2, 1.0).x[0], 1.0)[0],
    "value": lambda a: np.ndim(optimize.minimize(lambda x: (x - a) ** 2, [1.0]).fun) + a,
    "least_squares": lambda a: len(optimize.least_squares(lambda x: x - a, 1.0).x) * a,
}


@pytest.mark.parametrize("name", NUMBERS_AS_STARTS)
def test_a_number_to_start_from_is_a_vector(name):
    f = NUMBERS_AS_STARTS[name]
    value, slope = cv.value_and_grad(cv.lift(f))(1.3)
    assert value == pytest.approx(f(1.3), rel=1e-5)
    assert slope == pytest.approx((f(1.3 + 1e-4) - f(1.3 - 1e-4)) / 2e-4, rel=1e-3)
    assert cv.jit(cv.lift(f))(1.3) == pytest.approx(f(1.3), rel=1e-5)


LISTS_AS_STARTS = {
    **{n: lambda a, x, n=n: getattr(optimize, n)(cubic(a), x) for n in ("fsolve", "newton", "broyden1", "newton_krylov")},
    "fixed_point": lambda a, x: optimize.fixed_point(lambda x: np.cos(x) * a, x),
    "leastsq": lambda a, x: optimize.leastsq(cubic(a), x)[0],
    **{m: lambda a, x, m=m: optimize.root(cubic(a), x, method=m).x for m in ("hybr", "krylov", "df-sane")},
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS_AS_STARTS)
def test_a_list_to_start_from_is_an_array(name):
    """Of arrays and of traced numbers too."""
    for start in (lambda a: [np.array([0.5])], lambda a: [0.4 * a]):
        f = lambda a, start=start: LISTS_AS_STARTS[name](a, start(a))
        slope = (f(1.3 + 1e-4) - f(1.3 - 1e-4)) / 2e-4
        for run in (cv.jacfwd, lambda f: cv.jit(cv.jacrev(f))):
            found = run(cv.lift(f))(1.3)
            assert np.shape(found) == np.shape(slope)
            np.testing.assert_allclose(found, slope, rtol=2e-2)


def test_elementwise_zeros_and_minima_that_are_where_they_are_sought():
    """Where SciPy takes no steps for some of them."""
    from scipy.optimize import elementwise

    zeros = lambda a: elementwise.find_root(lambda x, p: x**3 - p * a, ([0.5, 1.0], [2.0, 5.0]), args=(np.array([1.0, 2.0]),)).x
    np.testing.assert_allclose(cv.jacfwd(cv.lift(zeros))(1.0), np.cbrt([1.0, 2.0]) / 3)
    np.testing.assert_allclose(cv.jacfwd(cv.lift(zeros))(0.5), np.cbrt([0.5, 1.0]) / 1.5)  # the second begins at its zero
    least = lambda a: elementwise.find_minimum(lambda x: (x - a) ** 2, (0.0, 1.0, 5.0)).x
    assert cv.grad(cv.lift(least))(1.0) == pytest.approx(1.0)
    with pytest.raises(cv.errors.ConcretizationError):
        cv.jit(cv.lift(least))(1.0)


def test_solvers_are_scipys_own_after_uninstall():
    before = optimize.golden.__code__, inspect.signature(optimize.brentq), optimize.brentq.__code__
    cv.grad(cv.lift(lambda a: optimize.brentq(cubic(a), 0, 5)))(A)
    assert inspect.signature(optimize.brentq) == before[1]
    assert optimize.brentq.__code__ is not before[2]
    assert pickle.loads(pickle.dumps(optimize.brentq)) is optimize.brentq
    assert "brentq()" in cv.lift.report()
    cv.lift.uninstall()
    assert (optimize.golden.__code__, inspect.signature(optimize.brentq), optimize.brentq.__code__) == before


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


@pytest.mark.parametrize("method", ["BFGS", "Nelder-Mead", "Powell", "CG", "L-BFGS-B", "SLSQP"])
def test_a_callback_that_stops_is_no_success(method):
    def stopped(x):
        def callback(intermediate_result):
            raise StopIteration

        return optimize.minimize(optimize.rosen, [1.3, 0.7], method=method, callback=callback).status * x

    assert cv.value_and_grad(cv.lift(stopped))(1.0) == (stopped(1.0), stopped(1.0))


@pytest.mark.parametrize("name", ["fmin", "fmin_powell", "fmin_bfgs", "fmin_cg"])
def test_callbacks_of_traced_minima_are_called(name):
    seen = []
    solve = getattr(optimize, name)
    f = cv.lift(lambda x: np.ravel(solve(lambda v: np.sum((v - x) ** 2), [3.0], disp=0, callback=seen.append))[0])
    np.testing.assert_allclose(cv.value_and_grad(f)(1.0), (1.0, 1.0), atol=1e-4)
    assert seen


def test_callable_objects_among_the_arguments_of_a_function_are_left_alone():
    p = np.poly1d([1.0, 2.0])
    f = lambda x: optimize.fmin(lambda v, p: p.deriv()(v[0]) ** 2 + (v[0] - 1) ** 2, [3.0], args=(p,), disp=0)[0] * x
    assert cv.grad(cv.lift(f))(1.0) == f(1.0)


def test_a_plain_search_by_other_workers():
    search = functools.partial(optimize.differential_evolution, workers=map, updating="deferred", seed=1)
    f = lambda x: search(optimize.rosen, [(0, 2)] * 2).x[0] * x
    assert cv.grad(cv.lift(f))(1.0) == f(1.0)


def nonlinear(a):
    """Of one solution, and a derivative that steps from a guess need not have."""
    return lambda x: np.stack([x[0] + 0.2 * x[1] ** 2 - a, x[1] + 0.1 * x[0] - a * a])


ITERATIONS = "broyden1 broyden2 anderson linearmixing diagbroyden newton_krylov".split()


@pytest.mark.parametrize("run", RUN)
@pytest.mark.parametrize("name", ITERATIONS)
def test_iterations_that_estimate_a_jacobian(name, run):
    """Also from a guess that is a solution, where SciPy takes no steps."""
    solve = functools.partial(getattr(optimize, name), f_tol=1e-11, **({"alpha": -0.3} if name == "linearmixing" else {}))
    assert RUN[run](cv.lift(lambda a: solve(cubic(a), [1.0])[0]))(A) == pytest.approx(0.25)
    f = lambda a: np.sum(solve(nonlinear(a), [0.5, 0.5]))
    assert f(A) == pytest.approx(2.7098825315)
    assert RUN[run](cv.lift(f))(A) == pytest.approx(-2.0729047053)


CONSTRAINTS = {
    "dict": lambda a: {"type": "eq", "fun": lambda x: x[0] + 2 * x[1] - a},
    "list": lambda a: [{"type": "eq", "fun": lambda x, b: x[0] + 2 * x[1] - b, "args": (a,), "jac": lambda x, b: [1.0, 2.0]}],
    "linear": lambda a: optimize.LinearConstraint(np.array([[1.0, 2.0]]), a, a),
    "nonlinear": lambda a: optimize.NonlinearConstraint(lambda x: x[0] + 2 * x[1] - a, 0.0, 0.0),
}


@pytest.mark.parametrize("method", [None, "SLSQP", "trust-constr", "COBYLA"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name, method):
    """The distance to (1, 1): x[1] moves by 2/5 of a, where the function is plain and where it is traced."""
    for fun in (lambda x, a: np.sum((x - 1) ** 2), lambda x, a: np.sum((x - a / A) ** 2)):
        f = lambda a, fun=fun: optimize.minimize(fun, [0.1, 0.0], (a,), method, constraints=CONSTRAINTS[name](a)).x[1]
        plain = lambda a, fun=fun: optimize.minimize(lambda x: fun(x, A), [0.1, 0.0], constraints=CONSTRAINTS[name](a)).x[1]
        assert cv.grad(cv.lift(plain))(A) == pytest.approx(0.4)
        assert cv.grad(cv.lift(f))(A) == pytest.approx((f(A + 1e-2) - f(A - 1e-2)) / 2e-2, abs=1e-2)


def test_traced_bounds():
    f = lambda a: optimize.minimize(lambda x: np.sum((x - 5) ** 2), [0.5], bounds=optimize.Bounds([0.0], [3 * a])).x[0]
    assert cv.value_and_grad(cv.lift(f))(1.0) == pytest.approx((3.0, 3.0))
    assert cv.jit(cv.grad(cv.lift(f)))(1.0) == pytest.approx(3.0)


def test_bounds_that_are_read_once():
    far = lambda x: np.sum((x - 3.0) ** 2)
    f = lambda a: optimize.minimize(far, [0.5, 0.5], bounds=zip([0.0, 0.0], [a, 9.0], strict=True)).x
    np.testing.assert_allclose(cv.jvp(cv.lift(f), (A,), (1.0,)), [f(A), [1.0, 0.0]], rtol=1e-6)


@pytest.mark.parametrize("solve", [optimize.leastsq, optimize.linprog, optimize.fmin, optimize.brute, scipy.sparse.linalg.cg])
def test_arguments_that_do_not_fit_are_told_as_python_does(solve):
    for given in ({}, {"no": A}):
        with pytest.raises(TypeError) as told:
            solve(**given)
        with pytest.raises(TypeError) as found:
            cv.grad(cv.lift(lambda a, given=given: solve(**dict.fromkeys(given, a))))(A)
        assert str(found.value) == str(told.value)


BY_NAME = {
    **{n: lambda a, n=n: getattr(optimize, n)(f=lambda x: x * x - a, a=0.0, b=5.0, args=()) for n in
       ("brentq", "brenth", "bisect", "ridder", "toms748")},
    "root_scalar": lambda a: optimize.root_scalar(f=lambda x: x * x - a, bracket=(0.0, 5.0)).root,
    "curve_fit": lambda a: optimize.curve_fit(f=lambda t, k: k * t, xdata=np.ones(3), ydata=np.ones(3) * np.sqrt(a))[0][0],
    "quad_vec": lambda a: integrate.quad_vec(f=lambda t: np.sqrt(a) * 2.0 * t, a=0.0, b=1.0)[0],
    "quad": lambda a: integrate.quad(func=lambda t: np.sqrt(a) * 2.0 * t, a=0.0, b=1.0)[0],
    "odeint": lambda a: integrate.odeint(
        func=lambda y, t: np.sqrt(a) * 2.0 * t + 0 * y, y0=[0.0], t=[0.0, 1.0], Dfun=lambda y, t: [[0.0]], rtol=None, mxordn=12
    )[1, 0],
}  # fmt: skip


@pytest.mark.parametrize("name", BY_NAME)
def test_functions_by_the_name_of_their_parameter(name):
    assert cv.grad(cv.lift(BY_NAME[name]))(A) == pytest.approx(0.5 / np.sqrt(A))


def test_options_that_covector_has_not_are_refused():
    with pytest.raises(cv.errors.UnsupportedFunctionError, match=r"(?s)toms748 got k, where values are traced.*leave it out"):
        cv.grad(cv.lift(lambda a: optimize.toms748(cubic(a), 0, 5, k=2)))(A)
    assert cv.grad(cv.lift(lambda a: optimize.toms748(cubic(a), 0, 5, k=1)))(A) == pytest.approx(0.25)


def test_a_guess_that_is_a_solution_of_a_function_that_branches_is_refused():
    """Its steps would not move: the derivative would be 0."""
    f = cv.lift(lambda a: optimize.newton(lambda t: t * t - a if t > 0 else -t * t - a, 2.0, fprime=lambda t: 2 * t))
    assert cv.grad(f)(2.0) == pytest.approx(0.5 / np.sqrt(2.0))
    with pytest.raises(cv.errors.TracerBoolConversionError):
        cv.grad(f)(4.0)


MATRIX, RIGHT = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 5.0]]), np.array([1.0, 2.0, 3.0])
SYSTEMS = "cg bicg bicgstab cgs gmres lgmres minres qmr tfqmr gcrotmk".split()


def shifted(a):
    """An operator that closes over a value."""
    apply = lambda v: MATRIX @ v + a * v
    return scipy.sparse.linalg.LinearOperator((3, 3), matvec=apply, rmatvec=apply, dtype=float)


def solved(a, b):
    return np.linalg.solve(MATRIX + a * np.eye(3), b)


@pytest.mark.parametrize("name", SYSTEMS)
def test_iterations_for_linear_systems(name):
    """Also from a guess that is the solution, where SciPy takes no steps."""
    solve, slope = getattr(scipy.sparse.linalg, name), -solved(A, solved(A, RIGHT))
    for start in (None, solved(A, RIGHT)):
        f = cv.lift(lambda a, start=start: solve(shifted(a), RIGHT, x0=start)[0])
        for run in (cv.jacfwd, cv.jacrev, lambda f: cv.jit(cv.jacrev(f))):
            np.testing.assert_allclose(run(f)(A), slope, atol=1e-5)
        np.testing.assert_allclose(cv.vmap(cv.jacrev(f))(np.array([A, A])), [slope, slope], atol=1e-5)
    right = cv.lift(lambda b: solve(shifted(A), b)[0])
    np.testing.assert_allclose(cv.jacrev(right)(RIGHT), np.linalg.inv(MATRIX + A * np.eye(3)), atol=1e-5)


@pytest.mark.parametrize("name", SYSTEMS)
def test_derivatives_of_systems_do_not_begin_where_the_solution_does(name):
    """From ones, rounding errors are no smaller than the tolerance of one that is zero."""
    solve = getattr(scipy.sparse.linalg, name)
    f = cv.lift(lambda a: solve(MATRIX * a, RIGHT * a, x0=np.ones(3), rtol=1e-13)[0])
    np.testing.assert_allclose(cv.jvp(f, (1.3,), (1.0,)), [solved(0.0, RIGHT), np.zeros(3)], atol=1e-12)


def test_operators_of_matrices():
    """SciPy's, which are added, scaled and multiplied with others."""
    of, m = lambda x: scipy.sparse.linalg.aslinearoperator(x), MATRIX
    for made in (lambda a: of(m * a), lambda a: of(m * a) + 2 * a * of(m), lambda a: of(m) * of(m * a)):
        dense = lambda a, made=made: made(a).matmat(np.eye(3))
        exact = lambda a, dense=dense: np.linalg.solve(dense(a), RIGHT)
        for f, g in ((dense, dense), (lambda a, made=made: scipy.sparse.linalg.gmres(made(a), RIGHT, rtol=1e-12)[0], exact)):
            slope = (g(A + 1e-4) - g(A - 1e-4)) / 2e-4
            for run in (cv.jacfwd, cv.jacrev, lambda f: cv.jit(cv.jacrev(f))):
                np.testing.assert_allclose(run(cv.lift(f))(A), slope, rtol=1e-6)


@pytest.mark.parametrize("name", ["lsqr", "lsmr"])
def test_iterations_for_least_squares(name):
    """Their steps have derivatives, which are wrong if they begin near the solution."""
    solve = getattr(scipy.sparse.linalg, name)
    np.testing.assert_allclose(cv.jacfwd(cv.lift(lambda b: solve(shifted(A), b)[0]))(RIGHT), solved(A, np.eye(3)), atol=1e-5)
    for start, at in ((solved(A, RIGHT), RIGHT), (None, 0 * RIGHT)):
        with pytest.raises(cv.errors.UnsupportedFunctionError, match=rf"(?s){name} got .*leave x0 out"):
            cv.jacfwd(cv.lift(lambda b, start=start: solve(shifted(A), b, x0=start)[0]))(at)


def test_eigenvectors_that_are_given_are_not_taken_for_constants():
    """SciPy takes no step from them, so that they would not move."""
    matrix, change = np.diag(np.arange(8.0)) + 0.1, np.diag(np.cos(np.arange(8.0)))
    start = np.linalg.eigh(matrix)[1][:, -1:]
    for of in (lambda a: matrix + a * change, lambda a: scipy.sparse.linalg.aslinearoperator(matrix + a * change)):
        f = lambda a, of=of: np.sum(scipy.sparse.linalg.lobpcg(of(a), start)[1])
        with pytest.raises(cv.errors.UnsupportedFunctionError, match=r"(?s)lobpcg got traced values.*eigh"):
            cv.grad(cv.lift(f))(0.0)
    plain = lambda a: a * np.sum(scipy.sparse.linalg.lobpcg(matrix, start)[1])
    assert cv.grad(cv.lift(plain))(0.0) == pytest.approx(plain(1.0))


CALLS = {
    **{n: lambda a: ({"f": cubic(a), "a": 0.0, "b": 5.0}, lambda x: x) for n in
       ("brentq", "brenth", "ridder", "bisect", "toms748")},
    "root_scalar": lambda a: ({"f": cubic(a), "bracket": (0.0, 5.0)}, lambda r: r.root),
    "newton": lambda a: ({"func": cubic(a), "x0": 0.5}, lambda x: x),
    "fsolve": lambda a: ({"func": cubic(a), "x0": [0.5]}, lambda x: x[0]),
    "leastsq": lambda a: ({"func": cubic(a), "x0": [0.5]}, lambda x: x[0][0]),
    "root": lambda a: ({"fun": cubic(a), "x0": [0.5]}, lambda r: r.x[0]),
    "least_squares": lambda a: ({"fun": cubic(a), "x0": [0.5]}, lambda r: r.x[0]),
    "fixed_point": lambda a: ({"func": lambda x: (a + x * 0.5 - x**3) / 1.5, "x0": 0.9}, lambda x: x),
    "minimize": lambda a: ({"fun": lambda x: np.sum(x**4 / 4 + x**2 / 2 - x * a), "x0": [0.5]}, lambda r: r.x[0]),
    "minimize_scalar": lambda a: ({"fun": lambda x: x**4 / 4 + x**2 / 2 - x * a}, lambda r: r.x),
    **{n: lambda a: ({"F": cubic(a), "xin": [0.5]}, lambda x: x[0]) for n in ("broyden1", "newton_krylov")},
    "fmin": lambda a: ({"func": lambda x: np.sum(x**4 / 4 + x**2 / 2 - x * a), "x0": [0.5]}, lambda x: x[0]),
    "brent": lambda a: ({"func": lambda x: x**4 / 4 + x**2 / 2 - x * a}, lambda x: x),
}  # fmt: skip
"""The arguments of functions by their names, and what is a zero of ``x**3 + x - a`` in what they give."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_every_parameter_by_its_name(name):
    """Each of them, with the value that it has by default."""
    solve = getattr(optimize, name)
    others = [p for p in inspect.signature(solve).parameters.values() if p.default is not p.empty]
    for given in ({}, *({p.name: p.default} for p in others)):

        def f(a, given=given):
            arguments, take = CALLS[name](a)
            return take(solve(**(given | arguments)))

        assert cv.grad(cv.lift(f))(A) == pytest.approx(0.25, rel=1e-5), given
