"""Functions of Hermitian matrices, and their derivatives to any order by divided differences.

With ``a = v diag(w) vᴴ`` the function is ``v diag(f(w)) vᴴ``; its derivative in the directions ``e₁ … e_k`` is, in this basis,

    Σ over orders σ of the directions, Σ over l … m:   f[w_i, w_l, …, w_m, w_j]  (e_σ1)_il … (e_σk)_mj

with the divided differences of f, which have a value at equal eigenvalues too.  So one primitive with a variable number of
directions is closed under differentiation: a direction more.

Sources: Y. L. Daleckii and S. G. Krein, "Integration and differentiation of functions of Hermitian operators" (1965);
N. J. Higham, "Functions of Matrices" (2008), chapter 3 and appendix B.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covector.core.avals import ShapedArray, Zero, array_aval, broadcast_shapes, typeof
from covector.core.jaxpr import Var
from covector.core.kinds import Opaque
from covector.core.primitive import Primitive
from covector.interpreters.jvp import jvp
from covector.primitives.linalg import check_matrices, read_triangle, stacks_in_front, swap
from covector.primitives.shaping import Dims, unbroadcast

Function = Callable[..., Any]


@functools.cache
def quadrature() -> tuple[Any, Any]:
    """The nodes and weights of Gauss's quadrature of the interval from -1 to 1."""
    return np.polynomial.legendre.leggauss(14)


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
    nodes, weights = quadrature()
    with np.errstate(all="ignore"):
        slope, bend, third = (h(middle, *between) for h in (dg, ddg, derivative(ddg)))
        size = np.maximum(np.abs(slope), np.abs(gap * bend))
        uneven = np.abs(dg(x, *between) - dg(y, *between) - gap * bend)
        smooth = (gap == 0) | ((gap * gap * np.abs(third) < 0.25 * size) & (uneven <= 0.25 * size))
        places = middle + 0.5 * gap * nodes.reshape(-1, *(1,) * x.ndim).astype(x.dtype)
        slopes = dg(places, *(np.broadcast_to(b, places.shape) for b in between))
        mean = np.tensordot(0.5 * weights.astype(x.dtype), slopes, 1)
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


matrix_function_p = Primitive("matrix_function", Opaque(_matrix_function), trusted=True)
"""``(a, *directions)`` gives the derivative of f at a in these directions, symmetric and linear in them.

Of a the lower triangle is read; directions may be any matrices.
"""


@matrix_function_p.def_abstract
def _matrix_function_abstract(a: ShapedArray, *directions: ShapedArray, f: Function) -> ShapedArray:
    check_matrices("matrix_function", a, *directions)
    shape = functools.reduce(broadcast_shapes, [e.shape for e in directions], a.shape)
    return array_aval(shape, np.result_type(a.dtype, *(e.dtype for e in directions)))


@matrix_function_p.def_jvp
def _matrix_function_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, f: Function) -> Any:
    out = matrix_function_p.bind(*primals, f=f)
    a, *directions = primals
    changes = [] if type(tangents[0]) is Zero else [
        matrix_function_p.bind(a, *directions, read_triangle(tangents[0], True), f=f)
    ]
    for i, t in enumerate(tangents[1:]):
        if type(t) is not Zero:
            changes.append(matrix_function_p.bind(a, *directions[:i], t, *directions[i + 1 :], f=f))
    return out, functools.reduce(lambda x, y: x + y, changes) if changes else typeof(out).zero


def _one_direction(mask: tuple[bool, ...], params: dict[str, Any]) -> bool:
    return not mask[0] and sum(mask) == 1


@matrix_function_p.def_transpose(linear=_one_direction)
def _matrix_function_transpose(ct: Any, a: Any, *directions: Any, f: Function) -> list[Any]:
    """The form ``trace(c D(e, …))`` is symmetric in c and e: the cotangent takes the place of the direction."""
    (i,) = [i for i, e in enumerate(directions) if type(e) is Var]
    moved = matrix_function_p.bind(a, *directions[:i], swap(ct), *directions[i + 1 :], f=f)
    cts: list[Any] = [None] * (1 + len(directions))
    cts[1 + i] = unbroadcast(swap(moved), directions[i].aval)
    return cts


@matrix_function_p.def_batch
def _matrix_function_batch(size: int, args: Sequence[Any], dims: Dims, *, f: Function) -> Any:
    return matrix_function_p.bind(*stacks_in_front(args, dims), f=f), 0
