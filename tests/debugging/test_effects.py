"""Prints, callbacks and checks: what they see, how often and in which order."""

from __future__ import annotations

import numpy as np
import pytest
from ways_to_check import CHECKED_WAYS

import covector as cv
from covector import checkify, lax

X = np.array([0.3, -1.2, 0.8])


def printing(x):
    cv.debug.print("{} {y}", x, y="why")
    return np.sin(x)


WAYS = {
    "eager": lambda f: f,
    "jit": cv.jit,
    "grad": lambda f: cv.grad(f),
    "jit of grad": lambda f: cv.jit(cv.grad(f)),
    "grad of jit": lambda f: cv.grad(cv.jit(f)),
    "jvp": lambda f: lambda x: cv.jvp(f, (x,), (1.0,)),
    "hvp": lambda f: lambda x: cv.jvp(cv.grad(f), (x,), (1.0,)),
    "linearize": lambda f: lambda x: cv.linearize(f, x)[1](1.0),
    "custom rule": lambda f: lambda x: cv.checkpoint(f)(x),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_effect_happens_once(way, capsys):
    WAYS[way](printing)(0.5)
    assert capsys.readouterr().out == "0.5 why\n"


def test_effects_in_batches_and_loops(capsys):
    cv.vmap(printing)(X)
    cv.jit(cv.vmap(printing))(X)
    assert capsys.readouterr().out.splitlines() == ["0.3 why", "-1.2 why", "0.8 why"] * 2
    lax.fori_loop(0, 3, lambda i, c: cv.debug.print("{}", i) or c, 0.0)
    cv.jit(lambda n: lax.while_loop(lambda c: c < n, lambda c: cv.debug.print("{}", c) or c + 1, 0))(2)
    cv.vmap(lambda x: lax.cond(x > 0, lambda x: cv.debug.print("{}", x), lambda x: None, x))(X)
    assert capsys.readouterr().out.split() == ["0", "1", "2", "0", "1", "0.3", "0.8"]
    cv.grad(lambda x: lax.scan(lambda c, _: (cv.debug.print("{:.1f}", c) or c * 2, None), x, None, length=3)[0])(1.0)
    assert capsys.readouterr().out.split() == ["1.0", "2.0", "4.0"]


def test_an_effect_of_constants_is_staged(capsys):
    f = cv.jit(lambda x: cv.debug.print("here") or x)
    f(1.0)
    f(2.0)
    assert capsys.readouterr().out == "here\nhere\n"
    assert "debug_callback" in str(cv.make_jaxpr(f)(1.0))
    loop = cv.jit(lambda x: lax.fori_loop(0, 2, lambda i, c: cv.debug.print("{}", i) or c, 0.0) + x)
    inner = cv.jit(lambda x: cv.jit(lambda y: cv.debug.print("jit") or y)(1.0) + x)
    for f in (loop, loop, inner, inner):
        f(1.0)
    assert capsys.readouterr().out.split() == ["0", "1", "0", "1", "jit", "jit"]
    with pytest.raises(TypeError, match="needs a format string first"):
        cv.debug.print(1.0)


def test_io_callback():
    log = []

    def record(x):
        log.append(float(x))
        return np.float64(len(log))

    f = lambda x: cv.io_callback(record, np.float64(0), x) + x
    assert f(1.0) == 2.0
    assert cv.jit(f)(2.0) == 4.0
    np.testing.assert_allclose(cv.vmap(f)(X), X + np.array([3, 4, 5]))
    assert log == [1.0, 2.0, *X]
    cv.jit(lambda x: (cv.io_callback(record, np.float64(0), x), x)[1])(7.0)
    assert log[-1] == 7.0, "kept though nobody uses its result"
    with pytest.raises(cv.errors.NonDifferentiableError, match="io_callback"):
        cv.grad(f)(1.0)


def sine(x, method="sequential"):
    jvp = lambda p, t: (sine(*p), np.cos(p[0]) * t[0])
    return cv.pure_callback(lambda x: np.sin(x), cv.typeof(x), x, jvp=jvp, vmap_method=method)


def test_pure_callback():
    for wrap in (lambda f: f, cv.jit):
        np.testing.assert_allclose(wrap(sine)(X), np.sin(X))
        np.testing.assert_allclose(wrap(cv.grad(sine))(0.3), np.cos(0.3))
        np.testing.assert_allclose(wrap(cv.grad(cv.grad(sine)))(0.3), -np.sin(0.3))
        np.testing.assert_allclose(wrap(cv.vmap(cv.grad(sine)))(X), np.cos(X))
        for method in ("sequential", "expand_dims", "broadcast_all"):
            np.testing.assert_allclose(wrap(cv.vmap(lambda x, m=method: sine(x, m)))(X), np.sin(X))


def test_shapes_that_batching_methods_give():
    shapes = []
    f = lambda x, y, method: cv.pure_callback(
        lambda x, y: shapes.append((x.shape, y.shape)) or x + y, np.float64(0), x, y, vmap_method=method
    )
    for method in ("expand_dims", "broadcast_all"):
        cv.vmap(lambda x, m=method: f(x, np.float64(1), m))(X)
    assert shapes == [((3,), (1,)), ((3,), (3,))]


def test_a_linear_callback_has_a_transpose():
    def reversed_(x):
        return cv.pure_callback(lambda x: x[::-1], cv.typeof(x), x, transpose=lambda ct: (reversed_(ct),))

    weights = np.arange(3.0)
    np.testing.assert_allclose(cv.grad(lambda x: np.sum(reversed_(x) * weights))(X), weights[::-1])
    np.testing.assert_allclose(cv.jit(cv.grad(lambda x: np.sum(reversed_(x) ** 2)))(X), 2 * X)


def test_errors_of_callbacks():
    with pytest.raises(cv.errors.CallbackError, match=r"callback .*<lambda> returned f64\[3\], and f64\[2\] was declared"):
        cv.jit(lambda x: cv.pure_callback(lambda x: x, np.zeros(2), x))(X)
    with pytest.raises(cv.errors.CallbackError, match="returned 2 values, and 1 were declared"):
        cv.pure_callback(lambda x: (x, x), X, X)
    with pytest.raises(cv.errors.CallbackError, match=r"is batched, and has no vmap_method[\s\S]*sequential"):
        cv.vmap(lambda x: cv.pure_callback(np.sin, x, x))(X)
    with pytest.raises(cv.errors.NonDifferentiableError, match=r"pure_callback\(sin\)"):
        cv.grad(lambda x: cv.pure_callback(np.sin, x, x))(0.5)
    with pytest.raises(cv.errors.ArgumentError, match="vmap_method='all'"):
        cv.pure_callback(np.sin, X, X, vmap_method="all")


# --- checks -----------------------------------------------------------------------------------------------------------


def root(x):
    checkify.check(x >= 0, "the root of {x}", x=x)
    return np.sqrt(np.abs(x))


def test_a_check_outside_of_checkify_raises():
    assert root(4.0) == 2.0
    for f in (root, cv.jit(root), cv.grad(root), cv.vmap(root)):
        with pytest.raises(cv.errors.CheckError, match=r"a check failed: the root of -4.0[\s\S]*test_effects.py"):
            f(np.array([4.0, -4.0]) if f.__name__.startswith("vmap") else -4.0)


CHECKED = CHECKED_WAYS | {
    "jvp": lambda f: checkify.checkify(lambda x: cv.jvp(f, (x,), (1.0,))),
    "in a scan": lambda f: checkify.checkify(lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0]),
    "in a branch": lambda f: checkify.checkify(lambda x: lax.cond(x < 100, f, lambda x: x, x)),
}


