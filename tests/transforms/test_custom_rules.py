"""custom_jvp, custom_vjp, both on one function, custom_vmap, linear_call, custom_root, custom_linear_solve, closure_convert."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from transformed import close, transformations

import covector as cv
from covector import lax

X = np.array([0.3, -1.2, 0.8])
V = np.array([1.0, 0.5, -2.0])
XS = np.stack([X, X * 1.5, -X])


# --- a function with right rules behaves as one without -----------------------------------------------------


def plain(x, y):
    return np.sin(x) * y, np.sum(x * y)


def with_jvp():
    f = cv.custom_jvp(plain)

    @f.defjvp
    def rule(primals, tangents):
        (x, y), (tx, ty) = primals, tangents
        return f(x, y), (np.cos(x) * y * tx + np.sin(x) * ty, np.sum(tx * y + x * ty))

    return f


def with_jvps():
    f = cv.custom_jvp(plain)
    f.defjvps(
        lambda t, out, x, y: (np.cos(x) * y * t, np.sum(t * y)),
        lambda t, out, x, y: (np.sin(x) * t, np.sum(x * t)),
    )
    return f


def with_symbolic_zeros():
    f = cv.custom_jvp(plain)

    def rule(primals, tangents):
        (x, y), (tx, ty) = primals, tangents
        a, b = cv.Zero(cv.typeof(x)), cv.Zero(cv.typeof(np.float64(0)))
        if type(tx) is not cv.Zero:
            a, b = np.cos(x) * y * tx, np.sum(tx * y)
        if type(ty) is not cv.Zero:
            c, d = np.sin(x) * ty, np.sum(x * ty)
            a, b = (c, d) if type(a) is cv.Zero else (a + c, b + d)
        return f(x, y), (a, b)

    f.defjvp(rule, symbolic_zeros=True)
    return f


def with_vjp():
    f = cv.custom_vjp(plain)
    f.defvjp(
        lambda x, y: (f(x, y), (x, y)),
        lambda res, cts: (
            np.cos(res[0]) * res[1] * cts[0] + cts[1] * res[1],
            np.sin(res[0]) * cts[0] + cts[1] * res[0],
        ),
    )
    return f


def with_both():
    f, g = with_jvp(), with_vjp()
    f.defvjp(*g.vjp_rule)
    return f


def with_vjp_that_returns_none():
    f = cv.custom_vjp(lambda x, y: plain(x, y)[0])
    f.defvjp(lambda x, y: (f(x, y), (x, y)), lambda res, ct: (np.cos(res[0]) * res[1] * ct, None))
    return lambda x, y: (f(x, cv.stop_gradient(y)) + 0 * y, np.sum(x * y))


def half_constant(x, y):
    return np.sin(x) * cv.stop_gradient(y), np.sum(x * y)


RULED = [
    (with_jvp, plain),
    (with_jvps, plain),
    (with_symbolic_zeros, plain),
    (with_vjp, plain),
    (with_both, plain),
    (with_vjp_that_returns_none, half_constant),
]


def scalar(f):
    def g(x, y):
        a, b = f(x * 1.5, y)
        return np.sum(np.tanh(a)) * b

    return g


TRANSFORMED = transformations((V, 2 * V)) | {
    "grad x": cv.grad,
    "grad y": lambda f: cv.grad(f, 1),
    "jvp x": lambda f: lambda x, y: cv.jvp(lambda x: f(x, y), (x,), (V,)),
    "in scan": lambda f: cv.grad(lambda x, y: lax.scan(lambda c, z: (c + f(z, c * y), c), 0.1, np.stack([x, y]))[0], (0, 1)),
}


def assert_same(found, wanted):
    close(found, np.array(wanted) if isinstance(wanted, list) else wanted)


@pytest.mark.parametrize("name", TRANSFORMED)
@pytest.mark.parametrize(("make", "reference"), RULED, ids=[make.__name__ for make, _ in RULED])
def test_right_rules_change_nothing(make, reference, name):
    transform = TRANSFORMED[name]
    f, g = transform(scalar(make())), transform(scalar(reference))
    expected = g(X, V)
    assert_same(f(X, V), expected)
    assert_same(cv.jit(f)(X, V), expected)
    assert_same(transform(cv.jit(scalar(make())))(X, V), expected)
    assert_same(cv.vmap(f)(XS, XS[::-1]), cv.vmap(g)(XS, XS[::-1]))
    assert_same(cv.vmap(f, (0, None))(XS, V), cv.vmap(g, (0, None))(XS, V))
    assert_same(cv.jit(cv.vmap(f, (None, 0)))(X, XS), cv.vmap(g, (None, 0))(X, XS))
    batched = transform(lambda x, y: np.sum(cv.vmap(scalar(make()), (0, None))(np.stack([x, 2 * x]), y)))
    assert_same(batched(X, V), transform(lambda x, y: scalar(reference)(x, y) + scalar(reference)(2 * x, y))(X, V))
    jaxpr = cv.make_jaxpr(f)(X, V)
    cv.check(jaxpr)
    assert "custom" in str(cv.make_jaxpr(scalar(make()))(X, V))


# --- the rules are used -------------------------------------------------------------------------------------


def marked():
    """A function whose forward derivative is 10 and whose reverse derivative is 100."""
    f = cv.custom_jvp(lambda x: 1.0 * x)
    f.defjvp(lambda primals, tangents: (f(*primals), 10.0 * tangents[0]))
    f.defvjp(lambda x: (f(x), ()), lambda _, ct: (100.0 * ct,))
    return f


def test_forward_mode_uses_the_jvp_and_reverse_mode_the_vjp():
    f = marked()
    assert cv.jvp(f, (2.0,), (1.0,)) == (2.0, 10.0)
    assert cv.grad(f)(2.0) == 100.0
    assert cv.jit(cv.grad(f))(2.0) == 100.0
    assert cv.grad(cv.jit(f))(2.0) == 100.0
    np.testing.assert_array_equal(cv.vmap(cv.grad(f))(X), [100.0] * 3)
    np.testing.assert_array_equal(cv.vmap(lambda x: cv.jvp(f, (x,), (1.0,))[1])(X), [10.0] * 3)


def test_forward_mode_without_a_jvp_differentiates_the_function():
    f = cv.custom_vjp(np.sin)
    f.defvjp(lambda x: (np.sin(x), None), lambda _, ct: (100.0 * ct,))
    np.testing.assert_allclose(cv.jvp(f, (X,), (V,))[1], np.cos(X) * V)
    np.testing.assert_allclose(cv.jacfwd(f)(X), np.diag(np.cos(X)))
    np.testing.assert_allclose(cv.grad(lambda x: np.sum(f(x)))(X), [100.0] * 3)


def test_a_linear_map_is_the_jvp_forward_and_the_vjp_backward():
    f = cv.custom_vjp(np.sin)
    f.defvjp(lambda x: (np.sin(x), None), lambda _, ct: (np.clip(100.0 * ct, -5.0, 5.0),))
    np.testing.assert_allclose(cv.linearize(f, X)[1](V), np.cos(X) * V)
    np.testing.assert_allclose(cv.vjp(f, X)[1](V)[0], [5.0, 5.0, -5.0])
    np.testing.assert_allclose(cv.vmap(cv.jacfwd(f))(XS), [np.diag(np.cos(x)) for x in XS])
    np.testing.assert_allclose(cv.linearize(marked(), 2.0)[1](1.0), 10.0)


def test_python_runs_as_it_is_where_nothing_is_traced():
    f = marked()
    assert type(f(3.0)) is float
    seen = []
    g = cv.custom_jvp(lambda x: seen.append(type(x)) or x)
    g.defjvp(lambda primals, tangents: (primals[0], tangents[0]))
    g(2.0)
    assert seen == [float]


def test_nondiff_arguments_and_keywords():
    @cv.custom_vjp(nondiff_argnums=(0, 2))
    def apply(f, x, scale=2.0):
        return f(x) * scale

    apply.defvjp(lambda f, x, scale: (apply(f, x, scale), x), lambda f, scale, x, ct: (ct * scale * np.cos(x) * 7.0,))
    assert_same(cv.grad(lambda x: np.sum(apply(np.sin, x, scale=3.0)))(X), 21.0 * np.cos(X))
    assert_same(cv.grad(lambda x: np.sum(apply(np.sin, x)))(X), 14.0 * np.cos(X))

    @cv.custom_jvp(nondiff_argnums=(1,))
    def power(x, n):
        return x**n

    power.defjvp(lambda n, primals, tangents: (primals[0] ** n, 5.0 * n * tangents[0]))
    assert_same(cv.jit(cv.grad(lambda x: np.sum(power(x, 3))))(X), [15.0] * 3)


def test_nondiff_arguments_of_different_types_are_different():
    factor = lambda kind: 2.0 if type(kind) is int else 3.0
    f = cv.custom_jvp(lambda x, kind: x * factor(kind), nondiff_argnums=(1,))
    f.defjvp(lambda kind, primals, tangents: (f(*primals, kind), tangents[0] * factor(kind)))
    assert [cv.grad(lambda x, k=kind: f(x, k))(1.0) for kind in (1, 1.0, True)] == [2.0, 3.0, 3.0]
    assert [cv.jit(lambda x, k=kind: f(x, k))(1.0) for kind in (1, 1.0, True)] == [2.0, 3.0, 3.0]


def test_a_method_can_have_a_rule():
    class Layer:
        @cv.custom_jvp(nondiff_argnums=(0,))
        def __call__(self, x):
            return x

        __call__.defjvp(lambda self, primals, tangents: (primals[0], 3.0 * tangents[0]))

    layer = Layer()
    assert cv.grad(lambda x: layer(x))(1.0) == 3.0


def test_symbolic_zeros_of_a_vjp():
    seen = []
    f = cv.custom_vjp(lambda x, y: (x * y, x + y))

    def fwd(x, y):
        seen.append((x.perturbed, y.perturbed))
        return (x.value * y.value, x.value + y.value), (x.value, y.value)

    def bwd(res, cts):
        seen.append(tuple(type(ct) is cv.Zero for ct in cts))
        return cts[0] * res[1], None

    f.defvjp(fwd, bwd, symbolic_zeros=True)
    assert cv.grad(lambda x: f(x, 3.0)[0])(2.0) == 3.0
    assert seen == [(True, False), (False, True)]


def test_integers_have_no_cotangents():
    f = cv.custom_vjp(lambda x, n: (x * n, n + 1))
    f.defvjp(lambda x, n: (f(x, n), n), lambda n, cts: (cts[0] * n, None))
    assert_same(cv.grad(lambda x: np.sum(f(x, np.array([1, 2, 3]))[0]))(X), [1.0, 2.0, 3.0])


def test_cotangents_of_unmapped_arguments_are_summed():
    f = cv.custom_vjp(lambda w, x: w * np.sum(x))
    f.defvjp(lambda w, x: (f(w, x), (w, x)), lambda res, ct: (ct * np.sum(res[1]), ct * res[0] * np.ones(3)))
    gradient = cv.grad(lambda w: np.sum(cv.vmap(f, (None, 0))(w, XS)))(2.0)
    np.testing.assert_allclose(gradient, np.sum(XS))


def test_a_derivative_in_a_program_is_mapped_and_differentiated():
    """By the rule, which is another one than that of the function."""
    f = cv.custom_jvp(lambda x, y: x * y)
    f.defjvp(lambda primals, tangents: (primals[0] * primals[1], 10.0 * tangents[0] * primals[0] * primals[1] ** 2))
    derivative = cv.jit(lambda x, y: cv.jvp(lambda x: f(x, y), (x,), (y * np.ones(3),))[1])
    mapped = cv.vmap(derivative, (1, None))
    np.testing.assert_allclose(mapped(XS.T, 3.0), 10.0 * XS * 27.0)
    np.testing.assert_allclose(cv.grad(lambda xs: np.sum(mapped(xs, 3.0) ** 2))(XS.T), (2 * (10.0 * XS * 27.0) * 270.0).T)


def test_a_batch_of_a_linear_map_is_transposed_by_the_backward_rule():
    f = cv.custom_vjp(lambda w, x: w * x * x)
    f.defvjp(lambda w, x: (f(w, x), (x, w)), lambda res, ct: (ct * res[0] ** 2, 10 * ct * res[0] * res[1]))
    xs, cts = np.stack([X, 2 * X]), np.stack([X + 1, X - 3])
    maps = cv.vmap(lambda x: cv.linearize(f, X, x)[1])(xs)
    linear = lambda dw, dxs: cv.vmap(lambda one, dw, dx: one(dw, dx), (0, None, 1))(maps, dw, dxs)
    np.testing.assert_allclose(linear(X, xs.T), X * xs**2 + 2 * X * xs * xs)
    of_w, of_xs = cv.linear_transpose(linear, X, xs.T)(cts)
    np.testing.assert_allclose(of_w, np.sum(cts * xs**2, 0))
    np.testing.assert_allclose(of_xs, (10 * cts * X * xs).T)


# --- closed-over values -------------------------------------------------------------------------------------


def test_closed_over_tracers_are_hoisted():
    def outer(a):
        f = cv.custom_vjp(lambda x: cv.stop_gradient(a) * x)
        f.defvjp(lambda x: (f(x), None), lambda _, ct: (ct * 2.0,))
        return cv.grad(f)(3.0) + f(1.0)

    assert cv.vmap(outer)(X).tolist() == (2.0 + X).tolist()
    assert cv.jit(outer)(1.0) == 3.0


def test_differentiating_a_closed_over_value_is_an_error():
    def outer(a):
        @cv.custom_jvp
        def scaled(x):
            return a * x

        scaled.defjvp(lambda primals, tangents: (scaled(*primals), tangents[0]))
        return scaled(a)

    with pytest.raises(
        cv.errors.CustomRuleError, match=r"scaled closes over a value of type .*f64\[\] that is being differentiated"
    ):
        cv.grad(outer)(2.0)


# --- what rules return is checked ---------------------------------------------------------------------------


def ruled(kind, rule, *more):
    def named(x, y):
        return x * y

    f = getattr(cv, f"custom_{kind}")(named)
    getattr(f, f"def{kind}")(rule, *more)
    return lambda: cv.grad(lambda x: np.sum(cv.jit(f)(x, 2.0)))(X)


good_fwd = lambda x, y: (x * y, None)
WRONG = {
    r"the jvp rule of .*named returned a tuple of 3": ruled("jvp", lambda p, t: (p[0], t[0], 1)),
    r"the jvp rule of .*named returned an output of type f64\[\] where .*named returns f64\[3\]": ruled(
        "jvp", lambda p, t: (np.sum(p[0]), t[0])
    ),
    r"the jvp rule of .*named returned a tangent of type f64\[\] for a value of type f64\[3\]": ruled(
        "jvp", lambda p, t: (p[0] * p[1], np.sum(t[0]))
    ),
    r"the jvp rule of .*named got a tangent with the structure": ruled("jvp", lambda p, t: (p[0] * p[1], [t[0]])),
    r"the fwd rule of .*named returned f64\[3\]": ruled("vjp", lambda x, y: x * y, lambda res, ct: (ct, None)),
    r"the fwd rule of .*named got an output with the structure": ruled(
        "vjp", lambda x, y: ([x], None), lambda res, ct: (ct, None)
    ),
    r"the bwd rule of .*named returned 1 cotangent for 2 arguments": ruled("vjp", good_fwd, lambda res, ct: (ct,)),
    r"the bwd rule of .*named returned f64\[3\] for 2 arguments": ruled("vjp", good_fwd, lambda res, ct: ct),
    r"the bwd rule of .*named returned a cotangent of type f64\[2\] for a value of type f64\[3\]": ruled(
        "vjp", good_fwd, lambda res, ct: (ct[:2], None)
    ),
    r"the bwd rule of .*named got a cotangent with the structure": ruled("vjp", good_fwd, lambda res, ct: ([ct], None)),
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_rules_are_refused(text):
    with pytest.raises((cv.errors.CustomRuleError, cv.errors.TreeMismatchError), match=text):
        WRONG[text]()


def test_missing_rules():
    with pytest.raises(cv.errors.CustomRuleError, match=r"f is called and has no derivative rule[\s\S]*f.defvjp"):

        @cv.custom_vjp
        def f(x):
            return x

        f(1.0)
    g = cv.custom_jvp(lambda x: x, nondiff_argnums=(0,))
    with pytest.raises(cv.errors.CustomRuleError, match="defjvps cannot be used with nondiff_argnums"):
        g.defjvps(None)
    h = cv.custom_jvp(lambda x, y: x)
    h.defjvps(lambda t, out, x, y: t)
    with pytest.raises(cv.errors.CustomRuleError, match="defjvps got 1 rules for 2 arguments"):
        cv.grad(h)(1.0, 2.0)
    with pytest.raises(cv.errors.CustomRuleError, match="has no batching rule"):
        cv.custom_vmap(np.sin)(X)


# --- custom_vmap --------------------------------------------------------------------------------------------


def test_custom_vmap():
    calls = []

    @cv.custom_vmap
    def f(x, y):
        return x["a"] * y, y

    @f.def_vmap
    def rule(axis_size, in_batched, x, y):
        calls.append((axis_size, in_batched))
        factor = np.reshape(y, np.shape(y) + (1,) * (x["a"].ndim - np.ndim(y)))
        return (100.0 * x["a"] * factor, y), (True, in_batched[1])

    assert_same(f({"a": X}, 2.0), (2 * X, 2.0))
    assert_same(cv.vmap(f, (0, None), (0, None))({"a": XS}, 2.0), (200 * XS, 2.0))
    assert_same(cv.jit(cv.vmap(f))({"a": XS}, X)[0], 100 * XS * X[:, None])
    assert calls == [(3, [{"a": True}, False]), (3, [{"a": True}, True])]
    assert_same(cv.grad(lambda x: np.sum(f({"a": x}, 3.0)[0]))(X), [3.0] * 3)
    assert "custom_vmap" in str(cv.make_jaxpr(f)({"a": X}, 2.0))
    nested = cv.vmap(cv.vmap(f))({"a": np.ones((2, 3))}, np.ones((2, 3)))
    assert_same(nested[0], 100.0 * np.ones((2, 3)))


def test_wrong_batching_rules():
    f = cv.custom_vmap(lambda x: x)
    f.def_vmap(lambda n, in_batched, x: x)
    with pytest.raises(cv.errors.CustomRuleError, match=r"returned f64\[3\]"):
        cv.vmap(f)(X)
    f.def_vmap(lambda n, in_batched, x: (x[:2], True))
    with pytest.raises(cv.errors.CustomRuleError, match=r"returned f64\[2\] as batched, which should be f64\[3\]"):
        cv.vmap(f)(X)


# --- linear_call --------------------------------------------------------------------------------------------


def doubled_gradient(a, x):
    return cv.linear_call(lambda r, x: r * x, lambda r, ct: 2.0 * r * ct, a, x)


def test_linear_call():
    f = lambda x: np.sum(doubled_gradient(V, x) ** 2)
    assert_same(doubled_gradient(V, X), V * X)
    assert_same(cv.jvp(lambda x: doubled_gradient(V, x), (X,), (X,)), (V * X, V * X))
    assert_same(cv.grad(f)(X), 4 * V * V * X)
    assert_same(cv.jit(cv.grad(f))(X), 4 * V * V * X)
    assert_same(cv.vmap(cv.grad(f))(XS), 4 * V * V * XS)
    shared = cv.grad(lambda x: np.sum(cv.vmap(lambda a: doubled_gradient(a, x))(XS)))(X)
    assert_same(shared, 2 * np.sum(XS, 0))
    assert_same(cv.grad(lambda x: np.sum(cv.grad(f)(x)))(X), 4 * V * V)  # each transposition of L alone doubles
    assert_same(cv.jvp(lambda a: doubled_gradient(a, X), (V,), (X,))[1], X * X)


def test_linear_call_closes_over_tracers():
    def f(a):
        return cv.grad(lambda x: np.sum(cv.linear_call(lambda _, x: a * x, lambda _, ct: 3.0 * a * ct, (), x)))(X)[0]

    assert_same(cv.vmap(f)(X), 3.0 * X)
    assert_same(cv.jit(f)(2.0), 6.0)


def test_a_wrong_transpose_is_refused():
    with pytest.raises(cv.errors.CustomRuleError, match=r"returned \(f64\[\]\) for linear arguments \(f64\[3\]\)"):
        cv.linear_call(lambda _, x: x, lambda _, ct: np.sum(ct), (), X)


def test_custom_transpose():
    f = cv.custom_transpose(lambda r, x: r * x)
    with pytest.raises(cv.errors.CustomRuleError, match="has no transpose"):
        f(2.0, X)
    f.def_transpose(lambda r, ct: 5.0 * r * ct)
    assert_same(cv.grad(lambda x: np.sum(f(2.0, x)))(X), [10.0] * 3)


# --- implicit differentiation -------------------------------------------------------------------------------


def newton(f, x):
    df = lambda x: cv.jvp(f, (x,), (1.0,))[1]
    return lax.while_loop(lambda x: np.abs(f(x)) > 1e-13, lambda x: x - f(x) / df(x), x)


def cube_root(a):
    return cv.custom_root(lambda x: x**3 - a, 1.0, newton, lambda g, y: y / g(1.0))


def test_custom_root():
    a = np.array([0.5, 2.0, 8.0])
    first, second = a ** (-2 / 3) / 3, -2 / 9 * a ** (-5 / 3)
    for i in range(3):
        assert_same(cube_root(a[i]), np.cbrt(a[i]))
        assert_same(cv.grad(cube_root)(a[i]), first[i])
        assert_same(cv.jvp(cube_root, (a[i],), (1.0,))[1], first[i])
        assert_same(cv.grad(cv.grad(cube_root))(a[i]), second[i])
        assert_same(cv.jvp(cv.grad(cube_root), (a[i],), (1.0,))[1], second[i])
        assert_same(cv.jit(cv.grad(cube_root))(a[i]), first[i])
    assert_same(cv.vmap(cube_root)(a), np.cbrt(a))
    assert_same(cv.vmap(cv.grad(cube_root))(a), first)
    assert_same(cv.jit(cv.vmap(cv.grad(cube_root)))(a), first)


def test_custom_root_of_a_system_with_aux():
    def fixed_point(w):
        f = lambda x: np.tanh(w @ x + 0.5) - x

        def solve(f, x):
            n, x = lax.while_loop(lambda c: np.max(np.abs(f(c[1]))) > 1e-14, lambda c: (c[0] + 1, c[1] + f(c[1])), (0, x))
            return x, n

        tangent_solve = lambda g, y: np.linalg.solve(cv.jacobian(g)(y), y)
        return cv.custom_root(f, np.zeros(3), solve, tangent_solve, has_aux=True)

    w = 0.3 * np.array([[0.2, 0.5, -0.1], [0.4, -0.3, 0.3], [0.1, 0.2, 0.6]])
    x, steps = fixed_point(w)
    np.testing.assert_allclose(np.tanh(w @ x + 0.5), x, atol=1e-13)
    assert steps > 3
    loss = lambda w: np.sum(fixed_point(w)[0] ** 2)
    step = 1e-6
    slope = (loss(w + step * np.eye(3)) - loss(w - step * np.eye(3))) / (2 * step)
    np.testing.assert_allclose(np.sum(cv.grad(loss)(w) * np.eye(3)), slope, rtol=1e-7)


def dense(matvec, b):
    return np.linalg.solve(cv.jacfwd(matvec)(np.zeros(3)), b)


@pytest.mark.parametrize("options", [{"transpose_solve": dense}, {}], ids=["with transpose_solve", "without"])
def test_custom_linear_solve(options):
    a = np.array([[2.0, 0.5, 0.1], [0.3, 1.5, -0.2], [0.0, 0.4, 3.0]])

    def f(a, b):
        return np.sum(np.sin(cv.custom_linear_solve(lambda x: a @ x, b, dense, **options)))

    def reference(a, b):
        return np.sum(np.sin(np.linalg.solve(a, b)))

    for transform in (
        lambda f: f,
        lambda f: cv.grad(f, (0, 1)),
        lambda f: cv.jit(cv.grad(f)),
        lambda f: cv.vmap(cv.grad(f), (None, 0)),
    ):
        args = (a, XS if transform(f).__name__.startswith("vmap") else X)
        assert_same(transform(f)(*args), transform(reference)(*args))
    hvp = lambda f: cv.jvp(cv.grad(f, (0, 1)), (a, X), (a.T, V))
    assert_same(hvp(f), hvp(reference))


def test_the_solver_is_not_differentiated():
    def gradient_free(matvec, b):
        out = cv.custom_jvp(lambda b: b / 4.0)
        out.defjvp(lambda p, t: 1 / 0)
        return out(b)

    solve = lambda b: cv.custom_linear_solve(lambda x: 4.0 * x, b, gradient_free, symmetric=True)
    assert_same(cv.grad(lambda b: np.sum(solve(b)))(X), [0.25] * 3)


def test_solutions_of_another_structure_are_refused():
    with pytest.raises(
        cv.errors.CustomRuleError, match=r"the solver .*<lambda> returned \(f64\[\]\) where the initial guess is \(f64\[3\]\)"
    ):
        cv.custom_root(lambda x: x, X, lambda f, x: np.sum(x), lambda g, y: y)


def test_closure_convert():
    def f(a):
        converted, consts = cv.closure_convert(lambda x, y: (a * x, y), X, (1.0, 2))
        assert len(consts) == 1
        first, rest = converted(V, (3.0, 4), *consts)
        assert rest == (3.0, 4)
        return np.sum(first)

    assert_same(cv.grad(f)(2.0), np.sum(V))
    converted, consts = cv.closure_convert(np.sin, X)
    assert consts == []
    assert_same(converted(V), np.sin(V))


def scaled_by(scale):
    """A function of a Python number times a single, whose rule multiplies with the single."""

    @cv.custom_vjp
    def f(x):
        return x * 2.0

    f.defvjp(lambda x: (x * 2.0, x), lambda x, ct: (ct * scale,))
    return f


@pytest.mark.parametrize("scale", [np.float32(2.0), np.float16(2.0), np.float64(2.0), 2.0])
def test_the_cotangent_of_a_python_number_may_be_of_any_width(scale):
    f = scaled_by(scale)
    assert cv.grad(f)(3.0) == 2.0
    for ct in (1.0, 1, np.float64(1.0), np.float32(1.0)):
        for found in (cv.vjp(f, 3.0)[1](ct), cv.jit(lambda x, ct=ct: cv.vjp(f, x)[1](ct))(3.0)):
            assert found == (2.0,) and type(found[0]) is np.float64
    assert cv.jvp(np.sin, (0.0,), (np.float32(1.0),))[1] == 1.0


def test_pullbacks_at_two_points_have_one_structure():
    f, other = scaled_by(2.0), scaled_by(2.0)

    @partial(cv.custom_vjp, nondiff_argnums=(0,))
    def power(n, x):
        return x**n

    power.defvjp(lambda n, x: (x**n, x), lambda n, x, ct: (n * x ** (n - 1) * ct,))

    def structure(f, x):
        return cv.tree.structure(cv.vjp(f, np.float64(x))[1])

    assert structure(f, 1.0) == structure(f, 2.0) != structure(other, 1.0)
    cubes = [structure(lambda x, n=n: power(n, x), x) for x, n in ((1.0, 3), (2.0, 3), (1.0, 2), (1.0, 3.0), (1.0, True))]
    assert [cubes[0] == c for c in cubes] == [True, True, False, False, False]

    sine = cv.custom_vjp(np.sin)
    sine.defvjp(lambda x: (np.sin(x), np.cos(x)), lambda cos, ct: (ct * cos,))

    def step(pullback, x):  # a pullback made anew is the carry of a loop
        return cv.vjp(sine, x)[1], pullback(1.0)[0]

    last, rows = cv.lax.scan(step, cv.vjp(sine, np.float64(7.0))[1], np.arange(3.0))
    np.testing.assert_allclose([*rows, last(1.0)[0]], np.cos([7.0, 0.0, 1.0, 2.0]), rtol=1e-15)
