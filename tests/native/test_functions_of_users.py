"""Elementwise functions that a user wrote in Python, which compute with an operand before they promote it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import extend, lax
from covector.backends.native.elementwise import Scalar

NUMBER = itertools.count()

FUNCTIONS: dict[str, tuple[Any, str, str]] = {
    "chosen": (lambda x, k: np.where(k > 0, x, -x), "f4", "i8"),
    "negated": (lambda x, k: x * (-k), "f8", "u1"),
    "squared": (lambda x, k: x + k * k, "f8", "i1"),
    "inverted": (lambda x, k: np.where(~k, x, 0 * x), "f8", "?"),
    "counted": (lambda x, k: (k + k) * x, "f8", "?"),
    "of an absolute value": (lambda x, k: x * np.abs(k), "f8", "c16"),
    "scaled": (lambda x, k: np.ldexp(x, k), "f4", "i4"),
    "of integers": (lambda x, k: np.where(k > 2, x, 0 * x), "i1", "i8"),
    "of another type": (lambda x, k: x > k, "f4", "f8"),
}
PROGRAMS = {
    "alone": lambda f: f,
    "fused": lambda f: lambda x, k: f(x + x, k) + f(x, k),
    "stacked": lambda f: lambda x, k: lax.scan(lambda c, _: (c, f(x, k)), 0, None, length=2)[1],
    "mapped": lambda f: lambda x, k: lax.map(lambda row: f(*row), (x, k)),
    "in a branch": lambda f: lambda x, k: lax.cond(x[0] != 99, f, lambda x, k: f(x, k), x, k),
    "summed": lambda f: lambda x, k: np.sum(f(x, k)),
    "carried": lambda f: lambda x, k: lax.fori_loop(0, 2, lambda i, c: f(x, k), f(x, k)),
    "batched": cv.vmap,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_programs_call_them_with_the_operands_that_they_had(name: str, program: str) -> None:
    fn, first, second = FUNCTIONS[name]
    x, k = np.arange(-2, 4).astype(first), np.array([3, 255 - 256, 100, 0, 1, 3]).astype(second)
    found = cv.jit(PROGRAMS[program](cv.elementwise("own", fn)), backend="native")(x, k)
    wanted = cv.jit(PROGRAMS[program](fn), backend="numpy")(x, k)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def test_legal_programs_leave_their_operands_as_they_are() -> None:
    gate = cv.elementwise("gate", lambda x, k: np.where(k > 0, x, -x))
    program = cv.legalize(cv.make_jaxpr(gate)(np.ones(3, np.float32), np.ones(3, int)))
    assert [e.primitive.name for e in program.equations] == ["gate"]
    assert program.out_avals[0].dtype == np.float32


def native(rule: Any, fn: Any = lambda x: 2.0 * x) -> Any:
    p = cv.Primitive(f"t_native_rule_{next(NUMBER)}", extend.Elementwise(fn, lambda out, x, **params: 2.0))
    p.def_rule("native", rule)
    return p


WRONG_RULES: dict[str, tuple[Any, str]] = {
    "a number": (lambda b, x: 2.0, "returned 2.0, and no value of the builder"),
    "no return": (lambda b, x: None, "returned None, and no value of the builder"),
    "another signature": (lambda b, x, y: x, "raised TypeError: .* missing 1 required positional argument: 'y'"),
    "Python's operators": (lambda b, x: x * x, "raised TypeError: unsupported operand"),
    "no such operation": (lambda b, x: b.double(x), "raised AttributeError: 'Builder' object has no attribute 'double'"),
}


@pytest.mark.parametrize("mistake", WRONG_RULES)
def test_a_wrong_native_rule_is_named(mistake: str) -> None:
    emit, said = WRONG_RULES[mistake]
    p = native(Scalar(emit, cost=3))
    with pytest.raises(cv.errors.PrimitiveRuleError, match=f"the native rule of '{p.name}' {said}"):
        cv.jit(lambda x: np.sum(p.bind(np.sin(x))), backend="native")(np.ones(3))


def test_native_rules_and_parameters() -> None:
    fn, x = lambda x, *, by: by * x, np.arange(1.0, 4.0)
    without, no_rule = native(Scalar(lambda b, x: b.add(x, x)), fn), native(lambda b, x: x, fn)
    taking = native(Scalar(lambda eqn: lambda b, x: b.mul(x, b.like(eqn.params["by"], x)), takes_equation=True), fn)
    for p, why in (
        (without, "its native rule does not take parameters: Scalar(lambda eqn: lambda b, x: ..., takes_equation=True) does"),
        (no_rule, "its native rule is a function, and no Scalar"),
        (taking, None),
    ):
        f = cv.jit(lambda x, by, p=p: np.sum(p.bind(np.sin(x), by=by)), backend="native", static_argnums=1)
        for by in (3.0, 5.0):
            assert np.allclose(f(x, by), by * np.sum(np.sin(x)))
        assert [note.why for note in f.lower(x, 3.0).report().as_numpy] == ([why] if why else [])
