"""Three interpreters outside of the package, which see only what is public, and go through loops, choices and calls."""

import ast
from pathlib import Path

import numpy as np
import pytest
from functions import FUNCTIONS, X
from hypothesis import given, settings
from intervals import bounds
from jets import jet, taylor
from sparsity import jacobian_pattern

import covector as cv
from covector import lax
from covector.extend import Bundle
from covector.testing import random_programs

HERE = Path(__file__).parent
EXAMPLES = ["jets.py", "sparsity.py", "intervals.py"]
DIRECTION = np.array([1.0, -0.5, 0.2])
BATCH = np.stack([X, X * 0.5, X + 1])

each_function = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_interpreter_is_one_short_file_that_uses_what_is_public(name):
    text = (HERE / name).read_text()
    assert len(text.splitlines()) <= 150
    nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom)]
    modules = {n.module for n in nodes if n.module.startswith("covector")}
    assert modules <= {"covector", "covector.extend", "covector.lax"}


# --- Taylor series ----------------------------------------------------------------------------------------------------


def nested_jvp(f, x, direction, order):
    """The coefficients by derivatives of derivatives."""
    g, factorial, coefs = lambda t: f(x + t * direction), 1.0, []
    for k in range(order + 1):
        coefs.append(g(0.0) / factorial)
        factorial *= k + 1
        g = lambda t, g=g: cv.jvp(g, (t,), (1.0,))[1]
    return coefs


def close(a, b, rtol=1e-8):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=1e-11)


@each_function
def test_coefficients(f):
    expected = nested_jvp(f, X, DIRECTION, 3)
    close(taylor(f, X, DIRECTION, 3), expected)
    close(cv.jit(lambda x: taylor(f, x, DIRECTION, 3))(X), expected)
    close(taylor(cv.jit(f), X, DIRECTION, 3), expected)


@each_function
def test_coefficients_of_a_batch(f):
    found = cv.vmap(lambda x: taylor(f, x, DIRECTION, 2)[2])(BATCH)
    close(found, np.stack([nested_jvp(f, x, DIRECTION, 2)[2] for x in BATCH]))


@each_function
def test_gradient_of_a_coefficient(f):
    second = lambda coefficients: lambda x: np.sum(coefficients(f, x, DIRECTION, 2)[2])
    close(cv.grad(second(taylor))(X), cv.grad(second(nested_jvp))(X))


@pytest.mark.parametrize(
    ("f", "at", "coefficient"),
    [
        (np.exp, 0.0, lambda k: 1 / np.prod(np.arange(1.0, k + 1))),
        (np.log1p, 0.0, lambda k: (-1) ** (k + 1) / k if k else 0.0),
        (lambda x: 1 / (1 - x), 0.0, lambda k: 1.0),
        (np.sin, 0.0, lambda k: [0, 1, 0, -1][k % 4] / np.prod(np.arange(1.0, k + 1))),
        (np.arctan, 0.0, lambda k: [0, 1, 0, -1][k % 4] / max(k, 1)),
        (np.sqrt, 1.0, lambda k: np.prod([(1.5 - j) / j for j in range(1, k + 1)])),
        (lambda x: np.linalg.inv(np.eye(2) * (1 - x))[0, 0], 0.0, lambda k: 1.0),
    ],
)
def test_known_series(f, at, coefficient):
    close(taylor(f, at, 1.0, 12), [coefficient(k) for k in range(13)], rtol=1e-10)


def test_a_jet_of_a_jet_keeps_the_variables_apart():
    inner = lambda s: taylor(lambda t: np.sin(s) * np.exp(s * t), 0.0, 1.0, 2)[2]  # sin(s) s^2 / 2
    close(taylor(inner, 0.4, 1.0, 2), nested_jvp(lambda s: np.sin(s) * s**2 / 2, 0.4, 1.0, 2))


def test_curves_of_several_arguments():
    found = jet(lambda x, y: x**2 * y, [1.0, 2.0], [[3.0, 1.0], [-1.0, 0.5]])
    t = np.polynomial.Polynomial
    expected = (t([1.0, 3.0, 1.0]) ** 2 * t([2.0, -1.0, 0.5])).coef[:3]
    close(found, expected)


def test_a_rule_that_closes_over_a_series_is_refused():
    def f(x):
        @cv.custom_jvp
        def scaled(y):
            return x * y

        scaled.defjvp(lambda primals, tangents: (x * primals[0], x * tangents[0]))
        return scaled(x)

    with pytest.raises(cv.errors.CovectorError, match="closes over"):
        taylor(f, 1.0, 1.0, 2)


