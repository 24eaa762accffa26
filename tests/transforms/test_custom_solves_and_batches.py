"""What custom_root, custom_linear_solve and custom_vmap check, and the derivatives of batching rules."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector.core.pytrees import tree_leaves

X = np.array([0.3, -1.2, 0.8])
V = np.array([1.0, 0.5, -2.0])


def root(f=lambda x: x - 1.0, solve=lambda f, x: x, tangent_solve=lambda g, y: y, **options):
    return cv.grad(lambda a: np.sum(cv.custom_root(lambda x: f(x) + 0 * a, X, solve, tangent_solve, **options)))(1.0)


def linear(matvec=lambda x: 2.0 * x, solve=lambda m, b: b / 2.0, transpose_solve=lambda m, b: b / 2.0, **options):
    return cv.grad(lambda b: np.sum(cv.custom_linear_solve(matvec, b, solve, transpose_solve, **options)))(X)


WRONG = {
    r"the solver .*<lambda> returned f64\[3\], and has_aux=True": lambda: root(has_aux=True),
    r"the function .*<lambda> returned \(f64\[\]\) where the initial guess is \(f64\[3\]\)": lambda: root(np.sum),
    r"the tangent_solve .*<lambda> got an output with the structure": lambda: root(tangent_solve=lambda g, y: (y,)),
    r"the tangent_solve .*<lambda> returned \(f64\[\]\) where the root is \(f64\[3\]\)": lambda: root(
        tangent_solve=lambda g, y: np.sum(y)
    ),
    r"the function .*<lambda> got an output with the structure": lambda: linear(lambda x: (x,)),
    r"the function .*<lambda> returned \(f64\[\]\) where b is \(f64\[3\]\)": lambda: linear(lambda x: np.sum(x)),
    r"the solver .*<lambda> returned \(f64\[\]\) where b is": lambda: linear(solve=lambda m, b: np.sum(b)),
    r"the solver .*<lambda> returned f64\[3\], and has_aux=": lambda: linear(has_aux=True),
    r"the transpose_solve .*<lambda> got an output with the structure": lambda: linear(transpose_solve=lambda m, b: (b,)),
    r"the transpose_solve .*<lambda> returned \(f64\[\]\) where b is": lambda: linear(transpose_solve=lambda m, b: np.sum(b)),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_solvers_return_is_checked(text):
    with pytest.raises((cv.errors.CustomRuleError, cv.errors.TreeMismatchError), match=text):
        WRONG[text]()


def test_right_solvers_pass():
    assert root() == 0.0
    assert linear().tolist() == [0.5] * 3
    with_aux = lambda m, b: (b / 2.0, 5)
    x, aux = cv.custom_linear_solve(lambda x: 2.0 * x, X, with_aux, with_aux, has_aux=True)
    assert (x.tolist(), aux) == ((X / 2.0).tolist(), 5)


def marked():
    """Computes 2 x y; its batching rule 20 x y."""
    f = cv.custom_vmap(lambda x, y=1.0: 2.0 * x * y)
    f.def_vmap(lambda size, in_batched, x, y: (20.0 * x * y, any(in_batched)))
    return f


def test_the_batching_rule_is_differentiated_forward():
    f = marked()
    derivative = lambda x, y, t: cv.jvp(lambda x: f(x, y), (x,), (t,))
    for transform in (lambda g: g, cv.jit):
        outs = transform(cv.vmap(derivative, (0, None, None)))(X, 3.0, 1.0)
        np.testing.assert_allclose(outs, (60.0 * X, [60.0] * 3))
        outs = transform(cv.vmap(derivative, (None, None, 0)))(2.0, 3.0, V)
        np.testing.assert_allclose(outs, ([120.0] * 3, 60.0 * V))
        outs = transform(cv.vmap(derivative))(X, V, X)
        np.testing.assert_allclose(outs, (20.0 * X * V, 20.0 * V * X))
    both = cv.vmap(lambda x, y: cv.jvp(f, (x, y), (1.0, 0.5)))(X, V)
    np.testing.assert_allclose(both, (20.0 * X * V, 20.0 * V + 10.0 * X))
    second = cv.vmap(lambda x: cv.jvp(lambda x: cv.jvp(lambda x: f(x, x), (x,), (1.0,))[1], (x,), (1.0,))[1])(X)
    np.testing.assert_allclose(second, [40.0] * 3)


def test_reverse_mode_is_that_of_the_function_or_of_the_batch():
    f = marked()
    np.testing.assert_allclose(cv.vmap(cv.grad(f))(X), [2.0] * 3)
    np.testing.assert_allclose(cv.grad(lambda x: np.sum(cv.vmap(f)(x)))(X), [20.0] * 3)
    np.testing.assert_allclose(cv.jvp(cv.vmap(f), (X,), (V,)), (20.0 * X, 20.0 * V))


def test_arguments_by_name_and_by_default():
    f = marked()
    np.testing.assert_allclose(cv.vmap(lambda x: f(x, y=3.0))(X), 60.0 * X)
    np.testing.assert_allclose(cv.vmap(f)(X), 20.0 * X)
    assert f(1.0, y=3.0) == 6.0
    with pytest.raises(cv.errors.ArgumentError, match=r"is called with arguments \['k'\] that can only be passed by name"):
        g = cv.custom_vmap(lambda x, *, k=1.0: x)
        g.def_vmap(lambda size, in_batched, x: (x, True))
        cv.vmap(lambda x: g(x, k=2.0))(X)


def test_python_runs_as_it_is_where_nothing_is_traced():
    seen = []
    f = cv.custom_vmap(lambda x: seen.append(type(x)) or x)
    f.def_vmap(lambda size, in_batched, x: (x, True))
    f(2.0)
    assert seen == [float]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (lambda n, b, x: (x, False), r"returned f64\[3\] as not batched, which should be f64\[\]"),
        (lambda n, b, x: (np.stack([x, x], 1), True), r"returned f64\[3,2\] as batched, which should be f64\[3\]"),
        (lambda n, b, x: (x.astype(np.float32), True), r"returned f32\[3\] as batched, which should be f64\[3\]"),
        (lambda n, b, x: (x, (True,)), r"got out_batched with the structure"),
        (lambda n, b, x: ((x,), True), r"got an output with the structure"),
        (lambda n, b, x: (x, True, 1), r"returned a tuple of 3"),
    ],
)
def test_what_a_batching_rule_returns_is_checked(rule, text):
    f = cv.custom_vmap(lambda x: x)
    f.def_vmap(rule)
    with pytest.raises(
        (cv.errors.CustomRuleError, cv.errors.TreeMismatchError), match="the batching rule of .*<lambda> " + text
    ):
        cv.vmap(f)(X)


A = np.array([[2.0, 0.5, 0.1], [0.3, 1.5, -0.2], [0.0, 0.4, 3.0]])
NESTINGS = {
    "grad": lambda f: cv.grad(f, (0, 1)),
    "jit of grad": lambda f: cv.jit(cv.grad(f, (0, 1))),
    "grad of jit": lambda f: cv.grad(cv.jit(f), (0, 1)),
    "jvp of grad": lambda f: lambda a, b: cv.jvp(cv.grad(f, (0, 1)), (a, b), (a.T, b)),
    "grad of grad": lambda f: cv.grad(lambda a, b: np.sum(np.cos(cv.grad(f)(a, b)) * a)),
    "vmap of grad": lambda f: lambda a, b: cv.vmap(cv.grad(f, (0, 1)))(np.stack([a, a + 1.0]), np.stack([b, 2.0 * b])),
}


@pytest.mark.parametrize("nesting", NESTINGS)
@pytest.mark.parametrize("options", [{"symmetric": True}, {"transpose_solve": True}], ids=str)
def test_linear_solvers_may_close_over_what_is_differentiated(nesting, options):
    """They are never differentiated themselves: the ones here have no derivative at all."""

    def system(a):
        return a @ a.T + np.eye(3) if "symmetric" in options else a

    def f(a, b):
        m = system(a)
        solver = lambda matrix: lambda matvec, b: cv.stop_gradient(np.linalg.solve(matrix, b))
        given = {**options, **({"transpose_solve": solver(m.T)} if "transpose_solve" in options else {})}
        return np.sum(np.sin(cv.custom_linear_solve(lambda x: m @ x, b, solver(m), **given)))

    def reference(a, b):
        return np.sum(np.sin(np.linalg.solve(system(a), b)))

    found, expected = (NESTINGS[nesting](g)(A, X) for g in (f, reference))
    for x, y in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("nesting", NESTINGS)
def test_root_solvers_may_close_over_what_is_differentiated(nesting):
    """The root of ``m x + x^3 = b``, by Newton's method with the matrix at hand."""

    def f(a, b):
        f = lambda x: a @ x + x**3 - b

        def newton(f, x):
            for _ in range(40):
                x = x - np.linalg.solve(a + 3 * np.diag(x**2), f(x))
            return cv.stop_gradient(x)

        tangent_solve = lambda g, y: np.linalg.solve(cv.jacfwd(g)(np.zeros(3)) + 0.0 * a, y)
        return np.sum(np.sin(cv.custom_root(f, np.zeros(3), newton, tangent_solve)))

    def reference(a, b):
        x = np.zeros(3)
        for _ in range(40):
            x = x - np.linalg.solve(a + 3 * np.diag(x**2), a @ x + x**3 - b)
        return np.sum(np.sin(x))

    found, expected = (NESTINGS[nesting](g)(A, X) for g in (f, reference))
    for x, y in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-10)


