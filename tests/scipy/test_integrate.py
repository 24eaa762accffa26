"""covector.scipy.integrate: values are SciPy's, derivatives are closed forms or differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.integrate
from transformed import same

import covector as cv
from covector import errors
from covector.scipy import integrate
from covector.testing import check_function, check_grads

RNG = np.random.default_rng(0)
T = np.linspace(0.0, 2.0, 5)
FINE = {"rtol": 1e-10, "atol": 1e-10}
SUMS = {
    "trapezoid": lambda s, y, x: s.trapezoid(y, x),
    "simpson": lambda s, y, x: s.simpson(y, x=x),
    "cumulative_trapezoid": lambda s, y, x: s.cumulative_trapezoid(y, x),
    "cumulative_trapezoid with 0": lambda s, y, x: s.cumulative_trapezoid(y, x, initial=0),
    "cumulative_simpson": lambda s, y, x: s.cumulative_simpson(y, x=x),
    "cumulative_simpson with 2": lambda s, y, x: s.cumulative_simpson(y, x=x, initial=2.0),
}


@pytest.mark.parametrize("n", [2, 3, 6, 7])
@pytest.mark.parametrize("name", SUMS)
def test_sums(name, n):
    f, x, y = SUMS[name], np.cumsum(RNG.uniform(0.3, 1.0, n)), RNG.normal(size=(3, n))
    np.testing.assert_allclose(f(integrate, y, x), f(scipy.integrate, y, x), rtol=1e-12)
    np.testing.assert_allclose(f(integrate, y, None), f(scipy.integrate, y, None), rtol=1e-12)
    check_function(lambda y, x: f(integrate, y, x), (y, x), order=2)


@pytest.mark.parametrize("n", [2, 3, 5, 9])
def test_the_sum_of_romberg(n):
    y = RNG.normal(size=(2, n))
    np.testing.assert_allclose(integrate.romb(y, 0.5), scipy.integrate.romb(y, 0.5), rtol=1e-13)
    np.testing.assert_allclose(integrate.romb(y.T, 0.5, axis=0), scipy.integrate.romb(y, 0.5), rtol=1e-13)
    check_function(integrate.romb, (y, 0.5), order=2)


def test_the_table_of_romberg_is_that_of_scipy(capsys):
    assert integrate.romb(np.arange(3.0) ** 2, show=True) == pytest.approx(8 / 3)
    assert "Richardson" in capsys.readouterr().out


def test_sums_along_an_axis_and_with_samples_at_one_place():
    y, x = RNG.normal(size=(4, 3)), np.array([0.0, 1.0, 1.0, 2.0])
    for name in ("trapezoid", "simpson", "cumulative_trapezoid", "cumulative_simpson"):
        mine, theirs = getattr(integrate, name), getattr(scipy.integrate, name)
        np.testing.assert_allclose(mine(y, dx=0.5, axis=0), theirs(y, dx=0.5, axis=0), rtol=1e-12)
        if name != "cumulative_simpson":
            np.testing.assert_allclose(mine(y, x=x, axis=0), theirs(y, x=x, axis=0), rtol=1e-12)
    steps = np.array([0.5, 1.0])
    np.testing.assert_allclose(integrate.trapezoid(y, dx=steps), scipy.integrate.trapezoid(y, dx=steps), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16", "i8"])
@pytest.mark.parametrize("place", [None, "f4", "f8"])
@pytest.mark.parametrize("name", [*SUMS, "romb"])
def test_sums_have_the_dtypes_of_scipy(name, place, dtype):
    f = SUMS.get(name, lambda s, y, x: s.romb(y))
    rtol = 1e-5 if dtype in ("f4", "c8") or place == "f4" else 1e-12
    for n, rows in itertools.product((1, 2, 3, 4, 5, 6) if name != "romb" else (3, 5), ((), (2,))):
        y = (3 * RNG.normal(size=(*rows, n))).astype(dtype)
        x = None if place is None else np.cumsum(RNG.uniform(0.3, 1.0, n)).astype(place)
        found, expected = f(integrate, y, x), f(scipy.integrate, y, x)
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=10 * rtol)
        assert found.dtype == expected.dtype
        assert cv.jit(lambda y, x: f(integrate, y, x))(y, x).dtype == found.dtype


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("dtype", "dfFi")
@pytest.mark.parametrize("shape", [(0,), (1,), (2, 0), (2, 1), (0, 3), (0, 4)])
def test_sums_of_few_samples(shape, dtype):
    y = np.ones(shape, dtype)
    rules = ["trapezoid"] if shape[-1] == 0 else ["trapezoid", "simpson"] if shape[-1] == 1 else ["cumulative_simpson"]
    for rule in rules:
        for x in (None, *(np.arange(shape[-1]).astype(c) for c in ("dfi" if rule == "cumulative_simpson" else "dfiD"))):
            same(cv.jit(lambda y, x, r=rule: getattr(integrate, r)(y, x=x))(y, x), getattr(scipy.integrate, rule)(y, x=x))


def test_weights_of_newton_and_cotes_are_those_of_scipy():
    np.testing.assert_array_equal(integrate.newton_cotes(4)[0], scipy.integrate.newton_cotes(4)[0])


def test_places_that_are_not_known_to_rise():
    two = {"y": np.array([1.0, 2.0]), "x": np.array([2.0, 1.0])}  # a trapezium, which may lie in either direction
    np.testing.assert_array_equal(integrate.cumulative_simpson(**two), scipy.integrate.cumulative_simpson(**two))
    f = cv.jit(lambda x: integrate.cumulative_simpson(np.ones(3), x=x))
    assert np.all(np.isnan(f(np.array([0.0, 2.0, 1.0]))))
    np.testing.assert_allclose(f(np.array([0.0, 1.0, 3.0])), [1.0, 3.0])


# --- integrals --------------------------------------------------------------------------------------------------------


def bumps(c, b):
    return integrate.quad(lambda x: np.exp(-c[0] * x) * np.sin(c[1] * x * x), 0.0, b)[0]


def test_integrals_have_derivatives_in_bounds_and_in_what_they_close_over():
    c = np.array([0.7, 1.3])
    expected = scipy.integrate.quad(lambda x: np.exp(-c[0] * x) * np.sin(c[1] * x * x), 0.0, 2.0)
    assert integrate.quad(lambda x: np.exp(-c[0] * x) * np.sin(c[1] * x * x), 0.0, 2.0) == expected[:2]
    check_function(bumps, (c, 2.0), order=2, tolerance=1e-5)
    np.testing.assert_allclose(cv.grad(bumps, 1)(c, 2.0), np.exp(-1.4) * np.sin(5.2), rtol=1e-12)
    lower = lambda a: integrate.quad(np.cos, a, 2.0)[0]
    np.testing.assert_allclose(cv.grad(lower)(0.5), -np.cos(0.5), rtol=1e-12)


def test_integrals_over_the_whole_line():
    gauss = lambda c: integrate.quad(lambda x, c: np.exp(-c * x * x), -np.inf, np.inf, c)[0]
    np.testing.assert_allclose(cv.grad(gauss)(2.0), -np.sqrt(np.pi) / 2 * 2**-1.5, rtol=1e-8)
    np.testing.assert_allclose(cv.grad(cv.grad(gauss))(2.0), 0.75 * np.sqrt(np.pi) * 2**-2.5, rtol=1e-7)
    np.testing.assert_allclose(cv.jit(gauss)(2.0), np.sqrt(np.pi / 2), rtol=1e-9)


def wave(x, c):
    return np.exp(-c * x) * np.cos(x * x)


def between_curves(s, b, c):
    return s.dblquad(lambda y, x, c: np.exp(-c * x * y), 0.0, b, 0.1, lambda x: x * x + 0.2, (c,))[0]


INTEGRALS = {
    "quad": (lambda s, a, b, c: s.quad(wave, a, b, (c,))[0], (0.1, 1.3, 0.8)),
    "quad by cos": (lambda s, a, b, c: s.quad(wave, a, b, (c,), weight="cos", wvar=3.0)[0], (0.1, 1.3, 0.8)),
    "quad by sin": (lambda s, a, b, c: s.quad(wave, a, b, (c,), weight="sin", wvar=2.0)[0], (0.1, 1.3, 0.8)),
    "quad by powers": (lambda s, a, b, c: s.quad(wave, a, b, (c,), weight="alg", wvar=(-0.5, 0.2))[0], (0.1, 1.3, 0.8)),
    "quad by a pole": (lambda s, a, b, c: s.quad(wave, a, b, (c,), weight="cauchy", wvar=0.7)[0], (0.1, 1.3, 0.8)),
    "quad by a logarithm": (lambda s, c: s.quad(wave, 0.0, 1.0, (c,), weight="alg-loga", wvar=(0.1, 0.2))[0], (0.4,)),
    "quad by cos to infinity": (
        lambda s, c: s.quad(lambda x: np.exp(-c * x), 0.0, np.inf, weight="cos", wvar=2.0)[0],
        (0.8,),
    ),
    "quad with points": (lambda s, c: s.quad(lambda x: abs(x - 0.3) * np.exp(c * x), 0.0, 1.0, points=[0.3])[0], (0.4,)),
    "quad of complex numbers": (
        lambda s, b, c: abs(s.quad(lambda x: np.exp(1j * c * x) * x, 0.0, b, complex_func=True)[0]),
        (0.8, 0.3),
    ),
    "quad_vec": (lambda s, b, c: s.quad_vec(lambda x: c * np.exp(c * x * np.ones((2, 1))), 0.0, b)[0], (0.8, 0.3)),
    "quad_vec of complex numbers": (
        lambda s, b, c: abs(s.quad_vec(lambda x: np.exp(1j * c * x) * np.arange(1, 3), 0.0, b)[0]),
        (0.8, 0.3),
    ),
    "fixed_quad": (lambda s, a, b, c: s.fixed_quad(wave, a, b, (c,), n=7)[0], (0.1, 1.3, 0.8)),
    "dblquad": (between_curves, (0.8, 0.3)),
    "nquad": (
        lambda s, b, c: s.nquad(lambda x, y, c: c * x * y**2 + x, [lambda y, c: (0, y + c), (0.0, b)], (c,))[0],
        (0.8, 0.3),
    ),
}


@pytest.mark.parametrize("name", INTEGRALS)
def test_integrals(name):
    f, args = INTEGRALS[name]
    mine = lambda *a: f(integrate, *a)
    np.testing.assert_allclose(mine(*args), f(scipy.integrate, *args), rtol=1e-13)
    order = 1 if name == "nquad" else 2  # dblquad is nquad, and a second order of it takes seconds
    check_grads(mine, args, order=order, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cv.jit(mine)(*args), mine(*args), rtol=1e-13)
    other = tuple(0.9 * a for a in args)
    batch = cv.vmap(mine)(*(np.array(pair) for pair in zip(args, other, strict=True)))
    np.testing.assert_allclose(batch, [mine(*args), mine(*other)], rtol=1e-13)


def test_an_integral_of_complex_numbers_over_falling_bounds():
    """The negative of that over rising ones, where SciPy 1.17 returns the same; zero has the same dtype."""
    complex_quad = lambda a, b: integrate.quad(lambda x: np.exp(-(1 + 2j) * x), a, b, complex_func=True)[0]
    antiderivative = lambda x: -np.exp(-(1 + 2j) * x) / (1 + 2j)
    for run in (complex_quad, cv.jit(complex_quad)):
        for a, b in ((0.0, 1.0), (1.0, 0.0), (np.inf, 0.0), (0.0, np.inf), (1.0, 1.0)):
            found = run(a, b)
            assert found.dtype == np.complex128
            np.testing.assert_allclose(found, antiderivative(b) - antiderivative(a), rtol=1e-12)


POWERS = [{"weight": "alg", "wvar": w} for w in ((0.5, 0.3), (-0.5, 0.2), (0.2, -0.2))]
WAVES = [{"weight": "cos", "wvar": 2.0}, {"weight": "sin", "wvar": 2.0}]


@pytest.mark.parametrize("weight", [{}, {"points": [0.4]}, *POWERS, *WAVES, {"weight": "cauchy", "wvar": 0.37}])
def test_integrals_over_falling_bounds(weight):
    f = lambda s, a, b: s.quad(wave, a, b, (0.8,), **weight)[0]
    expected = f(scipy.integrate, 1.2, 0.1)
    np.testing.assert_allclose(cv.jit(lambda a, b: f(integrate, a, b))(1.2, 0.1), expected, rtol=1e-12)
    check_grads(lambda a, b: f(integrate, a, b), (1.2, 0.1), order=1, rtol=1e-5, atol=1e-6)
    parts = lambda a, b: integrate.quad(lambda x: (1 + 2j) * wave(x, 0.8), a, b, complex_func=True, **weight)[0]
    np.testing.assert_allclose(parts(1.2, 0.1), (1 + 2j) * expected, rtol=1e-12)
    np.testing.assert_allclose(cv.jit(parts)(1.2, 0.1), (1 + 2j) * expected, rtol=1e-12)


def test_an_integral_by_powers_over_nothing():
    f = lambda powers: lambda b: integrate.quad(np.cos, 0.5, b, weight="alg", wvar=powers)[0]
    assert cv.jit(f((0.5, 0.2)))(0.5) == 0.0
    np.testing.assert_allclose(cv.grad(f((0.0, 0.0)))(0.5), np.cos(0.5), rtol=1e-12)


def test_integrals_over_three_variables():
    """∫∫∫ (c x y + z) over 0 < x < 1, 0 < y < x, x - y < z < x + y is 2 c / 15 + 1 / 4."""
    f = lambda c: integrate.tplquad(
        lambda z, y, x: c * x * y + z, 0.0, 1.0, 0.0, lambda x: x, lambda x, y: x - y, lambda x, y: x + y
    )
    np.testing.assert_allclose(f(1.0)[0], 2 / 15 + 1 / 4, rtol=1e-12)
    np.testing.assert_allclose(cv.grad(lambda c: f(c)[0])(1.0), 2 / 15, rtol=1e-12)
    alone = cv.grad(lambda c: integrate.nquad(lambda x: x**2, [(0.0, c)], opts=[{"epsrel": 1e-10}])[0])
    np.testing.assert_allclose(alone(2.0), 4.0, rtol=1e-12)
    whole = integrate.nquad(lambda x, y: x * y, [(0, 1), (0, 2)], full_output=True)
    assert whole[0] == pytest.approx(1.0) and whole[2]["neval"] > 0


def test_constants_of_other_kinds():
    """What a function closes over may be complex or an integer."""
    turned = lambda z: integrate.quad(lambda x: np.real(z * z) * x, 0.0, 2.0)[0]
    expected = cv.grad(lambda z: 2 * np.real(z * z))(1.0 + 2.0j)
    np.testing.assert_allclose(cv.grad(turned)(1.0 + 2.0j), expected, rtol=1e-12)
    np.testing.assert_allclose(cv.jit(lambda n: integrate.quad(lambda x: x**n, 0.0, 1.0)[0])(3), 0.25, rtol=1e-12)


# --- differential equations -------------------------------------------------------------------------------------------


def pendulum(t, y, a, b):
    return np.stack([y[1], -a * np.sin(y[0]) - b * y[1] + 0.1 * t])


@pytest.mark.parametrize(
    ("method", "rtol"), [("RK45", 1e-3), ("RK45", 1e-9), ("RK23", 1e-5), ("DOP853", 1e-3), ("DOP853", 1e-9)]
)
@pytest.mark.parametrize("span", [(0.0, 2.0), (2.0, 0.0)])
def test_the_steps_are_those_of_scipy(method, rtol, span):
    given = {"t_eval": np.sort(T) if span[0] == 0 else T[::-1], "args": (2.0, 0.1), "rtol": rtol, "atol": [rtol, 2 * rtol]}
    given["method"] = method
    expected = scipy.integrate.solve_ivp(pendulum, span, [1.0, 0.0], **given)
    found = integrate.solve_ivp(pendulum, span, [1, 0], **given)
    np.testing.assert_allclose(found.y, expected.y, rtol=1e-9, atol=1e-12)
    assert found.nfev == expected.nfev and found.success and found.status == 0


@pytest.mark.parametrize("one", [1, np.int8(1), np.float32(1)])
def test_times_are_of_double_precision(one):
    solve = lambda end: integrate.solve_ivp(lambda t, y: -y, (0, end), [1.0])
    for times in (solve(one).t, cv.jit(lambda end: solve(end).t)(one)):
        assert times.dtype == np.float64 and times.tolist() == [0.0, 1.0]


def test_a_limit_of_the_step_makes_derivatives_exact_where_the_solution_is_zero():
    given = {"t_eval": T, "args": (2.0, 0.1), "max_step": 0.05}
    expected = scipy.integrate.solve_ivp(pendulum, (0.0, 2.0), [1.0, 0.0], **given)
    found = integrate.solve_ivp(pendulum, (0.0, 2.0), [1.0, 0.0], **given)
    np.testing.assert_allclose(found.y, expected.y, rtol=1e-9)
    assert found.nfev == expected.nfev
    turn = lambda y0: integrate.odeint(lambda y, t: np.stack([y[1], -y[0]]), y0, np.array([0.0, 1.0]), hmax=0.02)[-1]
    c, s = np.cos(1.0), np.sin(1.0)
    np.testing.assert_allclose(cv.jacrev(turn)(np.zeros(2)), [[c, s], [-s, c]], rtol=1e-9)


def test_batches_of_derivatives():
    f = lambda a: integrate.odeint(lambda y, t: -a * y, 1.0, T, **FINE)[-1, 0]
    a = np.array([0.5, 1.0, 3.0])
    np.testing.assert_allclose(cv.jit(cv.vmap(cv.grad(f)))(a), -2 * np.exp(-2 * a), rtol=1e-7)
    np.testing.assert_allclose(cv.vmap(cv.grad(cv.grad(f)))(a), 4 * np.exp(-2 * a), rtol=1e-6)


def test_odeint_is_that_of_scipy():
    expected = scipy.integrate.odeint(pendulum, [1.0, 0.0], T, (2.0, 0.1), tfirst=True, rtol=1e-11, atol=1e-11)
    found = integrate.odeint(pendulum, [1.0, 0.0], T, (2.0, 0.1), tfirst=True, **FINE)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


def swing(y0, t, a):
    return integrate.odeint(lambda y, t: pendulum(t, y, a, 0.1), y0, t, **FINE)


def test_derivatives_in_the_start_the_times_and_the_parameters():
    args = (np.array([1.0, 0.2]), np.array([0.0, 0.4, 1.0]), 2.0)
    check_function(cv.jit(swing), args, order=1, tolerance=1e-4)
    slope = cv.jacobian(swing, 1)(*args)
    last = pendulum(1.0, swing(*args)[-1], 2.0, 0.1)
    np.testing.assert_allclose(slope[2, :, 2], last, rtol=1e-8)


def test_derivatives_of_growth_to_second_order():
    """y = y0 exp(r (t - s)), and its derivatives in y0, r, s and t."""

    def found(y0, r, s, t):
        return integrate.solve_ivp(lambda t, y: r * y, (s, t), y0, **FINE).y[-1]

    exact = lambda y0, r, s, t: y0 * np.exp(r * (t - s))
    args = (1.5, 0.7, 0.2, 1.3)
    for k in range(4):
        np.testing.assert_allclose(cv.grad(found, k)(*args), cv.grad(exact, k)(*args), rtol=1e-7)
    for i, j in [(0, 1), (1, 1), (1, 0)]:
        hessian, expected = (cv.grad(cv.grad(f, i), j)(*args) for f in (found, exact))
        np.testing.assert_allclose(hessian, expected, rtol=1e-6)
    inside = lambda t: integrate.solve_ivp(lambda t, y: 0.7 * y, (0.2, 1.3), 1.5, t_eval=t, **FINE).y
    at = np.array([0.2, 0.5, 1.3])
    np.testing.assert_allclose(np.diag(cv.jacobian(inside)(at)), 0.7 * exact(1.5, 0.7, 0.2, at), rtol=1e-5)


def test_pytrees_batches_and_programs():
    def f(a):
        y0 = {"x": np.array([1.0, 2.0]), "v": (0.0,)}
        step = lambda y, t: {"x": -a * y["x"], "v": (np.sum(y["x"]),)}
        return integrate.odeint(step, y0, T, **FINE)

    found = f(0.5)
    assert found["x"].shape == (5, 2) and found["v"][0].shape == (5,)
    np.testing.assert_allclose(found["v"][0], 6 * (1 - np.exp(-T / 2)), rtol=1e-8)
    rates = np.array([0.5, 4.0])
    np.testing.assert_allclose(cv.vmap(f)(rates)["x"][0], found["x"], rtol=1e-12)
    np.testing.assert_allclose(cv.jit(f)(4.0)["x"], cv.vmap(f)(rates)["x"][1], rtol=1e-12)


def test_complex_values():
    found = integrate.odeint(lambda y, t: 1j * y, 1.0 + 0j, T, **FINE)
    np.testing.assert_allclose(found[:, 0], np.exp(1j * T), rtol=1e-8)


@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853", "Radau", "BDF"])
def test_a_step_that_was_refused_leaves_no_trace_in_derivatives(method):
    """y' = -a√y is y = (√y0 - a t/2)²; the first step leads to negative numbers."""

    def found(y0, a):
        given = {"rtol": 1e-6, "atol": 1e-6, "first_step": 1.8, "method": method}
        with np.errstate(invalid="ignore"):
            return integrate.solve_ivp(lambda t, y: -a * np.sqrt(y), (0.0, 1.8), y0, **given).y[-1]

    exact = lambda y0, a: (np.sqrt(y0) - 0.9 * a) ** 2
    expected = cv.grad(exact, (0, 1))(1.0, 1.0)
    np.testing.assert_allclose(cv.grad(found, (0, 1))(1.0, 1.0), expected, rtol=1e-3)
    np.testing.assert_allclose(cv.jacfwd(found, (0, 1))(1.0, 1.0), expected, rtol=1e-3)
    if method in ("RK45", "Radau", "BDF"):
        np.testing.assert_allclose(cv.vmap(cv.grad(found))(np.ones(2), np.ones(2)), 0.1, rtol=1e-3)
        np.testing.assert_allclose(cv.grad(cv.grad(found))(1.0, 1.0), cv.grad(cv.grad(exact))(1.0, 1.0), rtol=2e-2)


