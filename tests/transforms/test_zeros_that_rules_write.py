"""Rules of steps, whose derivative is an array of zeros: as good as a symbolic zero in every call, loop and branch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax


def with_jvp_rule(zero: Callable[[Any], Any]) -> Any:
    step = cv.custom_jvp(lambda x: np.round(x))
    step.defjvp(lambda primals, tangents: (np.round(primals[0]), zero(primals[0])))
    return step


def with_rules_of_arguments() -> Any:
    step = cv.custom_jvp(lambda x: np.round(x))
    step.defjvps(lambda t, out, x: np.zeros_like(x))
    return step


def with_both_rules() -> Any:
    step = cv.custom_vjp(lambda x: np.round(x))
    step.defjvp(lambda primals, tangents: (np.round(primals[0]), np.zeros_like(primals[0])))
    step.defvjp(lambda x: (np.round(x), None), lambda _, ct: (np.zeros_like(ct),))
    return step


def called_back(x: Any) -> Any:
    rule = lambda primals, tangents: (called_back(*primals), np.zeros_like(primals[0]))
    return cv.pure_callback(np.round, x, x, vmap_method="broadcast_all", jvp=rule)


step_p = cv.Primitive("step of these tests")
step_p.def_impl(np.round)
step_p.def_abstract(lambda x: x)
step_p.def_jvp(lambda primals, tangents: (step_p.bind(*primals), np.zeros_like(primals[0])))
step_p.def_batch(lambda size, args, dims: (step_p.bind(*args), dims[0]))

steps_p = cv.Primitive("steps of these tests", multiple_results=True)
steps_p.def_impl(lambda x: [np.round(x)])
steps_p.def_abstract(lambda x: [x])
steps_p.def_jvp(lambda primals, tangents: (steps_p.bind(*primals), [np.zeros_like(primals[0])]))
steps_p.def_batch(lambda size, args, dims: (steps_p.bind(*args), [dims[0]]))

STEPS: dict[str, Callable[[Any], Any]] = {
    "zeros_like": with_jvp_rule(np.zeros_like),
    "number": with_jvp_rule(lambda x: 0.0),
    "product": with_jvp_rule(lambda x: 0.0 * x),
    "instantiate": with_jvp_rule(lambda x: cv.instantiate(cv.Zero(cv.typeof(x)))),
    "defjvps": with_rules_of_arguments(),
    "both rules": with_both_rules(),
    "pure_callback": lambda x: called_back(1.0 * x),
    "primitive": lambda x: step_p.bind(1.0 * x),
    "primitive of several results": lambda x: steps_p.bind(1.0 * x)[0],
}

by_vjp_rule = cv.custom_vjp(lambda x, y: x * y)
by_vjp_rule.defvjp(lambda x, y: (x * y, (x, y)), lambda kept, ct: (ct * kept[1], ct * kept[0]))
by_jvp_rule = cv.custom_jvp(lambda x, y: x * y)
by_jvp_rule.defjvp(lambda p, t: (p[0] * p[1], p[0] * t[1] + p[1] * t[0]))
by_batch_rule = cv.custom_vmap(lambda x, y: x * y)
by_batch_rule.def_vmap(lambda size, batched, x, y: (x * y, True))


def looped(body: Callable[[Any], Any], x: Any) -> Any:
    return lax.scan(lambda c, _: (body(c), None), x, None, length=1)[0]


def looped_while(body: Callable[[Any], Any], x: Any) -> Any:
    return lax.while_loop(lambda s: s[0] < 1, lambda s: (s[0] + 1, body(s[1])), (0, x))[1]


def mapped(body: Callable[[Any], Any], x: Any) -> Any:
    return lax.map(body, np.reshape(x, (1,)))[0]


PRODUCTS: dict[str, Callable[..., Callable[[Any], Any]]] = {
    "direct": lambda r: lambda x: x * r(x),
    "jit": lambda r: lambda x: cv.jit(np.multiply)(x, r(x)),
    "jit of jit": lambda r: cv.jit(lambda x: cv.jit(np.multiply)(x, r(x))),
    "scan": lambda r: lambda x: looped(lambda c: c * r(x), x),
    "scan, in a carry": lambda r: lambda x: looped(lambda c: (c[0], c[0] * c[1]), (x, r(x)))[1],
    "scan, in xs": lambda r: lambda x: lax.scan(lambda c, s: (c * s, None), x, np.reshape(r(x), (1,)))[0],
    "scan, called inside": lambda r: lambda x: looped(lambda c: c * r(c), x),
    "scan, the carry itself": lambda r: lambda x: x * looped(r, x),
    "scan of scan": lambda r: lambda x: looped(lambda c: looped(lambda d: d * r(c), c), x),
    "while": lambda r: lambda x: looped_while(lambda c: c * r(x), x),
    "while, in a carry": lambda r: lambda x: looped_while(lambda c: (c[0], c[0] * c[1]), (x, r(x)))[1],
    "while, called inside": lambda r: lambda x: looped_while(lambda c: c * r(c), x),
    "fori_loop": lambda r: lambda x: lax.fori_loop(0, 1, lambda i, c: c * r(x), x),
    "cond": lambda r: lambda x: lax.cond(x > 0, np.multiply, np.add, x, r(x)),
    "cond, called inside": lambda r: lambda x: lax.cond(x > 0, lambda x: x * r(x), lambda x: x, x),
    "cond of cond": lambda r: lambda x: lax.cond(x > 0, PRODUCTS["cond"](r), lambda x: x, x),
    "switch": lambda r: lambda x: lax.switch(0, [np.multiply, np.add], x, r(x)),
    "map": lambda r: lambda x: mapped(lambda s: s * r(x), x),
    "map, called inside": lambda r: lambda x: mapped(lambda s: s * r(s), x),
    "checkpoint": lambda r: lambda x: cv.checkpoint(np.multiply)(x, r(x)),
    "checkpoint, called inside": lambda r: cv.checkpoint(lambda x: x * r(x)),
    "checkpoint, its result": lambda r: lambda x: cv.jit(np.multiply)(x, cv.checkpoint(r)(x)),
    "checkpoint of jit": lambda r: cv.checkpoint(PRODUCTS["jit"](r)),
    "checkpoint of scan": lambda r: cv.checkpoint(PRODUCTS["scan"](r)),
    "checkpoint of cond": lambda r: cv.checkpoint(PRODUCTS["cond"](r)),
    "scan of checkpoint": lambda r: lambda x: looped(cv.checkpoint(PRODUCTS["jit"](r)), x),
    "vmap": lambda r: lambda x: cv.vmap(PRODUCTS["jit"](r))(np.reshape(x, (1,)))[0],
    "custom_vjp": lambda r: lambda x: by_vjp_rule(x, r(x)),
    "jit of custom_vjp": lambda r: lambda x: cv.jit(by_vjp_rule)(x, r(x)),
    "custom_jvp": lambda r: lambda x: by_jvp_rule(x, r(x)),
    "custom_vmap": lambda r: lambda x: by_batch_rule(x, r(x)),
    "linear_call": lambda r: lambda x: x * cv.linear_call(lambda _, t: 1.0 * t, lambda _, ct: 1.0 * ct, (), r(x)),
    "custom_linear_solve": lambda r: lambda x: lax.custom_linear_solve(lambda y: 2.0 * y, 2.0 * x * r(x), lambda _, b: b / 2.0),
    "custom_root": lambda r: (
        lambda x: lax.custom_root(lambda y: y - x * r(x), 0.0, lambda f, y: y - f(y), lambda g, y: y / g(1.0))
    ),
    "associative_scan": lambda r: lambda x: lax.associative_scan(np.multiply, np.stack([x, r(x)]))[1],
}

X, XS = 2.1, np.array([2.1, 3.2])

DERIVATIVES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "grad": (lambda f: cv.grad(f)(X), 2.0),
    "jit of grad": (lambda f: cv.jit(cv.grad(f))(X), 2.0),
    "grad of jit": (lambda f: cv.grad(cv.jit(f))(X), 2.0),
    "grad of checkpoint": (lambda f: cv.grad(cv.checkpoint(f))(X), 2.0),
    "vmap of grad": (lambda f: cv.vmap(cv.grad(f))(XS), [2.0, 3.0]),
    "grad of vmap": (lambda f: cv.grad(lambda x: np.sum(cv.vmap(f)(x)))(XS), [2.0, 3.0]),
    "jit of vmap of grad": (lambda f: cv.jit(cv.vmap(cv.grad(f)))(XS), [2.0, 3.0]),
    "jvp": (lambda f: cv.jvp(f, (X,), (1.0,))[1], 2.0),
    "jacfwd": (lambda f: cv.jacfwd(f)(X), 2.0),
    "linearize": (lambda f: cv.linearize(f, X)[1](1.0), 2.0),
    "linear_transpose of jvp": (lambda f: cv.linear_transpose(lambda t: cv.jvp(f, (X,), (t,))[1], 1.0)(1.0)[0], 2.0),
    "hessian": (lambda f: cv.hessian(f)(X), 0.0),
    "jit of hessian": (lambda f: cv.jit(cv.hessian(f))(X), 0.0),
    "hessian of checkpoint": (lambda f: cv.hessian(cv.checkpoint(f))(X), 0.0),
    "jacrev of jacfwd": (lambda f: cv.jacrev(cv.jacfwd(f))(X), 0.0),
    "grad of grad": (lambda f: cv.grad(cv.grad(f))(X), 0.0),
    "grad of jvp": (lambda f: cv.grad(lambda x: cv.jvp(f, (x,), (1.0,))[1])(X), 0.0),
}


EVERYWHERE = ("zeros_like", "product", "defjvps", "both rules")
SOME = ("jit", "scan", "while, called inside", "cond", "checkpoint, its result", "scan of checkpoint")


@pytest.mark.parametrize(("step", "product"), [(s, p) for s in STEPS for p in PRODUCTS if s in EVERYWHERE or p in SOME])
def test_products_with_a_step_have_the_step_as_derivative(step: str, product: str) -> None:
    for name, (derivative, expected) in DERIVATIVES.items():
        found = derivative(PRODUCTS[product](STEPS[step]))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("product", ["jit", "scan", "while", "cond", "map", "checkpoint", "scan, called inside"])
def test_a_constant_that_is_no_zero_is_refused(product: str) -> None:
    f = PRODUCTS[product](with_jvp_rule(lambda x: 1.0 + np.zeros_like(x)))
    for derivative in (cv.grad(f), cv.jit(cv.grad(f)), cv.hessian(f)):
        with pytest.raises(cv.errors.LinearityError):
            derivative(X)


@pytest.mark.parametrize("call", [lambda f: f, cv.jit, cv.checkpoint], ids=["plain", "jit", "checkpoint"])
def test_the_derivative_of_an_integer_argument_in_a_rule(call: Any) -> None:
    real = cv.custom_jvp(lambda k, z: 1.0 * k)
    real.defjvp(lambda primals, tangents: cv.jvp(lambda k, z: 1.0 * k, primals, tangents))
    f = call(lambda x, k: lax.cond(k > 0, lambda o: x * o, lambda o: x, real(k, x)))
    for gradient in (cv.grad(f), cv.jit(cv.grad(f)), lambda x, k: cv.vmap(cv.grad(f), (0, None))(np.array([x]), k)[0]):
        assert gradient(2.0, 3) == 3.0


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "cond": lambda x, y: lax.cond(x > 0, np.multiply, np.add, x, y),
    "scan": lambda x, y: looped(lambda c: (c[0] * c[1], c[1]), (x, y))[0],
    "while": lambda x, y: looped_while(lambda c: (c[0] * c[1], c[1]), (x, y))[0],
    "jit": cv.jit(np.multiply),
    "checkpoint": cv.checkpoint(np.multiply),
    "custom_vmap": by_batch_rule,
}


@pytest.mark.parametrize("wrap", [lambda f: f, cv.jit], ids=["plain", "jit"])
@pytest.mark.parametrize("call", CALLS)
def test_directions_that_are_zero_beside_one_that_is_traced(call: str, wrap: Any) -> None:
    push = lambda t: cv.jvp(CALLS[call], (2.0, 5.0), (t, np.zeros(())))[1]
    assert wrap(lambda ct: cv.linear_transpose(push, 1.0)(ct)[0])(3.0) == 15.0
    assert cv.grad(push)(1.0) == 5.0


@pytest.mark.parametrize(
    "zero", [np.zeros_like, lambda x: 0.0, lambda x: cv.Zero(cv.typeof(x))], ids=["array", "number", "Zero"]
)
@pytest.mark.parametrize(
    "call",
    [lambda f: f, cv.jit, cv.checkpoint, lambda f: cv.jit(cv.checkpoint(f)), lambda f: cv.checkpoint(lambda x: looped(f, x))],
    ids=["plain", "jit", "checkpoint", "jit of checkpoint", "checkpoint of scan"],
)
def test_the_vjp_rule_counts_where_the_jvp_rule_says_zero(call: Any, zero: Any) -> None:
    """A step through which gradients pass straight, and directions do not."""
    straight = with_jvp_rule(zero)
    straight.defvjp(lambda x: (np.round(x), None), lambda _, ct: (ct,))
    assert cv.grad(call(straight))(X) == 1.0
    assert cv.grad(lambda x: x * call(straight)(x))(X) == X + 2.0
    assert cv.jvp(call(straight), (X,), (1.0,))[1] == 0.0


WRAPPED: dict[str, Callable[[Any], Any]] = {
    "plain": lambda f: f,
    "checkpoint": cv.checkpoint,
    "jit of checkpoint": lambda f: cv.jit(cv.checkpoint(f)),
    "checkpoint of scan": lambda f: cv.checkpoint(lambda x, y: looped(lambda c: (f(*c), c[1]), (x, y))[0]),
}


@pytest.mark.parametrize("wrap", WRAPPED)
def test_the_vjp_rule_counts_where_the_function_itself_has_no_derivative(wrap: str) -> None:
    steps = cv.custom_vjp(lambda x, y: np.round(x) + np.round(y))
    steps.defvjp(lambda x, y: (np.round(x) + np.round(y), None), lambda _, ct: (ct, 2.0 * ct))
    f = WRAPPED[wrap](steps)
    assert cv.grad(f, (0, 1))(2.1, 3.3) == (1.0, 2.0)
    assert cv.grad(f, 1)(2.1, 3.3) == 2.0
    assert cv.grad(lambda x: f(x, 3.0 * x))(2.1) == 7.0
    assert cv.hessian(lambda x: x * f(x, x))(1.2) == 3.0
    assert cv.grad(lambda x: cv.jvp(f, (2.1, x), (x, 1.0))[1])(3.3) == 0.0
    assert cv.linear_transpose(lambda t: cv.jvp(f, (2.1, 3.3), (t, 1.0))[1], 1.0)(1.0) == (0.0,)
    np.testing.assert_array_equal(cv.vmap(cv.grad(f, (0, 1)))(np.ones(2), np.ones(2)), [[1.0, 1.0], [2.0, 2.0]])
