"""Functions with rules as plain Python: nothing is staged, remembered or bypassed that the user would notice."""

from __future__ import annotations

import copy
import gc
import re
from typing import NamedTuple

import numpy as np
import pytest

import covector as cv
from covector import lax

pytestmark = pytest.mark.usefixtures("few_objects")

X = np.array([0.3, -1.2, 0.8])
V = np.array([1.0, 0.5, -2.0])


def seven(fun=np.sin):
    """A function whose reverse derivative is 7, whatever it computes."""
    f = cv.custom_vjp(fun)
    f.defvjp(lambda *args: (fun(*args), None), lambda _, ct: (7.0 * ct,))
    return f


# --- Python on known values -----------------------------------------------------------------------------------


def test_functions_and_rules_may_branch_on_known_values():
    f = cv.custom_vjp(lambda x: x * x if x > 0 else -x)
    f.defvjp(lambda x: (f(x), x), lambda x, ct: (7.0 * ct if x > 0 else 8.0 * ct,))
    assert (cv.grad(f)(2.0), cv.grad(f)(-2.0)) == (7.0, 8.0)
    assert cv.jvp(f, (2.0,), (1.0,)) == (4.0, 4.0)
    assert cv.vmap(cv.grad(f), branches="split")(X).tolist() == [7.0, 8.0, 7.0]
    with pytest.raises(cv.errors.TracerBoolConversionError):  # the split is over when the backward half runs
        cv.grad(lambda x: np.sum(cv.vmap(f, branches="split")(x)))(X)


def test_a_function_that_cannot_be_traced_has_a_derivative():
    def outside(x):
        assert type(x) is np.ndarray
        return np.frombuffer(np.sin(x).tobytes())

    f = cv.custom_vjp(outside)
    f.defvjp(lambda x: (outside(x), np.cos(x)), lambda cos, ct: (cos * ct,))
    np.testing.assert_allclose(cv.grad(lambda x: np.sum(f(x) * V))(X), np.cos(X) * V)
    np.testing.assert_allclose(cv.vjp(f, X)[1](V)[0], np.cos(X) * V)


def test_a_function_may_depend_on_what_changes():
    state = {"a": 2.0}
    f = cv.custom_vjp(lambda x: state["a"] * x)
    f.defvjp(lambda x: (f(x), None), lambda _, ct: (ct,))
    assert cv.jvp(f, (1.0,), (1.0,)) == (2.0, 2.0)
    assert cv.vmap(f)(X).tolist() == (2.0 * X).tolist()
    state["a"] = 3.0
    assert cv.jvp(f, (1.0,), (1.0,)) == (3.0, 3.0)
    assert cv.vmap(f)(X).tolist() == (3.0 * X).tolist()


@pytest.mark.parametrize("call", ["closure_convert", "custom_vmap", "custom_linear_solve"])
def test_what_a_function_depends_on_is_not_remembered(call):
    state = {"a": 2.0}
    scaled, solve = (lambda x: state["a"] * x), (lambda matvec, b: b / matvec(1.0))
    batched = cv.custom_vmap(scaled)
    batched.def_vmap(lambda n, in_batched, x: (state["a"] * x, True))
    calls = {
        "closure_convert": lambda: cv.closure_convert(scaled, 1.0)[0](1.0),
        "custom_vmap": lambda: cv.jvp(batched, (1.0,), (1.0,))[0],
        "custom_linear_solve": lambda: 4.0 / cv.custom_linear_solve(scaled, 4.0, solve),
    }
    assert calls[call]() == 2.0
    state["a"] = 3.0
    assert calls[call]() == 3.0


def test_a_rule_that_is_registered_again_counts():
    f = cv.custom_jvp(lambda x, y: x * y)
    seen = []

    def rule(primals, tangents):
        seen.append(type(tangents[1]) is cv.Zero)
        return f(*primals), tangents[0]

    f.defjvp(rule)
    cv.jvp(lambda x: f(x, 2.0), (1.0,), (1.0,))
    f.defjvp(rule, symbolic_zeros=True)
    cv.jvp(lambda x: f(x, 2.0), (1.0,), (1.0,))
    assert seen == [False, True]


