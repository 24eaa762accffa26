"""Legal programs compute the same to the last bit, and their elementwise equations neither broadcast nor promote."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from primitive_table import TABLE

import covector as cv
from covector import lax, legalize
from covector.core.jaxpr import sub_jaxprs
from covector.core.kinds import Elementwise
from covector.core.primitive import primitive_named
from covector.interpreters.evaluate import eval_jaxpr
from covector.testing import random_programs
from covector.testing import strategies as cs
from covector.testing.numerical import is_inexact

SAME = {"select": 1, "keep": 1, "ldexp": 2}
"""Functions whose operands have two dtypes, and from which on the operands have one."""
MIXED = [{np.dtype(np.int64), np.dtype(np.uint64)}]
"""Dtypes that NumPy compares without converting them."""


def equations(jaxpr: cv.Jaxpr) -> Iterator[cv.Equation]:
    for eqn in jaxpr.equations:
        yield eqn
        for inner in sub_jaxprs(eqn.params):
            yield from equations(inner)


def check_is_legal(jaxpr: cv.Jaxpr) -> None:
    cv.check(jaxpr)
    for eqn in equations(jaxpr):
        if isinstance(eqn.primitive.kind, Elementwise) and eqn.primitive.name != "convert":
            avals = [x.aval for x in eqn.inputs]
            dtypes = {a.dtype for a in avals[SAME.get(eqn.primitive.name, 0) :]}
            assert all(a.shape == eqn.outputs[0].aval.shape and not a.weak_type for a in avals), eqn
            assert len(dtypes) <= 1 or dtypes in MIXED, eqn


def same(found: Any, expected: Any) -> None:
    """Equal to the last bit; Python's ``complex * np.float64`` is a Python number, which no aval says."""
    if isinstance(expected, (int, float, complex, np.ndarray, np.generic)):
        found, expected = np.asarray(found), np.asarray(expected)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found, expected)
        if found.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(found) | np.isnan(found), np.signbit(expected) | np.isnan(found))
    else:
        assert repr(found) == repr(expected)


def check_legalized(f: Callable[..., Any], *args: Any) -> cv.Jaxpr:
    jaxpr = cv.make_jaxpr(f)(*args)
    legal = legalize(jaxpr)
    check_is_legal(legal)
    assert [legal.in_avals, legal.out_avals] == [jaxpr.in_avals, jaxpr.out_avals]
    assert legalize(legal) is legal is legalize(jaxpr)
    leaves = cv.tree.leaves(args)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for found, expected in zip(eval_jaxpr(legal, *leaves), eval_jaxpr(jaxpr, *leaves), strict=True):
            same(found, expected)
    return legal


ANY = cs.python_scalars("ifc") | cs.dtypes().flatmap(lambda d: cs.arrays(d, st.sampled_from([(), (3,), (2, 1), (2, 3)])))
BINARY = [np.add, np.subtract, np.multiply, np.divide, np.arctan2, np.maximum, np.less, np.equal, np.logical_or, np.power]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(BINARY), ANY, ANY, st.integers(0, 5))
def test_all_dtypes(ufunc: Any, x: Any, y: Any, form: int) -> None:
    f: Callable[..., Any] = [
        lambda x, y: ufunc(x, y),
        lambda x, y: np.where(x != 0, ufunc(y, x), y),
        lambda x, y: np.sin(x) * np.abs(y) + x,
        lambda x, _: ufunc(x, y),
        lambda _, y: ufunc(x, y),
        lambda x, y: x * 2 - y * 0.5 + (x + 1j),
    ][form]
    try:
        with np.errstate(all="ignore"):
            f(x, y)
        cv.make_jaxpr(f)(x, y)
    except (TypeError, ValueError, OverflowError):  # NumPy has no such function
        return
    if ufunc is not np.power or np.ndim(x) == np.ndim(y) or form in (2, 5):
        check_legalized(f, x, y)


@pytest.mark.parametrize(("name", "dtype"), [(n, e.dtypes[i]) for n, e in TABLE.items() for i in (0, -1)])
@settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_primitive(name: str, dtype: Any, data: Any) -> None:
    case = data.draw(TABLE[name].cases(dtype))
    args, params = case if len(case) == 2 and isinstance(case[1], dict) else (case, {})
    if not any(map(np.size, args)) or (name in ("pow", "share_power") and np.ndim(args[1]) == 0):
        return
    check_legalized(lambda *args: primitive_named(name).bind(*args, **params), *args)