@pytest.mark.parametrize("way", CHECKED)
def test_checkify(way):
    f = CHECKED[way](root)
    error, _ = f(4.0)
    assert error.get() is None
    error.throw()
    error, _ = f(-4.0)
    assert error.get() == "the root of -4.0"
    with pytest.raises(cv.errors.CheckError, match=r"the root of -4.0[\s\S]*test_effects.py"):
        error.throw()


def test_batched_checks_name_the_example():
    xs = np.array([1.0, 2.0, -3.0, -4.0])
    for f in (checkify.checkify(cv.vmap(root)), cv.vmap(checkify.checkify(root)), cv.jit(cv.vmap(checkify.checkify(root)))):
        error, out = f(xs)
        assert error.get() == "the root of -3.0 (example 2)"
        np.testing.assert_allclose(out, np.sqrt(np.abs(xs)))


def test_the_first_check_that_fails_is_reported():
    def f(x):
        checkify.check(x < 10, "too large")
        checkify.check(x < 5, "rather large")
        return x

    assert [checkify.checkify(f)(x)[0].get() for x in (1.0, 7.0, 11.0)] == [None, "rather large", "too large"]


def test_automatic_checks():
    with np.errstate(all="ignore"):
        error, _ = checkify.checkify(cv.jit(lambda x: np.log(x)), errors=checkify.nan_checks)(-1.0)
        assert error.get() == "'log' gives NaN"
        error, _ = checkify.checkify(cv.jit(lambda x: 1.0 / x), errors=checkify.float_checks)(np.float64(0.0))
        assert error.get() == "division by zero in 'div'"
    error, _ = checkify.checkify(root, errors=checkify.nan_checks)(-1.0)
    assert error.get() is None, "user checks were not asked for"


