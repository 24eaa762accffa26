"""vmap(f, branches="split"): Python's branches and loops on batched values, against a loop over the examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import covector as cv
from covector import lax

XS = np.array([0.3, -1.2, 2.5, 0.0, -0.4, 7.1, 1.0])


def relu(x):
    if x > 0:
        return x * x
    return -0.5 * x


def collatz(n):
    steps = 0
    while n > 1:
        n = 3 * n + 1 if n % 2 else n // 2
        steps += 1
    return steps


def newton(a):
    """The cube root of a² + 1, by a loop that ends when it is close."""
    x, wanted = 1.0, a * a + 1.0
    while abs(x**3 - wanted) > 1e-12:
        x = x - (x**3 - wanted) / (3 * x**2)
    return x


def several(x):
    y = np.sin(x)
    if x < -1 or (x > 0.5 and not y > 0.8):
        y = y * np.exp(x * 0.1)
    elif x < 0:
        return np.cos(x) + 1
    for _ in range(int(np.floor(abs(x)))):
        y = y * x + 0.25
    return y if y < 3 else np.log(y)


def vector(x):
    total = np.sum(x)
    if total > 0 and x[0] < 1:
        return {"a": x * total, "b": 1.0}
    return {"a": np.sin(x), "b": total}


FUNCTIONS = [relu, newton, several]
split = lambda f, *args, **kwargs: cv.vmap(f, *args, branches="split", **kwargs)


def loop(f):
    return lambda *args: np.stack([f(*row) for row in zip(*args, strict=True)])


def second(f):
    return lambda x: cv.jvp(cv.grad(f), (x,), (1.0,))[1]


@pytest.mark.parametrize(
    "derive", [lambda f: f, cv.grad, second, lambda f: cv.grad(cv.grad(f))], ids=["value", "grad", "hvp", "grad grad"]
)
@pytest.mark.parametrize("f", FUNCTIONS)
def test_as_a_loop_over_the_examples(f, derive):
    np.testing.assert_allclose(split(derive(f))(XS), loop(derive(f))(XS), rtol=1e-12)


@pytest.mark.parametrize("f", FUNCTIONS)
def test_derivatives_of_the_batched_function(f):
    total = lambda batched: lambda xs: np.sum(np.cos(batched(xs)))
    by_example = np.array([cv.grad(lambda x: np.cos(f(x)))(x) for x in XS])
    np.testing.assert_allclose(cv.grad(total(split(f)))(XS), by_example, rtol=1e-12)
    np.testing.assert_allclose(cv.jvp(split(f), (XS,), (XS + 1,))[1], [cv.grad(f)(x) * (x + 1) for x in XS], rtol=1e-12)
    hvp = cv.jvp(cv.grad(total(split(f))), (XS,), (np.ones_like(XS),))[1]
    np.testing.assert_allclose(hvp, [second(lambda x: np.cos(f(x)))(x) for x in XS], rtol=1e-11)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_integer_loops(numbers):
    found = split(collatz)(np.array(numbers, int))
    np.testing.assert_array_equal(found, [collatz(n) for n in numbers])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=8), st.sampled_from(FUNCTIONS))
def test_random_batches(values, f):
    xs = np.array(values)
    np.testing.assert_allclose(split(f)(xs), loop(f)(xs), rtol=1e-11)
    np.testing.assert_allclose(split(cv.grad(f))(xs), loop(cv.grad(f))(xs), rtol=1e-10)


def test_trees_axes_and_keywords():
    xs = np.array([[0.1, 2.0], [-3.0, 1.0], [0.5, 0.5], [2.0, 1.0]])
    found = split(vector, in_axes=1, out_axes={"a": 1, "b": 0})(xs.T)
    wanted = [vector(x) for x in xs]
    np.testing.assert_allclose(found["a"], np.stack([w["a"] for w in wanted], 1))
    np.testing.assert_allclose(found["b"], [w["b"] for w in wanted])
    scaled = split(lambda x, s, *, shift: x * s if x > shift else s, in_axes=(0, None))
    np.testing.assert_allclose(scaled(XS, 2.0, shift=XS[::-1]), np.where(XS[::-1] < XS, XS * 2, 2.0))


def test_arrays_of_one_element_choose_along_any_axis():
    f = lambda x: 2.0 * x if x[np.array([1])] > 0 else -x  # what is read at an array has its batch axis behind
    xs = np.array([[1.0, -1.0, 2.0], [-5.0, 6.0, -7.0]])
    np.testing.assert_array_equal(split(f, in_axes=1)(xs), [f(x) for x in xs.T])


def test_nested_batches():
    def f(x, y):
        if x > y:
            return x - y if y > 0 else x * y
        return y * 2

    xs, ys = XS[:4], XS[2:]
    wanted = [[f(x, y) for y in ys] for x in xs]
    both = split(split(f, (None, 0)), (0, None))
    np.testing.assert_allclose(both(xs, ys), wanted)
    gradient = split(cv.grad(lambda x: np.sum(split(f, (None, 0))(x, ys))))
    np.testing.assert_allclose(gradient(xs), [sum(cv.grad(f)(x, y) for y in ys) for x in xs])
    inner_where = cv.vmap(lambda x: np.sum(cv.vmap(lambda y: np.where(x > y, x, y))(ys)), branches="split")
    np.testing.assert_allclose(inner_where(xs), [np.sum(np.maximum(x, ys)) for x in xs])


def test_control_flow_operations_inside():
    def f(x):
        if x > 0:
            return lax.while_loop(lambda v: v < 9.0, lambda v: v * 2.0 + 1.0, x)
        return lax.cond(x < -1.0, lambda v: v * v, lambda v: v, x)

    np.testing.assert_allclose(split(f)(XS), loop(f)(XS))
    np.testing.assert_allclose(split(cv.grad(f))(XS), loop(cv.grad(f))(XS))


def test_parts_are_cut_down_and_each_runs_once():
    runs = []

    def f(x):
        before = np.sin(x)
        if x > 0:
            runs.append("positive")
            return before * 2
        runs.append("rest")
        return before

    np.testing.assert_allclose(split(f)(XS), np.where(XS > 0, 2 * np.sin(XS), np.sin(XS)))
    assert sorted(runs) == ["positive", "rest"]


def test_many_trip_counts():
    counts = np.arange(1500)

    def f(n):
        total = 0
        while total < n:
            total = total + 100
        return total

    np.testing.assert_array_equal(split(f)(counts), -(-counts // 100) * 100)


def test_results_promote_as_in_stack():
    found = split(lambda n: n if n > 1 else 0.5)(np.array([1, 2, 3]))
    assert found.dtype == np.float64
    assert found.tolist() == [0.5, 2.0, 3.0]


ROWS = np.array([[1.0, 2.0, -3.0, 4.0], [-1.0, 2.0, 3.0, 4.0], [1.0, 5.0, -3.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
SHAPES = {
    "mask": lambda x: np.sum(x[x > 0] ** 2),
    "median": lambda x: np.median(np.append(x[x > 0], 1.0)),
    "nonzero": lambda x: np.sum(x[np.nonzero(x)[0]] ** 3) + np.sum(np.where(x > 0)[0]) + np.argwhere(x > 0).size,
    "unique": lambda x: x[0] * np.unique(x).size + np.sum(np.setdiff1d(x, [2.0])),
    "compress": lambda x: np.sum(np.compress(x > 1, x) ** 2) + np.sum(np.extract(x < 0, x) ** 2),
    "repeat": lambda x: np.sum(np.repeat(x, np.abs(x).astype(int)) ** 2),
    "bincount": lambda x: x[0] ** 2 * len(np.bincount(np.abs(x).astype(int))),
    "split": lambda x: np.sum(np.split(x, [int(abs(x[0]))])[0] ** 2),
    "places": lambda x: np.sum(np.delete(x, np.argmin(x)) ** 2) + np.insert(x, np.argmin(x), 0.0) @ np.arange(5.0) ** 2,
    "zeros at the ends": lambda x: np.sum(np.trim_zeros(x) ** 2),
    "values at a mask": lambda x: np.sum(cv.at(x)[x > 0].set(x[x > 0] ** 2)) + np.sum(cv.at(x)[x > 1].multiply(x[x > 1])),
    "slices": lambda x: np.sum(x[: int(abs(x[0]))] ** 2) + np.sum(x[: np.argmin(x)] ** 2),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_that_depend_on_values(name):
    f = SHAPES[name]
    np.testing.assert_allclose(split(f)(ROWS), [f(x) for x in ROWS], rtol=1e-14)
    gradients = [cv.grad(f)(x) for x in ROWS]
    np.testing.assert_allclose(split(cv.grad(f))(ROWS), gradients, rtol=1e-14)
    np.testing.assert_allclose(cv.grad(lambda xs: np.sum(split(f)(xs)))(ROWS), gradients, rtol=1e-14)
    nested = np.stack([ROWS, ROWS[::-1]])
    np.testing.assert_allclose(split(split(f))(nested), [[f(x) for x in rows] for rows in nested], rtol=1e-14)


def test_different_shapes_are_not_stacked():
    with pytest.raises(cv.errors.BranchTypeError, match=r"different shapes: f64\[.\] for examples"):
        split(lambda x: x[x > 0])(ROWS)


def test_errors():
    with pytest.raises(
        cv.errors.BranchTypeError, match=r"different shapes: f64\[2\] for examples 0, 2, and f64\[\] for examples 1"
    ):
        split(lambda x: np.stack([x, x]) if x > 0 else x)(np.array([1.0, -1.0, 2.0]))
    with pytest.raises(cv.errors.BranchTypeError, match="different structures"):
        split(lambda x: (x, x) if x > 0 else x)(np.array([1.0, -1.0]))
    with pytest.raises(cv.errors.ArgumentError, match="branches='both'"):
        cv.vmap(relu, branches="both")
    with pytest.raises(cv.errors.TracerBoolConversionError, match=r"branches='split'"):
        cv.vmap(relu)(XS)
    with pytest.raises(cv.errors.TracerBoolConversionError):
        cv.jit(split(relu))(XS)

    def fails(x):
        if x > 2:
            raise ValueError("too large")
        return x

    with pytest.raises(ValueError, match="too large") as caught:
        split(fails)(XS)
    assert "for examples 2, 5" in caught.value.__notes__[0]


@cv.custom_jvp
def square(x):
    return x * x


@square.defjvp
def _square_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return square(x), (2.0 if x > 0 else 3.0) * x * t


@cv.custom_vjp
def square_backwards(x):
    return x * x


square_backwards.defvjp(lambda x: (x * x, (x, 2.0 if x > 0 else 3.0)), lambda kept, ct: (kept[0] * kept[1] * ct,))


@pytest.mark.parametrize("f", [square, square_backwards], ids=lambda f: f.__name__)
def test_rules_that_branch(f):
    """The batch splits where its own derivative runs them; an outer derivative runs them on all examples at once."""
    np.testing.assert_array_equal(split(cv.grad(f))(XS), [cv.grad(f)(x) for x in XS])
    np.testing.assert_array_equal(split(split(cv.grad(f)))(XS[:, None])[:, 0], [cv.grad(f)(x) for x in XS])
    for outer in (cv.grad(lambda xs: np.sum(split(f)(xs))), cv.jacfwd(split(f)), cv.jacrev(split(f))):
        with pytest.raises(cv.errors.TracerBoolConversionError, match=r"vmap[\s\S]*7 examples"):
            outer(XS)


def closing_over(y, calls_itself):
    f = cv.custom_jvp(lambda z: z * z * y)
    f.defjvp(lambda p, t: (f(p[0]) if calls_itself else p[0] * p[0] * y, 2 * p[0] * y * t[0]))
    return f


@pytest.mark.parametrize("calls_itself", [False, True])
@pytest.mark.parametrize("derive", [lambda f: f, cv.grad], ids=["value", "grad"])
def test_rules_that_close_over_a_value_of_the_batch(calls_itself, derive):
    outer = lambda f, *xs: cv.grad(lambda *xs: np.sum(split(f)(*xs)))(*xs)
    f = lambda x: derive(closing_over(lax.stop_gradient(np.sin(x)), calls_itself))(-3.0 * x if x < 0 else x)
    np.testing.assert_allclose(outer(f, XS), [cv.grad(f)(x) for x in XS])
    g = lambda x: derive(closing_over(np.sin(x), True))(x)
    for run in (lambda: outer(g, XS), lambda: cv.grad(g)(0.5)):
        with pytest.raises(cv.errors.CustomRuleError, match=r"closes over a value of type f64.* that is being differ"):
            run()
    of_shared = lambda x: np.sum(split(lambda y: derive(closing_over(y, calls_itself))(x))(XS))
    by_example = lambda x: sum(derive(closing_over(y, calls_itself))(x) for y in XS)
    np.testing.assert_allclose(cv.grad(of_shared)(2.0), cv.grad(by_example)(2.0))


PYTHONS = {
    "int": int,
    "float": lambda x: float(x > 0),
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "round": round,
    "truth": lambda x: int(x > 0),
}


@pytest.mark.parametrize("lifted", [False, True])
@pytest.mark.parametrize("name", PYTHONS)
def test_numbers_that_python_makes(name, lifted):
    f = lambda x: x * PYTHONS[name](x)
    own = cv.lift(f) if lifted else f
    np.testing.assert_array_equal(split(own)(XS), [f(x) for x in XS])
    np.testing.assert_array_equal(split(cv.grad(own))(XS), [float(PYTHONS[name](x)) for x in XS])
    assert cv.grad(own)(2.3) == PYTHONS[name](2.3)
    if not (name == "round" and not lifted):  # which is the nearest float there
        with pytest.raises(cv.errors.ConcretizationError):
            cv.jit(own)(2.3)
