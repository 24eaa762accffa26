"""What the tests of NumPy functions on tracers share: compare every transformation with NumPy and with differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import covector
import covector.numpy


def leaves(x: Any) -> list[Any]:
    return [v for part in x for v in leaves(part)] if isinstance(x, (tuple, list)) else [x]


def same(actual: Any, expected: Any, rtol: float = 1e-12, atol: float = 0.0) -> None:
    """Equal structure, shapes and dtypes, and values up to rounding."""
    actual, expected = leaves(actual), leaves(expected)
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        a, e = np.asarray(a), np.asarray(e)
        assert a.shape == e.shape, (a.shape, e.shape)
        assert a.dtype == e.dtype, (a.dtype, e.dtype)
        eps = np.finfo(e.dtype).eps if e.dtype.kind in "fc" else 0
        scale = np.max(np.abs(e[np.isfinite(e)]), initial=0) if e.dtype.kind in "fc" else 0
        np.testing.assert_allclose(a, e, rtol=max(rtol, 64 * float(eps)), atol=atol + 64 * float(eps) * float(scale))


def is_inexact(x: Any) -> bool:
    return np.asarray(x).dtype.kind in "fc"


def direction_like(x: Any, rng: np.random.Generator) -> Any:
    x = np.asarray(x)
    v = rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1, 1], x.shape)
    v = v + 1j * rng.normal(size=x.shape) if x.dtype.kind == "c" else v
    return (np.round(4 * v) / 4).astype(x.dtype)  # so that a point moved by a small power of two in it is not rounded


def real_size(dtype: Any) -> int:
    dtype = np.dtype(dtype)
    return dtype.itemsize // (2 if dtype.kind == "c" else 1)


def inner(x: Any, y: Any) -> float:
    """The pairing of covector's convention: Re(x * y), without conjugation."""
    return float(
        sum(np.sum(np.real(np.asarray(a, np.clongdouble) * np.asarray(b, np.clongdouble))) for a, b in zip(x, y, strict=True))
    )


def difference(f: Callable[..., Any], args: Sequence[Any], directions: Sequence[Any], h: float) -> list[Any]:
    """The central difference quotient of the inexact outputs of ``f``, extrapolated once."""

    def central(step: float) -> list[Any]:
        ahead, behind = (
            [a + np.asarray(s * step).astype(np.asarray(a).dtype) * d for a, d in zip(args, directions, strict=True)]
            for s in (1, -1)
        )
        return [
            (np.asarray(p) - np.asarray(m)) / (2 * step)
            for p, m in zip(leaves(f(*ahead)), leaves(f(*behind)), strict=True)
            if is_inexact(p)
        ]

    return [(4 * fine - coarse) / 3 for fine, coarse in zip(central(h), central(2 * h), strict=True)]