def test_a_solver_that_cannot_be_traced_may_be_differentiated_around():
    from scipy.optimize import brentq

    solve = lambda f, guess: brentq(lambda x: float(f(x)), 0.0, 10.0, xtol=1e-14)
    root = lambda a: cv.custom_root(lambda x: x * x - a, 1.0, solve, lambda g, y: y / g(1.0))
    np.testing.assert_allclose([root(4.0), cv.grad(root)(4.0), cv.grad(cv.grad(root))(4.0)], [2.0, 0.25, -1 / 32], rtol=1e-9)


# --- solvers and rules that are made anew each time, and refer to traced values -----------------------------------------


def solved_on_the_host(kind, a):
    """A solution by a callback that refers to a traced value, which it does not use."""

    def host(y):
        return host.kept is not None and (np.cbrt(8.0) if kind == "root" else y / 2.0)

    host.kept = a
    solver = lambda _, y: cv.pure_callback(host, cv.ShapedArray((), np.dtype(float)), y)
    if kind == "root":
        return cv.custom_root(lambda x: x**3 - a, 1.0, solver, lambda g, y: y / g(1.0))
    options = {"symmetric": True} if kind == "symmetric" else {"transpose_solve": solver}
    return cv.custom_linear_solve(lambda x: a * x, 6.0, solver, **options)