def relaxing(t, y, k):
    return -k * (y - np.cos(t))


def relaxed(y0, k, t):
    return (y0 - k * k / (k * k + 1)) * np.exp(-k * t) + k * (k * np.cos(t) + np.sin(t)) / (k * k + 1)


@pytest.mark.parametrize("method", ["Radau", "BDF"])
def test_stiff_equations(method):
    vdp = lambda t, y, mu: np.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])
    given = {"method": method, "args": (1000.0,), "rtol": 1e-5, "atol": 1e-8}
    expected = scipy.integrate.solve_ivp(vdp, (0.0, 500.0), [2.0, 0.0], t_eval=[100.0, 500.0], **given)
    found = integrate.solve_ivp(vdp, (0.0, 500.0), [2.0, 0.0], t_eval=[100.0, 500.0], **given)
    np.testing.assert_allclose(found.y, expected.y, rtol=1e-4)
    assert found.success and found.nfev < 1.3 * expected.nfev
    assert 0 < found.njev == found.nlu / (2 if method == "Radau" else 1)
    turned = integrate.solve_ivp(lambda t, y: 1j * y, (2.0, 0.0), 1.0 + 0j, method, rtol=1e-8, atol=1e-8).y[-1]
    np.testing.assert_allclose(turned, np.exp(-2j), rtol=1e-7 if method == "Radau" else 1e-6)
    single = integrate.solve_ivp(lambda t, y: -y, (0.0, 1.0), np.ones(1, np.float32), method).y
    assert single.dtype == np.float64
    np.testing.assert_allclose(single[0, -1], np.exp(-1), rtol=1e-3)