def test_calls_leave_nothing_behind():
    f = seven()
    gc.collect()
    gc.disable()
    try:
        cv.grad(f)(2.0)
        cv.vmap(cv.grad(f))(X)
        cv.jvp(f, (2.0,), (1.0,))
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize("way", [lambda f: cv.make_jaxpr(f)(2.0), lambda f: lax.scan(lambda c, _: (f(c), None), 2.0, None, 2)])
def test_programs_with_rules_that_close_over_their_values_leave_nothing_behind(way):
    def scaled(x):
        f = cv.custom_batching.custom_vmap(lambda y: y * x)
        f.def_vmap(lambda size, batched, y: (y * x, True))
        return f(x + 1.0)

    way(scaled)
    gc.collect()
    gc.disable()
    try:
        way(scaled)
        assert gc.collect() == 0
    finally:
        gc.enable()


# --- nondiff arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [[3.0], {0: 3.0}, np.array([3.0])], ids=["list", "dict", "array"])
def test_nondiff_arguments_need_not_be_hashable(factor):
    f = cv.custom_vjp(lambda x, n: x * n[0], nondiff_argnums=(1,))
    f.defvjp(lambda x, n: (x * n[0], None), lambda n, _, ct: (2.0 * ct * n[0],))
    assert cv.grad(lambda x: f(x, factor))(2.0) == 6.0
    assert cv.jit(cv.grad(lambda x: f(x, factor)))(2.0) == 6.0


class Named(NamedTuple):
    size: int
    items: object


def number_in(n):
    """The last number that an argument holds."""
    last = cv.tree.leaves(n)[-1]
    return float(last) if isinstance(last, float) else float(*last)


WITHIN = [lambda n: n, lambda n: (2, n), lambda n: [np.ones(2), (n,)], lambda n: {"n": n}, lambda n: Named(2, n)]


@pytest.mark.parametrize("within", WITHIN, ids=["alone", "tuple", "nested", "dict", "named"])
@pytest.mark.parametrize(
    ("given", "write"),
    [
        ([3.0], lambda n: n.append(n.pop() + 4.0)),
        ({"a": 3.0}, lambda n: n.update(a=7.0)),
        ({3.0}, lambda n: n.add(n.pop() + 4.0)),
        (np.array([3.0]), lambda n: n.fill(7.0)),
    ],
    ids=["list", "dict", "set", "array"],
)
def test_nondiff_arguments_may_change_before_the_backward_half(given, write, within):
    inner = copy.deepcopy(given)
    n = within(inner)
    f = cv.custom_vjp(lambda x, n: x * number_in(n), nondiff_argnums=(1,))
    f.defvjp(lambda x, n: (x * number_in(n), None), lambda n, _, ct: (ct * number_in(n),))
    out, pullback = cv.vjp(lambda x: f(x, n), 2.0)
    write(inner)
    assert (out, *pullback(1.0)) == (6.0, 3.0)


def test_equal_nondiff_arguments_of_other_types_differ():
    f = cv.custom_jvp(lambda x, n: x, nondiff_argnums=(1,))
    f.defjvp(lambda n, p, t: (p[0], t[0] * {bool: 2.0, int: 3.0, float: 4.0}[type(n)]))
    assert [cv.grad(lambda x: f(x, n))(1.0) for n in (True, 1, 1.0)] == [2.0, 3.0, 4.0]  # noqa: B023


