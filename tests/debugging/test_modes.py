"""debug_nans, disable_jit, checking_leaks."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector import lax
from covector.core.context import MODES
from covector.extend import Trace, open_trace
from covector.interpreters.watch import watching

pytestmark = pytest.mark.usefixtures("few_objects")

X = np.array([0.3, -1.2, 0.8])


def born(f, *args, **options):
    with np.errstate(all="ignore"), pytest.raises(cv.errors.NaNError) as caught, cv.debug_nans(**options):
        f(*args)
    assert not MODES
    return str(caught.value)


def test_forward_nans():
    for f in (cv.jit(np.log), cv.vmap(np.log), lambda x: cv.jvp(np.log, (x,), (x,)), cv.grad(lambda x: np.sum(np.log(x)))):
        text = born(f, X)
        assert text.startswith("'log' gives NaN, first at index (1,)")
        assert "test_modes.py" in text
        assert "it was applied to" in text


def test_nans_in_compiled_loops():
    f = cv.jit(lambda x: lax.scan(lambda c, _: (np.log(c), None), x, None, length=3)[0])
    assert born(f, 1.5).startswith("'log' gives NaN")


@pytest.mark.usefixtures("quoted_lines")
def test_nans_of_the_backward_pass():
    def f(x):
        root = np.sqrt(x)
        return np.where(x > 0, root, 0.0)

    assert f(0.0) == 0.0
    text = born(cv.grad(lambda x: np.sqrt(x) * 0.0), 0.0)
    assert text.startswith("'sqrt' gives NaN in the backward pass")
    assert "test_modes.py" in text and "np.sqrt(x) * 0.0" in text
    assert "gives NaN" in born(cv.jit(cv.grad(lambda x: np.sqrt(x) * 0.0)), 0.0)
    with cv.debug_nans():
        assert cv.grad(np.sqrt)(4.0) == 0.25


def test_nans_of_derivatives_where_the_value_is_a_number():
    """Of a linear map that is never applied too."""
    for f in (lambda: cv.linearize(np.arctan2, 0.0, 0.0), lambda: cv.jvp(np.arctan2, (0.0, 0.0), (1.0, 1.0))):
        assert born(f).startswith("'arctan2' gives NaN in its derivative")


def test_infinities():
    assert born(cv.jit(lambda x: 1.0 / x), np.float64(0.0), infs=True).startswith("'div' gives an infinity")
    with np.errstate(all="ignore"), cv.debug_nans():
        assert cv.jit(lambda x: 1.0 / x)(np.float64(0.0)) == np.inf


def test_values_of_outer_transformations_are_left_to_these():
    matrix = np.stack([X, 2 * X])
    for f in (cv.vmap(cv.vmap(np.sin)), cv.jit(cv.vmap(np.sin)), cv.vmap(cv.vmap(cv.grad(np.sin))), cv.jacfwd(cv.vmap(np.sin))):
        with cv.debug_nans():
            found = f(matrix)
        np.testing.assert_array_equal(found, f(matrix))


def test_who_watched_before_goes_on_watching():
    outside, inside = [], []
    with watching(lambda *result: outside.append(result[0])):
        with watching(lambda *result: inside.append(result[0])):
            cv.jit(np.sin)(0.5)
        assert outside == inside == ["sin"]
        cv.jit(np.cos)(0.5)
    assert (outside, inside) == (["sin", "cos"], ["sin"])


def test_traces_of_ones_own_are_opened_as_ever():
    class Named(Trace):
        def __init__(self, name, *, mark):
            super().__init__(name)
            self.mark = mark

    with cv.debug_nans(), open_trace(Named, "mine", mark=3) as trace:
        assert (type(trace), trace.name, trace.mark) == (Named, "mine", 3)


def test_nothing_is_different_afterwards():
    with np.errstate(all="ignore"), cv.debug_nans(False):
        assert np.isnan(cv.jit(np.log)(-1.0))
    with np.errstate(all="ignore"):
        assert np.isnan(cv.grad(np.log)(np.nan))


def test_disable_jit():
    seen = []
    f = cv.jit(lambda x: seen.append(x) or x + 1)
    with cv.disable_jit():
        assert f(1.0) == 2.0
        assert lax.scan(lambda c, x: (seen.append(c) or c + x, c), 0.0, X)[1].shape == (3,)
        assert lax.while_loop(lambda c: seen.append(c) or c < 2, lambda c: c + 1, 0) == 2
        assert lax.cond(True, lambda: seen.append("yes") or 1.0, lambda: seen.append("no") or 2.0) == 1.0
        assert cv.grad(lambda x: lax.fori_loop(0, 3, lambda i, c: c * x, x))(2.0) == 32.0
        assert lax.fori_loop(0, 2, lambda i, c: seen.append(i) or c + i, 5) == 6
        assert lax.map(lambda x: seen.append(x) or 2 * x, X).tolist() == (2 * X).tolist()
        assert lax.scan(lambda c, x: (c, x), 1.0, X[:0])[1].shape == (0,)
        assert cv.vmap(lambda x: lax.cond(x > 0, lambda: 1.0, lambda: 2.0))(X).tolist() == [1.0, 2.0, 1.0]
    assert all(isinstance(x, (float, int, str, np.floating)) for x in seen[:7])
    assert "no" not in seen
    with cv.disable_jit(False):
        f(5.0)
    assert isinstance(seen[-1], cv.Tracer)


def test_leaks_are_found():
    kept = {}

    def f(x):
        kept["y"] = np.sin(x)
        return kept["y"] * 2

    for transform in (cv.jit, cv.grad, cv.vmap):
        with (
            pytest.raises(cv.errors.LeakError, match=r"a tracer of \w+ of .* is still alive[\s\S]*a dict of 1") as caught,
            cv.checking_leaks(),
        ):
            transform(f)(X if transform is cv.vmap else 1.0)
        assert "storing it" in str(caught.value)
        kept.clear()


def test_the_library_leaks_nothing():
    def f(x):
        y = cv.checkpoint(np.sin)(x)
        c, _ = lax.scan(lambda c, z: (c + np.sum(cv.vmap(cv.jit(np.cos))(z)), None), 0.0, np.stack([y, x]))
        return lax.while_loop(lambda v: v < 10, lambda v: v * 2, np.abs(c)) + lax.cond(c > 0, lambda: c, lambda: -c)

    with cv.checking_leaks():
        cv.jit(cv.grad(f))(X)
        cv.jvp(cv.grad(f), (X,), (X,))
        cv.vmap(cv.grad(f))(np.stack([X, X]))
        cv.hessian(f)(X)
        cv.make_jaxpr(cv.vmap(f))(np.stack([X, X]))


def test_a_linear_map_that_was_made_while_nans_are_looked_for_can_be_compiled():
    with cv.debug_nans():
        linear = cv.linearize(np.sin, np.arange(3.0))[1]
        np.testing.assert_allclose(cv.jit(lambda t: linear(t))(np.ones(3)), np.cos(np.arange(3.0)))
