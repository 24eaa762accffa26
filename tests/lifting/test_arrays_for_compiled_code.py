"""Plain arrays of a lifted run for code in C: it reads them, a callback calls it, or the error says which array and where."""

from __future__ import annotations

import hashlib
import sys
import traceback
import zlib
from base64 import b64encode

import numpy as np
import pytest
import scipy.integrate

import covector as cv

X = np.array([0.5, 2.0])
STORE = np.zeros(2)


def table():
    y = np.zeros(3)
    y[:] = np.arange(3.0) ** 1.5
    return y


TAKEN = [
    lambda x: x * int(hashlib.md5(table()).hexdigest()[:4], 16),
    lambda x: x * int(hashlib.new("sha256", table()).hexdigest()[:4], 16),
    lambda x: x * len(zlib.compress(table())),
    lambda x: x * len(b64encode(table())),
]


@pytest.mark.parametrize("f", TAKEN)
def test_memory_for_bytes(f):
    np.testing.assert_array_equal(cv.jvp(cv.lift(f), (X,), (X,)), [f(X), f(X)])


def decay(y):
    """By compiled code that takes NumPy's own arrays alone."""
    solver = scipy.integrate.ode(lambda t, y: -y).set_integrator("vode", rtol=1e-10, atol=1e-10)
    return solver.set_initial_value(y).integrate(1.0)


@pytest.mark.parametrize("run", [lambda f, x: cv.jvp(f, (x,), (x,))[1], lambda f, x: cv.jit(f)(x)])
def test_a_callback_is_not_lifted(run):
    def f(x):
        y = table()
        y[0] = 2.0
        return x * cv.pure_callback(decay, y, y).sum()

    wanted = X * (2.0 + table().sum()) * np.exp(-1)
    np.testing.assert_allclose(run(cv.lift(f), X), wanted, rtol=1e-8)


def filled(x):
    y = np.zeros(3)
    np.random.default_rng(0).random(out=y)
    return x * y.sum()


REFUSED = {
    "filled": (filled, r"given an array of a lifted run \(y, f64\[3\]\): ValueError: Supplied output array", "in filled"),
    "vode": (lambda x: x * decay(table())[0], r"an array of a lifted run \(.*must be NumPy arrays", "_ode.py"),
    "method": (lambda x: x * np.ndarray.sum(table()), "of a lifted run: TypeError: descriptor 'sum'.*'Cell'", "in <lambda>"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_taken_is_named(name):
    f, what, place = REFUSED[name]
    with pytest.raises(cv.errors.TracerArrayConversionError, match=f"(?s){what}.*{place}.*Fix: call .*pure_callback"):
        cv.jvp(cv.lift(f), (X,), (X,))


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from where on any class may give its memory")
def test_memory_is_asked_for():
    f = cv.lift(lambda x: x * memoryview(table()).nbytes)
    with pytest.raises(cv.errors.TracerArrayConversionError, match="bytes-like object is required"):
        cv.jvp(f, (X,), (X,))


def test_a_missing_attribute_is_one_of_numpys():
    with pytest.raises(AttributeError, match=r"^'numpy.ndarray' object has no attribute 'no_such'$"):
        cv.grad(cv.lift(lambda x: x.no_such))(X)


def stored(x):
    STORE[0] = x[0]
    return x


def wrapped(x):
    try:
        return stored(x)
    except Exception as error:
        raise RuntimeError("could not fit") from error


def test_an_error_that_was_made_another_one_has_the_frames_of_both():
    with pytest.raises(cv.errors.InPlaceWriteError) as error:
        cv.grad(cv.lift(lambda x: wrapped(x).sum()))(X)
    lines = [frame.line for frame in traceback.extract_tb(error.value.__traceback__)]
    assert any("wrapped(x).sum()" in line for line in lines)
    assert "return stored(x)" in lines
    assert "STORE[0] = x[0]" in lines