def test_nondiff_arguments_by_name():
    f = cv.custom_jvp(lambda x, g, n=2: g(x) * n, nondiff_argnames=("g", "n"))
    f.defjvp(lambda g, n, p, t: (g(p[0]) * n, 5.0 * n * t[0]))
    assert f.nondiff_argnums == (1, 2)
    assert cv.grad(lambda x: f(x, g=np.sin))(1.0) == 10.0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"nondiff_argnums": 3}, r"nondiff_argnums of .*<lambda> names position 3, and it has 2 parameters"),
        ({"nondiff_argnums": (True,)}, r"nondiff_argnums of .*<lambda> has True among its positions"),
        ({"nondiff_argnames": "z"}, r"nondiff_argnums of .*<lambda> names \['z'\], and its parameters are \['x', 'y'\]"),
    ],
)
def test_wrong_nondiff_arguments_are_refused(options, text):
    with pytest.raises(cv.errors.ArgumentError, match=text):
        cv.custom_vjp(lambda x, y: x, **options)


@pytest.mark.parametrize(
    "outer",
    [lambda f: cv.grad(cv.jit(f))(2.0, 3.0), lambda f: cv.grad(lambda x: np.sum(cv.vmap(f)(x, V)))(X)],
    ids=["jit", "vmap"],
)
def test_a_nondiff_argument_may_be_a_traced_value_of_a_transformation_that_has_ended(outer):
    f = cv.custom_vjp(lambda x, n: x * n, nondiff_argnums=(1,))
    f.defvjp(lambda x, n: (x * n, None), lambda n, _, ct: (5.0 * ct * n,))
    np.testing.assert_array_equal(outer(lambda x, n: f(x, n)), 5.0 * outer(lambda x, n: x * n))


# --- closed-over values ---------------------------------------------------------------------------------------


def scaled_by(a, kind):
    if kind == "jvp":
        f = cv.custom_jvp(lambda x: a * x)
        f.defjvp(lambda p, t: (f(*p), 7.0 * a * t[0]))
    else:
        f = cv.custom_vjp(lambda x: a * x)
        f.defvjp(lambda x: (f(x), None), lambda _, ct: (7.0 * a * ct,))
    return f


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_rules_may_close_over_values_of_open_transformations(kind):
    gradient = lambda x, a: cv.grad(scaled_by(a, kind))(x)
    assert cv.jit(gradient)(2.0, 3.0) == 21.0
    np.testing.assert_allclose(cv.vmap(gradient)(X, V), 7.0 * V)
    np.testing.assert_allclose(cv.vmap(gradient, (None, 0))(2.0, V), 7.0 * V)
    assert cv.grad(lambda a: gradient(2.0, a))(3.0) == 7.0


def test_a_jvp_rule_may_close_over_a_batch_that_is_differentiated():
    f = lambda x, a: scaled_by(a, "jvp")(x)
    np.testing.assert_allclose(cv.grad(lambda x: np.sum(cv.vmap(f)(x, V)))(X), 7.0 * V)
    np.testing.assert_allclose(cv.grad(lambda x: np.sum(cv.vmap(f, (None, 0))(x, V)))(2.0), 7.0 * np.sum(V))
    np.testing.assert_allclose(cv.jvp(lambda x: cv.vmap(f)(x, V), (X,), (V,)), (X * V, 7.0 * V * V))


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_rules_may_close_over_values_of_transformations_that_have_ended(kind):
    f = lambda x, a: scaled_by(a, kind)(x)
    assert cv.grad(cv.jit(f))(2.0, 3.0) == 21.0
    loop = lambda x: lax.scan(lambda c, a: (f(c, a), None), x, V)[0]
    assert cv.grad(loop)(2.0) == np.prod(7.0 * V)


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_derivatives_in_closed_over_values_are_refused(kind):
    text = r"closes over a value of type .*f64\[\] that is being differentiated"
    with pytest.raises(cv.errors.CustomRuleError, match=text):
        cv.grad(lambda a: scaled_by(a, kind)(a))(2.0)
    with pytest.raises(cv.errors.CustomRuleError, match=text):
        cv.grad(lambda x: cv.grad(lambda a: scaled_by(a, kind)(x))(3.0))(2.0)


