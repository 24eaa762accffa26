"""Functions of Hermitian matrices, and their derivatives to any order by divided differences.

With ``a = v diag(w) vᴴ`` the function is ``v diag(f(w)) vᴴ``; its derivative in the directions ``e₁ … e_k`` is, in this basis,

    Σ over orders σ of the directions, Σ over l … m:   f[w_i, w_l, …, w_m, w_j]  (e_σ1)_il … (e_σk)_mj

with the divided differences of f, which have a value at equal eigenvalues too.

Sources: Y. L. Daleckii and S. G. Krein, "Integration and differentiation of functions of Hermitian operators" (1965);
N. J. Higham, "Functions of Matrices" (2008), chapter 3 and appendix B.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import Zero
from covector.core.primitive import Primitive
from covector.interpreters.jvp import jvp
from covector.primitives.linalg.directional import Directional
from covector.primitives.linalg.solving import read_triangle
from covector.primitives.math.quadrature import gauss_legendre

Function = Callable[..., Any]


LETTERS = "abcdefghijklm"


def derivative(f: Function) -> Function:
    """The derivative of an elementwise function with respect to its first argument."""

    def df(x: Any, *rest: Any) -> Any:
        (_,), (t,) = jvp(lambda x: [f(x, *rest)], [x], [np.ones_like(x)])
        return np.zeros_like(x) if type(t) is Zero else t

    return df


def divided_difference(f: Function, order: int) -> Function:
    """``(x₀, …, x_order) -> f[x₀, …, x_order]``, elementwise, also where some are equal or nearly so.

    ``f[x₀, …, x_k]`` is ``g[x₀, x_k]`` with ``g(x) = f[x, x₁, …, x_{k-1}]``.
    """
    if order == 0:
        return f
    g = divided_difference(f, order - 1)
    return lambda x, *others: _first_difference(lambda x, *between: g(x, *between), x, others[-1], others[:-1])


def _first_difference(g: Function, x: Any, y: Any, between: Sequence[Any]) -> Any:
    """``(g(x) - g(y)) / (x - y)``; where this would cancel, since g is smooth between, the mean of its derivative."""
    x, y, *between = np.broadcast_arrays(x, y, *between)
    gap, middle = x - y, 0.5 * (x + y)
    dg = derivative(g)
    ddg = derivative(dg)
    nodes, weights = gauss_legendre(14, -1.0)
    with np.errstate(all="ignore"):
        slope, bend, third = (h(middle, *between) for h in (dg, ddg, derivative(ddg)))
        size = np.maximum(np.abs(slope), np.abs(gap * bend))
        uneven = np.abs(dg(x, *between) - dg(y, *between) - gap * bend)
        smooth = (gap == 0) | ((gap * gap * np.abs(third) < 0.25 * size) & (uneven <= 0.25 * size))
        places = middle + 0.5 * gap * nodes.reshape(-1, *(1,) * x.ndim).astype(x.dtype)
        slopes = dg(places, *(np.broadcast_to(b, places.shape) for b in between))
        mean = np.tensordot(0.5 * weights, slopes, 1)
        quotient = (g(x, *between) - g(y, *between)) / np.where(smooth, 1, gap)
        return np.where(smooth, mean, quotient)


def _matrix_function(a: Any, *directions: Any, f: Function) -> Any:
    w, v = np.linalg.eigh(a)
    k = len(directions)
    vh = np.conj(np.swapaxes(v, -1, -2))
    if not k:
        return ((v * f(w)[..., None, :]) @ vh).astype(a.dtype)
    shape = w.shape[:-1]
    n = w.shape[-1]
    places = [w.reshape(*shape, *(n if i == j else 1 for j in range(k + 1))) for i in range(k + 1)]
    values = divided_difference(f, k)(*np.broadcast_arrays(*places))
    turned = [vh @ e @ v for e in directions]
    indices = LETTERS[: k + 1]
    spec = ",".join(f"...{i}{j}" for i, j in itertools.pairwise(indices))
    terms = [
        np.einsum(f"...{indices},{spec}->...{indices[0]}{indices[-1]}", values, *(turned[i] for i in order))
        for order in itertools.permutations(range(k))
    ]
    return (v @ functools.reduce(np.add, terms) @ vh).astype(np.result_type(a, *directions))


matrix_function_p = Primitive("matrix_function", Directional(_matrix_function, lambda t: read_triangle(t, True)), trusted=True)
"""Of a the lower triangle is read; directions may be any matrices."""
