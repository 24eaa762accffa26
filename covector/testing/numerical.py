"""The ground truth of the checks: numerical derivatives, inner products, comparisons.

All functions here take and return flat lists of leaves, and know nothing of tracers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from covector.core.avals import float0, typeof

Leaves = Sequence[Any]

PRECISIONS = {np.dtype(t): float(np.finfo(t).eps) for t in (np.float16, np.float32, np.float64, np.longdouble)}
"""The spacing of the numbers of each real dtype at 1."""

WIDENED = {np.dtype(np.float16): np.float64, np.dtype(np.float32): np.float64, np.dtype(np.complex64): np.complex128}
"""In which dtype the derivatives of functions of low precision are approximated."""


def is_inexact(x: Any) -> bool:
    """Whether a value is floating or complex, and so has a tangent."""
    return bool(typeof(x).dtype.kind in "fc")


def precision(values: Leaves, default: float = PRECISIONS[np.dtype(np.float64)]) -> float:
    """The spacing of numbers in the coarsest floating dtype among values."""
    found = [PRECISIONS[np.zeros((), typeof(v).dtype).real.dtype] for v in values if is_inexact(v)]
    return max(found, default=default)


def exact_tolerance(values: Leaves) -> float:
    """How far two ways to compute the same may differ: rounding, amplified somewhat."""
    return float(precision(values) ** 0.75 * 4)


def widen(x: Any) -> Any:
    """A value in double precision, if its own is lower."""
    wide = WIDENED.get(typeof(x).dtype)
    return x if wide is None else np.asarray(x).astype(wide)[()]


def random_like(rng: np.random.Generator, x: Any) -> Any:
    """A tangent (or cotangent) for a value: normally distributed, of its type; None for integers and booleans."""
    aval = typeof(x)
    if aval.dtype.kind not in "fc":
        return None
    values = rng.normal(size=aval.shape)
    if aval.dtype.kind == "c":
        values = values + 1j * rng.normal(size=aval.shape)
    if aval.weak_type:
        return complex(values) if aval.dtype.kind == "c" else float(values)
    return np.asarray(values).astype(aval.dtype)[()]


def moved(primals: Leaves, tangents: Leaves, step: Any) -> list[Any]:
    """The point ``primals + step * tangents``; a tangent None is zero."""
    return [p if t is None else p + step * t for p, t in zip(primals, tangents, strict=True)]


class Derivative(NamedTuple):
    """A numerical derivative: for each output an approximation (None for integers) and how far it may be off."""

    values: list[Any]
    errors: list[Any]
    precision: float


def finite_difference(f: Callable[..., Leaves], primals: Leaves, tangents: Leaves, eps: float | None = None) -> Derivative:
    """The derivative of ``f`` along ``tangents``, by central differences with two steps, extrapolated (fourth order).

    Where the function follows the dtype of its arguments, arguments of low precision are replaced by doubles first.
    """
    primals, tangents = _widened_where_possible(f, primals, tangents)
    with np.errstate(all="ignore"):
        coarsest = precision([*primals, *f(*primals)])
        step = coarsest**0.2 if eps is None else eps
        near, far = (_central(f, primals, tangents, h) for h in (step, 2 * step))
    values, errors = [], []
    for d1, d2 in zip(near, far, strict=True):
        values.append(None if d1 is None else (4 * d1 - d2) / 3)
        errors.append(None if d1 is None else np.abs(d1 - d2))
    return Derivative(values, errors, coarsest)


def _central(f: Callable[..., Leaves], primals: Leaves, tangents: Leaves, step: float) -> list[Any]:
    after, before = f(*moved(primals, tangents, step)), f(*moved(primals, tangents, -step))
    return [_ratio(a, b, step) if is_inexact(a) else None for a, b in zip(after, before, strict=True)]


def _ratio(after: Any, before: Any, step: float) -> Any:
    after, before = widen(after), widen(before)
    return np.where(after == before, 0, np.subtract(after, before)) / (2 * step)


def _widened_where_possible(f: Callable[..., Leaves], primals: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves]:
    wide = [widen(p) if is_inexact(p) and not typeof(p).weak_type else p for p in primals]
    if all(w is p for w, p in zip(wide, primals, strict=True)):
        return primals, tangents
    try:
        with np.errstate(all="ignore"):
            coarsest = precision(f(*wide))
    except (TypeError, ValueError, NotImplementedError):
        return primals, tangents
    if coarsest > precision(wide):
        return primals, tangents
    return wide, [t if t is None or typeof(t).weak_type else widen(t) for t in tangents]


def complex_step(f: Callable[..., Leaves], primals: Leaves, tangents: Leaves) -> list[Any]:
    """The derivative of a real analytic ``f`` along ``tangents``, to full precision: ``Im f(x + iht) / h`` for a tiny h."""
    step = 1e-40
    with np.errstate(all="ignore"):
        outs = f(*moved(primals, tangents, step * 1j))
    return [np.imag(o) / step if np.iscomplexobj(o) else None for o in outs]


def is_analytic(f: Callable[..., Leaves], primals: Leaves, tangents: Leaves) -> bool:
    """Whether a function of real arguments extends to complex ones, and satisfies the Cauchy-Riemann equations there."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)  # a program of real types does not extend
            at = [p if t is None else p + 0.0j for p, t in zip(primals, tangents, strict=True)]
            real = finite_difference(f, at, tangents)
            imaginary = finite_difference(f, at, [None if t is None else 1j * t for t in tangents])
    except (TypeError, ValueError, NotImplementedError, np.exceptions.ComplexWarning):
        return False
    pairs = list(zip(real.values, imaginary.values, strict=True))
    return all(a is None or (np.iscomplexobj(a) and disagreement(1j * a, b, 1e-5) is None) for a, b in pairs)


