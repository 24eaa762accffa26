"""Shapes are SciPy's whatever a solver starts from: those of solutions, of values, and of what the user's function is given."""

import numpy as np
import pytest
from scipy import integrate, optimize

import covector as cv
from covector.scipy import integrate as our_integrate
from covector.scipy import optimize as our_optimize

pytestmark = pytest.mark.filterwarnings("ignore")

T = np.array([0.0, 0.5, 1.0])
GUESSES = {
    "a number": 1.0, "an integer": 1, "a number in an array": np.array(1.0), "one": np.array([1.0]),
    "two": np.array([1.0, 0.5]), "single precision": np.array([1.0, 0.5], np.float32), "integers": np.array([1, 2]),
    "a column": np.array([[1.0], [0.5]]),
    "a list": [1.0, 0.5], "a list of one": [1], "a list of arrays": [np.array(1.0), np.float64(0.5)], "a tuple": (1.0, 0.5),
    "a nested list": [[1.0], [0.5]],
}  # fmt: skip


def cube(a, seen):
    return lambda x: seen(x) ** 3 + x - a


def bowl(a, seen, shape=()):
    return lambda x: np.reshape(np.sum((seen(x) - a) ** 2 + x**4), shape)


def both(found):
    return found.x, found.fun


SOLVERS = {
    **{f"root {m}": lambda o, i, a, x, seen, m=m: both(o.root(cube(a, seen), x, method=m))
       for m in ("hybr", "lm", "broyden1", "anderson", "krylov", "df-sane")},
    **{f"minimize {m}": lambda o, i, a, x, seen, m=m: both(o.minimize(bowl(a, seen), x, method=m, tol=1e-9))
       for m in ("nelder-mead", "powell", "cg", "bfgs", "l-bfgs-b", "tnc", "cobyla", "cobyqa", "slsqp", "trust-constr")},
    "minimize, one value": lambda o, i, a, x, seen: both(o.minimize(bowl(a, seen, (1,)), x)),
    "minimize, constraint": lambda o, i, a, x, seen: both(
        o.minimize(bowl(a, seen), x, constraints={"type": "ineq", "fun": lambda x: 0.5 - np.sum(seen(x))})),
    **{f"least_squares {m}": lambda o, i, a, x, seen, m=m: both(o.least_squares(cube(a, seen), x, method=m))
       for m in ("trf", "dogbox", "lm")},
    "least_squares, one value": lambda o, i, a, x, seen: both(o.least_squares(lambda x: 1 + np.sum(cube(a, seen)(x) ** 2), x)),
    "odeint": lambda o, i, a, x, seen: (i.odeint(lambda y, t: -a * seen(y), x, T),),
    "solve_ivp": lambda o, i, a, x, seen: (i.solve_ivp(lambda t, y: -a * seen(y), (0.0, 1.0), x, t_eval=T).y,),
    "fsolve": lambda o, i, a, x, seen: (o.fsolve(cube(a, seen), x),),
    "newton": lambda o, i, a, x, seen: (o.newton(cube(a, seen), x),),
    "fixed_point": lambda o, i, a, x, seen: (o.fixed_point(lambda x: np.cos(seen(x)) * a * 0.3, x),),
    "curve_fit": lambda o, i, a, x, seen: o.curve_fit(lambda t, *p: sum(q * t**k * a for k, q in enumerate(p)), T, T**2, p0=x),
    "root_scalar": lambda o, i, a, x, seen: (o.root_scalar(cube(a, np.positive), x0=x, x1=2.0).root,),
}  # fmt: skip
IN_DOUBLES = {"minimize nelder-mead", "minimize cg", "minimize bfgs", "minimize l-bfgs-b", "minimize, one value"}
"""Where SciPy's solver stops early in single precision, and covector's solves in doubles."""


class Seen(set):
    def __call__(self, x):
        self.add(np.shape(x))
        return x


def of_scipy(solve, a, x):
    """Values and shapes seen, or None where SciPy refuses the guess."""
    seen = Seen()
    try:
        return [np.asarray(v) for v in solve(optimize, integrate, a, x, seen)], seen
    except Exception:  # SciPy has errors of its own
        return None, seen