def check(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    h: float | None = None,
    tol: float | None = None,
    batch: bool = True,
    staged: bool = True,
) -> None:
    """Try a function of arrays under every transformation.

    Its value under `jvp`, `vjp`, `jit` is NumPy's; `jvp` is the difference quotient; `vjp` is its transpose; `vmap` is a loop
    over examples; and its derivative passes the same tests up to ``order``.  Functions that are not for arrays of which the
    values are unknown are tried without ``jit`` (``staged=False``) and ``vmap`` (``batch=False``).
    """
    rng = np.random.default_rng(0)
    args = tuple(np.asarray(a) for a in args)
    active = [i for i, a in enumerate(args) if a.dtype.kind in "fc"]
    assert active, "nothing to differentiate"
    size = min(real_size(args[i].dtype) for i in active)
    h = h or {2: 2.0**-6, 4: 2.0**-8}.get(size, 2.0**-13)
    tol = tol or {2: 5e-2, 4: 2e-3, 8: 1e-6}.get(size, 1e-6)

    def g(*inexact: Any) -> Any:
        given = list(args)
        for i, x in zip(active, inexact, strict=True):
            given[i] = x
        return f(*given)

    points = [args[i] for i in active]
    directions = [direction_like(p, rng) for p in points]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = g(*points)
        out, tangent = covector.jvp(g, tuple(points), tuple(directions))
        same(out, expected)
        quotients = difference(g, points, directions, h)
        tangents = [t for t, o in zip(leaves(tangent), leaves(expected), strict=True) if is_inexact(o)]
        for t, q, o in zip(tangents, quotients, [o for o in leaves(expected) if is_inexact(o)], strict=True):
            assert np.asarray(t).dtype == np.asarray(o).dtype
            np.testing.assert_allclose(t, q, rtol=tol, atol=tol * (1 + np.max(np.abs(q), initial=0)))
        out, pullback = covector.vjp(g, *points)
        same(out, expected)
        cts = [direction_like(o, rng) if is_inexact(o) else None for o in leaves(expected)]
        structure = cts if isinstance(expected, list) else tuple(cts) if isinstance(expected, tuple) else cts[0]
        back = pullback(structure)
        for b, p in zip(back, points, strict=True):
            assert np.asarray(b).dtype == p.dtype and np.asarray(b).shape == p.shape
        pairs = [(c, t) for c, t in zip(cts, leaves(tangent), strict=True) if c is not None]
        left, right = inner([c for c, _ in pairs], [t for _, t in pairs]), inner(back, directions)
        eps = {2: 2e-2, 4: 1e-4}.get(size, 1e-9)
        np.testing.assert_allclose(left, right, rtol=eps, atol=eps * (1 + sum(float(np.sum(np.abs(t))) for t in tangents)))
        if staged:
            same(covector.jit(g)(*points), expected)
        if batch:
            check_batched(f, *args)
    if order > 1 and size >= 8 and any(map(is_inexact, leaves(expected))):

        def derivative(*xs: Any) -> Any:
            out, tangent = covector.jvp(g, xs, tuple(directions))
            return tuple(t for o, t in zip(leaves(out), leaves(tangent), strict=True) if covector.typeof(o).dtype.kind in "fc")

        check(derivative, *points, order=order - 1, h=h, tol=tol * 10, batch=False, staged=staged)


def check_batched(f: Callable[..., Any], *args: Any) -> None:
    """`vmap` against a loop, for each argument batched alone and for all together, with the axis in front and behind."""
    rng = np.random.default_rng(1)
    n = 3
    stacked = []
    for a in args:
        noise = [
            direction_like(a, rng) * np.asarray(0.01 * i).astype(a.dtype) if a.dtype.kind in "fc" else np.zeros_like(a)
            for i in range(n)
        ]
        stacked.append(np.stack([a + v for v in noise]).astype(a.dtype))
    choices = [tuple(j == i for j in range(len(args))) for i in range(len(args))]
    if len(args) > 1:
        choices.append((True,) * len(args))
    for chosen in choices:
        for axis in (0, -1):
            given = [np.moveaxis(s, 0, axis) if c else a for s, a, c in zip(stacked, args, chosen, strict=True)]
            in_axes = tuple(axis if c else None for c in chosen)
            actual = covector.vmap(f, in_axes=in_axes)(*given)
            loop = [f(*(s[i] if c else a for s, a, c in zip(stacked, args, chosen, strict=True))) for i in range(n)]
            expected = [np.stack(column) for column in zip(*map(leaves, loop), strict=True)]
            same(leaves(actual), expected)


def outcome(f: Callable[..., Any], *args: Any) -> Any:
    """The result of a call, or the class of what it raises."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return f(*args)
        except Exception as error:
            return type(error)


def agree(f: Callable[..., Any], *args: Any, staged: bool = True) -> None:
    """NumPy's result, its shapes and dtypes, or an error of NumPy's class: with traced values known, and staged.

    ``staged=False`` for functions that need values.
    """
    args = tuple(np.asarray(a) for a in args)
    expected = outcome(f, *args)
    transformed = [covector.jit(f)] if staged else []
    if any(a.dtype.kind in "fc" for a in args):
        transformed.append(lambda *xs: covector.vjp(f, *xs)[0])
    for g in transformed:
        actual = outcome(g, *args)
        if isinstance(expected, type):
            assert isinstance(actual, type), actual
            assert issubclass(actual, expected), (actual, expected)
        else:
            assert not isinstance(actual, type), actual
            same(actual, expected)
