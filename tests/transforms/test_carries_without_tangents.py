"""Loops of functions with JVP rules, of which some carries have no tangent: the rule gets zeros for these, and makes zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax


def shear(v: Any, z: Any, e: Any) -> Any:
    return v + z * e, z * 1.0


def with_rule(f: Callable[..., Any], rule: Any) -> Any:
    g = cv.custom_jvp(f)
    g.defjvp(rule)
    return g


def in_many_steps(v: Any, z: Any, e: Any) -> Any:
    for k in range(8):
        z = np.sin(1.1 * z + 0.1 * k)
    return v * z + e, z


FUNCTIONS: dict[str, tuple[Any, Any]] = {
    "derived": (shear, with_rule(shear, lambda p, t: cv.jvp(shear, p, t))),
    "by hand": (
        shear,
        with_rule(shear, lambda p, t: (shear(*p), (t[0] + p[2] * t[1] + p[1] * t[2], t[1]))),
    ),
    "twice by hand": (
        lambda v, z, e: (v * z * e, z * z),
        with_rule(
            lambda v, z, e: (v * z * e, z * z),
            lambda p, t: (
                (p[0] * p[1] * p[2], p[1] * p[1]),
                (p[1] * p[2] * t[0] + p[0] * p[2] * t[1] + p[0] * p[1] * t[2], 2.0 * p[1] * t[1]),
            ),
        ),
    ),
    "in many steps": (in_many_steps, with_rule(in_many_steps, lambda p, t: cv.jvp(in_many_steps, p, t))),
}


def scanned(body: Callable[..., Any], *carry: Any) -> Any:
    return lax.scan(lambda c, _: (body(*c), None), carry, None, 2)[0]


def in_while(body: Callable[..., Any], *carry: Any) -> Any:
    return lax.while_loop(lambda s: s[0] < 2, lambda s: (s[0] + 1, body(*s[1])), (0, carry))[1]


LOOPS: dict[str, Callable[..., Any]] = {
    "scan": scanned,
    "fori_loop": lambda body, *carry: lax.fori_loop(0, 2, lambda _, c: body(*c), carry),
    "while_loop": in_while,
    "scan of scan": lambda body, *carry: scanned(lambda *c: scanned(body, *c), *carry),
    "while_loop of cond": lambda body, *carry: in_while(lambda *c: lax.cond(c[0] > -9.0, body, lambda *c: c, *c), *carry),
    "scan of checkpoint": lambda body, *carry: scanned(cv.checkpoint(body), *carry),
    "checkpoint of scan": lambda body, *carry: cv.checkpoint(lambda *c: scanned(body, *c))(*carry),
    "jit of while_loop": lambda body, *carry: cv.jit(lambda *c: in_while(body, *c))(*carry),
}

PLACES: dict[str, Callable[[Any, Any], Callable[[Any], Any]]] = {
    "v": lambda loop, h: lambda x: loop(lambda v, z: h(v, z, 1.1), x, 0.7)[0],
    "z": lambda loop, h: lambda x: loop(lambda v, z: h(v, z, 1.1), 0.7, x)[0],
    "e": lambda loop, h: lambda x: loop(lambda v, z: h(v, z, x), 1.1, 0.7)[0],
    "v, others constant": lambda loop, h: lambda x: loop(lambda v: (h(v, 0.7, 1.1)[0],), x)[0],
    "v and e": lambda loop, h: lambda x: loop(lambda v, z: h(v, z, x), x, 0.7)[0],
    "v, a carry for e": lambda loop, h: lambda x: loop(lambda v, z, e: (*h(v, z, e), e), x, 0.7, 1.1)[0],
}

DERIVATIVES: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: cv.grad(f)(1.3),
    "jit of grad": lambda f: cv.jit(cv.grad(f))(1.3),
    "vmap of grad": lambda f: cv.vmap(cv.grad(f))(np.array([1.3, 0.4])),
    "linear_transpose of jvp": lambda f: cv.linear_transpose(lambda t: cv.jvp(f, (1.3,), (t,))[1], 1.0)(1.0)[0],
    "grad of grad": lambda f: cv.grad(cv.grad(f))(1.3),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("function", "loop"), [(f, n) for f in FUNCTIONS for n in LOOPS if f == "in many steps" or n in ("scan", "while_loop")]
)
def test_derivatives_are_those_of_the_function_without_its_rule(function: str, loop: str, place: str) -> None:
    plain, ruled = (PLACES[place](LOOPS[loop], h) for h in FUNCTIONS[function])
    for name, derivative in DERIVATIVES.items():
        np.testing.assert_allclose(derivative(ruled), derivative(plain), rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("wrap", [lambda f: f, cv.jit, cv.checkpoint, lambda f: lambda x: scanned(lambda c: (f(c),), x)[0]])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_known_factor_of_zero_makes_no_zero_of_a_tangent_beside_an_infinite_one(wrap: Any) -> None:
    """The rule has slope x, written ``exp(log(x))``, whose own slope at 0 is 0 times infinity."""
    square = lambda x: x * x / 2
    f = wrap(with_rule(square, lambda p, t: (square(*p), np.exp(np.log(p[0])) * t[0])))
    second = [cv.grad(cv.grad(f)), cv.hessian(f), cv.jit(cv.grad(cv.grad(f))), lambda x: cv.jvp(cv.grad(f), (x,), (1.0,))[1]]
    assert cv.grad(f)(0.0) == 0.0
    assert np.isnan([g(0.0) for g in second]).all()