@pytest.mark.parametrize("method", ["Radau", "BDF"])
def test_sensitivities_of_a_stiff_reaction(method):
    """Robertson's: in reverse mode, against differences of SciPy's solutions."""

    def found(k, module=integrate, method=method):
        def slope(t, y):
            back, fast = 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
            return np.stack([-k * y[0] + back, k * y[0] - back - fast, fast])

        return module.solve_ivp(slope, (0.0, 100.0), [1.0, 0.0, 0.0], method, rtol=1e-7, atol=1e-10).y[:, -1]

    up, down = (found(0.04 + h, scipy.integrate, "Radau") for h in (1e-5, -1e-5))
    expected = (up - down) / 2e-5
    np.testing.assert_allclose(cv.jacrev(found)(0.04), expected, rtol=1e-5)


@pytest.mark.parametrize("method", ["Radau", "BDF"])
@pytest.mark.parametrize("k", [3.0, 1000.0])
def test_implicit_steps_have_the_derivatives_of_their_equations(k, method):
    def found(y0, k, t):
        return integrate.solve_ivp(relaxing, (0.0, t), y0, method, args=k, rtol=1e-8, atol=1e-10).y[-1]

    args, rtol = (1.2, k, 1.5), 1e-6 if method == "Radau" else 2e-5  # which has less digits for these tolerances
    np.testing.assert_allclose(cv.grad(found, (0, 1, 2))(*args), cv.grad(relaxed, (0, 1, 2))(*args), rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(cv.jacfwd(found, (0, 1, 2))(*args), cv.grad(found, (0, 1, 2))(*args), rtol=1e-9, atol=1e-12)
    second, expected = (cv.grad(cv.grad(f, 1), (1, 2))(*args) for f in (found, relaxed))
    np.testing.assert_allclose(second, expected, rtol=10 * rtol, atol=1e-9)
    batch = cv.jit(cv.vmap(cv.grad(found, 1)))(np.array([1.2, 0.5]), np.array([k, 2.0]), np.array([1.5, 1.0]))
    np.testing.assert_allclose(batch[0], cv.grad(relaxed, 1)(*args), rtol=10 * rtol)
    np.testing.assert_allclose(batch[1], cv.grad(relaxed, 1)(0.5, 2.0, 1.0), rtol=rtol)


@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853"])
def test_the_solution_as_a_function_of_the_time(method):
    given = {"args": (2.0, 0.1), "dense_output": True, "method": method, "rtol": 1e-6}
    expected = scipy.integrate.solve_ivp(pendulum, (0.0, 2.0), [1.0, 0.0], **given).sol
    sol = integrate.solve_ivp(pendulum, (0.0, 2.0), [1.0, 0.0], **given).sol
    at = np.array([0.3, 2.0, 0.0, 1.1])
    np.testing.assert_allclose(sol(at), expected(at), rtol=1e-9)
    np.testing.assert_allclose(sol(0.7), expected(0.7), rtol=1e-9)
    np.testing.assert_allclose(cv.jit(sol)(0.7), expected(0.7), rtol=1e-9)
    np.testing.assert_allclose(cv.jacobian(sol)(0.7), pendulum(0.7, expected(0.7), 2.0, 0.1), rtol=1e-9)
    np.testing.assert_array_equal(np.isnan(sol(np.array([-0.1, 0.1, 2.1]))[0]), [True, False, True])
    back = integrate.solve_ivp(pendulum, (2.0, 0.0), [1.0, 0.0], **given).sol
    expected = scipy.integrate.solve_ivp(pendulum, (2.0, 0.0), [1.0, 0.0], **given).sol
    np.testing.assert_allclose(back(at), expected(at), rtol=1e-9)


def test_backward_differences_between_steps_and_at_events():
    """Of the pendulum, which swings through 0; the derivative in the time is the equation itself."""
    given = {"dense_output": True, "method": "BDF", "rtol": 1e-8, "atol": 1e-10, "args": (2.0, 0.1)}
    exact = scipy.integrate.solve_ivp(pendulum, (0.0, 2.0), [1.0, 0.0], **given | {"method": "DOP853", "rtol": 1e-12}).sol
    found = integrate.solve_ivp(pendulum, (0.0, 2.0), [1.0, 0.0], events=lambda t, y, *args: y[0], **given)
    at = np.array([0.3, 2.0, 0.0, 1.1])
    np.testing.assert_allclose(found.sol(at), exact(at), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(cv.jacobian(found.sol)(0.7), pendulum(0.7, exact(0.7), 2.0, 0.1), rtol=1e-6)
    assert found.t_events[0].size > 0
    np.testing.assert_allclose(exact(found.t_events[0])[0], 0.0, atol=1e-6)


def test_second_derivatives_in_time_are_those_of_the_equation():
    """y = sin t: y'' = -y, at the start, inside of steps and at the end."""
    sol = integrate.solve_ivp(lambda t, y: np.cos(t) + 0 * y, (0.0, 2.0), 0.0, dense_output=True, **FINE).sol
    for t in (0.0, 0.7, 2.0):
        np.testing.assert_allclose(cv.grad(cv.grad(sol))(t), -np.sin(t), atol=1e-9)


def test_options_of_steps():
    given = {"args": (2.0, 0.1), "first_step": 0.01}
    expected = scipy.integrate.solve_ivp(pendulum, (0.0, 2.0), [1.0, 0.0], **given)
    found = integrate.solve_ivp(pendulum, (0.0, 2.0), [1.0, 0.0], vectorized=True, **given)
    np.testing.assert_allclose(found.y[:, -1], expected.y[:, -1], rtol=1e-9)
    assert found.nfev == expected.nfev and found.sol is None
    few, more = (integrate.odeint(lambda y, t: -y, 1.0, T, h0=1e-3, mxstep=n)[:, 0] for n in (2, 500))
    np.testing.assert_allclose(more, np.exp(-T), rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(few), [False, True, True, True, True])
    np.testing.assert_array_equal(integrate.solve_ivp(lambda t, y: -y, (1.0, 1.0), [1.0]).y, [[1.0, 1.0]])


def thrown(t, y, g):
    return np.stack([y[1], 0 * y[1] - g])


def landing(t, y, g):
    return y[0]


def top(t, y, g):
    return y[1]


landing.terminal, landing.direction = True, -1


def thrown_up(v, g, module=integrate, **given):
    return module.solve_ivp(thrown, (0.0, 100.0), [0.0, v], args=(g,), events=[landing, top], **given)


def test_events_are_those_of_scipy():
    expected, found = thrown_up(10.0, 9.8, scipy.integrate), thrown_up(10.0, 9.8)
    for name in ("t_events", "y_events"):
        for a, b in zip(found[name], expected[name], strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, atol=1e-12)
    assert found.status == 1 and found.success
    np.testing.assert_allclose(found.t, [0.0, 20 / 9.8], rtol=1e-12)
    np.testing.assert_allclose(found.y[:, -1], [0.0, -10.0], atol=1e-12)
    given = {"t_eval": [1.0, 2.0, 3.0], "dense_output": True}
    found = thrown_up(10.0, 9.8, **given)
    np.testing.assert_allclose(found.y[0], [5.1, 0.4, np.nan], rtol=1e-9)
    np.testing.assert_allclose(found.sol(np.array([1.0, 3.0]))[0], [5.1, np.nan], rtol=1e-9)


def turning(s, direction, terminal, span, **given):
    event = lambda t, y: y[0]
    event.direction, event.terminal = direction, terminal
    turn = lambda t, y: np.stack([y[1], -y[0]])
    return s.solve_ivp(turn, span, [1.0, 0.0], events=event, rtol=1e-6, **given)


@pytest.mark.parametrize("direction", [-1, 0, 1])
@pytest.mark.parametrize("terminal", [None, 2])
@pytest.mark.parametrize("span", [(0.0, 40.0), (40.0, 0.0)])
def test_many_events(direction, terminal, span):
    expected, found = (turning(s, direction, terminal, span) for s in (scipy.integrate, integrate))
    np.testing.assert_allclose(found.t_events[0], expected.t_events[0], rtol=1e-12)
    assert found.status == expected.status
    nothing = turning(integrate, 1, None, (0.0, 1.0))
    assert nothing.t_events[0].shape == (0,) and nothing.y_events[0].shape == (0, 2)


def test_events_whose_number_is_not_known():
    length = lambda t, most: turning(integrate, 0, None, (0.0, t), max_events=most).t_events[0]
    zeros = (np.arange(3) + 0.5) * np.pi
    np.testing.assert_allclose(cv.vmap(lambda t: length(t, 3))(np.array([5.0, 9.0])), [[*zeros[:2], np.nan], zeros], rtol=1e-4)
    assert np.all(np.isnan(cv.jit(lambda t: length(t, 2))(9.0)))  # one of three would be lost
    with pytest.raises(errors.ArgumentError, match="an event that does not end the solution, in a program"):
        cv.jit(lambda t: length(t, None))(9.0)


def test_events_have_derivatives():
    """It lands after 2v/g, and is as high as v²/2g after v/g."""
    fine = {"rtol": 1e-6}
    landed = lambda v, g: thrown_up(v, g, **fine).t_events[0][0]
    np.testing.assert_allclose(cv.grad(landed, (0, 1))(10.0, 9.8), [2 / 9.8, -20 / 9.8**2], rtol=1e-7)
    last = lambda v, g: thrown_up(v, g, **fine).t[-1]
    np.testing.assert_allclose(cv.jacfwd(last, (0, 1))(10.0, 9.8), [2 / 9.8, -20 / 9.8**2], rtol=1e-7)
    height = lambda v, g: thrown_up(v, g, **fine, max_events=1).y_events[1][0, 0]
    np.testing.assert_allclose(cv.grad(height, (0, 1))(10.0, 9.8), [10 / 9.8, -50 / 9.8**2], rtol=1e-7)
    np.testing.assert_allclose(cv.grad(cv.grad(height, 1), (0, 1))(10.0, 9.8), [-10 / 9.8**2, 100 / 9.8**3], rtol=1e-7)
    v = np.array([5.0, 10.0])
    np.testing.assert_allclose(cv.jit(cv.vmap(cv.grad(height), (0, None)))(v, 9.8), v / 9.8, rtol=1e-7)


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_times_that_are_not_known_are_never_wrong(direction):
    """Times out of order or outside of the span are NaN in a program, unless they are in the step at hand."""
    f = cv.jit(lambda t: integrate.solve_ivp(lambda t, y: y, (0.0, direction), [1.0], t_eval=direction * t, max_step=0.25).y[0])
    at = np.array([0.1, 0.9, 0.3, 1.0, -0.1, 1.5])
    expected = np.exp(direction * np.where(np.isin(at, [0.3, -0.1, 1.5]), np.nan, at))
    np.testing.assert_allclose(f(at), expected, rtol=1e-4)
    unordered = cv.jit(lambda t: integrate.odeint(lambda y, t: y, 1.0, t, hmax=0.25)[:, 0])(np.array([0.0, 1.0, 0.5, 1.0]))
    np.testing.assert_allclose(unordered, [1.0, np.e, np.nan, np.e], rtol=1e-6)
    assert np.isnan(cv.jit(lambda t: integrate.odeint(lambda y, t: y, 1.0, t))(np.array([0.0, np.nan])))[1, 0]
    assert integrate.solve_ivp(lambda t, y: y, (0.0, 1.0), [1.0], t_eval=[]).y.shape == (1, 0)
    assert integrate.solve_ivp(lambda t, y: y, (0.0, 1.0), []).y.shape == (0, 2)


def test_messages():
    early = integrate.solve_ivp(lambda t, y: y**2, (0.0, 2.0), 1.0, "Radau", jac=lambda t, y: 2 * y)
    assert early.message == "The steps have become too small." and early.status == -1
    assert "An event" in thrown_up(10.0, 9.8).message
    assert integrate.odeint(lambda y, t: y, 1.0, T, full_output=False).shape == (5, 1)


def test_single_precision_becomes_double():
    f = lambda y0: integrate.solve_ivp(lambda t, y: -y, (0.0, 1.0), y0).y
    found = f(np.ones(2, np.float32))
    assert found.dtype == np.float64 and cv.grad(lambda y: np.sum(f(y)))(np.ones(2, np.float32)).dtype == np.float32


def test_a_solution_that_ends_early_is_nan_from_there():
    """y' = y², y(0) = 1 is 1 / (1 - t)."""
    found = integrate.solve_ivp(lambda t, y: y**2, (0.0, 2.0), 1.0, t_eval=np.array([0.5, 1.5, 2.0]), rtol=1e-8)
    assert found.status == -1 and not found.success
    np.testing.assert_allclose(found.y, [2.0, np.nan, np.nan], rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: integrate.solve_ivp(pendulum, (0, 1), [1.0], "LSODA"), "method='LSODA'"),
        (lambda: turning(integrate, 0, 1.5, (0.0, 1.0)), "an event with terminal=1.5"),
        (lambda: integrate.solve_ivp(np.add, (0, 1), [1.0], events=lambda t, y: np.ones(2)), "event function that returns"),
        (lambda: integrate.solve_ivp(np.add, (0, 1), [1.0], min_step=0.1), "solve_ivp got min_step=0.1"),
        (lambda: integrate.solve_ivp(np.add, (0, 1), [1.0], lband=np.ones(1)), "solve_ivp got lband="),
        (lambda: integrate.solve_ivp(np.add, (0, 1), [1.0], max_step=0.0), "got max_step=0.0"),
        (lambda: integrate.solve_ivp(np.add, (0, 1), [1.0], first_step=-1.0), "got first_step=-1.0"),
        (lambda: integrate.solve_ivp(np.add, (0, 1), [1.0], atol=-1.0), "got atol=-1.0"),
        (lambda: cv.grad(lambda r: integrate.solve_ivp(np.add, (0, 1), [1.0], rtol=r).y[0, 0])(1.0), "got rtol with a traced"),
        (lambda: cv.grad(lambda h: integrate.odeint(np.add, 1.0, T, hmax=h)[0])(1.0), "odeint got hmax with a traced"),
        (lambda: integrate.solve_ivp(np.add, (0, 1), [1.0], rtol=np.ones(3)), "got rtol of shape .3,."),
        (lambda: integrate.solve_ivp(np.add, (0, 1), [1.0], t_eval=0.5), "got t_eval f64"),
        (lambda: integrate.solve_ivp(np.add, (0, 1), [1.0], dense_output=True).sol(np.ones((1, 1))), "solution got times"),
        (lambda: integrate.odeint(np.add, 1.0, T, full_output=True), "odeint got full_output=True"),
        (lambda: integrate.odeint(np.add, 1.0, [0.0, 2.0, 1.0]), "neither keep rising"),
        (lambda: integrate.solve_ivp(np.add, (0.0, 1.0), 1.0, t_eval=[0.5, 2.0]), "not within t_span"),
        (lambda: integrate.solve_ivp(np.add, (0.0, 1.0), 1.0, t_eval=[0.5, 0.2]), "not in the order"),
        (lambda: integrate.odeint(np.add, 1.0, 2.0), "odeint got times f64"),
        (lambda: integrate.odeint(lambda y, t: np.ones(2), 1.0, T), "odeint got a function that returns"),
        (lambda: integrate.simpson(np.ones(3), np.ones(2)), "3 samples along the axis and 2 places"),
        (lambda: integrate.simpson(np.ones((1, 3)), np.ones((1, 1, 3))), "and x of f64.1,1,3."),
        (lambda: integrate.simpson(np.ones((2, 0))), "simpson got no samples"),
        (lambda: integrate.cumulative_trapezoid(np.ones(3), initial=1), "must be 0 or"),
        (lambda: integrate.cumulative_simpson(np.ones(3), x=np.array([0.0, 2.0, 1.0])), "do not keep rising"),
        (lambda: integrate.romb(np.ones(4)), "romb got 4 samples"),
        (lambda: cv.grad(lambda y: integrate.romb(y, show=True))(np.ones(3)), "romb got show=True"),
        (lambda: cv.grad(lambda y: integrate.newton_cotes([0, y, 2])[0][0])(1.0), "traced positions"),
        (lambda: cv.grad(lambda p: integrate.quad(np.cos, 0.0, p, points=[p])[0])(1.0), "quad got points with a traced"),
        (lambda: cv.grad(lambda w: integrate.quad(np.cos, 0, 1, weight="cos", wvar=w)[0])(1.0), "quad got wvar with a traced"),
        (
            lambda: cv.grad(lambda b: integrate.quad(np.cos, 0, b, weight="alg-log", wvar=(0, 0))[0])(1.0),
            "weight='alg-log' and a traced bound",
        ),
        (lambda: cv.grad(lambda b: integrate.quad(np.cos, 0, b, full_output=1)[0])(1.0), "quad got full_output=1"),
        (lambda: cv.grad(lambda b: integrate.quad(lambda x: 1j * x, 0, b)[0])(1.0), "a complex number"),
        (lambda: cv.grad(lambda b: integrate.quad(lambda x: np.stack([x, b]), 0, b)[0])(1.0), "a function that returns f64"),
        (lambda: cv.grad(lambda b: integrate.quad_vec(np.cos, 0, b, workers=2)[0])(1.0), "workers=2 and traced"),
        (lambda: integrate.fixed_quad(np.cos, 0, np.inf), "fixed_quad got b=inf"),
        (lambda: cv.grad(lambda b: integrate.nquad(np.cos, [(0, b)], full_output=True)[0])(1.0), "nquad got full_output"),
    ],
)
def test_errors(call, text):
    with pytest.raises((errors.ArgumentError, ValueError), match=text):
        call()


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("solver", [integrate.quad, lambda f, a, b: integrate.quad_vec(lambda x: np.stack([f(x)]), a, b)[0]])
def test_infinite_bounds_that_are_computed(solver):
    """As of an expectation, whose bounds are those of the distribution, scaled."""
    functions = {
        "both": (lambda s: solver(lambda x: np.exp(-x * x * s), -np.inf * s, np.inf * s), lambda s: np.sqrt(np.pi / s)),
        "upper": (lambda s: solver(lambda x: x * np.exp(-x * s), 0.0 * s, np.inf * s), lambda s: 1 / s**2),
        "singular": (lambda s: solver(lambda x: np.exp(-x * s) / np.sqrt(x), 0.0, np.inf * s), lambda s: np.sqrt(np.pi / s)),
        "from": (lambda s: solver(lambda x: np.exp(-x), s, np.inf * s), lambda s: np.exp(-s)),
    }
    for name, (f, exact) in functions.items():
        of_one = lambda s, f=f: np.reshape(f(s)[0], ())
        for s in (0.7, 1.3):
            wanted = cv.grad(exact)(s)
            staged = cv.jit(lambda s, f=of_one: cv.jvp(f, (s,), (1.0,))[1])
            for found in (cv.grad(of_one)(s), cv.jvp(of_one, (s,), (1.0,))[1], staged(s)):
                np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=name)
            np.testing.assert_allclose(cv.hessian(of_one)(s), cv.grad(cv.grad(exact))(s), rtol=1e-5, err_msg=name)