def inner(xs: Leaves, ys: Leaves, real: bool = True) -> tuple[Any, float]:
    """The pairing ``Re(sum x y)`` (without conjugation; without Re if not ``real``), and the size of its largest part."""
    total, scale = 0.0, 0.0
    for x, y in zip(xs, ys, strict=True):
        if x is None or y is None or typeof(x).dtype == float0 or typeof(y).dtype == float0:
            continue
        product = np.multiply(widen(x), widen(y))
        total = total + np.sum(product.real if real else product)
        scale += float(np.sum(np.abs(product)))
    return total, scale


def disagreement(found: Any, expected: Any, tolerance: float, errors: Any = 0.0) -> str | None:
    """What is wrong with a result, or None if it agrees: by at most ``tolerance``, relative to the largest element, and
    the ``errors`` that the expected values are known to have."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return f"the shape is {found.shape}, and should be {expected.shape}"
    if found.size == 0:
        return None
    if found.dtype.kind in "biu" and expected.dtype.kind in "biu":
        wrong = found != expected
    else:
        wide, wanted = widen(found), widen(expected)
        sizes = np.abs(wanted[np.isfinite(wanted)]) if wanted.shape else np.abs(wanted)
        scale = 1.0 + float(np.max(sizes, initial=0.0, where=np.isfinite(sizes)))
        with np.errstate(all="ignore"):
            close = np.abs(wide - wanted) <= tolerance * scale + errors
            wrong = ~(close | (wide == wanted) | (np.isnan(wide) & np.isnan(wanted)) | _overflows(found.dtype, wide, wanted))
    if not np.any(wrong):
        return None
    where = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"at index {where}: " if where else ""
    return (
        f"{place}found {found[where]!s}, expected {expected[where]!s}\n  found    {brief(found)}\n  expected {brief(expected)}"
    )


def _overflows(dtype: Any, found: Any, expected: Any) -> Any:
    """Where an infinity is what a type has for a number that is too large for it."""
    if dtype.kind != "f":
        return np.zeros(expected.shape, bool)
    return np.isinf(found) & (np.sign(found) == np.sign(expected)) & (np.abs(expected) > float(np.finfo(dtype).max))


def brief(x: Any) -> str:
    """A value in at most a few lines."""
    text = np.array2string(np.asarray(x), threshold=20, precision=8, separator=", ", max_line_width=110, prefix=" " * 11)
    return f"{typeof(x)} {text}"
