"""Loops and choices agree with Python's own under every transformation, nested in each other too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import MODELS
from python_loops import LAX, PYTHON, checked_program
from transformed import close, loop_over_examples, transformations

import covector as cv

rng = np.random.default_rng(0)
A, XS = rng.normal(size=3), rng.normal(size=(4, 3))
TANGENTS = (rng.normal(size=3), rng.normal(size=(4, 3)))
BATCH = (rng.normal(size=(3, 3)), rng.normal(size=(3, 4, 3)))
TRANSFORMATIONS = transformations(TANGENTS)


@pytest.fixture(params=TRANSFORMATIONS)
def transform(request: Any) -> Any:
    return TRANSFORMATIONS[request.param]


@pytest.mark.parametrize("name", MODELS)
def test_one_by_one(name: str, transform: Any):
    f, reference = MODELS[name](LAX), MODELS[name](PYTHON)
    expected = transform(reference)(A, XS)
    close(transform(f)(A, XS), expected, "eager")
    close(cv.jit(transform(f))(A, XS), expected, "jit outside")
    close(transform(cv.jit(f))(A, XS), expected, "jit inside")
    checked_program(transform(f), A, XS)


@pytest.mark.parametrize("name", MODELS)
def test_batched(name: str, transform: Any):
    f, reference = MODELS[name](LAX), MODELS[name](PYTHON)
    for axes in ((0, 0), (0, None), (None, 0)):
        args = [b if d == 0 else x for d, b, x in zip(axes, BATCH, (A, XS), strict=True)]
        expected = loop_over_examples(transform(reference), [d == 0 for d in axes])(*args)
        close(cv.vmap(transform(f), axes)(*args), expected, f"vmap {axes}")
        close(cv.jit(cv.vmap(transform(f), axes))(*args), expected, f"jit of vmap {axes}")
        close(cv.vmap(cv.jit(transform(f)), axes)(*args), expected, f"vmap of jit {axes}")


@pytest.mark.parametrize("name", MODELS)
def test_derivatives_of_batches(name: str, transform: Any):
    f, reference = MODELS[name](LAX), MODELS[name](PYTHON)

    def over_xs(a: Any, xs: Any) -> Any:
        return np.sum(cv.vmap(f, (None, 0))(a, np.stack([xs, 1.1 * xs, -xs])))

    def one_by_one(a: Any, xs: Any) -> Any:
        return reference(a, xs) + reference(a, 1.1 * xs) + reference(a, -xs)

    expected = transform(one_by_one)(A, XS)
    close(transform(over_xs)(A, XS), expected, "vmap inside")
    close(cv.jit(transform(over_xs))(A, XS), expected, "vmap inside, jit outside")
    close(transform(cv.jit(over_xs))(A, XS), expected, "jit of vmap inside")


@pytest.mark.parametrize("name", MODELS)
def test_nested_batches(name: str):
    f, reference = MODELS[name](LAX), MODELS[name](PYTHON)
    gradient = lambda h: cv.grad(h, (0, 1))
    a, xs = BATCH[0], np.stack([XS, -XS])
    expected = [np.stack([np.stack([cv.tree.leaves(gradient(reference)(p, q))[i] for q in xs]) for p in a]) for i in range(2)]
    nested = lambda h: cv.vmap(cv.vmap(h, (None, 0)), (0, None))
    close(nested(gradient(f))(a, xs), expected, "vmap of vmap of grad")
    close(cv.jit(nested(gradient(f)))(a, xs), expected, "jit of vmap of vmap of grad")


@pytest.mark.parametrize("name", MODELS)
def test_programs_of_batches(name: str):
    f = MODELS[name](LAX)
    for h in (f, cv.grad(f, (0, 1)), cv.grad(cv.jit(lambda a, xs: cv.jvp(f, (a, xs), TANGENTS)[1]), (0, 1))):
        checked_program(cv.vmap(h), *BATCH)
        checked_program(cv.vmap(h, (0, None)), BATCH[0], XS)


@pytest.mark.parametrize("name", MODELS)
def test_closed_over_tracers(name: str):
    """The function reaches its arguments through a closure of a transformed function that does not depend on them itself."""
    f, reference = MODELS[name](LAX), MODELS[name](PYTHON)

    def around(h: Any) -> Any:
        return lambda a, xs: cv.grad(lambda u: np.sin(h(a * u, xs)) * u)(1.2)

    for wrap in (lambda h: h, cv.jit):
        close(cv.grad(wrap(around(f)), (0, 1))(A, XS), cv.grad(around(reference), (0, 1))(A, XS), "grad of grad")