def check(run, expected, shapes, is_exact):
    seen = Seen()
    found = run(seen)
    assert [np.shape(v) for v in found] == [v.shape for v in expected]
    assert seen == shapes
    if is_exact:
        assert [np.asarray(v).dtype for v in found] == [v.dtype for v in expected]
        for v, w in zip(found, expected, strict=True):
            np.testing.assert_allclose(v, w, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("name", SOLVERS)
def test_shapes_are_those_of_scipy(name):
    solve, a, tried = SOLVERS[name], 1.3, 0
    for kind, x in GUESSES.items():
        expected, shapes = of_scipy(solve, a, x)
        if expected is None:
            continue
        tried += 1
        ours = lambda a, seen, x=x: solve(our_optimize, our_integrate, a, x, seen)
        lifted = cv.lift(lambda a, seen, x=x: solve(optimize, integrate, a, x, seen))
        is_exact = not (kind == "single precision" and name in IN_DOUBLES)
        for f in (ours, lifted):
            check(lambda seen, f=f: cv.jit(lambda a: f(a, seen))(a), expected, shapes, is_exact)
            check(lambda seen, f=f: cv.jvp(lambda a: f(a, seen), (a,), (1.0,))[0], expected, shapes, is_exact)
        check(lambda seen, f=ours: f(a, seen), expected, shapes, is_exact)
    assert tried >= 5


SLOPES = ("a number", "two", "a column", "a tuple")


@pytest.mark.parametrize("name", SOLVERS)
def test_derivatives_have_the_shapes_of_solutions(name):
    solve, a, h = SOLVERS[name], 1.3, 1e-3
    for x in map(GUESSES.get, SLOPES):
        before, after = (of_scipy(solve, a + d, x)[0] for d in (-h, h))
        if before is None:
            continue
        expected = [(w - v) / (2 * h) for v, w in zip(before, after, strict=True)]
        f = cv.lift(lambda a, x=x: solve(optimize, integrate, a, x, Seen()))
        for found in (cv.jvp(f, (a,), (1.0,))[1], cv.jacrev(f)(a)):
            assert [np.shape(v) for v in found] == [v.shape for v in expected]
            np.testing.assert_allclose(found[0], expected[0], rtol=2e-2, atol=2e-3)


def test_what_is_added_to_a_solution_meets_its_shape():
    """Three numbers and a column are nine."""
    w = np.array([1.0, 2.0, 3.0])
    f = cv.lift(lambda a: np.sum(integrate.odeint(lambda y, t: -a * y, 1.0, T) * w))
    exact = lambda a: 6 * np.sum(np.exp(-a * T))
    np.testing.assert_allclose([f(1.3), cv.grad(f)(1.3)], [exact(1.3), cv.grad(exact)(1.3)], rtol=1e-6)
    g = cv.lift(lambda a: np.sum(optimize.root(lambda x: x**3 + x - a, np.zeros((2, 1))).x * np.array([1.0, 10.0])))
    x = optimize.brentq(lambda x: x**3 + x - 1.3, 0.0, 2.0)
    np.testing.assert_allclose([g(1.3), cv.grad(g)(1.3)], [11 * x, 11 / (3 * x**2 + 1)], rtol=1e-6)


@pytest.mark.parametrize("method", ["brent", "bounded", "golden"])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_minimum_of_one_number_has_the_shape_of_its_value(method, shape):
    given = {"bounds": (-1.0, 2.0)} if method == "bounded" else {"bracket": (-1.0, 2.0)}
    solve = lambda o, a: both(o.minimize_scalar(bowl(a, np.positive, shape), method=method, **given))
    expected = solve(optimize, 1.3)
    for f in (lambda a: solve(our_optimize, a), cv.lift(lambda a: solve(optimize, a))):
        for found in (f(1.3), cv.jit(f)(1.3), cv.jvp(f, (1.3,), (1.0,))[0]):
            assert [np.shape(v) for v in found] == [np.shape(v) for v in expected]
            np.testing.assert_allclose(found[0], expected[0], rtol=1e-4)


def test_trees_that_scipy_does_not_take_keep_their_structure():
    """Arrays in a tuple, and dictionaries."""
    target = {"a": np.arange(3.0), "b": (np.ones((2, 2)), 4.0)}
    apart = lambda p: cv.tree.map(lambda v, w: v - w, p, target)
    found = our_optimize.root(apart, cv.tree.map(np.zeros_like, target)).x
    cv.tree.map(lambda v, w: np.testing.assert_allclose(v, w, atol=1e-9), found, target)
    x, y = our_optimize.minimize(lambda p: np.sum((p[0] - 1) ** 2) + np.sum((p[1] + 1) ** 2), (np.zeros(2), np.zeros(3))).x
    np.testing.assert_allclose([*x, *y], [1, 1, -1, -1, -1], rtol=1e-6)
    assert our_optimize.minimize(lambda x: np.sum((x - 1) ** 2), np.zeros((2, 1))).x.shape == (2, 1)
