"""What the tests of indexing, shapes and sorting share: one function that tries every transformation of a NumPy expression."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import covector
import covector.numpy.quantiles
import covector.numpy.sorting

Function = Callable[..., Any]


def leaves(x: Any) -> list[Any]:
    """The arrays in nested tuples and lists."""
    return [v for part in x for v in leaves(part)] if isinstance(x, (tuple, list)) else [x]


def assert_same(actual: Any, expected: Any, tolerance: float = 0.0) -> None:
    """Equal shapes and dtypes, and values that are equal, or differ by at most ``tolerance`` relative to the largest."""
    actual, expected = leaves(actual), leaves(expected)
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        assert not isinstance(a, covector.Tracer), "a tracer has leaked"
        a, e = np.asarray(a), np.asarray(e)
        assert (a.shape, a.dtype) == (e.shape, e.dtype)
        if a.dtype == covector.float0:
            continue
        scale = float(np.max(np.abs(e[np.isfinite(e)]), initial=0)) if e.dtype.kind in "fc" else 0
        np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * scale)


def is_inexact(x: Any) -> bool:
    return np.asarray(x).dtype.kind in "fc"


def random_like(x: Any, seed: int) -> Any:
    """Random numbers of the shape and dtype of an array."""
    rng = np.random.default_rng(seed)
    x = np.asarray(x)
    v = rng.normal(size=x.shape)
    return (v + 1j * rng.normal(size=x.shape) if x.dtype.kind == "c" else v).astype(x.dtype)


def inner(xs: Sequence[Any], ys: Sequence[Any]) -> Any:
    """Re(x · y), without conjugation: the pairing of cotangents with tangents."""
    return sum(np.sum(np.real(np.asarray(x, np.clongdouble) * np.asarray(y))) for x, y in zip(xs, ys, strict=True))


def check(f: Function, *args: Any, order: int = 2, rounding: float = 0.0, batch: bool = True, step: float = 1e-5) -> None:
    """Try a function of arrays under every transformation.

    Its value under ``jvp``, ``vjp``, ``jit`` and ``vmap`` is that of the same call on plain arrays (to the last bit unless
    ``rounding`` is given); ``jvp`` is the difference quotient in double precision; ``vjp`` is its transpose; ``vmap`` is a
    loop, for every choice of batched arguments (integers too) and two positions of the batch axis; and all this again for
    ``x -> jvp(f, x, t)`` and ``x -> vjp(f, x)(ct)`` up to the given order.
    """
    args = tuple(np.asarray(a) for a in args)
    active = [i for i, a in enumerate(args) if is_inexact(a)]
    points = [args[i] for i in active]
    directions = [random_like(p, i) for i, p in enumerate(points)]

    def g(*xs: Any) -> Any:
        given = list(args)
        for i, x in zip(active, xs, strict=True):
            given[i] = x
        return leaves(f(*given))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = g(*points)
        assert_same(covector.jit(lambda *xs: leaves(f(*xs)))(*args), expected, rounding)
        if active:
            check_derivatives(g, points, directions, expected, rounding, step)
        if batch:
            check_batches(f, args, rounding)
    if active and order > 1:
        cts = [random_like(e, 7) if is_inexact(e) else None for e in expected]
        again = {"order": order - 1, "rounding": 1e-12}
        check(lambda *xs: covector.jvp(g, tuple(xs), tuple(directions))[1], *points, batch=False, **again)
        check(lambda *xs: covector.vjp(g, *xs)[1](cts), *points, batch=batch, **again)


def check_derivatives(g: Function, points: Any, directions: Any, expected: Any, rounding: float, step: float) -> None:
    out, tangents = covector.jvp(g, tuple(points), tuple(directions))
    assert_same(out, expected, rounding)
    pairs = [(t, e) for t, e in zip(tangents, expected, strict=True) if is_inexact(e)]
    if all(v.dtype in (np.float64, np.complex128) for v in (*points, *(e for _, e in pairs))):
        ahead, behind = (g(*(p + s * step * d for p, d in zip(points, directions, strict=True))) for s in (1, -1))
        quotients = [(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True) if is_inexact(a)]
        for (t, _), q in zip(pairs, quotients, strict=True):
            np.testing.assert_allclose(t, q, rtol=1e-6, atol=1e-6 * (1 + np.max(np.abs(q), initial=0)))
    for t, e in pairs:
        assert (np.shape(t), np.asarray(t).dtype) == (np.shape(e), np.asarray(e).dtype)
    out, pullback = covector.vjp(g, *points)
    assert_same(out, expected, rounding)
    cts = [random_like(e, 5) if is_inexact(e) else None for e in expected]
    back = pullback(cts)
    for b, p in zip(back, points, strict=True):
        assert (b.shape, b.dtype) == (p.shape, p.dtype)
    left, right = inner([c for c in cts if c is not None], [t for t, _ in pairs]), inner(back, directions)
    eps = max((float(np.finfo(p.dtype).eps) for p in (*points, *(e for _, e in pairs))), default=0)
    size = 1 + sum(np.sum(np.abs(t)) for t, _ in pairs)
    np.testing.assert_allclose(float(left), float(right), rtol=0, atol=1e3 * eps * size)


def check_batches(f: Function, args: Sequence[Any], rounding: float, size: int = 3) -> None:
    for chosen in itertools.product((False, True), repeat=len(args)):
        if not any(chosen):
            continue
        examples = [[_another(a, i) for i in range(size)] for a in args]
        loop = [leaves(f(*(e[i] if c else a for c, e, a in zip(chosen, examples, args, strict=True)))) for i in range(size)]
        expected = [np.stack(column) for column in zip(*loop, strict=True)]
        for axis in (0, -1):
            given = [np.stack(e, axis) if c else a for c, e, a in zip(chosen, examples, args, strict=True)]
            in_axes = tuple(axis if c else None for c in chosen)
            assert_same(covector.vmap(lambda *xs: leaves(f(*xs)), in_axes)(*given), expected, max(rounding, 1e-15))


def _another(a: Any, seed: int) -> Any:
    """Another array of the same kind: for integers the same ones in another order, so that indices stay indices."""
    if is_inexact(a):
        return a + random_like(a, 100 + seed) / 64
    return np.random.default_rng(seed).permutation(a.reshape(-1)).reshape(a.shape)


def same_call(f: Function, *args: Any) -> None:
    """A call that is an error on plain arrays is an error of the same type on tracers; both else give the same."""
    try:
        expected = f(*args)
    except Exception as e:
        expected = e
    for transformed in (lambda *xs: covector.jvp(f, xs, tuple(map(random_like, xs, range(len(xs)))))[0], covector.jit(f)):
        try:
            actual = transformed(*args)
        except Exception as e:
            assert isinstance(expected, Exception), e
            assert isinstance(e, type(expected)), (e, expected)
        else:
            assert not isinstance(expected, Exception), expected
            assert_same(actual, expected)