def test_a_rule_of_a_callback_adds_a_tangent_that_is_zero_in_a_compiled_derivative():
    inner = lambda x, y: x * np.sin(x) + np.linalg.solve(2 * y, y.T @ y @ y)

    def f(x, y):
        rule = lambda primals, tangents: (f(*primals), cv.jvp(inner, tuple(primals), tuple(tangents))[1])
        return cv.pure_callback(inner, x, x, y, jvp=rule)

    x, y = np.array([[1.0, 2.0], [0.5, 1.0]]), np.array([[2.0, 1.0], [0.0, 4.0]])
    loss = lambda f: lambda x, y: np.sum(f(x, y) ** 2)
    for argnum in (0, 1):
        expected = cv.grad(loss(inner), argnum)(x, y)
        np.testing.assert_allclose(cv.jit(cv.grad(loss(f), argnum))(x, y), expected, rtol=1e-12)
        np.testing.assert_allclose(cv.grad(cv.jit(loss(f)), argnum)(x, y), expected, rtol=1e-12)


def test_callbacks_are_given_their_keyword_arguments(capsys):
    def line(x, *, slope, offset=1.0):
        return np.asarray(x * slope["k"] + offset)

    def f(x, k):
        return cv.pure_callback(line, x, x, slope={"k": k}, offset=2.0, vmap_method="sequential")

    assert f(2.0, 3.0) == cv.jit(f)(2.0, 3.0) == 8.0
    np.testing.assert_array_equal(cv.vmap(f)(np.ones(3), np.arange(3.0)), [2.0, 3.0, 4.0])
    np.testing.assert_array_equal(cv.jit(cv.vmap(f, (None, 0)))(1.0, np.arange(3.0)), [2.0, 3.0, 4.0])
    assert cv.io_callback(line, np.float64(0.0), 2.0, slope={"k": 5.0}) == 11.0
    cv.debug.print("{} {x}", 1, x=2, partitioned=True, ordered=True)
    cv.debug.print("{}", 1, 2, skip_format_check=True)
    cv.debug.callback(lambda x: None, 1, partitioned=False)
    assert capsys.readouterr().out == "1 2\n1\n"


def test_what_callbacks_do_not_take():
    one = np.float64(1.0)
    for call in (cv.pure_callback, cv.io_callback):
        with pytest.raises(cv.errors.ArgumentError, match=r"callback got sharding=3\.\n.*\n  Fix: leave it out"):
            call(np.sin, one, one, sharding=3)
    message = r"of sin has a rule \(jvp\) and arguments by name: where\.(.*\n)*.*by position"
    with pytest.raises(cv.errors.ArgumentError, match=message):
        cv.pure_callback(np.sin, one, one, jvp=lambda p, t: (p, t), where=True)
