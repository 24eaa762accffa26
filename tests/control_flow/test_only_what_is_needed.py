"""Batches of loops and choices compute only what is needed, and nothing that never happened reaches a result or a gradient."""

from __future__ import annotations

import numpy as np
import pytest

import covector as cv
from covector import debug, lax
from covector.core.jaxpr import Jaxpr

XS = np.array([4.0, -1.0, 0.0, 9.0, -2.5])


def counting(f, derivative):
    """An elementwise primitive that notes how many numbers it is given."""
    sizes = []
    counted = cv.elementwise(f"sized_{id(sizes)}", lambda x: sizes.append(np.size(x)) or f(x), derivative)
    return counted, sizes


def test_branches_run_on_those_that_chose_them():
    root, sizes = counting(np.sqrt, lambda out, x: 0.5 / out)
    f = lambda x: lax.cond(x > 0, root, lambda x: x * 0.0, x)
    with np.errstate(all="raise"):
        np.testing.assert_allclose(cv.vmap(f)(XS), [2.0, 0.0, 0.0, 3.0, 0.0])
    assert sizes == [1, 2]  # one number, to find the type of the result
    sizes.clear()
    with np.errstate(all="raise"):
        np.testing.assert_allclose(cv.grad(lambda xs: np.sum(cv.vmap(f)(xs)))(XS), [0.25, 0, 0, 1 / 6, 0])
    assert sizes == [2]


TRANSFORMED = {
    "vmap": cv.vmap,
    "jit of vmap": lambda f: cv.jit(cv.vmap(f)),
    "vmap of jit": lambda f: cv.vmap(cv.jit(f)),
    "vmap of grad": lambda f: cv.vmap(cv.grad(f)),
    "grad of vmap": lambda f: cv.grad(lambda xs: np.sum(cv.vmap(f)(xs))),
    "jit of grad of vmap": lambda f: cv.jit(cv.grad(lambda xs: np.sum(cv.vmap(f)(xs)))),
    "jit of vmap of grad": lambda f: cv.jit(cv.vmap(cv.grad(f))),
    "vmap of jit of grad": lambda f: cv.vmap(cv.jit(cv.grad(f))),
    "vmap of jvp": lambda f: cv.vmap(lambda x: cv.jvp(f, (x,), (1.0,))[1]),
    "jit of vmap of hvp": lambda f: cv.jit(cv.vmap(lambda x: cv.jvp(cv.grad(f), (x,), (1.0,))[1])),
}
VALUES = {"vmap", "jit of vmap", "vmap of jit"}


def logarithm(x):
    return lax.cond(x > 0, lambda x: np.log(x), lambda x: x * 0.5, x)


def power(x):
    """x ** (2 ** n), where n is such that it is large enough; examples that are done would overflow if they went on."""
    return lax.while_loop(lambda v: v < 1e3, lambda v: v * v * v, np.abs(x) + 1.5)


def by_hand(f, name, x):
    if f is logarithm:
        return {True: np.log(x) if x > 0 else 0.5 * x, False: 1 / x if x > 0 else 0.5, None: -1 / x**2 if x > 0 else 0.0}[
            name in VALUES or (None if "hvp" in name else False)
        ]
    base, n = abs(x) + 1.5, 1
    while base**n < 1e3:
        n *= 3
    sign = np.sign(x)
    if name in VALUES:
        return base**n
    return n * (n - 1) * base ** (n - 2) if "hvp" in name else n * base ** (n - 1) * sign


@pytest.mark.parametrize("name", TRANSFORMED)
@pytest.mark.parametrize("f", [logarithm, power])
def test_no_floating_point_error_from_what_never_happened(f, name):
    xs = np.array([4.0, -1.0, 1e-3, 9.0, -200.0, 2000.0])
    with np.errstate(all="raise"):
        found = TRANSFORMED[name](f)(xs)
    np.testing.assert_allclose(found, [by_hand(f, name, x) for x in xs], rtol=1e-10)


