"""Rules that use a traced value from outside, called inside loops, branches and calls, against the same without closures.

The rules are those of ``x -> 3 x``, with the "derivative" ``x y``: an outer value ``y`` that a rule loses shows in the first
derivative, and one that it treats as a constant in the second.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.core.errors import CustomRuleError, UnexpectedTracerError
from covector.interpreters.closures import reachable_tracers

# --- where traced values are looked for ------------------------------------------------------------------------------


class Slots:
    __slots__ = ("kept",)

    def __init__(self, kept):
        self.kept = kept


class Slot:
    __slots__ = "kept"
    __init__ = Slots.__init__


class Attributes:
    __init__ = Slots.__init__

    def method(self):
        return self.kept


def unset(x):
    def f(late):
        if late:
            later = x
        return lambda: (x, later)

    return f(False)


HOLDERS = {
    "slots": Slots,
    "slot": Slot,
    "attributes": Attributes,
    "method": lambda x: Attributes(x).method,
    "closure": lambda x: lambda: x,
    "closure with a variable without a value": unset,
    "default": lambda x: lambda y=x: y,
    "keyword": lambda x: lambda *, y=x: y,
    "partial": lambda x: partial(np.add, x),
    "partial, keyword": lambda x: partial(np.add, where=x),
    "partial of one that holds it": lambda x: partial(lambda: x),
    "containers": lambda x: {"kept": [(1, x)]},
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_where_traced_values_are_found(holder):
    seen = []
    cv.grad(lambda x: seen.append([t is x for t in reachable_tracers([HOLDERS[holder](x)])]) or x)(2.0)
    assert seen == [[True]]


def test_where_traced_values_are_not_looked_for():
    """In classes and modules, and in too many objects; each object is looked at once, so cycles end."""
    found = {}

    def f(x):
        cyclic = [x]
        cyclic.append(cyclic)
        found["class"] = len([*reachable_tracers([type("Kept", (), {"kept": x})])])
        found["many"] = len([*reachable_tracers([x, *map(float, range(20_000))])])
        found["cycle"] = len([*reachable_tracers([cyclic])])
        return x

    cv.grad(f)(2.0)
    assert found == {"class": 0, "many": 0, "cycle": 1}


# --- kinds of rules: closing(y) and its twin, which is given y as an argument of its own ---------------------------------


def jvp_rule(y):
    f = cv.custom_jvp(lambda x: 3.0 * x)
    f.defjvp(lambda p, t: (3.0 * p[0], t[0] * p[0] * y))
    return f


def jvp_rule_that_calls_the_function(y):
    f = cv.custom_jvp(lambda x: 3.0 * x)
    f.defjvp(lambda p, t: (f(p[0]), t[0] * f(p[0]) * (y / 3.0)))  # its second derivative is 2 x y^2 / 3 + ..., by the same rule
    return f


def jvp_rule_with_symbolic_zeros(y):
    f = cv.custom_jvp(lambda x: 3.0 * x)
    f.defjvp(lambda p, t: (3.0 * p[0], cv.instantiate(t[0]) * p[0] * y), symbolic_zeros=True)
    return f


def defjvps(y):
    f = cv.custom_jvp(lambda x: 3.0 * x)
    f.defjvps(lambda t, out, x: t * x * y)
    return f


def fwd_rule(y):
    f = cv.custom_vjp(lambda x: 3.0 * x)
    f.defvjp(lambda x: (3.0 * x, x * y), lambda r, ct: (ct * r,))
    return f


def fwd_rule_that_returns_it(y):
    f = cv.custom_vjp(lambda x: 3.0 * x)
    f.defvjp(lambda x: (3.0 * x, (x, y)), lambda r, ct: (ct * r[0] * r[1],))
    return f


def bwd_rule(y):
    f = cv.custom_vjp(lambda x: 3.0 * x)
    f.defvjp(lambda x: (3.0 * x, x), lambda x, ct: (ct * x * y,))
    return f


def bwd_rule_with_symbolic_zeros(y):
    f = cv.custom_vjp(lambda x: 3.0 * x)
    f.defvjp(lambda x: (3.0 * x.value, x.value), lambda x, ct: (cv.instantiate(ct) * x * y,), symbolic_zeros=True)
    return f


def both_rules(y):
    f = cv.custom_vjp(lambda x: 3.0 * x)
    f.defvjp(lambda x: (3.0 * x, x), lambda x, ct: (ct * x * y,))
    f.defjvp(lambda p, t: (3.0 * p[0], t[0] * p[0] * y))
    return f


class Layer:
    """A rule that finds the value in an object of its own."""

    def __init__(self, y):
        self.parameters = {"y": [y]}

    def jvp(self, p, t):
        return 3.0 * p[0], t[0] * p[0] * self.parameters["y"][0]


def rule_of_an_object(y):
    f = cv.custom_jvp(lambda x: 3.0 * x)
    f.defjvp(Layer(y).jvp)
    return f


def nondiff_argument_that_is_a_function(y):
    f = cv.custom_jvp(lambda scale, x: 3.0 * x, nondiff_argnums=(0,))
    f.defjvp(lambda scale, p, t: (3.0 * p[0], scale(t[0] * p[0])))
    return lambda x: f(lambda t: t * y, x)


def nested_rules(y):
    inner = cv.custom_jvp(lambda x: x * 1.0)
    inner.defjvp(lambda p, t: (p[0] * 1.0, t[0] * y))
    f = cv.custom_jvp(lambda x: 3.0 * x)
    f.defjvp(lambda p, t: (3.0 * p[0], t[0] * inner(p[0]) * y))
    return f


def with_arguments(kind):
    """The same rule with ``y`` as an argument, whose derivative is zero: nothing is closed over."""
    if kind is jvp_rule_that_calls_the_function:
        f = cv.custom_jvp(lambda x, y: 3.0 * x)
        f.defjvp(lambda p, t: (f(*p), t[0] * f(*p) * p[1] / 3.0))
        return f
    if kind is defjvps:
        f = cv.custom_jvp(lambda x, y: 3.0 * x)
        f.defjvps(lambda t, out, x, y: t * x * y, None)
        return f
    inner = cv.custom_jvp(lambda x, y: x * 1.0)
    inner.defjvp(lambda p, t: (p[0] * 1.0, t[0] * p[1]))
    f = cv.custom_jvp(lambda x, y: 3.0 * x)
    f.defjvp(lambda p, t: (3.0 * p[0], t[0] * (inner(*p) if kind is nested_rules else p[0]) * p[1]))
    g = cv.custom_vjp(lambda x, y: 3.0 * x)
    g.defvjp(lambda x, y: (3.0 * x, (x, y)), lambda r, ct: (ct * r[0] * r[1], None))
    if kind is both_rules:
        g.defjvp(lambda p, t: (3.0 * p[0], t[0] * p[0] * p[1]))
    return f if kind in JVP_KINDS else g


JVP_KINDS = [
    jvp_rule,
    jvp_rule_that_calls_the_function,
    jvp_rule_with_symbolic_zeros,
    defjvps,
    rule_of_an_object,
    nondiff_argument_that_is_a_function,
    nested_rules,
]
VJP_KINDS = [fwd_rule, fwd_rule_that_returns_it, bwd_rule, bwd_rule_with_symbolic_zeros, both_rules]
BWD_KINDS = [bwd_rule, bwd_rule_with_symbolic_zeros, both_rules]
KINDS = [*JVP_KINDS, *VJP_KINDS]

# --- where they are called, and how that is differentiated ----------------------------------------------------------------

CONTAINERS = {
    "nothing": lambda f: f,
    "scan": lambda f: lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0],
    "checkpointed scan": lambda f: lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2, checkpoint="sqrt")[0],
    "map": lambda f: lambda x: lax.map(f, np.ones(2) * x).sum(),
    "fori": lambda f: lambda x: lax.fori_loop(0, 2, lambda i, c: f(c), x),
    "while": lambda f: lambda x: lax.while_loop(lambda c: c[1] < 2, lambda c: (f(c[0]), c[1] + 1), (x, 0))[0],
    "cond": lambda f: lambda x: lax.cond(x > 0, f, lambda x: x, x),
    "switch": lambda f: lambda x: lax.switch(1, [lambda x: x, f], x),
    "checkpoint": lambda f: lambda x: cv.checkpoint(f)(x),
    "jit": lambda f: lambda x: cv.jit(f)(x),
    "vmap": lambda f: lambda x: cv.vmap(f)(np.ones(2) * x).sum(),
    "scan of cond": lambda f: lambda x: lax.scan(lambda c, _: (lax.cond(c > 0, f, lambda x: x, c), None), x, None, length=2)[0],
    "jit of scan": lambda f: cv.jit(lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0]),
}

PYTHON = {
    **dict.fromkeys(["scan", "checkpointed scan", "fori", "while", "scan of cond", "jit of scan"], lambda f: lambda x: f(f(x))),
    **dict.fromkeys(["map", "vmap"], lambda f: lambda x: f(x) + f(1.0 * x)),
}

X, Y = 0.7, 1.3
YS = np.array([Y, 0.4, -1.1])

TRANSFORMATIONS = {
    "jvp": lambda f: cv.jvp(lambda x: f(x, Y), (X,), (1.0,)),
    "grad": lambda f: cv.grad(f)(X, Y),
    "jit(grad)": lambda f: cv.jit(cv.grad(f))(X, Y),
    "grad(jit)": lambda f: cv.grad(cv.jit(f))(X, Y),
    "jit(jvp)": lambda f: cv.jit(lambda x, y: cv.jvp(lambda x: f(x, y), (x,), (1.0,)))(X, Y),
    "vmap(grad)": lambda f: cv.vmap(cv.grad(f), (None, 0))(X, YS),
    "vmap(jvp)": lambda f: cv.vmap(lambda y: cv.jvp(lambda x: f(x, y), (X,), (1.0,)))(YS),
    "jvp(grad)": lambda f: cv.jvp(lambda x, y: cv.grad(f)(x, y), (X, Y), (0.3, 1.0)),
    "grad(grad)": lambda f: cv.grad(cv.grad(f), 1)(X, Y),
    "hessian": lambda f: cv.hessian(f)(X, Y),
    "grad(jvp)": lambda f: cv.grad(lambda y: cv.jvp(lambda x: f(x, y), (X,), (1.0,))[1])(Y),
    "jit(vmap(grad))": lambda f: cv.jit(cv.vmap(cv.grad(f), (None, 0)))(X, YS),
    "vmap(jit(grad))": lambda f: cv.vmap(cv.jit(cv.grad(f)), (None, 0))(X, YS),
    "jit(hessian)": lambda f: cv.jit(cv.hessian(f))(X, Y),
    "jit(grad(grad))": lambda f: cv.jit(cv.grad(cv.grad(f), 1))(X, Y),
    "grad of both": lambda f: cv.grad(f, (0, 1))(X, Y),
}


MOST = ["jit(grad)", "grad(jit)", "vmap(grad)", "jvp(grad)", "hessian", "jit(vmap(grad))", "grad of both"]
CASES = [(k, c) for k in [jvp_rule, bwd_rule] for c in CONTAINERS]
CASES += [(k, c) for k in KINDS for c in ["scan", "cond", "vmap"] if (k, c) not in CASES]


@pytest.mark.parametrize(("kind", "container"), CASES, ids=lambda k: k if isinstance(k, str) else k.__name__)
def test_a_rule_that_closes_over_a_traced_value(kind, container):
    twin = with_arguments(kind)
    inside, plain = CONTAINERS[container], PYTHON.get(container, lambda f: f)
    closing = lambda x, y: inside(kind(y))(x)
    wanted = lambda x, y: plain(lambda x: twin(x, y))(x)
    for name in TRANSFORMATIONS if kind in (jvp_rule, bwd_rule) else MOST:
        transform = TRANSFORMATIONS[name]
        want = transform(wanted)
        if name == "grad of both" and container in ("nothing", "vmap") and kind in BWD_KINDS:
            with pytest.raises(CustomRuleError, match=r"the bwd rule of .* uses a traced value of a transformation"):
                transform(closing)
            continue
        got = transform(closing)
        np.testing.assert_allclose(np.array(got), np.array(want), rtol=1e-12, err_msg=name)


# --- rules that find solutions, and linear maps ---------------------------------------------------------------------------


def root(y):
    newton = lambda f, x: lax.fori_loop(0, 30, lambda i, x: x - f(x) / (3 * x * x), x)
    return lambda x: cv.custom_root(lambda z: z**3 - x * y, 1.0 + x * 0, newton, lambda g, b: b / g(1.0))


def linear_solve(y):
    return lambda x: cv.custom_linear_solve(lambda z: z * (x + y), x * x, lambda matvec, b: b / matvec(1.0), symmetric=True)


def linear_solve_with_a_transpose(y):
    solve = lambda matvec, b: b / matvec(1.0)
    return lambda x: cv.custom_linear_solve(lambda z: z * (x + y), x * x, solve, transpose_solve=solve)


def call_of_a_linear_function(y):
    return lambda x: cv.linear_call(lambda r, z: r * z * y, lambda r, ct: r * ct * y, np.sin(x), x)


def function_with_a_transpose(y):
    f = cv.custom_transpose(lambda r, z: r * z * y)
    f.def_transpose(lambda r, ct: r * ct * y)
    return lambda x: f(np.sin(x), x)


def function_with_a_batching_rule(y):
    f = cv.custom_vmap(lambda x: np.sin(x) * y)
    f.def_vmap(lambda size, batched, x: (np.sin(x) * y, batched[0]))
    return f


SOLVED = {
    root: lambda x, y: np.cbrt(x * y),
    linear_solve: lambda x, y: x * x / (x + y),
    linear_solve_with_a_transpose: lambda x, y: x * x / (x + y),
    call_of_a_linear_function: lambda x, y: np.sin(x) * x * y,
    function_with_a_transpose: lambda x, y: np.sin(x) * x * y,
    function_with_a_batching_rule: lambda x, y: np.sin(x) * y,
}


@pytest.mark.parametrize("container", ["scan", "while", "cond", "checkpoint", "vmap"])
@pytest.mark.parametrize("kind", SOLVED, ids=lambda k: k.__name__)
def test_solutions_and_linear_maps_close_over_traced_values(kind, container):
    inside, plain = CONTAINERS[container], PYTHON.get(container, lambda f: f)
    closing = lambda x, y: inside(kind(y))(x)
    wanted = lambda x, y: plain(lambda x: SOLVED[kind](x, y))(x)
    for name in MOST:
        transform = TRANSFORMATIONS[name]
        np.testing.assert_allclose(np.array(transform(closing)), np.array(transform(wanted)), rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("container", ["nothing", "scan", "while", "cond", "checkpoint", "jit", "map"])
def test_a_batching_rule_that_closes_over_a_traced_value_is_used(container):
    def f(x, y):
        triple = cv.custom_vmap(lambda x: 3.0 * x)
        triple.def_vmap(lambda size, batched, x: (5.0 * x * y, batched[0]))
        return CONTAINERS[container](triple)(x)

    def plain(x, y):
        return PYTHON.get(container, lambda f: f)(lambda x: 5.0 * x * y)(x)

    xs = np.array([0.5, 0.7])
    total = lambda g: lambda y: np.sum(cv.vmap(lambda x: g(x, y))(xs))
    for name, transform in {
        "grad": lambda g: cv.grad(total(g))(Y),
        "jit": lambda g: cv.jit(total(g))(Y),
        "jit(grad)": lambda g: cv.jit(cv.grad(total(g)))(Y),
        "vmap": lambda g: cv.vmap(total(g))(YS),
        "hessian": lambda g: cv.hessian(total(g))(Y),
    }.items():
        np.testing.assert_allclose(transform(f), transform(plain), rtol=1e-12, err_msg=name)


def test_a_batching_rule_may_be_called_when_its_value_is_gone():
    def f(x, y):
        triple = cv.custom_vmap(lambda x: 3.0 * x)
        triple.def_vmap(lambda size, batched, x: (5.0 * x * y, batched[0]))
        return triple(x)

    for g in (cv.vmap(cv.jit(f), (0, None)), cv.jit(cv.vmap(cv.jit(f), (0, None)))):
        np.testing.assert_array_equal(g(np.array([1.0, 2.0]), 2.0), [10.0, 20.0])
        np.testing.assert_array_equal(g(np.array([1.0, 2.0]), 3.0), [15.0, 30.0])


GLOBAL = []


def test_a_batching_rule_that_needs_a_value_that_is_gone_is_told_so():
    def f(x, y):
        GLOBAL[:] = [y]
        triple = cv.custom_vmap(lambda x: 3.0 * x)
        triple.def_vmap(lambda size, batched, x: (5.0 * x * GLOBAL[0], batched[0]))
        return triple(x)

    for g in (cv.vmap(cv.jit(f), (0, None)), cv.jit(cv.vmap(cv.jit(f), (0, None)))):
        with pytest.raises(UnexpectedTracerError, match=r"a leaked tracer .* is used after jit of [\s\S]*in a global"):
            g(np.ones(2), 2.0)
    GLOBAL.clear()


def test_a_value_that_would_be_lost_is_named():
    def f(x, y):
        sine = lambda x: cv.pure_callback(np.sin, x, x, jvp=lambda p, t: (sine(*p), np.cos(p[0]) * t[0] * y))
        return lax.scan(lambda c, _: (sine(c), None), x, None, length=2)[0]

    lost = r"a rule uses a traced value of type .*f64\[\].* from outside[\s\S]*Fix: pass the value"
    with pytest.raises(CustomRuleError, match=lost):
        cv.jit(cv.grad(f))(0.5, 2.0)
    with pytest.raises(CustomRuleError, match=lost):
        cv.vmap(cv.grad(f), (None, 0))(0.5, np.ones(2))


@pytest.mark.parametrize("container", ["scan", "cond", "checkpoint", "jit", "vmap", "while"])
@pytest.mark.parametrize("kind", [jvp_rule, bwd_rule], ids=lambda k: k.__name__)
def test_a_rule_that_closes_over_values_of_several_transformations(kind, container):
    """One value is batched, one is differentiated, one is of jit, and one is made from all of them."""
    inside, plain, twin = CONTAINERS[container], PYTHON.get(container, lambda f: f), with_arguments(kind)
    zs = np.array([0.2, -0.9])

    def total(call):
        def of(w):
            slope = lambda z: cv.jvp(lambda y: cv.grad(lambda x: call(x, np.sin(y) * z + w))(X), (Y,), (1.0,))[1]
            return np.sum(cv.vmap(slope)(zs))

        return of

    closing, wanted = total(lambda x, v: inside(kind(v))(x)), total(lambda x, v: plain(lambda x: twin(x, v))(x))
    for transform in (lambda f: f(0.7), lambda f: cv.jit(f)(0.7), lambda f: cv.grad(f)(0.7), lambda f: cv.jit(cv.grad(f))(0.7)):
        np.testing.assert_allclose(transform(closing), transform(wanted), rtol=1e-12)


# --- solvers that read a traced value, and do not need it ------------------------------------------------------------------


def reading(y, f):
    """The function, which reads a value first."""
    return lambda *args: (np.sin(y), f(*args))[1]


divide, step = lambda apply, b: b / apply(1.0), lambda f, z: z - f(z)
SYSTEM = lambda x: (lambda z: z / x, x**2)
CUBES = {
    "solve": lambda y: lambda x: lax.custom_linear_solve(*SYSTEM(x), reading(y, divide)),
    "solve of two": lambda y: lambda x: lax.custom_linear_solve(*SYSTEM(x), reading(y, divide), divide),
    "solve, symmetric": lambda y: lambda x: lax.custom_linear_solve(*SYSTEM(x), reading(y, divide), symmetric=True),
    "transpose_solve": lambda y: lambda x: lax.custom_linear_solve(*SYSTEM(x), divide, reading(y, divide)),
    "custom_root, solve": lambda y: lambda x: lax.custom_root(lambda z: z - x**3, 0.0, reading(y, step), divide),
    "custom_root, tangent_solve": lambda y: lambda x: lax.custom_root(lambda z: z - x**3, 0.0, step, reading(y, divide)),
}
CALLED = {
    "nothing": lambda f: f,
    "jit": cv.jit,
    "scan": lambda f: lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=1)[0],
    "checkpoint": cv.checkpoint,
    "cond": lambda f: lambda x: lax.cond(x > 0, f, lambda x: x, x),
    "vmap": lambda f: lambda x: cv.vmap(f)(np.reshape(x, (1,)))[0],
}


@pytest.mark.parametrize("call", CALLED)
@pytest.mark.parametrize("cube", CUBES)
def test_solvers_that_read_a_traced_value(cube, call):
    g = lambda x, y: CALLED[call](CUBES[cube](y))(x)
    f, first, second = lambda x: g(x, x), 3 * X**2, 6 * X
    for of_first in (cv.grad(f), cv.jit(cv.grad(f)), lambda x: cv.linearize(f, x)[1](1.0), lambda x: cv.vjp(f, x)[1](1.0)[0]):
        np.testing.assert_allclose(of_first(X), first, rtol=1e-12)
    for of_second in (
        cv.hessian(f),
        cv.jit(cv.hessian(f)),
        cv.grad(cv.grad(f)),
        cv.jacfwd(cv.jacfwd(f)),
        cv.jacrev(cv.jacfwd(f)),
    ):
        np.testing.assert_allclose(of_second(X), second, rtol=1e-12)
    for of_batch in (cv.vmap(cv.hessian(f)), cv.jit(cv.vmap(cv.hessian(f)))):
        np.testing.assert_allclose(of_batch(np.array([X])), [second], rtol=1e-12)
    assert cv.grad(lambda y: cv.grad(g)(X, y))(Y) == 0.0


def rule_that_reads(y, kind):
    """The cube, with a rule that reads a value and does not need it."""
    if kind == "jvp":
        f = cv.custom_jvp(lambda x: x**3)
        f.defjvp(reading(y, lambda p, t: (p[0] ** 3, 3 * p[0] ** 2 * t[0])))
    elif kind == "jvp that calls the function":
        f = cv.custom_jvp(lambda x: x**3)
        f.defjvp(reading(y, lambda p, t: (f(p[0]), (f(p[0]) - p[0] ** 3 + 3 * p[0] ** 2) * t[0])))
    else:
        f = cv.custom_vjp(lambda x: x**3)
        rules = [lambda x: (x**3, x), lambda x, ct: (3 * x**2 * ct,)]
        f.defvjp(*(reading(y, r) if kind == name else r for r, name in zip(rules, ("fwd", "bwd"), strict=True)))
    return f


@pytest.mark.parametrize("call", [c for c in CALLED if c not in ("nothing", "vmap")])
@pytest.mark.parametrize("kind", ["jvp", "jvp that calls the function", "fwd", "bwd"])
def test_rules_that_read_a_traced_value(kind, call):
    f = lambda x: CALLED[call](rule_that_reads(x, kind))(x)
    for of_first in (cv.grad(f), cv.jit(cv.grad(f)), lambda x: cv.vjp(f, x)[1](1.0)[0]):
        np.testing.assert_allclose(of_first(X), 3 * X**2, rtol=1e-12)
    for of_second in (cv.hessian(f), cv.jit(cv.hessian(f)), cv.grad(cv.grad(f))):
        np.testing.assert_allclose(of_second(X), 6 * X, rtol=1e-12)
    np.testing.assert_allclose(cv.vmap(cv.hessian(f))(np.array([X])), [6 * X], rtol=1e-12)
