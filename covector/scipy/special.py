"""Special functions: SciPy's ufuncs, which dispatch on tracers, and the functions of `scipy.special` that do not.

>>> import scipy.special
>>> from covector.scipy import special
>>> special.gammaln is scipy.special.gammaln
True
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import scipy.special

from covector.core.avals import dtype_of
from covector.nn.activations import log_softmax as _log_softmax
from covector.nn.activations import softmax as _softmax
from covector.numpy.reductions import logsumexp as logsumexp
from covector.numpy.registry import as_array, inexact
from covector.primitives.math import special_ufuncs as _ufuncs
from covector.primitives.math.special_functions import TABLE
from covector.scipy.checks import nan_unless_refused
from covector.scipy.others import of_scipy

OWN = ("comb", "factorial", "logsumexp", "log_softmax", "multigammaln", "polygamma", "softmax")
"""The names that are not SciPy's own objects."""

globals().update({name: ufunc for name, ufunc in TABLE.items() if not name.startswith("_")})
digamma, jn, lambertw, sinc, zeta = _ufuncs.psi, _ufuncs.jv, scipy.special.lambertw, np.sinc, _ufuncs.zeta


def softmax(x: Any, axis: Any = None) -> Any:
    """``exp(x)`` over its sum along an axis, by default over all elements.

    Example:
        >>> softmax(np.array([0.0, 0.0]))
        array([0.5, 0.5])
    """
    return _softmax(x, axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of `softmax`.

    Example:
        >>> float(log_softmax(np.array([0.0, -2000.0]))[1])
        -2000.0
    """
    return _log_softmax(x, axis)


def polygamma(n: Any, x: Any) -> Any:
    """The derivative of order ``n`` of `psi`; differentiable in ``x``, to any order.

    Example:
        >>> float(np.round(polygamma(1, 1.0), 10))
        1.6449340668
    """
    n, x = as_array(n) if dtype_of(n).kind in "biu" else np.asarray(n), as_array(x)
    n = np.astype(n, np.float64)
    n = nan_unless_refused((n < 0) | (n != np.floor(n)), n, "polygamma got an order that is no non-negative integer")
    higher = np.where(n % 2 == 0, -1.0, 1.0) * _ufuncs.gamma(n + 1.0) * _ufuncs.zeta(np.maximum(n, 1) + 1.0, x)
    return np.where(n == 0, _ufuncs.psi(x), higher)[()]


def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """The number of ways to choose ``k`` of ``N`` things, as a function of real numbers; 0 where there are none.

    Args:
        N: how many things there are.
        k: how many are chosen.
        exact: compute with Python's integers, which must be known.
        repetition: whether a thing may be chosen several times.

    Example:
        >>> float(comb(5, 2))
        10.0
    """
    if exact:
        return scipy.special.comb(N, k, exact=True, repetition=repetition)
    N, k = as_array(N), as_array(k)
    if repetition:
        nothing = (N == 0) & (k == 0)
        return np.where(nothing, 1.0, _ufuncs.binom(np.where(nothing, 1.0, N) + k - 1, k))[()]
    possible = (k <= N) & (N >= 0) & (k >= 0)
    return np.where(possible, _ufuncs.binom(N, np.where(possible, k, 0)), 0.0)[()]


def factorial(n: Any, exact: bool = False) -> Any:
    """``n!``, as a function of real numbers; 0 where ``n`` is negative.

    Example:
        >>> float(factorial(4))
        24.0
    """
    if exact:
        return scipy.special.factorial(n, exact=True)
    n = inexact(n)
    return np.where(n < 0, 0.0, _ufuncs.gamma(np.where(n < 0, 0.0, n) + 1))[()]


def multigammaln(a: Any, d: int) -> Any:
    """The logarithm of the gamma function of ``d`` dimensions, for ``a`` above ``(d - 1) / 2``.

    Example:
        >>> float(np.round(multigammaln(3.0, 2), 10))
        1.5501...
    """
    d = operator.index(d)
    a = as_array(a)
    terms = _ufuncs.gammaln(a[..., None] - np.arange(d) / 2)
    value = np.sum(terms, axis=-1) + d * (d - 1) / 4 * np.log(np.pi)
    return nan_unless_refused(a <= (d - 1) / 2, value, f"multigammaln got a that is not above {(d - 1) / 2:g}")


__all__ = sorted({*OWN, *(n for n in TABLE if not n.startswith("_")), "digamma", "jn", "lambertw", "sinc", "zeta"})


def __getattr__(name: str) -> Any:
    """SciPy's own."""
    return of_scipy(__name__, name)
