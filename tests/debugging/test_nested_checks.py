"""Checks in compiled functions, choices and loops, as data."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from ways_to_check import CHECKED_WAYS

import covector as cv
from covector import checkify, lax


def in_jit(x):
    return cv.jit(lambda y: (checkify.check(y < 3.0, "jit: {}", y), y * 2.0)[1])(x)


def in_scan(x):
    def step(c, k):
        checkify.check(c < 3.0, "scan: {} at step {}", c, k)
        return c + x, c * k

    c, ys = lax.scan(step, x, np.arange(5))
    return c + np.sum(ys)


def in_while(x):
    def body(c):
        checkify.check(c[1] < 3.0, "while: {}", c[1])
        return c[0] + 1, c[1] + x

    return lax.while_loop(lambda c: c[0] < 4, body, (0, x))[1]


def in_branches(x):
    def low(x):
        checkify.check(x > 0.0, "low: {}", x)
        return x

    def high(x):
        checkify.check(x < 3.0, "high: {}", x)
        return -x

    return lax.cond(x < 1.0, low, high, x)


def nested(x):
    def step(c, k):
        return lax.cond(
            k > 1, lambda: cv.jit(lambda c: (checkify.check(c < 3.0, "nested: {}", c), c + x)[1])(c), lambda: c + x
        ), c

    return lax.scan(step, x, np.arange(4))[0]


# The program, an x for which all holds, one for which it does not, and what is said then.
PROGRAMS = {
    "jit": (in_jit, 1.0, 4.0, "jit: 4.0"),
    "scan": (in_scan, 0.5, 1.0, "scan: 3.0 at step 2"),
    "while": (in_while, 0.5, 1.0, "while: 3.0"),
    "first branch": (in_branches, 0.5, -1.0, "low: -1.0"),
    "second branch": (in_branches, 2.0, 5.0, "high: 5.0"),
    "nested": (nested, 0.5, 1.0, "nested: 3.0"),
}
NESTED_WAYS = CHECKED_WAYS | {
    "hvp": lambda f: cv.jit(checkify.checkify(lambda x: cv.jvp(cv.grad(f), (x,), (1.0,))[1])),
}


@pytest.mark.parametrize("way", NESTED_WAYS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_first_failure_comes_out(name, way):
    f, good, bad, text = PROGRAMS[name]
    checked = NESTED_WAYS[way](f)
    error, out = checked(good)
    assert error.get() is None
    derivative = {"grad": 1, "jit of grad": 1, "hvp": 2}.get(way, 0)
    plain = f
    for _ in range(derivative):
        plain = cv.grad(plain)
    np.testing.assert_allclose(out, plain(good), rtol=1e-12)
    assert checked(bad)[0].get() == text
    with pytest.raises(cv.errors.CheckError, match=r"test_nested_checks\.py"):
        checked(bad)[0].throw()


@pytest.mark.parametrize("name", PROGRAMS)
def test_of_a_batch_the_example_is_named(name):
    f, good, bad, text = PROGRAMS[name]
    xs = np.array([good, bad, good])
    ways = [lambda f: cv.vmap(checkify.checkify(f)), lambda f: cv.jit(cv.vmap(checkify.checkify(f)))]
    for way in ways:
        assert way(f)(xs)[0].get() == f"{text} (example 1)"
    if "branch" not in name:
        assert cv.jit(checkify.checkify(cv.vmap(f)))(xs)[0].get() == f"{text} (example 1)"


def test_an_array_of_predicates_with_values_of_other_shapes():
    def f(x):
        checkify.check(x > 0, "of {} some are not positive", 3)
        return lax.scan(lambda c, _: ((checkify.check(c > 0, "in {}", 7), c - 1.0)[1], None), x, None, length=3)[0]

    assert cv.jit(checkify.checkify(f))(np.array([1.0, -2.0]))[0].get() == "of 3 some are not positive"
    assert cv.jit(checkify.checkify(f))(np.array([9.0, 2.0]))[0].get() == "in 7"
    assert checkify.checkify(f)(np.array([9.0, 8.0]))[0].get() is None


@pytest.mark.parametrize("name", PROGRAMS)
def test_checked_programs_pass_the_checker(name):
    f, good, _, _ = PROGRAMS[name]
    cv.check(cv.make_jaxpr(lambda x: checkify.checkify(f)(x)[1])(good))


def of_low_branch(n):
    return lax.cond(n > 1, lambda n: (checkify.check(n < 0, "n={}", n), n)[1], lambda n: n, n)


def of_switch(n):
    return lax.switch(n, [lambda n: n, lambda n: n, lambda n: (checkify.check(n < 0, "n={}", n), n)[1]], n)


def of_while(n):
    return lax.while_loop(lambda s: s > 0, lambda s: (checkify.check(n < 2, "n={}", n), s - 1)[1], n)


def of_nested_branches(n):
    return lax.cond(n > 0, lambda n: of_low_branch(n), lambda n: n, n)


def of_logarithms(n):
    return lax.cond(n > 1, lambda n: np.log(-1.0 * n), lambda n: 1.0 * n, n)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("f", [of_low_branch, of_switch, of_while, of_nested_branches, of_logarithms])
def test_the_example_is_named_where_examples_go_different_ways(f):
    """Branches and steps are run for parts of a batch, or on stand-ins: the number is that of the example all the same."""
    xs = np.array([1, 0, 1, 2, 1])
    errors = checkify.float_checks if f is of_logarithms else checkify.user_checks
    check = lambda f: checkify.checkify(f, errors=errors)
    text = "'log' gives NaN" if f is of_logarithms else "n=2"
    for way in (lambda f: check(cv.vmap(f)), lambda f: cv.jit(check(cv.vmap(f)))):
        assert way(f)(np.array([1, 0, 1, 1, 1]))[0].get() is None
        found = way(f)(xs)[0].get()
        assert found.startswith(text) and (f is of_logarithms or found == "n=2 (example 3)")
    for way in (lambda f: cv.vmap(check(f)), lambda f: cv.jit(cv.vmap(check(f)))):
        assert way(f)(xs)[0].get() == f"{text} (example 3)"
    staged = check(cv.vmap(cv.jit(f)))(xs)[0].get()
    assert staged.startswith(text) and "example" not in staged.replace("(example 3)", "")
    if f is not of_logarithms:
        with pytest.raises(cv.errors.CheckError, match="n=2"):
            cv.vmap(f)(xs)


def of_a_loop(x):
    return lax.while_loop(lambda v: v > 1.0, lambda v: (checkify.check(v < 100.0, "v={}", v), 0.5 * v)[1], x)


def of_a_loop_in_a_branch(x):
    return lax.cond(x > 0.0, of_a_loop, np.cos, x)


def of_a_branch_with_a_loop(x):
    return lax.cond(x > 0.0, lambda x: lax.while_loop(lambda v: v > 1.0, np.sqrt, in_branch(x)), np.cos, x)


def in_branch(x):
    checkify.check(x < 100.0, "v={}", x)
    return x + 1.0


GRADIENTS = {
    "vmap of grad": lambda f: cv.vmap(cv.grad(f)),
    "jit of vmap of grad": lambda f: cv.jit(cv.vmap(cv.grad(f))),
    "vmap of jit of grad": lambda f: cv.vmap(cv.jit(cv.grad(f))),
    "vmap of grad of jit": lambda f: cv.vmap(cv.grad(cv.jit(f))),
    "jit of grad of vmap": lambda f: cv.jit(cv.grad(lambda xs: np.sum(cv.vmap(f)(xs)))),
}


@pytest.mark.parametrize("way", GRADIENTS)
@pytest.mark.parametrize("f", [of_a_loop, of_a_loop_in_a_branch, of_a_branch_with_a_loop])
def test_no_other_example_is_named(f, way):
    """Where one stands in for those that are done, or did not choose, and nobody knows for which: then none is."""
    gradient, xs = GRADIENTS[way](f), np.array([-1.0, 0.5, 200.0, 0.7])
    for g in (checkify.checkify(gradient), cv.jit(checkify.checkify(gradient))):
        assert g(xs / 4.0)[0].get() is None
        assert g(xs)[0].get() in ("v=200.0", "v=200.0 (example 2)")



@cv.custom_jvp
def product(x, y):
    checkify.check(x > 0.0, "x={}", x)
    return x * y


@product.defjvp
def _(primals, tangents):
    return product(*primals), 100.0 * tangents[0] + 10.0 * tangents[1]


@cv.custom_vjp
def another_product(x, y):
    checkify.check(x > 0.0, "x={}", x)
    return x * y


another_product.defvjp(lambda x, y: (another_product(x, y), None), lambda _, ct: (100.0 * ct, 10.0 * ct))


@pytest.mark.parametrize("errors", [checkify.user_checks, checkify.all_checks])
@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("f", [product, another_product])
def test_rules_of_which_some_arguments_are_known(f, jitted, errors):
    """The derivative is that of the rule, though the other argument is a number that needs no rule."""
    check = partial(checkify.checkify, errors=errors)
    f = cv.jit(f) if jitted else f
    for place, slope in enumerate((100.0, 10.0)):
        value = lambda x, place=place: check(f)(*[x if i == place else 3.0 for i in range(2)])[1]
        assert cv.grad(value)(2.0) == slope
        assert cv.grad(cv.grad(lambda x, value=value: value(x) ** 2))(2.0) == 2 * slope**2
    assert cv.vmap(lambda x: check(f)(x, 3.0))(np.array([1.0, -1.0]))[0].get() == "x=-1.0 (example 1)"