# --- sparsity ---------------------------------------------------------------------------------------------------------

DENSER = {"largest", "where", "sums", "custom rules in scan", "Hessian"}
"""Functions of which the pattern has more than is there: what is sorted, not chosen, cancels, or is multiplied by zero."""


@each_function
def test_pattern(f, request):
    rng = np.random.default_rng(0)
    for x in rng.normal(size=(5, 3)):
        expected = np.asarray(cv.jacfwd(f)(x)) != 0
        found = jacobian_pattern(f, x)
        assert found.shape == expected.shape
        assert np.all(found >= expected)
        if request.node.callspec.id not in DENSER:
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(cv.jit(lambda x: jacobian_pattern(f, x))(x), found)
        np.testing.assert_array_equal(jacobian_pattern(cv.jit(f), x), found)


@each_function
def test_pattern_of_a_batch(f):
    found = cv.vmap(lambda x: jacobian_pattern(f, x))(BATCH)
    np.testing.assert_array_equal(found, np.stack([jacobian_pattern(f, x) for x in BATCH]))


def test_pattern_of_a_banded_system():
    n = 30
    f = lambda u: u[1:-1] ** 2 + u[2:] - 2 * u[1:-1] + u[:-2]
    expected = [[j - i in (0, 1, 2) for j in range(n)] for i in range(n - 2)]
    np.testing.assert_array_equal(jacobian_pattern(f, np.ones(n)), expected)  # also where the derivative happens to be zero


def test_a_constant_matrix_with_zeros_is_sparse():
    matrix = np.diag([1.0, 2.0, 0.0])
    np.testing.assert_array_equal(jacobian_pattern(lambda x: matrix @ x, X), matrix != 0)


# --- both, on programs that nobody chose ------------------------------------------------------------------------------


@settings(max_examples=100)
@given(random_programs(kinds=["float64"]))
def test_random_programs(program):
    x = program.inputs[0]
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=np.shape(x)) for x in program.inputs]
    of_number = lambda t: program(*(x + t * v for x, v in zip(program.inputs, directions, strict=True)))
    of_first = lambda x: program(x, *program.inputs[1:])
    with np.errstate(all="ignore"):
        expected = nested_jvp_of_several(of_number, 2)
        jacobians = cv.jacfwd(of_first)(x)
    for i, (coefficients, jacobian) in enumerate(zip(zip(*expected, strict=True), jacobians, strict=True)):
        if cv.typeof(coefficients[0]).tangent() != cv.typeof(coefficients[0]):
            continue  # an integer
        with np.errstate(all="ignore"):
            found = jet(lambda *xs, i=i: program(*xs)[i], program.inputs, [[v, np.zeros_like(v)] for v in directions])
            pattern = jacobian_pattern(lambda x, i=i: of_first(x)[i], x)
        for a, b in zip(found, coefficients, strict=True):
            if np.all(np.abs(b) < 1e6):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
        assert np.all(pattern >= ((jacobian != 0) & np.isfinite(jacobian)))


def nested_jvp_of_several(f, order):
    """The same as `nested_jvp` of the results of a function of a number."""
    g, factorial, coefs = f, 1.0, []
    for k in range(order + 1):
        coefs.append([np.asarray(y) / factorial if np.asarray(y).dtype.kind in "fc" else y for y in g(0.0)])
        factorial *= k + 1
        g = lambda t, g=g: cv.jvp(g, (t,), (1.0,))[1]
    return coefs


# --- bounds -----------------------------------------------------------------------------------------------------------

@each_function
def test_samples_lie_between_the_bounds(f):
    rng = np.random.default_rng(0)
    for low in rng.normal(size=(3, 3)):
        high = low + rng.uniform(0, 0.4, size=3)
        least, most = bounds(f, low, high)
        samples = [f(x) for x in rng.uniform(low, high, size=(50, 3))]
        assert np.all(least - 1e-9 <= samples)
        assert np.all(samples <= most + 1e-9)
        close(cv.jit(lambda a, b: bounds(f, a, b))(low, high), (least, most))
        close(bounds(cv.jit(f), low, high), (least, most))


@each_function
def test_bounds_at_a_point(f):
    close(bounds(f, X, X), (f(X), f(X)))


@each_function
def test_bounds_of_a_batch(f):
    found = cv.vmap(lambda x: bounds(f, x, x + 0.1))(BATCH)
    close(found, [np.stack(side) for side in zip(*(bounds(f, x, x + 0.1) for x in BATCH), strict=True)])