def has_scalar_exponent(jaxpr: cv.Jaxpr) -> bool:
    """Whether an array is raised to a scalar that is not written in the program."""
    powers = [e for e in equations(jaxpr) if e.primitive.name in ("pow", "share_power")]
    return any(isinstance(e.inputs[1], cv.Var) and not e.inputs[1].aval.shape for e in powers)


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(random_programs(), st.booleans())
def test_random_programs(program: Any, derived: bool) -> None:
    tangents = [a if is_inexact(a) else cv.typeof(a).zero for a in program.inputs]
    f = (lambda *args: cv.jvp(program, args, tangents)) if derived else program
    jaxpr = cv.make_jaxpr(f)(*program.inputs)
    if not has_scalar_exponent(jaxpr):
        check_legalized(f, *program.inputs)


X = np.linspace(-1.5, 2.0, 7)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("power", [2, 2.0, 0.5, -1, -1.0, 1, 1.0, 0, 3, -2, 0.3])
def test_powers_that_are_written(power: Any, dtype: Any) -> None:
    check_legalized(lambda x: x**power, X.astype(dtype))
    check_legalized(lambda x: x**power, X[1].astype(dtype))


def mixed(x: Any, y: Any) -> Any:
    """A function of an array and a number with everything in it that promotes, in nested programs."""
    step = lambda c, a: (c * 0.5 + np.tanh(a * y), c - a)
    c, ys = lax.scan(step, x[0] * 1.0, x)
    z = lax.while_loop(lambda c: np.sum(c) < 10, lambda c: c * 2 + 1, np.abs(x) + 1)
    w = lax.cond(y > 0, lambda x: x * np.float32(2), lambda x: x / 3, x)
    return np.sum(ys**2 * z[:, None] + w) + c + np.sum(np.where(x > 0, x, 0) ** 0.5)


@pytest.mark.parametrize("y", [1, 2.0, np.float32(0.5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "transform",
    [
        lambda f: f,
        cv.jit,
        cv.grad,
        lambda f: lambda x, y: cv.jvp(lambda x: f(x, y), (x,), (x,)),
        lambda f: lambda x, y: cv.jvp(lambda x: cv.grad(f)(x, y), (x,), (x,))[1],
        lambda f: lambda x, y: cv.vmap(f, (0, None))(np.stack([x, x]), y),
        lambda f: lambda x, y: cv.grad(lambda x: np.sum(cv.vmap(cv.checkpoint(f), (0, None))(np.stack([x, x]), y)))(x),
    ],
)
def test_nested_programs_and_derivatives(transform: Any, dtype: Any, y: Any) -> None:
    legal = check_legalized(transform(mixed), X.astype(dtype), y)
    assert cv.parse(str(legal)) == legal


def test_weak_types_stay_at_the_border() -> None:
    legal = check_legalized(lambda n, x: (n * 2 + 1, x * (n * 0.5)), 3, np.ones(2, np.float32))
    assert [e.primitive.name for e in legal.equations].count("weaken") == 1


def test_numbers_that_a_dtype_does_not_hold_are_refused_as_numpy_refuses_them() -> None:
    legal = check_legalized(lambda n, x: x + n, 3, np.ones(2, np.int8))
    with pytest.raises(OverflowError):
        eval_jaxpr(legal, 300, np.ones(2, np.int8))


def test_conversions_are_written_once() -> None:
    legal = check_legalized(lambda x, y: (x + y) * y - y, np.ones(3), np.float32(2.0))
    assert [e.primitive.name for e in legal.equations] == ["convert", "broadcast_to", "add", "mul", "sub"]


def test_each_product_of_a_sum_is_rounded_to_its_own_type() -> None:
    narrow, wide = (X / 3).astype(np.float32), X / 7
    for factors in itertools.permutations([narrow, narrow, narrow, wide]):
        check_legalized(primitive_named("sumprod").bind, *factors)


def test_linear_programs_stay_linear() -> None:
    linear = cv.linearize(lambda x: np.sin(x) * np.float32(2.0) + x[0], X)[1].jaxpr
    legal = legalize(linear)
    check_is_legal(legal)
    assert legal.linear == linear.linear


def test_effects_and_sources_stay() -> None:
    f = cv.jit(lambda x: (cv.debug.print("{}", x * 2), x + 1)[1])
    jaxpr = cv.make_jaxpr(f)(X)
    legal = legalize(jaxpr)
    kept = [e for e in equations(legal) if e.primitive.name in ("mul", "add")]
    assert [e.source for e in kept] == [e.source for e in equations(jaxpr) if e.primitive.name in ("mul", "add")]
    assert [e.primitive.name for e in equations(jaxpr) if e.primitive.effect] == [
        e.primitive.name for e in equations(legal) if e.primitive.effect
    ]
