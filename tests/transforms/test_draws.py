"""``jit`` says when a function drew random numbers from NumPy while it was traced: they are constants of its program."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest
from numpy.random import normal

import covector as cv

RNG = np.random.default_rng(0)
OLD = np.random.RandomState(0)
ANOTHER = np.random.default_rng(4)


class Model:
    def __init__(self):
        self.draws = np.random.default_rng(1)

    def noisy(self, x):
        return x + self.draws.normal()


def helper(x):
    return x * RNG.random()


def closing(draws):
    return lambda x: x + draws.normal()


DRAWING = {
    "global state": lambda x: x + np.random.normal(),
    "imported name": lambda x: x + normal(),
    "generator": lambda x: x * RNG.normal(),
    "legacy generator": lambda x: x * OLD.normal(),
    "method": Model().noisy,
    "another function": lambda x: helper(x) + 1,
    "closure": closing(np.random.default_rng(3)),
    "default": lambda x, draws=ANOTHER: x + draws.normal(),
    "transformed": cv.grad(lambda x: x * RNG.normal()),
    "lifted": cv.lift(lambda x: x * RNG.normal()),
    "inner function": lambda x: (lambda y: y * RNG.normal())(x),
}


@pytest.mark.parametrize("name", DRAWING)
def test_drawing_while_traced_is_told(name):
    f = cv.jit(DRAWING[name])
    text = r"drew random numbers from numpy\.random while it was traced\.\n[\s\S]*key"
    with pytest.warns(cv.errors.CovectorWarning, match=text):
        first = f(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(1.0) == first  # the constants of the program


def test_nothing_is_said_of_functions_that_do_not_draw():
    key = cv.random.key(0)
    calls = [lambda x: x * 2, lambda x: x + cv.random.normal(key), lambda x: [x, RNG][0], partial(np.add, 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for f in calls:
            cv.jit(f)(1.0)


def test_an_object_that_holds_its_methods_is_looked_at_once():
    class Model:
        def __init__(self):
            self.steps = [self.double]
            self.run = self.double  # a bound method leads to the object, and that to the method

        def double(self, x):
            return 2 * x

    assert cv.jit(Model().run)(2.0) == 4.0