# --- reverse mode uses the VJP rule wherever it happens ---------------------------------------------------------

CHECKPOINTED = {
    "checkpoint": lambda f: cv.checkpoint(lambda x: np.sum(f(x))),
    "checkpoint of jit": lambda f: cv.checkpoint(cv.jit(lambda x: np.sum(f(x)))),
    "checkpoint of vmap": lambda f: cv.checkpoint(lambda x: np.sum(cv.vmap(f)(x))),
    "vmap of checkpoint": lambda f: lambda x: np.sum(cv.vmap(cv.checkpoint(f))(x)),
    "nested": lambda f: cv.checkpoint(lambda x: np.sum(cv.checkpoint(f)(x))),
    "scan": lambda f: lambda x: np.sum(lax.scan(lambda c, _: (f(c), None), x, None, length=1, checkpoint=1)[0]),
    "while": lambda f: (
        lambda x: np.sum(lax.while_loop(lambda c: c[0] < 1, lambda c: (c[0] + 1, f(c[1])), (0, x), checkpoint=1)[1])
    ),
    "cond": lambda f: cv.checkpoint(lambda x: np.sum(lax.cond(np.sum(x) > -9, f, np.cos, x))),
}


@pytest.mark.parametrize("name", CHECKPOINTED)
def test_a_checkpointed_function_keeps_its_vjp_rule(name):
    f = CHECKPOINTED[name](seven())
    np.testing.assert_allclose(cv.grad(f)(X), [7.0] * 3)
    np.testing.assert_allclose(cv.jit(cv.grad(f))(X), [7.0] * 3)
    np.testing.assert_allclose(cv.vmap(cv.grad(f))(np.stack([X, V])), np.full((2, 3), 7.0))
    np.testing.assert_allclose(cv.jvp(f, (X,), (V,))[1], np.sum(np.cos(X) * V))  # forward mode is of the function


@pytest.mark.parametrize("checkpoint", ["sqrt", "binomial", 2])
def test_a_checkpointed_loop_keeps_the_vjp_rule_in_each_step(checkpoint):
    f = seven()
    loop = lambda x, **options: lax.scan(lambda c, _: (f(c), None), x, None, length=5, **options)[0]
    assert cv.grad(loop)(0.5) == cv.grad(lambda x: loop(x, checkpoint=checkpoint))(0.5) == 7.0**5


def test_second_derivatives_through_a_checkpoint():
    f = cv.custom_vjp(np.sin)
    f.defvjp(lambda x: (np.sin(x), x), lambda x, ct: (np.cos(x) * ct,))
    g = cv.checkpoint(f)
    np.testing.assert_allclose(cv.grad(cv.grad(g))(0.3), -np.sin(0.3))
    np.testing.assert_allclose(cv.jvp(cv.grad(g), (0.3,), (1.0,))[1], -np.sin(0.3))
    np.testing.assert_allclose(cv.grad(lambda x: cv.jvp(g, (x,), (1.0,))[1])(0.3), -np.sin(0.3))
    np.testing.assert_allclose(cv.hessian(lambda x: np.sum(cv.vmap(g)(x)))(X), -np.diag(np.sin(X)))


# --- rules that meet tangents -----------------------------------------------------------------------------------


def test_a_tangent_that_is_zero_poisons_nothing():
    f = cv.custom_jvp(lambda x, y: x * y)
    f.defjvp(lambda p, t: (f(*p), p[1] * t[0] + np.inf * t[1]))
    assert cv.grad(f)(2.0, 3.0) == 3.0
    assert cv.jit(cv.grad(f))(2.0, 3.0) == 3.0
    assert cv.grad(cv.jit(f))(2.0, 3.0) == 3.0
    assert cv.vmap(cv.grad(f), (0, None))(X, 3.0).tolist() == [3.0] * 3


