"""What the tests of functions on tracers share: every transformation of a call is compared with NumPy, and with differences.

    check(np.sort, X)           # values, derivatives, batches, programs
    agree(np.sort, X, 5)        # values and errors alone
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import covector
from covector.core.pytrees import tree_leaves
from covector.testing import check_function
from covector.testing.numerical import is_inexact

Function = Callable[..., Any]


def same(actual: Any, expected: Any, rtol: float | None = None, atol: float = 0.0) -> None:
    """Equal shapes and dtypes, and values that are equal, or differ by at most ``rtol``, relative to the largest.

    By default as rounding has it.
    """
    actual, expected = tree_leaves(actual), tree_leaves(expected)
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        assert not isinstance(a, covector.Tracer), "a tracer has leaked"
        a, e = np.asarray(a), np.asarray(e)
        assert (a.shape, a.dtype) == (e.shape, e.dtype)
        if a.dtype == covector.float0:
            continue
        limit, scale = (0.0 if rtol is None else rtol), 0.0
        if e.dtype.kind in "fc":
            limit = max(1e-12, 64 * float(np.finfo(e.dtype).eps)) if rtol is None else rtol
            scale = float(np.max(np.abs(e[np.isfinite(e)]), initial=0))
        np.testing.assert_allclose(a, e, rtol=limit, atol=atol + limit * scale)


def equal(actual: Any, expected: Any, rtol: float = 0.0) -> None:
    """The same to the last bit."""
    same(actual, expected, rtol)


def close(found: Any, wanted: Any, what: str = "", rtol: float = 1e-10, atol: float = 1e-11) -> None:
    """Trees of the same leaves, up to rounding, of whatever types."""
    for a, b in zip(tree_leaves(found), tree_leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=what)


def transformations(tangents: tuple[Any, Any]) -> dict[str, Callable[[Any], Any]]:
    """All that is to hold of a function of two arrays whose result is one real number."""
    both = (0, 1)

    def along(f: Any) -> Any:
        return lambda *p: sum(np.sum(g * t) for g, t in zip(covector.grad(f, both)(*p), tangents, strict=True))

    return {
        "value": lambda f: f,
        "grad": lambda f: covector.grad(f, both),
        "jvp": lambda f: lambda *p: covector.jvp(f, p, tangents),
        "linearize": lambda f: lambda *p: covector.linearize(f, *p)[1](*tangents),
        "forward over reverse": lambda f: lambda *p: covector.jvp(covector.grad(f, both), p, tangents),
        "reverse over reverse": lambda f: covector.grad(along(f), both),
        "reverse over forward": lambda f: covector.grad(lambda *p: covector.jvp(f, p, tangents)[1], both),
    }


def loop_over_examples(f: Any, batched: Sequence[bool]) -> Any:
    """What ``vmap`` must agree with: the function on one example after the other."""

    def looped(*args: Any) -> Any:
        n = next(len(a) for a, b in zip(args, batched, strict=True) if b)
        rows = [tree_leaves(f(*[a[i] if b else a for a, b in zip(args, batched, strict=True)])) for i in range(n)]
        return [np.stack(column) for column in zip(*rows, strict=True)]

    return looped


def check(f: Function, *args: Any, **options: Any) -> None:
    """`check_function` at arrays, without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_function(f, [np.asarray(a) for a in args], **options)


def outcome(f: Function, *args: Any) -> Any:
    """The result of a call, or what it raises."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return f(*args)
        except Exception as error:
            return error


def agree(f: Function, *args: Any, staged: bool = True, rtol: float | None = None) -> None:
    """NumPy's result, its shapes and dtypes, or an error of NumPy's class: with traced values known, and staged.

    Known are the inexact arguments, all together and one alone.  ``staged=False`` is for functions that need values.
    """
    expected = outcome(f, *args)
    arrays = [i for i, a in enumerate(args) if isinstance(a, (np.ndarray, np.generic))]
    active = [i for i in arrays if is_inexact(args[i])]
    places = [[i] for i in active] + [active] * (len(active) > 1)
    calls = [lambda f, xs: covector.jvp(f, xs, xs)[0]] * len(places) + [lambda f, xs: covector.jit(f)(*xs)] * bool(staged)
    for call, chosen in zip(calls, [*places, arrays], strict=False):

        def some_traced(*xs: Any, chosen: Any = chosen) -> Any:
            given = dict(zip(chosen, xs, strict=True))
            return f(*(given.get(i, a) for i, a in enumerate(args)))

        actual = outcome(call, some_traced, [args[i] for i in chosen])
        if isinstance(expected, Exception):
            assert isinstance(actual, type(expected)), (actual, expected)
        else:
            assert not isinstance(actual, Exception), actual
            same(actual, expected, rtol)


def of_real_numbers(f, args):
    """A function that takes no complex numbers for real ones: algorithms lose imaginary parts as small as a complex step."""

    def g(*given):
        if any(np.iscomplexobj(x) and not np.iscomplexobj(a) for x, a in zip(given, args, strict=True)):
            raise TypeError
        return f(*given)

    return g
