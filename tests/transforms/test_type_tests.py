"""``isinstance(x, np.ndarray)`` is true of traced arrays; covector itself asks for the type of the object."""

import copy
import functools
import re
from pathlib import Path

import numpy as np
import pytest

import covector as cv
from covector import checkify, lax

X = np.linspace(0.1, 1.0, 3)
ASKS = re.compile(r"\w\.__class__\b|isinstance\([^()]*, (\(.*)?(np\.)?ndarray")
WAYS = {
    "grad": lambda f: cv.grad(f)(X),
    "jvp": lambda f: cv.jvp(f, (X,), (X,)),
    "vjp": lambda f: cv.vjp(f, X)[1](1.0),
    "hessian": lambda f: cv.hessian(f)(X),
    "jit": lambda f: cv.jit(f)(X),
    "vmap": lambda f: cv.vmap(f)(np.stack([X, X])),
    "jit of grad of vmap": lambda f: cv.jit(cv.grad(lambda x: np.sum(cv.vmap(f)(x))))(np.stack([X, X])),
    "scan": lambda f: lax.scan(lambda c, _: (c, f(c)), X, None, length=2),
    "cond": lambda f: lax.cond(True, f, f, X),
    "checkpoint": lambda f: cv.grad(cv.checkpoint(f))(X),
    "checkify": lambda f: checkify.checkify(f, errors=checkify.float_checks)(X),
    "make_jaxpr": lambda f: cv.make_jaxpr(f)(X),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_traced_array_is_an_array(way):
    asked = []

    def f(x):
        asked.append((isinstance(x, np.ndarray), isinstance(x, cv.Tracer), isinstance(x, (float, int, list))))
        return np.sum(np.sin(x) * x)

    WAYS[way](f)
    assert set(asked) == {(True, True, False)}


def test_a_traced_number_is_none():
    asked = []
    for x in (1.0, np.float64(1.0), np.array(1.0)):
        cv.grad(lambda x: (asked.append(isinstance(x, np.ndarray)), x * x)[1])(x)
    assert asked == [False] * 3


def test_code_that_asks_takes_the_branch_for_arrays():
    def norm(x):
        if isinstance(x, np.ndarray):
            return np.sqrt(np.sum(x * x))
        return sum(v * v for v in x) ** 0.5

    np.testing.assert_allclose(cv.grad(norm)(X), X / np.linalg.norm(X))
    np.testing.assert_allclose(cv.jit(cv.grad(norm))(X), X / np.linalg.norm(X))

    @functools.singledispatch
    def double(x):
        raise TypeError

    double.register(np.ndarray, lambda x: 2 * x)
    np.testing.assert_array_equal(cv.grad(lambda x: np.sum(double(x)))(X), [2.0, 2.0, 2.0])


def test_copies_of_traced_values():
    np.testing.assert_array_equal(cv.grad(lambda x: np.sum(copy.copy(x) * 3.0))(X), [3.0, 3.0, 3.0])


def test_covector_asks_for_the_type_of_the_object():
    """``x.__class__`` of a traced value is ndarray: the package must not use it, nor isinstance with ndarray."""
    root = Path(cv.__file__).parent
    for path in root.glob("**/*.py"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = ASKS.search(line)
            assert not found, f"{path}:{number}: {line}"