def test_gradient_of_a_bound():
    f = lambda x: np.sum(scan_of(x))
    upper = lambda x: bounds(f, x - 0.1, x + 0.1)[1]
    steps = [(upper(X + e) - upper(X - e)) / 2e-6 for e in 1e-6 * np.eye(3)]
    np.testing.assert_allclose(cv.grad(upper)(X), steps, rtol=1e-6)


def scan_of(x):
    return lax.scan(lambda c, a: (np.tanh(c) * a + x, None), x, np.arange(1.0, 4.0))[0]


def test_a_choice_that_is_open_is_the_hull_of_the_branches():
    f = lambda x: lax.cond(x > 0, lambda x: x + 10, lambda x: x - 10, x)
    assert [*map(float, bounds(f, -1.0, 2.0))] == [-11.0, 12.0]
    assert [*map(float, bounds(f, 1.0, 2.0))] == [11.0, 12.0]


def test_a_loop_that_may_end_at_several_steps():
    f = lambda x: lax.while_loop(lambda c: c < 10, lambda c: c * 2, x)
    assert [*map(float, bounds(f, 1.0, 3.0))] == [4.0, 48.0]  # between 4 and 12 it may end, and between 8 and 24


def test_python_may_ask_what_can_only_be_one_value():
    f = lambda x: x * 2 if x > 0 else -x
    assert [*map(float, bounds(f, 1.0, 2.0))] == [2.0, 4.0]
    with pytest.raises(cv.errors.TracerBoolConversionError):
        bounds(f, -1.0, 2.0)


def test_a_primitive_without_a_rule_says_so():
    with pytest.raises(cv.errors.MissingRuleError, match="bounds"):
        bounds(np.linalg.inv, np.eye(2), np.eye(2))


def test_a_rule_that_returns_no_bundle_is_named():
    sign = cv.elementwise("t_bare_rule", np.sign)
    sign.primitive.def_rule("bounds", lambda how, x: x.parts)
    with pytest.raises(cv.errors.PrimitiveRuleError, match="'bounds' rule of 't_bare_rule' returned a result of type tuple"):
        bounds(sign, 1.0, 2.0)


@pytest.mark.parametrize("ran", [lambda f: bounds(f, 1.0, 2.0), lambda f: taylor(f, 1.0, 1.0, 2)])
def test_a_value_that_is_used_after_its_interpreter_is_refused(ran):
    kept = []
    ran(lambda x: kept.append(2.0 * x) or x)
    with pytest.raises(cv.errors.UnexpectedTracerError, match="stored outside"):
        np.sin(kept[0])


def test_a_rule_that_returns_a_bundle_of_another_type_is_named():
    double = cv.elementwise("t_other_type", lambda x: 2 * x)
    double.primitive.def_rule("bounds", lambda how, x: Bundle((np.sum(x.parts[0]), np.sum(x.parts[1])), x.form))
    with pytest.raises(cv.errors.PrimitiveRuleError, match=r"stands for f64\[\], where the primitive gives f64\[3\]"):
        bounds(double, np.ones(3), np.full(3, 2.0))


def test_what_a_rule_returns_is_copied():
    buffer = np.zeros(3)
    double = cv.elementwise("t_buffer_rule", lambda x: 2 * x)
    double.primitive.def_rule("bounds", lambda how, x: Bundle((np.multiply(x.parts[0], 2, out=buffer), 2 * x.parts[1]), x.form))
    low, high = bounds(lambda x: double(x) - double(10 * x), np.ones(3), np.ones(3))
    np.testing.assert_array_equal([low, high], np.full((2, 3), -18.0))


def test_a_primitive_without_an_abstract_rule_is_interpreted():
    halve = cv.Primitive("t_no_abstract")
    halve.def_impl(lambda x: x / 2)
    halve.def_rule("bounds", lambda how, x: Bundle((x.parts[0] / 2, x.parts[1] / 2), x.form))
    assert [*map(float, bounds(halve.bind, 1.0, 2.0))] == [0.5, 1.0]
    runs = []
    solve = cv.linear("t_runs_once", lambda x: (runs.append(1), x)[1], lambda ct, x: ct)
    solve.def_rule("bounds", lambda how, x: Bundle((solve.bind(x.parts[0]), x.parts[1]), x.form))
    bounds(solve.bind, 1.0, 2.0)
    assert len(runs) == 1
