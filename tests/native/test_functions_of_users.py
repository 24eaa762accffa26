"""Elementwise functions that a user wrote in Python, which compute with an operand before they promote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import lax

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
