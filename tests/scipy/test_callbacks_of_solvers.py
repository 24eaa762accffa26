"""What a callback of a solver is given is no solution: it has no derivative, and none that is 0 in silence."""

import numpy as np
import pytest
from scipy import optimize, sparse

import covector as cv
from covector.scipy import optimize as ours

pytestmark = pytest.mark.filterwarnings("ignore:.*bounds:RuntimeWarning")

METHODS = ("BFGS", "Nelder-Mead", "Powell", "CG", "L-BFGS-B", "TNC", "COBYLA", "COBYQA", "SLSQP", "Newton-CG", "trust-krylov")
SLOPES = {"jac": lambda x, a: 2 * (x - a) + a, "hess": lambda x, a: 2 * np.eye(2)}
"""Of the methods that need them."""


def bowl(a):
    return lambda x, *_: np.sum((x - a) ** 2 + x * a)


def given(solve, keep):
    """A function of a that returns what is kept of what the callback is given last."""

    def last(a):
        kept = []
        solve(a, lambda *args: kept.append(keep(*args)))
        return kept[-1]

    return last


def copied(x, *others):
    return np.copy(x)


def minimum(module, method):
    slopes = SLOPES if method in METHODS[-2:] else {}
    return lambda a, told: module.minimize(
        bowl(a), np.array([1.0, 0.0]), (a,), method=method, callback=lambda xk: told(xk), **slopes
    )


def of_result(module, a):
    kept = []

    def callback(intermediate_result):
        kept.append(intermediate_result)

    module.minimize(bowl(a), np.array([1.0, 0.0]), callback=callback)
    return kept[-1]


def root(module, method="krylov"):
    return lambda a, told: module.root(lambda x: x**3 + x - a, np.ones(1), method=method, callback=lambda x, f: told(x))


def fit(module):
    def solve(a, told):
        def callback(intermediate_result):
            told(intermediate_result.x)

        return module.least_squares(lambda x: x**3 + x - a, np.ones(1), callback=callback)

    return solve


CASES = {
    **{f"minimize {m}": lambda module, m=m: given(minimum(module, m), copied) for m in METHODS},
    "minimize trust-constr": lambda module: given(
        lambda a, told: module.minimize(
            bowl(a), np.array([1.0, 0.0]), method="trust-constr", callback=lambda xk, state: told(state.x)
        ),
        copied,
    ),
    "minimize, x of the result": lambda module: lambda a: of_result(module, a).x,
    "minimize, value of the result": lambda module: lambda a: np.stack([of_result(module, a).fun]),
    "root": lambda module: given(root(module), copied),
    "root anderson": lambda module: given(root(module, "anderson"), copied),
    "least_squares": lambda module: given(fit(module), copied),
}
UNDER_THEIR_NAMES = {
    "fmin": lambda a, told: optimize.fmin(bowl(a), [1.0, 0.0], disp=0, callback=lambda x: told(x)),
    "fmin_bfgs": lambda a, told: optimize.fmin_bfgs(bowl(a), [1.0, 0.0], disp=0, callback=lambda x: told(x)),
    "fmin_slsqp": lambda a, told: optimize.fmin_slsqp(bowl(a), [1.0, 0.0], iprint=0, callback=lambda x: told(x)),
    "broyden1": lambda a, told: optimize.broyden1(lambda x: x**3 + x - a, np.ones(1), callback=lambda x, f: told(x)),
    **{n: lambda a, told, n=n: getattr(sparse.linalg, n)(np.diag([2.0, 3.0]) * a, np.ones(2), callback=told) for n in
       ("cg", "bicg", "minres")},
}  # fmt: skip


def check(f, plain):
    """Values are those of SciPy's, derivatives of the first and second order NaN; in a batch values are."""
    value, slope = cv.jvp(f, (1.3,), (1.0,))
    np.testing.assert_allclose(value, plain, rtol=1e-3, atol=1e-5)
    assert np.all(np.isnan(slope))
    number = lambda a: f(a)[0]
    assert np.isnan(cv.grad(number)(1.3)) and np.isnan(cv.grad(cv.grad(number))(1.3))
    assert np.all(np.isnan(cv.vmap(f)(np.array([1.3, 2.0]))))


@pytest.mark.parametrize("name", CASES)
def test_iterates_have_no_derivative(name):
    check(CASES[name](ours), CASES[name](optimize)(1.3))


@pytest.mark.parametrize("name", CASES | UNDER_THEIR_NAMES)
def test_iterates_have_no_derivative_in_lifted_code(name):
    f = CASES[name](optimize) if name in CASES else given(UNDER_THEIR_NAMES[name], copied)
    check(cv.lift(f), f(1.3))


def test_a_solution_is_as_it_was_with_a_callback_that_keeps_plain_values():
    seen = []
    solve = lambda a: minimum(ours, "BFGS")(a, lambda x: seen.append(cv.stop_gradient(x))).x[0]
    np.testing.assert_allclose(cv.value_and_grad(solve)(1.3), (0.65, 0.5), rtol=1e-6)
    assert seen and all(type(x) is np.ndarray for x in seen)
    np.testing.assert_allclose(cv.vmap(cv.grad(solve))(np.array([1.3, 2.0])), [0.5, 0.5], rtol=1e-6)


def test_callbacks_are_given_plain_arrays_where_nothing_is_traced():
    seen = []
    minimum(ours, "BFGS")(1.3, seen.append)
    assert seen and all(type(x) is np.ndarray for x in seen)


@pytest.mark.parametrize("name", ["BFGS", "Nelder-Mead"])
def test_a_callback_that_stops_the_solver(name):
    def solve(a):
        def callback(x):
            if np.linalg.norm(x - 0.65) < 0.3:
                raise StopIteration

        return ours.minimize(bowl(a), np.array([3.0, 2.0]), method=name, callback=callback).nit

    assert cv.jvp(solve, (1.3,), (1.0,))[0] == solve(1.3)


def test_a_program_says_that_its_callback_is_called_later():
    seen = []
    f = lambda a: minimum(ours, "BFGS")(a, seen.append).x
    with pytest.warns(cv.errors.CovectorWarning, match="is called when the program runs"):
        compiled = cv.jit(f).lower(1.3) if hasattr(cv.jit(f), "lower") else cv.make_jaxpr(f)(1.3)
    assert compiled and not seen
    with pytest.warns(cv.errors.CovectorWarning, match="is called when the program runs"):
        np.testing.assert_allclose(cv.jit(f)(1.3), [0.65, 0.65], rtol=1e-6)
    assert seen and all(type(x) is np.ndarray for x in seen)