@pytest.mark.parametrize("kind", ["jvp", "vjp", "vmap"])
def test_a_linear_function_with_rules_may_be_applied_to_tangents(kind):
    if kind == "vmap":
        double = cv.custom_vmap(lambda x: 2.0 * x)
        double.def_vmap(lambda n, in_batched, x: (2.0 * x, in_batched[0]))
    else:
        double = {"jvp": cv.custom_jvp, "vjp": cv.custom_vjp}[kind](lambda x: 2.0 * x)
        double.defjvp(lambda p, t: (double(*p), 2.0 * t[0]))
    f = cv.custom_jvp(np.sin)
    f.defjvp(lambda p, t: (f(*p), np.cos(p[0]) * double(t[0]) / 2.0))
    for gradient in (cv.grad(f), cv.jit(cv.grad(f)), cv.grad(cv.jit(f))):
        np.testing.assert_allclose(gradient(0.3), np.cos(0.3))
    np.testing.assert_allclose(cv.vmap(cv.grad(f))(X), np.cos(X))
    assert cv.linear_transpose(double, 1.0)(1.0)[0] == 2.0
    assert cv.linear_transpose(cv.jit(double), 1.0)(1.0)[0] == 2.0


def test_none_stands_for_a_tree_of_cotangents():
    f = cv.custom_vjp(lambda d: d["a"] * d["b"][0])
    f.defvjp(lambda d: (f(d), d), lambda d, ct: ({"a": ct * d["b"][0], "b": None},))
    assert cv.grad(f)({"a": 2.0, "b": (3.0, 4.0)}) == {"a": 3.0, "b": (0.0, 0.0)}
    f.defvjp(lambda d: (f(d), d), lambda d, ct: ({"a": None, "b": ct},))
    with pytest.raises(cv.errors.TreeMismatchError, match=r"the bwd rule of .*<lambda> got a cotangent with the structure"):
        cv.grad(f)({"a": 2.0, "b": (3.0, 4.0)})


def test_residuals_that_all_examples_share_are_not_repeated():
    f = cv.custom_vjp(lambda w, x: w @ x)

    def bwd(residuals, ct):
        w, x = residuals
        return np.outer(ct, x), np.transpose(w) @ ct

    f.defvjp(lambda w, x: (f(w, x), (w, x)), bwd)
    w, xs = np.arange(6.0).reshape(2, 3), np.ones((4, 3))
    gradient = cv.vmap(cv.grad(lambda w, x: np.sum(f(w, x)), 1), (None, 0))
    np.testing.assert_allclose(gradient(w, xs), np.tile(np.sum(w, 0), (4, 1)))
    outer = lambda w: np.sum(cv.vmap(f, (None, 0))(w, xs))
    np.testing.assert_allclose(cv.grad(outer)(w), np.full((2, 3), 4.0))
    jaxpr = cv.make_jaxpr(cv.vjp(lambda xs: cv.vmap(f, (None, 0))(w, xs), xs)[1])(np.ones((4, 2)))
    assert not re.search(r"f64\[4,(2,3|3,2)\]", str(jaxpr))


def test_a_cotangent_that_is_zero_is_linear_as_the_others_are():
    """The transpose of a compiled derivative, in which only one of two results has a cotangent, is transposed again."""
    f = cv.custom_vjp(lambda x: (np.sin(x), x**2))
    f.defvjp(lambda x: (f.fun(x), x), lambda x, cts: (np.cos(x) * cts[0] + 2.0 * x * cts[1],))
    x, t = np.array([0.3, -1.2]), np.array([1.0, 2.0])
    _, derivative = cv.linearize(lambda x: cv.checkpoint(f)(x)[0], x)
    once = cv.linear_transpose(cv.jit(lambda t: 3.0 * derivative(t)), t)
    (found,) = cv.linear_transpose(lambda ct: once(ct)[0], t)(t)
    np.testing.assert_allclose(found, 3.0 * np.cos(x) * t)