@pytest.mark.parametrize(
    ("kind", "at", "expected"),
    [("root", 8.0, (2.0, 1 / 12, -1 / 144)), ("symmetric", 2.0, (3.0, -1.5, 1.5)), ("general", 2.0, (3.0, -1.5, 1.5))],
)
def test_a_callback_may_solve_and_refer_to_what_is_differentiated(kind, at, expected):
    f = lambda a: solved_on_the_host(kind, a)
    for g, value in zip((f, cv.grad(f), cv.grad(cv.grad(f))), expected, strict=True):
        np.testing.assert_allclose(g(at), value, rtol=1e-12)
        np.testing.assert_allclose(cv.jit(g)(at), value, rtol=1e-12)


def scaled_anew(w):
    """A function whose rule makes the function again."""
    f = cv.custom_jvp(lambda x: x * x * w)
    f.defjvp(lambda primals, tangents: (scaled_anew(w)(*primals), 2 * w * primals[0] * tangents[0]))
    return f


def test_a_rule_may_make_its_function_anew():
    f = lambda x, w: scaled_anew(w)(x)
    assert cv.jit(f)(3.0, 2.0) == 18.0
    assert cv.jit(cv.grad(f))(3.0, 2.0) == 12.0
    assert cv.jit(cv.grad(cv.grad(f)))(3.0, 2.0) == 4.0
