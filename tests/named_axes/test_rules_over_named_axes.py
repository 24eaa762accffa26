"""Rules of the user's that have collectives in them, run in the batch and after it, with batches of their own inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax

XS = np.array([0.3, -0.7, 1.1, 0.4])


def plain(x: Any) -> Any:
    return np.sin(x) * lax.psum(x * x, "i")


def slope(x: Any, t: Any) -> Any:
    return np.cos(x) * t * lax.psum(x * x, "i") + np.sin(x) * lax.psum(2 * x * t, "i")


with_jvp = cv.custom_jvp(plain)
with_jvp.defjvp(lambda primals, tangents: (plain(*primals), slope(*primals, *tangents)))

with_jacobian = cv.custom_jvp(plain)
"""Its rule maps over directions, a batch whose axis has no name."""
with_jacobian.defjvp(
    lambda primals, tangents: (
        plain(*primals),
        cv.vmap(lambda k: k * slope(*primals, *tangents))(np.array([0.25, 0.5, 0.25])).sum()
        + np.sum(cv.jacfwd(lambda z: np.sum(z * slope(*primals, *tangents)))(np.zeros(2))) * 0.0,
    )
)

with_vjp = cv.custom_vjp(plain)
with_vjp.defvjp(
    lambda x: (plain(x), x),
    lambda x, ct: (ct * np.cos(x) * lax.psum(x * x, "i") + 2 * x * lax.psum(ct * np.sin(x), "i"),),
)

FUNCTIONS = {"jvp": with_jvp, "jvp with batches": with_jacobian, "vjp": with_vjp}
PLACES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda f: f,
    "jit": cv.jit,
    "checkpoint": cv.checkpoint,
    "scan": lambda f: lambda x: lax.scan(lambda c, y: (f(c) + y, c), x, np.arange(3.0))[0],
    "cond": lambda f: lambda x: lax.cond(lax.psum(1.0, "i") > 2, f, lambda x: x, x),
    "vmap inside": lambda f: lambda x: np.sum(cv.vmap(f)(np.stack([x, 2 * x]))),
    "vmap of jit inside": lambda f: lambda x: np.sum(cv.vmap(cv.jit(f))(np.stack([x, 2 * x]))),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_outside_of_the_batch(name: str, place: str) -> None:
    """The rule is applied, or its backward half run, when the batch has ended."""
    total = lambda f: lambda xs: np.sum(np.cos(cv.vmap(PLACES[place](f), axis_name="i")(xs)))
    np.testing.assert_allclose(cv.grad(total(FUNCTIONS[name]))(XS), cv.grad(total(plain))(XS), rtol=1e-10)
    np.testing.assert_allclose(cv.jit(cv.grad(total(FUNCTIONS[name])))(XS), cv.grad(total(plain))(XS), rtol=1e-10)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_inside_of_the_batch(name: str, place: str) -> None:
    own = lambda f: cv.vmap(cv.grad(lambda x: np.cos(lax.psum(PLACES[place](f)(x), "i"))), axis_name="i")(XS)
    np.testing.assert_allclose(own(FUNCTIONS[name]), own(plain), rtol=1e-10)


times_nothing = cv.Primitive("times nothing")
"""``w`` scaled by nothing: a product of which the backward rule says in each way that it gives nothing to ``w``."""
times_nothing.def_impl(lambda w, y, *, nothing: w * y * 0)
times_nothing.def_abstract(lambda w, y, *, nothing: y)
times_nothing.def_jvp(
    lambda primals, tangents, *, nothing: (
        times_nothing.bind(*primals, nothing=nothing),
        times_nothing.bind(cv.instantiate(tangents[0]), primals[1], nothing=nothing),
    )
)
times_nothing.def_batch(lambda size, args, dims, *, nothing: (times_nothing.bind(*args, nothing=nothing), 0))
NOTHING: dict[str, Callable[[Any], Any]] = {
    "zeros": lambda aval: np.zeros(aval.shape, aval.dtype), "Zero": cv.Zero, "None": lambda aval: None
}  # fmt: skip
times_nothing.def_transpose(linear=cv.jointly(0))(lambda ct, w, y, *, nothing: (NOTHING[nothing](w.aval), None))


@pytest.mark.parametrize("nothing", NOTHING)
def test_what_a_rule_gives_to_a_value_that_all_share_is_summed_if_it_is_anything(nothing: str) -> None:
    f = lambda w, x: lax.psum(w * np.sin(x) + times_nothing.bind(w, x, nothing=nothing), "i")
    slopes = cv.vmap(cv.grad(f), in_axes=(None, 0), axis_name="i")(0.7, XS)
    np.testing.assert_allclose(slopes, np.full(4, np.sum(np.sin(XS))), rtol=1e-12)
    compiled = cv.vmap(cv.grad(cv.jit(f)), in_axes=(None, 0), axis_name="i")(0.7, XS)
    np.testing.assert_allclose(compiled, slopes, rtol=1e-12)