def test_the_active_set_shrinks():
    half, sizes = counting(lambda x: x / 2, lambda out, x: 0.5)
    xs = np.array([1.0, 2.0, 4.0, 8.0, 0.5])
    f = lambda x: lax.while_loop(lambda v: v >= 1.0, half, x)
    np.testing.assert_allclose(cv.vmap(f)(xs), [0.5] * 5)
    assert sizes == [1, 4, 3, 2, 1]  # one number first, to find the type of the result
    sizes.clear()
    np.testing.assert_allclose(cv.vmap(cv.grad(f))(xs), [0.5, 0.25, 0.125, 0.0625, 1.0])
    assert sizes == [4, 3, 2, 1]


def test_a_shared_condition_needs_no_mask():
    jaxpr = cv.make_jaxpr(cv.vmap(lambda x: lax.fori_loop(0, np.int64(3), lambda i, v: v * x, x)))(XS)
    assert "select" not in str(jaxpr)
    staged = cv.make_jaxpr(cv.vmap(lambda n, x: lax.fori_loop(0, n, lambda i, v: v * x, x), (None, 0)))(3, XS)
    assert "select" not in str(staged)


@pytest.mark.parametrize("wrap", [lambda f: f, cv.jit], ids=["known", "staged"])
def test_loops_that_end_at_different_steps_in_two_batches(wrap):
    f = lambda x, y: lax.while_loop(lambda v: v < y, lambda v: v * v + 0.5 * np.sin(v), x)
    xs, ys = np.array([1.2, 1.5, 9.0]), np.array([1.0, 3.0, 50.0, 700.0])
    slope = cv.grad(f)
    wanted = [[slope(x, y) for x in xs] for y in ys]
    both = cv.vmap(cv.vmap(slope, (0, None)), (None, 0))
    np.testing.assert_allclose(wrap(both)(xs, ys), wanted, rtol=1e-12)


def test_a_choice_by_a_traced_index_between_known_operands():
    xs = np.array([1.0, 2.0, 3.0])
    f = lambda p: cv.vmap(lambda p, x: lax.cond(p > 0, np.sin, lambda v: v * v, x))(p, xs)
    np.testing.assert_allclose(cv.jit(f)(np.array([1.0, -1.0, 1.0])), [np.sin(1.0), 4.0, np.sin(3.0)])
    empty = cv.vmap(lambda x: lax.cond(x > 0, np.sin, np.cos, x))
    assert empty(np.zeros(0)).shape == cv.jit(empty)(np.zeros(0)).shape == (0,)


def halved(x):
    return lax.while_loop(lambda v: v > 1.0, lambda v: 0.5 * v, x)


def named_primitives(jaxpr):
    programs = [p for e in jaxpr.equations for v in e.params.values() for p in (v if isinstance(v, tuple) else (v,))]
    nested = [named_primitives(p) for p in programs if isinstance(p, Jaxpr)]
    return {e.primitive.name for e in jaxpr.equations}.union(*nested)


@pytest.mark.parametrize("f", [logarithm, halved, lambda x: lax.cond(x > 0, halved, np.cos, x)])
def test_one_example_after_the_other_only_for_effects(f):
    told = []
    effect = lambda x: (debug.callback(lambda v: told.append(float(v)), x), x)[1]
    with_effect = lambda x: lax.cond(x > 0, lambda x: f(effect(x)), np.cos, x)
    xs = np.array([2.5, -1.0, 0.5, 20.0])
    assert "scan" not in named_primitives(cv.make_jaxpr(cv.vmap(f))(xs))
    assert "scan" in named_primitives(cv.make_jaxpr(cv.vmap(with_effect))(xs))
    for way in (cv.vmap, lambda f: cv.jit(cv.vmap(f)), lambda f: cv.vmap(cv.jit(f))):
        told.clear()
        np.testing.assert_allclose(way(with_effect)(xs), [f(x) if x > 0 else np.cos(x) for x in xs])
        assert told == [2.5, 0.5, 20.0]


@pytest.mark.parametrize("way", ["jit of vmap of grad", "vmap of jit of grad"])
def test_no_effect_beside_residuals_of_all_examples(way):
    """Which would happen again for the examples that stand in for others."""
    step = lambda v: (debug.callback(print, v), 0.5 * v)[1]
    loop = lambda x: lax.while_loop(lambda v: v > 1.0, step, x)
    for f in (loop, lambda x: lax.cond(x > 0, loop, np.cos, x)):
        with pytest.raises(cv.errors.CallbackError, match="differs between the examples of a batch"):
            TRANSFORMED[way](f)(np.array([3.0, 0.5]))
